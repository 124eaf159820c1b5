"""Denoisers with random weights, and their Jacobians by hand against those by automatic differentiation."""

import numpy as np
import torch
from axes import preconditioned

from scoregap.networks import analytic, ensemble, jacobian
from scoregap.networks.denoiser import Denoiser

T = (0.01, 0.3, 5.0)


def denoiser(name, dim=5, preconditioning="edm", schedule="ve", dtype=torch.float64, rank=None, shape=None):
    """One network whose weights and biases are all random, those of conditions and output included."""
    g = torch.Generator().manual_seed(3)
    network = ensemble.build(name, [3], dim, 2, shape)
    how = preconditioned(preconditioning, dim, 0.8, rank=rank)
    module = Denoiser(network, [0.8], (1e-3, 10.0), schedule=schedule, **how)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=g)
    return module.to(dtype).requires_grad_(False)


def inputs(dim=5, n=4, dtype=torch.float64):
    x = torch.randn(len(T), n, dim, generator=torch.Generator().manual_seed(1), dtype=dtype)
    return x, torch.tensor(T, dtype=dtype)


def automatic(module, x, t):
    return jacobian.denoiser_jacobian(lambda x: module(x[None], t[None])[0], x)


def same(module, x, t, **how):
    denoised, g = analytic.network_jacobian(module, x, t)
    expected, whole = automatic(module, x, t)
    assert denoised.dtype == g.dtype == np.float64
    np.testing.assert_array_equal(denoised, expected)
    np.testing.assert_allclose(g, whole, **how)
    return g
