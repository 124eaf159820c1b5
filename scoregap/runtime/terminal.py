"""What is printed for people, whose terminal obeys some characters, and who may have stopped reading.

lines of text -> stdout, or another stream
"""

import errno
import io
import os
import sys
from typing import TextIO

from scoregap import printable


def tell(text: str, to: TextIO | None = None) -> None:
    """Print lines, to stdout if nothing else is said; control characters in them are escaped. See `lost`."""
    try:
        print(printable(text, also="\n"), file=to, flush=True)
    except OSError as error:
        lost(error, to or sys.stdout)


def lost(error: OSError, stream: TextIO) -> None:
    """Let a stream that cannot be written lead nowhere from now on. That its other end is gone, a terminal or a reader
    as that of `| head -1`, costs the lines, not the work; any other error, as of a full disk, is raised."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
    if error.errno not in (errno.EPIPE, errno.EIO):
        error.filename = error.filename or "what is printed"
        raise error


class Lasting(io.TextIOWrapper):
    """Text to a descriptor, line by line, whose other end may go, whoever prints: libraries too."""

    def __init__(self, descriptor: int, encoding: str):
        binary = open(descriptor, "wb", closefd=False)  # noqa: SIM115 (it is open as long as this is)
        super().__init__(binary, encoding=encoding, errors="replace", line_buffering=True)

    def write(self, text: str) -> int:
        """Write text; its length."""
        try:
            return super().write(text)
        except OSError as error:
            lost(error, self)
            return len(text)

    def flush(self) -> None:
        """Write what is left."""
        try:
            super().flush()
        except OSError as error:
            lost(error, self)
