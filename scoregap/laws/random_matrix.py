"""Random-matrix laws of the linear random manifold (theory.md 2).

(ambient_dim, columns and standard deviation of each variance group) -> edges of the spectrum of F'F, density of FF'

F is d x m with independent Gaussian entries; a column of group k has entry variance std_k^2 v / m, v = 1 or from the
group's law of column variances (`variances.VarianceLaw`, one per group: `spreads`). Edges are variances, in the same
units as the noise variance t. Groups are given in any order and returned from the largest standard deviation to the
smallest. Only edges between groups and the two ends are reported, not gaps inside a group. To have the deterministic
equivalent of given columns, pass each column as a group.

Notation, Silverstein and Choi 1995: H is the law of the m column variances divided by m, h ~ H, and

    z(w) = w + (1/d) sum over columns of h w / (w - h),    w = -1/u, u the Stieltjes transform of FF' / d.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from scoregap import InputError
from scoregap.arguments import array, ranged, wholes
from scoregap.laws import extremes
from scoregap.laws.variances import CONSTANT, VarianceLaw

# Bulks whose edges are nearer than the sum of their scales nearly touch: neither edge has a law of its own.
APART = 1.0

# What may be given: numbers of dimensions and of columns, standard deviations (whose squares are used).
_NUMBERS, _STDS = (1e-6, 1e15), (1e-50, 1e50)

# Factor between the heights above the real line at which `density` follows its solution.
_FALL = 4.0


def _sorted(counts, stds, spreads=None):
    """Groups from the largest standard deviation to the smallest; spreads only where they were asked for."""
    counts = ranged("counts", counts, *_NUMBERS, "groups")
    stds = ranged("stds", stds, *_STDS, len(counts))
    order = np.argsort(-stds, kind="stable")
    spreads = [CONSTANT] * len(stds) if spreads is None else spreads
    if not isinstance(spreads, Sequence) or not all(isinstance(one, VarianceLaw) for one in spreads):
        raise InputError(key="spreads", value=spreads, allowed="should be a list of VarianceLaw, one for each group")
    if len(spreads) != len(stds):
        allowed = f"should be {len(stds)}, one for each group"
        raise InputError(f"{len(spreads)} are not allowed", key="spreads", value=spreads, allowed=allowed)
    return counts[order], stds[order], [spreads[k] for k in order]


def _dimension(ambient_dim) -> float:
    return float(ranged("ambient_dim", ambient_dim, *_NUMBERS))


def _sorted_constant(counts, stds, spreads):
    counts, stds, spreads = _sorted(counts, stds, spreads)
    if any(spread.width for spread in spreads):
        allowed = "this approximation is for groups of constant variance: should be of width 0"
        raise InputError(key="spreads", value=spreads, allowed=allowed)
    return counts, stds


class _Columns(NamedTuple):
    """Quadrature over the column variances h of all groups: z(w) = w + sum_j c_j h_j w / (w - h_j)."""

    h: np.ndarray  # std^2 v / m
    c: np.ndarray  # columns / d
    low: np.ndarray  # (groups,) support of h
    high: np.ndarray

    def z(self, w):
        return w + w * np.sum(self.c * self.h / (np.expand_dims(w, -1) - self.h), -1)

    def slope(self, w):  # z'
        return 1.0 - np.sum(self.c * (self.h / (np.expand_dims(w, -1) - self.h)) ** 2, -1)

    def shares(self, v):
        """1 - z' at v = -w, one number, sum_j c_j (h_j / (v + h_j))^2, and its derivative."""
        part = self.h / (v + self.h)
        squares = self.c * part**2
        return squares.sum(), -2 * (squares * part / self.h).sum()

    def excess(self, v):
        """Whether `shares` is less than 1, and Newton's step to 1, of the inverse root, which is straight at poles."""
        value, slope = self.shares(v)
        return value < 1, 2 * value * (1 - np.sqrt(value)) / slope

    def fall(self, v):
        """Whether `shares` does not fall as v grows but rises, and Newton's step to where it is least."""
        part = self.h / (v + self.h)
        cubes = self.c * part**3 / self.h
        return cubes.sum() < 0, cubes.sum() / (3 * (cubes * part / self.h).sum())


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


