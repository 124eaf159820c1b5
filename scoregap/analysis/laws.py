"""What the exact score of a study says about the laws; of curvature, networks beside it.

study, datasets of its cube -> tables: finite size, existence of the gap, curvature

Over 400 lines, as each of the three tables has its words for a terminal here too.
"""

import itertools
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import optimize, stats

from scoregap.analysis.arrays import Cell, blocks_of
from scoregap.analysis.comparison import exact_states
from scoregap.analysis.controls import MISSED, Asked, Controlled, Pair, attribute
from scoregap.analysis.panels import PANELS
from scoregap.analysis.tables import (
    PHASES,
    at_gap,
    blocks,
    labelled,
    listed,
    or_dash,
    places_of_blocks,
    plus_minus,
)
from scoregap.analysis.verdicts import Seeds
from scoregap.data.capabilities import Law
from scoregap.laws import expansions, random_matrix
from scoregap.scores import EXACT
from scoregap.study import Study
from scoregap.study.axes import alike

OFF = 0.10  # a theory that errs by more has failed
GHOST = 0.10  # eigenvalue of G from which a direction beyond the manifold is counted
EXPANDED = 200  # curvatures at which the expansion is told
RESOLVED = 3.0  # standard errors from which a value differs from zero
EDGES = ("edge", "law_edge", "corrected_edge", "corrected_edge_std")


def _cells(
    study: Study, ds: xr.Dataset, names: tuple[str, ...], without: tuple[str, ...] = (), network: str = EXACT
) -> Iterator[tuple[dict[str, Any], xr.Dataset]]:  # fmt: skip
    """(values of the facets other than `without`, these variables of one score) one by one; see `_present`."""
    axes = [axis for axis in study.condition_axes if axis not in without]
    one = ds[["status", *names]].sel(network=network).load()  # at once: a read per cell takes far longer
    for values in itertools.product(*(ds[axis].values for axis in axes)):
        chosen = dict(zip(axes, values, strict=True))
        yield chosen, one.sel(chosen)


def _present(cell: xr.Dataset) -> np.ndarray:
    """(seeds,) which draws have a result: not those of a missing job, nor those of which nothing is known."""
    return (cell.status == 1).values


def _quantities(ds: xr.Dataset) -> Iterator[tuple[Any, ...]]:
    """(name, realised, law, corrected, predicted standard deviation) of every edge and phase time; (seed,) each."""
    groups, gaps = ds.sizes["group"], ds.sizes["gap"]
    for group in range(groups):
        for side in ("low", "high"):
            at = {"group": group, "side": list(ds.side.values).index(side)}
            name = at_gap(f"{side} edge", group)
            yield name, *(ds[column].isel(at).values for column in EDGES)
    for gap, quantity in itertools.product(range(gaps), PHASES):
        if (quantity == "t_consolidation") == (gap == gaps - 1):
            name = at_gap(quantity, gap)
            values = [ds[f"{prefix}{quantity}"].isel(gap=gap).values for prefix in ("", "law_", "corrected_")]
            yield name, *values, np.full_like(values[0], np.nan)


