"""Spectra of the score Jacobian of one job, over times and points.

study, job (and its weights, if it was trained) -> spectrum file (.zarr.zip)

Method `exact`: closed forms know their spectra, networks are differentiated. Finite differences measure both alike, so
that what the method adds shows on scores that are known. Where the truth is sampled and its guard fails there is no
number (NaN).

Sampling `forward`: the points are x_0 + sqrt(t) w with the same x_0 and w at every t and for every network of a seed,
so curves are smooth in t and networks are compared on the same points. Sampling `reverse`: from the point of the
largest t on they follow the score's own trajectory, so networks are compared at the points that each of them makes.
They start at x_0 + sqrt(T) w, not at a pure Gaussian, and so have the law of noisy data whatever T is. A trajectory has
no known foot point on the manifold, so alignment is known only where the tangents are the same everywhere.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from scoregap import InputError, members, storage, variables
from scoregap.data import posteriors
from scoregap.measure import differences, spectra, trajectories
from scoregap.progress import Heartbeat
from scoregap.study import Cell, Job, load

JACOBIANS = 2**24  # entries of Jacobians held at once: 128 MiB, and a few copies
NAMES = (
    "status", "eigenvalue", "singular_value", "asymmetry", "score_norm", "excess_loss", "alignment",
    "worst_alignment", "alignment_of_point", "has_gap", "training_step", "training_loss", "training_excess",
    "training_flops", "training_excess_by_level",
)  # fmt: skip


def run(study: Path, job: str, out: Path, weights: Path | None = None) -> list[Path]:
    """Measure job JOB of study STUDY, from WEIGHTS if it was trained, and write its spectra to OUT."""
    loaded = load(study).job(job)
    trained, tensors = trained_members(study, loaded, weights)

    def of(cell: Cell, beat: Heartbeat) -> dict[str, np.ndarray]:
        return measure(study, cell, trained, tensors, beat)

    return members.update(out, loaded, "spectrum", of, "time", loaded.first.spectrum.times.count)


def trained_members(study: Path, job: Job, weights: Path | None) -> tuple[dict, dict]:
    """What the weights file of a job holds, empty if it was not trained. Raises InputError if it is not of the job."""
    if not job.trained:
        return {}, {}
    if weights is None:
        raise InputError(f"{study}: job {job.id!r} was trained: weights are needed: pass --weights FILE")
    trained, tensors = storage.read_weights(weights)
    for cell in job.cells:
        if "diverged" not in trained.get(cell.key("train"), {}):  # which a checkpoint does not say
            raise InputError(
                f"{weights}: is not of this study as it is now (seed {cell['seed']} is missing): rerun train"
            )
    return trained, tensors


def grid(cell: Cell) -> np.ndarray:
    """(T,) noise variances of the cell's spectra, ascending."""
    times = cell.spectrum.times
    return np.geomspace(times.start, times.stop, times.count)


