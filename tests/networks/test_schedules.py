"""Noise schedules: the clocks, their inverses, and the law of training noise."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from scoregap import diffusion
from scoregap.networks import SCHEDULES, VP_BETA, VP_MOST_NOISE, schedules


@pytest.mark.parametrize("t", [1e-10, 1e-4, 0.3, 5.0, 2e4])
def test_the_vp_clock_is_the_linear_beta_process(t):
    """abar = exp(-B(s)), B the integral of beta by quadrature, is the signal share of VE noise t."""
    s = schedules.clock("vp", np.array(t))
    first, last = VP_BETA
    grown, _ = integrate.quad(lambda u: first + (last - first) * u, 0, s, epsabs=0, epsrel=1e-12)
    assert -grown == pytest.approx(diffusion.log_alpha_bar(t), rel=1e-10)
    assert schedules.clock("ve", np.array(t)) == pytest.approx(math.log(t), rel=1e-14)


def test_the_ends_of_the_vp_clock():
    assert schedules.clock("vp", np.array([0.0, VP_MOST_NOISE])) == pytest.approx([0, 1], abs=1e-12)
    np.testing.assert_allclose(VP_MOST_NOISE, np.exp(10.05) - 1, rtol=1e-12)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_clocks_rise_and_go_back_in_numpy_torch_and_math(schedule):
    t = np.geomspace(1e-9, 2e4, 200)
    at = schedules.clock(schedule, t)
    assert np.all(np.diff(at) > 0)
    np.testing.assert_allclose(schedules.variance(schedule, at), t, rtol=1e-12)
    np.testing.assert_allclose(schedules.clock(schedule, torch.from_numpy(t), torch), at, rtol=1e-14)
    assert schedules.clock(schedule, 0.3, math) == pytest.approx(schedules.clock(schedule, np.array(0.3)), rel=1e-15)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_level_maps_the_clock_over_the_noise_range_to_one(schedule):
    """Noise drawn flat in the clock is flat in what networks see."""
    start, stop = 1e-3, 30.0
    probabilities, at = schedules.noise_quantiles(start, stop, schedule=schedule)
    drawn = schedules.variance(schedule, np.interp(np.linspace(0, 1, 9), probabilities, at))
    levels = schedules.level(schedule, torch.from_numpy(drawn), (start, stop), torch)
    np.testing.assert_allclose(levels, np.linspace(-1, 1, 9), atol=1e-12)


@pytest.mark.parametrize("focus", [(0.1, 1.0), (1e-3, 0.1), (1.0, 30.0)])
def test_focus_of_the_vp_schedule_has_its_share_of_variances(focus):
    u = (np.arange(20_000) + 0.5) / 20_000
    t = schedules.variance("vp", np.interp(u, *schedules.noise_quantiles(1e-3, 30.0, focus, 0.4, "vp")))
    low, high, first, last = schedules.clock("vp", np.array([*focus, 1e-3, 30.0]))
    inside = (t > focus[0]) & (t < focus[1])
    assert inside.mean() == pytest.approx(0.4 + 0.6 * (high - low) / (last - first), abs=2e-4)
    assert t.min() > 1e-3 * (1 - 1e-12)
    assert t.max() < 30.0 * (1 + 1e-12)


def test_flat_law_of_noise():
    probabilities, log_t = schedules.noise_quantiles(1e-3, 10.0)
    t = np.exp(np.interp([0, 0.25, 1], probabilities, log_t))
    np.testing.assert_allclose(t, [1e-3, 1e-2, 10], rtol=1e-12)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    knots=st.lists(st.floats(-8, 4), min_size=4, max_size=4, unique=True)
    .map(sorted)
    .filter(lambda k: np.diff(k).min() > 1e-3),
    share=st.floats(0, 1),
)
def test_focus_has_its_share(knots, share):
    start, low, high, stop = np.exp(knots)
    probabilities, log_t = schedules.noise_quantiles(start, stop, (low, high), share)
    assert probabilities[0] == 0
    assert probabilities[-1] == pytest.approx(1, abs=1e-12)
    assert np.all(np.diff(probabilities) >= 0)
    np.testing.assert_allclose(log_t, knots, atol=1e-12)
    n = 20_000
    u = (np.arange(n) + 0.5) / n  # the law's own quantiles: no sampling error
    drawn = np.interp(u, probabilities, log_t)
    expected = share + (1 - share) * (knots[2] - knots[1]) / (knots[3] - knots[0])
    inside = (drawn > knots[1]) & (drawn < knots[2])
    assert inside.mean() == pytest.approx(expected, abs=3 / n)
    # What is not moved stays flat: mass in proportion to length on both sides.
    below = (1 - share) * (knots[1] - knots[0]) / (knots[3] - knots[0])
    assert (drawn < knots[1]).mean() == pytest.approx(below, abs=3 / n)


def test_focus_at_an_end_of_the_range():
    for focus in ((1e-3, 0.1), (0.1, 10.0), (1e-3, 10.0)):
        quantiles = schedules.noise_quantiles(1e-3, 10.0, focus, 0.5)
        t = np.exp(np.interp((np.arange(1000) + 0.5) / 1000, *quantiles))
        expected = 0.5 + 0.5 * np.log(focus[1] / focus[0]) / np.log(1e4)
        assert ((t >= focus[0]) & (t <= focus[1])).mean() == pytest.approx(expected, abs=3e-3)
