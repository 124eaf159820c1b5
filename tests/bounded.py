"""What a test does in a moment or not at all, and what is no file to read."""

import os
import signal
import socket
from contextlib import contextmanager


@contextmanager
def at_once(seconds=20):
    """Ends what takes longer, as reading from a FIFO would, by an error."""

    def late(*_):
        raise AssertionError(f"still at it after {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _socket(path):
    one = socket.socket(socket.AF_UNIX)
    here = os.open(".", os.O_RDONLY)
    os.chdir(path.parent)  # names of sockets are short
    try:
        one.bind(path.name)
    finally:
        os.fchdir(here)
        os.close(here)
        one.close()


# what is no regular file -> how it is made at a path
SPECIAL = {
    "FIFO": os.mkfifo,
    "socket": _socket,
    "endless device": lambda path: path.symlink_to("/dev/zero"),
    "empty device": lambda path: path.symlink_to("/dev/null"),
    "circle of links": lambda path: path.symlink_to(path.name),
    "folder": os.mkdir,
    "link to a folder": lambda path: path.symlink_to("."),
}


@contextmanager
def no_more_descriptors():
    """No file can be opened."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
