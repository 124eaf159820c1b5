"""Figures of findings: finite size, existence of the gap, curvature, estimators of the dimension.

study, tables of `scoregap.analysis` -> figures
"""

import itertools

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from scoregap.analysis import dimensions, laws, tables
from scoregap.analysis.panels import PANELS
from scoregap.report.figures import grid, label, left_out, nothing, of_block, shared_legend
from scoregap.report.figures.multiples import Multiples
from scoregap.report.figures.svg import told
from scoregap.scores import EXACT
from scoregap.study import Study

ROOM = 0.02  # on both sides of 1, which an axis of ratios has at least


def finite_size(study: Study, frame: pd.DataFrame) -> Figure:
    """|realised / law - 1| against d, for the bare and the corrected law, and the spread over draws."""
    if frame.empty:
        return nothing("finite size needs two draws or more of one cell, and finds none")
    names = list(dict.fromkeys(frame["quantity"]))
    blocks = tables.blocks(study, frame, "ambient_dim")
    columns = min(4, len(names))
    rows = -(-len(names) // columns)  # of a block
    figure, axes = grid(rows * len(blocks[:PANELS]), columns, height=2.6, sharex=True, sharey=True)
    for i, (values, block) in enumerate(blocks[:PANELS]):
        panels = axes[rows * i : rows * (i + 1)].flat
        for ax, name in zip(panels, names, strict=False):
            _finite_size_panel(ax, block[block["quantity"] == name].sort_values("ambient_dim"))
            ax.set_title("\n".join(filter(None, (tables.labelled(values, label), name))))
        for ax in panels[len(names) :]:
            ax.set_axis_off()
    d = sorted(set(frame.ambient_dim))
    axes[0, 0].set_xticks(d, [str(one) for one in d])
    axes[0, 0].xaxis.set_minor_locator(NullLocator())
    for ax in axes[-1]:
        ax.set_xlabel("ambient dimension d")
    for ax in axes[:, 0]:
        ax.set_ylabel("|mean / law - 1|, spread")
    shared_legend(figure, axes)
    figure.suptitle(
        "Finite size: the exact score against both laws (bars: standard errors; hollow: below the law; "
        f"numbers: fitted exponents){left_out(blocks, PANELS)}"
    )
    return figure


def _finite_size_panel(ax, group) -> None:
    """One quantity. group: rows of `laws.finite_size`, sorted by ambient_dim; none where it does not exist."""
    ax.set_xscale("log")
    ax.set_yscale("log")
    d = group.ambient_dim.to_numpy()
    for column, error, colour, text in (
        ("law_bias", "law_error", "tab:red", "bare law"),
        ("corrected_bias", "corrected_error", "tab:blue", "Tracy-Widom corrected law"),
    ):
        bias = group[column].to_numpy()
        ax.errorbar(
            d, abs(bias), group[error], color=colour, marker="o", ms=4, capsize=2, lw=0, elinewidth=1, label=text
        )
        ax.plot(d[bias < 0], -bias[bias < 0], "o", color=colour, mfc="white", ms=4, zorder=3)
        if len(d) and np.isfinite(exponent := group[f"{column}_exponent"].iloc[0]):
            line = group[f"{column}_fit"].to_numpy()
            ax.plot(d, line, color=colour, lw=1)
            ax.text(d[-1], line[-1], f" {exponent:.2f}", color=colour, fontsize=7, va="bottom")
    ax.plot(d, group.spread, color="0.5", marker=".", lw=1, label="spread over draws")
    ax.plot(d, group.predicted_spread, color="0.5", ls=":", lw=1.5, label="spread, Tracy-Widom")


def gap_existence(study: Study, frame: pd.DataFrame, halves: pd.DataFrame) -> Figure:
    """The phase diagram of the intermediate gap: variance ratio against alpha, with the critical line."""
    blocks = [] if frame.empty else tables.blocks(study, frame, "manifold_dim", study.std_axis)
    blocks = [(values, rows) for values, rows in blocks if min(rows[["alpha", "variance_ratio"]].nunique()) > 1]
    if not blocks:
        return nothing("existence of the gap needs results at two alpha = m / d and two variance ratios, or more")
    figure, axes = grid(len(blocks[:PANELS]), 3, height=3.6)
    for row, (values, block) in zip(axes, blocks, strict=False):
        _gap_existence_panels(figure, row, block, of_block(halves, values))
        where = tables.labelled(values, label)
        row[0].set_ylabel("\n".join(filter(None, (where, "variance ratio of the groups"))))
    axes[0, 0].legend(fontsize=7, loc="upper right", labelcolor="white")
    figure.suptitle(f"Where the gap between two variance groups exists{left_out(blocks, PANELS)}")
    return figure


def _gap_existence_panels(figure: Figure, axes, block: pd.DataFrame, halves: pd.DataFrame) -> None:
    """The three panels of one block of `laws.gap_existence`, and of `laws.half_of_draws`."""
    shown = (
        ("widest", "share of draws where it is the widest gap"),
        ("width", "largest width, exact score"),
        ("law_width", "largest width, law"),
    )
    line = block.drop_duplicates("alpha").sort_values("alpha")
    for ax, (column, text) in zip(axes, shown, strict=True):
        table = block.pivot_table(index="variance_ratio", columns="alpha", values=column, dropna=False)
        mesh = ax.pcolormesh(
            table.columns, table.index, table.to_numpy(), cmap="viridis", vmin=0, vmax=1, shading="nearest"
        )
        places = itertools.product(table.index, table.columns)
        told(
            mesh,
            *(
                f"{text}: {value:.2f} at alpha {alpha:g}, variance ratio {ratio:g}"
                for (ratio, alpha), value in zip(places, table.to_numpy().ravel(), strict=True)
            ),
        )
        if line.critical_ratio.notna().any():
            ax.plot(line.alpha, line.critical_ratio, color="tab:red", lw=2, label="critical ratio (law)")
        if column == "widest":
            ax.plot(halves.alpha, halves.half, "o", color="white", mec="black", ms=5, label="half of the draws")
        ax.set_yscale("log")
        ax.set_ylim(table.index.min(), table.index.max())
        ticks = [r for r in (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0) if table.index.min() <= r <= table.index.max()]
        ax.set_yticks(ticks, [f"{r:g}" for r in ticks])
        ax.yaxis.set_minor_locator(NullLocator())
        ax.set_xlabel("alpha = m / d")
        ax.set_title(text)
        figure.colorbar(mesh, ax=ax, shrink=0.8)


def curvature(study: Study, frame: pd.DataFrame, expansion: pd.DataFrame) -> Figure:
    """Phase times and ghost directions of the exact score (lines) and of networks (dashed) against curvature."""
    if frame.empty:
        return nothing("curvature needs the exact score, and there is no result of it")
    names = [column.removeprefix("ratio_") for column in frame.columns if column.startswith("ratio_")]
    blocks = tables.places_of_blocks(study, frame, "curvature")
    drawn = [values for values, _ in blocks[:PANELS]]
    shown = [
        (network, values, frame.iloc[rows]) for network, values, rows in laws.of_scores(study, frame) if values in drawn
    ]
    colours = colormaps["viridis"](np.linspace(0, 0.85, min(len(blocks), PANELS)))
    colour_of = {tables.labelled(values): colour for (values, _), colour in zip(blocks, colours, strict=False)}
    markers = dict(zip([EXACT, *study.evaluated_scores], itertools.cycle("os^vDPX*"), strict=False))
    ghosts = {"ghost": "largest beyond the manifold", "ghosts": f"directions beyond it, above {laws.GHOST:g}"}
    ghosts = {column: text for column, text in ghosts.items() if column in frame}
    figure = Multiples(2, max(3, -(-(len(names) + len(ghosts)) // 2)), 2.8, y="none")
    panels = iter(figure.each)
    for name, panel in zip([*names, *ghosts], panels, strict=False):
        panel.title = panel.about = ghosts.get(name, f"{name} over flat exact")
        if name in names:
            panel.level(1 - laws.OFF, 1 + laws.OFF, color="0.9")
            panel.y.see([1 - ROOM, 1 + ROOM])
        elif name == "ghosts":
            panel.y.see([0, 1])  # of none, nothing is below 0
        for network, values, group in shown:
            style = {"color": colour_of[tables.labelled(values)], "lw": 1, "ls": "-" if network == EXACT else "--"}
            scores = network if study.evaluated_scores else ""
            text = ", ".join(filter(None, [tables.labelled(values, label), scores])) or study.name
            height = group[f"ratio_{name}" if name in names else name]
            if name in names:
                error = (height * group[f"error_{name}"]).fillna(0)
                panel.bars(group.curvature, height - error, height + error, **style | {"ls": "-"})
            panel.plot(group.curvature, height, label=text, marker=markers[network], ms=3.5, **style)
            if name == "t_consolidation" and network == EXACT:
                line = of_block(expansion, values)
                panel.plot(line.curvature, line.ratio, name=f"{text}, expansion", **style | {"ls": ":"})
    for panel in panels:
        panel.used = False
    return figure.finish(
        f"Curvature: phase times over those of the exact score of the same F without it (grey: {laws.OFF:.0%}; "
        f"dotted: small-curvature expansion){left_out(blocks, PANELS)}", "curvature c",
    )  # fmt: skip


def estimators(study: Study, frame: pd.DataFrame) -> Figure:
    """Estimate less true dimension against noise variance, one line per estimator; rows are scores, columns sets."""
    if frame.empty:
        return nothing("a comparison of estimators needs the result of a cell, and there is none")
    blocks = tables.blocks(study, frame)
    networks = [name for name in study.axes["network"] if name in set(frame.network)] or ["data"]
    shown = blocks[:PANELS]
    figure, axes = grid(len(networks), len(shown), height=2.9, sharex=True, sharey=True)
    methods = list(dict.fromkeys(frame.method[frame.network != "data"]))
    of_data = list(dict.fromkeys(frame.method[frame.network == "data"]))
    for column, (values, block) in enumerate(shown):
        for row, network in enumerate(networks):
            ax = axes[row, column]
            ax.axhline(0, color="0.8", lw=1)
            ax.set_xscale("log")
            ax.set_yscale("symlog", linthresh=1)
            for i, method in enumerate(methods):
                one = block[(block.network == network) & (block.method == method)]
                ax.errorbar(
                    one.t * 1.06 ** (i - len(methods) / 2), one.bias, one.spread, color=f"C{i}", ms=3, lw=1,
                    marker="os^vDX"[i % 6], elinewidth=0.6, capsize=1.5, label=method,
                )  # fmt: skip
            if network in ("exact", "data"):
                _marks_at_the_edge(ax, study, block, of_data)
            if row == 0:
                ax.set_title("\n".join(filter(None, (tables.labelled(values, label), _true(block)))))
            if column == 0:
                ax.set_ylabel(f"{network}\nestimate - true dimension")
            if row == len(networks) - 1:
                ax.set_xlabel("noise variance t")
    ticks = [-100, -10, -1, 0, 1, 10, 100]
    axes[0, 0].set_yticks(ticks, [f"{tick:+d}" if tick else "0" for tick in ticks])
    axes[0, 0].yaxis.set_minor_locator(NullLocator())
    shared_legend(figure, axes)
    figure.suptitle(
        "Estimators of the dimension (lines: from scores, bars: spread over points and draws; at the right edge: from "
        f"clean data, black: published){left_out(blocks, PANELS)}"
    )
    return figure


def _true(block) -> str:
    return f"true dimension {dimensions.true_dimension(block):g}"


def _marks_at_the_edge(ax, study: Study, block, methods: list[str]) -> None:
    """What needs no score, and so has no noise variance, in a strip beside the curves."""
    data = block[block.network == "data"].set_index("method")
    for i, method in enumerate(methods):
        if method in data.index:
            at = 1.02 + 0.025 * i
            ax.plot(
                at, data.bias[method], transform=ax.get_yaxis_transform(), marker="X<>^vs"[i % 6], ms=5, ls="",
                mfc="none", color=f"C{6 + i % 4}", clip_on=False, label=f"{method} (data)",
            )  # fmt: skip
    for name, bias in list(dimensions.published_biases(study, block).items())[:1]:
        ax.plot(
            0.97, bias, transform=ax.get_yaxis_transform(), marker="D", ms=5, ls="",
            color="black", label=f"{name}, published",
        )  # fmt: skip
