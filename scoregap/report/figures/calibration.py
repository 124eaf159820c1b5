"""Figure of calibration: errors at clean points over what the Jacobian says of them, and over the Gaussian's.

study, `scoregap.analysis.calibration.curves` -> figure
"""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from scoregap.analysis.calibration import Curves
from scoregap.measure.calibration import MARGIN
from scoregap.report.figures import grid, log_time, networks, shared_legend, titled
from scoregap.study import Study

ROWS = ("error over t tr G", "skill:\nerror over the Gaussian's")
LIMITS = (0.5, 2.0)  # of the first row at least


def calibration(study: Study, shown: list[Curves]) -> Figure:
    """Two rows against noise: the ratio, with its margin in grey, and the skill; a thin line per seed, their mean."""
    _, colours = networks(study)
    figure, axes = grid(2, len(shown), height=2.3, sharex=True, sharey="row")
    for column, one in enumerate(shown):
        for row, of in enumerate((one.ratios, one.skills)):
            ax = axes[row, column]
            ax.axhline(1, color="black", lw=0.8, ls="--")
            if row == 0:
                ax.axhspan(1 / MARGIN, MARGIN, color="0.92", zorder=0)
            for network, seeds in of.items():
                positive = np.where(seeds > 0, seeds, np.nan)
                ax.plot(one.times, positive.T, color=colours[network], lw=0.5, alpha=0.5)
                with np.errstate(invalid="ignore"):
                    mean = np.exp(np.log(positive).mean(0))
                ax.plot(one.times, mean, color=colours[network], lw=1.5, label=network)
            log_time(ax)
            ax.set_yscale("log")
            if column == 0:
                ax.set_ylabel(ROWS[row])
        axes[0, column].set_title(titled(study, one.values))
        axes[1, column].set_xlabel("noise variance t")
    for row in (0, 1):
        low, high = axes[row, 0].get_ylim()
        axes[row, 0].set_ylim(min(low, LIMITS[0]), max(high, LIMITS[1]))
    ticks_of_ratios(axes[:, 0])
    shared_legend(figure, axes)
    figure.suptitle("Calibration: 1 for the data's own score (grey: plausible; thin: seeds)")
    return figure


def ticks_of_ratios(axes) -> None:
    """Ticks at plain numbers, few of them; no minor ones, whose labels collide on a short logarithmic axis."""
    for ax in axes:
        low, high = ax.get_ylim()
        candidates = (0.01, 0.03, 0.1, 0.2, 0.5, 0.8, 1, 1.2, 2, 5, 10, 30, 100) if high / low < 50 else ()
        if candidates:
            wide = high / low > 12
            ticks = [t for t in candidates if low <= t <= high and not (wide and t in (0.8, 1.2))]
            ax.yaxis.set_major_locator(FixedLocator(ticks))
            ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            ax.yaxis.set_minor_locator(NullLocator())
