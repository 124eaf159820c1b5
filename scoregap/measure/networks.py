"""Denoising networks, several of one shape at a time.

(noisy points, noise variances) -> denoised points

An ensemble is one module whose parameters carry a leading `member` dimension; members share nothing
but the arithmetic, so a member's output and gradient are the same alone and in company.
"""

import math
from pkgutil import resolve_name

import torch
from torch import nn
from torch.nn.functional import silu

from scoregap.measure import NETWORKS, schedules

FREQUENCIES = math.pi / 2 * torch.arange(1, 17)  # of a level in [-1, 1]
EMBEDDING = 64


class Linear(nn.Module):
    """`members` independent affine maps, (members, n, inputs) -> (members, n, outputs)."""

    def __init__(self, generators, inputs, outputs, gain=1.0):
        super().__init__()
        weights = [torch.randn(inputs, outputs, generator=g) * (gain / math.sqrt(inputs)) for g in generators]
        self.weight = nn.Parameter(torch.stack(weights))
        self.bias = nn.Parameter(torch.zeros(len(generators), 1, outputs))

    def forward(self, x):
        return torch.baddbmm(self.bias, x, self.weight)


class Conditioned(nn.Module):
    """A network that is told the noise by sines and cosines of its level, or of sigma = sqrt(t)."""

    SEE_NOISE = ("embed", "condition", "shift")  # layers that see nothing else
    sees_sigma = False

    def __init__(self, generators, frequencies, embedding):
        super().__init__()
        self.register_buffer("frequencies", frequencies)
        self.embed = Linear(generators, 2 * len(frequencies), embedding)

    def embedded(self, level):
        """(members, levels) -> (members, levels, embedding)."""
        phase = level[..., None] * self.frequencies
        return silu(self.embed(torch.cat([phase.sin(), phase.cos()], -1)))


class Residual(Conditioned):
    """Residual blocks that see the noise level, which gates the features once more just before the output.

    A family is its block: `add_blocks` makes the layers and `block` says what they add to the features.
    """

    output_gate = True

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
        """Output of block k for features h (members, levels, n, width); condition broadcasts with it."""
        raise NotImplementedError

    def forward(self, x, level):
        """x: (members, levels, n, dim); level: (members, levels) in [-1, 1] -> like x."""
        conditions = self.condition(self.embedded(level))[:, :, None].chunk(self.depth + self.output_gate, -1)
        h = per_level(self.enter, x)
        for k in range(self.depth):
            h = h + self.block(k, h, conditions[k])
        h = self.features(h)
        if self.output_gate:
            h = h * (1 + conditions[-1])
        return per_level(self.leave, h)

    def features(self, h):
        """What the output is read from, given the features after the last block."""
        return h


def per_level(layer, h):
    """A `Linear` on features (members, levels, n, inputs), as one product per member."""
    members, levels, n, _ = h.shape
    return layer(h.reshape(members, levels * n, -1)).view(members, levels, n, -1)


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
        return per_level(self.mix[k], per_level(self.values[k], h) * silu(per_level(self.gates[k], h) + condition))


class ResMLP(Residual):
    """SiLU blocks: what `Gated` is compared with, of which it differs in the block alone."""

    def add_blocks(self, generators, width):
        self.linear = nn.ModuleList(Linear(generators, width, width) for _ in range(self.depth))
        self.mix = nn.ModuleList(Linear(generators, width, width, gain=0.5) for _ in range(self.depth))

    def block(self, k, h, condition):
        return per_level(self.mix[k], silu(per_level(self.linear[k], h) + condition))


class Normed(ResMLP):
    """`ResMLP` whose blocks and output see the features divided by their root mean square (Zhang and Sennrich 2019).

    A layer can make the features span the data alone; dividing by their length then takes a point to a sphere, which
    blocks without it must build from products. It works where the network predicts the clean point: one that predicts
    noise must keep the normal directions among its features, and their length is the noise's.
    """

    def block(self, k, h, condition):
        return super().block(k, normed(h), condition)

    def features(self, h):
        return normed(h)


def normed(h):
    """Features (..., width) divided by their root mean square."""
    return h * torch.rsqrt(h.square().mean(-1, keepdim=True) + 1e-6)


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

    def forward(self, x, level):
        """x: (members, levels, n, dim); level: (members, levels) in [-1, 1] -> like x."""
        embedded = self.embedded(level)
        h = per_level(self.enter, x) * (1 + self.condition(embedded)[:, :, None])
        return per_level(self.leave, h) + self.shift(embedded)[:, :, None]


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
        noise = t.sqrt() if self.network.sees_sigma else self.level(t)
        t = t[..., None, None]
        if self.preconditioning == "edm":
            total = t + self.data_var
            raw = self.network(x * total.rsqrt(), noise)
            return self.data_var / total * x + (t * self.data_var / total).sqrt() * raw
        seen = self.data_var * (1 + t) if self.schedule == "vp" else self.data_var
        raw = self.network(x * seen.rsqrt(), noise)
        return x - t.sqrt() * raw if self.preconditioning == "epsilon" else self.data_var.sqrt() * raw

    def loss_weight(self, t):
        """Weight of the squared error at noise variances t (members, levels, 1, 1); broadcasts with t.

        One over the mean squared error of a fresh network, whose F is 0, so that its loss is one at every noise
        level. For edm that is its own weight (Karras et al. 2022); for epsilon 1 / t, the usual |F - w|^2; for x0
        1 / v, up to a constant the usual |F - x_0|^2. A weight 1 / t would give a fresh x0 network the loss v / t,
        nearly all of it at the least noise.
        """
        if self.preconditioning == "edm":
            return (t + self.data_var) / (t * self.data_var)
        return 1 / t if self.preconditioning == "epsilon" else 1 / self.data_var

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
