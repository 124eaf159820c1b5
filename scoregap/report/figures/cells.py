"""Figures that show the cells of a study: spectra, histograms, gaps, phase times, alignment, dimensions, training.

study, what `scoregap.analysis.cells` says of its panels -> figures
"""

import math

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from scoregap.analysis import cells
from scoregap.analysis.panels import numbered_axis
from scoregap.report.figures import REFERENCE_STYLE, grid, labelled_values, log_time, networks, shared_legend, titled
from scoregap.scores import EXACT
from scoregap.study import Study


def spectra(study: Study, shown: list[cells.Spectra]) -> Figure:
    """Eigenvalues against index, coloured by log t; rows are scores, columns cells; one seed, mean over points."""
    networks = list(study.axes["network"])
    figure, axes = grid(len(networks), len(shown), height=2.0, sharex="col", sharey=True)
    times = shown[0].times
    norm, colours = LogNorm(times[0], times[-1]), colormaps["viridis"]
    for column, one in enumerate(shown):
        for row, network in enumerate(networks):
            ax, curves = axes[row, column], one.curves[network]
            modes = np.arange(1, curves.shape[1] + 1)
            lines = [np.column_stack([modes, curve]) for curve in curves]
            ax.add_collection(LineCollection(lines, colors=colours(norm(times)), linewidths=0.8))
            ax.set_xlim(0, len(modes) + 1)
            for boundary in one.boundaries[:-1]:
                ax.axvline(boundary + 0.5, color="0.7", lw=0.8, ls=":")
            for m in one.boundaries[-1:]:
                ax.axvline(m + 0.5, color="tab:red", lw=0.9)
            if row == 0 and len(one.boundaries):
                ax.annotate(
                    f"m = {one.boundaries[-1]:g}", (one.boundaries[-1] + 0.5, -0.55), (4, 0),
                    textcoords="offset points", fontsize=8, color="tab:red",
                )  # fmt: skip
            if column == 0:
                ax.set_ylabel(f"{network}\neigenvalue of t J")
            if row == 0:
                ax.set_title(titled(study, one.values))
            if row == len(networks) - 1:
                ax.set_xlabel("mode")
    axes[0, 0].set_ylim(-1.1, 0.15)
    bar = figure.colorbar(ScalarMappable(norm, colours), ax=axes, shrink=0.6, pad=0.01)
    bar.set_label("noise variance t")
    known = any(len(one.boundaries) for one in shown)
    marks = " (dotted: ends of the true groups; red: true dimension m)" if known else ""
    figure.suptitle(f"Ordered spectra of the score Jacobian{marks}")
    return figure


def histograms(study: Study, shown: list[cells.Histograms]) -> Figure:
    """Eigenvalues of G over seeds and points at a few times: exact filled, networks as lines, density of the law."""
    rows = len(shown[0].shown)
    figure, axes = grid(rows, len(shown), height=2.1, sharex=True)
    for column, panel in enumerate(shown):
        for row, one in enumerate(panel.shown):
            ax = axes[row, column]
            if column == 0:
                ax.set_ylabel(f"{one.what}\ndensity")
            if row == 0:
                ax.set_title(titled(study, panel.values))
            if row == rows - 1:
                ax.set_xlabel("eigenvalue of G")
            if math.isnan(one.t):
                ax.text(0.5, 0.5, "the exact score has\nno such time", transform=ax.transAxes, ha="center", va="center")
                continue
            for network, style in styles(study).items():
                if network in one.heights:
                    look = {"fill": True, "color": "0.8"} if network == EXACT else {"color": style["color"], "lw": 1.2}
                    ax.stairs(one.heights[network], cells.BINS, label=network, **look)
            if one.law:
                gamma, density, edges = one.law
                ax.plot(gamma, density, color="black", lw=1.2, label="law")
                for edge in edges:
                    ax.axvline(edge, color="black", lw=0.7, ls=":")
            text = f"t = {one.t:.2g}"
            ax.text(0.5, 0.97, text, transform=ax.transAxes, ha="center", va="top", fontsize=8, color="0.3")
            ax.set_ylim(0, 1.5 * one.most or 1)
    shared_legend(figure, axes)
    figure.suptitle("Histograms of the eigenvalues of G = I + t J (black: random-matrix density, dotted: its edges)")
    return figure


