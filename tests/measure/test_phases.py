"""Phase times read off curves whose times are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from scoregap.measure import phases

GRID = np.geomspace(1e-4, 30, 40)  # that of the quickstart study
nan = np.nan


def everywhere(width):
    """Every point has every gap."""
    return np.ones(width.shape[1:], bool)


def bump(t, a, b):
    """The gap between variances a > b in the linear model (THEORY.md 3)."""
    return a / (a + t) - b / (b + t)


def rise(t, g):
    return g / (g + t)


def truth(a, b, level=0.5):
    """(opening, maximum, closing): roots of level L (t + a)(t + b) = t (a - b)."""
    largest = (np.sqrt(a) - np.sqrt(b)) / (np.sqrt(a) + np.sqrt(b))
    closing, opening = np.sort(np.roots([1, a + b - (a - b) / (level * largest), a * b]).real)
    return opening, np.sqrt(a * b), closing


@settings(deadline=None, max_examples=150, derandomize=True)
@given(
    log_b=st.floats(-6, 2),
    log_ratio=st.floats(-3, 4),
    offsets=st.lists(st.floats(-6, 6), min_size=3, max_size=40, unique=True),
    scale=st.sampled_from([1.0, 0.01]),
)
def test_peak_is_exact_on_any_grid(log_b, log_ratio, offsets, scale):
    """Also for a gap that a common factor makes less wide."""
    b = 10**log_b
    a = b * (1 + 10**log_ratio)
    t_max = np.sqrt(a * b)
    times = t_max * 10 ** np.sort(np.round(offsets, 2))
    times = np.unique(times)
    width = scale * bump(times, a, b)
    top = width.argmax() if len(times) else 0
    found, largest = phases.peak(times, width)
    if not 0 < top < len(times) - 1:
        assert np.isnan([found, largest]).all()
        return
    # The curve itself has relative errors of about 1e-16 (a + b) / (a - b) / width.
    assert found == pytest.approx(t_max, rel=1e-6)
    assert largest == pytest.approx(scale * (np.sqrt(a) - np.sqrt(b)) / (np.sqrt(a) + np.sqrt(b)), rel=1e-6)


@pytest.mark.parametrize(("a", "b"), [(4.0, 0.25), (1.0, 0.01), (0.5, 0.01), (2.0, 0.3)])
@pytest.mark.parametrize("level", [0.3, 0.5, 0.8])
def test_opening_and_closing_converge_with_the_grid(a, b, level):
    """Flanks are interpolated: the error falls with the square of the spacing, and is under 1 % on the study's grid."""
    expected = truth(a, b, level)
    errors = []
    for count in (40, 160):
        times = np.geomspace(1e-4, 30, count)
        found = np.array(phases.intermediate(times, bump(times, a, b), level))
        errors.append(np.abs(found / expected - 1))
    assert errors[0].max() < 0.012
    assert errors[1].max() < 1e-3
    assert errors[0][1] < 1e-9


def test_published_example():
    times = np.geomspace(1e-3, 1e3, 400)
    opening, t_max, closing = phases.intermediate(times, bump(times, 4.0, 0.25), 0.5)
    assert (opening, t_max, closing) == pytest.approx((8.12695, 1.0, 0.123047), rel=1e-3)
    assert opening * closing == pytest.approx(t_max**2, rel=1e-3)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(log_g=st.floats(-3, 1), count=st.integers(2, 60))
def test_consolidation_is_exact_on_any_grid(log_g, count):
    g = 10**log_g
    times = np.geomspace(5e-4, 30, count)
    consolidation, resolution = phases.final(times, rise(times, g))
    assert consolidation == pytest.approx(g, rel=1e-9)
    assert np.isnan(resolution)


def test_final_gap_with_resolution_loss():
    """g / (g + t) times t / (t + r): falls again below one half at small t."""
    g, r = 0.5, 1e-3

    def width(t):
        return rise(t, g) * t / (t + r)

    times = np.geomspace(1e-4, 30, 200)
    consolidation, resolution = phases.final(times, width(times))
    assert consolidation == pytest.approx(brentq(lambda t: width(t) - 0.5, 0.1, 1), rel=1e-3)
    assert resolution == pytest.approx(brentq(lambda t: width(t) - 0.5, 1e-4, 0.02), rel=1e-3)
    assert resolution < consolidation


