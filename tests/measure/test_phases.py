"""Phase times read off curves whose times are known."""

import interval_coverage
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import brentq

from scoregap.measure import phases
from scoregap.variables import (
    ABOVE,
    ABSENT,
    BELOW,
    MAXIMUM_ABOVE,
    MAXIMUM_BELOW,
    MEASURED,
    NOT_APPLICABLE,
    OFF_THE_GRID,
)

GRID = np.geomspace(1e-4, 30, 40)  # that of the quickstart study
nan = np.nan


def everywhere(width):
    """Every point has every gap."""
    return np.ones(width.shape[1:], bool)


def bump(t, a, b):
    """The gap between variances a > b in the linear model (theory.md 3)."""
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
    # Intermediate gap of a = 4, b = 1/4 (theory.md 3): 0.6 at t = 1, half of it at 8.12695 and 0.123047.
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
    intervals = phases.bootstrap(GRID, width, everywhere(width), 200, 0.9, np.random.default_rng(2), level=0.5)
    wide = phases.bootstrap(GRID, width, everywhere(width), 200, 0.99, np.random.default_rng(2), level=0.5)
    again = phases.bootstrap(GRID, width, everywhere(width), 200, 0.9, np.random.default_rng(2), level=0.5)
    assert tuple(intervals) == phases.QUANTITIES
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
    low, high = phases.bootstrap(GRID, width, everywhere(width), 20, 0.9, np.random.default_rng(0), level=0.5)["t_max"]
    assert low[0] == pytest.approx(high[0], rel=1e-9)


def test_bootstrap_without_the_time_is_nan():
    """A gap that only few points show is not given an interval."""
    width = np.stack([np.zeros((40, 8)), 0.2 * rise(GRID[:, None], np.full(8, 0.005))], -1)
    for low, high in phases.bootstrap(
        GRID, width, everywhere(width), 30, 0.9, np.random.default_rng(0), level=0.5
    ).values():
        assert np.isnan(low).all()
        assert np.isnan(high).all()


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
        if name != "model_misfit":  # rounding
            np.testing.assert_allclose(values, known[name], rtol=1e-6)
    hole = width.copy()
    hole[np.searchsorted(GRID, g)] = nan  # at consolidation; the intermediate gap is above it
    found = phases.fit(GRID, hole, 0.5)
    assert np.isnan(found["t_consolidation"][1])
    assert found["t_max"][0] == pytest.approx(known["t_max"][0])
    for name, values in phases.fit(GRID, np.full_like(width, nan), 0.5).items():
        assert (values == NOT_APPLICABLE).all() if name.endswith("state") else np.isnan(values).all()


def test_gaps_that_are_all_final():
    width = np.stack([rise(GRID, 0.05), rise(GRID, 0.8)], -1)
    found = phases.fit(GRID, width, 0.5, nested=False)
    np.testing.assert_allclose(found["t_consolidation"], [0.05, 0.8])
    assert np.isnan(found["t_max"]).all()


def test_identical_points_have_no_width_to_resample():
    width = np.repeat(np.stack([bump(GRID, 2.0, 0.1), rise(GRID, 0.05)], -1)[:, None], 3, axis=1)
    intervals = phases.bootstrap(GRID, width, everywhere(width), 50, 0.9, np.random.default_rng(0), level=0.5)
    low, high = intervals["t_max"]
    assert low[0] == high[0] == pytest.approx(phases.fit(GRID, width[:, 0], 0.5)["t_max"][0])


@settings(deadline=None, max_examples=60, derandomize=True)
@given(log_b=st.floats(-2, 0), log_ratio=st.floats(0.3, 3), height=st.floats(0.3, 1), level=st.floats(0.2, 0.8))
def test_the_model_is_exact_for_a_gap_of_any_height(log_b, log_ratio, height, level):
    b = 10**log_b
    a = b * (1 + 10**log_ratio)
    times = np.geomspace(1e-5, 1e5, 60)
    expected = truth(a, b, level)
    found = phases.fit(times, np.stack([height * bump(times, a, b), rise(times, b)], -1), level)
    for name, value in zip(phases.INTERMEDIATE, expected, strict=True):
        assert found[f"model_{name}"][0] == pytest.approx(value, rel=1e-5)
        assert found[f"model_{name}_state"][0] == MEASURED
    assert found["model_t_consolidation"][1] == pytest.approx(b, rel=1e-5)
    assert found["model_t_resolution_state"][1] == BELOW
    assert found["model_misfit"].max() < 1e-6
    assert found["consistency"][0] == pytest.approx(1, rel=0.02)


