"""Networks as a user writes them, each with something that the project's own do not have."""

import numpy as np
import torch
from torch import nn


class MLP(nn.Module):
    """The plainest one: no zero output, no embedding."""

    def __init__(self, dim, width=16):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(dim + 1, width), nn.SiLU(), nn.Linear(width, dim))

    def forward(self, x, level):
        return self.layers(torch.cat([x, level.expand(*x.shape[:-1], 1)], -1))


class Features(nn.Module):
    """Random features that are a buffer, weights that take no gradient, a layer in two places, weights in two layers, a
    lone number; it sees sigma."""

    sees_sigma = True

    def __init__(self, dim, width, depth=2):
        super().__init__()
        self.register_buffer("frequencies", torch.randn(width // 2))
        self.enter = nn.Linear(dim, width)
        self.enter.weight.requires_grad_(False)
        self.shared = nn.Linear(width, width, bias=False)
        self.again = self.shared
        self.tied = nn.Linear(width, width)
        self.tied.weight = self.shared.weight
        self.scale = nn.Parameter(torch.tensor(0.7))
        self.leave = nn.Linear(width, dim)

    def forward(self, x, level):
        waves = torch.cat([(level * self.frequencies).sin(), (level * self.frequencies).cos()], -1)
        h = torch.tanh(self.enter(x) + waves)
        return self.leave(h + self.scale * self.again(torch.tanh(self.tied(self.shared(h)))))


class Shift(nn.Module):
    """Nothing in it is a product of matrices."""

    def __init__(self, dim):
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.ones(dim)), nn.Parameter(torch.zeros(dim))

    def forward(self, x, level):
        return x * self.scale + level * self.shift


class Stacked(MLP):
    """`MLP`, with the layers of all members at once."""

    stacks = True


class Mixes(Shift):
    """Wrong: a point's answer depends on the others."""

    def forward(self, x, level):
        return x - x.mean(-2, keepdim=True)


class Short(Shift):
    """Wrong: too few coordinates."""

    def forward(self, x, level):
        return x[..., :1]


class Random(Shift):
    """Wrong: draws at random."""

    def forward(self, x, level):
        return x + torch.rand(())


class Crossed(Stacked):
    """Wrong: says that it stacks, and its dimensions do not broadcast over members."""

    def forward(self, x, level):
        return self.layers(torch.cat([x, level.expand(*x.shape[:-1], 1)], -1)) * (2.0 if x.ndim > 3 else 1.0)


class Needs(Shift):
    """Wrong: needs what nobody gives."""

    def __init__(self, dim, *more, heads, **others):
        super().__init__(dim)


class Waves(MLP):
    """Wrong: what it draws is a buffer that is not kept."""

    def __init__(self, dim, width=16):
        super().__init__(dim, width)
        self.register_buffer("drawn", torch.randn(dim), persistent=False)

    def forward(self, x, level):
        return super().forward(x * self.drawn, level)


class Loose(MLP):
    """Wrong: what it draws is neither a parameter nor a buffer."""

    def __init__(self, dim, width=16):
        super().__init__(dim, width)
        self.drawn = torch.randn(dim)

    def forward(self, x, level):
        return super().forward(x * self.drawn, level)


class Drawn(Stacked):
    """Wrong: says that it stacks, and has a buffer of its own in every member."""

    def __init__(self, dim, width=16):
        super().__init__(dim, width)
        self.register_buffer("drawn", torch.randn(dim))

    def forward(self, x, level):
        return super().forward(x * self.drawn, level)


class Zero(Stacked):
    """Its first answers are zero, as those of many networks; right by itself."""

    def __init__(self, dim, width=16):
        super().__init__(dim, width)
        nn.init.zeros_(self.layers[2].weight)
        nn.init.zeros_(self.layers[2].bias)


class Dropped(Zero):
    """Wrong: draws at random, which first answers of zero hide."""

    def forward(self, x, level):
        return super().forward(nn.functional.dropout(x, 0.5), level)


class Batched(Zero):
    """Wrong: a point's answer depends on the others, which first answers of zero hide."""

    def forward(self, x, level):
        return super().forward(x - x.mean((-3, -2), keepdim=True), level)


class Elsewhere(MLP):
    """Wrong: its first weights are not drawn by torch."""

    def __init__(self, dim, width=16):
        super().__init__(dim, width)
        with torch.no_grad():
            self.layers[0].bias += float(np.random.standard_normal())  # noqa: NPY002 (that is what is wrong)


class Fails(MLP):
    """Wrong: raises."""

    def forward(self, x, level):
        return self.layers(torch.cat([x, level], -1))


class Bends(MLP):
    """Wrong: asks for a value, which members at once cannot give."""

    def forward(self, x, level):
        return x if x.sum() > 0 else -x


class Empty(nn.Module):
    """Wrong: has no weights."""

    def __init__(self, dim):
        super().__init__()

    def forward(self, x, level):
        return x


class Twice(Stacked):
    """A layer in two places, and layers of all members at once."""

    def __init__(self, dim, width=16):
        super().__init__(dim, width)
        self.inner = nn.Linear(dim, dim)
        self.again = self.inner

    def forward(self, x, level):
        return super().forward(self.again(torch.tanh(self.inner(x))), level)
