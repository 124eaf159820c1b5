"""How long the stages of a job take on this machine: each is tried for a second or two, the rest is by proportion.

study, job, stages -> a line of JSON: seconds of the processor for each stage, and to start; peak memory of this process

`python -m scoregap.trial STUDY JOB STAGE...`, a process of its own, as a stage is: so its start, its memory and what a
model's code does stay there. Networks are tried untrained, which costs the same. Nothing is written.
"""

import json
import math
import resource
import sys
import tempfile
import time
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from scoregap import trained, variables
from scoregap.measure import calibration, spectra
from scoregap.scores.base import TRACED, Adapted, HasProducts, Score
from scoregap.store.jobs import write_job
from scoregap.study import Cell, Job, load

SECONDS = 1.0  # of a trial of one stage, or so
SHARES = (0.25, 0.5, 0.75)  # of the cells of a job, one after the other: where those are that are tried
PROBES, ROWS = 4, 32  # random vectors of a trace, and rows of a Jacobian, that are tried
CHECK = 14  # evaluations, or so, in which a model's Jacobian is checked at one time
LARGEST = 512  # of matrices whose eigenvalues are computed in a trial
COPIES = 8  # of a Jacobian, held while its eigenvalues and singular values are computed


def stage(name: str) -> Any:
    """The module of a stage, imported when it is tried: that of training takes seconds."""
    return import_module(f"scoregap.stages.{name}")


class Untrained(trained.Trained):
    """What stands in for the weights of a job: networks as they are before training."""

    def diverged(self, cell: Cell) -> bool:
        """None has."""
        return False

    def curves(self, cell: Cell) -> dict[str, np.ndarray]:
        """There are none."""
        return {}

    def denoiser(self, cell: Cell):
        """An untrained one, on the study's device."""
        import torch

        from scoregap.runtime import devices

        torch.set_num_threads(1)
        train = stage("train")
        network = train.build([cell], [1.0], train.axes_of([cell], [cell.truth()]))
        return network.requires_grad_(False).to(devices.take(self.study, cell.training.device))


def of_train(job: Job) -> float:
    """Seconds of the training of all cells of a job: blocks of steps, and one of its evaluations."""
    import torch

    from scoregap.networks import training
    from scoregap.runtime import devices

    torch.set_num_threads(1)
    train = stage("train")
    began, cells, settings = time.process_time(), list(job.cells), job.first.training
    truths = [cell.truth() for cell in cells]
    device = devices.take(job.study.path, settings.device)
    data_std, source = train.begin(cells, truths, device)
    denoiser = train.build(cells, data_std, train.axes_of(cells, truths)).to(device)
    held_out, own_points = (one(cells, truths, device) for one in (train.HeldOut, train.OwnPoints))
    own_points(denoiser, held_out(denoiser)[0])
    of_evaluation = -time.process_time()
    own_points(denoiser, held_out(denoiser)[0])
    of_evaluation += time.process_time()
    once = time.process_time() - began
    dates = [(0, time.process_time())]
    for progress in training.train(
        denoiser, source, settings.steps, settings.learning_rate, settings.warmup, settings.ema, [settings.steps],
        settings.optimiser, settings.decay, pauses=True,
    ):  # fmt: skip
        dates.append((progress.step, time.process_time()))
        blocks, whole = dates[-1][1] - dates[1][1], dates[-1][1] - dates[0][1]
        if (blocks > SECONDS and len(dates) > 3) or whole > 6 * SECONDS:
            break
    first = dates[1] if len(dates) > 2 else dates[0]  # the first block warms up
    per_step = (dates[-1][1] - first[1]) / (dates[-1][0] - first[0])
    return once + settings.steps * per_step + variables.EVALUATIONS * of_evaluation


def spread(job: Job) -> list[Cell]:
    """A few cells of a job, from all over it: curvature costs, and the first cells of most jobs have none."""
    if job.trained or job.first.declared:
        return [job.first]
    return [job.cells[i] for i in sorted({round(share * (job.size - 1)) for share in SHARES})]


def of_spectrum(cell: Cell, study: Path, aim: float = SECONDS) -> tuple[float, float]:
    """Seconds of the spectra of one cell, and of the start: of its first times, or of a few products where a Jacobian
    takes long. aim: how long it is tried, or so."""
    settings, spectrum = cell.spectrum, stage("spectrum")
    found = Untrained(study) if cell.trained else trained.Trained(study)
    if cell.declared:  # its Jacobian is checked in its job, not here
        cell.declared.checked.add((cell.dim, tuple(settings.times.values)))
    if (cell.declared or settings.probes) and settings.step is None:
        data = cell.truth()
        score = found.score(cell, data)
        start = time.process_time()
        seconds = _by_products(cell, score, data)
        if seconds > 4 * SECONDS or settings.probes:
            return seconds, start

    def tried(times: int, points: int) -> float:
        began = time.process_time()
        spectrum.measure(_fewer(cell, times, points), found)
        return time.process_time() - began

    with tempfile.TemporaryDirectory() as folder:  # what is done once is done
        few = _fewer(cell, 1, 2)
        write_job(Path(folder) / "job.zarr.zip", variables.stack([spectrum.measure(few, found)]), ["0"], "spectrum")
    start, every = time.process_time(), settings.times.count
    if (two := tried(1, 2)) > 4 * SECONDS:
        return two * every * settings.points / 2, start
    one = tried(1, settings.points)  # with the cell's data, which cost the same however many times there are
    count = min(every, 1 + math.ceil(aim / max(one, 1e-3)))
    more = tried(count, settings.points) - one  # of a few milliseconds it may come out negative
    return one + max(more, 0.0) * (every - 1) / (count - 1), start


