"""How long does a network train until its phase times are right? `make bench FIGURES=time_to_accuracy` records it.

d = 32, m = 12, flat, variances 1 and 0.02 -> processor time until t_max is within 5 % of exact, ours and the paper's

Ours is the study below, trained from the start for every number of steps, as its learning rate falls to zero at the
end; the peer is the authors' recipe (theory.md 5: RAdam, constant rate, batch 128, average over 10,000 steps), which is
measured as it goes on, until it has had GOAL times our time. Both are ensembles of SEEDS seeds on one core, both timed
without evaluations; an error is the median over seeds. A quarter of an hour.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from bench import Row, record

from scoregap.networks import training
from scoregap.networks.covariance import Axes
from scoregap.stages import fit, spectrum, train
from scoregap.study import Cell, load
from scoregap.trained import Trained

GOAL, TOLERANCE, SEEDS = 50, 0.05, 3
TIMES = ("t_open", "t_max", "t_close", "t_consolidation")
STUDY = """\
study: time_to_accuracy
axes:
  {{family: [linear], ambient_dim: [32], manifold_dim: [12], curvature: [0.0],
    network: [exact, {network}], seed: {seeds}}}
manifold: {{groups: [{{fraction: 0.5, std: 1.0}}, {{fraction: 0.5, std: 0.14142136}}]}}
train: {{{train}}}
spectrum: {{times: {{start: 1.0e-4, stop: 30.0, count: 48}}, points: 16}}
fit: {{resamples: 50}}
compare:
  flat: {{t_open: 0.15, t_max: 0.05, t_close: 0.15, t_consolidation: 0.10}}
  curved: {{t_open: 0.25, t_max: 0.10, t_close: 0.25, t_consolidation: 0.25}}
"""
OURS = (
    "steps: {steps}, levels: 32, samples: 8, depth: 1, learning_rate: 1.0e-2, "
    "noise: {{start: 5.0e-5, stop: 60.0, focus: {{start: 0.01, stop: 10.0}}, share: 0.3}}"
)
PAPER = (
    "steps: {steps}, levels: 128, samples: 1, learning_rate: 1.0e-4, preconditioning: epsilon, optimiser: radam, "
    "decay: none, warmup: 0.0, ema: {ema}, noise: {{start: 1.0e-4, stop: 2500.0}}"
)
LENGTHS = (100, 200, 400, 800, 1600, 3200)
PAPER_STEPS, PAPER_EMA = 2_000_000, 10_000  # of the paper; steps that its average remembers


class Task:
    """The cells of a recipe, and what is measured of the exact score. text: a study with these numbers."""

    def __init__(self, folder: Path, text: str, train: str, **numbers):
        self.path = folder / "study.yaml"
        numbers = {"seeds": SEEDS} | numbers
        self.path.write_text(text.format(train=train.format(**numbers), **numbers))
        study = load(self.path)
        cells = list(study.expand(study.axes))
        self.cells = [cell for cell in cells if cell.trained]
        self.exact = [self.measured(cell, {}, {}) for cell in cells if not cell.trained]

    def measured(self, cell: Cell, members: dict, tensors: dict) -> tuple[np.ndarray, np.ndarray]:
        """Of a cell: TIMES, of the gap between the groups and of the final one; eigenvalues (time, point, mode)."""
        spectra = spectrum.measure(cell, Trained(self.path, members, tensors))
        found = fit.fit(cell, spectra)
        times = [float(found[name][-1 if name == "t_consolidation" else 0]) for name in TIMES]
        return np.array(times), spectra["eigenvalue"]

    def error(self, found: tuple[np.ndarray, np.ndarray], exact: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """(TIMES,) |trained / exact - 1| of what `measured` gives; infinite where a time does not exist."""
        return np.nan_to_num(np.abs(found[0] / exact[0] - 1), nan=np.inf)

    def train(self, reports: list[int]) -> Iterator[tuple[int, float, np.ndarray]]:
        """(step, seconds per network so far, errors) after these steps; evaluations are not counted."""
        settings = self.cells[0].training
        start, spent = time.process_time(), 0.0
        truths = [cell.truth() for cell in self.cells]
        data_std, batches = train.begin(self.cells, truths, "cpu")
        axes = train.axes_of(self.cells, truths)
        for progress in training.train(
            train.build(self.cells, data_std, axes), batches, settings.steps, settings.learning_rate, settings.warmup,
            settings.ema, reports, settings.optimiser, settings.decay, beta2=settings.beta2,
            products=settings.products,
        ):  # fmt: skip
            spent += time.process_time() - start
            weights = progress.averaged.network.state_dict()
            yield progress.step, spent / len(self.cells), self.errors(data_std, axes, weights)
            start = time.process_time()

    def errors(self, data_std: list[float], axes: list[Axes] | None, weights: dict[str, torch.Tensor]) -> np.ndarray:
        """Median over seeds of every `error`."""
        keys = [cell.key("train") for cell in self.cells]
        members, tensors = {}, train.named(keys, axes)
        for i, key in enumerate(keys):
            members[key] = {"diverged": False, "data_std": data_std[i]}
            tensors |= {f"{key}/network.{name}": weight[i].numpy().copy() for name, weight in weights.items()}
            tensors |= {f"{key}/curve": np.zeros((1, 4)), f"{key}/levels": np.zeros((1, 1))}
        found = [self.measured(cell, members, tensors) for cell in self.cells]
        return np.median([self.error(*pair) for pair in zip(found, self.exact, strict=True)], axis=0)


def shown(who: str, step: int, seconds: float, errors: np.ndarray) -> tuple[float, np.ndarray]:
    """(seconds, errors), after a line that says so."""
    each = "  ".join(f"{name} {100 * error:.1f} %" for name, error in zip(TIMES, errors, strict=True))
    print(f"{who:6}{step:9} steps {seconds:8.2f} s  {each}", flush=True)
    return seconds, errors


def main() -> None:
    """Both curves, and their ratio."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        curve = []
        for steps in LENGTHS:
            (last,) = Task(folder, STUDY, OURS, network="gated-64", steps=steps).train([steps])
            curve.append(shown("ours", *last))
        needed, errors = next(one for one in curve if one[1][1] <= TOLERANCE)
        task = Task(folder, STUDY, PAPER, network="paper", steps=PAPER_STEPS, ema=PAPER_EMA / PAPER_STEPS)
        for found in task.train(np.geomspace(1000, PAPER_STEPS, 30).round().astype(int).tolist()):
            spent, theirs = shown("paper", *found)
            if spent > GOAL * needed or theirs[1] <= TOLERANCE:
                break
    rows = [Row(f"until t_max is within {TOLERANCE:.0%} (peer off by {theirs[1]:.0%}), s per network", needed, spent)]
    rows += [
        Row(f"error of {name} at that time", 100 * mine, 100 * other, unit="%")
        for name, mine, other in zip(TIMES, errors, theirs, strict=True)
    ]
    record("time_to_accuracy", rows, peer="the authors' recipe, stopped at the time given", limit="none")


if __name__ == "__main__":
    main()
