"""What a study finds, first: the lines that its table and its report begin with, made once.

study, its comparison, claims -> table `systematic` (a row per quantity), table `headline` (a line per row)

Networks against the exact score, what is systematic over all cells, the law at this size, the dimension, the claims,
and cells without a result. At most MOST lines. Of data from a file: what every score shows, and calibration.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtr

from scoregap.analysis import calibration, profiles
from scoregap.analysis.intervals import holm, interval
from scoregap.analysis.tables import (
    DRAWN,
    PHASES,
    at_gap,
    axis_value,
    counted,
    distinguishing_axes,
    of_seeds,
    rows_of_evaluated_scores,
    with_interval,
)
from scoregap.analysis.verdicts import JUDGED, ROUNDING, Side, Verdict, dimensions_missed, words
from scoregap.study import Study
from scoregap.study.axes import as_named

SIGNIFICANCE = 0.05  # of what is called systematic, by Holm's method over the quantities of a study
MOST, NAMED = 12, 2  # lines with the title; of them rows and cells that are named
LAW = "the law of infinite dimension"
SPARE = ("claims", "cells", "off", "dimension")  # kinds of lines of which there may be no room, the least first
OTHERS = {Verdict.DISAGREES: "disagree", Verdict.INCONCLUSIVE: "inconclusive"}
NEITHER = "neither"  # side of what is not systematic


def systematic(study: Study, frame: pd.DataFrame) -> pd.DataFrame:
    """A row per phase time: is what is compared low, or high, over all cells, scores and gaps together?

    cells: that have a ratio to exact; least, most: of them; low, high: how many lie on either side of 1; low_alone,
    high_alone: how many intervals exclude 1. draws: independent draws of the manifold; mean, mean_low, mean_high:
    geometric mean of the ratio over draws and its Student interval; p: adjusted; side: low or high if p is at most
    SIGNIFICANCE, else `neither`; empty where there are too few draws to tell.

    Cells of one draw share F and points, so they are one result: the mean of their log ratios, which are tested by
    Student's t against 0, two-sided, and by Holm's method over the quantities.
    """
    rows = []
    compared = rows_of_evaluated_scores(frame[frame["quantity"].isin(PHASES) & frame["ratio"].notna()])
    for quantity in PHASES:
        some = compared[compared["quantity"] == quantity]
        if some.empty:
            continue
        by_draw: defaultdict[tuple, list[float]] = defaultdict(list)
        for row in some.to_dict("records"):
            for seed, ratio in of_seeds(row["by_seed"]).items():
                by_draw[*(row[axis] for axis in DRAWN[:-1]), seed].append(math.log(ratio))
        means = np.array([np.mean(logs) for logs in by_draw.values()])
        low, high = interval(means, study.compare.confidence)
        rows.append(
            {
                "quantity": quantity,
                "cells": len(some),
                "least": some.ratio.min(),
                "most": some.ratio.max(),
                "low": int((some.ratio < 1 - ROUNDING).sum()),
                "high": int((some.ratio > 1 + ROUNDING).sum()),
                "low_alone": int((some.ratio_high < 1 - ROUNDING).sum()),
                "high_alone": int((some.ratio_low > 1 + ROUNDING).sum()),
                "draws": len(means),
                "mean": math.exp(means.mean()),
                "mean_low": math.exp(low),
                "mean_high": math.exp(high),
                "p": two_sided(means),
            }
        )
    found = pd.DataFrame(rows)
    if found.empty:
        return found
    adjusted = holm(list(found.p))
    sides = np.where(adjusted <= SIGNIFICANCE, np.where(found["mean"] < 1, Side.LOW, Side.HIGH), NEITHER)
    return found.assign(p=np.where(found.p.isna(), np.nan, adjusted), side=np.where(found.p.isna(), "", sides))


def two_sided(values: np.ndarray) -> float:
    """Student's test that a mean is 0: p; NaN of one value. Values that are 0 to rounding are no difference."""
    n = len(values)
    if n < 2:
        return math.nan
    if np.abs(values).max() < ROUNDING:
        return 1.0
    error = values.std(ddof=1) / math.sqrt(n)
    return float(2 * stdtr(n - 1, -abs(values.mean()) / error)) if error else 0.0


