"""Dimensions of one job by several estimators, in studies with a section `dimension`.

study, job (and its weights, if it was trained) -> estimates file (.zarr.zip)

Estimators of a score are given the cell's score at a few points x_0 and noise variances t: spectra are of the Jacobian
at x_0 + sqrt(t) w, as in the spectrum stage; `normal_bundle` has its own w around x_0; FLIPD is at x_0 itself. Points
and draws are the same at every t and for every network of a seed. Estimators of data do not depend on the score: they
are given clean data, once per manifold, in the cell of the exact score; of data from a file, points of the training
part, in the cell of the Gaussian, and of every class of which there are enough.

Estimators of other packages are functions of (score, x, t, rng), or classes whose instances are: `Counted`.

A cost is the number of evaluations of the score, or of products with its Jacobian, that one estimate needs. The stage
may share a Jacobian between estimators; seconds are in the log and in Snakemake's benchmark file.
"""

import sys
import time
from pathlib import Path
from pkgutil import resolve_name

import numpy as np

from scoregap import InputError, brief, members, plugins, trained, variables
from scoregap.data.capabilities import Groups, Labelled, Recorded
from scoregap.measure import dimension
from scoregap.runtime.progress import Heartbeat
from scoregap.scores import of_clean_data
from scoregap.scores.base import Score, chunks
from scoregap.study import Cell, load
from scoregap.study.measurement import Dimension

LEAST = 25  # points of a class whose dimension is estimated: more than the neighbours that estimators look at


def run(study: Path, job: str, out: Path, weights: Path | None = None) -> list[Path]:
    """Estimate dimensions in job JOB of study STUDY, from WEIGHTS if it was trained, and write them to OUT."""
    loaded = load(study).job(job)
    settings = loaded.cells[0].dimension
    if settings is None:
        raise InputError("is missing", file=study, key="dimension", allowed="the study asks for no estimators")
    if set(settings.of_data) & dimension.PEERS.keys() and not dimension.has_peers():
        print("scikit-dimension is not installed (extra `benchmark`): its estimates are NaN", file=sys.stderr)
    found = trained.read(study, loaded, weights)

    def of(cell: Cell, beat: Heartbeat) -> dict[str, np.ndarray]:
        return measure(cell, settings, found, beat)

    return members.update(out, loaded, "dimension", of, "time", settings.times.count)


def costs(settings: Dimension, d: int) -> dict[str, int]:
    """Evaluations of the score, or products with its Jacobian, per estimate."""
    return {
        "final_gap": d,
        "slq_count": min(settings.probes, d) * min(settings.lanczos_steps, d),
        "normal_bundle": settings.draws * d,
        "normal_bundle_centred": settings.draws * d,
        "flipd": d + 1,
        "flipd_hutchinson": settings.probes + 1,
    }


