"""Division of labour: which noise variances decide whether samples are on the manifold, and where on it.

study, datasets of its cube -> table: labour

The paper's explanation of why diffusion escapes manifold overfitting: the distribution on the manifold is made while
intermediate gaps are open (coverage), the manifold itself afterwards (consolidation). The sample stage lets a wrong
score act at a part of the noise variances only; where its error comes from, that is decided.
"""

import itertools

import numpy as np
import pandas as pd
import xarray as xr

from scoregap.agreement import interval, median
from scoregap.findings.tables import blocks, labelled, or_dash
from scoregap.study import Study

OFF, WITHIN = "off the manifold", "on the manifold"  # the two errors
ROUNDING = 1e-6  # amplitudes below that say nothing
BEGINS, HALF, ENDS = 0.1, 0.5, 0.9  # shares of an error at which its decision begins, is half made, and ends
TIMES = ("t_open", "t_close", "t_consolidation")


def labour(study: Study, datasets: list[xr.Dataset]) -> pd.DataFrame:
    """One row per cell, network, order, error, group (-1: of all) and switch, mean over the seeds with all results.

    value: the error, as an amplitude: rms distance per normal direction in data units, or root of the energy distance
    from the exact score's samples over the group's std. share: of what the network's own score alone makes of it, 0 at
    the exact score. *low, *high: Student's intervals over seeds.

    Of the curve as a whole, the same in all its rows: own, exact: error of either score alone. decided: switch under
    which HALF of the error is made, in geometric mean; below first_step, the second switch, no more is known. begins,
    ends: under which BEGINS and ENDS of it are made. window_low, window_high: window of the exact score in which the
    paper has it decided, medians over seeds: for OFF from 0 to t_consolidation, for a group from t_close to t_open of
    the gap below it, for the last group of the gap above it. inside: share that is made inside it. verdict: whether
    the interval of `decided` over the window of its seed is inside, outside, or neither (inconclusive); not testable
    where the errors of the two scores do not differ in the interval over seeds; no window where the exact score has
    none, as with one group. own_from_truth, exact_from_truth: energy distance, no root, of the samples of either score
    alone from clean points, over the group's std; clean_from_truth: of other clean points, which is its noise.
    """
    rows: list[dict] = []
    confidence = study.document.compare.confidence
    names = ["sample_off_manifold", "sample_distance", "sample_truth_distance", *(f"exact_{name}" for name in TIMES)]
    for ds in datasets:
        loaded = ds[["status", *names]].load()
        networks = [name for name in ds.network.values if name != "exact"]
        for values in itertools.product(*(ds[axis].values for axis in study.facets), networks, ds.order.values):
            chosen = dict(zip((*study.facets, "network", "order"), values, strict=True))
            here = loaded.sel(chosen)
            for error, group, curves, window, truth in _errors(here.isel(seed=(here.status == 1).values)):
                known = np.isfinite(curves).all(1)
                if known.any():
                    label = chosen | {"error": error, "group": group}
                    for sampler, one in zip(ds.sampler.values, truth[:, known], strict=True):
                        label |= _named(f"{sampler}_from_truth", (one.mean(), *interval(one, confidence)))
                    found = _decision(ds.switch.values, curves[known], window[known], chosen["order"], confidence)
                    rows += [label | row for row in found]
    return pd.DataFrame(rows)


def _errors(cell: xr.Dataset):
    """(name, group, amplitudes (seeds, switches), window (seeds, 2), distances from truth) of every error of a cell.

    The last are (samplers, seeds), NaN for OFF.
    """
    window = {name: cell[f"exact_{name}"].values for name in TIMES}
    consolidation = window["t_consolidation"][:, -1]
    unknown = np.full((cell.sizes["sampler"], cell.sizes["seed"]), np.nan)
    yield OFF, -1, cell.sample_off_manifold.values, np.stack([np.zeros_like(consolidation), consolidation], 1), unknown
    last = cell.sizes["group"] - 1
    for group in range(last + 1):
        gap = min(group, last - 1)  # the last gap is the final one
        ends = [window[name][:, gap] if last else unknown[0] for name in ("t_close", "t_open")]
        here = cell.isel(group=group)
        amplitudes = np.sqrt(np.maximum(here.sample_distance.values, 0.0))
        yield WITHIN, group, amplitudes, np.stack(ends, 1), here.sample_truth_distance.transpose("sampler", ...).values


