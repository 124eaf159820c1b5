"""The score of a trained network: a member of an ensemble, restored from its weights.

weights of a member -> denoiser -> Score
"""

import numpy as np
import torch

from scoregap import InputError
from scoregap.networks import analytic, jacobian
from scoregap.networks import ensemble as ensembles
from scoregap.networks.covariance import Axes
from scoregap.networks.denoiser import Denoiser
from scoregap.scores import Source
from scoregap.scores.base import Score, Traced
from scoregap.scores.traces import hutchinson


class Network(Score):
    """A denoiser as a score, in float32 on the denoiser's device.

    denoiser: a torch module, x (1, levels, n, d), t (1, levels) -> denoised points like x.
    """

    def __init__(self, denoiser):
        self.denoiser = denoiser
        self.device = next(denoiser.parameters()).device

    @classmethod
    def of(cls, source: Source) -> "Network":
        """The score of a trained cell."""
        return cls(source.denoiser())

    @torch.no_grad()
    def denoise(self, x: np.ndarray, t) -> np.ndarray:
        """Denoised points (n, d)."""
        levels, variances = by_level(x, t)
        denoised = self.denoiser(self._tensor(levels)[None], self._tensor(variances)[None])[0]
        return denoised.double().cpu().numpy().reshape(x.shape)

    def jacobian(self, x: np.ndarray, t) -> tuple[np.ndarray, np.ndarray]:
        """Denoised points (n, d) and exact G (n, d, d)."""
        levels, variances = by_level(x, t)
        mean, found = analytic.network_jacobian(self.denoiser, self._tensor(levels), self._tensor(variances))
        return mean.reshape(x.shape), found.reshape(*x.shape, x.shape[1])

    def products(self, x: np.ndarray, t: float):
        """(v -> G v, v -> G' v) at one point x (d,), for rows (k, d), by automatic differentiation."""
        level = self._tensor(np.full((1, 1), t))
        return jacobian.products(lambda points: self.denoiser(points[None, None], level)[0, 0], self._tensor(x))

    def traced(self, x: np.ndarray, t, probes: np.ndarray) -> Traced:
        """tr G by reverse mode, and its standard error."""

        def evaluate(x: np.ndarray, t: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
            levels, variances = by_level(x, t)
            points = self._tensor(levels)[None].requires_grad_()
            return points, self.denoiser(points, self._tensor(variances)[None])

        return hutchinson(evaluate, x, t, probes)

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.tensor(array, dtype=torch.float32, device=self.device)


def by_level(x: np.ndarray, t) -> tuple[np.ndarray, np.ndarray]:
    """Points (levels, n, d) and noise variances (levels,), for networks that are told the noise once per level.

    Points of the same t that stand together share a level, if all levels have as many; else each has its own.
    """
    t = np.broadcast_to(np.asarray(t, float), x.shape[:1])
    starts = np.flatnonzero(np.diff(t, prepend=np.nan))
    if len(set(np.diff(starts, append=len(t)))) > 1:
        starts = np.arange(len(t))
    return x.reshape(len(starts), len(x) // max(1, len(starts)), x.shape[1]), t[starts]


def ensemble(
    name: str, dim: int, training, data_std: list[float], seeds: list[int], axes: list[Axes] | None = None,
    shape: tuple[int, ...] | None = None,
) -> Denoiser:  # fmt: skip
    """An untrained ensemble, one member per seed. name: of the axis network; training: a study's section train.

    data_std: (members,) root mean variance of their data. axes: of every member's, for covariance. shape: of a point,
    if it is not (dim,).
    """
    network = ensembles.build(name, seeds, dim, training.depth, shape)
    noise_range = (training.noise.start, training.noise.stop)
    return Denoiser(
        network, data_std, noise_range, training.preconditioning, training.schedule, axes, training.own_below
    )


def member(
    name: str, dim: int, training, data_std: float, weights: dict[str, np.ndarray], axes: Axes | None = None,
    shape: tuple[int, ...] | None = None,
) -> Denoiser:  # fmt: skip
    """The denoiser of a trained member, an ensemble of one. weights: the state of its network, from training; raises
    InputError if they are of another one."""
    denoiser = ensemble(name, dim, training, [data_std], [0], axes and [axes], shape)
    state = {key: torch.from_numpy(np.asarray(array)[None]) for key, array in weights.items()}
    own = {key: one.shape for key, one in denoiser.network.state_dict().items()}
    if own != {key: one.shape for key, one in state.items()}:
        raise InputError(key="weights", value=sorted(state), allowed=f"its weights are not of the network {name}")
    denoiser.network.load_state_dict(state)
    return denoiser.requires_grad_(False)


def axes_among(tensors: dict[str, np.ndarray], key: str) -> Axes | None:
    """The axes of a member among its tensors, from training; None if it has none."""
    names = [f"{key}/{name}" for name in Axes._fields]
    return Axes(*(tensors[name] for name in names)) if names[0] in tensors else None
