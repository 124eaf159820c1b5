"""Estimators of the dimension of data from a file beside each other, at the same scores, and where they say nothing.

study with a section `dimension`, datasets of its cube -> table: data_dimensions; its lines for a terminal

No dimension is known of such data. So an estimate cannot be wrong, but it can be none: `CAVEATS` are rules of what no
dimension can be, and of what depends on how the estimator is made and not on the data. They read the estimates alone.
"""

from collections.abc import Iterator
from string import ascii_lowercase
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from scoregap.analysis.profiles import blocks, cells, shown_times
from scoregap.analysis.tables import labelled
from scoregap.measure import DATA_ESTIMATORS
from scoregap.measure.profile import HALF, WINDOW, resolved
from scoregap.study import Study

PROFILE = ("n", "trace", "blind_gap")  # of the spectra of a study: n(t), tr G, modes above the lowest gap found blind
BUNDLES = ("normal_bundle", "normal_bundle_centred")
GAPS = ("final_gap", *BUNDLES, "normal_bundle_second_difference")  # places of a drop
NEIGHBOURS = ("skdim_mle_5", "skdim_mle_20", "skdim_twonn")  # distances of nearest neighbours
PLANES = ("local_pca",)  # variances of so many neighbours
PEERS = tuple(name for name in DATA_ESTIMATORS if name not in PLANES)
SETTLED = 0.25  # relative change over a factor of WINDOW in t, from which an estimate is one of t
SCATTER = 0.5  # of the spread of a random place among d, from which a place is a random one
CAVEATS = {
    "outside": "outside 0 to d: no dimension",
    "mean score": "d - 1 at most points: the largest drop is that below the mean score, no direction of the data",
    "all": "all d directions: no normal one is told, t is below what the score resolves",
    "no gap": "no gap is found blind at this t: the largest of many drops that are alike",
    "scatters": f"scatters over points at least {SCATTER:g} times as much as a random place among d",
    "of t": f"changes by more than {SETTLED:.0%} over a factor of {WINDOW:g} in t: of this t, not of the data",
    "too few": "more than 2 log10 of the number of points: so few cannot show it (Eckmann and Ruelle 1992)",
    "absent": "not known: of scikit-dimension, which was not installed (extra `benchmark`)",
    "neighbours": "more than half the number of neighbours, of which it is a part",
}


def data_dimensions(study: Study, datasets: list[xr.Dataset]) -> pd.DataFrame:
    """One row per cell, network, method and noise variance: mean and standard deviation of its estimates over points
    and seeds; of estimators of clean data one row per cell, of network "data", at no variance. caveat: a key of
    CAVEATS, or empty. n and trace are of the spectra, between whose times they are taken; blind_gap is at the nearest.
    """
    found: list[pd.DataFrame] = []
    for ds in datasets:
        names = ["estimate", "data_estimate", "estimate_cost", "eigenvalue", "point_trace", "dimension", "gap_count"]
        there = ds[[name for name in names if name in ds]].where(ds.status == 1)
        for chosen, cell in cells(study, there):
            rows = pd.DataFrame([chosen | row for row in _of_cell(cell)])
            if len(rows):
                found.append(rows.assign(caveat=_caveats(study, rows, cell)))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def _of_cell(cell: xr.Dataset) -> Iterator[dict[str, Any]]:
    if "estimate" in cell:
        for network in map(str, cell.network.values):
            own = cell.sel(network=network).load()
            yield from _of_spectra(own, network)
            for method in map(str, cell.score_estimator.values):
                one = own.sel(score_estimator=method)
                label = {"network": network, "method": method, "cost": float(one.estimate_cost.max())}
                for t in one.estimate_time.values:
                    yield from _estimates(label | {"t": t}, one.estimate.sel(estimate_time=t).values)
    if "data_estimate" in cell and "gaussian" in cell.network.values:
        for method in map(str, cell.data_estimator.values):
            label = {"network": "data", "method": method, "cost": np.nan, "t": np.nan}
            values = cell.data_estimate.sel(network="gaussian", data_estimator=method).values
            none = {"estimate": np.nan, "spread": np.nan, "of": 0, "median": np.nan}
            yield from _estimates(label, values) or [label | none]


def _of_spectra(own: xr.Dataset, network: str) -> Iterator[dict[str, Any]]:
    """What the spectra of a score say at the times of the estimators that lie within theirs."""
    t, d = own.time.values, own.sizes.get("mode", 0)
    found = {"trace": own.point_trace.transpose("time", ...).values.astype(float)}
    if d:
        spectra = own.eigenvalue.transpose("time", "seed", "point", "mode").values
        found["n"] = resolved(spectra.reshape(len(t), -1, d))
        blind = own.dimension.isel(estimator=0).transpose("time", "seed").values.astype(float)
    for at in own.estimate_time.values:
        if not t[0] <= at <= t[-1]:
            continue
        for method in [name for name in PROFILE if name in found]:
            values = found[method].reshape(len(t), -1)
            between = [np.interp(np.log(at), np.log(t), column) for column in values.T]
            yield from _estimates({"network": network, "method": method, "cost": np.nan, "t": at}, np.array(between))
        if d:
            nearest = blind[np.abs(np.log(t / at)).argmin()]
            yield from _estimates({"network": network, "method": "blind_gap", "cost": np.nan, "t": at}, nearest)


