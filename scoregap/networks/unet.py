"""A small U-Net for pictures (Ronneberger, Fischer and Brox 2015): convolutions at two resolutions, with a way past.

noisy points (..., d), noise level (..., 1), which broadcast -> outputs like the points

A picture is folded, 2 x 2 pixels to one of four times the channels, since convolutions of few channels waste the
processor. There is no normalisation: a residual network this shallow trains as well without, no pixel depends on the
mean of all others, and a Jacobian is then convolutions and products with stored slopes, and nothing else
(`convolutional`). What was measured: docs/explanation/images.md.
"""

import math

import torch
from torch import nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle, silu

from scoregap.networks.layers import EMBEDDING, FREQUENCIES, linear
from scoregap.pictures import picture

FOLD = 2  # side of the squares of pixels that become channels, at the start and between the resolutions
GROWTH = 2  # channels at the low resolution, over those at the high one


class Unet(nn.Module):
    """Residual blocks down, in the middle and up, `depth` of each, that see the noise level.

    shape: of a point: a picture whose sides are multiples of 4. width: channels at the high resolution.
    """

    in_turn = True
    frequencies: torch.Tensor

    def __init__(self, shape: tuple[int, ...], width: int, depth: int = 1):
        super().__init__()
        found = picture(tuple(shape))
        if found is None or found.height % FOLD**2 or found.width % FOLD**2:
            raise ValueError(f"shape {tuple(shape)} is not allowed: should be a picture, its sides multiples of 4")
        self.picture, self.channels_first = found, found.sides == (1, 2) or found.channels == 1
        colours, low = found.channels * FOLD**2, GROWTH * width
        self.register_buffer("frequencies", FREQUENCIES, persistent=False)
        self.embed = linear(2 * len(FREQUENCIES), EMBEDDING)
        self.enter = convolution(colours, width)
        self.down = nn.ModuleList(Block(width) for _ in range(depth))
        self.shrink = convolution(width * FOLD**2, low, 1)
        self.middle = nn.ModuleList(Block(low) for _ in range(depth))
        self.widen = convolution(low, width * FOLD**2, 1, gain=0.5)
        self.up = nn.ModuleList(Block(width) for _ in range(depth))
        self.scale = linear(EMBEDDING, width, gain=0.0)
        self.leave = convolution(width, colours, gain=0.0)

    def forward(self, x: torch.Tensor, level: torch.Tensor, slopes: list[torch.Tensor] | None = None) -> torch.Tensor:
        """slopes: takes those of the blocks' nonlinearities (points, channels, height, width), in their order, and what
        the last features are multiplied by (points, channels, 1, 1), if they are wanted."""
        told = self.embedded(level)
        told = told.expand(*x.shape[:-1], -1).flatten(0, -2) if told.dim() > 1 else told[None]
        h = self.enter(self.folded(x))
        for block in self.down:
            h = block(h, told, slopes)
        past, h = h, self.shrink(pixel_unshuffle(h, FOLD))
        for block in self.middle:
            h = block(h, told, slopes)
        h = past + pixel_shuffle(self.widen(h), FOLD)
        for block in self.up:
            h = block(h, told, slopes)
        scale = 1 + over_pixels(self.scale(told))
        if slopes is not None:
            slopes.append(scale)
        return self.unfolded(self.leave(h * scale)).reshape(x.shape)

    def embedded(self, level: torch.Tensor) -> torch.Tensor:
        """(..., 1) -> (..., EMBEDDING)."""
        phase = level * self.frequencies
        return silu(self.embed(torch.cat([phase.sin(), phase.cos()], -1)))

    def folded(self, x: torch.Tensor) -> torch.Tensor:
        """Points (..., d) as pictures (points, 4 channels, height / 2, width / 2)."""
        height, width, channels, _ = self.picture
        if self.channels_first:
            return pixel_unshuffle(x.reshape(-1, channels, height, width), FOLD)
        return pixel_unshuffle(x.reshape(-1, height, width, channels).movedim(-1, 1), FOLD)

    def unfolded(self, h: torch.Tensor) -> torch.Tensor:
        """Points (points, d) of such pictures."""
        h = pixel_shuffle(h, FOLD)
        return (h if self.channels_first else h.movedim(1, -1)).flatten(1)


class Block(nn.Module):
    """h + mix(silu(inside(h) + what is made of the noise))."""

    def __init__(self, width: int):
        super().__init__()
        self.inside = convolution(width, width)
        self.condition = linear(EMBEDDING, width)
        self.mix = convolution(width, width, gain=0.5)

    def forward(self, h: torch.Tensor, told: torch.Tensor, slopes: list[torch.Tensor] | None = None) -> torch.Tensor:
        """h: (points, width, height, width); told: (points, EMBEDDING)."""
        before = self.inside(h) + over_pixels(self.condition(told))
        if slopes is not None:
            gate = torch.sigmoid(before)
            slopes.append(gate * (1 + before * (1 - gate)))
        return h + self.mix(silu(before))


def convolution(inputs: int, outputs: int, side: int = 3, gain: float = 1.0) -> nn.Conv2d:
    """A convolution whose first weights are Gaussian and change the variance by gain^2; with gain 0 it is zero."""
    layer = nn.utils.skip_init(nn.Conv2d, inputs, outputs, side, padding=side // 2)
    fan_in = inputs * side**2
    with torch.no_grad():
        if gain:
            layer.weight.normal_(std=gain / math.sqrt(fan_in))
        else:
            layer.weight.zero_()
        layer.bias.zero_()
    return layer


def over_pixels(told: torch.Tensor) -> torch.Tensor:
    """(points, channels) for every pixel."""
    return told[..., None, None]
