"""Mixtures on affine subspaces of different dimension, Gaussian, uniform or Laplace (theory.md 4, "Mixtures").

(ambient dimension, components, seed) -> samples, tangent spaces, covariance, exact posterior
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scoregap.arguments import array, generator, whole, wholes
from scoregap.data import latents, posteriors
from scoregap.data.manifolds import Manifold, haar


@dataclass(frozen=True)
class Mixture(Manifold):
    """Group k is a component on a subspace of dimension count_k with its own random orthonormal frame; of dimension 0,
    a point.

    Its variance is std_k^2 d / m in each of its directions, m being the largest count, and its share of the data is
    proportional to weight_k. Subspaces meet at angles that chance gives them.

    separation: distance of the components' means from a common point, in units of the largest standard deviation
    max_k std_k sqrt(d / m). Their directions are orthonormal while there are no more components than dimensions. The
    data are centred.

    latents: the law of the coordinates in the frame, independent of each other: "gaussian", "uniform" or "laplace".

    Places are (n, 1 + m): that of the component in `ordered`, coordinates in its frame, zeros.
    """

    separation: float = 0.0
    latents: str = "gaussian"

    @property
    def manifold_dim(self) -> int:
        """m, the dimension of the component with most latents."""
        return max(self.counts)

    @property
    def boundaries(self) -> tuple[int, ...]:
        """The local dimensions that occur, ascending, but 0: no modes are above a gap at a point."""
        return tuple(sorted({count for count in self.counts if count}))

    @cached_property
    def weights(self) -> np.ndarray:
        """(components,) shares of the data."""
        weights = np.array([group.weight for group in self.ordered], float)
        return weights / weights.sum()

    @cached_property
    def variances(self) -> np.ndarray:
        """(components,) variance in each direction of the component's subspace."""
        return np.array([group.std**2 for group in self.ordered]) * self.ambient_dim / self.manifold_dim

    @cached_property
    def _draw(self):
        rng = np.random.default_rng(self.seed)
        frames = [haar(rng, self.ambient_dim, group.count) for group in self.ordered]
        components = len(frames)
        if components <= self.ambient_dim:
            directions = haar(rng, self.ambient_dim, components).T
        else:
            directions = rng.standard_normal((components, self.ambient_dim))
            directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        means = self.separation * np.sqrt(self.variances[self.sizes > 0].max()) * directions
        return frames, means - self.weights @ means

    @property
    def frames(self) -> list[np.ndarray]:
        """Orthonormal directions of every component, (d, count) each."""
        return self._draw[0]

    @property
    def means(self) -> np.ndarray:
        """(components, d) means of the components; their weighted mean is 0."""
        return self._draw[1]

    @cached_property
    def _span(self):
        """Orthonormal directions (d, r) that span the data, and frames and means in them."""
        stacked = np.concatenate([*self.frames, self.means.T], 1)
        if not self.separation:
            stacked = stacked[:, : -len(self.groups)]
        span = np.linalg.qr(stacked)[0]
        return span, [span.T @ frame for frame in self.frames], self.means @ span

    def _latents(self, latents) -> np.ndarray:
        """(n, 1 + m) latents as an array, the first of them places of components. Raises InputError."""
        found = array("latents", latents, "n", 1 + self.manifold_dim, empty=True)
        wholes("latents", found[:, 0], 0, len(self.groups) - 1, "n")
        return found

    def embed(self, latents):
        """Points of R^d at the given latents: (n, 1 + m) -> (n, d)."""
        latents = self._latents(latents)
        points = np.empty((len(latents), self.ambient_dim))
        for k, (frame, mean) in enumerate(zip(self.frames, self.means, strict=True)):
            own = latents[:, 0] == k
            points[own] = mean + latents[own, 1 : 1 + frame.shape[1]] @ frame.T
        return points

    def sample(self, rng, n):
        """n clean points (n, d) and their latents (n, 1 + m)."""
        component = generator("rng", rng).choice(len(self.groups), whole("n", n, 0), p=self.weights)
        drawn = latents.draw(rng, self.latents, n, self.manifold_dim) * np.sqrt(self.variances)[component, None]
        drawn[np.arange(self.manifold_dim) >= self.sizes[component, None]] = 0.0
        places = np.concatenate([component[:, None], drawn], 1)
        return self.embed(places), places

    def tangents(self, latents):
        """Orthonormal tangent vectors: (n, 1 + m) -> (n, d, m), NaN beyond the dimension of a point's component."""
        padded = np.full((len(self.groups), self.ambient_dim, self.manifold_dim), np.nan)
        for k, frame in enumerate(self.frames):
            padded[k, :, : frame.shape[1]] = frame
        return padded[self._latents(latents)[:, 0].astype(int)]

    def gaps_at(self, latents):
        """(n, gaps) whether each boundary is the dimension of the point's component."""
        return self.sizes[self._latents(latents)[:, 0].astype(int), None] == np.array(self.boundaries)

    @cached_property
    def principal_axes(self):
        """Principal directions (d, r) and variances (r,) of the data: within components and between their means."""
        span, frames, means = self._span
        within = sum(w * v * u @ u.T for w, v, u in zip(self.weights, self.variances, frames, strict=True))
        values, vectors = np.linalg.eigh(within + (means.T * self.weights) @ means)
        return span @ vectors[:, ::-1], np.maximum(values[::-1], 0.0)

    def exact(self, x, t):
        """Exact posterior at noisy points x (n, d), variance t (n,) or scalar.

        With responsibilities r_k and the components' posterior means a_k and shrinking g_k of each coordinate (of
        Gaussian ones v_k / (v_k + t)), G = sum_k r_k (U_k diag(g_k) U_k' + (a_k - a)(a_k - a)' / t), a = sum_k r_k a_k.
        What lies outside the span of the data is the same to all components, and enters nothing.
        """
        x, t = posteriors.points_and_times(x, t, self.ambient_dim)
        span, frames, means = self._span
        y = x @ span
        log_density, guesses = np.empty((len(x), len(frames))), []
        shrinks = []  # (n, coordinates), of each component; (n, 1) where all are alike
        for k, (u, mean) in enumerate(zip(frames, means, strict=True)):
            along = (y - mean) @ u
            # The distance to the subspace itself: a difference of squares has lost it at small t.
            off = ((y - mean - along @ u.T) ** 2).sum(1) / t
            if self.latents == "gaussian":
                spread = self.variances[k] + t
                off = off + (along**2).sum(1) / spread + u.shape[1] * np.log1p(self.variances[k] / t)
                shrink = (self.variances[k] / spread)[:, None]
                inside = shrink * along
            else:
                law = latents.LAWS[self.latents]
                inside, shrink, log_evidence = law(along, np.sqrt(self.variances[k]), t[:, None])
                off = off - 2 * log_evidence.sum(1)
            log_density[:, k] = np.log(self.weights[k]) - 0.5 * off
            guesses.append(mean + inside @ u.T)
            shrinks.append(shrink)
        shares = np.exp(log_density - log_density.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
        guess = np.stack(guesses, 2)
        mean = np.einsum("nrk,nk->nr", guess, shares)
        between = (guess - mean[:, :, None]) * np.sqrt(shares / t[:, None])[:, None, :]
        core = between @ np.swapaxes(between, 1, 2)
        for k, (u, shrink) in enumerate(zip(frames, shrinks, strict=True)):
            if shrink.shape[1] == 1:
                core += (shares[:, k, None] * shrink)[:, :, None] * (u @ u.T)
            else:
                core += (u * (shares[:, k, None] * shrink)[:, None, :]) @ u.T
        values, vectors = np.linalg.eigh(core)
        return posteriors.Posterior(mean @ span.T, np.maximum(values, 0.0), lambda: span @ vectors)
