"""What does a large study cost beside its computing? Ours and PINNED side by side; `make scale` runs it.

studies of a thousand to a million of the smallest cells, in jobs of MEMBERS -> seconds and memory of `snakemake -n` of
a study of which nothing is done; time per cell of `scoregap run`, from nothing to the report; then, of the finished
study, seconds of `scoregap status`, `scoregap plan` and `scoregap run`, which has nothing to do

The run is of closed forms whose jobs compute their first cell only and give the others its result: what is left is
planning, scheduling, starting processes, writing, gathering, comparing and drawing. `make scale` runs 1,000 and 10,000
cells; `make scale CELLS=100000` 100,000 too (six minutes on two cores of its own, most of it PINNED's). Times are of
the clock, and beside them of the processor, all processes together: on a busy machine the former says little. The table
is kept in results/benchmarks/scale.csv, and drawn, with slopes, in results/benchmarks/scale.svg.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
import patched

matplotlib.use("Agg")
import matplotlib.pyplot as plt

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))
import bench
from startup import PINNED, pinned

CELLS = (1_000, 10_000, 100_000, 1_000_000)
STUDY = """\
study: scale
axes:
  family: [linear]
  ambient_dim: [4]
  manifold_dim: [2]
  curvature: [0.0]
  manifold.groups.1.std: {stds}
  network: [{network}]
  seed: {members}
batch: [seed]
manifold:
  groups: [{{fraction: 0.5, std: 1.0}}, {{fraction: 0.5, std: 0.1}}]
train: {{steps: 10, levels: 2, samples: 1, depth: 1, noise: {{start: 1.0e-3, stop: 100.0}}}}
spectrum: {{times: {{start: 1.0e-3, stop: 100.0, count: 8}}, points: 2}}
fit: {{resamples: 50}}
compare:
  flat: {{t_open: 0.15, t_max: 0.05, t_close: 0.15, t_consolidation: 0.10}}
  curved: {{t_open: 0.25, t_max: 0.10, t_close: 0.25, t_consolidation: 0.25}}
"""
# After a stage's module: it computes its first cell only, and gives the others its result.
ONE_CELL_ONLY = """\
_compute, _found = {compute}, []


def {compute}(*args):
    _found[:] = _found or [_compute(*args)]
    return _found[0]
"""
STAGES = {"scoregap.stages.spectrum": "measure", "scoregap.stages.fit": "fit"}


CASES = {  # name -> what it is, unit
    "plan": ("snakemake -n, nothing done", "s"),
    "trained": ("snakemake -n, nothing trained", "s"),
    "memory": ("memory of snakemake -n", "MB"),
    "overhead": ("run without computing, a cell", "ms"),
    "status": ("scoregap status, all done", "s"),
    "cost": ("scoregap plan, all done", "s"),
    "rerun": ("scoregap run, all done", "s"),
}
GOALS = {  # of the clock, at so many cells in jobs of 1,000
    ("plan", 1_000_000): 20.0, ("memory", 1_000_000): 500.0, ("trained", 1_000_000): 20.0, ("overhead", 100_000): 1.0,
    ("status", 100_000): 10.0, ("cost", 100_000): 10.0, ("rerun", 100_000): 10.0,
}  # fmt: skip


class Took(NamedTuple):
    """Of a command with all its processes: seconds of the clock, of the processor, and MB of the largest."""

    wall: float
    processor: float
    memory: float


def study(folder: Path, cells: int, members: int, network: str = "exact") -> Path:
    """A study of that many of the smallest cells, in jobs of so many members."""
    path = folder / "scale.yaml"
    stds = [round(0.01 + 1e-5 * i, 8) for i in range(cells // members)]
    path.write_text(STUDY.format(stds=stds, network=network, members=members))
    return path


def took(command: list[str], cwd: Path) -> Took:
    """What a command takes. Its code is compiled once, as it is where the package is installed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=cwd, env=environment
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit status {process.returncode}")
    return Took(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000)


class Project:
    """A checkout of the project, whose stages compute one cell of a job; its folder for studies and results. lacks:
    cases that it has no command for."""

    def __init__(self, checkout: Path, folder: Path, lacks: frozenset[str] = frozenset()):
        folder.mkdir()
        self.checkout, self.folder, self.lacks = checkout, folder, lacks
        changes = {module: ONE_CELL_ONLY.format(compute=compute) for module, compute in STAGES.items()}
        self.python = patched.python(folder, changes, checkout)

    def plan(self, cells: int, members: int, network: str) -> Took:
        """Planning a study of one score, of which nothing is done."""
        path = study(self.folder, cells, members, network)
        words = ["-m", "snakemake", "--dry-run", "--quiet", "--snakefile", str(self.checkout / "Snakefile")]
        words += ["--workflow-profile", str(self.checkout / "workflow" / "profiles" / "default")]
        return took(
            [self.python, *words, "--config", f"study={path}", f"results={self.folder / 'nothing'}"], self.folder
        )

    def scoregap(self, command: str, cells: int, members: int) -> Took:
        """A command of the study of that many cells, whose results are kept from one command to the next."""
        path = study(self.folder, cells, members)
        words = ["-m", "scoregap", command, str(path), "--results", str(self.folder / f"results-{cells}")]
        return took([self.python, *words], self.folder)


