"""Manifold families: what the data are, and what is known of them for certain.

(dimensions, variance groups, curvature, seed) -> samples, tangent groups, covariance, exact posterior

A family is a class with the attributes and methods of `Arcs` and one line in `scoregap.truth.FAMILIES`.
Everything is numpy float64; nothing here knows about networks.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scoregap.truth import posteriors


@dataclass(frozen=True)
class Arcs:
    """The curved random manifold of THEORY.md 4; at curvature 0 the paper's linear model (THEORY.md 2).

    F is ambient_dim x m with independent Gaussian entries, a column of group k having entry variance
    std_k^2 / m. Its singular values s_i are the standard deviations of m independent latents, each bent
    into an arc of curvature kappa = curvature / (std_1 sqrt(ambient_dim / m)) in its own plane of a
    random orthonormal frame; std_1 is the largest. The data are centred.

    ambient_dim: d. counts, stds: columns and entry standard deviation of each variance group.
    curvature: dimensionless, 0 for flat. seed: of F and the frame alone, so that cells which differ in
    curvature only share them.
    """

    ambient_dim: int
    counts: tuple[int, ...]
    stds: tuple[float, ...]
    curvature: float
    seed: int

    @property
    def manifold_dim(self) -> int:
        return sum(self.counts)

    @cached_property
    def order(self) -> np.ndarray:
        """Indices of the variance groups, largest standard deviation first."""
        return np.argsort(-np.asarray(self.stds), kind="stable")

    @cached_property
    def groups(self) -> np.ndarray:
        """(m,) group of every latent, 0 for the largest variance."""
        return np.repeat(np.arange(len(self.counts)), np.asarray(self.counts)[self.order])

    @cached_property
    def _draw(self):
        rng = np.random.default_rng(self.seed)
        stds = np.asarray(self.stds)[self.order][self.groups]
        factor = rng.standard_normal((self.ambient_dim, self.manifold_dim)) * stds / np.sqrt(self.manifold_dim)
        planes = min(2 * self.manifold_dim, self.ambient_dim)
        # QR of a Gaussian matrix is Haar distributed once the signs of R are fixed.
        frame, r = np.linalg.qr(rng.standard_normal((self.ambient_dim, planes)))
        return np.linalg.svd(factor, compute_uv=False), frame * np.sign(np.diag(r))

    @property
    def scales(self) -> np.ndarray:
        """(m,) singular values of F, descending: standard deviations of the latents."""
        return self._draw[0]

    @property
    def tangent_frame(self) -> np.ndarray:
        """(d, m) tangent directions at latent 0."""
        return self._draw[1][:, : self.manifold_dim]

    @property
    def bend_frame(self) -> np.ndarray:
        """(d, m) directions into which the latents are bent."""
        return self._draw[1][:, self.manifold_dim :]

    @cached_property
    def kappa(self) -> float:
        """Curvature of the arcs, in inverse units of the data (THEORY.md 4)."""
        return self.curvature / (max(self.stds) * np.sqrt(self.ambient_dim / self.manifold_dim))

    @cached_property
    def _bend_mean(self) -> np.ndarray:
        """(m,) E[(1 - cos kappa z) / kappa] = (1 - exp(-kappa^2 s^2 / 2)) / kappa."""
        return -np.expm1(-0.5 * (self.kappa * self.scales) ** 2) / self.kappa

    def embed(self, latents):
        """Points of R^d at the given latents: (n, m) -> (n, d)."""
        if self.curvature == 0:
            return latents @ self.tangent_frame.T
        angle = self.kappa * latents
        across = np.sin(angle) / self.kappa
        bend = 2 * np.sin(angle / 2) ** 2 / self.kappa - self._bend_mean
        return across @ self.tangent_frame.T + bend @ self.bend_frame.T

    def sample(self, rng, n):
        """n clean points (n, d) and their latents (n, m)."""
        latents = rng.standard_normal((n, self.manifold_dim)) * self.scales
        return self.embed(latents), latents

    def tangents(self, latents):
        """Orthonormal tangent vectors at the given latents: (n, m) -> (n, d, m), in the order of `groups`."""
        if self.curvature == 0:
            return np.broadcast_to(self.tangent_frame, (len(latents), *self.tangent_frame.shape))
        angle = self.kappa * latents[:, None, :]
        return self.tangent_frame * np.cos(angle) + self.bend_frame * np.sin(angle)

    @cached_property
    def principal_axes(self):
        """Principal directions (d, r) and variances (r,) of the data, in closed form."""
        if self.curvature == 0:
            return self.tangent_frame, self.scales**2
        spread = (self.kappa * self.scales) ** 2
        across = -np.expm1(-2 * spread) / (2 * self.kappa**2)
        bend = np.expm1(-spread) ** 2 / (2 * self.kappa**2)
        return self._draw[1], np.concatenate([across, bend])

    def gaussian(self, x, t):
        """Posterior under the Gaussian with the family's covariance: (mean (n, d), G (n, d, d))."""
        return posteriors.gaussian(x, t, *self.principal_axes)

    def exact(self, x, t):
        """Exact posterior at noisy points x (n, d), variance t (n,) or scalar: (mean (n, d), G (n, d, d))."""
        if self.curvature == 0:
            return self.gaussian(x, t)
        t = np.broadcast_to(np.asarray(t, float), x.shape[:1])
        plane = np.stack([x @ self.tangent_frame, x @ self.bend_frame + self._bend_mean], -1)
        mean, cov = posteriors.arc(plane, self.scales, self.kappa, t[:, None])
        denoised = mean[..., 0] @ self.tangent_frame.T + (mean[..., 1] - self._bend_mean) @ self.bend_frame.T
        frames = np.stack([self.tangent_frame, self.bend_frame], -1)  # (d, m, 2)
        jacobian = np.einsum("aik,nikl,bil->nab", frames, cov / t[:, None, None, None], frames, optimize=True)
        return denoised, jacobian
