"""What every score answers.

noisy points (n, d), noise variances t (n,) or scalar -> denoised points, Jacobians G = I + t J, spectra of t J
"""

from abc import ABC, abstractmethod
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from scoregap import InputError
from scoregap.measure import agreement, spectra
from scoregap.measure.spectra import resolved_share

ENTRIES = 2**24  # of Jacobians held at once: 128 MiB, and a few copies
TRACED = 2**15  # of points of which the evaluation is stored at once, for traces


class Local(NamedTuple):
    """What a score does near n points; NaN where it is not known.

    mean: (n, d) denoised points. eigenvalues: (n, d) of the symmetric part of t J = G - I, descending.
    singular_values: (n, d) of t J, descending. asymmetry: (n,) |J - J'| / |J|. vectors: (n, d, k) the eigenvectors of
    the k largest eigenvalues, as many as were asked for. sketch: (n, k, k) of G (`measure.agreement`), if it was asked
    for, else (n, 0, 0). along: (n, k) u' G u along the directions that were asked for, else (n, 0). share: (n,) of the
    score's squared norm along the modes that are resolved (`measure.spectra.resolved_share`), if asked for; or (n, 0).
    """

    mean: np.ndarray
    eigenvalues: np.ndarray
    singular_values: np.ndarray
    asymmetry: np.ndarray
    vectors: np.ndarray
    sketch: np.ndarray
    along: np.ndarray
    share: np.ndarray


class Traced(NamedTuple):
    """mean: (n, d) denoised points. trace: (n,) of G, and error: (n,) its standard error over random vectors, 0 where
    it is known."""

    mean: np.ndarray
    trace: np.ndarray
    error: np.ndarray


class Score(ABC):
    """A denoiser x, t -> E[x0|x] of its own belief about the data; its score is (E[x0|x] - x) / t.

    Points are float64 arrays (n, d), t is (n,) or one number for all; every point is answered from its own alone.
    guarded: whether it is allowed not to know (NaN) at some points, where a guard says so; else NaN is a failure.
    """

    guarded = False

    @abstractmethod
    def denoise(self, x: np.ndarray, t) -> np.ndarray:
        """Denoised points (n, d)."""

    @abstractmethod
    def jacobian(self, x: np.ndarray, t) -> tuple[np.ndarray, np.ndarray]:
        """Denoised points (n, d) and G (n, d, d), G[..., i, j] = d D_i / d x_j: for few points of small d."""

    def times(self, t: np.ndarray) -> np.ndarray:
        """The noise variances (T,) that it answers for when it is asked for t (T,): these, unless it knows some only.

        Raises InputError where it knows none."""
        return t

    def local(
        self, x: np.ndarray, t, vectors: int = 0, frames: agreement.Frames | None = None,
        directions: np.ndarray | None = None, shares: bool = False,
    ) -> Local:  # fmt: skip
        """Spectra at the points, for any number of them: `at_once` of them at a time. vectors: how many are wanted;
        frames: of sketches, directions: (d, k) of quadratic forms, if any are; shares: whether they are, for which all
        eigenvectors are made."""
        t = np.broadcast_to(t, x.shape[:1])
        parts = [self.near(x[some], t[some], vectors, frames, directions, shares) for some in chunks(*x.shape)]
        return parts[0] if len(parts) == 1 else Local(*map(np.concatenate, zip(*parts, strict=True)))

    def near(
        self, x: np.ndarray, t: np.ndarray, vectors: int, frames: agreement.Frames | None = None,
        directions: np.ndarray | None = None, shares: bool = False,
    ) -> Local:  # fmt: skip
        """`local` at few points; from the Jacobian, where a score has no shorter way."""
        mean, jacobian = self.jacobian(x, t)
        found = of_jacobian(mean, jacobian, vectors, mean - x if shares else None)
        if directions is not None:
            found = found._replace(along=spectra.along(jacobian, directions))
        return found._replace(sketch=sketched(jacobian, frames))

    def traced(self, x: np.ndarray, t, probes: np.ndarray) -> Traced:
        """tr G at the points, for any number of them; from the Jacobian, where a score has no shorter way.

        probes: (k, n, d) random vectors of unit covariance, k > 1, for scores of which products are known (Hutchinson
        1990): random signs have the least variance, and none where G is diagonal.
        """
        t = np.broadcast_to(t, x.shape[:1])
        parts = []
        for some in chunks(*x.shape):
            mean, jacobian = self.jacobian(x[some], t[some])
            parts.append(Traced(mean, np.trace(jacobian, axis1=1, axis2=2), np.zeros(len(mean))))
        return joined(parts)


