"""What every manifold family offers.

(ambient dimension, variance groups, curvature, seed) -> samples, variance groups, covariance

One module per family. What else a family knows is a method of its class, as `scoregap.data.capabilities` has it.
Everything is numpy float64 (float32 points are converted); nothing here knows about networks.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scoregap import InputError
from scoregap.arguments import array, between, generator, whole
from scoregap.data import Group, posteriors


@dataclass(frozen=True)
class Manifold(ABC):
    """A distribution on (or around, for none) a manifold in R^d, with mean 0.

    ambient_dim: d. groups: variance groups of the latents, in any order. curvature: dimensionless,
    c = kappa s_1, where s_1 = std_1 sqrt(d / m) is the population rms of a latent of the group with the largest
    std (theory.md 4). seed: of everything that is drawn once per manifold, so that manifolds that differ in
    curvature only share F and frames.

    A family has `sample` and `principal_axes`, and of `capabilities` what it knows: `exact`, `tangents`, `nearest`,
    edges by a law. A method that is not there is not known.
    """

    ambient_dim: int
    groups: tuple[Group, ...]
    curvature: float
    seed: int

    @property
    def dim(self) -> int:
        """d, the dimension of the points."""
        return self.ambient_dim

    @property
    def mean(self) -> np.ndarray:
        """(d,) 0: families are centred as they are."""
        return np.zeros(self.ambient_dim)

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

    @abstractmethod
    def sample(self, rng, n):
        """n clean points (n, d), and their latents, an array whose first dimension is n."""

    def held_out(self, rng, n) -> np.ndarray:
        """n points (n, d) that no network is trained on: fresh ones."""
        return self.sample(rng, n)[0]

    def _latents(self, latents) -> np.ndarray:
        """(n, m) latents as an array; families with other latents have their own. Raises InputError."""
        return array("latents", latents, "n", self.manifold_dim, empty=True)

    def gaps_at(self, latents) -> np.ndarray:
        """(n, gaps) whether each gap is one of the manifold at the given latents: all are, but in mixtures."""
        return np.ones((len(self._latents(latents)), len(self.boundaries)), bool)

    @property
    @abstractmethod
    def principal_axes(self):
        """Principal directions (d, r) and variances (r,) of the data."""

    @property
    def covariance(self) -> np.ndarray:
        """(d, d) covariance of the data."""
        axes, variances = self.principal_axes
        return (axes * variances) @ axes.T

    def gaussian(self, x, t) -> posteriors.Posterior:
        """Posterior under the Gaussian with the family's covariance, as `capabilities.Posterior` has the exact one."""
        return posteriors.gaussian(x, t, *self.principal_axes)


def haar(rng, ambient_dim, n):
    """n orthonormal directions without preferred direction, (ambient_dim, n)."""
    if whole("n", n, 0) > whole("ambient_dim", ambient_dim):
        raise InputError(key="n", value=n, allowed=f"should be {ambient_dim} at most, the ambient dimension")
    frame, r = np.linalg.qr(generator("rng", rng).standard_normal((ambient_dim, n)))
    return frame * np.sign(np.diag(r))  # QR of a Gaussian matrix is Haar distributed once the signs are fixed


class Noisy(Manifold):
    """The data of a manifold with white noise on them: x = x0 + sqrt(variance) w. Made by `noisy`.

    Then p_t is the clean data's density at t + variance, and so is its score: E[x|x_t] and G follow from the clean
    posterior there. The places are those of the clean points, and so are what is said of these: boundaries, tangents,
    nearest points. No random-matrix law: below the last gap the variances are not 0.
    """

    def __init__(self, clean: Manifold, variance: float):
        super().__init__(clean.ambient_dim, clean.groups, clean.curvature, clean.seed)
        self.__dict__ |= {"clean": clean, "variance": variance}
        for name in ("order", "sizes"):  # of a mixture or of spheres they are other than of `Manifold`
            self.__dict__[name] = getattr(clean, name)

    def __reduce__(self):
        """Its class is made by `noisy`, and so is a copy."""
        return noisy, (self.__dict__["clean"], self.__dict__["variance"])

    def __repr__(self) -> str:
        return "noisy({clean!r}, {variance!r})".format_map(self.__dict__)

    @property
    def manifold_dim(self) -> int:
        """m, of the clean data."""
        return self.__dict__["clean"].manifold_dim

    @property
    def boundaries(self) -> tuple[int, ...]:
        """Numbers of modes above the gaps of the clean data."""
        return self.__dict__["clean"].boundaries

    def gaps_at(self, latents) -> np.ndarray:
        """(n, gaps) whether each gap is one of the clean data there."""
        return self.__dict__["clean"].gaps_at(latents)

    def sample(self, rng, n):
        """n points (n, d) with noise, and the places of the clean ones."""
        points, places = self.__dict__["clean"].sample(rng, n)
        return points + np.sqrt(self.__dict__["variance"]) * rng.standard_normal(points.shape), places

    @cached_property
    def principal_axes(self):
        """Principal directions (d, d) and variances (d,) of the data: all directions have the noise."""
        axes, variances = self.__dict__["clean"].principal_axes
        whole_frame = np.concatenate([axes, _across(axes)], 1)
        missing = self.ambient_dim - len(variances)
        return whole_frame, np.concatenate([variances, np.zeros(missing)]) + self.__dict__["variance"]


def _exact(self, x, t) -> posteriors.Posterior:
    """Exact posterior at noisy points x (n, d), variance t (n,) or scalar: with s = variance / (t + variance),
    E[x|x_t] = s x_t + (1 - s) E[x0|x_t] and G = s + (1 - s) G0, of the clean posterior at t + variance.
    """
    x, t = posteriors.points_and_times(x, t, self.ambient_dim)
    clean = self.clean.exact(x, t + self.variance)
    share = (self.variance / (t + self.variance))[:, None]
    mean, values = share * x + (1 - share) * clean.mean, share + (1 - share) * clean.eigenvalues
    missing = self.ambient_dim - values.shape[1]
    values = np.concatenate([values, np.repeat(share, missing, axis=1)], 1)

    def frame():
        vectors = clean.shared_eigenvectors
        vectors = np.concatenate([vectors, _across(vectors)], 2)
        return np.broadcast_to(vectors, (len(x), *vectors.shape[1:]))

    return posteriors.Posterior(mean, values, frame)


def _tangents(self, latents):
    """Tangent vectors of the clean data, (n, d, m)."""
    return self.clean.tangents(latents)


def _nearest(self, x):
    """How far points are from where the clean data are, and where."""
    return self.clean.nearest(x)


_PASSED_ON = {"exact": _exact, "tangents": _tangents, "nearest": _nearest}


def noisy(clean: Manifold, variance: float) -> Noisy:
    """A manifold's data with white noise of this variance on each coordinate; it knows what the manifold knows."""
    if not isinstance(clean, Manifold):
        raise InputError(key="clean", value=clean, allowed="should be a manifold")
    variance = between("variance", variance, 0)
    known = {name: method for name, method in _PASSED_ON.items() if hasattr(clean, name)}
    return type("Noisy", (Noisy,), known)(clean, variance)


def _across(frames):
    """Orthonormal directions (..., d, d - r) across orthonormal frames (..., d, r)."""
    return np.linalg.qr(frames, mode="complete")[0][..., frames.shape[-1] :]