def headline(study: Study, frame: pd.DataFrame, found: pd.DataFrame, tested: pd.DataFrame) -> pd.DataFrame:
    """The lines: kind, line. found: of `systematic`. tested: the claims."""
    match, *off = _match(study, frame)
    bad = bool((frame["not_ok"] != "").any())
    said = {
        "match": [match],
        "off": off,
        "systematic": _systematic(found),
        "law": _law(study, frame),
        "dimension": _dimension(frame),
        "claims": _claims(tested),
        "not ok" if bad else "cells": _cells(study, frame),
    }
    return pd.DataFrame([(kind, line) for kind, some in said.items() for line in some], columns=["kind", "line"])


def no_more_than(most: int, first: pd.DataFrame, lines_of: Callable[[str], list[str]]) -> list[str]:
    """The lines as they are shown, and if they are more than `most`, without the least of them, last first. lines_of: a
    line as it is shown, perhaps in several."""
    for kind in (*first.kind[first.kind.isin(SPARE)].sort_values(key=lambda one: one.map(SPARE.index)), ""):
        shown = [part for line in first["line"] for part in lines_of(line)]
        if len(shown) <= most or not kind:
            break
        first = first.drop(first.index[first.kind == kind][-1])
    return shown


def who(study: Study) -> str:
    """Whose times are compared with the exact ones, in the plural: networks, scores that were not all trained here, or
    the law, where there are neither."""
    if not study.evaluated_scores:
        return LAW
    return "networks" if study.evaluated_scores == study.trained_networks else "scores"


def judged_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """The phase times that have a verdict, the worst first: what disagrees, what is inconclusive, what agrees; in each
    what has no ratio, then the farthest in margins (`off`)."""
    rows = rows_of_evaluated_scores(frame[frame["quantity"].isin(PHASES) & frame["verdict"].isin(JUDGED)]).copy()
    rows["off"] = (rows.ratio - 1) / rows.margin
    rank = rows.verdict.map(list(reversed(JUDGED)).index)
    size = rows.off.abs().fillna(math.inf)
    return rows.iloc[np.lexsort((-size.to_numpy(float), rank.to_numpy(int)))]


def farthest(study: Study, frame: pd.DataFrame, count: int) -> list[tuple[Any, ...]]:
    """The settings of a study with the worst verdicts (`judged_rows`), the worst first. frame: the comparison, perhaps
    with rows of other parts; a setting has the place of its worst row."""
    axes = study.condition_axes
    inside = np.logical_and.reduce([frame[axis].isin(as_named(study.axes[axis])) for axis in axes])
    worst = judged_rows(frame[inside])[axes].drop_duplicates().head(count)
    return list(worst.itertuples(index=False, name=None))


def place(study: Study, frame: pd.DataFrame, row: pd.Series) -> str:
    """The cell and the score of a row of the comparison, in words; frame: of all rows."""
    varied = [axis for axis in study.condition_axes if axis in frame and frame[axis].nunique() > 1]
    values = distinguishing_axes(study, {axis: row[axis] for axis in varied})
    name = [] if row["network"] == "law" else [row["network"]]
    return ", ".join([*(axis_value(axis, value) for axis, value in values.items()), *name])


def named(study: Study, frame: pd.DataFrame, row: pd.Series) -> str:
    """The same with the quantity."""
    return ", ".join(filter(None, [at_gap(row["quantity"], row["gap"]), place(study, frame, row)]))


def how_far(row: pd.Series) -> str:
    """A verdict with what decides it: the ratio to exact with its interval and the margin, or what was seen."""
    if math.isnan(row.ratio) or row.reason:
        return words(row)
    ratio = with_interval(row.ratio, row.ratio_low, row.ratio_high, ".2f")
    return f"{ratio}, margin {row.margin:.0%}: {words(row)}"


