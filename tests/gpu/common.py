"""What the parts of `make gpu` share: the clock of a device, its rates, and tables that grow as rows come.

(device, function) -> seconds of a call; rows -> gpu-NAME.csv in the folder of results, each with card, date, versions

Torch and NumPy are all that is needed here.
"""

import argparse
import csv
import datetime
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(os.environ.get("SCOREGAP_GPU_RESULTS", ROOT / "results" / "benchmarks"))
TRIES = 5  # of a call, of which the median counts
LONG = 1.0  # seconds that a call is repeated for, if a call is shorter


class Part:
    """A part of the run: its device, whether its sizes are tiny, and when it has to end."""

    def __init__(self, name: str):
        parser = argparse.ArgumentParser(description=f"{name} of `make gpu`")
        parser.add_argument("--seconds", type=float, default=180.0, help="no new case is begun after these")
        parser.add_argument("--tiny", action="store_true", help="tiny sizes, as a dry run on a CPU has them")
        given = parser.parse_args()
        self.name, self.tiny, self.end = name, given.tiny, time.monotonic() + given.seconds
        self.device = torch.device("cuda" if torch.cuda.is_available() and not given.tiny else "cpu")
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        if self.device.type == "cpu":
            torch.set_num_threads(1)
        self.card = torch.cuda.get_device_name() if self.device.type == "cuda" else f"cpu {platform.machine()}"
        self.command = " ".join(["python", *sys.argv])

    @property
    def over(self) -> bool:
        """Whether the time of the part is over."""
        return time.monotonic() > self.end

    def seconds(self, call: Callable[[], object], device: torch.device | None = None) -> float:
        """Median seconds of a call, the work on the device included; the first one is not counted unless it is long."""
        device = device or self.device

        def timed(count: int) -> float:
            _wait(device)
            start = time.perf_counter()
            for _ in range(count):
                call()
            _wait(device)
            return (time.perf_counter() - start) / count

        if (first := timed(1)) > 10 * LONG:
            return first
        again = timed(1)
        if self.over:  # the first call has loaded what it is made of: of short calls it says nothing
            return again
        most = 0.01 if self.tiny else LONG / TRIES
        count = max(1, int(most / max(again, 1e-6)))
        return float(np.median([timed(count) for _ in range(TRIES)]))

    def once(self, call: Callable[[], object]) -> float:
        """Seconds of one call, the work on the device included."""
        _wait(self.device)
        start = time.perf_counter()
        call()
        _wait(self.device)
        return time.perf_counter() - start

    def rate(self, kind: str = "float32") -> float:
        """Operations per second of a large product of matrices: of float32, tf32 or bfloat16."""
        size = 256 if self.tiny else 8192
        torch.backends.cuda.matmul.allow_tf32 = kind == "tf32"
        x = torch.randn(size, size, device=self.device)
        x = x.bfloat16() if kind == "bfloat16" else x
        out = torch.empty_like(x)
        found = 2 * size**3 / self.seconds(lambda: torch.mm(x, x, out=out))
        torch.backends.cuda.matmul.allow_tf32 = False
        return found

    def add(self, table: str, **row) -> None:
        """Write a row now: what comes later may not come."""
        versions = f"python {platform.python_version()} torch {torch.__version__} cuda {torch.version.cuda}"
        versions += f" numpy {np.__version__}"
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M")
        here = {"card": self.card, "date": now, "versions": versions, "command": self.command}
        shown = {key: f"{value:.4g}" if isinstance(value, float) else str(value) for key, value in row.items()}
        print(f"{table}: " + "  ".join(f"{key} {value}" for key, value in shown.items()), flush=True)
        path = RESULTS / f"gpu-{table}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if new:
                writer.writerow([*here, *shown])
            writer.writerow([*here.values(), *shown.values()])


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
