"""A control that sees no curvature.

noisy points (..., dim), noise level (..., 1), which broadcast -> outputs like the points, affine in them
"""

import torch

from scoregap.networks.layers import EMBEDDING, Conditioned, linear


class TimeLinear(Conditioned):
    """Affine in x at every noise level: W_out (h(level) * W_in x) + b(level).

    Under squared error the best such denoiser is the linear one with the data's mean and covariance, Sigma (Sigma +
    t)^-1 x for centred data: exactly the score that the network axis calls `gaussian`.
    """

    def __init__(self, dim: int):
        super().__init__()
        self.enter = linear(dim, dim)
        self.condition = linear(EMBEDDING, dim)
        self.leave = linear(dim, dim, gain=0.0)
        self.shift = linear(EMBEDDING, dim, gain=0.0)

    def forward(self, x: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        embedded = self.embedded(level)
        return self.leave(self.enter(x) * (1 + self.condition(embedded))) + self.shift(embedded)
