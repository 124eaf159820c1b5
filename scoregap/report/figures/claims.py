"""Figure of the claims: which hold where.

claims.csv as a table -> figure, a row per claim, a column per cell and network, a colour per verdict
"""

from collections import Counter
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from scoregap.analysis.quantities import CLAIMS, SHORT
from scoregap.analysis.tables import distinguishing_axes, exactly, or_dash
from scoregap.analysis.verdicts import Verdict
from scoregap.report.figures import VERDICTS, label, nothing, subplots
from scoregap.report.figures.multiples import CHARACTER, LINE
from scoregap.report.figures.svg import told
from scoregap.study import Study

MOST, LEAST = 60, 18  # columns; of fewer the rest stays empty
PITCH = 0.27, 0.25  # of columns and rows, inches
BETWEEN = 0.7  # columns that the space between two groups takes
SIDE = 16.5  # of a square, points
NAME, HEAD = 7, 8  # sizes of type of names, and of the names of groups, points
LONGEST = 40  # characters of the name of a column
REFERENCE = "reference"  # group of the cells of a study with blocks that differ from its axes in nothing


class Group(NamedTuple):
    """Columns that belong together. name: the block they are of, in words; empty without blocks. varied: what their
    names tell, axes or `network`. columns: in their order."""

    name: str
    varied: list[str]
    columns: list[tuple[Any, ...]]


def axes_of(study: Study, frame: pd.DataFrame) -> list[str]:
    """The axes by whose values, with the network, columns differ."""
    return [axis for axis in study.condition_axes if axis in frame and frame[axis].nunique() > 1]


def groups(study: Study, frame: pd.DataFrame) -> list[Group]:
    """The columns in groups: of a study with blocks, first the cells that are those of its axes, and then every other
    cell with the first block that has it, in the order of the axes of that block."""
    axes = [*axes_of(study, frame), "network"]
    members: dict[str, list[tuple[Any, ...]]] = {}
    for column in frame[axes].drop_duplicates().itertuples(index=False, name=None):
        members.setdefault(_group_of(study, axes, column), []).append(column)
    found = []
    for name in [REFERENCE, *study.blocks, ""]:
        if name in members:
            part = next((one for one in study.parts if one.block == name), study)
            inside = sorted(members[name], key=lambda column: _place(part, axes, column))
            varied = [
                axis for axis, values in zip(axes, zip(*inside, strict=True), strict=True) if len(set(values)) > 1
            ]
            found.append(Group(name.replace("_", " "), varied or ["network"], inside))
    return found


def _group_of(study: Study, axes: list[str], column: tuple[Any, ...]) -> str:
    """The block of a column; empty where there are none."""
    values = dict(zip(axes, column, strict=True))
    cell = {axis: value for axis, value in values.items() if axis != "network"}
    if study.blocks and not distinguishing_axes(study, cell) and values["network"] in study.axes["network"]:
        return REFERENCE
    inside = (part for part in study.parts if all(value in part.places[axis] for axis, value in values.items()))
    return next((part.block for part in inside), "")


def _place(part: Study, axes: list[str], column: tuple[Any, ...]) -> list[int]:
    """By what columns of a group are in order: the places of their values along the axes of its block."""
    return [part.places[axis].get(value, len(part.axes[axis])) for axis, value in zip(axes, column, strict=True)]


def columns(study: Study, frame: pd.DataFrame) -> dict[tuple[Any, ...], int]:
    """Columns by values of `axes_of` and network, in the order of the figure."""
    return {column: i for i, column in enumerate(one for group in groups(study, frame) for one in group.columns)}


def shown(study: Study, frame: pd.DataFrame) -> dict[tuple[Any, ...], int]:
    """The columns that are drawn: of more than MOST those in which most claims disagree, with the law or with exact,
    and then are inconclusive; in the order of the figure."""
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
    return ", ".join([*(f"{label(axis)} {exactly(value)}" for axis, value in cell.items()), column[-1]])