def _critical_points(columns, k):
    """Points w in gap k of the support of H with z'(w) = 0: (of the low edge above it, of the high edge below it).

    Gap k lies between groups k - 1 and k; gap 0 is above all groups and the last one below all. d z(w) are edges.
    z' is concave in a gap: two zeros if the bulks are separate, none if they have merged or there is no such gap:
    NaN. Beyond an unbounded law w = inf; w = 0 below a law that reaches 0, and where m = d.
    """
    left, right = -columns.low[:k].min(initial=np.inf), -columns.high[k:].max(initial=0.0)  # the gap in v = -w
    if k == 0:
        if np.isinf(right):
            return np.nan, np.inf
        left = right * (2 + 2 * columns.c.sum())  # (h / (v + h))^2 sums to less than one here
        while columns.shares(left)[0] > 1:
            left *= 2
        return np.nan, -_root(columns.excess, left, right)
    if k == len(columns.low):
        return -_root(columns.excess, right, left) if left < 0 and columns.c.sum() < 1 - 1e-12 else 0.0, np.nan
    if not right - left > -1e-12 * left:
        return np.nan, np.nan
    top = _root(columns.fall, right, left)
    if columns.shares(top)[0] >= 1:
        return np.nan, np.nan
    return -_root(columns.excess, top, left), -_root(columns.excess, top, right)


def _root(function, negative, positive):
    """Where a function is 0, between two points where it has these signs, and which may be poles.

    function: v -> whether it is negative there, and Newton's step; one that would leave is replaced by half the rest.
    scipy's roots do the same, but to import them takes longer than most jobs.
    """
    v = 0.5 * (negative + positive)
    while True:
        is_negative, step = function(v)
        negative, positive = (v, positive) if is_negative else (negative, v)
        new = v + step
        if not min(negative, positive) < new < max(negative, positive):
            new = 0.5 * (negative + positive)
        if abs(new - v) <= 1e-11 * abs(v):  # quadratic: the next step would be rounding
            return new
        v = new


def silverstein_edges(ambient_dim, counts, stds, spreads=None):
    """Support edges (low, high) of each variance group as d -> infinity, (groups, 2).

    Silverstein and Choi 1995: the support of F'F / d is bounded by the values of z(w) where z' = 0 outside the
    support of H. Between two groups there are two such points if the bulks are separate, none if they have
    merged: a merged side is NaN. The top of an unbounded law is inf; the lower edge of a law that
    reaches 0, and of m = d, is 0.
    """
    d = _dimension(ambient_dim)
    columns = _columns(d, *_sorted(counts, stds, spreads))
    points = np.array([_critical_points(columns, k) for k in range(len(columns.low) + 1)])
    edges = points.copy()
    soft = np.isfinite(points) & (points > 0)
    edges[soft] = d * columns.z(points[soft])
    return _of_groups(edges)


def _of_groups(gaps):
    """(groups + 1, 2) edges around each gap -> (groups, 2) edges (low, high) of each group."""
    return gaps.ravel()[1:-1].reshape(-1, 2)[:, ::-1].copy()


def repaired_edges(ambient_dim, counts, stds, spreads=None):
    """Edges of each group alone, in the directions that larger groups leave free, (groups, 2).

    std_k^2 / m (sqrt(d - sum of larger groups) pm sqrt(m_k))^2 (theory.md 2): close to Silverstein's edges
    where the groups are well apart, and defined where they merge.
    """
    ambient_dim = _dimension(ambient_dim)
    counts, stds = _sorted_constant(counts, stds, spreads)
    if counts[:-1].sum() > ambient_dim:
        allowed = f"the larger groups have {counts[:-1].sum():g} columns: should be at least as much"
        raise InputError(key="ambient_dim", value=ambient_dim, allowed=allowed)
    free = np.sqrt(ambient_dim - np.concatenate([[0.0], np.cumsum(counts)[:-1]]))
    own = np.sqrt(counts)
    return (stds**2 / counts.sum())[:, None] * np.stack([free - own, free + own], -1) ** 2


def detached_edges(ambient_dim, counts, stds, spreads=None):
    """The paper's approximation: every group alone, std_k^2 (alpha^-1/2 pm f_k^1/2)^2, (groups, 2)."""
    ambient_dim = _dimension(ambient_dim)
    counts, stds = _sorted_constant(counts, stds, spreads)
    m = counts.sum()
    root = np.sqrt(ambient_dim / m)
    share = np.sqrt(counts / m)
    return (stds**2)[:, None] * np.stack([root - share, root + share], -1) ** 2


