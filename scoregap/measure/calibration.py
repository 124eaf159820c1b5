"""Is a score the data's own? What needs no truth but clean points: Tweedie's second identity, and mistakes undone.

denoised points, clean points, traces of G -> calibration with intervals; a denoiser and `REPAIRS` -> what ails it

For the score of the data's own law E|x_0 - D(x_t, t)|^2 = t E tr G(x_t, t), at every t, since Cov[x_0 | x_t] = t G
(Efron 2011; theory.md 6). Of any other both sides can be measured. A denoiser that is asked wrongly - at other noise,
with inputs of another scale, for another thing than it predicts - errs less when the mistake is undone; one that is
merely badly trained does not: that tells an adapter from its network. Errors are |x_0 - D|^2 / t, per point.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from scoregap import InputError, arguments
from scoregap.measure.student import half_width

MARGIN = 1.2  # a ratio within this factor of 1 is plausible: what trained networks reach (`make adapter-mistakes`)
GAIN = 0.1  # mean over times of log(error / error undone) from which an adapter is blamed (the same table)
ROUNDING = 1e-5  # of traces, at most


class Repair(NamedTuple):
    """A mistake undone: the denoiser asked at x' and t', and its answer D' read as D(x', t', D', x, t)."""

    inputs: Callable = lambda x, t: x
    level: Callable = lambda t: t
    output: Callable = lambda x, t, asked, denoised: denoised


def _scale(t):
    """That of a variance-preserving process at the same ratio of noise to signal, 1 / alpha."""
    return np.sqrt(1 + t)


def _read(of_noise: Callable) -> Repair:
    return Repair(output=lambda x, t, asked, denoised: of_noise(x, np.sqrt(t), denoised))


def _of_noise(x, t, asked, denoised):
    """D of an output that is the noise, whose share of the input is 1."""
    return denoised + x - asked


def _of_v(x, t, asked, denoised):
    """D of an output v, whose share of the input is 1 / (1 + t)."""
    return denoised + (x - asked) / (1 + t)


def _range(scale: float, shift: float) -> Repair:
    """Data given as y, where the model knows scale y + shift."""
    return Repair(
        lambda x, t: scale * x + shift,
        lambda t: scale**2 * t,
        lambda x, t, asked, denoised: (denoised - shift) / scale,
    )


# The mistake -> what undoes it; x, t and D are in the units of the data, s is sqrt(t).
REPAIRS: dict[str, Repair] = {
    "levels of 4 t": Repair(level=lambda t: t / 4),
    "levels of 2 t": Repair(level=lambda t: t / 2),
    "levels of t / 2": Repair(level=lambda t: t * 2),
    "levels of t / 4": Repair(level=lambda t: t * 4),
    "levels of t^2": Repair(level=np.sqrt),
    "levels of sqrt(t)": Repair(level=np.square),
    "inputs not scaled (of noise)": Repair(lambda x, t: x / _scale(t), output=_of_noise),
    "inputs not scaled (of x0)": Repair(lambda x, t: x / _scale(t)),
    "inputs not scaled (of v)": Repair(lambda x, t: x / _scale(t), output=_of_v),
    "inputs scaled twice (of noise)": Repair(lambda x, t: x * _scale(t), output=_of_noise),
    "inputs scaled twice (of x0)": Repair(lambda x, t: x * _scale(t)),
    "inputs scaled twice (of v)": Repair(lambda x, t: x * _scale(t), output=_of_v),
    "noise read as velocity": _read(lambda x, s, d: (1 + s) * d),
    "velocity read as noise": _read(lambda x, s, d: d / (1 + s)),
    "noise read as v": _read(lambda x, s, d: x - np.sqrt(1 + s**2) * (x / (1 + s**2) - d)),
    "v read as noise": _read(lambda x, s, d: x / (1 + s**2) - (x - d) / np.sqrt(1 + s**2)),
    "noise read as x0": _read(lambda x, s, d: x - s * d),
    "x0 read as noise": _read(lambda x, s, d: (x - d) / s),
    "noise read as the score": _read(lambda x, s, d: x - (d - x) / s),
    "the score read as noise": _read(lambda x, s, d: x + s * (x - d)),
    "data in [0, 1] for a model of [-1, 1]": _range(2.0, -1.0),
    "data in [-1, 1] for a model of [0, 1]": _range(0.5, 0.5),
}


def errors(denoised, clean, t) -> np.ndarray:
    """(T, n) squared errors |x_0 - D|^2 / t of denoised points (T, n, d) of clean points (n, d), t (T,)."""
    denoised, clean = arguments.array("denoised", denoised, "T", "n", "d"), arguments.array("clean", clean, "n", "d")
    _like("denoised", denoised, (len(t := arguments.positive("t", t, "T")), *clean.shape))
    return ((denoised - clean) ** 2).sum(-1) / t[:, None]


def undone(denoise: Callable, clean, noise, t, mean=0.0, reach=(0.0, np.inf)) -> np.ndarray:
    """(repairs, T, n) `errors` with each of REPAIRS' mistakes undone; NaN at levels out of reach.

    denoise: (x (n, d), t (n,)) -> D (n, d), in coordinates of which the data's are x + mean. clean, noise: (n, d), of
    noisy points clean + sqrt(t) noise. reach: smallest and largest t at which the denoiser may be asked.
    """
    arguments.function("denoise", denoise)
    clean, t = arguments.known("clean", clean, "n", "d"), arguments.positive("t", t, "T")
    _like("noise", noise := arguments.known("noise", noise, "n", "d"), clean.shape)
    mean = arguments.known(
        "mean", np.broadcast_to(mean, clean.shape[1:]) if np.isscalar(mean) else mean, clean.shape[1]
    )
    reach = arguments.array("reach", reach, 2)
    result = np.full((len(REPAIRS), len(t), len(clean)), np.nan)
    for k, repair in enumerate(REPAIRS.values()):
        for i, here in enumerate(t):
            level = repair.level(here)
            if not reach[0] <= level <= reach[1]:
                continue
            x = clean + np.sqrt(here) * noise + mean
            asked = repair.inputs(x, here)
            denoised = denoise(asked - mean, np.full(len(x), level)) + mean
            found = repair.output(x, here, asked, denoised) - mean
            result[k, i] = ((found - clean) ** 2).sum(-1) / here
    return result


def ratio(error, trace, control=None, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(ratio, low, high), (T,) each: mean error over mean trace of G, which is 1 for the data's own score.

    error, trace: (T, n) of independent points. control: (T, n) of mean 0 at the same points, as the errors of the
    Gaussian with the data's covariance less what they are to be: what errors and traces share with it is taken out (a
    control variate). The interval is Fieller's (1954), of a ratio of means: infinite where the trace is not told from
    0, NaN with fewer than four points. The ratio is infinite where the trace is 0.
    """
    error, trace, control, confidence = _checked(error, trace, control, confidence)
    n = error.shape[1]
    if n < 4:
        nothing = np.full(len(error), np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            return error.mean(1) / trace.mean(1), nothing, nothing
    (error, free, wider), (trace, *_) = _without(error, control), _without(trace, control)
    e, g = error.mean(1), trace.mean(1)
    q = half_width(free, confidence) ** 2 / n * (n - 1) / free * wider
    see, sgg = q * error.var(1, ddof=1), q * trace.var(1, ddof=1)
    seg = q * ((error - e[:, None]) * (trace - g[:, None])).sum(1) / (n - 1)
    a, b, c = g**2 - sgg, e * g - seg, e**2 - see
    with np.errstate(invalid="ignore", divide="ignore"):
        half = np.sqrt(np.maximum(b**2 - a * c, 0.0))
        low, high = np.where(a > 0, (b - half) / a, -np.inf), np.where(a > 0, (b + half) / a, np.inf)
        return e / g, low, high


def _checked(error, trace, control, confidence) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, float]:
    error = arguments.array("error", error, "T", "n")
    _like("trace", trace := arguments.array("trace", trace, "T", "n"), error.shape)
    if control is not None:
        _like("control", control := arguments.array("control", control, "T", "n"), error.shape)
    return error, trace, control, arguments.between("confidence", confidence, 0, 1)


