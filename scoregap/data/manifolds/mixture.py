"""Mixtures of Gaussians on linear subspaces of different dimension (THEORY.md 4, "Mixtures").

(ambient dimension, components, seed) -> samples, tangent spaces, covariance, exact posterior
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scoregap.arguments import array, generator, whole, wholes
from scoregap.data import posteriors
from scoregap.data.manifolds import Manifold, haar


@dataclass(frozen=True)
class Mixture(Manifold):
    """Group k is a component: a Gaussian on a subspace of dimension count_k with its own random orthonormal frame.

    Its variance is std_k^2 d / m in each of its directions, m being the largest count, and its share of the data is
    proportional to weight_k. Subspaces meet at angles that chance gives them.

    separation: distance of the components' means from a common point, in units of the largest standard deviation
    max_k std_k sqrt(d / m). Their directions are orthonormal while there are no more components than dimensions. The
    data are centred.

    Latents are (n, 1 + m): place of the component in `ordered`, coordinates in its frame, zeros.
    """

    separation: float = 0.0

    @property
    def manifold_dim(self) -> int:
        """m, the dimension of the component with most latents."""
        return max(self.counts)

    @property
    def boundaries(self) -> tuple[int, ...]:
        """The local dimensions that occur, ascending."""
        return tuple(sorted(set(self.counts)))

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
        means = self.separation * np.sqrt(self.variances.max()) * directions
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
        latents = rng.standard_normal((n, self.manifold_dim)) * np.sqrt(self.variances)[component, None]
        latents[np.arange(self.manifold_dim) >= self.sizes[component, None]] = 0.0
        latents = np.concatenate([component[:, None], latents], 1)
        return self.embed(latents), latents

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

        With responsibilities r_k and the components' posterior means a_k and shrinking g_k = v_k / (v_k + t),
        G = sum_k r_k (g_k U_k U_k' + (a_k - a)(a_k - a)' / t), a = sum_k r_k a_k. What lies outside the span of the
        data is the same to all components, and enters nothing.
        """
        x, t = posteriors.points_and_times(x, t, self.ambient_dim)
        span, frames, means = self._span
        y = x @ span
        shrink = self.variances / (self.variances + t[:, None])
        log_density, guesses = np.empty_like(shrink), []
        for k, (u, mean) in enumerate(zip(frames, means, strict=True)):
            along = (y - mean) @ u
            # The distance to the subspace itself: a difference of squares has lost it at small t.
            off = ((y - mean - along @ u.T) ** 2).sum(1) / t + (along**2).sum(1) / (self.variances[k] + t)
            log_density[:, k] = np.log(self.weights[k]) - 0.5 * (off + u.shape[1] * np.log1p(self.variances[k] / t))
            guesses.append(mean + shrink[:, k, None] * along @ u.T)
        shares = np.exp(log_density - log_density.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
        guess = np.stack(guesses, 2)
        mean = np.einsum("nrk,nk->nr", guess, shares)
        between = (guess - mean[:, :, None]) * np.sqrt(shares / t[:, None])[:, None, :]
        core = between @ np.swapaxes(between, 1, 2)
        for k, u in enumerate(frames):
            core += (shares * shrink)[:, k, None, None] * (u @ u.T)
        values, vectors = np.linalg.eigh(core)
        return posteriors.Posterior(mean @ span.T, np.maximum(values, 0.0), lambda: span @ vectors)
