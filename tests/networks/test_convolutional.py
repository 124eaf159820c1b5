"""Jacobians of U-Nets, pulled back by hand, against automatic differentiation."""

import numpy as np
import pytest
import torch
from jacobians import denoiser, inputs, same

from scoregap.networks import analytic, convolutional

SHAPES = [(4, 8), (1, 8, 8), (8, 12, 3), (3, 8, 8), (12, 4)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("depth", [1, 2])
def test_jacobians_of_pictures_of_every_kind(shape, depth, monkeypatch):
    """With rows of which the chunk is no divisor."""
    monkeypatch.setattr(convolutional, "ROWS", 7)
    d = int(np.prod(shape))
    module = denoiser(f"unet-{4 * depth}", d, shape=shape)
    assert len(module.network.middle) == 2  # the tests' depth
    g = same(module, *inputs(d, n=2), rtol=1e-10, atol=1e-9)  # entries are of thousands
    assert np.abs(g - np.swapaxes(g, -1, -2)).max() > 0.01


@pytest.mark.parametrize("preconditioning", ["edm", "epsilon", "x0"])
def test_every_preconditioning(preconditioning):
    module = denoiser("unet-8", 16, preconditioning, shape=(4, 4))
    same(module, *inputs(16), rtol=1e-10, atol=1e-12)


def test_axes_of_a_covariance_are_differentiated_automatically():
    """A study does not allow them; who builds a denoiser may."""
    same(denoiser("unet-8", 16, "covariance", shape=(4, 4)), *inputs(16), rtol=0)


def test_single_precision_is_kept():
    module = denoiser("unet-8", 16, dtype=torch.float32, shape=(4, 4))
    x, t = inputs(16, dtype=torch.float32)
    found = analytic.network_jacobian(module, x, t)[1]
    exact = analytic.network_jacobian(module.double(), x.double(), t.double())[1]
    assert 1e-9 < np.abs(found - exact).max() < 1e-5 * np.abs(exact).max()
