"""Figures that show the cells of a study: spectra, histograms, gaps, phase times, alignment, dimensions, training.

study, panels of its cube -> figures

They show every combination of the axes other than network and seed, up to PANELS of them.
"""

import math

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from scoregap.analysis.cells import around_exact, law_density, moments, seed_band
from scoregap.data import FAMILIES
from scoregap.report.figures import (
    PANELS,
    REFERENCE_STYLE,
    along_axis,
    grid,
    log_time,
    networks,
    numbered_axis,
    of_cell,
    shared_legend,
)
from scoregap.scores import EXACT
from scoregap.study import Study


def spectra(study: Study, facets: list) -> Figure:
    """Eigenvalues against index, coloured by log t; rows are scores, columns cells; one seed, mean over points."""
    facets = facets[:PANELS]
    networks = list(study.axes["network"])
    figure, axes = grid(len(networks), len(facets), height=2.0, sharex="col", sharey=True)
    times = facets[0][1].time.values
    norm, colours = LogNorm(times[0], times[-1]), colormaps["viridis"]
    for column, (title, ds) in enumerate(facets):
        boundaries = of_cell(ds.boundary).values
        boundaries = boundaries[np.isfinite(boundaries)]
        for row, network in enumerate(networks):
            ax = axes[row, column]
            curves = ds.eigenvalue.sel(network=network).isel(seed=0).mean("point").values
            modes = np.arange(1, curves.shape[1] + 1)
            lines = [np.column_stack([modes, curve]) for curve in curves]
            ax.add_collection(LineCollection(lines, colors=colours(norm(times)), linewidths=0.8))
            ax.set_xlim(0, len(modes) + 1)
            for boundary in boundaries[:-1]:
                ax.axvline(boundary + 0.5, color="0.7", lw=0.8, ls=":")
            for m in boundaries[-1:]:
                ax.axvline(m + 0.5, color="tab:red", lw=0.9)
            if row == 0 and len(boundaries):
                ax.annotate(
                    f"m = {boundaries[-1]:g}", (boundaries[-1] + 0.5, -0.55), (4, 0), textcoords="offset points",
                    fontsize=8, color="tab:red",
                )  # fmt: skip
            if column == 0:
                ax.set_ylabel(f"{network}\neigenvalue of t J")
            if row == 0:
                ax.set_title(title)
            if row == len(networks) - 1:
                ax.set_xlabel("mode")
    axes[0, 0].set_ylim(-1.1, 0.15)
    bar = figure.colorbar(ScalarMappable(norm, colours), ax=axes, shrink=0.6, pad=0.01)
    bar.set_label("noise variance t")
    figure.suptitle("Ordered spectra of the score Jacobian (dotted: ends of the true groups; red: true dimension m)")
    return figure


def histograms(study: Study, facets: list) -> Figure:
    """Eigenvalues of G over seeds and points at a few times: exact filled, networks as lines, density of the law."""
    facets = facets[:PANELS]
    shown_at = [moments(study, ds) for _, ds in facets]
    figure, axes = grid(len(shown_at[0]), len(facets), height=2.1, sharex=True)
    bins = np.linspace(-0.15, 1.15, 66)
    beside_0 = bins[:-1] > 0.04
    for column, (title, ds) in enumerate(facets):
        for row, (what, at) in enumerate(shown_at[column]):
            ax = axes[row, column]
            if column == 0:
                ax.set_ylabel(f"{what}\ndensity")
            if row == 0:
                ax.set_title(title)
            if row == len(shown_at[0]) - 1:
                ax.set_xlabel("eigenvalue of G")
            if not np.isfinite(at):
                ax.text(0.5, 0.5, "the exact score has\nno such time", transform=ax.transAxes, ha="center", va="center")
                continue
            here = ds.sel(time=at, method="nearest")
            t, most = here.time.item(), 0.0
            for network, style in styles(study).items():
                values = 1 + here.eigenvalue.sel(network=network).values.ravel()
                if network == "gaussian" or not np.isfinite(values).any():
                    continue
                values = values[np.isfinite(values)]
                heights = np.histogram(values, bins)[0] / (values.size * (bins[1] - bins[0]))
                if network == EXACT or EXACT not in study.axes["network"]:
                    most = max(most, heights[beside_0].max())
                shown = {"fill": True, "color": "0.8"} if network == EXACT else {"color": style["color"], "lw": 1.2}
                ax.stairs(heights, bins, label=network, **shown)
            law = None if here.curvature.item() else law_density(study, here, t)
            if law:
                gamma, density, edges = law
                ax.plot(gamma, density, color="black", lw=1.2, label="law")
                for edge in edges:
                    ax.axvline(edge, color="black", lw=0.7, ls=":")
            ax.text(0.5, 0.97, f"t = {t:.2g}", transform=ax.transAxes, ha="center", va="top", fontsize=8, color="0.3")
            ax.set_ylim(0, 1.5 * most or 1)
    shared_legend(figure, axes)
    figure.suptitle("Histograms of the eigenvalues of G = I + t J (black: random-matrix density, dotted: its edges)")
    return figure


