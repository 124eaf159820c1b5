"""Train the networks of one job together.

study, job -> weights (.safetensors) with the averaged weights, status and training curve of every member

Members already in the output file with the same key are kept; only the others are trained. About once a minute, and by
Ctrl-C or SIGTERM at the end of a block of steps, the state of training is kept beside the output, in
`<output>.checkpoint`; a stopped job goes on from there, on a CPU to the same bits. The file goes when the output is
whole. Metrics of training are appended to `<job>.metrics.jsonl` beside the output, at every evaluation and heartbeat:
one JSON object per line with `time` (seconds since 1970), `step`, `steps`, `members` (keys, as in the output), `loss`
and `excess` of each (`excess` null between evaluations), `rate` (steps/s) and `eta` (s). After a resumption steps since
the last checkpoint come twice.

Over 400 lines, as what is looked at during training, and kept of it, is of this stage alone.
"""

import math
import sys
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scoregap import DamagedFile, InputError, variables
from scoregap.data.capabilities import Posterior, Pushforward
from scoregap.measure import memorisation
from scoregap.networks import schedules, sources, training
from scoregap.networks.covariance import Axes, principal_axes
from scoregap.networks.denoiser import Denoiser
from scoregap.networks.draws import Draws
from scoregap.runtime import devices
from scoregap.runtime.progress import Heartbeat, append, last, metrics_of
from scoregap.runtime.stopping import Later
from scoregap.scores.closed import Empirical, Exact
from scoregap.scores.network import axes_among, ensemble
from scoregap.store.opening import absent
from scoregap.store.ownership import Kind, claim
from scoregap.store.weights import OF_TRAINED, WEIGHTS, read_weights, write_weights
from scoregap.study import Cell, load

POINTS = 16  # of one evaluation, at every level
OWN_POINTS = 64  # of the training set, likewise, of `Positions`
POSITIONS = "position", "position_residual"  # names of tensors
OF_EVALUATIONS = "curve", "levels", "count", "stale", "lowest", "own"  # arrays of `Record`
CHECKPOINT = 60.0  # seconds
METRICS = Kind("metrics of training", lambda path: last(path) is not None, r"train/[^/]+\.metrics\.jsonl")

Weights = tuple[dict[str, dict], dict[str, np.ndarray]]  # members and tensors, as `write_weights` takes them


def run(study: Path, job: str, out: Path) -> list[Path]:
    """Train job JOB of study STUDY and write its weights to OUT. Returns what it made, as every stage does."""
    cells = load(study).job(job).cells
    if not cells[0].trained:
        raise InputError(
            f"job {job!r} has a closed-form score",
            file=study,
            value=job,
            allowed="allowed is a job with a trained network",
        )
    device = devices.take(study, cells[0].training.device)
    torch.set_num_threads(1)  # one core per job, and the same bits whatever the machine's size
    checkpoint = out.with_name(f"{out.name}.checkpoint")
    claim((out, WEIGHTS), (checkpoint, WEIGHTS), (metrics_of(out), METRICS))
    wanted = {cell.key("train"): cell for cell in cells}
    members, tensors = kept(out, set(wanted))
    begun, states = kept(checkpoint, wanted.keys() - members.keys(), device)
    finished = {key: member for key, member in begun.items() if "step" not in member}  # when its job was stopped
    members, tensors = members | finished, tensors | of_members(states, finished)
    fresh = [cell for key, cell in wanted.items() if key not in begun and key not in members]
    resumed = [cell for key, cell in wanted.items() if key in begun and key not in members]

    def save(new_members: dict, new_tensors: dict) -> None:
        write_weights(checkpoint, members | new_members, tensors | new_tensors)

    with Later() as stop:
        for group, earlier in ((resumed, (begun, states)), (fresh, None)):
            if group and stop.asked:  # between them
                save({}, {})
                stop.end("between its trainings; the next run goes on from there")
            if group:
                new_members, new_tensors = train(group, device, save, earlier, metrics_of(out), stop)
                members, tensors = members | new_members, tensors | new_tensors
    write_weights(out, members, tensors)
    checkpoint.unlink(missing_ok=True)
    return [out]


