"""Tables of a study, with a checksum.

text, hash of the study <-> a file and its checksum beside it
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from scoregap.store.files import FORMAT, damaged, manifest_of, read_manifest, reading, write_text
from scoregap.store.ownership import Kind, claim, json_with

TABLE = Kind("a table with its checksum", lambda path: bool(read_table(path)), r"(comparison|claims)\.csv")
CHECKSUM = Kind("a checksum", json_with("format", "of", "sha256"), r"(comparison|claims)\.csv\.json")


def files_of_table(path: Path) -> tuple[tuple[Path, Kind], ...]:
    """What `write_table` writes, as `claim` takes it."""
    return (path, TABLE), (manifest_of(path), CHECKSUM)


def write_table(path: Path, text: str, of: str) -> None:
    """A text file, and beside it `<path>.json` with what it is of, a study's hash, and the SHA-256 of both.

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
        content = path.read_bytes()
        if digest != _table_digest(content, of):
            raise damaged(path, f"is damaged, by the checksum in {path.name}.json")
        return content.decode(), of
