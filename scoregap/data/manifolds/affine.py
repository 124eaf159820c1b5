"""Affine subspaces with independent latents that are Gaussian, uniform (a box) or Laplace distributed.

(ambient dimension, variance groups, law of the latents, seed) -> samples, tangents, covariance, exact posterior
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scoregap.arguments import array, generator, whole
from scoregap.data import latents, posteriors
from scoregap.data.manifolds import Manifold, haar


@dataclass(frozen=True)
class Affine(Manifold):
    """x0 = sum_i s_i z_i u_i with independent z_i of variance 1 along orthonormal directions u_i without preferred one.

    latents: the law of the z_i, "gaussian", "uniform" (the data fill a box) or "laplace". s_i = std_k sqrt(d / m), as
    of the linear model with an orthonormal frame, whose covariance this is; as the u_i are orthogonal, the posterior
    factorises. Places are the s_i z_i: (n, m).
    """

    latents: str = "gaussian"

    @cached_property
    def scales(self) -> np.ndarray:
        """(m,) standard deviations of the coordinates, descending."""
        stds = np.repeat([group.std for group in self.ordered], self.sizes)
        return stds * np.sqrt(self.ambient_dim / self.manifold_dim)

    @cached_property
    def frame(self) -> np.ndarray:
        """(d, m) orthonormal directions of the latents."""
        return haar(np.random.default_rng(self.seed), self.ambient_dim, self.manifold_dim)

    def embed(self, latents):
        """Points of R^d at the given places: (n, m) -> (n, d)."""
        return self._latents(latents) @ self.frame.T

    def sample(self, rng, n):
        """n clean points (n, d) and their places (n, m)."""
        rng, n = generator("rng", rng), whole("n", n, 0)
        places = latents.draw(rng, self.latents, n, self.manifold_dim) * self.scales
        return self.embed(places), places

    def tangents(self, latents):
        """Orthonormal tangent vectors at the given places: (n, m) -> (n, d, m)."""
        return np.broadcast_to(self.frame, (len(self._latents(latents)), *self.frame.shape))

    def nearest(self, x):
        """Distances (n,) of points x (n, d) from the data's support; by group, coordinates (n, m_k) of the nearest
        points, which of uniform latents are in the box.
        """
        x = array("x", x, "n", self.ambient_dim, empty=True)
        along = x @ self.frame
        end = np.sqrt(3) * self.scales if self.latents == "uniform" else np.inf
        inside = np.clip(along, -end, end)
        off = ((x - along @ self.frame.T) ** 2).sum(1) + ((along - inside) ** 2).sum(1)
        return np.sqrt(off), np.split(inside, np.cumsum(self.sizes)[:-1], axis=1)

    @property
    def principal_axes(self):
        """Principal directions (d, m) and variances (m,) of the data."""
        return self.frame, self.scales**2

    def exact(self, x, t):
        """Exact posterior at noisy points x (n, d), variance t (n,) or scalar: it factorises over the latents."""
        x, t = posteriors.points_and_times(x, t, self.ambient_dim)
        mean, shrink, _ = latents.LAWS[self.latents](x @ self.frame, self.scales, t[:, None])
        frame = self.frame
        return posteriors.Posterior(mean @ frame.T, shrink, lambda: np.broadcast_to(frame, (len(x), *frame.shape)))
