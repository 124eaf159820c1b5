"""Means over seeds, and what is known of them.

values per seed, confidence -> mean, median and intervals; margin -> the ends of what it allows

A study has as many rows as cells and quantities, so that those of all are computed together (`of_known`): row by row
the same numbers, to the bit, as of one row alone.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from scipy.special import stdtrit

from scoregap.variables import OFF_THE_GRID


def logarithms(margin: float) -> tuple[float, float]:
    """The ends of a relative margin, down and up, in the logarithm."""
    return math.log1p(-margin) if margin < 1 else -math.inf, math.log1p(margin)


def of_known(values: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray], least: int = 1) -> np.ndarray:
    """A statistic of what is finite in every row of values (rows, n), (rows, ...); NaN of fewer values than `least`.

    statistic: of (k, m) -> (k, ...), the m values of each of k rows. Rows with as many values go together, so that a
    row has the number that it has alone.
    """
    known = np.isfinite(values)
    counts = known.sum(1)
    shape = np.shape(statistic(np.ones((1, least))))[1:]
    found = np.full((len(values), *shape), np.nan)
    for count in np.unique(counts[counts >= least]):
        rows = counts == count
        found[rows] = statistic(values[rows][known[rows]].reshape(-1, count))
    return found


def means(values: np.ndarray) -> np.ndarray:
    """`mean` of every row of (rows, n)."""
    return of_known(np.asarray(values, float), lambda some: some.mean(1))


def geometric_means(values: np.ndarray) -> np.ndarray:
    """`geometric_mean` of every row of (rows, n)."""
    return of_known(np.asarray(values, float), lambda some: np.exp(np.log(some).mean(1)))


def medians(values: np.ndarray) -> np.ndarray:
    """`median` of every row of (rows, n)."""
    return of_known(np.asarray(values, float), lambda some: np.median(some, 1))


def intervals(values: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """`interval` of what is finite in every row of (rows, n): its ends, (rows,) each."""
    low, high = of_known(np.asarray(values, float), lambda some: _student(some, confidence), 2).T
    return low, high


def _student(values: np.ndarray, confidence: float) -> np.ndarray:
    """(k, 2) ends of Student's interval of the mean of each row of (k, n)."""
    n = values.shape[1]
    half = stdtrit(n - 1, 0.5 * (1 + confidence)) * values.std(1, ddof=1) / math.sqrt(n)
    centre = values.mean(1)
    return np.stack([centre - half, centre + half], 1)


def mean(values: np.ndarray) -> float:
    """Mean of what is finite; NaN if nothing is."""
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    return float(values.mean()) if values.size else math.nan


def geometric_mean(values: np.ndarray) -> float:
    """Geometric mean of what is finite; NaN if nothing is."""
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    return float(np.exp(np.log(values).mean())) if values.size else math.nan


