"""What every benchmark shares: side-by-side timing, and the table that each run is appended to.

functions to time -> seconds of each; rows (ours, peer, limit) -> printed, and added to results/benchmarks/NAME.csv

Machines are noisy and differ: a figure is a ratio of times measured in turn in one run, each the median over rounds.
"""

import csv
import datetime
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "results" / "benchmarks"
PACKAGES = ("torch", "numpy", "scipy")
HERE = ("date", "device", "versions", "revision")


class Row(NamedTuple):
    """One figure: what we take, what anyone would run instead takes, and what the arithmetic or the goal allows.

    ours, peer, limit: in `unit`; None where there is none.
    """

    case: str
    ours: float
    peer: float | None = None
    limit: float | None = None
    unit: str = "s"


def in_turn(*functions: Callable[[], object], rounds: int = 7, clock=time.process_time) -> list[float]:
    """Seconds that each function takes: the median over rounds, in each of which all are called once, in turn.

    One call of each before that is not counted. clock: processor time by default, `time.perf_counter` for wall time.
    """
    taken: list[list[float]] = [[] for _ in functions]
    for again in range(rounds + 1):
        for function, times in zip(functions, taken, strict=True):
            start = clock()
            function()
            if again:
                times.append(clock() - start)
    return [statistics.median(times) for times in taken]


def record(name: str, rows: list[Row], peer: str, limit: str, device: str = "cpu") -> None:
    """Print a table and append it to results/benchmarks/NAME.csv. peer, limit: what they are, in words."""
    print(f"\n{name}: peer is {peer}; limit is {limit}")
    print(f"{'':44}{'ours':>10}{'peer':>10}{'limit':>10}  unit    {'peer/ours':>9} {'ours/limit':>10}")
    path = RESULTS / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    with path.open("a", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        if new:
            table.writerow((*HERE, *Row._fields, "peer_over_ours", "ours_over_limit"))
        for row in rows:
            faster = row.peer / row.ours if row.peer else None
            share = row.ours / row.limit if row.limit else None
            print(
                f"{row.case:44}{_number(row.ours):>10}{_number(row.peer):>10}{_number(row.limit):>10}  {row.unit:8}"
                f"{_number(faster):>9} {_number(share):>10}"
            )
            numbers = (_number(value) for value in (row.ours, row.peer, row.limit))
            table.writerow((*here(device), row.case, *numbers, row.unit, _number(faster), _number(share)))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def here(device: str) -> tuple[str, str, str, str]:
    """Date, device, versions and revision of a measurement."""
    if device == "cpu":
        model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        device = f"{os.cpu_count()} cores of {model[0].split(': ')[1] if model else platform.machine()}"
    versions = " ".join([f"python {platform.python_version()}", *(f"{p} {version(p)}" for p in PACKAGES)])
    git = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    revision = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M"), device, versions, revision or "unknown"
