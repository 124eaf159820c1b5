"""Figure of the phases: which gap leads at which noise, against an axis of the study.

study, what `scoregap.analysis.phases` says of its panels -> figure, a map per score, with the boundaries between phases
that the law predicts
"""

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from scoregap.analysis.panels import numbered_axis
from scoregap.analysis.phases import Leads
from scoregap.analysis.tables import exactly
from scoregap.report.figures import label, labelled_values
from scoregap.report.figures.multiples import Multiples
from scoregap.study import Study

# of the law: the line of every boundary
BOUNDARIES = {"trivial | coverage": "-", "coverage | consolidation": "--", "final gap at one half": ":"}


def diagram(study: Study, shown: list[Leads]) -> Figure:
    """Final gap less the widest intermediate one, median over seeds, over t and an axis of numbers.

    Blue: an intermediate gap leads (coverage); red: the final one does (consolidation); white: neither is open
    (trivial).
    """
    along = numbered_axis(study)
    arms = list(shown[0].leads)
    rows = max(len(one.x) for one in shown)
    figure = Multiples(len(shown), len(arms), 1.2 + 0.28 * rows, y="row", logx=True)
    norm, colours = Normalize(-1, 1), colormaps["RdBu_r"]
    for row, one in zip(figure.panels, shown, strict=True):
        row[0].ylabel = label(along)
        row[0].y.limits = -0.5, len(one.x) - 0.5
        row[0].y.named = {place: exactly(x) for place, x in enumerate(one.x)}
        for panel, arm in zip(row, arms, strict=True):
            panel.title = figure.wrapped(": ".join(filter(None, (labelled_values(one.values), arm))))
            for place, (t, lead) in enumerate(one.leads[arm]):
                strip = place - 0.5, place + 0.5
                shades = colours(norm(np.ma.masked_invalid(lead)))
                half = (t[1] / t[0]) ** 0.5 if len(t) > 1 else 1.1  # of a step: times are equally spaced in log t
                panel.strip((t[0] / half, t[-1] * half), strip, shades)
                for at, (name, style) in zip(one.ends[place], BOUNDARIES.items(), strict=True):
                    says = f"law: {name} at t {at:.3g} · {label(along)} {exactly(one.x[place])}"
                    panel.plot([at, at], strip, name=[says], color="k", ls=style, lw=1.3)
    handles = [Line2D([], [], color="k", ls=style, label=f"law: {name}") for name, style in BOUNDARIES.items()]
    bar = norm, colours, "final - intermediate gap"
    return figure.finish(f"Phases against {label(along)}", "noise variance t", handles, bar)
