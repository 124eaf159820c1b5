"""What each of the paper's claims is about, as numbers.

a cell of the cube, its study -> the quantity of every claim, per seed, of the law and of every score

Every quantity is read off curves and spectra by the same operator, of law, Gaussian, exact and trained score alike.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import xarray as xr

from scoregap.analysis.learning import INSIDE
from scoregap.analysis.tables import PHASES
from scoregap.scores import EXACT
from scoregap.study import Study

WIDTH = 0.05  # margin of widths of gaps, of the spike and of eigenvalues of G, all between 0 and 1
BOUNDARY = 0.15  # relative margin of phase boundaries
SHARED = 0.05  # relative margin of what should be the same in two arms


class Claim(NamedTuple):
    """What the paper says, where; whether it is compared as a ratio; its margin, None for that of the study."""

    says: str
    source: str
    log: bool
    margin: float | None


CLAIMS = {
    "t_max": Claim("the gap between two groups is widest at t_max = sqrt(gamma_-(1) gamma_+(2))", "eq. 9", True, None),
    "t_open": Claim("it opens, t falling, at half of that width", "eq. 20-22", True, None),
    "t_close": Claim("it closes again", "eq. 23-25", True, None),
    "consistency": Claim("t_open t_close = t_max^2", "eq. 20-25", True, BOUNDARY),
    "widest": Claim("its largest width is (sqrt a - sqrt b) / (sqrt a + sqrt b)", "eq. 18", False, WIDTH),
    "curve": Claim("its width is t (a - b) / ((t + a) (t + b)) at every t: largest distance", "eq. 18", False, WIDTH),
    "t_consolidation": Claim("the final gap reaches one half at t = gamma_-", "eq. 15-17", True, None),
    "final_curve": Claim("the final gap is gamma_- / (t + gamma_-) at every t: largest distance", "eq. 15-16", False,
                         WIDTH),
    "coverage_begins": Claim("trivial phase ends where a gap becomes visible", "eq. 17", True, BOUNDARY),
    "coverage_ends": Claim("coverage ends where the final gap overtakes the intermediate one", "eq. 15-18", True,
                           BOUNDARY),
    "order": Claim(
        "high variance comes first: at t_max the modes above the gap are the group of high variance: mean cosine",
        "section 4",
        False,
        WIDTH,
    ),
    "no_gap": Claim("one variance, or a continuous law: no gap but the final one opens", "section 4", False, WIDTH),
    "spike": Claim("normal directions are a spike at -1: rms distance from it well after consolidation", "section 3",
                   False, WIDTH),
    "singular": Claim("singular values of t J show what its eigenvalues show: rms difference at t_max", "section 4",
                      False, WIDTH),
    "dimension": Claim("the final gap is at the manifold dimension: found minus true", "section 4", False, 0.5),
    "ghost": Claim("no direction beyond the manifold: its largest eigenvalue of G before consolidation",
                   "linear theory", False, WIDTH),
    "shift": Claim("consolidation is where that of the flat manifold is: ratio", "linear theory", True, None),
    "schedule": Claim("spectra of t J do not depend on the schedule: t_max of vp over that of ve", "section 2", True,
                      SHARED),
}  # fmt: skip


def measured(cell: xr.Dataset, network: str, study: Study) -> dict[str, np.ndarray]:
    """{claim: (seeds,)} of one score in one cell; those that apply to its groups and curvature."""
    own, exact = cell.sel(network=network), cell.sel(network=EXACT)
    t, widths = own.time.values, own.gap_width.transpose("seed", "gap", "time").values.astype(float)
    law = cell.law_gap_width.sel(network=EXACT).transpose("seed", "gap", "time").values.astype(float)
    found = {"t_consolidation": own.t_consolidation.isel(gap=-1).values}
    found["final_curve"] = np.abs(widths[:, -1] - law[:, -1]).max(1)
    if two_groups(cell):
        for name in PHASES[:3]:
            found[name] = own[name].isel(gap=0).values
        found["consistency"] = own.consistency.isel(gap=0).values
        found |= {"widest": widths[:, 0].max(1), "curve": np.abs(widths[:, 0] - law[:, 0]).max(1)}
        found |= boundaries(t, widths, study.document.fit.visibility)
    elif widths.shape[1] > 1:
        found["no_gap"] = widths[:, 0].max(1)
    m = int(cell.boundary.isel(gap=-1).max())
    eigen = own.eigenvalue.transpose("seed", "time", "point", "mode").values
    singular = own.singular_value.transpose("seed", "time", "point", "mode").values
    consolidated = exact.t_consolidation.isel(gap=-1).values
    late = _nearest(t, INSIDE * consolidated)
    there = _nearest(t, exact.t_max.isel(gap=0).values) if two_groups(cell) else late
    by_size = -np.sort(-np.abs(eigen), -1)
    found["singular"] = _at(there, lambda i, k: _rms(singular[i, k] - by_size[i, k]))
    found["spike"] = _at(late, lambda i, k: _rms(eigen[i, k, :, m:] + 1))
    if two_groups(cell):
        cosine = own.alignment.transpose("seed", "time", "group").values
        found["order"] = _at(there, lambda i, k: cosine[i, k, 0])
    found["dimension"] = own.dimension_overall.isel(estimator=0).values - m
    if float(cell.curvature):
        early = t >= consolidated[:, None]  # later it is the resolution of a network that shows
        found["ghost"] = 1 + np.where(early, eigen[..., m].mean(2), -1.0).max(1)
    return found


def of_law(cell: xr.Dataset, study: Study) -> dict[str, np.ndarray]:
    """The same of the law of the flat manifold; without it no claim is tested."""
    one = cell.sel(network=EXACT)
    widths = one.law_gap_width.transpose("seed", "gap", "time").values.astype(float)
    seeds = np.full(len(widths), 0.0)
    found = {"t_consolidation": one.law_t_consolidation.isel(gap=-1).values}
    if not np.isfinite(found["t_consolidation"]).any():
        return {}
    found |= dict.fromkeys(("final_curve", "spike", "singular", "dimension", "ghost", "no_gap"), seeds)
    if two_groups(cell):
        found |= {name: one[f"law_{name}"].isel(gap=0).values for name in PHASES[:3]}
        found |= {"consistency": seeds + 1, "widest": widths[:, 0].max(1), "curve": seeds, "order": seeds + 1}
        found |= boundaries(one.time.values, widths, study.document.fit.visibility)
    return found


def two_groups(cell: xr.Dataset) -> bool:
    """Whether the law has a gap between the first groups of a cell."""
    return bool(cell.sizes["gap"] > 1 and np.isfinite(cell.law_t_max.isel(gap=0).sel(network=EXACT)).any())


def boundaries(t: np.ndarray, widths: np.ndarray, visibility: float) -> dict[str, np.ndarray]:
    """Where coverage begins and ends. widths: (seeds, gaps, times), of which the first gap and the last are read.

    It begins at the largest t at which the first gap is as wide as `visibility`, and ends where the final gap, t
    falling, overtakes it; interpolated in log t, NaN outside the grid.
    """
    return {
        "coverage_begins": np.array([_last_crossing(t, one[0] - visibility) for one in widths]),
        "coverage_ends": np.array([_last_crossing(t, one[-1] - one[0], one[0] >= visibility) for one in widths]),
    }


def _last_crossing(t: np.ndarray, height: np.ndarray, where: np.ndarray | None = None) -> float:
    """The largest t at which height (times,) rises through 0 as t falls; where: only between such times."""
    above = height > 0
    crossing = above[:-1] & ~above[1:]
    if where is not None:
        crossing &= where[:-1] & where[1:]
    if not crossing.any() or not np.isfinite(height).all():
        return math.nan
    i = np.flatnonzero(crossing)[-1]
    share = height[i] / (height[i] - height[i + 1])
    return float(t[i] * (t[i + 1] / t[i]) ** share)


def _nearest(t: np.ndarray, wanted: np.ndarray) -> list[int]:
    """Index of the time nearest to each wanted one; -1 outside the grid."""
    inside = (wanted >= t[0]) & (wanted <= t[-1])
    return [int(np.abs(np.log(t / one)).argmin()) if ok else -1 for one, ok in zip(wanted, inside, strict=True)]


def _at(places: list[int], quantity: Callable[[int, int], float]) -> np.ndarray:
    """(seeds,) a quantity of every seed at its index of time; NaN outside the grid."""
    return np.array([quantity(i, k) if k >= 0 else np.nan for i, k in enumerate(places)])


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=float))))


def relate(claim: str, arms: dict[str, dict], other: xr.Dataset) -> None:
    """Add to every arm the ratio of its time to that in a related cell, and to the law that it is 1."""
    other = other.load()
    time, gap = ("t_max", 0) if claim == "schedule" and two_groups(other) else ("t_consolidation", -1)
    for name, found in arms.items():
        if name != "law" and time in found:
            found[claim] = found[time] / other[time].sel(network=name).isel(gap=gap).values
    arms["law"][claim] = np.ones(other.sizes["seed"])
