"""What does `make run` cost after installation? `make bench FIGURES=quickstart` records it.

the quickstart study, whole and from the start -> seconds of the clock and of cores, ours and at revision PINNED

The peer is that revision checked out into a folder of its own, with its own study and the same packages; both once, one
after the other. Ten minutes of two cores; CORES=1 for one.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import bench
from startup import PINNED, children, pinned

SHARE = 0.66  # of its time, at most: the goal
CORES = os.environ.get("CORES", "2")


def measured(code: Path, *more: str) -> tuple[float, float]:
    """(seconds of the clock, seconds of cores) of a whole run by the code of a checkout."""
    environment = os.environ | {"PYTHONPATH": str(code)}
    python = [sys.executable, "-c", "import scoregap; print(scoregap.__file__)"]
    found = subprocess.run(python, cwd="/", env=environment, check=True, capture_output=True, text=True).stdout
    if not Path(found.strip()).is_relative_to(code):
        raise SystemExit(f"{found.strip()}: is not of {code}")
    command = [sys.executable, "-m", "scoregap", "run", "quickstart", "--cores", CORES, *more]
    start, spent = time.perf_counter(), children()
    subprocess.run(command, cwd=code, env=environment, check=True)
    return time.perf_counter() - start, children() - spent


def main() -> None:
    """Measure and record."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        before = pinned(folder / "pinned")
        ours, theirs = measured(bench.ROOT, "--results", str(folder / "ours")), measured(before)
    what = f"make run by {CORES}, "
    rows = [
        bench.Row(what + unit, own, other, SHARE * other)
        for unit, own, other in zip(("time", "time of cores"), ours, theirs, strict=True)
    ]
    bench.record("quickstart", rows, f"the same command at {PINNED}", f"{SHARE:g} of its time")


if __name__ == "__main__":
    main()
