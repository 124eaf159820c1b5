"""Posteriors of clean data given noisy data, without any network.

(noisy points x, noise variance t, prior) -> (denoised mean E[x0|x], denoiser Jacobian G)

Conventions of theory.md 1: variance exploding, t is a variance, and by Tweedie's second-order
identity G = I + t J = Cov[x0|x] / t is symmetric and positive semidefinite.
Everything here is float64, and points of other types are converted.

Over 400 lines, as four closed forms or quadratures stand beside the one type that they return.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property

import numpy as np
from numpy.polynomial.polynomial import polyval

from scoregap import InputError
from scoregap.arguments import array, known, not_negative, positive, ranged, whole

# Log weight below which a wrap, or what lies beyond the ends of a sum, is dropped. Not log(eps): a far mode of mass
# e^-60 still adds e^-60 to a variance as small as kappa^2 t.
_NEGLIGIBLE = -60.0
# Steps of the sum over a peak, to either side; steps from which peaks are looked for.
_PEAK = 18
_MANY = 100
# Nodes, and posteriors, whose arrays fit into the cache.
_BLOCK = 2**14
_ARCS = 2**12
# Ratios of Bessel functions of order n / 2: an asymptotic series in n / (2 k) above k = max(2 n, 40), and below it a
# continued fraction, in which every level gains a factor of at least exp(2 asinh(1 / 4)).
_SERIES_TERMS = 36
_LEVELS = 100
# Log of the ratio of two weights of which the smaller is 0 in float64.
_UNDERFLOW = 746.0
# Size of a coordinate whose square, over any noise variance of a study, float64 holds.
_FARTHEST = 1e100
_FARTHEST_INSIDE = 1e105  # of sums of those over the directions of the data space
# Noisy points whose distances to all training points are held at a time.
_QUERIES = 32


@dataclass(frozen=True)
class Posterior:
    """What is known of the clean point behind each of n noisy points; unpacks as (mean, jacobian).

    mean: (n, d) E[x0|x]. eigenvalues: (n, r) of G in any order, r <= d; the others are 0. frame: () -> (n, d, r)
    their orthonormal eigenvectors, called only where they are needed: a mean or a spectrum costs no d x d matrix.
    """

    mean: np.ndarray
    eigenvalues: np.ndarray
    frame: Callable[[], np.ndarray]

    @cached_property
    def eigenvectors(self) -> np.ndarray:
        """(n, d, r) orthonormal eigenvectors of G, as columns."""
        return self.frame()

    @property
    def shared_eigenvectors(self) -> np.ndarray:
        """The same, or (1, d, r) where they are the same at all points."""
        return self.eigenvectors if self.eigenvectors.strides[0] else self.eigenvectors[:1]

    @cached_property
    def jacobian(self) -> np.ndarray:
        """(n, d, d) denoiser Jacobian G = Cov[x0|x] / t: symmetric, positive semidefinite."""
        return (self.eigenvectors * self.eigenvalues[:, None, :]) @ np.swapaxes(self.eigenvectors, 1, 2)

    def traces(self) -> np.ndarray:
        """(n,) traces of G."""
        return self.eigenvalues.sum(1)

    def along(self, directions: np.ndarray) -> np.ndarray:
        """(n, k) u' G u of every direction u, columns (d, k)."""
        return (self.eigenvalues[:, None] @ (np.swapaxes(self.shared_eigenvectors, 1, 2) @ directions) ** 2)[:, 0]

    def spectrum(self) -> np.ndarray:
        """(n, d) all eigenvalues of G, descending."""
        n, d = self.mean.shape
        every = np.concatenate([self.eigenvalues, np.zeros((n, d - self.eigenvalues.shape[1]))], 1)
        return -np.sort(-every, axis=1)

    def leading(self, count: int) -> np.ndarray:
        """(n, d, count) eigenvectors of the largest eigenvalues, descending; zeros if G has fewer than count."""
        order = np.argsort(-self.eigenvalues, axis=1, kind="stable")[:, :count]
        if (order == np.arange(order.shape[1])).all():
            vectors = self.eigenvectors[:, :, :count]
        else:
            vectors = np.take_along_axis(self.eigenvectors, order[:, None, :], 2)
        missing = count - vectors.shape[2]
        return np.concatenate([vectors, np.zeros((*vectors.shape[:2], missing))], 2) if missing > 0 else vectors

    def __iter__(self) -> Iterator[np.ndarray]:
        yield self.mean
        yield self.jacobian


