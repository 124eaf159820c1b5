"""Spectra of the score Jacobian of one job, over times and points.

study, job (and its weights, if it was trained) -> spectrum file (.zarr.zip)

Method `exact`: scores know their spectra, each in its own way. Finite differences measure them all alike, so that what
the method adds shows on scores that are known. Method `trace`: tr G alone, exact of closed forms and of others by
products with random signs, with the standard error over these; no d x d matrix is ever held. Where the truth is sampled
and its guard fails there is no number (NaN). What the data do not know is missing: Bayes' loss, gaps, tangents. A model
that knows some noise variances only is measured at the nearest of them, at points of that noise: `time_used`.

Sampling `forward`: the points are x_0 + sqrt(t) w with the same x_0 and w at every t and for every network of a seed,
so curves are smooth in t and networks are compared on the same points. Sampling `reverse`: from the point of the
largest t on they follow the score's own trajectory, so networks are compared at the points that each of them makes.
They start at x_0 + sqrt(T) w, not at a pure Gaussian, and so have the law of noisy data whatever T is. A trajectory has
no known foot point on the manifold, so alignment is known only where the tangents are the same everywhere.
"""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from scoregap import members, trained, variables
from scoregap.data.capabilities import Centred, Covariance, Groups, HeldOut, Labelled, Posterior, Recorded, Tangents
from scoregap.measure import agreement, calibration, spectra, trajectories
from scoregap.runtime.progress import Heartbeat
from scoregap.scores.base import TRACED, Adapted, Local, Score, Traced, at_any_time, at_once, slices
from scoregap.scores.closed import Exact, Gaussian
from scoregap.scores.differences import Differences
from scoregap.study import Cell, load

Found = TypeVar("Found", Local, Traced)
Denoise = Callable[[np.ndarray, np.ndarray], np.ndarray]


def run(study: Path, job: str, out: Path, weights: Path | None = None) -> list[Path]:
    """Measure job JOB of study STUDY, from WEIGHTS if it was trained, and write its spectra to OUT."""
    loaded = load(study).job(job)
    found = trained.read(study, loaded, weights)

    def of(cell: Cell, beat: Heartbeat) -> dict[str, np.ndarray]:
        return measure(cell, found, beat)

    spectrum = loaded.first.spectrum
    passes = 2 if loaded.first.declared and spectrum.sampling == "forward" else 1  # the second for mistakes undone
    return members.update(out, loaded, "spectrum", of, "point", passes * spectrum.times.count * spectrum.points)


