"""Scores of the same data beside each other: do they see as much, and the same directions?

study, datasets of its cube -> table: agreement; its lines for a terminal

Of every pair of scores: the cosine of their Jacobians G, and the ratios of modes resolved, n(t), and of traces, of
means over the same points. Of a score on two disjoint halves of the training part (axis `half`): that cosine. Intervals
are Student's over seeds, or, of fewer than SEVERAL, the bootstrap's over points, drawn for both scores alike, the mean
of those of the seeds.
"""

import itertools
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from scoregap.analysis.intervals import interval
from scoregap.analysis.profiles import BESIDE, SEVERAL, blocks, cells, shown_times
from scoregap.analysis.tables import labelled, plain, text, with_interval
from scoregap.measure.profile import RESOLVED
from scoregap.scores import REFERENCES
from scoregap.study import Study
from scoregap.study.data import HALVES
from scoregap.variables import OTHER_HALF

NOTHING = 1e-6  # modes, of which no ratio is told: of a trace that is rounding
MOST = 3  # scores other than BESIDE that tables compare with each other; all are in comparison.csv
QUANTITIES = {"cosine": "cosine of G", "n ratio": "n over its n", "trace ratio": "tr G over its tr G"}
FORMS = {"cosine": ".2f", "n ratio": ".3g", "trace ratio": ".3g"}


def agreement(study: Study, datasets: list[xr.Dataset]) -> pd.DataFrame:
    """One row per cell, score, other score, quantity and noise variance, of those that tables have.

    value: mean over seeds; over: of what the interval low, high is. with: seeds that have it, of `seeds` with a result.
    A cosine is the mean over the points of which both have a Jacobian that is not 0; a ratio is of two means, not known
    where the other's is NOTHING or less.
    """
    fit = study.document.fit
    rows: list[dict[str, Any]] = []
    for ds in datasets:
        at = shown_times(ds.time.values)
        wanted = [name for name in ("status", "agreement", "eigenvalue", "point_trace") if name in ds]
        for chosen, cell in cells(study, ds[wanted].isel(time=at)):
            values = _of_points(cell.load())
            names = list(map(str, cell.network.values))
            for network, other in (*itertools.permutations(names, 2), *_of_halves(chosen, cell)):
                both = [network] if other == OTHER_HALF else [network, other]
                pair = (
                    {key: (one[network], one[other]) for key, one in values.items() if key != "cosine"}
                    if len(both) > 1
                    else {}
                )
                ok = (cell.status.sel(network=both) == 1).all("network").values
                label = chosen | {"network": network, "other": other}
                for i, t in enumerate(cell.time.values):
                    found: dict[str, tuple[np.ndarray, np.ndarray | None]] = {
                        f"{key} ratio": (one[:, i], two[:, i]) for key, (one, two) in pair.items()
                    }
                    if "cosine" in values:
                        found["cosine"] = (values["cosine"][network, other][:, i], None)
                    for quantity in filter(found.__contains__, QUANTITIES):
                        said = _summary(*found[quantity], ok, fit.resamples, fit.confidence)
                        rows.append(label | {"quantity": quantity, "t": t} | said | {"seeds": int(ok.sum())})
    return pd.DataFrame(rows)


def _of_halves(chosen: dict[str, Any], cell: xr.Dataset) -> list[tuple[str, str]]:
    """Scores beside themselves of the other half of the training part, told once, of the first: those that see it."""
    if chosen.get("half") != HALVES[0] or OTHER_HALF not in cell.get("other", ()):
        return []
    return [(name, OTHER_HALF) for name in map(str, cell.network.values) if name not in REFERENCES]


def _of_points(cell: xr.Dataset) -> dict[str, dict[Any, np.ndarray]]:
    """{n, trace: {score: (seeds, T, points)}, cosine: {(score, other): likewise}} of a cell."""

    def arrays(one: xr.DataArray) -> dict[Any, np.ndarray]:
        scores = map(str, one.network.values)
        return {name: one.sel(network=name).transpose("seed", "time", "point").values.astype(float) for name in scores}

    found: dict[str, dict[Any, np.ndarray]] = {"trace": arrays(cell.point_trace)}
    if "eigenvalue" in cell:
        known = cell.eigenvalue.notnull().all("mode")
        found["n"] = arrays((cell.eigenvalue > RESOLVED).sum("mode").where(known))
    if "agreement" in cell:
        of = {str(other): arrays(cell.agreement.sel(other=other)) for other in cell.other.values}
        found["cosine"] = {(name, other): one for other, each in of.items() for name, one in each.items()}
    return found


