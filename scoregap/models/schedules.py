"""How a model has noise: what it is told of it, how its input is scaled, and what its output means, in float64.

noise variances t of x = x_0 + sqrt(t) w -> scale a of the input a x; what the model is told; D = skip x + out F

A model that sees x_m = alpha x_0 + sigma w sees alpha x at t = (sigma / alpha)^2. `Schedule.levels` are the t at which
it was trained, where these are some only, as the 1,000 steps of DDPM are (Ho et al. 2020): abar_k is the product of
1 - beta up to k, and t_k = (1 - abar_k) / abar_k. `told` are the numbers that it knows them by.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from scoregap.models import SCHEDULES

BETAS = {"linear": (1e-4, 0.02), "scaled_linear": (1e-4, 0.02), "cosine": (0.0, 0.999)}  # the first and the last

BISECTIONS = 64


class Schedule(NamedTuple):
    """scale: t -> a (n,). told: t -> what the model is told (n,). levels: (K,) its own t, ascending; None for all.

    least, most: the smallest and the largest t that it knows.
    """

    scale: Callable[[np.ndarray], np.ndarray]
    told: Callable[[np.ndarray], np.ndarray]
    levels: np.ndarray | None = None
    least: float = 0.0
    most: float = math.inf


def preserving(t: np.ndarray) -> np.ndarray:
    """alpha of a process with alpha^2 + sigma^2 = 1."""
    return 1 / np.sqrt(1 + t)


def straight(t: np.ndarray) -> np.ndarray:
    """alpha of flow matching, x_u = (1 - u) x_0 + u w: 1 - u."""
    return 1 / (1 + np.sqrt(t))


def of_levels(levels: np.ndarray, told: np.ndarray, scale: Callable[[np.ndarray], np.ndarray]) -> Schedule:
    """A schedule of some levels t (K,), ascending, which the model knows as told (K,); between them interpolated.

    A model answers for the t that are nearest to one of its levels: as far beyond its ends as to half a step.
    """
    logs = np.log(levels)
    half = np.diff(logs)[[0, -1]] / 2 if len(levels) > 1 else np.zeros(2)
    return Schedule(
        scale,
        lambda t: np.interp(np.log(t), logs, told),
        levels,
        float(np.exp(logs[0] - half[0])),
        float(np.exp(logs[-1] + half[1])),
    )


def of_alphas(alphas: np.ndarray) -> Schedule:
    """A schedule of abar_k (K,), descending, told k; without steps at which nothing of the data is left."""
    kept = alphas > 0
    levels = (1 - alphas[kept]) / alphas[kept]
    return of_levels(levels, np.flatnonzero(kept).astype(float), preserving)


def alphas(name: str, steps: int, first: float, last: float) -> np.ndarray:
    """abar_k (steps,) of betas that rise from first to last, linearly or with linear roots, or of a cosine.

    `cosine`: Nichol and Dhariwal 2021, whose beta is capped at `last`.
    """
    if name == "linear":
        beta = np.linspace(first, last, steps)
    elif name == "scaled_linear":
        beta = np.linspace(first**0.5, last**0.5, steps) ** 2
    else:
        bars = np.cos((np.arange(steps + 1) / steps + 0.008) / 1.008 * math.pi / 2) ** 2
        beta = np.minimum(1 - bars[1:] / bars[:-1], last)
    return np.cumprod(1 - beta)


def without_signal(alphas: np.ndarray) -> np.ndarray:
    """abar_k shifted and scaled so that the last is 0 (Lin et al. 2023, algorithm 1)."""
    roots = np.sqrt(alphas)
    return ((roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])) ** 2


def of_scales(scales: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]) -> Schedule:
    """A schedule of alpha and sigma as functions of a clock from 0 to 1, over which sigma / alpha rises.

    The model is told the clock, which is found by bisection.
    """

    def logs(clock: np.ndarray) -> np.ndarray:
        alpha, sigma = scales(clock)
        return 2 * np.log(sigma / alpha)

    def clock(t: np.ndarray) -> np.ndarray:
        low, high = np.zeros_like(t), np.ones_like(t)
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            above = logs(middle) > np.log(t)
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        return (low + high) / 2

    least, most = np.exp(logs(np.array([0.0, 1.0])))
    return Schedule(lambda t: scales(clock(t))[0], clock, None, float(least), float(most))


def named(name: str, steps: int = 1000, betas: tuple[float, float] | None = None, sigma_data: float = 0.5) -> Schedule:
    """The schedule of this name. steps, betas: of those with levels. sigma_data: of `edm`."""
    if name in BETAS:
        return of_alphas(alphas(name, steps, *(betas or BETAS[name])))
    assert name in SCHEDULES
    if name == "flow":
        return Schedule(straight, lambda t: np.sqrt(t) / (1 + np.sqrt(t)))
    if name == "edm":
        return Schedule(lambda t: 1 / np.sqrt(sigma_data**2 + t), lambda t: np.log(t) / 8)
    return Schedule(np.ones_like, np.sqrt if name == "sigma" else np.array)


def coefficients(predicts: str, t: np.ndarray, scale: np.ndarray, sigma_data: float) -> tuple[np.ndarray, np.ndarray]:
    """(skip, out) of D = skip x + out F for outputs F that are this, at x = x_0 + sqrt(t) w and input scale x.

    x0. epsilon: w. v: alpha w - sigma x_0 (Salimans and Ho 2022). velocity: w - x_0. score: of the density of the
    model's own input. edm: F of Karras et al. 2022.
    """
    root = np.sqrt(t)
    if predicts == "x0":
        return np.zeros_like(t), np.ones_like(t)
    if predicts == "epsilon":
        return np.ones_like(t), -root
    if predicts == "v":
        return 1 / (1 + t), -root / (scale * (1 + t))
    if predicts == "velocity":
        return 1 / (1 + root), -root / (1 + root)
    if predicts == "score":
        return np.ones_like(t), t * scale
    assert predicts == "edm"
    total = sigma_data**2 + t
    return sigma_data**2 / total, root * sigma_data / np.sqrt(total)
