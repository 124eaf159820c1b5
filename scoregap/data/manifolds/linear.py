"""The linear random manifold x0 = F z of the paper (theory.md 2).

(ambient dimension, variance groups, seed) -> samples, tangent space, exact Gaussian posterior, spectral laws
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from scoregap.arguments import array, generator, whole
from scoregap.data.manifolds import Manifold, haar
from scoregap.laws import draws, random_matrix
from scoregap.laws.variances import VarianceLaw


@dataclass(frozen=True)
class LinearModel(Manifold):
    """x0 = F z, z standard normal: what the linear manifold shares with families that bend it.

    F is d x m, the entries of a column of group k have variance std_k^2 / m.

    frame: "random" for independent Gaussian entries; "orthonormal" for orthogonal columns of the lengths
    std_k sqrt(d / m), which random ones have on average: a spectrum without random-matrix broadening.
    Within a group the variances of the columns may follow a law (`Group.law`).

    F is used through its singular value decomposition: x0 = sum_i s_i z_i u_i with z in the basis of the right
    singular vectors. `scales` are the s_i, descending; the first m_1 belong to the group with the largest std.
    """

    frame: str = "random"

    @cached_property
    def column_stds(self) -> np.ndarray:
        """(m,) standard deviation sigma_i of the entries of each column, sqrt(m) times that of F; by group."""
        return np.concatenate([g.std * np.sqrt(VarianceLaw(g.law, g.width).columns(g.count)) for g in self.ordered])

    def _factor(self, rng):
        """F, for a frame that is random."""
        shape = (self.ambient_dim, self.manifold_dim)
        return rng.standard_normal(shape) * self.column_stds / np.sqrt(self.manifold_dim)

    @cached_property
    def _draw(self):
        rng = np.random.default_rng(self.seed)
        if self.frame == "orthonormal":
            return self._lengths, haar(rng, self.ambient_dim, self.manifold_dim)
        directions, scales, _ = np.linalg.svd(self._factor(rng), full_matrices=False)
        return scales, directions

    @property
    def _lengths(self) -> np.ndarray:
        """(m,) root mean square lengths of the columns of F."""
        return self.column_stds * np.sqrt(self.ambient_dim / self.manifold_dim)

    @property
    def scales(self) -> np.ndarray:
        """(m,) singular values of F: standard deviations of the latents, descending (if groups do not overlap)."""
        return self._draw[0]

    @property
    def tangent_frame(self) -> np.ndarray:
        """(d, m) tangent directions at latent 0."""
        return self._draw[1][:, : self.manifold_dim]

    def redrawn(self) -> np.ndarray:
        """(draws, m) variances along the principal directions, descending, of the flat manifold with F drawn anew, as
        often as takes seconds (`draws.number`); once where F has no randomness. To be read only."""
        if self.frame == "orthonormal":
            return np.sort(self._lengths**2)[None, ::-1]
        return _redrawn(self.ambient_dim, tuple(self.column_stds**2 / self.manifold_dim))

    def embed(self, latents):
        """Points of R^d at the given latents: (n, m) -> (n, d)."""
        return self._latents(latents) @ self.tangent_frame.T

    def sample(self, rng, n):
        """n clean points (n, d) and their latents (n, m)."""
        latents = generator("rng", rng).standard_normal((whole("n", n, 0), self.manifold_dim)) * self.scales
        return self.embed(latents), latents

    def pushforward(self, arrays, constant):
        """A number per latent: `embed` of them times `scales`."""
        factor = constant((self.tangent_frame * self.scales).T)
        return self.manifold_dim, lambda normals: normals @ factor

    def tangents(self, latents):
        """Orthonormal tangent vectors at the given latents: (n, m) -> (n, d, m)."""
        return np.broadcast_to(self.tangent_frame, (len(self._latents(latents)), *self.tangent_frame.shape))

    @property
    def principal_axes(self):
        """Principal directions (d, m) and variances (m,) of the data."""
        return self.tangent_frame, self.scales**2

    def law_edges(self):
        """(groups, 2) edges by Silverstein's equation at this d and m; groups with a variance law column by column."""
        if self.frame == "orthonormal":
            ends, squares = np.cumsum(self.sizes), self._lengths**2
            return np.array(
                [(squares[a:b].min(), squares[a:b].max()) for a, b in zip((0, *ends[:-1]), ends, strict=True)]
            )
        return self._outer(_of_law(random_matrix.silverstein_edges, self.ambient_dim, *self._atoms))

    def corrected_edges(self):
        """Tracy-Widom means and standard deviations of the edges, (groups, 2) each."""
        if self.frame == "orthonormal":
            return self.law_edges(), np.zeros((len(self.groups), 2))
        means, spreads = _of_law(random_matrix.tracy_widom_edges, self.ambient_dim, *self._atoms)
        return self._outer(means), self._outer(spreads)

    @property
    def _atoms(self):
        """(counts, stds) of what the laws take as groups: the groups, or every column where variances are spread."""
        if all(group.law == "constant" for group in self.groups):
            return tuple(self.sizes), tuple(group.std for group in self.ordered)
        return (1,) * self.manifold_dim, tuple(self.column_stds)

    def _outer(self, edges):
        """Outer edges of each group, (groups, 2), from those of `_atoms`."""
        if len(edges) == len(self.groups):
            return edges
        ends = np.cumsum(self.sizes)
        return np.stack([edges[ends - 1, 0], edges[ends - self.sizes, 1]], -1)

    def edges(self):
        """(groups, 2) smallest and largest squared singular value of each group of this F."""
        squares, ends = self.scales**2, np.cumsum(self.sizes)
        return np.stack([squares[ends - 1], squares[ends - self.sizes]], -1)


@dataclass(frozen=True)
class Linear(LinearModel):
    """The linear model itself."""

    def nearest(self, x):
        """Distances (n,) of points x (n, d) from the span of F; by group, coordinates (n, m_k) along its frame."""
        x = array("x", x, "n", self.ambient_dim, empty=True)
        along = x @ self.tangent_frame
        return np.linalg.norm(x - along @ self.tangent_frame.T, axis=1), self._by_group(along)

    def _by_group(self, latents) -> list[np.ndarray]:
        return np.split(latents, np.cumsum(self.sizes)[:-1], axis=1)

    def exact(self, x, t):
        """Exact posterior, the Gaussian one: G has the eigenvalues s_i^2 / (s_i^2 + t) (theory.md 2)."""
        return self.gaussian(x, t)


@lru_cache
def _of_law(law, ambient_dim, counts, stds):
    """What a law of F says, once for all manifolds that differ in seed or curvature alone: to be read only."""
    found = law(ambient_dim, np.array(counts), np.array(stds))
    for one in found if isinstance(found, tuple) else (found,):
        one.flags.writeable = False
    return found


@lru_cache(maxsize=64)
def _redrawn(ambient_dim, variances):
    """Squared singular values of draws of F, once for all manifolds that differ in seed or curvature alone."""
    rng, count = np.random.default_rng(0), draws.number(len(variances))
    found = draws.squared_singular_values(rng, ambient_dim, np.array(variances), count)
    found.flags.writeable = False
    return found
