"""When the score of N training points collapses on single points (theory.md 7).

N, variances of linear data or a curve of mutual information -> noise variance t_memorisation, its correction at finite
N, its spread over points

x = x_0 + sqrt(t) w with x_0 one of N training points. The posterior over them gives the others the weights
exp(j_n - i), with the information densities i = log p(x|x_0) / p(x) of the own point and j_n = log p(x|x_n) / p(x) of
another. These are the levels of a random-energy model (Derrida 1981; Biroli, Bonnaire, de Bortoli and Mezard 2024): the
N - 1 others, independent draws of the data, have E exp(j) = 1, and the part of that mean which matters is made of
points as likely as a draw of the posterior, of which there are about N exp(-I), I(t) = E i the mutual information. So

    I(t_memorisation) = log N,                 linear data: I = 1/2 sum_k log(1 + gamma_k / t),

and for any data dI / d log t = -1/2 E tr G (I-MMSE: Guo, Shamai and Verdu 2005). That is the leading order in log N.

Derived too, and nothing of it fitted: at the threshold i fluctuates by its variance, of linear data
E tr G = sum_k g_k, g = gamma / (gamma + t): sum g^2 / 2 of it over points x, sum (g - g^2 / 2) over the posterior of
one x. So the times of single points scatter by sqrt(E tr G) / (E tr G / 2) in log t (`spread`), to leading order; and
the sum over the others is not its mean, which rare points make. Given x, both i and (tilted by exp(-j)) the j_n come
from the law of information densities under the posterior. With a Gaussian for it, the only approximation, the mean
weight of the own point is an integral (`own_weight`), and says where it is one half (`corrected`). Rare points cost
about 1/2 log(2 pi sum (g - g^2 / 2)) of log N, which shifts t_memorisation upwards.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from scoregap import InputError
from scoregap.arguments import ascending, known, not_negative, positive, ranged, whole

_VARIANCES = (1e-100, 1e100)
MOST_POINTS = 1e300
_LOWEST, _HIGHEST = 40.0, 5.0  # of log s, beyond which s e^-s is nothing
_TOLERANCE = 1e-6  # of log t, in `corrected`
_STEP, _REACH = 0.2, 8.0  # of the trapezoidal rule in log s; of Gaussian variables, in standard deviations


class Moments(NamedTuple):
    """Of the information density of x_t about x_0: its mean I(t), and its variance within the posterior of one x (mean
    over x) and of its posterior mean between them."""

    information: float
    within: float
    between: float


def information(t, variances) -> np.ndarray:
    """I(x_0; x_t) = 1/2 sum log(1 + gamma / t) of linear data, in nats; t: (...), variances: (m,)."""
    t, variances = positive("t", t, "..."), ranged("variances", variances, *_VARIANCES, "m")
    return 0.5 * np.log1p(variances / t[..., None]).sum(-1)


def dispersions(values) -> tuple[np.ndarray, np.ndarray]:
    """(within, between) of `Moments`, of a Gaussian posterior with eigenvalues g (..., r) of G; their sum is tr G."""
    squares = 0.5 * (known("values", values, "...", "r") ** 2).sum(-1)
    return np.sum(values, -1) - squares, squares


@dataclass(frozen=True)
class Information:
    """What x_t tells of x_0, at every noise variance: moments(t). low, high: noise variances between which it is
    known."""

    moments: Callable[[float], Moments]
    low: float
    high: float

    def t_memorisation(self, points: int) -> float:
        """Noise variance at which I = log N; NaN where that is not between the ends. points: N, from 2."""
        target = math.log(whole("points", points, 2))
        return _root(lambda t: self.moments(t).information - target, self.low, self.high, 1e-12)

    def corrected(self, points: int) -> float:
        """Noise variance at which the mean weight of the own of N points is one half, by `own_weight`.

        NaN where that is not between the ends, and of two points, whose mean weight is never less than one half.
        """
        if whole("points", points, 2) == 2:
            return float("nan")

        def falling(t: float) -> float:
            return own_weight(points, *self.moments(t)) - 0.5

        law = self.t_memorisation(points)  # mostly below it; far below, the integral is of many steps
        return _root(falling, law if law > 0 and falling(law) >= 0 else self.low, self.high, _TOLERANCE)

    def spread(self, t: float) -> float:
        """Standard deviation over points, to leading order, of the log of the noise variance at which the own weight
        is one half: 2 / sqrt(E tr G) at t."""
        _, within, between = self.moments(t)
        return 2 / np.sqrt(within + between)


def linear(variances) -> Information:
    """Of linear data with these variances (m,), in closed form, from t where I is 1e-9 to where it is log 1e300 (or far
    beyond that)."""
    variances = ranged("variances", variances, *_VARIANCES, "m")

    def moments(t: float) -> Moments:
        return Moments(float(information(t, variances)), *map(float, dispersions(variances / (variances + t))))

    low = variances.max() * MOST_POINTS**-0.9  # I >= 1/2 log(gamma / t)
    return Information(moments, low, variances.sum() * 1e9)


def t_memorisation(points: int, variances) -> float:
    """Noise variance at which the score of N points of linear data collapses: 1/2 sum log(1 + gamma / t) = log N."""
    return linear(variances).t_memorisation(points)


def corrected_t_memorisation(points: int, variances) -> float:
    """That at finite N: where the mean weight of the own point is one half (`Information.corrected`)."""
    return linear(variances).corrected(points)


def information_of_traces(t, traces, variances) -> np.ndarray:
    """I(t) of any data by the I-MMSE identity, I(t) = 1/2 int_t^inf E tr G / t' dt'; (T,).

    t: (T,) ascending. traces: (T,) E tr G there. variances: (r,) of the data along its principal axes. Integrated is
    what the Gaussian of the same covariance has more, by the trapezoidal rule in log t, and taken from its closed form:
    so of Gaussian data nothing is lost to the steps. Beyond the last t the two are taken for the same, as they are to
    second order in 1 / t.
    """
    t, variances = ascending("t", t), ranged("variances", variances, *_VARIANCES, "r")
    traces = not_negative("traces", known("traces", traces, len(t)))
    more = (variances / (variances + t[:, None])).sum(1) - traces
    steps = 0.25 * (more[1:] + more[:-1]) * np.diff(np.log(t))
    return information(t, variances) - np.append(np.cumsum(steps[::-1])[::-1], 0.0)


def tabulated(t, information, within, between) -> Information:
    """Of any data, from arrays (T,) of `Moments` at noise variances t (T,), ascending, T > 1.

    Between them I is Hermite's cubic in log t, with the slopes -1/2 E tr G, and variances are linear in log t.
    """
    t = ascending("t", t)
    given = {"information": information, "within": within, "between": between}
    told, within, between = (known(name, one, len(t)) for name, one in given.items())
    if len(t) < 2:
        raise InputError(key="t", value=t, allowed="should be two or more")
    log, slope = np.log(t), -0.5 * (within + between)

    def at(one: float) -> Moments:
        x = np.log(one)
        k = int(np.clip(np.searchsorted(log, x) - 1, 0, len(t) - 2))
        step = log[k + 1] - log[k]
        u = (x - log[k]) / step
        ends = told[k] * (1 + 2 * u) * (1 - u) ** 2 + told[k + 1] * u**2 * (3 - 2 * u)
        bent = step * u * (1 - u) * (slope[k] * (1 - u) - slope[k + 1] * u)
        return Moments(float(ends + bent), *(float(np.interp(x, log, column)) for column in (within, between)))

    return Information(at, float(t[0]), float(t[-1]))


def own_weight(points: int, information: float, within: float, between: float) -> float:
    """Mean posterior weight of the own of N training points at a noisy one, by the random-energy model.

    It is also the mean of the sum of all squared weights: given x and the points, each is the own one with its weight.
    With s the variable of the Laplace transform, 1 / (1 + S) = int e^(-s (1 + S)) ds, S the sum over the others,

        E = E_x E_i int e^-s (1 - p)^(N - 1) ds,  p = E_j [1 - exp(-s e^(j - i))] under the data.

    i = I_x + sqrt(within) z, I_x ~ N(information, between), z standard normal, and with y = log s - sqrt(within) z

        p = e^(y - I_x) E_z r(y + sqrt(within) z),  r(a) = (1 - exp(-e^a)) / e^a.
    """
    points = whole("points", points, 2)
    if points > MOST_POINTS:
        raise InputError(key="points", value=points, allowed=f"should be {MOST_POINTS:g} at most")
    for name, value in (("information", information), ("within", within), ("between", between)):
        not_negative(name, value)
    root = np.sqrt(within)
    z, x = _nodes(root), _nodes(np.sqrt(between))
    y = np.arange(-_LOWEST - root * _REACH, _HIGHEST + root * _REACH, _STEP)
    a = y[:, None] + root * z.places
    with np.errstate(over="ignore"):
        exponential = np.exp(a)
        ratio = np.where(a > -700, -np.expm1(-exponential) / np.maximum(exponential, 1e-305), 1.0)
        density = np.exp(a - exponential) @ z.weights  # of y: log s has the density s e^-s
        p = np.minimum(np.exp(y - information - np.sqrt(between) * x.places[:, None]) * (ratio @ z.weights), 1.0)
    with np.errstate(divide="ignore"):
        none = np.exp((points - 1) * np.log1p(-p))  # (x, y)
    return float(x.weights @ none @ density * _STEP)


class _Nodes(NamedTuple):
    """Places (n,) of a standard normal variable, and their weights, of which the sum is 1."""

    places: np.ndarray
    weights: np.ndarray


def _nodes(root: float) -> _Nodes:
    """Of the trapezoidal rule, with steps in which neither the Gaussian changes much nor the exponential of `root`
    times the variable."""
    step = min(2 * _STEP, 2 * _STEP / max(root, 1e-300))
    places = np.arange(-_REACH, _REACH + step, step) if root > 1e-6 else np.zeros(1)
    weights = np.exp(-0.5 * places**2)
    return _Nodes(places, weights / weights.sum())


def _root(falling: Callable[[float], float], low: float, high: float, tolerance: float) -> float:
    """Where a falling function of log t is 0, to `tolerance` of log t; NaN where it is not between the ends.

    The Illinois variant of false position: what lies far off is bisected, what is near is nearly linear.
    """
    a, b = np.log(low), np.log(high)
    above, below = falling(low), falling(high)
    if not (above >= 0 > below):
        return float("nan")
    while b - a > 1.0:
        middle = 0.5 * (a + b)
        value = falling(float(np.exp(middle)))
        a, above, b, below = (middle, value, b, below) if value >= 0 else (a, above, middle, value)
    side = 0
    for _ in range(60):
        if b - a <= tolerance:
            break
        at = np.clip(b - below * (b - a) / (below - above), a + 0.25 * tolerance, b - 0.25 * tolerance)
        value = falling(float(np.exp(at)))
        if value >= 0:
            a, above, below, side = at, value, below / 2 if side > 0 else below, 1
        else:
            b, below, above, side = at, value, above / 2 if side < 0 else above, -1
    return float(np.exp(0.5 * (a + b)))
