"""What data from a file show, without true groups or an exact score: profiles n(t), shoulders, gaps found blind.

study, datasets of its cube -> table: profile; its lines for a terminal; what is drawn of it

A row of `profile` is one quantity of one score in one cell, all seeds together. Intervals are Student's over seeds, or,
of fewer than SEVERAL, the bootstrap's over points, the mean of those of the seeds; `over` says which. Beside every
value are those of the Gaussian and of the empirical score, where the study has them: what needs no learning, and what
has learned its training points by heart.
"""

import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from scoregap.analysis.intervals import interval
from scoregap.analysis.panels import PANELS, Panel
from scoregap.analysis.tables import counted, exactly, labelled, plain, text, with_interval
from scoregap.study import Study
from scoregap.variables import MEASURED, STATUS

SEVERAL = 3  # seeds from which intervals are over them
SHOWN_TIMES = 5  # noise variances at which n and the trace are in tables
BESIDE = ("gaussian", "empirical")  # scores beside which the others are put
SHOULDER = ("start", "end", "modes", "slope")
QUANTITIES = {
    "n": "modes resolved, n at t",
    "trace": "tr G at t",
    "trace_error": "  its standard error at t",
    "t_first": "first mode resolved at t",
    "shoulders": "shoulders of n(t)",
    "shoulder_modes": "the widest: n",
    "shoulder_start": "  from t",
    "shoulder_end": "  to t",
    "shoulder_slope": "  slope",
    "shoulder_share": "  share of resamples",
    "gaps": "gaps found blind",
    "dimension": "dimension by them",
}
FORMS = {
    "n": ".1f", "trace": ".1f", "trace_error": ".2g", "t_first": ".2g", "shoulders": ".2g",
    "shoulder_modes": ".1f", "shoulder_start": ".2g",
    "shoulder_end": ".2g", "shoulder_slope": ".2f", "shoulder_share": ".2f", "gaps": ".2g", "dimension": ".3g",
}  # fmt: skip
AT_TIMES = ("n", "trace", "trace_error")
COUNTED = ("trace_error", "shoulders", "shoulder_share", "gaps", "dimension")  # without an interval
OVER_LOGS = ("t_first", "shoulder_start", "shoulder_end")  # whose means over seeds are geometric


def cells(study: Study, ds: xr.Dataset) -> Iterator[tuple[dict[str, Any], xr.Dataset]]:
    """(values of the axes other than network and seed, the cell with dimensions network, seed, ...)."""
    for values in itertools.product(*(ds[axis].values.tolist() for axis in study.condition_axes)):
        chosen = dict(zip(study.condition_axes, values, strict=True))
        yield chosen, ds.sel(chosen)


def shown_times(t: np.ndarray) -> np.ndarray:
    """Places of the noise variances that tables have, from end to end of the grid."""
    return np.unique(np.linspace(0, len(t) - 1, min(SHOWN_TIMES, len(t))).round().astype(int))


def profile(study: Study, datasets: list[xr.Dataset]) -> pd.DataFrame:
    """One row per cell, network and quantity; see the module. t: of what is at a noise variance, else NaN.

    seeds: with a result; with: of those, the ones that have the quantity, as a shoulder. state: "off the grid" where a
    shoulder goes on beyond the smallest t in some seed. gaussian, empirical: their values in the same cell.
    """
    confidence = study.document.fit.confidence
    rows: list[dict[str, Any]] = []
    for ds in datasets:
        loaded = ds[[str(name) for name, one in ds.data_vars.items() if not {"point", "mode"} & set(one.dims)]].load()
        for chosen, cell in cells(study, loaded):
            found = {str(name): _of_score(cell.sel(network=name), confidence) for name in cell.network.values}
            for name, own in found.items():
                for (quantity, t), row in own.items():
                    beside = {one: found[one][quantity, t]["value"] for one in BESIDE if one in found}
                    label = chosen | {"network": name, "quantity": quantity, "t": t}
                    rows.append(label | row | dict.fromkeys(BESIDE, np.nan) | beside)
    return pd.DataFrame(rows)


