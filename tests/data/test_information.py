"""Mutual information of noisy and clean points: closed forms, and direct draws of the information density."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from scoregap import InputError
from scoregap.data import manifold
from scoregap.data.information import information
from scoregap.laws import memorisation


@pytest.mark.parametrize("frame", ["random", "orthonormal"])
def test_linear_data_have_the_closed_form(frame):
    data = manifold("linear", 24, [(4, 1.0), (3, 0.05)], seed=2, frame=frame)
    told, closed = information(data, 10**5, points=4), memorisation.linear(data.scales**2)
    for points in (2, 30, 10**5):
        assert told.t_memorisation(points) == pytest.approx(closed.t_memorisation(points), rel=1e-6)
    assert told.corrected(30) == pytest.approx(closed.corrected(30), rel=1e-4)
    for t in np.geomspace(told.low, told.high, 9):
        assert told.moments(t) == pytest.approx(closed.moments(t), rel=0.01, abs=1e-9)


def test_arcs_without_curvature_are_linear():
    data = manifold("arcs", 16, [(3, 1.0)], 0.0, seed=1)
    assert information(data, 100).t_memorisation(100) == pytest.approx(
        memorisation.t_memorisation(100, data.scales**2), rel=1e-6
    )


def test_of_curved_data_the_gaussian_has_more():
    data = manifold("arcs", 16, [(3, 1.0)], 1.0, seed=1)
    told = information(data, 1000)
    for t in (0.01, 0.1, 1.0):
        assert told.moments(t).information < memorisation.information(t, data.principal_axes[1])
    assert told.t_memorisation(1000) < memorisation.t_memorisation(1000, data.principal_axes[1])


@pytest.mark.parametrize("t", [0.02, 0.5, 5.0])
def test_mixtures_against_draws_of_the_information_density(t):
    data = manifold("mixture", 6, [(3, 1.0), (1, 0.4)], seed=0, separation=1.0)
    rng = np.random.default_rng(1)
    clean, _ = data.sample(rng, 40_000)
    x = clean + np.sqrt(t) * rng.standard_normal(clean.shape)
    density = sum(
        weight * multivariate_normal(mean, variance * frame @ frame.T + t * np.eye(6)).pdf(x)
        for weight, mean, variance, frame in zip(data.weights, data.means, data.variances, data.frames, strict=True)
    )
    own = -0.5 * ((x - clean) ** 2).sum(1) / t - 3 * np.log(2 * np.pi * t) - np.log(density)
    expected, error = own.mean(), own.std() / np.sqrt(len(own))
    told = information(data, 10**4, points=8192)  # as many of each component as there should be
    assert told.moments(t).information == pytest.approx(expected, abs=4 * error + 0.01 * expected)


@pytest.mark.parametrize("t", [0.05, 1.0])
def test_arcs_against_draws_of_the_information_density(t):
    data = manifold("arcs", 4, [(2, 1.0)], 1.0, seed=0)
    rng = np.random.default_rng(1)
    clean, _ = data.sample(rng, 2000)
    x = clean + np.sqrt(t) * rng.standard_normal(clean.shape)
    own = -0.5 * ((x - clean) ** 2).sum(1) / t
    for i in range(2):  # p(x) over p(x|x0), up to what they share, plane by plane: latents are independent
        z = np.linspace(-7, 7, 1501) * data.scales[i]
        one = np.zeros((len(z), 2))
        one[:, i] = z
        curve = data.embed(one) - data.embed(np.zeros((1, 2)))
        plane = np.stack([data.tangent_frame[:, i], data.bend_frame[:, i]], 1)
        place = (x - data.embed(np.zeros((1, 2)))) @ plane
        squares = ((place[:, None] - curve @ plane) ** 2).sum(2) / (2 * t)
        prior = np.exp(-0.5 * (z / data.scales[i]) ** 2)
        own -= np.log(np.exp(-squares) @ (prior / prior.sum()))
    expected, error = own.mean(), own.std() / np.sqrt(len(own))
    assert information(data, 10**4).moments(t).information == pytest.approx(expected, abs=4 * error + 0.01 * expected)


def test_says_what_it_refuses():
    data = manifold("linear", 4, [(2, 1.0)])
    for arguments, key in (
        ({"most": 1}, "most"),
        ({"most": 10, "points": 0}, "points"),
        ({"most": 10, "seed": -1}, "seed"),
    ):
        with pytest.raises(InputError) as caught:
            information(data, **arguments)
        assert caught.value.key == key


def test_where_a_guard_fails_nothing_is_known():
    """It is known down to there: more points have no law."""
    data = manifold("linear", 4, [(2, 1.0)])

    class Guarded:
        dim, principal_axes = data.dim, data.principal_axes
        sample = staticmethod(data.sample)

        @staticmethod
        def exact(x, t):
            found = data.exact(x, t)
            return type(found)(found.mean, np.where(t < 0.3, np.nan, found.eigenvalues), found.frame)

    told = information(Guarded(), 10**6)
    assert told.low == pytest.approx(0.3, rel=0.2)
    assert told.t_memorisation(2) == pytest.approx(memorisation.t_memorisation(2, data.scales**2), rel=1e-6)
    assert np.isnan(told.t_memorisation(10**6))
