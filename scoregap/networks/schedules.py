"""Noise schedules: how noise is dealt out in training, and how it is shown to a network.

noise variances t <-> a clock; range of t -> law of the noise of training

Noise is drawn flat in the clock, and networks see the clock mapped to [-1, 1]. The data are the same, x_0 + sqrt(t) w,
and networks see the same points of them, scaled to unit variance (`denoiser.Denoiser`).

ve   clock log t (Karras et al. 2022, Table 1)
vp   clock s in [0, 1] of the variance-preserving process with beta linear in s: t = exp(B(s)) - 1, where B is the
     integral of beta (Song et al. 2021, appendix C)
"""

import math

import numpy as np

from scoregap.networks import VP_BETA


def clock(schedule, t, arrays=np):
    """The schedule's clock at noise variances t. arrays: numpy, torch or math, whichever t belongs to."""
    if schedule == "ve":
        return arrays.log(t)
    first, last = VP_BETA
    grown = arrays.log1p(t)  # B(s)
    return 2 * grown / (first + (first**2 + 2 * (last - first) * grown) ** 0.5)


def variance(schedule, at, arrays=np):
    """Noise variance at these readings of the clock, an array of numpy or torch, as `arrays` says."""
    if schedule == "ve":
        return arrays.exp(at)
    first, last = VP_BETA
    return arrays.expm1(at * (first + (last - first) / 2 * at))


def level(schedule, t, noise_range, arrays):
    """The clock at t, a tensor, mapped from `noise_range` (variances) to [-1, 1]."""
    low, high = (clock(schedule, v, math) for v in noise_range)
    return (2 * clock(schedule, t, arrays) - (low + high)) / (high - low)


def noise_quantiles(start, stop, focus=None, share=0.0, schedule="ve"):
    """The law of training noise as (probabilities, clock): piecewise linear quantiles of a density flat in the clock
    on [start, stop], of which `share` is moved to [start, stop] of `focus`. All four are noise variances."""
    if focus is None:
        return np.array([0.0, 1.0]), clock(schedule, np.array([start, stop]))
    knots = clock(schedule, np.array([start, *focus, stop]))
    mass = (1 - share) * np.diff(knots) / (knots[-1] - knots[0]) + share * np.array([0.0, 1.0, 0.0])
    return np.concatenate([[0.0], np.cumsum(mass)]), knots
