"""Posteriors of one latent that is uniform, Laplace distributed or Gaussian, seen through noise.

(y = z + sqrt(t) w, scale, t) -> (E[z|y], Var[z|y] / t, log evidence)

Each is a sum of pieces exp(-(z - mu)^2 / (2 t)) on an interval: one for the uniform law, two half lines for
Laplace's. Differences of error functions lose what matters where a piece is cut far from mu or is flat, so a piece
is integrated by Gauss-Legendre nodes over where it is above exp(-REACH) of its largest value: terms of one sign, about
that point, so that moments keep their relative accuracy for every t and y.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from scoregap import InputError
from scoregap.arguments import generator, known, positive, whole

REACH = 45.0  # exp(-45) is less than a rounding error of the whole
# Of a Gaussian that ends at +-9.5 standard deviations, the steepest piece, they leave 1e-15.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)


class Latent(NamedTuple):
    """mean: E[z|y]. shrink: Var[z|y] / t, an eigenvalue of G. log_evidence: log of the integral of the prior times
    exp(-(y - z)^2 / (2 t)). All of the shape of y."""

    mean: np.ndarray
    shrink: np.ndarray
    log_evidence: np.ndarray


def gaussian(y, scale, t) -> Latent:
    """z ~ N(0, scale^2)."""
    y, scale, t = _checked(y, scale, t)
    spread = scale**2 + t
    return Latent(y * (scale**2 / spread), scale**2 / spread, -0.5 * (y**2 / spread + np.log1p(scale**2 / t)))


def uniform(y, scale, t) -> Latent:
    """z uniform between -+sqrt(3) scale."""
    y, scale, t = _checked(y, scale, t)
    end = np.sqrt(3) * scale
    mode, shift, variance, log_mass = _piece(y, t, -end, end)
    log_height = -0.5 * (mode - y) ** 2 / t
    return Latent(mode + shift, variance / t, log_mass + log_height - np.log(2 * end))


def laplace(y, scale, t) -> Latent:
    """z with the density exp(-|z| / b) / (2 b), b = scale / sqrt(2)."""
    y, scale, t = _checked(y, scale, t)
    b = scale / np.sqrt(2)
    sides = []
    for sign in (1.0, -1.0):
        # On the positive side of sign * z, where the prior is exp(-z / b).
        mode, shift, variance, log_mass = _piece(sign * y - t / b, t, 0.0, np.inf)
        log_height = -mode / b - 0.5 * (mode - sign * y) ** 2 / t
        sides.append((sign * (mode + shift), variance, log_mass + log_height))
    (up, up_variance, up_log), (down, down_variance, down_log) = sides
    log_evidence = logsumexp([up_log, down_log], axis=0)
    p, q = np.exp(up_log - log_evidence), np.exp(down_log - log_evidence)
    variance = p * up_variance + q * down_variance + p * q * (up - down) ** 2
    return Latent(p * up + q * down, variance / t, log_evidence - np.log(2 * b))


LAWS: dict[str, Callable[..., Latent]] = {"gaussian": gaussian, "uniform": uniform, "laplace": laplace}


def draw(rng: np.random.Generator, law: str, n: int, count: int) -> np.ndarray:
    """(n, count) latents of unit variance of one of LAWS."""
    rng, shape = generator("rng", rng), (whole("n", n, 0), whole("count", count, 0))
    if not isinstance(law, str) or law not in LAWS:
        raise InputError(key="law", value=law, allowed=f"should be one of {', '.join(LAWS)}")
    if law == "uniform":
        return rng.uniform(-np.sqrt(3), np.sqrt(3), shape)
    return rng.laplace(0.0, np.sqrt(0.5), shape) if law == "laplace" else rng.standard_normal(shape)


def _checked(y, scale, t):
    y, scale, t = known("y", y, "..."), positive("scale", scale, "..."), positive("t", t, "...")
    return np.broadcast_arrays(y, scale, t)


def _piece(mu, t, low, high):
    """Moments of the density exp(-(z - mu)^2 / (2 t)) between low and high.

    Returns its highest point, the mean's distance from it, the variance, and the log of its integral over its height.
    """
    mode = np.clip(mu, low, high)
    slope = np.abs(mode - mu)  # over t, downwards from an end
    # Where u (u + 2 slope) / (2 t) = REACH, without the difference of two large numbers.
    far = 2 * REACH * t / (slope + np.sqrt(slope**2 + 2 * REACH * t))
    below, above = np.maximum(-far, low - mode), np.minimum(far, high - mode)
    half = 0.5 * (above - below)
    u = 0.5 * (above + below)[..., None] + half[..., None] * _NODES
    density = np.exp(-0.5 * u * (u + 2 * (mode - mu)[..., None]) / t[..., None]) * _WEIGHTS
    mass = density.sum(-1)
    shift = (density * u).sum(-1) / mass
    variance = (density * (u - shift[..., None]) ** 2).sum(-1) / mass
    return mode, shift, variance, np.log(half * mass)
