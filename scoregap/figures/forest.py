"""Figure of a check: what has moved, in units of what may.

report of `scoregap.gate` -> SVG, a line per metric with its difference and interval over the margin, worst first
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from scoregap import figures
from scoregap.gate import Report, Row

MOST, REACH = 60, 3.0  # metrics; margins to either side, beyond which an arrow stands
COLOURS = {"worse": "tab:red", "inconclusive": "tab:orange", "better": "tab:blue", "same": "0.35"}


def draw(report: Report, path: Path) -> None:
    """Draw a report: its metrics that scatter, and of the others those that are worse."""
    rows = [row for row in report.rows if np.isfinite(row.difference) and (np.isfinite(row.p) or row.verdict != "same")]
    with plt.rc_context(figures.STYLE):
        figure = forest(rows) if rows else figures.nothing("no metric could be compared with a baseline")
        figures.save(figure, report.study, path)


def forest(rows: list[Row]):
    """One line per metric, the worst at the top; a metric beyond the axis is an arrow at its end."""
    shown = rows[:MOST]
    figure, ax = plt.subplots(figsize=(9, 0.19 * len(shown) + 1.4))
    ax.axvspan(-1, 1, color="0.93", lw=0)
    ax.axvline(0, color="0.6", lw=0.8)
    for verdict, colour in COLOURS.items():
        places = [i for i, row in enumerate(shown) if row.verdict == verdict]
        if not places:
            continue
        some = [shown[i] for i in places]
        at = np.array([row.in_margins for row in some])
        ends = np.array([[row.low / row.margin, row.high / row.margin] for row in some]).clip(-REACH, REACH)
        ax.hlines(places, ends[:, 0], ends[:, 1], color=colour, lw=1.2)
        inside, y = np.abs(at) <= REACH, np.array(places)
        ax.plot(at[inside], y[inside], "o", ms=4, color=colour, label=f"{verdict} ({len(some)})")
        for side, marker in ((-1, "<"), (1, ">")):
            beyond = side * at > REACH
            ax.plot(np.full(beyond.sum(), side * REACH), y[beyond], marker, ms=6, color=colour)
    ax.set_yticks(range(len(shown)), [row.name for row in shown], fontsize=7)
    ax.set_ylim(len(shown) - 0.5, -0.5)
    ax.set_xlim(-REACH * 1.05, REACH * 1.05)
    ax.set_xlabel("difference from the baseline over the margin, with its 90 % interval")
    left_out = f"; the worst {MOST} of {len(rows)} metrics" if len(rows) > MOST else ""
    ax.set_title(f"run against baseline: {rows[0].verdict if rows[0].verdict else 'same'}{left_out}")
    ax.legend(loc="lower right", fontsize=8)
    return figure