class Deferred(Posterior):
    """A posterior of which `matrices`, () -> (n, d, d) its Jacobians, are made only where they are needed, and then
    once: neither the mean nor `sums`, () -> (n,) traces of G, need them. Eigenvectors are made only if they are asked
    for themselves. rank: of G, at most.
    """

    def __init__(self, mean: np.ndarray, matrices: Callable[[], np.ndarray], rank: int, sums: Callable[[], np.ndarray]):
        first = mean.shape[1] - rank
        super().__init__(mean, np.empty(0), lambda: np.linalg.eigh(self.jacobian)[1][:, :, first:])
        del self.__dict__["eigenvalues"]  # of the base class; the property below stands in its place
        self.__dict__ |= {"matrices": matrices, "first": first, "sums": sums}

    def traces(self) -> np.ndarray:
        """(n,) traces of G."""
        return self.__dict__["sums"]()

    def along(self, directions: np.ndarray) -> np.ndarray:
        """(n, k) u' G u of every direction u, columns (d, k)."""
        return np.einsum("nik,ik->nk", self.jacobian @ directions, directions)

    @cached_property
    def jacobian(self) -> np.ndarray:
        """(n, d, d) G."""
        return self.__dict__["matrices"]()

    @cached_property
    def eigenvalues(self) -> np.ndarray:
        """(n, r) eigenvalues of G."""
        return np.maximum(np.linalg.eigvalsh(self.jacobian)[:, self.__dict__["first"] :], 0.0)


def points_and_times(x, t, d):
    """x (n, d) and t as (n,) in float64. Raises InputError for other shapes, t <= 0, and coordinates that are
    not finite or beyond 1e100."""
    x = _within_bounds("x", array("x", x, "n", whole("d", d), empty=True))
    t = positive("t", t, "...")
    if t.ndim and t.shape not in ((1,), (len(x),)):
        allowed = f"should be a number, or one for each of {len(x)} points"
        raise InputError(f"the shape {t.shape} is not allowed", key="t", value=t, allowed=allowed)
    return x, np.broadcast_to(t, x.shape[:1])


def _within_bounds(name, points, most=_FARTHEST):
    """Points that are finite, none of whose coordinates is larger than `most`."""
    if not (np.abs(points) <= most).all():
        allowed = f"points should be finite, their coordinates from -{most:g} to {most:g}"
        raise InputError(key=name, value=points, allowed=allowed)
    return points


def gaussian(x, t, directions, variances) -> Posterior:
    """Posterior of centred Gaussian data with the given principal axes (theory.md 2).

    x: (n, d) noisy points; t: (n,) or scalar noise variance; directions: (d, r) orthonormal
    columns; variances: (r,) data variances along them, zero elsewhere.
    """
    directions = known("directions", directions, "d", "r")
    variances = ranged("variances", variances, 0, np.inf, directions.shape[1])
    x, t = points_and_times(x, t, len(directions))
    shrink = variances / (variances + t[:, None])
    mean = ((x @ directions) * shrink) @ directions.T
    return Posterior(mean, shrink, lambda: np.broadcast_to(directions, (len(x), *directions.shape)))


def sphere(y, radius, t):
    """Posterior on a sphere with uniform density, centred at 0 in its own n coordinates (theory.md 4, "Sphere").

    y: (..., n) noisy points; radius, t: broadcastable to y.shape[:-1], positive.
    Returns (E[a|y] (..., n), tangential (...), radial (...)): G has the eigenvalue `radial` along y, and
    `tangential` in the n - 1 directions across it.

    The mean is R A(k) y / |y| with k = R |y| / t: it is y times the tangential eigenvalue R^2 A(k) / (t k).
    """
    y, radius, t = (
        _within_bounds("y", array("y", y, "...", "n"), _FARTHEST_INSIDE),
        positive("radius", radius, "..."),
        positive("t", t, "..."),
    )
    n = y.shape[-1]
    k = np.asarray(radius * np.linalg.norm(y, axis=-1) / t)
    ratio, slope = bessel_ratio(n, k)
    scale = radius**2 / t
    # A(k) = k / n + O(k^3): at the centre every direction is a tangent.
    tangential = scale * np.divide(ratio, k, out=np.full_like(k, 1 / n), where=k > 1e-100)
    return tangential[..., None] * y, tangential, scale * slope


