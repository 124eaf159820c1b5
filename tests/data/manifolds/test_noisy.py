"""White noise on the data: against Gaussians whose covariance has it, limits, what is passed on and what is not."""

import copy
import pickle

import numpy as np
import pytest

from scoregap import InputError, data
from scoregap.data import capabilities
from scoregap.data.manifolds import noisy


@pytest.mark.parametrize("t", [1e-8, 1e-3, 1.0, 1e6])
@pytest.mark.parametrize("noise", [1e-6, 0.1, 1e3])
def test_noise_on_gaussian_data_is_a_larger_covariance(noise, t):
    clean = data.manifold("linear", 6, [(2, 1.0), (1, 0.3)], seed=1)
    family = data.manifold("linear", 6, [(2, 1.0), (1, 0.3)], seed=1, noise=noise)
    covariance = clean.covariance + noise * np.eye(6)
    np.testing.assert_allclose(family.covariance, covariance, atol=1e-12 * max(1, noise))
    x = np.random.default_rng(0).standard_normal((4, 6))
    mean, jacobian = family.exact(x, t)
    gain = np.linalg.solve(covariance + t * np.eye(6), covariance)
    np.testing.assert_allclose(mean, x @ gain, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(jacobian, np.broadcast_to(gain, jacobian.shape), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("family", ["sphere", "affine", "mixture"])
def test_less_and_less_noise_is_none(family):
    shape = {"sphere": ([(2, 1.0)], 0.5), "mixture": ([(2, 1.0), (1, 0.3)], 0.0)}.get(family, ([(2, 1.0)], 0.0))
    clean = data.manifold(family, 5, *shape)
    x = clean.sample(np.random.default_rng(0), 3)[0] + 0.1 * np.random.default_rng(1).standard_normal((3, 5))
    barely = data.manifold(family, 5, *shape, noise=1e-12)
    for one, other in zip(barely.exact(x, 0.01), clean.exact(x, 0.01), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-8)


def test_the_dimension_seen_is_that_of_the_manifold_above_the_noise_and_d_below():
    noise = 1e-4
    family = data.manifold("linear", 20, [(5, 1.0)], noise=noise)
    clean, _ = family.sample(np.random.default_rng(0), 3)
    for t, expected in ((1e-2, 5), (1e-6, 20)):
        np.testing.assert_array_equal((family.exact(clean, t).spectrum() > 0.5).sum(1), expected)
    # Of a direction without data G is noise / (noise + t): one half where t is the noise.
    np.testing.assert_allclose(family.exact(clean, noise).spectrum()[:, 5:], 0.5, rtol=1e-12)


def test_what_is_known_is_passed_on_but_for_the_law():
    family = data.manifold("linear", 6, [(2, 1.0), (1, 0.3)], noise=0.1)
    clean = data.manifold("linear", 6, [(2, 1.0), (1, 0.3)])
    for known in (capabilities.Posterior, capabilities.Tangents, capabilities.Nearest, capabilities.Covariance):
        assert isinstance(family, known)
    assert not isinstance(family, capabilities.Law)
    points, places = family.sample(np.random.default_rng(0), 5)
    np.testing.assert_array_equal(family.tangents(places), clean.tangents(places))
    away, _ = family.nearest(points)
    np.testing.assert_array_equal(away, clean.nearest(points)[0])
    assert (away > 0.1).all()
    tanh = data.manifold("tanh", 6, [(2, 1.0)], 0.5, noise=0.1)
    assert isinstance(tanh, capabilities.Posterior)
    assert not isinstance(tanh, capabilities.Nearest)
    benchmark = noisy(data.FAMILIES["skdim-M1_Sphere"].load()(11, (data.Group(10, 1.0),), 0.0, 0), 0.1)
    assert not isinstance(benchmark, capabilities.Posterior)
    mixture = data.manifold("mixture", 6, [(2, 1.0), (0, 1.0), (1, 0.3)], noise=0.1)
    assert (mixture.boundaries, mixture.manifold_dim) == ((1, 2), 2)


@pytest.mark.parametrize("noise", [-1.0, np.nan, np.inf, "much", True])
def test_noise_is_a_variance(noise):
    with pytest.raises(InputError, match=r"^noise: .* is not allowed: should be from 0 to 1e6$"):
        data.manifold("linear", 6, [(2, 1.0)], noise=noise)


def test_no_noise_is_the_manifold_itself():
    assert type(data.manifold("linear", 6, [(2, 1.0)], noise=0.0)).__name__ == "Linear"


@pytest.mark.parametrize("again", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])  # noqa: S301
@pytest.mark.parametrize("family", ["linear", "affine", "mixture", "tanh"])
def test_copies_know_what_it_knows(family, again):
    noise = data.manifold(family, 5, [(2, 1.0)], 0.5 if family == "tanh" else 0.0, noise=0.25)
    other = again(noise)
    assert repr(other) == repr(noise) == f"noisy({noise.clean!r}, 0.25)"
    x = noise.sample(np.random.default_rng(0), 2)[0]
    np.testing.assert_array_equal(other.exact(x, 0.1).mean, noise.exact(x, 0.1).mean)
