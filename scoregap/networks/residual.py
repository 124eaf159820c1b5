"""Residual networks that see the noise level: plain, gated, scaled, with a bypass, normalised, and the paper's.

noisy points (..., dim), noise level (..., 1), which broadcast -> outputs like the points
"""

import torch
from torch import nn
from torch.nn.functional import silu

from scoregap.networks.layers import EMBEDDING, FREQUENCIES, Conditioned, linear


class ResMLP(Conditioned):
    """SiLU blocks that see the noise level, which gates the features once more just before the output.

    A variant says in `add_blocks` which layers its blocks have, in `inside` what `mix` adds to the features of a block,
    in `features` what the output is read from, and in `scale` what it is multiplied by before.
    """

    output_gate = True

    def __init__(
        self, dim: int, width: int, depth: int, frequencies: torch.Tensor = FREQUENCIES, embedding: int = EMBEDDING
    ):
        super().__init__(frequencies, embedding)
        self.depth = depth
        self.enter = linear(dim, width)
        self.condition = linear(embedding, (depth + self.output_gate) * width)
        self.add_blocks(width)
        self.leave = linear(width, dim, gain=0.0)

    def add_blocks(self, width: int) -> None:
        """Make the layers of the blocks."""
        self.linear = linears(self.depth, width)
        self.mix = linears(self.depth, width, gain=0.5)

    def inside(self, k: int, h: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        """What `mix` adds of block k for features h (..., width); the condition broadcasts with them."""
        return silu(self.linear[k](h) + condition)

    def features(self, h: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """What the output is read from, given the features after the last block, and the points."""
        return h

    def scale(self, condition: torch.Tensor) -> torch.Tensor:
        """What the features are multiplied by just before the output, given what is made of the noise (..., width)."""
        return 1 + condition

    def conditions(self, level: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """What every block is told of the noise (..., width), and what gates the output."""
        return self.condition(self.embedded(level)).chunk(self.depth + self.output_gate, -1)

    def forward(self, x: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        conditions, h = self.conditions(level), self.enter(x)
        for k in range(self.depth):
            h = h + self.mix[k](self.inside(k, h, conditions[k]))
        h = self.features(h, x)
        return self.leave(h * self.scale(conditions[-1]) if self.output_gate else h)


class Gated(ResMLP):
    """Blocks of value times gate, the gate seeing the noise level (theory.md 5).

    A SiLU residual network of this size sits for a long time on the score of the Gaussian with the
    data's covariance; the product of two linear features leaves that plateau.
    """

    def add_blocks(self, width: int) -> None:
        self.values, self.gates = linears(self.depth, width), linears(self.depth, width)
        self.mix = linears(self.depth, width, gain=0.5)

    def inside(self, k: int, h: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        return self.values[k](h) * silu(self.gates[k](h) + condition)


class Scaled(Gated):
    """`Gated` whose features are multiplied by exp(condition) before the output.

    Where the manifold is curved, F has to grow as t^(-1/2) at small t to take normal directions out: the exponential of
    something linear in the level log t (docs/explanation/training.md).
    """

    def scale(self, condition: torch.Tensor) -> torch.Tensor:
        return condition.exp()


class Bypass(Scaled):
    """`Scaled` whose output is read from a linear map of the points, too, which its blocks do not touch.

    A network that predicts the noise passes all directions on, and without a bypass its blocks have what is left of the
    features. The map's outputs (..., dim) are multiplied by exp(condition), as features are.
    """

    def __init__(self, dim: int, width: int, depth: int):
        super().__init__(dim, width, depth)
        self.past = linear(dim, dim)
        self.condition = linear(EMBEDDING, (depth + 1) * width + dim)
        self.leave = linear(width + dim, dim, gain=0.0)
        self.sizes = [width] * depth + [width + dim]

    def features(self, h: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([h, self.past(x)], -1)

    def conditions(self, level: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.condition(self.embedded(level)).split(self.sizes, -1)


class Normed(ResMLP):
    """`ResMLP` whose blocks and output see the features divided by their root mean square (Zhang and Sennrich 2019).

    A layer can make the features span the data alone; dividing by their length then takes a point to a sphere, which
    blocks without it must build from products. It works where the network predicts the clean point: one that predicts
    noise must keep the normal directions among its features, and their length is the noise's.
    """

    def inside(self, k: int, h: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        return super().inside(k, normed(h), condition)

    def features(self, h: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return normed(h)


class Paper(ResMLP):
    """The authors' tabular network: hidden 128, 2 residual blocks, sinusoidal embedding 128 -> 512 of sigma, as in the
    code of their companion paper (Achilli et al. 2024; theory.md 5, "authors' recipe"). What is not known of it is as
    in `ResMLP`: SiLU, the inside of a block, the first weights.
    """

    sees_sigma = True
    sees_exploding = True
    output_gate = False

    def __init__(self, dim: int):
        frequencies = 10_000.0 ** -(torch.arange(64) / 63)  # of Vaswani et al. 2017, as score networks use them
        super().__init__(dim, width=128, depth=2, frequencies=frequencies, embedding=512)


def linears(count: int, width: int, gain: float = 1.0) -> nn.ModuleList:
    """So many layers from features to features."""
    return nn.ModuleList(linear(width, width, gain) for _ in range(count))


def normed(h: torch.Tensor) -> torch.Tensor:
    """Features (..., width) divided by their root mean square."""
    return h * inverse_rms(h)


def inverse_rms(h: torch.Tensor) -> torch.Tensor:
    """One over the root mean square of features (..., width)."""
    return torch.rsqrt(h.square().mean(-1, keepdim=True) + 1e-6)