def gaps(study: Study, facets: list) -> Figure:
    """Gap width against t: law, every score with its seeds and the interval of their mean, and phase times."""
    facets = facets[:PANELS]
    trained, colours = networks(study)
    count = facets[0][1].sizes["gap"]
    figure, axes = grid(count, len(facets), height=2.5, sharex=True, sharey=True)
    for column, (title, ds) in enumerate(facets):
        for gap in range(count):
            ax, nested = axes[gap, column], FAMILIES[str(ds.family.item())].shares
            final = gap == count - 1 or not nested
            t, one = ds.time.values, ds.isel(gap=gap)
            law = of_cell(one.law_gap_width)
            ax.plot(t, law, **REFERENCE_STYLE["law"], label="law", zorder=1)
            for network, style in styles(study).items():
                curves = one.gap_width.sel(network=network).transpose("seed", "time")
                ax.plot(t, curves.T, color=style["color"], lw=0.5, alpha=0.5, zorder=1)
                ax.plot(t, curves.mean("seed"), **style, label=network, zorder=3 if network == EXACT else 2)
                low, high = seed_band(curves.values, study.document.compare.confidence)
                ax.fill_between(
                    t,
                    low.clip(0, 1),
                    high.clip(0, 1),
                    color=style["color"],
                    lw=0,
                    alpha=0.25 if network in trained else 0.1,
                )
            shown = trained[-1] if trained else study.axes["network"][0]
            names = ("t_consolidation", "t_resolution") if final else ("t_open", "t_max", "t_close")
            for name, marker in zip(names, ("s", "X") if final else (">", "^", "<"), strict=True):
                position = float(one[name].sel(network=shown).median())
                if np.isfinite(position):
                    curve = one.gap_width.sel(network=shown).mean("seed")
                    height = np.interp(np.log(position), np.log(t), curve)
                    ax.plot(
                        position,
                        height,
                        marker,
                        color=colours.get(shown, "black"),
                        ms=6,
                        label=f"{name[2:]} ({shown})",
                        zorder=4,
                    )
            log_time(ax)
            boundary = of_cell(one.boundary).item()
            ax.text(
                0.98,
                0.97,
                "" if math.isnan(boundary) else f"below mode {boundary:g}",
                transform=ax.transAxes,
                ha="right",
                va="top",
                fontsize=8,
                color="0.3",
            )
            if gap == 0:
                ax.set_title(title)
            if column == 0:
                ax.set_ylabel(f"{'final' if final else 'intermediate'} gap width")
            if gap == count - 1:
                ax.set_xlabel("noise variance t")
    axes[0, 0].set_ylim(0, 1.02)
    shared_legend(figure, axes)
    figure.suptitle(
        "Gap width against noise (thin: seeds; thick: their mean; bands: its "
        f"{study.document.compare.confidence:.0%} Student interval; markers: fitted times)"
    )
    return figure


def styles(study: Study) -> dict[str, dict]:
    """The line of every score of a study: references, then networks."""
    trained, colours = networks(study)
    arms = {arm: REFERENCE_STYLE[arm] for arm in study.references}
    return arms | {network: {"color": colours[network], "lw": 1.4} for network in trained}


def phase_times(study: Study, facets: list) -> Figure:
    """Fitted times against the first varied axis of numbers (curvature if it varies, or none does).

    A network's point is the median exact time, times the mean ratio to exact over seeds: seeds have different F, and
    what they share with the exact score of the same F is no uncertainty of the network.
    """
    trained, colours = networks(study)
    along = numbered_axis(study)
    groups = dict(list(along_axis(study, facets, along).items())[:PANELS])
    names = ["t_consolidation"]
    if facets[0][1].sizes["gap"] > 1:
        names = ["t_open", "t_max", "t_close", *names]
    figure, axes = grid(len(groups), len(names), sharex=True)
    for row, (title, members) in enumerate(groups.items()):
        x = np.array([ds[along].item() for ds in members], float)
        shift = 0.02 * (np.ptp(x) or 1.0)
        for column, name in enumerate(names):
            ax = axes[row, column]
            gap = -1 if name == "t_consolidation" else 0
            for reference, style in REFERENCE_STYLE.items():
                y = [float(ds[f"{reference}_{name}"].isel(gap=gap, network=0).median()) for ds in members]
                ax.plot(x, y, marker=".", label=reference, **style)
            for i, network in enumerate(trained):
                y, low, high = np.transpose(
                    [around_exact(ds.isel(gap=gap).sel(network=network), name, study) for ds in members]
                )
                errors = np.nan_to_num([y - low, high - y])
                ax.errorbar(
                    x + (i + 1) * shift,
                    y,
                    errors,
                    color=colours[network],
                    marker="o",
                    ms=4,
                    capsize=3,
                    lw=1,
                    label=network,
                )
            if any(np.isfinite(line.get_ydata()).any() for line in ax.get_lines()):
                ax.set_yscale("log")
            ax.set_title(f"{title or study.name}: {name}" + (" (first gap)" if gap == 0 else ""))
            if row == len(groups) - 1:
                ax.set_xlabel(along)
            if column == 0:
                ax.set_ylabel("noise variance t")
    shared_legend(figure, axes)
    confidence = f"{study.document.compare.confidence:.0%}"
    figure.suptitle(
        f"Phase times against {along} (bars: {confidence} Student intervals of the ratio to exact over seeds)"
    )
    return figure


