"""Whole files: written beside their place, synced, renamed; and what is said of damaged ones.

path, kind, content -> a file, or the old one; a missing, damaged or foreign file -> DamagedFile

Imports no numpy: receipts, which Snakemake reads, are such files.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from contextlib import contextmanager, suppress
from pathlib import Path

from scoregap import DamagedFile, brief
from scoregap.store.opening import absent, kind_of, of_the_machine, read_text
from scoregap.store.ownership import Kind, own

FORMAT = 1  # of all our files: those of another one are made again


@contextmanager
def replacing(path: Path, kind: Kind):
    """A temporary name beside `path`; on leaving without an error the file there is synced and takes its place.

    Raises InputError if `path` is not scoregap's own.
    """
    path = own(Path(path), kind)
    with temporary_beside(path) as temporary:
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
        sync(path.parent)


@contextmanager
def temporary_beside(path: Path):
    """A name beside `path` for this process; what is there on leaving is deleted."""
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{_prefix(path)}{os.getpid()}")
        _sweep(path)
        try:
            yield temporary
        finally:
            delete(temporary)


@contextmanager
def naming(path: Path):
    """An OSError without a file, as on a full disk, or with a temporary one, names `path`."""
    try:
        yield
    except OSError as error:
        if error.filename is None or _prefix(path) in str(error.filename):
            error.filename = str(path)
        raise


def _prefix(path: Path) -> str:
    return f".{path.name}.{os.uname().nodename}.{_space()}"


def _space() -> str:
    """What tells process numbers of this container from those of others under the same name of a machine: the kernel's
    number of their space, and a point; empty where there is no /proc, and no container that shares a name."""
    try:
        return f"{os.stat('/proc/self/ns/pid').st_ino}."
    except OSError:
        return ""


def _sweep(path: Path) -> None:
    """Delete what killed processes of this machine and container have left of `path`; those of others may be alive."""
    prefix = _prefix(path)
    for name in os.listdir(path.parent):
        if name.startswith(prefix) and (pid := name.removeprefix(prefix)).isdecimal():
            try:
                os.kill(int(pid), 0)
            except (ProcessLookupError, OverflowError):
                delete(path.with_name(name))
            except PermissionError:  # alive, and another user's
                pass


def delete(path: Path) -> None:
    """Delete a file or a whole folder, as far as that is possible."""
    shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.unlink()


def sync(path: Path) -> None:
    """Flush a file or a folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str, kind: Kind) -> None:
    """A whole text file, or the old one. Raises InputError if `path` is not scoregap's own."""
    write_bytes(path, text.encode(), kind)


def write_bytes(path: Path, content: bytes, kind: Kind) -> None:
    """A whole file of these bytes, likewise."""
    with replacing(path, kind) as temporary:
        temporary.write_bytes(content)


@contextmanager
def reading(path: Path):
    """Whatever a missing, damaged or foreign file raises, as a DamagedFile.

    What has nothing to do with the file is raised as it is, and names it: lack of memory, of descriptors, of rights.
    """
    try:
        yield
    except DamagedFile:
        raise
    except Exception as error:  # zip (of something else: files missing in it), JSON, codec or header
        if of_the_machine(error):
            if isinstance(error, OSError):
                error.filename = str(path)
            raise
        if absent(path):
            raise damaged(path, "is missing") from None
        raise damaged(path, how_damaged(error)) from error


def how_damaged(error: Exception) -> str:
    """What is wrong with a file, in plain words, by the error that came of reading it."""
    match error:
        case OSError(strerror=str(why)):
            return f"cannot be read: {why}"
        case zipfile.BadZipFile():
            return "is damaged: it is no whole zip"
        case json.JSONDecodeError(lineno=line):
            return f"is damaged: it is no JSON from line {line} on"
        case UnicodeDecodeError():
            return "is damaged: it is no text in UTF-8"
        case KeyError(args=(str(key),)) if key.isidentifier():
            return f"is damaged: it has no {brief(key)}"
    return "is damaged: what is in it is not what was written"


def damaged(path: Path, how: str) -> DamagedFile:
    """The error of a file that is not what was written, and what mends it."""
    return DamagedFile(f"{path}: {how}; run the study again, or the stage that makes it", path)


def manifest_of(path: Path) -> Path:
    """The file with the checksums of a table, or of every file of a cube."""
    return path.with_name(path.name + ".json")


def read_manifest(path: Path, keys: tuple[str, ...]) -> list:
    """What the manifest of `path` has under these keys. Raises DamagedFile."""
    place = manifest_of(path)
    if (there := kind_of(path)) not in ("", "a file", "a folder"):
        raise damaged(path, f"is {there}")
    with reading(place):
        manifest = json.loads(read_text(place))
        if manifest["format"] != FORMAT:
            raise damaged(place, "is of another version of scoregap")
        if ("own" in manifest or "sums" in manifest) and manifest.get("own") != own_digest(manifest):
            raise damaged(place, "is damaged, by its own checksum")
        return [manifest[key] for key in keys]


def own_digest(manifest: dict) -> str:
    """SHA-256 of all that a manifest says; its key `own`, which cubes with `sums` have."""
    content = {key: value for key, value in manifest.items() if key != "own"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
