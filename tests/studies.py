"""Every study of workflow/studies but those of LARGE, one after the other, and what each took: `make studies`.

    make studies                        # or: python tests/studies.py [NAME...], of those alone
    make studies CORES=1 NAMES=recipe

A line in results/benchmarks/studies.csv for every study that is run: cells, cells without a result, seconds of the
clock and of cores, its state. It can be stopped at any moment and started again: a study that is done, as it is now and
by this code, is left out, and one that was stopped goes on where it was. Seconds of the clock are those of this run; of
cores those of all that is there, as Snakemake measured them, in whichever run.
"""

import csv
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))

import bench
from published import cost

from scoregap import InputError, cubes
from scoregap.runtime.finding import STUDIES, find
from scoregap.study import Study, load

LARGE = ("paper", "images")  # of days, or for a GPU
RECORD = bench.RESULTS / "studies.csv"
DONE, FAILED, STOPPED = "done", "failed", "stopped"


class Run(NamedTuple):
    """A line of the record. fingerprint: of the study as it was and the revisions of the code that ran it. cells,
    without: of the study, and those without a result, empty if it did not end. seconds, core_seconds: see above."""

    date: str
    device: str
    versions: str
    revision: str
    study: str
    fingerprint: str
    state: str
    cells: int
    without: int | str
    cores: int
    seconds: float
    core_seconds: int


def chosen(names: Sequence[str], folder: Path = STUDIES) -> list[Path]:
    """The files of studies of these names, or of all but LARGE. Raises InputError."""
    if names:
        return [find(name) for name in names]
    return [path for path in sorted(folder.glob("*.yaml")) if path.stem not in LARGE]


def done(record: Path, study: Study) -> bool:
    """Whether the record has the study as it is now as done."""
    if not record.exists():
        return False
    with record.open(newline="") as file:
        rows = list(csv.DictReader(file))
    last = next((row for row in reversed(rows) if row["study"] == study.name), None)
    return last is not None and (last["fingerprint"], last["state"]) == (study.fingerprint("report"), DONE)


def by_command(path: Path, results: Path, cores: int) -> int:
    """Exit status of a run of a study."""
    command = [sys.executable, "-m", "scoregap", "run", str(path), "--results", str(results), "--cores", str(cores)]
    return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode


def run(
    path: Path, results: Path, record: Path, cores: int, command: Callable[[Path, Path, int], int] = by_command
) -> str:
    """Run a study unless it is done, and add its line. Returns what became of it, in words. Raises InputError,
    KeyboardInterrupt, after the line."""
    study = load(path)
    folder = results / study.name
    if done(record, study) and (folder / "report.html").exists():
        return f"{study.name}: done before"
    start, state = time.perf_counter(), STOPPED
    try:
        state = FAILED if command(path, results, cores) else DONE
    finally:
        seconds = time.perf_counter() - start
        spent = cost(folder / "logs")["total"] if (folder / "logs").is_dir() else 0
        without = without_result(study, folder) if state == DONE else ""
        print_to(record, Run(*bench.here("cpu"), study.name, study.fingerprint("report"), state, study.size, without,
                             cores, round(seconds, 1), spent))  # fmt: skip
    more = f", {without} of them without a result" if without else ""
    return f"{study.name}: {state}, {study.size} cells{more}; {seconds:.0f} s, {spent} s of cores"


def without_result(study: Study, folder: Path) -> int:
    """How many cells of a finished study diverged or failed; one that blocks share counts in each."""
    parts = cubes.datasets(study, folder / "cube.zarr")
    return sum(int((ds.status > 1).sum()) for _, datasets in parts for ds in datasets)


def print_to(record: Path, row: Run) -> None:
    """Add a line, under a head where there is none."""
    record.parent.mkdir(parents=True, exist_ok=True)
    new = not record.exists()
    with record.open("a", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerows([Run._fields, row] if new else [row])


def main(names: Sequence[str]) -> int:
    """Run them; exit status 1 if one failed."""
    cores, results = int(os.environ.get("CORES") or os.cpu_count() or 1), bench.ROOT / "results"
    failed = 0
    for path in chosen(names):
        try:
            said = run(path, results, RECORD, cores)
        except InputError as error:
            said = f"{path.stem}: {error}"
        failed += f": {DONE}" not in said
        print(said, flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (InputError, KeyboardInterrupt) as error:
        print(error or "stopped: the same command goes on", file=sys.stderr)
        sys.exit(2 if isinstance(error, InputError) else 130)
