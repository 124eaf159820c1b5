"""A study of traces alone, through every stage: what whole spectra would say is not there, the rest is as it was."""

import re

import numpy as np
import pytest
from own_data import written
from tiny import edited, run_stages

import scoregap
from scoregap import InputError, variables
from scoregap.analysis import calibration
from scoregap.report import registry
from scoregap.study import load

POINTS = ("points: 6", "points: 6\n  method: trace")


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Cubes of the same study by traces, and by whole spectra."""
    found = []
    for name, changes in (("traces", [POINTS]), ("spectra", [])):
        folder = tmp_path_factory.mktemp(name)
        run_stages(written(folder, *changes), folder / "results", drawn=name == "traces")
        found.append(folder / "results")
    return found


def test_traces_are_those_of_whole_spectra_within_four_standard_errors(both):
    traces, spectra = (scoregap.open(one) for one in both)
    assert variables.validate(traces, ("network", "seed")) == []
    assert (traces.status == 1).all()
    for name in ("gaussian", "empirical"):
        one, other = (ds.sel(network=name) for ds in (traces, spectra))
        np.testing.assert_allclose(one.point_trace, other.point_trace, rtol=1e-5, atol=1e-5)
        assert (one.point_trace_error == 0).all()
        np.testing.assert_allclose(one.trace, other.trace, rtol=1e-5, atol=1e-5)
    one, other = (ds.sel(network="gated-8") for ds in (traces, spectra))
    off = np.abs(one.point_trace - other.point_trace) / one.point_trace_error
    assert (off < 6).all()  # 16 signs: Student's t of 15 degrees of freedom; of 288 values
    assert (off < 2.5).mean() > 0.9
    assert (off > 0.5).any()
    np.testing.assert_allclose(one.trace_error, (one.point_trace_error**2).sum("point") ** 0.5 / 6, rtol=1e-5)
    assert (one.trace_low <= one.trace).all()
    assert (one.trace <= one.trace_high).all()


def test_what_is_not_of_the_jacobian_is_the_same(both):
    traces, spectra = (scoregap.open(one) for one in both)
    for name in ("squared_error", "gaussian_error", "training_error", "score_norm", "point_row", "time_used"):
        np.testing.assert_allclose(traces[name], spectra[name], rtol=1e-4, err_msg=name)


def test_the_cube_has_nothing_of_whole_spectra(both):
    ds = scoregap.open(both[0])
    assert not {"mode", "estimator", "shoulder", "found"} & set(ds.dims)
    assert not variables.OF_SPECTRA & set(ds.data_vars)
    assert set(ds.data_vars) == set(variables.of_cube(ds.coords, from_file=True))
    whole = scoregap.open(both[1])
    assert not variables.OF_TRACES & set(whole.data_vars)
    assert set(whole.data_vars) - variables.OF_SPECTRA == set(ds.data_vars) - variables.OF_TRACES


def test_calibration_table_and_report_say_what_is_known(both):
    study = load(both[0].parent / "own.yaml")
    assert study.findings == ["profile", "calibration"]
    frame = calibration.calibration(study, [scoregap.open(both[0])])
    assert np.isfinite(frame.farthest[frame.network == "gated-8"]).all()
    text = (both[0] / "comparison.txt").read_text()
    assert "tr G at t = 0.0001" in text
    assert "its standard error at t" in text
    assert "not known" in text
    assert not any(word in text.lower() for word in ("n at t", "shoulder of", "nan"))
    first = text.split("\n\n")[0].splitlines()[1:]
    for name in ("gaussian", "empirical", "gated-8"):
        (line,) = (one for one in first if one.startswith(f"{name}: "))
        assert re.fullmatch(r".*: tr G = [-\d.]+ \[.*\] at t = 1e\+02, [-\d.]+ \[.*\] at t = 0.0001", line), line
    page = (both[0] / "report.html").read_text()
    assert "Trace of G" in (both[0] / "figures" / "profile.svg").read_text()
    assert "its standard error at t" in page
    captions = " ".join(re.findall("<figcaption>.*?</figcaption>", page, re.DOTALL))
    assert "Trace of G" in captions
    assert not any(word in captions for word in ("odes", "shoulder", "eigenvalue"))  # which are not drawn
    registry.draw("profile", both[0])


@pytest.mark.slow
@pytest.mark.parametrize("method", ["exact", "trace"])
def test_points_of_files_may_follow_the_scores_own_trajectory(tmp_path, method):
    """Data from a file know no tangents; there is no clean point, so no calibration."""
    path = written(tmp_path, ("points: 6", f"points: 6\n  method: {method}\n  sampling: reverse"))
    run_stages(path, tmp_path / "results")
    ds = scoregap.open(tmp_path / "results")
    assert variables.validate(ds, ("network", "seed")) == []
    assert (ds.status == 1).all()
    assert ds.squared_error.isnull().all()
    assert ds.point_trace.notnull().all()


@pytest.mark.parametrize("probes", ["", "probes: 2", "probes: 40"])
def test_probes_are_of_the_identity_of_traces(tmp_path, probes):
    study = load(written(tmp_path, ("points: 6", f"points: 6\n  method: trace\n  {probes}")))
    assert study.document.spectrum.probes == int(probes.partition(": ")[2] or 16)
    whole = load(written(tmp_path))
    assert "probes" not in whole.resolved["spectrum"]
    assert study.cells[0].key("spectrum") != whole.cells[0].key("spectrum")
    assert study.cells[0].key("train") == whole.cells[0].key("train")


@pytest.mark.parametrize(
    ("said", "key", "what"),
    [
        ("method: trace\n  probes: 1", "spectrum.probes", "greater than or equal to 2"),
        ("method: trace\n  step: 0.1", "spectrum.step", "the method 'trace' takes no step"),
        ("probes: 16", "spectrum.probes", "the method 'exact' takes no probes"),
        ("method: central\n  probes: 16", "spectrum.probes", "the method 'central' takes no probes"),
    ],
)
def test_keys_of_other_methods_are_refused(tmp_path, said, key, what):
    with pytest.raises(InputError, match=what) as error:
        load(written(tmp_path, ("points: 6", f"points: 6\n  {said}")))
    assert error.value.key == key


def test_families_are_refused_as_they_are_compared_by_gaps(tmp_path):
    with pytest.raises(InputError, match="gaps and phase times are compared") as error:
        load(edited(tmp_path, ("points: 4", "points: 4\n  method: trace")))
    assert (error.value.key, error.value.value) == ("spectrum.method", "trace")