def test_final_gap_with_a_dip():
    """Both are the first falls from the widest point: dips further out do not count."""
    times, width = np.arange(1.0, 9.0), np.array([0.1, 0.8, 0.9, 0.4, 0.8, 0.95, 0.3, 0.6])
    consolidation, resolution = phases.final(times, width)
    assert 6 < consolidation < 7
    assert 4 < resolution < 5


def test_peak_that_no_gap_has():
    """Through these three points 1 / (p t + q / t + r) would have a pole."""
    assert np.isnan(phases.peak(np.array([0.1, 1.0, 10.0]), np.array([0.99, 1.0, 0.01]))).all()


def test_final_gap_that_the_grid_cuts():
    assert np.isnan(phases.final(GRID, 0.4 * rise(GRID, 0.1))).all()  # never one half
    assert np.isnan(phases.final(GRID, np.full(40, 0.9))).all()  # always
    consolidation, resolution = phases.final(GRID, np.where(GRID > 0.01, 0.9, 0.1))
    assert np.isnan(consolidation)
    assert resolution == pytest.approx(0.01, rel=0.4)
    assert np.isnan(phases.final(GRID, np.full(40, nan))).all()


def test_crossing_is_exact_for_both_kinds_of_gap_on_any_grid():
    # Final gap g / (t + g): 0.8 at t = 1 and 0.2 at t = 16 with g = 4.
    assert phases.crossing(np.array([1.0, 16.0]), np.array([0.8, 0.2]), 0.5) == pytest.approx(4)
    # Intermediate gap of a = 4, b = 1/4 (THEORY.md 3): 0.6 at t = 1, half of it at 8.12695 and 0.123047.
    for edge, expected in ((30.0, 8.12695), (0.001, 0.123047)):
        times = np.array([1.0, edge])
        width = times * (4 - 0.25) / ((times + 4) * (times + 0.25))
        assert phases.crossing(times, width, 0.3, t_max=1.0) == pytest.approx(expected, rel=1e-5)


def test_crossing_is_the_first_from_the_top_or_nothing():
    t, w = np.arange(1.0, 7.0), np.array([0.9, 0.8, 0.2, 0.9, 0.8, 0.2])
    assert 2 < phases.crossing(t, w, 0.5) < 3
    assert 2 < phases.crossing(t[3::-1], w[3::-1], 0.5) < 4
    assert np.isnan(phases.crossing(t, w, 0.1))  # never so low
    assert np.isnan(phases.crossing(t, w, 0.95))  # never so high
    assert np.isnan(phases.crossing(t, np.array([0.9, nan, 0.1, 0.1, 0.1, 0.1]), 0.5))
    # Widths outside (0, 1), as noise makes them, are harmless.
    assert 1 <= phases.crossing(t[:2], np.array([1.2, -0.1]), 0.5) < 2


@pytest.mark.parametrize(
    "width",
    [np.zeros(40), np.full(40, -0.1), np.full(40, nan), GRID / 30, 1 / (1 + GRID), np.full(40, 0.2)],
    ids=["none", "negative", "nan", "cut above", "cut below", "flat"],
)
def test_absent_and_cut_gaps_have_no_times(width):
    assert np.isnan(phases.intermediate(GRID, width, 0.5)).all()


def test_grid_that_ends_on_a_flank():
    a, b = 4.0, 0.25
    times = GRID[(GRID > 0.3) & (GRID < 4)]
    opening, t_max, closing = phases.intermediate(times, bump(times, a, b), 0.5)
    assert t_max == pytest.approx(1, rel=1e-9)
    assert np.isnan([opening, closing]).all()
    opening, _, closing = phases.intermediate(GRID[GRID > 0.3], bump(GRID[GRID > 0.3], a, b), 0.5)
    assert opening == pytest.approx(8.12695, rel=0.01)
    assert np.isnan(closing)


