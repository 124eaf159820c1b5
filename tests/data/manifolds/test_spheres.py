"""Spheres and tori: Bessel ratios, geometry and exact posterior, against mpmath and quadrature (theory.md 4)."""

import mpmath as mp
import numpy as np
import pytest
from mpmath.libmp import NoConvergence

from scoregap import InputError, data
from scoregap.data import FAMILIES, Group, posteriors
from scoregap.data.manifolds.spheres import Spheres, Torus


def bessel_oracle(n, k):
    """A(k) and A'(k), with digits to spare for the cancellation in A'."""
    with mp.workdps(60 + int(2 * max(0, mp.log10(k)))):
        n, k = mp.mpf(n), mp.mpf(k)
        try:
            ratio = mp.besseli(n / 2, k) / mp.besseli(n / 2 - 1, k)
        except NoConvergence:  # its series is too long and k not yet large: the continued fraction is shorter
            ratio = mp.mpf(0)
            for level in range(int(20 + mp.sqrt(5 * mp.mp.dps * k)), -1, -1):
                ratio = 1 / ((n + 2 * level) / k + ratio)
        return ratio, 1 - ratio**2 - (n - 1) * ratio / k


def off(found, true):
    """Relative errors of floats against mpmath numbers."""
    return np.array([float(abs(mp.mpf(float(f)) / o - 1)) for f, o in zip(found, true, strict=True)])


@pytest.mark.parametrize("n", [2, 3, 4, 7, 20, 101, 784, 3072])
def test_bessel_ratio_matches_mpmath(n):
    k = np.concatenate([10.0 ** np.arange(-12, 17, 1.5), n * np.array([0.5, 1, 1.9, 2, 2.001, 4, 30]), [39.9, 40.1]])
    ratio, slope = posteriors.bessel_ratio(n, k)
    oracle = [bessel_oracle(n, value) for value in k]
    assert off(ratio, [a for a, _ in oracle]).max() < 1e-15
    assert off(slope, [b for _, b in oracle]).max() < 2e-11


def test_bessel_ratio_at_zero_and_shapes():
    ratio, slope = posteriors.bessel_ratio(5, np.zeros((2, 3)))
    np.testing.assert_array_equal(ratio, np.zeros((2, 3)))
    np.testing.assert_allclose(slope, np.full((2, 3), 0.2), rtol=1e-15)


def sphere_cases(count):
    """Dimension, radius, noise variance and distance from the centre over the whole range that is promised."""
    rng = np.random.default_rng(0)
    for i in range(count):
        n = round(10 ** rng.uniform(np.log10(2), np.log10(3072)))
        radius, t = 10 ** rng.uniform(-2, 2), 10 ** rng.uniform(-8, 4)
        near = abs(radius + np.sqrt(t) * rng.standard_normal())
        yield n, radius, t, [near, np.hypot(radius, np.sqrt(n * t)), 10 ** rng.uniform(-4, 1) * radius, 1e6][i % 4]


def test_eigenvalues_match_mpmath():
    for n, radius, t, r in sphere_cases(120):
        mean, tangential, radial = posteriors.sphere(r * np.eye(n)[:1], radius, t)
        with mp.workdps(60):
            k = mp.mpf(radius) * mp.mpf(r) / mp.mpf(t)
            ratio, slope = bessel_oracle(n, k)
            true = [radius * ratio / r, mp.mpf(radius) ** 2 / mp.mpf(t) * slope, radius * ratio]
            case = f"n {n}, R {radius}, t {t}, r {r}"
            assert off([tangential[0], radial[0], mean[0, 0]], true).max() < 1e-10, case
        np.testing.assert_array_equal(mean[0, 1:], 0)


@pytest.mark.parametrize("n", [2, 3, 11, 3072])
@pytest.mark.parametrize(("radius", "t"), [(1.0, 0.3), (100.0, 1e-8), (0.01, 1e4)])
def test_at_the_centre_all_directions_are_alike(n, radius, t):
    for r in (0.0, 1e-200, 1e-9 * t / radius):
        mean, tangential, radial = posteriors.sphere(r * np.eye(n)[0], radius, t)
        np.testing.assert_allclose([tangential, radial], radius**2 / (n * t), rtol=1e-12)
        np.testing.assert_allclose(mean, tangential * r * np.eye(n)[0])