@lru_cache(maxsize=64)
def _draws(points: int, resamples: int) -> np.ndarray:
    """(resamples, points) how often each point is drawn, the same for all pairs of scores."""
    return np.random.default_rng(0).multinomial(points, np.full(points, 1 / points), resamples)


def _summary(
    one: np.ndarray, other: np.ndarray | None, ok: np.ndarray, resamples: int, confidence: float
) -> dict[str, Any]:
    """Mean over seeds of a mean over points (seeds, points), or of its ratio to another's, with its interval."""
    values, ends = [], []
    for i in np.flatnonzero(ok):
        parts = np.stack([one[i]] if other is None else [one[i], other[i]])
        parts = parts[:, np.isfinite(parts).all(0)]
        points = parts.shape[1]
        if not points or (other is not None and abs(parts[1].mean()) < NOTHING):
            continue
        drawn = _draws(points, resamples) @ parts.T
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = drawn[:, 0] / (points if other is None else drawn[:, 1])
        values.append(parts[0].mean() / (1 if other is None else parts[1].mean()))
        tails = 50 * (1 - confidence), 50 * (1 + confidence)
        ends.append(np.percentile(shares, tails) if np.isfinite(shares).all() else (np.nan, np.nan))
    row: dict[str, Any] = {"value": np.nan, "low": np.nan, "high": np.nan, "over": "", "with": len(values)}
    if not values:
        return row
    row["value"] = float(np.mean(values))
    if len(values) >= SEVERAL:
        (row["low"], row["high"]), row["over"] = map(float, interval(np.array(values), confidence)), "seeds"
    else:
        (row["low"], row["high"]), row["over"] = map(float, np.mean(ends, 0)), "points"
    return row


def agreement_lines(study: Study, frame: pd.DataFrame) -> list[str]:
    """A table for every score that others are put beside: a column for each of those, every pair once."""
    names = list(study.axes["network"])
    evaluated = [name for name in names if name not in BESIDE]
    others = [name for name in names if name in BESIDE or len(evaluated) <= MOST]
    lines = ["scores beside each other, at the same points; cosine of G: 1 where they see the same directions"]
    for values, rows in blocks(study, frame):
        lines += [f"  {labelled(values)}"] if values else []
        told: set[frozenset[str]] = set()
        for other in sorted(others, key=lambda name: BESIDE.index(name) if name in BESIDE else len(BESIDE)):
            columns = [name for name in names if name != other and frozenset((name, other)) not in told]
            told |= {frozenset((name, other)) for name in columns}
            if columns:
                lines += [f"    {line}" for line in _table(rows[rows["other"] == other], other, columns)]
        halves = rows[rows["other"] == OTHER_HALF]
        if len(halves):
            columns = halves["network"].drop_duplicates().tolist()
            lines += [f"    {line}" for line in _table(halves, f"the {OTHER_HALF}", columns)]
    return lines


def _table(rows: pd.DataFrame, other: str, columns: list[str]) -> list[str]:
    """What scores are beside another one, a line per quantity and noise variance."""
    table = plain()
    table.add_column(f"beside {other}")
    for name in columns:
        table.add_column(name, justify="right")
    for quantity, words in QUANTITIES.items():
        own = rows[rows["quantity"] == quantity]
        for t in own["t"].drop_duplicates():
            of = own[own["t"] == t].set_index("network")
            ends = {name: (of["value"][name], of["low"][name], of["high"][name]) for name in columns}
            told = [with_interval(value, low, high, FORMS[quantity]) for value, low, high in ends.values()]
            table.add_row(f"{words}, t = {t:.2g}", *told)
    return text(table)
