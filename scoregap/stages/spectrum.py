"""Spectra of the score Jacobian of one job, over times and points.

study, job (and its weights, if it was trained) -> spectrum file (.zarr.zip)

The points are x_0 + sqrt(t) w with the same x_0 and w at every t and for every network of a seed, so curves are
smooth in t and networks are compared on the same points.
"""

from pathlib import Path

import numpy as np

from scoregap import InputError, storage, variables
from scoregap.measure import spectra
from scoregap.study import Cell, load

JACOBIANS = 2**24  # entries of Jacobians held at once: 128 MiB, and a few copies
NAMES = (
    "status", "eigenvalue", "singular_value", "asymmetry", "score_norm", "excess_loss", "alignment",
    "training_step", "training_loss", "training_excess",
)  # fmt: skip


def run(study: Path, job: str, out: Path, weights: Path | None = None) -> None:
    """Measure job JOB of study STUDY, from WEIGHTS if it was trained, and write its spectra to OUT."""
    loaded = load(study).job(job)
    cells = loaded.cells
    if cells[0].trained and weights is None:
        raise InputError(f"{study}: job {job!r} was trained: weights are needed: pass --weights FILE")
    members, tensors = storage.read_weights(weights) if weights and cells[0].trained else ({}, {})
    for cell in cells:
        if cell.trained and cell.key("train") not in members:
            raise InputError(
                f"{weights}: is not of this study as it is now (seed {cell['seed']} is missing): rerun train"
            )
    measured = [measure(study, cell, members, tensors) for cell in cells]
    storage.write_job(out, variables.stack(measured), loaded.keys("spectrum"))


def grid(cell: Cell) -> np.ndarray:
    """(T,) noise variances of the cell's spectra, ascending."""
    times = cell.spectrum.times
    return np.geomspace(times.start, times.stop, times.count)


def measure(study: Path, cell: Cell, members: dict, tensors: dict) -> dict[str, np.ndarray]:
    """Every variable in NAMES for one cell of a study file."""
    t, points, d = grid(cell), cell.spectrum.points, cell["ambient_dim"]
    sizes = {"time": len(t), "point": points, "mode": d, "group": len(cell.counts), "evaluation": variables.EVALUATIONS}
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
    at_once = max(1, JACOBIANS // (points * d * d))  # times
    for some in (slice(i, i + at_once) for i in range(0, len(t), at_once)):
        here = t[some]
        noisy = clean + np.sqrt(here)[:, None, None] * noise
        exact, exact_jacobians = posterior(truth.exact, noisy, here)
        if cell.trained:
            denoised, jacobians = network(noisy, here)
        elif cell["network"] == "exact":
            denoised, jacobians = exact, exact_jacobians
        else:
            denoised, jacobians = posterior(truth.gaussian, noisy, here)
        try:
            eigenvalues, vectors, singular_values, asymmetry = spectra.spectra(jacobians)
        except np.linalg.LinAlgError:  # a Jacobian that is not finite
            result["status"][...] = 3
            return result
        result["eigenvalue"][some] = eigenvalues
        result["singular_value"][some] = singular_values
        result["asymmetry"][some] = asymmetry
        result["score_norm"][some] = np.linalg.norm(denoised - noisy, axis=-1) / here[:, None]
        result["excess_loss"][some] = ((denoised - exact) ** 2).mean((1, 2)) / here
        result["alignment"][some] = spectra.alignment(vectors, tangents, cell.boundaries).mean(1)
    result["status"][...] = 1
    return result


def posterior(score, noisy, t):
    """A closed-form score at points (T, points, d): denoised points and G (T, points, d, d)."""
    parts = score(noisy.reshape(-1, noisy.shape[-1]), np.repeat(t, noisy.shape[1]))
    return tuple(part.reshape(*noisy.shape[:2], *part.shape[1:]) for part in parts)


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