def _of_score(one: xr.Dataset, confidence: float) -> dict[tuple[str, float], dict[str, Any]]:
    """{(quantity, t): value, low, high, over, seeds, with, state, not_ok} of one score in one cell."""
    ok = (one.status == 1).values
    bad = [
        f"{word}: seed {', '.join(map(str, one.seed.values[one.status.values == code]))}"
        for code, word in STATUS.items()
        if code != 1 and (one.status == code).any()
    ]
    common = {"seeds": int(ok.sum()), "not_ok": "; ".join(bad)}
    found: dict[tuple[str, float], dict[str, Any]] = {}

    def add(quantity, values, ends=None, t=math.nan, state=""):
        values = np.where(ok, np.asarray(values, float), np.nan)
        summary = _summary(values, ends, confidence, quantity in OVER_LOGS)
        if quantity in COUNTED:
            summary |= {"low": math.nan, "high": math.nan, "over": ""}
        found[quantity, t] = summary | {"state": state} | common

    def at(name, **place):
        return one[name].isel(place).transpose("seed", ...).values

    for i in shown_times(one.time.values):
        for quantity, name in (("n", "modes"), ("trace", "trace")):
            if name in one:
                ends = at(f"{name}_low", time=i), at(f"{name}_high", time=i)
                add(quantity, at(name, time=i), ends, one.time.values[i])
        if "trace_error" in one:
            add("trace_error", at("trace_error", time=i), t=one.time.values[i])
    if "modes" not in one:
        return found
    add("t_first", at("t_first"), (at("t_first_low"), at("t_first_high")))
    start, end = at("shoulder_start"), at("shoulder_end")
    add("shoulders", np.isfinite(start).sum(1))
    factor = np.where(np.isfinite(start), start / end, 0)
    widest = factor.argmax(1)

    def of_widest(name):
        return np.take_along_axis(at(name), widest[:, None], 1)[:, 0]

    gone_on = (of_widest("shoulder_end_state") != MEASURED) & np.isfinite(of_widest("shoulder_start"))
    for name in SHOULDER:
        whole = f"shoulder_{name}"
        state = "off the grid" if name == "end" and gone_on.any() else ""
        add(whole, of_widest(whole), (of_widest(f"{whole}_low"), of_widest(f"{whole}_high")), state=state)
    add("shoulder_share", of_widest("shoulder_share"))
    add("gaps", at("gap_count_overall"))
    add("dimension", at("dimension_overall", estimator=0))
    return found


def _summary(
    values: np.ndarray, ends: tuple[np.ndarray, np.ndarray] | None, confidence: float, logs: bool = False
) -> dict[str, Any]:
    """Mean over the seeds that have the value, and its interval; logs: of their logarithms."""
    known = np.isfinite(values)
    count = int(known.sum())
    row: dict[str, Any] = {"value": math.nan, "low": math.nan, "high": math.nan, "over": "", "with": count}
    if not count:
        return row
    scaled = np.log(values[known]) if logs else values[known]
    row["value"] = float(np.exp(scaled.mean()) if logs else scaled.mean())
    if count >= SEVERAL:
        row["low"], row["high"] = (float(np.exp(end) if logs else end) for end in interval(scaled, confidence))
        row["over"] = "seeds"
    elif ends is not None:
        row["low"], row["high"] = (float(one[known].mean()) for one in ends)
        row["over"] = "points"
    return row


# ---------------------------------------------------------------- in words


def of_network(rows: pd.DataFrame, quantity: str) -> pd.Series:
    """The row of a quantity among those of one network in one cell."""
    return rows[rows["quantity"] == quantity].iloc[0]


