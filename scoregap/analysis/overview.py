"""What a study says, for a terminal: its first lines, its grids, and how to read them.

study, comparison, tables of the study, width in characters -> lines of text

A grid has a row per quantity and a column per cell, as many side by side as there is room for. One is of what is
compared over exact, with its verdicts; one of the exact score's times, with the law's over them. Of each the title says
what it is; all are geometric means over seeds.
"""

import math
import textwrap
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pandas as pd

from scoregap.analysis import controls, headline
from scoregap.analysis.tables import (
    PHASES,
    at_gap,
    axis_value,
    distinguishing_axes,
    independent_draws,
    of_seeds,
    rows_of_evaluated_scores,
    seeds_in_words,
    subject,
)
from scoregap.analysis.verdicts import JUDGED, Reason, Verdict, dimensions_missed
from scoregap.study import Study
from scoregap.variables import OFF_THE_GRID

WIDTH = 120  # characters, where nothing else is known
MOST = 24  # columns of a grid; of more cells the worst are shown
MARKS = {Verdict.AGREES: "", Verdict.INCONCLUSIVE: "?", Verdict.DISAGREES: "NO", Verdict.NOT_TESTABLE: ""}
BEYOND = {state.text for state in OFF_THE_GRID}


class Column(NamedTuple):
    """A column of a grid. head: values of the axes, and the score. cells: by the names of their rows."""

    head: list[str]
    cells: dict[str, str]


def lines(study: Study, frame: pd.DataFrame, tables: Mapping[str, pd.DataFrame], width: int = WIDTH) -> list[str]:
    """The lines. frame: the comparison. tables: of the study by name, with `headline`."""
    rows = rows_of_evaluated_scores(frame[frame["quantity"].isin([*PHASES, "dimension"])])
    above = wrapped([title(study, rows)], width)
    room = headline.MOST - len(above)
    above += headline.no_more_than(room, tables["headline"], lambda line: wrapped([line], width))
    chosen, left_out = worst(study, rows)
    columns = [Column(head(study, rows, one), {name: told(row) for name, row in named(one)}) for one in chosen]
    shown: list[str] = []
    if rows["verdict"].isin(JUDGED).any():
        shown = [*grid(f"{subject(study)} / exact", columns, width), ""]
    elif study.evaluated_scores:  # there is no exact score
        columns = [Column(head(study, rows, one), {name: at(row) for name, row in named(one)}) for one in chosen]
        shown = [*grid(f"{subject(study)}, t", columns, width), ""]
    exact = list(of_exact(study, rows, chosen))
    if any(column.cells for column in exact):
        shown += [*grid("exact t" + (", law / exact" if study.evaluated_scores else ""), exact, width), ""]
    if left_out:
        shown += [f"the {len(chosen)} settings with the worst verdicts; {left_out} more in comparison.csv", ""]
    below = [*legend(study, [*columns, *exact]), *controls.lines(rows)]
    return [*above, "", *shown, *wrapped(below, width)]


def title(study: Study, rows: pd.DataFrame) -> str:
    """The study in a line: what it does not vary, and how much of what it varies."""
    axes = study.condition_axes
    fixed = [axis_value(axis, rows[axis].iloc[0]) for axis in axes if rows[axis].nunique() == 1] if len(rows) else []
    count = len(rows[[*axes, "network"]].drop_duplicates())
    draws = independent_draws(study)
    of = f"{count} {'setting' if count == 1 else 'settings'} of {seeds_in_words(study)}"
    on = f"{draws} {'draw' if draws == 1 else 'draws'} of the manifold"
    return f"{study.name}: {', '.join(fixed)}; {of} on {on}"


