"""Spectra of the score Jacobian of one job, over times and points.

study, job (and its weights, if it was trained) -> spectrum file (.zarr.zip)

Closed forms know their spectra; networks are differentiated. Where the truth is sampled and its guard fails there is
no number (NaN).

The points are x_0 + sqrt(t) w with the same x_0 and w at every t and for every network of a seed, so curves are
smooth in t and networks are compared on the same points.
"""

from pathlib import Path

import numpy as np

from scoregap import InputError, storage, variables
from scoregap.measure import spectra
from scoregap.study import Cell, Job, load
from scoregap.truth import posteriors

JACOBIANS = 2**24  # entries of Jacobians held at once: 128 MiB, and a few copies
NAMES = (
    "status", "eigenvalue", "singular_value", "asymmetry", "score_norm", "excess_loss", "alignment", "has_gap",
    "training_step", "training_loss", "training_excess",
)  # fmt: skip


def run(study: Path, job: str, out: Path, weights: Path | None = None) -> None:
    """Measure job JOB of study STUDY, from WEIGHTS if it was trained, and write its spectra to OUT."""
    loaded = load(study).job(job)
    members, tensors = trained_members(study, loaded, weights)
    measured = [measure(study, cell, members, tensors) for cell in loaded.cells]
    storage.write_job(out, variables.stack(measured), loaded.keys("spectrum"))


def trained_members(study: Path, job: Job, weights: Path | None) -> tuple[dict, dict]:
    """What the weights file of a job holds, empty if it was not trained. Raises InputError if it is not of the job."""
    if not job.trained:
        return {}, {}
    if weights is None:
        raise InputError(f"{study}: job {job.id!r} was trained: weights are needed: pass --weights FILE")
    members, tensors = storage.read_weights(weights)
    for cell in job.cells:
        if cell.key("train") not in members:
            raise InputError(
                f"{weights}: is not of this study as it is now (seed {cell['seed']} is missing): rerun train"
            )
    return members, tensors


def grid(cell: Cell) -> np.ndarray:
    """(T,) noise variances of the cell's spectra, ascending."""
    times = cell.spectrum.times
    return np.geomspace(times.start, times.stop, times.count)


def measure(study: Path, cell: Cell, members: dict, tensors: dict) -> dict[str, np.ndarray]:
    """Every variable in NAMES for one cell of a study file."""
    t, points, d = grid(cell), cell.spectrum.points, cell["ambient_dim"]
    sizes = {
        "time": len(t),
        "point": points,
        "mode": d,
        "group": cell.gaps,
        "gap": cell.gaps,
        "evaluation": variables.EVALUATIONS,
    }
    result = variables.blank(NAMES, sizes)
    if cell.trained:
        key = cell.key("train")
        for name, column in zip(("step", "loss", "excess"), tensors[f"{key}/curve"].T, strict=True):
            result[f"training_{name}"][:] = column
        if members[key]["diverged"]:
            result["status"][...] = 2
            return result
        network = network_score(study, cell, members, tensors)

    truth = cell.truth()
    rng = np.random.default_rng(cell.seed("points"))
    clean, latents = truth.sample(rng, points)
    noise, tangents = rng.standard_normal(clean.shape), truth.tangents(latents)
    ends, has_gap = truth.boundaries, truth.gaps_at(latents)
    result["has_gap"][:] = has_gap
    starts = (0, *ends[:-1]) if cell.nested else (0,) * len(ends)
    spans = list(zip(starts, ends, strict=True))
    score = closed_form(cell, truth)
    at_once = max(1, JACOBIANS // (points * d * d))  # times
    for some in (slice(i, i + at_once) for i in range(0, len(t), at_once)):
        here = t[some]
        noisy = clean + np.sqrt(here)[:, None, None] * noise
        flat = noisy.reshape(-1, d), np.repeat(here, points)

        def shaped(array, shape=noisy.shape[:2]):
            return array.reshape(*shape, *array.shape[1:])

        exact = truth.exact(*flat)
        if score:
            known = exact if cell["network"] == "exact" else score(*flat)
            denoised = shaped(known.mean)
            eigenvalues = shaped(known.spectrum() - 1)
            # G - I is symmetric: its singular values are the absolute eigenvalues, and it has no asymmetry.
            singular_values, asymmetry = -np.sort(-np.abs(eigenvalues), axis=-1), np.zeros(noisy.shape[:2])
            vectors = shaped(known.leading(ends[-1]))
        else:
            denoised, jacobians = network(noisy, here)
            try:
                eigenvalues, vectors, singular_values, asymmetry = spectra.spectra(jacobians)
            except np.linalg.LinAlgError:  # a Jacobian that is not finite
                result["status"][...] = 3
                return result
        result["eigenvalue"][some] = eigenvalues
        result["singular_value"][some] = singular_values
        result["asymmetry"][some] = asymmetry
        result["score_norm"][some] = np.linalg.norm(denoised - noisy, axis=-1) / here[:, None]
        result["excess_loss"][some] = ((denoised - shaped(exact.mean)) ** 2).mean((1, 2)) / here
        with np.errstate(invalid="ignore"):
            cosines = np.where(has_gap, spectra.alignment(vectors, tangents, spans), np.nan)
            result["alignment"][some] = mean_of_finite(cosines)
    result["status"][...] = 1 if np.isfinite(result["eigenvalue"]).any() else 3
    return result


def closed_form(cell: Cell, truth):
    """The cell's score as a function (points (n, d), t (n,)) -> Posterior; None for a network."""
    if cell.trained:
        return None
    if cell["network"] == "empirical":
        data, _ = truth.sample(np.random.default_rng(cell.seed("dataset")), cell.manifold.dataset_size)
        return lambda x, t: posteriors.empirical(x, t, data)
    return {"exact": truth.exact, "gaussian": truth.gaussian}[cell["network"]]


def mean_of_finite(values):
    """Mean over the second dimension of what is finite; NaN where nothing is."""
    finite = np.isfinite(values)
    count = finite.sum(1)
    return np.where(count > 0, np.where(finite, values, 0).sum(1) / np.maximum(count, 1), np.nan)


def network_score(study: Path, cell: Cell, members: dict, tensors: dict):
    """The cell's network as a score: (points (T, points, d), t (T,)) -> denoised points and G (T, points, d, d).

    In float32, on the study's device. Raises InputError if that is not there.
    """
    import torch

    from scoregap.measure import jacobian
    from scoregap.stages import train

    torch.set_num_threads(1)
    device = train.pick_device(study, cell.training.device)
    denoiser = train.restore(cell, members, tensors).to(device)

    def score(noisy, t):
        inputs = torch.tensor(noisy, dtype=torch.float32, device=device)
        levels = torch.tensor(t, dtype=torch.float32, device=device)[None]
        return jacobian.denoiser_jacobian(lambda x: denoiser(x[None], levels)[0], inputs)

    return score
