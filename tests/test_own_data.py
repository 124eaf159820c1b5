"""Data from a file through every stage: what is known of them is measured, what is not is not there."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from own_data import UNTRAINED, VARIANCES, points, written
from tiny import run_stages

import scoregap
from scoregap import InputError, variables
from scoregap.analysis import profiles
from scoregap.data.points import Points
from scoregap.measure.profile import Phase
from scoregap.report import registry
from scoregap.stages import cube, dimension
from scoregap.store.tables import read_tables
from scoregap.study import load

AXES = ("  seed: 2", "  dataset_size: [20, fresh]\n  class: [all, 2]\n  seed: 1")
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


@pytest.fixture(scope="module")
def own(once):
    """(study file, folder of its results)."""
    folder = once("own data", lambda folder: run_stages(written(folder), folder / "results"))
    return folder / "own.yaml", folder / "results"


@pytest.fixture(scope="module")
def by_class(once):
    """The same of closed forms, along a size and a class."""
    folder = once("own classes", lambda f: run_stages(written(f, UNTRAINED, AXES), f / "results"))
    return folder / "own.yaml", folder / "results"


def test_the_cube_has_what_points_and_scores_say(own):
    ds = scoregap.open(own[1])
    assert variables.validate(ds, ("network", "seed")) == []
    assert (ds.status == 1).all()
    assert not {"gap", "group", "side"} & set(ds.dims)
    missing = {"t_open", "boundary", "alignment", "excess_loss", "training_excess", "law_edge", "exact_t_max"}
    assert not missing & set(ds.data_vars)
    expected = set(variables.of_cube(ds.coords, from_file=True))
    assert set(ds.data_vars) == expected
    rows = ds.point_row.sel(network="gaussian", seed=0).values
    truth = next(cell for cell in load(own[0]).cells if cell["seed"] == 0).truth()
    assert set(rows) <= set(truth.parts["held-out"])
    assert (ds.point_row == ds.point_row.isel(network=0)).all()  # the same points for all scores
    assert ds.attrs["data"] == "120 points of 8; 3 classes"


def test_the_gaussian_has_its_closed_form(own):
    ds = scoregap.open(own[1]).sel(network="gaussian")
    for seed in (0, 1):
        cell = next(one for one in load(own[0]).cells if one["seed"] == seed)
        training = points()[0][cell.truth().parts["training"]]
        known = np.linalg.eigvalsh(np.cov(training.T, bias=True))
        at = ds.sel(seed=seed)
        np.testing.assert_array_equal(at.modes, (known > ds.time.values[:, None]).sum(1))
        np.testing.assert_allclose(at.trace, (known / (known + ds.time.values[:, None])).sum(1), rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(at.modes_low, at.modes)
        assert at.shoulder_modes.values[0] == (VARIANCES > 0).sum()
        assert at.shoulder_end_state.values[0] == variables.BELOW
        assert at.phase.values[0] == Phase.SHOULDER
        assert at.phase.values[-1] == Phase.NONE
        assert at.found_gap.values[0] == 3
        assert at.dimension_overall.values[0] == 3
        assert at.found_gap_width.values[0] == pytest.approx(1, abs=1e-3)


def test_the_empirical_score_knows_the_training_points(own):
    """At the smallest t it knows them one by one, at the largest their covariance."""
    ds = scoregap.open(own[1]).sel(network="empirical")
    assert (ds.modes.isel(time=0) == 0).all()
    gaussian = scoregap.open(own[1]).sel(network="gaussian")
    np.testing.assert_allclose(ds.trace.isel(time=-1), gaussian.trace.isel(time=-1), rtol=0.1)


def test_the_table_has_every_score_and_quantity(own):
    study = load(own[0])
    frame = pd.read_csv(own[1] / "comparison.csv", keep_default_na=False, na_values=["nan", ""])
    assert set(frame["network"]) == {"gaussian", "empirical", "gated-8"}
    assert set(frame["quantity"]) == set(profiles.QUANTITIES)
    tables, _ = read_tables(own[1] / "findings.jsonl")
    assert tables["claims"].empty
    kept = tables["profile"]
    first = kept[(kept["network"] == "gaussian") & (kept["quantity"] == "shoulder_modes")].iloc[0]
    assert (first.value, first.low, first.high, first.over, first["with"]) == (3, 3, 3, "points", 2)
    end = kept[(kept["network"] == "gaussian") & (kept["quantity"] == "shoulder_end")].iloc[0]
    assert end.state == "off the grid"
    n = kept[kept["quantity"] == "n"]
    assert (n.gaussian == n.groupby("t")["gaussian"].transform("first")).all()
    text = (own[1] / "comparison.txt").read_text()
    assert text.startswith("own: 120 points of 8; 3 classes\n")
    assert "gaussian: a plateau at n = 3.0 [3.0, 3.0] from t = " in text
    assert max(map(len, text.splitlines())) <= 120
    assert f"config {study.hash}" in text


def test_the_report_has_its_figures_and_nothing_of_groups(own):
    names = registry.names(load(own[0]))
    assert names == ["profile", "spectra"]
    assert sorted(path.name for path in (own[1] / "figures").iterdir()) == sorted(
        f"{name}.{kind}" for name in names for kind in ("svg", "pdf")
    )
    page = (own[1] / "report.html").read_text()
    for words in ("120 points of 8; 3 classes", "a plateau at n = 3.0", "modes resolved, n at t", 'id="profile"'):
        assert words in page
    assert not re.search(r"\bnan\b", re.sub(r'src="[^"]*"', "", page))
    assert "consolidation" not in page


def test_a_figure_is_drawn_again_from_the_folder(own):
    figure = registry.draw("profile", own[1])
    assert [ax.get_ylabel() for ax in figure.axes] == ["modes resolved, n(t)", "tr G"]
    lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
    ds = scoregap.open(own[1])
    for network in ("gaussian", "empirical", "gated-8"):
        np.testing.assert_allclose(lines[network].get_ydata(), ds.modes.sel(network=network).mean("seed"))
    assert registry.draw("profile", ds.load()).axes


def test_classes_and_sizes_are_dimensions_of_the_cube(by_class):
    ds = scoregap.open(by_class[1])
    assert ds.dataset_size.values.tolist() == ["20", "fresh"]
    assert ds["class"].values.tolist() == ["all", "2"]
    labels = points()[1]
    rows = ds.point_row.sel({"class": "2"}).values.astype(int)
    assert (labels[rows] == 2).all()
    assert len(set(labels[ds.point_row.sel({"class": "all"}).values.astype(int).ravel()])) > 1
    gaussian = ds.sel(network="gaussian")
    np.testing.assert_array_equal(gaussian.modes.sel(dataset_size="20"), gaussian.modes.sel(dataset_size="fresh"))
    empirical = ds.sel(network="empirical", **{"class": "all"}).isel(seed=0)
    assert not np.array_equal(empirical.trace.sel(dataset_size="20"), empirical.trace.sel(dataset_size="fresh"))
    text = (by_class[1] / "comparison.txt").read_text()
    for size in ("20", "fresh"):
        for label in ("all", "2"):
            assert f"dataset_size {size}, class {label}" in text
    figure = registry.draw("profile", by_class[1])
    assert len(figure.axes) == 8


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
    frame = profiles.data_dimensions(load(path), [ds])
    own = frame[(frame.network == "data") & (frame.method == "local_pca")].iloc[0]
    assert (own.estimate, own.of) == (3, 2)
    lines = profiles.data_dimension_lines(load(path), frame)
    assert any("local_pca" in line and "3.0 (0.0)" in line for line in lines)


def test_points_of_the_training_part_are_measured_where_the_study_says(tmp_path):
    path = written(tmp_path, UNTRAINED, ("points: 6", "points: 6\n  points_from: training"))
    run_stages(path, tmp_path / "results", drawn=False)
    ds = scoregap.open(tmp_path / "results")
    cell = next(cell for cell in load(path).cells if cell["seed"] == 1)
    assert set(ds.point_row.sel(seed=1, network="gaussian").values) <= set(cell.truth().parts["training"])


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


def test_what_is_of_theory_only_says_so(own, tmp_path):
    from test_main import refused
    from test_main import scoregap as command

    for words in (["check", own[0]], ["baseline", "accept", own[0], "--reason", "why"]):
        refused(command(*words, "--results", own[1].parent, cwd=tmp_path), "data: is not allowed: ")


def test_families_have_no_such_variables(results):
    _, folder = results
    ds = scoregap.open(folder)
    assert not set(variables.OF_FILES) & set(ds.data_vars)


def test_data_in_the_users_coordinates_are_the_points_and_their_mean(own):
    cell = load(own[0]).cells[0]
    data = cell.truth()
    assert isinstance(data, Points)
    clean, rows = data.sample(np.random.default_rng(0), 4)
    np.testing.assert_allclose(clean + data.mean, points()[0][rows[:, 0]])
    assert isinstance(scoregap.open(own[1]), xr.Dataset)
    with pytest.raises(InputError, match="the held-out part has 24 points"):
        data.sample(np.random.default_rng(0), 25)
