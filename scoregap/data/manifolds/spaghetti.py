"""A line wound through all dimensions: (sin s, sin 2 s, ..., sin d s), s uniform from 0 to 1.

(ambient dimension, scale, seed) -> samples, tangents, covariance, exact posterior by quadrature

The "spaghetti line" of Stanczuk et al. 2022 ("Your diffusion model secretly knows the dimension of the data manifold"),
centred and turned.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scoregap.arguments import generator, ranged, whole
from scoregap.data import posteriors
from scoregap.data.manifolds import Manifold, haar

# Log of a weight that is dropped, relative to the largest; a part of the line that is left out has less everywhere.
_NEGLIGIBLE = 60.0
# A panel is halved until it is not longer than so many sqrt(t), or as short as what tells two numbers apart.
_PANEL, _LEAST = 3.0, 1e-15
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)


@dataclass(frozen=True)
class Spaghetti(Manifold):
    """The line, times the std of its only group, about its mean, in an orthonormal frame without preferred direction.

    Its speed is d^1.5 / sqrt(3) at most, and over 1 / d of its parameter it turns.
    Places are the parameters s: (n, 1).
    """

    @property
    def _scale(self) -> float:
        return self.groups[0].std

    @cached_property
    def _waves(self) -> np.ndarray:
        """(d,) 1, 2, ..., d."""
        return np.arange(1.0, self.ambient_dim + 1)

    @cached_property
    def frame(self) -> np.ndarray:
        """(d, d) orthonormal directions of sin s, sin 2 s, ..., as columns."""
        return haar(np.random.default_rng(self.seed), self.ambient_dim, self.ambient_dim)

    @cached_property
    def _centre(self) -> np.ndarray:
        """(d,) means of sin k s: (1 - cos k) / k."""
        return 2 * np.sin(0.5 * self._waves) ** 2 / self._waves

    def _latents(self, latents) -> np.ndarray:
        """(n, 1) parameters. Raises InputError."""
        return ranged("latents", super()._latents(latents), 0, 1, "...")

    def embed(self, latents):
        """Points of R^d at the given places: (n, 1) -> (n, d)."""
        return self._scale * (np.sin(self._latents(latents) * self._waves) - self._centre) @ self.frame.T

    def sample(self, rng, n):
        """n clean points (n, d) and their places (n, 1)."""
        places = generator("rng", rng).uniform(size=(whole("n", n, 0), 1))
        return self.embed(places), places

    def tangents(self, latents):
        """Unit tangent vectors at the given places: (n, 1) -> (n, d, 1)."""
        along = self._waves * np.cos(self._latents(latents) * self._waves)
        return ((along / np.linalg.norm(along, axis=1, keepdims=True)) @ self.frame.T)[:, :, None]

    @cached_property
    def principal_axes(self):
        """Principal directions (d, d) and variances (d,) of the data, in closed form."""
        apart, together = self._waves[:, None] - self._waves, self._waves[:, None] + self._waves
        second = 0.5 * (np.sinc(apart / np.pi) - np.sinc(together / np.pi))  # E[sin js sin ks]
        values, vectors = np.linalg.eigh(second - np.outer(self._centre, self._centre))
        return self.frame @ vectors[:, ::-1], self._scale**2 * np.maximum(values[::-1], 0.0)

    def exact(self, x, t):
        """Exact posterior at noisy points x (n, d), variance t (n,) or scalar, by quadrature over the line."""
        x, t = posteriors.points_and_times(x, t, self.ambient_dim)
        y = x @ self.frame / self._scale + self._centre
        found = [self._one(*pair) for pair in zip(y, t / self._scale**2, strict=True)]
        mean = np.reshape([one[0] for one in found], x.shape)
        values = np.reshape([one[1] for one in found], x.shape)
        mean = self._scale * (mean - self._centre) @ self.frame.T
        vectors = [one[2] for one in found]
        return posteriors.Posterior(mean, values, lambda: np.reshape([self.frame @ v for v in vectors], (*x.shape, -1)))

    def _one(self, y, t):
        """E[c(s)|y] (d,), eigenvalues (d,) of Cov[c(s)|y] / t and their vectors (d, d), of the line c = sin(k s)."""
        nodes, weights, anchor = self._posterior(y, t)
        away = self._from(anchor, nodes)
        shift = weights @ away
        around = (away - shift) * np.sqrt(weights / t)[:, None]
        values, vectors = np.linalg.eigh(around.T @ around)
        return np.sin(anchor * self._waves) + shift, np.maximum(values, 0.0), vectors

    def _posterior(self, y, t):
        """Nodes s, weights that sum to 1, and the node of the largest, of the posterior of s at one point (d,)."""
        fastest = np.sqrt((self._waves**2).sum())  # speed of the line, at most
        panels = 1 + len(y) // 2  # 16 nodes each integrate the waves, and products of two of them
        low, width = np.arange(panels) / panels, np.full(panels, 1 / panels)
        anchor = 0.5
        while True:
            middles = low + 0.5 * width
            anchor = middles[self._excess(y, middles, anchor).argmin()]
            excess, half = self._excess(y, middles, anchor), 0.5 * fastest * width
            # No point of a panel is nearer than its middle by more than half its length.
            distance = np.linalg.norm(y - np.sin(middles[:, None] * self._waves), axis=1)
            least = excess - half * (2 * distance - half)
            kept = (least - excess.min() <= 2 * t * _NEGLIGIBLE) | (distance <= half)
            low, width, half = low[kept], width[kept], half[kept]
            long = (2 * half > _PANEL * np.sqrt(t)) & (width > _LEAST)
            if not long.any():
                break
            halves = 0.5 * width[long]
            low = np.concatenate([low[~long], low[long], low[long] + halves])
            width = np.concatenate([width[~long], halves, halves])
        nodes = (low[:, None] + 0.5 * width[:, None] * (1 + _NODES)).ravel()
        log = -0.5 * self._excess(y, nodes, anchor) / t
        top = log.argmax()
        weights = np.exp(log - log[top]) * (0.5 * width[:, None] * _WEIGHTS).ravel()
        return nodes, weights / weights.sum(), nodes[top]

    def _from(self, anchor, nodes):
        """(nodes, d) of c(s) - c(anchor), without differences of sines that are nearly equal."""
        half = 0.5 * (nodes - anchor)[:, None] * self._waves
        return 2 * np.cos(anchor * self._waves + half) * np.sin(half)

    def _excess(self, y, nodes, anchor):
        """(nodes,) of |y - c(s)|^2 - |y - c(anchor)|^2, without a difference of large numbers."""
        away = self._from(anchor, nodes)
        return (away**2).sum(1) - 2 * away @ (y - np.sin(anchor * self._waves))
