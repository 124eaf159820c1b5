"""The curved hidden manifold whose score is exact: every latent of the linear model bent on an arc (theory.md 4).

(ambient dimension, variance groups, curvature, seed) -> samples, tangent groups, covariance, exact posterior
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scoregap.arguments import array
from scoregap.data import posteriors
from scoregap.data.manifolds import haar
from scoregap.data.manifolds.linear import Linear


@dataclass(frozen=True)
class Arcs(Linear):
    """The singular values s_i of F are the standard deviations of m independent latents, each bent into an arc in
    its own plane of a random orthonormal frame; the data are centred. At curvature 0 it is the linear model.

    The curvature of group k is `kappa` times its `Group.bend`; a bend of 0 leaves it flat.
    """

    @cached_property
    def _draw(self):
        rng = np.random.default_rng(self.seed)
        m = self.manifold_dim
        scales = self._lengths if self.frame == "orthonormal" else np.linalg.svd(self._factor(rng), compute_uv=False)
        return scales, haar(rng, self.ambient_dim, min(2 * m, self.ambient_dim))

    @property
    def bend_frame(self) -> np.ndarray:
        """(d, m) directions into which the latents are bent."""
        return self._draw[1][:, self.manifold_dim :]

    @cached_property
    def kappas(self) -> np.ndarray:
        """(m,) curvature of every latent's arc."""
        return self.kappa * np.array([group.bend for group in self.ordered])[self.group_of]

    @cached_property
    def _bent(self) -> np.ndarray:
        """Indices of the latents that are bent at all."""
        return np.flatnonzero(self.kappas)

    @cached_property
    def _bend_mean(self) -> np.ndarray:
        """(bent,) E[(1 - cos kappa z) / kappa] = (1 - exp(-kappa^2 s^2 / 2)) / kappa."""
        kappas = self.kappas[self._bent]
        return -np.expm1(-0.5 * (kappas * self.scales[self._bent]) ** 2) / kappas

    def embed(self, latents):
        """Points of R^d at the given latents: (n, m) -> (n, d)."""
        if not self._bent.size:
            return super().embed(latents)
        latents, kappas = self._latents(latents), self.kappas[self._bent]
        angle = kappas * latents[:, self._bent]
        across = np.array(latents)
        across[:, self._bent] = np.sin(angle) / kappas
        bend = 2 * np.sin(angle / 2) ** 2 / kappas - self._bend_mean
        return across @ self.tangent_frame.T + bend @ self.bend_frame[:, self._bent].T

    def pushforward(self, arrays, constant):
        """A number per latent: `embed` of them times `scales`. Latents that are not bent are a product of their own."""
        if not self._bent.size:
            return super().pushforward(arrays, constant)
        i, kappas = self._bent, self.kappas[self._bent]
        flat = (self.tangent_frame * self.scales).T
        flat[i] = 0.0
        straight, spread = constant(flat), constant(kappas * self.scales[i])
        across, bend = constant((self.tangent_frame[:, i] / kappas).T), constant((self.bend_frame[:, i] / kappas).T)
        centre, select = constant(kappas * self._bend_mean), constant(np.eye(self.manifold_dim)[:, i])
        whole, level = len(i) == self.manifold_dim, not flat.any()

        def push(normals):
            angle = (normals if whole else normals @ select) * spread
            points = arrays.sin(angle) @ across + (2 * arrays.sin(angle / 2) ** 2 - centre) @ bend
            return points if level else points + normals @ straight

        return self.manifold_dim, push

    def tangents(self, latents):
        """Orthonormal tangent vectors at the given latents: (n, m) -> (n, d, m), in the order of `group_of`."""
        if not self._bent.size:
            return super().tangents(latents)
        angle = self.kappas * self._latents(latents)[:, None, :]
        return self.tangent_frame * np.cos(angle) + self.bend_frame * np.sin(angle)

    def nearest(self, x):
        """Distances (n,) of points x (n, d) from the manifold; by group, arc lengths (n, m_k) of the nearest points.

        In the plane of a bent latent the manifold is a whole circle, of radius 1 / kappa, since latents have no bound:
        arc lengths are from -pi / kappa to pi / kappa, also those of clean points.
        """
        if not self._bent.size:
            return super().nearest(x)
        x = array("x", x, "n", self.ambient_dim, empty=True)
        i, radius = self._bent, 1 / self.kappas[self._bent]
        along, bend_frame = x @ self.tangent_frame, self.bend_frame[:, self._bent]
        bend = x @ bend_frame
        across, rise = along[:, i], bend + self._bend_mean
        # length - radius, without the difference of two large numbers where the curvature is small
        off = (across**2 + rise * (rise - 2 * radius)) / (np.hypot(across, radius - rise) + radius)
        rest = x - along @ self.tangent_frame.T - bend @ bend_frame.T
        along[:, i] = radius * np.arctan2(across, radius - rise)
        return np.sqrt((rest**2).sum(1) + (off**2).sum(1)), self._by_group(along)

    @cached_property
    def principal_axes(self):
        """Principal directions (d, r) and variances (r,) of the data, in closed form."""
        if not self._bent.size:
            return super().principal_axes
        kappas = self.kappas[self._bent]
        spread = (kappas * self.scales[self._bent]) ** 2
        across = self.scales**2
        across[self._bent] = -np.expm1(-2 * spread) / (2 * kappas**2)
        bend = np.expm1(-spread) ** 2 / (2 * kappas**2)
        return np.concatenate([self.tangent_frame, self.bend_frame[:, self._bent]], 1), np.concatenate([across, bend])

    def exact(self, x, t):
        """Exact posterior at noisy points x (n, d), variance t (n,) or scalar: it factorises over the planes."""
        if not self._bent.size:
            return self.gaussian(x, t)
        x, t = posteriors.points_and_times(x, t, self.ambient_dim)
        i, m = self._bent, self.manifold_dim
        across = x @ self.tangent_frame
        plane = np.stack([across[:, i], x @ self.bend_frame[:, i] + self._bend_mean], -1)
        plane_mean, cov = posteriors.arc(plane, self.scales[i], self.kappas[i], t[:, None])
        shrink = self.scales**2 / (self.scales**2 + t[:, None])
        mean, values = across * shrink, np.concatenate([shrink, np.zeros((len(x), len(i)))], 1)
        mean[:, i] = plane_mean[..., 0]
        values[:, i], values[:, m:], angle = _eigen(cov / t[:, None, None, None])
        denoised = mean @ self.tangent_frame.T + (plane_mean[..., 1] - self._bend_mean) @ self.bend_frame[:, i].T

        def frame():
            cos, sin = np.cos(angle)[:, None, :], np.sin(angle)[:, None, :]
            tangent, bend = self.tangent_frame[:, i], self.bend_frame[:, i]
            vectors = np.repeat(self.tangent_frame[None], len(x), 0)
            vectors[:, :, i] = tangent * cos + bend * sin
            return np.concatenate([vectors, bend * cos - tangent * sin], 2)

        return posteriors.Posterior(denoised, values, frame)


def _eigen(blocks):
    """Larger and smaller eigenvalue of symmetric 2 x 2 matrices (..., 2, 2), and the angle of the larger's vector."""
    a, b, c = blocks[..., 0, 0], blocks[..., 0, 1], blocks[..., 1, 1]
    larger = 0.5 * (a + c + np.hypot(a - c, 2 * b))
    return larger, np.maximum(a * c - b * b, 0.0) / larger, 0.5 * np.arctan2(2 * b, a - c)
