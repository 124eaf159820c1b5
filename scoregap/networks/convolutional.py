"""Exact Jacobians of a `unet`, at nearly the cost of the convolutions they contain.

(ensemble of one U-Net, noisy points, noise variances) -> outputs of F and a function that pulls cotangents back

One forward pass keeps the slopes of the nonlinearities. The map from cotangents of the output to those of the input is
then convolutions, by the same kernels turned round, and products with slopes, of ROWS rows of the Jacobian at a time.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn.functional import conv2d, pixel_shuffle, pixel_unshuffle

from scoregap.networks.unet import FOLD, Unet

ROWS = 32  # of a Jacobian that are pulled back at once: they fit into the cache, and more gain nothing


def linearised(network: Unet, x: Tensor, level: Tensor) -> tuple[Tensor, Callable[[int], Tensor]]:
    """Outputs of F at points x (T, points, d) that are told levels (T, 1, 1), and its Jacobian (d, d) at the i-th of
    all points, where row j is the gradient of output j. network: stacked, of one member."""
    tensors = {name: one[0] for name, one in (*network.named_parameters(), *network.named_buffers())}
    slopes: list[Tensor] = []
    outputs = functional_call(network, tensors, (x, level, slopes))
    back = {name: _turned(one) for name, one in tensors.items() if one.dim() == 4}
    identity = network.folded(torch.eye(x.shape[-1], dtype=x.dtype, device=x.device))

    def rows(i: int) -> Tensor:
        own = [one[i] for one in slopes]
        return network.unfolded(torch.cat([_pulled(network, some, own, back) for some in identity.split(ROWS)]))

    return outputs, rows


def _turned(kernel: Tensor) -> Tensor:
    """The kernel (outputs, inputs, side, side) by which cotangents go back through a convolution."""
    return kernel.flip(2, 3).transpose(0, 1).contiguous()


def _pulled(network: Unet, rows: Tensor, slopes: list[Tensor], back: dict[str, Tensor]) -> Tensor:
    """Cotangents of folded outputs (rows, channels, height, width), taken back to the folded inputs."""
    *of_blocks, scale = slopes

    def through(name: str, h: Tensor) -> Tensor:
        kernel = back[f"{name}.weight"]
        return conv2d(h, kernel, padding=kernel.shape[-1] // 2)

    def through_blocks(name: str, h: Tensor) -> Tensor:
        for k in reversed(range(len(getattr(network, name)))):
            inside = through(f"{name}.{k}.mix", h).mul_(of_blocks.pop())
            h = h + through(f"{name}.{k}.inside", inside)
        return h

    past = through_blocks("up", through("leave", rows).mul_(scale))
    h = through_blocks("middle", through("widen", pixel_unshuffle(past, FOLD)))
    h = through_blocks("down", past + pixel_shuffle(through("shrink", h), FOLD))
    return through("enter", h)
