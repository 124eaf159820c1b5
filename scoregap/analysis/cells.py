"""What figures show of one cell beside its spectra: moments, densities of the law, intervals over seeds.

study, a dataset of one cell (networks and seeds) -> noise variances, densities, ends of intervals
"""

from itertools import pairwise

import numpy as np
import xarray as xr

from scoregap.analysis.intervals import interval, median
from scoregap.analysis.learning import INSIDE
from scoregap.data import FAMILIES
from scoregap.laws import random_matrix
from scoregap.laws.variances import VarianceLaw
from scoregap.scores import EXACT
from scoregap.study import Study


def moments(study: Study, ds: xr.Dataset) -> list[tuple[str, float]]:
    """(what, noise variance) of the times at which histograms are drawn: medians over seeds of the exact score's, NaN
    where it has none."""
    exact = ds.sel(network=EXACT if EXACT in study.axes["network"] else study.axes["network"][0])
    consolidation = median(exact.t_consolidation.isel(gap=-1).values)
    times = [("t_consolidation", consolidation), (f"{INSIDE:g} t_consolidation", INSIDE * consolidation)]
    if ds.sizes["gap"] > 1 and FAMILIES[str(ds.family.item())].shares:
        times = [("t_max", median(exact.t_max.isel(gap=0).values)), *times]
    return times


def law_density(study: Study, ds: xr.Dataset, t: float) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Eigenvalues gamma of G, their density by the random-matrix law at noise variance t, and its edges; None without
    a law.

    gamma = v / (v + t) for a variance v of the data, whose density is `random_matrix.density` (THEORY.md 2); so the
    density of gamma is that of v times t / (1 - gamma)^2, with mass m / d. ds: one cell, of any networks and seeds.
    """
    ends = ds.law_edge.max(("network", "seed")).values if ds.law_edge.notnull().any() else np.empty(0)
    ends = np.where(np.isinf(ends), 1e6 * t, ends)
    edges = np.sort((ends / (ends + t))[np.isfinite(ends)])
    if not edges.size:
        return None
    chosen = {axis: (ds[axis].item(),) for axis in study.condition_axes}
    cell = next(study.expand(study.axes | chosen))
    counts, stds = [group.count for group in cell.groups], [group.std for group in cell.groups]
    gamma = np.concatenate([np.linspace(low, high, 100) for low, high in pairwise(edges)])
    variances = t * gamma / (1 - gamma)
    spreads = [VarianceLaw(group.law, group.width) for group in cell.groups]
    density = random_matrix.density(variances, cell["ambient_dim"], counts, stds, spreads)
    return gamma, density * t / (1 - gamma) ** 2, edges


def seed_band(curves: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Ends (time,) of the Student interval of the mean over seeds; NaN with fewer than two. curves: (seed, time), a
    seed without a result is NaN."""
    ends = [interval(column[np.isfinite(column)], confidence) for column in curves.T]
    low, high = np.transpose(ends)
    return low, high


def around_exact(ds: xr.Dataset, name: str, study: Study) -> tuple[float, float, float]:
    """Median exact time, times (mean, low, high) of the ratio of the network's time to it over seeds."""
    logs = np.log((ds[name] / ds[f"exact_{name}"]).values)
    logs = logs[np.isfinite(logs)]
    low, high = interval(logs, study.document.compare.confidence)
    scale = float(ds[f"exact_{name}"].median())
    return scale * np.exp(logs.mean() if logs.size else np.nan), scale * np.exp(low), scale * np.exp(high)