def test_ordinary_sphere_against_langevin():
    """n = 3: A(k) = coth k - 1/k and A' = 1/k^2 - 1/sinh^2 k."""
    k = np.array([0.3, 1.0, 5.0, 20.0])
    ratio, slope = posteriors.bessel_ratio(3, k)
    np.testing.assert_allclose(ratio, 1 / np.tanh(k) - 1 / k, rtol=1e-13)
    np.testing.assert_allclose(slope, 1 / k**2 - 1 / np.sinh(k) ** 2, rtol=1e-12)


def on_sphere(dim, nodes=64):
    """Points of the unit circle or ordinary sphere and weights that sum to 1."""
    angles = 2 * np.pi * np.arange(nodes) / nodes
    circle = np.stack([np.cos(angles), np.sin(angles)], -1)
    if dim == 1:
        return circle, np.full(nodes, 1 / nodes)
    height, weight = np.polynomial.legendre.leggauss(nodes)
    points = np.concatenate(
        [np.sqrt(1 - height[:, None, None] ** 2) * circle, np.broadcast_to(height[:, None, None], (nodes, nodes, 1))],
        -1,
    )
    return points.reshape(-1, 3), np.repeat(weight / weight.sum(), nodes) / nodes


def summed(x, points, weights, t):
    """Mean and Cov / t of a sum over points (p, d) at one noisy point x (d,)."""
    log = -0.5 * ((x - points) ** 2).sum(-1) / t
    weights = weights * np.exp(log - log.max())
    weights /= weights.sum()
    mean = weights @ points
    return mean, ((points - mean).T * weights) @ (points - mean) / t


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize(("t", "atol"), [(0.3, 1e-12), (0.03, 1e-11), (20.0, 1e-12)])
def test_posterior_matches_quadrature_over_the_sphere(dim, t, atol):
    """In R^5, where a curvature of sqrt(d / m) makes R = 1."""
    curvature = np.sqrt(5 / dim)
    sphere = data.manifold("sphere", 5, [(dim, 1.0)], curvature, seed=3)
    np.testing.assert_allclose(sphere.radii, [1.0])
    unit, weights = on_sphere(dim)
    rng = np.random.default_rng(1)
    clean, latents = sphere.sample(rng, 4)
    x = clean + np.sqrt(t) * rng.standard_normal(clean.shape)
    x[3] = clean[3] - 2 * sphere.embed(latents[3:])[0]  # the far side
    mean, jacobian = sphere.exact(x, t)
    for i in range(4):
        true_mean, true_jacobian = summed(x[i], sphere.embed(unit), weights, t)
        np.testing.assert_allclose(mean[i], true_mean, atol=atol)
        np.testing.assert_allclose(jacobian[i], true_jacobian, atol=atol)


def test_theory_numbers_of_the_ordinary_sphere():
    """Monte Carlo at R = 1, t = 0.3, with points from `sample` (theory.md 4)."""
    sphere = data.manifold("sphere", 3, [(2, 1.0)], np.sqrt(1.5), seed=1)
    points, _ = sphere.sample(np.random.default_rng(0), 400_000)
    x = np.array([0.6, -0.5, 0.9])
    mean, jacobian = summed(x, points, np.ones(len(points)), 0.3)
    exact_mean, exact_jacobian = sphere.exact(x[None], 0.3)
    np.testing.assert_allclose(exact_mean[0], mean, atol=4e-3)
    np.testing.assert_allclose(exact_jacobian[0], jacobian, atol=4e-3)


def test_products_factorise():
    """A product of a circle and an ordinary sphere in R^5 against a sum over both; a torus against circles."""
    t, rng = 0.6, np.random.default_rng(2)
    circle, circle_weights = on_sphere(1, 48)
    ball, ball_weights = on_sphere(2, 40)
    product = data.manifold("sphere", 5, [(1, 1.0, 1.0), (2, 0.7, 0.5)], 1.2, seed=0)
    assert [group.count for group in product.ordered] == [2, 1]
    pairs = np.concatenate([np.repeat(ball, len(circle), 0), np.tile(circle, (len(ball), 1))], 1)
    torus = data.manifold("torus", 5, [(1, 1.0), (1, 0.5)], 1.0, seed=0)
    turns = np.concatenate([np.repeat(circle, len(circle), 0), np.tile(circle, (len(circle), 1))], 1)
    for family, latents, weights in (
        (product, pairs, np.outer(ball_weights, circle_weights).ravel()),
        (torus, turns, np.outer(circle_weights, circle_weights).ravel()),
    ):
        clean, _ = family.sample(rng, 3)
        x = clean + np.sqrt(t) * rng.standard_normal(clean.shape)
        mean, jacobian = family.exact(x, t)
        for i in range(3):
            true_mean, true_jacobian = summed(x[i], family.embed(latents), weights, t)
            np.testing.assert_allclose(mean[i], true_mean, atol=1e-9)
            np.testing.assert_allclose(jacobian[i], true_jacobian, atol=1e-9)