def density(x, ambient_dim, counts, stds, spreads=None):
    """Density at variances x of the limiting spectrum of FF' (d x d): mass m / d, beside `atom` at 0.

    Silverstein and Choi 1995: z(w) = x / d has one solution w(x) with Im w > 0 where there is density, which is
    Im(-1 / w) / (pi d); elsewhere w(x) is real. It is followed by Newton's method from x + i infinity,
    where w = z, down to the real line. Laws of column variances are integrated on a path below the real line
    (`VarianceLaw.nodes`), so z(w) is exact at and near the real line too. 0 outside the support, also where
    less than 1e-12 of the mass of an unbounded law is left.
    """
    d = _dimension(ambient_dim)
    counts, stds, spreads = _sorted(counts, stds, spreads)
    columns = _columns(d, counts, stds, spreads, below=True)
    x = array("x", x, "...")
    target = x[x > 0] / d
    # Well above all bulks w = z is a good start; heights end where an edge is reached to rounding.
    start = 10 * np.sum(np.abs(columns.c * columns.h)) + 10 * np.abs(columns.h).max()
    falls = np.log(max(start, target.max(initial=0)) / (1e-17 * target.min(initial=start))) / np.log(_FALL)
    w = target + 1j * start
    for height in (*(start * _FALL ** -np.arange(np.ceil(falls))), 0.0):
        for _ in range(40):
            step = (columns.z(w) - target - 1j * height) / columns.slope(w)
            w = w - step
            if np.all(np.abs(step) <= 1e-7 * np.abs(w)):  # quadratic: the next step would be rounding
                break
    result = np.where(np.isnan(x), np.nan, 0.0)
    result[x > 0] = np.where(w.imag > 1e-12 * np.abs(w), w.imag / np.abs(w) ** 2, 0.0) / (np.pi * d)
    return result


def atom(ambient_dim, counts):
    """Mass at 0 of the spectrum of FF': none where F has as many columns as rows, or more."""
    return max(0.0, 1 - ranged("counts", counts, *_NUMBERS, "groups").sum() / _dimension(ambient_dim))


def marchenko_pastur_edges(ambient_dim, count, std):
    """Edges (low, high) of one group of constant variance: std^2 (alpha^-1/2 -+ 1)^2."""
    count, std = float(ranged("count", count, *_NUMBERS)), float(ranged("std", std, *_STDS))
    root = np.sqrt(_dimension(ambient_dim) / count)
    return std**2 * (root - 1) ** 2, std**2 * (root + 1) ** 2


def marchenko_pastur_density(x, ambient_dim, count, std):
    """`density` of one group of constant variance (Marchenko and Pastur 1967)."""
    low, high = marchenko_pastur_edges(ambient_dim, count, std)
    x = array("x", x, "...")
    inside = (x > low) & (x < high) & (x > 0)
    root = np.sqrt(np.where(inside, (x - low) * (high - x), 0.0))
    return count * root / (2 * np.pi * std**2 * ambient_dim * np.where(inside, x, 1.0))


def critical_ratio(alpha, fraction):
    """Ratio of variances std_2^2 / std_1^2 at which the bulks of two groups merge as d -> infinity.

    The intermediate gap exists below it. `fraction` f is the share of the columns with the larger variance.
    z' has a double zero between the two poles where, by Lagrange, with r the ratio,

        (alpha f)^(1/3) + (alpha (1 - f))^(1/3) r^(2/3) = (1 - r)^(2/3),

    which has one root in [0, 1] for alpha f <= 1. NaN for alpha f > 1 and outside alpha > 0, 0 <= f <= 1.
    """
    alpha, fraction = np.broadcast_arrays(array("alpha", alpha, "..."), array("fraction", fraction, "..."))
    possible = (alpha > 0) & (fraction >= 0) & (fraction <= 1) & (alpha * fraction <= 1)
    upper = np.cbrt(np.where(possible, alpha * fraction, np.nan))
    lower = np.cbrt(np.where(possible, alpha * (1 - fraction), np.nan))
    low, high = np.zeros(alpha.shape), np.ones(alpha.shape)  # of y = r^(1/3)
    for _ in range(80):
        y = 0.5 * (low + high)
        separate = upper + lower * y**2 < np.cbrt(1 - y**3) ** 2
        low, high = np.where(separate, y, low), np.where(separate, high, y)
    return np.where(possible, low**3, np.nan)


