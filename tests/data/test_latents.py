"""Posteriors of one latent: closed forms with hundreds of digits, quadrature, differences, limits; all laws."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from scoregap import InputError
from scoregap.data import SETTINGS, latents

bent = pytest.mark.parametrize("law", ["uniform", "laplace"])
every = pytest.mark.parametrize("law", latents.LAWS)


def truncated(mu, t, low, high):
    """Integrals of 1, z and z^2 times exp(-(z - mu)^2 / (2 t)) from low to high, by error functions."""

    def tail(z):
        return mp.erfc((z - mu) / mp.sqrt(2 * t))

    def height(z, power=0):
        return mp.mpf(0) if abs(z) == mp.inf else z**power * mp.exp(-((z - mu) ** 2) / (2 * t))

    first = mp.sqrt(mp.pi * t / 2) * (tail(low) - tail(high))
    second = mu * first - t * (height(high) - height(low))
    return first, second, mu * second + t * first - t * (height(high, 1) - height(low, 1))


def oracle(law, y, scale, t):
    """Mean, variance over t, log evidence: in as many digits as cancel, and 60 more."""
    digits = int(0.5 * (y * y / t + t / scale**2 + 3 * abs(y) / scale)) + 60
    with mp.workdps(digits):
        y, scale, t = mp.mpf(float(y)), mp.mpf(float(scale)), mp.mpf(float(t))
        if law == "uniform":
            end = mp.sqrt(3) * scale
            pieces = [(1 / (2 * end), truncated(y, t, -end, end))]
        else:
            b = scale / mp.sqrt(2)
            pieces = [
                (mp.exp(t / (2 * b**2) - y / b) / (2 * b), truncated(y - t / b, t, mp.mpf(0), mp.inf)),
                (mp.exp(t / (2 * b**2) + y / b) / (2 * b), truncated(y + t / b, t, -mp.inf, mp.mpf(0))),
            ]
        mass, first, second = (mp.fsum(weight * one[i] for weight, one in pieces) for i in range(3))
        mean = first / mass
        return float(mean), float((second / mass - mean**2) / t), float(mp.log(mass))


def test_every_law_of_a_study_is_there():
    assert tuple(latents.LAWS) == SETTINGS["latents"]


@bent
def test_moments_match_closed_forms_with_many_digits(law):
    rng, tried = np.random.default_rng(0), 0
    while tried < 60:
        t, scale = 10 ** rng.uniform(-8, 6), 10 ** rng.uniform(-3, 3)
        y = rng.choice([0.0, rng.uniform(-3, 3), rng.uniform(-40, 40)]) * rng.choice([scale, np.sqrt(t)])
        if y * y / t + t / scale**2 + abs(y) / scale > 1000:
            continue
        tried += 1
        found, (mean, shrink, log_evidence) = latents.LAWS[law](y, scale, t), oracle(law, y, scale, t)
        width = np.sqrt(t * shrink)
        np.testing.assert_allclose(found.mean, mean, rtol=1e-13, atol=1e-13 * width)
        np.testing.assert_allclose(found.shrink, shrink, rtol=1e-12)
        np.testing.assert_allclose(found.log_evidence, log_evidence, rtol=1e-12, atol=1e-12)


@bent
@pytest.mark.parametrize("t", [1e-2, 1.0, 50.0])
@pytest.mark.parametrize("y", [0.0, 0.7, -2.5])
def test_moments_match_quadrature(law, y, t):
    scale = 0.8
    end, b = np.sqrt(3) * scale, scale / np.sqrt(2)

    def density(z, power):
        prior = (abs(z) < end) / (2 * end) if law == "uniform" else np.exp(-abs(z) / b) / (2 * b)
        return z**power * prior * np.exp(-((z - y) ** 2) / (2 * t))

    cuts = [-end, 0.0, end] if law == "uniform" else [-40 * b, -b, 0.0, y / 2, b, 40 * b]
    mass, first, second = (
        sum(integrate.quad(density, *pair, (power,), epsabs=0, limit=200)[0] for pair in
            zip(sorted(cuts)[:-1], sorted(cuts)[1:], strict=True))
        for power in range(3)
    )  # fmt: skip
    found = latents.LAWS[law](y, scale, t)
    np.testing.assert_allclose(found.mean, first / mass, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(found.shrink * t, second / mass - (first / mass) ** 2, rtol=1e-7)
    np.testing.assert_allclose(found.log_evidence, np.log(mass), rtol=1e-9, atol=1e-9)


@every
@settings(derandomize=True, deadline=None, max_examples=40)
@given(log_t=st.floats(-6, 4), scale=st.floats(0.1, 10), y=st.floats(-8, 8))
def test_shrink_is_the_derivative_of_the_mean_and_the_mean_that_of_the_evidence(law, log_t, scale, y):
    t = 10**log_t
    h = 1e-2 * np.sqrt(t)
    ys = y + h * np.array([-2, -1, 0, 1, 2])
    found, weights = latents.LAWS[law](ys, scale, t), np.array([1, -8, 0, 8, -1]) / 12
    step = ys[3] - ys[2]  # as float64 has it
    np.testing.assert_allclose(
        (found.mean - found.mean[2]) @ weights / step, found.shrink[2], rtol=2e-5, atol=2e-15 * scale / h
    )
    score = (found.mean[2] - ys[2]) / t
    slope = (found.log_evidence - found.log_evidence[2]) @ weights / step
    np.testing.assert_allclose(slope, score, rtol=1e-5, atol=1e-14 * (1 + abs(found.log_evidence[2])) / h)


@every
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_limits(law, scale):
    """No noise: the point, but for the slope of the prior; all noise: the prior's variance."""
    y = 0.4 * scale
    slope = {"gaussian": -y / scale**2, "uniform": 0.0, "laplace": -np.sqrt(2) / scale}[law]
    t = 1e-8 * scale**2
    found = latents.LAWS[law](y, scale, t)
    np.testing.assert_allclose(found.mean - y, t * slope, rtol=1e-6, atol=1e-14 * scale)
    np.testing.assert_allclose(found.shrink, 1, atol=1e-7)
    t = 1e8 * scale**2
    found = latents.LAWS[law](y, scale, t)
    np.testing.assert_allclose(found.shrink * t, scale**2, rtol=1e-6)
    np.testing.assert_allclose(found.mean * t, scale**2 * y, rtol=1e-5)


