"""Posteriors by importance sampling, for families known by their embedding only (theory.md 4, "Sampled truth").

(noisy points, t, embedding of Gaussian latents and its derivative, seed) -> mean, G, effective sample size
"""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp, ndtri
from scipy.stats import qmc

from scoregap.data import posteriors
from scoregap.data.manifolds.linear import LinearModel

# Draws per point (a power of two, as Sobol' points need), and the effective sample size below which there is no number.
DRAWS = 2**14
ENOUGH = 4000
# Rounds that fit the proposal to the posterior; the last set of draws alone makes the estimate.
_ROUNDS = 2
# Latents from which the posterior's modes are sought: the projection of x, and this many draws of the prior.
_STARTS = 24
# A mode of mass p (Laplace, against the largest) at distance D from it changes G by up to p (1 + D^2 / t). It counts if
# that is more than _MATTERS, and is trusted if this many starts ended in it: one that a single start of 25 finds says
# that others were not found at all.
_MATTERS = 1e-3
_FOUND = 3
# Least share of a mode that counts: a far one with little mass can make most of G.
_LEAST_SHARE = 0.02
# Shares of the proposal: modes as fitted, modes widened by _WIDER, prior.
_SHARES = np.array([0.75, 0.15, 0.1])
_WIDER = 1.6


@dataclass(frozen=True)
class SampledPosterior(posteriors.Posterior):
    """A posterior from weighted draws.

    effective: (n,) effective sample size; NaN where the modes are not known. errors: (n, r) standard errors of
    `eigenvalues` for independent draws; the Sobol' points make less.
    """

    effective: np.ndarray
    errors: np.ndarray


class _Modes(NamedTuple):
    """Gaussian components of a proposal: shares (k,), centres (k, m), lower Cholesky factors (k, m, m)."""

    shares: np.ndarray
    centres: np.ndarray
    factors: np.ndarray


@dataclass(frozen=True)
class Sampled(LinearModel):
    """A curved manifold over the latents of the linear model, without a closed posterior; that model at curvature 0.

    A family overrides `embed`, `slopes` and `principal_axes`.
    """

    @abstractmethod
    def slopes(self, latents):
        """Derivative of `embed`: (n, m) -> (n, d, m)."""

    def tangents(self, latents):
        """Orthonormal tangent vectors (n, d, m): those of group 1 span its directions, and so on (QR of `slopes`)."""
        if not self.curvature:
            return super().tangents(latents)
        frame, r = np.linalg.qr(self.slopes(latents))
        return frame * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :]

    @cached_property
    def _sampler(self):
        return Sampler(self.embed, self.slopes, self.scales, self.seed)

    def exact(self, x, t):
        """Posterior by `Sampler`, NaN where its guard fails; the closed form at curvature 0."""
        if not self.curvature:
            return self.gaussian(x, t)
        return self._sampler.posterior(x, t)


