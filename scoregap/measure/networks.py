"""Denoising networks, several of one shape at a time.

(noisy points, noise variances) -> denoised points; their loss and its gradient

An ensemble is one module whose parameters carry a leading `member` dimension; members share nothing
but the arithmetic, so a member's output and gradient are the same alone and in company.

Training's gradient is written out, layer by layer, and tested against automatic differentiation: a step of a small
network is hundreds of tiny operations, and recording them takes longer than doing them.
"""

import math
from pkgutil import resolve_name
from typing import Any

import torch
from torch import nn
from torch.nn.functional import silu

from scoregap.measure import NETWORKS, schedules

FREQUENCIES = math.pi / 2 * torch.arange(1, 17)  # of a level in [-1, 1]
EMBEDDING = 64

silu_backward = torch.ops.aten.silu_backward  # (slope in the output, input) -> slope in the input


class Linear(nn.Module):
    """`members` independent affine maps, (members, n, inputs) -> (members, n, outputs)."""

    def __init__(self, generators, inputs, outputs, gain=1.0):
        super().__init__()
        weights = [torch.randn(inputs, outputs, generator=g) * (gain / math.sqrt(inputs)) for g in generators]
        self.weight = nn.Parameter(torch.stack(weights))
        self.bias = nn.Parameter(torch.zeros(len(generators), 1, outputs))

    def forward(self, x):
        return torch.baddbmm(self.bias, x, self.weight)

    def learn(self, x, slope):
        """Fill the gradients of weight and bias, given the inputs and the slope of the loss in the outputs."""
        torch.bmm(x.mT, slope, out=self.weight.grad)
        torch.sum(slope, 1, keepdim=True, out=self.bias.grad)

    def back(self, slope):
        """The slope of the loss in the inputs, given that in the outputs."""
        return torch.bmm(slope, self.weight.mT)


class Conditioned(nn.Module):
    """A network that is told the noise by sines and cosines of its level, or of sigma = sqrt(t).

    `forward` maps x (members, levels, n, dim) at level (members, levels) to outputs like x. It returns what `run`
    returns first; the rest is what `backward` needs to fill the gradients, given the slope of a loss in the outputs.
    """

    SEE_NOISE = ("embed", "condition", "shift")  # layers that see nothing else
    sees_sigma = False

    def __init__(self, generators, frequencies, embedding):
        super().__init__()
        self.register_buffer("frequencies", frequencies)
        self.embed = Linear(generators, 2 * len(frequencies), embedding)

    def forward(self, x, level):
        return self.run(x, level)[0]

    def run(self, x, level):
        """(outputs, whatever `backward` needs)."""
        raise NotImplementedError

    def backward(self, slope, kept):
        """Fill the gradients of all parameters (their `grad`, which must be there), given the loss's slope in the
        outputs, like x, and what `run` has kept."""
        raise NotImplementedError

    @torch.no_grad()
    def gradient(self, x, level, target):
        """Fill the gradients of the sum over members of the mean squared distance from target; return it, (members,).

        x, target: (members, levels, n, dim); level: (members, levels).
        """
        outputs, kept = self.run(x, level)
        distance = outputs - target
        loss = distance.square().mean((1, 2, 3))
        self.backward(distance.mul_(2 / distance[0].numel()), kept)
        return loss

    def embedded(self, level):
        """(members, levels) -> (members, levels, embedding), and what came before."""
        phase = level[..., None] * self.frequencies
        waves = torch.cat([phase.sin(), phase.cos()], -1)
        before = self.embed(waves)
        return silu(before), (waves, before)

    def learn_embedding(self, slope, kept):
        """The embedding's part of `backward`."""
        waves, before = kept
        self.embed.learn(waves, silu_backward(slope, before))


