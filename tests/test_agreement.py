"""Known ratios give known verdicts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from scoregap import agreement


def judge(exact, trained, gaussian=None, margin=0.1):
    exact, trained = np.asarray(exact, float), np.asarray(trained, float)
    gaussian = exact if gaussian is None else np.asarray(gaussian, float)
    return agreement.judge(
        {"law": exact, "gaussian": gaussian, "exact": exact, "trained": trained}, "trained", margin, 0.9
    )


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
    assert judge([1, 2, 3], trained)["verdict"] == verdict


def test_one_seed_is_never_conclusive_and_absence_is_an_answer():
    assert judge([1.0], [1.0])["verdict"] == "inconclusive"
    assert judge([np.nan] * 3, [np.nan] * 3)["verdict"] == "absent"
    assert judge([np.nan] * 3, [1, 1, 1])["verdict"] == "seen in 3, exact in 0"
    assert judge([1, 1, np.nan], [1, 1, np.nan])["verdict"] == "agrees"  # on where there is no gap, too


def test_the_margin_is_a_relative_difference_either_way():
    assert judge([1, 1, 1], [0.76, 0.76, 0.76], margin=0.25)["verdict"] == "agrees"
    assert judge([1, 1, 1], [0.74, 0.74, 0.74], margin=0.25)["verdict"] == "disagrees"
    assert judge([1, 1, 1], [1.24, 1.24, 1.24], margin=0.25)["verdict"] == "agrees"
    assert judge([1, 1, 1], [1.26, 1.26, 1.26], margin=0.25)["verdict"] == "disagrees"


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
    inside = [low <= 0 <= high for low, high in (agreement.interval(rng.normal(0, 1, 3), 0.9) for _ in range(2000))]
    assert np.mean(inside) == pytest.approx(0.9, abs=0.02)  # three standard errors