def said(rows: pd.DataFrame) -> str:
    """What the profile of one network in one cell shows, in words; of traces alone those at the ends of the grid."""
    if not (rows["quantity"] == "shoulders").any():
        traces = rows[rows["quantity"] == "trace"]
        if not traces["with"].any():
            return str(rows["not_ok"].iloc[0]) or "no result"
        ends = traces.sort_values("t").iloc[[-1, 0]][["t", "value", "low", "high"]].to_numpy(float)
        told = [f"{with_interval(value, low, high, FORMS['trace'])} at t = {t:.2g}" for t, value, low, high in ends]
        return f"tr G = {', '.join(told)}"
    one = {name: of_network(rows, name) for name in ("t_first", "shoulders", *(f"shoulder_{n}" for n in SHOULDER))}
    if not one["shoulders"].seeds:
        return one["shoulders"].not_ok or "no result"
    modes = one["shoulder_modes"]
    if not modes["with"]:
        return "no shoulder"
    ended = one["shoulder_end"]
    down = "the smallest t" if ended.state else f"{ended.value:.2g}"
    shares = f" ({modes['with']} of {modes.seeds} seeds)" if modes["with"] < modes.seeds else ""
    kind = "a plateau" if abs(one["shoulder_slope"].value) < 0.05 else "a shoulder"
    return (
        f"{kind} at n = {with_interval(modes.value, modes.low, modes.high, '.1f')} from t = "
        f"{one['shoulder_start'].value:.2g} to {down}, slope {one['shoulder_slope'].value:.2f}{shares}"
    )


def blocks(study: Study, frame: pd.DataFrame) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    """(values of the axes that the study varies, their rows)."""
    keys = [axis for axis in study.condition_axes if len(study.axes[axis]) > 1]
    if not keys:
        return [({}, frame)]
    return [(dict(zip(keys, values, strict=True)), rows) for values, rows in frame.groupby(keys, sort=False)]


