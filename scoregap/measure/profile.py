"""How many modes are resolved at every noise variance, and the phases that this profile has: no gap is needed.

eigenvalues of t J at points -> n(t), the number of eigenvalues of G = I + t J above 1/2, mean over points; tr G
n(t) -> phases none, rising, shoulder, falling, full; where shoulders begin and end, with intervals over points

An eigenvalue of G is the share of a direction's noise that is data: above 1/2 the direction is resolved. Of Gaussian
data with variances gamma, n(t) = #{gamma > t}. In the terms of Ventura et al. (ICLR 2025, arXiv 2410.05898) no mode is
resolved in the trivial phase, n rises while the manifold is covered, and where the final gap has opened n stays at the
dimension; data without a gap have no such plateau, but may have a *shoulder*, where n rises far more slowly than
before. Achilli et al. (arXiv 2410.08727): where a score memorises, modes are lost again as t falls.

**Definition.** The rate is that at which n rises as t falls, in modes per decade, over a factor of WINDOW in t. The
steepest is the largest rate. A shoulder lies just below a rise, at which the rate is half the steepest or more: it is a
range of t, of a factor of WINDOW at least, in which the rate, up or down, is less than half the steepest, one mode or
more is resolved, and not all are. Its ends are where the rate is half the steepest, so at a sudden rise they are off
by a factor of sqrt(WINDOW). slope says how flat it is: its mean rate over the steepest, 0 for a plateau.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from scoregap import InputError
from scoregap.arguments import array, ascending, between, generator, known, whole

WINDOW = 3.0  # factor in t over which a rate is taken, and of the least shoulder
HALF = 0.5  # share of the steepest rate; of a mode; eigenvalue of G from which a mode is resolved
# Eigenvalue of t J above which it is: by more than the rounding of stored spectra, so that no machine and no library
# decides about a mode whose variance is t itself.
RESOLVED = HALF - 1 + 1e-6


class Phase(IntEnum):
    """What n does at a noise variance."""

    UNKNOWN = 0
    NONE = 1
    RISING = 2
    SHOULDER = 3
    FALLING = 4
    FULL = 5


class Shoulder(NamedTuple):
    """start, end: noise variances between which it lies, the larger first. ended: whether the grid shows its end.
    modes: n at the geometric middle. slope: mean rate over the steepest."""

    start: float
    end: float
    ended: bool
    modes: float
    slope: float

    @property
    def middle(self) -> float:
        """The noise variance in its middle."""
        return float(np.sqrt(self.start * self.end))


class Profile(NamedTuple):
    """phases: (T,) of Phase. first: noise variance at which n rises through 1/2, NaN if the grid does not show it.
    shoulders: the one at the largest t first."""

    phases: np.ndarray
    first: float
    shoulders: list[Shoulder]


def resolved(eigenvalues) -> np.ndarray:
    """(T, points) modes that are resolved: eigenvalues (T, points, modes) of t J, in any order, above -1/2.

    NaN where a spectrum is not known.
    """
    eigenvalues = array("eigenvalues", eigenvalues, "T", "points", "modes")
    unknown = np.isnan(eigenvalues).any(-1)
    return np.where(unknown, np.nan, (eigenvalues > RESOLVED).sum(-1))


def traces(eigenvalues) -> np.ndarray:
    """(T, points) of tr G = d + sum of the eigenvalues (T, points, modes) of t J."""
    eigenvalues = array("eigenvalues", eigenvalues, "T", "points", "modes")
    return eigenvalues.shape[-1] + eigenvalues.sum(-1)


def rates(t, n) -> tuple[np.ndarray, np.ndarray]:
    """(times (K,), rates (K,)): modes per decade by which n (T,) rises as t falls, over a factor of WINDOW.

    At the times of the grid that are half of that away from its ends.
    """
    logs = np.log10(ascending("t", t))
    n = array("n", n, len(logs))
    half = 0.5 * np.log10(WINDOW)
    inner = logs[(logs - half >= logs[0] - 1e-9) & (logs + half <= logs[-1] + 1e-9)]
    return 10**inner, (np.interp(inner - half, logs, n) - np.interp(inner + half, logs, n)) / (2 * half)


def profile(t, n, modes: int) -> Profile:
    """The phases of one curve n (T,) of finite numbers, t ascending. modes: d, how many there are."""
    t, n, modes = ascending("t", t), known("n", n, len(t)), whole("modes", modes)
    at, rate = rates(t, n)
    phases = np.full(len(t), Phase.UNKNOWN)
    first = _first(t, n)
    shoulders: list[Shoulder] = []
    if len(at) and rate.max() > 0:
        steepest = float(rate.max())
        share, here = rate / steepest, np.interp(np.log(at), np.log(t), n)
        slow = (np.abs(share) < HALF) & (here >= 1) & (here <= modes - HALF)
        for low, high in _runs(slow):
            if high + 1 == len(at) or share[high + 1] < HALF:  # no rise just above it
                continue
            end, ended = (float(t[0]), False) if low == 0 else (_crossing(at, share, low), True)
            start = _crossing(at, share, high + 1)
            if start >= WINDOW * end * (1 - 1e-9):
                over = np.interp(np.log([end, start, np.sqrt(start * end)]), np.log(t), n)
                slope = (over[0] - over[1]) / np.log10(start / end) / steepest
                shoulders.insert(0, Shoulder(start, end, ended, float(over[2]), float(slope)))
        around = np.interp(np.log(t), np.log(at), share)
        phases[:] = np.where(around <= -HALF, Phase.FALLING, Phase.RISING)
    for one in shoulders:
        phases[(t >= one.end) & (t <= one.start)] = Phase.SHOULDER
    phases[n < HALF] = Phase.NONE
    phases[n > modes - HALF] = Phase.FULL
    return Profile(phases, first, shoulders)


def _first(t: np.ndarray, n: np.ndarray) -> float:
    """The largest noise variance at which n rises through 1/2 as t falls."""
    above = np.flatnonzero(n >= HALF)
    if not above.size or above[-1] == len(t) - 1:
        return np.nan
    i = above[-1]
    part = (n[i] - HALF) / (n[i] - n[i + 1])
    return float(np.exp(np.log(t[i]) + part * np.log(t[i + 1] / t[i])))


def _runs(holds: np.ndarray) -> list[tuple[int, int]]:
    """First and last place of every run of what holds."""
    edges = np.diff(np.concatenate([[0], holds.astype(int), [0]]))
    return list(zip(np.flatnonzero(edges == 1).tolist(), (np.flatnonzero(edges == -1) - 1).tolist(), strict=True))


def _crossing(at: np.ndarray, share: np.ndarray, i: int) -> float:
    """The noise variance between times i - 1 and i at which the size of the rate passes half the steepest; the middle
    where it does not, as at a run that ends for want of modes."""
    one, two = abs(share[i - 1]), abs(share[i])
    part = np.clip((HALF - one) / (two - one), 0, 1) if (one - HALF) * (two - HALF) < 0 else 0.5
    return float(np.exp(np.log(at[i - 1]) + part * np.log(at[i] / at[i - 1])))


class Intervals(NamedTuple):
    """Ends (low, high) over resamples of the points. n, trace: (T,) each. first: of `Profile.first`. shoulders: of
    every shoulder, of its start, end, modes and slope. shares: of the resamples that have the shoulder too."""

    n: tuple[np.ndarray, np.ndarray]
    trace: tuple[np.ndarray, np.ndarray]
    first: tuple[float, float]
    shoulders: list[dict[str, tuple[float, float]]]
    shares: list[float]


def _drawn(points: int, resamples: int, rng) -> np.ndarray:
    """(resamples, points) how often each point is drawn, with return."""
    return generator("rng", rng).multinomial(points, np.full(points, 1 / points), whole("resamples", resamples))


def intervals_of_means(values, resamples: int, confidence: float, rng) -> tuple[np.ndarray, np.ndarray]:
    """Bootstrap over points: ends (low, high), (T,) each, of means over points of values (T, points)."""
    values, confidence = known("values", values, "T", "points"), between("confidence", confidence, 0, 1)
    points = values.shape[1]
    counts = _drawn(points, resamples, rng)
    low, high = np.percentile(counts @ values.T / points, (50 * (1 - confidence), 50 * (1 + confidence)), 0)
    return low, high


def intervals(
    t, n_of_points, trace_of_points, modes: int, found: Profile, resamples: int, confidence: float, rng
) -> Intervals:
    """Bootstrap over points: percentiles of what `profile` finds in means over points that are drawn with return.

    n_of_points, trace_of_points: (T, points). found: of their mean. A shoulder of a resample is the same one if it
    holds the middle of it; how many have it says how sure it is.
    """
    t, confidence = ascending("t", t), between("confidence", confidence, 0, 1)
    n_of_points = known("n_of_points", n_of_points, len(t), "points")
    trace_of_points = known("trace_of_points", trace_of_points, *n_of_points.shape)
    points, modes = n_of_points.shape[1], whole("modes", modes)
    if not isinstance(found, Profile):
        raise InputError(key="found", value=found, allowed="should be the `profile` of their mean")
    counts = _drawn(points, resamples, rng)
    tails = 50 * (1 - confidence), 50 * (1 + confidence)

    def ends(values, axis=None):
        values = np.asarray(values, float)
        values = values if axis is not None else values[np.isfinite(values)]
        return tuple(np.percentile(values, tails, axis)) if values.size else (np.nan, np.nan)

    curves = counts @ n_of_points.T / points  # of points that agree exactly what they say
    drawn = [profile(t, curve, modes) for curve in curves]
    shoulders, shares = [], []
    for one in found.shoulders:
        same = [other for each in drawn for other in each.shoulders if other.end <= one.middle <= other.start]
        shares.append(len(same) / len(drawn))
        shoulders.append({name: ends([getattr(o, name) for o in same]) for name in ("start", "end", "modes", "slope")})
    return Intervals(
        ends(curves, 0),
        ends(counts @ trace_of_points.T / points, 0),
        ends([each.first for each in drawn]),
        shoulders,
        shares,
    )
