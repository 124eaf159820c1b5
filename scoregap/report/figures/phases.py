"""Figure of the phases: which gap leads at which noise, against an axis of the study.

study, what `scoregap.analysis.phases` says of its panels -> figure, a map per score, with the boundaries between phases
that the law predicts
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from scoregap.analysis.panels import numbered_axis
from scoregap.analysis.phases import Leads
from scoregap.analysis.tables import exactly
from scoregap.report.figures import grid, label, labelled_values, log_time, wrapped
from scoregap.study import Study

# of the law: the line of every boundary
BOUNDARIES = {"trivial | coverage": "-", "coverage | consolidation": "--", "final gap at one half": ":"}


def diagram(study: Study, shown: list[Leads]) -> Figure:
    """Final gap less the widest intermediate one, median over seeds, over t and an axis of numbers.

    Blue: an intermediate gap leads (coverage); red: the final one does (consolidation); white: neither is open
    (trivial).
    """
    along = numbered_axis(study)
    arms = list(shown[0].leads)
    rows = max(len(one.x) for one in shown)
    figure, axes = grid(len(shown), len(arms), height=1.2 + 0.28 * rows, sharex=True, sharey="row")
    image: Any = None
    for row, one in zip(axes, shown, strict=True):
        for ax, arm in zip(row, arms, strict=True):
            for place, (t, lead) in enumerate(one.leads[arm]):
                edges = np.sqrt(np.concatenate([t[:1], t]) * np.concatenate([t, t[-1:]]))
                strip = ([place - 0.5, place + 0.5], lead[None])
                image = ax.pcolormesh(edges, *strip, cmap="RdBu_r", vmin=-1, vmax=1, rasterized=True)
                for at, style in zip(one.ends[place], BOUNDARIES.values(), strict=True):
                    ax.plot([at, at], [place - 0.5, place + 0.5], "k", ls=style, lw=1.3)
            log_time(ax)
            ax.spines[:].set_visible(False)
            ax.set_title(wrapped(": ".join(filter(None, (labelled_values(one.values), arm)))))
        row[0].set_yticks(range(len(one.x)), [exactly(x) for x in one.x])
        row[0].set_ylim(-0.5, len(one.x) - 0.5)
        row[0].set_ylabel(label(along))
    for ax in axes[-1]:
        ax.set_xlabel("noise variance t")
    figure.colorbar(image, ax=axes, label="final - intermediate gap", shrink=0.8)
    handles = [Line2D([], [], color="k", ls=style, label=f"law: {name}") for name, style in BOUNDARIES.items()]
    figure.legend(handles=handles, loc="outside upper right", ncols=3, fontsize=7)
    figure.suptitle(f"Phases against {along}", x=0.02, ha="left")
    return figure