def test_fit_puts_times_where_they_belong():
    width = np.stack([bump(GRID, 9.0, 1.0), bump(GRID, 0.5, 0.01), rise(GRID, 0.004)], -1)
    found = phases.fit(GRID, width, 0.5)
    assert tuple(found) == ("t_open", "t_max", "t_close", "t_consolidation", "t_resolution")
    np.testing.assert_allclose(found["t_max"], [3, np.sqrt(0.005), nan], rtol=1e-9)
    np.testing.assert_allclose(found["t_open"], [truth(9, 1)[0], truth(0.5, 0.01)[0], nan], rtol=0.02)
    np.testing.assert_allclose(found["t_close"], [truth(9, 1)[2], truth(0.5, 0.01)[2], nan], rtol=0.02)
    np.testing.assert_allclose(found["t_consolidation"], [nan, nan, 0.004], rtol=1e-9)
    assert np.isnan(found["t_resolution"]).all()
    # A final gap that has a largest width, as a trained network's, still is none between groups.
    width[:, 2] *= GRID / (GRID + 0.0005)
    found = phases.fit(GRID, width, 0.5)
    assert np.isnan([found[name][2] for name in phases.INTERMEDIATE]).all()
    assert found["t_resolution"][2] < found["t_consolidation"][2]


def noisy(rng, points, spread=0.4):
    """Curves of points that differ in their variances, (T, points, 2)."""
    shift = np.exp(spread * rng.standard_normal((2, points)))
    return np.stack([bump(GRID[:, None], 1.0 * shift[0], 0.02 * shift[0]), rise(GRID[:, None], 0.005 * shift[1])], -1)


def test_noise_moves_the_fit_little():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(100):
        width = np.stack([bump(GRID, 1.0, 0.02), rise(GRID, 0.005)], -1) + 0.02 * rng.standard_normal((40, 2))
        one = phases.fit(GRID, width, 0.5)
        found.append([one["t_max"][0], one["t_open"][0], one["t_close"][0], one["t_consolidation"][1]])
    expected = [*np.array(truth(1.0, 0.02))[[1, 0, 2]], 0.005]
    np.testing.assert_allclose(np.median(found, 0), expected, rtol=0.05)
    assert np.log(found).std(0).max() < 0.25


def test_bootstrap_interval():
    width = noisy(np.random.default_rng(1), 30)
    found = phases.fit(GRID, width.mean(1), 0.5)
    intervals = phases.bootstrap(GRID, width, everywhere(width), 0.5, 200, 0.9, np.random.default_rng(2))
    wide = phases.bootstrap(GRID, width, everywhere(width), 0.5, 200, 0.99, np.random.default_rng(2))
    again = phases.bootstrap(GRID, width, everywhere(width), 0.5, 200, 0.9, np.random.default_rng(2))
    assert tuple(intervals) == phases.TIMES
    for name, gap in [("t_open", 0), ("t_max", 0), ("t_close", 0), ("t_consolidation", 1)]:
        low, high = intervals[name]
        assert low[gap] < found[name][gap] < high[gap]
        assert wide[name][0][gap] < low[gap] < high[gap] < wide[name][1][gap]
        assert np.isnan([low[1 - gap], high[1 - gap]]).all()
        np.testing.assert_array_equal(again[name], intervals[name])
    assert np.isnan(intervals["t_resolution"]).all()
    # Spread 0.4 of log t over 30 points: t_max is known to about 0.4 / sqrt(30), so 90 % span 2 * 1.645 of that.
    low, high = intervals["t_max"]
    assert np.log(high[0] / low[0]) == pytest.approx(3.29 * 0.4 / np.sqrt(30), rel=0.35)


def test_bootstrap_of_equal_points_has_no_width():
    width = np.repeat(noisy(np.random.default_rng(0), 1), 5, axis=1)
    low, high = phases.bootstrap(GRID, width, everywhere(width), 0.5, 20, 0.9, np.random.default_rng(0))["t_max"]
    assert low[0] == pytest.approx(high[0], rel=1e-9)


