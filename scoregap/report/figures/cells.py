"""Figures that show the cells of a study: spectra, histograms, gaps, phase times, alignment, dimensions, training.

study, what `scoregap.analysis.cells` says of its panels -> figures
"""

import math
from collections.abc import Iterable

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from scoregap.analysis import cells
from scoregap.analysis.panels import numbered_axis
from scoregap.analysis.tables import at_gap, counted, with_interval
from scoregap.report.figures import REFERENCE_STYLE, anchor, label, labelled_values, networks
from scoregap.report.figures.multiples import Multiples, Small
from scoregap.scores import EXACT
from scoregap.study import Study

LOW = 0.4  # widest gap up to which an axis of widths does not reach 1
SEEDS = 8  # that are lines; of more than these the range is shaded
NOISE = "noise variance t"


def head(figure: Multiples, study: Study, panels: Iterable[Small], values: dict) -> None:
    """Names panels below one another: by values of the axes that vary, which lead to the first, and on to the others
    with the number of the row."""
    for row, panel in enumerate(panels):
        panel.about = labelled_values(values)
        panel.anchor = anchor(values) + (f".{row}" if row else "")
        if not row:
            panel.title = figure.wrapped(panel.about or study.name)


def spectra(study: Study, shown: list[cells.Spectra]) -> Figure:
    """Eigenvalues against index, coloured by log t; rows are scores, columns cells; one seed, mean over points."""
    networks = list(study.axes["network"])
    figure = Multiples(len(networks), len(shown), 2.0, x="col")
    times = shown[0].times
    norm, colours = LogNorm(times[0], times[-1]), colormaps["viridis"]
    for column, one in zip(figure.panels.T, shown, strict=True):
        head(figure, study, column, one.values)
        for panel, network in zip(column, networks, strict=True):
            curves = one.curves[network]
            panel.x.limits, panel.y.limits = (0, curves.shape[1] + 1), (-1.1, 0.15)
            for boundary in one.boundaries[:-1]:
                panel.rule(x=boundary + 0.5, color="0.7", lw=0.8, ls=":")
            for m in one.boundaries[-1:]:
                panel.rule(x=m + 0.5, color="tab:red", lw=0.9)
            modes = np.arange(1, curves.shape[1] + 1)
            for t, curve, colour in zip(one.times, curves, colours(norm(one.times)), strict=True):
                panel.plot(modes, curve, name=f"{network}, t = {t:.2g}", color=colour, lw=0.8)
        if len(one.boundaries):
            m = one.boundaries[-1]
            column[0].text((m + 1) / (len(modes) + 1), 0.42, f"m = {m:g}", color="tab:red")
    for panel, network in zip(figure.panels[:, 0], networks, strict=True):
        panel.ylabel = f"{network}\neigenvalue of t J"
    known = any(len(one.boundaries) for one in shown)
    marks = " (dotted: ends of the true groups; red: true dimension m)" if known else ""
    return figure.finish(f"Ordered spectra of the score Jacobian{marks}", "mode", bar=(norm, colours, NOISE))


def histograms(study: Study, shown: list[cells.Histograms]) -> Figure:
    """Eigenvalues of G over seeds and points at a few times: exact filled, networks as lines, density of the law."""
    figure = Multiples(len(shown[0].shown), len(shown), 2.1, y="none")
    for column, whole in zip(figure.panels.T, shown, strict=True):
        head(figure, study, column, whole.values)
        for panel, one in zip(column, whole.shown, strict=True):
            panel.x.limits = cells.BINS[0], cells.BINS[-1]
            if math.isnan(one.t):
                panel.text(0.5, 0.5, "the exact score has\nno such time", ha="center", va="center")
                continue
            for network, style in styles(study).items():
                if network in one.heights:
                    look = {"fill": True, "color": "0.8"} if network == EXACT else {"color": style["color"], "lw": 1.2}
                    panel.stairs(one.heights[network], cells.BINS, label=network, **look)
            if one.law:
                gamma, density, edges = one.law
                panel.plot(gamma, density, color="black", lw=1.2, label="law")
                for edge in edges:
                    panel.rule(x=edge, color="black", lw=0.7, ls=":")
            panel.text(0.5, 0.97, f"t = {one.t:.2g}", ha="center", va="top", color="0.3")
            panel.y.limits = 0, 1.5 * one.most or 1
    for panel, one in zip(figure.panels[:, 0], shown[0].shown, strict=True):
        panel.ylabel = f"{one.what}\ndensity"
    title = "Histograms of the eigenvalues of G = I + t J (black: random-matrix density, dotted: its edges)"
    return figure.finish(title, "eigenvalue of G")


