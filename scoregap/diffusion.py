"""Conversions between the usual ways to write a diffusion process (theory.md 1).

(points, scores, Jacobians, noise level) in one convention -> the same in another

VE   variance exploding    x = x0 + sqrt(t) w, t a variance; everything else in this package is in this convention
EDM  Karras et al. 2022    VE with sigma = sqrt(t)
VP   variance preserving   x = sqrt(abar) x0 + sqrt(1 - abar) w, abar = 1 / (1 + t)

All noise levels are given as t, from 1e-12 to 1e12 without loss: abar itself cannot hold a small t (1 - abar would have
few digits), log abar = -log(1 + t) and 1 - abar = t / (1 + t) can. Points are (..., d), Jacobians (..., d, d), and t
broadcasts with `...`. Noise levels that there are not, as a negative t, are refused: InputError.
"""

import numpy as np

from scoregap import InputError
from scoregap.arguments import not_negative


def alpha_bar(t):
    """VP signal share abar = 1 / (1 + t)."""
    return 1 / (1 + not_negative("t", t))


def one_minus_alpha_bar(t):
    """VP noise share 1 - abar = t / (1 + t), accurate where abar rounds to one."""
    t = not_negative("t", t)
    return t / (1 + t)


def log_alpha_bar(t):
    """log abar = -log(1 + t)."""
    return -np.log1p(not_negative("t", t))


def variance_of_alpha_bar(abar):
    """t = (1 - abar) / abar: as accurate as 1 - abar is."""
    abar = not_negative("abar", abar)
    if ((abar == 0) | (abar > 1)).any():
        raise InputError(key="abar", value=abar, allowed="should be greater than 0, and at most 1")
    return (1 - abar) / abar


def variance_of_log_alpha_bar(log_abar):
    """t from log abar, as from a sum of log(1 - beta)."""
    return np.expm1(not_negative("-log_abar", np.negative(log_abar)))


def sigma(t):
    """EDM noise level."""
    return np.sqrt(not_negative("t", t))


def variance_of_sigma(sigma):
    """t from the EDM noise level."""
    return np.square(not_negative("sigma", sigma))


def log_snr(t):
    """Logarithm of the signal-to-noise ratio abar / (1 - abar) = 1 / t."""
    return -np.log(not_negative("t", t))


def variance_of_log_snr(log_snr):
    """t from the logarithm of the signal-to-noise ratio."""
    return np.exp(-np.asarray(log_snr, float))


def _along(t, axes):
    """t with trailing axes of length one, to multiply vectors (1) or matrices (2)."""
    t = not_negative("t", t)
    return t.reshape(t.shape + (1,) * axes)


def ve_point(x_vp, t):
    """VP point -> VE point x / sqrt(abar)."""
    return x_vp * np.sqrt(1 + _along(t, 1))


def vp_point(x_ve, t):
    """VE point -> VP point sqrt(abar) x."""
    return x_ve / np.sqrt(1 + _along(t, 1))


def vp_score(score_ve, t):
    """VE score at x / sqrt(abar) -> VP score at x: the densities differ by the scale of x."""
    return score_ve * np.sqrt(1 + _along(t, 1))


def ve_score(score_vp, t):
    """VP score at x -> VE score at x / sqrt(abar)."""
    return score_vp / np.sqrt(1 + _along(t, 1))


def vp_jacobian(jacobian_ve, t):
    """VE Jacobian of the score at x / sqrt(abar) -> VP Jacobian at x; (1 - abar) J_VP(x) = t J_VE(x / sqrt(abar))."""
    return jacobian_ve * (1 + _along(t, 2))


def ve_jacobian(jacobian_vp, t):
    """VP Jacobian of the score at x -> VE Jacobian at x / sqrt(abar)."""
    return jacobian_vp / (1 + _along(t, 2))


def denoiser(x, score, t):
    """E[x0 | x] = x + t s (Tweedie; VE)."""
    return x + _along(t, 1) * score


def score(x, denoised, t):
    """s = (E[x0 | x] - x) / t (VE)."""
    return (denoised - x) / _along(t, 1)


def noise(score, t):
    """Predicted noise E[w | x] = -sqrt(t) s (VE); the same number in VP, -sqrt(1 - abar) s_VP."""
    return -np.sqrt(_along(t, 1)) * score


def denoiser_jacobian(jacobian, t):
    """G = I + t J (VE); equal to I + (1 - abar) J_VP."""
    return np.eye(np.shape(jacobian)[-1]) + _along(t, 2) * jacobian


def posterior_covariance(jacobian, t):
    """Cov[x0 | x] = t (I + t J) (Tweedie's second order; VE)."""
    return _along(t, 2) * denoiser_jacobian(jacobian, t)


def score_jacobian(covariance, t):
    """J = (Cov[x0 | x] / t - I) / t (VE)."""
    t = _along(t, 2)
    return (covariance / t - np.eye(np.shape(covariance)[-1])) / t
