"""The score of a model that a study declares: somebody else's network, in its own precision.

`models.Loaded` -> Score, after a check that its Jacobian is one

Reverse mode throughout: attention has no forward mode on a CPU. Products G v, where a method needs them, are central
differences. Points and schedules are float64; only the network itself runs in its own type.
"""

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from scoregap import InputError, bound, plugins
from scoregap.data.capabilities import Centred
from scoregap.models import Declared, schedules
from scoregap.models.base import Loaded
from scoregap.pictures import axes_refusal
from scoregap.scores import Source
from scoregap.scores.base import Score, Traced
from scoregap.scores.traces import hutchinson

CHUNK = 32  # rows of a Jacobian at once, and so copies of a point; more gain nothing and take memory
ENTRIES, ENTRIES_BACK = 2**15, 2**10  # of points that are evaluated at once, and whose Jacobians are computed at once
STEP = 0.03  # of central differences, as a share of sqrt(t)
DIFFERENT = 0.05  # relative difference of two products that no rounding explains


class Model(Score):
    """A model as a score. d: dimension of the points. interpolates: between its own levels, instead of at the nearest.

    mean: (d,) what is added to points before the model sees them. refused: (key, allowed, value, problem) -> an
    InputError that says which score of which study it is.
    """

    def __init__(
        self, loaded: Loaded, d: int, interpolates: bool = False, mean: np.ndarray | None = None,
        refused: Callable[..., InputError] = lambda key, allowed, value=None, problem="": InputError(
            problem, key=key or "model", value=value, allowed=allowed
        ),
    ):  # fmt: skip
        self.loaded, self.interpolates, self.refused = loaded, interpolates, refused
        self._of_times: dict[bytes, list[Tensor]] = {}
        self.shape = loaded.shape or (d,)
        self.mean = torch.zeros(d) if mean is None else torch.tensor(mean, dtype=torch.float64)
        if np.prod(self.shape) != d:
            self._refuse(f"the data have dimension {d}", self.shape, f"the shape {self.shape} is not allowed", "shape")

    @classmethod
    def of(cls, source: Source) -> "Model":
        """The score of a cell whose study declares it."""
        declared = source.declared
        assert isinstance(declared, Declared)
        torch.set_num_threads(1)  # one core per job
        mean = source.data.mean if isinstance(source.data, Centred) else None
        interpolates = declared.settings.levels == "interpolate"
        if says := axes_refusal(source.shape, declared.loaded.shape):
            raise declared.refused("shape", says, list(declared.loaded.shape))
        return cls(declared.loaded, source.data.dim, interpolates, mean, declared.refused)

    def times(self, t: np.ndarray) -> np.ndarray:
        """The nearest levels in log t, or t itself. Raises InputError outside the noise that the model knows."""
        t, schedule = np.asarray(t, float), self.loaded.schedule
        outside = (t < schedule.least) | (t > schedule.most)
        if outside.any():
            own = schedule.levels
            least, most = (schedule.least, schedule.most) if own is None else own[[0, -1]]
            ends = f"from {bound(least, 6)} to {bound(most, 6, most=True)}"
            first = float(t[outside][0])
            self._refuse(f"its noise variances are {ends}", first, f"t = {first:.6g} is not allowed")
        if self.interpolates or schedule.levels is None:
            return t
        logs = np.log(schedule.levels)
        return schedule.levels[np.searchsorted((logs[1:] + logs[:-1]) / 2, np.log(t))]

    @property
    def reach(self) -> tuple[float, float]:
        """Smallest and largest noise variance that the model knows."""
        return self.loaded.schedule.least, self.loaded.schedule.most

    @torch.no_grad()
    def denoise(self, x: np.ndarray, t) -> np.ndarray:
        """Denoised points (n, d)."""
        t, some = np.broadcast_to(t, x.shape[:1]), self._at_once(ENTRIES)
        parts = [
            self._denoised(_tensor(x[i : i + some]), t[i : i + some]).numpy() for i in range(0, max(1, len(x)), some)
        ]
        return np.concatenate(parts)

    def jacobian(self, x: np.ndarray, t) -> tuple[np.ndarray, np.ndarray]:
        """Denoised points (n, d) and G (n, d, d), by reverse mode."""
        t, some = np.broadcast_to(t, x.shape[:1]), self._at_once(ENTRIES_BACK)
        basis, parts = torch.eye(x.shape[1], dtype=torch.float64)[:, None], []
        for i in range(0, len(x), some):
            mine = x[i : i + some]
            parts.append(self._back(mine, t[i : i + some], basis.expand(-1, *mine.shape)).movedim(0, 1).numpy())
        return self.denoise(x, t), np.concatenate(parts) if parts else np.empty((*x.shape, x.shape[1]))

    def products(self, x: np.ndarray, t: float):
        """(v -> G v, v -> G' v) at one point x (d,), for rows (k, d): by central differences, and by reverse mode."""
        step = STEP * np.sqrt(t)

        def forward(rows: np.ndarray) -> np.ndarray:
            lengths = np.linalg.norm(rows, axis=1, keepdims=True)
            away = step * rows / np.where(lengths > 0, lengths, 1)
            both = self.denoise(np.concatenate([x + away, x - away]), t).reshape(2, *rows.shape)
            return (both[0] - both[1]) / (2 * step) * lengths

        return forward, lambda rows: self._back(x[None], np.full(1, t), _tensor(rows)[:, None])[:, 0].numpy()

    def traced(self, x: np.ndarray, t, probes: np.ndarray) -> Traced:
        """tr G by reverse mode, and its standard error."""

        def evaluate(x: np.ndarray, t: np.ndarray) -> tuple[Tensor, Tensor]:
            points = _tensor(x).requires_grad_()
            return points, self._denoised(points, t)

        return hutchinson(evaluate, x, t, probes)

    def check(self, x: np.ndarray, t: np.ndarray) -> None:
        """Whether it is a function whose Jacobian is the one measured: at noisy points (T, d), one for every t (T,).

        Equal calls give equal outputs, a point is answered from its own alone, a product with the Jacobian is what a
        central difference says, and what the model is told of the noise changes its output. Raises InputError.
        """
        t, levels, probe = self.times(t), [], np.random.default_rng(0).standard_normal(x.shape)
        for k in range(len(t)):
            here = f"at t = {t[k]:.4g}"
            two = x[[k, (k + 1) % len(x)]]
            once, again, alone = self._raw(two, t[k]), self._raw(two, t[k]), self._raw(two[:1], t[k])
            if not np.isfinite(once).all():
                self._refuse("should be finite", problem=f"the output {here} is not finite")
            if _apart(once, again):
                self._refuse("should be the same: is it in training mode, or does it draw random numbers?",
                             problem=f"two equal calls {here} give different outputs")  # fmt: skip
            if _apart(once[:1], alone):
                self._refuse("should be of its own alone: is it in training mode?",
                             problem=f"the output of a point {here} depends on the other points")  # fmt: skip
            levels.append(self._checked_product(x[k], t[k], probe[k], here))
            for other in self._neighbours(t, k):
                if levels[k] > 0 and (self._raw(x[[k]], t[k]) == self._raw(x[[k]], t[k], told=other)).all():
                    self._refuse("should depend on it: is it cut to whole steps?",
                                 problem=f"what it is told of the noise at t = {t[k]:.6g} and {other:.6g} changes "
                                 "nothing")  # fmt: skip

    def _neighbours(self, t: np.ndarray, k: int) -> np.ndarray:
        """Other noise variances, of which a model is told something else than of t[k]: own levels on both sides of it,
        where it is between them, or else the next of t."""
        own = self.loaded.schedule.levels
        if own is None or not self.interpolates:
            return t[k + 1 : k + 2][t[k + 1 : k + 2] != t[k]]
        place = int(np.searchsorted(own, t[k]))
        sides = own[max(0, place - 1) : place + 1]
        return sides[(own[0] < t[k]) & (t[k] < own[-1]) & (sides != t[k])]

    def _checked_product(self, x: np.ndarray, t: float, u: np.ndarray, here: str) -> float:
        """|G u| by a central difference, after it was compared with reverse mode."""

        def difference(share: float) -> np.ndarray:
            step = share * np.sqrt(t)
            return np.subtract(*self.denoise(np.stack([x + step * u, x - step * u]), t)) / (2 * step)

        measured, finer = difference(STEP), difference(STEP / 2)
        length = float(np.linalg.norm(measured))
        direction = measured / length if length > 0 else u / np.linalg.norm(u)
        try:
            row = self._back(x[None], np.full(1, t), _tensor(direction)[None, None])[0, 0].numpy()
        except RuntimeError as error:  # of a forward under inference_mode, or of an operation without a derivative
            self._refuse("should have a derivative: is its forward under no_grad or inference_mode?",
                         problem=f"cannot be differentiated {here}: {' '.join(str(error).split())}")  # fmt: skip
        product = float(row @ u)
        rounding = torch.finfo(self.loaded.dtype).eps * np.linalg.norm(np.abs(x) + np.sqrt(t)) / (STEP * np.sqrt(t))
        doubt = 2 * np.linalg.norm(measured - finer) + 20 * rounding
        if not abs(product - length) <= DIFFERENT * max(abs(product), length) + doubt:
            self._refuse(
                "should be equal: is its forward, or a part of it, under no_grad or inference_mode?",
                problem=f"the Jacobian {here} is not that of the output: a product is {product:.4g} by reverse mode, "
                f"{length:.4g} by a central difference",
            )
        return length

    def _at_once(self, entries: int) -> int:
        return max(1, entries // len(self.mean))

    @torch.no_grad()
    def _raw(self, x: np.ndarray, t: float, told: float | None = None) -> np.ndarray:
        """Outputs of the network itself at points (n, d) of noise variance t; told another one."""
        scale, known, *_ = self._known(np.full(len(x), t))
        known = known if told is None else self._known(np.full(len(x), told))[1]
        return self._call(scale[:, None] * (_tensor(x) + self.mean), known).numpy()

    def _known(self, t: np.ndarray) -> list[Tensor]:
        """Scale of the input, what the model is told, and what its output means, (n,) each, at t (n,)."""
        own, place = np.unique(self.times(t), return_inverse=True)
        if (key := own.tobytes()) not in self._of_times:  # some schedules have no formula, and times are few
            scale, told = self.loaded.schedule.scale(own), self.loaded.schedule.told(own)
            means = schedules.coefficients(self.loaded.predicts, own, scale, self.loaded.sigma_data)
            self._of_times[key] = [_tensor(one) for one in (scale, told, *means)]
        return [one[place] for one in self._of_times[key]]

    def _denoised(self, x: Tensor, t: np.ndarray) -> Tensor:
        """D (n, d) of points (n, d) at t (n,), differentiable."""
        scale, told, skip, out = (one[:, None] for one in self._known(t))
        own = x + self.mean
        return skip * own + out * self._call(scale * own, told[:, 0]) - self.mean

    def _call(self, inputs: Tensor, told: Tensor) -> Tensor:
        """Outputs (n, d) of the network for inputs (n, d), through its own shape and type. It has a copy of them."""
        of = self.loaded
        points = inputs.reshape(-1, *self.shape).to(of.dtype, copy=True)
        try:
            found: Any = of.network(points, told.to(of.dtype))
        except Exception as error:  # whatever the code of somebody else raises
            problem = f"fails for points of shape {tuple(points.shape)}: {plugins.told(error)}"
            raise self.refused("", "should answer like its points", problem=problem) from error
        if not isinstance(found, Tensor) or found.shape != points.shape:
            said = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            self._refuse(f"should be like its points, {tuple(points.shape)}", problem=f"the output is {said}")
        if not found.is_floating_point():
            self._refuse("should be real numbers of floating point", problem=f"the output is {found.dtype}")
        return found.double().reshape(inputs.shape)

    def _back(self, x: np.ndarray, t: np.ndarray, rows: Tensor) -> Tensor:
        """Products G' row of the Jacobians at points (n, d), t (n,) with rows (k, n, d), by copies of the points.

        It is ordinary differentiation, whatever the model is made of; at d = 3,072 it takes 1.5 times what batched
        cotangents take (`torch.func.vmap`), for which some operations have no rule.
        """
        parts = []
        for part in rows.split(CHUNK):
            with torch.enable_grad():
                points = _tensor(x).repeat(len(part), 1).requires_grad_()
                means = self._denoised(points, np.tile(t, len(part)))
            found = torch.zeros_like(points)
            if means.requires_grad:
                (found,) = torch.autograd.grad(means, points, part.reshape(points.shape))
            parts.append(found.reshape(part.shape))
        return torch.cat(parts)

    def _refuse(self, allowed: str, value: Any = None, problem: str = "", key: str = "") -> NoReturn:
        raise self.refused(key, allowed, value, problem)


def _tensor(array: np.ndarray) -> Tensor:
    return torch.tensor(array, dtype=torch.float64)


def _apart(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether outputs differ by more than another order of additions makes them."""
    return bool(np.abs(one - other).max() > 1e-4 * (np.abs(one).max() + 1e-12))
