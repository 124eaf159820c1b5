"""Jacobians of any score by finite differences along orthonormal directions: the paper's Algorithms 1 and 2.

(denoiser, noisy points, noise variances, step) -> denoiser Jacobian G = I + t J, or its products with vectors

The score may be a network or a closed form: all that is used are its denoised points. A step is a share of sqrt(t),
the length over which a score changes.
"""

import numpy as np

from scoregap import InputError
from scoregap.arguments import array, between, function, known, positive


def central(denoise, x, t, step, directions=None):
    """G by central differences (Algorithm 2): error O(step^2), none if the score is linear. 2 d evaluations per point.

    denoise maps points to denoised points of the same shape (..., d), each from its own alone. x: (..., d);
    t: broadcastable to x.shape[:-1]; directions: (d, d) orthonormal columns, by default the coordinates.
    Returns (..., d, d), float64; rounding of the denoiser by e appears as about e / (step sqrt(t)).
    """
    x, denoise = known("x", x, "...", "d"), function("denoise", denoise)

    def along(v, h):
        return (_denoised(denoise, x + h * v) - _denoised(denoise, x - h * v)) / (2 * h)

    return _jacobian(along, x, t, step, directions)


def one_sided(denoise, x, t, step, directions=None):
    """G by one-sided differences (Algorithm 1), as `central`: error O(step). d + 1 evaluations per point."""
    x, denoise = known("x", x, "...", "d"), function("denoise", denoise)
    here = _denoised(denoise, x)
    return _jacobian(lambda v, h: (_denoised(denoise, x + h * v) - here) / h, x, t, step, directions)


JACOBIANS = {"central": central, "one-sided": one_sided}


def _jacobian(along, x, t, step, directions):
    """G from its products with orthonormal directions: (G V) V'."""
    h = _lengths(x, t, step)
    if directions is None:
        return np.stack([along(v, h) for v in np.eye(x.shape[-1])], -1)
    directions = _frame(directions, x.shape[-1])
    return np.stack([along(v, h) for v in directions.T], -1) @ directions.T


def _denoised(denoise, x):
    """Denoised points, NaN where they are not known."""
    return array(f"denoise of points {x.shape}", denoise(x), *x.shape, empty=True)


def _lengths(x, t, step):
    """How far points are moved, (..., 1)."""
    t = positive("t", t, "...")
    try:
        np.broadcast_to(t, x.shape[:-1])
    except ValueError:
        allowed = f"should be a number, or one for each of {x.shape[:-1]} points"
        raise InputError(f"the shape {t.shape} is not allowed", key="t", value=t, allowed=allowed) from None
    return between("step", step, 0) * np.sqrt(t)[..., None]


def _frame(directions, d):
    """Orthonormal columns (d, d)."""
    directions = known("directions", directions, d, d)
    if np.abs(directions.T @ directions - np.eye(d)).max() > 1e-6:
        raise InputError("is not allowed", key="directions", value=directions, allowed="should be orthonormal columns")
    return directions


def drop_first(denoise, x, t, step, directions, subtract=False):
    """Singular values in the convention of the authors' code: a bias to measure, not an estimate of t J.

    Code of the companion paper (Achilli et al. 2024; theory.md 5, "authors' recipe"); none came with the paper itself.

    The scores at x + h v_i, h = step sqrt(t), for the orthonormal columns v_i of `directions` (d, d); their singular
    values without the first, over the largest that is left. Normal directions are at 1, tangent ones below.
    The score at x is in all of them: to drop the first value is to drop that common part where it is largest, and
    part of the true spectrum elsewhere. subtract: take the score at x off first, so that what is dropped is always a
    value of the Jacobian. x: (..., d); returns (..., d - 1), descending.
    """
    x, denoise = known("x", x, "...", "d"), function("denoise", denoise)
    h, t = _lengths(x, t, step), np.asarray(t, float)
    points = [x + h * v for v in _frame(directions, x.shape[-1]).T]
    scores = np.stack([(_denoised(denoise, point) - point) / t[..., None] for point in points], -1)
    if subtract:
        scores = scores - ((_denoised(denoise, x) - x) / t[..., None])[..., None]
    values = np.linalg.svd(scores, compute_uv=False)[..., 1:]
    return values / values[..., :1]


def product(denoise, x, t, step):
    """v -> G v at one point x (d,) by central differences, for arrays (k, d) whose rows are vectors of any length.

    denoise: (k, d) -> (k, d). The Jacobian of an exact score is symmetric, so this is all that
    `scoregap.measure.lanczos` needs; of a network it is not the symmetric part.
    """
    denoise = function("denoise", denoise)
    x, h = known("x", x, "d"), between("step", step, 0) * np.sqrt(between("t", t, 0))

    def apply(rows):
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        unit = np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
        return length * (_denoised(denoise, x + h * unit) - _denoised(denoise, x - h * unit)) / (2 * h)

    return apply
