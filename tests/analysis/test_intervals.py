"""Intervals hold what they say as often as they say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from scoregap.analysis import intervals


def test_without_further_draws_the_interval_is_that_of_the_sum():
    rng = np.random.default_rng(0)
    learning, finite = rng.normal(size=(2, 6))
    for more in (np.empty(0), np.array([0.3]), rng.normal(size=5)):  # fewer draws than seeds would only widen it
        assert intervals.interval_with_draws(learning, finite, more, 0.9) == pytest.approx(
            intervals.interval(learning + finite, 0.9)
        )


@pytest.mark.parametrize("confidence", [pytest.param(0.9, marks=pytest.mark.slow), 0.95])
@pytest.mark.parametrize("link", [0.0, -0.8, 0.8])
@pytest.mark.parametrize("scatter", [pytest.param(0.002, marks=pytest.mark.slow), 0.1])
@pytest.mark.parametrize("seeds", [2, *(pytest.param(k, marks=pytest.mark.slow) for k in (3, 5))])
def test_with_further_draws_intervals_hold_the_truth_as_often_as_they_say(seeds, scatter, link, confidence):
    """2,000 repeats, so within three standard errors; never below, and above by half of what could be at most."""
    repeats = 2000
    rng = np.random.default_rng(seeds)
    finite = rng.normal(0.06, 0.08, (repeats, seeds + 45))
    learning = rng.normal(0.01, scatter, (repeats, seeds)) + link * (finite[:, :seeds] - 0.06)
    ends = np.array(
        [
            intervals.interval_with_draws(one, two[:seeds], two[seeds:], confidence)
            for one, two in zip(learning, finite, strict=True)
        ]
    )
    held = np.mean((ends[:, 0] <= 0.07) & (ends[:, 1] >= 0.07))
    error = 3 * np.sqrt(confidence * (1 - confidence) / repeats)
    assert confidence - error < held < 0.5 * (1 + confidence) + 0.015 + error


def test_further_draws_narrow_the_interval():
    """Of networks that follow the exact score, five seeds and 45 draws: nearly to that of fifty seeds."""
    rng = np.random.default_rng(0)
    widths = []
    for _ in range(400):
        finite, learning = rng.normal(0.06, 0.08, 50), rng.normal(0.01, 0.02, 5)
        ends = (
            intervals.interval_with_draws(learning, finite[:5], finite[5:], 0.9),
            intervals.interval(learning + finite[:5], 0.9),
            intervals.interval(finite, 0.9),
        )
        widths.append([high - low for low, high in ends])
    draws, seeds, all_seeds = np.median(widths, 0)
    assert all_seeds < draws < 1.5 * all_seeds < 0.5 * seeds


def test_numbers_without_scatter_have_an_interval_without_width():
    found = intervals.interval_with_draws(np.full(3, 0.1), np.zeros(3), np.zeros(9), 0.9)
    assert found == pytest.approx((0.1, 0.1))


def test_coverage_of_the_interval_over_seeds():
    """90 % Student intervals from 3 seeds hold the true mean in 90 % of 2000 simulated studies."""
    rng = np.random.default_rng(0)
    inside = [low <= 0 <= high for low, high in (intervals.interval(rng.normal(0, 1, 3), 0.9) for _ in range(2000))]
    assert np.mean(inside) == pytest.approx(0.9, abs=0.02)  # three standard errors


VALUES = st.one_of(st.floats(1e-9, 1e9), st.just(np.nan))
ROWS = arrays.arrays(float, st.tuples(st.integers(0, 6), st.integers(1, 12)), elements=VALUES)


@given(ROWS)
def test_many_rows_together_have_the_numbers_of_each_alone_to_the_bit(values):
    pairs = [
        (intervals.means, intervals.mean),
        (intervals.geometric_means, intervals.geometric_mean),
        (intervals.medians, intervals.median),
    ]
    for together, alone in pairs:
        np.testing.assert_array_equal(together(values), np.array([alone(row) for row in values]))
    ends = [intervals.interval(row[np.isfinite(row)], 0.9) for row in values]
    np.testing.assert_array_equal(np.transpose(intervals.intervals(values, 0.9)), np.reshape(ends, (-1, 2)))
