"""When scores give in to their training points, and what the empirical score keeps of the geometry.

study, datasets of its cube -> tables: memorisation, memorisation_curves; of data from a file: copies
"""

import itertools
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from scoregap.analysis.intervals import interval
from scoregap.analysis.tables import blocks, labelled, or_dash, with_interval
from scoregap.study import Study
from scoregap.variables import OF_MEMORISATION

SIZE = "manifold.dataset_size"
APART = 0.3  # of |D - D_exact|^2 over |D_empirical - D_exact|^2: the threshold of both times of training
OPEN = 2.0  # least ratio of the two times of a training in which one does not censor the other
PHASES = {"open": 0, "close": 0, "consolidation": -1}  # times of the flat law: gap that they are of
KEPT = 0.9  # share of the exact tr G within a group from which it is kept
FRESH_NAMES = {"memorised": "by_chance", "nearest_distance": "held_out_distance"}  # of columns, of held-out points
LOST = 0.5  # share from which it is not lost


def memorisation(study: Study, datasets: list[xr.Dataset]) -> pd.DataFrame:
    """One row per score that comes from a training set, cell and seed.

    points: N. order: what comes first as t falls, by the laws of `PHASES` of the flat manifold and of memorisation;
    law_NAME: of each of those. law, corrected, found: t_memorisation, of this F, of this N, and of the empirical score.
    memorised: share of samples that are copies, less what fresh points have by chance. tau_generalise, tau_memorise:
    steps at which, at t = law, the squared distance from the exact score falls below `APART` of that of the empirical
    one, and rises above it again; NaN where it does not. kept_at_K, lost_at_K: of group K, noise variance over `law`
    above which the score has `KEPT` and `LOST` of the exact tr G within the group; kept_K: what it has at `law`, NaN
    where that is off the grid; sampled_K: at the largest t, where the empirical score knows the covariance of its
    points alone.
    """
    rows: list[dict] = []
    for ds in datasets:
        for chosen, cell in _cells(study, ds):
            law, t = float(cell.law_t_memorisation), cell.memory_time.values
            row = chosen | {"points": _points(study, chosen), "law": law}
            row |= {"corrected": float(cell.corrected_t_memorisation), "found": float(cell.t_memorisation)}
            row["memorised"] = float(cell.memorised[0] - cell.memorised[1])
            row |= dict(zip(("tau_generalise", "tau_memorise"), _times_of_training(cell, law), strict=True))
            for group, kept in enumerate(cell.dimension_kept.transpose("group", "memory_time").values):
                row[f"kept_{group}"] = float(np.interp(np.log(law), np.log(t), kept, left=np.nan, right=np.nan))
                row[f"sampled_{group}"] = float(kept[-1])
                for name, level in (("kept_at", KEPT), ("lost_at", LOST)):
                    row[f"{name}_{group}"] = _last_below(t, kept, level) / law
            laws = {name: float(cell[f"law_t_{name}"][gap]) for name, gap in PHASES.items()}
            row |= {f"law_{name}": t for name, t in laws.items()} | {"order": order(laws | {"memorisation": law})}
            rows.append(row)
    return pd.DataFrame(rows)


def order(times: dict[str, float]) -> str:
    """What comes first as noise falls, as `open > memorisation > close`; what is not known is left out."""
    known = {name: t for name, t in times.items() if np.isfinite(t)}
    return " > ".join(sorted(known, key=known.__getitem__, reverse=True))


def memorisation_curves(study: Study, datasets: list[xr.Dataset]) -> pd.DataFrame:
    """One row per such score, cell and noise variance t, means over seeds: over_law, t over the law's t_memorisation;
    position of the score at noisy training points, own_weight, kept_K of group K."""
    rows: list[dict] = []
    for ds in datasets:
        for chosen, cell in _cells(study, ds):
            kept = cell.dimension_kept.transpose("group", "memory_time").values
            for i, t in enumerate(cell.memory_time.values):
                row = chosen | {
                    "points": _points(study, chosen),
                    "t": t,
                    "over_law": t / float(cell.law_t_memorisation),
                }
                row |= {"position": float(cell.position[0, i]), "own_weight": float(cell.own_weight[i])}
                rows.append(row | {f"kept_{group}": one[i] for group, one in enumerate(kept)})
    if not rows:
        return pd.DataFrame()
    axes = [axis for axis in (*study.condition_axes, "network", "points", "t") if axis in rows[0]]
    return pd.DataFrame(rows).groupby(axes, sort=False, as_index=False).mean().drop(columns="seed")