def of_members(tensors: dict[str, np.ndarray], keys: Collection[str]) -> dict[str, np.ndarray]:
    """The tensors of these members."""
    return {name: array for name, array in tensors.items() if name.split("/")[0] in keys}


def kept(path: Path, keys: set[str], device: torch.device | None = None) -> Weights:
    """Members and tensors of an earlier file that are still wanted; device: of the type they must be trained on.

    Of the type: a CPU promises the same bits after a stop, so it does not go on from a GPU; GPUs promise none, so any
    of them goes on from any other.
    """
    if absent(path):
        return {}, {}
    try:
        members, tensors = read_weights(path, OF_TRAINED)
    except DamagedFile as error:
        print(f"not reused: {error}", file=sys.stderr)
        return {}, {}
    if device is None:  # not a checkpoint, whose members have steps to go
        here = {key for key, member in members.items() if "step" not in member}
    else:
        here = {key for key, member in members.items() if member.get("device") == device.type}
    members = {key: member for key, member in members.items() if key in keys & here}
    if not members:
        where = f" that was trained on {device.type}" if device else ""
        print(f"not reused: {path}: has no member of this job as it is now{where}", file=sys.stderr)
    return members, of_members(tensors, members.keys())


def build(cells: list[Cell], data_std: list[float], axes: list[Axes] | None = None) -> Denoiser:
    """Untrained ensemble for these cells, each member initialised from its own seed. axes: of `axes_of`."""
    one, seeds = cells[0], [cell.seed("weights") % 2**63 for cell in cells]
    return ensemble(one["network"], one.dim, one.training, data_std, seeds, axes, one.shape)


def axes_of(cells: list[Cell], truths: list) -> list[Axes] | None:
    """Principal axes of the data of each of these cells, where preconditioning needs them.

    Of `covariance_points` points that have a seed of their own; where there is a training set, of no other than its.
    """
    if cells[0].training.preconditioning != "covariance":
        return None

    def parts(cell: Cell, truth) -> Iterator[np.ndarray]:
        count, data = cell.training.covariance_points, cell.dataset()
        if data is not None:
            yield data[:count]
            return
        rng = np.random.default_rng(cell.seed("covariance"))
        for start in range(0, count, 4096):
            yield truth.sample(rng, min(4096, count - start))[0]

    return [principal_axes(parts(cell, truth)) for cell, truth in zip(cells, truths, strict=True)]


def sampler_of(cell: Cell, truth) -> Callable:
    """(generator, n) -> n clean points (n, d): fresh ones, or drawn from the cell's training set if it has one."""
    data = cell.dataset()
    if data is None:
        return lambda rng, n: truth.sample(rng, n)[0]
    return lambda rng, n: data[rng.integers(len(data), size=n)]


def source_of(cell: Cell, truth, device: torch.device | str) -> sources.Source:
    """Where a cell's points of training come from: fresh ones, or its training set if it has one; with their noise,
    where every point has a number of draws of it."""
    data, noise = cell.dataset(), noise_of(cell)
    if data is None:
        return pushed(truth, device) or sources.Hosted(sampler_of(cell, truth))
    if noise is None:
        return sources.Picked(sources.on(device, data))
    return sources.Picked(sources.on(device, data), sources.on(device, noise))


def noise_of(cell: Cell) -> np.ndarray | None:
    """(N, draws, d) the draws of the noise of every training point; None where noise is drawn anew without end."""
    data, draws = cell.dataset(), cell.training.noise_draws
    if data is None or isinstance(draws, str):
        return None
    seeds = np.random.default_rng(cell.seed("noise draws"))
    return seeds.standard_normal((len(data), draws, data.shape[1]), dtype=np.float32)


def pushed(truth, device: torch.device | str) -> sources.Pushed | None:
    """The source of data that are a map of normal numbers; None of others.

    Where points are drawn or embedded in another way than by the class whose map it is, they are of the others.
    """
    if not isinstance(truth, Pushforward):
        return None
    own, instead = type(truth), getattr(truth, "__dict__", {})
    of_map = next((one for one in own.__mro__ if "pushforward" in vars(one)), None)
    if of_map is None or any(
        name in instead or getattr(own, name, None) is not getattr(of_map, name, None) for name in ("sample", "embed")
    ):
        return None
    return sources.Pushed(*truth.pushforward(torch, lambda array: sources.on(device, array)))


