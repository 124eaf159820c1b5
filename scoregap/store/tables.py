"""Tables of a study, with a checksum.

text, fingerprint of the study <-> a file for people (CSV), and its checksum beside it
data frames, fingerprint of the study <-> one file (JSON Lines) that gives back the same bits and types
"""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scoregap.store.files import FORMAT, damaged, manifest_of, read_manifest, reading, replacing, write_text
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


def _table_digest(content: bytes | memoryview, of: str) -> str:
    digest = hashlib.sha256(content)
    digest.update(of.encode())
    return digest.hexdigest()


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
    digest, header = hashlib.sha256(), {"format": FORMAT, "of": of, "sha256": 64 * "0"}
    with replacing(path, TABLES) as temporary, temporary.open("wb") as file:
        file.write(_line(header))
        for text in _texts(tables):
            digest.update(text.encode())
            file.write(text.encode())
        digest.update(of.encode())
        file.seek(0)
        file.write(_line(header | {"sha256": digest.hexdigest()}))  # as long as the one that kept its place


def _line(header: dict[str, Any]) -> bytes:
    return json.dumps(header).encode() + b"\n"


def _texts(tables: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    """The lines of tables, piece by piece: all values of a large one take ten times the room of its numbers."""
    for name, table in tables.items():
        yield f'{{"name": {json.dumps(name)}, "columns": {{'
        for i, (column, values) in enumerate(_columns(table)):
            yield f"{', ' if i else ''}{json.dumps(column)}: {json.dumps(values, allow_nan=False)}"
        yield "}}\n"


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


def read_tables(path: Path) -> tuple[dict[str, pd.DataFrame], str]:
    """(tables by name, of) that `write_tables` wrote. Raises DamagedFile."""
    import pandas as pd

    with reading(path):
        content = read_bytes(path)
        header = _header(content)
        if header["format"] != FORMAT:
            raise damaged(path, "is of another version of scoregap")
        lines = io.BytesIO(content)  # which copies nothing
        body = memoryview(content)[len(lines.readline()) :]
        if header["sha256"] != _table_digest(body, header["of"]):
            raise damaged(path, "is damaged: its checksum is wrong")
        found = {}
        for line in lines:
            table = json.loads(line, object_hook=_decoded)
            found[table["name"]] = pd.DataFrame(table["columns"])
        return found, header["of"]


def _decoded(found: dict[str, Any]) -> Any:
    """What an object of JSON stands for, as soon as it is read: of a large table the values of a column at a time are
    in memory. Other objects have no texts of these names: the columns of a table are none."""
    import numpy as np
    import pandas as pd

    if isinstance(found.get("float"), str):
        return float(found["float"])
    if isinstance(found.get("type"), str):
        return pd.Series(np.array(found["values"], object), dtype=found["type"])
    return found


def _header(content: bytes) -> dict[str, Any]:
    """The first line of such a file, if it is one."""
    header = json.loads(io.BytesIO(content).readline().decode("utf-8"))
    return header if header.keys() == {"format", "of", "sha256"} else {}