def bessel_ratio(n, k):
    """A(k) = I_{n/2}(k) / I_{n/2-1}(k) and its derivative A'(k), shapes as k (...), k >= 0, for an integer n >= 2.

    A is the mean cosine of the von Mises-Fisher law on the unit sphere of R^n. Both are relatively accurate (1e-11
    up to n = 3072): A' = 1 - A^2 - (n - 1) A / k loses 2 k^2 / n of its digits, so it serves for small k only.
    """
    n, k = whole("n", n, 2), not_negative("k", k)
    far = k > max(2 * n, 40)
    square = np.where(far, 0.0, k) ** 2
    ratio = np.zeros_like(k)  # I_{v+1}(k) / (k I_v(k)) at v = n/2 - 1 + level, by the continued fraction of Gauss
    for level in range(_LEVELS, -1, -1):
        ratio = 1 / (n + 2 * level + square * ratio)
    value, slope = k * ratio, 1 - (n - 1) * ratio - square * ratio**2
    if far.any():
        series = _bessel_series(n)
        inverse = 1 / np.where(far, k, np.inf)
        value = np.where(far, polyval(inverse, series), value)
        slope = np.where(far, -(inverse**2) * polyval(inverse, series[1:] * np.arange(1, len(series))), slope)
    return value, slope


@cache
def _bessel_series(n):
    """a_0, a_1, ... of A(k) ~ sum_j a_j k^-j, from A' = 1 - A^2 - (n - 1) A / k order by order."""
    a = [Fraction(1)]
    for p in range(1, _SERIES_TERMS):
        a.append(((p - n) * a[-1] - sum(a[i] * a[p - i] for i in range(1, p))) / 2)
    return np.array([float(value) for value in a])


def arc(y, s, kappa, t):
    """Posterior on one bent latent (theory.md 4, "Arcs").

    The clean point is a(z) = (sin(kappa z) / kappa, (1 - cos(kappa z)) / kappa) with z ~ N(0, s^2);
    y = a(z) + sqrt(t) w is observed in the plane.

    y: (..., 2); s, kappa, t: broadcastable to y.shape[:-1], all positive.
    Returns (E[a|y] (..., 2), Cov[a|y] (..., 2, 2)).

    With theta = kappa z the log posterior is -theta^2 / (2 kappa^2 s^2) + K cos(theta - phi),
    K = |y - centre| / (kappa t): an entire function of theta, of which the trapezoidal rule is exact but for an error
    exponential in 1 / step (Trefethen and Weideman 2014). Where K is large every wrap theta = phi + 2 pi k + u,
    |u| <= pi, has a narrow peak of its own; elsewhere one sum runs over the whole line. Exact for every kappa
    (wrapping included) and from t = 1e-8 to 1e4.
    """
    y = _within_bounds("y", array("y", y, "...", 2), _FARTHEST_INSIDE)
    shape = y.shape[:-1]
    s, kappa, t = positive("s", s, "..."), positive("kappa", kappa, "..."), positive("t", t, "...")
    s, kappa, t = (np.broadcast_to(np.asarray(v, float), shape).ravel() for v in (s, kappa, t))
    across, along = (kappa * y[..., 0].ravel()), 1.0 - kappa * y[..., 1].ravel()
    mean, cov = np.empty((s.size, 2)), np.empty((s.size, 2, 2))
    for i in _parts(s.size, _ARCS):
        mean[i], cov[i] = _arc(across[i], along[i], 1.0 / (kappa[i] * s[i]) ** 2, kappa[i] ** 2 * t[i])
    return (mean / kappa[:, None]).reshape(*shape, 2), (cov / kappa[:, None, None] ** 2).reshape(*shape, 2, 2)


