"""Dimensions of one job by several estimators, in studies with a section `dimension`.

study, job (and its weights, if it was trained) -> estimates file (.zarr.zip)

Estimators of a score are given the cell's score at a few points x_0 and noise variances t (`scoregap.dimensions`).
Estimators of data do not depend on the score: they are given clean data, once per manifold, in the cell of the exact
score; of data from a file, points of the training part, in the cell of the Gaussian, and of every class of which there
are enough.

Seconds are in the log and in Snakemake's benchmark file.
"""

import sys
import time
from pathlib import Path

import numpy as np

from scoregap import InputError, members, trained, variables
from scoregap.data.capabilities import Groups, Labelled, Recorded
from scoregap.dimensions import Draws, costs, over_times
from scoregap.measure import dimension
from scoregap.runtime.progress import Heartbeat
from scoregap.scores import of_clean_data
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
    known = costs(settings, d, settings.times.count)
    result["estimate_cost"][:] = [known.get(name, np.nan) for name in settings.of_score]
    if found.diverged(cell):
        return result
    score = found.score(cell, truth)
    draws = Draws(rng, settings, d)

    def told(t: float, seconds: float) -> None:
        print(f"t {t:.3g}: {len(clean)} points in {seconds:.2f} s", file=sys.stderr)
        beat.advance(1)

    found_at = over_times(settings, score, clean, score.times(coords["estimate_time"]), draws, told)
    result["estimate"][:] = np.swapaxes(found_at, 1, 2)
    for name, counted in draws.counted.items():
        each = counted.evaluations / (settings.points * settings.times.count)
        result["estimate_cost"][settings.of_score.index(name)] = each
    return result


def of_data(name: str, data, settings: Dimension) -> float:
    """One estimate from data (n, d); local_pca looks at 100 of the points, or all if there are fewer."""
    seconds = time.perf_counter()
    if name == "local_pca":
        found = dimension.local_pca(data, settings.neighbours, np.arange(min(100, len(data))))
    else:
        found = dimension.peer(name, data)
    print(f"{name}: {time.perf_counter() - seconds:.2f} s", file=sys.stderr)
    return found
