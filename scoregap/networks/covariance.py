"""Principal axes of data, estimated from points of it.

draws of points -> orthonormal directions and the variances along them, of which no direction has none

The estimate is E x x', the data having mean 0 (`scoregap.data.capabilities.Data`). N points give a variance to within
sqrt(2 / N) of itself.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class Axes(NamedTuple):
    """directions: (d, r) orthonormal, largest variance first; variances: (r,) positive. float32, as networks are."""

    directions: np.ndarray
    variances: np.ndarray


def principal_axes(parts: Iterable[np.ndarray]) -> Axes:
    """Principal axes of points that come in parts (n, d), float64, of which one is held at a time.

    By the singular values of the triangle R of X = Q R, which sees directions whose standard deviation is 1e-13 of the
    largest; X' X would lose those below 1e-7. What is left to rounding counts as no variance.
    """
    count, triangle = 0, None
    for points in parts:
        count += len(points)
        stacked = points if triangle is None else np.concatenate([triangle, points])
        triangle = np.asarray(np.linalg.qr(stacked, mode="r"))
    assert triangle is not None
    _, lengths, directions = np.linalg.svd(triangle)
    rank = int((lengths > lengths[0] * max(triangle.shape) * np.finfo(float).eps).sum())
    variances = lengths[:rank] ** 2 / count
    return Axes(directions[:rank].T.astype(np.float32), variances.astype(np.float32))