def test_the_model_of_a_network_that_loses_its_final_gap():
    g, r, height = 0.5, 1e-3, 0.9
    width = height * rise(GRID, g) * GRID / (GRID + r)
    found = phases.fit(GRID, width[:, None], 0.5)

    def half(t):
        return height * rise(t, g) * t / (t + r) - 0.5

    assert found["model_t_consolidation"][0] == pytest.approx(brentq(half, 0.1, 1), rel=1e-6)
    assert found["model_t_resolution"][0] == pytest.approx(brentq(half, 1e-4, 0.02), rel=1e-6)
    assert found["t_resolution_state"][0] == found["model_t_resolution_state"][0] == MEASURED


def test_misfit_is_the_rms_residual():
    rng = np.random.default_rng(0)
    noise = 0.02 * rng.standard_normal(len(GRID))
    found = phases.fit(GRID, np.stack([bump(GRID, 1.0, 0.02) + noise, rise(GRID, 0.005)], -1), 0.5)
    assert found["model_misfit"][0] == pytest.approx(np.sqrt((noise**2).sum() / len(GRID)), rel=0.15)


def test_consistency_sees_a_lopsided_gap():
    lopsided = bump(GRID, 1.0, 0.02) + 0.3 * bump(GRID, 5.0, 1.0)
    found = phases.fit(GRID, np.stack([lopsided, rise(GRID, 0.005)], -1), 0.5)
    assert found["consistency"][0] == pytest.approx(found["t_open"][0] * found["t_close"][0] / found["t_max"][0] ** 2)
    assert abs(found["consistency"][0] - 1) > 0.05
    assert np.isnan(found["consistency"][1])


def states(times, width, **how):
    found = phases.fit(times, np.asarray(width).T, 0.5, 0.3, **how)
    return {name: found[f"{name}_state"].tolist() for name in (*phases.TIMES, *phases.MODEL)}


def test_states_say_where_a_time_is():
    both = states(GRID, [bump(GRID, 4.0, 0.25), rise(GRID, 0.05)])
    for method in ("", "model_"):
        assert [both[method + name] for name in phases.INTERMEDIATE] == [[MEASURED, NOT_APPLICABLE]] * 3
        assert [both[method + name] for name in phases.FINAL] == [[NOT_APPLICABLE, MEASURED], [NOT_APPLICABLE, BELOW]]
    # The same gaps on grids that end too early: t_open = 8.1, t_max = 1, t_close = 0.12.
    for low, high, expected in (
        (1e-4, 4, [ABOVE, MEASURED, MEASURED]),
        (0.3, 30, [MEASURED, MEASURED, BELOW]),
        (1e-4, 0.8, [ABOVE, ABOVE, MAXIMUM_ABOVE]),
        (1e-4, 0.2, [ABOVE, ABOVE, MAXIMUM_ABOVE]),
        (1.5, 60, [MAXIMUM_BELOW, BELOW, BELOW]),
        (7.0, 200, [MAXIMUM_BELOW, BELOW, BELOW]),
    ):
        times = np.geomspace(low, high, 30)
        found = states(times, [bump(times, 4.0, 0.25), rise(times, 1e-9)])
        for name, state, true in zip(phases.INTERMEDIATE, expected, (8.1, 1, 0.12), strict=True):
            assert found[name][0] == state, (low, high, name)
            # One side of the top is not enough for the crossing, but it is for the model.
            by_model = BELOW if true < low else ABOVE if true > high else MEASURED
            assert found[f"model_{name}"][0] == by_model, (low, high, name)