def _decision(switch, curves, window, order: str, confidence: float) -> list[dict]:
    """Rows of `labour` for one error: curves (seeds, switches), window (seeds, 2)."""
    exact, own = (curves[:, end] for end in ((0, -1) if order == "own below" else (-1, 0)))
    apart = interval(own - exact, confidence)
    row = {"own": own.mean(), "exact": exact.mean(), "seeds": len(curves), "first_step": switch[1]}
    row |= dict(zip(("window_low", "window_high"), (median(one) for one in window.T), strict=True))
    shares, found = np.full_like(curves, np.nan), dict.fromkeys(("decided", "begins", "ends", "inside"), np.empty(0))
    row["verdict"] = "not testable"
    if (apart[0] > 0 or apart[1] < 0) and abs(own - exact).max() > ROUNDING:
        differ = own != exact
        shares = ((curves - exact[:, None])[differ].T / (own - exact)[differ]).T
        below = shares if order == "own below" else 1 - shares  # what is decided under the switch
        with np.errstate(divide="ignore"):
            edges = np.log(window[differ])
        inside = [np.diff(np.interp(edge, np.log(switch), one))[0] for edge, one in zip(edges, below, strict=True)]
        found = {
            "decided": np.array([crossings(switch, one, HALF).mean() for one in below]),
            "begins": np.array([crossings(switch, one, BEGINS)[0] for one in below]),
            "ends": np.array([crossings(switch, one, ENDS)[1] for one in below]),
            "inside": np.array(inside)[~np.isnan(inside)],
        }
        row["verdict"] = verdict(found["decided"], edges, confidence)
    for name, values in found.items():
        mean = (values.mean() if values.size else np.nan, *interval(values, confidence))
        row |= _named(name, mean if name == "inside" else np.exp(mean))
    return [
        row | {"switch": at} | _named("", (value.mean(), *interval(value, confidence)), "value")
        | _named("share", (share.mean(), *interval(share, confidence)))
        for at, value, share in zip(switch, curves.T, shares.T, strict=True)
    ]  # fmt: skip


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


def verdict(decided, edges, confidence: float) -> str:
    """Whether `decided` (seeds,) is inside the window of edges (seeds, 2), all logarithms, by intervals over seeds."""
    known = ~np.isnan(edges).any(1)
    if not known.any():
        return "no window"
    open_below = np.isneginf(edges[known, 0]).all()
    least = (np.inf, np.inf) if open_below else interval(decided[known] - edges[known, 0], confidence)
    most = interval(decided[known] - edges[known, 1], confidence)
    if least[0] >= 0 >= most[1]:
        return "inside"
    return "outside" if least[1] < 0 or most[0] > 0 else "inconclusive"


def labour_lines(study: Study, frame: pd.DataFrame) -> list[str]:
    """The table of `labour` in words."""
    confidence = study.document.compare.confidence
    lines = [
        "division of labour: noise variance under which half of an error of samples is made (10 % to 90 %), the",
        "window of the exact score in which the paper has it decided, and the share made inside it: the distance from",
        "the manifold under t_consolidation, a group's distribution on it from t_close to t_open. The score below the",
        f"switch, or above it, is the network's own, else the exact one; {confidence:.0%} Student intervals over seeds",
    ]
    for values, block in blocks(study, frame):
        lines += [f"  {labelled(values)}"] if values else []
        lines.append(
            f"    {'':<12}{'':<11}{'error':<27}{'own':>8}{'exact':>9}  {'half is made under':<24}{'10 % to 90 %':<18}"
            f"{'window':<15}{'inside':<20}verdict"
        )
        curves = block.drop_duplicates(["network", "order", "error", "group"]).to_dict("records")
        lines += [_line(row) for row in curves]
        for group in sorted({row["group"] for row in curves} - {-1}):
            here = {row["network"]: row for row in curves if row["group"] == group}
            first = next(iter(here.values()))
            said = [_in_brackets(first, sampler, name) for sampler, name in (("clean", "clean points"), ("exact",) * 2)]
            said += [_in_brackets(row, "own", name) for name, row in here.items()]
            lines.append(f"    energy distance from clean points, group {group + 1}: {', '.join(said)}")
    curves = frame.drop_duplicates([*study.facets, "network", "order", "error", "group"])
    for (error, order), rows in curves.groupby(["error", "order"], sort=False):
        counts = ", ".join(f"{count} {one}" for one, count in rows.verdict.value_counts().items())
        lines.append(f"  {error}, {order}: {counts}")
    return lines


def _line(row: dict) -> str:
    """One curve in words."""
    error = row["error"] + (f", group {row['group'] + 1}" if row["group"] >= 0 else "")
    half = between = inside = ""
    if row["verdict"] != "not testable":
        half = f"{row['decided']:.3g} [{or_dash(row['decided_low'])}, {or_dash(row['decided_high'])}]"
        half = f"{row['first_step']:.2g} or less" if row["decided"] < row["first_step"] else half
        between = f"{row['begins']:.2g} to {row['ends']:.2g}"
        if np.isfinite(row["inside"]):
            inside = f"{row['inside']:.0%} [{row['inside_low']:.0%}, {row['inside_high']:.0%}]"
    window = "-" if np.isnan(row["window_high"]) else f"{row['window_low']:.2g} to {row['window_high']:.2g}"
    return (
        f"    {row['network']:<12}{row['order']:<11}{error:<27}{row['own']:>8.2g}{row['exact']:>9.2g}  {half:<24}"
        f"{between:<18}{window:<15}{inside:<20}{row['verdict']}"
    )


def _in_brackets(row: dict, sampler: str, name: str) -> str:
    mean, low, high = (row[f"{sampler}_from_truth{end}"] for end in ("", "_low", "_high"))
    return f"{name} {mean:.3f} [{low:.3f}, {high:.3f}]"