def alignment(study: Study, facets: list) -> Figure:
    """Alignment of every group against t: gaussian and exact lines, one line and a seed band per network, and times."""
    facets = facets[:PANELS]
    trained, colours = networks(study)
    count = facets[0][1].sizes["group"]
    figure, axes = grid(count, len(facets), height=2.2, sharex=True, sharey=True)
    for column, (title, ds) in enumerate(facets):
        t, threshold = ds.time.values, ds.coords.get("fit.alignment", study.document.fit.alignment)
        for group in range(count):
            ax, one = axes[group, column], ds.isel(group=group)
            ax.axhline(float(threshold), color="0.7", lw=0.8, ls=":")
            for network, style in styles(study).items():
                own = one.sel(network=network)
                over = {"zorder": 3} if network == EXACT else {}
                ax.plot(t, own.alignment.mean("seed"), label=network, **style, **over)
                if network in trained:
                    low, high = own.alignment.min("seed"), own.alignment.max("seed")
                    ax.fill_between(t, low, high, color=colours[network], alpha=0.25, lw=0)
                marker = "o" if network in trained else "D"
                ax.plot(own.t_alignment.median(), threshold, marker, color=style["color"], ms=5, zorder=4)
            log_time(ax)
            if group == 0:
                ax.set_title(title)
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


def dimension(study: Study, facets: list) -> Figure:
    """Blind dimension against t, and the three phases of the exact score shaded."""
    facets = facets[:PANELS]
    figure, axes = grid(1, len(facets), height=2.8, sharex=True)
    for column, (title, ds) in enumerate(facets):
        ax, t = axes[0, column], ds.time.values
        shown = EXACT if EXACT in study.axes["network"] else study.axes["network"][0]
        reference = ds.sel(network=shown)
        intermediate = (
            reference.t_open.isel(gap=slice(0, -1)).median("seed").max().item() if ds.sizes["gap"] > 1 else np.nan
        )
        consolidation = reference.t_consolidation.isel(gap=-1).median().item()
        bounds = [t[0], consolidation, intermediate, t[-1]]
        if not np.isfinite(consolidation):
            bounds[1] = t[0]
        if not np.isfinite(intermediate):
            bounds[2] = bounds[1]
        for name, colour, left, right in zip(
            ("consolidation", "coverage", "trivial"),
            ("tab:blue", "tab:orange", "0.5"),
            bounds,
            bounds[1:],
            strict=False,
        ):
            ax.axvspan(left, right, color=colour, alpha=0.12, lw=0, label=f"{name} phase ({shown})")
        for boundary in of_cell(ds.boundary).values:
            ax.axhline(boundary, color="0.7", lw=0.8, ls=":")
        for network, style in styles(study).items():
            estimates = ds.dimension.sel(network=network).isel(estimator=0).median("seed")
            on_top = {"zorder": 3} if network == EXACT else {}
            ax.step(t, estimates, where="mid", label=network, **style, **on_top)
        log_time(ax)
        ax.set_title(title)
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


def training(study: Study, facets: list) -> Figure:
    """Excess over the Bayes optimum against training steps, every seed."""
    facets = facets[:PANELS]
    trained, colours = networks(study)
    figure, axes = grid(1, len(facets), height=2.8, sharex=True, sharey=True)
    for column, (title, ds) in enumerate(facets):
        ax = axes[0, column]
        for network in trained:
            one = ds.sel(network=network)
            for seed in range(ds.sizes["seed"]):
                ax.plot(
                    one.training_step.isel(seed=seed), one.training_excess.isel(seed=seed),
                    color=colours[network], lw=1, marker=".", ms=3, label=network,
                )  # fmt: skip
        if (ds.training_excess.sel(network=trained) > 0).any():
            ax.set_xscale("log")
            ax.set_yscale("log")
        else:
            why = "no finite training curve" if trained else "nothing was trained"
            ax.text(0.5, 0.5, why, transform=ax.transAxes, ha="center")
        ax.set_title(title)
        ax.set_xlabel("optimiser steps")
        if column == 0:
            ax.set_ylabel("excess loss over Bayes,\nper coordinate")
    shared_legend(figure, axes)
    figure.suptitle("Training: excess of the averaged weights over the Bayes optimum, mean over noise levels")
    return figure
