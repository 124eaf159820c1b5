"""Whose run has a results folder: one at a time, by a lock that the kernel drops with the last process of the run.

results folder -> a descriptor that locks it; the process that has locked it; the end of its run

The lock file says who has locked it last; that is believed only while the kernel says that it is locked, and only of
a process that is still the same one.
"""

import errno
import fcntl
import json
import os
import pwd
import shlex
import signal
import socket
import stat
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from scoregap import InputError, printable
from scoregap.runtime.guard import GRACE
from scoregap.store.opening import read_text

LOCK = ".lock"  # in a results folder; its date is when the last run began
PAUSE = 0.2  # seconds between looks


class Holder(NamedTuple):
    """The process that has a results folder. user: its number; started: when the process was, as its system says it."""

    pid: int
    host: str
    user: int
    started: str

    def __str__(self) -> str:
        return f"process {self.pid} of {_name(self.user)} on {self.host}"


def take(folder: Path) -> int | None:
    """A descriptor that locks a results folder for this run and its children; None if another run has it.

    Raises InputError if the folder is not scoregap's.
    """
    from scoregap.store.results import mark

    mark(folder)
    descriptor = _open(folder, os.O_RDWR | os.O_CREAT)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # perhaps only by `taken`, for an instant
            time.sleep(PAUSE)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:  # a file system without locks
        pass
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(_this_process()._asdict()).encode() + b"\n", 0)
    os.utime(descriptor)
    return descriptor


def _open(folder: Path, flags: int) -> int:
    """The lock file. Raises InputError if that is a link, or no regular file: it is written to, and a FIFO waits."""
    path = folder / LOCK
    if os.path.lexists(path) and not stat.S_ISREG(path.lstat().st_mode):
        raise InputError("is not allowed", file=path, allowed="should be a regular file, or absent")
    try:
        return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENAMETOOLONG):
            raise
        raise InputError(f"is not allowed: {error.strerror}", file=path, allowed="should lie in a folder") from None


def taken(folder: Path) -> bool:
    """Whether a run is going on in a results folder; writes nothing."""
    try:
        descriptor = _open(folder, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        pass
    finally:
        os.close(descriptor)
    return False


def holder(folder: Path) -> Holder | None:
    """Who has a results folder, by the lock file alone; None if that does not say."""
    try:
        content = json.loads(read_text(folder / LOCK))
        found = Holder(**content)
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    types = {name: type(value) for name, value in found._asdict().items()}
    return found if types == Holder.__annotations__ and found.pid > 1 else None


def refusal(folder: Path) -> str:
    """Why a run cannot have a results folder that another one has, and what to do."""
    who = holder(folder)
    return printable(
        f"scoregap: {folder}: is in use by another run{f', {who}' if who else ''}: wait for it, or stop it: "
        f"scoregap stop {shlex.quote(str(folder))}"
    )


def stop(folder: Path) -> tuple[int, str]:
    """Stop the run in a results folder as Ctrl-C does, and wait for its end. Returns an exit status and what was done.

    Only a process of this user on this machine that is proven to be the one that has the lock gets a signal. Raises
    InputError if something else than a folder is there.
    """
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise InputError("is not a folder", file=folder, allowed="should be the folder of a study's results, or absent")
    if not taken(folder):
        return 0, f"{folder}: no run is going on: nothing to stop"
    who, here = holder(folder), _this_process()
    again, look = f"scoregap stop {shlex.quote(str(folder))}", f"look for it: fuser {shlex.quote(str(folder / LOCK))}"
    if who is None:
        return (
            1,
            f"scoregap: {folder}: is locked by a process that has left no name: {look}",
        )
    if who.host != here.host:
        return 1, f"scoregap: {folder}: is in use by {who}: stop it there: {again}"
    if who.user != here.user:
        return 1, f"scoregap: {folder}: is in use by {who}: only {_name(who.user)} may stop it: {again}"
    alive = _started(who.pid) == who.started
    if alive:
        with suppress(ProcessLookupError):
            os.kill(who.pid, signal.SIGINT)
    deadline = time.monotonic() + GRACE + 10
    while taken(folder) and holder(folder) == who:
        if time.monotonic() > deadline:
            return (
                1,
                f"scoregap: {folder}: is still in use by a process after {GRACE + 10:.0f} s: {look}",
            )
        time.sleep(PAUSE)
    return 0, f"{folder}: {who if alive else 'what was left of a run'} has stopped; the same command goes on from there"


def _this_process() -> Holder:
    return Holder(os.getpid(), socket.gethostname(), os.geteuid(), _started(os.getpid()))


def _started(pid: int) -> str:
    """When a process was started, as text that no later process with the same number shares; empty if there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return text.rpartition(")")[2].split()[19]  # ticks since the machine was: right also when clocks are set
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self/stat").exists():
            return ""
    listed = ["ps", "-o", "lstart=", "-p", str(pid)]  # without /proc, as on macOS
    return subprocess.run(listed, capture_output=True, text=True, errors="replace", check=False).stdout.strip()


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
