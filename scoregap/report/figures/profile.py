"""Figures of data from a file: how many modes are resolved at every noise variance.

study, what `scoregap.analysis.profiles` says of its panels -> figures
"""

from matplotlib.figure import Figure

from scoregap.analysis import profiles
from scoregap.report.figures import REFERENCE_STYLE, coloured, grid, log_time, shared_legend, titled
from scoregap.study import Study

EMPIRICAL = {"color": "0.45", "ls": ":", "lw": 1.8}


def styles(study: Study) -> dict[str, dict]:
    """The line of every score of a study, in its order."""
    known = {"gaussian": REFERENCE_STYLE["gaussian"], "empirical": EMPIRICAL}
    colours = coloured(name for name in study.axes["network"] if name not in known)
    return {name: known.get(name) or {"color": colours[name], "lw": 1.6} for name in study.axes["network"]}


def profile(study: Study, shown: list[profiles.Curves]) -> Figure:
    """n(t) of all scores in one panel, with bands and shoulders; below it the trace of G."""
    figure, axes = grid(2, len(shown), height=2.9, sharex=True, sharey="row")
    for column, panel in enumerate(shown):
        for row, (what, curves) in enumerate((("modes resolved, n(t)", panel.modes), ("tr G", panel.traces))):
            ax = axes[row, column]
            for name, style in styles(study).items():
                one = curves[name]
                ax.plot(panel.times, one.value, label=name, **style)
                ax.fill_between(panel.times, one.low, one.high, color=style["color"], alpha=0.2, lw=0)
                for start, end, height in one.shoulders:
                    ax.plot(
                        [end, start], [height, height], color=style["color"], lw=5, alpha=0.3, solid_capstyle="butt"
                    )
            ax.set_ylim(bottom=0)
            log_time(ax)
            if column == 0:
                ax.set_ylabel(what)
        axes[0, column].set_title(titled(study, panel.values))
        axes[1, column].set_xlabel("noise variance t")
    shared_legend(figure, axes)
    confidence = f"{study.document.fit.confidence:.0%}"
    over = "seeds" if len(study.axes["seed"]) >= profiles.SEVERAL else "points"
    figure.suptitle(f"Modes that are resolved (bands: {confidence} intervals over {over}; bars: shoulders)")
    return figure
