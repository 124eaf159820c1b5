"""What the exact score of a study says about the laws, without any network.

study, datasets of its cube -> tables: finite size, existence of the gap, curvature

Each applies to studies that vary the right axes and have the exact score (`Study.findings`). The compare stage
writes their summaries, the report draws them.
"""

import itertools

import numpy as np
import pandas as pd
import xarray as xr

from scoregap.study import Study
from scoregap.truth import laws

OFF = 0.10  # a theory that errs by more has failed
GHOST = 0.10  # eigenvalue of G from which a direction beyond the manifold is counted


def _cells(study: Study, ds: xr.Dataset, without: tuple[str, ...] = ("ambient_dim",)):
    """(values of the facets other than these, their part of the exact score) one by one.

    A dataset has one ambient_dim.
    """
    axes = [axis for axis in study.facets if axis not in without]
    alone = ds.sel(network="exact").isel(ambient_dim=0)
    for values in itertools.product(*(ds[axis].values for axis in axes)):
        chosen = dict(zip(axes, values, strict=True))
        yield chosen, alone.sel({axis: value for axis, value in chosen.items() if axis != "ambient_dim"})


def _quantities(ds: xr.Dataset):
    """(name, realised, law, corrected, predicted standard deviation) of every edge and phase time; (seed,) each."""
    groups, gaps = ds.sizes["group"], ds.sizes["gap"]
    for group in range(groups):
        for side in ("low", "high"):
            at = {"group": group, "side": list(ds.side.values).index(side)}
            name = f"{side} edge" + (f" of group {group + 1}" if groups > 1 else "")
            columns = ("edge", "law_edge", "corrected_edge", "corrected_edge_std")
            yield name, *(ds[column].isel(at).values for column in columns)
    for gap, quantity in itertools.product(range(gaps), ("t_open", "t_max", "t_close", "t_consolidation")):
        if (quantity == "t_consolidation") == (gap == gaps - 1):
            name = quantity + (f" of gap {gap + 1}" if gaps > 2 and gap < gaps - 1 else "")
            values = [ds[f"{prefix}{quantity}"].isel(gap=gap).values for prefix in ("", "law_", "corrected_")]
            yield name, *values, np.full_like(values[0], np.nan)


def finite_size(study: Study, datasets: list[xr.Dataset]) -> pd.DataFrame:
    """One row per quantity and dimension: relative bias of both laws, spread over draws, and their exponents.

    bias: mean over draws of realised / law - 1, with its standard error; spread: relative standard deviation over
    draws, and as Tracy-Widom predicts it. *_exponent: of |bias| and spread against d, by least squares in the
    logarithms weighted with the standard errors, where the bias is resolved (three dimensions at two standard errors
    or more); *_exponent_error: its standard error.
    """
    rows = []
    for ds in datasets:
        for chosen, cell in _cells(study, ds):
            for name, realised, law, corrected, std in _quantities(cell):
                draws = int(np.isfinite(realised).sum())
                if draws < 2 or not np.isfinite(law).all():
                    continue
                row = chosen | {"quantity": name, "ambient_dim": int(ds.ambient_dim.values[0]), "draws": draws}
                spread = np.nanstd(realised, ddof=1)
                for column, theory in (("law", law), ("corrected", corrected)):
                    row[f"{column}_bias"] = np.nanmean(realised) / theory[0] - 1
                    row[f"{column}_error"] = spread / abs(theory[0]) / np.sqrt(draws)
                row |= {"spread": spread / np.nanmean(realised), "predicted_spread": std[0] / corrected[0]}
                row["spread_error"] = row["spread"] / np.sqrt(2 * (draws - 1))
                rows.append(row)
    frame = pd.DataFrame(rows)
    if frame.empty:
        return frame
    keys = list(frame.columns[: list(frame.columns).index("quantity") + 1])
    fits = []
    for values, group in frame.groupby(keys, sort=False):
        fit = dict(zip(keys, values, strict=True))
        errors = {"law_bias": "law_error", "corrected_bias": "corrected_error", "spread": "spread_error"}
        for column, error in errors.items():
            fit |= dict(
                zip(
                    (f"{column}_exponent", f"{column}_exponent_error"),
                    _exponent(group["ambient_dim"].to_numpy(), group[column].to_numpy(), group[error].to_numpy()),
                    strict=True,
                )
            )
        fits.append(fit)
    return frame.merge(pd.DataFrame(fits), on=keys)