class Noisy:
    """Noisy points, the same at every evaluation.

    t: (LEVELS,) noise variances. points: (members, LEVELS, points, d), float64. Calling it with an ensemble gives each
    member's weighted denoising loss (members,), not finite if one of its outputs is not, and the denoised points.
    """

    def __init__(self, t: np.ndarray, clean: np.ndarray, noise: np.ndarray, device: torch.device):
        """clean: broadcast to the shape of noise, (members, LEVELS, points, d)."""
        self.points = clean + np.sqrt(t)[:, None, None] * noise
        self.clean = torch.as_tensor(clean, device=device)
        self.inputs = torch.tensor(self.points, dtype=torch.float32, device=device)
        self.levels = torch.tensor(t, dtype=torch.float32, device=device).expand(len(noise), -1)

    @torch.no_grad()
    def __call__(self, denoiser: Denoiser) -> tuple[np.ndarray, np.ndarray]:
        denoised = denoiser(self.inputs, self.levels).double()
        error = denoiser.along_axes(denoised - self.clean.to(denoised)).square()
        loss = (denoiser.loss_weight(self.levels[..., None, None]).double() * error).mean((1, 2, 3))
        return loss.cpu().numpy(), denoised.cpu().numpy()


class HeldOut:
    """Noisy points that no network is trained on, and the Bayes optimum there.

    Calling it with an ensemble gives each member's loss (members,), of `Noisy`, and its excess over Bayes at every
    level (members, LEVELS), where known.
    """

    def __init__(self, cells: list[Cell], truths: list, device: torch.device):
        self.t = t = variables.training_levels(cells[0].spectrum.times)
        self.clean = np.stack(
            [
                truth.held_out(np.random.default_rng(cell.seed("held out")), POINTS)
                for cell, truth in zip(cells, truths, strict=True)
            ]
        )
        shape = (len(t), *self.clean.shape[1:])
        noise = [np.random.default_rng(cell.seed("held-out noise")).standard_normal(shape) for cell in cells]
        self.noisy = Noisy(t, self.clean[:, None], np.stack(noise), device)
        flat_t = np.repeat(t, POINTS)
        self.bayes = np.stack(
            [
                Exact(truth).denoise(x.reshape(len(flat_t), -1), flat_t).reshape(x.shape)
                if isinstance(truth, Posterior)
                else np.full(x.shape, np.nan)
                for truth, x in zip(truths, self.noisy.points, strict=True)
            ]
        )
        self.known = np.isfinite(self.bayes).all(3)  # not where the data do not know it, nor where a guard fails

    def __call__(self, denoiser: Denoiser) -> tuple[np.ndarray, np.ndarray]:
        loss, denoised = self.noisy(denoiser)
        return loss, over_known((denoised - self.bayes) ** 2, self.known) / self.t


class OwnPoints:
    """Noisy points as networks are trained on them, with their own draws of the noise where they have a number of them.

    Calling it with an ensemble and its held-out losses gives each member's loss there (members,); the held-out one, if
    it sees fresh points, as those are.
    """

    def __init__(self, cells: list[Cell], truths: list, device: torch.device):
        t, clean, noise = variables.training_levels(cells[0].spectrum.times), [], []
        self.finite = np.array([cell.dataset() is not None for cell in cells])
        for cell, truth in zip(cells, truths, strict=True) if self.finite.any() else ():
            rng, data, own = np.random.default_rng(cell.seed("own points")), cell.dataset(), noise_of(cell)
            shape = len(t), POINTS, cell.dim
            which = rng.integers(1 if data is None else len(data), size=shape[:2])
            clean.append(truth.sample(rng, which.size)[0].reshape(shape) if data is None else data[which])
            noise.append(
                rng.standard_normal(shape) if own is None else own[which, rng.integers(own.shape[1], size=shape[:2])]
            )
        self.noisy = Noisy(t, np.stack(clean), np.stack(noise), device) if clean else None

    def __call__(self, denoiser: Denoiser, held_out: np.ndarray) -> np.ndarray:
        return np.where(self.finite, self.noisy(denoiser)[0], held_out) if self.noisy else held_out