def measure(
    study: Path, cell: Cell, trained: dict, tensors: dict, beat: Heartbeat | None = None
) -> dict[str, np.ndarray]:
    """Every variable in NAMES for one cell of a study file; beat: told of every time that is done."""
    t, points, d = grid(cell), cell.spectrum.points, cell["ambient_dim"]
    sizes = {
        "time": len(t),
        "point": points,
        "mode": d,
        "group": cell.gaps,
        "gap": cell.gaps,
        "evaluation": variables.EVALUATIONS,
        "level": variables.LEVELS,
    }
    result = variables.blank(NAMES, sizes)
    if cell.trained:
        key = cell.key("train")
        for name, column in zip(("step", "loss", "excess", "flops"), tensors[f"{key}/curve"].T, strict=True):
            result[f"training_{name}"][:] = column
        result["training_excess_by_level"][:] = tensors[f"{key}/levels"]
        if trained[key]["diverged"]:
            result["status"][...] = 2
            return result

    truth = cell.truth()
    posterior = closed_form(cell, truth)
    mean, jacobian = (mean_of(posterior), None) if posterior else network_score(study, cell, trained, tensors)
    if cell.spectrum.step is not None:
        jacobian = by_differences(mean, cell.spectrum.method, cell.spectrum.step)
    rng = np.random.default_rng(cell.seed("points"))
    clean, latents = truth.sample(rng, points)
    noise, tangents = rng.standard_normal(clean.shape), truth.tangents(latents)
    ends, has_gap = truth.boundaries, truth.gaps_at(latents)
    result["has_gap"][:] = has_gap
    starts = (0, *ends[:-1]) if cell.nested else (0,) * len(ends)
    spans = list(zip(starts, ends, strict=True))
    path, has_tangents = None, True
    if cell.spectrum.sampling == "reverse":
        start = clean + np.sqrt(t[-1]) * noise
        path = trajectories.reverse(lambda x, level: mean(x[None], np.array([level]))[0], start, t)
        has_tangents = bool((tangents == tangents[:1]).all())
    at_once = max(1, JACOBIANS // (points * d * d))  # times
    for some in (slice(i, i + at_once) for i in range(0, len(t), at_once)):
        here = t[some]
        noisy = clean + np.sqrt(here)[:, None, None] * noise if path is None else path[some]
        ended = ~np.isfinite(noisy).all(-1)
        noisy = np.where(ended[..., None], clean, noisy)  # a place to evaluate at: what is found there is not kept
        exact = truth.exact(*flat(noisy, here))
        if jacobian:
            found = of_jacobian(*jacobian(noisy, here))
        else:
            known = exact if cell["network"] == "exact" else posterior(*flat(noisy, here))
            found = of_posterior(known, noisy.shape[:2], ends[-1])
        if cell.trained and (ended.any() or not np.isfinite(found.eigenvalues).all()):
            result["status"][...] = 3
            return result
        squares = ((found.denoised - exact.mean.reshape(noisy.shape)) ** 2).mean((1, 2))
        result["excess_loss"][some] = np.where(ended.any(1), np.nan, squares / here)
        result["eigenvalue"][some] = found.eigenvalues
        result["singular_value"][some] = found.singular_values
        result["asymmetry"][some] = found.asymmetry
        result["score_norm"][some] = np.linalg.norm(found.denoised - noisy, axis=-1) / here[:, None]
        if has_tangents:
            with np.errstate(invalid="ignore"):
                cosines = spectra.alignment(found.vectors(), tangents, spans)
            known_here = has_gap & ~ended[..., None]
            means, smallest = (np.where(known_here, one, np.nan) for one in cosines)
            result["alignment_of_point"][some] = means
            result["alignment"][some], result["worst_alignment"][some] = mean_of_finite(means), mean_of_finite(smallest)
        for name in ("eigenvalue", "singular_value", "asymmetry", "score_norm"):
            result[name][some][ended] = np.nan
        if beat:
            beat.advance(len(here))
    result["status"][...] = 1 if np.isfinite(result["eigenvalue"]).any() else 3
    return result


class Found(NamedTuple):
    """What is measured at points (T, points): denoised (.., d), spectra (.., d), asymmetry, eigenvectors on demand."""

    denoised: np.ndarray
    eigenvalues: np.ndarray
    singular_values: np.ndarray
    asymmetry: np.ndarray
    vectors: Callable[[], np.ndarray]


def of_posterior(known: posteriors.Posterior, shape: tuple[int, int], count: int) -> Found:
    """The spectra that a closed form knows, and `count` eigenvectors.

    G - I is symmetric: its singular values are the absolute eigenvalues, and it has no asymmetry.
    """

    def shaped(array):
        return array.reshape(*shape, *array.shape[1:])

    eigenvalues = shaped(known.spectrum() - 1)
    return Found(
        shaped(known.mean),
        eigenvalues,
        -np.sort(-np.abs(eigenvalues), axis=-1),
        np.zeros(shape),
        lambda: shaped(known.leading(count)),
    )


def of_jacobian(denoised: np.ndarray, jacobians: np.ndarray) -> Found:
    """The spectra of measured Jacobians; NaN where one is not finite."""
    unknown = ~np.isfinite(jacobians).all((-2, -1))
    if unknown.any():
        jacobians = np.where(unknown[..., None, None], 0.0, jacobians)
    eigenvalues, vectors, singular_values, asymmetry = spectra.spectra(jacobians)
    for array in (eigenvalues, vectors, singular_values, asymmetry):
        array[unknown] = np.nan
    return Found(denoised, eigenvalues, singular_values, asymmetry, lambda: vectors)


def by_differences(mean, method: str, step: float):
    """Denoised points and G of any score by finite differences, as `network_score` gives them."""
    measured = differences.JACOBIANS[method]
    return lambda noisy, t: (mean(noisy, t), measured(lambda x: mean(x, t), noisy, t[:, None], step))


def flat(noisy: np.ndarray, t: np.ndarray):
    """Points (T, points, d) at times (T,) as closed forms take them: (T points, d), (T points,)."""
    return noisy.reshape(-1, noisy.shape[-1]), np.repeat(t, noisy.shape[1])


def mean_of(posterior):
    """The denoiser of a closed form: (points (T, points, d), t (T,)) -> E[x0|x], like the points."""
    return lambda noisy, t: posterior(*flat(noisy, t)).mean.reshape(noisy.shape)


def closed_form(cell: Cell, truth):
    """The cell's score as a function (points (n, d), t (n,)) -> Posterior; None for a network."""
    if cell.trained:
        return None
    if cell["network"] == "empirical":
        data = cell.dataset()
        return lambda x, t: posteriors.empirical(x, t, data)
    return {"exact": truth.exact, "gaussian": truth.gaussian}[cell["network"]]


def mean_of_finite(values):
    """Mean over the second dimension of what is finite; NaN where nothing is."""
    finite = np.isfinite(values)
    count = finite.sum(1)
    return np.where(count > 0, np.where(finite, values, 0).sum(1) / np.maximum(count, 1), np.nan)


def network_score(study: Path, cell: Cell, trained: dict, tensors: dict):
    """The cell's network as two functions of (points (T, points, d), t (T,)), in float32, on the study's device.

    Denoised points like the points; those and G (T, points, d, d). Raises InputError if the device is not there.
    """
    import torch

    from scoregap import devices
    from scoregap.measure import pullback
    from scoregap.stages import train

    torch.set_num_threads(1)
    device = devices.take(study, cell.training.device)
    denoiser = train.restore(cell, trained, tensors).to(device)

    def tensor(array):
        return torch.tensor(array, dtype=torch.float32, device=device)

    @torch.no_grad()
    def mean(noisy, t):
        return denoiser(tensor(noisy)[None], tensor(t)[None])[0].double().cpu().numpy()

    def exactly(noisy, t):
        return pullback.network_jacobian(denoiser, tensor(noisy), tensor(t))

    return mean, exactly
