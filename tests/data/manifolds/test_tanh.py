"""tanh of the linear model: embedding, tangents and covariance."""

import mpmath as mp
import numpy as np
import pytest
from derivatives import check_slopes_and_tangents

from scoregap import data
from scoregap.data.manifolds.tanh import tanh_covariance


def family(curvature=1.0, ambient_dim=9, seed=3, **settings):
    return data.manifold("tanh", ambient_dim, [(2, 0.4), (1, 1.0)], curvature, seed, **settings)


def test_embedding_is_tanh_of_the_linear_model():
    bent = family()
    flat = data.manifold("linear", 9, bent.groups, 0.0, 3)
    latents = np.random.default_rng(0).standard_normal((5, 3)) * bent.scales
    np.testing.assert_allclose(np.tanh(bent.kappa * flat.embed(latents)) / bent.kappa, bent.embed(latents))
    np.testing.assert_array_equal(flat.embed(latents), family(0.0).embed(latents))
    np.testing.assert_allclose(family(1e-5).embed(latents), flat.embed(latents), atol=1e-8)
    points, latents = bent.sample(np.random.default_rng(1), 4)
    np.testing.assert_array_equal(points, bent.embed(latents))


@pytest.mark.parametrize("curvature", [0.0, 1.0, 4.0])
def test_tangents(curvature):
    bent = family(curvature)
    latents = np.random.default_rng(1).standard_normal((4, 3)) * bent.scales
    numeric, tangents = check_slopes_and_tangents(bent, latents)
    assert (np.einsum("ndm,ndm->nm", tangents, numeric) > 0).all()
    assert bent.group_of.tolist() == [0, 1, 1]


def pair(a, b, rho):
    """E[tanh u tanh v] by Gauss-Legendre panels over two independent normals."""
    x, w = np.polynomial.legendre.leggauss(16)
    nodes = (np.arange(-9, 9, 0.2)[:, None] + 0.1 * (x + 1)).ravel()
    weights = np.tile(0.1 * w, 90) * np.exp(-0.5 * nodes**2) / np.sqrt(2 * np.pi)
    inner = np.tanh(b * (rho * nodes[:, None] + np.sqrt(1 - rho**2) * nodes)) @ weights
    return (weights * np.tanh(a * nodes)) @ inner


@pytest.mark.parametrize(("a", "b", "rho"), [(0.05, 0.3, 0.5), (1.0, 0.4, -0.8), (2.0, 1.5, 0.3), (6.0, 6.0, 1.0)])
def test_covariance_matches_quadrature(a, b, rho):
    found = tanh_covariance(np.array([[a * a, a * b * rho], [a * b * rho, b * b]]))
    expected = np.array([[pair(a, a, 1.0), pair(a, b, rho)], [pair(a, b, rho), pair(b, b, 1.0)]])
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_variance_matches_mpmath():
    for a in (0.1, 0.3, 1, 6.0):  # an integer, too
        expected = 2 * mp.quad(lambda x, a=a: mp.tanh(a * x) ** 2 * mp.npdf(x), mp.linspace(0, 10, 21))
        np.testing.assert_allclose(tanh_covariance(np.array([[a * a]])), float(expected), rtol=1e-9)


def test_covariance_of_small_and_large_arguments():
    """Small: the linear covariance. Large: that of signs, 2 / pi asin rho, up to 1 / a. Blocks do not matter."""
    rho = np.array([[1, 0.3, -0.7], [0.3, 1, 0.1], [-0.7, 0.1, 1]])
    np.testing.assert_allclose(tanh_covariance(1e-10 * rho), 1e-10 * rho, rtol=1e-8)
    np.testing.assert_allclose(tanh_covariance(400 * rho), 2 / np.pi * np.arcsin(rho), atol=0.05)
    np.testing.assert_allclose(tanh_covariance(rho, block=1), tanh_covariance(rho), rtol=1e-13)


@pytest.mark.parametrize("curvature", [0.0, 0.5, 3.0])
def test_principal_axes_are_the_covariance_of_the_data(curvature):
    bent, n = family(curvature), 40_000
    points, latents = bent.sample(np.random.default_rng(2), n)
    np.testing.assert_allclose(latents.std(0), bent.scales, rtol=4 / np.sqrt(2 * n))
    axes, variances = bent.principal_axes
    assert len(variances) == (9 if curvature else 3)
    assert (np.diff(variances) <= 0).all()
    assert (variances >= 0).all()
    np.testing.assert_allclose(axes.T @ axes, np.eye(len(variances)), atol=1e-12)
    assert np.all(np.abs(points.mean(0)) < 4.5 * points.std(0) / np.sqrt(n))
    products = points[:, :, None] * points[:, None, :]
    assert np.all(np.abs(products.mean(0) - bent.covariance) < 4.5 * products.std(0) / np.sqrt(n) + 1e-15)


def test_same_draws_whatever_the_curvature():
    np.testing.assert_array_equal(family(0.3).scales, family(2.0).scales)
    np.testing.assert_array_equal(family(0.3).tangent_frame, family(2.0).tangent_frame)
    assert np.abs(family(seed=4).tangent_frame - family().tangent_frame).max() > 0.1


def test_flat_is_the_closed_form():
    flat = family(0.0)
    x = np.random.default_rng(4).standard_normal((3, 9))
    expected = data.manifold("linear", 9, flat.groups, 0.0, 3).exact(x, 0.2)
    np.testing.assert_array_equal(flat.exact(x, 0.2).mean, expected.mean)
    np.testing.assert_array_equal(flat.exact(x, 0.2).eigenvalues, expected.eigenvalues)


def test_room():
    assert data.FAMILIES["tanh"].room([2, 1], 1.0) == 3
    square = data.manifold("tanh", 3, [(3, 1.0)], 1.0)
    assert square.exact(square.sample(np.random.default_rng(0), 2)[0], 0.1).mean.shape == (2, 3)
    assert data.FAMILIES["tanh"].exact == "sampled"
    lengths = family(frame="orthonormal").scales
    np.testing.assert_allclose(lengths, np.sqrt(3) * np.array([1.0, 0.4, 0.4]))
