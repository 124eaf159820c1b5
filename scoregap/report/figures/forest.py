"""Figure of a check: how far a run is from theory and from its baseline, in units of the margin.

report of `regression.reports` -> figure, a line per metric that is near the margin or beyond, worst first; the rest is
counted
"""

import textwrap
from collections import Counter
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from scoregap.analysis.verdicts import Verdict
from scoregap.regression import reports
from scoregap.regression.reports import Report
from scoregap.regression.verdicts import Change, Row
from scoregap.report.figures import VERDICTS, subplots
from scoregap.report.figures.multiples import CHARACTER
from scoregap.report.figures.svg import told
from scoregap.study import Study

MOST, REACH = 60, 3.0  # metrics; margins to either side, beyond which an arrow stands
NEAR, FEW = 0.5, 8  # of a margin, from which a metric is drawn; metrics of which all are
COLOURS = {
    **dict.fromkeys((Change.WORSE, Verdict.DISAGREES), VERDICTS[Verdict.DISAGREES]),
    Change.INCONCLUSIVE: VERDICTS[Verdict.INCONCLUSIVE],
    Change.BETTER: "navy",
    **dict.fromkeys((Change.SAME, Verdict.AGREES), VERDICTS[Verdict.AGREES]),
}
QUIET = (Verdict.AGREES, Change.SAME)


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
    height = 0.2 * max(len(near(theory)[0]), len(near(baseline)[0]) if report.baseline else 0, 5) + 1.6
    widths = [_wide(theory), _wide(baseline) if report.baseline else 2.5]
    figure, (left, right) = subplots(1, 2, (sum(widths), height), width_ratios=widths)
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


def near(lines: list[Line]) -> tuple[list[Line], list[Line]]:
    """The first MOST of those that are near the margin, or their interval is, or that do not agree; of a few all. And
    the rest."""
    wanted = [
        len(lines) <= FEW or line.verdict not in QUIET or not abs(line.at) < NEAR or _widest(line) > 1
        for line in lines
    ]  # fmt: skip
    wanted = wanted if any(wanted) else [i < FEW for i in range(len(lines))]
    places = [i for i, one in enumerate(wanted) if one][:MOST]
    return [lines[i] for i in places], [lines[i] for i in sorted(set(range(len(lines))) - set(places))]


def _widest(line: Line) -> float:
    return np.nanmax(np.abs([line.at, line.low, line.high]))


def _wide(lines: list[Line]) -> float:
    """Room for an axis and the names beside it, inches."""
    return 5.5 + 7 * CHARACTER * max((len(line.name) for line in near(lines)[0]), default=0)


def counted(left: list[Line]) -> str:
    """How many are not drawn, and how far they are; empty if all are."""
    if not left:
        return ""
    ends = min(line.at for line in left), max(line.at for line in left)
    verdicts = Counter(str(line.verdict) for line in left)
    said = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
    return f"not drawn: {len(left)} more ({said}), at {ends[0]:+.2f} to {ends[1]:+.2f} margins"


def _says(line: Line) -> str:
    known = f" [{line.low:+.2f}, {line.high:+.2f}]" if np.isfinite(line.low) else ""
    return f"{line.name}: {line.at:+.2f}{known} margins: {line.verdict}"


def forest(ax, lines: list[Line], title: str) -> None:
    """One line per metric, the first at the top; a metric beyond the axis is an arrow at its end, with its number."""
    if not lines:
        empty(ax, "no metric could be compared")
        return
    shown, left = near(lines)
    ax.axvspan(-1, 1, color="0.93", lw=0)
    ax.axvline(0, color="0.6", lw=0.8)
    for verdict, colour in COLOURS.items():
        y = np.array([i for i, line in enumerate(shown) if line.verdict == verdict], int)
        if not y.size:
            continue
        at, low, high = np.array([shown[i][2:] for i in y]).T
        known = np.isfinite(low)
        bars = ax.hlines(
            y[known], low[known].clip(-REACH, REACH), high[known].clip(-REACH, REACH), color=colour, lw=1.2
        )
        told(bars, *(_says(shown[i]) for i in y[known]))
        inside = np.abs(at) <= REACH
        count = sum(line.verdict == verdict for line in lines)
        (points,) = ax.plot(at[inside], y[inside], "o", ms=5, color=colour, label=f"{verdict} ({count})")
        told(points, *(_says(shown[i]) for i in y[inside]))
        for side, marker in ((-1, "<"), (1, ">")):
            beyond = side * at > REACH
            (arrows,) = ax.plot(np.full(beyond.sum(), side * REACH), y[beyond], marker, ms=7, color=colour)
            told(arrows, *(_says(shown[i]) for i in y[beyond]))
            for i in np.flatnonzero(beyond):
                ax.text(side * REACH * 0.96, y[i], f"{at[i]:+.1f}", ha="right" if side > 0 else "left", va="center",
                        fontsize=6.5, color=colour)  # fmt: skip
    ax.set_yticks(range(len(shown)), [line.name for line in shown], fontsize=7)
    ax.set_ylim(len(shown) - 0.5, -0.5)
    ax.set_xlim(-REACH * 1.05, REACH * 1.05)
    ax.set_xlabel(title, fontsize=8)
    ax.set_title(counted(left), fontsize=8)
    ax.legend(loc="best", fontsize=7)


def empty(ax, why: str) -> None:
    """An axis that says why it is empty."""
    ax.set_axis_off()
    ax.text(0.5, 0.5, textwrap.fill(why, 40), ha="center")