def _match(study: Study, frame: pd.DataFrame) -> list[str]:
    """How many phase times agree, and which not."""
    rows = judged_rows(frame)
    verb = "matches" if who(study) == LAW else "match"
    if rows.empty:
        times = rows_of_evaluated_scores(frame[frame["quantity"].isin(PHASES)])
        why = [words(row) for row in times.to_dict("records")]
        said = max(set(why), key=why.count) if why else "there is no phase time"
        return [f"no phase time can be compared with the exact score: {said}"]
    agree, off = rows[rows.verdict == Verdict.AGREES], rows[rows.verdict != Verdict.AGREES]
    sides = [f"{count} {side}" for side in Side if (count := int((agree.side == side).sum()))]
    counts = [f"{(off.verdict == one).sum()} {word}" for one, word in OTHERS.items() if (off.verdict == one).any()]
    every = f"all {len(rows)}" if off.empty else f"{len(agree)} of {len(rows)}"
    first = f"{who(study)} {verb} the exact score in {every} phase times"
    lines = [", ".join([first + (f" ({', '.join(sides)})" if sides else ""), *counts])]
    shown = [f"  {named(study, frame, row)}: {how_far(row)}" for _, row in off.head(NAMED).iterrows()]
    if len(off) > NAMED:
        shown[-1] = f"  and {len(off) - NAMED + 1} more that do not agree"
    return lines + shown


def _systematic(found: pd.DataFrame) -> list[str]:
    """What is low or high over all cells, a line for each quantity; the rest in one line."""
    if found.empty:
        return []
    draws = "one draw" if found.draws.max() == 1 else f"{found.draws.max()} draws"
    if (found.side == "").all():
        return [f"systematic: not to be told of {draws} of the manifold"]
    lines = []
    sided = found[found.side.isin(list(Side))]
    most = np.array([2 * row[row.side] > row.cells for _, row in sided.iterrows()], bool)  # else the mean is of a few
    for _, row in sided[most].iterrows():
        count, alone = row[row.side], row[f"{row.side}_alone"]
        mean = with_interval(row["mean"], row.mean_low, row.mean_high, ".2f")
        ratios = f"{row.least:.2f} to {row.most:.2f} of exact; {alone} of the intervals exclude 1"
        lines.append(
            f"systematic: {row.quantity} {row.side} in {count} of {row.cells} ({ratios}), {mean} over {row.draws} draws"
        )
    if len(mixed := sided[~most]):
        ends = ", ".join(f"{row.quantity} {row.least:.2f} to {row.most:.2f}" for _, row in mixed.iterrows())
        lines.append(f"low in some and high in others: {ends} of exact")
    rest = found[~found.side.isin(list(Side))]
    means = ", ".join(f"{row.quantity} {row['mean']:.2f}" for _, row in rest.iterrows())
    over = "" if lines else f" over {draws}"
    return lines + ([f"not shown to be systematic{over}: {means}"] if len(rest) else [])


def _law(study: Study, frame: pd.DataFrame) -> list[str]:
    """The law of infinite dimension against the exact score, where it is not what is compared anyway."""
    if not study.evaluated_scores:
        return []
    keys = [*(axis for axis in study.condition_axes if axis in frame), "gap", "quantity"]
    rows = frame[frame["quantity"].isin(PHASES) & frame["law_verdict"].isin(JUDGED)].drop_duplicates(keys)
    if rows.empty:
        return []
    agree = []
    for bent, name in ((False, "c = 0"), (True, "c > 0")):
        some = rows[(rows["curvature"] != 0) == bent]
        if len(some):
            agree.append(f"{(some.law_verdict == Verdict.AGREES).sum()} of {len(some)} at {name}")
    others = [f"{count} {word}" for one, word in OTHERS.items() if (count := int((rows.law_verdict == one).sum()))]
    known = rows[rows.law_to_exact.notna()]
    far = ""
    if len(known):
        worst = np.abs(np.log(known.law_to_exact)).groupby(known["quantity"]).max().idxmax()
        of_worst = known[known["quantity"] == worst].law_to_exact
        far = (
            f"; law / exact {known.law_to_exact.min():.2f} to {known.law_to_exact.max():.2f}, "
            f"farthest {worst} ({of_worst.min():.2f} to {of_worst.max():.2f})"
        )
    d = sorted(set(rows["ambient_dim"]))
    at = f"{d[0]}" if len(d) == 1 else f"{d[0]} to {d[-1]}"
    return [f"law of infinite dimension, at d = {at}: agrees with exact in {', '.join([*agree, *others])}{far}"]


