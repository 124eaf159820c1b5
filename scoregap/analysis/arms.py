"""Statistics of scores of data from a file, and their intervals over networks, or over points.

one cell of the cube -> `Arm`s: what a score of a seed says at every point; statistics of them -> estimates

A statistic is a function of an arm, or of two at the same points, and of weights of these points. Intervals are
Student's over seeds, each with a network, a split of the data and points of its own; of fewer than SEVERAL, the
bootstrap's over points, drawn for all arms alike, the mean of those of the seeds.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy.stats import rankdata

from scoregap.analysis.intervals import interval
from scoregap.analysis.profiles import SEVERAL
from scoregap.measure.profile import HALF, resolved
from scoregap.measure.regimes import regimes

FEWEST = 4  # things that have an order, at least
DRAWS = 2000  # of a null that is simulated


class Arm(NamedTuple):
    """Of one score and seed. t: (T,). spectra: (T, P, d) eigenvalues of G, descending. n: (T, P) resolved. along: (T,
    P, K) u' G u of the principal axes, whose variances are (K,). share: (P,) of the score's squared norm along
    resolved modes, at the smallest t. label: (P,) places among the classes. gaps: that last over times, found blind."""

    t: np.ndarray
    spectra: np.ndarray
    n: np.ndarray
    along: np.ndarray
    variances: np.ndarray
    share: np.ndarray
    label: np.ndarray
    gaps: float


Arms = tuple[Arm, ...]
Statistic = Callable[[Arms, np.ndarray], np.ndarray]  # arms at the same points, weights (P,) -> numbers (k,)

VARIABLES = (
    "status", "eigenvalue", "along_principal", "principal_variance", "tangent_share", "point_label",
    "gap_count_overall",
)  # fmt: skip


def arms(cell: xr.Dataset, network: str) -> dict[int, Arm]:
    """{seed: its arm} of a score in one cell; without seeds that have no result."""
    found = {}
    own = cell[list(VARIABLES)].sel(network=network)
    for seed in own.seed.values.tolist():
        one = own.sel(seed=seed).load()
        spectra = 1 + one.eigenvalue.transpose("time", "point", "mode").values.astype(float)
        known = np.isfinite(spectra).all((1, 2))
        if one.status != 1 or not known.any():
            continue
        along = one.along_principal.transpose("time", "point", "direction").values.astype(float)[known]
        real = np.isfinite(one.principal_variance.values)
        found[seed] = Arm(
            one.time.values[known], spectra[known], resolved(spectra[known] - 1), along[..., real],
            one.principal_variance.values[real], one.tangent_share.values.astype(float), one.point_label.values,
            float(one.gap_count_overall),
        )  # fmt: skip
    return found


class Estimate(NamedTuple):
    """Of every number of a statistic. value: (k,) mean over seeds. low, high: ends of its interval; NaN of what fewer
    than SEVERAL of SEVERAL seeds or more have. over: seeds or points. known: (k,) seeds that have it."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    over: str
    known: np.ndarray

    def part(self, k: int) -> "Estimate":
        """Its k-th number, alone."""
        value, low, high, known = (one[[k]] for one in (self.value, self.low, self.high, self.known))
        return Estimate(value, low, high, self.over, known)


def estimate(statistic: Statistic, sets: Sequence[Arms], confidence: float, resamples: int) -> Estimate:
    """A statistic of one or more seeds. sets: for each its arms."""
    values = np.array([statistic(one, _equal(one)) for one in sets], float)
    known = np.isfinite(values)
    count = known.sum(0)
    mean = np.where(count > 0, np.where(known, values, 0).sum(0) / np.maximum(count, 1), np.nan)
    if len(sets) >= SEVERAL:
        low, high = np.array([interval(column[np.isfinite(column)], confidence) for column in values.T]).T
        few = count < SEVERAL
        return Estimate(mean, np.where(few, np.nan, low), np.where(few, np.nan, high), "seeds", count)
    tails = 50 * (1 - confidence), 50 * (1 + confidence)
    found = []
    for one in sets:
        points = len(one[0].label)
        weights = np.random.default_rng(0).multinomial(points, np.full(points, 1 / points), resamples) / points
        drawn = np.array([statistic(one, each) for each in weights], float)
        found.append([_percentiles(column[np.isfinite(column)], tails) for column in drawn.T])
    low, high = np.mean(found, 0).T
    return Estimate(mean, low, high, "points", count)


def _percentiles(values: np.ndarray, tails: tuple[float, float]) -> np.ndarray:
    return np.percentile(values, tails) if values.size else np.full(2, np.nan)


def _equal(one: Arms) -> np.ndarray:
    points = len(one[0].label)
    return np.full(points, 1 / points)