def measure(cell: Cell, of_job: trained.Trained, beat: Heartbeat | None = None) -> dict[str, np.ndarray]:
    """Every variable of the stage for one cell of a job; beat: told of every point of every time that is done."""
    settings, d = cell.spectrum, cell.dim
    t, points = settings.times.values, settings.points
    result = blank(cell)
    for name, values in of_job.curves(cell).items():
        if name in result:
            result[name][:] = values
    if of_job.diverged(cell):
        result["status"][...] = 2
        return result

    data = cell.truth()
    score = itself = of_job.score(cell, data)
    best = Exact(data) if isinstance(data, Posterior) else None
    if settings.step is not None:
        score = Differences(score, settings.method, settings.step)
    result["time_used"][:] = t = score.times(t)
    rng = np.random.default_rng(cell.seed("points"))
    clean, places = data.sample(rng, points)
    noise = rng.standard_normal(clean.shape)
    if cell.data:
        result["point_row"][:] = places[:, 0]
    if isinstance(data, Labelled):
        result["point_label"][:] = data.labels_at(places)
        result["label_points"][:] = data.label_counts
    if isinstance(data, Groups):
        result["has_gap"][:] = data.gaps_at(places)
    traces, probes = settings.traces, settings.probes or 0
    some_points = max(1, TRACED // d) if traces else at_once(d)
    parts = slices(points, some_points)
    aligned, path = isinstance(data, Tangents), None
    if settings.sampling == "reverse":
        at_any_time(score, settings.times.values, "spectrum.sampling")
        path = trajectories.reverse(score.denoise, clean + np.sqrt(t[-1]) * noise, t)
        # elsewhere the foot of a trajectory is not known
        aligned = aligned and all((data.tangents(places[part]) == data.tangents(places[:1])).all() for part in parts)
    groups = spans(cell, data.boundaries) if aligned else []
    frames = agreement.frames(np.random.default_rng([cell.seed("points"), d]), d) if cell.data and not traces else None
    own = itself.reach if isinstance(itself, Adapted) and path is None else None
    linear = Gaussian(data) if isinstance(data, Covariance) else None
    if linear is not None and "gaussian_trace" in result:
        variances = linear.data.principal_axes[1]
        result["gaussian_trace"][:] = (variances / (variances + t[:, None])).sum(1)
    directions = None
    if linear is not None and cell.data and not traces:
        directions, variances = (one[..., : variables.DIRECTIONS] for one in linear.data.principal_axes)
        result["principal_variance"][: len(variances)] = variances
    seen = None  # of the points that scores are made of, where those of the spectra are others
    others = path is None and settings.points_from == "held-out"
    if cell.data and others and isinstance(data, HeldOut) and isinstance(data, Recorded):
        there = cell.dataset()
        seen = there[rng.permutation(len(there))[:points]]
    seeds = rng.integers(2**63, size=points)  # of the random vectors of traces, the same at every t
    times = max(1, some_points // points)
    for some in (slice(i, i + times) for i in range(0, len(t), times)):
        here = t[some]
        noisy = clean + np.sqrt(here)[:, None, None] * noise if path is None else path[some]
        ended = ~np.isfinite(noisy).all(-1)
        noisy = np.where(ended[..., None], clean, noisy)  # a place to evaluate at: what is found there is not kept
        # Eigenvectors are larger than all the rest: they are of one chunk of points, and used there.
        found, means, smallest = [], [], []
        for part in parts:
            if traces:
                signs = random_signs(seeds[part], probes, len(here), d)
                one = shaped(score.traced(*flat(noisy[:, part], here), signs), noisy[:, part])
                found.append({"mean": one.mean, "point_trace": one.trace, "point_trace_error": one.error})
            else:
                vectors = groups[-1][1] if groups else 0
                shares = directions is not None and some.start == 0  # at the smallest t alone: they take eigenvectors
                local = near(score, noisy[:, part], here, vectors, frames, directions, shares)
                if groups:
                    known = (result["has_gap"][part] == 1) & ~ended[:, part, None]
                    cosine = cosines(local.vectors, data.tangents(places[part]), groups, known)
                    means.append(cosine[0])
                    smallest.append(cosine[1])
                found.append(of_spectra(local, frames is not None, directions is not None))
                if shares:
                    result["tangent_share"][part] = np.where(ended[0, part], np.nan, local.share[0])
            if beat:
                beat.advance(len(here) * len(clean[part]))
        every = {name: np.concatenate([one[name] for one in found], 1) for name in found[0]}
        mean = every.pop("mean")
        if not score.guarded and (ended.any() or not np.isfinite(every["point_trace"]).all()):
            result["status"][...] = 3
            return result
        if best is not None:
            bayes = mean if score == best else best.denoise(*flat(noisy, here)).reshape(noisy.shape)
            squares = ((mean - bayes) ** 2).mean((1, 2))
            result["excess_loss"][some] = np.where(ended.any(1), np.nan, squares / here)
        if path is None:  # else there is no clean point
            result["squared_error"][some] = calibration.errors(mean, clean, here)
            if linear is not None:
                denoised = linear.denoise(*flat(noisy, here)).reshape(noisy.shape)
                result["gaussian_error"][some] = calibration.errors(denoised, clean, here)
        if seen is not None:
            denoised = score.denoise(*flat(seen + np.sqrt(here)[:, None, None] * noise[: len(seen)], here))
            errors = calibration.errors(denoised.reshape(len(here), *seen.shape), seen, here)
            result["training_error"][some] = errors.mean(1)
        every["score_norm"] = np.linalg.norm(mean - noisy, axis=-1) / here[:, None]
        if groups:
            own_cosine, least = np.concatenate(means, 1), np.concatenate(smallest, 1)
            result["alignment_of_point"][some] = own_cosine
            result["alignment"][some] = mean_of_finite(own_cosine)
            result["worst_alignment"][some] = mean_of_finite(least)
        if directions is not None:  # of fewer axes than there is room for, where the data have fewer
            along = every.pop("along_principal")
            along[ended] = np.nan
            result["along_principal"][some, :, : along.shape[-1]] = along
        for name, values in every.items():
            result[name][some] = values
            result[name][some][ended] = np.nan
    if settings.keep:
        result |= kept(cell, data, score, clean, noise, t, path)
    if own is not None:
        centre = data.mean if isinstance(data, Centred) else 0.0
        denoise = advancing(score.denoise, beat, len(calibration.REPAIRS)) if beat else score.denoise
        undone = calibration.undone(denoise, clean, noise, t, centre, own)
        mistake, gain = calibration.likeliest(result["squared_error"].astype(float), undone)
        result["mistake"][...] = variables.MISTAKES.index(mistake) + 1 if mistake else 0
        result["mistake_gain"][...] = gain
    result["status"][...] = 1 if np.isfinite(result["point_trace"]).any() else 3
    return result


def kept(
    cell: Cell, data: Centred, score: Score, clean: np.ndarray, noise: np.ndarray, t: np.ndarray,
    path: np.ndarray | None,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Points and eigenvectors that the study keeps, in the user's coordinates; the arguments are those of `measure`."""
    keep = cell.spectrum.keep
    assert keep is not None
    times, points, mean = keep.chosen(len(t)), slice(min(keep.points, len(clean))), data.mean
    here = t[times]
    noisy = clean[points] + np.sqrt(here)[:, None, None] * noise[points] if path is None else path[times][:, points]
    local = near(score, noisy, here, min(keep.vectors, cell.dim))
    found = {
        "kept_clean": clean[points] + mean,
        "kept_noisy": noisy + mean,
        "kept_denoised": local.mean + mean,
        "kept_vector": np.swapaxes(local.vectors, -1, -2),
    }
    return {name: values.astype(variables.VARIABLES[name].dtype) for name, values in found.items()}


def blank(cell: Cell) -> dict[str, np.ndarray]:
    """Every variable of the stage for one cell, empty."""
    sizes = {
        "time": cell.spectrum.times.count,
        "point": cell.spectrum.points,
        "mode": cell.dim,
        "group": cell.gaps,
        "gap": cell.gaps,
        "evaluation": variables.EVALUATIONS,
        "level": variables.LEVELS,
        "label": len(cell.truth().labels) if cell.data else 0,
        "direction": min(cell.dim, variables.DIRECTIONS),
        "row": agreement.side(cell.dim),
        "column": agreement.side(cell.dim),
    }
    if cell.spectrum.keep:
        sizes |= {name: len(values) for name, values in variables.of_kept(cell.spectrum, cell.dim).items()}
    return variables.blank(variables.made("spectrum", cell), sizes)


def advancing(denoise: Denoise, beat: Heartbeat, calls: int) -> Denoise:
    """A denoiser of n points that has done as many of them after so many calls."""
    asked = itertools.count(1)

    def counted(x: np.ndarray, t: np.ndarray) -> np.ndarray:
        denoised, call = denoise(x, t), next(asked)
        beat.advance(call * len(x) // calls - (call - 1) * len(x) // calls)
        return denoised

    return counted


def flat(noisy: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (T, points, d) at times (T,) as scores take them: (T points, d), (T points,)."""
    return noisy.reshape(-1, noisy.shape[-1]), np.repeat(t, noisy.shape[1])


def near(score: Score, noisy: np.ndarray, t: np.ndarray, *asked: Any) -> Local:
    """What a score does near points (T, points, d) at times (T,), likewise shaped; asked: as of `Score.local`."""
    return shaped(score.local(*flat(noisy, t), *asked), noisy)


def shaped(found: Found, noisy: np.ndarray) -> Found:
    """What a score says of points that `flat` has made of noisy (T, points, d), shaped as these."""
    return type(found)(*(array.reshape(*noisy.shape[:2], *array.shape[1:]) for array in found))


def of_spectra(local: Local, sketched: bool, directed: bool) -> dict[str, np.ndarray]:
    """What is kept of points (T, points, ...) near which all of G is known, by variable; and the denoised points."""
    return {
        "mean": local.mean,
        "eigenvalue": local.eigenvalues,
        "singular_value": local.singular_values,
        "asymmetry": local.asymmetry,
        "point_trace": (1 + local.eigenvalues).sum(-1),
        **({"sketch": local.sketch} if sketched else {}),
        **({"along_principal": local.along} if directed else {}),
    }


def random_signs(seeds: np.ndarray, count: int, times: int, d: int) -> np.ndarray:
    """(count, times points, d) random signs: of every point its own, the same at all times."""
    signs = [2.0 * np.random.default_rng(seed).integers(2, size=(count, d)) - 1 for seed in seeds]
    return np.tile(np.stack(signs, 1), (1, times, 1))


def spans(cell: Cell, ends: tuple[int, ...]) -> list[tuple[int, int]]:
    """First and last mode of the groups that end so: one after the other, or each a component by itself."""
    starts = (0, *ends[:-1]) if cell.nested else (0,) * len(ends)
    return list(zip(starts, ends, strict=True))


def cosines(vectors, tangents, groups, known) -> tuple[np.ndarray, np.ndarray]:
    """Mean and smallest cosine of `spectra.alignment`; NaN but where known (T, points, groups)."""
    with np.errstate(invalid="ignore"):
        means, smallest = spectra.alignment(vectors, tangents, groups)
    return np.where(known, means, np.nan), np.where(known, smallest, np.nan)


def mean_of_finite(values: np.ndarray) -> np.ndarray:
    """Mean over the second dimension of what is finite; NaN where nothing is."""
    finite = np.isfinite(values)
    count = finite.sum(1)
    return np.where(count > 0, np.where(finite, values, 0).sum(1) / np.maximum(count, 1), np.nan)
