"""Estimators of the dimension about each other, and as published.

study, datasets of its cube -> table: estimators
"""

import itertools

import numpy as np
import pandas as pd
import xarray as xr

from scoregap.analysis.tables import blocks, labelled
from scoregap.scores import EXACT
from scoregap.study import Study

TIMES_SHOWN = 5  # noise variances of the estimators' table for a terminal
# (family, ambient_dim, true dimension) -> dimensions that Stanczuk et al. (ICML 2024) give for the same set: ID-diff
# of a trained network, the others of data. Their other sets, squares and Gaussian blobs, are images of 32 x 32 pixels.
PUBLISHED = {
    ("sphere", 100, 10): {"ID-diff (trained)": 11, "MLE k=5": 9.61, "MLE k=20": 9.46, "local PCA": 11, "PPCA": 11},
    ("sphere", 100, 50): {"ID-diff (trained)": 51, "MLE k=5": 35.52, "MLE k=20": 34.04, "local PCA": 51, "PPCA": 51},
    ("spaghetti", 100, 1): {"ID-diff (trained)": 1, "MLE k=5": 1.01, "MLE k=20": 1.00, "local PCA": 32, "PPCA": 98},
}


def estimators(study: Study, datasets: list[xr.Dataset]) -> pd.DataFrame:
    """One row per cell, network, method and noise variance: how far its estimates are from the true dimension.

    bias: mean of estimate - true dimension at the point, over points and draws. spread: standard deviation of that.
    right: share of estimates that round to the true dimension. dimension: mean of the true ones. cost: evaluations of
    the score per estimate. Estimators of data have one row per cell, at no variance (NaN), with the network "data".
    """
    rows: list[dict] = []
    for ds in datasets:
        names = [name for name in ("estimate", "data_estimate", "point_dimension", "estimate_cost") if name in ds]
        loaded = ds[names].load().where(ds.status == 1)
        for values in itertools.product(*(ds[axis].values for axis in study.condition_axes)):
            chosen = dict(zip(study.condition_axes, values, strict=True))
            here = loaded.sel(chosen)
            if "estimate" in here:
                for network, method in itertools.product(here.network.values, here.score_estimator.values):
                    one = here.sel(network=network, score_estimator=method)
                    label = chosen | {"network": network, "method": method, "cost": float(one.estimate_cost.max())}
                    for t in one.estimate_time.values:
                        error = (one.estimate.sel(estimate_time=t) - one.point_dimension).values
                        rows += _errors(label | {"t": t}, error, one.point_dimension.values)
            if "data_estimate" in here and EXACT in here.network.values:
                exact = here.sel(network=EXACT)
                # Clean data know one dimension: of a mixture, that of its largest component.
                true = exact.point_dimension.max("estimate_point").values
                for method in here.data_estimator.values:
                    error = exact.data_estimate.sel(data_estimator=method).values - true
                    rows += _errors(
                        chosen | {"network": "data", "method": method, "cost": np.nan, "t": np.nan}, error, true
                    )
    return pd.DataFrame(rows)


def _errors(label: dict, error, true) -> list[dict]:
    """The row of `estimators` for these errors; none where all are NaN."""
    known = np.isfinite(error)
    if not known.any():
        return []
    error = error[known]
    right = np.mean(np.abs(error) < 0.5)
    return [
        label
        | {"dimension": np.nanmean(true), "bias": error.mean(), "spread": error.std(), "right": right, "n": error.size}
    ]


def published_of(study: Study, rows: pd.DataFrame) -> dict[str, float]:
    """PUBLISHED numbers for the set that these rows of `estimators` are about, if there are any; none where the study
    has data with noise on them."""
    if study.noisy:
        return {}
    return PUBLISHED.get(tuple(rows[["family", "ambient_dim", "dimension"]].iloc[0]), {})


def true_dimension(rows: pd.DataFrame) -> float:
    """The true dimension of the set that these rows of `estimators` are about: mean over its points."""
    return rows.dimension.mean()


def published_biases(study: Study, rows: pd.DataFrame) -> dict[str, float]:
    """PUBLISHED numbers less the true dimension."""
    return {name: value - true_dimension(rows) for name, value in published_of(study, rows).items()}


def estimator_lines(study: Study, frame: pd.DataFrame) -> list[str]:
    """The table of `estimators` in words."""
    times = np.unique(frame.t.dropna())
    shown = times[np.unique(np.linspace(0, len(times) - 1, min(TIMES_SHOWN, len(times))).round().astype(int))]
    lines = [
        "dimension estimators: mean of estimate - true dimension (spread over points and draws) at noise variance t; "
        "cost: evaluations of the score or products with its Jacobian per estimate; data: clean points, no score",
    ]
    for values, block in blocks(study, frame):
        true = block.dimension[block.network != "data"].mean()
        true = block.dimension.max() if np.isnan(true) else true
        lines += [
            f"  {labelled(values) + ', ' if values else ''}true dimension {true:.4g}",
            f"    {'':<12}{'':<24}{'cost':>6}" + "".join(f"{f't = {t:.3g}':>20}" for t in shown),
        ]
        for (network, method), rows in block.groupby(["network", "method"], sort=False):
            by_time = {row.t: f"{row.bias:+z.2f} ({row.spread:.2f})" for row in rows.itertuples()}
            cost = rows.cost.iloc[0]
            columns = [by_time.get(t, "-") for t in shown] if np.isfinite(cost) else by_time.values()
            lines.append(
                f"    {network:<12}{method:<24}{f'{cost:g}' if np.isfinite(cost) else '-':>6}"
                + "".join(f"{text:>20}" for text in columns)
            )
        if published := published_of(study, block):
            lines.append(
                "    published: " + ", ".join(f"{name} {value - true:+.2f}" for name, value in published.items())
            )
    return lines
