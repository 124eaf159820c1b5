"""The linear model: its F, frames and edges, and the Gaussian posterior in its own words (theory.md 2)."""

import numpy as np
import pytest

from scoregap import data
from scoregap.data import FAMILIES
from scoregap.data.manifolds import haar
from scoregap.data.manifolds.linear import Linear
from scoregap.laws import random_matrix

GROUPS = [(2, 0.3), (3, 1.0)]  # not in order


def linear(frame="random", ambient_dim=10, groups=GROUPS, seed=0):
    return data.manifold("linear", ambient_dim, groups, seed=seed, frame=frame)


def test_registry():
    assert FAMILIES["linear"].load() is Linear
    assert FAMILIES["linear"].room([2, 3], 0.0) == 5
    assert linear() == data.manifold("linear", 10, GROUPS)


def test_scales_and_directions_are_those_of_f():
    """F again from the seed: entries of a column of group k have variance std_k^2 / m, largest group first."""
    family = linear()
    entries = np.random.default_rng(0).standard_normal((10, 5))
    factor = entries * np.array([1.0, 1.0, 1.0, 0.3, 0.3]) / np.sqrt(5)
    np.testing.assert_allclose(family.scales, np.linalg.svd(factor, compute_uv=False), rtol=1e-12)
    np.testing.assert_allclose(family.covariance, factor @ factor.T, atol=1e-13)
    np.testing.assert_allclose(family.tangent_frame.T @ family.tangent_frame, np.eye(5), atol=1e-13)


def test_orthonormal_frame_has_the_mean_lengths():
    family = linear("orthonormal")
    lengths = np.array([1.0, 1.0, 1.0, 0.3, 0.3]) * np.sqrt(10 / 5)
    np.testing.assert_allclose(family.scales, lengths)
    frame = family.tangent_frame
    np.testing.assert_allclose(frame.T @ frame, np.eye(5), atol=1e-13)
    np.testing.assert_allclose(family.covariance, (frame * lengths**2) @ frame.T, atol=1e-13)
    # Random ones have them on average.
    squares = np.mean([(linear(seed=seed).scales ** 2).sum() for seed in range(400)])
    assert squares == pytest.approx((lengths**2).sum(), rel=0.05)


@pytest.mark.parametrize("frame", ["random", "orthonormal"])
def test_the_order_in_which_groups_are_given_does_not_matter(frame):
    one, two = linear(frame), linear(frame, groups=GROUPS[::-1])
    np.testing.assert_array_equal(one.scales, two.scales)
    np.testing.assert_array_equal(one.tangent_frame, two.tangent_frame)
    for family in (one, two):
        assert family.boundaries == (3, 5)
        np.testing.assert_array_equal(family.group_of, [0, 0, 0, 1, 1])
        np.testing.assert_array_equal(family.sizes, [3, 2])
    assert (list(one.order), list(two.order)) == ([1, 0], [0, 1])
    np.testing.assert_array_equal(one.law_edges(), two.law_edges())
    np.testing.assert_array_equal(one.edges(), two.edges())


@pytest.mark.parametrize("frame", ["random", "orthonormal"])
def test_samples_and_tangents_are_in_the_frame(frame):
    family = linear(frame)
    clean, latents = family.sample(np.random.default_rng(0), 20_000)
    assert latents.shape == (20_000, 5)
    np.testing.assert_allclose(latents.std(0), family.scales, rtol=4.5 / np.sqrt(40_000))
    np.testing.assert_allclose(clean, latents @ family.tangent_frame.T, atol=1e-14)
    np.testing.assert_array_equal(family.tangents(latents[:2]), np.stack([family.tangent_frame] * 2))


@pytest.mark.parametrize("t", [1e-6, 0.3, 1e3])
@pytest.mark.parametrize("frame", ["random", "orthonormal"])
def test_eigenvalues_of_g(frame, t):
    family = linear(frame)
    x = np.random.default_rng(1).standard_normal((3, 10))
    mean, jacobian = family.exact(x, t)
    expected = family.covariance @ np.linalg.inv(family.covariance + t * np.eye(10))
    np.testing.assert_allclose(jacobian, np.stack([expected] * 3), atol=1e-8)
    np.testing.assert_allclose(mean, x @ expected, atol=1e-7)
    squares = family.scales**2
    np.testing.assert_allclose(family.exact(x, t).spectrum()[:, :5], np.stack([squares / (squares + t)] * 3))


def test_edges_of_a_random_frame():
    """Realised: extreme squared singular values by group. By law: Silverstein's, and corrected for finite size."""
    family = linear(ambient_dim=60, groups=[(6, 0.1), (9, 1.0)])
    squares = family.scales**2
    np.testing.assert_array_equal(family.edges(), [[squares[8], squares[0]], [squares[14], squares[9]]])
    np.testing.assert_array_equal(family.law_edges(), random_matrix.silverstein_edges(60, [9, 6], [1.0, 0.1]))
    for found, expected in zip(
        family.corrected_edges(), random_matrix.tracy_widom_edges(60, [9, 6], [1.0, 0.1]), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    mean, spread = family.corrected_edges()
    assert np.all(np.abs(family.edges() - mean) < 5 * spread)


def test_edges_of_an_orthonormal_frame_are_sharp():
    family = linear("orthonormal")
    squares = np.array([[2.0, 2.0], [0.18, 0.18]])
    np.testing.assert_allclose(family.edges(), squares)
    np.testing.assert_allclose(family.law_edges(), squares)
    mean, spread = family.corrected_edges()
    np.testing.assert_allclose(mean, squares)
    np.testing.assert_array_equal(spread, 0)


def test_haar_has_no_preferred_direction():
    """Every entry of a column has mean 0 and variance 1 / d, which LAPACK's signs alone would spoil."""
    rng = np.random.default_rng(0)
    frames = np.stack([haar(rng, 4, 4) for _ in range(3000)])
    np.testing.assert_allclose(np.swapaxes(frames, 1, 2) @ frames, np.broadcast_to(np.eye(4), (3000, 4, 4)), atol=1e-13)
    assert np.abs(frames.mean(0)).max() < 4.5 / np.sqrt(4 * 3000)
    np.testing.assert_allclose((frames**2).mean(0), 0.25, rtol=0.1)
