"""The benchmark manifolds of scikit-dimension (Hein; Campadelli et al. 2015): known dimension, unknown score.

(name) -> samples; needs the optional package (extra `benchmark`)

A class for every name of `scoregap.data.BENCHMARKS`, for example `M1_Sphere`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from scoregap.arguments import array, generator, whole
from scoregap.data import BENCHMARKS
from scoregap.data.manifolds import Manifold
from scoregap.peers import skdim

# Points whose mean and covariance stand for the distribution's: the mean is known to 1/256 of a standard deviation.
_REFERENCE = 2**16


@dataclass(frozen=True)
class Benchmark(Manifold):
    """A manifold of one fixed shape, whatever the seed: `std` of its only group scales it (1: as in the package).

    The data are centred by the mean of a fixed sample, since few have one in closed form; `principal_axes`, too, are
    those of that sample. In more ambient dimensions than its own the other coordinates are 0. Neither latents nor
    tangents nor the posterior are known.
    """

    name: ClassVar[str]

    def _points(self, rng, n):
        """n points in the package's coordinates and units."""
        m, d = BENCHMARKS[self.name]
        # The package draws cubes face by face and cuts off the end: ask for whole faces but one point, and shuffle.
        faces = 2 * (m + 1)
        asked = faces * (n // faces + 1) - 1
        source = skdim("datasets").BenchmarkManifolds(random_state=np.random.RandomState(rng.integers(2**32)))
        return rng.permutation(source.generate(self.name, n=asked, dim=d, d=m))[:n]

    @cached_property
    def _reference(self):
        """Mean (d,), principal directions (d, r) and variances (r,) of a fixed sample, package units."""
        points = self._points(np.random.default_rng(0), _REFERENCE)
        mean = points.mean(0)
        variances, axes = np.linalg.eigh(np.cov(points.T))
        return mean, axes[:, ::-1], np.maximum(variances[::-1], 0.0)

    def _latents(self, latents) -> np.ndarray:
        """(n, 0) latents, of which nothing is known. Raises InputError."""
        return array("latents", latents, "n", 0, empty=True)

    def sample(self, rng, n):
        """n clean points (n, d), and (n, 0): nothing is known of their latents."""
        rng, n = generator("rng", rng), whole("n", n, 0)
        points = np.zeros((n, self.ambient_dim))
        mean = self._reference[0]
        points[:, : len(mean)] = self.groups[0].std * (self._points(rng, n) - mean)
        return points, np.empty((n, 0))

    @property
    def principal_axes(self):
        """Principal directions (d, r) and variances (r,) of a fixed sample."""
        _, axes, variances = self._reference
        padded = np.zeros((self.ambient_dim, len(variances)))
        padded[: len(axes)] = axes
        return padded, self.groups[0].std ** 2 * variances


globals().update({name: type(name, (Benchmark,), {"name": name, "__module__": __name__}) for name in BENCHMARKS})