class Positions:
    """Noisy points of the training sets, the same at every evaluation, and the exact and the empirical score there.

    Calling it with an ensemble gives each member's position between them and what is left (`measure.memorisation`),
    (members, LEVELS) each.
    """

    def __init__(self, cells: list[Cell], truths: list, device: torch.device):
        t = variables.training_levels(cells[0].spectrum.times)
        noisy, self.exact, self.empirical = [], [], []
        for cell, truth in zip(cells, truths, strict=True):
            points, rng = cell.dataset(), np.random.default_rng(cell.seed("positions"))
            assert points is not None  # checks have made sure
            clean = points[rng.integers(len(points), size=OWN_POINTS)]
            x = clean + np.sqrt(t)[:, None, None] * rng.standard_normal((len(t), *clean.shape))
            flat = x.reshape(-1, x.shape[-1]), np.repeat(t, OWN_POINTS)
            self.exact.append(Exact(truth).denoise(*flat).reshape(x.shape))
            self.empirical.append(Empirical(points).denoise(*flat).reshape(x.shape))
            noisy.append(x)
        self.inputs = torch.tensor(np.stack(noisy), dtype=torch.float32, device=device)
        self.levels = torch.tensor(t, dtype=torch.float32, device=device).expand(len(cells), -1)

    @torch.no_grad()
    def __call__(self, denoiser: Denoiser) -> tuple[np.ndarray, np.ndarray]:
        denoised = denoiser(self.inputs, self.levels).double().cpu().numpy()
        found = memorisation.position(denoised, np.stack(self.exact), np.stack(self.empirical))
        return found.along, found.residual


def train(
    cells: list[Cell], device: torch.device, save: Callable | None = None, earlier: Weights | None = None,
    metrics: Path | None = None, stop: Later | None = None,
) -> Weights:  # fmt: skip
    """Train these cells as one ensemble.

    save: called about once a minute with the members and tensors of a checkpoint. earlier: what it was called with
    for these cells (and perhaps others), to go on from. metrics: file to which reports are appended. stop: who may ask
    for the end; it comes at the next step whose state can be kept, by a KeyboardInterrupt.
    """
    settings, keys = cells[0].training, [cell.key("train") for cell in cells]
    truths = [cell.truth() for cell in cells]
    state, taken = None, int(earlier[0][keys[0]]["step"]) if earlier else 0
    data_std, source = begin(cells, truths, device, taken)
    axes = axes_of(cells, truths)
    if axes and earlier:  # another machine's linear algebra may have another sign
        axes = [axes_among(earlier[1], key) or one for key, one in zip(keys, axes, strict=True)]
    denoiser = build(cells, data_std, axes).to(device)
    held_out, own_points = HeldOut(cells, truths, device), OwnPoints(cells, truths, device)
    position = Positions(cells, truths, device) if settings.record == "position" else None
    steps = np.unique(np.geomspace(min(10, settings.steps), settings.steps, variables.EVALUATIONS).round().astype(int))
    # With the covariance no training is the Gaussian, which flat data leave nothing to learn beyond.
    untrained = own_points(denoiser, held_out(denoiser)[0]) * (training.LIMIT if axes else 1.0)
    record = Record(untrained, settings.patience, position is not None)
    if earlier:
        tensors = earlier[1]
        own = [name.removeprefix(f"{keys[0]}/") for name in of_members(tensors, {keys[0]})]
        names = [name for name in own if name not in Axes._fields]
        state = {name: np.concatenate([tensors[f"{key}/{name}"] for key in keys]) for name in names}
        record.restore(state)
        print(f"resumed after step {taken}", file=sys.stderr)
    alone = build(cells[:1], data_std[:1], axes and axes[:1])
    flops = alone.flops(settings.levels, settings.samples, cells[0].dim)  # of a step of one member
    share = state["share"] if state else np.ones(len(cells))
    beat, saved = Heartbeat("step", settings.steps, taken), time.monotonic()
    per_step = len(cells) * settings.levels * settings.samples, len(cells) * flops  # samples, operations
    for progress in training.train(
        denoiser, source, settings.steps, settings.learning_rate, settings.warmup, settings.ema, steps.tolist(),
        settings.optimiser, settings.decay, pauses=save is not None, state=state, beta2=settings.beta2,
        products=settings.products,
    ):  # fmt: skip
        beat.done = progress.step
        for key, was, now in zip(keys, share, progress.share, strict=True):
            if now < was:
                print(
                    f"member {key}: loss above {training.LIMIT:g} times that of no training: set back; goes on after "
                    f"step {progress.step} with {now:g} of the learning rate",
                    file=sys.stderr,
                )
        share, excess, over = progress.share, None, False
        if progress.loss is not None:
            loss, excess = held_out(progress.averaged)
            here, along = own_points(progress.averaged, loss), position and position(progress.averaged)
            record.add(progress, progress.step * flops, loss, here, excess, along)
            over = progress.step == settings.steps or not (record.running & (progress.share >= training.LEAST)).any()
        aloud = beat.due or over
        if metrics and (aloud or excess is not None):
            append(metrics, {"members": keys} | report(beat, progress.recent, excess))
        if aloud:
            beat.say(
                f"{beat.rate * per_step[0]:.0f} samples/s",
                *([] if math.isnan(flops) else [f"{beat.rate * per_step[1] / 1e9:.1f} GFLOP/s"]),
                f"loss {np.median(progress.recent):.4f}",
                *([] if excess is None else [f"excess {np.median(excess):.5f}"]),
            )
        if over:
            break
        due = progress.step % training.BLOCK == 0 and progress.step < settings.steps
        ends = stop is not None and stop.asked
        if save and due and (ends or time.monotonic() - saved >= CHECKPOINT):
            saved = time.monotonic()
            now = progress.state() | record.state()
            save(
                {key: {"step": progress.step, "device": device.type} for key in keys},
                {f"{key}/{name}": array[i : i + 1] for name, array in now.items() for i, key in enumerate(keys)}
                | named(keys, axes),
            )
            if ends and stop:
                stop.end(f"after step {progress.step} of {settings.steps}; the next run goes on from there")
    weights = record.weights(progress.averaged)
    members = {}
    tensors = {}
    for i, key in enumerate(keys):
        sound = bool(record.learned[i] and share[i] >= training.LEAST)
        members[key] = {
            "diverged": not sound,
            "data_std": data_std[i],
            "device": device.type,
            "rate_share": float(share[i]),  # of the learning rate, at the end
        }
        tensors |= {f"{key}/network.{name}": array[i, ...] for name, array in weights.items()}
        kept_curves = ("curve", "levels", *(name for name in POSITIONS if name in record.arrays))
        tensors |= {f"{key}/{name}": record.arrays[name][i] for name in kept_curves}
    return members, tensors | named(keys, axes)