@pytest.mark.slow
@settings(max_examples=200, derandomize=True)
@given(
    a=st.floats(1e-3, 1e3), ratio=st.floats(0.01, 0.5), low=st.floats(-4, 3), decades=st.floats(0.3, 5),
    count=st.integers(8, 40), final=st.floats(1e-6, 1e-3),
)  # fmt: skip
def test_no_state_of_a_gap_says_that_a_time_is_where_it_is_not(a, ratio, low, decades, count, final):
    """Whatever grid shows it: what is above or below is, and what may be on the grid is not said to be beyond it."""
    times = np.geomspace(10**low, 10 ** (low + decades), count)
    width = bump(times, a, ratio * a)
    found = phases.fit(times, np.stack([width, rise(times, final * a)], -1), 0.5, 0.0)
    for name, true in zip(phases.INTERMEDIATE, truth(a, ratio * a), strict=True):
        state = found[f"{name}_state"][0]
        if state == ABOVE:
            assert true > times[-2], name  # the top may be between the last two
        elif state == BELOW:
            assert true < times[1], name
        elif state in (MAXIMUM_ABOVE, MAXIMUM_BELOW):
            assert name == ("t_close" if state == MAXIMUM_ABOVE else "t_open")
            assert found["t_max_state"][0] == (ABOVE if state == MAXIMUM_ABOVE else BELOW)


def test_states_of_final_gaps():
    for g, expected in ((1e3, ABOVE), (5e-5, BELOW), (1e-7, ABSENT), (0.01, MEASURED)):
        found = states(GRID, [rise(GRID, g)])
        assert found["t_consolidation"] == found["model_t_consolidation"] == [expected], g
    never = states(GRID, [0.45 * bump(GRID, 4.0, 1e-3)])  # visible, but never one half
    assert never["t_consolidation"] == never["t_resolution"] == never["model_t_consolidation"] == [ABSENT]


def test_a_gap_that_is_never_visible_is_absent_and_has_no_times():
    width = np.stack([0.2 * bump(GRID, 4.0, 0.25), rise(GRID, 0.05)], -1)
    found = phases.fit(GRID, width, 0.5, 0.3)
    assert all(found[f"{name}_state"][0] == ABSENT for name in phases.INTERMEDIATE)
    assert all(np.isnan(found[name][0]) for name in (*phases.INTERMEDIATE, "consistency"))
    assert all(np.isnan(found[f"model_{name}"][0]) for name in phases.INTERMEDIATE)
    assert phases.fit(GRID, width, 0.5, 0.1)["t_max_state"][0] == MEASURED


def test_many_curves_at_once_are_as_one_by_one():
    rng = np.random.default_rng(0)
    width = np.moveaxis(noisy(rng, 12), 1, 0) + 0.05 * rng.standard_normal((12, len(GRID), 2))
    width[3, 5, 0] = width[4, -1, 1] = nan
    width[5] = nan
    together = phases.fit(GRID, width, 0.5, 0.3)
    for i in range(12):
        for name, value in phases.fit(GRID, width[i], 0.5, 0.3).items():
            np.testing.assert_allclose(together[name][i], value, rtol=1e-5, err_msg=name)


@settings(deadline=None, max_examples=100, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    count=st.sampled_from([3, 8, 24]),
    kind=st.sampled_from(["noise", "tiny", "monotone", "holes", "steps", "zero", "negative"]),
    points=st.integers(2, 5),
)
def test_any_curve_has_an_answer(seed, count, kind, points):
    """No exception, no warning (they are errors here), and every number is one of its state."""
    rng = np.random.default_rng(seed)
    times = np.geomspace(1e-3, 10, count)
    width = rng.random((count, points, 2))
    if kind == "tiny":
        width *= 1e-9
    elif kind == "monotone":
        width = np.sort(width, 0)[:: rng.choice([-1, 1])]
    elif kind == "holes":
        width[rng.random(width.shape) < 0.2] = nan
    elif kind == "steps":
        width = np.round(width)
    elif kind in ("zero", "negative"):
        width = -width * (kind == "negative")
    has_gap = rng.random((points, 2)) < 0.8
    found = phases.fit(times, phases.pooled(width, has_gap), 0.5, 0.3)
    for name in (*phases.TIMES, *phases.MODEL):
        values, state = found[name], found[f"{name}_state"]
        assert set(state) <= {NOT_APPLICABLE, MEASURED, ABSENT, *OFF_THE_GRID}
        assert (np.isfinite(values) == (state == MEASURED)).all()
        assert ((values >= times[0]) & (values <= times[-1]) | np.isnan(values)).all()
    intervals = phases.bootstrap(times, width, has_gap, 50, 0.9, rng, level=0.5, visibility=0.3)
    for name, (low, high) in intervals.items():
        known = np.isfinite(low) & np.isfinite(found[name])
        assert (low[known] <= found[name][known]).all()
        assert (found[name][known] <= high[known]).all()