def _exponent(d, values, errors):
    """Slope of log |values| against log d and its standard error; NaN unless three values are resolved."""
    resolved = np.abs(values) > 2 * errors
    if resolved.sum() < 3:
        return np.nan, np.nan
    x, y = np.log(d[resolved]), np.log(np.abs(values[resolved]))
    weight = np.abs(values[resolved]) / errors[resolved]
    design = np.stack([x, np.ones_like(x)], 1) * weight[:, None]
    slope, _ = np.linalg.lstsq(design, y * weight, rcond=None)[0]
    return slope, np.sqrt(np.linalg.inv(design.T @ design)[0, 0])


def gap_existence(study: Study, datasets: list[xr.Dataset]) -> pd.DataFrame:
    """One row per alpha and variance ratio: does the gap between the two groups exist?

    width: largest width of the intermediate gap, mean over draws; law_width: by the law, 0 where the bulks have
    merged. widest: share of draws in which no other gap among the tangent modes is ever wider: a decision without
    any threshold. ratio_of_edges: realised b / a. critical_ratio: variance ratio beyond which the law has no gap.
    """
    axis = study.std_axis
    assert axis is not None  # `Study.findings` has made sure
    own = int(axis.split(".")[2])
    rows = []
    for ds in datasets:
        d = int(ds.ambient_dim.values[0])
        for chosen, cell in _cells(study, ds):
            std, other = chosen[axis], study.document.manifold.groups[1 - own].std
            small, large = sorted((std, other))
            first = int(cell.boundary.isel(gap=0).values[0])
            m = int(cell.boundary.isel(gap=1).values[0])
            gap = cell.gap_width.isel(gap=0).max("time").values
            inner = -cell.eigenvalue.mean("point").diff("mode").isel(mode=slice(0, m - 1)).max("time").values
            law = cell.law_edge.isel(seed=0).values
            a, b = law[0, 0], law[1, 1]
            edges = cell.edge.values
            rows.append(
                chosen
                | {
                    "ambient_dim": d,
                    "alpha": m / d,
                    "variance_ratio": (small / large) ** 2,
                    "width": float(np.mean(gap)),
                    "law_width": (np.sqrt(a) - np.sqrt(b)) / (np.sqrt(a) + np.sqrt(b)) if np.isfinite(a) else 0.0,
                    "widest": float(np.mean(inner.argmax(1) == first - 1)) if m > 2 else np.nan,
                    "ratio_of_edges": float(np.mean(edges[:, 1, 1] / edges[:, 0, 0])),
                    "critical_ratio": float(laws.critical_ratio(m / d, first / m)),
                }
            )
    return pd.DataFrame(rows)


def curvature(study: Study, datasets: list[xr.Dataset]) -> pd.DataFrame:
    """One row per curvature of a cell: the exact score against that of the same F without curvature.

    ratio_*: phase time over that at curvature 0, mean over draws in the logarithm, with its standard error. ghost:
    largest eigenvalue of G beyond the manifold dimension at any t, mean over points and draws; ghosts: how many
    directions reach GHOST; ghost_time: where the first of them is largest.
    """
    rows = []
    for ds in datasets:
        for chosen, cell in _cells(study, ds, ("curvature",)):
            flat = cell.sel(curvature=0.0)
            for c in cell.curvature.values:
                bent = cell.sel(curvature=c)
                m = int(bent.boundary.isel(gap=-1).values[0])
                row = chosen | {"curvature": float(c)}
                for name, gap in (("t_open", 0), ("t_max", 0), ("t_close", 0), ("t_consolidation", -1)):
                    if gap == 0 and bent.sizes["gap"] == 1:
                        continue
                    logs = np.log(bent[name].isel(gap=gap).values / flat[name].isel(gap=gap).values)
                    logs = logs[np.isfinite(logs)]
                    row[f"ratio_{name}"] = np.exp(logs.mean()) if logs.size else np.nan
                    row[f"error_{name}"] = logs.std(ddof=1) / np.sqrt(logs.size) if logs.size > 1 else np.nan
                if m < bent.sizes["mode"]:
                    beyond = 1 + bent.eigenvalue.isel(mode=slice(m, None)).mean(("point", "seed"))
                    row["ghost"] = float(beyond.isel(mode=0).max())
                    row["ghosts"] = int((beyond.max("time") > GHOST).sum())
                    row["ghost_time"] = float(bent.time[beyond.isel(mode=0).argmax("time")])
                rows.append(row)
    return pd.DataFrame(rows)


