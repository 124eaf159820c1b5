"""What a test of a claim could have seen: the smallest true difference that it finds with the probability POWER.

kind of claim, the interval behind a verdict, independent draws, margin, confidence -> that difference, margin included

A test disagrees where its interval lies beyond the margin. With the scatter that the interval shows, a true difference
of this size puts it there in POWER of such studies; of one that is much smaller most would have missed it.
"""

import math
from functools import lru_cache

import numpy as np
from scipy import special, stats

from scoregap.analysis.intervals import logarithms
from scoregap.analysis.quantities import Kind

POWER = 0.8


def detectable(kind: Kind, low: float, high: float, draws: int, margin: float, confidence: float) -> float:
    """The smallest difference that would have been found, in the units of the claim, of ratios a relative one.

    low, high: the interval of trained over, or less, its reference, for ratios of logarithms; against chance that of
    `hypotheses.by_null`. draws: independent ones behind it, each with a network and an F of its own. NaN where there is
    no interval, as of one draw, but against chance.
    """
    if kind is Kind.RIGHT:
        return wrong(draws, margin, confidence)
    half = 0.5 * (high - low)
    if not np.isfinite(half):
        return math.nan
    if kind is Kind.CHANCE:  # one-sided, and by the scatter of the null, which is known
        return max(half, margin) + half * float(stats.norm.ppf(POWER) / stats.norm.ppf(0.5 * (1 + confidence)))
    if draws < 2:
        return math.nan
    if kind is Kind.RATIO:
        with np.errstate(over="ignore"):
            return float(np.expm1(logarithms(margin)[1] + half * beyond(draws - 1, confidence)))
    return margin + half * beyond(draws - 1, confidence)


@lru_cache(maxsize=512)
def beyond(freedom: int, confidence: float) -> float:
    """How many half-widths of Student's interval beyond the margin a mean has to be, so that the interval excludes the
    margin with the probability POWER: the noncentrality of t at which it does, over its quantile."""
    quantile = special.stdtrit(freedom, 0.5 * (1 + confidence))
    return float(special.nctdtrinc(freedom, 1 - POWER, quantile) / quantile)


@lru_cache(maxsize=512)
def wrong(draws: int, margin: float, confidence: float) -> float:
    """How often a thing has to be wrong for `hypotheses.proportion` of so many draws to disagree with the probability
    POWER; NaN if it never does."""
    few = [
        right
        for right in range(draws)
        if stats.binomtest(right, draws).proportion_ci(confidence, method="exact").high < 1 - margin
    ]
    if not few:
        return math.nan
    return float(1 - special.bdtri(few[-1], draws, POWER))