def _arc(across, along, prior, noise):
    """`arc` in units of its radius, for vectors: prior (kappa s)^-2, noise kappa^2 t."""
    phi = np.arctan2(across, along)
    pull = np.hypot(across, along) / noise  # K
    top, slope, ceiling = _highest(phi, pull, prior)  # of all wraps: the prior and the pull leave it between 0 and phi
    # At an imaginary part a the integrand is larger by exp(pull (cosh a - 1) + prior a^2 / 2) at most, and the error
    # of the rule is that times exp(-2 pi a / step): with this step exp(-40), for cosh a = 1 + 40 / (pull + prior).
    step = np.pi / 20 * np.arcsinh(np.sqrt(20 / (pull + prior)))
    reach = np.sqrt(2 * (-_NEGLIGIBLE - ceiling) / prior)  # |theta| beyond which even cos = 1 leaves nothing

    moments = np.zeros((6, phi.size))
    peaked = 2 * reach > _MANY * step
    (narrow,) = np.nonzero(peaked)
    some = (one[narrow] for one in (phi, pull, prior, step, top, ceiling, reach))
    peaked[narrow] = _add_peaks(moments, narrow, *some)
    (line,) = np.nonzero(~peaked)
    start, count = -reach[line] - (phi + top)[line], np.ceil(2 * reach / step)[line]
    moments[:, line] = _moments(start, count, *(one[line] for one in (step, top, slope, 0 * top, pull, prior)))

    mass, m1, m2, m11, m12, m22 = moments
    m1, m2, m11, m12, m22 = (m / mass for m in (m1, m2, m11, m12, m22))
    theta = phi + top
    cos, sin = np.cos(theta), np.sin(theta)
    mean = np.stack([sin + cos * m1 - sin * m2, 2 * np.sin(theta / 2) ** 2 + sin * m1 + cos * m2], -1)
    turned = _turned(cos, sin, m11 - m1 * m1, m12 - m1 * m2, m22 - m2 * m2)
    return mean, np.stack([turned[0], turned[1], turned[1], turned[2]], -1).reshape(-1, 2, 2)


def _highest(shift, pull, prior):
    """Highest point of L(u) = -(u + shift)^2 prior / 2 + pull cos u on |u| <= pi, vectorised.

    L is concave where cos u > -prior / pull, and has at most one maximum there; without one the
    highest point is the end of the wrap that faces the prior. Returns (u, L'(u), L(u) - pull).
    """

    def slope(u, shift=shift, pull=pull, prior=prior):
        return -(u + shift) * prior - pull * np.sin(u)

    ratio = np.divide(prior, pull, out=np.ones_like(pull), where=pull > prior)
    reach = np.arccos(-ratio)
    falls, rises = slope(-reach) <= 0, slope(reach) >= 0
    u = np.clip(-shift * prior / (prior + pull), -reach, reach)
    (live,) = np.nonzero(~(falls | rises))
    one, low, high, own = u[live], -reach[live], reach[live], (shift[live], pull[live], prior[live])
    for _ in range(80):  # Newton kept inside a shrinking bracket, each until it stands still
        if not live.size:
            break
        f = slope(one, *own)
        low, high = np.where(f > 0, one, low), np.where(f > 0, high, one)
        curvature = own[2] + own[1] * np.cos(one)
        step = one + np.divide(f, curvature, out=np.full_like(f, np.inf), where=curvature > 0)
        new = np.where((step >= low) & (step <= high), step, 0.5 * (low + high))
        u[live] = new
        least = 4e-16 * np.abs(new)
        go = (np.abs(new - one) > least) & (high - low > least) & (f != 0)
        live, one, low, high, own = live[go], new[go], low[go], high[go], tuple(a[go] for a in own)
    u = np.where(falls, -np.pi, np.where(rises, np.pi, u))
    end = falls | rises
    return u, np.where(end, slope(u), 0.0), -0.5 * prior * (u + shift) ** 2 - 2 * pull * np.sin(u / 2) ** 2


def _log_density(w, sin, bend, top, slope, height, pull, prior):
    """L at an angle w from its highest point, less the reference; sin: of w; bend: 1 - cos w."""
    curve = pull * np.cos(top) * bend - pull * np.sin(top) * (w - sin)
    return height + w * (slope - 0.5 * prior * w) - curve


