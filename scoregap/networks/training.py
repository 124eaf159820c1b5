"""Denoising score matching for an ensemble of networks.

(denoiser, a data source and a seed per member) -> averaged weights, step by step

Training is a generator: the caller evaluates, logs, keeps the state and stops. Every random draw of a member follows
from its own seed and the step (`draws`), so its data are the same alone and in company, on a CPU and on a GPU. From a
state that was taken at a multiple of BLOCK steps training goes on to the same bits (on a CPU) as without the stop.

Steps are taken BLOCK at a time, each block on trial: a member whose loss in it is above LIMIT times that of no
training, or is not finite, is set back to where the block began, moments and average included, and goes on with half
its learning rate, whatever its companions do. Healthy training never meets this and keeps its bits.
"""

import copy
import itertools
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch

from scoregap.networks import ADAM_BETA2, schedules
from scoregap.networks.denoiser import Denoiser
from scoregap.networks.draws import Draws
from scoregap.networks.products import made_by
from scoregap.networks.sources import NOISE, Source, drawn, on

BLOCK = 32  # steps whose random draws are made at once, and that are set back at once
LIMIT = 2.0  # of a block's mean loss, over that of no training
LEVELS = "level"  # a stream of draws
LEAST = 2.0**-20  # of the learning rate: a member that is slower than that has diverged


class Progress(NamedTuple):
    """What there is to see after `step` steps.

    loss: (members,) mean weighted loss since the last report, without the blocks that were set back, NaN if nothing is
    left; None at a pause. recent: the same, at a pause too. share: (members,) of the learning rate that a member takes,
    1 if it was never set back. averaged: the denoiser with averaged weights (a copy that is overwritten).
    state: () -> everything that training goes on from, arrays with leading dimension member.
    """

    step: int
    loss: np.ndarray | None
    recent: np.ndarray
    share: np.ndarray
    averaged: Denoiser
    state: Callable[[], dict[str, np.ndarray]]