def gaps(study: Study, shown: list[cells.Gaps]) -> Figure:
    """Gap width against t: law, every score with its seeds and the interval of their mean, and phase times."""
    trained, colours = networks(study)
    marked = cells.marked_score(study)
    figure = Multiples(len(shown[0].gaps), len(shown), 2.5, y="row", logx=True)
    for column, whole in zip(figure.panels.T, shown, strict=True):
        head(figure, study, column, whole.values)
        for panel, one in zip(column, whole.gaps, strict=True):
            panel.plot(whole.times, one.law, label="law", zorder=1, **REFERENCE_STYLE["law"])
            for network, style in styles(study).items():
                strength = 0.25 if network in trained else 0.1
                _gap(panel, whole.times, one.curves[network], network, style, strength)
            for name, marker in MARKERS.items():
                if name in one.marks:
                    at, width = one.marks[name]
                    panel.plot(
                        [at], [width], color=colours.get(marked, "black"), marker=marker, ms=6, ls="", zorder=4,
                        label=f"{name[2:]} ({marked})",
                    )  # fmt: skip
            after = "" if math.isnan(one.boundary) else f"after {counted('mode', int(one.boundary))}"
            panel.text(0.98, 0.97, after, ha="right", va="top", color="0.3")
    for k, (row, one) in enumerate(zip(figure.panels, shown[0].gaps, strict=True)):
        row[0].ylabel = f"{'final' if one.final else 'intermediate'} gap [{k}] width"
        most = _ends(row)[1]
        row[0].y.limits = 0, 1.15 * most if 0 < most < LOW else 1.02
    return figure.finish(
        f"Gap width against noise (thin: seeds, of more than {SEEDS} their range; thick: their mean; bands: its "
        f"{study.compare.confidence:.0%} Student interval; markers: fitted times)", NOISE,
    )  # fmt: skip


def _ends(panels: Iterable[Small]) -> tuple[float, float]:
    """The least and the most that lines of panels show; 0 and 1 where there is nothing."""
    values = np.concatenate([np.ravel(line.y) for panel in panels for line in panel.lines])
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)


def _gap(panel: Small, t: np.ndarray, curve: cells.Curve, network: str, style: dict, strength: float) -> None:
    """A gap by one score: its seeds, their mean and its interval."""
    known = np.isfinite(curve.seeds)
    if len(curve.seeds) <= SEEDS:
        panel.plot(t, curve.seeds, name=f"{network}, each seed", color=style["color"], lw=0.5, alpha=0.5, zorder=1)
    elif known.any():
        ends = np.where(known, curve.seeds, np.inf).min(0), np.where(known, curve.seeds, -np.inf).max(0)
        panel.band(t, *ends, color=style["color"], alpha=0.15)
    panel.plot(t, curve.mean, label=network, zorder=3 if network == EXACT else 2, **style)
    panel.band(t, curve.low.clip(0, 1), curve.high.clip(0, 1), color=style["color"], alpha=strength)


MARKERS = {"t_open": ">", "t_max": "^", "t_close": "<", "t_consolidation": "s", "t_resolution": "X"}


def styles(study: Study) -> dict[str, dict]:
    """The line of every score of a study: references, then networks."""
    trained, colours = networks(study)
    arms = {arm: REFERENCE_STYLE[arm] for arm in study.references}
    return arms | {network: {"color": colours[network], "lw": 1.4} for network in trained}


def phase_times(study: Study, shown: list[cells.Times]) -> Figure:
    """Fitted times against the first varied axis of numbers (curvature if it varies, or none does).

    A network's point is the mean exact time, times the mean ratio to exact over seeds: seeds have different F, and
    what they share with the exact score of the same F is no uncertainty of the network.
    """
    trained, colours = networks(study)
    along, names = numbered_axis(study), list(shown[0].references)
    figure = Multiples(len(shown), len(names), 2.4, y="none", logy=True)
    for row, one in zip(figure.panels, shown, strict=True):
        shift = 0.02 * (np.ptp(one.x) or 1.0)
        for panel, name in zip(row, names, strict=True):
            panel.about = f"{labelled_values(one.values) or study.name}: {at_gap(name, one.gaps[name])}"
            panel.title, panel.anchor = figure.wrapped(panel.about), f"{anchor(one.values)}.{name}"
            for reference, style in REFERENCE_STYLE.items():
                panel.plot(one.x, one.references[name][reference], label=reference, marker=".", ms=6, **style)
            for i, network in enumerate(trained):
                y, low, high = one.networks[name][network]
                x, style = one.x + (i + 1) * shift, {"color": colours[network], "lw": 1}
                panel.bars(x, low, high, **style)
                says = [
                    f"{network} at {label(along)} {at:g}: {text} · {panel.about}"
                    for at, text in zip(one.x, map(with_interval, y, low, high, [".3g"] * len(y)), strict=True)
                ]
                panel.plot(x, y, label=network, name=says, marker="o", ms=4, **style)
            _not_flattened(panel, one.references[name]["gaussian"])
        row[0].ylabel = NOISE
    confidence = f"{study.compare.confidence:.0%}"
    title = (
        f"Phase times against {label(along)} (bars: {confidence} Student intervals of the ratio to exact over seeds)"
    )
    return figure.finish(title, label(along))