def _dimension(frame: pd.DataFrame) -> list[str]:
    """In how many cells the dimension found blind is right, and what it is where it is not."""
    rows = frame[(frame["quantity"] == "dimension") & frame["right"].notna()]
    if rows.empty:
        return []
    none, nothing = np.sum([dimensions_missed(row) for row in rows.to_dict("records")], 0)
    said = [
        f"right in {rows.right.sum():.0f} of {counted('cell', int(rows.of.sum()))}",
        *([f"none in {none}"] if none else []),
    ]
    if nothing:
        said.append(f"all d directions in {nothing}, where nothing has been learned")
    return [f"dimension, found without knowing it: {'; '.join(said)}"]


def _claims(tested: pd.DataFrame) -> list[str]:
    """How many of the paper's claims hold, over cells and networks."""
    rows = tested[tested["verdict"].isin(JUDGED)] if len(tested) else tested
    if rows.empty:
        return []
    counts = []
    for column, name in (("verdict", "the law"), ("of_exact", "exact")):
        agree, against = ((rows[column] == one).sum() for one in (Verdict.AGREES, Verdict.DISAGREES))
        counts.append(f"{agree} agree and {against} disagree with {name}")
    return [f"the paper's claims: of {len(rows)} tests {'; '.join(counts)}"]


def _cells(study: Study, frame: pd.DataFrame) -> list[str]:
    """What is compared without a result, cell by cell, or that there is none. Of references no row tells it."""
    cells = frame.drop_duplicates([*(axis for axis in study.condition_axes if axis in frame), "network"])
    bad = cells[cells.not_ok != ""]
    if bad.empty:
        one = "cell" if who(study) == LAW else who(study).removesuffix("s")
        return [f"without a result: none of {counted(one, int(cells.seeds.sum()))}"]
    said = [f"{place(study, frame, row) or study.name}: {row.not_ok}" for _, row in bad.head(NAMED).iterrows()]
    more = [f"and {len(bad) - NAMED} more"] if len(bad) > NAMED else []
    return [f"without a result: {'; '.join([*said, *more])}"]


def of_data(study: Study, frame: pd.DataFrame, found: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The lines of a study of data from a file: what every score shows of them, and which may be the data's own.

    frame: of `profiles.profile`. found: the tables of all parts, with `calibration` where points tell. Of more than
    there is room for the last are left out, and counted.
    """
    verdicts = []
    for part, named_so in ((one, f"{one.block}/calibration" if one.block else "calibration") for one in study.parts):
        if not (judged := found.get(named_so, pd.DataFrame())).empty:
            first, *off = calibration.calibration_lines(part, judged)
            verdicts += [(f"block {part.block}, " if part.block else "") + first, *off]
    verdicts = cut(verdicts, MOST // 2)
    shows = [
        f"{', '.join(filter(None, (cell, str(network))))}: {profiles.said(own)}"
        for cell, rows in profiles.every_cell(study, frame)
        for network, own in rows.groupby("network", sort=False)
    ]
    shows = cut(shows, MOST - 1 - len(verdicts))  # with the title
    lines = [*(("profile", line) for line in shows), *(("calibration", line) for line in verdicts)]
    return pd.DataFrame(lines, columns=["kind", "line"])


def cut(lines: list[str], most: int) -> list[str]:
    """So many lines at most: if there are more the last says how many are left out."""
    return lines if len(lines) <= most else [*lines[: most - 1], f"and {len(lines) - most + 1} more below"]


def tables(study: Study, frame: pd.DataFrame, tested: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """`systematic` and `headline` by name."""
    found = systematic(study, frame)
    return {"systematic": found, "headline": headline(study, frame, found, tested)}
