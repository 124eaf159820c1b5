"""Arcs: their embedding, tangents, covariance and exact posterior (theory.md 2 and 4)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoregap import data
from scoregap.data import FAMILIES, Group
from scoregap.data.manifolds.arcs import Arcs
from scoregap.laws import random_matrix


def arcs(curvature=0.8, ambient_dim=9, counts=(1, 2), stds=(1.0, 0.4), seed=3, bends=(1.0, 1.0, 1.0)):
    groups = tuple(Group(*group) for group in zip(counts, stds, bends, strict=False))
    return Arcs(ambient_dim, groups, curvature, seed)


def noisy_points(family, t, n=4, seed=0):
    rng = np.random.default_rng(seed)
    clean, latents = family.sample(rng, n)
    return clean + np.sqrt(t) * rng.standard_normal(clean.shape), latents


def test_registry():
    assert FAMILIES["arcs"].load() is Arcs
    assert FAMILIES["arcs"].room([2, 3], 0.0) == 5
    assert FAMILIES["arcs"].room([2, 3], 0.1) == 10
    built = data.manifold("arcs", 9, [(1, 1.0), (2, 0.4)], 0.8, seed=3)
    assert built == arcs()
    np.testing.assert_array_equal(built.embed(np.ones((1, 3))), arcs().embed(np.ones((1, 3))))


@pytest.mark.parametrize("curvature", [0.0, 0.8])
def test_same_seed_same_manifold(curvature):
    one, two, other = arcs(curvature), arcs(curvature), arcs(curvature, seed=4)
    latents = np.random.default_rng(0).standard_normal((3, 3))
    np.testing.assert_array_equal(one.embed(latents), two.embed(latents))
    assert np.abs(one.embed(latents) - other.embed(latents)).max() > 0.1
    # Cells that differ in curvature share F and the frame.
    np.testing.assert_array_equal(one.scales, arcs(0.3).scales)
    np.testing.assert_array_equal(one.tangent_frame, arcs(0.3).tangent_frame)


def test_frame_is_orthonormal_and_without_direction():
    family = arcs()
    frame = np.concatenate([family.tangent_frame, family.bend_frame], 1)
    np.testing.assert_allclose(frame.T @ frame, np.eye(6), atol=1e-14)
    # Haar: every coordinate of the first direction has mean 0 and variance 1 / d. LAPACK's QR alone gives signs.
    first = np.stack([arcs(seed=seed).tangent_frame[:, 0] for seed in range(600)])
    assert np.abs(first.mean(0)).max() < 4.5 / np.sqrt(9 * 600)
    np.testing.assert_allclose((first**2).mean(0), 1 / 9, rtol=0.25)


def test_scales_follow_the_law_of_f():
    """E |F|_F^2 = d sum_k count_k std_k^2 / m, and F'F keeps to its finite-size edges."""
    squares = np.stack([arcs(0.0, 60, (6, 6), (0.1, 1.0), seed).scales ** 2 for seed in range(200)])
    assert np.all(np.diff(squares, axis=1) <= 0)
    total = squares.sum(1)
    assert total.mean() == pytest.approx(60 * (6 * 1.0 + 6 * 0.01) / 12, abs=5 * total.std() / np.sqrt(200))
    mean, spread = random_matrix.tracy_widom_edges(60, (6, 6), (0.1, 1.0))
    seen = squares[:, [0, 5, 6, 11]].mean(0)
    expected, error = mean[[0, 0, 1, 1], [1, 0, 1, 0]], spread[[0, 0, 1, 1], [1, 0, 1, 0]]
    # Tracy-Widom is a d -> infinity law of a group alone: within its own spread / 4 here.
    assert np.all(np.abs(seen - expected) < 0.25 * error)


def test_groups_are_ordered_by_std():
    family = arcs(counts=(1, 2, 3), stds=(0.1, 2.0, 0.5), ambient_dim=12)
    np.testing.assert_array_equal(family.order, [1, 2, 0])
    np.testing.assert_array_equal(family.group_of, [0, 0, 1, 1, 1, 2])
    assert family.boundaries == (2, 5, 6)
    assert family.manifold_dim == 6
    assert family.kappa == pytest.approx(0.8 / (2.0 * np.sqrt(12 / 6)))


def test_equal_stds_keep_the_order_of_the_study():
    """As `laws` and the study's gap boundaries do."""
    np.testing.assert_array_equal(arcs(counts=(1, 2), stds=(1.0, 1.0)).group_of, [0, 1, 1])


