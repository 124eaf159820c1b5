"""Figure of the division of labour: errors of samples against the noise variance at which their score changes hands.

study, table of `scoregap.analysis.sampling` -> figure
"""

import math

import pandas as pd
from matplotlib.figure import Figure

from scoregap.analysis import tables
from scoregap.analysis.panels import PANELS
from scoregap.report.figures import (
    REFERENCE_STYLE,
    coloured,
    grid,
    label,
    left_out,
    log_time,
    nothing,
    shared_legend,
)
from scoregap.study import Study

STYLES = {"own below": "-", "own above": "--"}
MARKS = {"gaussian": REFERENCE_STYLE["gaussian"]["color"]}


def noise_attribution(study: Study, frame: pd.DataFrame) -> Figure:
    """Share of a network's own error against the switch, a row per error; the windows of the exact score shaded."""
    if frame.empty:
        return nothing("the division of labour needs samples of a score other than the exact one")
    shown = tables.blocks(study, frame)
    errors = list(dict.fromkeys(zip(frame.error, frame.group, strict=True)))
    colours = coloured(study.evaluated_scores) | MARKS
    figure, axes = grid(len(errors), len(shown[:PANELS]), height=2.4, sharex=True, sharey=True)
    for column, (values, block) in zip(axes.T, shown, strict=False):
        column[0].set_title(tables.labelled(values, label) or study.name)
        column[-1].set_xlabel("switch, noise variance t")
        for ax, (error, group) in zip(column, errors, strict=True):
            rows = block[(block.error == error) & (block.group == group)]
            _panel(ax, rows, colours)
    for ax, (error, group) in zip(axes[:, 0], errors, strict=True):
        ax.set_ylabel(f"{error}{f', group {group}' if group >= 0 else ''}\nshare of own error")
    log_time(axes[0, 0])
    axes[0, 0].set_ylim(-0.1, 1.6)
    axes[0, 0].set_yticks([0, 0.5, 1])
    shared_legend(figure, axes)
    figure.suptitle(
        "Division of labour: error of samples by a network's own score below or above the switch, of that by it alone "
        f"(numbers);\ngrey: the window of the exact score in which the paper has it decided{left_out(shown, PANELS)}"
    )
    return figure


def _panel(ax, rows, colours: dict) -> None:
    """One error in one cell: rows of `analysis.sampling`."""
    low, high = rows[["window_low", "window_high"]].iloc[0]
    if high > 0:
        ends = (max(low, rows.switch.min()), min(high, rows.switch.max()))
        ax.axvspan(*ends, color="0.88", lw=0, zorder=0)
    for (network, order), one in rows.groupby(["network", "order"], sort=False):
        one = one.sort_values("switch")
        colour = colours.get(network, "0.4")
        ax.plot(one.switch, one.share, color=colour, ls=STYLES[order], lw=1.3, marker=".", ms=3,
                label=f"{network}, {order}")  # fmt: skip
        ax.fill_between(one.switch, one.share_low, one.share_high, color=colour, alpha=0.2, lw=0)
    totals = rows.drop_duplicates("network")
    for i, row in enumerate(totals.itertuples()):
        text = f"{row.own:.2g}" + (" (not testable)" if math.isnan(row.decided) else "")
        ax.text(0.02, 0.91 - 0.09 * i, text, transform=ax.transAxes, fontsize=7, color=colours.get(row.network, "0.4"))
