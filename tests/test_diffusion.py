"""Conventions of diffusion processes against a Gaussian mixture differentiated in each of them."""

import mpmath as mp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from scoregap import diffusion

MEANS = torch.tensor([[1.0, -0.5, 0.2], [-2.0, 0.3, 1.0], [0.5, 2.0, -1.0]], dtype=torch.float64)
STDS = torch.tensor([0.3, 0.8, 0.1], dtype=torch.float64)
SHARES = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
variances = st.floats(-12, 12).map(lambda log: 10.0**log)


def log_density(x, scale, noise):
    """Log density of scale x0 + sqrt(noise) w, x0 from a mixture of three Gaussians in R^3, by its definition."""
    spread = (scale * STDS) ** 2 + noise
    square = ((x - scale * MEANS) ** 2).sum(-1)
    return torch.logsumexp(torch.log(SHARES) - 0.5 * square / spread - 1.5 * torch.log(2 * np.pi * spread), 0)


def derivatives(x, scale, noise):
    """Score and its Jacobian at x by automatic differentiation, in float64."""
    x = torch.as_tensor(x, dtype=torch.float64)
    score = torch.func.grad(lambda y: log_density(y, scale, noise))
    return score(x).numpy(), torch.func.jacrev(score)(x).numpy()


def posterior(x, t):
    """Mean and covariance of x0 given x = x0 + sqrt(t) w: each component is a Gaussian posterior, then mixed."""
    means, stds, shares = MEANS.numpy(), STDS.numpy(), SHARES.numpy()
    spread = stds**2 + t
    log = np.log(shares) - 0.5 * ((x - means) ** 2).sum(-1) / spread - 1.5 * np.log(spread)
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    centres = means + (stds**2 / spread)[:, None] * (x - means)
    mean = weight @ centres
    away = centres - mean
    return mean, (weight[:, None] * away).T @ away + weight @ (stds**2 * t / spread) * np.eye(3)