def worst(study: Study, rows: pd.DataFrame) -> tuple[list[pd.DataFrame], int]:
    """The rows of every cell and score, in order, of at most MOST with the worst verdicts; how many are left out."""
    rows, keys = rows.reset_index(drop=True), [*study.condition_axes, "network"]
    group = rows.groupby(keys, sort=False).ngroup()
    count = int(group.max()) + 1 if len(rows) else 0
    judged = headline.judged_rows(rows).index
    place = pd.Series(range(len(judged)), index=judged).reindex(rows.index).fillna(len(rows))
    worst_of = place.groupby(group).min().sort_values(kind="stable").index[:MOST]
    chosen = sorted(worst_of)
    return [rows[group == one] for one in chosen], max(count - MOST, 0)


def head(study: Study, rows: pd.DataFrame, one: pd.DataFrame, score: bool = True) -> list[str]:
    """What tells a cell from the others. rows: of all; one: of the cell."""
    varied = [axis for axis in study.condition_axes if rows[axis].nunique() > 1]
    values = distinguishing_axes(study, {axis: one[axis].iloc[0] for axis in varied})
    network = one["network"].iloc[0]
    return [
        *(axis_value(axis, value) for axis, value in values.items()),
        *([network] if score and network != "law" else []),
    ]


def named(rows: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    """The rows of a cell by their names, gap by gap, t falling; the dimension comes last."""
    order = [*PHASES, "dimension"].index
    places = sorted((row["gap"], order(row["quantity"]), i) for i, (_, row) in enumerate(rows.iterrows()))
    for gap, _, i in places:
        row = rows.iloc[i]
        yield (row["quantity"] if row["quantity"] == "dimension" else at_gap(row["quantity"], gap)), row


def told(row: pd.Series) -> str:
    """A row of the comparison in a few characters: the ratio with half its interval, or what was seen; and a mark."""
    if row["quantity"] == "dimension":
        return dimension(row)
    verdict, reason = row["verdict"], row["reason"]
    mark = row["side"] or MARKS.get(verdict, "")
    if verdict == Verdict.NOT_TESTABLE or (not reason and math.isnan(row["ratio"])):
        return "-"
    if reason == Reason.SEEN_IN_SOME or (reason == Reason.NONE_PREDICTED and row["exact_seen"]):
        return f"{row['seen']:.0f}:{row['exact_seen']:.0f} seeds {mark}".strip()
    if reason:
        return f"{_state(row['state'])} {mark or '='}"
    half = "" if math.isnan(row["ratio_low"]) else f"±{_short((row['ratio_high'] - row['ratio_low']) / 2)}"
    return f"{_ratio(row['ratio'])}{half} {mark}".strip()


def dimension(row: pd.Series) -> str:
    """The dimension found in every seed, if it is one and the same; else the different ones, and how many are right."""
    found = sorted(set(of_seeds(row["by_seed"]).values()))
    if not found:
        return "-"
    said = ", ".join("none" if one == 0 else f"{one:g}" for one in found[:3]) + (", ..." if len(found) > 3 else "")
    wrong = "" if row["right"] == row["of"] else f" NO {row['right']:.0f}/{row['of']:.0f}"
    return said + wrong + (" =d" if dimensions_missed(row)[1] else "")


def at(row: pd.Series) -> str:
    """The time of what is compared, where there is nothing to compare it with."""
    if row["quantity"] == "dimension":
        return dimension(row)
    return "-" if math.isnan(row["trained"]) else f"{row['trained']:.3g}"


def of_exact(study: Study, rows: pd.DataFrame, chosen: list[pd.DataFrame]) -> Iterator[Column]:
    """A column of exact times per cell, without its scores, and the law over them where it is not compared anyway."""
    before = set()
    for one in chosen:
        place = tuple(one[study.condition_axes].iloc[0])
        if place in before:
            continue
        before.add(place)
        cells = {}
        for name, row in named(one):
            if row["quantity"] == "dimension" or (math.isnan(row["exact"]) and not row["exact_state"]):
                continue
            cells[name] = _state(row["exact_state"]) if math.isnan(row["exact"]) else f"{row['exact']:.3g}"
            if study.evaluated_scores and row["law_verdict"] in JUDGED:
                ratio = "-" if math.isnan(row["law_to_exact"]) else _ratio(row["law_to_exact"])
                cells[name] += f", {ratio} {MARKS[row['law_verdict']]}".rstrip()
        yield Column(head(study, rows, one, score=False), cells)


def grid(name: str, columns: list[Column], width: int) -> list[str]:
    """A row per quantity and a column per cell, in as many blocks as it takes. name: what it shows."""
    quantities = list(dict.fromkeys(quantity for column in columns for quantity in column.cells))
    # Those of cells with more gaps belong between: by gap, and the dimension last.
    quantities.sort(key=lambda one: (one.partition("[")[2].rstrip("]").zfill(3) if "[" in one else "~",))
    label = max(map(len, [name, *(f"  {one}" for one in quantities)]))
    size = max(len(text) for column in columns for text in ["", *column.head, *column.cells.values()])
    fit = max((width - label) // (size + 2), 1)
    fit = math.ceil(len(columns) / math.ceil(len(columns) / fit))  # blocks of one size
    found: list[str] = []
    for start in range(0, len(columns), fit):
        block = columns[start : start + fit]
        tall = max(len(column.head) for column in block)
        heads = [[""] * (tall - len(column.head)) + column.head for column in block]
        table = [[name if i == 0 else "", *texts] for i, texts in enumerate(zip(*heads, strict=True))] or [[name]]
        table += [[f"  {one}", *(column.cells.get(one, "") for column in block)] for one in quantities]
        found += [""] if found else []
        found += [
            "".join([first.ljust(label), *(f"  {text:<{size}}" for text in rest)]).rstrip() for first, *rest in table
        ]
    return found


def legend(study: Study, columns: list[Column]) -> list[str]:
    """How to read the grids: no more than what is in them. columns: of all."""
    texts = " ".join(text for column in columns for text in column.cells.values())
    words = set(texts.replace(",", " ").split())
    seeds, confidence = seeds_in_words(study), study.compare.confidence
    found = [
        f"t: noise variance; {'' if seeds == '1 seed' else 'geometric means over '}{seeds}"
        + (f"; ±: half of the {confidence:.0%} Student interval" if "±" in texts else ""),
        "NAME[k]: of gap k, counted from 0, as in the cube",
    ]
    marks = {
        f"low, high: agrees, but the interval excludes 1, as it does by chance in {1 - confidence:.0%}": {
            "low",
            "high",
        },
        "?: inconclusive": {"?"},
        "NO: disagrees": {"NO"},
        "=: neither has the time": {"="},
        "=d: nothing learned, no direction is normal": {"=d"},
    }
    said = [text for text, some in marks.items() if some & words]
    if "seeds" in words:
        said.append(f"k:n seeds: {subject(study)} has the time in k, exact in n")
    if any("/" in one for one in words):
        said.append("k/n: right in k of n seeds")
    return [*found, *(["; ".join(said)] if said else []), "all numbers: comparison.csv; figures: report.html"]


def wrapped(said: list[str], width: int) -> list[str]:
    """Lines that are no longer than the width, further ones indented."""
    return [
        part
        for line in said
        for part in textwrap.wrap(
            line, max(width, 40), subsequent_indent=" " * (len(line) - len(line.lstrip()) + 4), break_on_hyphens=False
        )
        or [""]
    ]


def sentences(said: list[str], width: int) -> list[str]:
    """Lines of which sentences are no longer than the width; those of tables stay as they are."""
    return [part for line in said for part in ([line] if "  " in line.lstrip() else wrapped([line], width))]


def _state(text: str) -> str:
    """Why there is no time, in a few characters."""
    if " or " in text:
        return "no time"
    return "off grid" if text in BEYOND else "not known" if text == "not known" else "no gap"


def _ratio(value: float) -> str:
    return f"{value:.2f}" if 0.1 <= value < 100 else f"{value:.1e}"


def _short(half: float) -> str:
    text = f"{half:.1g}" if half < 0.005 else f"{half:.2f}" if half < 100 else f"{half:.0e}"  # never .00
    return text.removeprefix("0") if text.startswith("0.") else text
