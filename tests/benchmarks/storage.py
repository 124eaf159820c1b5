"""What does the cube of a large study cost? `make storage` records it in results/benchmarks/storage.csv.

files of jobs with random numbers, which compress as little as a network's do -> seconds, bytes, peak memory

Two studies: *light* has 100,000 of the smallest cells (d = 4, 8 times, 2 points, jobs of 1,000), *heavy* CELLS
(10,000; d = 32, 40 times, 8 points). An axis of a hundred values then grows by one. The peer is revision PEER,
checked out into a folder of its own, which has files of the same numbers and builds the grown cube anew; `--alone`
goes without it. Every stage runs in a process of its own, whose times and peak memory count imports; ours is the median
of ROUNDS. Its start is told apart: a process that imports the same and does nothing. Reading is from a warm page cache,
the median of REPEATS. Disk: some 3 GB, of heavy cells besides 400 kB for each.

    python tests/benchmarks/storage.py [CELLS ...] [--alone]
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import bench

sys.path.insert(0, str(bench.ROOT / "tests"))
import gathered

from scoregap.study import load

PEER = "74d4f04"
REPEATS = 5
ROUNDS = 3
STAGE = "cube", "--study", "study.yaml", "--spectra", "spectrum", "--fits", "fit", "--out", "cube.zarr"
START = "import scoregap.__main__, scoregap.stages.cube"  # what our stage imports
STUDY = """\
study: storage
axes:
  family: [linear]
  ambient_dim: [{d}]
  manifold_dim: [{m}]
  curvature: [0.0]
  manifold.groups.1.std: {stds}
  network: {networks}
  seed: {seeds}
batch: [seed]
manifold: {{groups: [{{fraction: 0.5, std: 1.0}}, {{fraction: 0.5, std: 0.15}}]}}
train: {{steps: 1000, levels: 32, samples: 8, noise: {{start: 1.0e-4, stop: 100.0}}}}
spectrum: {{times: {{start: 1.0e-3, stop: 30.0, count: {times}}}, points: {points}}}
compare:
  flat: {{t_open: 0.15, t_max: 0.05, t_close: 0.15, t_consolidation: 0.10}}
  curved: {{t_open: 0.25, t_max: 0.10, t_close: 0.25, t_consolidation: 0.25}}
"""
NETWORKS = ["exact", "gaussian", "gated-8", "gated-16"]
# The files of the peer's jobs, in its own format. Arguments: study, folder, our folder of tests.
MAKE = """\
import sys
from pathlib import Path
import numpy as np
from scoregap import storage, variables
from scoregap.stages import fit, spectrum
from scoregap.study import load
sys.path.insert(0, sys.argv[3])
variables.ESTIMATORS = fit.ESTIMATORS
import gathered
for job in load(Path(sys.argv[1])).jobs.values():
    rng = np.random.default_rng([0, *job.id.encode()])
    for stage, names in (("spectrum", spectrum.NAMES), ("fit", fit.NAMES)):
        path = Path(sys.argv[2]) / stage / f"{job.id}.zarr.zip"
        if not path.exists():
            storage.write_job(path, gathered.invented(rng, job, names), job.keys(stage))
"""
# Seconds of reading, of either revision, as JSON. Arguments: cube, repeats.
READ = """\
import json, statistics, sys, time
from pathlib import Path
try:
    from scoregap.store.cube import read_cube
except ImportError:
    from scoregap.storage import read_cube
path = Path(sys.argv[1])
def median(measure):
    took = []
    for _ in range(int(sys.argv[2])):
        start = time.perf_counter()
        measure()
        took.append(time.perf_counter() - start)
    return statistics.median(took)