def finite_size(study: Study, datasets: list[xr.Dataset]) -> pd.DataFrame:
    """One row per quantity and dimension: relative bias of both laws, spread over draws, and their exponents.

    bias: mean over draws of realised / law - 1, with its standard error; spread: relative standard deviation over
    draws, and as Tracy-Widom predicts it. *_amplitude, *_exponent, *_exponent_error: a and p of a d^p through the
    values at all d, and the standard error of p; NaN where the values do not say (`_power_law`); *_fit: |a| d^p. They
    take the standard errors as known, so they want ten draws or more. A time that some draw does not have has no row:
    the mean over the others would be one of a selection.
    """
    names = (*EDGES, *(f"{prefix}{name}" for prefix in ("", "law_", "corrected_") for name in PHASES))
    rows = []
    for ds in datasets:
        for chosen, cell in _cells(study, ds, names):
            for name, realised, law, corrected, std in _quantities(cell.isel(seed=_present(cell))):
                draws = realised.size
                if draws < 2 or not (np.isfinite(realised).all() and (law > 0).all()):
                    continue
                row = chosen | {"quantity": name, "draws": draws}
                spread = realised.std(ddof=1)
                for column, theory in (("law", law), ("corrected", corrected)):
                    row[f"{column}_bias"] = realised.mean() / theory[0] - 1
                    row[f"{column}_error"] = spread / abs(theory[0]) / np.sqrt(draws)
                row |= {"spread": spread / realised.mean(), "predicted_spread": std[0] / corrected[0]}
                row["spread_error"] = row["spread"] / np.sqrt(2 * (draws - 1))
                rows.append(row)
    frame = pd.DataFrame(rows)
    if frame.empty:
        return frame
    keys = [axis for axis in study.condition_axes if axis != "ambient_dim"] + ["quantity"]
    errors = {"law_bias": "law_error", "corrected_bias": "corrected_error", "spread": "spread_error"}
    fits = []
    for values, group in frame.groupby(keys, sort=False):
        fit = dict(zip(keys, values, strict=True))
        for column, error in errors.items():
            law = _power_law(*(group[name].to_numpy(float) for name in ("ambient_dim", column, error)))
            fit |= dict(
                zip((f"{column}_{part}" for part in ("amplitude", "exponent", "exponent_error")), law, strict=True)
            )
        fits.append(fit)
    frame = frame.merge(pd.DataFrame(fits), on=keys)
    for column in errors:
        frame[f"{column}_fit"] = abs(frame[f"{column}_amplitude"]) * frame.ambient_dim ** frame[f"{column}_exponent"]
    return frame


def _power_law(d, values, errors) -> tuple[float, float, float]:
    """a and p of a d^p and the standard error of p, by least squares of the signed values over errors at all d.

    NaN with fewer than three values, where the fit is not RESOLVED from zero, where values that are have both signs,
    where no such law fits (chi^2 at 0.1 %), and for |p| of 4 or more, where one value stands out of its error alone.
    """
    known = np.isfinite(values) & (errors > 1e-9)  # below that spreads are rounding
    x, y, errors = np.log(d[known]), values[known], errors[known]
    unknown = (np.nan, np.nan, np.nan)
    if len(x) < 3 or ((y > RESOLVED * errors).any() and (y < -RESOLVED * errors).any()):
        return unknown
    x, centre = x - x.mean(), x.mean()

    # The amplitude is linear, so the exponent alone is searched: `curve_fit` then starts where it converges.
    trial = np.linspace(-4, 4, 81)
    shapes = np.exp(trial[:, None] * x) / errors  # (trial, d)
    amplitudes = shapes @ (y / errors) / (shapes**2).sum(1)
    misfits = ((y / errors - amplitudes[:, None] * shapes) ** 2).sum(1)
    best = misfits.argmin()
    if best in (0, len(trial) - 1) or ((y / errors) ** 2).sum() - misfits[best] < RESOLVED**2:
        return unknown
    (a, p), covariance = optimize.curve_fit(
        lambda x, a, p: a * np.exp(p * x), x, y, (amplitudes[best], trial[best]), errors, absolute_sigma=True
    )
    misfit = (((y - a * np.exp(p * x)) / errors) ** 2).sum()
    if stats.chi2.sf(misfit, len(x) - 2) < 1e-3:
        return unknown
    return float(a * np.exp(-p * centre)), float(p), float(covariance[1, 1] ** 0.5)


