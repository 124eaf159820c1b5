"""The table of calibration against the cube that it is of, and what is said of it."""

import numpy as np
import pytest
from own_data import UNTRAINED, written
from tiny import measured

from scoregap.analysis import calibration
from scoregap.measure import calibration as measure
from scoregap.study import load

MEMORISES = (
    ("[exact]", "[exact, empirical]"),
    ("points: 2", "points: 24"),
    ("std: 0.1}]", "std: 0.1}]\n  dataset_size: 12"),
)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """(study, datasets, table) of the tiny study's exact and empirical scores."""
    study, datasets = measured(tmp_path_factory.mktemp("calibration"), *MEMORISES)
    return study, datasets, calibration.calibration(study, datasets)


def test_a_row_is_of_a_score_that_is_no_reference(found):
    study, _, frame = found
    assert "calibration" in study.findings
    assert set(frame.network) == {"empirical"}
    assert len(frame) == 4  # two curvatures, two seeds


def test_numbers_are_those_of_the_cube(found):
    _, (ds,), frame = found
    row = frame.iloc[-1]
    cell = ds.sel(
        {axis: row[axis] for axis in ("family", "ambient_dim", "manifold_dim", "curvature", "network", "seed")}
    )
    trace = (1 + cell.eigenvalue.astype(float)).sum("mode")
    np.testing.assert_allclose(cell.point_trace, trace, atol=1e-5)
    control = (cell.gaussian_error - cell.gaussian_trace).transpose("time", "point").values
    ratio, low, high = measure.ratio(cell.squared_error.values, cell.point_trace.values, control)
    i = int(np.flatnonzero(cell.time == row["at"])[0])
    assert (row.farthest, row.low, row.high) == pytest.approx((ratio[i], low[i], high[i]))
    assert row.skill == pytest.approx(
        np.exp(np.log(cell.squared_error.mean("point") / cell.gaussian_error.mean("point")).mean())
    )


def test_the_exact_score_is_calibrated_and_twelve_points_are_not_the_data(found):
    study, (ds,), frame = found
    exact = ds.sel(network="exact").isel(curvature=0, seed=0).squeeze()
    ratio, low, high, skill = calibration.of_score(exact)
    np.testing.assert_allclose(ratio, 1, atol=1e-5)  # linear: the Gaussian is the control
    np.testing.assert_allclose(skill, 1, atol=1e-5)
    assert (high - low).max() < 1e-4
    assert not frame.plausible.any()
    lines = calibration.calibration_lines(study, frame)
    assert "none of 4 scores is plausible" in lines[0]
    assert "empirical: 4 of 4 not plausible" in lines[1]
    assert "adapter or network, it cannot be told" in lines[1]


def test_lines_count_what_is_plausible(found):
    study, _, frame = found
    some = frame.assign(plausible=[True, True, True, False], least=0.9, most=1.2)
    lines = calibration.calibration_lines(study, some)
    assert lines[0].endswith("3 of 4 plausible, 0.90 to 1.20")
    assert len(lines) == 2


@pytest.mark.parametrize(("points", "says"), [(4, True), (9, True), (10, False), (20, False)])
def test_that_few_points_make_no_verdict_is_said(found, tmp_path, points, says):
    _, _, frame = found
    study = load(written(tmp_path, UNTRAINED, ("points: 6", f"points: {points}")))
    first, *others = calibration.calibration_lines(study, frame.assign(plausible=True, least=1.0, most=647.83))
    assert first.endswith("plausible, 1.00 to 647.83")
    assert (f"  of {points} points little can be told" in others) == says


def test_where_the_truth_is_not_known_there_is_no_row(tmp_path):
    """Along trajectories no clean point is."""
    study, datasets = measured(tmp_path, *MEMORISES, ("points: 24", "points: 4\n  sampling: reverse"))
    assert "calibration" not in study.findings
    assert datasets[0].squared_error.isnull().all()
    assert datasets[0].point_trace.notnull().all()


@pytest.mark.parametrize(
    ("scale", "says"), [("1", "2 of 2 plausible"), ("0.5", "not plausible"), ("(1 + told[:, None]) ** 0.5", "as if")]
)
def test_the_adapter_of_a_model_is_judged(tmp_path, monkeypatch, scale, says):
    """A model of the noise of standard normal data of every direction, alpha z with alpha = 1 / sqrt(1 + t) for z = x,
    which is told t; the same with half the output; and one that wants alpha x and is given x."""
    monkeypatch.syspath_prepend(tmp_path)
    name = f"adapted_{says.split()[0]}_{len(scale)}"
    source = "def noise(x, told):\n    t = told[:, None]\n    return t**0.5 * x / (1 + t) * " + scale.replace(
        "told[:, None]", "t"
    )
    (tmp_path / f"{name}.py").write_text(source + "\n")
    declared = f"{{from: callable, path: '{name}:noise', predicts: epsilon, trusted: true}}"
    study, datasets = measured(
        tmp_path,
        ("study: tiny\n", f"study: tiny\nscores:\n  own: {declared}\n"),
        ("[arcs]", "[linear]"), ("[0.0, 0.5]", "[0.0]"), ("manifold_dim: [2]", "manifold_dim: [8]"),
        ("[exact]", "[exact, own]"), ("points: 2", "points: 32"),
        ("{fraction: 0.5, std: 1.0}, {fraction: 0.5, std: 0.1}", "{fraction: 1.0, std: 1.0}"),
        ("manifold:\n", "manifold:\n  frame: orthonormal\n"),
    )  # fmt: skip
    frame = calibration.calibration(study, datasets)
    text = "\n".join(calibration.calibration_lines(study, frame))
    assert says in text, text
    if says == "as if":
        assert set(frame.blamed) == {"adapter"}
        assert "inputs not scaled" in text
