"""Affine subspaces with independent latents: against the linear model, the latents' laws, brute force over a plane."""

import numpy as np
import pytest

from scoregap import InputError, data
from scoregap.data import FAMILIES, latents


def test_gaussian_latents_are_those_of_a_linear_manifold_of_the_same_lengths():
    groups = [(2, 1.0), (1, 0.3)]
    affine = data.manifold("affine", 7, groups, seed=1)
    linear = data.manifold("linear", 7, groups, seed=1, frame="orthonormal")
    np.testing.assert_allclose(affine.scales, linear.scales)
    x = np.random.default_rng(0).standard_normal((5, 7))
    for t in (1e-6, 0.2, 50.0):
        for one, other in zip(affine.exact(x, t), linear.exact(x, t), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-13)


@pytest.mark.parametrize("law", ["uniform", "laplace"])
@pytest.mark.parametrize("t", [0.05, 1.0])
def test_posterior_matches_sums_over_a_grid_of_latents(law, t):
    family = data.manifold("affine", 4, [(1, 1.0), (1, 0.3)], latents=law, seed=2)
    rng = np.random.default_rng(0)
    x = family.sample(rng, 4)[0] + np.sqrt(t) * rng.standard_normal((4, 4))
    ends = np.sqrt(3) if law == "uniform" else 20.0
    z = ends * (np.arange(-400, 400) + 0.5) / 400
    prior = np.ones(len(z)) if law == "uniform" else np.exp(-np.sqrt(2) * np.abs(z))
    grid = np.stack(np.meshgrid(*(z * scale for scale in family.scales), indexing="ij"), -1).reshape(-1, 2)
    clean = family.embed(grid)
    mean, jacobian = family.exact(x, t)
    for i in range(4):
        weights = np.outer(prior, prior).ravel() * np.exp(-((x[i] - clean) ** 2).sum(1) / (2 * t))
        weights /= weights.sum()
        expected = weights @ clean
        np.testing.assert_allclose(mean[i], expected, atol=2e-3)
        away = clean - expected
        np.testing.assert_allclose(jacobian[i], (away * weights[:, None]).T @ away / t, atol=4e-3)


def test_uniform_data_fill_a_box():
    family = data.manifold("affine", 5, [(2, 1.0), (1, 0.1)], latents="uniform", seed=3)
    points, places = family.sample(np.random.default_rng(0), 20_000)
    np.testing.assert_allclose(points @ family.frame, places, atol=1e-12)
    most = np.abs(places).max(0) / family.scales
    assert (most <= np.sqrt(3)).all()
    np.testing.assert_allclose(most, np.sqrt(3), rtol=2e-3)
    away, near = family.nearest(np.concatenate([points[:3], 3 * family.frame.T * family.scales[:, None]]))
    np.testing.assert_allclose(away[:3], 0, atol=1e-12)
    np.testing.assert_allclose(away[3:], (3 - np.sqrt(3)) * family.scales)
    np.testing.assert_allclose(np.concatenate(near, 1)[3:], np.sqrt(3) * np.diag(family.scales), atol=1e-12)


def test_registry():
    assert FAMILIES["affine"].room([3, 2], 0.0) == 5
    with pytest.raises(InputError, match=r"^latents: 'cauchy' is not allowed: should be one of gaussian, uniform, lap"):
        data.manifold("affine", 5, [(2, 1.0)], latents="cauchy")
    with pytest.raises(InputError, match=r"^latents: 'uniform' is not allowed: linear does not use it$"):
        data.manifold("linear", 5, [(2, 1.0)], latents="uniform")
    for law in latents.LAWS:
        assert data.manifold("affine", 5, [(2, 1.0)], latents=law).latents == law
