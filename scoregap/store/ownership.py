"""What is scoregap's own, and so may be replaced.

path, kind of file -> where a file of that kind is written, or a refusal

What is at a place is our own if its content says so, or, damaged as it may be, its place in a results folder that
bears the mark of one. Imports no numpy, as `files`.
"""

from __future__ import annotations

import json
import os
import re
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, NoReturn

from scoregap import InputError
from scoregap.store.opening import lacks_resources, of_the_machine, read_bytes, read_text

MARK = ".scoregap"  # the file in a results folder by which it is one
MARKED = "This folder and what scoregap has made in it are replaced by scoregap as it needs.\n"


class Kind(NamedTuple):
    """Of files that scoregap makes. name: for messages. says: whether the content of one says that it is of this kind.
    place: regular expression of where a results folder has such files, whole or damaged; empty if nowhere. inside: of
    the names of files in it, if it is a folder."""

    name: str
    says: Callable[[Path], bool]
    place: str = ""
    inside: str = ""


def is_marked(folder: Path) -> bool:
    """Whether a folder bears the mark of a results folder."""
    try:
        return stat.S_ISREG((folder / MARK).lstat().st_mode) and read_text(folder / MARK) == MARKED
    except (OSError, ValueError) as error:
        if of_the_machine(error):
            raise
        return False


def own(path: Path, kind: Kind) -> Path:
    """Where a file of this kind is written as `path`: that place itself, or where a link there leads; the link stays.

    Raises InputError, with nothing touched, unless nothing is there or what is there is known to be scoregap's own, of
    the same kind. Of what a link leads to only its content says so: it may be anybody's, wherever the link is.
    """

    def refuse(why: str) -> NoReturn:
        raise InputError(why, file=path, allowed=f"allowed is a new path, or {kind.name} that scoregap has made")

    target = Path(os.path.realpath(path))
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        above = next(one for one in target.parents if os.path.lexists(one))
        if not above.is_dir():
            refuse(f"{above} is not a folder")
        return target
    except OSError as error:  # a circle of links, a folder that may not be looked into
        if lacks_resources(error):
            raise
        refuse(error.strerror or str(error))
    if not (stat.S_ISDIR if kind.inside else stat.S_ISREG)(mode) or not target.exists():
        refuse("is a folder" if stat.S_ISDIR(mode) else "is a file" if stat.S_ISREG(mode) else "is not a regular file")
    known = says_so(path, kind) or says_so(target, kind)  # the checksum of a table is beside one of the two
    if not (known or (_placed(path, kind) and not path.is_symlink())):
        refuse(f"leads to {target}, which " * path.is_symlink() + "was not made by scoregap, or is damaged")
    for folder, folders, files in os.walk(target) if kind.inside else ():
        inside = folder[len(str(target)) + 1 :]
        for name in (*files, *(one for one in folders if os.path.islink(os.path.join(folder, one)))):
            one = os.path.join(inside, name)
            if os.path.islink(os.path.join(folder, name)) or not re.fullmatch(kind.inside, one):
                refuse(f"has {one} in it, which was not made by scoregap")
    return target


def claim(*wanted: tuple[Path, Kind]) -> None:
    """Refuse, before any work, what `own` would refuse, one path for two files, and where one cannot write. Raises
    InputError."""
    places = [own(path, kind) for path, kind in wanted]
    for i, place in enumerate(places):
        if place in places[:i]:
            raise InputError(
                "is named twice", file=wanted[i][0], allowed="allowed is a path of its own for each output"
            )
        above = next(one for one in place.parents if os.path.lexists(one))
        try:
            with tempfile.TemporaryFile(dir=above):
                pass
        except OSError as error:
            if lacks_resources(error):
                error.filename = str(wanted[i][0])
                raise
            raise InputError(
                f"cannot be written: {above}: {error.strerror}", file=wanted[i][0],
                allowed="allowed is a path in a folder that one can write to",
            ) from None  # fmt: skip


def says_so(path: Path, kind: Kind) -> bool:
    """Whether the content of a file or folder says that it is of this kind."""
    try:
        return kind.says(path)
    except Exception as error:  # damaged, or of anybody: a zip, JSON, a codec
        if of_the_machine(error):
            raise
        return False


def _placed(path: Path, kind: Kind) -> bool:
    """Whether a path is where a results folder has files of this kind."""
    path = Path(os.path.abspath(path))
    return any(
        re.fullmatch(kind.place, path.relative_to(folder).as_posix()) and is_marked(folder)
        for folder in path.parents[:3]
    )


def text_with(pattern: str) -> Callable[[Path], bool]:
    """Whether the content of a file has a text, by regular expression."""
    return lambda path: bool(re.search(pattern.encode(), read_bytes(path)))


def json_with(*keys: str) -> Callable[[Path], bool]:
    """Whether a file is a mapping with these keys, as JSON."""
    return lambda path: json.loads(read_text(path)).keys() >= set(keys)
