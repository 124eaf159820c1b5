"""What data know of themselves: one protocol per thing that a stage may ask for.

data -> `isinstance(data, Tangents)`: whether their tangents are known

All data are `Data`. Whoever needs more asks for it and leaves out what is not known; nothing pretends to know. A
place is what tells one clean point from another to the data that made it: latents of a manifold. Places are arrays
with one row per point, (n, 0) where nothing is known of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from scoregap.data import posteriors


@runtime_checkable
class Data(Protocol):
    """A distribution in R^dim with mean 0."""

    @property
    def dim(self) -> int: ...

    def sample(self, rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        """n clean points (n, dim), float64, and their places (n, ...)."""
        ...


@runtime_checkable
class Pushforward(Protocol):
    """Points are a map of independent standard normal numbers, which training may compute on a GPU."""

    def pushforward(self, arrays, constant: Callable) -> tuple[int, Callable]:
        """How many numbers a point is made of, and the map of them, (n, numbers) -> (n, dim).

        arrays: numpy or torch, whose functions the map is of; constant: turns an array of numpy into one of its.
        """
        ...


@runtime_checkable
class HeldOut(Protocol):
    """There are points that no network is trained on."""

    def held_out(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """n such points (n, dim)."""
        ...


@runtime_checkable
class Centred(Protocol):
    """What was taken off the data so that their mean is 0: scores that know the data as they were add it."""

    @property
    def mean(self) -> np.ndarray:
        """(dim,) that; 0 of data that had no other mean."""
        ...


@runtime_checkable
class Recorded(Protocol):
    """The data are a number of points, of which some are for training; there are no others."""

    def training(self, size: int | str) -> np.ndarray:
        """(size, dim) of them; "fresh": all there are."""
        ...


@runtime_checkable
class Labelled(Protocol):
    """The points are of classes, one of them at least."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in their order."""
        ...

    def labels_at(self, places) -> np.ndarray:
        """(n,) places among `labels` of the classes of points at these places."""
        ...

    @property
    def label_counts(self) -> np.ndarray:
        """(labels,) how many points for training are of each."""
        ...

    def training_of(self, label: str, most: int) -> np.ndarray:
        """(n, dim) points for training that are of a class, so many at most."""
        ...


@runtime_checkable
class Posterior(Protocol):
    """The exact score is known: in closed form, or by sampling where its guard allows."""

    def exact(self, x, t) -> posteriors.Posterior:
        """Posterior at noisy points x (n, dim) and noise variance t (n,) or scalar; NaN at points where it fails.

        Unpacks as (mean E[x0|x] (n, dim), G = Cov[x0|x] / t (n, dim, dim)).
        """
        ...


@runtime_checkable
class Covariance(Protocol):
    """The covariance is known."""

    @property
    def principal_axes(self) -> tuple[np.ndarray, np.ndarray]:
        """Principal directions (dim, r) and variances (r,) of the data; beyond them there are none."""
        ...


@runtime_checkable
class Groups(Protocol):
    """The numbers of modes above the true gaps are known: the ends of variance groups, or the dimensions that occur."""

    @property
    def boundaries(self) -> tuple[int, ...]:
        """(gaps,) those numbers, ascending; the last is the dimension of the manifold."""
        ...

    def gaps_at(self, places) -> np.ndarray:
        """(n, gaps) whether each is a gap of the manifold at these places."""
        ...


@runtime_checkable
class Tangents(Groups, Protocol):
    """The tangent spaces are known, group by group."""

    def tangents(self, places) -> np.ndarray:
        """Orthonormal tangent vectors (n, dim, m), largest variance first, in the order of `boundaries`.

        NaN columns where a point's tangent space has fewer dimensions than m.
        """
        ...


@runtime_checkable
class Law(Protocol):
    """Random-matrix theory knows the spectrum of the flat manifold, group by group."""

    def law_edges(self) -> np.ndarray:
        """(groups, 2) edges (low, high) of the variances as the dimension goes to infinity."""
        ...

    def corrected_edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of the edges at finite dimension, (groups, 2) each."""
        ...

    def edges(self) -> np.ndarray:
        """(groups, 2) edges of this draw."""
        ...


@runtime_checkable
class Redrawn(Protocol):
    """The flat manifold is random, and its spectrum can be drawn anew."""

    def redrawn(self) -> np.ndarray:
        """(draws, m) variances along its principal directions, descending; one row where nothing is random."""
        ...


@runtime_checkable
class Nearest(Groups, Protocol):
    """The nearest point of the manifold is known."""

    def nearest(self, x) -> tuple[np.ndarray, list[np.ndarray]]:
        """How far points x (n, dim) are from the manifold (n,), and where on it the nearest points are.

        The latter for every group: (n, k) coordinates in the units of the data.
        """
        ...
