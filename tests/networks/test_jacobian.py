"""Jacobians by forward and reverse mode against finite differences, torch's own and linear maps."""

import numpy as np
import pytest
import torch

from scoregap.networks import ensemble, jacobian
from scoregap.networks.denoiser import Denoiser


def denoiser(dim=5, seed=0):
    """A double-precision denoiser at one noise level per row of points: (levels, n, d) -> like it."""
    g = torch.Generator().manual_seed(seed)
    module = Denoiser(ensemble.build("gated-12", [seed], dim, 2), [0.8], (1e-3, 10.0))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=g)
    module = module.double().requires_grad_(False)
    t = torch.tensor([[0.01, 0.3, 5.0]], dtype=torch.float64)
    return lambda x: module(x[None], t)[0]


def points(dim=5, n=4):
    return torch.randn(3, n, dim, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


MODES = pytest.mark.parametrize("mode", ["forward", "reverse"])


@MODES
def test_a_linear_map_is_its_own_jacobian(mode):
    """Not symmetric: rows are outputs, columns inputs."""
    matrix = torch.randn(6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = torch.randn(2, 3, 6, dtype=torch.float64)
    denoised, g = jacobian.denoiser_jacobian(lambda x: x @ matrix.T + 1.0, x, mode=mode)
    np.testing.assert_allclose(g, np.broadcast_to(matrix.numpy(), (2, 3, 6, 6)), atol=1e-14)
    np.testing.assert_allclose(denoised, (x @ matrix.T + 1.0).numpy())


@MODES
def test_matches_torch(mode):
    denoise, x = denoiser(), points()
    denoised, g = jacobian.denoiser_jacobian(denoise, x, mode=mode)
    assert torch.equal(torch.from_numpy(denoised), denoise(x))
    whole = torch.autograd.functional.jacobian(denoise, x).numpy()  # (3, 4, 5, 3, 4, 5)
    for i in range(3):
        for j in range(4):
            np.testing.assert_allclose(g[i, j], whole[i, j, :, i, j, :], rtol=1e-10, atol=1e-12)
    assert np.abs(g - np.swapaxes(g, -1, -2)).max() > 0.01  # so rows and columns are told apart


def test_matches_finite_differences():
    denoise, x, h = denoiser(), points(), 1e-5
    _, g = jacobian.denoiser_jacobian(denoise, x)
    for j in range(5):
        step = torch.zeros(5, dtype=torch.float64)
        step[j] = h
        numeric = ((denoise(x + step) - denoise(x - step)) / (2 * h)).numpy()
        np.testing.assert_allclose(g[..., j], numeric, atol=1e-7)


@MODES
@pytest.mark.parametrize("chunk", [1, 2, 5, 64])
def test_chunks_do_not_matter(chunk, mode):
    expected = jacobian.denoiser_jacobian(denoiser(), points())[1]
    np.testing.assert_allclose(jacobian.denoiser_jacobian(denoiser(), points(), chunk, mode)[1], expected, atol=1e-13)


def test_products_are_those_of_the_jacobian_and_of_its_transpose():
    module, x = denoiser(), points()[1, 0]
    _, g = jacobian.denoiser_jacobian(module, points())

    def one_level(z):  # (1, d) at the second noise level
        return module(torch.stack([z, z, z]))[1]

    forward, back = jacobian.products(one_level, x, chunk=2)
    rows = np.random.default_rng(0).standard_normal((7, 5))
    np.testing.assert_allclose(forward(rows), rows @ g[1, 0].T, atol=1e-12)
    np.testing.assert_allclose(back(rows), rows @ g[1, 0], atol=1e-12)
    assert forward(rows).dtype == back(rows).dtype == np.float64


@MODES
def test_single_precision_comes_back_as_double_without_a_graph(mode):
    weight = torch.nn.Parameter(torch.eye(3))
    denoised, g = jacobian.denoiser_jacobian(lambda x: torch.tanh(x @ weight), torch.zeros(2, 3), mode=mode)
    assert denoised.dtype == g.dtype == np.float64
    np.testing.assert_allclose(g, np.broadcast_to(np.eye(3), (2, 3, 3)), atol=1e-7)
    assert weight.grad is None


def test_exact_posterior_of_a_gaussian():
    """G = v / (v + t) along each axis."""
    v, t = torch.tensor([4.0, 1.0, 0.01], dtype=torch.float64), 0.5
    _, g = jacobian.denoiser_jacobian(lambda x: x * v / (v + t), torch.randn(7, 3, dtype=torch.float64))
    np.testing.assert_allclose(g, np.broadcast_to(np.diag((v / (v + t)).numpy()), (7, 3, 3)), atol=1e-15)
