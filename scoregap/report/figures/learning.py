"""Figures of what training buys: accuracy, cost, capacity and plateau.

study, tables of `scoregap.analysis.learning` -> figures
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from scoregap.analysis import learning, tables
from scoregap.analysis.panels import PANELS
from scoregap.report.figures import (
    coloured,
    grid,
    label,
    left_out,
    log_time,
    nothing,
    of_block,
    shared_legend,
    wrapped,
)
from scoregap.report.figures.multiples import Multiples
from scoregap.study import Study

COLUMNS, MOST = 4, 16  # panels per row, and in all


def log_cost(ax) -> None:
    """A logarithmic axis of costs."""
    ax.set_xscale("log")
    plain_ticks(ax.xaxis)


def plain_ticks(axis) -> None:
    """Ticks of a logarithmic axis that are readable over less than a decade too."""
    axis.set_major_locator(LogLocator(subs=(1, 3), numticks=8))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def against_cost(ax, group, values, low, high, colour) -> None:
    """One network, rows sorted by cost, with the bars of its intervals; none where there is no interval."""
    bars = np.stack([values - low, high - values])
    ax.errorbar(
        group.cost / 1e12, values, np.where(np.isfinite(bars), bars, 0).clip(0, 1e3), color=colour,
        marker="o", ms=4, lw=1.2, capsize=2, label=group.network.iloc[0],
    )  # fmt: skip


def accuracy(study: Study, frame: pd.DataFrame) -> Figure:
    """Relative error of every phase time against the cost of training."""
    if frame.empty:
        return nothing("accuracy needs a trained network and the exact score, and a phase time of it")
    names = list(dict.fromkeys(frame["quantity"]))
    blocks = tables.blocks(study, frame, "train.steps")[:PANELS]
    figure, axes = grid(len(blocks), len(names), height=2.5, sharex=True, sharey=True)
    axes[0, 0].set_xlim(frame.cost.min() / 1.5e12, frame.cost.max() * 1.5e-12)  # also where no network has the time
    log_cost(axes[0, 0])
    shown = np.clip([0.85, 1.15, *frame.ratio.dropna()], 0, 2)
    axes[0, 0].set_ylim(shown.min() - 0.05, shown.max() + 0.05)
    colours = coloured(frame.network)
    for row, (values, block) in zip(axes, blocks, strict=True):
        for ax, name in zip(row, names, strict=True):
            ax.axhline(1, color="black", ls="--", lw=1)
            for network, group in block[block["quantity"] == name].groupby("network", sort=False):
                group = group.sort_values("cost")
                against_cost(ax, group, group.ratio, group.low, group.high, colours[network])
            ax.set_title("\n".join(filter(None, (wrapped(tables.labelled(values, label)), name))))
        row[0].set_ylabel("network / exact")
    for ax in axes[-1]:
        ax.set_xlabel("training, 10^12 operations")
    shared_legend(figure, axes)
    figure.suptitle(
        "Accuracy: phase times of networks over those of the exact score (bars: Student's intervals over seeds)"
    )
    return figure


def capacity(study: Study, frame: pd.DataFrame) -> Figure:
    """Normal spike and final gap against noise variance, and the spike well inside the last phase against cost."""
    if frame.empty:
        return nothing("capacity needs a trained network and the exact score, with normal directions")
    blocks = tables.blocks(study, frame, "train.steps")[:COLUMNS]
    figure, axes = grid(3, len(blocks), height=2.9, sharey="row")
    colours = coloured(frame.network)
    steps = sorted(set(frame.steps))
    for column, (values, block) in zip(axes.T, blocks, strict=True):
        for (network, at), group in block.groupby(["network", "steps"], sort=False):
            group = group.sort_values("t")
            last = at == steps[-1]
            strength = 0.3 + 0.7 * steps.index(at) / max(1, len(steps) - 1)
            style = {"color": colours[network], "lw": 1.4 if last else 0.7, "alpha": strength}
            column[0].plot(group.t, group.spike, **style)
            column[1].plot(group.t, group.gap, label=network if last else None, **style)
        one = block[(block.network == block.network.iloc[0]) & (block.steps == block.steps.iloc[0])].sort_values("t")
        column[1].plot(one.t, one.exact_gap, color="black", ls="--", lw=1.4, label="exact")
        column[1].axhline(0.5, color="0.8", lw=1, zorder=0)
        inside = block[block.inside]
        for network, group in inside.groupby("network", sort=False):
            group = group.sort_values("cost")
            column[2].plot(group.cost / 1e12, group.spike, marker="o", ms=4, lw=1, color=colours[network])
        column[2].axhline(learning.SHARP, color="0.8", lw=1, zorder=0)
        for ax in column[:2]:
            log_time(ax)
            ax.axvline(learning.INSIDE * one.t_consolidation.iloc[0], color="0.8", lw=1, ls=":", zorder=0)
            ax.set_xlabel("noise variance t")
        for ax in column[::2]:
            ax.set_yscale("log")
        log_cost(column[2])
        column[2].set_xlabel("training, 10^12 operations")
        column[0].set_title(wrapped(tables.labelled(values, label) or study.name))
    texts = ("width of the normal spike", "final gap", "spike at the dotted line")
    for ax, text in zip(axes[:, 0], texts, strict=True):
        ax.set_ylabel(text)
    shared_legend(figure, axes)
    figure.suptitle(
        "Capacity: the normal spike of trained networks (0 in theory); faint to full: "
        f"{', '.join(map(tables.exactly, steps))} steps"
    )
    return figure


def plateau(study: Study, frame: pd.DataFrame, transitions: pd.DataFrame) -> Figure:
    """Position of learned spectra between the Gaussian and the exact one, against the cost of training."""
    if frame.empty:
        return nothing("the plateau needs a trained network, the gaussian and the exact score of a curved manifold")
    blocks = tables.blocks(study, frame, "train.steps")
    shown = blocks[:MOST]
    columns = min(COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    figure, axes = grid(rows, columns, height=2.7, sharex=True, sharey=True)
    colours = coloured(frame.network)
    for ax, (values, block) in zip(axes.flat, shown, strict=False):
        for level, colour in ((0, "tab:green"), (1, "black")):
            ax.axhline(level, color=colour, ls="--", lw=1)
        for network, group in block.groupby("network", sort=False):
            group = group.sort_values("cost")
            position = group.position.where(group.away <= learning.OFF)
            against_cost(ax, group, position, group.low, group.high, colours[network])
            ends = of_block(transitions, values)
            for left in ends.left[(ends.network == network) & ends.left.notna()]:
                ax.plot(
                    left / 1e12,
                    learning.HALF,
                    marker="*",
                    ms=11,
                    color=colours[network],
                    mec="black",
                    mew=0.5,
                    zorder=4,
                )
        log_cost(ax)
        ax.set_title(wrapped(tables.labelled(values, label) or study.name))
    for ax in axes.flat[len(shown) :]:
        ax.set_axis_off()
    for ax in axes[-1]:
        ax.set_xlabel("training, 10^12 operations")
    for ax in axes[:, 0]:
        ax.set_ylabel("position")
    axes[0, 0].set_ylim(-0.3, 1.3)
    shared_legend(figure, axes)
    figure.suptitle(
        "Plateau: spectra of networks between the Gaussian of the same covariance (0) and the exact score (1); star: "
        f"the network has left the plateau{left_out(blocks, MOST)}"
    )
    return figure


def cost(study: Study, frame: pd.DataFrame, means: pd.DataFrame) -> Figure:
    """Errors of networks against the cost of their training: a dot per seed, lines through geometric means."""
    if frame.empty:
        return nothing("errors against cost need a trained network and the exact score, with a result")
    blocks = tables.blocks(study, frame, "train.steps")
    names = [name for name in learning.COSTLY if name in set(frame["quantity"])]
    figure = Multiples(len(blocks[:PANELS]), len(names), 2.0, y="col", logx=True, logy=True)
    colours = coloured(frame.network)
    for row, (values, block) in zip(figure.panels, blocks, strict=False):
        for panel, name in zip(row, names, strict=True):
            for network, group in block[block["quantity"] == name].groupby("network", sort=False):
                panel.plot(group.cost / 1e12, group.error, color=colours[network], marker=".", ms=4, alpha=0.5, ls="")
                line = of_block(means, values | {"quantity": name, "network": network})
                style = {"marker": "o", "ms": 4, "lw": 1.2, "color": colours[network]}
                panel.plot(line.cost / 1e12, line.error, label=network, **style)
            panel.title = "\n".join(filter(None, (figure.wrapped(tables.labelled(values, label)), name)))
        row[0].ylabel = "error"
    return figure.finish(
        f"Error against the cost of training (dots: seeds; lines: geometric means){left_out(blocks, PANELS)}",
        "training, 10^12 operations",
    )
