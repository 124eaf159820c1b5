"""The dimension at which the number of resolved modes stays longest, as noise recedes.

n(t), the eigenvalues of G above 1/2 at every noise variance (`scoregap.measure.profile`) -> dimension

Manifold coverage ends where n stops rising: the plateau of Ventura et al. (ICLR 2025, arXiv 2410.05898), here read as
the number with the longest range of log t, whatever its width. No threshold is chosen: nothing says how wide a plateau,
how large a gap or how small t should be, and of flat data the level of n itself cancels, as an eigenvalue gamma /
(gamma + t) passes any level q at t = gamma (1 - q) / q, all at the same distance in log t. What it needs is a grid: of
data whose variances go down to t it answers for what is above.
"""

import numpy as np

from scoregap import InputError
from scoregap.arguments import array, positive


def plateau(t, n):
    """Of every noise variance, the number of modes that is resolved over the longest range of log t from there up.

    t: (T,), none less than the one before. n: (T, points) numbers of resolved modes. Returns (T, points); NaN where
    some n is, from there up. The interval between two times is half of each. No modes at all are no plateau, but where
    there are none. Of two that are as long it is the larger number.
    """
    logs = np.log(positive("t", t, "T"))
    if (np.diff(logs) < 0).any():
        raise InputError(key="t", value=t, allowed="should not descend")
    n = array("n", n, len(logs), "points")
    half = np.diff(logs) / 2
    found = np.full(n.shape, np.nan)
    for point, column in enumerate(n.T):
        lengths: dict[float, float] = {}
        for k in range(len(logs) - 1, -1, -1):
            if np.isnan(column[k]):
                break
            lengths.setdefault(column[k], 0.0)
            if k + 1 < len(logs):
                lengths[column[k]] += half[k]
                lengths[column[k + 1]] += half[k]
            found[k, point] = max(lengths, key=lambda modes: (modes > 0, round(lengths[modes], 9), modes))
    return found
