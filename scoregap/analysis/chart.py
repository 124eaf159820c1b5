"""Where theory is missed, and how far, over all settings of a study: what the map of a large study shows.

study, comparison -> for every score and phase time, over two sets of axes, the share that does not agree and the median
distance from the exact score in margins; and how distances are distributed

A map is as large as can be read, however many settings there are: the longest axis runs along x, its values in bins of
neighbours, and the rows are combinations of the others, of as many axes as have few enough.
"""

import itertools
import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from scoregap.analysis.headline import judged_rows
from scoregap.analysis.tables import PHASES, at_gap
from scoregap.analysis.verdicts import Verdict
from scoregap.study import Study

ACROSS, DOWN = 60, 12  # bins of x, and rows, at most
BINS = np.linspace(-4, 4, 65)  # of distances in margins; what is beyond is in the last one on its side


class Map(NamedTuple):
    """x: name of the axis along x. ends: (bins, 2) its values, the first and the last of each bin. y: values of other
    axes of every row. share, median, counts: {(score, NAME[gap]): (rows, bins)}; NaN and 0 where nothing is judged.
    heights: {(score, NAME[gap]): (len(BINS) - 1,)} shares of distances. pooled: axes that are in no row."""

    x: str
    ends: list[tuple[Any, Any]]
    y: list[dict[str, Any]]
    share: dict[tuple[str, str], np.ndarray]
    median: dict[tuple[str, str], np.ndarray]
    counts: dict[tuple[str, str], np.ndarray]
    heights: dict[tuple[str, str], np.ndarray]
    pooled: list[str]


def chart(study: Study, frame: pd.DataFrame) -> Map | None:
    """The map of the comparison of a study; None where nothing is judged, or nothing varies."""
    rows = judged_rows(frame.reset_index(drop=True))
    varied = {axis: pd.unique(frame[axis]) for axis in study.condition_axes if frame[axis].nunique() > 1}
    if rows.empty or not varied:
        return None
    rows = rows.assign(name=[at_gap(*one) for one in zip(rows["quantity"], rows["gap"], strict=True)])
    numeric = [axis for axis, values in varied.items() if not isinstance(values[0], str)]
    x = max(numeric or varied, key=lambda axis: len(varied[axis]))
    values: Any = np.sort(np.asarray(varied[x])) if numeric else varied[x]
    edges = np.linspace(0, len(values), min(ACROSS, len(values)) + 1).round().astype(int)
    of_value = dict(zip(values.tolist(), np.repeat(np.arange(len(edges) - 1), np.diff(edges)).tolist(), strict=True))
    ends = [(values[a], values[b - 1]) for a, b in itertools.pairwise(edges)]
    kept = [axis for axis in varied if axis != x]
    while kept and math.prod(len(varied[axis]) for axis in kept) > DOWN:
        kept.remove(max(kept, key=lambda axis: len(varied[axis])))
    y: list[Any] = frame[kept].drop_duplicates().to_dict("records") if kept else [{}]
    place = {tuple(one.values()): i for i, one in enumerate(y)}
    down = [place[one] for one in rows[kept].itertuples(index=False, name=None)] if kept else np.zeros(len(rows), int)
    rows = rows.assign(down=down, across=rows[x].map(of_value), missed=rows["verdict"] != Verdict.AGREES)
    found = Map(x, ends, y, {}, {}, {}, {}, [axis for axis in varied if axis not in (x, *kept)])
    order = sorted(set(zip(rows["gap"], rows["quantity"].map(PHASES.index), rows["name"], strict=True)))
    for network, (_, _, name) in ((one, two) for one in dict.fromkeys(frame["network"]) for two in order):
        own = rows[(rows["network"] == network) & (rows["name"] == name)]
        if own.empty:
            continue
        cells = own.groupby(["down", "across"])
        for table, some in (
            (found.share, cells["missed"].mean()), (found.median, cells["off"].median()), (found.counts, cells.size()),
        ):  # fmt: skip
            whole = np.full((len(y), len(ends)), 0.0 if table is found.counts else np.nan)
            whole[tuple(np.array(some.index.to_list()).T)] = some.to_numpy(float)
            table[network, name] = whole
        known = own["off"].dropna().clip(BINS[0], BINS[-1])
        found.heights[network, name] = np.histogram(known, BINS)[0] / max(len(own), 1)
    return found