def gap_existence(study: Study, datasets: list[xr.Dataset]) -> pd.DataFrame:
    """One row per cell, at its alpha and variance ratio: does the gap between the two groups exist?

    share: of the columns, in the group with the larger standard deviation, which is `wider_group` of the study.
    width: largest width of the intermediate gap, mean over draws; law_width: by the law, 0 where the bulks have
    merged. widest: share of draws in which no other gap among the tangent modes is ever wider: a decision without
    any threshold. ratio_of_edges: realised b / a. critical_ratio: variance ratio beyond which the law has no gap;
    NaN for groups with a variance law and for orthonormal frames, to which it does not apply.
    """
    axis = study.std_axis
    assert axis is not None  # `Study.findings` has made sure
    own, manifold = int(axis.split(".")[2]), study.manifold
    rows = []
    for ds in datasets:
        for chosen, cell in _cells(study, ds, ("boundary", "eigenvalue", "gap_width", "edge", "law_edge")):
            cell = cell.isel(seed=_present(cell))
            if not cell.sizes["seed"]:
                continue
            stds = [chosen[axis] if k == own else group.std for k, group in enumerate(manifold.groups)]
            widths = [chosen.get(f"manifold.groups.{k}.width", group.width) for k, group in enumerate(manifold.groups)]
            first, m = (int(cell.boundary.isel(seed=0, gap=gap)) for gap in (0, 1))
            alpha, share = m / chosen["ambient_dim"], first / m
            gap = cell.gap_width.isel(gap=0).max("time").values
            inner = -cell.eigenvalue.mean("point").diff("mode").isel(mode=slice(0, m - 1)).max("time").values
            law = cell.law_edge.isel(seed=0).values
            a, b = law[0, 0], law[1, 1]
            edges = cell.edge.values
            applies = manifold.frame == "random" and not any(widths)
            rows.append(
                chosen
                | {
                    "alpha": alpha,
                    "variance_ratio": (min(stds) / max(stds)) ** 2,
                    "wider_group": int(np.argmax(stds)),
                    "share": share,
                    "width": float(np.mean(gap)),
                    "law_width": (np.sqrt(a) - np.sqrt(b)) / (np.sqrt(a) + np.sqrt(b)) if np.isfinite(a) else 0.0,
                    "widest": float(np.mean(inner.argmax(1) == first - 1)) if m > 2 else np.nan,
                    "ratio_of_edges": float(np.mean(edges[:, 1, 1] / edges[:, 0, 0])),
                    "critical_ratio": float(random_matrix.critical_ratio(alpha, share)) if applies else np.nan,
                }
            )
    return pd.DataFrame(rows)


def curvature(study: Study, datasets: list[xr.Dataset]) -> pd.DataFrame:
    """One row per score and curvature of a cell, against the exact score of the same F without curvature.

    network: exact, then those that are trained. ratio_*: phase time over the exact one at curvature 0, mean over draws
    in the logarithm, with its standard error; seen_*: share of the draws with that exact time in which the score has
    it at all. control_*, over_control_*: of networks under curvature, `controls.attribute`: whether the network agrees
    with the exact score at curvature 0, and trained / exact over what it is there. ghost: largest eigenvalue of G
    beyond the manifold dimension at any t, mean over points and draws; of networks before the exact score's
    consolidation, since later it is their resolution that shows. ghosts: how many directions reach GHOST; ghost_time:
    where the first of them is largest.
    """
    rows, asked = [], []
    for ds in datasets:
        cells = list(_by_curvature(study, ds))
        for network, (chosen, own) in itertools.product((EXACT, *study.evaluated_scores), cells):
            for c, (cell, ghosts) in own.items():
                if (present := cell.of(network)["status"] == 1).any():
                    row = chosen | {"network": network, "curvature": float(c)}
                    pairs = _over_flat(study, row, cell, own[0.0][0], present)
                    asked += [(row, name, one) for name, one in pairs.items()]
                    row |= ghosts[network]
                    rows.append(row)
    for (row, name, _), found in zip(asked, attribute([one for _, _, one in asked]), strict=True):
        row |= {f"control_{name}": found.control, f"over_control_{name}": found.over_control}
    return pd.DataFrame(rows)


def _by_curvature(
    study: Study, ds: xr.Dataset
) -> Iterable[tuple[dict[str, Any], dict[float, tuple[Cell, dict[str, dict[str, float]]]]]]:
    """(values of the axes other than curvature; at every curvature the cell without its spectra, and `_ghosts` of every
    score)."""
    names = ("boundary", "eigenvalue", "gap_width", *PHASES, *(f"{name}_state" for name in PHASES))
    found: dict[tuple, tuple[dict[str, Any], dict[float, Any]]] = {}
    for some in blocks_of(study, ds, names):
        for cell in some.cells:
            others = {axis: value for axis, value in cell.values.items() if axis != "curvature"}
            ghosts = {network: _ghosts(cell, network) for network in (EXACT, *study.evaluated_scores)}
            small = {name: array.copy() for name, array in cell.data.items() if name != "eigenvalue"}
            at = found.setdefault(tuple(others.values()), (others, {}))[1]
            at[cell.values["curvature"]] = replace(cell, data=small), ghosts
    return found.values()