@pytest.mark.parametrize("curvature", [1e-6, 0.5, 3.0])
def test_arcs_bend_in_length_and_curvature(curvature):
    """Latents are arc lengths, planes do not mix, and every point has the curvature kappa."""
    family = arcs(curvature)
    z, h = np.array([0.4, -0.7, 1.1]), 1e-2
    for i in range(3):
        step = h * np.eye(3)[i]
        before, here, after = family.embed(np.array([z - step, z, z + step]))
        assert np.linalg.norm(after - before) == pytest.approx(2 * h, rel=1e-3)
        bend = (after - 2 * here + before) / h**2
        assert np.linalg.norm(bend) == pytest.approx(family.kappa, rel=1e-3, abs=1e-9)
    unit = family.embed(np.zeros((1, 3)))
    lift = (family.embed(z[None]) - unit)[0]
    np.testing.assert_allclose(lift @ family.tangent_frame, np.sin(family.kappa * z) / family.kappa, atol=1e-12)
    np.testing.assert_allclose(lift @ family.bend_frame, (1 - np.cos(family.kappa * z)) / family.kappa, atol=1e-9)


@pytest.mark.parametrize("curvature", [0.0, 0.9])
def test_tangents_are_derivatives_of_the_embedding(curvature):
    family = arcs(curvature)
    latents, h = np.random.default_rng(1).standard_normal((4, 3)), 1e-5
    numeric = np.stack(
        [(family.embed(latents + h * e) - family.embed(latents - h * e)) / (2 * h) for e in np.eye(3)], -1
    )
    tangents = family.tangents(latents)
    assert tangents.shape == (4, 9, 3)
    np.testing.assert_allclose(tangents, numeric, atol=1e-9)
    np.testing.assert_allclose(
        np.swapaxes(tangents, 1, 2) @ tangents, np.broadcast_to(np.eye(3), (4, 3, 3)), atol=1e-12
    )


@pytest.mark.parametrize("curvature", [0.0, 0.9, 4.0])
def test_principal_axes_are_the_covariance_of_centred_data(curvature):
    family = arcs(curvature)
    n = 40_000
    points, latents = family.sample(np.random.default_rng(2), n)
    np.testing.assert_array_equal(points, family.embed(latents))
    np.testing.assert_allclose(latents.std(0), family.scales, rtol=4 / np.sqrt(2 * n))
    axes, variances = family.principal_axes
    along = points @ axes
    error = along.std(0) / np.sqrt(n)
    assert np.all(np.abs(along.mean(0)) < 4 * error)
    products = along[:, :, None] * along[:, None, :]
    error = products.std(0) / np.sqrt(n)
    assert np.all(np.abs(products.mean(0) - np.diag(variances)) < 4.5 * error + 1e-15)
    assert (points**2).sum(1).mean() == pytest.approx(variances.sum(), rel=1e-2)


def log_density(family, x, t):
    """log p_t by a sum over a grid of both latents, from nothing but `embed` and the scales."""
    z = np.linspace(-7, 7, 141)
    grid = np.stack(np.meshgrid(z, z, indexing="ij"), -1).reshape(-1, 2)
    prior = -0.5 * (grid**2).sum(-1) + 2 * np.log((z[1] - z[0]) / np.sqrt(2 * np.pi))
    clean = family.embed(grid * family.scales)
    log = prior - 0.5 * ((x[:, None] - clean) ** 2).sum(-1) / t - 0.5 * x.shape[1] * np.log(2 * np.pi * t)
    top = log.max(1, keepdims=True)
    return (top + np.log(np.exp(log - top).sum(1, keepdims=True)))[:, 0]


@pytest.mark.parametrize("curvature", [0.0, 0.5, 1.5])
@pytest.mark.parametrize("t", [0.2, 2.0])
def test_exact_score_and_trace_are_derivatives_of_log_p(curvature, t):
    family = arcs(curvature, ambient_dim=5, counts=(1, 1))
    x, _ = noisy_points(family, t, n=3)
    mean, jacobian = family.exact(x, t)
    h = 2e-3
    steps = h * np.eye(5)
    up, down = (np.stack([log_density(family, x + sign * e, t) for e in steps], -1) for sign in (1, -1))
    here = log_density(family, x, t)[:, None]
    np.testing.assert_allclose((mean - x) / t, (up - down) / (2 * h), atol=2e-4)
    divergence = ((up - 2 * here + down) / h**2).sum(-1)
    np.testing.assert_allclose(np.trace(jacobian, axis1=1, axis2=2), 5 + t * divergence, atol=2e-4)


