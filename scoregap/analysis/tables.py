"""Tables in words: what every finding shares.

rows of a table -> blocks of them, one per setting; labels and numbers as text
"""

import io
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from scoregap import InputError
from scoregap.store.tables import read_table
from scoregap.study import Study
from scoregap.study.axes import alike

DRAWN = ("family", "ambient_dim", "manifold_dim", "seed")  # axes of which F and the points are drawn (`Cell.seed`)
PHASES = ("t_open", "t_max", "t_close", "t_consolidation")  # phase times that the exact score has


def at_gap(quantity: str, gap: int) -> str:
    """The one name of a quantity of a gap (or of a group), in tables, figures, files and metrics: NAME[k], k its place
    along the dimension `gap` (or `group`) of the cube, from 0."""
    return f"{quantity}[{gap}]"


def plain() -> Table:
    """A table for a terminal, and for files."""
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))


def text(table: Table) -> list[str]:
    """The lines of such a table."""
    buffer = io.StringIO()
    Console(file=buffer, width=170, color_system=None, markup=False).print(table)  # names have brackets
    return [line.rstrip() for line in buffer.getvalue().splitlines()]


def written(study: Study, path: Path) -> str:
    """The text of a table of a study's run, as stage compare wrote it. Raises DamagedFile, InputError."""
    content, of = read_table(path)
    if of != study.fingerprint("compare"):
        raise InputError("is not of this study as it is now", file=path, allowed="rerun compare")
    return content


def blocks(study: Study, frame: pd.DataFrame, *within: str | None) -> list[tuple[dict, pd.DataFrame]]:
    """(values of the axes that the study varies other than these, rows with these values), in order of appearance.

    `wider_group` is an axis too: a ratio of variances has two meanings where one group overtakes the other.
    """
    places = places_of_blocks(study, frame, *within)
    return [(values, frame.iloc[rows] if values else frame) for values, rows in places]


def places_of_blocks(study: Study, frame: pd.DataFrame, *within: str | None) -> list[tuple[dict, np.ndarray]]:
    """The same with the places of rows: of a table with thousands of blocks, to take their rows is most of the work."""
    keys = [axis for axis in study.condition_axes if axis not in within and len(study.axes[axis]) > 1]
    if "wider_group" in frame and frame.wider_group.nunique() > 1:
        keys.append("wider_group")
    if not keys:
        return [({}, np.arange(len(frame)))]
    number = frame.groupby(keys, sort=False).ngroup().to_numpy()
    order = np.argsort(number, kind="stable")[(number < 0).sum() :]  # without what has no value of an axis
    groups = np.split(order, np.flatnonzero(np.diff(number[order])) + 1) if order.size else []
    columns = {key: frame[key].to_numpy() for key in keys}
    return [({key: one[rows[0]] for key, one in columns.items()}, rows) for rows in groups]