def _like(name: str, found: np.ndarray, shape: tuple[int, ...]) -> None:
    if found.shape != shape:
        problem = f"the shape {found.shape} is not allowed"
        raise InputError(problem, key=name, value=found.shape, allowed=f"should be {shape}")


def _without(values: np.ndarray, control: np.ndarray | None) -> tuple[np.ndarray, int, np.ndarray]:
    """(values (T, n) less what they share with a control of mean 0, degrees of freedom of their scatter, (T,) by which
    the variance of their mean is larger, as what they share is estimated)."""
    n = values.shape[1]
    if control is None:
        return values, n - 1, np.ones(len(values))
    apart = control - control.mean(1, keepdims=True)
    square = (apart**2).sum(1)
    slope = np.divide((apart * values).sum(1), square, out=np.zeros_like(square), where=square > 0)
    wider = 1 + n * np.divide(control.mean(1) ** 2, square, out=np.zeros_like(square), where=square > 0)
    return values - slope[:, None] * control, n - 2, wider


def _certainly_above(values: np.ndarray, control: np.ndarray | None, confidence: float) -> np.ndarray:
    """(T,) whether the mean of values (T, n) is above 0, one-sided."""
    values, free, wider = _without(values, control)
    n = values.shape[1]
    if free < 1:  # no scatter is known
        return np.zeros(len(values), bool)
    spread = np.sqrt(values.var(1, ddof=n - free) / n * wider)
    return values.mean(1) > half_width(free, 2 * confidence - 1) * spread