def over_seeds(times: np.ndarray, states: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Student intervals of geometric means over seeds, of every row of (rows, seeds): their ends, (rows,) each; not
    known where the grid hides the time of some seed."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ends = intervals(np.log(times), confidence)
    hidden = np.isin(states, OFF_THE_GRID).any(1)
    low, high = (exponentials(np.where(hidden, np.nan, end)) for end in ends)
    return low, high


def exponentials(values: np.ndarray) -> np.ndarray:
    """exp of (n,), as `math` has it, whose last digit is not always that of numpy."""
    return np.array([math.exp(value) for value in values.tolist()], float)


def interval(values: np.ndarray, confidence: float) -> tuple[float, float]:
    """Student interval of the mean; NaN with fewer than two values."""
    if len(values) < 2:
        return math.nan, math.nan
    ((low, high),) = _student(np.asarray(values)[None], confidence)
    return low, high


def student(error: Any, freedom: Any, confidence: float) -> np.ndarray:
    """Half-widths of Student's intervals of estimates with these standard errors; NaN without degrees of freedom."""
    return error * stdtrit(np.where(freedom > 0, freedom, np.nan), 0.5 * (1 + confidence))


def jackknife(whole: np.ndarray, without: np.ndarray, confidence: float) -> np.ndarray:
    """Half-widths of Student's interval of a statistic of n seeds, by its pseudo-values (Tukey 1958).

    whole: the statistic (...) of all seeds. without: (n, ...) that of all seeds but one, in turn. Of a mean it is the
    half-width of `interval`; NaN for fewer than two seeds, and where one of them is not finite.
    """
    n = len(without)
    if n < 2:
        return np.full(np.shape(whole), np.nan)
    pseudo = n * whole - (n - 1) * without
    return stdtrit(n - 1, 0.5 * (1 + confidence)) * pseudo.std(0, ddof=1) / math.sqrt(n)


def interval_with_draws(
    learning: np.ndarray, finite: np.ndarray, more: np.ndarray, confidence: float
) -> tuple[float, float]:
    """Interval of mean(learning) + mean(finite and more): trained against the law, by way of the exact score.

    learning, finite: (k,) trained less exact, exact less law, seed by seed. more: (n,) exact less law of further
    draws of the manifold, on which nothing was trained. They narrow what the draws scatter, which for a network that
    follows the exact score is nearly all. The sum of two independent means: of learning + finite k / (k + n) over the k
    seeds, and of the rest over the n. Its half-width is the root of the sum of squares of their Student half-widths
    (Zou and Donner 2008), which holds the truth as often as it says from two seeds on; the degrees of freedom of Welch
    and Satterthwaite, estimated from so few, do not. With fewer further draws than seeds they would widen it: then it
    is Student's interval of trained less law.
    """
    low, high = intervals_with_draws([(learning, finite, more)], confidence)
    return float(low[0]), float(high[0])


def intervals_with_draws(
    asked: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]], confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """`interval_with_draws` of each (learning, finite, more): their ends, (rows,) each. Those with as many seeds and as
    many draws go together."""
    found = np.full((len(asked), 2), np.nan)
    for (k, n), rows in _alike([(len(one), len(more)) for one, _, more in asked]):
        learning, finite, more = (np.array([asked[i][part] for i in rows]) for part in range(3))
        if n < k or k < 2:
            found[rows] = _student(learning + finite, confidence) if k > 1 else np.nan
            continue
        ends = [_student(learning + finite * k / (k + n), confidence), _student(more * n / (k + n), confidence)]
        centre = sum(0.5 * (one[:, 0] + one[:, 1]) for one in ends)
        halves = zip(*((0.5 * (one[:, 1] - one[:, 0])).tolist() for one in ends), strict=True)
        half = np.array([math.hypot(*one) for one in halves])
        found[rows] = np.stack([centre - half, centre + half], 1)
    return found[:, 0], found[:, 1]


def medians_of(values: Sequence[np.ndarray]) -> np.ndarray:
    """(rows,) `median` of each of some arrays of different lengths."""
    found = np.full(len(values), np.nan)
    for _, rows in _alike([len(one) for one in values]):
        found[rows] = medians(np.array([values[i] for i in rows]))
    return found


def _alike(of: Sequence[Any]) -> Iterator[tuple[Any, list[int]]]:
    """Everything different, and the places at which it is."""
    places = defaultdict(list)
    for i, one in enumerate(of):
        places[one].append(i)
    return iter(places.items())


def median(values: np.ndarray) -> float:
    """Median of what is finite; NaN if nothing is."""
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    return float(np.median(values)) if values.size else math.nan


def holm(p: list[float]) -> np.ndarray:
    """p-values adjusted for their number by Holm's method; NaN counts as 1."""
    values = np.where(np.isnan(p), 1.0, p)
    order = np.argsort(values)
    adjusted = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    result = np.empty(len(values))
    result[order] = np.minimum(adjusted, 1)
    return result