def test_interval_by_hand():
    """The studentised bootstrap of jackknife shares, written out; 0.1 standard errors are four of its quantiles'."""
    g = np.random.default_rng(5).lognormal(0, 0.3, 12)
    times = np.geomspace(1e-3, 1e3, 200)
    width = rise(times[:, None], g)[:, :, None]
    low, high = phases.bootstrap(times, width, everywhere(width), 40000, 0.95, np.random.default_rng(0), level=0.5)[
        "t_consolidation"
    ]
    found = np.log(phases.fit(times, width.mean(1), 0.5)["t_consolidation"][0])
    without = [phases.fit(times, np.delete(width, i, 1).mean(1), 0.5)["t_consolidation"][0] for i in range(12)]
    pseudo = -11 * (np.log(without) - np.mean(np.log(without)))
    error = pseudo.std(ddof=1) / np.sqrt(12)
    rng = np.random.default_rng(1)
    draws = pseudo[rng.integers(0, 12, (100_000, 12))]
    student = draws.mean(1) / (draws.std(1, ddof=1) / np.sqrt(12))
    upper, lower = np.quantile(student, [0.975, 0.025])
    t = stats.t.ppf(0.975, 11)
    assert np.log(low[0]) == pytest.approx(found - max(upper, t) * error, abs=0.1 * error)
    assert np.log(high[0]) == pytest.approx(found + max(-lower, t) * error, abs=0.1 * error)


def test_a_time_that_hangs_on_one_point_has_no_interval():
    width = np.repeat(rise(GRID, 0.05)[:, None, None], 6, axis=1) * 0.45
    width[:, 0] *= 2.0  # only with this point is the mean ever one half
    assert np.isfinite(phases.fit(GRID, width.mean(1), 0.5)["t_consolidation"][0])
    low, high = phases.bootstrap(GRID, width, everywhere(width), 50, 0.9, np.random.default_rng(0), level=0.5)[
        "t_consolidation"
    ]
    assert np.isnan([low[0], high[0]]).all()


def test_points_without_the_gap_do_not_count():
    """Intervals are those of the points that have the gap alone."""
    width = noisy(np.random.default_rng(3), 12)
    has_gap = everywhere(width)
    has_gap[6:, 0] = False
    some = phases.bootstrap(GRID, width, has_gap, 400, 0.9, np.random.default_rng(0), level=0.5)["t_max"]
    alone = width[:, :6]
    own = phases.bootstrap(GRID, alone, everywhere(alone), 400, 0.9, np.random.default_rng(0), level=0.5)["t_max"]
    np.testing.assert_allclose([some[0][0], some[1][0]], [own[0][0], own[1][0]], rtol=1e-6)


def test_aligned_is_where_the_cosine_rises_through_the_threshold():
    """A cosine that is linear in log t: 1 at t = 1e-3, 0 at t = 10; 0.9 is reached at 10^-2.6."""
    t = np.geomspace(1e-3, 10, 23)
    cosine = (1 - np.log(t / 1e-3) / np.log(1e4))[:, None]
    found = phases.aligned(t, cosine, 0.9)
    assert found["t_alignment"] == pytest.approx(10**-2.6)
    assert found["t_alignment_state"].tolist() == [MEASURED]
    assert phases.aligned(t, cosine, cosine[7, 0])["t_alignment"] == pytest.approx(t[7])


def test_aligned_looks_from_large_t_down_and_says_why_there_is_no_time():
    t = np.array([1e-2, 1e-1, 1.0, 10.0])
    for column, threshold, expected, state in (
        ([0.5, 1.0, 0.95, 0.9], 0.9, nan, ABOVE),
        ([0.5, 0.8, 1.0, 0.8], 0.9, 10**0.5, MEASURED),  # that it falls again at small t does not matter
        ([1.0, 0.8, 1.0, 0.8], 0.9, 10**0.5, MEASURED),
        ([nan, nan, 1.0, 0.0], 0.9, 10**0.1, MEASURED),  # nor what is not known there
        ([0.9, 0.5, 0.5, 0.5], 0.9, 1e-2, MEASURED),
        ([0.8, 0.8, 0.5, 0.1], 0.9, nan, ABSENT),
        ([1.0, nan, 0.5, 0.1], 0.9, nan, NOT_APPLICABLE),
        ([1.0, 1.0, 1.0, nan], 0.9, nan, NOT_APPLICABLE),
        ([nan] * 4, 0.9, nan, NOT_APPLICABLE),
    ):
        found = phases.aligned(t, np.array(column)[:, None], threshold)
        assert found["t_alignment"][0] == pytest.approx(expected, nan_ok=True), column
        assert found["t_alignment_state"][0] == state, column