def test_radii_follow_curvature_bend_and_length_scale():
    groups = [(1, 0.3), (2, 1.0), (3, 1.0, 4.0)]
    for name in ("sphere", "torus"):
        family = data.manifold(name, 24, groups, 0.5)
        length = np.sqrt(24 / 6)
        radii = {1: 0.3 * length / 0.5, 2: 1.0 * length / 0.5, 3: 1.0 * length / 2.0}
        np.testing.assert_allclose(family.radii, [radii[group.count] for group in family.ordered])
        np.testing.assert_allclose(data.manifold(name, 24, groups[1:2], 0.5).radii, np.sqrt(24 / 2) / 0.5)
        assert family.kappa == pytest.approx(0.5 / length)


def test_groups_are_ordered_by_the_variance_of_a_direction():
    """R^2 / n: radii 1 and 0.8, but a circle has fewer coordinates to share its square among than S^5."""
    groups = [(5, 1.0), (1, 0.8)]
    assert list(data.manifold("sphere", 9, groups, 1.0).order) == [1, 0]
    assert data.manifold("sphere", 9, groups, 1.0).boundaries == (1, 6)
    assert list(data.manifold("torus", 20, groups, 1.0).order) == [0, 1]
    assert list(data.manifold("torus", 20, [(5, 1.0, 2.0), (1, 0.8)], 1.0).order) == [1, 0]
    assert list(data.manifold("torus", 20, [(1, 1.0), (1, 1.0)], 1.0).order) == [0, 1]


@pytest.mark.parametrize(("family", "blocks"), [(Spheres, [3, 2]), (Torus, [2, 2, 2])])
def test_points_lie_on_their_spheres_uniformly(family, blocks):
    manifold = family(7, (Group(2, 1.0), Group(1, 0.3)), 0.7, 0)
    points, latents = manifold.sample(np.random.default_rng(0), 40_000)
    np.testing.assert_allclose(
        points @ manifold.frame,
        latents * np.repeat(manifold.radii[[0, 1] if family is Spheres else [0, 0, 1]], blocks),
        atol=1e-12,
    )
    start = 0
    for n in blocks:
        unit = latents[:, start : start + n]
        np.testing.assert_allclose((unit**2).sum(1), 1, rtol=1e-14)
        for power, moment in ((2, 1 / n), (4, 3 / (n * (n + 2)))):
            error = (unit**power).std(0) / np.sqrt(len(unit))
            assert np.all(np.abs((unit**power).mean(0) - moment) < 4.5 * error)
        start += n
    assert start == latents.shape[1]
    np.testing.assert_allclose(points - (points @ manifold.frame) @ manifold.frame.T, 0, atol=1e-13)


@pytest.mark.parametrize("family", [Spheres, Torus])
def test_tangents_are_across_the_latents_of_their_group(family):
    manifold = family(8, (Group(2, 1.0), Group(2, 0.3)), 0.7, 0)
    room = 6 if family is Spheres else 8
    _, latents = manifold.sample(np.random.default_rng(0), 5)
    latents[0, :2] *= -1  # both signs of the coordinate that Householder reflects to
    assert latents.shape == (5, room)
    tangents = manifold.tangents(latents)
    assert tangents.shape == (5, 8, 4)
    local = np.einsum("dr,ndm->nrm", manifold.frame, tangents)
    half = room // 2
    np.testing.assert_allclose(local[:, :half, 2:], 0, atol=1e-13)  # group by group
    np.testing.assert_allclose(local[:, half:, :2], 0, atol=1e-13)
    size = 3 if family is Spheres else 2
    for start in range(0, room, size):
        normal = np.einsum("nr,nrm->nm", latents[:, start : start + size], local[:, start : start + size])
        np.testing.assert_allclose(normal, 0, atol=1e-13)
    np.testing.assert_array_equal(manifold.group_of, [0, 0, 1, 1])