@settings(deadline=None, max_examples=25, derandomize=True)
@given(curvature=st.sampled_from([0.0, 1e-4, 0.5, 2.0]), log_t=st.floats(-6, 3), seed=st.integers(0, 1000))
def test_g_is_the_jacobian_of_the_denoiser(curvature, log_t, seed):
    family, t = arcs(curvature, seed=seed), 10**log_t
    x, _ = noisy_points(family, t, n=2, seed=seed)
    _mean, jacobian = family.exact(x, t)
    np.testing.assert_allclose(jacobian, np.swapaxes(jacobian, 1, 2), atol=1e-14)
    values = np.linalg.eigvalsh(jacobian)
    assert values.min() > -1e-10
    assert np.all((values > 1e-9 * values.max()).sum(1) <= 6)  # m planes
    h = 1e-3 * np.sqrt(t)
    steps = h * np.eye(9)
    numeric = np.stack([(family.exact(x + e, t).mean - family.exact(x - e, t).mean) / (2 * h) for e in steps], -1)
    # The third derivative of the denoiser is of order (t + s^2) / t^2, here times h^2.
    np.testing.assert_allclose(jacobian, numeric, atol=1e-4 * max(1, values.max()))
    gaussian_mean, gaussian_jacobian = family.gaussian(x, t)
    np.testing.assert_allclose(gaussian_jacobian @ x[:, :, None], gaussian_mean[:, :, None], atol=1e-12)


def test_one_time_per_point():
    family = arcs()
    t = np.array([1e-3, 0.1, 10.0])
    x, _ = noisy_points(family, 0.5, n=3)
    mean, jacobian = family.exact(x, t)
    for i in range(3):
        one_mean, one_jacobian = family.exact(x[i : i + 1], t[i])
        np.testing.assert_allclose(mean[i], one_mean[0], atol=1e-12)
        np.testing.assert_allclose(jacobian[i], one_jacobian[0], atol=1e-12)


def test_flat_eigenvalues_are_those_of_f():
    family = arcs(0.0)
    x, _ = noisy_points(family, 1.0)
    for t in (1e-4, 0.1, 5.0):
        values = np.linalg.eigvalsh(family.exact(x, t).jacobian)[:, ::-1]
        squares = family.scales**2
        np.testing.assert_allclose(values[:, :3], np.broadcast_to(squares / (squares + t), (4, 3)), rtol=1e-10)
        np.testing.assert_allclose(values[:, 3:], 0, atol=1e-13)


