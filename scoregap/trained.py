"""The scores of a job's cells, those of trained ones from its weights.

study, job, weights file -> what training left of every cell, and the score of every cell
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from scoregap import InputError, scores
from scoregap.runtime import devices
from scoregap.scores.base import HasCheck, Score
from scoregap.store.files import damaged
from scoregap.store.weights import OF_TRAINED, read_weights
from scoregap.study import Cell, Job


class Trained(NamedTuple):
    """What the weights file of a job of a study holds, as `read_weights` gives it; nothing of an untrained one.

    study: its file, which an error about the device names; path: of the weights.
    """

    study: Path
    members: dict[str, dict] = {}  # noqa: RUF012
    tensors: dict[str, np.ndarray] = {}  # noqa: RUF012
    path: Path | None = None

    def diverged(self, cell: Cell) -> bool:
        """Whether the cell was trained, and has no score."""
        return cell.trained and self.members[cell.key("train")]["diverged"]

    def curves(self, cell: Cell) -> dict[str, np.ndarray]:
        """Variables of the cube that training made of the cell; none if it was not trained."""
        if not cell.trained:
            return {}
        key = cell.key("train")
        columns = zip(("step", "loss", "excess", "flops"), self.tensors[f"{key}/curve"].T, strict=True)
        names = {"levels": "training_excess_by_level", "position": "training_position"}
        names |= {"position_residual": "training_position_residual"}
        return {f"training_{name}": column for name, column in columns} | {
            variable: self.tensors[f"{key}/{name}"]
            for name, variable in names.items()
            if f"{key}/{name}" in self.tensors
        }

    def score(self, cell: Cell, data: Any) -> Score:
        """The cell's score. data: the cell's own. Raises InputError if the device is not there, or a model is wrong."""
        source = scores.Source(data, cell.dataset, lambda: self.denoiser(cell), cell.declared, cell.shape)
        score = scores.load(cell["network"], source)
        if isinstance(score, HasCheck) and cell.declared:
            once = data.dim, tuple(cell.spectrum.times.values)
            if once not in cell.declared.checked:
                score.check(*self._noisy(cell, data))
                cell.declared.checked.add(once)
        return score

    @staticmethod
    def _noisy(cell: Cell, data: Any) -> tuple[np.ndarray, np.ndarray]:
        """A noisy point (T, d) for every noise variance (T,) of the spectra."""
        rng, t = np.random.default_rng(cell.seed("check")), cell.spectrum.times.values
        some, _ = data.sample(rng, min(len(t), cell.spectrum.points))  # data from a file may have no more
        clean = np.resize(some, (len(t), data.dim))
        return clean + np.sqrt(t)[:, None] * rng.standard_normal(clean.shape), t

    def denoiser(self, cell: Cell):
        """The trained denoiser of one cell, an ensemble of one on the study's device."""
        import torch

        from scoregap.scores import network

        torch.set_num_threads(1)
        key = cell.key("train")
        start = f"{key}/network."
        weights = {name.removeprefix(start): array for name, array in self.tensors.items() if name.startswith(start)}
        data_std, axes = self.members[key]["data_std"], network.axes_among(self.tensors, key)
        try:
            restored = network.member(cell["network"], cell.dim, cell.training, data_std, weights, axes, cell.shape)
        except InputError as error:
            assert self.path
            raise damaged(self.path, f"is damaged: {error.allowed}") from error
        return restored.to(devices.take(self.study, cell.training.device))


def read(study: Path, job: Job, weights: Path | None) -> Trained:
    """What training left of a job. Raises InputError if the weights are missing, or not of this job as it is now."""
    if not job.trained:
        return Trained(study)
    if weights is None:
        raise InputError(
            f"job {job.id!r} was trained: weights are needed", file=study, value=job.id, allowed="pass --weights FILE"
        )
    members, tensors = read_weights(weights, OF_TRAINED)
    for cell in job.cells:
        if "diverged" not in members.get(cell.key("train"), {}):  # which a checkpoint does not say
            raise InputError(
                f"is not of this study as it is now (seed {cell['seed']} is missing)",
                file=weights,
                allowed="rerun train",
            )
    return Trained(study, members, tensors, weights)
