"""Peak memory of the spectrum stage, beside what the Jacobians of one chunk of points take.

Ours: the largest resident memory of a process that measures a job of a study, as the machine counts it, less that of
one which measures the smallest chunk there is. Limit: the Jacobians of as many points as are held at once, in float64.
Peer: the Jacobians of all points of all times, which the stage never holds. Of traces the limit is the points alone.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import bench

from scoregap.scores.base import ENTRIES, at_once
from scoregap.study import load

CASES = (  # network, d, times, points
    ("exact", 32, 40, 64),
    ("exact", 256, 40, 64),
    ("exact", 1000, 20, 16),
    ("gated-64", 32, 40, 64),
    ("gated-64", 256, 20, 32),
    ("gated-64", 1000, 8, 4),
)
STUDY = """\
study: memory
axes: {{family: [linear], ambient_dim: [{d}], manifold_dim: [4], curvature: [0.0], network: [{network}], seed: 1}}
manifold: {{groups: [{{fraction: 0.5, std: 1.0}}, {{fraction: 0.5, std: 0.1}}]}}
train: {{steps: 10, levels: 4, samples: 2, depth: 2, noise: {{start: 1.0e-4, stop: 200.0}}}}
spectrum: {{times: {{start: 1.0e-3, stop: 100.0, count: {times}}}, points: {points}}}
compare:
  flat: {{t_open: 0.15, t_max: 0.05, t_close: 0.15, t_consolidation: 0.10}}
  curved: {{t_open: 0.25, t_max: 0.10, t_close: 0.25, t_consolidation: 0.25}}
"""
MEASURE = """
import sys
from pathlib import Path
from scoregap import trial
from scoregap.scores import base
from scoregap.stages import spectrum
from scoregap.study import load
from scoregap.trained import Trained
path, base.ENTRIES = Path(sys.argv[1]), int(sys.argv[2])
cell = next(iter(load(path).jobs.values())).first
spectrum.measure(cell, trial.Untrained(path) if cell.trained else Trained(path))
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


def peak(network: str, d: int, times: int, points: int, entries: int = ENTRIES) -> float:
    """Peak memory of a process that measures one cell, bytes. entries: of Jacobians that it holds at once."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "study.yaml"
        path.write_text(STUDY.format(network=network, d=d, times=times, points=points))
        load(path)
        run = [sys.executable, "-c", MEASURE, str(path), str(entries)]
        return 1024.0 * int(subprocess.run(run, capture_output=True, text=True, check=True).stdout)


def row(network: str, d: int, times: int, points: int) -> bench.Row:
    """What measuring so many points takes beside the smallest study of the same score, MB."""
    ours = peak(network, d, times, points) - peak(network, 8, 8, 2)
    matrix = 8 * d**2 / 1e6
    held = min(times * points, at_once(d))
    case = f"spectra of {network}, d {d}, {times} x {points} points, {held} at once"
    return bench.Row(case, ours / 1e6, times * points * matrix, held * matrix, "MB")


def main() -> None:
    """Measure and record."""
    rows = [row(*case) for case in CASES]
    bench.record("memory", rows, "the Jacobians of all points", "the Jacobians of the points held at once")


if __name__ == "__main__":
    main()
