"""Does a phase time agree with the exact one, over seeds?

times per seed of every curve, margin, confidence -> ratio with its interval, and a verdict
"""

import math

import numpy as np
from scipy import stats


def judge(curves: dict[str, np.ndarray], subject: str, margin: float, confidence: float) -> dict:
    """Medians over seeds, ratio of the subject to exact with its Student interval in the logarithm, and the verdict.

    curves: law, gaussian, exact, trained; each (seeds,), NaN where the time is not seen. subject: trained, or law.
    ratio: median over seeds of the ratios, seed by seed; the interval is of their mean logarithm.
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
    least, most = (math.log1p(-margin) if margin < 1 else -math.inf), math.log1p(margin)
    seen = [int(np.isfinite(curve).sum()) for curve in (trained, exact)]
    if not any(seen):
        verdict = "absent"
    elif (np.isfinite(exact) != np.isfinite(trained)).any():
        verdict = f"seen in {seen[0]}, exact in {seen[1]}"
    elif least <= low and high <= most:
        verdict = "agrees"
    elif low > most or high < least:
        verdict = "disagrees"
    else:
        verdict = "inconclusive"
    return row | {"verdict": verdict}


def interval(values: np.ndarray, confidence: float) -> tuple[float, float]:
    """Student interval of the mean; NaN with fewer than two values."""
    if len(values) < 2:
        return math.nan, math.nan
    half = stats.t.ppf(0.5 * (1 + confidence), len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
    return values.mean() - half, values.mean() + half


def median(values: np.ndarray) -> float:
    """Median of what is finite; NaN if nothing is."""
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    return float(np.median(values)) if values.size else math.nan