def batches(
    sources: Sequence[Source], numbers: Draws, quantiles, levels, samples, schedule="ve",
    posteriors: list[Callable] | None = None, draws="independent", first=0,
) -> Iterator:  # fmt: skip
    """Endless (clean, t, noise) with leading dimension member: fresh points at shared noise levels.

    sources: of clean points, one per member; numbers: of the members, on the device of the batches. quantiles: of
    `schedules.noise_quantiles` for the schedule. t: (members, levels), one in each of `levels` equally likely parts of
    the noise law; clean and noise: (members, levels, samples, d). first: the step of the first batch, a multiple of
    BLOCK: batches follow from the step alone.

    draws: "antithetic" are half as many points, each with noise w and -w, so `samples` is even: where t is small, what
    networks regress on is -w and little else, whose gradients all but cancel in a pair.

    posteriors: one per member, (noisy points (n, d), t (n,)) -> E[x0 | x] (n, d), NaN where it is not known. With them
    noisy points are the same, of the same draws, but clean is E[x0 | x], where known, and noise is what is left of the
    point, over sqrt(t): a regression on it has the same optimum, without the spread of x0 about its mean.
    """
    pairs, members = draws == "antithetic", len(sources)
    shape = (BLOCK, members, levels, samples // 2 if pairs else samples)
    knots = [torch.as_tensor(one, device=numbers.device) for one in quantiles]
    for step in itertools.count(first, BLOCK):
        clean, noise = drawn(sources, numbers, step, BLOCK, math.prod(shape[2:]))
        if noise is None:
            count = math.prod(clean.shape[2:])
            noise = numbers.normals(NOISE, step, BLOCK, count, range(members))
        clean, noise = clean.view(*shape, -1), noise.reshape(*shape, -1)
        strata = torch.arange(levels, device=numbers.device) + numbers.uniforms(LEVELS, step, BLOCK, levels)
        t = schedules.variance(schedule, interpolated(strata / levels, *knots), torch)
        if pairs:
            clean, noise = torch.cat([clean, clean], 3), torch.cat([noise, -noise], 3)
        if posteriors:
            block = expected(clean.cpu().numpy(), t.cpu().numpy(), noise.cpu().numpy(), posteriors)
            clean, t, noise = (on(numbers.device, part) for part in block)
        yield from zip(clean, t.float(), noise, strict=True)


def interpolated(at: torch.Tensor, places: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Values between the places, ascending, linear in between: `numpy.interp`, on any device."""
    right = torch.searchsorted(places, at, right=True).clamp(1, len(places) - 1)
    low, high = places[right - 1], places[right]
    return torch.lerp(values[right - 1], values[right], (at - low) / (high - low))


def expected(
    clean: np.ndarray, t: np.ndarray, noise: np.ndarray, posteriors: list[Callable]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Batches (BLOCK, members, ...) with E[x0 | x] in the place of x0, where it is known, and the noise that makes the
    same points of it. A member's posterior is asked once for all of them, as few points at a time take longer."""
    sigma = np.sqrt(t)[..., None, None]
    noisy = clean + sigma * noise
    means = clean.astype(float)
    for k, posterior in enumerate(posteriors):
        x = noisy[:, k]
        mean = posterior(x.reshape(-1, x.shape[-1]), np.repeat(t[:, k].ravel(), x.shape[2])).reshape(x.shape)
        means[:, k] = np.where(np.isfinite(mean), mean, means[:, k])
    return means, t, (noisy - means) / sigma


def optimiser_of(name, parameters, beta2=ADAM_BETA2, capturable=False):
    """The optimiser of a study's `train.optimiser`; both work entry by entry. beta2: of Adam."""
    if name == "adam":
        return torch.optim.Adam(parameters, betas=(0.9, beta2), fused=True, capturable=capturable)
    return torch.optim.RAdam(parameters, capturable=capturable)  # with its own averages, (0.9, 0.999), as published


def train(
    denoiser, source: Iterator, steps, learning_rate, warmup, ema, reports,
    optimiser="adam", decay="cosine", pauses=False, state=None, captured: type["Captured"] | None = None,
    beta2=ADAM_BETA2, products="torch",
) -> Iterator[Progress]:  # fmt: skip
    """Train in place and yield a `Progress` after each step number in `reports`.

    The learning rate rises linearly over the share `warmup` of the steps; it falls as a cosine to zero (decay
    "cosine") or stays ("none"). The average forgets over the share `ema` of the steps. pauses: also yield at every
    multiple of BLOCK steps, where a state can be kept. state: of an earlier `Progress` at such a step, to go on from;
    `source` must begin with the batch of that step. captured: what makes one graph of a step; none if not given.
    products: of matrices, on a CPU (`products.made_by`).

    A card is asked nothing but at reports, and once in a block for its losses.
    """
    device = denoiser.data_var.device
    members, made = len(denoiser.data_var), products if device.type == "cpu" else "torch"
    averaged = copy.deepcopy(denoiser).requires_grad_(False)
    weights, averages = torch.nn.Parameter(flattened(denoiser)), flattened(averaged)
    weights.grad = torch.zeros_like(weights)
    parameters, gradients = list(denoiser.parameters()), parts(denoiser, weights.grad)
    descent = optimiser_of(optimiser, [weights], beta2, capturable=captured is not None and device.type == "cuda")
    start = (
        {name: torch.zeros_like(weights) for name in MOMENTS}
        if state is None
        else _restore(state, denoiser, averaged, weights.detach())
    )
    taken, wanted = 0 if state is None else int(state["step"][0]), set(reports)
    held = descent.state_dict()
    held["state"][0] = {"step": torch.tensor(float(taken))} | start
    descent.load_state_dict(held)
    trial = Trial(denoiser, [weights.detach(), averages, *(descent.state[weights][name] for name in MOMENTS)], state)

    def update(clean, t, noise, rate, forget) -> torch.Tensor:
        """A step; losses (members,). rate: of learning, forget: of the average: numbers, or tensors of one."""
        with made_by(made):
            loss = denoiser.loss(clean, noise, t)
            slopes = torch.autograd.grad(loss.sum(), parameters, materialize_grads=True)
        torch._foreach_copy_(gradients, slopes)
        descent.param_groups[0]["lr"] = rate
        with trial.slowed():
            descent.step()
        averages.lerp_(weights.detach(), forget)
        return loss.detach()

    at_once = captured(update) if captured else None

    def kept(step):
        return lambda: (
            {"step": np.full(members, step)} | trial.state() | _state(denoiser, averaged, descent.state[weights])
        )

    for step in range(taken + 1, steps + 1):
        clean, t, noise = (part.to(device, non_blocking=True) for part in next(source))
        done = step / steps
        fallen = 0.5 * (1 + math.cos(math.pi * done)) if decay == "cosine" else 1.0
        risen = 1.0 if done >= warmup else done / warmup
        rate, forget = learning_rate * risen * fallen, max(1.0 / step, 1.0 / (1 + ema * steps))
        if at_once and trial.healthy:
            trial.add(at_once(clean, t, noise, *(torch.full((), one, device=device) for one in (rate, forget))))
        else:
            trial.add(update(clean, t, noise, rate, forget))
        if step % BLOCK == 0 or step == steps:
            trial.judge()
        if step in wanted or (pauses and step % BLOCK == 0):
            recent = trial.recent()
            if step in wanted:
                trial.reported()
            yield Progress(step, recent if step in wanted else None, recent, trial.share.copy(), averaged, kept(step))


class Captured:
    """A function of tensors, of the same shapes at every call, as one CUDA graph: a card then takes a call at once.

    The first WARM calls are made as they come, in a stream of their own, as captures want it; the next is recorded.
    What the function changes besides must stay where it is.
    """

    WARM = 3

    def __init__(self, function: Callable[..., torch.Tensor]):
        self.function, self.calls = function, 0
        self.inputs: list[torch.Tensor] = []
        self.replay: Callable[[], torch.Tensor] | None = None

    def __call__(self, *tensors: torch.Tensor) -> torch.Tensor:
        if not self.inputs:
            self.inputs = [torch.empty_like(one, memory_format=torch.contiguous_format) for one in tensors]
        for own, one in zip(self.inputs, tensors, strict=True):
            own.copy_(one, non_blocking=True)
        self.calls += 1
        if self.calls <= self.WARM:
            return self.warm().clone()
        if self.replay is None:
            self.replay = self.capture()
        return self.replay().clone()

    def warm(self) -> torch.Tensor:
        """A call that is made as it comes."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream), warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*constructed with capturable=True")  # and not captured yet
            found = self.function(*self.inputs)
        torch.cuda.current_stream().wait_stream(stream)
        return found

    def capture(self) -> Callable[[], torch.Tensor]:
        """Record a call, which does not make it. Returns what makes it, again and again."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            found = self.function(*self.inputs)

        def replay() -> torch.Tensor:
            graph.replay()
            return found

        return replay


class Trial:
    """Blocks of steps that count only where they go well, member by member.

    vectors: what training changes (weights, their average, the optimiser's moments), each of all members, laid out as
    the denoiser's `flattened` weights. state: of an earlier trial at the end of a block.
    """

    def __init__(self, denoiser, vectors: list[torch.Tensor], state: dict[str, np.ndarray] | None):
        self.denoiser, self.vectors = denoiser, vectors
        self.before = [vector.clone() for vector in vectors[1:]]  # when the block began
        members, device = len(denoiser.data_var), vectors[0].device
        start = {"total": np.zeros(members, np.float32), "since": np.zeros(members, int), "share": np.ones(members)}
        start = state or start | {"untrained": np.zeros(members)}
        self.total, self.since = torch.tensor(start["total"], device=device), start["since"].copy()
        self.share, self.untrained = start["share"].copy(), start["untrained"].copy()
        self.began = self.total.clone(), self.since.copy()
        self.losses: list[torch.Tensor] = []  # of the block

    def state(self) -> dict[str, np.ndarray]:
        """At the end of a block: loss and steps since the last report, share of the rate, loss of no training."""
        return {
            "total": self.total.cpu().numpy().copy(),
            "since": self.since.copy(),
            "share": self.share.copy(),
            "untrained": self.untrained.copy(),
        }

    def add(self, loss: torch.Tensor) -> None:
        """Note the loss (members,) of a step."""
        self.total += loss
        self.since += 1
        self.losses.append(loss)

    def recent(self) -> np.ndarray:
        """Mean loss (members,) since the last report."""
        return (self.total / torch.tensor(self.since, device=self.total.device)).cpu().numpy()

    def reported(self) -> None:
        """Start the mean loss anew."""
        self.total.zero_()
        self.since[:] = 0
        self.began = self.total.clone(), self.since.copy()

    @property
    def healthy(self) -> bool:
        """Whether no member was ever set back."""
        return bool((self.share == 1).all())

    @contextmanager
    def slowed(self):
        """A step of the optimiser, of which members that were set back take their share."""
        if self.healthy:
            yield
            return
        before = self.vectors[0].clone()
        yield
        slow = torch.from_numpy(self.share < 1).to(before.device)
        share = torch.from_numpy(self.share).to(before)[slow]
        for now, was in zip(parts(self.denoiser, self.vectors[0]), parts(self.denoiser, before), strict=True):
            now[slow] = was[slow] + share.view(-1, *[1] * (now.ndim - 1)) * (now[slow] - was[slow])

    def judge(self) -> None:
        """End the block: set back the members that it made worse than no training, and slow them down."""
        losses = torch.stack(self.losses).double().cpu()
        self.losses.clear()
        if not self.untrained.any():
            self.untrained = np.fmax(losses[0].numpy(), 1)  # of fresh networks, before any step; 1 where they give 0
        loss = losses.mean(0).numpy()
        worse = ~(np.isfinite(loss) & (loss <= LIMIT * self.untrained))
        if worse.any():
            bad = torch.from_numpy(worse).to(self.total.device)
            self.share[worse] /= 2
            self.since[worse] = self.began[1][worse]
            self.total[bad] = self.began[0][bad]
            average = self.before[0]  # which has averaged out what made the weights unstable
            for vector, before in zip(self.vectors, [average, *self.before], strict=True):
                for now, was in zip(parts(self.denoiser, vector), parts(self.denoiser, before), strict=True):
                    now[bad] = was[bad]
        for vector, before in zip(self.vectors[1:], self.before, strict=True):
            before.copy_(vector)
        self.began = self.total.clone(), self.since.copy()


def flattened(denoiser) -> torch.Tensor:
    """All weights as one vector, of which they become parts: what is done to each entry is then one operation."""
    vector = torch.cat([weight.detach().flatten() for weight in denoiser.parameters()])
    for weight, part in zip(denoiser.parameters(), parts(denoiser, vector), strict=True):
        weight.data = part
    return vector


def parts(denoiser, vector) -> list[torch.Tensor]:
    """The parts of a vector that belong to the denoiser's weights, in their shapes."""
    shapes = [weight.shape for weight in denoiser.parameters()]
    return [part.view(shape) for part, shape in zip(vector.split([s.numel() for s in shapes]), shapes, strict=True)]


MOMENTS = ("exp_avg", "exp_avg_sq")  # what Adam and RAdam remember of every weight, besides the step


def _state(denoiser, averaged, remembered) -> dict[str, np.ndarray]:
    kinds = {"weight": list(denoiser.parameters()), "average": list(averaged.parameters())}
    kinds |= {moment: parts(denoiser, remembered[moment]) for moment in MOMENTS}
    return {
        f"{kind}/{name}": array.detach().cpu().numpy().copy()
        for kind, arrays in kinds.items()
        for (name, _), array in zip(denoiser.network.named_parameters(), arrays, strict=True)
    }


def _restore(state, denoiser, averaged, vector) -> dict[str, torch.Tensor]:
    """Put back the weights of a state; the moments of them all, vectors like that of the weights."""
    moments = {moment: torch.zeros_like(vector) for moment in MOMENTS}
    kinds = {"weight": list(denoiser.parameters()), "average": list(averaged.parameters())}
    kinds |= {moment: parts(denoiser, vector) for moment, vector in moments.items()}
    with torch.no_grad():
        for kind, arrays in kinds.items():
            for (name, _), array in zip(denoiser.network.named_parameters(), arrays, strict=True):
                array.copy_(torch.from_numpy(state[f"{kind}/{name}"]))
    return moments
