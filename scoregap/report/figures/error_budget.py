"""Figure of where the learning error comes from.

study, table of `scoregap.analysis.error_budget` -> figure
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from scoregap.analysis import error_budget as tables
from scoregap.analysis.tables import blocks, exactly, labelled, with_interval
from scoregap.report.figures import coloured, grid, label, left_out, nothing, wrapped
from scoregap.report.figures.svg import told
from scoregap.study import Study

MOST = 12  # rows of panels
WIDTH = 0.8  # of a bar
SHOWN = (-1.0, 1.5)  # shares beyond which an axis does not go
COLOURS = coloured(tables.SHARES)


def stack(ax, place: int, shares: pd.DataFrame) -> None:
    """The shares of one network on top of one another, from 0 up, or down where they are negative.

    Those that stand together are side by side in one bar. Whiskers: their intervals, about its end.
    """
    up = down = 0.0
    for number, (share, part, low, high) in enumerate(shares[["share", "part", "low", "high"]].values):
        names = share.split(" or ")
        foot = up if part >= 0 else down
        for k, name in enumerate(names):
            left = place + WIDTH * (k / len(names) - 0.5)
            (bar,) = ax.bar(left, part, WIDTH / len(names), foot, align="edge", color=COLOURS[name], ec="white", lw=0.4)
            told(bar, f"{share}: {with_interval(part, low, high, '.0%')} of the error")
        up, down = (up + part, down) if part >= 0 else (up, down + part)
        if np.isfinite([low, high]).all():
            at = place + WIDTH * ((number + 1) / (len(shares) + 1) - 0.5)  # beside those of the others
            ax.errorbar(at, foot + part, [[part - low], [high - part]], color="black", lw=0.8, capsize=1.5)


def error_budget(study: Study, frame: pd.DataFrame) -> Figure:
    """Shares of the error of every network against the cost of its training: a row of panels per quantity and block."""
    if frame.empty:
        return nothing("the error budget needs networks trained on samples and on posterior means, with a result")
    frame = frame[frame.how == "in turn"]
    networks = list(dict.fromkeys(frame.network))
    rows = [
        (values, quantity, group)
        for values, block in blocks(study, frame, *tables.WITHIN)
        for quantity, group in block.groupby("quantity", sort=False)
    ]
    most = max(group.groupby("network").steps.nunique().max() for _, _, group in rows)  # bars of a panel
    figure, axes = grid(len(rows[:MOST]), len(networks), height=2.3, sharey=True)
    for line, (values, quantity, group) in zip(axes, rows, strict=False):
        for ax, network in zip(line, networks, strict=True):
            own = group[group.network == network].sort_values("steps", kind="stable")
            ax.axhline(0, color="black", lw=0.8)
            ticks = []
            for place, (steps, shares) in enumerate(own.groupby("steps")):
                stack(ax, place, shares)
                whole, cost = shares.whole.iloc[0], shares.cost.iloc[0] / 1e12
                ax.text(
                    place, 0.98, f"{whole:.2g}", ha="center", va="top", fontsize=7, zorder=5,
                    transform=ax.get_xaxis_transform(), bbox={"fc": "white", "lw": 0, "pad": 1},
                )  # fmt: skip
                ticks.append(f"{exactly(steps)}\n{cost:.2g}")
            ax.set_xticks(range(len(ticks)), ticks, fontsize=7)
            ax.set_xlim(-0.6, most - 0.4)
            if not ticks:
                ax.text(0.5, 0.5, "no result", ha="center", transform=ax.transAxes)
                ax.set_xticks([0], ["\n"], fontsize=7)  # as high as those of the others, so that names are in one line
                ax.tick_params(axis="x", color="none")
            ax.set_title("\n".join(filter(None, (wrapped(labelled(values, label)), f"{quantity}, {network}"))))
        line[0].set_ylabel("share of the error")
    ends = np.clip([frame.low.min(), 0, 1, frame.high.max()], *SHOWN)
    axes[0, 0].set_ylim(np.nanmin(ends) - 0.05, np.nanmax(ends) + 0.25)  # with room for the numbers
    for ax in axes[-1]:
        ax.set_xlabel("steps; training, 10^12 operations")
    entries = [Patch(color=colour, label=name) for name, colour in COLOURS.items()]
    figure.legend(handles=entries, loc="outside right center", fontsize=8)
    figure.suptitle(
        "Error budget: where the distance from the exact score comes from; above each bar: that distance"
        f"{left_out(rows, MOST)}"
    )
    return figure
