"""Draws of F: what its randomness does to spectra, gaps and phase times at finite size, by simulation (theory.md 2, 3).

(ambient dimension, entry variance of every column) -> squared singular values of many F -> widest spacings, times

Closed forms of the law are for d to infinity and Tracy-Widom's for the mean of one edge; how far a quantity of several
eigenvalues scatters, and how wide the widest of many spacings is by chance, is drawn. That needs no network: the exact
score of a flat manifold has the eigenvalues v / (v + t) of G for the squared singular values v of its F.
"""

import numpy as np

from scoregap import InputError
from scoregap.arguments import descending, generator, positive, ranged, whole, wholes
from scoregap.laws import LEAST_SHARE, times

AT_ONCE = 4_000_000  # matrix entries drawn together
WORK = 2e10  # of `number`: draws times m^3, some seconds
MOST, FEWEST = 2000, 200  # of `number`


def number(manifold_dim: int) -> int:
    """How many draws of F take seconds: MOST of small ones, FEWEST at least."""
    return int(np.clip(WORK / whole("manifold_dim", manifold_dim) ** 3, FEWEST, MOST))


def squared_singular_values(
    rng: np.random.Generator, ambient_dim: int, variances: np.ndarray, count: int
) -> np.ndarray:
    """Of `count` matrices F, d x m with independent Gaussian entries, descending: (count, m).

    variances: (m,) of the entries of each column. F = Z diag(variances)^(1/2), and by Bartlett's decomposition
    Z'Z = T'T with T upper triangular, independent normal entries above its diagonal and on it chi with d, d - 1, ...
    degrees of freedom: so m x m numbers are drawn instead of d x m. Raises InputError for m > d.
    """
    generator("rng", rng)
    variances, count = ranged("variances", variances, 0, 1e200, "m"), whole("count", count)
    m = len(variances)
    if m > whole("ambient_dim", ambient_dim):
        allowed = f"should be {ambient_dim} at most, the ambient dimension"
        raise InputError(f"{m} variances are not allowed", key="variances", value=variances, allowed=allowed)
    found, together = np.empty((count, m)), max(1, AT_ONCE // m**2)
    diagonal = np.arange(m)
    for start in range(0, count, together):
        some = found[start : start + together]
        factor = np.triu(rng.standard_normal((len(some), m, m)), 1)
        factor[:, diagonal, diagonal] = np.sqrt(rng.chisquare(ambient_dim - diagonal, (len(some), m)))
        some[:] = np.linalg.svd(factor * np.sqrt(variances), compute_uv=False) ** 2
    return found


def widest_spacing(t: np.ndarray, variances: np.ndarray, apart: tuple[int, ...] = ()) -> np.ndarray:
    """The widest spacing of neighbouring eigenvalues of G among the tangent modes at any of the times: (draws,).

    t: (times,). variances: (draws, m) descending. apart: numbers of modes above the gaps that the law has between
    groups, which do not count. NaN where no spacing is left.
    """
    t, variances = positive("t", t, "times"), descending("variances", variances, "draws", "m")
    counted = np.setdiff1d(np.arange(variances.shape[1] - 1), wholes("apart", apart, 1, variances.shape[1], "gaps") - 1)
    widest = np.full(len(variances), -np.inf if len(counted) else np.nan)
    for one in t:
        values = variances / (variances + one)
        spacings = values[:, counted] - values[:, counted + 1]
        widest = np.fmax(widest, spacings.max(1, initial=-np.inf)) if len(counted) else widest
    return widest


def phase_times(variances: np.ndarray, boundary: int | None, level: float, visibility: float) -> dict[str, np.ndarray]:
    """Phase times of the exact score of flat manifolds with these spectra, (draws,) each, by their closed forms.

    variances: (draws, m) descending. boundary: modes above the intermediate gap, None for none. level, visibility: of
    `fit`: NaN for a gap that is never as wide as `visibility`, as `measure.phases.fit` has it. No grid of times cuts
    them, since those inside it alone would be a selection.
    """
    variances, level = descending("variances", variances, "draws", "m"), float(ranged("level", level, LEAST_SHARE, 1))
    visibility = float(ranged("visibility", visibility, 0, 1))
    lowest = variances[:, -1]
    found = {"t_consolidation": times.consolidation(lowest)}
    if boundary is not None:
        boundary = int(wholes("boundary", boundary, 1, variances.shape[1] - 1))
        a, b = variances[:, boundary - 1], variances[:, boundary]
        t_max, largest = times.maximum(a, b)
        opening, closing = times.opening_and_closing(a, b, level)
        seen = largest >= visibility
        times_of_gap = {"t_open": opening, "t_max": t_max, "t_close": closing}
        found |= {name: np.where(seen, values, np.nan) for name, values in times_of_gap.items()}
    return found
