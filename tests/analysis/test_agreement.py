"""Scores beside each other: means, ratios and their intervals, of numbers that are known."""

import numpy as np
import pytest
import xarray as xr
from own_data import UNTRAINED, written

from scoregap.analysis import agreement, profiles
from scoregap.study import load

NETWORKS, POINTS, MODES = ["gaussian", "empirical"], 6, 4


def made(folder, seeds):
    """(study, dataset) of two scores: of the first 3 modes and a trace of 2, of the other those of every point."""
    study = load(written(folder, UNTRAINED, ("seed: 2", f"seed: {seeds}")))
    rng, times = np.random.default_rng(0), np.geomspace(1e-2, 1, 5)
    shape = (2, seeds, 5, POINTS)
    eigenvalue = np.full((*shape, MODES), -1.0)
    eigenvalue[0, ..., :3] = eigenvalue[1, ..., :1] = 0
    eigenvalue[1, :, :, ::2, 1] = 0  # a second mode at half of the points
    trace = np.stack([np.full(shape[1:], 2.0), 1 + rng.random(shape[1:])])
    cosine = np.zeros((*shape, 2))
    cosine[0, ..., 1] = cosine[1, ..., 0] = np.linspace(0.4, 0.6, POINTS)
    dims = ("network", "seed", "time", "point")
    variables = {
        "status": (dims[:2], np.ones((2, seeds), "int8")), "point_trace": (dims, trace),
        "eigenvalue": ((*dims, "mode"), eigenvalue), "agreement": ((*dims, "other"), cosine),
    }  # fmt: skip
    coords = {"network": NETWORKS, "other": NETWORKS, "seed": list(range(seeds)), "time": times}
    return study, xr.Dataset(variables, coords)


def row(frame, quantity, network="empirical", i=0):
    return frame[(frame["quantity"] == quantity) & (frame["network"] == network)].iloc[i]


@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_means_and_ratios_are_over_the_same_points(tmp_path, seeds):
    study, ds = made(tmp_path, seeds)
    frame = agreement.agreement(study, [ds])
    assert len(frame) == 2 * 3 * len(profiles.shown_times(ds.time.values))
    cosine, modes, trace = (row(frame, quantity) for quantity in agreement.QUANTITIES)
    assert cosine["value"] == pytest.approx(0.5)
    assert modes["value"] == pytest.approx(1.5 / 3)
    assert row(frame, "n ratio", "gaussian")["value"] == pytest.approx(3 / 1.5)
    means = ds.point_trace.sel(network="empirical").isel(time=0).mean("point") / 2
    assert trace["value"] == pytest.approx(float(means.mean()))
    assert set(frame["over"]) == {"seeds" if seeds > 2 else "points"}
    if seeds < 3:
        assert cosine["low"] < 0.5 < cosine["high"]
        wide = (modes["high"] - modes["low"]) * 3
        assert 0.3 < wide <= 1  # of six points of which three have two modes
    else:  # seeds have the same cosines
        assert cosine["low"] == pytest.approx(0.5)


def test_what_is_not_known_is_left_out(tmp_path):
    study, ds = made(tmp_path, 2)
    ds.agreement[:, :, 0, 0] = np.nan  # a point without a Jacobian
    ds.agreement[:, :, 1] = np.nan
    ds.eigenvalue[0, :, 2] = -1.0  # no mode to compare with
    ds.status[1, 1] = 2
    frame = agreement.agreement(study, [ds])
    of = [row(frame, "cosine", i=i) for i in range(3)]
    assert of[0]["value"] == pytest.approx(np.linspace(0.4, 0.6, POINTS)[1:].mean())
    assert np.isnan(of[1]["value"])
    assert np.isnan(row(frame, "n ratio", i=2)["value"])
    assert row(frame, "n ratio", "gaussian", 2)["value"] == 0
    assert set(frame["seeds"]) == {1}
    lines = agreement.agreement_lines(study, frame)
    assert sum("beside" in line for line in lines[1:]) == 1  # a pair once
    assert any(line.split()[-1] == "-" for line in lines)


def test_of_what_is_rounding_there_is_no_ratio(tmp_path):
    """As of the trace of a score that has settled for one training point, 1e-17 or so."""
    study, ds = made(tmp_path, 2)
    ds.point_trace[1] = 1e-17
    frame = agreement.agreement(study, [ds])
    assert np.isnan(row(frame, "trace ratio", "gaussian")["value"])
    assert row(frame, "trace ratio")["value"] == pytest.approx(0)


def test_without_spectra_traces_are_left(tmp_path):
    study, ds = made(tmp_path, 1)
    frame = agreement.agreement(study, [ds.drop_vars(["eigenvalue", "agreement"])])
    assert set(frame["quantity"]) == {"trace ratio"}
    assert len(agreement.agreement_lines(study, frame)) > 5
