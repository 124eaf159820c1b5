"""Figures of what training buys: accuracy, cost, capacity and plateau.

study, tables of `scoregap.analysis.learning` -> figures
"""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from scoregap.analysis import learning, tables
from scoregap.analysis.panels import PANELS
from scoregap.analysis.tables import with_interval
from scoregap.report.figures import anchor, coloured, label, left_out, nothing, of_block
from scoregap.report.figures.cells import NOISE, head
from scoregap.report.figures.multiples import Multiples, Small
from scoregap.study import Study

UNIT = "10^12 operations"
COST = f"training, {UNIT}"
COLUMNS, MOST = 4, 16  # panels per row, and in all


def against_cost(
    panel: Small, group: pd.DataFrame, values: pd.Series, low: pd.Series, high: pd.Series, colour: str
) -> None:
    """One network, rows sorted by cost, with the bars of its intervals; none where there is no interval."""
    network, cost = str(group.network.iloc[0]), group.cost / 1e12
    panel.bars(cost, low, high, color=colour, lw=1.2)
    says = [
        f"{network}: {text} at {at:.3g} {UNIT} · {panel.about}"
        for text, at in zip(map(with_interval, values, low, high, [".3g"] * len(group)), cost, strict=True)
    ]
    panel.plot(cost, values, label=network, name=says, color=colour, marker="o", ms=4, lw=1.2)


def accuracy(study: Study, frame: pd.DataFrame) -> Figure:
    """Relative error of every phase time against the cost of training."""
    if frame.empty:
        return nothing("accuracy needs a trained network and the exact score, and a phase time of it")
    names = list(dict.fromkeys(frame["quantity"]))
    blocks = tables.blocks(study, frame, "train.steps")
    figure = Multiples(len(blocks[:PANELS]), len(names), 2.3, logx=True)
    shown = np.clip([0.85, 1.15, *frame.ratio.dropna()], 0, 2)
    colours = coloured(frame.network)
    for row, (values, block) in zip(figure.panels, blocks, strict=False):
        for panel, name in zip(row, names, strict=True):
            panel.about = ", ".join(filter(None, (tables.labelled(values, label), name)))
            panel.anchor = f"{anchor(values)}.{name}".replace(" ", "")
            panel.title = "\n".join(filter(None, (figure.wrapped(tables.labelled(values, label)), name)))
            panel.x.see(frame.cost / 1e12)  # also where no network has the time
            panel.y.limits = float(shown.min()) - 0.05, float(shown.max()) + 0.05
            panel.rule(y=1.0, color="black", ls="--", lw=1)
            for network, group in block[block["quantity"] == name].groupby("network", sort=False):
                group = group.sort_values("cost")
                against_cost(panel, group, group.ratio, group.low, group.high, colours[network])
        row[0].ylabel = "network / exact"
    return figure.finish(
        "Accuracy: phase times of networks over those of the exact score (bars: Student's intervals over seeds)"
        f"{left_out(blocks, PANELS)}", COST,
    )  # fmt: skip


