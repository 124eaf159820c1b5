"""Estimators of the dimension (`scoregap.measure`) given a score, at clean points and noise variances.

names of estimators, Score, clean points, t -> one number for each point and t; and what that costs

Spectra are of the Jacobian at x_0 + sqrt(t) w. The normal bundles and the denoising loss have draws of w of their own
around x_0; FLIPD, the implicit loss and LHSD are at x_0 itself. Points and draws are the same at every t, for every
score of a seed and for whatever else is asked for. Estimators of other packages are functions of (score, x, t, rng), or
classes whose instances are: `Counted`.

A cost is the number of evaluations of the score, or of products with its Jacobian, that one estimate needs. Here a
Jacobian is shared by the estimators that need it.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any, Protocol

import numpy as np

from scoregap import InputError, brief, plugins
from scoregap.arguments import ascending, finite_or_nan, known, whole
from scoregap.measure import SCORE_ESTIMATORS, dimension
from scoregap.measure.lhsd import lhsd
from scoregap.measure.plateau import plateau
from scoregap.measure.profile import RESOLVED
from scoregap.measure.score_matching import denoising_loss, implicit_loss
from scoregap.measure.second_difference import second_difference
from scoregap.scores.base import HasProducts, Score, chunks

PLATEAU = "plateau"  # the one that reads all noise variances together
OF_SPECTRA = {"final_gap", "slq_count", PLATEAU}
BUNDLES: dict[str, Callable] = {
    "normal_bundle": dimension.normal_bundle,
    "normal_bundle_centred": lambda scores: dimension.normal_bundle(scores, centred=True),
    "normal_bundle_second_difference": second_difference,
}
OF_JACOBIANS = {"flipd", "flipd_hutchinson", "implicit_loss", "lhsd"}  # at clean points
OF_PRODUCTS = {"slq_count", "flipd_hutchinson", "lhsd"}  # no matrix is needed


class Settings(Protocol):
    """What is asked for, as the section `dimension` of a study has it, and `Asked`."""

    @property
    def of_score(self) -> list[str]:
        """Names of estimators of a score."""
        ...

    points: int
    draws: int
    probes: int
    lanczos_steps: int


@dataclass
class Asked:
    """Settings by hand, with the defaults of a study. points: how many; draws: score vectors per coordinate of normal
    bundles; probes: random vectors, of products, of Hutchinson's trace and of the denoising loss."""

    of_score: list[str]
    points: int
    draws: int = 4
    probes: int = 10
    lanczos_steps: int = 10


def estimate(score: Score, x, t, estimator: str, seed: int = 0, **sizes: int) -> np.ndarray:
    """What one of SCORE_ESTIMATORS says at clean points x (n, d) and noise variances t, one or (T,) ascending.

    sizes: of `Asked`. Returns (n,) for one t, else (T, n). A score that knows some noise variances only is asked at the
    nearest of them (`Score.times`). No Jacobian is made where products with it are enough, and known.
    """
    if estimator not in SCORE_ESTIMATORS:
        raise InputError(key="estimator", value=estimator, allowed=f"should be one of {', '.join(SCORE_ESTIMATORS)}")
    for name in sizes:
        if name not in ("draws", "probes", "lanczos_steps"):
            raise InputError(key=name, value=sizes[name], allowed="should be one of draws, probes, lanczos_steps")
    x = known("x", x, "n", "d")
    settings = Asked([estimator], len(x), **{name: whole(name, value) for name, value in sizes.items()})
    draws = Draws(np.random.default_rng(whole("seed", seed, 0)), settings, x.shape[1])
    times = score.times(ascending("t", np.atleast_1d(known("t", t, *(("T",) if np.ndim(t) else ())))))
    if estimator in OF_PRODUCTS and isinstance(score, HasProducts):
        found = np.stack([_of_products(settings, score, x, float(one), draws) for one in times])
    else:
        found = over_times(settings, score, x, times, draws)[:, 0]
    return found if np.ndim(t) else found[0]


def costs(settings: Settings, d: int, times: int) -> dict[str, int]:
    """Evaluations of the score, or products with its Jacobian, per estimate at one of so many noise variances."""
    products = min(settings.probes, d) * min(settings.lanczos_steps, d)
    return {
        "final_gap": d,
        "slq_count": products,
        **dict.fromkeys(BUNDLES, settings.draws * d),
        "flipd": d + 1,
        "flipd_hutchinson": settings.probes + 1,
        "lhsd": products,
        "denoising_loss": min(settings.probes, settings.draws * d),
        "implicit_loss": d + 1,
        PLATEAU: d * times,
    }