def _fewer(cell: Cell, times: int, points: int) -> Cell:
    """The cell with so many times and points."""
    spectrum = cell.spectrum
    changed = {"times": spectrum.times.model_copy(update={"count": times}), "points": points}
    return replace(cell, spectrum=spectrum.model_copy(update=changed))


def _by_products(cell: Cell, score: Score, data) -> float:
    """The same by the cost of products, of the eigenvalues of a smaller matrix, and of evaluations."""
    settings, d = cell.spectrum, cell.dim
    rng, t = np.random.default_rng(0), score.times(settings.times.values)
    middle = float(t[len(t) // 2])
    some = min(settings.points, max(1, TRACED // d))
    x = data.sample(rng, some)[0] + np.sqrt(middle) * rng.standard_normal((some, d))

    def timed(function, *arguments) -> float:
        began = time.process_time()
        function(*arguments)
        return time.process_time() - began

    evaluation = min(timed(score.denoise, x, middle) for _ in range(2)) / some
    others = len(calibration.REPAIRS) + 3 if isinstance(score, Adapted) else 3
    if settings.probes:
        signs = rng.choice([-1.0, 1.0], (PROBES, some, d))
        of_probes = min(timed(score.traced, x, middle, signs) for _ in range(2)) / some
        point = evaluation + (of_probes - evaluation) * settings.probes / PROBES
    else:
        assert isinstance(score, HasProducts)
        back = score.products(x[0], middle)[1]
        rows = rng.standard_normal((min(ROWS, d), d))
        size = min(d, LARGEST)
        matrix = rng.standard_normal((1, size, size)) / size
        of_rows = min(timed(back, rows) for _ in range(2))
        point = of_rows * d / len(rows) + timed(spectra.spectra, matrix) * (d / size) ** 3
    checks = CHECK * evaluation if cell.declared else 0.0
    return len(t) * (settings.points * (point + others * evaluation) + checks)


def of_fit(cell: Cell) -> float:
    """Seconds of the fit of one cell, to spectra that are made up."""
    settings, d, rng = cell.spectrum, cell.dim, np.random.default_rng(0)
    measured = stage("spectrum").blank(cell)
    t, scatter = settings.times.values, rng.lognormal(0, 0.1, (settings.points, 1))
    variances = np.geomspace(1, 1e-2, d // 2) * scatter
    known = -t[:, None, None] / (variances + t[:, None, None])
    if "eigenvalue" in measured:
        measured["eigenvalue"][:] = -1
        measured["eigenvalue"][..., : d // 2] = -np.sort(-known, -1)
    if "point_trace_error" in measured:
        measured["point_trace_error"][:] = 0
    measured["point_trace"][:] = d + known.sum(-1) - d + d // 2
    measured["time_used"][:] = t
    for name in ("has_gap", "alignment_of_point"):
        if name in measured:
            measured[name][:] = 1
    measured["status"][...] = 1
    began = time.process_time()
    stage("fit").fit(cell, measured)
    return time.process_time() - began


def main(study: str, id: str, *stages: str) -> None:
    """Print what the stages take of all cells of a job."""
    stage("spectrum")
    imports = time.process_time()
    job = load(Path(study)).job(id)
    cells = spread(job)
    spectra_of = [of_spectrum(cell, Path(study), SECONDS / len(cells)) for cell in cells]
    start = spectra_of[0][1]
    found = {"imports": imports, "torch" if "torch" in sys.modules else "plain": start}
    found["spectrum"] = job.size * float(np.mean([seconds for seconds, _ in spectra_of]))
    d, peak = job.first.dim, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kB, on macOS bytes
    matrix = 8e-6 * d**2 * COPIES if d > LARGEST and not job.first.spectrum.probes else 0.0
    found["megabytes"] = peak / (1e6 if sys.platform == "darwin" else 1e3) + matrix
    if "train" in stages and job.trained:
        found["train"] = of_train(job)
    if "fit" in stages:
        of_fit(job.first)  # what is done once is done
        found["fit"] = job.size * of_fit(job.first)
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
