"""Gap widths and phase times against their definitions, found by root search (theory.md 3)."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar

from scoregap.laws import times

lower = st.floats(-6, 3).map(lambda e: 10**e)
ratio = st.floats(-2, 6).map(lambda e: 1 + 10**e)
share = st.floats(0.01, 0.99)
checked = settings(deadline=None, max_examples=60, derandomize=True)


def test_published_example():
    assert times.maximum(4.0, 0.25) == pytest.approx((1.0, 0.6))
    assert times.opening_and_closing(4.0, 0.25) == pytest.approx((8.12695, 0.123047), rel=1e-5)


@checked
@given(b=lower, ratio=ratio, log_t=st.floats(-8, 4))
def test_width_is_a_difference_of_eigenvalues(b, ratio, log_t):
    a, t = b * ratio, 10**log_t
    with mp.workdps(40):
        expected = mp.mpf(a) / (mp.mpf(a) + t) - mp.mpf(b) / (mp.mpf(b) + t)
    assert times.gap_width(t, a, b) == pytest.approx(float(expected), rel=1e-12)
    assert times.gap_width(t, a, 0.0) == pytest.approx(a / (a + t), rel=1e-14)
    # Symmetric in log t about t_max.
    assert times.gap_width(a * b / t, a, b) == pytest.approx(times.gap_width(t, a, b), rel=1e-12)


@checked
@given(b=lower, ratio=ratio)
def test_maximum_is_the_maximum(b, ratio):
    a = b * ratio
    t_max, largest = times.maximum(a, b)
    found = minimize_scalar(lambda u: -times.gap_width(np.exp(u), a, b), bounds=np.log([b, a]), method="bounded")
    assert largest == pytest.approx(-found.fun, rel=1e-8)
    assert times.gap_width(t_max, a, b) == pytest.approx(largest, rel=1e-8)
    assert t_max == pytest.approx(np.sqrt(a * b))


@checked
@given(b=lower, ratio=ratio, level=share)
def test_opening_and_closing(b, ratio, level):
    a = b * ratio
    opening, closing = times.opening_and_closing(a, b, level)
    t_max, largest = times.maximum(a, b)
    assert opening > t_max > closing > 0
    assert opening * closing == pytest.approx(t_max**2, rel=1e-12)
    for t in (opening, closing):
        assert times.gap_width(t, a, b) == pytest.approx(level * largest, rel=1e-8)


@pytest.mark.parametrize("level", [1.0, 1 - 1e-15, 1 - 1e-9])
def test_opening_and_closing_meet_at_the_top(level):
    rng = np.random.default_rng(0)
    b = 10 ** rng.uniform(-6, 2, 500)
    a = b * (1 + 10 ** rng.uniform(-3, 4, 500))
    opening, closing = times.opening_and_closing(a, b, level)
    t_max, _ = times.maximum(a, b)
    half = 0.5 * (1 - level) / level * (np.sqrt(a) + np.sqrt(b)) ** 2  # as a sum of what is positive
    np.testing.assert_allclose(opening, t_max + half + np.sqrt(half * (half + 2 * t_max)), rtol=1e-6)
    np.testing.assert_allclose(opening * closing, a * b, rtol=1e-10)


def test_visible_is_a_fixed_width():
    a, b = 4.0, 0.25
    opening, closing = times.visible(a, b, 0.3)
    np.testing.assert_allclose([opening, closing], times.opening_and_closing(a, b, 0.5))
    assert times.gap_width(opening, a, b) == pytest.approx(0.3)
    assert times.gap_width(closing, a, b) == pytest.approx(0.3)
    assert np.isnan(times.visible(a, b, 0.61)).all()
    first, _ = times.visible(np.array([4.0, 4.0, np.nan]), np.array([0.25, 3.0, np.nan]), 0.3)
    np.testing.assert_array_equal(np.isnan(first), [False, True, True])


@checked
@given(g=lower, level=share)
def test_consolidation(g, level):
    t = times.consolidation(g, level)
    assert times.gap_width(t, g, 0.0) == pytest.approx(level, rel=1e-12)
    assert times.consolidation(g) == g


@checked
@given(b=lower, ratio=ratio, below=st.floats(0, 1))
def test_final_gap_overtakes_the_intermediate_one(b, ratio, below):
    a, g = b * ratio, b * below  # the lowest bulk's lower edge lies below its upper edge
    t = times.coverage_to_consolidation(a, b, g)
    if a - b <= g:
        assert np.isnan(t)
        grid = np.geomspace(1e-6 * b, 1e6 * a, 200)
        assert np.all(times.gap_width(grid, g, 0.0) >= times.gap_width(grid, a, b))
        return
    if g == 0:
        assert t == 0
        return

    def lead(u):
        t = np.exp(u)
        return g * (t + a) * (t + b) - t * (a - b) * (t + g)

    assert lead(np.log(t) - 1e-3) > 0 > lead(np.log(t) + 1e-3)
    if g > 1e-3 * b and a - b > 1.001 * g:
        root = brentq(lead, np.log(1e-3 * g), np.log(1e4 * a) + 20)
        assert np.log(t) == pytest.approx(root, abs=1e-6)


def test_a_missing_gap_has_no_times():
    nan = np.nan
    for found in (
        times.maximum(nan, nan),
        times.opening_and_closing(nan, nan),
        times.visible(nan, nan, 0.1),
        [times.gap_width(1.0, nan, nan), times.coverage_to_consolidation(nan, nan, 0.1)],
    ):
        assert np.isnan(found).all()


def test_no_overflow_at_extreme_times():
    t = np.array([1e-300, 1e-8, 1e4, 1e300])
    for a, b in ((1e4, 1e-8), (1.0, 0.999), (1e-8, 0.0)):
        width = times.gap_width(t, a, b)
        assert np.isfinite(width).all()
        assert np.all((width >= 0) & (width <= 1))