def _over_flat(study: Study, row: dict, cell: Cell, flat: Cell, present: np.ndarray) -> dict[str, Asked]:
    """Put phase times of a score over the exact ones without curvature into its row; see `curvature`. What is to be
    asked of the flat control, by the phase time."""
    network, c, asked = row["network"], cell.values["curvature"], {}
    bent, straight, known, base = (
        {name: one[name][present] for name in one}
        for one in (cell.of(network), flat.of(network), cell.of(EXACT), flat.of(EXACT))
    )
    for name in PHASES[3 if cell.gaps == 1 else 0 :]:
        gap = -1 if name == PHASES[-1] else 0
        logs = np.log(bent[name][:, gap] / base[name][:, gap])
        there = np.isfinite(base[name][:, gap]).sum()
        logs = logs[np.isfinite(logs)]
        row[f"ratio_{name}"] = np.exp(logs.mean()) if logs.size else np.nan
        row[f"error_{name}"] = logs.std(ddof=1) / np.sqrt(logs.size) if logs.size > 1 else np.nan
        row[f"seen_{name}"] = logs.size / there if there else np.nan
        if network != EXACT and c:
            curved, straightened = (
                Pair(_seeds(own, name, gap), _seeds(exact, name, gap, exact=True), getattr(margins, name))
                for own, exact, margins in ((bent, known, study.compare.curved), (straight, base, study.compare.flat))
            )
            asked[name] = Asked(curved, straightened, True, study.compare.confidence)
        none = Controlled()
        row |= {f"control_{name}": none.control, f"over_control_{name}": none.over_control}
    return asked


def _seeds(one: dict[str, np.ndarray], name: str, gap: int, exact: bool = False) -> Seeds:
    """A phase time of a gap of one score, in every seed."""
    states = one[f"{name}_state"][:, gap]
    return Seeds(
        one[name][:, gap], exact_states(states, one["status"], one["gap_width"][..., gap]) if exact else states
    )


def _ghosts(cell: Cell, network: str) -> dict[str, float]:
    """Directions beyond the manifold, of the seeds of a score that have a result; see `curvature`."""
    own = cell.of(network)
    present = own["status"] == 1
    m = int(own["boundary"][present][0, -1]) if present.any() else own["eigenvalue"].shape[-1]
    if m >= own["eigenvalue"].shape[-1]:
        return {}
    beyond = own["eigenvalue"][present][..., m:]
    if network != EXACT:
        consolidation = cell.of(EXACT)["t_consolidation"][present][:, -1]
        early = cell.time >= consolidation[:, None]
        beyond = np.where(early[..., None, None], beyond, np.float32(-1))
    with warnings.catch_warnings():  # where nothing is known
        warnings.simplefilter("ignore", RuntimeWarning)
        beyond = 1 + np.nanmean(beyond, axis=(2, 0))
        return {
            "ghost": float(np.nanmax(beyond[:, 0])),
            "ghosts": int((np.nanmax(beyond, 0) > GHOST).sum()),
            "ghost_time": float(cell.time[np.nanargmax(beyond[:, 0])]),
        }


def fails_from(c: np.ndarray, ratio: np.ndarray, seen: np.ndarray) -> float:
    """Smallest curvature at which a phase time is off by more than OFF, interpolated, or is not there in half of the
    draws or more; NaN if there is none.

    c, ascending, and columns ratio_* and seen_* of a phase time, of one cell of `curvature`.
    """
    off = np.abs(ratio - 1)
    beyond = np.flatnonzero((off > OFF) | (seen <= 0.5))
    if not beyond.size:
        return np.nan
    i = beyond[0]
    if i == 0 or not np.isfinite(off[i - 1 : i + 1]).all() or off[i] <= OFF:
        return float(c[i])
    return float(np.interp(OFF, off[i - 1 : i + 1], c[i - 1 : i + 1]))


