"""Denoising score matching for an ensemble of networks.

(denoiser, a data source and a random generator per member) -> averaged weights, step by step

Training is a generator: the caller evaluates, logs and stops. Every random draw of a member comes from its own
generator, so its data are the same alone and in company, on a CPU and on a GPU.
"""

import copy
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch

from scoregap.measure.networks import Denoiser

BLOCK = 32  # steps whose random draws are made at once


class Progress(NamedTuple):
    """State after `step` steps. loss: (members,) mean weighted loss since the last report; not finite for a
    member that has diverged. averaged: the denoiser with averaged weights (a copy that is overwritten)."""

    step: int
    loss: np.ndarray
    averaged: Denoiser


def noise_quantiles(start, stop, focus=None, share=0.0):
    """The law of training noise as (probabilities, log t): piecewise linear quantiles of a density flat in log t on
    [start, stop], of which `share` is moved to [start, stop] of `focus`."""
    if focus is None:
        return np.array([0.0, 1.0]), np.log([start, stop])
    knots = np.log([start, *focus, stop])
    mass = (1 - share) * np.diff(knots) / (knots[-1] - knots[0]) + share * np.array([0.0, 1.0, 0.0])
    return np.concatenate([[0.0], np.cumsum(mass)]), knots


def batches(samplers: list[Callable], generators: list[np.random.Generator], quantiles, levels, samples) -> Iterator:
    """Endless (clean, t, noise) with leading dimension member: fresh points at shared noise levels.

    samplers: (generator, n) -> (n, d) clean points, one per member. quantiles: of `noise_quantiles`. t: (members,
    levels), one in each of `levels` equally likely parts of the noise law; clean and noise: (members, levels,
    samples, d).
    """
    shape = (BLOCK, levels, samples)
    while True:
        clean = [draw(g, math.prod(shape)) for draw, g in zip(samplers, generators, strict=True)]
        strata = [(np.arange(levels) + g.random((BLOCK, levels))) / levels for g in generators]
        noise = [g.standard_normal((*shape, clean[0].shape[-1]), dtype=np.float32) for g in generators]
        t = [np.exp(np.interp(u, *quantiles)) for u in strata]
        clean = [points.reshape(*shape, -1) for points in clean]
        yield from zip(
            *(torch.from_numpy(np.stack(part, 1).astype(np.float32)) for part in (clean, t, noise)), strict=True
        )


def loss_weight(t, data_var):
    """EDM's weight, under which a fresh network has the same loss at every noise level (Karras et al. 2022)."""
    return (t + data_var) / (t * data_var)


def train(denoiser, source: Iterator, steps, learning_rate, warmup, ema, reports) -> Iterator[Progress]:
    """Train in place and yield a `Progress` after each step number in `reports`.

    Adam; the learning rate rises linearly over the share `warmup` of the steps and falls as a cosine to zero. The
    average forgets over the share `ema` of the steps.
    """
    device = denoiser.data_var.device
    optimiser = torch.optim.Adam(denoiser.parameters(), betas=(0.9, 0.99), fused=True)
    averaged = copy.deepcopy(denoiser).requires_grad_(False)
    weights, averages = list(denoiser.parameters()), list(averaged.parameters())
    members = len(denoiser.data_var)
    total, since, wanted = torch.zeros(members, device=device), 0, set(reports)
    for step in range(1, steps + 1):
        clean, t, noise = (part.to(device, non_blocking=True) for part in next(source))
        done = step / steps
        optimiser.param_groups[0]["lr"] = learning_rate * min(1.0, done / warmup) * 0.5 * (1 + math.cos(math.pi * done))
        spread = t[..., None, None]
        error = (denoiser(clean + spread.sqrt() * noise, t) - clean).square()
        losses = (loss_weight(spread, denoiser.data_var) * error).mean((1, 2, 3))
        optimiser.zero_grad()
        losses.sum().backward()  # members share no parameter, so each gets its own gradient
        optimiser.step()
        with torch.no_grad():
            torch._foreach_lerp_(averages, weights, max(1.0 / step, 1.0 / (1 + ema * steps)))
            total += losses
        since += 1
        if step in wanted:
            yield Progress(step, (total / since).cpu().numpy(), averaged)
            total.zero_()
            since = 0