def capacity(study: Study, frame: pd.DataFrame) -> Figure:
    """Normal spike and final gap against noise variance, and the spike well inside the last phase against cost."""
    if frame.empty:
        return nothing("capacity needs a trained network and the exact score, with normal directions")
    blocks = tables.blocks(study, frame, "train.steps")
    figure = Multiples(3, len(blocks[:COLUMNS]), 2.5, x="row", y="row", logx=True)
    for panel in (figure.panels[0, 0], figure.panels[2, 0]):
        panel.y.log = True
    colours = coloured(frame.network)
    steps = sorted(set(frame.steps))
    for column, (values, block) in zip(figure.panels.T, blocks, strict=False):
        head(figure, study, column, values)
        for panel in column[:2]:
            panel.rule(x=learning.INSIDE * block.t_consolidation.iloc[0], color="0.8", lw=1, ls=":", zorder=0)
        column[1].rule(y=0.5, color="0.8", lw=1, zorder=0)
        column[2].rule(y=learning.SHARP, color="0.8", lw=1, zorder=0)
        for (network, at), group in block.groupby(["network", "steps"], sort=False):
            group = group.sort_values("t")
            last = at == steps[-1]
            strength = 0.3 + 0.7 * steps.index(at) / max(1, len(steps) - 1)
            style = {"color": colours[network], "lw": 1.4 if last else 0.7, "alpha": strength}
            said = f"{network}, {tables.exactly(at)} steps"
            column[0].plot(group.t, group.spike, name=said, **style)
            column[1].plot(group.t, group.gap, label=str(network) if last else "", name=said, **style)
        one = block[(block.network == block.network.iloc[0]) & (block.steps == block.steps.iloc[0])].sort_values("t")
        column[1].plot(one.t, one.exact_gap, color="black", ls="--", lw=1.4, label="exact")
        for network, group in block[block.inside].groupby("network", sort=False):
            group = group.sort_values("cost")
            style = {"marker": "o", "ms": 4, "lw": 1, "color": colours[network]}
            column[2].plot(group.cost / 1e12, group.spike, name=str(network), **style)
    texts = ("width of the normal spike", "final gap", "spike at the dotted line")
    for panel, text in zip(figure.panels[:, 0], texts, strict=True):
        panel.ylabel = text
    title = (
        "Capacity: the normal spike of trained networks (0 in theory); faint to full: "
        f"{', '.join(map(tables.exactly, steps))} steps{left_out(blocks, COLUMNS)}"
    )
    return figure.finish(title, [NOISE, NOISE, COST])


def plateau(study: Study, frame: pd.DataFrame, transitions: pd.DataFrame) -> Figure:
    """Position of learned spectra between the Gaussian and the exact one, against the cost of training."""
    if frame.empty:
        return nothing("the plateau needs a trained network, the gaussian and the exact score of a curved manifold")
    blocks = tables.blocks(study, frame, "train.steps")
    shown = blocks[:MOST]
    columns = min(COLUMNS, len(shown))
    figure = Multiples(-(-len(shown) // columns), columns, 2.5, logx=True)
    colours = coloured(frame.network)
    for panel in list(figure.each)[len(shown) :]:
        panel.used = False
    for panel, (values, block) in zip(figure.each, shown, strict=False):
        head(figure, study, [panel], values)
        panel.y.limits = -0.3, 1.3
        for level, colour in ((0.0, "tab:green"), (1.0, "black")):
            panel.rule(y=level, color=colour, ls="--", lw=1)
        for network, group in block.groupby("network", sort=False):
            group = group.sort_values("cost")
            position = group.position.where(group.away <= learning.OFF)
            against_cost(panel, group, position, group.low, group.high, colours[network])
            ends = of_block(transitions, values)
            left = ends.left[(ends.network == network) & ends.left.notna()] / 1e12
            star: dict[str, Any] = {
                "marker": "*",
                "ms": 11,
                "ls": "",
                "color": colours[network],
                "mec": "black",
                "mew": 0.5,
            }
            if len(left):
                panel.plot(left, [learning.HALF] * len(left), name=f"{network} leaves the plateau", zorder=4, **star)
    for panel in figure.panels[:, 0]:
        panel.ylabel = "position"
    return figure.finish(
        "Plateau: spectra of networks between the Gaussian of the same covariance (0) and the exact score (1); star: "
        f"the network has left the plateau{left_out(blocks, MOST)}", COST,
    )  # fmt: skip


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
            panel.about = ", ".join(filter(None, (tables.labelled(values, label), name)))
            for network, group in block[block["quantity"] == name].groupby("network", sort=False):
                panel.plot(group.cost / 1e12, group.error, color=colours[network], marker=".", ms=4, alpha=0.5, ls="")
                line = of_block(means, values | {"quantity": name, "network": network})
                style = {"marker": "o", "ms": 4, "lw": 1.2, "color": colours[network]}
                panel.plot(line.cost / 1e12, line.error, label=network, **style)
            panel.title = "\n".join(filter(None, (figure.wrapped(tables.labelled(values, label)), name)))
        row[0].ylabel = "error"
    return figure.finish(
        f"Error against the cost of training (dots: seeds; lines: geometric means){left_out(blocks, PANELS)}",
        COST,
    )