def fails_from(frame: pd.DataFrame, name: str) -> float:
    """Smallest curvature at which a phase time is off by more than OFF, interpolated; NaN if it never is.

    frame: rows of one cell of `curvature`, sorted by curvature.
    """
    c, off = frame.curvature.to_numpy(), np.abs(frame[f"ratio_{name}"].to_numpy() - 1)
    beyond = np.flatnonzero(off > OFF)
    if not beyond.size:
        return np.nan
    i = beyond[0]
    if i == 0 or not np.isfinite(off[i - 1]):
        return float(c[i])
    return float(np.interp(OFF, off[i - 1 : i + 1], c[i - 1 : i + 1]))


def summary(study: Study, datasets: list[xr.Dataset]) -> list[str]:
    """What the tables say, in lines for a terminal."""
    lines = []
    for name in study.findings:
        table, describe = TABLES[name]
        frame = table(study, datasets)
        if not frame.empty:
            lines += ["", *describe(study, frame)]
    return lines


def _finite_size_lines(study: Study, frame: pd.DataFrame) -> list[str]:
    last = int(frame.ambient_dim.max())
    lines = [
        f"finite size, {frame.draws.min()} draws of F or more at d = {_listed(frame.ambient_dim)}: mean of realised / "
        f"law - 1 at d = {last}, relative spread over draws, and how they scale with d",
        f"  {'quantity':<24}{'bare law':>20}{'exponent':>16}{'corrected':>20}{'exponent':>16}"
        f"{'spread':>9}{'exponent':>16}",
    ]
    for _, row in frame[frame.ambient_dim == last].iterrows():
        columns = [
            f"{row.law_bias:+.5f} +- {row.law_error:.5f}",
            _plus_minus(row.law_bias_exponent, row.law_bias_exponent_error),
            f"{row.corrected_bias:+.5f} +- {row.corrected_error:.5f}",
            _plus_minus(row.corrected_bias_exponent, row.corrected_bias_exponent_error),
        ]
        spread = _plus_minus(row.spread_exponent, row.spread_exponent_error)
        lines.append(
            f"  {row.quantity:<24}{columns[0]:>20}{columns[1]:>16}{columns[2]:>20}{columns[3]:>16}"
            f"{row.spread:>9.4f}{spread:>16}"
        )
    return lines


def _listed(values: pd.Series) -> str:
    return ", ".join(str(value) for value in sorted(set(values)))


def _plus_minus(value: float, error: float) -> str:
    return f"{value:.2f} +- {error:.2f}" if np.isfinite(value) else "not resolved"


def _gap_existence_lines(study: Study, frame: pd.DataFrame) -> list[str]:
    lines = ["existence of the gap: variance ratio at which it is the widest gap in half of the draws"]
    for alpha, group in frame.groupby("alpha"):
        group = group.sort_values("variance_ratio")
        critical = group.critical_ratio.iloc[0]
        lines.append(
            f"  alpha {alpha:<6.3g} half of the draws {half(group):<8.3g} critical ratio of the law {critical:.3g}"
        )
    return lines


def half(group: pd.DataFrame) -> float:
    """Variance ratio at which the share of draws with a gap falls through one half, interpolated in its logarithm."""
    ratio, share = group.variance_ratio.to_numpy(), group.widest.to_numpy()
    below = np.flatnonzero(share < 0.5)
    if not below.size or below[0] == 0:
        return np.nan
    i = below[0]
    return float(np.exp(np.interp(0.5, share[[i, i - 1]], np.log(ratio[[i, i - 1]]))))


def _curvature_lines(study: Study, frame: pd.DataFrame) -> list[str]:
    names = [column.removeprefix("ratio_") for column in frame.columns if column.startswith("ratio_")]
    keys = [axis for axis in study.facets if axis != "curvature" and frame[axis].nunique() > 1]
    lines = [f"curvature from which linear theory (the same F, flat) is off by more than {OFF:.0%}; ghost directions"]
    for values, group in frame.groupby(keys) if keys else [((), frame)]:
        group = group.sort_values("curvature")
        label = ", ".join(f"{key} {value:g}" for key, value in zip(keys, values, strict=True))
        off = ", ".join(f"{name} {c:.2f}" for name in names if np.isfinite(c := fails_from(group, name)))
        most = group.iloc[-1]
        ghost = (
            f"at c = {most.curvature:g} {most.ghosts:.0f} ghosts of up to {most.ghost:.2f}" if "ghost" in most else ""
        )
        lines.append(f"  {label:<20} {off or 'never'}; {ghost}")
    return lines


TABLES = {
    "finite_size": (finite_size, _finite_size_lines),
    "gap_existence": (gap_existence, _gap_existence_lines),
    "curvature": (curvature, _curvature_lines),
}
