"""What every manifold family offers.

(ambient dimension, variance groups, curvature, seed) -> samples, tangent groups, covariance, exact posterior

One module per family. Everything is numpy float64 (float32 points are converted); nothing here knows about networks.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scoregap.data import Group, posteriors


@dataclass(frozen=True)
class Manifold:
    """A distribution on (or around, for none) a manifold in R^d, with mean 0.

    ambient_dim: d. groups: variance groups of the latents, in any order. curvature: dimensionless,
    c = kappa s_1, where s_1 = std_1 sqrt(d / m) is the population rms of a latent of the group with the largest
    std (THEORY.md 4). seed: of everything that is drawn once per manifold, so that manifolds that differ in
    curvature only share F and frames.

    A family overrides `sample`, `tangents`, `principal_axes`, and `exact` and `nearest` where they are known.
    """

    ambient_dim: int
    groups: tuple[Group, ...]
    curvature: float
    seed: int

    @property
    def counts(self) -> tuple[int, ...]:
        return tuple(group.count for group in self.groups)

    @property
    def manifold_dim(self) -> int:
        """m, the dimension of the manifold; the largest where it varies."""
        return sum(self.counts)

    @cached_property
    def order(self) -> np.ndarray:
        """Indices of the groups, largest variance of a tangent direction first; ties in the order given."""
        return np.argsort([-group.std for group in self.groups], kind="stable")

    @cached_property
    def ordered(self) -> tuple[Group, ...]:
        """The groups, largest variance of a tangent direction first."""
        return tuple(self.groups[k] for k in self.order)

    @cached_property
    def sizes(self) -> np.ndarray:
        """(groups,) latents per group, as `ordered`."""
        return np.array([group.count for group in self.ordered])

    @property
    def boundaries(self) -> tuple[int, ...]:
        """Numbers of modes above the true gaps: latents in the first 1, 2, ... ordered groups.

        A mixture has its components' dimensions instead.
        """
        return tuple(int(end) for end in np.cumsum(self.sizes))

    @cached_property
    def group_of(self) -> np.ndarray:
        """(m,) place among `boundaries` of every tangent direction: that of its group in `ordered`."""
        return np.repeat(np.arange(len(self.boundaries)), np.diff(self.boundaries, prepend=0))

    @cached_property
    def kappa(self) -> float:
        """Curvature in inverse units of the data: curvature / s_1."""
        largest = max(group.std for group in self.groups)
        return self.curvature / (largest * np.sqrt(self.ambient_dim / self.manifold_dim))

    def sample(self, rng, n):
        """n clean points (n, d), and their latents, an array whose first dimension is n."""
        raise NotImplementedError

    def tangents(self, latents):
        """Orthonormal tangent vectors at the given latents: (n, d, m), in the order of `group_of`.

        NaN columns where a point's tangent space has fewer dimensions than m.
        """
        raise NotImplementedError

    def nearest(self, x) -> tuple[np.ndarray, list[np.ndarray]]:
        """How far points x (n, d) are from the manifold (n,), and where on it the nearest points are.

        The latter for every group as `ordered`: (n, k) coordinates in the units of the data.
        """
        raise NotImplementedError

    def gaps_at(self, latents) -> np.ndarray:
        """(n, gaps) whether each gap is one of the manifold at the given latents: all are, but in mixtures."""
        return np.ones((len(latents), len(self.boundaries)), bool)

    @property
    def principal_axes(self):
        """Principal directions (d, r) and variances (r,) of the data, in closed form."""
        raise NotImplementedError

    @property
    def covariance(self) -> np.ndarray:
        """(d, d) covariance of the data."""
        axes, variances = self.principal_axes
        return (axes * variances) @ axes.T

    def gaussian(self, x, t) -> posteriors.Posterior:
        """Posterior under the Gaussian with the family's covariance, as `exact`."""
        return posteriors.gaussian(x, t, *self.principal_axes)

    def exact(self, x, t) -> posteriors.Posterior:
        """Exact posterior at noisy points x (n, d) and noise variance t (n,) or scalar.

        Unpacks as (mean E[x0|x] (n, d), G = Cov[x0|x] / t (n, d, d)); NaN at points where it is not known.
        """
        raise NotImplementedError

    def law_edges(self) -> np.ndarray:
        """(boundaries, 2) edges (low, high) of the flat manifold by random-matrix theory; NaN without a law."""
        return np.full((len(self.boundaries), 2), np.nan)

    def corrected_edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of the edges at finite dimension, (boundaries, 2) each; NaN without a law."""
        return self.law_edges(), self.law_edges()

    def edges(self) -> np.ndarray:
        """(boundaries, 2) realised edges of this draw of F; NaN for families without F."""
        return np.full((len(self.boundaries), 2), np.nan)


def haar(rng, ambient_dim, n):
    """n orthonormal directions without preferred direction, (ambient_dim, n)."""
    frame, r = np.linalg.qr(rng.standard_normal((ambient_dim, n)))
    return frame * np.sign(np.diag(r))  # QR of a Gaussian matrix is Haar distributed once the signs are fixed