class Counted:
    """A score as estimators of other packages see it: every evaluation, and every row of a Jacobian, is counted."""

    def __init__(self, score: Score):
        self._score, self.evaluations = score, 0

    def denoise(self, x, t) -> np.ndarray:
        """E[x_0|x] at points x (n, d), noise variance t, one for all or (n,); (n, d)."""
        self.evaluations += len(x)
        return self._score.denoise(x, t)

    def jacobian(self, x, t) -> tuple[np.ndarray, np.ndarray]:
        """The same, and G = I + t J at these points (n, d, d)."""
        self.evaluations += len(x) * (x.shape[1] + 1)
        return self._score.jacobian(x, t)


def of_others(name: str, counted: Counted, clean: np.ndarray, t: float, seed: int) -> np.ndarray:
    """(points,) estimates of an estimator of another package; the same draws at all t. Raises InputError."""

    def wrong(why: str) -> InputError:
        return InputError(key="dimension.estimators", value=name, allowed=why)

    try:
        found = resolve_name(plugins.path(name, plugins.ESTIMATORS))
        estimator = found() if isinstance(found, type) else found
        given = estimator(counted, clean.copy(), float(t), np.random.default_rng(seed))
    except (Exception, SystemExit) as error:  # whatever the code of somebody else raises
        raise wrong(f"fails: {plugins.told(error)}") from error
    try:
        numbers = np.asarray(given, float)
    except (TypeError, ValueError):
        raise wrong(f"should give {len(clean)} numbers, one a point, and gives {brief(given)}") from None
    if numbers.shape != (len(clean),):
        raise wrong(f"should give ({len(clean)},), one a point, and gives {numbers.shape}")
    return numbers


class Draws:
    """What is random in estimators of a score, drawn once for all noise variances and whatever is asked for.

    noise: (points, d) of the noisy points. around: (points, K, d) of normal bundles, and the first of them of the
    denoising loss; as many as are asked for are kept, as they are the most of all numbers. signs: (points, probes, d)
    of Hutchinson's trace. seeds: (points,) of the starting vectors of Lanczos. counted: by
    estimator of another package, the score as it is given to that.
    """

    def __init__(self, rng, settings: Settings, d: int):
        points, count, asked = settings.points, settings.draws * d, set(settings.of_score)
        self.noise = rng.standard_normal((points, d))
        kept = count if BUNDLES.keys() & asked else min(settings.probes, count) if "denoising_loss" in asked else 0
        self.around = np.empty((points, kept, d))
        for own in self.around:
            rng.standard_normal(out=own)
            for row in range(kept, count, d):  # drawn all the same: what comes after them does not change
                rng.standard_normal((min(d, count - row), d))
        self.signs = rng.choice([-1.0, 1.0], (points, settings.probes, d))
        self.seeds = rng.integers(2**63, size=points)
        self.counted: dict[str, Counted] = {}


def over_times(
    settings: Settings, score: Score, clean, times, draws: Draws, told: Callable[[float, float], None] | None = None
) -> np.ndarray:
    """Estimates (T, estimators, points) at noise variances (T,), ascending. told: of every one of them, and seconds."""
    found = np.full((len(times), len(settings.of_score), len(clean)), np.nan)
    for k, t in enumerate(times):
        started = time.perf_counter()
        found[k] = of_score(settings, score, clean, t, draws)
        if told:
            told(t, time.perf_counter() - started)
    if PLATEAU in settings.of_score:
        place = settings.of_score.index(PLATEAU)
        found[:, place] = plateau(times, found[:, place])
    return found


def of_score(settings: Settings, score: Score, clean, t: float, draws: Draws) -> list[np.ndarray]:
    """Estimates at the points clean (points, d) and noise variance t: (points,) for each estimator asked for.

    In the place of PLATEAU stands the number of resolved modes, of which `over_times` makes it.
    """
    asked = settings.of_score
    found: dict[str, np.ndarray] = {}
    if OF_SPECTRA & set(asked):
        found |= _of_spectra(settings, score, clean, t, draws)
    if BUNDLES.keys() & set(asked):
        denoised, around = _denoised(score, clean, t, draws.around)
        for name in BUNDLES.keys() & set(asked):
            found[name] = BUNDLES[name]((denoised - around) / t)
    if "denoising_loss" in asked:
        denoised, _ = _denoised(score, clean, t, draws.around[:, : settings.probes])
        found["denoising_loss"] = denoising_loss(clean, denoised, t)
    if OF_JACOBIANS & set(asked):
        found |= _of_jacobians(settings, score, clean, t, draws)
    for name in filter(plugins.is_outside, asked):
        counted = draws.counted.setdefault(name, Counted(score))
        found[name] = of_others(name, counted, clean, t, int(draws.seeds[0]))
    return [found[name] for name in asked]


