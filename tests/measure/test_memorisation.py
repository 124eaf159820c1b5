"""Weights, positions and copies against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoregap import InputError
from scoregap.measure import memorisation

checked = settings(deadline=None, max_examples=30, derandomize=True)


@checked
@given(seed=st.integers(0, 1000), log_t=st.floats(-6, 4), offset=st.floats(-1e3, 1e3), count=st.integers(1, 150))
def test_weights_are_the_posterior(seed, log_t, offset, count):
    rng, t = np.random.default_rng(seed), 10**log_t
    points = rng.standard_normal((20, 4)) + offset
    own = rng.integers(20, size=count)
    x = points[own] + np.sqrt(t) * rng.standard_normal((count, 4))
    log = -((x[:, None] - points) ** 2).sum(2) / (2 * t)
    weights = np.exp(log - log.max(1, keepdims=True))
    weights /= weights.sum(1, keepdims=True)
    found = memorisation.weights(x, t, points, own)
    precise = 1e-6 + 1e-10 * offset**2 / t  # of distances by products
    assert found.own == pytest.approx(weights[np.arange(count), own], abs=precise)
    assert found.nearest == pytest.approx(weights.max(1), abs=precise)
    assert found.effective == pytest.approx(1 / (weights**2).sum(1), rel=1e-5 + 100 * precise)


def test_the_weight_of_a_point_is_that_of_all_its_copies():
    """Else points that stand k times would never collapse: each copy has one k-th of the weight."""
    rng = np.random.default_rng(0)
    some, own = rng.standard_normal((12, 4)), np.arange(12)
    points = np.concatenate([some, some[::-1], some[:6]])
    x = some + 0.01 * rng.standard_normal((12, 4))
    found = memorisation.weights(x, 1e-4, points, own)
    for one in found:
        assert one == pytest.approx(np.ones(12), abs=1e-6)
    x = some + rng.standard_normal((12, 4))
    for k in range(2):  # whichever of the copies is meant
        found = memorisation.weights(x, 1.0, points, own if k == 0 else 23 - own)
        weights = np.exp(-((x[:, None] - some) ** 2).sum(2) / 2) * np.where(own < 6, 3, 2)
        weights /= weights.sum(1, keepdims=True)
        assert found.own == pytest.approx(np.diag(weights))
        assert found.nearest == pytest.approx(weights.max(1))
        assert found.effective == pytest.approx(1 / (weights**2).sum(1))


@checked
@given(seed=st.integers(0, 1000), along=st.floats(-2, 3), aside=st.floats(0, 3))
def test_position_is_where_it_was_put(seed, along, aside):
    rng = np.random.default_rng(seed)
    exact, empirical, other = rng.standard_normal((3, 2, 5, 4))
    whole = empirical - exact
    other -= whole * (other * whole).sum((1, 2), keepdims=True) / (whole**2).sum((1, 2), keepdims=True)
    other *= aside * np.sqrt((whole**2).sum((1, 2)) / (other**2).sum((1, 2)))[:, None, None]
    found = memorisation.position(exact + along * whole + other, exact, empirical)
    assert found.along == pytest.approx(np.full(2, along), abs=1e-9)
    assert found.residual == pytest.approx(np.full(2, aside**2), abs=1e-9)
    assert found.apart == pytest.approx((whole**2).sum((1, 2)) / 5)


def test_position_between_the_same_is_unknown():
    one = np.ones((3, 2))
    assert np.isnan(memorisation.position(one + 1, one, one).along)


def test_chance_copies_are_as_many_as_a_third_to_the_dimension():
    rng = np.random.default_rng(0)
    for m in (1, 2, 3):
        points, samples = rng.random((4000, m)), 0.1 + 0.8 * rng.random((6000, m))
        share = (memorisation.copies(samples, points).ratio < memorisation.COPY).mean()
        assert share == pytest.approx(3.0**-m, abs=4 * np.sqrt(3.0**-m / 6000) + 0.01)


def test_training_points_are_copies_of_themselves():
    points = np.random.default_rng(0).standard_normal((50, 3))
    found = memorisation.copies(points + 1e-9, points)
    assert found.distance == pytest.approx(np.full(50, 1e-9 * np.sqrt(3)), rel=1e-6)
    assert (found.ratio < 1e-6).all()
    assert found.nearest.tolist() == list(range(50))


def test_a_training_point_that_stands_twice_is_copied_all_the_same():
    """The second nearest is another one, else what is memorised most would be no copy."""
    points = np.random.default_rng(0).standard_normal((50, 3))
    once, twice = (memorisation.copies(points + 1e-9, x) for x in (points, np.concatenate([points, points[::-1]])))
    for one, other in zip(once, twice, strict=True):
        np.testing.assert_array_equal(one, other)
    alone = memorisation.copies(points[:2], np.ones((4, 3)))
    assert alone.ratio.tolist() == [1, 1]


def test_falls_through_one_half():
    t = np.geomspace(1e-2, 1e2, 9)
    values = np.exp(-t)
    found, side = memorisation.falls_through(t, values)
    assert side == 0
    assert found == pytest.approx(np.log(2), rel=0.2)
    assert memorisation.falls_through(t, values + 1)[1] == 1
    assert memorisation.falls_through(t, values / 4)[1] == -1
    assert np.isnan(memorisation.falls_through(t, values / 4)[0])


def test_says_what_it_refuses():
    x = np.zeros((2, 3))
    for call, key in (
        (lambda: memorisation.copies(x, x[:1]), "points"),
        (lambda: memorisation.weights(x, 0.0, x, [0, 1]), "t"),
        (lambda: memorisation.weights(x, 1.0, x, [0, 2]), "own"),
        (lambda: memorisation.position(x, x[:1], x), "exact"),
        (lambda: memorisation.falls_through([1.0, 2.0], [1.0]), "values"),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.key == key