class Residual(Conditioned):
    """Residual blocks that see the noise level, which gates the features once more just before the output.

    A family is its block: `add_blocks` makes the layers, `block` says what `mix` adds to the features, and
    `block_back` is the way back through it.
    """

    output_gate = True
    mix: Any  # one `Linear` per block

    def __init__(self, generators, dim, width, depth, frequencies=FREQUENCIES, embedding=EMBEDDING):
        super().__init__(generators, frequencies, embedding)
        self.depth = depth
        self.enter = Linear(generators, dim, width)
        self.condition = Linear(generators, embedding, (depth + self.output_gate) * width)
        self.add_blocks(generators, width)
        self.leave = Linear(generators, width, dim, gain=0.0)

    def add_blocks(self, generators, width):
        raise NotImplementedError

    def block(self, k, h, condition):
        """What `mix` adds of block k for features h (members, levels n, width), and what `block_back` needs.

        condition: (members, levels, 1, width).
        """
        raise NotImplementedError

    def block_back(self, k, h, slope, kept):
        """Slopes in h and, point by point, in the condition, given that in the output; fills the layers' gradients."""
        raise NotImplementedError

    def run(self, x, level):
        members, levels, n, _ = x.shape
        embedded, waves = self.embedded(level)
        conditions = self.condition(embedded)[:, :, None].chunk(self.depth + self.output_gate, -1)
        x = x.reshape(members, levels * n, -1)
        h, blocks = self.enter(x), []
        for k in range(self.depth):
            inner, kept = self.block(k, h, conditions[k])
            blocks.append((h, inner, kept))
            h = h + self.mix[k](inner)
        features = gated = self.features(h)
        if self.output_gate:
            gated = per_level(features, levels).mul(1 + conditions[-1]).view_as(features)
        outputs = self.leave(gated).view(members, levels, n, -1)
        return outputs, (x, embedded, waves, conditions, blocks, h, features, gated)

    def backward(self, slope, kept):
        x, embedded, waves, conditions, blocks, h, features, gated = kept
        levels, slope = slope.shape[1], slope.reshape(len(x), x.shape[1], -1)
        in_conditions = embedded.new_empty(*embedded.shape[:2], self.condition.weight.shape[-1])
        parts = in_conditions.chunk(self.depth + self.output_gate, -1)
        self.leave.learn(gated, slope)
        slope = self.leave.back(slope)
        if self.output_gate:
            torch.sum(per_level(slope * features, levels), 2, out=parts[-1])
            slope = per_level(slope, levels).mul(1 + conditions[-1]).view_as(slope)
        slope = self.features_back(h, slope)
        for k in reversed(range(self.depth)):
            h, inner, kept = blocks[k]
            self.mix[k].learn(inner, slope)
            in_h, in_condition = self.block_back(k, h, self.mix[k].back(slope), kept)
            slope = in_h.add_(slope)
            torch.sum(per_level(in_condition, levels), 2, out=parts[k])
        self.enter.learn(x, slope)
        self.condition.learn(embedded, in_conditions)
        self.learn_embedding(self.condition.back(in_conditions), waves)

    def features(self, h):
        """What the output is read from, given the features after the last block."""
        return h

    def features_back(self, h, slope):
        """The slope in h, given that in `features(h)`."""
        return slope


def per_level(h, levels):
    """Features (members, levels n, width) as (members, levels, n, width)."""
    return h.view(len(h), levels, -1, h.shape[-1])


class Gated(Residual):
    """Blocks of value times gate, the gate seeing the noise level (THEORY.md 5).

    A SiLU residual network of this size sits for a long time on the score of the Gaussian with the
    data's covariance; the product of two linear features leaves that plateau.
    """

    def add_blocks(self, generators, width):
        self.values = nn.ModuleList(Linear(generators, width, width) for _ in range(self.depth))
        self.gates = nn.ModuleList(Linear(generators, width, width) for _ in range(self.depth))
        self.mix = nn.ModuleList(Linear(generators, width, width, gain=0.5) for _ in range(self.depth))

    def block(self, k, h, condition):
        value = self.values[k](h)
        before = per_level(self.gates[k](h), condition.shape[1]).add(condition).view_as(value)
        gate = silu(before)
        return value * gate, (value, before, gate)

    def block_back(self, k, h, slope, kept):
        value, before, gate = kept
        in_value, in_before = slope * gate, silu_backward(slope * value, before)
        self.values[k].learn(h, in_value)
        self.gates[k].learn(h, in_before)
        return torch.baddbmm(self.values[k].back(in_value), in_before, self.gates[k].weight.mT), in_before


class ResMLP(Residual):
    """SiLU blocks: what `Gated` is compared with, of which it differs in the block alone."""

    def add_blocks(self, generators, width):
        self.linear = nn.ModuleList(Linear(generators, width, width) for _ in range(self.depth))
        self.mix = nn.ModuleList(Linear(generators, width, width, gain=0.5) for _ in range(self.depth))

    def block(self, k, h, condition):
        before = self.linear[k](h)
        before = per_level(before, condition.shape[1]).add(condition).view_as(before)
        return silu(before), before

    def block_back(self, k, h, slope, kept):
        in_before = silu_backward(slope, kept)
        self.linear[k].learn(h, in_before)
        return self.linear[k].back(in_before), in_before


