"""What training buys: phase times (accuracy), the sharpness of the normal spike (capacity), curvature (plateau).

study, datasets of its cube -> tables: accuracy, costs, capacity, plateau

They are of studies with trained networks and an axis of training steps (`Study.findings`); a network at a number of
steps was trained for that many, with the learning rate brought down to the end. Costs are floating-point operations
of one member (`training_flops`).
"""

import itertools
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from scoregap.analysis.arrays import Cell, blocks_of, known_gaps
from scoregap.analysis.intervals import geometric_mean, interval
from scoregap.analysis.tables import PHASES, at_gap, blocks, exactly, labelled, or_dash
from scoregap.scores import EXACT
from scoregap.study import Study

INSIDE = 0.1  # share of the exact consolidation time at which spikes are compared: well inside the last phase
SHARP = 0.05  # width of a spike that counts as sharp
OPEN = 0.5  # final gap that counts as open
HALF = 0.5  # position from which a network counts as having left the plateau
COSTLY = ("t_max", "t_consolidation", "excess loss")  # errors that are drawn against the cost of training
OFF = 1.0  # distance from the line between gaussian and exact, in its length, beyond which a position says nothing


def _trained(study: Study, ds: xr.Dataset, names: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    """(condition, network and steps; cell of the network, then of every reference), for seeds with all results."""
    loaded = ds[["status", "boundary", *names]].load()
    for values in itertools.product(*(ds[axis].values for axis in study.condition_axes)):
        chosen = dict(zip(study.condition_axes, values, strict=True))
        here = known_gaps(loaded.sel(chosen))
        for network in study.trained_networks:
            cells = [here.sel(network=name) for name in (network, *study.references)]
            present = np.all([(cell.status == 1).values for cell in cells], axis=0)
            if present.any():
                train = study.document.train
                label = chosen | {"network": network, "steps": chosen.get("train.steps", train and train.steps)}
                yield label, *(cell.isel(seed=present) for cell in cells)


def _cost(cell: xr.Dataset) -> float:
    """Floating-point operations of the training, mean over seeds (they differ where training stops early)."""
    return float(cell.training_flops.max("evaluation").mean())


def accuracy(study: Study, datasets: list[xr.Dataset]) -> pd.DataFrame:
    """One row per trained network, cell and phase time: how far it is from that of the exact score.

    ratio: network over exact, geometric mean over the seeds in which both times are measured, with Student's interval
    low, high, NaN for one seed. seen: share of the seeds in which the exact score has the time, that are such.
    cost: floating-point operations. quantity: its name, with its gap.
    """
    rows: list[dict] = []
    for ds in datasets:
        for chosen, own, exact, *_ in _trained(study, ds, (*PHASES, "training_flops")):
            for name, gap in itertools.product(PHASES, range(own.sizes["gap"])):
                both = [cell[name].isel(gap=gap).values for cell in (own, exact)]
                if np.isnan(both[1]).all():
                    continue
                logs = np.log(both[0] / both[1])
                logs = logs[np.isfinite(logs)]
                low, high = interval(logs, study.compare.confidence)
                rows.append(
                    chosen
                    | {
                        "quantity": at_gap(name, gap),
                        "cost": _cost(own),
                        "ratio": geometric_mean(np.exp(logs)),
                        "low": np.exp(low),
                        "high": np.exp(high),
                        "seen": logs.size / np.isfinite(both[1]).sum(),
                    }
                )
    return pd.DataFrame(rows)


def costs(study: Study, datasets: list[xr.Dataset]) -> pd.DataFrame:
    """One row per trained network, cell, seed and quantity: its error and what the training has cost.

    quantity: one of COSTLY. Of t_max of the first gap and t_consolidation of the final one the error is
    |time / exact time - 1|; the excess loss is the geometric mean over noise variances of the squared distance from
    Bayes' optimum over t. cost: floating-point operations. Only what is finite.
    """
    rows: list[dict] = []
    for ds in datasets:
        for some in blocks_of(study, ds, ("boundary", "t_max", "t_consolidation", "excess_loss", "training_flops")):
            cells = (padded.unpadded for padded in some.cells)
            for cell, network in itertools.product(cells, study.trained_networks):
                present = np.all([cell.of(name)["status"] == 1 for name in (network, *study.references)], axis=0)
                if present.any():
                    rows += _costs(study, cell, network, present)
    return pd.DataFrame(rows)


def _costs(study: Study, cell: Cell, network: str, present: np.ndarray) -> Iterator[dict]:
    """The rows of one network in one cell, for seeds with all results."""
    own, exact = ({name: one[present] for name, one in cell.of(who).items()} for who in (network, EXACT))
    train = study.document.train
    steps = cell.values.get("train.steps", train and train.steps)
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # where nothing is known
        errors = (
            np.abs(own["t_max"] / exact["t_max"] - 1)[:, 0],
            np.abs(own["t_consolidation"] / exact["t_consolidation"] - 1)[:, -1],
            np.exp(np.nanmean(np.log(own["excess_loss"]), 1)),
        )
        spent = np.nanmax(own["training_flops"], 1)
    label = cell.values | {"network": network, "steps": steps}
    for quantity, values in zip(COSTLY, errors, strict=True):
        for seed, cost, error in zip(cell.seeds[present], spent, values, strict=True):
            if np.isfinite(error):
                yield label | {"seed": int(seed), "quantity": quantity, "cost": float(cost), "error": float(error)}


def spike(cell: xr.Dataset, dimension: int) -> xr.DataArray:
    """Width of the normal spike (time, seed): root mean square of the eigenvalues of G beyond the manifold dimension.

    0 for the exact score of a flat manifold: G has no normal part. The mean counts too: a spike off -1 is no spike.
    """
    return ((1 + cell.eigenvalue.isel(mode=slice(dimension, None))) ** 2).mean(("point", "mode")) ** 0.5


def capacity(study: Study, datasets: list[xr.Dataset]) -> pd.DataFrame:
    """One row per trained network, cell and time: width of the normal spike, final gap, and when it reopens.

    spike, gap: at noise variance t, mean over seeds. exact_gap, t_consolidation: of the exact score. inside: whether t
    is the grid point next to INSIDE of its consolidation time, nowhere if the grid does not reach it. resolution:
    median over seeds of t_resolution; unresolved: share of seeds in which the final gap, once open, stays open down to
    the smallest t; closed: in which it never opens to one half. cost: floating-point operations.
    """
    rows: list[dict] = []
    names = ("eigenvalue", "gap_width", "t_consolidation", "t_resolution", "training_flops")
    for ds in datasets:
        for chosen, own, exact, *_ in _trained(study, ds, names):
            m = int(own.boundary.isel(seed=0, gap=-1))
            if m == own.sizes["mode"]:
                continue
            width = spike(own, m).mean("seed").values
            gap, exact_gap = (one.gap_width.isel(gap=-1).mean("seed").values for one in (own, exact))
            consolidation = float(exact.t_consolidation.isel(gap=-1).mean())
            resolution = own.t_resolution.isel(gap=-1).values
            opened = (own.gap_width.isel(gap=-1) >= 0.5).any("time").values
            t = own.time.values
            here = INSIDE * consolidation
            place = int(np.abs(np.log(t / here)).argmin()) if t[0] <= here <= t[-1] else -1  # not where it is NaN
            common = chosen | {
                "cost": _cost(own),
                "t_consolidation": consolidation,
                "resolution": float(np.nanmedian(resolution)) if np.isfinite(resolution).any() else np.nan,
                "unresolved": float(np.mean(opened & ~np.isfinite(resolution))),
                "closed": float(np.mean(~opened)),
            }
            columns = {"t": t, "spike": width, "gap": gap, "exact_gap": exact_gap, "inside": np.arange(len(t)) == place}
            rows += [common | dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return pd.DataFrame(rows)


def plateau(study: Study, datasets: list[xr.Dataset]) -> pd.DataFrame:
    """One row per trained network and cell with curvature: where its spectrum lies between gaussian and exact.

    position: projection of (network - gaussian) on (exact - gaussian) over all times and modes of the mean spectra:
    0 at the score of the Gaussian with the same covariance, 1 at the exact score; low, high: Student's interval over
    seeds at the study's confidence, NaN for one seed. away: distance from the line between the two, in units of its
    length; beyond OFF the position says nothing (a network that denoises to 0 can be at 1). dimension: blind, median
    over seeds. cost: floating-point operations.
    """
    rows: list[dict] = []
    for ds in datasets:
        for chosen, own, exact, gaussian in _trained(study, ds, ("eigenvalue", "dimension_overall", "training_flops")):
            spectra = [one.eigenvalue.mean("point").transpose("seed", ...).values for one in (own, exact, gaussian)]
            network, exactly, span = (one.reshape(len(one), -1) for one in spectra)
            line = exactly - span
            length = (line**2).sum(1)
            if not (length > 1e-6).all():  # no curvature: the two are the same
                continue
            position = ((network - span) * line).sum(1) / length
            away = np.sqrt((((network - span) - position[:, None] * line) ** 2).sum(1) / length)
            low, high = interval(position, study.compare.confidence)
            rows.append(
                chosen
                | {
                    "cost": _cost(own),
                    "position": position.mean(),
                    "low": low,
                    "high": high,
                    "away": away.mean(),
                    "dimension": float(own.dimension_overall.isel(estimator=0).median()),
                }
            )
    return pd.DataFrame(rows)


def transition(group: pd.DataFrame) -> float:
    """Cost at which the position rises through HALF for good, interpolated in log cost; NaN if it is below at the end.

    group: rows of `plateau` of one network in one cell, sorted by steps. A spectrum OFF the line counts as below, and
    there is nothing to interpolate from it. The least cost if it is never below.
    """
    cost, position, off = group.cost.to_numpy(), group.position.to_numpy(), group.away.to_numpy() > OFF
    below = np.flatnonzero(off | ~(position >= HALF))
    if not below.size:
        return float(cost[0])
    i = below[-1]
    if i == len(cost) - 1:
        return np.nan
    if off[i]:
        return float(cost[i + 1])
    return float(np.exp(np.interp(HALF, position[i : i + 2], np.log(cost[i : i + 2]))))


def transitions(study: Study, frame: pd.DataFrame) -> pd.DataFrame:
    """A row per block and network of `plateau`: `left`, the cost by which it has left the plateau, NaN if it has not.

    The columns are the axes that tell blocks apart, network, and left.
    """
    return pd.DataFrame(
        [
            values | {"network": network, "left": transition(group.sort_values("steps"))}
            for values, block in ([] if frame.empty else blocks(study, frame, "train.steps"))
            for network, group in block.groupby("network", sort=False)
        ]
    )


def mean_costs(study: Study, frame: pd.DataFrame) -> pd.DataFrame:
    """A row per block, quantity, network and steps of `costs`: geometric means over seeds of what is not 0.

    The columns are the axes that tell blocks apart, quantity, network, steps, cost and error; sorted by cost.
    """
    if frame.empty:
        return frame
    logs = frame.assign(cost=np.log(frame.cost), error=np.log(frame.error.where(frame.error > 0)))
    varied = [axis for axis in study.condition_axes if axis != "train.steps" and len(study.axes[axis]) > 1]
    keys = [*varied, "quantity", "network", "steps"]
    means = logs.groupby(keys, sort=False, dropna=False)[["cost", "error"]].mean().dropna().reset_index()
    means[["cost", "error"]] = np.exp(means[["cost", "error"]])
    return means.sort_values("cost", kind="stable")


def exponent(group: pd.DataFrame) -> tuple[float, float]:
    """(p, standard error) of spike ~ steps^-p over networks of the same kind: one slope, an amplitude per network.

    group: rows of `capacity` with `inside`, of one preconditioning. NaN with fewer than three points beyond the
    amplitudes.
    """
    x, y = np.log(group.steps.to_numpy(float)), np.log(group.spike.to_numpy())
    owner = pd.factorize(group.network)[0]
    count = owner.max() + 1
    free = len(x) - count - 1
    if free < 1:
        return np.nan, np.nan
    x, y = (one - (np.bincount(owner, one) / np.bincount(owner))[owner] for one in (x, y))
    slope = (x @ y) / (x @ x)
    error = np.sqrt(((y - slope * x) ** 2).sum() / free / (x @ x))
    return -slope, error


def accuracy_lines(study: Study, frame: pd.DataFrame) -> list[str]:
    """The table of `accuracy` in words."""
    lines = [
        "accuracy: phase times of the network over those of the exact score, geometric means over seeds, against cost"
    ]
    for values, block in blocks(study, frame, "train.steps"):
        names = list(dict.fromkeys(block["quantity"]))
        lines += [
            f"  {labelled(values)}" if values else "",
            f"    {'':<18}{'steps':>8}{'TFLOP':>9}" + "".join(f"{name:>22}" for name in names),
        ]
        for (network, steps), rows in block.groupby(["network", "steps"], sort=False):
            ratios = dict(zip(rows["quantity"], rows.ratio, strict=True))
            lines.append(
                f"    {network:<18}{exactly(steps):>8}{rows.cost.iloc[0] / 1e12:>9.3g}"
                + "".join(f"{or_dash(ratios.get(name, np.nan)):>22}" for name in names)
            )
    return lines


def capacity_lines(study: Study, frame: pd.DataFrame) -> list[str]:
    """The table of `capacity` in words."""
    lines = [
        f"capacity: width of the normal spike (0 in theory) and final gap at {INSIDE:g} of the exact consolidation "
        "time; resolution time, below which that gap is under one half again",
        f"  {'':<34}{'steps':>8}{'TFLOP':>9}{'spike':>9}{'gap':>8}{'exact':>8}  resolution time",
    ]
    inside = frame[frame.inside]
    if inside.empty:
        return [*lines[:1], f"  {INSIDE:g} of the exact consolidation time is not on the grid of times"]
    for values, block in blocks(study, inside, "train.steps"):
        lines += [f"  {labelled(values)}"] if values else []
        row: Any
        for row in block.itertuples():
            if row.closed > HALF:
                when = "never opens"
            elif row.unresolved > HALF:
                when = "below the grid"
            else:
                when = f"{row.resolution:.2e}, consolidation at {row.t_consolidation:.2e}"
            lines.append(
                f"    {row.network:<32}{exactly(row.steps):>8}{row.cost / 1e12:>9.3g}{row.spike:>9.4f}{row.gap:>8.3f}"
                f"{row.exact_gap:>8.3f}  {when}"
            )
        p, error = exponent(block)
        if np.isfinite(p):
            lines.append(f"    spike ~ steps^-{p:.2f} +- {error:.2f}, one slope for all networks")
        sharp = block[(block.spike <= SHARP) & (block.gap >= OPEN)]  # a network that denoises to 0 has no spike either
        lines.append(
            f"    spike of {SHARP:g} or less and the gap open: "
            + (f"from {sharp.cost.min() / 1e12:.3g} TFLOP ({_cheapest(sharp)})" if len(sharp) else "not reached")
        )
    return lines


def _cheapest(rows: pd.DataFrame) -> str:
    row = rows.sort_values(["cost", "steps"]).iloc[0]  # costs that nobody has counted come last
    return f"{row.network}, {exactly(row.steps)} steps"


def plateau_lines(study: Study, frame: pd.DataFrame) -> list[str]:
    """The table of `plateau` in words."""
    lines = [
        "plateau: position of the learned spectrum between the Gaussian of the same covariance (0) and the exact score "
        f"(1); left: cost by which it has passed {HALF:g}; off: further from the line between them than it is long",
    ]
    for values, block in blocks(study, frame, "train.steps"):
        steps = sorted(set(block.steps))
        lines += [
            f"  {labelled(values)}" if values else "",
            f"    {'':<18}{'TFLOP':>8}" + "".join(f"{f'{exactly(s)} steps':>20}" for s in steps) + f"{'left by':>16}",
        ]
        for network, group in block.groupby("network", sort=False):
            group = group.sort_values("steps")
            columns = group[["steps", "position", "away", "dimension"]].values
            cells = {
                s: f"{'off' if away > OFF else f'{p:.2f}'} (dim {f'{d:g}' if d else 'none'})"
                for s, p, away, d in columns
            }
            left, counted = transition(group), np.isfinite(group.cost).all()
            lines.append(
                f"    {network:<18}{group.cost.max() / 1e12:>8.3g}"
                + "".join(f"{cells.get(s, '-'):>20}" for s in steps)
                + f"{f'{left / 1e12:.3g} TFLOP' if np.isfinite(left) else 'not' if counted else '-':>16}"
            )
    return lines
