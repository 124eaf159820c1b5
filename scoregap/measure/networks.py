"""Denoising networks, several of one shape at a time.

(noisy points, noise variances) -> denoised points

An ensemble is one module whose parameters carry a leading `member` dimension; members share nothing
but the arithmetic, so a member's output and gradient are the same alone and in company.
"""

import math
from pkgutil import resolve_name

import torch
from torch import nn

from scoregap.measure import NETWORKS


class Linear(nn.Module):
    """`members` independent affine maps, (members, n, inputs) -> (members, n, outputs)."""

    def __init__(self, generators, inputs, outputs, gain=1.0):
        super().__init__()
        weights = [torch.randn(inputs, outputs, generator=g) * (gain / math.sqrt(inputs)) for g in generators]
        self.weight = nn.Parameter(torch.stack(weights))
        self.bias = nn.Parameter(torch.zeros(len(generators), 1, outputs))

    def forward(self, x):
        return torch.baddbmm(self.bias, x, self.weight)


class Gated(nn.Module):
    """Residual blocks of value times gate, the gate seeing the noise level (THEORY.md 5).

    A SiLU residual network of this size sits for a long time on the score of the Gaussian with the
    data's covariance; the product of two linear features leaves that plateau. The features are gated by
    the noise level once more just before the output.
    """

    def __init__(self, generators, dim, width, depth, frequencies=16, embedding=64):
        super().__init__()
        self.register_buffer("frequencies", math.pi / 2 * torch.arange(1, frequencies + 1))
        self.embed = Linear(generators, 2 * frequencies, embedding)
        self.enter = Linear(generators, dim, width)
        self.condition = Linear(generators, embedding, (depth + 1) * width)
        self.values = nn.ModuleList(Linear(generators, width, width) for _ in range(depth))
        self.gates = nn.ModuleList(Linear(generators, width, width) for _ in range(depth))
        self.mix = nn.ModuleList(Linear(generators, width, width, gain=0.5) for _ in range(depth))
        self.leave = Linear(generators, width, dim, gain=0.0)

    def forward(self, x, level):
        """x: (members, levels, n, dim); level: (members, levels) in [-1, 1] -> like x."""
        members, levels, n, dim = x.shape
        phase = level[..., None] * self.frequencies
        embedded = nn.functional.silu(self.embed(torch.cat([phase.sin(), phase.cos()], -1)))
        conditions = self.condition(embedded)[:, :, None].chunk(len(self.values) + 1, -1)

        def per_level(h):
            return h.view(members, levels, n, -1)

        h = self.enter(x.reshape(members, levels * n, dim))
        for value, gate, mix, condition in zip(self.values, self.gates, self.mix, conditions, strict=False):
            gated = per_level(value(h)) * nn.functional.silu(per_level(gate(h)) + condition)
            h = h + mix(gated.view_as(h))
        h = (per_level(h) * (1 + conditions[-1])).view_as(h)
        return per_level(self.leave(h))


class Denoiser(nn.Module):
    """An ensemble of networks with EDM preconditioning (Karras et al. 2022, Table 1).

    D(x, t) = c_skip x + c_out F(c_in x, level); data_std is the root mean variance per coordinate, and
    level is log t mapped from `noise_range` to [-1, 1].
    """

    def __init__(self, network, data_std, noise_range):
        super().__init__()
        self.network = network
        self.register_buffer("data_var", torch.as_tensor(data_std, dtype=torch.float32)[:, None, None, None] ** 2)
        self.noise_range = noise_range

    def network_parameters(self):
        """(name, tensor with leading dimension member) of everything that is trained."""
        return self.network.named_parameters()

    def level(self, t):
        low, high = (math.log(v) for v in self.noise_range)
        return (2 * torch.log(t) - (low + high)) / (high - low)

    def forward(self, x, t):
        """x: (members, levels, n, dim); t: (members, levels) noise variances -> E[x0 | x], like x."""
        level = self.level(t)
        t = t[..., None, None]
        total = t + self.data_var
        raw = self.network(x * total.rsqrt(), level)
        return self.data_var / total * x + (t * self.data_var / total).sqrt() * raw


def build(name, generators, dim, depth):
    """The network of a study's network axis, as `gated-64`: one member per generator, of torch's CPU generators."""
    family, width = name.rsplit("-", 1)
    return resolve_name(NETWORKS[family])(generators, dim, int(width), depth)
