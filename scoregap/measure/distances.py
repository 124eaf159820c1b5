"""Distances between distributions, from samples of them.

two sets of points -> energy distance
"""

from scipy.spatial.distance import cdist, pdist

from scoregap import InputError
from scoregap.arguments import array


def energy(x, y, paired=False):
    """Energy distance 2 E|X - Y| - E|X - X'| - E|Y - Y'| (Szekely and Rizzo 2013), without bias.

    x: (n, k), y: (n', k), two samples or more each. Returns a number in the units of the points: 0 in the mean for
    equal distributions, so it may be negative. In one dimension it is twice the integral of (F - G)^2, and
    `scipy.stats.energy_distance` its root, of which the sample's own bias (all pairs, a point and itself too) is part.

    paired: x[i] and y[i] have been made from one draw, as by two samplers from the same start; n = n'. Pairs of the
    same draw, which depend on each other, are left out, so it stays without bias, but what the draws have in common
    cancels: if y = (1 + a) x, its error is of the order a^2 / sqrt(n), without pairs of the order of (a + 1 / sqrt(n))
    / sqrt(n).
    """
    x = array("x", x, "n", "k")
    y = array("y", y, len(x) if paired else "n", x.shape[1])
    for name, points in (("x", x), ("y", y)):
        if len(points) < 2:
            raise InputError("one sample is not allowed", key=name, value=points, allowed="should be two or more")
    cross = cdist(x, y)
    if paired:
        n = len(x)
        mean = (cross.sum() - cross.trace()) / (n * (n - 1))
    else:
        mean = cross.mean()
    return float(2 * mean - pdist(x).mean() - pdist(y).mean())
