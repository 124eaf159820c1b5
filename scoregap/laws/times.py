"""Gap widths and phase times in closed form (theory.md 3; the paper's equations 9 and 15-25).

edges (a above a gap, b below it; variances) -> width at noise variance t, opening, maximum, closing times

In the spectrum of the denoiser Jacobian G = I + t J a direction of variance a has eigenvalue a / (a + t), so
a gap between variances a > b has width t (a - b) / ((t + a) (t + b)). The final gap has b = 0.
All functions broadcast; a gap that does not exist has NaN edges and NaN answers. Variances are not negative, and a
level, a share of a width, is from `LEAST_SHARE` to 1: InputError otherwise.
"""

import numpy as np

from scoregap import InputError
from scoregap.arguments import not_negative
from scoregap.laws import LEAST_SHARE


def _share(name, value):
    """Numbers from `LEAST_SHARE` to 1; NaN stays."""
    found = not_negative(name, value)
    if ((found < LEAST_SHARE) | (found > 1)).any():
        raise InputError(key=name, value=value, allowed=f"should be from {LEAST_SHARE:g} to 1")
    return found


def gap_width(t, a, b):
    """Width of the gap between variances a > b at noise variance t (paper eq. 15-16 and 18)."""
    t, a, b = not_negative("t", t), not_negative("a", a), not_negative("b", b)
    with np.errstate(invalid="ignore"):  # 0 / 0 of no gap
        return (a - b) / (t + a) * (t / (t + b))


def maximum(a, b):
    """(t_max, largest width) of an intermediate gap: sqrt(a b) and (sqrt a - sqrt b) / (sqrt a + sqrt b) (eq. 9)."""
    root_a, root_b = np.sqrt(not_negative("a", a)), np.sqrt(not_negative("b", b))
    with np.errstate(invalid="ignore"):
        return root_a * root_b, (root_a - root_b) / (root_a + root_b)


def opening_and_closing(a, b, level=0.5):
    """(t_open, t_close), t_open > t_close: where the width is `level` times its maximum (eq. 20-25).

    Roots of t^2 + (a + b - (a - b) / (level L)) t + a b = 0, so t_open t_close = t_max^2 for every level.
    """
    t_max, level = maximum(a, b)[0], _share("level", level)
    excess = 0.5 * (1 - level) / level * (np.sqrt(a) + np.sqrt(b)) ** 2  # half the sum of the roots, less t_max
    opening = t_max + excess + np.sqrt(excess * (excess + 2 * t_max))
    return opening, t_max**2 / opening


def visible(a, b, visibility):
    """(t_open, t_close) at a fixed visible width instead of a share of the maximum; NaN if never so wide (eq. 17)."""
    largest, visibility = maximum(a, b)[1], _share("visibility", visibility)
    level = np.where(visibility < largest, visibility / largest, np.nan)
    return opening_and_closing(a, b, level)


def consolidation(g, level=0.5):
    """Time at which the final gap g / (t + g) reaches `level` (eq. 17); t = g at one half."""
    return not_negative("g", g) * (1 / _share("level", level) - 1)


def coverage_to_consolidation(a, b, g):
    """Time at which the final gap g / (t + g) overtakes the intermediate gap (a, b).

    The positive root of (a - b - g) t^2 - 2 g b t - g a b = 0; NaN where the final gap always leads.
    """
    a, b, g = not_negative("a", a), not_negative("b", b), not_negative("g", g)
    lead = np.where(a - b - g > 0, a - b - g, np.nan)
    return (g * b + np.sqrt((g * b) ** 2 + lead * g * a * b)) / lead
