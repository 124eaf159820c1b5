"""Tables of data from a file: every score and quantity, with intervals, and what they say in words."""

import numpy as np
import pandas as pd
import pytest
from own_data import UNTRAINED, written
from tiny import run_stages

import scoregap
from scoregap.analysis import agreement, data_dimensions, profiles
from scoregap.stages import cube, dimension
from scoregap.store.tables import read_tables
from scoregap.study import load

DIMENSION = (
    "fit:\n",
    """\
dimension:
  estimators: [final_gap, flipd, local_pca]
  times: {start: 1.0e-3, stop: 1.0, count: 8}
  points: 3
  data_points: 90
  neighbours: 20
fit:
""",
)


def test_the_table_has_every_score_and_quantity(own):
    study = load(own[0])
    frame = pd.read_csv(own[1] / "comparison.csv", keep_default_na=False, na_values=["nan", ""])
    assert set(frame["network"]) == {"gaussian", "empirical", "gated-8"}
    assert set(frame["quantity"]) == {*profiles.QUANTITIES, *agreement.QUANTITIES} - {"trace_error"}  # of traces alone
    tables, _ = read_tables(own[1] / "findings.jsonl")
    assert set(tables["claims"]["network"]) == {"gated-8"}
    kept = tables["profile"]
    first = kept[(kept["network"] == "gaussian") & (kept["quantity"] == "shoulder_modes")].iloc[0]
    assert (first.value, first.low, first.high, first.over, first["with"]) == (3, 3, 3, "points", 2)
    end = kept[(kept["network"] == "gaussian") & (kept["quantity"] == "shoulder_end")].iloc[0]
    assert end.state == "off the grid"
    n = kept[kept["quantity"] == "n"]
    assert (n.gaussian == n.groupby("t")["gaussian"].transform("first")).all()
    text = (own[1] / "comparison.txt").read_text()
    assert text.startswith("own: 120 points of 8; 3 classes\ngaussian: a plateau at n = 3.0 [3.0, 3.0] from t = ")
    assert text.splitlines().index("") <= 12
    assert "gaussian: a plateau at n = 3.0 [3.0, 3.0] from t = " in text
    assert max(map(len, text.splitlines())) <= 120
    assert f"config {study.hash}" in text


def test_estimators_of_the_dimension_need_no_truth(tmp_path):
    path = written(tmp_path, UNTRAINED, DIMENSION)
    run_stages(path, tmp_path / "results", drawn=False)
    for job in load(path).jobs:
        dimension.run(path, job, tmp_path / "results" / "dimension" / f"{job}.zarr.zip")
    folders = [tmp_path / "results" / stage for stage in ("spectrum", "fit")]
    cube.run(path, *folders, tmp_path / "results" / "cube.zarr", tmp_path / "results" / "dimension")
    ds = scoregap.open(tmp_path / "results")
    assert "point_dimension" not in ds
    of_data = ds.data_estimate.sel(data_estimator="local_pca")
    assert (of_data.sel(network="gaussian") == 3).all()
    assert of_data.sel(network="empirical").isnull().all()
    gaussian = ds.estimate.sel(network="gaussian", score_estimator="final_gap").isel(estimate_time=0)
    assert (gaussian == 3).all()
    frame = data_dimensions.data_dimensions(load(path), [ds])
    assert {"n", "trace", "blind_gap", "final_gap", "flipd"} == set(frame.method[frame.network == "gaussian"])
    least = frame[(frame.network == "gaussian") & (frame.t == frame.t.min())].set_index("method")
    assert least.estimate["n"] == least.estimate["final_gap"] == 3
    by_label = ds.class_estimate.sel(network="gaussian", data_estimator="local_pca")
    assert (by_label == 3).all()  # 30 points of each
    own = frame[(frame.network == "data") & (frame.method == "local_pca")].iloc[0]
    assert (own.estimate, own.of) == (3, 2)
    lines = data_dimensions.data_dimension_lines(load(path), frame)
    assert any("local_pca" in line and "3.0 (0.0)" in line for line in lines)


def test_a_score_that_failed_is_told_and_the_others_are_shown(own):
    ds = scoregap.open(own[1]).load()
    ds["status"].loc[{"network": "gated-8", "seed": 1}] = 2
    ds["status"].loc[{"network": "empirical"}] = 3
    frame = profiles.profile(load(own[0]), [ds])
    one = frame[(frame.network == "gated-8") & (frame["quantity"] == "n")].iloc[0]
    assert (one.seeds, one["with"], one.not_ok) == (1, 1, "diverged: seed 1")
    none = frame[frame.network == "empirical"]
    assert none["value"].isna().all()
    assert profiles.said(none) == "failed: seed 0, 1"
    head, rows = profiles.table_of(frame)
    assert rows[-1] == ["not ok", "", "failed: seed 0, 1", "diverged: seed 1"]
    assert head == ["", "gaussian", "empirical", "gated-8"]


def test_intervals_are_over_seeds_where_there_are_several():
    values = np.array([1.0, 2.0, 4.0])
    row = profiles._summary(values, None, 0.95)
    assert (row["value"], row["over"]) == (pytest.approx(7 / 3), "seeds")
    half = 4.302652729911275 * values.std(ddof=1) / np.sqrt(3)  # Student's t at .975 with 2 degrees of freedom
    assert (row["low"], row["high"]) == pytest.approx((7 / 3 - half, 7 / 3 + half))
    logs = profiles._summary(values, None, 0.95, logs=True)
    assert logs["value"] == pytest.approx(2)
    assert logs["low"] * logs["high"] == pytest.approx(4)
    few = profiles._summary(np.array([1.0, np.nan, 3.0]), (np.array([0, 0, 2]), np.array([2, 9, 6])), 0.95)
    assert (few["value"], few["low"], few["high"], few["over"], few["with"]) == (2, 1, 4, "points", 2)
    nothing = profiles._summary(np.full(3, np.nan), None, 0.95)
    assert np.isnan(nothing["value"])
