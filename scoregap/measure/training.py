"""Denoising score matching for an ensemble of networks.

(denoiser, a data source and a random generator per member) -> averaged weights, step by step

Training is a generator: the caller evaluates, logs, keeps the state and stops. Every random draw of a member comes
from its own generator, so its data are the same alone and in company, on a CPU and on a GPU. From a state that was
taken at a multiple of BLOCK steps, with the generators as they were then, training goes on to the same bits (on a
CPU) as without the stop.
"""

import copy
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch

from scoregap.measure import schedules
from scoregap.measure.networks import Denoiser

BLOCK = 32  # steps whose random draws are made at once


class Progress(NamedTuple):
    """What there is to see after `step` steps.

    loss: (members,) mean weighted loss since the last report, not finite for a member that has diverged; None at a
    pause. recent: the same, at a pause too. averaged: the denoiser with averaged weights (a copy that is
    overwritten). state: () -> everything that training goes on from, arrays with leading dimension member.
    """

    step: int
    loss: np.ndarray | None
    recent: np.ndarray
    averaged: Denoiser
    state: Callable[[], dict[str, np.ndarray]]


def batches(
    samplers: list[Callable], generators: list[np.random.Generator], quantiles, levels, samples, schedule="ve"
) -> Iterator:
    """Endless (clean, t, noise) with leading dimension member: fresh points at shared noise levels.

    samplers: (generator, n) -> (n, d) clean points, one per member. quantiles: of `schedules.noise_quantiles` for the
    schedule. t: (members, levels), one in each of `levels` equally likely parts of the noise law; clean and noise:
    (members, levels, samples, d). Between blocks of BLOCK batches the generators hold all there is to know.
    """
    shape = (BLOCK, levels, samples)
    while True:
        clean = [draw(g, math.prod(shape)) for draw, g in zip(samplers, generators, strict=True)]
        strata = [(np.arange(levels) + g.random((BLOCK, levels))) / levels for g in generators]
        noise = [g.standard_normal((*shape, clean[0].shape[-1]), dtype=np.float32) for g in generators]
        t = [schedules.variance(schedule, np.interp(u, *quantiles)) for u in strata]
        clean = [points.reshape(*shape, -1) for points in clean]
        yield from zip(
            *(torch.from_numpy(np.stack(part, 1).astype(np.float32)) for part in (clean, t, noise)), strict=True
        )


def optimiser_of(name, parameters):
    """The optimiser of a study's `train.optimiser`; both work entry by entry, so members share nothing."""
    if name == "adam":
        return torch.optim.Adam(parameters, betas=(0.9, 0.99), fused=True)
    return torch.optim.RAdam(parameters)  # with its own averages, (0.9, 0.999), as published recipes have it


def train(
    denoiser, source: Iterator, steps, learning_rate, warmup, ema, reports,
    optimiser="adam", decay="cosine", pauses=False, state=None,
) -> Iterator[Progress]:  # fmt: skip
    """Train in place and yield a `Progress` after each step number in `reports`.

    The learning rate rises linearly over the share `warmup` of the steps; it falls as a cosine to zero (decay
    "cosine") or stays ("none"). The average forgets over the share `ema` of the steps. pauses: also yield at every
    multiple of BLOCK steps, where a state can be kept. state: of an earlier `Progress` at such a step, to go on from;
    the generators of `source` must be as they were then.
    """
    device = denoiser.data_var.device
    members = len(denoiser.data_var)
    averaged = copy.deepcopy(denoiser).requires_grad_(False)
    weights, averages = torch.nn.Parameter(flattened(denoiser)), flattened(averaged)
    weights.grad = torch.zeros_like(weights)
    for parameter, part in zip(denoiser.parameters(), parts(denoiser, weights.grad), strict=True):
        parameter.grad = part
    descent = optimiser_of(optimiser, [weights])
    total, since, taken, wanted = torch.zeros(members, device=device), 0, 0, set(reports)
    if state is not None:
        total, since, taken = torch.tensor(state["total"], device=device), int(state["since"][0]), int(state["step"][0])
        _restore(state, denoiser, averaged, descent)

    def kept(step, since):
        return lambda: (
            {
                "step": np.full(members, step),
                "since": np.full(members, since),
                "total": total.cpu().numpy().copy(),
            }
            | _state(denoiser, averaged, descent.state[weights])
        )

    for step in range(taken + 1, steps + 1):
        clean, t, noise = (part.to(device, non_blocking=True) for part in next(source))
        done = step / steps
        fallen = 0.5 * (1 + math.cos(math.pi * done)) if decay == "cosine" else 1.0
        risen = 1.0 if done >= warmup else done / warmup
        descent.param_groups[0]["lr"] = learning_rate * risen * fallen
        total += denoiser.gradient(clean, noise, t)
        descent.step()
        averages.lerp_(weights.detach(), max(1.0 / step, 1.0 / (1 + ema * steps)))
        since += 1
        if step in wanted or (pauses and step % BLOCK == 0):
            recent = (total / since).cpu().numpy()
            if step in wanted:
                total.zero_()
                since = 0
            yield Progress(step, recent if step in wanted else None, recent, averaged, kept(step, since))


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
    names = [name for name, _ in denoiser.network_parameters()]
    kinds = {"weight": list(denoiser.parameters()), "average": list(averaged.parameters())}
    kinds |= {moment: parts(denoiser, remembered[moment]) for moment in MOMENTS}
    return {
        f"{kind}/{name}": array.detach().cpu().numpy().copy()
        for kind, arrays in kinds.items()
        for name, array in zip(names, arrays, strict=True)
    }


def _restore(state, denoiser, averaged, descent) -> None:
    names = [name for name, _ in denoiser.network_parameters()]
    with torch.no_grad():
        for kind, one in (("weight", denoiser), ("average", averaged)):
            for name, parameter in one.network_parameters():
                parameter.copy_(torch.from_numpy(state[f"{kind}/{name}"]))
    moments = descent.state_dict()
    moments["state"][0] = {"step": torch.tensor(float(state["step"][0]))} | {
        moment: torch.cat([torch.from_numpy(state[f"{moment}/{name}"]).flatten() for name in names])
        for moment in MOMENTS
    }
    descent.load_state_dict(moments)
