"""How far scores of one job have given in to their training points, in studies with a section `memorisation`.

study, job (and its weights, if it was trained) -> file of what scores know of training points (.zarr.zip)

Of every score that comes from a training set; the closed forms of the data's law have none, and nothing here. Of data
from a file, whose exact score nobody knows, there are no laws and no positions. Noisy
points x_0 + sqrt(t) w have the same x_0 and w at all noise variances: x_0 are training points, and as many held-out
ones. The empirical score, of the same training set, says what a score that has given in wholly does there. Samples are
made by the score's own reverse process from noisy fresh points at the largest noise variance, and denoised at the
least; fresh points of the data themselves say which distances are nature.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from scoregap import InputError, members, trained, variables
from scoregap.data.capabilities import Centred, Tangents
from scoregap.data.information import information
from scoregap.measure import memorisation as measures
from scoregap.measure import trajectories
from scoregap.runtime.progress import Heartbeat
from scoregap.scores import REFERENCES
from scoregap.scores.base import Score, at_any_time
from scoregap.scores.closed import Empirical, Exact
from scoregap.study import Cell, load
from scoregap.study.measurement import Memorisation

PROBES = 8  # random vectors of a network's trace of G


def run(study: Path, job: str, out: Path, weights: Path | None = None) -> list[Path]:
    """Look at job JOB of study STUDY, from WEIGHTS if it was trained, and write what is known of points to OUT."""
    loaded = load(study).job(job)
    settings = loaded.first.memorisation
    if settings is None:
        raise InputError("is missing", file=study, key="memorisation", allowed="the study does not ask for it")
    found = trained.read(study, loaded, weights)

    def of(cell: Cell, beat: Heartbeat) -> members.Result:
        return measure(cell, settings, found, beat)

    return members.update(out, loaded, "memorise", of)


def measure(cell: Cell, settings: Memorisation, found: trained.Trained, beat: Heartbeat) -> members.Result:
    """Every variable of the stage for one cell; NaN of a score that comes from no training set, or has diverged."""
    sizes = {dim: len(values) for dim, values in variables.of_memorisation(settings, cell.dim).items()}
    sizes |= {"group": cell.gaps, "evaluation": variables.EVALUATIONS, "level": variables.LEVELS}
    result = variables.blank(variables.made("memorise", cell), sizes)
    knows_points = cell["network"] not in REFERENCES and not cell.declared
    if knows_points and (points := cell.dataset()) is not None:
        places = np.empty(0) if cell.data else cell.drawn()[1]
        for name, values in found.curves(cell).items():
            if name in result:
                result[name][:] = values
        data, rng = cell.truth(), np.random.default_rng(cell.seed("points"))
        own = rng.integers(len(points), size=settings.points)
        noise = rng.standard_normal((settings.points, data.dim))
        held_out, start = data.held_out(rng, settings.points), data.held_out(rng, settings.samples)
        start = start + np.sqrt(settings.times.stop) * rng.standard_normal(start.shape)
        nature = data.held_out(rng, settings.samples)
        add_collapse(result, settings, points, own, noise)
        if not cell.data:
            add_laws(result, data, len(points), cell.seed("points"))
        if not found.diverged(cell):
            score = found.score(cell, data)
            at_any_time(score, settings.times.values, "memorisation.times")
            for k, clean in enumerate((points[own], held_out)):  # as variables.SEEN
                exact = None if cell.data else Exact(data)
                add_scores(result, k, settings, exact, score, Empirical(points), clean, noise)
            if isinstance(data, Tangents) and cell.nested:
                add_dimensions(result, settings, data, score, points[own], places[own], noise)
            made = trajectories.reverse(score.denoise, start, settings.times.values, settings.ratio)[0]
            made = made[np.isfinite(made).all(1)]
            samples = score.denoise(made, settings.times.start)
            for k, some in enumerate((samples, nature)):  # as variables.MADE_OF
                if len(some):
                    copies = measures.copies(some, points)
                    result["nearest_distance"][k] = np.median(copies.distance)
                    result["memorised"][k] = (copies.ratio < measures.COPY).mean()
            if settings.keep and len(samples):
                shown, mean = samples[: settings.keep], data.mean if isinstance(data, Centred) else 0.0
                result["copy_sample"][: len(shown)] = shown + mean
                result["copy_nearest"][: len(shown)] = points[measures.copies(shown, points).nearest] + mean
    beat.advance(1)
    return result


def add_collapse(result: members.Result, settings: Memorisation, points, own, noise) -> None:
    """Fill in the posterior weights of the training points (N, d) at noisy ones, and where they collapse."""
    t = settings.times.values
    for k, one in enumerate(t):
        weights = measures.weights(points[own] + np.sqrt(one) * noise, one, points, own)
        for name, values in zip(("own_weight", "nearest_weight", "effective_points"), weights, strict=True):
            result[name][k] = values.mean()
    found, side = measures.falls_through(t, result["own_weight"])
    states = {0: variables.MEASURED, 1: variables.ABOVE, -1: variables.BELOW}
    result["t_memorisation"][...], result["t_memorisation_state"][...] = found, states[side]


def add_laws(result: members.Result, data: Any, points: int, seed: int) -> None:
    """Fill in where theory has them collapse."""
    told = information(data, points, seed=seed)
    result["law_t_memorisation"][...] = told.t_memorisation(points)
    result["corrected_t_memorisation"][...] = told.corrected(points)


def add_scores(
    result: members.Result, k: int, settings: Memorisation, exact: Exact | None, score: Score, empirical: Empirical,
    clean, noise,
) -> None:  # fmt: skip
    """Fill in where a score lies between the exact and the empirical one at noisy points, and whether it is calibrated
    there. k: place of the points among variables.SEEN. exact: None where it is not known."""
    n, d = clean.shape
    probes = np.random.default_rng(0).choice([-1.0, 1.0], (PROBES, n, d))
    for i, t in enumerate(settings.times.values):
        x = clean + np.sqrt(t) * noise
        denoised, trace, _ = score.traced(x, t, probes)
        if exact is not None:
            found = measures.position(denoised, exact.denoise(x, t), empirical.denoise(x, t))
            result["position"][k, i], result["position_residual"][k, i] = found.along, found.residual
            result["empirical_distance"][k, i] = found.apart / (t * d)
        error = ((denoised - clean) ** 2).sum(1).mean() / t
        result["memory_calibration"][k, i] = error / trace.mean() if trace.mean() else np.nan


def add_dimensions(
    result: members.Result, settings: Memorisation, data: Any, score: Score, clean, places, noise
) -> None:
    """Fill in what of G is left within the tangents of each group, at noisy training points."""
    exact, frames, ends = Exact(data), data.tangents(places), (0, *data.boundaries)
    for i, t in enumerate(settings.times.values):
        x = clean + np.sqrt(t) * noise
        kept, whole = (
            np.einsum("nij,nim,njm->m", one.jacobian(x, t)[1], frames, frames, optimize=True) for one in (score, exact)
        )
        for group, (a, b) in enumerate(pairwise(ends)):
            result["dimension_kept"][i, group] = kept[a:b].sum() / whole[a:b].sum()
