"""Is a score that of the data? Its errors at clean points against what its Jacobian says of them.

study, datasets of its cube -> table: calibration; panels -> its curves over noise

Needs no truth but points (`scoregap.measure.calibration`): what is said of models and data of which no law is known.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from scoregap.analysis.arrays import blocks_of
from scoregap.analysis.panels import PANELS, Panel
from scoregap.analysis.tables import labelled
from scoregap.measure import calibration as measure
from scoregap.study import Study
from scoregap.variables import MISTAKES

NAMES = ("squared_error", "point_trace", "gaussian_error")
FEW = 10  # points at a time from which a verdict tells something, where the covariance of the law is no control
MOST = 1000  # ratio that is told: a score without a trace has any


def of_score(cell: xr.Dataset, confidence: float = 0.95) -> tuple[np.ndarray, ...]:
    """(ratio, low, high, skill), (T,) each, of one score and seed; skill: its mean error over the Gaussian's."""
    names = [name for name in (*NAMES, "gaussian_trace") if name in cell]
    one = {name: cell[name].transpose("time", "point", missing_dims="ignore").values for name in names}
    error, trace, control = _arrays(one)
    return *measure.ratio(error, trace, control, confidence), _skill(error, one["gaussian_error"])


def _skill(error: np.ndarray, gaussian_error: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return error.mean(1) / gaussian_error.astype(float).mean(1)


def _arrays(one: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """(errors, traces, control) of a score and seed, (T, n) each, of its variables; no control where the covariance of
    the law is not known: of data from a file it is that of the training points, of which the Gaussian errs less than
    of others."""
    error, trace, gaussian = (one[name].astype(float) for name in NAMES)
    if "gaussian_trace" not in one:
        return error, trace, None
    control = gaussian - one["gaussian_trace"][:, None]
    return error, trace, control if np.isfinite(control).all() else None


def calibration(study: Study, datasets: list[xr.Dataset]) -> pd.DataFrame:
    """One row per score that is no reference, cell and seed: whether it may be the data's own.

    plausible: as `measure.calibration.judge` has it. farthest: ratio of errors over what the Jacobian says of them
    where it is farthest from 1, at noise variance `at`, of the times at which it is certainly off, if there are any;
    low, high: its interval. least, most: of the ratio over all times. skill: geometric mean over times of its error
    over that of the Gaussian with the data's covariance, NaN where that is not known. blamed, mistake: of what, where
    it is not plausible. Only of points whose clean point is known.
    """
    rows: list[dict] = []
    wanted = ("mistake", "mistake_gain", *NAMES, "gaussian_trace", "training_error")
    for ds in datasets:
        for some in blocks_of(study, ds, wanted):
            chosen = [
                (cell.values | {"network": network, "seed": seed}, {name: of[i, k] for name, of in cell.data.items()})
                for cell in (padded.unpadded for padded in some.cells)
                for network, i in ((name, some.scores.index(name)) for name in study.evaluated_scores)
                for k, seed in enumerate(cell.seeds)
            ]
            chosen = [one for one in chosen if one[1]["status"] == 1 and np.isfinite(one[1]["squared_error"]).all()]
            times = [cell.time for cell in (padded.unpadded for padded in some.cells)][:1]
            rows += _judged(chosen, *times)
    return pd.DataFrame(rows)


def _judged(chosen: list[tuple[dict, dict[str, np.ndarray]]], t: np.ndarray) -> Iterator[dict]:
    """The rows of scores, each of its label and the variables of one seed; t: (T,)."""
    numbers = [_arrays(one) for _, one in chosen]
    curves: list[Any] = [None] * len(chosen)
    for has in (False, True):  # each time is a row of its own: those of all scores together
        places = [i for i, one in enumerate(numbers) if (one[2] is not None) == has]
        if places:
            error, trace = (np.concatenate([numbers[i][k] for i in places]) for k in (0, 1))
            control = np.concatenate([numbers[i][2] for i in places]) if has else None
            ratios = [one.reshape(len(places), -1) for one in measure.ratio(error, trace, control)]
            for row, i in enumerate(places):
                curves[i] = [one[row] for one in ratios]
    for (label, one), (error, trace, control), (ratio, low, high) in zip(chosen, numbers, curves, strict=True):
        skill = _skill(error, one["gaussian_error"])
        code = int(one["mistake"])
        mistake = (MISTAKES[code - 1], float(one["mistake_gain"])) if code else ("", 0.0)
        found = measure.judge(error, trace, control, mistake, one.get("training_error"))
        with np.errstate(invalid="ignore"):
            far = np.nan_to_num(np.abs(np.log(np.clip(ratio, 1e-9, 1e9))))  # the trace may be 0
            i = int(np.argmax(np.where(found.where, far + far.max(), far)))
            mean_skill = float(np.exp(np.log(skill).mean()))
        yield label | {
            "plausible": found.plausible, "at": float(t[i]), "farthest": ratio[i], "low": low[i], "high": high[i],
            "least": ratio.min(), "most": ratio.max(), "skill": mean_skill, "blamed": found.blamed,
            "mistake": found.mistake,
        }  # fmt: skip


def calibration_lines(study: Study, frame: pd.DataFrame) -> list[str]:
    """How many scores are plausible, and of those that are not, network by network, the farthest."""
    right, points = frame.plausible, study.document.spectrum.points
    lines = [
        "calibration (errors at clean points over what the Jacobian says of them): "
        f"{right.sum()} of {len(frame)} plausible, {frame.least[right].min():.2f} to {frame.most[right].max():.2f}"
        if right.any()
        else f"calibration: none of {len(frame)} scores is plausible as that of the data"
    ]
    if right.any() and study.document.data and points < FEW:
        lines.append(f"  of {points} points little can be told")
    for network, rows in frame[~right].groupby("network", sort=False):
        row = rows.loc[np.log(rows.farthest.clip(1e-9, 1e9)).abs().idxmax()]
        what = {axis: row[axis] for axis in (*study.condition_axes, "seed") if len(study.axes[axis]) > 1}
        where = f" ({labelled(what)})" if what else ""
        blamed = "adapter or network, it cannot be told" if row.blamed == "cannot tell" else f"the {row.blamed}"
        blamed = "it is badly trained, or memorises" if network in study.trained_networks else blamed
        if row.blamed == "network":
            blamed = "it knows training points by heart"
        like = f", as if {row.mistake}" if row.mistake else ""
        said = f"{row.farthest:.2f}" if row.farthest < MOST else f"over {MOST}"
        count = f"{len(rows)} of {(frame['network'] == network).sum()}"
        lines.append(f"  {network}: {count} not plausible; {said} at t = {row['at']:.3g}{where}: {blamed}{like}")
    return lines


class Curve(NamedTuple):
    """seeds: (seeds, T), NaN where not positive or, of a trace of 0, infinite. mean: (T,) geometric, over them."""

    seeds: np.ndarray
    mean: np.ndarray


class Curves(NamedTuple):
    """values: of a panel. times: (T,). margin: ends of the ratios that are plausible. ratios, skills: of every score
    that is no reference."""

    values: dict[str, Any]
    times: np.ndarray
    margin: tuple[float, float]
    ratios: dict[str, Curve]
    skills: dict[str, Curve]


def curves(study: Study, panels: list[Panel]) -> list[Curves]:
    """Calibration and skill of every score over noise."""
    found = []
    for values, ds in panels[:PANELS]:
        known = np.isfinite(ds.time.values)
        read = ds[[name for name in (*NAMES, "gaussian_trace") if name in ds]].load().isel(time=known)  # at once
        of = {
            network: [of_score(read.sel(network=network).isel(seed=seed)) for seed in range(ds.sizes["seed"])]
            for network in study.evaluated_scores
        }  # fmt: skip
        ratios, skills = (
            {network: _curve(np.stack([one[k] for one in seeds])) for network, seeds in of.items()} for k in (0, 3)
        )
        margin = 1 / measure.MARGIN, measure.MARGIN
        found.append(Curves(values, ds.time.values[known], margin, ratios, skills))
    return found


def _curve(seeds: np.ndarray) -> Curve:
    positive = np.where((seeds > 0) & np.isfinite(seeds), seeds, np.nan)
    return Curve(positive, np.exp(np.log(positive).mean(0)))
