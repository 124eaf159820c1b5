"""Files and folders of models: whether they are there, and what is in them.

file or folder -> SHA-256 of its content, computed once in a process as long as it does not change
"""

import hashlib
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from scoregap.spelling import asks, meant_beside

SAFE = ".safetensors"  # tensors only
PICKLES = (".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth")  # what they hold is unpickled, which runs code


def check(declared, key: str) -> None:
    """Raises InputError if the file that a key of a score names is not there, or would be unpickled."""
    path, named = declared.file(key), getattr(declared.settings, key)
    if not path.exists():
        allowed = f"{asks(meant_beside(path))}there is no such file"
        raise declared.refused(key, allowed, named, f"{named!r} is missing")
    if path.suffix.lower() in PICKLES:
        raise declared.refused(key, f"nothing is unpickled: should be {SAFE}", named)
    if key == "weights" and path.suffix != SAFE:
        raise declared.refused(key, f"should be a file {SAFE}", named)


def digest(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of all files in a folder, links followed."""
    if path.is_dir():
        parts = [(name, _digest(path / name)) for name in sorted(_names(path))]
        return hashlib.sha256(repr(parts).encode()).hexdigest()
    return _digest(path)


def size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    found = [path / name for name in _names(path)] if path.is_dir() else [path]
    return sum(one.stat().st_size for one in found)


def _names(folder: Path) -> Iterator[str]:
    """Paths of the files in a folder, and in the folders that it links to, but for those that it is in."""
    seen: dict[str, set[str]] = {}  # real paths of the folders that a folder is in, with its own
    for place, folders, names in os.walk(folder, followlinks=True):
        above = seen.pop(place, {os.path.realpath(place)})
        real = {name: os.path.realpath(os.path.join(place, name)) for name in folders}
        folders[:] = [name for name in folders if real[name] not in above]
        seen |= {os.path.join(place, name): above | {real[name]} for name in folders}
        yield from (
            (Path(place) / name).relative_to(folder).as_posix() for name in names if (Path(place) / name).is_file()
        )


def _digest(path: Path) -> str:
    stat = path.stat()
    return _digest_of(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=1024)
def _digest_of(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