def finite_size_lines(study: Study, frame: pd.DataFrame) -> list[str]:
    """The table of `finite_size` in words."""
    lines = []
    for values, block in blocks(study, frame, "ambient_dim"):
        last = block.ambient_dim.max()
        lines += [
            f"finite size, {labelled(values) + ', ' if values else ''}{block.draws.min()} draws of F or more at "
            f"d = {listed(block.ambient_dim)}: mean of realised / law - 1 at d = {last}, relative spread over draws, "
            "and how they scale with d",
            f"  {'quantity':<24}{'bare law':>20}{'exponent':>16}{'corrected':>20}{'exponent':>16}"
            f"{'spread':>9}{'exponent':>16}",
        ]
        for _, row in block[block.ambient_dim == last].iterrows():
            columns = [
                plus_minus(row.law_bias, row.law_error, "+.5f"),
                plus_minus(row.law_bias_exponent, row.law_bias_exponent_error),
                plus_minus(row.corrected_bias, row.corrected_error, "+.5f"),
                plus_minus(row.corrected_bias_exponent, row.corrected_bias_exponent_error),
            ]
            spread = plus_minus(row.spread_exponent, row.spread_exponent_error)
            lines.append(
                f"  {row.quantity:<24}{columns[0]:>20}{columns[1]:>16}{columns[2]:>20}{columns[3]:>16}"
                f"{row.spread:>9.4f}{spread:>16}"
            )
    return lines


def gap_existence_lines(study: Study, frame: pd.DataFrame) -> list[str]:
    """The table of `gap_existence` in words."""
    lines = [
        "existence of the gap: variance ratio up to which it is the widest gap in half of the draws, and up to which "
        "the law has one; -: not on the grid, or no law"
    ]
    for values, block in blocks(study, frame, "manifold_dim", study.std_axis):
        lines += [f"  {labelled(values)}"] if values else []
        for alpha, group in block.groupby("alpha"):
            reached, critical = half(group.sort_values("variance_ratio")), group.critical_ratio.iloc[0]
            lines.append(f"  alpha {alpha:<6.3g} half of the draws {or_dash(reached):<8} law {or_dash(critical)}")
    return lines


def half_of_draws(study: Study, frame: pd.DataFrame) -> pd.DataFrame:
    """A row per block of `gap_existence` and alpha: the variance ratio at which `half` of the draws have the gap.

    The columns are the axes that tell blocks apart, alpha, and half.
    """
    return pd.DataFrame(
        [
            values | {"alpha": alpha, "half": half(group.sort_values("variance_ratio"))}
            for values, block in ([] if frame.empty else blocks(study, frame, "manifold_dim", study.std_axis))
            for alpha, group in block.groupby("alpha")
        ]
    )


def half(group: pd.DataFrame) -> float:
    """Variance ratio at which the share of draws with a gap falls through one half, interpolated in its logarithm."""
    ratio, share = group.variance_ratio.to_numpy(), group.widest.to_numpy()
    below = np.flatnonzero(share < 0.5)
    if not below.size or below[0] == 0:
        return np.nan
    i = below[0]
    return float(np.exp(np.interp(0.5, share[[i, i - 1]], np.log(ratio[[i, i - 1]]))))


