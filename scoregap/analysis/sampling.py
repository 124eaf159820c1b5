"""Division of labour: which noise variances decide whether samples are on the manifold, and where on it.

study, datasets of its cube -> table: noise_attribution

The paper's explanation of why diffusion escapes manifold overfitting: the distribution on the manifold is made while
intermediate gaps are open (coverage), the manifold itself afterwards (consolidation). The sample stage lets a wrong
score act at a part of the noise variances only; where its error comes from, that is decided.
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from scoregap.analysis.intervals import interval
from scoregap.analysis.tables import blocks, labelled, with_interval
from scoregap.analysis.verdicts import Reason, Verdict
from scoregap.scores import EXACT
from scoregap.study import Study

OFF, WITHIN = "off the manifold", "on the manifold"  # the two errors
ROUNDING = 1e-6  # amplitudes below that say nothing
BEGINS, HALF, ENDS = 0.1, 0.5, 0.9  # shares of an error at which its decision begins, is half made, and ends
_NOT_TESTABLE = {"verdict": Verdict.NOT_TESTABLE, "reason": ""}
TIMES = ("t_open", "t_close", "t_consolidation")


def noise_attribution(study: Study, datasets: list[xr.Dataset]) -> pd.DataFrame:
    """One row per cell, network, order, error, group (-1: of all) and switch, over the seeds with all results.

    value: the error, as an amplitude: rms distance per normal direction in data units, or root of the energy distance
    from the exact score's samples over the group's std; root of the mean square over seeds, 0 where that is negative.
    share: of what the network's own score alone makes of it, 0 at the exact score. *low, *high: Student's intervals
    over seeds, by the jackknife, since a seed of small error says little.

    Of the curve as a whole, the same in all its rows: own, exact: error of either score alone. decided: switch under
    which HALF of the error is made; below first_step, the second switch, no more is known. begins, ends: under which
    BEGINS and ENDS of it are made. window_low, window_high: window of the exact score in which the paper has it
    decided, geometric means over seeds: for OFF from 0 to t_consolidation, for a group from t_close to t_open of the
    gap below it, for the last group of the gap above it. inside: share that is made inside it. verdict: whether the
    interval of `decided` over the window is inside (agrees), outside (disagrees), or neither (inconclusive); not
    testable where the squared errors of the two scores do not differ in the interval over seeds, or, with the reason
    `no window`, where the exact score has none, as with one group. own_from_truth, exact_from_truth: energy distance,
    no root, of the samples of either score alone from clean points, over the group's std; clean_from_truth: of other
    clean points, which is its noise.
    """
    rows: list[dict] = []
    confidence = study.compare.confidence
    names = ["sample_off_manifold", "sample_distance", "sample_truth_distance", *(f"exact_{name}" for name in TIMES)]
    for ds in datasets:
        loaded = ds[["status", *names]].load()
        networks = [name for name in ds.network.values if name != EXACT]
        for values in itertools.product(*(ds[axis].values for axis in study.condition_axes), networks, ds.order.values):
            chosen = dict(zip((*study.condition_axes, "network", "order"), values, strict=True))
            here = loaded.sel(chosen)
            for error, group, squares, window, truth in _errors(here.isel(seed=(here.status == 1).values)):
                known = np.isfinite(squares).all(1)
                if known.any():
                    label = chosen | {"error": error, "group": group}
                    for sampler, one in zip(ds.sampler.values, truth[:, known], strict=True):
                        label |= _named(f"{sampler}_from_truth", (one.mean(), *interval(one, confidence)))
                    found = _decision(ds.switch.values, squares[known], window[known], chosen["order"], confidence)
                    rows += [label | row for row in found]
    return pd.DataFrame(rows)


def _errors(cell: xr.Dataset) -> Iterator[tuple[str, int, np.ndarray, np.ndarray, np.ndarray]]:
    """(name, group, squares (seeds, switches), window (seeds, 2), distances from truth) of every error of a cell.

    The last are (samplers, seeds), NaN for OFF.
    """
    window = {name: cell[f"exact_{name}"].values for name in TIMES}
    consolidation = window["t_consolidation"][:, -1]
    unknown = np.full((cell.sizes["sampler"], cell.sizes["seed"]), np.nan)
    yield (
        OFF,
        -1,
        cell.sample_off_manifold.values**2,
        np.stack([np.zeros_like(consolidation), consolidation], 1),
        unknown,
    )
    last = cell.sizes["group"] - 1
    for group in range(last + 1):
        gap = min(group, last - 1)  # the last gap is the final one
        ends = [window[name][:, gap] if last else unknown[0] for name in ("t_close", "t_open")]
        here = cell.isel(group=group)
        yield (
            WITHIN,
            group,
            here.sample_distance.values,
            np.stack(ends, 1),
            here.sample_truth_distance.transpose("sampler", ...).values,
        )


def _decision(switch, squares, window, order: str, confidence: float) -> list[dict]:
    """Rows of `noise_attribution` for one error: its squares (seeds, switches), window (seeds, 2)."""
    with np.errstate(divide="ignore"):
        edges = np.log(window)
    whole, low, high = _jackknife(
        lambda seeds: _curve(switch, squares[seeds], edges[seeds], order), len(squares), confidence
    )
    exact, own = (0, -1) if order == "own below" else (-1, 0)
    apart = interval(squares[:, own] - squares[:, exact], confidence)
    testable = (apart[0] > 0 or apart[1] < 0) and np.isfinite(whole["decided"])
    value, share = (
        np.stack(one) for one in zip(*((one["value"], one["share"]) for one in (whole, low, high)), strict=True)
    )
    row = {"own": value[0, own], "exact": value[0, exact], "seeds": len(squares), "first_step": switch[1]}
    row |= {"window_low": np.exp(whole["edges"][0]), "window_high": np.exp(whole["edges"][1])}
    for name in ("decided", "begins", "ends", "inside"):
        found = np.array([one[name] for one in (whole, low, high)]) if testable else np.full(3, np.nan)
        row |= _named(name, found if name == "inside" else np.exp(found))
    row |= inside_window(whole["edges"], low["over"], high["over"]) if testable else _NOT_TESTABLE
    share = share if testable else np.full_like(share, np.nan)
    return [
        row | {"switch": at} | _named("", of_value, "value") | _named("share", of_share)
        for at, of_value, of_share in zip(switch, value.T, share.T, strict=True)
    ]


def _curve(switch, squares, edges, order: str) -> dict[str, np.ndarray]:
    """What some seeds together say: squares (seeds, switches), edges (seeds, 2), noise in logarithms.

    edges: of the window (2,), means of what is known. over: logarithms of `decided` over them.
    """
    value = np.sqrt(np.maximum(squares.mean(0), 0.0))
    exact, own = (value[0], value[-1]) if order == "own below" else (value[-1], value[0])
    known = [edge[~np.isnan(edge)] for edge in edges.T]
    window = np.array([edge.mean() if edge.size else np.nan for edge in known])
    if abs(own - exact) < ROUNDING:
        nothing = dict.fromkeys(("decided", "begins", "ends", "inside"), np.array(np.nan))
        return {
            "value": value,
            "share": np.full_like(value, np.nan),
            "edges": window,
            "over": np.full(2, np.nan),
        } | nothing
    share = (value - exact) / (own - exact)
    below = share if order == "own below" else 1 - share  # what is decided under the switch
    decided = crossings(switch, below, HALF).mean()
    return {
        "value": value,
        "share": share,
        "edges": window,
        "decided": decided,
        "over": decided - window,
        "begins": crossings(switch, below, BEGINS)[0],
        "ends": crossings(switch, below, ENDS)[1],
        "inside": np.diff(np.interp(window, np.log(switch), below))[0] if not np.isnan(window).any() else np.nan,
    }


def _jackknife(statistic, seeds: int, confidence: float) -> tuple[dict, dict, dict]:
    """A statistic of all seeds, by name, and the ends of its Student intervals from those that leave one out."""
    every = np.arange(seeds)
    whole = statistic(every)
    if seeds < 2:
        unknown = {name: np.full_like(np.asarray(one, float), np.nan) for name, one in whole.items()}
        return whole, unknown, unknown
    parts = [statistic(np.delete(every, i)) for i in every]
    factor = (seeds - 1) * stats.t.ppf(0.5 * (1 + confidence), seeds - 1) / np.sqrt(seeds)
    low, high = {}, {}
    for name, one in whole.items():
        with np.errstate(invalid="ignore"):  # a window that has no lower end
            half = factor * np.std([part[name] for part in parts], axis=0, ddof=1)
        low[name], high[name] = one - half, one + half
    return whole, low, high


def _named(name: str, values, middle: str | None = None) -> dict[str, float]:
    """A mean and the ends of its interval as columns."""
    prefix = f"{name}_" if name else ""
    return dict(zip((middle or name, f"{prefix}low", f"{prefix}high"), values, strict=True))


def crossings(switch, share, level: float) -> np.ndarray:
    """Logarithms of the first and the last switch at which the share passes a level, up or down, interpolated.

    share: (switches,), from 0 to 1. The two are the same where it rises all along.
    """
    above, log = share >= level, np.log(switch)
    i = np.flatnonzero(above[1:] != above[:-1])[[0, -1]]
    return log[i] + (level - share[i]) / (share[i + 1] - share[i]) * (log[i + 1] - log[i])


def inside_window(edges: np.ndarray, low: np.ndarray, high: np.ndarray) -> dict[str, str]:
    """Verdict, and a reason if there is none, on a time in its window.

    edges (2,) of that, and the interval of the time over either, all logarithms.
    """
    if np.isnan(edges).any():
        return {"verdict": Verdict.NOT_TESTABLE, "reason": Reason.NO_WINDOW}
    if (np.isneginf(edges[0]) or low[0] >= 0) and high[1] <= 0:
        return {"verdict": Verdict.AGREES, "reason": ""}
    outside = high[0] < 0 or low[1] > 0
    return {"verdict": Verdict.DISAGREES if outside else Verdict.INCONCLUSIVE, "reason": ""}


def window_words(row: Mapping[Any, Any]) -> str:
    """A verdict of the table for people."""
    where = {Verdict.AGREES: "inside", Verdict.DISAGREES: "outside"}
    return str(row["reason"] or where.get(row["verdict"], row["verdict"]))


def noise_attribution_lines(study: Study, frame: pd.DataFrame) -> list[str]:
    """The table of `noise_attribution` in words."""
    confidence = study.compare.confidence
    lines = [
        "division of labour: noise variance under which half of an error of samples is made (10 % to 90 %), the",
        "window of the exact score in which the paper has it decided, and the share made inside it: the distance from",
        "the manifold under t_consolidation, a group's distribution on it from t_close to t_open. The score below the",
        f"switch, or above it, is the network's own, else the exact one; {confidence:.0%} Student intervals over seeds",
    ]
    for values, block in blocks(study, frame):
        lines += [f"  {labelled(values)}"] if values else []
        lines.append(
            f"    {'':<12}{'':<11}{'error':<27}{'own':>8}{'exact':>9}  {'half is made under':<28}{'10 % to 90 %':<18}"
            f"{'window':<15}{'inside':<20}verdict"
        )
        curves = block.drop_duplicates(["network", "order", "error", "group"]).to_dict("records")
        lines += [_line(row, len(study.axes["seed"])) for row in curves]
        for group in sorted({row["group"] for row in curves} - {-1}):
            here = {row["network"]: row for row in curves if row["group"] == group}
            first = next(iter(here.values()))
            said = [_in_brackets(first, sampler, name) for sampler, name in (("clean", "clean points"), ("exact",) * 2)]
            said += [_in_brackets(row, "own", name) for name, row in here.items()]
            lines.append(f"    energy distance from clean points, group {group}: {', '.join(said)}")
    every = frame.drop_duplicates([*study.condition_axes, "network", "order", "error", "group"])
    for (error, order), rows in every.groupby(["error", "order"], sort=False):
        found = pd.Series([window_words(row) for row in rows.to_dict("records")])
        counts = ", ".join(f"{count} {one}" for one, count in found.value_counts().items())
        lines.append(f"  {error}, {order}: {counts}")
    return lines


def _line(row: dict, seeds: int) -> str:
    """One curve in words. seeds: of the study; a curve may have fewer, where samples of some are not finite."""
    error = row["error"] + (f", group {row['group']}" if row["group"] >= 0 else "")
    half = between = inside = ""
    if np.isfinite(row["decided"]):
        half = with_interval(row["decided"], row["decided_low"], row["decided_high"], ".3g")
        half = f"{row['first_step']:.2g} or less" if row["decided"] < row["first_step"] else half
        between = f"{row['begins']:.2g} to {row['ends']:.2g}"
        if np.isfinite(row["inside"]):
            inside = with_interval(row["inside"], row["inside_low"], row["inside_high"], ".0%")
    window = "-" if np.isnan(row["window_high"]) else f"{row['window_low']:.2g} to {row['window_high']:.2g}"
    return (
        f"    {row['network']:<12}{row['order']:<11}{error:<27}{row['own']:>8.2g}{row['exact']:>9.2g}  {half:<28}"
        f"{between:<18}{window:<15}{inside:<20}{window_words(row)}"
        + (f" ({row['seeds']} of {seeds} seeds)" if row["seeds"] < seeds else "")
    )


def _in_brackets(row: dict, sampler: str, name: str) -> str:
    mean, low, high = (row[f"{sampler}_from_truth{end}"] for end in ("", "_low", "_high"))
    return f"{name} {with_interval(mean, low, high, '.3f')}"
