"""Which device a job computes on: one job per GPU, whoever started it.

train.device of a study (auto, cpu, cuda, cuda:K) -> torch device, kept from all other jobs until the process ends

A GPU is taken by a lock on a file named after the GPU itself (its UUID), in one folder for all users and all runs of
the machine; the kernel drops the lock with the process, however it dies. K counts what CUDA_VISIBLE_DEVICES leaves.
"""

import fcntl
import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from scoregap import InputError

FOLDER = Path("/tmp/scoregap-devices")  # not TMPDIR, in which users and batch jobs differ
DRIVERS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")  # one of them is there where CUDA (or ROCm) is
PAUSE = 1.0  # seconds between looks at GPUs that are all taken
REMIND = 30.0  # seconds

_held: dict[str, int] = {}  # descriptors of the locks that this process holds, by UUID


def take(study: Path, name: str):
    """The torch device for `train.device: name`, kept from other jobs until this process ends.

    auto, cuda: the first GPU that is free; cuda:K: that one. If it is taken, waits until it is free. auto without any
    GPU is the CPU, which is never taken. Raises InputError if the machine has no such device.
    """
    import torch

    there = [] if name == "cpu" else uuids()
    check(study, name, len(there))
    wanted = places(name, len(there))
    if not wanted:
        return torch.device("cpu")
    index = wanted[hold([there[i] for i in wanted])]
    print(f"on cuda:{index}, {torch.cuda.get_device_name(index)}", file=sys.stderr)
    torch.cuda.set_device(index)
    return torch.device("cuda", index)


def uuids() -> list[str]:
    """UUIDs of the GPUs that this process may use, in the order of torch."""
    import torch

    return [str(torch.cuda.get_device_properties(i).uuid) for i in range(torch.cuda.device_count())]


def places(name: str, count: int) -> list[int]:
    """Which of `count` GPUs serve `train.device: name`; none for the CPU."""
    if name == "cpu":
        return []
    return [int(name.removeprefix("cuda:"))] if ":" in name else list(range(count))


def check(study: Path, name: str, count: int) -> None:
    """Refuse a device that a machine with `count` GPUs does not have. Raises InputError."""
    there = ["cpu", *(["cuda"] if count else []), *(f"cuda:{i}" for i in range(count))]
    if name != "auto" and name not in there:
        raise InputError(
            f"{study}: train.device: {name!r} is not on this machine: allowed here are auto, {', '.join(there)}"
        )


def usable(name: str) -> int:
    """How many jobs may compute on GPUs at once here; asks torch in another process, so that this one stays light."""
    if name == "cpu" or (name == "auto" and not any(map(os.path.exists, DRIVERS))):
        return 0
    code = "import torch; print(torch.cuda.device_count())"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(asked.stdout)


def hold(wanted: Sequence[str]) -> int:
    """Take the first of these GPUs (UUIDs) that is free, waiting if none is. Returns its position.

    One that this process holds already counts as free.
    """
    for i, uuid in enumerate(wanted):
        if uuid in _held:
            return i
    began, said = time.monotonic(), -math.inf
    while True:
        for i, uuid in enumerate(wanted):
            descriptor = _lock(FOLDER / f"{re.sub('[^A-Za-z0-9-]', '-', uuid)}.lock")
            if descriptor is not None:
                _held[uuid] = descriptor
                return i
        if (now := time.monotonic()) - said >= REMIND:
            said = now
            print(f"waiting for a GPU for {now - began:.0f} s: all are taken", file=sys.stderr, flush=True)
        time.sleep(PAUSE)


def _lock(path: Path) -> int | None:
    """A descriptor that holds the lock; None if another process does."""
    descriptor = _opened(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_ino != path.stat().st_ino:  # cleared away and made anew meanwhile
            raise BlockingIOError
        os.utime(descriptor)  # young, so that whoever clears /tmp leaves it
    except (BlockingIOError, FileNotFoundError):
        os.close(descriptor)
        return None
    except PermissionError:  # of utime, on a file of another user on a system that did not let us open it to all
        pass
    return descriptor


def _opened(path: Path) -> int:
    """The lock file, made by whoever comes first and open to all users (reading is enough for a lock)."""
    with suppress(FileExistsError):
        path.parent.mkdir()
        path.parent.chmod(0o1777)
    while True:
        # Never both open and create: Linux refuses that for files of others in folders open to all.
        with suppress(FileNotFoundError):
            return os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        with suppress(FileExistsError):
            descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL)
            os.fchmod(descriptor, 0o666)  # whatever the umask
            return descriptor