@pytest.mark.parametrize("t", [1e-6, 0.1, 100.0])
def test_small_curvature_tends_to_flat(t):
    flat, bent = arcs(0.0), arcs(1e-6)
    x, _ = noisy_points(flat, t)
    for expected, found in zip(flat.exact(x, t), bent.exact(x, t), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)
    for expected, found in zip(flat.gaussian(x, t), bent.gaussian(x, t), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_exact_denoiser_is_better_than_the_gaussian_one():
    """The posterior mean has the least squared error, by tr Cov[x0|x] on average; the linear one has more."""
    family, t, n = arcs(2.0), 0.05, 2000
    rng = np.random.default_rng(4)
    clean, _ = family.sample(rng, n)
    x = clean + np.sqrt(t) * rng.standard_normal(clean.shape)
    mean, jacobian = family.exact(x, t)
    error = ((mean - clean) ** 2).sum(1)
    promised = t * np.trace(jacobian, axis1=1, axis2=2)
    difference = error - promised
    assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(n)
    linear_mean, linear_jacobian = family.gaussian(x, t)
    linear = ((linear_mean - clean) ** 2).sum(1)
    assert linear.mean() > 1.2 * error.mean()
    assert linear.mean() == pytest.approx(t * np.trace(linear_jacobian[0]), rel=0.05)


def test_little_noise_sees_the_tangent_space():
    family = arcs(1.0)
    clean, latents = family.sample(np.random.default_rng(5), 3)
    _, jacobian = family.exact(clean, 1e-7)
    tangents = family.tangents(latents)
    np.testing.assert_allclose(jacobian, tangents @ np.swapaxes(tangents, 1, 2), atol=2e-5)


def numeric_tangents(family, latents, h=1e-5):
    steps = h * np.eye(latents.shape[1])
    return np.stack([(family.embed(latents + e) - family.embed(latents - e)) / (2 * h) for e in steps], -1)


def anisotropic(bends, curvature=0.9, frame="random"):
    """Ordered groups of 2, 1 and 1 latents; bends as given in the other order."""
    groups = [(1, 0.2, bends[2]), (1, 0.5, bends[1]), (2, 1.0, bends[0])]
    return data.manifold("arcs", 9, groups, curvature, seed=1, frame=frame)


@pytest.mark.parametrize("frame", ["random", "orthonormal"])
def test_groups_bend_by_their_own_curvature(frame):
    family = anisotropic((0.5, 0.0, 3.0), frame=frame)
    np.testing.assert_allclose(family.kappas, family.kappa * np.array([0.5, 0.5, 0.0, 3.0]))
    if frame == "orthonormal":
        np.testing.assert_allclose(family.scales, np.array([1.0, 1.0, 0.5, 0.2]) * np.sqrt(9 / 4))
    z, h = np.array([[0.4, -0.7, 0.3, 0.2]]), 1e-2
    for i in range(4):
        step = h * np.eye(4)[i]
        second = (family.embed(z + step) - 2 * family.embed(z) + family.embed(z - step))[0] / h**2
        assert np.linalg.norm(second) == pytest.approx(family.kappas[i], rel=1e-3, abs=1e-9)
    np.testing.assert_allclose(family.tangents(z), numeric_tangents(family, z), atol=1e-9)
    axes, variances = family.principal_axes
    assert axes.shape == (9, 7)  # no direction to bend into for the flat latent
    points, _ = family.sample(np.random.default_rng(0), 40_000)
    along = points @ axes
    np.testing.assert_allclose(points, along @ axes.T, atol=1e-12)
    products = along[:, :, None] * along[:, None, :]
    error = products.std(0) / 200
    assert np.all(np.abs(products.mean(0) - np.diag(variances)) < 4.5 * error + 1e-15)


def test_flat_and_bent_groups_together():
    """A group of bend 0 stays exactly Gaussian, and the others do not notice it."""
    some, all_bent = anisotropic((1.0, 0.0, 2.0)), anisotropic((1.0, 1.0, 2.0))
    np.testing.assert_array_equal(some.scales, all_bent.scales)
    np.testing.assert_array_equal(some.tangent_frame, all_bent.tangent_frame)
    assert some.bend_frame.shape == (9, 4)
    for t in (1e-7, 0.05, 3.0, 1e4):
        x, _ = noisy_points(some, t)
        mean, jacobian = some.exact(x, t)
        flat = some.tangent_frame[:, 2]
        shrink = some.scales[2] ** 2 / (some.scales[2] ** 2 + t)
        np.testing.assert_allclose(mean @ flat, shrink * (x @ flat), rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(jacobian @ flat, np.broadcast_to(shrink * flat, (4, 9)), rtol=0, atol=1e-12)
        # Directions of the bent planes: the same posterior as if all were bent.
        planes = np.delete(np.concatenate([some.tangent_frame, some.bend_frame], 1), [2, 6], axis=1)
        other_mean, other_jacobian = all_bent.exact(x, t)
        np.testing.assert_allclose(mean @ planes, other_mean @ planes, rtol=1e-12, atol=1e-13)
        size = np.abs(other_jacobian).max()
        np.testing.assert_allclose(
            planes.T @ jacobian @ planes, planes.T @ other_jacobian @ planes, rtol=0, atol=1e-12 * size
        )
        np.testing.assert_allclose(jacobian @ all_bent.bend_frame[:, 2], 0, atol=1e-13)


@pytest.mark.parametrize("t", [1e-4, 0.3, 20.0])
def test_anisotropic_g_is_the_jacobian_of_the_denoiser(t):
    family = anisotropic((0.4, 0.0, 2.5))
    x, _ = noisy_points(family, t)
    h = 1e-3 * np.sqrt(t / (1 + t))
    numeric = np.stack(
        [(family.exact(x + e, t).mean - family.exact(x - e, t).mean) / (2 * h) for e in h * np.eye(9)], -1
    )
    posterior = family.exact(x, t)
    np.testing.assert_allclose(posterior.jacobian, numeric, atol=1e-5)
    np.testing.assert_allclose(posterior.spectrum(), np.linalg.eigvalsh(posterior.jacobian)[:, ::-1], atol=1e-12)


def test_without_any_bend_it_is_the_linear_model():
    flat, unbent = arcs(0.0), arcs(0.9, bends=(0.0, 0.0))
    x, latents = noisy_points(flat, 0.3)
    np.testing.assert_array_equal(unbent.embed(latents), flat.embed(latents))
    for expected, found in zip(flat.exact(x, 0.3), unbent.exact(x, 0.3), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_bend_multiplies_curvature():
    one, other = arcs(0.6, bends=(1.5, 1.5)), arcs(0.9)
    np.testing.assert_allclose(one.embed(np.ones((1, 3))), other.embed(np.ones((1, 3))), rtol=1e-13)
