"""The spaghetti line: against dense sums over its parameter, its tangent, its covariance, points far off."""

import numpy as np
import pytest

from scoregap import InputError, data


def dense(family, x, t, at, width):
    """Mean and G at one point by 30 nodes on each of 400 equal parts of the parameters within a width of one."""
    nodes, each = np.polynomial.legendre.leggauss(30)
    edges = np.linspace(max(0.0, at - width), min(1.0, at + width), 401)
    s = (edges[:-1, None] + 0.5 * np.diff(edges)[:, None] * (1 + nodes)).ravel()
    clean = family.embed(s[:, None])
    log = -((x - clean) ** 2).sum(1) / (2 * t)
    weights = np.exp(log - log.max()) * np.tile(each, 400)
    weights /= weights.sum()
    mean = weights @ clean
    return mean, ((clean - mean) * weights[:, None]).T @ (clean - mean) / t


@pytest.mark.parametrize("d", [2, 10, 100])
@pytest.mark.parametrize("t", [1e-8, 1e-4, 1e-2, 1.0, 100.0, 1e6])
def test_posterior_matches_sums_over_the_line(d, t):
    family = data.manifold("spaghetti", d, [(1, 1.0)], seed=4)
    rng = np.random.default_rng(1)
    clean, places = family.sample(rng, 3)
    x = clean + np.sqrt(t) * rng.standard_normal(clean.shape)
    mean, jacobian = family.exact(x, t)
    for i in range(3):
        width = 80 * np.sqrt(t) / d if t < 1e-3 else 1.0  # the line is never slower than about d / 4
        true_mean, true_jacobian = dense(family, x[i], t, places[i, 0], width)
        np.testing.assert_allclose(mean[i], true_mean, atol=1e-8 * min(1, np.sqrt(t)))
        np.testing.assert_allclose(jacobian[i], true_jacobian, atol=1e-8)


def test_small_noise_leaves_one_direction_and_its_speed():
    family = data.manifold("spaghetti", 100, [(1, 0.5)], seed=0)
    clean, places = family.sample(np.random.default_rng(0), 4)
    h = 1e-6
    step = (family.embed(places + h) - family.embed(places - h)) / (2 * h)
    tangents = family.tangents(places)[:, :, 0]
    np.testing.assert_allclose(step / np.linalg.norm(step, axis=1, keepdims=True), tangents, atol=1e-5)
    spectrum = family.exact(clean, 1e-6).spectrum()
    np.testing.assert_allclose(spectrum[:, 0], 1, atol=0.02)
    assert (spectrum[:, 1] < 0.02).all()


@pytest.mark.parametrize("t", [1e-8, 1e-2, 1e6])
def test_points_of_any_distance_are_answered(t):
    family = data.manifold("spaghetti", 20, [(1, 1.0)], seed=0)
    away = np.random.default_rng(0).standard_normal(20)
    x = 10.0 ** np.arange(-3, 12)[:, None] * away
    posterior = family.exact(np.concatenate([x, np.zeros((1, 20))]), t)
    assert np.isfinite(posterior.mean).all()
    assert posterior.eigenvalues.min() >= 0
    nearest = np.linalg.norm(x[-3:, None] - family.embed(np.linspace(0, 1, 20_001)[:, None]), axis=2).argmin(1)
    if t < 1e6:
        expected = family.embed(np.linspace(0, 1, 20_001)[nearest][:, None])
        np.testing.assert_allclose(posterior.mean[12:15], expected, atol=1e-2)


def test_registry():
    for groups in ([(2, 1.0)], [(1, 1.0), (1, 0.5)]):
        with pytest.raises(InputError, match=r"^groups: .* is not allowed: a line: should be one group of 1 latent$"):
            data.manifold("spaghetti", 5, groups)
    with pytest.raises(InputError, match=r"^ambient_dim: 1 is not allowed: spaghetti needs at least 2$"):
        data.manifold("spaghetti", 1, [(1, 1.0)])
    family = data.manifold("spaghetti", 5, [(1, 1.0)])
    for wrong in (-0.1, 1.1):
        with pytest.raises(InputError, match=r"^latents: .*should be from 0 to 1"):
            family.embed([[wrong]])