def copies(study: Study, datasets: list[xr.Dataset]) -> pd.DataFrame:
    """One row per score of data from a file that comes from its training points, cell and seed.

    t_memorisation: of the empirical score. memorised: share of samples that are copies of training points; by_chance:
    of as many held-out points. nearest_distance: median distance of samples to the nearest training point;
    held_out_distance: of held-out points.
    """
    rows = []
    for ds in datasets:
        for chosen, cell in _cells(study, ds):
            row = {"t_memorisation": float(cell.t_memorisation)}
            for name, (sampled, fresh) in (("memorised", cell.memorised), ("nearest_distance", cell.nearest_distance)):
                row |= {name: float(sampled), FRESH_NAMES[name]: float(fresh)}
            rows.append(chosen | row)
    return pd.DataFrame(rows)


def copies_lines(study: Study, frame: pd.DataFrame) -> list[str]:
    """How many samples are copies of training points, and how far they are from them, over networks."""
    lines = ["samples: share that are copies of training points (their nearest is 3 times nearer than the second)"]
    axes = [axis for axis in (*study.condition_axes, "network") if axis in frame]
    for values, rows in frame.groupby(axes, sort=False):
        setting: dict[str, Any] = dict(zip(axes, values, strict=True))
        network = str(setting.pop("network"))
        where = ", ".join(filter(None, (labelled(setting), network)))
        low, high = interval(rows.memorised.dropna().to_numpy(), study.document.fit.confidence)
        share = with_interval(rows.memorised.mean(), max(low, 0.0), min(high, 1.0), ".2f")
        lines.append(
            f"  {where}: {share}, of held-out points {rows.by_chance.mean():.2f}; median distance "
            f"{rows.nearest_distance.mean():.3g}, of held-out points {rows.held_out_distance.mean():.3g}"
        )
    return lines


def _cells(study: Study, ds: xr.Dataset):
    """(values of axes, dataset) of every cell that has a training set and a result."""
    known = {"network": study.evaluated_scores}
    axes = (*study.condition_axes, "network", "seed")
    names = [
        name
        for name in ("status", "training_step", *OF_MEMORISATION, *(f"law_t_{one}" for one in PHASES))
        if name in ds
    ]
    loaded = ds[names].load()
    for values in itertools.product(*(known.get(axis, ds[axis].values) for axis in axes)):
        chosen = dict(zip(axes, values, strict=True))
        cell = loaded.sel(chosen)
        if cell.status == 1 and np.isfinite(cell.own_weight).any():
            kept = "dimension_kept" in cell  # not of data from a file
            yield chosen, cell.isel(group=np.isfinite(cell.dimension_kept).any("memory_time").values) if kept else cell


def _points(study: Study, chosen: dict) -> int:
    """N of a cell."""
    return int(chosen.get(SIZE, study.manifold.dataset_size or 0))


def _times_of_training(cell: xr.Dataset, law: float) -> tuple[float, float]:
    """(tau_generalise, tau_memorise) in steps, by interpolation in log steps."""
    apart = (cell.training_position**2 + cell.training_position_residual).transpose("evaluation", "level").values
    steps = cell.training_step.values.astype(float)
    known = np.isfinite(apart).all(1) & np.isfinite(steps)
    if not known.any() or not cell.level.values[0] <= law <= cell.level.values[-1]:
        return np.nan, np.nan
    curve = np.array([np.interp(np.log(law), np.log(cell.level.values), one) for one in apart[known]])
    steps, under = steps[known], curve < APART
    if not under.any() or under[0]:
        return np.nan, np.nan
    first = int(under.argmax())
    after = np.flatnonzero(~under[first:])
    last = first + int(after[0]) if after.size else None
    return _crossing(steps, curve, first), np.nan if last is None else _crossing(steps, curve, last)