def every_cell(study: Study, frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """(the cell in words, its rows), a part of the study after the other; a cell may be in several, of other seeds."""
    for part in study.parts:
        for values, rows in blocks(part, frame[frame["block"] == part.block] if study.blocks else frame):
            yield ", ".join(filter(None, (part.block and f"block {part.block}", labelled(values)))), rows


def table_of(rows: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Head and rows of a table of one cell: a line per quantity, a column per score, values with their intervals."""
    times = rows.loc[rows["quantity"] == "trace", "t"].drop_duplicates().tolist()
    known = set(rows["quantity"])
    wanted = [(name, t) for name in FORMS if name in known for t in (times if name in AT_TIMES else [math.nan])]
    scores = list(rows.groupby("network", sort=False))
    lines = []
    for quantity, t in wanted:
        line = [QUANTITIES[quantity] + ("" if math.isnan(t) else f" = {t:.2g}")]
        for _, own in scores:
            row = own[(own["quantity"] == quantity) & (own["t"].isna() if math.isnan(t) else own["t"] == t)].iloc[0]
            none = quantity in ("shoulders", "gaps", "dimension") and row.value == 0
            line.append(row.state or ("none" if none else with_interval(row.value, row.low, row.high, FORMS[quantity])))
        lines.append(line)
    if rows["not_ok"].any():
        lines.append(["not ok", *(own["not_ok"].iloc[0] for _, own in scores)])
    return ["", *(str(name) for name, _ in scores)], lines


def profile_lines(study: Study, frame: pd.DataFrame) -> list[str]:
    """The table of `profile` in words, of a part of a study after the other."""
    lines = []
    for cell, rows in every_cell(study, frame):
        lines += [cell] if cell else []
        head, body = table_of(rows)
        table = plain()
        for i, name in enumerate(head):
            table.add_column(name, justify="left" if i == 0 else "right")
        for line in body:
            table.add_row(*line)
        words = {str(network): said(own) for network, own in rows.groupby("network", sort=False)}
        lines += [*text(table), *(f"  {network}: {one}" for network, one in words.items() if one)]
    return lines


def explanation(study: Study) -> list[str]:
    """How to read the table."""
    counts, confidence = {len(part.axes["seed"]) for part in study.parts}, study.document.fit.confidence
    over = " or ".join(
        ([f"Student's over {counted('seed', max(counts))}"] if max(counts) >= SEVERAL else [])
        + (["by the bootstrap over points"] if min(counts) < SEVERAL else [])
    )
    if (probes := study.document.spectrum.probes) is not None:
        return [
            f"tr G: trace of G = I + t J, by {probes} random vectors a point, with its standard error over them (0: it",
            "is exact of closed forms); modes, shoulders and gaps take whole spectra (method exact): not known.",
            f"Means over seeds and points; {confidence:.0%} intervals are {over}.",
        ]
    return [
        "n: eigenvalues of G = I + t J above 1/2, the modes that are resolved at noise variance t; a shoulder: a range",
        "of t below a rise in which n rises at less than half of the steepest rate; dimension: modes above the lowest",
        "gap that is found blind, lasts and is wider than one half. Means over seeds and points;",
        f"{confidence:.0%} intervals are {over}.",
    ]


def as_text(study: Study, frame: pd.DataFrame, about: str) -> str:
    """The table for a terminal. about: what the data are."""
    return "\n".join([f"{study.name}: {about}", *explanation(study), "", *profile_lines(study, frame)]) + "\n"


# ---------------------------------------------------------------- what is drawn


class Curve(NamedTuple):
    """Of one score over noise, means over seeds: value, low, high (T,). shoulders: (start, end, n) of every seed."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    shoulders: list[tuple[float, float, float]]


class Curves(NamedTuple):
    """Of a panel. times: (T,). modes, traces: of every score; no modes where traces alone are known."""

    values: dict[str, Any]
    times: np.ndarray
    modes: dict[str, Curve]
    traces: dict[str, Curve]


def curves(study: Study, panels: list[Panel]) -> list[Curves]:
    """n(t) and tr G of every score, with intervals as those of `profile`."""
    confidence, found = study.document.fit.confidence, []
    for values, ds in panels[:PANELS]:
        drawn: dict[str, dict[str, Curve]] = {name: {} for name in ("modes", "trace") if name in ds}
        for network in map(str, ds.network.values):
            own = ds.sel(network=network)
            for name, of_name in drawn.items():
                seeds = own[name].transpose("seed", "time").values
                ends = [own[f"{name}_{side}"].transpose("seed", "time").values for side in ("low", "high")]
                summaries = [
                    _summary(seeds[:, i], (ends[0][:, i], ends[1][:, i]), confidence) for i in range(seeds.shape[1])
                ]
                value, low, high = (np.array([one[key] for one in summaries]) for key in ("value", "low", "high"))
                marked = []
                if name == "modes":
                    marks = [own[f"shoulder_{key}"].values.ravel() for key in ("start", "end", "modes")]
                    marked = [(a, b, c) for a, b, c in zip(*marks, strict=True) if math.isfinite(a)]
                of_name[network] = Curve(value, low, high, marked)
        found.append(Curves(values, ds.time.values, drawn.get("modes", {}), drawn["trace"]))
    return found


def describe_axes(study: Study) -> str:
    """What a study of data varies, in a line."""
    axes = {axis: values for axis, values in study.axes.items() if axis != "seed"}
    parts = [f"{axis} {', '.join(exactly(one) if not isinstance(one, str) else one for one in values)}"
             for axis, values in axes.items()]  # fmt: skip
    otherwise = [f"otherwise in the blocks {', '.join(study.blocks)}"] if study.blocks else []
    seeds, points = counted("seed", len(study.axes["seed"])), counted("point", study.document.spectrum.points)
    return " · ".join([*parts, *otherwise, seeds, f"{points} per time"])