@pytest.mark.parametrize("t", [1e-3, 0.3, 1.0, 40.0])
def test_vp_and_ve_are_one_process(t):
    """Score and Jacobian of the VP density itself, against the converted VE ones."""
    rng = np.random.default_rng(0)
    abar = 1 / (1 + t)
    for _ in range(5):
        x_vp = np.sqrt(abar) * (MEANS[1].numpy() + 0.5 * rng.standard_normal(3)) + np.sqrt(
            1 - abar
        ) * rng.standard_normal(3)
        score_vp, jacobian_vp = derivatives(x_vp, np.sqrt(abar), 1 - abar)
        x_ve = diffusion.ve_point(x_vp, t)
        np.testing.assert_allclose(x_ve, x_vp / np.sqrt(abar), rtol=1e-14)
        score_ve, jacobian_ve = derivatives(x_ve, 1.0, t)
        np.testing.assert_allclose(diffusion.vp_score(score_ve, t), score_vp, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(diffusion.vp_jacobian(jacobian_ve, t), jacobian_vp, rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose((1 - abar) * jacobian_vp, t * jacobian_ve, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(
            diffusion.noise(score_ve, t), -np.sqrt(diffusion.one_minus_alpha_bar(t)) * score_vp, rtol=1e-9, atol=1e-9
        )
        np.testing.assert_allclose(
            diffusion.denoiser_jacobian(jacobian_ve, t), np.eye(3) + (1 - abar) * jacobian_vp, atol=1e-9
        )


@pytest.mark.parametrize("t", [1e-3, 0.3, 1.0, 40.0])
def test_tweedie(t):
    """Posterior mean and covariance of the mixture, by Bayes, against score and Jacobian."""
    rng = np.random.default_rng(1)
    x = MEANS.numpy()[rng.integers(0, 3, 6)] + np.sqrt(t + 0.1) * rng.standard_normal((6, 3))
    scores, jacobians = map(np.stack, zip(*[derivatives(point, 1.0, t) for point in x], strict=True))
    means, covariances = map(np.stack, zip(*[posterior(point, t) for point in x], strict=True))
    np.testing.assert_allclose(diffusion.denoiser(x, scores, t), means, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(diffusion.score(x, means, t), scores, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(diffusion.noise(scores, t), (x - means) / np.sqrt(t), rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(diffusion.posterior_covariance(jacobians, t), covariances, atol=1e-11 * (1 + t))
    np.testing.assert_allclose(diffusion.denoiser_jacobian(jacobians, t), covariances / t, atol=1e-8)
    np.testing.assert_allclose(diffusion.score_jacobian(covariances, t), jacobians, atol=1e-7 / t)


def test_process_by_simulation():
    """x = sqrt(abar) x0 + sqrt(1 - abar) w becomes x0 + sqrt(t) w, draw by draw."""
    rng = np.random.default_rng(2)
    x0, w, t = rng.standard_normal((4, 3)), rng.standard_normal((4, 3)), np.array([1e-12, 1e-3, 1.0, 1e12])
    abar, rest = diffusion.alpha_bar(t)[:, None], diffusion.one_minus_alpha_bar(t)[:, None]
    x_vp = np.sqrt(abar) * x0 + np.sqrt(rest) * w
    x_ve = x0 + diffusion.sigma(t)[:, None] * w
    np.testing.assert_allclose(diffusion.ve_point(x_vp, t), x_ve, rtol=1e-12)
    np.testing.assert_allclose(diffusion.vp_point(x_ve, t), x_vp, rtol=1e-12)


@settings(deadline=None, max_examples=200, derandomize=True)
@given(t=variances)
def test_noise_levels_to_the_last_digits(t):
    with mp.workdps(50):
        one = mp.mpf(t)
        assert diffusion.alpha_bar(t) == pytest.approx(float(1 / (1 + one)), rel=1e-15, abs=0)
        assert diffusion.one_minus_alpha_bar(t) == pytest.approx(float(one / (1 + one)), rel=1e-15, abs=0)
        assert diffusion.log_alpha_bar(t) == pytest.approx(float(-mp.log(1 + one)), rel=1e-15, abs=0)
        assert diffusion.log_snr(t) == pytest.approx(float(-mp.log(one)), rel=1e-15, abs=1e-16)
        assert diffusion.sigma(t) == pytest.approx(float(mp.sqrt(one)), rel=1e-15, abs=0)
    assert diffusion.variance_of_sigma(diffusion.sigma(t)) == pytest.approx(t, rel=1e-15, abs=0)
    assert diffusion.variance_of_log_snr(diffusion.log_snr(t)) == pytest.approx(t, rel=1e-14, abs=0)
    assert diffusion.variance_of_log_alpha_bar(diffusion.log_alpha_bar(t)) == pytest.approx(t, rel=2e-14, abs=0)
    abar = diffusion.alpha_bar(t)
    with mp.workdps(50):
        assert diffusion.variance_of_alpha_bar(abar) == pytest.approx(
            float(1 / mp.mpf(float(abar)) - 1), rel=1e-15, abs=0
        )


@settings(deadline=None, max_examples=60, derandomize=True)
@given(t=st.lists(variances, min_size=2, max_size=5), seed=st.integers(0, 9))
def test_inverses_and_broadcasting(t, seed):
    t = np.array(t)
    rng = np.random.default_rng(seed)
    x, half = rng.standard_normal((3, len(t), 4)), rng.standard_normal((len(t), 4, 4))
    jacobian = half + half.swapaxes(-1, -2)
    for there, back in (
        (diffusion.ve_point, diffusion.vp_point),
        (diffusion.vp_score, diffusion.ve_score),
    ):
        np.testing.assert_allclose(back(there(x, t), t), x, rtol=1e-14)
        np.testing.assert_array_equal(there(x, t)[1, 0], there(x[1, 0], t[0]))
    np.testing.assert_allclose(diffusion.ve_jacobian(diffusion.vp_jacobian(jacobian, t), t), jacobian, rtol=1e-14)
    gains = np.abs(jacobian) / 10
    covariance = t[:, None, None] * gains
    back = diffusion.score_jacobian(covariance, t)
    np.testing.assert_allclose(diffusion.posterior_covariance(back, t), covariance, atol=1e-14 * t.max(), rtol=1e-10)
    for i, one in enumerate(t):
        np.testing.assert_array_equal(diffusion.denoiser_jacobian(jacobian, t)[i], np.eye(4) + one * jacobian[i])
        np.testing.assert_allclose(diffusion.denoiser(x, x, t)[:, i], (1 + one) * x[:, i], rtol=1e-14)
        np.testing.assert_allclose(diffusion.noise(x, t)[:, i], -np.sqrt(one) * x[:, i], rtol=1e-14)