def gaps(study: Study, shown: list[cells.Gaps]) -> Figure:
    """Gap width against t: law, every score with its seeds and the interval of their mean, and phase times."""
    trained, colours = networks(study)
    marked = cells.marked_score(study)
    count = len(shown[0].gaps)
    figure, axes = grid(count, len(shown), height=2.5, sharex=True, sharey=True)
    for column, panel in enumerate(shown):
        t = panel.times
        for row, one in enumerate(panel.gaps):
            ax = axes[row, column]
            ax.plot(t, one.law, **REFERENCE_STYLE["law"], label="law", zorder=1)
            for network, style in styles(study).items():
                curve = one.curves[network]
                ax.plot(t, curve.seeds.T, color=style["color"], lw=0.5, alpha=0.5, zorder=1)
                ax.plot(t, curve.mean, **style, label=network, zorder=3 if network == EXACT else 2)
                strength = 0.25 if network in trained else 0.1
                ends = curve.low.clip(0, 1), curve.high.clip(0, 1)
                ax.fill_between(t, *ends, color=style["color"], lw=0, alpha=strength)
            for name, marker in MARKERS.items():
                if name in one.marks:
                    ax.plot(
                        *one.marks[name], marker, color=colours.get(marked, "black"), ms=6,
                        label=f"{name[2:]} ({marked})", zorder=4,
                    )  # fmt: skip
            log_time(ax)
            below = "" if math.isnan(one.boundary) else f"below mode {one.boundary:g}"
            ax.text(0.98, 0.97, below, transform=ax.transAxes, ha="right", va="top", fontsize=8, color="0.3")
            if row == 0:
                ax.set_title(titled(study, panel.values))
            if column == 0:
                ax.set_ylabel(f"{'final' if one.final else 'intermediate'} gap width")
            if row == count - 1:
                ax.set_xlabel("noise variance t")
    axes[0, 0].set_ylim(0, 1.02)
    shared_legend(figure, axes)
    figure.suptitle(
        "Gap width against noise (thin: seeds; thick: their mean; bands: its "
        f"{study.compare.confidence:.0%} Student interval; markers: fitted times)"
    )
    return figure


MARKERS = {"t_open": ">", "t_max": "^", "t_close": "<", "t_consolidation": "s", "t_resolution": "X"}


def styles(study: Study) -> dict[str, dict]:
    """The line of every score of a study: references, then networks."""
    trained, colours = networks(study)
    arms = {arm: REFERENCE_STYLE[arm] for arm in study.references}
    return arms | {network: {"color": colours[network], "lw": 1.4} for network in trained}


def phase_times(study: Study, shown: list[cells.Times]) -> Figure:
    """Fitted times against the first varied axis of numbers (curvature if it varies, or none does).

    A network's point is the median exact time, times the mean ratio to exact over seeds: seeds have different F, and
    what they share with the exact score of the same F is no uncertainty of the network.
    """
    trained, colours = networks(study)
    along, names = numbered_axis(study), list(shown[0].references)
    figure, axes = grid(len(shown), len(names), sharex=True)
    for row, one in zip(axes, shown, strict=True):
        shift = 0.02 * (np.ptp(one.x) or 1.0)
        for ax, name in zip(row, names, strict=True):
            for reference, style in REFERENCE_STYLE.items():
                ax.plot(one.x, one.references[name][reference], marker=".", label=reference, **style)
            for i, network in enumerate(trained):
                y, low, high = one.networks[name][network]
                ax.errorbar(
                    one.x + (i + 1) * shift, y, np.nan_to_num([y - low, high - y]), color=colours[network],
                    marker="o", ms=4, capsize=3, lw=1, label=network,
                )  # fmt: skip
            if any(np.isfinite(line.get_ydata()).any() for line in ax.get_lines()):
                ax.set_yscale("log")
            where = labelled_values(one.values) or study.name
            ax.set_title(f"{where}: {name}" + ("" if name == "t_consolidation" else " (first gap)"))
        row[0].set_ylabel("noise variance t")
    for ax in axes[-1]:
        ax.set_xlabel(along)
    shared_legend(figure, axes)
    confidence = f"{study.compare.confidence:.0%}"
    figure.suptitle(
        f"Phase times against {along} (bars: {confidence} Student intervals of the ratio to exact over seeds)"
    )
    return figure