def _denoised(score: Score, clean: np.ndarray, t: float, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(denoised, noisy) points (points, K, d) of noise (points, K, d) around clean points."""
    around = clean[:, None] + np.sqrt(t) * noise
    return score.denoise(around.reshape(-1, clean.shape[1]), t).reshape(around.shape), around


def _of_spectra(settings: Settings, score: Score, clean, t: float, draws: Draws) -> dict[str, np.ndarray]:
    """What is of the spectrum at one noisy point each."""
    noisy, spectra = clean + np.sqrt(t) * draws.noise, np.full(clean.shape, np.nan)
    counts = np.full(len(clean), np.nan)
    for i, matrix in _symmetric(score, noisy, t):
        spectra[i] = np.linalg.eigvalsh(matrix)[::-1] - 1
        if "slq_count" in settings.of_score:
            counts[i] = _by_lanczos(dimension.slq_count, settings, matrix.__rmatmul__, len(matrix), int(draws.seeds[i]))
    resolved = np.where(np.isnan(spectra).any(1), np.nan, (spectra > RESOLVED).sum(1))
    return {"final_gap": dimension.final_gap(spectra), "slq_count": counts, PLATEAU: resolved}


def _of_jacobians(settings: Settings, score: Score, clean, t: float, draws: Draws) -> dict[str, np.ndarray]:
    """What is of the score and its Jacobian at the clean points."""
    parts, counts = [], np.full(len(clean), np.nan)
    for part in chunks(*clean.shape):
        x, signs = clean[part], draws.signs[part]
        denoised, jacobian = (finite_or_nan("jacobian", one, "...") for one in score.jacobian(x, t))
        trace = np.trace(jacobian, axis1=1, axis2=2)
        probed = dimension.hutchinson(signs @ np.swapaxes(jacobian, 1, 2), signs)
        parts.append([
            dimension.flipd(x, denoised, trace, t),
            dimension.flipd(x, denoised, probed, t),
            implicit_loss(x, denoised, trace, t),
        ])  # fmt: skip
        if "lhsd" in settings.of_score:
            for i, matrix in _finite(jacobian, part, len(clean)):
                counts[i] = _by_lanczos(lhsd, settings, matrix.__rmatmul__, len(matrix), int(draws.seeds[i]))
    names = "flipd", "flipd_hutchinson", "implicit_loss"
    return dict(zip(names, np.concatenate(parts, 1), strict=True)) | {"lhsd": counts}


def _of_products(settings: Settings, score: Any, clean: np.ndarray, t: float, draws: Draws) -> np.ndarray:
    """One of OF_PRODUCTS without a matrix: (points,)."""
    (name,), found = settings.of_score, np.full(len(clean), np.nan)
    for i, x in enumerate(clean):
        at = x + np.sqrt(t) * draws.noise[i] if name == "slq_count" else x
        product, transposed = score.products(at, t)
        if name == "flipd_hutchinson":
            trace = dimension.hutchinson(product(draws.signs[i]), draws.signs[i])
            found[i] = dimension.flipd(x, score.denoise(x[None], t)[0], trace, t)
        elif np.isfinite(score.denoise(at[None], t)).all():
            rule = lhsd if name == "lhsd" else dimension.slq_count
            with suppress(FloatingPointError):
                found[i] = _by_lanczos(rule, settings, _mean_of(product, transposed), len(x), int(draws.seeds[i]))
    return found


def _mean_of(product: Callable, transposed: Callable) -> Callable:
    """The product of the symmetric part of a matrix. It raises FloatingPointError where one is not finite."""

    def mean(rows: np.ndarray) -> np.ndarray:
        images = 0.5 * (product(rows) + transposed(rows))
        if not np.isfinite(images).all():
            raise FloatingPointError
        return images

    return mean


def _symmetric(score: Score, points: np.ndarray, t: float):
    """(i, symmetric part of G) at every point where it is finite."""
    for part in chunks(*points.shape):
        yield from _finite(score.jacobian(points[part], t)[1], part, len(points))


def _finite(jacobians: np.ndarray, part: slice, count: int):
    symmetric = 0.5 * (jacobians + np.swapaxes(jacobians, 1, 2))
    for i, matrix in zip(range(count)[part], symmetric, strict=True):
        if np.isfinite(matrix).all():
            yield i, matrix


def _by_lanczos(rule: Callable, settings: Settings, product: Callable, d: int, seed: int) -> float:
    return rule(product, d, settings.probes, settings.lanczos_steps, np.random.default_rng(seed))
