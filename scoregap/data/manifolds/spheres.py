"""Spheres and tori: products of round spheres with uniform density, whose score is exact (theory.md 4, "Sphere").

(ambient dimension, variance groups, curvature, seed) -> samples, tangent groups, covariance, exact posterior
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scoregap.arguments import array, generator, whole
from scoregap.data import posteriors
from scoregap.data.manifolds import Manifold, haar


@dataclass(frozen=True)
class Spheres(Manifold):
    """A product of spheres, one per group k: S^{m_k} in its own m_k + 1 directions of a random orthonormal frame.

    The curvature of a sphere is curvature * bend_k / s_k, s_k = std_k sqrt(d / m): every group keeps the length scale
    that it has in the linear model. Latents are the unit vectors of the spheres, side by side: (n, `room`).
    """

    @staticmethod
    def split(count: int) -> tuple[int, int]:
        """How a group of `count` latents is made up: number of spheres, coordinates of each."""
        return 1, count + 1

    @cached_property
    def order(self) -> np.ndarray:
        """Indices of the groups, largest variance of a coordinate of its sphere first; ties in the order given."""
        variances = [self._radius(group) ** 2 / self.split(group.count)[1] for group in self.groups]
        return np.argsort(-np.array(variances), kind="stable")

    def _radius(self, group) -> float:
        return group.std * np.sqrt(self.ambient_dim / self.manifold_dim) / (self.curvature * group.bend)

    @cached_property
    def radii(self) -> np.ndarray:
        """(groups,) radius of the spheres of each group, as `ordered`."""
        return np.array([self._radius(group) for group in self.ordered])

    @cached_property
    def _blocks(self) -> list[tuple[int, int]]:
        return [self.split(group.count) for group in self.ordered]

    @cached_property
    def _coordinate_radii(self) -> np.ndarray:
        """(room,) radius of the sphere of every coordinate."""
        return np.repeat(self.radii, [copies * n for copies, n in self._blocks])

    @cached_property
    def frame(self) -> np.ndarray:
        """(d, room) orthonormal directions in which the spheres lie, by group and sphere."""
        rng = np.random.default_rng(self.seed)
        return haar(rng, self.ambient_dim, sum(copies * n for copies, n in self._blocks))

    def _by_sphere(self, coordinates):
        """(..., room) -> for every group (..., spheres, coordinates of each)."""
        ends = np.cumsum([copies * n for copies, n in self._blocks])[:-1]
        parts = np.split(coordinates, ends, axis=-1)
        return [part.reshape(*part.shape[:-1], *block) for part, block in zip(parts, self._blocks, strict=True)]

    def _latents(self, latents) -> np.ndarray:
        """(n, room) latents as an array. Raises InputError."""
        return array("latents", latents, "n", len(self._coordinate_radii), empty=True)

    def embed(self, latents):
        """Points of R^d at the given latents: (n, room) -> (n, d)."""
        return (self._latents(latents) * self._coordinate_radii) @ self.frame.T

    def sample(self, rng, n):
        """n clean points (n, d) and their latents (n, room)."""
        normal = generator("rng", rng).standard_normal((whole("n", n, 0), len(self._coordinate_radii)))
        latents = np.concatenate(
            [_unit(part).reshape(n, np.prod(part.shape[1:])) for part in self._by_sphere(normal)], 1
        )
        return self.embed(latents), latents

    def pushforward(self, arrays, constant):
        """A number per coordinate of the spheres, over the lengths of those of a sphere."""
        spheres = np.concatenate([np.repeat(n, copies) for copies, n in self._blocks])
        ones = np.repeat(np.eye(len(spheres)), spheres, axis=1)  # (spheres, room) which coordinates a sphere has
        sums, spreads = constant(ones.T), constant(ones)
        factor = constant((self.frame * self._coordinate_radii).T)
        return len(ones[0]), lambda normals: (normals / (((normals**2) @ sums) ** 0.5 @ spreads)) @ factor

    def tangents(self, latents):
        """Orthonormal tangent vectors at the given latents: (n, room) -> (n, d, m), in the order of `group_of`."""
        return np.concatenate([self._across(*pair) for pair in self._frames(self._latents(latents))], 2)

    def nearest(self, x):
        """Distances (n,) of points x (n, d) from the manifold; by group, the nearest points (n, spheres x coordinates)
        in the frame.
        """
        x = array("x", x, "n", self.ambient_dim, empty=True)
        y = x @ self.frame
        squares, points = ((x - y @ self.frame.T) ** 2).sum(1), []
        for part, radius in zip(self._by_sphere(y), self.radii, strict=True):
            squares = squares + ((np.linalg.norm(part, axis=-1) - radius) ** 2).sum(1)
            points.append((radius * _unit(part)).reshape(len(x), -1))
        return np.sqrt(squares), points

    def _frames(self, coordinates):
        """For every group: its part of `frame` (d, spheres, coordinates), unit vectors (n, spheres, coordinates)."""
        return zip(self._by_sphere(self.frame), map(_unit, self._by_sphere(coordinates)), strict=True)

    @staticmethod
    def _across(frame, unit):
        """Orthonormal directions across the unit vectors, (n, d, latents of the group).

        The columns after the first of the Householder reflection that takes unit to -+ e_0.
        """
        sign = np.copysign(1.0, unit[..., 0])
        normal = unit.copy()
        normal[..., 0] += sign
        along = np.einsum("dsi,nsi->nds", frame, normal) / (1 + np.abs(unit[..., 0]))[:, None]
        across = frame[..., 1:] - along[..., None] * unit[:, None, :, 1:]
        return across.reshape(*across.shape[:2], across.shape[2] * across.shape[3])

    @cached_property
    def principal_axes(self):
        """Principal directions (d, room) and variances (room,) of the data: R^2 / n in each of n coordinates."""
        sizes = np.concatenate([np.full(copies * n, n) for copies, n in self._blocks])
        return self.frame, self._coordinate_radii**2 / sizes

    def exact(self, x, t):
        """Exact posterior at noisy points x (n, d), variance t (n,) or scalar: it factorises over the spheres."""
        x, t = posteriors.points_and_times(x, t, self.ambient_dim)
        y = x @ self.frame
        means, tangential, radial = [], [], []
        for part, radius in zip(self._by_sphere(y), self.radii, strict=True):
            mean, across, along = posteriors.sphere(part, radius, t[:, None])
            means.append(mean.reshape(len(x), part.shape[1] * part.shape[2]))
            tangential.append(np.repeat(across, part.shape[-1] - 1, axis=1))
            radial.append(along)

        def frame():
            along = [np.einsum("dsi,nsi->nds", *pair) for pair in self._frames(y)]
            return np.concatenate([self.tangents(y), *along], 2)

        return posteriors.Posterior(
            np.concatenate(means, 1) @ self.frame.T, np.concatenate(tangential + radial, 1), frame
        )


class Torus(Spheres):
    """A product of circles, one per latent; those of a group have the same radius."""

    @staticmethod
    def split(count: int) -> tuple[int, int]:
        """How a group of `count` latents is made up: number of circles, coordinates of each."""
        return count, 2


def _unit(vectors):
    """Vectors (..., n) over their lengths; e_0 at the centre, where no direction is preferred."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    first = np.zeros(vectors.shape[-1])
    first[0] = 1.0
    return np.where(length > 1e-100, vectors / np.maximum(length, 1e-100), first)