def figures(project: Project, cells: int, members: int, runs: bool) -> dict[str, tuple[float, float]]:
    """Of every case, for a study of that many cells: by the clock, and of the processor; memory is both. Without `runs`
    those of plans alone."""
    planned = project.plan(cells, members, "exact")
    found = {"plan": planned[:2], "memory": (planned.memory, planned.memory)}
    found["trained"] = project.plan(cells, members, "gated-2")[:2]
    if runs:
        first = project.scoregap("run", cells, members)
        found["overhead"] = 1000 * first.wall / cells, 1000 * first.processor / cells
        for name, command in (("status", "status"), ("cost", "plan"), ("rerun", "run")):
            if name not in project.lacks:
                found[name] = project.scoregap(command, cells, members)[:2]
    return found


Measured = dict[str, dict[int, list[tuple[float, float]]]]  # case -> cells -> ours, and PINNED's if it has the case


def draw(measured: Measured) -> list[bench.Row]:
    """A log-log panel per case, saved as scale.svg; slopes of processor time between the two largest sizes, as rows."""
    figure, axes = plt.subplots(2, 4, figsize=(13, 6), layout="constrained")
    rows = []
    for axis, (name, (what, unit)) in zip(axes.flat, CASES.items(), strict=False):
        cells, slopes = sorted(measured[name]), []
        if len(cells) < 2:  # no runs were asked for, or one
            continue
        for k, whose in enumerate(("now", f"at {PINNED}")[: len(measured[name][cells[0]])]):
            wall, processor = np.array([measured[name][size][k] for size in cells]).T
            slopes.append(float(np.log(processor[-1] / processor[-2]) / np.log(cells[-1] / cells[-2])))
            axis.loglog(cells, wall, "o-", color=f"C{k}", label=f"{whose}, clock" if name != "memory" else whose)
            label = f"processor: slope {slopes[-1]:.2f}"
            axis.loglog(cells, processor, "s--", color=f"C{k}", label=label, markersize=3)
        rows.append(bench.Row(f"{what}: growth with cells, processor", *slopes, unit="slope"))
        for (of, size), goal in GOALS.items():
            if of == name:
                axis.plot(size, goal, "v", color="0.5", label=f"goal: {goal:g} {unit}")
        axis.set(xlabel="cells", ylabel=unit, title=what)
        axis.legend(fontsize=7)
    axes.flat[-1].axis("off")
    figure.savefig(bench.RESULTS / "scale.svg", metadata={"Date": None})
    return rows


def main(largest: int = 10_000, members: int = 1000) -> None:
    """Measure, print, record and draw."""
    print(f"jobs of {members} cells; load before {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores", flush=True)
    rows: list[bench.Row] = []
    measured: Measured = {name: {} for name in CASES}
    with tempfile.TemporaryDirectory() as name:
        before = pinned(Path(name) / "pinned")
        ours = Project(bench.ROOT, Path(name) / "ours")
        theirs = Project(before, Path(name) / "theirs", frozenset({"cost"}))  # it has no `scoregap plan`
        for cells in (some for some in CELLS if some >= members):
            both = [figures(one, cells, members, cells <= largest) for one in (ours, theirs)]
            for case, now in both[0].items():
                (what, unit), then = CASES[case], both[1].get(case, (None, None))
                measured[case][cells] = [one for one in (now, then) if None not in one]
                goal = GOALS.get((case, cells)) if members == 1000 else None
                rows.append(bench.Row(f"{cells:,} cells: {what}", now[0], then[0], goal, unit))
                if case != "memory":
                    rows.append(bench.Row(f"{cells:,} cells: {what}, processor", now[1], then[1], unit=unit))
                peer = f", at {PINNED} {rows[-1].peer:.3g}" if rows[-1].peer is not None else ""
                print(f"  {rows[-1].case}: {rows[-1].ours:.3g} {unit}{peer}", flush=True)
    rows += draw(measured)
    bench.record("scale", rows, f"revision {PINNED}", f"the goal, of jobs of 1,000; these are of {members}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