def _moments(start, count, step, top, slope, height, pull, prior):
    """Sums (6, n) of the density of angles w = start, start + step, ..., and of what the clean points are there.

    Rows: 1, p, q, p p, p q, q q for the point (p, q) = (sin w, 1 - cos w), as seen from the highest point.
    count: steps of each. Posteriors with about as many share an array that fits into the cache.
    """
    result = np.empty((6, len(count)))
    order = np.argsort(-count, kind="stable")
    while order.size:
        longest = int(count[order[0]])
        i, order = np.split(order, [max(1, _BLOCK // (longest + 1))])
        w = start[i, None] + step[i, None] * np.arange(longest + 1)
        half = np.sin(0.5 * w)
        sin, bend = 2 * half * np.cos(0.5 * w), 2 * half**2
        of_each = (one[i, None] for one in (top, slope, height, pull, prior))
        density = np.exp(_log_density(w, sin, bend, *of_each)) * step[i, None]
        one, two = density * sin, density * bend
        result[:3, i] = density.sum(1), one.sum(1), two.sum(1)
        for row, (a, b) in enumerate(((one, sin), (one, bend), (two, bend)), 3):
            result[row, i] = np.einsum("ij,ij->i", a, b)
    return result


def _add_peaks(moments, which, phi, pull, prior, step, reference, ceiling, reach):
    """Add to columns `which` of `moments` every wrap that matters, as the sum over its peak.

    Returns whether all of them are peaks that end within their wraps: what was added to others is not the integral.
    """
    sound = np.ones(which.size, bool)
    wraps = int(np.ceil((reach.max(initial=0.0) + np.pi) / (2 * np.pi)))
    for k in range(-wraps, wraps + 1):
        shift = phi + 2 * np.pi * k
        (i,) = np.nonzero(np.abs(shift) < reach + np.pi)
        top, slope, height = _highest(shift[i], pull[i], prior[i])
        height -= ceiling[i]
        matters = height > _NEGLIGIBLE
        i, peak = i[matters], [one[matters] for one in (top, slope, height, pull[i], prior[i])]
        top, far = peak[0], _PEAK * step[i]
        ends = np.stack([-far, far, -np.pi - top, np.pi - top])
        # Inside the concave part L falls outwards, beyond it L is convex: the ends bound all there is beyond a peak.
        outside = _log_density(ends, np.sin(ends), 2 * np.sin(ends / 2) ** 2, *peak)
        good = (outside.max(0) < _NEGLIGIBLE) & (far < np.pi - np.abs(top))
        sound[i[~good]] = False
        i, far, peak = i[good], far[good], [one[good] for one in peak]
        mass, p, q, pp, pq, qq = _moments(-far, np.full(i.size, 2 * _PEAK), step[i], *peak)
        turn = peak[0] - reference[i]  # from the highest point of all wraps to that of this one
        cos, sin, bend = np.cos(turn), np.sin(turn), 2 * np.sin(turn / 2) ** 2
        one, two = cos * p - sin * q, sin * p + cos * q
        pp, pq, qq = _turned(cos, sin, pp, pq, qq)
        moments[:, which[i]] += [
            mass,
            one + mass * sin,
            two + mass * bend,
            pp + 2 * sin * one + mass * sin**2,
            pq + sin * two + bend * one + mass * sin * bend,
            qq + 2 * bend * two + mass * bend**2,
        ]
    return sound


def _turned(cos, sin, a, b, c):
    """Entries of R [[a, b], [b, c]] R' for the rotation R = [[cos, -sin], [sin, cos]]: first, mixed, last."""
    mixed = cos * sin * (a - c) + (cos**2 - sin**2) * b
    return cos**2 * a - 2 * cos * sin * b + sin**2 * c, mixed, sin**2 * a + 2 * cos * sin * b + cos**2 * c


def empirical(x, t, data, block: int = 4096) -> Deferred:
    """Posterior under N training points of equal weight: what a network that memorises converges to (theory.md 4).

    x: (n, d) noisy points; t: (n,) or scalar noise variance; data: (N, d) training points of any float type, not
    copied: a memory map is read in blocks. block: rows converted at a time; the memory needed is a few times
    8 block d bytes, 8 d^2, and a distance per training point and query of a block.

    Distances by products (|y|^2 - 2 x.y) cancel, so they only select the training points within reach. Weights, mean
    and covariance use offsets from the nearest training point and so keep their relative accuracy down to times where
    one point has all the weight. G has rank N - 1 at most. Its eigenvalues cost N d^2 + d^3 per point, on demand.
    """
    x, block = array("x", x, "n", "d", empty=True), whole("block", block)
    d = x.shape[1]
    try:
        data = data if hasattr(data, "ndim") else np.asarray(data)
    except ValueError:  # lists of different lengths
        data = np.asarray(None)
    if getattr(data, "dtype", x.dtype).kind not in "fiu":
        raise InputError(key="data", value=data, allowed="should be real numbers")
    if data.ndim != 2 or data.shape[1] != d or not len(data):
        raise InputError(
            f"the shape {data.shape} is not allowed", key="data", value=data, allowed=f"should be (N, {d}), N > 0"
        )
    x, t = points_and_times(x, t, d)
    n = len(x)
    rank = min(len(data) - 1, d)
    mean = np.empty_like(x)
    for queries in _parts(n, _QUERIES):
        reached = _within_reach(x[queries], t[queries], data, block)
        for i, near in zip(range(n)[queries], reached, strict=True):
            _, _, anchor, shift = _weigh(x[i], t[i], data, near, block)
            mean[i] = anchor + shift

    def around(i):
        """Offsets of training points from the mean at point i, and their weights, block by block."""
        (near,) = _within_reach(x[i : i + 1], t[i : i + 1], data, block)
        rows, weights, anchor, shift = _weigh(x[i], t[i], data, near, block)
        for part in _parts(len(rows), block):
            yield _rows(data, rows[part]) - anchor - shift, weights[part]

    def jacobian(i):
        total = np.zeros((d, d))
        for away, weights in around(i):
            total += (away * weights[:, None]).T @ away
        return (total + total.T) / (2 * t[i])

    def sums():
        return np.array([sum(weights @ (away**2).sum(1) for away, weights in around(i)) / t[i] for i in range(n)])

    def matrices():
        return np.reshape([jacobian(i) for i in range(n)], (n, d, d))

    return Deferred(mean, matrices, rank, sums)


def _parts(n, block):
    """Slices of `block` that cover n rows."""
    return [slice(start, start + block) for start in range(0, n, block)]


def _rows(data, rows):
    """Rows of the training points in float64; a view on the file becomes an array of its own."""
    return np.array(data[rows], float)


def _within_reach(x, t, data, block):
    """For every noisy point the nearest training point and those whose weight is not 0 in float64, and a few more."""
    centre = _rows(data, slice(block)).mean(0)  # any point near the data: products cancel less
    y = x - centre
    square, size = np.empty((len(x), len(data))), 0.0
    for part in _parts(len(data), block):
        away = _rows(data, part) - centre
        own = np.einsum("ij,ij->i", away, away)
        square[:, part] = own - 2 * y @ away.T
        size = max(size, own.max())
        if not np.isfinite(own).all():
            raise InputError("is not allowed", key="data", value=data, allowed="training points should be finite")
    rounding = 1e-12 * (size + np.einsum("ij,ij->i", y, y))
    reach = square.min(1) + 2 * t * _UNDERFLOW + rounding
    return [(row.argmin(), np.flatnonzero(row <= limit)) for row, limit in zip(square, reach, strict=True)]


def _weigh(x, t, data, near, block):
    """Posterior weights at one noisy point (d,).

    Returns indices and weights (sum 1) of the training points that matter, the nearest one (d,), and the mean's
    offset from it (d,).
    """
    nearest, rows = near
    anchor = _rows(data, nearest)
    log, shift, mass, top = np.empty(len(rows)), np.zeros(len(x)), 0.0, -np.inf
    for part in _parts(len(rows), block):
        away = _rows(data, rows[part]) - anchor
        log[part] = (away @ (x - anchor) - 0.5 * np.einsum("ij,ij->i", away, away)) / t
        before, top = top, max(top, log[part].max())
        weights = np.exp(log[part] - top)
        mass, shift = mass * np.exp(before - top) + weights.sum(), shift * np.exp(before - top) + weights @ away
    weights = np.exp(log - top) / mass
    return rows[weights > 0], weights[weights > 0], anchor, shift / mass