def rows_of_evaluated_scores(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of a comparison that answer whether theory holds: those of networks, or of the law without any.

    Beside networks, the law has rows of blocks without any, which draw the exact score more often for the claims.
    """
    of_law = frame["network"] == "law"
    return frame if of_law.all() else frame[~of_law]


def subject(study: Study) -> str:
    """What the column `trained` of its comparison is of, in a word: not all scores that are compared were trained here.

    Without any it is the law that is compared.
    """
    if not study.evaluated_scores:
        return "law"
    return "trained" if study.evaluated_scores == study.trained_networks else "score"


def compared_parts(study: Study) -> list[Study]:
    """The parts of a study whose scores are compared; all of them where it is the law."""
    return [part for part in study.parts if part.evaluated_scores] or list(study.parts)


def independent_draws(study: Study) -> int:
    """Draws of the manifold behind the cells that are compared: those alike in all of DRAWN share one, so that counts
    of cells are no counts of independent results."""
    draws = (itertools.product(*(part.axes[axis] for axis in DRAWN)) for part in compared_parts(study))
    return len({draw for some in draws for draw in some})


def seeds_in_words(study: Study) -> str:
    """How many seeds the cells that are compared have: `1 seed`, `3 seeds`, or of blocks that differ `3 to 8 seeds`."""
    counts = sorted({len(part.axes["seed"]) for part in compared_parts(study)})
    if counts == [1]:
        return "1 seed"
    return f"{counts[0]} seeds" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds"


def distinguishing_axes(study: Study, values: dict) -> dict:
    """What of a cell's values must be said to tell it from the others: in a study with blocks, what differs from its
    axes."""
    if not study.blocks:
        return values
    first = {axis: values[0] for axis, values in study.axes.items()}
    return {axis: value for axis, value in values.items() if axis not in first or not alike(first[axis], value)}


def labelled(values: dict, name=str) -> str:
    """A block in words. name: axis -> what to call it."""
    return ", ".join(f"{name(axis)} {exactly(value)}" for axis, value in values.items())


def listed_by_seed(seeds: np.ndarray, values: np.ndarray) -> str:
    """What is known of seeds, as a text: `SEED=VALUE ...`, six digits."""
    return " ".join(f"{seed}={value:.6g}" for seed, value in zip(seeds, values, strict=True) if np.isfinite(value))


def of_seeds(listed: str) -> dict[int, float]:
    """What `listed_by_seed` lists."""
    return {int(seed): float(value) for seed, _, value in (one.partition("=") for one in listed.split())}


def axis_name(axis: str) -> str:
    """An axis as tables and figures call it: `manifold.groups.1.std` is the std of group 1. No two have one name."""
    if axis.startswith("manifold.groups."):
        *_, number, name = axis.split(".")
        return f"{name} of all groups" if number == "all" else f"{name} of group {number}"
    return {"manifold_dim": "m", "ambient_dim": "d", "curvature": "c"}.get(axis, axis)


def axis_value(axis: str, value: Any) -> str:
    """An axis and its value, as tables for a terminal name it: no two alike."""
    return f"{axis_name(axis).removeprefix('train.')} {exactly(value)}"


def exactly(value: Any) -> str:
    """A value of an axis as a text that no other value has, and that gives it back: six digits, or as many as it takes.

    Cells are found again, and told apart, by such texts: in names of metrics, tables and figures.
    """
    if isinstance(value, str):
        return value
    plain_value = value.item() if isinstance(value, np.generic) else value
    short = format(plain_value, "g")
    return short if float(short) == plain_value else repr(plain_value).removesuffix(".0")


def as_csv(study: Study, frame: pd.DataFrame) -> str:
    """A table as CSV: six digits of what is measured, and exactly the values of axes, by which its cells are found."""
    axes = [axis for axis in study.axes if axis in frame and frame[axis].dtype.kind == "f"]
    exact = frame.assign(**{axis: frame[axis].map(exactly) for axis in axes})
    return exact.to_csv(index=False, float_format="%.6g")


def counted(what: str, count: int) -> str:
    """A number of things in words: 1 seed, 2 seeds."""
    return f"{count} {what}" + ("s" if count != 1 else "")


def listed(values: pd.Series) -> str:
    """Different values, ascending."""
    return ", ".join(str(value) for value in sorted(set(values)))


def plus_minus(value: float, error: float, form: str = ".2f") -> str:
    """A value and its error, which is not known of one seed; "not resolved" for NaN. form: of both, as for `format`."""
    if not np.isfinite(value):
        return "not resolved"
    return f"{value:{form}}" + (f" +- {error:{form.lstrip('+')}}" if np.isfinite(error) else "")


def with_interval(value: float, low: float, high: float, form: str) -> str:
    """A value and its interval, which is not known of one seed; a dash for NaN. form: of all, as for `format`."""
    if np.isnan(value):
        return "-"
    return f"{value:{form}}" + ("" if np.isnan(low) or np.isnan(high) else f" [{low:{form}}, {high:{form}}]")


def or_dash(value: float, digits: str = ".3g") -> str:
    """Three digits, or as many as asked for, or a dash for NaN."""
    return f"{value:{digits}}" if np.isfinite(value) else "-"
