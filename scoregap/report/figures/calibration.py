"""Figure of calibration: errors at clean points over what the Jacobian says of them, and over the Gaussian's.

study, `scoregap.analysis.calibration.curves` -> figure
"""

import numpy as np
from matplotlib.figure import Figure

from scoregap.analysis.calibration import Curves
from scoregap.report.figures import networks
from scoregap.report.figures.cells import NOISE, head
from scoregap.report.figures.multiples import Multiples
from scoregap.study import Study

ROWS = ("error over t tr G", "skill: error over\nthe Gaussian's")


def calibration(study: Study, shown: list[Curves]) -> Figure:
    """Two rows against noise: the ratio, with its margin in grey, and the skill; a thin line per seed, their mean."""
    _, colours = networks(study)
    figure = Multiples(2, len(shown), 2.4, y="row", logx=True, logy=True)
    for column, one in zip(figure.panels.T, shown, strict=True):
        head(figure, study, column, one.values)
        column[0].band(one.times[[0, -1]], *np.transpose([one.margin] * 2), color="0.92", zorder=0)
        for panel, of in zip(column, (one.ratios, one.skills), strict=True):
            panel.rule(y=1.0, color="black", lw=0.8, ls="--")
            for network, curve in of.items():
                panel.plot(one.times, curve.seeds, color=colours[network], lw=0.5, alpha=0.5)
                panel.plot(one.times, curve.mean, label=network, color=colours[network], lw=1.5)
    for panel, label in zip(figure.panels[:, 0], ROWS, strict=True):
        panel.ylabel = label
    return figure.finish("Calibration: 1 for the data's own score (grey: plausible; thin: seeds)", NOISE)
