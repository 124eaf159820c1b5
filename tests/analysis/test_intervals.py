"""Intervals hold what they say as often as they say."""

import numpy as np
import pytest

from scoregap.analysis import intervals


def test_without_further_draws_the_interval_is_that_of_the_sum():
    rng = np.random.default_rng(0)
    learning, finite = rng.normal(size=(2, 6))
    for more in (np.empty(0), np.array([0.3])):  # of one draw no scatter is known
        assert intervals.interval_with_draws(learning, finite, more, 0.9) == pytest.approx(
            intervals.interval(learning + finite, 0.9)
        )


@pytest.mark.slow
@pytest.mark.parametrize("link", [0.0, -0.8, 0.8])
def test_with_further_draws_intervals_are_narrow_and_hold_the_truth_as_often_as_they_say(link):
    """10,000 repeats: the share that holds it scatters by .003."""
    rng = np.random.default_rng(0)
    held, widths = 0, []
    for _ in range(10_000):
        finite = rng.normal(0.06, 0.08, 45)
        learning = rng.normal(0.01, 0.02, 5) + link * (finite[:5] - 0.06)
        low, high = intervals.interval_with_draws(learning, finite[:5], finite[5:], 0.9)
        held += low <= 0.07 <= high
        widths.append(high - low)
    assert abs(held / 10_000 - 0.9) < 0.015
    both = np.sqrt(0.08**2 / 45 + (0.02**2 + (link * 0.08) ** 2) / 5 + 2 * link * 0.08**2 / 45)
    assert 3.0 < np.mean(widths) / both < 4.6  # 3.3 of a normal one, 4.3 with four degrees of freedom


def test_numbers_without_scatter_have_an_interval_without_width():
    found = intervals.interval_with_draws(np.full(3, 0.1), np.zeros(3), np.zeros(9), 0.9)
    assert found == pytest.approx((0.1, 0.1))


def test_coverage_of_the_interval_over_seeds():
    """90 % Student intervals from 3 seeds hold the true mean in 90 % of 2000 simulated studies."""
    rng = np.random.default_rng(0)
    inside = [low <= 0 <= high for low, high in (intervals.interval(rng.normal(0, 1, 3), 0.9) for _ in range(2000))]
    assert np.mean(inside) == pytest.approx(0.9, abs=0.02)  # three standard errors
