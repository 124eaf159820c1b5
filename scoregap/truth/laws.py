"""Random-matrix laws of the linear random manifold (THEORY.md 2).

(ambient_dim, columns and standard deviation of each variance group) -> edges of the spectrum of F'F

F is d x m with independent Gaussian entries; a column of group k has entry variance std_k^2 / m. Edges are
variances, in the same units as the noise variance t. Groups are given in any order and returned from the
largest standard deviation to the smallest.
"""

import numpy as np
from scipy.optimize import brentq, minimize_scalar

# Mean and standard deviation of the Tracy-Widom law for real matrices (Tracy and Widom 1996; Bornemann 2010).
TRACY_WIDOM_MEAN = -1.2065335745820
TRACY_WIDOM_STD = 1.2680340580


def _sorted(counts, stds):
    counts, stds = np.asarray(counts, float), np.asarray(stds, float)
    order = np.argsort(-stds, kind="stable")
    return counts[order], stds[order]


def silverstein_edges(ambient_dim, counts, stds):
    """Support edges (low, high) of each variance group as d -> infinity, (groups, 2).

    Silverstein and Choi 1995: with h_k = std_k^2 / m and v = 1/u, the support of F'F / d is bounded by the
    values of z(v) = -v + (1/d) sum_k m_k h_k v / (v + h_k) where z' = 0. Between two poles -h_k there are
    two such points if the bulks are separate, none if they have merged: a merged side is NaN.
    """
    counts, stds = _sorted(counts, stds)
    d, m = float(ambient_dim), counts.sum()
    h = stds**2 / m

    def slope(v):  # u^2 dz/du, concave between poles
        return 1.0 - np.sum(counts * (h / (v + h)) ** 2) / d

    def edge(v):
        return d * (-v + np.sum(counts * h * v / (v + h)) / d)

    def inside(pole, towards):
        """A point next to a pole where the slope is negative."""
        step = 0.5 * (towards - pole)
        while slope(pole + step) > 0:
            step *= 0.5
        return pole + step

    edges = np.full((len(h), 2), np.nan)
    far = -h[0] * (2 + 2 * m / d)  # (h / (v + h))^2 sums to less than d here
    while slope(far) < 0:
        far *= 2
    edges[0, 1] = edge(brentq(slope, far, inside(-h[0], far), xtol=1e-300, rtol=1e-15))
    if m < d:
        edges[-1, 0] = edge(brentq(slope, inside(-h[-1], 0.0), 0.0, xtol=1e-300, rtol=1e-15))
    else:
        edges[-1, 0] = 0.0
    for k in range(len(h) - 1):
        left, right = -h[k], -h[k + 1]
        if right - left <= 1e-12 * h[k]:
            continue
        top = minimize_scalar(
            lambda v: -slope(v), bounds=(left, right), method="bounded", options={"xatol": 1e-14 * h[k]}
        )
        if slope(top.x) > 0:
            edges[k, 0] = edge(brentq(slope, inside(left, top.x), top.x, xtol=1e-300, rtol=1e-15))
            edges[k + 1, 1] = edge(brentq(slope, top.x, inside(right, top.x), xtol=1e-300, rtol=1e-15))
    return edges


def repaired_edges(ambient_dim, counts, stds):
    """Edges of each group alone, in the directions that larger groups leave free, (groups, 2).

    std_k^2 / m (sqrt(d - sum of larger groups) pm sqrt(m_k))^2 (THEORY.md 2): close to Silverstein's edges
    where the groups are well apart, and defined where they merge.
    """
    counts, stds = _sorted(counts, stds)
    free = np.sqrt(ambient_dim - np.concatenate([[0.0], np.cumsum(counts)[:-1]]))
    own = np.sqrt(counts)
    return (stds**2 / counts.sum())[:, None] * np.stack([free - own, free + own], -1) ** 2


def detached_edges(ambient_dim, counts, stds):
    """The paper's approximation: every group alone, std_k^2 (alpha^-1/2 pm f_k^1/2)^2, (groups, 2)."""
    counts, stds = _sorted(counts, stds)
    m = counts.sum()
    root = np.sqrt(ambient_dim / m)
    share = np.sqrt(counts / m)
    return (stds**2)[:, None] * np.stack([root - share, root + share], -1) ** 2


def tracy_widom_edges(ambient_dim, counts, stds):
    """Mean and spread at finite size of the extreme eigenvalues of each group, (groups, 2) each.

    Johnstone 2001 (upper edge) and Ma 2012 (lower edge: the exponential of the mean logarithm) with n - 1/2,
    p - 1/2, for each group alone in the directions that larger groups leave free (THEORY.md 2). At d = 100, m = 40
    the lower mean is 0.5 % and its spread 5 % off simulation. Returns (means, standard deviations).
    A group as wide as its free directions has no soft lower edge: NaN.
    """
    counts, stds = _sorted(counts, stds)
    n = np.sqrt(ambient_dim - np.concatenate([[0.0], np.cumsum(counts)[:-1]]) - 0.5)
    p = np.sqrt(counts - 0.5)
    scale = stds**2 / counts.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        high, high_width = (n + p) ** 2, (n + p) * (1 / n + 1 / p) ** (1 / 3)
        low = np.where(n > p, (n - p) ** 2, np.nan)
        low_width = (n - p) * (1 / p - 1 / n) ** (1 / 3) / low  # of log eigenvalue
        low_mean = low * np.exp(-low_width * TRACY_WIDOM_MEAN)
    means = np.stack([low_mean, high + high_width * TRACY_WIDOM_MEAN], -1)
    spreads = np.stack([low_mean * low_width * TRACY_WIDOM_STD, high_width * TRACY_WIDOM_STD], -1)
    return scale[:, None] * means, scale[:, None] * spreads


def gap_edges(edges):
    """(groups, 2) edges of bulks -> (groups, 2) the (a, b) of each gap: a above it, b below it.

    The last gap is the final one: below it lie the normal directions, b = 0.
    """
    return np.stack([edges[:, 0], np.append(edges[1:, 1], 0.0)], -1)
