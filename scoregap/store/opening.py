"""How files are opened to be read: regular ones only.

path -> its content, or an OSError that names it

A FIFO waits for a writer, a device may have no end, and to open a socket or a folder is an error of many words. Whoever
reads a file that it has not just written asks here first, as readers of other packages do not.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

KINDS = (
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)  # fmt: skip


# Errors of the machine: of none of its files, and whatever path it was given.
_OF_NO_FILE = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN}
_RESOURCES = _OF_NO_FILE | {
    errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EINTR, errno.EBUSY, errno.ESTALE, errno.ETIMEDOUT, errno.ENOLCK,
}  # fmt: skip
# And of rights: whether a file is what was written, they do not say.
_OF_THE_MACHINE = _RESOURCES | {errno.EACCES, errno.EPERM}


class NotRegular(OSError):
    """What is there is no regular file."""


def lacks_resources(error: OSError) -> bool:
    """Whether an error is the machine's, and not of the path that was given."""
    return error.errno in _RESOURCES


def told(error: OSError) -> str:
    """An error of a file in a line: the file and what is wrong, or what the machine has no more of."""
    what = error.strerror or str(error)
    if error.errno in _OF_NO_FILE:
        return f"the machine: {what}" + (f", at {error.filename}" if error.filename else "")
    return f"{error.filename or 'file'}: {what}"


def kind_of(path: Path) -> str:
    """What is at a path, in words; empty where nothing is."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return "a link to nothing" if os.path.islink(path) else ""
    except OSError as error:
        return "a circle of links" if error.errno == errno.ELOOP else f"no path: {error.strerror}"
    if stat.S_ISDIR(mode):
        return "a folder"
    return next((name for holds, name in KINDS if holds(mode)), "a file")


def absent(path: Path) -> bool:
    """Whether nothing is at a path, nor where a link there leads. What cannot be looked at, as a circle of links, is
    something: whoever reads it says what."""
    try:
        os.stat(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def of_the_machine(error: BaseException) -> bool:
    """Whether an error that came of reading says nothing of the file: lack of memory, of descriptors, of rights."""
    if isinstance(error, OSError):
        return error.errno in _OF_THE_MACHINE
    return isinstance(error, MemoryError) or "can't start new thread" in str(error)  # a RuntimeError of Python's


def regular(path: Path) -> Path:
    """The path, if a regular file is there, or a link leads to one, that may be read: for readers of other packages.

    Raises OSError. Only what is regular is opened.
    """
    _check(_mode(path), path)
    os.close(_opened(path))
    return path


def opened(path: Path, buffering: int = -1) -> BinaryIO:
    """A regular file, to be read. buffering: as `open` has it. Raises OSError: there is none, it may not be read."""
    _check(_mode(path), path)
    return os.fdopen(_opened(path), "rb", buffering)


def read_bytes(path: Path, most: int | None = None) -> bytes:
    """All bytes of a regular file. Raises OSError: there is none, it may not be read, it has more than `most` bytes."""
    with opened(path) as file:
        found = file.read() if most is None else file.read(most + 1)
    if most is not None and len(found) > most:
        raise OSError(errno.EFBIG, f"has more than {most} bytes", str(path))
    return found


def read_text(path: Path) -> str:
    """The same as UTF-8. Raises UnicodeDecodeError too."""
    return read_bytes(path).decode("utf-8")


def _opened(path: Path) -> int:
    """A descriptor of a regular file, which does not wait should it have become something else since."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _check(os.fstat(descriptor).st_mode, path)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _mode(path: Path) -> int:
    try:
        return os.stat(path).st_mode
    except OSError as error:
        if error.errno == errno.ELOOP:
            error.strerror = "is a circle of links; should be a regular file"
        raise


def _check(mode: int, path: Path) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder; should be a regular file", str(path))
    if not stat.S_ISREG(mode):
        kind = next((name for holds, name in KINDS if holds(mode)), "of another kind")
        raise NotRegular(errno.EINVAL, f"is {kind}; should be a regular file", str(path))
