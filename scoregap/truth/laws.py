"""Random-matrix laws of the linear random manifold (THEORY.md 2).

(ambient_dim, columns and standard deviation of each variance group) -> edges of the spectrum of F'F, density of FF'

F is d x m with independent Gaussian entries; a column of group k has entry variance std_k^2 v / m, v = 1 or from the
group's law of column variances (`variances.VarianceLaw`, one per group: `spreads`). Edges are variances, in the same
units as the noise variance t. Groups are given in any order and returned from the largest standard deviation to the
smallest. Only edges between groups and the two ends are reported, not gaps inside a group. To have the deterministic
equivalent of given columns, pass each column as a group.

Notation, Silverstein and Choi 1995: H is the law of the m column variances divided by m, h ~ H, and

    z(w) = w + (1/d) sum over columns of h w / (w - h),    w = -1/u, u the Stieltjes transform of FF' / d.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from scoregap.truth.variances import CONSTANT

# Mean and standard deviation of the Tracy-Widom law for real matrices (Tracy and Widom 1996; Bornemann 2010).
TRACY_WIDOM_MEAN = -1.2065335745820
TRACY_WIDOM_STD = 1.2680340580


def _sorted(counts, stds, spreads=None):
    """Groups from the largest standard deviation to the smallest; spreads only where they were asked for."""
    counts, stds = np.asarray(counts, float), np.asarray(stds, float)
    order = np.argsort(-stds, kind="stable")
    spreads = [CONSTANT] * len(stds) if spreads is None else list(spreads)
    if len(spreads) != len(stds):
        raise ValueError(f"{len(spreads)} spreads for {len(stds)} groups")
    return counts[order], stds[order], [spreads[k] for k in order]


def _sorted_constant(counts, stds, spreads):
    counts, stds, spreads = _sorted(counts, stds, spreads)
    if any(spread.width for spread in spreads):
        raise ValueError("this approximation is for groups of constant variance")
    return counts, stds


class _Columns(NamedTuple):
    """Quadrature over the column variances h of all groups: z(w) = w + sum_j c_j h_j w / (w - h_j)."""

    h: np.ndarray  # std^2 v / m
    c: np.ndarray  # columns / d
    low: np.ndarray  # (groups,) support of h
    high: np.ndarray

    def z(self, w):
        return w + w * np.sum(self.c * self.h / (w[..., None] - self.h), -1)

    def slope(self, w):  # z'
        return 1.0 - np.sum(self.c * (self.h / (w[..., None] - self.h)) ** 2, -1)


def _columns(d, counts, stds, spreads, below=False):
    """The laws of all groups as one quadrature (`VarianceLaw.nodes`)."""
    unit = stds**2 / counts.sum()
    nodes = [spread.nodes(below=below) for spread in spreads]
    low, high = unit * np.array([spread.support for spread in spreads]).T
    return _Columns(
        np.concatenate([u * values for u, (values, _) in zip(unit, nodes, strict=True)]),
        np.concatenate([n * weights / d for n, (_, weights) in zip(counts, nodes, strict=True)]),
        low,
        high,
    )


def _critical_points(columns):
    """(groups, 2) points w outside the support of H with z'(w) = 0, whose z(w) d are the edges.

    z' is concave in every gap of the support of H. In the gap between two groups it has two zeros if the bulks are
    separate, none if they have merged or there is no such gap: NaN. Beyond an unbounded law w = inf; w = 0
    below a law that reaches 0, and where m = d.
    """
    low, high = columns.low, columns.high
    groups = len(low)
    # One point at a time is a sum over columns: plain floats are what the root finders want.
    h, c = columns.h, columns.c

    def slope(v):  # of z as a function of v = -w
        return 1.0 - np.sum(c * (h / (v + h)) ** 2)

    def inside(pole, towards):
        """A point next to a pole where the slope is negative."""
        step = 0.5 * (towards - pole)
        while slope(pole + step) > 0:
            step *= 0.5
        return pole + step

    def root(left, right):
        return -brentq(slope, left, right, xtol=1e-300, rtol=1e-15)

    points = np.full((groups, 2), np.nan)
    top, bottom = high.max(), low.min()
    if np.isinf(top):
        points[0, 1] = np.inf
    else:
        far = -top * (2 + 2 * c.sum())  # (h / (v + h))^2 sums to less than one here
        while slope(far) < 0:
            far *= 2
        points[0, 1] = root(far, inside(-top, far))
    points[-1, 0] = root(inside(-bottom, 0.0), 0.0) if bottom > 0 and slope(0.0) > 0 else 0.0
    for k in range(groups - 1):
        left, right = -low[: k + 1].min(), -high[k + 1 :].max()
        if not right - left > -1e-12 * left:
            continue
        best = minimize_scalar(
            lambda v: -slope(v), bounds=(left, right), method="bounded", options={"xatol": -1e-14 * left}
        )
        if slope(best.x) > 0:
            points[k, 0] = root(inside(left, best.x), best.x)
            points[k + 1, 1] = root(best.x, inside(right, best.x))
    return points


def silverstein_edges(ambient_dim, counts, stds, spreads=None):
    """Support edges (low, high) of each variance group as d -> infinity, (groups, 2).

    Silverstein and Choi 1995: the support of F'F / d is bounded by the values of z(w) where z' = 0 outside the
    support of H. Between two groups there are two such points if the bulks are separate, none if they have
    merged: a merged side is NaN. The top of an unbounded law is inf; the lower edge of a law that
    reaches 0, and of m = d, is 0.
    """
    d = float(ambient_dim)
    columns = _columns(d, *_sorted(counts, stds, spreads))
    points = _critical_points(columns)
    edges = points.copy()
    soft = np.isfinite(points) & (points > 0)
    edges[soft] = d * columns.z(points[soft])
    return edges


def repaired_edges(ambient_dim, counts, stds, spreads=None):
    """Edges of each group alone, in the directions that larger groups leave free, (groups, 2).

    std_k^2 / m (sqrt(d - sum of larger groups) pm sqrt(m_k))^2 (THEORY.md 2): close to Silverstein's edges
    where the groups are well apart, and defined where they merge.
    """
    counts, stds = _sorted_constant(counts, stds, spreads)
    free = np.sqrt(ambient_dim - np.concatenate([[0.0], np.cumsum(counts)[:-1]]))
    own = np.sqrt(counts)
    return (stds**2 / counts.sum())[:, None] * np.stack([free - own, free + own], -1) ** 2


def detached_edges(ambient_dim, counts, stds, spreads=None):
    """The paper's approximation: every group alone, std_k^2 (alpha^-1/2 pm f_k^1/2)^2, (groups, 2)."""
    counts, stds = _sorted_constant(counts, stds, spreads)
    m = counts.sum()
    root = np.sqrt(ambient_dim / m)
    share = np.sqrt(counts / m)
    return (stds**2)[:, None] * np.stack([root - share, root + share], -1) ** 2


