"""Figure of the phases: which gap leads at which noise, against an axis of the study.

study, panels -> figure, a map per score, with the boundaries between phases that the law predicts
"""

import numpy as np
import xarray as xr
from matplotlib.lines import Line2D

from scoregap.analysis.claims import boundaries
from scoregap.report.figures import PANELS, along_axis, grid, label, log_time, networks, numbered_axis, wrapped
from scoregap.study import Study

# of the law: the line of every boundary
BOUNDARIES = {"trivial | coverage": "-", "coverage | consolidation": "--", "final gap at one half": ":"}


def diagram(study: Study, facets: list):
    """Final gap less the widest intermediate one, median over seeds, over t and an axis of numbers.

    Blue: an intermediate gap leads (coverage); red: the final one does (consolidation); white: neither is open
    (trivial).
    """
    along = numbered_axis(study)
    arms = ["law", *study.references, *networks(study)[0]]
    groups = along_axis(study, facets[:PANELS], along)
    rows = max(map(len, groups.values()))
    figure, axes = grid(len(groups), len(arms), height=1.2 + 0.28 * rows, sharex=True, sharey="row")
    image = None
    for row, (title, members) in zip(axes, groups.items(), strict=True):
        ends = [law_boundaries(study, ds) for ds in members]
        for ax, arm in zip(row, arms, strict=True):
            for place, ds in enumerate(members):
                t, lead = leading(ds, arm)
                edges = np.sqrt(np.concatenate([t[:1], t]) * np.concatenate([t, t[-1:]]))
                strip = ([place - 0.5, place + 0.5], lead[None])
                image = ax.pcolormesh(edges, *strip, cmap="RdBu_r", vmin=-1, vmax=1, rasterized=True)
                for at, style in zip(ends[place], BOUNDARIES.values(), strict=True):
                    ax.plot([at, at], [place - 0.5, place + 0.5], "k", ls=style, lw=1.3)
            log_time(ax)
            ax.spines[:].set_visible(False)
            ax.set_title(wrapped(": ".join(filter(None, (title, arm)))))
        row[0].set_yticks(range(len(members)), [f"{ds[along].item():g}" for ds in members])
        row[0].set_ylim(-0.5, len(members) - 0.5)
        row[0].set_ylabel(label(along))
    for ax in axes[-1]:
        ax.set_xlabel("noise variance t")
    figure.colorbar(image, ax=axes, label="final - intermediate gap", shrink=0.8)
    handles = [Line2D([], [], color="k", ls=style, label=f"law: {name}") for name, style in BOUNDARIES.items()]
    figure.legend(handles=handles, loc="outside upper right", ncols=3, fontsize=7)
    figure.suptitle(f"Phases against {along}", x=0.02, ha="left")
    return figure


def leading(ds: xr.Dataset, arm: str) -> tuple[np.ndarray, np.ndarray]:
    """(times,) t and how much wider the final gap is than the widest intermediate one, of a score or the law: median
    over the seeds that have a result."""
    t, widths = _widths(ds, arm)
    lead = widths[:, 1] - widths[:, 0]
    return t, np.nanmedian(lead, 0) if np.isfinite(lead).any(0).all() else np.full(len(t), np.nan)


def law_boundaries(study: Study, ds: xr.Dataset) -> list[float]:
    """The noise variances at which the law has the phases end, as in BOUNDARIES; NaN where it has no such boundary."""
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
