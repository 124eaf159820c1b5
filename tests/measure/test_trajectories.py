"""The probability-flow ODE where it is solved in closed form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoregap import data
from scoregap.measure import trajectories

checked = settings(deadline=None, max_examples=20, derandomize=True)


@checked
@given(log_v=st.lists(st.floats(-9, 5), min_size=3, max_size=3), log_t=st.floats(-8, 3), span=st.floats(0.5, 8))
def test_a_gaussian_is_followed_as_in_closed_form(log_v, log_t, span):
    """x(t) = x(T) sqrt((v + t) / (v + T)), along each axis; exactly where there is no variance."""
    v = np.append(10.0 ** np.array(log_v), 0.0)
    times = np.geomspace(10.0**log_t, 10.0 ** (log_t + span), 7)
    start = np.random.default_rng(0).standard_normal((5, 4))
    path = trajectories.reverse(lambda x, t: x * v / (v + t), start, times)
    exact = start * np.sqrt((v + times[:, None, None]) / (v + times[-1]))
    np.testing.assert_allclose(path, exact, rtol=3e-4)
    np.testing.assert_allclose(path[..., 3], exact[..., 3], rtol=1e-12)
    np.testing.assert_array_equal(path[-1], start)


def test_the_error_falls_with_the_square_of_the_step():
    v, times = 0.3, np.geomspace(1e-3, 10, 5)
    errors = []
    for ratio in (1.2, 1.1, 1.05):
        path = trajectories.reverse(lambda x, t: x * v / (v + t), np.ones((1, 1)), times, ratio)[:, 0, 0]
        errors.append(np.abs(path / np.sqrt((v + times) / (v + times[-1])) - 1).max())
    assert 3 < errors[0] / errors[1] < 5
    assert 3 < errors[1] / errors[2] < 5


def test_two_evaluations_a_step_and_steps_that_land_on_the_times():
    seen = []

    def denoise(x, t):
        seen.append(t)
        return x

    times = np.array([1.0, 1.21, 4.0])
    trajectories.reverse(denoise, np.zeros((1, 1)), times, ratio=1.1)
    assert len(seen) == 2 * (13 + 2)  # 1.1^12.5 = 4 / 1.21; 1.1^2 = 1.21
    for t in times:
        assert np.isclose(seen, t, rtol=1e-12).any()
    assert seen[0] == pytest.approx(4.0)
    assert seen[-1] == pytest.approx(1.0)


def test_trajectories_of_a_curved_score_end_on_the_manifold():
    known = data.manifold("sphere", 6, [(2, 1.0)], 1.0, seed=0)
    rng, times = np.random.default_rng(0), np.geomspace(1e-6, 100, 30)
    start = known.sample(rng, 20)[0] + 10 * rng.standard_normal((20, 6))
    path = trajectories.reverse(lambda x, t: known.exact(x, t).mean, start, times)
    inside = path[0] @ known.frame
    np.testing.assert_allclose(np.linalg.norm(inside, axis=1), known.radii[0], rtol=1e-2)
    np.testing.assert_allclose(path[0], inside @ known.frame.T, atol=0.02)


def test_their_law_is_that_of_noisy_data():
    """Started from noisy data, second moments are those of noisy data at every time: T need not be large."""
    variances = np.array([4.0, 0.2, 0.0])
    rng, times = np.random.default_rng(3), np.geomspace(1e-3, 1.0, 6)
    start = rng.standard_normal((4000, 3)) * np.sqrt(variances + times[-1])
    path = trajectories.reverse(lambda x, t: x * variances / (variances + t), start, times)
    np.testing.assert_allclose((path**2).mean(1), variances + times[:, None], rtol=0.1)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_trajectory_ends_where_the_score_is_not_known_and_the_others_go_on(bad):
    def denoise(x, t):
        assert np.isfinite(x).all()
        return np.where((x[:, :1] > 0) & (t < 0.1), bad, 0.5 * x)

    times, start = np.geomspace(1e-2, 1, 9), np.array([[1.0, 1.0], [-1.0, 2.0], [np.nan, 0.0]])
    path = trajectories.reverse(denoise, start, times)
    lost = np.isnan(path[:, 0]).any(1)
    assert lost[times < 0.1].all()
    assert not lost[times > 0.1001].any()
    assert np.isfinite(path[:, 1]).all()
    assert np.isnan(path[:-1, 2]).all()
    alone = trajectories.reverse(denoise, start[1:2], times)
    np.testing.assert_array_equal(path[:, 1], alone[:, 0])
    assert np.isnan(start[2, 0])
    assert np.isfinite(start[:2]).all()


def test_a_score_that_is_unknown_at_the_start_is_not_asked_further():
    def denoise(x, t):
        assert np.isfinite(x).all()
        return np.where(x[:, :1] > 0, np.nan, 0.5 * x)

    path = trajectories.reverse(denoise, np.array([[1.0, 1.0], [-1.0, 2.0]]), np.array([0.1, 1.0]))
    assert np.isnan(path[0, 0]).all()
    assert np.isfinite(path[0, 1]).all()


@checked
@given(log_v=st.lists(st.floats(-4, 2), min_size=4, max_size=4), count=st.integers(2, 5))
def test_a_score_that_changes_hands_as_in_closed_form(log_v, count):
    """Variance u from the switch s on, v under it: x sqrt((u + s) / (u + T)) sqrt((v + t) / (v + s)) v / (v + t)."""
    u, v = np.reshape(10.0 ** np.array(log_v), (2, 2)) * [1, 0]
    v[1] = 0.3
    times, start = np.geomspace(1e-3, 10, count), np.random.default_rng(0).standard_normal((4, 2))
    found = trajectories.switched(lambda x, t: x * u / (u + t), lambda x, t: x * v / (v + t), start, times)
    s, first, last = times[1:, None, None], times[0], times[-1]
    expected = start * np.sqrt((u + s) / (u + last) * (v + first) / (v + s)) * v / (v + first)
    np.testing.assert_allclose(found[1:], expected, rtol=2e-3)
    alone = start * np.sqrt((u + first) / (u + last)) * u / (u + first)
    np.testing.assert_allclose(found[0], alone, rtol=2e-3, atol=1e-12)


def test_every_switch_is_two_trajectories_and_their_common_way_is_gone_once():
    seen = []

    def score(name, shrink):
        def denoise(x, t):
            seen.append((name, len(x), t))
            return shrink * np.tanh(x)

        return denoise

    above, below = score("above", 0.5), score("below", 0.9)
    times, start = np.geomspace(0.01, 1, 5), np.random.default_rng(0).standard_normal((3, 2))
    found = trajectories.switched(above, below, start, times, ratio=1.5)
    asked, seen[:] = list(seen), []
    for k in range(5):
        x = trajectories.reverse(above, start, times[k:], ratio=1.5)[0]
        x = trajectories.reverse(below, x, times[: k + 1], ratio=1.5)[0]
        np.testing.assert_array_equal(found[k], (below if k else above)(x, times[0]))
    steps = 4 * 3  # 1.5^2.84 is the ratio of two times
    assert sum(n for name, n, _ in asked if name == "above") == 3 * (2 * steps + 1)
    assert sum(n for name, n, _ in asked if name == "below") == 3 * (2 * 3 * (1 + 2 + 3 + 4) + 4)


def test_samples_of_a_score_that_is_not_known_are_not_known():
    def known(x, t):
        assert np.isfinite(x).all()
        return 0.5 * x

    def unknown(x, t):
        return np.where((known(x, t)[:, :1] > 0) & (t < 0.1), np.nan, 0.5 * x)

    times, start = np.array([0.01, 0.05, 0.2, 1.0]), np.array([[1.0, 1.0], [-1.0, 2.0]])
    found = np.isfinite(trajectories.switched(known, unknown, start, times)).all(2)
    np.testing.assert_array_equal(found, [[True, True], [False, True], [False, True], [False, True]])
    found = np.isfinite(trajectories.switched(unknown, known, start, times)).all(2)
    np.testing.assert_array_equal(found, [[False, True], [False, True], [True, True], [True, True]])
    assert np.isnan(trajectories.switched(unknown, known, start[:1], times)[0]).all()
