"""Which gap leads at which noise, and where the law has one phase end and the next begin.

study, panels -> differences of gaps over t, boundaries of the phases, along an axis of the study
"""

from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from scoregap.analysis.panels import PANELS, Panel, along_axis, numbered_axis
from scoregap.analysis.quantities import boundaries
from scoregap.study import Study


class Leads(NamedTuple):
    """Which gap leads along an axis. values: of the other axes that vary. x: its values. leads: of the law and every
    score, at every x, see `leading`. ends: at every x, see `law_boundaries`."""

    values: dict[str, Any]
    x: list[float]
    leads: dict[str, list[tuple[np.ndarray, np.ndarray]]]
    ends: list[list[float]]


def along(study: Study, panels: list[Panel]) -> list[Leads]:
    """Whose gap leads over noise, against `numbered_axis`."""
    axis, found = numbered_axis(study), []
    for values, members in along_axis(study, panels, axis)[:PANELS]:
        arms = ["law", *study.references, *study.evaluated_scores]
        leads = {arm: [leading(ds, arm) for ds in members] for arm in arms}
        ends = [law_boundaries(study, ds) for ds in members]
        found.append(Leads(values, [ds[axis].item() for ds in members], leads, ends))
    return found


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