class Normed(ResMLP):
    """`ResMLP` whose blocks and output see the features divided by their root mean square (Zhang and Sennrich 2019).

    A layer can make the features span the data alone; dividing by their length then takes a point to a sphere, which
    blocks without it must build from products. It works where the network predicts the clean point: one that predicts
    noise must keep the normal directions among its features, and their length is the noise's.
    """

    def block(self, k, h, condition):
        return super().block(k, normed(h), condition)

    def block_back(self, k, h, slope, kept):
        slope, in_before = super().block_back(k, normed(h), slope, kept)
        return normed_back(h, slope), in_before

    def features(self, h):
        return normed(h)

    def features_back(self, h, slope):
        return normed_back(h, slope)


def normed(h):
    """Features (..., width) divided by their root mean square."""
    return h * inverse_rms(h)


def normed_back(h, slope):
    """The slope in h, given that in `normed(h)`."""
    scale = inverse_rms(h)
    return scale * (slope - h * (scale**2 * (h * slope).mean(-1, keepdim=True)))


def inverse_rms(h):
    """One over the root mean square of features (..., width)."""
    return torch.rsqrt(h.square().mean(-1, keepdim=True) + 1e-6)


class Paper(ResMLP):
    """The authors' tabular network: hidden 128, 2 residual blocks, sinusoidal embedding 128 -> 512 of sigma
    (PAPER.md). What is not known of it is as in `ResMLP`: SiLU, the inside of a block, the first weights.
    """

    sees_sigma = True
    output_gate = False

    def __init__(self, generators, dim):
        frequencies = 10_000.0 ** -(torch.arange(64) / 63)  # of Vaswani et al. 2017, as score networks use them
        super().__init__(generators, dim, width=128, depth=2, frequencies=frequencies, embedding=512)


class TimeLinear(Conditioned):
    """A control that sees no curvature: affine in x at every noise level, W_out (h(level) * W_in x) + b(level).

    Under squared error the best such denoiser is the linear one with the data's mean and covariance, Sigma (Sigma +
    t)^-1 x for centred data: exactly the score that the network axis calls `gaussian`.
    """

    def __init__(self, generators, dim):
        super().__init__(generators, FREQUENCIES, EMBEDDING)
        self.enter = Linear(generators, dim, dim)
        self.condition = Linear(generators, EMBEDDING, dim)
        self.leave = Linear(generators, dim, dim, gain=0.0)
        self.shift = Linear(generators, EMBEDDING, dim, gain=0.0)

    def run(self, x, level):
        members, levels, n, _ = x.shape
        embedded, waves = self.embedded(level)
        x = x.reshape(members, levels * n, -1)
        factor = 1 + self.condition(embedded)[:, :, None]
        features = self.enter(x)
        scaled = per_level(features, levels).mul(factor).view_as(features)
        outputs = per_level(self.leave(scaled), levels) + self.shift(embedded)[:, :, None]
        return outputs, (x, embedded, waves, factor, features, scaled)

    def backward(self, slope, kept):
        x, embedded, waves, factor, features, scaled = kept
        levels, in_shift = slope.shape[1], slope.sum(2)
        slope = slope.reshape(len(x), x.shape[1], -1)
        self.leave.learn(scaled, slope)
        slope = self.leave.back(slope)
        in_condition = per_level(slope * features, levels).sum(2)
        self.enter.learn(x, per_level(slope, levels).mul(factor).view_as(slope))
        self.condition.learn(embedded, in_condition)
        self.shift.learn(embedded, in_shift)
        self.learn_embedding(self.condition.back(in_condition) + self.shift.back(in_shift), waves)