def curvature_lines(study: Study, frame: pd.DataFrame) -> list[str]:
    """The table of `curvature` in words."""
    names = [column.removeprefix("ratio_") for column in frame.columns if column.startswith("ratio_")]
    lines = [
        f"curvature from which a phase time is off by more than {OFF:.0%} from that of the same F without curvature; "
        f"directions beyond the manifold with an eigenvalue of G above {GHOST:g}"
    ]
    c, known_at = frame.curvature.to_numpy(), frame[[f"seen_{name}" for name in names]].notna().any(axis=1).to_numpy()
    ratios, seen = ({name: frame[f"{of}_{name}"].to_numpy() for name in names} for of in ("ratio", "seen"))
    controls = {name: frame[f"control_{name}"].isin(MISSED).to_numpy() for name in names}
    ghosts = [frame[of].to_numpy() for of in ("ghost", "ghosts")] if "ghost" in frame else None
    for network, values, rows in of_scores(study, frame):
        failing = ((name, fails_from(c[rows], ratios[name][rows], seen[name][rows])) for name in names)
        off = ", ".join(f"{name} {at:.2f}" for name, at in failing if np.isfinite(at))
        known = known_at[rows][c[rows] > 0].any()
        missed = [name for name in names if controls[name][rows].any()]
        refused = f"; not to be blamed on curvature, missed at c = 0 too: {', '.join(missed)}" if missed else ""
        ghost = ""
        if ghosts and np.isfinite(ghosts[0][rows[-1]]):
            largest, count = (of[rows[-1]] for of in ghosts)
            beyond = f"{count:.0f} of these" if count else "none of these"
            ghost = f"at c = {c[rows[-1]]:g} {beyond}, largest {largest:.2f}"
        label = ", ".join(filter(None, [labelled(values), network if study.evaluated_scores else ""]))
        lines.append(f"  {label:<20} {off or ('never' if known else 'not known')}; {ghost}{refused}")
    return lines


def small_curvature(study: Study, frame: pd.DataFrame) -> pd.DataFrame:
    """A row per block of `curvature` and c: consolidation over the flat one by the expansion in the curvature, at the
    mean scales of the draws. Of the first PANELS blocks, as no more are drawn.

    The columns are the axes that tell blocks apart, curvature, and ratio. No rows for families other than arcs, nor for
    data with noise on them; NaN beyond half of the flat time, where the expansion says nothing.
    """
    rows = []
    of_blocks = [] if frame.empty else places_of_blocks(study, frame, "curvature")[:PANELS]
    for values, places in of_blocks:
        block = frame.iloc[places]
        if block.family.iloc[0] != "arcs":
            continue
        truths = _truths(study, values)
        flat = [of_flat for _, of_flat in truths if of_flat is not None]
        if not flat:
            continue
        edges = np.mean(flat, 0)
        smallest, largest = np.sqrt(edges[-1, 0]), np.sqrt(edges[0, 1])
        curved = next(truth for truth, _ in truths if truth.curvature)
        c = np.linspace(0, block.curvature[block.network == EXACT].max(), EXPANDED)
        kappa = curved.kappa / curved.curvature * c
        ratio = expansions.arc_consolidation(smallest, kappa, largest) / smallest**2
        ratio = np.where(ratio > 0.5, ratio, np.nan)
        rows += [values | {"curvature": at, "ratio": one} for at, one in zip(c, ratio, strict=True)]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=["curvature", "ratio"])


def _truths(study: Study, values: dict[str, Any]) -> list[tuple[Any, np.ndarray | None]]:
    """The manifolds of the cells with these values, of every score, and the edges of those that are flat and have a
    law."""
    axes = study.axes | {axis: tuple(one for one in study.axes[axis] if alike(one, at)) for axis, at in values.items()}
    made: dict[tuple, tuple[Any, np.ndarray | None]] = {}
    found = []
    for cell in study.expand(axes):
        place = tuple(value for axis, value in cell.values if axis != "network")
        if place not in made:
            truth = cell.truth()
            made[place] = truth, truth.edges() if not truth.curvature and isinstance(truth, Law) else None
        found.append(made[place])
    return found


def of_scores(study: Study, frame: pd.DataFrame) -> Iterator[tuple[str, dict, np.ndarray]]:
    """(network, values of the other axes that vary, places of its rows by curvature) of the table `curvature`."""
    networks, c = frame.network.to_numpy(), frame.curvature.to_numpy()
    for values, places in places_of_blocks(study, frame, "curvature"):
        here = networks[places]
        for network in dict.fromkeys(here.tolist()):
            rows = places[here == network]
            yield str(network), values, rows[np.argsort(c[rows], kind="stable")]