def test_bootstrap_without_the_time_is_nan():
    """A gap that only few points show is not given an interval."""
    width = np.stack([np.zeros((40, 8)), 0.2 * rise(GRID[:, None], np.full(8, 0.005))], -1)
    for low, high in phases.bootstrap(GRID, width, everywhere(width), 0.5, 30, 0.9, np.random.default_rng(0)).values():
        assert np.isnan(low).all()
        assert np.isnan(high).all()


def test_bootstrap_intervals_cover():
    """90 % intervals over 40 points, of the times of the mean curve: 70 sets give 63 +- 2.5."""
    rng = np.random.default_rng(3)
    expected = phases.fit(GRID, noisy(rng, 100_000).mean(1), 0.5)
    covered = dict.fromkeys(("t_open", "t_max", "t_close", "t_consolidation"), 0)
    for _ in range(70):
        width = noisy(rng, 40)
        intervals = phases.bootstrap(GRID, width, everywhere(width), 0.5, 80, 0.9, rng)
        for name in covered:
            gap = int(name == "t_consolidation")
            low, high = intervals[name]
            covered[name] += bool(low[gap] <= expected[name][gap] <= high[gap])
    for count in covered.values():
        assert 54 <= count <= 69, covered


def test_pooled_is_the_mean_over_the_points_that_have_the_gap():
    width = np.random.default_rng(0).random((5, 4, 2))
    has_gap = np.array([[True, True], [True, False], [True, False], [True, True]])
    found = phases.pooled(width, has_gap)
    np.testing.assert_allclose(found[:, 0], width[:, :, 0].mean(1))
    np.testing.assert_allclose(found[:, 1], width[:, [0, 3], 1].mean(1))
    weights = np.array([[0.5, 0.5, 0, 0], [0, 0.5, 0.5, 0]])
    resampled = phases.pooled(width, has_gap, weights)
    np.testing.assert_allclose(resampled[0, :, 1], width[:, 0, 1])
    assert np.isnan(resampled[1, :, 1]).all()  # no point that has it was drawn
    width[2, 1, :] = nan  # not known there
    np.testing.assert_array_equal(
        np.isnan(phases.pooled(width, has_gap)), [[False] * 2] * 2 + [[True, False]] + [[False] * 2] * 2
    )


def test_unknown_widths_cut_the_curve():
    g = 0.05
    width = np.stack([bump(GRID, 2.0, 0.1), rise(GRID, g)], -1)
    known = phases.fit(GRID, width, 0.5)
    ends = width.copy()
    ends[GRID < 1e-3] = nan
    for name, values in phases.fit(GRID, ends, 0.5).items():
        np.testing.assert_allclose(values, known[name])
    hole = width.copy()
    hole[np.searchsorted(GRID, g)] = nan  # at consolidation; the intermediate gap is above it
    found = phases.fit(GRID, hole, 0.5)
    assert np.isnan(found["t_consolidation"][1])
    assert found["t_max"][0] == pytest.approx(known["t_max"][0])
    assert all(np.isnan(values).all() for values in phases.fit(GRID, np.full_like(width, nan), 0.5).values())


def test_gaps_that_are_all_final():
    width = np.stack([rise(GRID, 0.05), rise(GRID, 0.8)], -1)
    found = phases.fit(GRID, width, 0.5, nested=False)
    np.testing.assert_allclose(found["t_consolidation"], [0.05, 0.8])
    assert np.isnan(found["t_max"]).all()


def test_identical_points_have_no_width_to_resample():
    width = np.repeat(np.stack([bump(GRID, 2.0, 0.1), rise(GRID, 0.05)], -1)[:, None], 3, axis=1)
    intervals = phases.bootstrap(GRID, width, everywhere(width), 0.5, 50, 0.9, None)
    low, high = intervals["t_max"]
    assert low[0] == high[0] == pytest.approx(phases.fit(GRID, width[:, 0], 0.5)["t_max"][0])