def gains(error, repaired, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """(gain, low), (repairs,) each: mean over times of log(mean error / mean error undone), and its lower bound.

    error: (T, n); repaired: (repairs, T, n), NaN at times that do not count; -inf where none do. The same points at
    every time are one draw, so the bound is the jackknife's over points, one-sided, for all repairs together
    (Bonferroni).
    """
    error = arguments.array("error", error, "T", "n")
    _like("repaired", repaired := arguments.array("repaired", repaired, "K", "T", "n"), (len(repaired), *error.shape))
    confidence, n = arguments.between("confidence", confidence, 0, 1), error.shape[1]
    counts = np.isfinite(repaired).all(2)  # (repairs, T)
    known = counts.any(1)
    total = np.where(counts, repaired.sum(2), 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):

        def of(errors, undone):
            return np.where(counts, np.log(errors) - np.log(undone), 0.0).sum(1) / counts.sum(1)

        whole = of(error.sum(1), total)
        if n < 2:  # no scatter is known
            return np.where(known, whole, -np.inf), np.full(len(whole), -np.inf)
        left = np.stack(
            [of(error.sum(1) - error[:, i], np.where(counts, total - repaired[:, :, i], 1.0)) for i in range(n)]
        )
        spread = np.sqrt((n - 1) / n * ((left - left.mean(0)) ** 2).sum(0))
    low = whole - half_width(n - 1, 1 - 2 * (1 - confidence) / max(2, len(repaired))) * spread
    return np.where(known, whole, -np.inf), np.where(known, low, -np.inf)


def likeliest(error, repaired, confidence: float = 0.95) -> tuple[str, float]:
    """(mistake, gain): the one of REPAIRS that undone makes a score err least for certain, and the lower bound of what
    it gains (`gains`); ("", 0.0) if none does."""
    gain, least = gains(error, repaired, confidence)
    best = int(np.argmax(np.where(least > 0, gain, -np.inf)))
    return (tuple(REPAIRS)[best], float(least[best])) if least[best] > 0 else ("", 0.0)


class Judgement(NamedTuple):
    """What calibration says of a score.

    plausible: whether it may be the data's own. where: (T,) times at which it is not. blamed: "adapter", "network" or
    "cannot tell"; "" where it is plausible. mistake: of REPAIRS, the one that undone makes it err least; "" if none
    does.
    """

    plausible: bool
    where: np.ndarray
    blamed: str
    mistake: str


def judge(
    error, trace, control=None, mistake: tuple[str, float] = ("", 0.0), training=None, confidence: float = 0.95
) -> Judgement:
    """Judge a score by its held-out points: (T, n) `errors` and traces of G; control: as of `ratio`; mistake: of
    `likeliest`.

    training: (T,) mean errors at points that the score was made of, if there are any. It is not plausible where its
    `ratio` is certainly beyond MARGIN, for all times together (Bonferroni), or where it certainly gains by a mistake
    undone. Then the network is blamed where training points err less than held-out ones by MARGIN, as where it
    memorises (at all times together, if none is beyond), and the adapter where it gains GAIN. Else it cannot be told.
    """
    error, trace, control, confidence = _checked(error, trace, control, confidence)
    if not (isinstance(mistake, tuple) and len(mistake) == 2 and mistake[0] in ("", *REPAIRS)):
        raise InputError(key="mistake", value=mistake, allowed="should be what `likeliest` gives")
    if training is not None:
        training = arguments.array("training", training, len(error))
    each = 1 - (1 - confidence) / (2 * len(error))
    where = _certainly_above(error - MARGIN * trace, control, each)
    where |= _certainly_above(trace / MARGIN - error, control, each)
    # Given noisy points, errors are not negative and their mean is the traces': whatever their law (Markov).
    where |= error.mean(1) > np.maximum(trace.mean(1), ROUNDING) / (1 - each)
    name, gain = mistake
    if not where.any() and not name:
        return Judgement(True, where, "", "")
    there = where if where.any() else slice(None)
    memorises = training is not None and error.mean(1)[there].sum() > MARGIN * training[there].sum()
    if gain > GAIN and not memorises:
        return Judgement(False, where, "adapter", name)
    return Judgement(False, where, "network" if memorises else "cannot tell", name)
