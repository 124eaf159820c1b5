"""Tests of claims that are not about the mean of a signed quantity: a distance, a proportion, a spacing against chance.

what was found in every seed, confidence -> a verdict and the interval behind it

Each has two kinds of error, a false "agrees" and a false "disagrees". With the confidence c both are made at most with
the probability (1 - c) / 2; `make claim-error-rates` measures them.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import stats

from scoregap.analysis.intervals import interval, mean
from scoregap.analysis.quantities import Kind
from scoregap.analysis.verdicts import Verdict

MOSTLY = 0.5  # proportion above which a claim of "always" agrees
RESAMPLED = 20_000  # means of draws of the null, of which a quantile is taken


class Tested(NamedTuple):
    """A verdict, and the interval behind it."""

    verdict: Verdict
    low: float
    high: float


def distance(
    distances: np.ndarray, margin: float, confidence: float, ends: tuple[float, float] | None = None
) -> Tested:
    """Is a mean distance within the margin? distances: (seeds,), none negative, NaN where not known.

    Student's interval of the mean, or ends where it is known better: agrees if it lies below the margin, disagrees if
    above, otherwise inconclusive.
    """
    low, high = interval(_known(distances), confidence) if ends is None else ends
    if high <= margin:
        return Tested(Verdict.AGREES, low, high)
    return Tested(Verdict.DISAGREES if low > margin else Verdict.INCONCLUSIVE, low, high)


def proportion(right: np.ndarray, margin: float, confidence: float) -> Tested:
    """Is something right always? right: (seeds,) 1 or 0, NaN where not known. margin: how rarely it may be wrong.

    Clopper and Pearson's interval of the proportion, exact for binomial counts. Disagrees if it lies below 1 - margin:
    what is always right is not so rarely right by chance; agrees if it lies above MOSTLY, and does not disagree;
    otherwise inconclusive. So with a margin of .1 and at 90 % none right of two seeds or more disagrees, five of five
    agree, four of four are too few.
    """
    known = _known(right)
    if not known.size:
        return Tested(Verdict.INCONCLUSIVE, np.nan, np.nan)
    low, high = _of_count(int(known.sum()), known.size, confidence)
    if high < 1 - margin:
        return Tested(Verdict.DISAGREES, low, high)
    return Tested(Verdict.AGREES if low > MOSTLY else Verdict.INCONCLUSIVE, low, high)


@lru_cache
def _of_count(right: int, of: int, confidence: float) -> tuple[float, float]:
    """Clopper and Pearson's interval of a proportion."""
    found = stats.binomtest(right, of).proportion_ci(confidence, method="exact")
    return found.low, found.high


def chance(widths: np.ndarray, null: np.ndarray, margin: float, confidence: float) -> Tested:
    """Is an extreme no larger than chance makes it? widths: (seeds,), NaN where not known; null: (draws,) of chance.

    Disagrees if the mean over seeds is beyond the `threshold`, agrees if the interval of that mean is not, otherwise
    inconclusive. The interval is Student's, and no narrower than the scatter of the null makes it, since few seeds may
    scatter little by chance; that returned is of the mean less the null's.
    """
    known, null = _known(widths), _known(null)
    if not known.size or not null.size:
        return Tested(Verdict.INCONCLUSIVE, np.nan, np.nan)
    limit, centre, mean = threshold(null, known.size, margin, confidence), float(null.mean()), float(known.mean())
    half = by_null(null, known.size, confidence)
    low, high = interval(known, confidence)
    low, high = float(np.fmin(low, mean - half)), float(np.fmax(high, mean + half))
    if mean > limit:
        return Tested(Verdict.DISAGREES, low - centre, high - centre)
    return Tested(Verdict.AGREES if high <= limit else Verdict.INCONCLUSIVE, low - centre, high - centre)


def by_null(null: np.ndarray, count: int, confidence: float) -> float:
    """Half-width of the interval of a mean of `count` draws of the null (draws,), by its own scatter; NaN of none."""
    null = _known(null)
    if not (null.size and count):
        return np.nan
    return float(stats.norm.ppf(0.5 * (1 + confidence)) * null.std() / np.sqrt(count))


def threshold(null: np.ndarray, count: int, margin: float, confidence: float) -> float:
    """What a mean of `count` draws of the null (draws,) exceeds with the probability (1 - confidence) / 2 at most: that
    quantile of such means, and at least the null's mean and the margin."""
    means = np.random.default_rng(0).choice(null, (RESAMPLED, count)).mean(1)
    return float(max(np.quantile(means, 0.5 * (1 + confidence)), null.mean() + margin))


def _known(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, float)[np.isfinite(values)]


def equal(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(seeds,) 1 where two are equal, 0 where not; NaN where one is not known."""
    return np.where(np.isfinite(one) & np.isfinite(other), one == other, np.nan)


def largest(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(seeds,) largest distance of two curves (seeds, n); NaN where one is not known."""
    return np.abs(one - other).max(1)


def rms(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(seeds,) root mean square distance of two curves (seeds, n); NaN where one is not known."""
    return np.sqrt(np.square(one - other).mean(1))


class Comparison(NamedTuple):
    """Of kinds of claims that are about two values in each seed. apart: how far they are, (seeds,) of two (seeds, ...);
    true: where they are the same; mean: over seeds; test: of what it is, by margin and confidence."""

    apart: Callable[[np.ndarray, np.ndarray], np.ndarray]
    true: float
    mean: Callable[[np.ndarray], float]
    test: Callable[..., Tested]


COMPARISONS = {
    Kind.LARGEST: Comparison(largest, 0.0, mean, distance),
    Kind.RMS: Comparison(rms, 0.0, mean, distance),
    Kind.RIGHT: Comparison(equal, 1.0, mean, proportion),
}
