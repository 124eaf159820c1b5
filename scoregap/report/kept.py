"""Figures that are there already: a picture says what it was drawn of, and is drawn again only if that has changed.

what a figure draws -> its digest; picture (SVG), digest -> the same with a last line by which it is known again

The line is in the picture itself, so that a process that is killed leaves the old one whole or the new one whole. It
has a checksum of all before it too: a damaged picture is not kept.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel

import scoregap
from scoregap.store.opening import of_the_machine, read_bytes
from scoregap.study import Study

LAST = b"<!-- of "  # how the last line begins


def digest(*drawn: Any) -> str:
    """Changes when anything that a figure draws does, or the code that draws it."""
    total = hashlib.sha256(_code())
    _add(total, drawn)
    return total.hexdigest()


@cache
def _code() -> bytes:
    """The modules of the package, whose texts, limits and tables figures show, and the version of what draws them."""
    from matplotlib import __version__

    total, folder = hashlib.sha256(__version__.encode()), Path(scoregap.__file__).parent
    for file in sorted(folder.rglob("*.py")):
        total.update(f"{file.relative_to(folder).as_posix()}:".encode() + hashlib.sha256(file.read_bytes()).digest())
    return total.digest()


def _add(total, value: Any) -> None:
    """Every number, text and name of a value, with its type and its place."""
    total.update(f"{type(value).__name__}:".encode())
    if isinstance(value, np.ndarray) and value.dtype != object:
        total.update(f"{value.dtype.str}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
    elif isinstance(value, pd.DataFrame):
        _add(total, {name: column.to_numpy() for name, column in value.items()})
    elif isinstance(value, Study):
        total.update(value.hash.encode())
    elif isinstance(value, BaseModel):
        total.update(value.model_dump_json().encode())
    elif isinstance(value, Mapping):
        _add(total, list(value.items()))
    elif is_dataclass(value) and not isinstance(value, type):
        _add(total, [getattr(value, field.name) for field in fields(value)])
    elif isinstance(value, np.ndarray) and all(isinstance(one, str) for one in value.flat):
        total.update(f"{value.shape}{json.dumps(value.tolist())}".encode())
    elif isinstance(value, list | tuple | np.ndarray):
        with suppress(TypeError):  # of anything else: as it is, where it is plain all through, many times as fast
            total.update(json.dumps(value).encode())
            return
        total.update(f"{len(value)};".encode())
        for one in value:
            _add(total, one)
    elif value is None or isinstance(value, str | bool | int | float | np.generic):
        total.update(f"{value!r};".encode())
    else:
        raise TypeError(f"a figure is drawn of numbers, texts, tables and what holds them, not of {type(value)}")


def signed(picture: bytes, of: str) -> bytes:
    """A picture with its last line. of: a digest."""
    return picture + LAST + f"{of}, SHA-256 of what is above {hashlib.sha256(picture).hexdigest()} -->\n".encode()


def holds(path: Path, of: str) -> bool:
    """Whether a whole picture that was drawn of this is there."""
    try:
        content = read_bytes(path)
    except OSError as error:
        if of_the_machine(error):
            raise
        return False
    return signed(content[: content.rfind(LAST)], of) == content
