"""The estimator of scikit-learn: its interface, what it says of points, and what does not matter to it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from scoregap.measure.detector import GapDetector


@parametrize_with_checks([GapDetector(), GapDetector(significance=0.5, min_width=1e-6)])
def test_scikit_learn_agrees(estimator, check):
    if check.func.__name__ == "check_array_api_input":
        pytest.skip("needs an environment variable before scipy is imported")
    check(estimator)


def test_parameters_are_checked_when_fitting():
    assert clone(GapDetector(significance=0.01)).get_params() == {"significance": 0.01, "min_width": 0.1}
    for wrong in ({"significance": 0.0}, {"significance": 1.0}, {"min_width": 0.0}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))}: .* is not allowed: should be"):
            GapDetector(**wrong).fit(np.zeros((2, 3)))


def test_attributes():
    """Three points with both gaps, one in which the upper two groups are one and the final gap is elsewhere."""
    rng = np.random.default_rng(0)
    levels = np.repeat([-0.05, -0.4, -1.0], (6, 8, 20))
    spectra = levels + 0.01 * rng.random((4, 34))
    spectra[3] = np.repeat([-0.05, -1.0], (9, 25)) + 0.01 * rng.random(34)
    mixed = rng.permuted(spectra, axis=1)
    one = GapDetector().fit(mixed)
    assert one.gaps_.tolist() == [6, 9, 14]  # of the mean: the fourth point adds a step at 9
    ordered = -np.sort(-spectra, axis=1).mean(0)
    np.testing.assert_allclose(one.widths_, [ordered[k - 1] - ordered[k] for k in one.gaps_])
    assert np.all((one.p_values_ >= 0) & (one.p_values_ <= 0.05))
    assert [own.tolist() for own in one.point_gaps_] == [[6, 14]] * 3 + [[9]]
    np.testing.assert_array_equal(one.point_dimensions_, [14, 14, 14, 9])
    np.testing.assert_allclose(one.shares_, [0.75, 0.25, 0.75])
    assert [len(p) for p in one.point_p_values_] == [len(w) for w in one.point_widths_] == [2, 2, 2, 1]
    assert one.point_widths_[3][0] == pytest.approx(0.95, abs=0.02)
    assert (one.dimension_, one.n_gaps_) == (14, 3)
    none = GapDetector().fit(-1 + 0.01 * rng.random((4, 34)))
    assert (none.dimension_, none.n_gaps_) == (0, 0)
    assert len(none.gaps_) == len(none.widths_) == len(none.p_values_) == len(none.shares_) == 0
    assert none.point_dimensions_.tolist() == [0] * 4


@settings(deadline=None, max_examples=40, derandomize=True)
@given(seed=st.integers(0, 9999))
def test_order_of_points_and_modes_and_copies_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    levels = rng.choice([-1.0, -0.6, -0.2], 40)
    spectra = levels + 0.05 * rng.standard_normal((5, 40))
    one = GapDetector().fit(spectra)
    for other in (spectra[rng.permutation(5)], rng.permuted(spectra, axis=1), np.repeat(spectra, 3, 0)):
        two = GapDetector().fit(other)
        np.testing.assert_array_equal(one.gaps_, two.gaps_)
        np.testing.assert_allclose(one.widths_, two.widths_, atol=1e-12)
        np.testing.assert_allclose(one.p_values_, two.p_values_, rtol=1e-6)
        np.testing.assert_allclose(one.shares_, two.shares_)
    alone = GapDetector().fit(spectra[:1])
    np.testing.assert_array_equal(alone.gaps_, one.point_gaps_[0])
    np.testing.assert_allclose(alone.shares_, 1.0)