def test_radial_direction_is_the_small_eigenvalue():
    sphere = data.manifold("sphere", 12, [(6, 1.0)], 1.0)
    x, t = np.random.default_rng(0).standard_normal((3, 12)), 0.2
    posterior = sphere.exact(x, t)
    radial = posterior.eigenvectors[:, :, -1]
    y = (x @ sphere.frame) @ sphere.frame.T
    np.testing.assert_allclose(radial, y / np.linalg.norm(y, axis=1, keepdims=True), atol=1e-13)
    assert np.all(posterior.eigenvalues[:, -1] < 0.5 * posterior.eigenvalues[:, 0])
    assert np.all(np.ptp(posterior.eigenvalues[:, :-1], axis=1) == 0)


def test_centre_of_the_sphere():
    """No direction is preferred there, and eigenvectors are still orthonormal."""
    for name in ("sphere", "torus"):
        family = data.manifold(name, 8, [(3, 1.0)], 1.0)
        posterior = family.exact(np.zeros((2, 8)), 0.3)
        prior = family.covariance / 0.3
        np.testing.assert_allclose(posterior.jacobian, np.broadcast_to(prior, (2, 8, 8)), atol=1e-12)
        np.testing.assert_array_equal(posterior.mean, 0)


def test_spectrum_needs_no_eigenvectors():
    sphere = data.manifold("sphere", 3072, [(100, 1.0)], 1.0)
    posterior = sphere.exact(np.random.default_rng(0).standard_normal((4, 3072)), 0.1)
    assert posterior.eigenvalues.shape == (4, 101)
    assert "eigenvectors" not in vars(posterior)
    assert posterior.spectrum().shape == (4, 3072)
    assert "eigenvectors" not in vars(posterior)


@pytest.mark.parametrize("name", ["sphere", "torus"])
def test_registry(name):
    assert FAMILIES[name].load() is {"sphere": Spheres, "torus": Torus}[name]
    assert FAMILIES[name].room([3, 2], 1.0) == {"sphere": 7, "torus": 10}[name]
    for bend in (0.0, -1.0):
        with pytest.raises(InputError, match=r"^groups\[1\].bend: -?[01]\.0 is not allowed: .*should be"):
            data.manifold(name, 20, [(1, 1.0), (1, 1.0, bend)], 1.0)
    for curvature in (0.0, -1.0):
        with pytest.raises(InputError, match=r"^curvature: .* should be "):
            data.manifold(name, 20, [(1, 1.0)], curvature)


def test_plateau_of_the_ten_sphere():
    """theory.md 5: at sigma = .3 and the typical radius r^2 = R^2 + n t the exact score of S^10 has ten eigenvalues of
    .513 and a radial one of .165, the Gaussian of the same covariance eleven alike, of .500 (.5025 at this t)."""
    sphere = data.manifold("sphere", 100, [(10, 10**-0.5)], 1.0)
    assert sphere.radii == [pytest.approx(1.0)]
    t = 0.09
    x = np.sqrt(1 + 11 * t) * sphere.frame[:, :1].T
    exact, gaussian = sphere.exact(x, t).spectrum()[0], sphere.gaussian(x, t).spectrum()[0]
    np.testing.assert_allclose(exact[:12], [*[0.513] * 10, 0.165, 0], atol=5e-4)
    np.testing.assert_allclose(gaussian[:12], [*[0.5025] * 11, 0], atol=5e-4)


@pytest.mark.parametrize("family", ["sphere", "torus"])
def test_nearest_points_are_on_the_spheres_in_the_frame(family):
    """Of points of the manifold they are those points; along the radius, and across the span, it does not move them."""
    manifold = data.manifold(family, 9, [(2, 1.5), (2, 0.3)], curvature=1.0, seed=3)
    clean = manifold.sample(np.random.default_rng(0), 5)[0]
    inside = clean @ manifold.frame
    for x in (clean, 1.2 * clean, clean + 0.5 * (np.ones(9) - manifold.frame @ (manifold.frame.T @ np.ones(9)))):
        found = np.concatenate(manifold.nearest(x)[1], 1)
        np.testing.assert_allclose(found, inside, atol=1e-12)
