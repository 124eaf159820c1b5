"""Jacobians of any score by finite differences along orthonormal directions: the paper's Algorithms 1 and 2.

(denoiser, noisy points, noise variances, step) -> denoiser Jacobian G = I + t J, or its products with vectors

The score may be a network or a closed form: all that is used are its denoised points. A step is a share of sqrt(t),
the length over which a score changes.
"""

import numpy as np


def central(denoise, x, t, step, directions=None):
    """G by central differences (Algorithm 2): error O(step^2), none if the score is linear. 2 d evaluations per point.

    denoise maps points to denoised points of the same shape (..., d), each from its own alone. x: (..., d);
    t: broadcastable to x.shape[:-1]; directions: (d, d) orthonormal columns, by default the coordinates.
    Returns (..., d, d), float64; rounding of the denoiser by e appears as about e / (step sqrt(t)).
    """
    return _jacobian(lambda v, h: (denoise(x + h * v) - denoise(x - h * v)) / (2 * h), x, t, step, directions)


def one_sided(denoise, x, t, step, directions=None):
    """G by one-sided differences (Algorithm 1), as `central`: error O(step). d + 1 evaluations per point."""
    here = denoise(x)
    return _jacobian(lambda v, h: (denoise(x + h * v) - here) / h, x, t, step, directions)


JACOBIANS = {"central": central, "one-sided": one_sided}


def _jacobian(along, x, t, step, directions):
    """G from its products with orthonormal directions: (G V) V'."""
    h = step * np.sqrt(np.asarray(t, float))[..., None]
    if directions is None:
        return np.stack([along(v, h) for v in np.eye(x.shape[-1])], -1)
    return np.stack([along(v, h) for v in directions.T], -1) @ directions.T


def drop_first(denoise, x, t, step, directions, subtract=False):
    """Singular values in the convention of the authors' code (PAPER.md): a bias to measure, not an estimate of t J.

    The scores at x + h v_i, h = step sqrt(t), for the orthonormal columns v_i of `directions` (d, d); their singular
    values without the first, over the largest that is left. Normal directions are at 1, tangent ones below.
    The score at x is in all of them: to drop the first value is to drop that common part where it is largest, and
    part of the true spectrum elsewhere. subtract: take the score at x off first, so that what is dropped is always a
    value of the Jacobian. x: (..., d); returns (..., d - 1), descending.
    """
    t = np.asarray(t, float)
    h = step * np.sqrt(t)[..., None]
    points = [x + h * v for v in directions.T]
    scores = np.stack([(denoise(point) - point) / t[..., None] for point in points], -1)
    if subtract:
        scores = scores - ((denoise(x) - x) / t[..., None])[..., None]
    values = np.linalg.svd(scores, compute_uv=False)[..., 1:]
    return values / values[..., :1]


def product(denoise, x, t, step):
    """v -> G v at one point x (d,) by central differences, for arrays (k, d) whose rows are vectors of any length.

    denoise: (k, d) -> (k, d). The Jacobian of an exact score is symmetric, so this is all that
    `scoregap.measure.lanczos` needs; of a network it is not the symmetric part.
    """
    h = step * np.sqrt(t)

    def apply(rows):
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        unit = np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
        return length * (denoise(x + h * unit) - denoise(x - h * unit)) / (2 * h)

    return apply