@runtime_checkable
class HasProducts(Protocol):
    """A score that knows products with its Jacobian, without the matrix."""

    def products(self, x: np.ndarray, t: float):
        """(v -> G v, v -> G' v) at one point x (d,), for arrays (k, d) whose rows are vectors."""
        ...


@runtime_checkable
class HasCheck(Protocol):
    """A score of which somebody else says what it is: it is checked before anything is measured."""

    def check(self, x: np.ndarray, t: np.ndarray) -> None:
        """At noisy points (T, d), one for every noise variance t (T,). Raises InputError."""
        ...


def at_any_time(score: Score, t: np.ndarray, key: str) -> None:
    """Raises InputError if a score does not answer for the noise variances t (T,) themselves, which key asks for."""
    if (score.times(t) != t).any():
        raise InputError(
            key=key, value=float(t[score.times(t) != t][0]),
            allowed="it is none of the noise variances that the model knows: its levels should be 'interpolate'",
        )  # fmt: skip


@runtime_checkable
class Adapted(Protocol):
    """A score that somebody else's model is adapted to be: the adapter may be wrong, and is judged."""

    @property
    def reach(self) -> tuple[float, float]:
        """Smallest and largest noise variance at which the model may be asked."""
        ...


def at_once(d: int) -> int:
    """Points whose Jacobians are held at once."""
    return max(1, ENTRIES // d**2)


def chunks(n: int, d: int) -> list[slice]:
    """Slices of n points, `at_once` of them each; one of no points where there are none."""
    return slices(n, at_once(d))


def slices(n: int, some: int) -> list[slice]:
    """Slices of n points, so many of them each; one of no points where there are none."""
    return [slice(start, start + some) for start in range(0, max(1, n), some)]


def sketched(jacobians: np.ndarray, frames: agreement.Frames | None) -> np.ndarray:
    """Sketches of Jacobians (n, d, d); empty without frames."""
    return np.empty((len(jacobians), 0, 0)) if frames is None else agreement.sketch(jacobians, frames)


def joined(parts: list[Traced]) -> Traced:
    """Traces at points, part by part, as one."""
    return parts[0] if len(parts) == 1 else Traced(*map(np.concatenate, zip(*parts, strict=True)))


def of_jacobian(mean: np.ndarray, jacobians: np.ndarray, count: int, steps: np.ndarray | None = None) -> Local:
    """Spectra of Jacobians (n, d, d), and `count` eigenvectors; NaN where one is not finite. steps: (n, d) t times the
    scores, if it is asked where they lead."""
    unknown = ~np.isfinite(jacobians).all((-2, -1))
    if unknown.any():
        jacobians = np.where(unknown[..., None, None], 0.0, jacobians)
    wanted = count if steps is None else None  # a share of all modes takes all eigenvectors
    eigenvalues, vectors, singular_values, asymmetry = spectra.spectra(jacobians, wanted)
    none = np.empty((len(mean), 0))
    share = none if steps is None else resolved_share(1 + eigenvalues, vectors, steps)
    for array in (eigenvalues, vectors, singular_values, asymmetry, share):
        array[unknown] = np.nan
    # A copy: a view would keep all d of them in memory.
    leading = vectors[..., :count].copy()
    return Local(mean, eigenvalues, singular_values, asymmetry, leading, sketched(jacobians, None), none, share)
