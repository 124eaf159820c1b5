"""Train the networks of one job together.

study, job -> weights (.safetensors) with the averaged weights, status and training curve of every member

Members already in the output file with the same key are kept; only the others are trained.
"""

import sys
import time
from pathlib import Path

import numpy as np
import torch

from scoregap import DamagedFile, InputError, storage, variables
from scoregap.measure import networks, training
from scoregap.study import Cell, load

LEVELS, POINTS = 16, 16  # noise levels and points of one evaluation


def run(study: Path, job: str, out: Path) -> None:
    """Train job JOB of study STUDY and write its weights to OUT."""
    cells = load(study).job(job).cells
    if not cells[0].trained:
        raise InputError(f"{study}: job {job!r} has a closed-form score: allowed is a job with a trained network")
    device = pick_device(study, cells[0].training.device)
    torch.set_num_threads(1)  # one core per job, and the same bits whatever the machine's size
    members, tensors = kept(out, {cell.key("train") for cell in cells})
    missing = {cell.key("train"): cell for cell in cells if cell.key("train") not in members}
    if missing:
        new_members, new_tensors = train(list(missing.values()), device)
        members, tensors = members | new_members, tensors | new_tensors
    storage.write_weights(out, members, tensors)


def pick_device(study: Path, name: str) -> torch.device:
    """The torch device of that name. Raises InputError if this machine does not have it."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    there = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if name not in there and not (name == "cuda" and len(there) > 1):
        raise InputError(
            f"{study}: train.device: {name!r} is not on this machine: allowed here are auto, {', '.join(there)}"
        )
    return torch.device(name)


def kept(out: Path, keys: set[str]):
    """Members and tensors of an earlier result that are still wanted."""
    if not out.exists():
        return {}, {}
    try:
        members, tensors = storage.read_weights(out)
    except DamagedFile as error:
        print(f"not reused: {error}", file=sys.stderr)
        return {}, {}
    members = {key: member for key, member in members.items() if key in keys}
    return members, {name: array for name, array in tensors.items() if name.split("/")[0] in members}


def build(cells: list[Cell], data_std: list[float]) -> networks.Denoiser:
    """Untrained ensemble for these cells, each member initialised from its own seed."""
    generators = [torch.Generator().manual_seed(cell.seed("weights") % 2**63) for cell in cells]
    one = cells[0]
    network = networks.build(one["network"], generators, one["ambient_dim"], one.training.depth)
    return networks.Denoiser(network, data_std, (one.training.noise.start, one.training.noise.stop))


def train(cells: list[Cell], device: torch.device):
    """Train these cells as one ensemble. Returns (members, tensors) as `storage.write_weights` takes them."""
    settings, times = cells[0].training, cells[0].spectrum.times
    truths = [cell.truth() for cell in cells]
    generators = [np.random.default_rng(cell.seed("data")) for cell in cells]
    samplers = [lambda rng, n, truth=truth: truth.sample(rng, n)[0] for truth in truths]
    first = [draw(rng, 4096) for draw, rng in zip(samplers, generators, strict=True)]
    data_std = [float(np.sqrt(points.var(0).mean())) for points in first]
    denoiser = build(cells, data_std).to(device)

    t = np.geomspace(times.start, times.stop, LEVELS)
    held_out = [
        draw(np.random.default_rng(cell.seed("held out")), POINTS) for cell, draw in zip(cells, samplers, strict=True)
    ]
    noise = [
        np.random.default_rng(cell.seed("held-out noise")).standard_normal((LEVELS, *held_out[0].shape))
        for cell in cells
    ]
    noisy = np.stack([x + np.sqrt(t)[:, None, None] * w for x, w in zip(held_out, noise, strict=True)])
    flat_t = np.repeat(t, POINTS)
    bayes = np.stack(
        [
            truth.exact(x.reshape(len(flat_t), -1), flat_t).mean.reshape(x.shape)
            for truth, x in zip(truths, noisy, strict=True)
        ]
    )
    known = np.isfinite(bayes).all(3)  # not where the truth is sampled and its guard fails
    inputs = torch.tensor(noisy, dtype=torch.float32, device=device)
    levels = torch.tensor(t, dtype=torch.float32, device=device).expand(len(cells), -1)

    steps = sorted(
        set(np.geomspace(min(10, settings.steps), settings.steps, variables.EVALUATIONS).round().astype(int).tolist())
    )
    focus = settings.noise.focus
    quantiles = training.noise_quantiles(
        settings.noise.start, settings.noise.stop, focus and (focus.start, focus.stop), settings.noise.share
    )
    source = training.batches(samplers, generators, quantiles, settings.levels, settings.samples)
    curve, sound, started, spoke = [], np.ones(len(cells), bool), time.monotonic(), 0.0
    for progress in training.train(
        denoiser, source, settings.steps, settings.learning_rate, settings.warmup, settings.ema, steps
    ):
        with torch.no_grad():
            denoised = progress.averaged(inputs, levels).double().cpu().numpy()
        sound &= np.isfinite(denoised).all((1, 2, 3)) & np.isfinite(progress.loss)
        excess = over_known((denoised - bayes) ** 2, known) / t
        curve.append((np.full(len(cells), progress.step), progress.loss, excess.mean(1)))
        elapsed = time.monotonic() - started
        if elapsed - spoke > 30 or progress.step == settings.steps:
            spoke = elapsed
            print(
                f"step {progress.step}/{settings.steps}, {progress.step / elapsed:.0f} steps/s, "
                f"loss {np.median(progress.loss):.4f}, excess {np.median(excess):.5f}",
                file=sys.stderr,
            )
        if not np.isfinite(progress.loss).any():
            break
    weights = {name: array.cpu().numpy() for name, array in progress.averaged.network_parameters()}
    curves = np.full((len(cells), variables.EVALUATIONS, 3), np.nan)  # step, loss, excess
    curves[:, : len(curve)] = np.moveaxis(np.asarray(curve), 2, 0)
    members: dict[str, dict] = {}
    tensors: dict[str, np.ndarray] = {}
    for i, cell in enumerate(cells):
        key = cell.key("train")
        finite = bool(sound[i] and all(np.isfinite(array[i]).all() for array in weights.values()))
        members[key] = {
            "diverged": not finite,
            "data_std": data_std[i],
            "device": str(device),
        }
        tensors |= {f"{key}/network.{name}": array[i] for name, array in weights.items()}
        tensors[f"{key}/curve"] = curves[i]
    return members, tensors


def over_known(squares, known):
    """Mean of squares (members, levels, points, d) over the points that are known (members, levels, points)."""
    count = known.sum(2)
    total = np.where(known, squares.mean(3), 0.0).sum(2)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def restore(cell: Cell, members: dict, tensors: dict) -> networks.Denoiser:
    """The trained denoiser of one cell, as an ensemble of one."""
    key = cell.key("train")
    denoiser = build([cell], [members[key]["data_std"]])
    for name, parameter in denoiser.network_parameters():
        parameter.data = torch.from_numpy(tensors[f"{key}/network.{name}"][None])
    return denoiser.requires_grad_(False)
