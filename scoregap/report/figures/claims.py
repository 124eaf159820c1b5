"""Figure of the claims: which hold where.

claims.csv as a table -> figure, a row per claim, a column per cell and network, a colour per verdict
"""

import textwrap
from collections import Counter
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from scoregap.analysis.quantities import CLAIMS
from scoregap.analysis.tables import distinguishing_axes, exactly, or_dash
from scoregap.analysis.verdicts import Verdict
from scoregap.report.figures import label, nothing, subplots
from scoregap.report.figures.multiples import CHARACTER
from scoregap.report.figures.svg import told
from scoregap.study import Study

VERDICTS = {
    Verdict.AGREES: "#4c9f70",
    Verdict.INCONCLUSIVE: "#e8c468",
    Verdict.DISAGREES: "#c8553d",
    Verdict.NOT_TESTABLE: "#e6e6e6",
}
MOST = 60  # columns
PITCH = 0.27, 0.33  # of columns and rows, inches
SIDE = 16.5  # of a square, points


def axes_of(study: Study, frame: pd.DataFrame) -> list[str]:
    """The axes by whose values, with the network, columns differ."""
    return [axis for axis in study.condition_axes if axis in frame and frame[axis].nunique() > 1]


def columns(study: Study, frame: pd.DataFrame) -> dict[tuple[Any, ...], int]:
    """Columns by values of `axes_of` and network, in the order of the table."""
    found = frame[[*axes_of(study, frame), "network"]].drop_duplicates().itertuples(index=False, name=None)
    return {column: i for i, column in enumerate(found)}


def shown(study: Study, frame: pd.DataFrame) -> dict[tuple[Any, ...], int]:
    """The columns that are drawn: of more than MOST those in which most claims disagree, with the law or with exact,
    and then are inconclusive; in the order of the table."""
    whole = columns(study, frame)
    if len(whole) <= MOST:
        return whole
    places = [whole[one] for one in frame[[*axes_of(study, frame), "network"]].itertuples(index=False, name=None)]
    counts = Counter(
        (place, verdict) for of in ("verdict", "of_exact") for place, verdict in zip(places, frame[of], strict=True)
    )
    rank = [Verdict.DISAGREES, Verdict.INCONCLUSIVE]
    worst = sorted(whole.values(), key=lambda place: [-counts[place, verdict] for verdict in rank])[:MOST]
    kept = set(worst)
    return {column: i for column, i in whole.items() if i in kept}


def anchor(claim: str, column: int) -> str:
    """By what the report leads to the numbers of a claim in a column."""
    return f"claim-{claim}-{column}"


def named(study: Study, axes: list[str], column: tuple[Any, ...]) -> str:
    """A column in words."""
    cell = distinguishing_axes(study, dict(zip(axes, column, strict=False)))
    return ", ".join([*(f"{_short(axis)} {exactly(value)}" for axis, value in cell.items()), column[-1]])


def overview(study: Study, frame: pd.DataFrame) -> Figure:
    """Verdicts of the claims: squares against the law, dots against the exact score of the same F.

    frame: of `analysis.claims`; empty where a study has no trained networks.
    """
    if frame.empty:
        return nothing("claims need trained networks beside the exact score")
    axes, whole, drawn = axes_of(study, frame), columns(study, frame), shown(study, frame)
    places = {column: i for i, column in enumerate(drawn)}
    names = [named(study, axes, column) for column in places]
    rows = {name: i for i, name in enumerate(name for name in CLAIMS if name in set(frame.claim))}
    below = max(map(len, names)) * 6.5 * CHARACTER  # of the names of columns
    size = 4.0 + PITCH[0] * max(len(places), 12), 1.3 + below + PITCH[1] * len(rows)
    figure, ax = subplots(1, 1, size)
    column = pd.Series([places.get(one) for one in frame[[*axes, "network"]].itertuples(index=False, name=None)])
    places_of = list(drawn.values())
    drawn_rows = frame.assign(column=column.to_numpy(), row=frame.claim.map(rows)).dropna(subset=["column", "row"])
    drawn_rows = drawn_rows.astype({"column": int, "row": int})
    for of, style in (
        ("verdict", {"marker": "s", "ms": SIDE, "mew": 0}), ("of_exact", {"marker": "o", "ms": 6, "mec": "white"})
    ):  # fmt: skip
        for verdict, some in drawn_rows.groupby(of, sort=False):
            (marks,) = ax.plot(
                some.column, some.row, ls="", color=VERDICTS[Verdict(str(verdict))], clip_on=False, **style
            )
            links = [anchor(claim, places_of[at]) for claim, at in zip(some.claim, some.column, strict=True)]
            told(marks, *(_says(row, names[row["column"]]) for _, row in some.iterrows()), links=links)
    ax.set_yticks(range(len(rows)), [textwrap.fill(CLAIMS[name].says, 60) for name in rows], fontsize=7)
    for tick, name in zip(ax.get_yticklabels(), rows, strict=True):
        told(tick, f"{CLAIMS[name].says} ({CLAIMS[name].source})", links=[f"claim-{name}"])
    ax.set_xticks(range(len(places)), names, fontsize=6.5, rotation=90)
    ax.set(xlim=(-0.5, len(places) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    patches = [Patch(color=colour, label=verdict) for verdict, colour in VERDICTS.items()]
    left_out = ""
    if len(whole) > MOST:
        left_out = f"; the {MOST} of {len(whole)} columns with the most that disagrees, all of which claims.csv has"
    title = f"squares: law; dots: exact{left_out}"
    figure.legend(handles=patches, loc="outside upper left", ncols=4, fontsize=8, title=title)
    return figure


def _says(row: Any, where: str) -> str:
    """A verdict in words. row: of the table."""
    numbers = f"law {or_dash(row.law)}, exact {or_dash(row.exact)}, network {or_dash(row.trained)}"
    why = f" ({row.why})" if isinstance(row.why, str) and row.why else ""
    return f"{where}: {row.verdict} with the law{why}, {row.of_exact} with exact; {numbers}"


def _short(axis: str) -> str:
    """An axis as a column calls it."""
    return label(axis).removeprefix("train.")