def alignment(study: Study, shown: list[cells.Alignment]) -> Figure:
    """Alignment of every group against t: gaussian and exact lines, one line and a seed band per network, and times."""
    trained, colours = networks(study)
    count = len(shown[0].groups)
    figure, axes = grid(count, len(shown), height=2.2, sharex=True, sharey=True)
    for column, panel in enumerate(shown):
        t = panel.times
        for group, scores in enumerate(panel.groups):
            ax = axes[group, column]
            ax.axhline(panel.threshold, color="0.7", lw=0.8, ls=":")
            for network, style in styles(study).items():
                one = scores[network]
                over = {"zorder": 3} if network == EXACT else {}
                ax.plot(t, one.mean, label=network, **style, **over)
                if network in trained:
                    ax.fill_between(t, one.least, one.most, color=colours[network], alpha=0.25, lw=0)
                marker = "o" if network in trained else "D"
                ax.plot(one.at, panel.threshold, marker, color=style["color"], ms=5, zorder=4)
            log_time(ax)
            if group == 0:
                ax.set_title(titled(study, panel.values))
            if column == 0:
                ax.set_ylabel(f"cosine, group {group + 1}")
            if group == count - 1:
                ax.set_xlabel("noise variance t")
    axes[0, 0].set_ylim(0, 1.03)
    shared_legend(figure, axes)
    figure.suptitle(
        "Alignment with the true tangents "
        "(lines: mean over seeds; bands: range; dotted: threshold; markers: median times)"
    )
    return figure


PHASES = {"consolidation": "tab:blue", "coverage": "tab:orange", "trivial": "0.5"}


def dimension(study: Study, shown: list[cells.Dimension]) -> Figure:
    """Blind dimension against t, and the three phases of the exact score shaded."""
    figure, axes = grid(1, len(shown), height=2.8, sharex=True)
    whose = cells.reference_score(study)
    for column, one in enumerate(shown):
        ax, t = axes[0, column], one.times
        for (name, colour), left, right in zip(PHASES.items(), one.ends[:-1], one.ends[1:], strict=True):
            ax.axvspan(left, right, color=colour, alpha=0.12, lw=0, label=f"{name} phase ({whose})")
        for boundary in one.boundaries:
            ax.axhline(boundary, color="0.7", lw=0.8, ls=":")
        for network, style in styles(study).items():
            on_top = {"zorder": 3} if network == EXACT else {}
            ax.step(t, one.estimates[network], where="mid", label=network, **style, **on_top)
        log_time(ax)
        ax.set_title(titled(study, one.values))
        ax.set_xlabel("noise variance t")
        if column == 0:
            ax.set_ylabel("modes above the widest gap")
        ax.set_ylim(bottom=-0.3)
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    shared_legend(figure, axes)
    figure.suptitle(
        "Blind dimension against noise (median over seeds; 0: no visible gap; dotted: ends of the true groups)"
    )
    return figure


def training(study: Study, shown: list[cells.Training]) -> Figure:
    """Excess over the Bayes optimum against training steps, every seed."""
    trained, colours = networks(study)
    figure, axes = grid(1, len(shown), height=2.8, sharex=True, sharey=True)
    for column, one in enumerate(shown):
        ax = axes[0, column]
        for network, curves in one.curves.items():
            for steps, excess in curves:
                ax.plot(steps, excess, color=colours[network], lw=1, marker=".", ms=3, label=network)
        if one.known:
            ax.set_xscale("log")
            ax.set_yscale("log")
        else:
            why = "no finite training curve" if trained else "nothing was trained"
            ax.text(0.5, 0.5, why, transform=ax.transAxes, ha="center")
        ax.set_title(titled(study, one.values))
        ax.set_xlabel("optimiser steps")
        if column == 0:
            ax.set_ylabel("excess loss over Bayes,\nper coordinate")
    shared_legend(figure, axes)
    figure.suptitle("Training: excess of the averaged weights over the Bayes optimum, mean over noise levels")
    return figure
