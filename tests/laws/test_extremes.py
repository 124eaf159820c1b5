"""Laws of extreme eigenvalues against closed forms."""

import numpy as np
import pytest

from scoregap.laws import extremes


def test_the_hard_wall_in_closed_form():
    """P(y > s) = exp(-s / 2 - s^(1/2)), exp(-s / 2) and exp(-s / 2) 0F1(2; s) (Edelman 1988, 1991)."""
    root = np.linspace(0, 40, 400_001)
    tail = np.exp(-(root**2) / 2 - root)
    mean, square = (np.trapezoid(2 * k * root ** (2 * k - 1) * tail, root) for k in (1, 2))
    assert extremes.hard_wall(0.0) == pytest.approx((mean, np.sqrt(square - mean**2)), rel=1e-7)
    assert extremes.square() == pytest.approx((mean, np.sqrt(square - mean**2)), rel=1e-7)
    assert extremes.hard_wall(1.0) == pytest.approx((2, 2), rel=1e-9)
    mean, square = np.e**2 - 1, 8 * np.e**2  # term by term
    assert extremes.hard_wall(3.0) == pytest.approx((mean, np.sqrt(square - mean**2)), rel=1e-9)


def test_the_hard_wall_is_smooth_between():
    found = np.array([extremes.hard_wall(nu) for nu in np.linspace(0, 8, 33)])
    second = np.diff(found, 2, axis=0)
    assert np.all(np.diff(found, axis=0) > 0)
    assert np.all(np.abs(second) < 0.05)


def test_near_the_wall_the_series_is_what_is_computed():
    """Every law asks for it, so there it is no determinant of Bessel functions."""
    for nu in (0.05, 0.4, 1.0, 1.7, 3.0, 7.5, 14.0, 25.0, extremes.FAR):
        x, wall = (2 / nu) ** (2 / 3), extremes.hard_wall(float(nu))
        assert np.array(extremes.lower(x)) * (nu / 2) ** 2 == pytest.approx(
            np.array(wall), rel=1e-6 if nu >= 1 else 1e-4
        )


def test_far_from_the_wall_it_is_tracy_and_widom():
    for x in (1e-3, 1e-6):
        mean, spread = extremes.lower(x)
        assert (mean - 1) / x == pytest.approx(-extremes.TRACY_WIDOM_MEAN, rel=2 * x)
        assert spread / x == pytest.approx(extremes.TRACY_WIDOM_STD, rel=2 * x)


def test_what_is_interpolated_is_what_is_computed():
    at = 2 * (2 / extremes.FAR) ** (2 / 3) / 2
    assert extremes.lower(at * (1 - 1e-9)) == pytest.approx(extremes.lower(at * (1 + 1e-9)), rel=1e-6)
    for nu in (40.0, 60.0, 120.0):
        mean, spread = (one / (nu / 2) ** 2 for one in extremes.hard_wall(nu))
        found = extremes.lower((2 / nu) ** (2 / 3))
        assert (found[0] - mean) / spread == pytest.approx(0, abs=0.003)
        assert found[1] == pytest.approx(spread, rel=0.003)


@pytest.mark.parametrize("x", [1e-4, 0.03, 0.25])
def test_upper_edges_by_the_moments_of_what_is_squared(x):
    """A law of two values has the same formulas: here one with the mean and standard deviation, skewed as it is."""
    mean, std, skewness = extremes.TRACY_WIDOM_MEAN, extremes.TRACY_WIDOM_STD, extremes.TRACY_WIDOM_SKEWNESS
    odds = 0.5 + skewness / (2 * np.sqrt(skewness**2 + 4))  # of the lower value
    values = mean + std * np.array([-np.sqrt((1 - odds) / odds), np.sqrt(odds / (1 - odds))])
    weights = np.array([odds, 1 - odds])
    square = (1 + x * values / 2) ** 2
    first = weights @ square
    spread = np.sqrt(weights @ (square - first) ** 2)
    found = extremes.upper(x)
    assert found[0] == pytest.approx(first, rel=1e-12)
    assert found[1] == pytest.approx(spread, rel=0.05 * x + 1e-9)  # its kurtosis is another


@pytest.mark.parametrize("d", [8, 100, 10_000])
def test_the_upper_edge_of_one_column_is_nearly_chi_squared(d):
    n, p = np.sqrt(d - 0.5), np.sqrt(0.5)
    place, scale = (n + p) ** 2, (n + p) * (1 / n + 1 / p) ** (1 / 3)
    mean, spread = place * np.array(extremes.upper(scale / place))
    assert (mean - d) / np.sqrt(2 * d) == pytest.approx(0, abs=0.12)
    assert spread == pytest.approx(np.sqrt(2 * d), rel=0.15)
