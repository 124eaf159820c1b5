"""What the project's own networks share: linear layers with Gaussian first weights, and an embedding of the noise.

noise level (..., 1) -> features of it (..., embedding)
"""

import math

import torch
from torch import nn
from torch.nn.functional import silu

FREQUENCIES = math.pi / 2 * torch.arange(1, 17)  # of a level in [-1, 1]
EMBEDDING = 64


def linear(inputs: int, outputs: int, gain: float = 1.0) -> nn.Linear:
    """An affine map whose first weights are Gaussian and change the variance by gain^2; with gain 0 it is zero."""
    layer = nn.utils.skip_init(nn.Linear, inputs, outputs)
    weight = torch.randn(inputs, outputs).T * (gain / math.sqrt(inputs)) if gain else torch.zeros(outputs, inputs)
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.zero_()
    return layer


class Conditioned(nn.Module):
    """A network that is told the noise by sines and cosines of its level, or of sigma = sqrt(t).

    Made of `linear` layers and operations that broadcast, so that many members can be run at once
    (`scoregap.networks.ensemble`); a level that points share is embedded once.
    """

    stacks = True
    frequencies: torch.Tensor

    def __init__(self, frequencies: torch.Tensor = FREQUENCIES, embedding: int = EMBEDDING):
        super().__init__()
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.embed = linear(2 * len(frequencies), embedding)

    def embedded(self, level: torch.Tensor) -> torch.Tensor:
        """(..., 1) -> (..., embedding)."""
        phase = level * self.frequencies
        return silu(self.embed(torch.cat([phase.sin(), phase.cos()], -1)))