def _crossing(steps: np.ndarray, curve: np.ndarray, k: int) -> float:
    """Where a curve crosses `APART` between its places k - 1 and k."""
    share = (curve[k - 1] - APART) / (curve[k - 1] - curve[k])
    return float(steps[k - 1] * (steps[k] / steps[k - 1]) ** share)


def _last_below(t: np.ndarray, kept: np.ndarray, level: float) -> float:
    """The largest noise variance at which less than `level` is kept, by interpolation; NaN where that is off the
    grid."""
    below = np.flatnonzero(kept < level)
    if not below.size or below[-1] == len(t) - 1:
        return np.nan
    k = int(below[-1])
    share = (level - kept[k]) / (kept[k + 1] - kept[k])
    return float(t[k] * (t[k + 1] / t[k]) ** share)


def laws_of(rows: pd.DataFrame) -> pd.DataFrame:
    """The laws of each N, `law` and `corrected`: medians over seeds, each of which has an F of its own."""
    return rows.groupby("points")[["law", "corrected"]].median()


def phases_of(rows: pd.DataFrame) -> dict[str, float]:
    """The laws of `PHASES` that are known, likewise."""
    medians = {name: float(rows[f"law_{name}"].median()) for name in PHASES}
    return {name: t for name, t in medians.items() if np.isfinite(t)}


class Exponent(NamedTuple):
    """Of a time against N: its slope in logarithms, the ends of Student's interval, and how many N it is of."""

    slope: float
    low: float
    high: float
    sizes: int


def open_trainings(rows: pd.DataFrame, seeds: int) -> pd.DataFrame:
    """The trainings of those N of which all seeds have both times, `OPEN` apart. The others are censored, or
    lack a result; where some of an N are, those that are not are a selection. seeds: of the study, of which some may
    have no rows."""
    apart = rows.tau_memorise > OPEN * rows.tau_generalise
    return rows[apart.groupby(rows.points).transform("sum") == seeds]


def exponent(rows: pd.DataFrame, time: str, seeds: int, confidence: float = 0.95) -> Exponent | None:
    """Of trainings of one network that are open (`open_trainings`); None of fewer than three N.

    Every seed has a level of its own, as its data are of one F at all N: the slope is of what is left within seeds.
    """
    known = open_trainings(rows, seeds)
    sizes = known.points.nunique()
    if sizes < 3:
        return None
    logs = known[["points", time]].apply(np.log)
    within = logs - logs.groupby(known.seed).transform("mean")
    x, y = within["points"].to_numpy(), within[time].to_numpy()
    slope = float(x @ y / (x @ x))
    free = len(known) - seeds - 1
    half = float(stats.t.ppf(0.5 + confidence / 2, free) * np.sqrt(((y - slope * x) ** 2).sum() / free / (x @ x)))
    return Exponent(slope, slope - half, slope + half, sizes)


def memorisation_lines(study: Study, frame: pd.DataFrame) -> list[str]:
    """The law against the empirical score, and what it keeps."""
    lines = ["memorisation: noise variance at which the empirical score collapses, over the law's and at finite N"]
    for values, block in blocks(study, frame, SIZE):
        where = labelled(values) or "all"
        for points, rows in block.groupby("points"):
            one = rows[rows["network"] == "empirical"]
            if not len(one):
                continue
            over_law, over_corrected = (
                or_dash(np.exp(np.log(one.found / one[name]).mean()), ".2f") for name in ("law", "corrected")
            )
            groups = [name for name in map(str, one) if name.startswith("kept_at_") and one[name].notna().any()]
            kept = ", ".join(f"group {name[8:]} from {one[name].median():.3g}" for name in groups)
            first = str(one.order.mode()[0])
            says = [f"t {one.found.median():.3g}, {over_law} and {over_corrected}"]
            says = says if one.found.notna().any() else ["the collapse is not on the grid"]
            says += [f"as t falls, {first}"] if " > " in first else []
            says += [f"has {KEPT:.0%} of the exact geometry above law x: {kept}"] if kept else []
            lines.append(f"  {where}, N = {points}: {'; '.join(says)}")
    return lines
