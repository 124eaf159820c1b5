"""Does a phase time agree with the exact one, over seeds?

times per seed of every curve and whether they were seen, margin, confidence -> times and ratio with their intervals,
and a verdict with its detail
"""

import math
from typing import Any

import numpy as np
from scipy.special import stdtrit

from scoregap.analysis.verdicts import Verdict, of_states
from scoregap.variables import ABOVE, BELOW


def compare_to_exact(
    curves: dict[str, np.ndarray], states: dict[str, np.ndarray], subject: str, margin: float, confidence: float
) -> dict[str, Any]:
    """Medians over seeds, ratio of the subject to exact with its Student interval in the logarithm, and the
    verdict with its detail.

    curves: law, gaussian, exact, trained; each (seeds,), NaN where there is no time. states: of the subject and of
    exact, (seeds,) of `variables.State`. subject: trained, or law.
    ratio: median over seeds of the ratios, seed by seed; the interval is of their mean logarithm.
    time, exact_time: geometric means over seeds, with Student intervals; see `mean`.
    position: where trained lies between gaussian (0) and exact (1) in log t; NaN where they differ by less than
    the margin.
    """
    exact, trained = curves["exact"], curves[subject]
    both = np.isfinite(exact) & np.isfinite(trained)
    ratios = np.log(trained[both] / exact[both])
    low, high = interval(ratios, confidence)
    apart = np.log(exact / curves["gaussian"])
    with np.errstate(divide="ignore", invalid="ignore"):
        position = np.where(np.abs(apart) > math.log1p(margin), np.log(trained / curves["gaussian"]) / apart, np.nan)
    row = {name: median(values) for name, values in curves.items()}
    row |= {
        "ratio": math.exp(median(ratios)),
        "ratio_low": math.exp(low),
        "ratio_high": math.exp(high),
        "law_to_exact": math.exp(median(np.log(curves["law"] / exact))),
        "position": median(position),
        "margin": margin,
    }
    for prefix, name in (("", subject), ("exact_", "exact")):
        values = mean(curves[name], states[name], confidence)
        row |= dict(zip((f"{prefix}time", f"{prefix}low", f"{prefix}high"), values, strict=True))
    verdict, detail = of_states(states[subject], states["exact"])
    return row | {"verdict": verdict or within(low, high, *logarithms(margin))} | detail._asdict()


def logarithms(margin: float) -> tuple[float, float]:
    """The ends of a relative margin, down and up, in the logarithm."""
    return math.log1p(-margin) if margin < 1 else -math.inf, math.log1p(margin)


def within(low: float, high: float, least: float, most: float) -> Verdict:
    """Whether an interval lies inside what is allowed (agrees), wholly outside (disagrees), or neither, as where it is
    not known (inconclusive)."""
    if least <= low and high <= most:
        return Verdict.AGREES
    return Verdict.DISAGREES if low > most or high < least else Verdict.INCONCLUSIVE


def mean(times: np.ndarray, states: np.ndarray, confidence: float) -> tuple[float, float, float]:
    """Geometric mean over seeds and its Student interval; no interval where the grid hides the time of some seed."""
    logs = np.log(times[np.isfinite(times)])
    if not logs.size:
        return math.nan, math.nan, math.nan
    hidden = np.isin(states, (ABOVE, BELOW)).any()
    low, high = (math.nan, math.nan) if hidden else interval(logs, confidence)
    return math.exp(logs.mean()), math.exp(low), math.exp(high)


def interval(values: np.ndarray, confidence: float) -> tuple[float, float]:
    """Student interval of the mean; NaN with fewer than two values."""
    if len(values) < 2:
        return math.nan, math.nan
    half = stdtrit(len(values) - 1, 0.5 * (1 + confidence)) * values.std(ddof=1) / math.sqrt(len(values))
    return values.mean() - half, values.mean() + half


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
    k, n = len(learning), len(more)
    if n < k or k < 2:
        return interval(learning + finite, confidence)
    ends = [interval(learning + finite * k / (k + n), confidence), interval(more * n / (k + n), confidence)]
    centre = sum(0.5 * (low + high) for low, high in ends)
    half = math.hypot(*(0.5 * (high - low) for low, high in ends))
    return centre - half, centre + half


def median(values: np.ndarray) -> float:
    """Median of what is finite; NaN if nothing is."""
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    return float(np.median(values)) if values.size else math.nan