class Sampler:
    """Posterior of x0 = embed(latents), latents independent Gaussians, by self-normalised importance sampling.

    embed: (n, m) -> (n, d); slopes: its derivative, (n, m) -> (n, d, m); scales: (m,) standard deviations of the
    latents; seed: of the draws. Every point uses the same draws, so its numbers do not depend on its company.

    The proposal is a mixture of Gaussians at the modes of the posterior (Levenberg-Marquardt from several starts,
    Gauss-Newton covariance), the same widened, and the prior, which bounds the weights. It is fitted to the posterior
    by population Monte Carlo (Cappe et al. 2008) before the draws that count, which are scrambled Sobol' points.

    There is no number (NaN) where the effective sample size is below ENOUGH, or where a mode that matters was found
    from fewer than _FOUND starts. Plain Monte Carlo with ENOUGH effective draws leaves a standard error of
    sqrt(2 / 4000) = 2 % on an eigenvalue; the Sobol' points do better.
    """

    def __init__(self, embed, slopes, scales, seed: int):
        self.embed, self.slopes, self.scales = embed, slopes, np.asarray(scales, float)
        m = len(self.scales)
        rng = np.random.default_rng((seed, 2))
        self._starts = rng.standard_normal((_STARTS, m))
        uniform = qmc.Sobol(m + 1, rng=rng).random(DRAWS)
        self._choice, self._normals = uniform[:, 0], ndtri(np.clip(uniform[:, 1:], 1e-15, None))

    def posterior(self, x, t) -> SampledPosterior:
        """Posterior at noisy points x (n, d), noise variance t (n,) or scalar."""
        d = self.embed(self.scales[None]).shape[1]
        x, t = posteriors.points_and_times(x, t, d)
        n = len(x)
        mean, values = np.full((n, d), np.nan), np.full((n, d), np.nan)
        vectors, errors, effective = np.full((n, d, d), np.nan), values.copy(), np.full(n, np.nan)
        for i in range(n):
            modes = self._modes(x[i], t[i])
            if modes is None:
                continue
            for _ in range(_ROUNDS):
                z, log = self._draws(x[i], t[i], modes)[:2]
                modes = _fit(z, _normalised(log), modes)
            z, log, clean = self._draws(x[i], t[i], modes)
            weights = _normalised(log)
            effective[i] = 1 / (weights**2).sum()
            if effective[i] >= ENOUGH:
                mean[i] = weights @ clean
                clean -= mean[i]
                cov = (clean * weights[:, None]).T @ clean
                values[i], vectors[i] = np.linalg.eigh((cov + cov.T) / (2 * t[i]))
                spread = (clean @ vectors[i]) ** 2 / t[i] - values[i]
                errors[i] = np.sqrt(weights**2 @ spread**2)
        return SampledPosterior(mean, np.maximum(values, 0.0), lambda: vectors, effective, errors)

    def _modes(self, x, t) -> _Modes | None:
        """The proposal's modes in standard normal latents; None if some that matter were hardly found."""
        project = np.linalg.lstsq(self.slopes(np.zeros((1, len(self.scales))))[0] * self.scales, x, rcond=None)[0]
        z = np.concatenate([project[None], self._starts])
        height, z, precision = _climb(self.embed, self.slopes, self.scales, x, t, z)
        mass = height - 0.5 * np.linalg.slogdet(precision)[1]
        best, clean = mass.argmax(), self.embed(z * self.scales)
        matters = mass - mass[best] + np.log1p(((clean - clean[best]) ** 2).sum(1) / t) > np.log(_MATTERS)
        centres: list[int] = []
        found: list[int] = []
        for i in sorted(np.flatnonzero(matters), key=lambda i: -mass[i]):
            away = z[centres] - z[i]
            near = np.flatnonzero(np.einsum("ki,kij,kj->k", away, precision[centres], away) < 1)
            if near.size:
                found[near[0]] += 1
            else:
                centres.append(int(i))
                found.append(1)
        if min(found) < _FOUND:
            return None
        return _Modes(
            _shares(np.exp(mass[centres] - mass[best])),
            z[centres],
            np.linalg.cholesky(np.linalg.inv(precision[centres])),
        )

    def _draws(self, x, t, modes: _Modes):
        """Draws of the proposal (DRAWS, m), log of posterior over proposal (DRAWS,), clean points (DRAWS, d)."""
        z = self._normals.copy()
        shares = np.concatenate([_SHARES[0] * modes.shares, _SHARES[1] * modes.shares])
        component = np.searchsorted(np.cumsum(shares), self._choice, side="right")
        for k in range(len(shares)):  # what is left is drawn from the prior
            pick, mode, width = component == k, k % len(modes.shares), 1.0 if k < len(modes.shares) else _WIDER
            z[pick] = modes.centres[mode] + width * (z[pick] @ modes.factors[mode].T)
        prior = -0.5 * (z**2).sum(1)
        log_modes, square = _log_modes(z, modes)
        wide = log_modes + 0.5 * square * (1 - _WIDER**-2) - z.shape[1] * np.log(_WIDER)
        parts = np.stack([logsumexp(log_modes, axis=1), logsumexp(wide, axis=1), prior], 1)
        clean = self.embed(z * self.scales)
        likelihood = -0.5 * ((x - clean) ** 2).sum(1) / t
        return z, prior + likelihood - logsumexp(parts, b=_SHARES, axis=1), clean