def named(keys: list[str], axes: list[Axes] | None) -> dict[str, np.ndarray]:
    """The axes of these members as tensors of a file."""
    each = zip(keys, axes or [], strict=axes is not None)
    return {f"{key}/{name}": array for key, one in each for name, array in one._asdict().items()}


def begin(cells: list[Cell], truths: list, device: torch.device | str, first: int = 0) -> tuple[list[float], Iterator]:
    """What these cells are trained on: root mean variances of their data, and endless batches from step `first` on."""
    settings, seeds = cells[0].training, [cell.seed("data") for cell in cells]
    samplers = [sampler_of(cell, truth) for cell, truth in zip(cells, truths, strict=True)]
    some = [draw(np.random.default_rng(seed), 4096) for draw, seed in zip(samplers, seeds, strict=True)]
    focus = settings.noise.focus
    quantiles = schedules.noise_quantiles(
        settings.noise.start, settings.noise.stop, focus and (focus.start, focus.stop), settings.noise.share,
        settings.schedule,
    )  # fmt: skip
    posteriors = [Exact(truth).denoise for truth in truths] if settings.target == "posterior" else None
    batches = training.batches(
        [source_of(cell, truth, device) for cell, truth in zip(cells, truths, strict=True)], Draws(seeds, device),
        quantiles, settings.levels, settings.samples, settings.schedule, posteriors, settings.draws, first,
    )  # fmt: skip
    return [float(np.sqrt(points.var(0).mean())) for points in some], batches


def report(beat: Heartbeat, loss: np.ndarray, excess: np.ndarray | None) -> dict[str, Any]:
    """What a line of metrics says: losses (members,), excess (members, LEVELS) as its mean, null if there is none."""
    return {
        "time": round(time.time(), 3),
        "step": beat.done,
        "steps": beat.total,
        "loss": loss.tolist(),
        "excess": None if excess is None else excess.mean(1).tolist(),
        "rate": beat.rate,
        "eta": beat.eta,
    }


