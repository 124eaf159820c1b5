"""Reverse trajectories of a score: the points at which a sampler that uses it would be.

(denoiser, noisy points at the largest noise variance) -> points at every noise variance
(two denoisers, such points) -> samples in whose making the one takes over from the other, at every noise variance

The probability-flow ODE with variance exploding, dx / dsigma = (x - D(x, sigma^2)) / sigma, by Heun's method (Karras et
al. 2022, Algorithm 1 without churn): two evaluations a step. A direction without variance is followed exactly.
"""

import math
from itertools import pairwise

import numpy as np

from scoregap.arguments import array, ascending, between, function

RATIO = 1.1  # largest ratio of two noise variances one step apart


def reverse(denoise, x, times, ratio=RATIO):
    """Points (T, n, d) of the trajectories that are at x (n, d) at the last of the times (T,), ascending.

    denoise: (points (k, d), t) -> denoised points (k, d), NaN where they are not known: such a trajectory ends, and is
    NaN from there to smaller t. Between two times are steps of equal ratio, at most `ratio` of variances. For a
    Gaussian of variance v, where x(t) = x(T) sqrt((v + t) / (v + T)), the relative error is below 3e-4 at the default
    ratio, for every v, and falls as (ratio - 1)^2.
    """
    times, ratio, denoise = ascending("times", times), between("ratio", ratio, 1), function("denoise", denoise)
    x = array("x", x, "n", "d", empty=True).copy()
    points = np.full((len(times), *x.shape), np.nan)
    points[-1] = x
    for k in range(len(times) - 1, 0, -1):
        steps = math.ceil(math.log(times[k] / times[k - 1]) / math.log(ratio) - 1e-9)
        sigma = np.sqrt(np.geomspace(times[k], times[k - 1], steps + 1))
        for now, then in pairwise(sigma):
            live = np.isfinite(x).all(1)
            if not live.any():
                return points
            here = x[live]
            with np.errstate(over="ignore", invalid="ignore"):
                slope = (here - denoise(here, now**2)) / now
                ahead = here + (then - now) * slope
                sound = np.where(np.isfinite(ahead).all(1, keepdims=True), ahead, here)
                slope_ahead = (ahead - denoise(sound, then**2)) / then
                x[live] = here + (then - now) * 0.5 * (slope + slope_ahead)
        live = np.isfinite(x).all(1)
        points[k - 1, live] = x[live]
    return points


def switched(above, below, x, times, ratio=RATIO):
    """Samples (T, n, d) whose score changes hands, at each of the times (T,) in turn, ascending.

    above, below: denoisers as in `reverse`, the one at noise variances from the switch on, the other under it. x:
    noisy points (n, d) at the last of the times, the same for every switch. The trajectory ends at the first of them,
    with the denoised point of the score in charge there, so that samples keep no noise: the first sample is wholly
    made by `above`, the last by `below`. What switches share, the way down to them, is gone once.
    """
    between("ratio", ratio, 1)
    above, below = function("above", above), function("below", below)
    times, upper = ascending("times", times), array("x", x, "n", "d", empty=True)
    lower = np.empty((0, *upper.shape))
    for down in range(len(times) - 1, 0, -1):
        span = times[down - 1 : down + 1]
        lower = np.concatenate([upper[None], lower])  # of which the first changes hands here
        lower = reverse(below, lower.reshape(-1, upper.shape[1]), span, ratio)[0].reshape(lower.shape)
        upper = reverse(above, upper, span, ratio)[0]
    last = _known(below, lower.reshape(-1, upper.shape[1]), times[0]).reshape(lower.shape)
    return np.concatenate([_known(above, upper, times[0])[None], last])


def _known(denoise, x, t):
    """Denoised points; NaN where a trajectory has ended."""
    live, denoised = np.isfinite(x).all(1), np.full_like(x, np.nan)
    if live.any():
        denoised[live] = denoise(x[live], t)
    return denoised
