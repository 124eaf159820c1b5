"""Errors of samples whose score changes hands at a noise variance, in studies with a section `sampling`.

study, job (and its weights, if it was trained) -> file of errors (.zarr.zip)

Samples are made by the reverse process (probability-flow ODE) from noisy points x_0 + sqrt(T) w at the largest
switching time T, which have the law of noisy data whatever T is. Under the switch, or from it on (`order`), the score
is the cell's own, elsewhere the exact one: so their error is of the own score at these noise variances alone. The
starts are the same for every switch, order and network of a seed. At the least switching time the score in charge
denoises what it has: samples keep no noise. The two ends of the switches are samples of one score alone.

Two errors: how far samples are from the manifold, and, for every variance group, the energy distance between their
coordinates on it and those of the exact score's samples from the same starts, in which the noise of finite samples
cancels (`measure.distances`). Whether the exact score's samples are data is measured too: the distance from clean
points, of samples of either score alone, and, for the size of the noise, of other clean points.
"""

from pathlib import Path

import numpy as np

from scoregap import InputError, members, trained, variables
from scoregap.data.capabilities import Nearest, Posterior
from scoregap.measure import distances, trajectories
from scoregap.runtime.progress import Heartbeat
from scoregap.scores.base import at_any_time
from scoregap.scores.closed import Exact
from scoregap.study import Cell, load
from scoregap.study.measurement import Sampling


def run(study: Path, job: str, out: Path, weights: Path | None = None) -> list[Path]:
    """Make samples in job JOB of study STUDY, from WEIGHTS if it was trained, and write their errors to OUT."""
    loaded = load(study).job(job)
    settings = loaded.first.sampling
    if settings is None:
        raise InputError("is missing", file=study, key="sampling", allowed="the study asks for no samples")
    found = trained.read(study, loaded, weights)

    def of(cell: Cell, beat: Heartbeat) -> dict[str, np.ndarray]:
        return measure(cell, settings, found, beat)

    return members.update(out, loaded, "sample", of)


def measure(cell: Cell, settings: Sampling, found: trained.Trained, beat: Heartbeat) -> dict[str, np.ndarray]:
    """Every variable of the stage for one cell; NaN where it has no score. beat: told when it is done."""
    sizes = {dim: len(values) for dim, values in variables.of_sampling(settings).items()} | {"group": cell.gaps}
    result, truth = variables.blank(variables.made("sample"), sizes), cell.truth()
    if isinstance(truth, Nearest) and isinstance(truth, Posterior) and not found.diverged(cell):
        own, rng = found.score(cell, truth), np.random.default_rng(cell.seed("points"))
        at_any_time(own, settings.switches.values, "sampling.switches")
        made = errors(truth, None if own == Exact(truth) else own.denoise, settings, rng)
        for name, values in zip(variables.made("sample"), made, strict=True):
            result[name][:] = values
    beat.advance(1)
    return result


def errors(truth, own, settings: Sampling, rng) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The variables of the stage, (orders, switches), (orders, switches, groups) and (samplers, groups).

    own: denoiser (points (n, d), t) -> (n, d); None: the exact one. NaN where a sample is not finite.
    """
    times, points, exact = settings.switches.values, settings.points, Exact(truth).denoise
    clean = truth.sample(rng, points)[0]
    start = clean + np.sqrt(times[-1]) * rng.standard_normal(clean.shape)
    reference, other = (truth.sample(rng, points)[0] for _ in range(2))
    if own is None:
        alone = exact(trajectories.reverse(exact, start, times, settings.ratio)[0], times[0])
        made = [np.broadcast_to(alone, (len(times), *alone.shape))] * 2
    else:
        made = [
            trajectories.switched(above, below, start, times, settings.ratio)
            for above, below in ((exact, own), (own, exact))  # as variables.ORDERS
        ]
    by_exact, by_own = made[0][0], made[0][-1]
    data = truth.nearest(reference)[1]
    scales = [np.sqrt(group.var(0).mean()) for group in data]

    def distance(x, y, paired=False):
        """Of points by group, over the group's std."""
        return [distances.energy(a, b, paired) / s for a, b, s in zip(x, y, scales, strict=True)]

    theirs, normal = truth.nearest(by_exact)[1], truth.ambient_dim - truth.manifold_dim
    off_manifold = np.full((len(made), len(times)), np.nan)
    within = np.empty((len(made), len(times), len(data)))
    for order, arms in enumerate(made):
        for k, arm in enumerate(arms):
            away, places = truth.nearest(arm)
            if normal:
                off_manifold[order, k] = np.sqrt((away**2).mean() / normal)
            within[order, k] = distance(places, theirs, paired=True)
    from_truth = [distance(truth.nearest(arm)[1], data) for arm in (by_own, by_exact, other)]  # as variables.SAMPLERS
    return off_manifold, within, np.array(from_truth)
