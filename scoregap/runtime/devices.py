"""Which device a job computes on: one job per GPU, whoever started it.

train.device of a study (auto, cpu, cuda, cuda:K) -> torch device, kept from all other jobs until the process ends

A GPU is taken by binding a socket to a name made of the GPU's own (its UUID), in Linux's abstract namespace: one for
all users and all runs of a machine (of a network namespace, where containers have their own), without any file that
somebody else could own, lay a trap at or clear away. The kernel frees the name with the process, however it dies.
K counts what CUDA_VISIBLE_DEVICES leaves.
"""

import errno
import math
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scoregap import InputError

if TYPE_CHECKING:
    import torch

NAME = "\0scoregap/device/"  # before the UUID; the zero byte stands for the abstract namespace
DRIVERS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")  # one of them is there where CUDA (or ROCm) is
PAUSE = 1.0  # seconds between looks at GPUs that are all taken
REMIND = 30.0  # seconds

_held: dict[str, socket.socket] = {}  # what this process holds, by UUID


def take(study: Path, name: str) -> "torch.device":
    """The torch device for `train.device: name`, kept from other jobs until this process ends.

    auto, cuda: the first GPU that is free; cuda:K: that one. If it is taken, waits until it is free. auto without any
    GPU is the CPU, which is never taken. Raises InputError if the machine has no such device. From here on float32 is
    float32: torch lets convolutions on a GPU round their factors to 10 bits (tf32).
    """
    import torch

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
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
            f"{name!r} is not on this machine", file=study, key="train.device", value=name,
            allowed=f"allowed here are auto, {', '.join(there)}",
        )  # fmt: skip


def usable(study: Path, name: str) -> int:
    """How many jobs may compute on GPUs at once here; asks torch in another process, so that this one stays light.
    Raises InputError where torch cannot be imported."""
    if name == "cpu" or (name == "auto" and not any(map(os.path.exists, DRIVERS))):
        return 0
    code = "import torch; print(torch.cuda.device_count())"
    asked = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False)
    if asked.returncode:
        why = (asked.stderr.strip().splitlines() or [f"exit status {asked.returncode}"])[-1]
        raise InputError(
            f"torch cannot be asked for GPUs: {why}", file=study, key="train.device", value=name,
            allowed=f"networks need a torch that can be imported: {sys.executable} -c 'import torch' says more",
        )  # fmt: skip
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
            if held := _lock(uuid):
                _held[uuid] = held
                return i
        if (now := time.monotonic()) - said >= REMIND:
            said = now
            print(f"waiting for a GPU for {now - began:.0f} s: all are taken", file=sys.stderr, flush=True)
        time.sleep(PAUSE)


def _lock(uuid: str) -> socket.socket | None:
    """A socket that holds the GPU as long as it is open; None if another process has one."""
    held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        held.bind(NAME + uuid)
    except OSError as error:
        held.close()
        if error.errno != errno.EADDRINUSE:
            raise
        return None
    return held
