"""The energy distance against brute force, scipy's in one dimension, and the closed form of Gaussians."""

import numpy as np
import pytest
from scipy import stats

from scoregap.measure import distances


def brute(x, y, paired):
    """Every pair by itself."""

    def mean(a, b, but):
        lengths = [np.sqrt(((p - q) ** 2).sum()) for i, p in enumerate(a) for j, q in enumerate(b) if i != j or not but]
        return sum(lengths) / len(lengths)

    return 2 * mean(x, y, paired) - mean(x, x, True) - mean(y, y, True)


@pytest.mark.parametrize("paired", [False, True])
def test_it_is_the_mean_over_pairs(paired):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((7, 3)), 2 + rng.standard_normal((7 if paired else 5, 3))
    assert distances.energy(x, y, paired) == pytest.approx(brute(x, y, paired), rel=1e-12)
    assert distances.energy(x, y) == pytest.approx(distances.energy(y, x), rel=1e-12)


def test_in_one_dimension_it_is_scipys_without_its_bias():
    """scipy averages over all pairs, those of a point with itself too."""
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal(40), 1.5 * rng.standard_normal(25)
    itself = sum(np.abs(one[:, None] - one).mean() / (len(one) - 1) for one in (x, y))
    expected = stats.energy_distance(x, y) ** 2 - itself
    assert distances.energy(x[:, None], y[:, None]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("paired", [False, True])
def test_it_has_no_bias(paired):
    """Of Gaussians of std 1 and a, from four points each: E|N(0, s^2)| = s sqrt(2 / pi)."""
    rng, a = np.random.default_rng(2), 1.7
    exact = np.sqrt(2 / np.pi) * (2 * np.hypot(1, a) - np.sqrt(2) * (1 + a))
    x = rng.standard_normal((6000, 4, 1))
    y = a * (x if paired else rng.standard_normal(x.shape))
    found = np.array([distances.energy(*pair, paired) for pair in zip(x, y, strict=True)])
    assert abs(found.mean() - exact) < 4 * found.std() / np.sqrt(len(found))
    assert found.std() / np.sqrt(len(found)) < 0.1 * exact


def test_what_pairs_have_in_common_cancels():
    """A scale 2 % off, from 200 points: lost in the noise of two samples, and good to a fifth of itself in pairs."""
    rng = np.random.default_rng(3)
    exact = np.sqrt(2 / np.pi) * (2 * np.hypot(1, 1.02) - np.sqrt(2) * 2.02)
    x, other = rng.standard_normal((2, 200, 200, 1))
    pairs, apart = (
        np.array([distances.energy(a, 1.02 * b, paired) for a, b in zip(x, y, strict=True)])
        for y, paired in ((x, True), (other, False))
    )
    assert np.abs(pairs.mean() / exact - 1) < 0.02
    assert pairs.std() < 0.25 * exact
    assert apart.std() > 30 * exact
    assert distances.energy(x[0], x[0], paired=True) == pytest.approx(0, abs=1e-14)