@settings(deadline=None, max_examples=60, derandomize=True)
@given(seed=st.integers(0, 10**6), threshold=st.floats(0.1, 0.9))
def test_aligned_separates_what_is_below(seed, threshold):
    """Above it every time of the grid is below the threshold, and the next one under it is not; many curves at once."""
    rng = np.random.default_rng(seed)
    t, cosine = np.geomspace(1e-3, 10, 12), rng.random((3, 12, 4))
    found = phases.aligned(t, cosine, threshold)
    assert found["t_alignment"].shape == (3, 4)
    for i in range(3):
        for k in range(4):
            column, at = cosine[i, :, k], found["t_alignment"][i, k]
            if found["t_alignment_state"][i, k] == MEASURED:
                assert (column[t > at * (1 + 1e-12)] < threshold).all()
                assert column[t <= at * (1 + 1e-12)][-1] >= threshold
            else:
                assert np.isnan(at)
                expected = ABOVE if column[-1] >= threshold else ABSENT
                assert found["t_alignment_state"][i, k] == expected


def alignment_times(cosine, has_gap, resamples=400, threshold=0.9):
    """(low, high) of alignment times on GRID."""
    return phases.over_points(
        lambda mean: phases.aligned(GRID, mean, threshold), ("t_alignment",), cosine, has_gap, resamples, 0.9,
        np.random.default_rng(0),
    )["t_alignment"]  # fmt: skip


def test_intervals_of_alignment_times():
    """Cosines that are linear in log t: the log time is linear in the points, so the interval is that of a mean."""
    log_times = np.random.default_rng(2).normal(-2, 0.5, 24)
    cosine = (0.9 - 0.1 * (np.log(GRID)[:, None] - log_times))[:, :, None]
    low, high = np.log(np.array(alignment_times(cosine, everywhere(cosine)))[:, 0])
    half = stats.t.ppf(0.95, 23) * log_times.std(ddof=1) / np.sqrt(24)
    assert log_times.mean() - 1.4 * half < low <= log_times.mean() - half * (1 - 1e-9)
    assert log_times.mean() + half * (1 - 1e-9) <= high < log_times.mean() + 1.4 * half
    some = np.concatenate([cosine, np.full_like(cosine, nan)], 1)  # points without the group do not count
    has_gap = np.arange(48)[:, None] < 24
    np.testing.assert_allclose(np.log(np.array(alignment_times(some, has_gap))[:, 0]), [low, high])
    same = np.repeat(cosine[:, :1], 5, 1)
    low, high = alignment_times(same, everywhere(same))
    assert low[0] == high[0] == pytest.approx(np.exp(log_times[0]))
    some = np.repeat(cosine[:, :1], 5, 1)
    some[-1, :, 0] = 0.94  # aligned on the whole grid but for one point
    some[-1, 0] = 0.7
    assert np.isfinite(phases.aligned(GRID, some.mean(1), 0.9)["t_alignment"][0])
    assert np.isnan(alignment_times(some, everywhere(some))).all()


@pytest.mark.slow
def test_coverage_of_both_kinds_of_interval():
    """`make coverage` in small: 95 % intervals hold the truth in 92 to 98 % of studies, as far as so few can tell.

    With 150 studies a coverage of 92 % gives fewer than 126, and one of 98 % all 150 of them, at odds under 1 : 1000
    and 1 : 20; so few is what is refused for every time, and always holding for most.
    """
    simulated = interval_coverage
    pool = simulated.one_manifold("sphere", 0.5, simulated.SPHERES, 3000)
    fewest = stats.binom.ppf(1e-3, 150, 0.92)
    for found in (
        simulated.over_points(simulated.phase_times, pool, 12, 150, np.random.default_rng(0)),
        simulated.over_seeds(simulated.many_manifolds("linear", 0.0, 1, 500), 3, 150, np.random.default_rng(0)),
    ):
        held = np.array([count for count, _, _ in found.values()])
        assert (held >= fewest).all(), found
        assert np.median(held) < 150
        assert all(0.05 < width < 3 for _, _, width in found.values())