class Record:
    """What evaluations have found of every member so far, and which members are to go on.

    curve: (members, EVALUATIONS, 4) step, loss, excess, floating-point operations; levels: (members, EVALUATIONS,
    LEVELS) excess. With patience a member stops when its held-out loss has not fallen for that many evaluations:
    its curve ends, and its weights are those of its best evaluation. It looks at nothing but itself, so it does
    the same alone and in company; the ensemble trains on until all its members have stopped.

    untrained: (members,) loss of no training on such points as networks are trained on, or whatever else weights to
    keep must be better than there. With a training set these are its own points: a network that knows them by heart
    errs more at others than no training does, and has learned them.
    """

    def __init__(self, untrained: np.ndarray, patience: int | None, position: bool = False):
        self.untrained, self.patience = untrained, patience
        members = len(untrained)
        self.arrays = {
            "curve": np.full((members, variables.EVALUATIONS, 4), np.nan),
            "levels": np.full((members, variables.EVALUATIONS, variables.LEVELS), np.nan),
            "count": np.zeros(members, int),  # evaluations so far
            "stale": np.zeros(members, int),  # evaluations since the held-out loss last fell
            "lowest": np.full(members, np.inf),  # held-out loss
            "own": np.full(members, np.inf),  # loss of the weights to keep on points as they were trained on
        }
        shape = members, variables.EVALUATIONS, variables.LEVELS
        self.arrays |= {name: np.full(shape, np.nan) for name in POSITIONS} if position else {}
        self.best: dict[str, np.ndarray] = {}  # averaged weights at the lowest loss

    @property
    def running(self) -> np.ndarray:
        """(members,) whether a member goes on."""
        return self.arrays["stale"] < (np.inf if self.patience is None else self.patience)

    @property
    def learned(self) -> np.ndarray:
        """(members,) whether the weights to keep are better than `untrained`; never so where a number is not finite."""
        return self.arrays["own"] < self.untrained

    def add(self, progress: training.Progress, flops: float, loss, own, excess, position=None) -> None:
        """Note one evaluation: its progress (a report), operations per member, what `HeldOut`, `OwnPoints`
        and `Positions` say."""
        assert progress.loss is not None
        curve, levels, count, stale, lowest, kept = (self.arrays[name] for name in OF_EVALUATIONS)
        for i in np.flatnonzero(self.running):
            curve[i, count[i]] = progress.step, progress.loss[i], excess[i].mean(), flops
            levels[i, count[i]] = excess[i]
            for name, values in zip(POSITIONS, position or (), strict=position is not None):
                self.arrays[name][i, count[i]] = values[i]
            count[i] += 1
            stale[i] += 1
            falls = loss[i] < lowest[i]
            if falls or self.patience is None:
                kept[i] = own[i] if np.isfinite(loss[i]) else np.inf
            if falls:
                lowest[i], stale[i] = loss[i], 0
                for name, array in state_of(progress.averaged).items() if self.patience else ():
                    self.best.setdefault(name, np.zeros_like(array))[i] = array[i]

    def state(self) -> dict[str, np.ndarray]:
        """All of it, arrays with leading dimension member, for `restore`."""
        return self.arrays | {f"best/{name}": array for name, array in self.best.items()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from an earlier `state`."""
        self.arrays = {name: state[name] for name in self.arrays}
        self.best = {name.removeprefix("best/"): array for name, array in state.items() if name.startswith("best/")}

    def weights(self, averaged: Denoiser) -> dict[str, np.ndarray]:
        """The weights to keep, by name."""
        return self.best or state_of(averaged)


def state_of(denoiser: Denoiser) -> dict[str, np.ndarray]:
    """What is kept of networks, by name: weights and buffers (members, ...)."""
    return {name: array.cpu().numpy() for name, array in denoiser.network.state_dict().items()}


def over_known(squares, known):
    """Mean of squares (members, levels, points, d) over the points that are known (members, levels, points)."""
    count = known.sum(2)
    total = np.where(known, squares.mean(3), 0.0).sum(2)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
