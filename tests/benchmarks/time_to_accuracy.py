"""How long does a network train until its phase times are right? `make bench FIGURES=time_to_accuracy` records it.

d = 32, m = 12, two variances (1 and 0.02), flat -> processor time until t_max is within 5 % of exact, ours and the paper's

Ours is the study below, trained from the start for every number of steps, as its learning rate falls to zero at the
end; the peer is the authors' recipe (PAPER.md: RAdam, constant rate, batch 128, average over 10,000 steps), which is
measured as it goes on, until it has had GOAL times our time. Both are ensembles of SEEDS seeds on one core, both timed
without evaluations; an error is the median over seeds. A quarter of an hour.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from bench import Row, record

from scoregap.measure import training
from scoregap.stages import fit, spectrum, train
from scoregap.study import Cell, load

GOAL, TOLERANCE, SEEDS = 50, 0.05, 3
TIMES = ("t_open", "t_max", "t_close", "t_consolidation")
STUDY = """\
study: time_to_accuracy
axes: {{family: [linear], ambient_dim: [32], manifold_dim: [12], curvature: [0.0], network: [exact, {network}], seed: {seeds}}}
manifold: {{groups: [{{fraction: 0.5, std: 1.0}}, {{fraction: 0.5, std: 0.14142136}}]}}
train: {{{train}}}
spectrum: {{times: {{start: 1.0e-4, stop: 30.0, count: 48}}, points: 16}}
fit: {{resamples: 50}}
compare:
  flat: {{t_open: 0.15, t_max: 0.05, t_close: 0.15, t_consolidation: 0.10}}
  curved: {{t_open: 0.25, t_max: 0.10, t_close: 0.25, t_consolidation: 0.25}}
"""
OURS = (
    "gated-64",
    "steps: {steps}, levels: 32, samples: 8, depth: 1, learning_rate: 1.0e-2, "
    "noise: {{start: 5.0e-5, stop: 60.0, focus: {{start: 0.01, stop: 10.0}}, share: 0.3}}",
)
PAPER = (
    "paper",
    "steps: {steps}, levels: 128, samples: 1, learning_rate: 1.0e-4, preconditioning: epsilon, optimiser: radam, "
    "decay: none, warmup: 0.0, ema: {ema}, noise: {{start: 1.0e-4, stop: 2500.0}}",
)
LENGTHS = (100, 200, 400, 800, 1600, 3200)
PAPER_STEPS, PAPER_EMA = 2_000_000, 10_000  # of the paper; steps that its average remembers


class Task:
    """The cells of a recipe, and the phase times of the exact score."""

    def __init__(self, folder: Path, recipe: tuple[str, str], **numbers):
        network, text = recipe
        self.path = folder / "study.yaml"
        self.path.write_text(STUDY.format(network=network, seeds=SEEDS, train=text.format(**numbers)))
        cells = list(load(self.path).expand())
        self.cells = [cell for cell in cells if cell.trained]
        self.exact = np.array([self.times(cell, {}, {}) for cell in cells if not cell.trained])

    def times(self, cell: Cell, members: dict, tensors: dict) -> list[float]:
        """Phase times of a cell: of the gap between the groups, and of the final one."""
        found = fit.fit(cell, spectrum.measure(self.path, cell, members, tensors))
        return [float(found[name][-1 if name == "t_consolidation" else 0]) for name in TIMES]

    def errors(self, members: dict, tensors: dict) -> np.ndarray:
        """(TIMES,) median over seeds of |trained / exact - 1|; infinite where a time does not exist."""
        found = np.array([self.times(cell, members, tensors) for cell in self.cells])
        return np.median(np.nan_to_num(np.abs(found / self.exact - 1), nan=np.inf), axis=0)


def ours(folder: Path) -> list[tuple[float, np.ndarray]]:
    """(seconds per network, errors) of every length."""
    found = []
    for steps in LENGTHS:
        task = Task(folder, OURS, steps=steps)
        start = time.process_time()
        weights = train.train(task.cells, torch.device("cpu"))
        found.append((((time.process_time() - start) / SEEDS), task.errors(*weights)))
        say("ours", steps, *found[-1])
    return found


def paper(folder: Path, limit: float) -> list[tuple[float, np.ndarray]]:
    """(seconds per network, errors) as training goes on, to the first report after `limit` seconds."""
    task = Task(folder, PAPER, steps=PAPER_STEPS, ema=PAPER_EMA / PAPER_STEPS)
    found, spent, start = [], 0.0, time.process_time()
    for progress in train_by(task, np.geomspace(500, PAPER_STEPS, 40).round().astype(int)):
        spent += time.process_time() - start
        found.append((spent / SEEDS, task.errors(*weights_of(task, progress.averaged))))
        say("paper", progress.step, *found[-1])
        if spent / SEEDS > limit:
            return found
        start = time.process_time()
    return found


def say(who: str, steps: int, seconds: float, errors: np.ndarray) -> None:
    """A line of the table as it is measured."""
    print(f"{who:6}{steps:9} steps {seconds:8.2f} s  " + "  ".join(f"{n} {100 * e:.1f} %" for n, e in zip(TIMES, errors, strict=True)), flush=True)
