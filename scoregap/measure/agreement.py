"""Do two scores see the same directions? The cosine of their denoiser Jacobians G at the same point.

G of one score, of another -> <G_1, G_2> / (|G_1| |G_2|), of Frobenius' product: 1 for equal ones up to a factor

Scores are measured in processes of their own, and a Jacobian is too large to keep. Kept is a sketch of it, U' G V with
random orthonormal frames U, V (d, SIDE) that all scores share, over its norm: all of the direction of G where d is at
most SIDE, else cosines have an error: its standard deviation at a point is about (1 - cosine^2) / SIDE where 20 modes
or more are resolved, and up to 10 times that of one mode, .09 at most (tests/measure/test_agreement.py).
"""

from typing import NamedTuple

import numpy as np

from scoregap import InputError
from scoregap.arguments import array, generator, known, whole

SIDE = 32  # of a sketch: 1,024 numbers a point


class Frames(NamedTuple):
    """Orthonormal columns (d, k) on the two sides of a Jacobian."""

    left: np.ndarray
    right: np.ndarray


def side(dim: int) -> int:
    """Rows and columns of a sketch of a Jacobian (dim, dim)."""
    return min(whole("dim", dim), SIDE)


def frames(rng, dim: int) -> Frames:
    """Frames for Jacobians (dim, dim), drawn from `rng`."""
    count, draw = side(dim), generator("rng", rng)
    if count == dim:
        return Frames(np.eye(dim), np.eye(dim))
    return Frames(*(np.linalg.qr(draw.standard_normal((dim, count)))[0] for _ in range(2)))


def sketch(jacobians, of: Frames) -> np.ndarray:
    """(..., k, k) of Jacobians (..., d, d), over their norms; NaN where one is 0."""
    if not isinstance(of, Frames):
        raise InputError(key="of", value=of, allowed="should be frames")
    left = known("left", of.left, "d", "k")
    jacobians = array("jacobians", jacobians, "...", len(left), len(left), empty=True)
    found = left.T @ jacobians @ known("right", of.right, *left.shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        return found / np.linalg.norm(found, axis=(-2, -1), keepdims=True)


def cosine(one, other) -> np.ndarray:
    """(...) cosines of matrices (..., k, k), as Jacobians or sketches; NaN where one is 0 or not finite."""
    one = array("one", one, "...", "k", "k", empty=True)
    other = array("other", other, "...", *one.shape[-2:], empty=True)

    def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a * b).sum((-2, -1))

    with np.errstate(invalid="ignore", divide="ignore"):
        found = product(one, other) / np.sqrt(product(one, one) * product(other, other))
    return np.clip(np.where(np.isfinite(found), found, np.nan), -1, 1)