@bent
@pytest.mark.parametrize("t", [1e-8, 1.0, 1e6])
@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_far_points_are_finite_and_ordered(law, scale, t):
    y = np.concatenate([-np.logspace(100, -3, 60), [0.0], np.logspace(-3, 100, 60)])
    found = latents.LAWS[law](y, scale, t)
    assert all(np.isfinite(one).all() for one in found)
    assert (found.shrink >= 0).all()
    assert (np.diff(found.mean) >= -1e-12 * np.abs(found.mean[1:]) - 1e-15 * scale).all()
    np.testing.assert_allclose(found.mean, -found.mean[::-1], rtol=1e-12, atol=1e-12 * min(scale, np.sqrt(t)))
    if law == "uniform":
        assert np.abs(found.mean).max() <= np.sqrt(3) * scale * (1 + 1e-15)
    else:  # beyond the kink Laplace's prior only moves y
        far = y > 100 * (t / scale + np.sqrt(t) + scale)
        np.testing.assert_allclose(found.mean[far], y[far] - np.sqrt(2) * t / scale, rtol=1e-12)
        np.testing.assert_allclose(found.shrink[far], 1, rtol=1e-12)


@every
def test_draws_have_the_law(law):
    drawn = latents.draw(np.random.default_rng(0), law, 200_000, 2)
    assert drawn.shape == (200_000, 2)
    np.testing.assert_allclose(drawn.mean(0), 0, atol=0.012)
    np.testing.assert_allclose(drawn.var(0), 1, rtol=0.02)
    fourth = {"gaussian": 3.0, "uniform": 1.8, "laplace": 6.0}[law]
    np.testing.assert_allclose((drawn**4).mean(0), fourth, rtol=0.05)


@every
def test_bad_arguments_are_refused(law):
    for y, scale, t in ((np.nan, 1.0, 1.0), (0.0, 0.0, 1.0), (0.0, 1.0, -1.0), ("a", 1.0, 1.0)):
        with pytest.raises(InputError, match="should be"):
            latents.LAWS[law](y, scale, t)
