"""Intervals of phase times that hold under an error that all points share, as that of a network.

mean gap widths against t (and intervals over points) -> intervals of `phases.fit`'s times

What scatters over points says nothing of an error that is the same at all of them. A single curve does: theory says
what shape it has (`phases.model`), and what is left of it has a size and a correlation from one time to the next. The
error of a time follows by the delta method. Where the shape itself is another (curved manifolds) that counts as an
error too: then these intervals are wider than they need be. An error as smooth as the gap itself looks like a gap, and
cannot be seen. `make coverage` measures how often they hold the truth: those of the model's times are the safe ones.
"""

from collections.abc import Mapping

import numpy as np
from scipy.special import stdtrit

from scoregap import InputError
from scoregap.arguments import array, ascending, between
from scoregap.measure import phases

PARAMETERS = 3  # of the model, which takes as many independent errors away
SMOOTHEST = 0.95  # correlation of neighbours at most: few independent errors are left, and so it is not known better


def intervals(times, width, confidence, points=None, **how):
    """{name: (low (gaps,), high (gaps,))} of phases.QUANTITIES, of a gap whose curve has errors along t.

    times: (T,) ascending noise variances. width: (T, gaps) mean widths of the points, NaN where unknown. points:
    intervals over points by the same names, as `phases.bootstrap` has them, whose half-widths in the logarithm are
    added in squares; without them the points' own scatter counts as far as the curve shows it. how: settings of
    `phases.fit`. NaN where the time is not seen, or no longer seen when the width at one time is off by the error.
    """
    size, correlation, independent = errors(times, width)
    times, confidence = ascending("times", times), between("confidence", confidence, 0, 1)
    width = array("width", width, len(times), "gaps")
    if points is not None and not (isinstance(points, Mapping) and points.keys() >= set(phases.QUANTITIES)):
        raise InputError(key="points", value=points, allowed="should be a mapping of intervals, as of phases.bootstrap")
    count = len(times)
    step = np.eye(count)[:, :, None] * size
    found = phases.fit(times, np.concatenate([width[None], width + step, width - step]), **how)
    apart = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    student = stdtrit(np.maximum(independent - PARAMETERS, 2.0), 0.5 * (1 + confidence))
    result = {}
    for name in phases.QUANTITIES:
        time, logs = found[name][0], np.log(found[name])
        slope = np.where(np.isfinite(width), 0.5 * (logs[1 : count + 1] - logs[count + 1 :]), 0.0)  # per error
        variance = np.einsum("tg,tsg,sg->g", slope, correlation ** apart[..., None], slope)
        half = student * np.sqrt(np.maximum(variance, 0.0))
        low, high = (time, time) if points is None else points[name]
        with np.errstate(divide="ignore", invalid="ignore"):
            down, up = (np.hypot(np.log(end / time), half) for end in (low, high))
            result[name] = time * np.exp(-down), time * np.exp(up)
    return result


def errors(times, width):
    """(size, correlation, independent), (gaps,) each, of what `phases.model` leaves of curves (T, gaps).

    size: standard deviation at a time; correlation of neighbouring times, as of an autoregression, corrected for its
    bias in so few (Kendall 1954); independent: how many independent errors have as much to say (Bayley and Hammersley
    1946). NaN where no model could be fitted.
    """
    times = ascending("times", times)
    width = array("width", width, len(times), "gaps")
    p, q, largest, _ = phases.model(times, width.T)
    t = times[:, None]
    left = width - 1 / ((np.sqrt(p * t) - np.sqrt(q / t)) ** 2 + 1 / largest)
    count, left = np.isfinite(left).sum(0), np.nan_to_num(left)
    square = (left**2).sum(0)
    raw = np.divide((left[1:] * left[:-1]).sum(0), square, out=np.zeros_like(square), where=square > phases.ROUNDING)
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = np.clip(raw + (1 + 4 * raw) / count, 0.0, SMOOTHEST)
        independent = count * (1 - correlation**2) / (1 + correlation**2)
        size = np.sqrt(square / count * independent / np.maximum(independent - PARAMETERS, 1.0))
    fitted = np.isfinite(largest)
    return tuple(np.where(fitted, one, np.nan) for one in (size, correlation, independent))
