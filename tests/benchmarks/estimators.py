"""All estimators of the dimension at d = 784, on one U-Net: seconds, evaluations and what they say.

    python tests/benchmarks/estimators.py [STEPS] [POINTS]

The U-Net is trained for a few steps on MNIST (extra `images`) first, and each estimator is then asked alone, at the
same held-out points: nothing is shared. Seconds are of the processor, per point and noise variance. The limit is that
of the whole, ten minutes of two cores (issue 26).
"""

import csv
import itertools
import sys
import tempfile
import time
from pathlib import Path

import bench
import numpy as np

from scoregap import dimensions, trained
from scoregap.measure import SCORE_ESTIMATORS, dimension
from scoregap.stages import train
from scoregap.study import load

STUDY = """\
study: bakeoff
data: {{source: mnist5k, range: [-1, 1], held_out: 0.2}}
axes: {{network: [gaussian, unet-16], dataset_size: [fresh], half: [all], seed: 1}}
train: {{steps: {steps}, levels: 32, samples: 2, depth: 1, device: cpu, noise: {{start: 1.0e-3, stop: 200.0}}}}
spectrum: {{times: {{start: 2.0e-3, stop: 100.0, count: 12}}, points: 2}}
"""
T, GRID = 0.03, (0.003, 0.03, 0.3)  # the plateau needs a grid
MINUTES = 600.0


def last_run() -> list[dict[str, str]]:
    """Rows of the last run that was recorded."""
    with (bench.RESULTS / "estimators.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [row for row in rows if row["date"] == rows[-1]["date"]]


def table() -> str:
    """The same as a table of a page: evaluations, seconds, and what each says."""
    lines = ["| estimator | evaluations | seconds | says |", "|---|---|---|---|"]
    for row, after in itertools.pairwise(last_run()):
        name, _, what = row["case"].partition(", ")
        if after["case"].startswith("  says"):
            lines.append(f"| `{name}` | {what.removesuffix(' evaluations')} | {row['ours']} | {after['ours']} |")
    return "\n".join(lines)


def main(steps: int = 300, points: int = 2) -> None:
    """Train, estimate and record."""
    began, used = time.monotonic(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bakeoff.yaml"
        path.write_text(STUDY.format(steps=steps))
        job = next(job for job in load(path).jobs.values() if job.trained)
        train.run(path, job.id, Path(folder) / "weights.safetensors")
        found = trained.read(path, job, Path(folder) / "weights.safetensors")
        truth = job.first.truth()
        score = found.score(job.first, truth)
        clean = truth.held_out(np.random.default_rng(0), points)
        pictures = truth.training(4000)
    rows = [bench.Row(f"training, {steps} steps", time.process_time() - used, None, None)]
    sizes = dimensions.costs(dimensions.Asked([], points), clean.shape[1], len(GRID))
    for name in SCORE_ESTIMATORS:
        times = GRID if name == dimensions.PLATEAU else T
        start = time.process_time()
        said = dimensions.estimate(score, clean, times, name)
        taken = (time.process_time() - start) / points
        said = said[0] if np.ndim(times) else said
        rows.append(bench.Row(f"{name}, {sizes[name]} evaluations", taken))
        rows.append(bench.Row("  says, mean over points", float(said.mean()), unit="1"))
    start = time.process_time()
    said = dimension.local_pca(pictures, 100, np.arange(100))
    rows += [
        bench.Row(f"local_pca, {len(pictures)} pictures", time.process_time() - start),
        bench.Row("  says, median over points", said, unit="1"),
        bench.Row("all of it: wall", time.monotonic() - began, None, MINUTES),
        bench.Row("  processor", time.process_time() - used, None, 2 * MINUTES),
    ]
    bench.record("estimators", rows, "none", "ten minutes of two cores")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