class Denoiser(nn.Module):
    """An ensemble of networks F as denoisers D(x, t) = c_skip x + c_out F(c_in x, level).

    data_std: (members,) root mean variance v per coordinate. noise_range: variances t that `schedules.level` maps to
    [-1, 1]. preconditioning (Karras et al. 2022, Table 1):

    edm      c_skip = v / (t + v), c_out = sqrt(t v / (t + v)), c_in = 1 / sqrt(t + v) under any schedule
    epsilon  D = x - sqrt(t) F: the network predicts the noise
    x0       D = sqrt(v) F: the network predicts the clean point

    For the last two the schedule says what the network sees, c_in = 1 / sqrt(v) or 1 / sqrt(v (1 + t)): data are of
    unit variance for it, whatever their units. (An x0 network that is given data of a tenth of that, and has to
    return them, learns far worse: Adam's steps have one size.)
    """

    data_var: torch.Tensor

    def __init__(self, network, data_std, noise_range, preconditioning="edm", schedule="ve"):
        super().__init__()
        self.network = network
        self.register_buffer("data_var", torch.as_tensor(data_std, dtype=torch.float32)[:, None, None, None] ** 2)
        self.noise_range = noise_range
        self.preconditioning = preconditioning
        self.schedule = schedule

    def network_parameters(self):
        """(name, tensor with leading dimension member) of everything that is trained."""
        return self.network.named_parameters()

    def level(self, t):
        """Noise level in [-1, 1] as networks see it, like t."""
        return schedules.level(self.schedule, t, self.noise_range, torch)

    def forward(self, x, t):
        """x: (members, levels, n, dim); t: (members, levels) noise variances -> E[x0 | x], like x."""
        skip, out, inner = self.coefficients(t[..., None, None])
        return skip * x + out * self.network(x * inner, self.noise(t))

    def gradient(self, clean, noise, t):
        """Fill the gradients of the sum over members of the denoising loss at clean + sqrt(t) noise; return it.

        clean, noise: (members, levels, n, dim); t: (members, levels). The loss (members,) is the mean of
        `loss_weight` times the squared error, which is the squared distance of F from its `target`.
        """
        spread = t[..., None, None]
        x = torch.addcmul(clean, spread.sqrt(), noise).mul_(self.coefficients(spread)[2])
        return self.network.gradient(x, self.noise(t), self.target(clean, noise, spread))

    def target(self, clean, noise, t):
        """What F would have to be for D to be the clean points; t: (members, levels, 1, 1)."""
        if self.preconditioning == "edm":
            total = t + self.data_var
            return (t / (self.data_var * total)).sqrt() * clean - (self.data_var / total).sqrt() * noise
        return noise if self.preconditioning == "epsilon" else self.data_var.rsqrt() * clean

    def noise(self, t):
        """What the network is told of noise variances t: their level, or sigma."""
        return t.sqrt() if self.network.sees_sigma else self.level(t)

    def coefficients(self, t):
        """c_skip, c_out and c_in at noise variances t (members, levels, 1, 1); they broadcast with t."""
        if self.preconditioning == "edm":
            total = t + self.data_var
            return self.data_var / total, (t * self.data_var / total).sqrt(), total.rsqrt()
        seen = self.data_var * (1 + t) if self.schedule == "vp" else self.data_var
        if self.preconditioning == "epsilon":
            return torch.ones_like(t), -t.sqrt(), seen.rsqrt()
        return torch.zeros_like(t), self.data_var.sqrt(), seen.rsqrt()

    def loss_weight(self, t):
        """Weight of the squared error at noise variances t (members, levels, 1, 1): 1 / c_out^2; broadcasts with t.

        One over the mean squared error of a fresh network, whose F is 0, so that its loss is one at every noise
        level. For edm that is its own weight (Karras et al. 2022); for epsilon 1 / t, the usual |F - w|^2; for x0
        1 / v, up to a constant the usual |F - x_0|^2. A weight 1 / t would give a fresh x0 network the loss v / t,
        nearly all of it at the least noise.
        """
        return self.coefficients(t)[1] ** -2

    def flops(self, levels, samples):
        """Floating-point operations of one training step of one member, `samples` points at each of `levels` levels.

        Six per multiply-add of the layers' matrix products: two forwards, four backwards (the gradients of input and
        weight); four for the layers that see the inputs, which need no gradient of them. A layer that sees the noise
        alone is applied once per level. The rest is not counted.
        """
        layers = [(name, layer) for name, layer in self.network.named_modules() if isinstance(layer, Linear)]
        rows = {True: levels, False: levels * samples}
        return sum(
            (4 if name in ("embed", "enter") else 6) * rows[name in Conditioned.SEE_NOISE] * layer.weight[0].numel()
            for name, layer in layers
        )


def build(name, generators, dim, depth):
    """The network of a study's network axis, as `gated-64` or `linear`: one member per generator, of torch's CPU
    generators. depth: blocks, of families whose name carries a width."""
    family, _, width = name.partition("-")
    network = resolve_name(NETWORKS[family].where)
    return network(generators, dim, int(width), depth) if NETWORKS[family].has_width else network(generators, dim)