verified = median(lambda: read_cube(path))
array = read_cube(path)[""].eigenvalue
t_max = read_cube(path)[""].t_max
cell = {dim: array.sizes[dim] // 2 for dim in array.dims[:-3]}
print(json.dumps({
    "opened and verified": verified,
    "one time of all cells": median(lambda: array.isel(time=array.sizes["time"] // 2).values),
    "one cell at all times": median(lambda: array.isel(cell).values),
    "a phase time of all cells": median(lambda: t_max.values),
}))
"""
# What docs/tutorials/read_the_cube.md does with a large cube. Argument: results folder.
FIGURE = """\
import sys
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import scoregap
large = scoregap.open(sys.argv[1]).chunk(time=1)
top = large.eigenvalue.sel(network="exact").isel(mode=0)
lines = top.mean(("point", "seed")).squeeze(drop=True)
lines.plot(x="time", hue="manifold.groups.1.std", xscale="log", add_legend=False)
plt.savefig(sys.argv[1] + "/largest_eigenvalue.png")
"""


def run(command: list[str], folder: Path, code: Path) -> tuple[float, float, float]:
    """(seconds, seconds of a core, MB of memory at most) of a command, whose code is compiled once, as it is where the
    package is installed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    with subprocess.Popen(command, cwd=folder, env=environment | {"PYTHONPATH": str(code)}) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit status {process.returncode}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e3


def write_study(folder: Path, stds: int, networks: int, seeds: int, size: dict[str, int]) -> Path:
    """The study with so many values of its axes."""
    values = [round(0.01 + 1e-4 * i, 8) for i in range(stds)]
    path = folder / "study.yaml"
    path.write_text(STUDY.format(stds=values, networks=NETWORKS[:networks], seeds=seeds, **size))
    return path


def grown(
    folder: Path, code: Path, rounds: int, studies: dict[str, Callable[[], Path]]
) -> dict[str, tuple[float, str]]:
    """What it takes to build a cube of the first study, and to grow it to the next. studies: each writes its file."""
    python = [sys.executable, "-m", "scoregap", *STAGE]
    commands = {"started": [sys.executable, "-c", START]} if code == bench.ROOT else {}
    took: dict[str, list[tuple[float, float, float]]] = {what: [] for what in (*commands, *studies)}
    for _ in range(rounds):
        shutil.rmtree(folder / "cube.zarr", ignore_errors=True)
        (folder / "cube.zarr.json").unlink(missing_ok=True)
        for what, command in commands.items():
            took[what].append(run(command, folder, code))
        for what, write in studies.items():
            write()
            took[what].append(run(python, folder, code))
    return {
        f"{what}, {unit}": (statistics.median(values), unit)
        for what, runs in took.items()
        for values, unit in zip(zip(*runs, strict=True), ("s", "s of a core", "MB of memory"), strict=True)
    }


def measured(
    name: str, folder: Path, peer: Path | None, networks: int, seeds: int, size: dict[str, int]
) -> list[bench.Row]:
    """The rows of one study. peer: its checkout, if it is measured."""
    found: dict[str, dict[str, tuple[float, str]]] = {"peer": {}}
    for who, code, rounds in (("ours", bench.ROOT, ROUNDS), *((("peer", peer, 1),) if peer else ())):
        place = folder / f"{name} {who}"
        place.mkdir()
        studies = {
            what: partial(write_study, place, stds, networks, seeds, size)
            for what, stds in (("built", 100), ("grown by 1 %", 101))
        }
        for write in studies.values():
            study = write()
            if who == "ours":
                gathered.write(place, load(study))
            else:
                run([sys.executable, "-c", MAKE, str(study), str(place), str(bench.ROOT / "tests")], place, code)
        rows = found[who] = grown(place, code, rounds, studies)
        command = [sys.executable, "-c", READ, "cube.zarr", str(REPEATS)]
        env = os.environ | {"PYTHONPATH": str(code)}
        said = subprocess.run(command, cwd=place, env=env, check=True, capture_output=True, text=True).stdout
        rows |= {what: (value, "s") for what, value in json.loads(said).items()}
        files = [path.stat().st_size for path in (place / "cube.zarr").rglob("*") if path.is_file()]
        rows |= {"bytes per cell": (sum(files) / (101 * networks * seeds), "B"), "files": (len(files), "files")}
    took = run([sys.executable, "-c", FIGURE, "."], folder / f"{name} ours", bench.ROOT)
    found["ours"]["opened by dask, selected, drawn"] = took[0], "s"
    start, built, more = (found["ours"][f"{what}, s of a core"][0] for what in ("started", "built", "grown by 1 %"))
    found["ours"]["grown over built, of a core"] = more / built, "1"
    found["ours"]["the same without the start of both"] = (more - start) / (built - start), "1"
    limits = {"one time of all cells": 0.5, "one cell at all times": 0.05, "opened by dask, selected, drawn": 10.0,
              "built, MB of memory": 1000.0, "grown over built, of a core": 0.05}  # fmt: skip
    return [
        bench.Row(f"{name}: {what}", value, found["peer"].get(what, (None,))[0], limits.get(what), unit)
        for what, (value, unit) in found["ours"].items()
    ]


def main(cells: Sequence[int] = (10_000,), alone: bool = False) -> None:
    """Make, measure and record. cells: of heavy studies. alone: without the peer."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peer = None if alone else folder / "checkout"
        if peer:
            peer.mkdir()
            archive = subprocess.run(["git", "archive", PEER], cwd=bench.ROOT, check=True, capture_output=True).stdout
            subprocess.run(["tar", "-x", "-C", str(peer)], input=archive, check=True)
        light = {"d": 4, "m": 2, "times": 8, "points": 2}
        heavy = {"d": 32, "m": 4, "times": 40, "points": 8}
        rows = measured("100,000 light cells", folder, peer, 1, 1000, light)
        for count in cells:
            rows += measured(f"{count:,} heavy cells", folder, peer, 4, count // 400, heavy)
    bench.record("storage", rows, f"revision {PEER}, which builds a grown cube anew", "the goal at 100,000 cells")


if __name__ == "__main__":
    given = [one for one in sys.argv[1:] if one != "--alone"]
    main([*map(int, given)] or (10_000,), "--alone" in sys.argv)
