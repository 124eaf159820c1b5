"""How far a score has given in to its training points (theory.md 7).

noisy points, training points -> posterior weights, how many points share them
three denoisers at the same points -> where one lies between the two others
samples, training points -> how far each is from the nearest, and whether it is a copy
"""

from typing import NamedTuple

import numpy as np

from scoregap import InputError
from scoregap.arguments import array, between, known, positive, wholes

COPY = 1 / 3  # of the distance to the second nearest training point: below it a sample is a copy (Yoon et al. 2023)
_QUERIES = 64  # noisy points whose distances to all training points are held at a time


class Weights(NamedTuple):
    """Posterior weights over N training points at n noisy ones: (n,) of the own point, of the nearest one, which has
    the largest, and 1 / sum w^2, the effective number of points. Points that are the same are one, of all their
    weight."""

    own: np.ndarray
    nearest: np.ndarray
    effective: np.ndarray


def weights(x, t, points, own) -> Weights:
    """Of noisy points x (n, d) at one noise variance t, made of the training points (N, d) of these rows own (n,)."""
    points = known("points", points, "N", "d")
    x, t = known("x", x, "n", points.shape[1]), float(positive("t", t))
    own = wholes("own", own, 0, len(points) - 1, len(x))
    kept, same = _distinct(points)
    points, own, counts = points[kept], same[own], np.bincount(same)
    found = np.empty((3, len(x)))
    for start in range(0, len(x), _QUERIES):
        some = slice(start, start + _QUERIES)
        here = x[some]
        # Offsets from the own point: products of far points would cancel at small t.
        anchor = points[own[some]]
        away = ((points**2).sum(1)[None] - 2 * anchor @ points.T + (anchor**2).sum(1)[:, None]) / 2
        log = ((here - anchor) @ points.T - ((here - anchor) * anchor).sum(1)[:, None] - away) / t + np.log(counts)
        weight = np.exp(log - log.max(1, keepdims=True))
        weight /= weight.sum(1, keepdims=True)
        found[:, some] = weight[np.arange(len(here)), own[some]], weight.max(1), 1 / (weight**2).sum(1)
    return Weights(*found)


def _distinct(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of points (N, d) that are the same the first: ((K,) its row, (N,) which of the K each is)."""
    first: dict[bytes, int] = {}
    same = np.array([first.setdefault(point.tobytes(), len(first)) for point in points + 0.0])
    return np.unique(same, return_index=True)[1], same


class Position(NamedTuple):
    """Where D lies between two denoisers A and B, over points: along, the projection of D - A on B - A, 0 at A and 1 at
    B; residual, what is left of |D - A|^2, and both over |B - A|^2; apart, the mean of |B - A|^2 over points."""

    along: np.ndarray
    residual: np.ndarray
    apart: np.ndarray


def position(denoised, exact, empirical) -> Position:
    """Of D, A, B (..., n, d) at the same points, each (...,); NaN where the two are the same."""
    denoised = array("denoised", denoised, "...", "n", "d")
    exact, empirical = (array(name, one, "...", *denoised.shape[-2:]) for name, one in
                        (("exact", exact), ("empirical", empirical)))  # fmt: skip
    for name, one in (("exact", exact), ("empirical", empirical)):
        if one.shape != denoised.shape:
            raise InputError(key=name, value=one.shape, allowed=f"should be {denoised.shape}")
    own, whole = denoised - exact, empirical - exact
    square, both = (whole**2).sum((-2, -1)), (own * whole).sum((-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        along = np.where(square > 0, both / square, np.nan)
        residual = np.where(square > 0, (own**2).sum((-2, -1)) / square - along**2, np.nan)
    return Position(along, np.maximum(residual, 0.0), square / denoised.shape[-2])


class Copies(NamedTuple):
    """Of n samples: (n,) distances to the nearest training point, their ratio to those of the second nearest that is
    another, and which it is, of points that are the same the first."""

    distance: np.ndarray
    ratio: np.ndarray
    nearest: np.ndarray


def copies(samples, points) -> Copies:
    """Of samples (n, d) and training points (N, d), N > 1. Points that lie m-dimensionally have a ratio below `COPY`
    by chance with probability COPY^m. Points that are the same count once, unless there are no others: the ratio is
    then 1."""
    points = known("points", points, "N", "d")
    samples = known("samples", samples, "n", points.shape[1])
    if len(points) < 2:
        raise InputError("one point is not allowed", key="points", value=points, allowed="should be two or more")
    from scipy.spatial import KDTree  # takes longer than numpy, and training asks for no neighbours

    kept, _ = _distinct(points)
    kept = kept if len(kept) > 1 else np.arange(len(points))
    distances, places = KDTree(points[kept]).query(samples, k=2)
    nearest, second = np.transpose(distances)
    with np.errstate(invalid="ignore"):
        return Copies(nearest, np.where(second > 0, nearest / second, 1.0), kept[np.transpose(places)[0]])


def falls_through(t, values, level: float = 0.5) -> tuple[float, int]:
    """(t, side) at which values (T,) first fall below `level` as t rises from the first of t (T,), in log t; side is -1
    where they never begin above it, 1 where they never fall, and t is then NaN."""
    t, values = positive("t", t, "T"), known("values", values, np.size(t))
    below = values < between("level", level, -np.inf)
    if below[0]:
        return float("nan"), -1
    if not below.any():
        return float("nan"), 1
    k = int(below.argmax())
    share = (values[k - 1] - level) / (values[k - 1] - values[k])
    return float(np.exp(np.log(t[k - 1]) + share * np.log(t[k] / t[k - 1]))), 0