# ---------------------------------------------------------------- statistics


def pieces(arms: Arms, weights: np.ndarray) -> np.ndarray:
    """Log begin, log turn, log rise and share of `measure.regimes`, of n(t)."""
    found = regimes(arms[0].t, arms[0].n @ weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.array([np.log(found.begin), np.log(found.turn), np.log(found.rise), found.share], float)


def directions(arm: Arm) -> np.ndarray:
    """(K,) which principal axes enter on the grid, if they do as the Gaussian's."""
    return (arm.variances > arm.t[0]) & (arm.variances < arm.t[-1])


def entries(t: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """(K,) largest noise variances at which kept (T, K) rises through one half, t falling; 0 of what never does, the
    largest t of what is above there already."""
    above = kept >= HALF
    last = len(t) - 1 - above[::-1].argmax(0)  # place of the largest t above
    here = np.minimum(last, len(t) - 2)
    columns = np.arange(kept.shape[1])
    one, two = kept[here, columns], kept[here + 1, columns]
    crosses = (one >= HALF) & (two < HALF)
    part = np.divide(one - HALF, one - two, out=np.zeros_like(one), where=crosses)
    crossed = t[here] * (t[here + 1] / t[here]) ** part
    return np.where(above.any(0), np.where(last == len(t) - 1, t[-1], crossed), 0.0)


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's rank correlation; NaN of fewer than FEWEST, and where one is constant."""
    if len(one) < FEWEST or np.ptp(one) == 0 or np.ptp(other) == 0:
        return np.nan
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])


def order(arms: Arms, weights: np.ndarray) -> np.ndarray:
    """Rank correlation of when principal axes enter with their variances."""
    (arm,) = arms
    chosen = directions(arm)
    kept = np.einsum("tpk,p->tk", arm.along[..., chosen], weights)
    return np.array([correlation(entries(arm.t, kept), arm.variances[chosen])])


def consolidation(arms: Arms, weights: np.ndarray) -> np.ndarray:
    """Log of the share of the score along the n resolved modes over n / d, at the smallest t; NaN where n is 0 or d."""
    (arm,) = arms
    d, n = arm.spectra.shape[-1], arm.n[0] @ weights
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.log(arm.share @ weights) - np.log(n / d)
    return np.array([found if 0 < n < d else np.nan])


def of_classes(arm: Arm, weights: np.ndarray, count: int) -> np.ndarray:
    """(T, count) n(t) of every class, NaN of those without points."""
    mine = weights * (arm.label == np.arange(count)[:, None])  # (count, P)
    with np.errstate(invalid="ignore", divide="ignore"):
        return arm.n @ mine.T / mine.sum(1)


def class_order(estimates: np.ndarray, arms: Arms, weights: np.ndarray) -> np.ndarray:
    """Rank correlation of n at the smallest t with estimates (classes,), over classes that have both."""
    (arm,) = arms
    n = of_classes(arm._replace(n=arm.n[:1]), weights, len(estimates))[0]
    known = np.isfinite(n) & np.isfinite(estimates)
    return np.array([correlation(n[known], estimates[known])])


def widest(arms: Arms, weights: np.ndarray) -> np.ndarray:
    """Largest drop of the mean spectrum of G at any t, that to 0 below it included."""
    (arm,) = arms
    mean = np.einsum("tpd,p->td", arm.spectra, weights)
    return np.array([-np.diff(mean, axis=1, append=0.0).min()])


# ---------------------------------------------------------------- chance


@lru_cache(maxsize=64)
def of_orders(count: int, confidence: float) -> float:
    """What the rank correlation of random orders exceeds with the probability (1 - confidence) / 2."""
    if count < FEWEST:
        return np.nan
    rng, ranks = np.random.default_rng(0), np.arange(count) - 0.5 * (count - 1)
    drawn = rng.permuted(np.tile(ranks, (DRAWS, 1)), axis=1) @ ranks / (ranks @ ranks)
    return float(np.quantile(drawn, 0.5 * (1 + confidence)))


def of_subspaces(arm: Arm, confidence: float) -> float:
    """Log of what the share of a vector in random subspaces of n dimensions, mean over points, over n / d is below with
    the probability (1 - confidence) / 2; NaN where nothing is resolved."""
    n, d = arm.n[0], arm.spectra.shape[-1]
    if not n.any():
        return np.nan
    inner = n[(n > 0) & (n < d)]
    drawn = np.random.default_rng(0).beta(inner / 2, (d - inner) / 2, (DRAWS, len(inner))).sum(1) + (n == d).sum()
    return float(np.log(np.quantile(drawn, 0.5 * (1 - confidence)) / (n.sum() / d)))