def _normalised(log):
    weights = np.exp(log - log.max())
    return weights / weights.sum()


def _shares(mass):
    shares = np.maximum(mass / mass.sum(), _LEAST_SHARE)
    return shares / shares.sum()


def _log_modes(z, modes: _Modes):
    """Log density of every mode, with its share, up to (2 pi)^(m/2), and the Mahalanobis squares: (draws, k) each."""
    away = np.linalg.inv(modes.factors) @ (z - modes.centres[:, None, :]).swapaxes(1, 2)
    square = (away**2).sum(1).T
    volume = np.log(np.diagonal(modes.factors, axis1=1, axis2=2)).sum(1)
    return np.log(modes.shares) - volume - 0.5 * square, square


def _fit(z, weights, modes: _Modes) -> _Modes:
    """Modes moved to the weighted draws: one step of expectation maximisation.

    Covariances are shrunk to the former ones, as if those came from 4 m draws, so few draws change little.
    """
    log_modes, _ = _log_modes(z, modes)
    belongs = weights[:, None] * np.exp(log_modes - logsumexp(log_modes, axis=1, keepdims=True))
    draws, m = 1 / (weights**2).sum(), z.shape[1]
    shares = belongs.sum(0)
    centres, factors = [], []
    for k, share in enumerate(shares):
        trust = draws * share / (draws * share + 4 * m)
        centre = (1 - trust) * modes.centres[k] + trust * (belongs[:, k] @ z) / max(share, 1e-300)
        away = z - centre
        cov = (away * belongs[:, k, None]).T @ away / max(share, 1e-300)
        old = modes.factors[k] @ modes.factors[k].T
        centres.append(centre)
        factors.append(np.linalg.cholesky((1 - trust) * old + trust * cov))
    return _Modes(_shares(shares), np.stack(centres), np.stack(factors))


def _climb(embed, slopes, scales, x, t, z):
    """Maxima of the log posterior of standard normal latents from starts z (k, m): Levenberg-Marquardt.

    Returns heights (k,), latents (k, m) and Gauss-Newton precisions (k, m, m).
    """

    def height(z):
        return -0.5 * (((x - embed(z * scales)) ** 2).sum(1) / t + (z**2).sum(1))

    def local(z):
        slope = slopes(z * scales) * scales
        residual = x - embed(z * scales)
        precision = slope.swapaxes(1, 2) @ slope / t + np.eye(len(scales))
        return precision, (slope.swapaxes(1, 2) @ residual[:, :, None])[:, :, 0] / t - z

    now, damping = height(z), np.full(len(z), 1e-2)
    live = np.arange(len(z))
    for _ in range(200):
        precision, gradient = local(z[live])
        damped = precision + damping[live, None, None] * (precision * np.eye(len(scales)))
        step = np.linalg.solve(damped, gradient[:, :, None])[:, :, 0]
        new = height(z[live] + step)
        better = new > now[live]
        gain = (gradient * step).sum(1)
        up, stay = live[better], live[~better]
        z[up], now[up] = z[up] + step[better], new[better]
        damping[up], damping[stay] = damping[up] / 10, damping[stay] * 10
        # At a maximum the step gains nothing, or rounding keeps it from gaining.
        live = live[(gain > 1e-6) & (damping[live] < 1e12)]
        if not live.size:
            break
    return now, z, local(z)[0]
