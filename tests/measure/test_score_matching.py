"""Losses of score matching as dimensions, against closed forms and Monte Carlo: when they estimate, when they bound."""

import numpy as np
import pytest

from scoregap import data
from scoregap.measure import dimension
from scoregap.measure.score_matching import denoising_loss, implicit_loss

VARIANCES = np.array([2.0, 0.5, 0.1, 0.01, 0.0, 0.0])
FRAME = np.linalg.qr(np.random.default_rng(1).standard_normal((6, 6)))[0]


def flat(t):
    """The denoiser of flat data, a matrix."""
    return (FRAME * (VARIANCES / (VARIANCES + t))) @ FRAME.T


def points(count, seed=0):
    return np.random.default_rng(seed).standard_normal((count, 6)) * np.sqrt(VARIANCES) @ FRAME.T


def loss(clean, denoise, t, draws=1, seed=2):
    """The denoising loss of every point."""
    noise = np.random.default_rng(seed).standard_normal((len(clean), draws, clean.shape[1]))
    noisy = clean[:, None] + np.sqrt(t) * noise
    return denoising_loss(clean, denoise(noisy.reshape(-1, clean.shape[1])).reshape(noisy.shape), t)


def agree(values, expected):
    """Whether a mean of independent values is that, within four standard errors."""
    return abs(values.mean() - expected) < 4 * values.std() / np.sqrt(len(values))


@pytest.mark.parametrize("t", [1e-3, 0.1, 3.0])
def test_the_denoising_loss_of_flat_data_is_the_trace_and_below_the_dimension(t):
    trace = (VARIANCES / (VARIANCES + t)).sum()
    assert trace < 4
    assert agree(loss(points(40_000), lambda x: x @ flat(t), t), trace)


def test_the_denoising_loss_at_one_point_is_over_draws_of_the_noise():
    """E|x - D|^2 / t of flat data at x: sum (gamma / (gamma + t))^2 + t z^2 / (gamma + t)^2, z along the axes."""
    t, clean = 0.05, points(3)
    expected = ((VARIANCES**2 + t * (clean @ FRAME) ** 2) / (VARIANCES + t) ** 2).sum(1)
    found = loss(clean, lambda x: x @ flat(t), t, draws=20_000)
    np.testing.assert_allclose(found, expected, atol=0.1)
    again = loss(clean, lambda x: x @ flat(t), t, draws=5)
    assert again.shape == (3,)
    assert again == pytest.approx(
        np.mean([loss(clean, lambda x: x @ flat(t), t, draws=5)], 0)
    )  # of the same draws the same


@pytest.mark.parametrize("t", [1e-3, 0.1])
def test_another_denoiser_lies_above_by_its_squared_error(t):
    """As a network does: by the mean square of its distance from the exact one, over t."""
    clean, wrong = points(40_000), 0.05 * np.random.default_rng(3).standard_normal((6, 6))
    exact = loss(clean, lambda x: x @ flat(t), t)
    other = loss(clean, lambda x: x @ (flat(t) + wrong), t)
    noisy_covariance = (FRAME * (VARIANCES + t)) @ FRAME.T
    above = np.trace(wrong.T @ noisy_covariance @ wrong) / t
    assert above > 0.02
    assert agree(other - exact, above)
    if t == 1e-3:  # there the exact one is below the dimension, and this one above: it bounds by being wrong
        assert exact.mean() < 4 < other.mean()


@pytest.mark.parametrize("m", [1, 2, 3, 10])
def test_the_exact_denoising_loss_of_a_sphere(m):
    """m - (m^2 - 3 m / 2) t / R^2 for small t: on a circle above the dimension, which is no lower bound elsewhere."""
    sphere = data.manifold("sphere", m + 1, [(m, 1.0)], curvature=1.0)
    (radius,) = sphere.radii
    t, rng = 0.003 * radius**2, np.random.default_rng(0)
    clean, _ = sphere.sample(rng, 100_000)
    traces = sphere.exact(clean + np.sqrt(t) * rng.standard_normal(clean.shape), t).traces()
    expected = m - (m**2 - 1.5 * m) * 0.003
    assert abs(traces.mean() - expected) < 4 * traces.std() / np.sqrt(len(traces)) + 2e-5 * m**3
    assert (traces.mean() > m) == (m == 1)
    assert agree(loss(clean[:20_000], lambda x: sphere.exact(x, t).mean, t), expected)


def test_the_losses_are_the_same_up_to_integration_by_parts():
    """d + 2 t tr J + t |s|^2 at noisy points has the mean of the denoising loss (Hyvarinen), of curved data too."""
    arcs, t, rng = data.manifold("arcs", 6, [(2, 1.0)], 1.0), 0.3, np.random.default_rng(4)
    clean, _ = arcs.sample(rng, 20_000)
    noisy = clean + np.sqrt(t) * rng.standard_normal(clean.shape)
    known = arcs.exact(noisy, t)
    of_denoising = denoising_loss(clean, known.mean[:, None], t)
    of_implicit = 2 * known.traces() - 6 + ((known.mean - noisy) ** 2).sum(1) / t
    assert agree(of_denoising - of_implicit, 0.0)
    assert abs(of_denoising.mean() - 2) > 0.1  # they say something


def test_the_implicit_loss_is_flipd_with_half_the_squared_score():
    rng, t = np.random.default_rng(5), 0.2
    x, denoised, trace = rng.standard_normal((3, 6)), rng.standard_normal((3, 6)), rng.standard_normal(3)
    whole, half = dimension.flipd(x, denoised, trace, t), implicit_loss(x, denoised, trace, t)
    np.testing.assert_allclose(whole - half, ((denoised - x) ** 2).sum(1) / (2 * t))
    score, divergence = (denoised - x) / t, (trace - 6) / t
    np.testing.assert_allclose(half, 6 + t * (divergence + 0.5 * (score**2).sum(1)))


def at_unit_sphere(m, t):
    """(FLIPD, implicit loss) at a point of the sphere of radius 1."""
    sphere = data.manifold("sphere", m + 3, [(m, 1.0)], curvature=1.0)
    (radius,) = sphere.radii
    clean, _ = sphere.sample(np.random.default_rng(0), 1)
    known = sphere.exact(clean, t * radius**2)
    given = clean, known.mean, known.traces(), t * radius**2
    return dimension.flipd(*given)[0], implicit_loss(*given)[0]


@pytest.mark.parametrize(("t", "published"), [(0.1, 7.90), (0.01, 9.798), (1e-4, 9.998)])
def test_flipd_on_the_10_sphere(t, published):
    assert at_unit_sphere(10, t)[0] == pytest.approx(published, abs=5e-3 if t == 0.1 else 5e-4)


@pytest.mark.parametrize("m", [1, 2, 5, 10, 50])
def test_how_flipd_and_the_implicit_loss_leave_the_dimension_of_a_sphere(m):
    """m - m (m - 2) t / 4 and m - m (3 m - 4) t / 8 for small t and radius 1."""
    t = 1e-4
    flipd, implicit = at_unit_sphere(m, t)
    assert flipd - m == pytest.approx(-m * (m - 2) * t / 4, rel=0.02, abs=1e-6 * m**2)
    assert implicit - m == pytest.approx(-m * (3 * m - 4) * t / 8, rel=0.02, abs=1e-6 * m**2)