def tracy_widom_edges(ambient_dim, counts, stds, spreads=None):
    """Mean and spread at finite size of the extreme eigenvalues of each group, (groups, 2) each.

    El Karoui 2007; Hachem, Hardy and Najim 2016: at an edge E = d z(w) with z'(w) = 0 the extreme eigenvalue is
    E + S TW, S = (d w^4 z''(w) / 2)^(1/3), z'' > 0 at upper and < 0 at lower edges. (El Karoui's
    sigma^3 = (1 + sum_j c_j (h_j / (w - h_j))^3) w^3 is w^4 z'' / 2 where z' = 0.) `extremes` has the laws where S / E
    is not small: of few columns, and of lower edges near 0, down to m = d, where the scale of the hard wall is
    1 / sum_j (1 / h_j). Finite size as in Johnstone 2001: d - 1/2, and one half less column, taken from the columns in
    proportion to their part (h / (w - h))^2 |w / (w - h)| in S: those that are far larger or smaller have none in it.
    For one group that is Johnstone's centring and scaling. Columns of a spread group have the variances
    `VarianceLaw.columns`.
    Returns (means, standard deviations): NaN where bulks have merged, and at both edges of a gap that is narrower than
    the sum of their scales: there eigenvalues of both bulks push each other. Errors over all kinds of (d, m, groups),
    by simulation (`make edges`): of means at most .12 of the spread and of spreads 12 % (18 % in a thousand draws of
    square matrices); .18 and 17 % where a gap is narrower than twice the sum of its scales; .25 and 25 % at the outer
    edge of one or two columns that have merged with a bulk; .3 and 50 % of a column left with one direction (m = d).
    """
    d = float(ranged("ambient_dim", ambient_dim, 1, _NUMBERS[1])) - 0.5
    wholes("counts", counts, 1, _NUMBERS[1], "groups")  # of columns: the law has eigenvalues one by one
    counts, stds, spreads = _sorted(counts, stds, spreads)
    groups = [
        s**2 / counts.sum() * (law.columns(int(n)) if law.width else np.ones(1))
        for n, s, law in zip(counts, stds, spreads, strict=True)
    ]
    h, low, high = np.concatenate(groups), np.array([min(h) for h in groups]), np.array([max(h) for h in groups])
    number = np.concatenate([np.full(len(h), n / len(h)) for n, h in zip(counts, groups, strict=True)])
    edges, scales = np.full((2, len(counts) + 1, 2), np.nan)
    for k, side in np.ndindex(edges.shape):
        w = _critical_points(_Columns(h, number / d, low, high), k)[side]
        if not w > 0:
            continue
        share = number * (h / (w - h)) ** 2 * np.abs(w / (w - h))
        columns = _Columns(h, (number - 0.5 * share / share.sum()) / d, low, high)
        w = _critical_points(columns, k)[side]
        edges[k, side] = d * columns.z(w)
        scales[k, side] = np.abs(w * np.cbrt(d * np.sum(columns.c * (h / (w - h)) ** 2 * w / (w - h))))
    touching = edges[:, 0] - edges[:, 1] < APART * scales.sum(1)
    edges[touching] = np.nan
    means, widths = np.full((2, *edges.shape), np.nan)
    for k, side in np.argwhere(np.isfinite(edges)):
        law = (extremes.lower, extremes.upper)[side]
        means[k, side], widths[k, side] = edges[k, side] * np.array(law(scales[k, side] / edges[k, side]))
    if counts.sum() == ambient_dim:  # the root holds the half column less: (h / (w - h))^2 |w / (w - h)| is w / h
        share = number / h
        wall = np.sum((number - 0.5 * share / share.sum()) / h)
        means[-1, 0], widths[-1, 0] = np.array(extremes.square()) / wall
    return _of_groups(means), _of_groups(widths)


def gap_edges(edges):
    """(groups, 2) edges of bulks -> (groups, 2) the (a, b) of each gap: a above it, b below it.

    The last gap is the final one: below it lie the normal directions, b = 0.
    """
    edges = array("edges", edges, "groups", 2)
    return np.stack([edges[:, 0], np.append(edges[1:, 1], 0.0)], -1)
