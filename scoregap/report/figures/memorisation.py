"""Figure of memorisation: where scores give in to their training points, and when in training.

study, tables of `scoregap.analysis.memorisation` -> figure
"""

import itertools

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator, StrMethodFormatter

from scoregap.analysis import tables
from scoregap.analysis.memorisation import APART, KEPT, SIZE, exponent, laws_of, open_trainings, phases_of
from scoregap.analysis.panels import PANELS
from scoregap.report.figures import grid, label, left_out, nothing, of_block
from scoregap.study import Study

EMPIRICAL = "empirical"
OF_PHASES = {"open": "--", "close": "-.", "consolidation": ":"}  # lines of their laws
STYLES = ("-", "--", ":", "-.")  # of the groups, again from the fifth on


def memorisation(study: Study, frame: pd.DataFrame, curves: pd.DataFrame) -> Figure:
    """A row per cell: t_memorisation and times of training against N, position and what is kept against t; without
    networks neither times of training nor positions."""
    if frame.empty:
        return nothing("memorisation needs scores that come from a training set, with a result")
    shown = tables.blocks(study, frame, SIZE)
    trained = bool((frame["network"] != EMPIRICAL).any())
    figure, axes = grid(len(shown[:PANELS]), 4 if trained else 2, height=2.8)
    for row, (values, block) in zip(axes, shown, strict=False):
        row[0].set_ylabel("\n".join(filter(None, (tables.labelled(values, label), "t_memorisation"))))
        _collapse(row[0], block)
        own = of_block(curves, values)
        sizes = sorted(set(own.points))
        colours = dict(zip(sizes, colormaps["viridis"](np.linspace(0, 0.9, len(sizes))), strict=True))
        if trained:
            _training(row[1], block, study)
            _position(row[2], own[own["network"] != EMPIRICAL], colours)
        _kept(row[-1], own[own["network"] == EMPIRICAL], colours)
        _sizes_told(row[-2] if trained else row[-1], colours)
    for ax in axes[0]:
        names = ax.get_legend_handles_labels()[1]
        if names:  # above its panel, where it covers nothing
            columns = max(1, 3 - max(map(len, names)) // 10)
            ax.legend(fontsize=6, ncols=columns, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2)
    figure.suptitle(f"Memorisation: the collapse of the score of N training points{left_out(shown, PANELS)}")
    return figure


def _collapse(ax, block: pd.DataFrame) -> None:
    """Phase diagram: t_memorisation against N, of the empirical score and both laws, and the phase times of the flat
    law, which know of no N: what is higher comes first."""
    one = block[block["network"] == EMPIRICAL]
    one = one if len(one) else block
    laws = laws_of(one)
    ax.plot(one.points, one.found, "o", ms=3, color="0.3", label="empirical score")
    for name, colour, text in (("law", "tab:red", "law"), ("corrected", "tab:blue", "law at finite N")):
        ax.plot(laws.index, laws[name], color=colour, lw=1.2, label=text)
    for name, t in phases_of(one).items():
        ax.axhline(t, color="0.5", ls=OF_PHASES[name], lw=1.0, label=f"law: {name}")
    ax.set_yscale("log")
    _sizes(ax, block)


def _training(ax, block: pd.DataFrame, study: Study) -> None:
    """Times of training against N."""
    seeds = len(study.axes["seed"])
    for network, rows in block[block["network"] != EMPIRICAL].groupby("network", sort=False):
        for name, colour in (("tau_generalise", "tab:green"), ("tau_memorise", "tab:purple")):
            found = exponent(rows, name, seeds, study.compare.confidence)
            text = "" if found is None else f": N^{found.slope:.2f} ({found.low:.2f} to {found.high:.2f})"
            known = rows[rows[name].notna()]
            used = known.index.isin(open_trainings(rows, seeds).index)
            label_of = f"{network}, {name}{text}" if len(known) else None
            ax.plot(known.points, known[name], "o", ms=3, color=colour, label=label_of)
            ax.plot(known.points[~used], known[name][~used], "o", ms=3, color=colour, mfc="white")
    _sizes(ax, block)
    ax.set_ylabel(f"steps ({APART:g} of the distance)")
    if any(len(line.get_xdata()) for line in ax.lines):
        ax.set_yscale("log")
        ax.yaxis.set_minor_formatter(NullFormatter())
        low, high = ax.get_ylim()
        ax.set_ylim(10 ** np.floor(np.log10(low)), 10 ** np.ceil(np.log10(high)))  # powers of ten alone are labelled
    else:
        ax.text(0.5, 0.5, "in no training", transform=ax.transAxes, ha="center", color="0.4")


def _sizes(ax, block: pd.DataFrame) -> None:
    """A logarithmic axis of N, on which all of a cell have room."""
    sizes = sorted(set(block.points))
    ax.set_xscale("log")
    ax.set_xticks(sizes[:: -(-len(sizes) // 6)], minor=False)
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlim(sizes[0] / 1.5, sizes[-1] * 1.5)
    ax.set_xlabel("training points N")


def _position(ax, curves: pd.DataFrame, colours: dict) -> None:
    """Position of networks between the exact and the empirical score against t, at the end of training."""
    for (_, points), rows in curves.groupby(["network", "points"], sort=False):
        rows = rows.sort_values("over_law")
        ax.plot(rows.over_law, rows.position, color=colours[points], lw=1.2)
    ax.axvline(1, color="0.8", lw=0.8, zorder=0)
    ax.set_ylim(-0.5, 1.5)
    ax.set_xscale("log")
    ax.set_xlabel("t / law's t_memorisation")
    ax.set_ylabel("position, exact 0, empirical 1")


def _sizes_told(ax, colours: dict) -> None:
    """Names the colours of N, of those without a network too: the panel of what is kept has them."""
    for points, colour in colours.items():
        ax.plot([], [], color=colour, lw=1.2, label=f"N = {points}")


def _kept(ax, curves: pd.DataFrame, colours: dict) -> None:
    """What the empirical score has of the exact geometry against t, group by group."""
    groups = [name for name in map(str, curves) if name.startswith("kept_")]
    for points, rows in curves.groupby("points"):
        rows = rows.sort_values("over_law")
        for name, style in zip(groups, itertools.cycle(STYLES), strict=False):
            text = f"group {name[5:]}" if points == min(curves.points) else None
            ax.plot(rows.over_law, rows[name], style, color=colours[points], lw=1.1, label=text)
    ax.axvline(1, color="0.8", lw=0.8, zorder=0)
    ax.axhline(KEPT, color="0.8", lw=0.8, zorder=0)
    ax.set_ylim(0, 1.6)
    ax.set_xscale("log")
    ax.set_xlabel("t / law's t_memorisation")
    ax.set_ylabel("tr G kept, of the exact one")