def density(x, ambient_dim, counts, stds, spreads=None):
    """Density at variances x of the limiting spectrum of FF' (d x d): mass m / d, beside `atom` at 0.

    Silverstein and Choi 1995: w(x) with Im w > 0 solves z(w) = x / d, and the density is Im(-1 / w) / (pi d).
    There is one such w for every x of the support: it is followed by Newton's method from x + i infinity, where
    w = z, down to the real line. Laws of column variances are integrated on a path below the real line
    (`VarianceLaw.nodes`), so poles at w cause no loss. Zero outside the support, inf at a hard edge x = 0.
    """
    d = float(ambient_dim)
    columns = _columns(d, *_sorted(counts, stds, spreads), below=True)
    x = np.asarray(x, float)
    target = x[x > 0] / d
    # Where |z| is large against the bulk of H (a power law may have no second moment), w = z - mean is a safe start.
    height = 10 * (np.sum(np.abs(columns.c * columns.h)) + np.abs(columns.h).max()) + target
    raise NotImplementedError


def tracy_widom_edges(ambient_dim, counts, stds, spreads=None):
    """TODO"""
    counts, stds, spreads = _sorted(counts, stds, spreads)
    total = counts.sum()
    columns = np.concatenate(
        [s**2 / total * law.columns(int(n)) for n, s, law in zip(counts, stds, spreads, strict=True)]
    )

def gap_edges(edges):
    """(groups, 2) edges of bulks -> (groups, 2) the (a, b) of each gap: a above it, b below it.

    The last gap is the final one: below it lie the normal directions, b = 0.
    """
    return np.stack([edges[:, 0], np.append(edges[1:, 1], 0.0)], -1)
