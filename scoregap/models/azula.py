"""Denoisers of azula: objects that know their schedule and answer with a posterior.

MODULE:NAME of a denoiser (and weights) -> Loaded

azula itself is not imported here: `denoiser.schedule(clock)` gives alpha and sigma for clocks from 0 to 1, and
`denoiser(x_t, clock).mean` is E[x_0|x_t]. Both are asked in float64, of which the backbone makes its own type: in
float32 the schedule would cost up to 7e-5 in the Jacobian at small t.
"""

import numpy as np
import torch
from torch import Tensor

from scoregap.models import Declared
from scoregap.models.base import Loaded
from scoregap.models.callables import found
from scoregap.models.schedules import of_scales


def load(declared: Declared) -> Loaded:
    """The denoiser that a path means. Raises InputError if it is none."""
    denoiser = found(declared)
    if not callable(getattr(denoiser, "schedule", None)):
        raise declared.refused("path", "should be a denoiser of azula, which has a schedule", declared.settings.path)

    def scales(clock: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        alpha, sigma = denoiser.schedule(torch.tensor(clock, dtype=torch.float64))
        return alpha.double().numpy(), sigma.double().numpy()

    def mean(x: Tensor, clock: Tensor) -> Tensor:
        return denoiser(x, clock).mean

    return Loaded(mean, of_scales(scales), "x0", declared.settings.shape or (), torch.float64)
