"""Scores in closed form: the exact one, that of the Gaussian with the data's covariance, that of a training set.

data or training points -> Score, whose spectra are known without a matrix
"""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from scoregap.data import capabilities, posteriors
from scoregap.scores import Source
from scoregap.scores.base import Local, Score, Traced, chunks, resolved_share, sketched


class ClosedForm(Score):
    """A score that knows its whole posterior. G is symmetric: t J's singular values are its absolute eigenvalues."""

    guarded = True  # the posterior may be sampled

    @abstractmethod
    def posterior(self, x: np.ndarray, t) -> posteriors.Posterior:
        """Posterior of the clean points at noisy points x (n, d), noise variance t (n,) or scalar."""

    def denoise(self, x: np.ndarray, t) -> np.ndarray:
        """Denoised points (n, d)."""
        t = np.broadcast_to(t, x.shape[:1])  # in chunks, as a sampled posterior has d x d numbers for every point
        return np.concatenate([self.posterior(x[some], t[some]).mean for some in chunks(*x.shape)])

    def jacobian(self, x: np.ndarray, t) -> tuple[np.ndarray, np.ndarray]:
        """Denoised points (n, d) and G (n, d, d)."""
        known = self.posterior(x, t)
        return known.mean, known.jacobian

    def near(self, x: np.ndarray, t: np.ndarray, vectors: int, frames=None, directions=None, shares=False) -> Local:
        """What the posterior knows; eigenvectors and Jacobians are made only if some are wanted."""
        known = self.posterior(x, t)
        eigenvalues = known.spectrum() - 1
        singular_values = -np.sort(-np.abs(eigenvalues), axis=-1)
        leading = known.leading(vectors) if vectors else np.empty((*x.shape, 0))
        sketch = sketched(known.mean[:, None] if frames is None else known.jacobian, frames)
        along = share = np.empty((len(x), 0))
        if directions is not None:
            along = known.along(directions)
        if shares:
            share = resolved_share(known.eigenvalues, known.shared_eigenvectors, known.mean - x)
        return Local(known.mean, eigenvalues, singular_values, np.zeros(len(x)), leading, sketch, along, share)

    def traced(self, x: np.ndarray, t, probes: np.ndarray) -> Traced:
        """Exact traces, whatever the probes."""
        t = np.broadcast_to(t, x.shape[:1])
        known = [self.posterior(x[some], t[some]) for some in chunks(*x.shape)]
        mean, trace = (
            np.concatenate(parts) for parts in zip(*((one.mean, one.traces()) for one in known), strict=True)
        )
        return Traced(mean, trace, np.zeros(len(x)))

    def products(self, x: np.ndarray, t: float):
        """(v -> G v, twice) at one point x (d,), for rows (k, d): by the eigenvectors alone."""
        known = self.posterior(x[None], t)
        vectors, values = known.eigenvectors[0], known.eigenvalues[0]

        def product(rows):
            return (rows @ vectors * values) @ vectors.T

        return product, product


@dataclass(frozen=True)
class Exact(ClosedForm):
    """The data's own score: Bayes' denoiser, which none errs less than."""

    data: capabilities.Posterior

    @classmethod
    def of(cls, source: Source) -> "Exact":
        """The exact score of a cell."""
        return cls(source.data)

    def posterior(self, x: np.ndarray, t) -> posteriors.Posterior:
        """The exact posterior."""
        return self.data.exact(x, t)


@dataclass(frozen=True)
class Gaussian(ClosedForm):
    """The score of the Gaussian with the data's covariance: what sees no curvature and no group of its own."""

    data: capabilities.Covariance

    @classmethod
    def of(cls, source: Source) -> "Gaussian":
        """The gaussian score of a cell."""
        return cls(source.data)

    def posterior(self, x: np.ndarray, t) -> posteriors.Posterior:
        """Posterior under that Gaussian."""
        return posteriors.gaussian(x, t, *self.data.principal_axes)


@dataclass(frozen=True, eq=False)
class Empirical(ClosedForm):
    """The score of training points of equal weight: what a network that memorises converges to."""

    points: np.ndarray

    @classmethod
    def of(cls, source: Source) -> "Empirical":
        """The empirical score of a cell with a training set."""
        return cls(source.training_set())

    def posterior(self, x: np.ndarray, t) -> posteriors.Posterior:
        """Posterior over the training points."""
        return posteriors.empirical(x, t, self.points)
