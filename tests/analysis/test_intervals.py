"""Known ratios give known verdicts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from scoregap.analysis import intervals
from scoregap.analysis.verdicts import words
from scoregap.variables import ABOVE, ABSENT, MEASURED


def judge(exact, trained, gaussian=None, margin=0.1, states=None):
    """states: of trained and of exact; by default, that there is no visible gap where there is no time."""
    exact, trained = np.asarray(exact, float), np.asarray(trained, float)
    gaussian = exact if gaussian is None else np.asarray(gaussian, float)
    states = states or [np.where(np.isfinite(times), MEASURED, ABSENT) for times in (trained, exact)]
    curves = {"law": exact, "gaussian": gaussian, "exact": exact, "trained": trained}
    given = dict(zip(("trained", "exact"), map(np.asarray, states), strict=True))
    return intervals.compare_to_exact(curves, given, "trained", margin, 0.9) | {"network": "gated-8"}


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


@pytest.mark.parametrize(
    ("trained", "verdict"),
    [
        ([1.01, 2.02, 3.03], "agrees"),
        ([1.5, 3.05, 4.4], "disagrees"),
        ([0.6, 1.25, 1.85], "disagrees"),
        ([0.9, 2.0, 3.4], "inconclusive"),  # centred, but far too uncertain
        ([1.099, 2.2, 3.301], "inconclusive"),  # on the margin
        ([1.0, np.nan, 3.0], "seen in 2, exact in 3"),
        ([np.nan] * 3, "seen in 0, exact in 3"),
    ],
)
def test_verdicts(trained, verdict):
    assert words(judge([1, 2, 3], trained)) == verdict


def test_one_seed_is_never_conclusive_and_absence_is_an_answer():
    assert judge([1.0], [1.0])["verdict"] == "inconclusive"
    assert words(judge([np.nan] * 3, [np.nan] * 3)) == "no visible gap in either"
    assert words(judge([np.nan] * 3, [1, 1, 1])) == "seen in 3, exact in 0"
    assert judge([1, 1, np.nan], [1, 1, np.nan])["verdict"] == "agrees"  # on where there is no gap, too


def test_the_margin_is_a_relative_difference_either_way():
    assert judge([1, 1, 1], [0.76, 0.76, 0.76], margin=0.25)["verdict"] == "agrees"
    assert judge([1, 1, 1], [0.74, 0.74, 0.74], margin=0.25)["verdict"] == "disagrees"
    assert judge([1, 1, 1], [1.24, 1.24, 1.24], margin=0.25)["verdict"] == "agrees"
    assert judge([1, 1, 1], [1.26, 1.26, 1.26], margin=0.25)["verdict"] == "disagrees"


def test_states_decide_what_is_seen():
    """A gap too narrow to be visible may have times; they are shown, but not judged."""
    row = judge([1.0, 1.0], [1.0, 1.01], states=([ABSENT] * 2, [ABSENT] * 2))
    assert words(row) == "no visible gap in either"
    assert row["ratio"] == pytest.approx(1.005, rel=1e-3)
    assert words(judge([1, 1], [1, 1], states=([MEASURED] * 2, [MEASURED, ABSENT]))) == "seen in 2, exact in 1"


def test_times_have_student_intervals_over_seeds_too():
    row = judge([1, 2, 4], [1.1, 2.0, 4.2])
    for prefix, times in (("", [1.1, 2.0, 4.2]), ("exact_", [1, 2, 4])):
        logs = np.log(times)
        expected = [logs.mean(), *stats.t.interval(0.9, 2, loc=logs.mean(), scale=stats.sem(logs))]
        assert [row[f"{prefix}{name}"] for name in ("time", "low", "high")] == pytest.approx(np.exp(expected))
    hidden = judge([1, 2, np.nan], [1, 2, 3], states=([MEASURED] * 3, [MEASURED, MEASURED, ABOVE]))
    assert hidden["exact_time"] == pytest.approx(np.sqrt(2))
    assert np.isnan([hidden["exact_low"], hidden["exact_high"]]).all()
    assert hidden["high"] > 0
    lost = judge([1, 2, np.nan], [1, 2, 3])  # a seed without the gap hides nothing
    assert lost["exact_low"] > 0
    assert np.isnan(judge([np.nan] * 2, [np.nan] * 2)["time"])


def test_ratio_and_interval_by_hand():
    row = judge([1, 2, 4], [1.1, 2.0, 4.2])
    logs = np.log([1.1, 1.0, 1.05])
    low, high = stats.t.interval(0.9, 2, loc=logs.mean(), scale=stats.sem(logs))
    assert row["ratio"] == pytest.approx(1.05)  # the median
    assert (row["ratio_low"], row["ratio_high"]) == pytest.approx((np.exp(low), np.exp(high)))


def test_position_between_gaussian_and_exact():
    assert judge([4] * 3, [4] * 3, [1] * 3)["position"] == pytest.approx(1)
    assert judge([4] * 3, [1] * 3, [1] * 3)["position"] == pytest.approx(0)
    assert judge([4] * 3, [2] * 3, [1] * 3)["position"] == pytest.approx(0.5)
    assert np.isnan(judge([4] * 3, [4] * 3, [4.1] * 3)["position"])  # too close to tell apart


@given(st.floats(0.01, 100), st.integers(0, 1000))
def test_the_verdict_does_not_depend_on_units(scale, seed):
    exact, trained = np.exp(np.random.default_rng(seed).normal(0, 0.05, (2, 4)))
    assert judge(exact, trained)["verdict"] == judge(scale * exact, scale * trained)["verdict"]


def test_coverage_of_the_interval_over_seeds():
    """90 % Student intervals from 3 seeds hold the true mean in 90 % of 2000 simulated studies."""
    rng = np.random.default_rng(0)
    inside = [low <= 0 <= high for low, high in (intervals.interval(rng.normal(0, 1, 3), 0.9) for _ in range(2000))]
    assert np.mean(inside) == pytest.approx(0.9, abs=0.02)  # three standard errors
