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
    descent = optimiser_of(optimiser, denoiser.parameters())
    averaged = copy.deepcopy(denoiser).requires_grad_(False)
    weights, averages = list(denoiser.parameters()), list(averaged.parameters())
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
            | _state(denoiser, averaged, descent)
        )

    for step in range(taken + 1, steps + 1):
        clean, t, noise = (part.to(device, non_blocking=True) for part in next(source))
        done = step / steps
        fallen = 0.5 * (1 + math.cos(math.pi * done)) if decay == "cosine" else 1.0
        risen = 1.0 if done >= warmup else done / warmup
        descent.param_groups[0]["lr"] = learning_rate * risen * fallen
        spread = t[..., None, None]
        error = (denoiser(clean + spread.sqrt() * noise, t) - clean).square()
        losses = (denoiser.loss_weight(spread) * error).mean((1, 2, 3))
        descent.zero_grad()
        losses.sum().backward()  # members share no parameter, so each gets its own gradient
        descent.step()
        with torch.no_grad():
            torch._foreach_lerp_(averages, weights, max(1.0 / step, 1.0 / (1 + ema * steps)))
            total += losses
        since += 1
        if step in wanted or (pauses and step % BLOCK == 0):
            recent = (total / since).cpu().numpy()
            if step in wanted:
                total.zero_()
                since = 0
            yield Progress(step, recent if step in wanted else None, recent, averaged, kept(step, since))


MOMENTS = ("exp_avg", "exp_avg_sq")  # what Adam and RAdam remember of every parameter, besides the step


def _state(denoiser, averaged, descent) -> dict[str, np.ndarray]:
    averages = dict(averaged.network_parameters())
    found = {}
    for name, parameter in denoiser.network_parameters():
        found[f"weight/{name}"], found[f"average/{name}"] = parameter.detach(), averages[name]
        found |= {f"{moment}/{name}": descent.state[parameter][moment] for moment in MOMENTS}
    return {name: value.cpu().numpy().copy() for name, value in found.items()}


def _restore(state, denoiser, averaged, descent) -> None:
    averages = dict(averaged.network_parameters())
    moments = descent.state_dict()
    with torch.no_grad():
        for i, (name, parameter) in enumerate(denoiser.network_parameters()):
            parameter.copy_(torch.from_numpy(state[f"weight/{name}"]))
            averages[name].copy_(torch.from_numpy(state[f"average/{name}"]))
            moments["state"][i] = {moment: torch.from_numpy(state[f"{moment}/{name}"]).clone() for moment in MOMENTS}
            moments["state"][i]["step"] = torch.tensor(float(state["step"][0]))
    descent.load_state_dict(moments)
