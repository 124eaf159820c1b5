"""Figures of data from a file: how many modes are resolved at every noise variance, of all points and class by class.

study, what `scoregap.analysis.profiles` and `classes` say of its panels -> figures
"""

from collections.abc import Iterable

import numpy as np
from matplotlib.figure import Figure

from scoregap.analysis import profiles
from scoregap.analysis.classes import Classes, drawn_networks
from scoregap.report.figures import COLOURS, REFERENCE_STYLE, coloured
from scoregap.report.figures.cells import NOISE, head
from scoregap.report.figures.multiples import Multiples
from scoregap.study import Study

ROWS = {"modes": "modes resolved, n(t)", "traces": "tr G"}
BEYOND = 0.25  # of the range of a trace, which is drawn
EMPIRICAL = {"color": "0.45", "ls": ":", "lw": 1.8}


def styles(study: Study) -> dict[str, dict]:
    """The line of every score of a study, in its order."""
    known = {"gaussian": REFERENCE_STYLE["gaussian"], "empirical": EMPIRICAL}
    colours = coloured(name for name in study.axes["network"] if name not in known)
    return {name: known.get(name) or {"color": colours[name], "lw": 1.6} for name in study.axes["network"]}


def profile(study: Study, shown: list[profiles.Curves]) -> Figure:
    """n(t) of all scores in one panel, with bands and shoulders; below it the trace of G, or that alone."""
    rows = [name for name in ROWS if any(getattr(one, name) for one in shown)]
    figure = Multiples(len(rows), len(shown), 2.9, y="row", logx=True)
    for column, one in zip(figure.panels.T, shown, strict=True):
        head(figure, study, column, one.values)
        for panel, curves in zip(column, (getattr(one, name) for name in rows), strict=True):
            panel.y.see([0.0])
            for name, style in styles(study).items():
                curve = curves[name]
                panel.plot(one.times, curve.value, label=name, **style)
                panel.band(one.times, curve.low, curve.high, color=style["color"], alpha=0.2)
                for start, end, height in curve.shoulders:
                    panel.plot([end, start], [height, height], color=style["color"], lw=5, alpha=0.3)
    d = max(study.dims)
    figure.panels[-1, 0].y.bound(-BEYOND * d, (1 + BEYOND) * d)  # of a score that is off the data it may be far outside
    for panel, name in zip(figure.panels[:, 0], rows, strict=True):
        panel.ylabel = ROWS[name]
    confidence = f"{study.document.fit.confidence:.0%}"
    over = "seeds" if len(study.axes["seed"]) >= profiles.SEVERAL else "points"
    bands = f"bands: {confidence} intervals over {over}"
    whole = f"Modes that are resolved ({bands}; bars: shoulders)"
    return figure.finish(whole if "modes" in rows else f"Trace of G ({bands})", NOISE)


def of_classes(names: Iterable[str]) -> dict[str, str]:
    """A colour for every class, the same in all figures: a class that is a number has that of the number, others follow
    in the order of their names."""
    different = sorted(set(names))
    numbered = {name: COLOURS[int(name) % len(COLOURS)] for name in different if name.isdecimal()}
    return coloured(name for name in different if not name.isdecimal()) | numbered


def classes(study: Study, shown: list[Classes]) -> Figure:
    """n(t) of every class, with bands; rows are networks, columns cells in which one of them has a result."""
    rows = drawn_networks(study)
    shown = [one for one in shown if any(one.curves.values())] or shown[:1]
    figure = Multiples(max(1, len(rows)), len(shown), 3.4, y="row", logx=True)
    colours = of_classes(name for one in shown for curves in one.curves.values() for name in curves)
    for column, one in zip(figure.panels.T, shown, strict=True):
        head(figure, study, column, one.values)
        for panel, network in zip(column, rows, strict=False):
            panel.y.see([0.0])
            if np.isfinite(one.gaussian).any():
                panel.plot(one.times, one.gaussian, label="gaussian (all)", **REFERENCE_STYLE["gaussian"])
            for name, curve in one.curves[network].items():
                panel.plot(one.times, curve.value, label=name, name=f"{network}, {name}", color=colours[name], lw=1.4)
                panel.band(one.times, curve.low, curve.high, color=colours[name], alpha=0.12)
    d = max(study.dims)
    for panel, network in zip(figure.panels[:, 0], rows, strict=False):
        panel.y.bound(0, d)  # of a few networks intervals are wide
        panel.ylabel = f"{network}\nmodes resolved, n(t)"
    over = "networks" if len(study.axes["seed"]) >= profiles.SEVERAL else "points"
    bands = f"bands: {study.document.fit.confidence:.0%} intervals over {over}"
    return figure.finish(f"Modes that are resolved at points of every class ({bands})", NOISE)