def _estimates(label: dict[str, Any], values: np.ndarray) -> list[dict[str, Any]]:
    known = values[np.isfinite(values)]
    if not known.size:
        return []
    row = {"estimate": known.mean(), "spread": known.std(), "of": known.size, "median": float(np.median(known))}
    return [label | row]


# ---------------------------------------------------------------- where they say nothing


def _caveats(study: Study, rows: pd.DataFrame, cell: xr.Dataset) -> list[str]:
    """Of every row the first of CAVEATS that holds."""
    settings = study.document.dimension
    assert settings is not None  # the study has the table
    d = max(study.dims)
    gaps = cell.gap_count.load() if "gap_count" in cell else None
    found = []
    for row in rows.to_dict("records"):
        method, network, estimate = row["method"], row["network"], row["estimate"]
        if network == "data":
            few = method in NEIGHBOURS and estimate > 2 * np.log10(settings.data_points)
            near = method in PLANES and estimate > HALF * settings.neighbours
            absent = method in PEERS and not np.isfinite(estimate)
            found.append("absent" if absent else "too few" if few else "neighbours" if near else "")
            continue
        same = rows[(rows["network"] == network) & (rows["method"] == method)].sort_values("t")
        holds = {
            "outside": not 0 <= estimate <= d,
            "all": method not in BUNDLES and estimate > d - HALF,
            "mean score": method in BUNDLES and row["median"] == d - 1,
            "scatters": method in GAPS and row["spread"] >= SCATTER * d / np.sqrt(12),
            "no gap": method == "final_gap" and gaps is not None and not _found(gaps, network, row["t"]),
            "of t": method != "blind_gap" and not settled(same["t"].to_numpy(), same["estimate"].to_numpy(), row["t"]),
        }
        found.append(next((name for name, it_does in holds.items() if it_does), ""))
    return found


def _found(gaps: xr.DataArray, network: str, t: float) -> bool:
    """Whether some seed has a gap at the time nearest to t."""
    counts = gaps.sel(network=network)
    return bool((counts.isel(time=int(np.abs(np.log(counts.time.values / t)).argmin())) > 0).any())


def settled(t: np.ndarray, estimates: np.ndarray, at: float) -> bool:
    """Whether an estimate (T,) at noise variances t, ascending, changes little from `at` to its neighbours on either
    side: by SETTLED of the larger of two over a factor of WINDOW, or the same per log t. One estimate alone is."""
    place = int(np.abs(t - at).argmin())
    for other in (place - 1, place + 1):
        if 0 <= other < len(t):
            larger = max(abs(estimates[place]), abs(estimates[other]))
            steps = abs(np.log(t[other] / t[place])) / np.log(WINDOW)
            if abs(estimates[other] - estimates[place]) > SETTLED * larger * steps:
                return False
    return True


# ---------------------------------------------------------------- in words


def data_dimension_lines(study: Study, frame: pd.DataFrame) -> list[str]:
    """The table in words: a line per score and method, a column per noise variance."""
    times = np.unique(frame.t.dropna())
    times = times[shown_times(times)] if len(times) else times
    there = [name for name in CAVEATS if (frame.caveat == name).any()]
    letters = dict(zip(there, ascii_lowercase, strict=False))
    lines = [
        "dimension estimators: mean (standard deviation over points and seeds) at noise variance t; data: no score"
    ]
    for values, rows in blocks(study, frame):
        lines += [f"  {labelled(values)}"] if values else []
        lines.append(f"    {'':<36}" + "".join(f"{f't = {t:.3g}':>18}" for t in times))
        for (network, method), own in rows.groupby(["network", "method"], sort=False):
            told = {
                row["t"]: _told(row["estimate"], row["spread"]) + letters.get(row["caveat"], " ")
                for row in own.to_dict("records")
            }
            columns = told.values() if network == "data" else [told.get(t, "- ") for t in times]
            lines.append(f"    {network:<12}{method:<24}" + "".join(f"{one:>18}" for one in columns))
    return lines + [f"    {letter} {CAVEATS[name]}" for name, letter in letters.items()]


def _told(estimate: float, spread: float) -> str:
    return f"{estimate:.1f} ({spread:.1f})" if np.isfinite(estimate) else "-"
