"""What does a large study cost beside its computing? Prints cells x (planning, workflow); `make scale` runs it.

Planning is `snakemake -n`: wall time and peak memory. Workflow is `scoregap run` to the cube, comparison and report of
a study without training, whose jobs compute their first cell only and give the others its result: what is left is
planning, scheduling, starting processes, writing and gathering files. From 10,000 cells on it takes minutes;
`make scale CELLS=100000` also runs that one (a quarter of an hour, two cores). Jobs are of MEMBERS cells, 100 if it is
not given; a study without a key `batch` has larger ones.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import patched

ROOT = Path(__file__).resolve().parents[1]
CELLS = (100, 1_000, 10_000, 100_000)
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


def study(folder: Path, cells: int, members: int, network: str = "exact") -> Path:
    """A study of that many of the smallest cells, in jobs of so many members."""
    path = folder / "scale.yaml"
    stds = [round(0.01 + 1e-5 * i, 8) for i in range(cells // members)]
    path.write_text(STUDY.format(stds=stds, network=network, members=members))
    return path


def measured(command: list[str]) -> tuple[float, float]:
    """Wall time in s and peak memory in MB of a command, without its children's."""
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit status {process.returncode}")
    return time.perf_counter() - start, usage.ru_maxrss / 1000


def plan(folder: Path, cells: int, members: int, network: str) -> tuple[float, float]:
    """Wall time and memory of planning a study of which nothing is done."""
    path = study(folder, cells, members, network)
    return measured(
        [
            sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "--snakefile", str(ROOT / "Snakefile"),
            "--workflow-profile", str(ROOT / "workflow" / "profiles" / "default"),
            "--config", f"study={path}", f"results={folder / 'nothing'}",
        ],
    )  # fmt: skip


def workflow(folder: Path, cells: int, members: int) -> float:
    """Wall time of a whole run that computes one cell of each job."""
    path = study(folder, cells, members)
    changes = {module: ONE_CELL_ONLY.format(compute=compute) for module, compute in STAGES.items()}
    command = [patched.python(folder, changes), "-m", "scoregap", "run", str(path)]
    return measured([*command, "--results", str(folder / "results")])[0]


def main(largest: int = 10_000, members: int = 100) -> None:
    """The table, line by line as it is measured."""
    print(f"jobs of {members} cells; {os.cpu_count()} cores; load before {os.getloadavg()[0]:.1f}")
    print("   cells  plan, exact only     plan, trained        workflow, exact only  per cell")
    for cells in (some for some in CELLS if some >= members):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            plans = [plan(folder, cells, members, network) for network in ("exact", "gated-2")]
            line = "".join(f"{wall:8.1f} s {memory:6.0f} MB  " for wall, memory in plans)
            print(f"{cells:8}{line}", end="", flush=True)
            if cells <= largest:
                wall = workflow(folder, cells, members)
                print(f"{wall:16.0f} s {1000 * wall / cells:10.1f} ms", end="")
            print(flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
