"""Which gap leads at which noise, and where the law has one phase end and the next begin.

study, a dataset of one cell -> differences of gaps over t, boundaries of the phases
"""

import numpy as np
import xarray as xr

from scoregap.analysis.claims import boundaries
from scoregap.study import Study


def leading(ds: xr.Dataset, arm: str) -> tuple[np.ndarray, np.ndarray]:
    """(times,) t and how much wider the final gap is than the widest intermediate one, of a score or the law: median
    over the seeds that have a result."""
    t, widths = _widths(ds, arm)
    lead = widths[:, 1] - widths[:, 0]
    return t, np.nanmedian(lead, 0) if np.isfinite(lead).any(0).all() else np.full(len(t), np.nan)


def law_boundaries(study: Study, ds: xr.Dataset) -> list[float]:
    """The noise variances at which the law has the phases end: coverage begins, coverage ends, and the final gap is at
    one half; NaN where it has no such boundary."""
    t, widths = _widths(ds, "law")
    found = boundaries(t, widths, study.document.fit.visibility)
    consolidation = ds.law_t_consolidation.isel(gap=-1, network=0).values
    return [float(np.median(one)) for one in (found["coverage_begins"], found["coverage_ends"], consolidation)]


def _widths(ds: xr.Dataset, arm: str) -> tuple[np.ndarray, np.ndarray]:
    """t, and (seeds, 2, times) the widest intermediate gap, 0 without any, and the final one; times without padding."""
    one = ds.law_gap_width.isel(network=0) if arm == "law" else ds.gap_width.sel(network=arm)
    known = np.isfinite(ds.time.values)
    widths = one.transpose("seed", "gap", "time").values[..., known].astype(float)
    inside = np.concatenate([np.zeros_like(widths[:, :1]), widths[:, :-1]], 1)
    if arm == "law":
        inside = np.nan_to_num(inside)  # bulks that have merged have no gap
    return ds.time.values[known], np.stack([inside.max(1), widths[:, -1]], 1)