def overview(study: Study, frame: pd.DataFrame) -> Figure:
    """Verdicts of the claims: squares against the law, dots against the exact score of the same F.

    frame: of `analysis.claims`; empty where a study has no trained networks.
    """
    if frame.empty:
        return nothing("claims need trained networks beside the exact score")
    axes, whole, drawn = axes_of(study, frame), columns(study, frame), shown(study, frame)
    kept = [
        group._replace(columns=inside)
        for group in groups(study, frame)
        if (inside := [one for one in group.columns if one in drawn])
    ]
    places = {
        column: i + BETWEEN * k
        for i, (k, column) in enumerate((k, one) for k, group in enumerate(kept) for one in group.columns)
    }
    names = {column: _values(axes, group, column) for group in kept for column in group.columns}
    tested = set(frame.claim)
    rows = {name: i for i, name in enumerate(name for name in CLAIMS if name in tested)}
    heads = [_head(group) for group in kept]
    above = max(high for _, _, high in heads)
    below = max(map(len, names.values())) * NAME * CHARACTER
    wide = max(max(places.values()) + 1, LEAST)
    size = 3.2 + PITCH[0] * wide, 1.1 + above + below + PITCH[1] * len(rows)
    figure, ax = subplots(1, 1, size)
    column = pd.Series(list(frame[[*axes, "network"]].itertuples(index=False, name=None)), index=frame.index)
    drawn_rows = frame.assign(column=column, row=frame.claim.map(rows))[column.isin(drawn)]
    for of, style in (
        ("verdict", {"marker": "s", "ms": SIDE, "mew": 0}), ("of_exact", {"marker": "o", "ms": 6, "mec": "white"})
    ):  # fmt: skip
        for verdict, some in drawn_rows.groupby(of, sort=False):
            (marks,) = ax.plot(
                some.column.map(places), some.row, ls="", color=VERDICTS[Verdict(str(verdict))], clip_on=False, **style
            )
            links = [anchor(claim, whole[at]) for claim, at in zip(some.claim, some.column, strict=True)]
            told(marks, *(_says(row, named(study, axes, row["column"])) for _, row in some.iterrows()), links=links)
    ax.set_yticks(range(len(rows)), [f"{SHORT[name]} ({CLAIMS[name].source})" for name in rows], fontsize=NAME)
    for tick, name in zip(ax.get_yticklabels(), rows, strict=True):
        told(tick, f"{CLAIMS[name].says} ({CLAIMS[name].source})", links=[f"claim-{name}"])
    ax.set_xticks(list(places.values()), names.values(), fontsize=NAME, rotation=90)
    for tick, one in zip(ax.get_xticklabels(), places, strict=True):
        told(tick, named(study, axes, one))
    for group, (text, turned, _) in zip(kept, heads, strict=True):
        ends = [places[group.columns[0]], places[group.columns[-1]]]
        ax.hlines(-0.75, ends[0] - 0.45, ends[1] + 0.45, color="0.4", lw=0.8, clip_on=False)
        ax.text(sum(ends) / 2, -0.95, text, fontsize=HEAD, ha="center", va="bottom", rotation=90 if turned else 0,
                linespacing=1.1, parse_math=False)  # fmt: skip
    ax.set(xlim=(-0.5, wide - 0.5), ylim=(len(rows) - 0.5, -0.5))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    patches = [Patch(color=colour, label=verdict) for verdict, colour in VERDICTS.items()]
    left_out = ""
    if len(whole) > MOST:
        left_out = f"; the {MOST} of {len(whole)} columns with the most that disagrees, all of which claims.csv has"
    title = f"squares: law; dots: exact{left_out}"
    figure.legend(handles=patches, loc="outside upper left", ncols=4, fontsize=8, title=title)
    return figure


def _values(axes: list[str], group: Group, column: tuple[Any, ...]) -> str:
    """The name of a column: its values of what varies in its group; of a long one the beginning, as `named` is told."""
    values = dict(zip([*axes, "network"], column, strict=True))
    text = ", ".join(exactly(values[axis]) for axis in group.varied)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _head(group: Group) -> tuple[str, bool, float]:
    """What stands above a group, whether it is turned, as it is wider than the group, and how high that is, inches."""
    varied = ", ".join(map(label, group.varied))
    lines = (
        [group.name, varied]
        if group.name.removesuffix("s") not in ("", varied.removesuffix("s"))
        else [group.name or varied]
    )
    turned = max(map(len, lines)) * HEAD * CHARACTER > PITCH[0] * len(group.columns)
    if turned and len(group.columns) == 1:  # of one column there is nothing to tell apart, nor room for two lines
        lines = lines[:1]
    lines = [line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…" for line in lines]
    high = max(map(len, lines)) * HEAD * CHARACTER if turned else len(lines) * HEAD * LINE
    return "\n".join(lines), turned, high


def _says(row: Any, where: str) -> str:
    """A verdict in words. row: of the table."""
    numbers = f"law {or_dash(row.law)}, exact {or_dash(row.exact)}, network {or_dash(row.trained)}"
    why = f" ({row.why})" if isinstance(row.why, str) and row.why else ""
    return f"{where}: {row.verdict} with the law{why}, {row.of_exact} with exact; {numbers}"
