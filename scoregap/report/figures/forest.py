"""Figure of a check: how far a run is from theory and from its baseline, in units of the margin.

report of `regression.reports` -> figure, a line per metric with its difference and interval, worst first
"""

import textwrap
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from scoregap.analysis.verdicts import Verdict
from scoregap.regression import reports
from scoregap.regression.reports import Report
from scoregap.regression.verdicts import Change, Row
from scoregap.report.figures import subplots
from scoregap.study import Study

MOST, REACH = 60, 3.0  # metrics; margins to either side, beyond which an arrow stands
COLOURS = {
    Change.WORSE: "tab:red", Verdict.DISAGREES: "tab:red", Change.INCONCLUSIVE: "tab:orange", Change.BETTER: "tab:blue",
    Change.SAME: "0.35", Verdict.AGREES: "0.35",
}  # fmt: skip


class Line(NamedTuple):
    """A metric: its difference and the interval, in margins, and the verdict on it."""

    name: str
    verdict: str
    at: float
    low: float
    high: float


def of_run(study: Study, outcome: tuple[Report, str]) -> Figure:
    """The figure of a finished run. outcome: how it compares with theory and its baseline, and why not with that."""
    return draw(*outcome)


def draw(report: Report, why: str = reports.NO_BASELINE) -> Figure:
    """Theory on the left, the baseline on the right. why: said where there is no baseline, or none to compare with."""
    theory, baseline = against_theory(report.rows), against_baseline(report.rows)
    height = 0.19 * min(max(len(theory), len(baseline), 5), MOST) + 1.4
    widths = [1, 1 if report.baseline else 0.4]
    figure, (left, right) = subplots(1, 2, (13, height), width_ratios=widths)
    forest(left, theory, "difference from the exact score over the study's margin")
    if report.baseline:
        forest(right, baseline, "difference from the baseline over its margin")
    else:
        empty(right, why)
    return figure


def against_theory(rows: list[Row]) -> list[Line]:
    """What theory has a verdict on, the farthest first."""
    lines = [Line(row.name, row.theory.verdict, row.theory.at, row.theory.low, row.theory.high) for row in rows]
    return sorted((line for line in lines if np.isfinite(line.at)), key=lambda line: -abs(line.at))


def against_baseline(rows: list[Row]) -> list[Line]:
    """What scatters, and of the rest what is worse, in the order of the rows: worst first."""
    shown = [row for row in rows if np.isfinite(row.difference) and (np.isfinite(row.p) or row.verdict != Change.SAME)]
    return [Line(row.name, row.verdict, row.in_margins, *row.interval_in_margins) for row in shown]


def forest(ax, lines: list[Line], title: str) -> None:
    """One line per metric, the first at the top; a metric beyond the axis is an arrow at its end."""
    if not lines:
        empty(ax, "no metric could be compared")
        return
    shown = lines[:MOST]
    ax.axvspan(-1, 1, color="0.93", lw=0)
    ax.axvline(0, color="0.6", lw=0.8)
    for verdict, colour in COLOURS.items():
        y = np.array([i for i, line in enumerate(shown) if line.verdict == verdict], int)
        if not y.size:
            continue
        at, low, high = np.array([shown[i][2:] for i in y]).T
        known = np.isfinite(low)
        ax.hlines(y[known], low[known].clip(-REACH, REACH), high[known].clip(-REACH, REACH), color=colour, lw=1.2)
        inside = np.abs(at) <= REACH
        ax.plot(at[inside], y[inside], "o", ms=4, color=colour, label=f"{verdict} ({len(y)})")
        for side, marker in ((-1, "<"), (1, ">")):
            beyond = side * at > REACH
            ax.plot(np.full(beyond.sum(), side * REACH), y[beyond], marker, ms=6, color=colour)
    ax.set_yticks(range(len(shown)), [line.name for line in shown], fontsize=6)
    ax.set_ylim(len(shown) - 0.5, -0.5)
    ax.set_xlim(-REACH * 1.05, REACH * 1.05)
    ax.set_xlabel(title, fontsize=8)
    if len(lines) > MOST:
        ax.set_title(f"the first {MOST} of {len(lines)} metrics")
    ax.legend(loc="lower right", fontsize=7)


def empty(ax, why: str) -> None:
    """An axis that says why it is empty."""
    ax.set_axis_off()
    ax.text(0.5, 0.5, textwrap.fill(why, 40), ha="center")
