"""Tables of a study, with a checksum.

text, fingerprint of the study <-> a file for people (CSV), and its checksum beside it
data frames, fingerprint of the study <-> one file (JSON Lines) that gives back the same bits and types
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scoregap.store.files import FORMAT, damaged, manifest_of, read_manifest, reading, write_text
from scoregap.store.opening import read_bytes
from scoregap.store.ownership import Kind, claim, json_with

if TYPE_CHECKING:
    import pandas as pd

TABLE = Kind("a table with its checksum", lambda path: bool(read_table(path)), r"(comparison|claims)\.csv")
CHECKSUM = Kind("a checksum", json_with("format", "of", "sha256"), r"(comparison|claims)\.csv\.json")


def files_of_table(path: Path) -> tuple[tuple[Path, Kind], ...]:
    """What `write_table` writes, as `claim` takes it."""
    return (path, TABLE), (manifest_of(path), CHECKSUM)


def write_table(path: Path, text: str, of: str) -> None:
    """A text file, and beside it `<path>.json` with what it is of, the fingerprint of a study, and the SHA-256 of both.

    Raises InputError, before it writes, if one of the two is not scoregap's own.
    """
    claim(*files_of_table(path))
    write_text(path, text, TABLE)
    manifest = {"format": FORMAT, "of": of, "sha256": _table_digest(text.encode(), of)}
    write_text(manifest_of(path), json.dumps(manifest) + "\n", CHECKSUM)


def _table_digest(content: bytes, of: str) -> str:
    return hashlib.sha256(content + of.encode()).hexdigest()


def read_table(path: Path) -> tuple[str, str]:
    """(text, of) that `write_table` wrote. Raises DamagedFile."""
    of, digest = read_manifest(path, ("of", "sha256"))
    with reading(path):
        content = read_bytes(path)
        if digest != _table_digest(content, of):
            raise damaged(path, f"is damaged, by the checksum in {path.name}.json")
        return content.decode(), of


# ---------------------------------------------------------------- several, of any types


TABLES = Kind("the tables of a study", lambda path: bool(_header(read_bytes(path))), r"findings\.jsonl")


def write_tables(path: Path, tables: Mapping[str, pd.DataFrame], of: str) -> None:
    """Tables by name, without their indices, as JSON Lines: a header with what they are of, the fingerprint of a
    study, and the SHA-256 of all; then a table per line, `{"name": NAME, "columns": {COLUMN: {"type": TYPE,
    "values": [...]}}}`.

    Numbers that are not finite, which JSON does not know, are the texts nan, inf and -inf; in columns that may have
    texts too, `{"float": TEXT}`. Raises InputError if `path` is not scoregap's own.
    """
    lines = [
        json.dumps({"name": name, "columns": dict(_columns(table))}, allow_nan=False) + "\n"
        for name, table in tables.items()
    ]
    body = "".join(lines)
    header = {"format": FORMAT, "of": of, "sha256": _table_digest(body.encode(), of)}
    write_text(path, json.dumps(header) + "\n" + body, TABLES)


def _columns(table: pd.DataFrame) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, column in table.items():
        numbers = column.dtype.kind == "f"
        values = [value.item() if hasattr(value, "item") else value for value in column.tolist()]  # of NumPy
        values = [
            value if not isinstance(value, float) or math.isfinite(value)
            else str(value) if numbers
            else {"float": str(value)}
            for value in values
        ]  # fmt: skip
        yield str(name), {"type": str(column.dtype), "values": values}


def _value(value: Any) -> Any:
    return float(value["float"]) if isinstance(value, dict) else value


def read_tables(path: Path) -> tuple[dict[str, pd.DataFrame], str]:
    """(tables by name, of) that `write_tables` wrote. Raises DamagedFile."""
    import numpy as np
    import pandas as pd

    with reading(path):
        content = read_bytes(path)
        header = _header(content)
        if header["format"] != FORMAT:
            raise damaged(path, "is of another version of scoregap")
        body = content.partition(b"\n")[2]
        if header["sha256"] != _table_digest(body, header["of"]):
            raise damaged(path, "is damaged: its checksum is wrong")
        found = {}
        for line in map(json.loads, body.splitlines()):
            columns = {
                name: pd.Series(np.array([*map(_value, one["values"])], object), dtype=one["type"])
                for name, one in line["columns"].items()
            }
            found[line["name"]] = pd.DataFrame(columns)
        return found, header["of"]


def _header(content: bytes) -> dict[str, Any]:
    """The first line of such a file, if it is one."""
    header = json.loads(content.partition(b"\n")[0].decode("utf-8"))
    return header if header.keys() == {"format", "of", "sha256"} else {}