def _not_flattened(panel: Small, gaussian: np.ndarray) -> None:
    """Makes no more room for the Gaussian, which sees no curvature, than for all else; where it is beyond, says so."""
    others = [one for one in panel.lines if one.label != "gaussian"]
    seen = np.concatenate([np.ravel(one.y) for one in others])
    seen = seen[np.isfinite(seen) & (seen > 0)]
    if seen.size:
        room = max(seen.max() / seen.min(), 1.1)
        low, high = seen.min() / room**0.5, seen.max() * room**0.5
        panel.y.bound(low, high)
        for beyond, arrow, place in ((gaussian > high, "↑", 0.9), (gaussian < low, "↓", 0.03)):
            if beyond.any():
                ends = sorted({f"{value:.3g}" for value in gaussian[beyond][[0, -1]]}, key=float)
                panel.text(0.98, place, f"{arrow} gaussian {' to '.join(ends)}", ha="right", color="tab:green")


def alignment(study: Study, shown: list[cells.Alignment]) -> Figure:
    """Alignment of every group against t: gaussian and exact lines, one line and a seed band per network, and times."""
    trained, colours = networks(study)
    figure = Multiples(len(shown[0].groups), len(shown), 2.2, y="row", logx=True)
    for column, whole in zip(figure.panels.T, shown, strict=True):
        head(figure, study, column, whole.values)
        for panel, scores in zip(column, whole.groups, strict=True):
            panel.rule(y=whole.threshold, color="0.7", lw=0.8, ls=":")
            for network, style in styles(study).items():
                one = scores[network]
                panel.plot(whole.times, one.mean, label=network, zorder=3 if network == EXACT else 2, **style)
                if network in trained:
                    panel.band(whole.times, one.least, one.most, color=colours[network], alpha=0.25)
                marker = "o" if network in trained else "D"
                panel.plot([one.at], [whole.threshold], color=style["color"], marker=marker, ms=5, ls="", zorder=4)
    for group, row in enumerate(figure.panels):
        row[0].ylabel = f"cosine, group {group}"
        row[0].y.limits = math.floor(4 * min(_ends(row)[0], whole.threshold)) / 4, 1.03
    return figure.finish(
        "Alignment with the true tangents (lines: mean over seeds; bands: range; dotted: threshold; markers: median "
        "times)", NOISE,
    )  # fmt: skip


PHASES = {"consolidation": "tab:blue", "coverage": "tab:orange", "trivial": "0.5"}


def dimension(study: Study, shown: list[cells.Dimension]) -> Figure:
    """Blind dimension against t, and the three phases of the exact score shaded."""
    figure = Multiples(1, len(shown), 2.8, logx=True)
    whose = cells.reference_score(study)
    for panel, one in zip(figure.each, shown, strict=True):
        head(figure, study, [panel], one.values)
        for (name, colour), left, right in zip(PHASES.items(), one.ends[:-1], one.ends[1:], strict=True):
            panel.span(left, right, color=colour, alpha=0.12, label=f"{name} phase ({whose})")
        for boundary in one.boundaries:
            panel.rule(y=boundary, color="0.7", lw=0.8, ls=":")
        panel.y.see([0.0, *one.boundaries])
        middle = np.sqrt(one.times[1:] * one.times[:-1])
        steps = np.concatenate([one.times[:1], middle.repeat(2), one.times[-1:]])
        for network, style in styles(study).items():
            estimates = one.estimates[network]
            panel.plot(steps, estimates.repeat(2), label=network, zorder=3 if network == EXACT else 2, **style)
    figure.panels[0, 0].ylabel = "modes above the widest gap"
    title = "Blind dimension against noise (median over seeds; 0: no visible gap; dotted: ends of the true groups)"
    return figure.finish(title, NOISE)


def training(study: Study, shown: list[cells.Training]) -> Figure:
    """Excess over the Bayes optimum against training steps, every seed."""
    trained, colours = networks(study)
    figure = Multiples(1, len(shown), 2.8, logx=True, logy=True)
    for panel, one in zip(figure.each, shown, strict=True):
        head(figure, study, [panel], one.values)
        for network, curves in one.curves.items():
            for steps, excess in curves:
                panel.plot(steps, excess, label=network, color=colours[network], lw=1)
        if not one.known:
            why = "no finite training curve" if trained else "nothing was trained"
            panel.text(0.5, 0.5, why, ha="center")
    figure.panels[0, 0].ylabel = "excess loss over Bayes,\nper coordinate"
    title = "Training: excess of the averaged weights over the Bayes optimum, mean over noise levels"
    return figure.finish(title, "optimiser steps")