def measure(cell: Cell, settings: Dimension, found: trained.Trained, beat: Heartbeat) -> dict[str, np.ndarray]:
    """Every variable that the section asks for, for one cell. found: of its job; beat: told of every time."""
    coords = variables.of_dimension(settings)
    truth, d = cell.truth(), cell.dim
    sizes = {dim: len(values) for dim, values in coords.items()}
    sizes["label"] = len(truth.labels) if isinstance(truth, Labelled) else 0
    result = variables.blank(variables.made("dimension", cell), sizes)
    rng = np.random.default_rng(cell.seed("points"))
    clean, latents = truth.sample(rng, settings.points)
    if isinstance(truth, Groups):
        result["point_dimension"][:] = np.where(truth.gaps_at(latents), truth.boundaries, 0).max(1)
    if settings.of_data and cell["network"] == of_clean_data(cell.data is not None):
        if isinstance(truth, Recorded):
            data = truth.training(settings.data_points)
        else:
            data, _ = truth.sample(np.random.default_rng(cell.seed("dataset")), settings.data_points)
        result["data_estimate"][:] = [of_data(name, data, settings) for name in settings.of_data]
        for k, label in enumerate(truth.labels if isinstance(truth, Labelled) else ()):
            if len(data := truth.training_of(label, settings.data_points)) >= LEAST:
                result["class_estimate"][k] = [of_data(name, data, settings) for name in settings.of_data]
    if not settings.of_score:
        return result
    known = costs(settings, d)
    result["estimate_cost"][:] = [known.get(name, np.nan) for name in settings.of_score]
    if found.diverged(cell):
        return result
    score = found.score(cell, truth)
    draws = Draws(rng, settings, d)
    for k, t in enumerate(score.times(coords["estimate_time"])):
        result["estimate"][k] = np.stack(of_score(settings, score, clean, t, draws), 1)
        beat.advance(1)
    for name, counted in draws.counted.items():
        each = counted.evaluations / (settings.points * settings.times.count)
        result["estimate_cost"][settings.of_score.index(name)] = each
    return result


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

    noise: (points, d) of the noisy points. around: (points, K, d) of normal_bundle. signs: (points, probes, d) of
    Hutchinson's trace. seeds: (points,) of the starting vectors of Lanczos. counted: by estimator of another package,
    the score as it is given to that.
    """

    def __init__(self, rng, settings: Dimension, d: int):
        points = settings.points
        self.noise = rng.standard_normal((points, d))
        self.around = rng.standard_normal((points, settings.draws * d, d))
        self.signs = rng.choice([-1.0, 1.0], (points, settings.probes, d))
        self.seeds = rng.integers(2**63, size=points)
        self.counted: dict[str, Counted] = {}


def of_score(settings: Dimension, score: Score, clean, t: float, draws: Draws) -> list[np.ndarray]:
    """Estimates at the points clean (points, d) and noise variance t: (points,) for each estimator asked for."""
    asked, (points, d), seconds = settings.of_score, clean.shape, time.perf_counter()
    found: dict[str, np.ndarray] = {}
    if {"final_gap", "slq_count"} & set(asked):
        noisy, spectra, counts = clean + np.sqrt(t) * draws.noise, np.full((points, d), np.nan), np.full(points, np.nan)
        for part in chunks(points, d):
            _, jacobian = score.jacobian(noisy[part], t)
            symmetric = 0.5 * (jacobian + np.swapaxes(jacobian, 1, 2))
            for i, matrix in zip(range(points)[part], symmetric, strict=True):
                if np.isfinite(matrix).all():
                    spectra[i] = np.linalg.eigvalsh(matrix)[::-1] - 1
                    if "slq_count" in asked:
                        rng, sizes = np.random.default_rng(draws.seeds[i]), (settings.probes, settings.lanczos_steps)
                        counts[i] = dimension.slq_count(lambda rows, g=matrix: rows @ g, d, *sizes, rng)
        found["final_gap"], found["slq_count"] = dimension.final_gap(spectra), counts
    if {"normal_bundle", "normal_bundle_centred"} & set(asked):
        around = clean[:, None] + np.sqrt(t) * draws.around
        scores = (score.denoise(around.reshape(-1, d), t).reshape(around.shape) - around) / t
        found["normal_bundle"] = dimension.normal_bundle(scores)
        found["normal_bundle_centred"] = dimension.normal_bundle(scores, centred=True)
    if {"flipd", "flipd_hutchinson"} & set(asked):
        parts = []
        for part in chunks(points, d):
            denoised, jacobian = score.jacobian(clean[part], t)
            products = draws.signs[part] @ np.swapaxes(jacobian, 1, 2)
            traces = np.trace(jacobian, axis1=1, axis2=2), dimension.hutchinson(products, draws.signs[part])
            parts.append([dimension.flipd(clean[part], denoised, trace, t) for trace in traces])
        found["flipd"], found["flipd_hutchinson"] = np.concatenate(parts, 1)
    for name in filter(plugins.is_outside, asked):
        counted = draws.counted.setdefault(name, Counted(score))
        found[name] = of_others(name, counted, clean, t, int(draws.seeds[0]))
    print(f"t {t:.3g}: {points} points in {time.perf_counter() - seconds:.2f} s", file=sys.stderr)
    return [found[name] for name in asked]


def of_data(name: str, data, settings: Dimension) -> float:
    """One estimate from data (n, d); local_pca looks at 100 of the points, or all if there are fewer."""
    seconds = time.perf_counter()
    if name == "local_pca":
        found = dimension.local_pca(data, settings.neighbours, np.arange(min(100, len(data))))
    else:
        found = dimension.peer(name, data)
    print(f"{name}: {time.perf_counter() - seconds:.2f} s", file=sys.stderr)
    return found
