"""The gate of data from a file: the same as before, or not, without any theory."""

import json

import numpy as np
import pytest
from test_main import refused
from test_main import scoregap as command

import scoregap
from scoregap import InputError
from scoregap.analysis import calibration
from scoregap.regression import accepting, baselines, of_data, reports
from scoregap.regression.changes import match
from scoregap.regression.metrics import KINDS, Metric
from scoregap.regression.verdicts import Change, compare_records
from scoregap.study import load


@pytest.fixture(scope="module")
def taken(own):
    """What the run on data from a file is reduced to."""
    return baselines.take(load(own[0]), own[1])


def test_metrics_are_the_numbers_of_the_cube(own, taken):
    ds = scoregap.open(own[1])
    for network in ("gaussian", "empirical", "gated-8"):
        cell = ds.sel(network=network)
        for i, t in ((0, "0.0001"), (-1, "100")):
            np.testing.assert_allclose(taken.metrics[f"{network}: n[t={t}]"].values, cell.modes[:, i], rtol=1e-6)
            np.testing.assert_allclose(taken.metrics[f"{network}: trace[t={t}]"].values, cell.trace[:, i], rtol=1e-6)
        np.testing.assert_allclose(taken.metrics[f"{network}: t_first"].values, cell.t_first, rtol=1e-6)
        fixed = network != "gated-8"
        assert all((m.margin is None) == fixed for m in taken.metrics.values() if m.network == network)
    assert taken.metrics["gaussian: shoulder_modes"].values == [3, 3]
    assert "gated-8: shoulder_modes" not in taken.metrics  # it has none
    assert not [name for name in taken.metrics if name.startswith("gaussian: calibration")]
    ratio, *_ = calibration.of_score(ds.sel(network="gated-8", seed=1))
    expected = np.exp(np.abs(np.log(ratio)).mean())
    assert taken.metrics["gated-8: calibration"].values[1] == pytest.approx(expected, rel=1e-6)


def test_files_may_lie_anywhere_and_data_are_told_by_what_is_in_them(taken):
    assert not {"source", "labels"} & taken.config["data"].keys()
    other = json.loads(json.dumps(taken.config))
    other["data"]["sha256"] = "0" * 64
    (why,) = match(taken, taken.model_copy(update={"config": other})).refused
    assert why.startswith("data: sha256 ")


def with_values(record, seeds, **values):
    """The record with so many seeds and these metrics only: {kind: values}."""
    found = {f"mine: {kind}": Metric(network="mine", kind=kind, margin=1.0, values=list(map(float, one)))
             for kind, one in values.items()}  # fmt: skip
    metrics = baselines.with_margins(found)
    return record.model_copy(update={"seeds": list(range(seeds)), "metrics": metrics, "not_ok": []})


@pytest.mark.parametrize("kind", [name for name, one in KINDS.items() if one.moved])
def test_what_has_no_truth_may_move_neither_up_nor_down(taken, kind):
    rng = np.random.default_rng(0)
    values = 10 + 0.1 * rng.standard_normal(8)
    old = with_values(taken, 8, **{kind: values})
    for other, verdict in ((values + 1e-3, Change.SAME), (values * 2, Change.WORSE), (values / 2, Change.WORSE)):
        (row,) = compare_records(old, with_values(taken, 8, **{kind: other})).rows
        assert row.verdict == verdict


def test_a_score_may_get_better(taken):
    values = 1.5 + 0.01 * np.random.default_rng(0).standard_normal(8)
    old = with_values(taken, 8, calibration=values, skill=values)
    for share, verdict in ((1.0, Change.SAME), (0.8, Change.BETTER), (1.2, Change.WORSE)):
        new = with_values(taken, 8, calibration=share * values, skill=share * values)
        assert {row.verdict for row in compare_records(old, new).rows} == {verdict}


def test_a_run_is_checked_like_any_other(own, taken, tmp_path):
    study, folder = own
    path = tmp_path / "own.json"
    baselines.write(path, taken)
    report, why = reports.check_run(load(study), folder, path)
    assert (why, report.status(strict=True)) == ([], reports.OK)
    assert {row.verdict for row in report.rows} == {Change.SAME}
    changed = taken.metrics | {
        "gaussian: t_first": taken.metrics["gaussian: t_first"].model_copy(update={"values": [1.0, 1.0]})
    }
    baselines.write(path, taken.model_copy(update={"metrics": changed}))
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "own").symlink_to(folder)
    done = command("check", study, "--baseline", path, cwd=tmp_path)
    assert done.returncode == reports.WORSE
    assert "gaussian: t_first" in done.stdout
    assert "against the theory (not required): nothing to compare" in done.stdout
    refused(command("check", study, cwd=tmp_path), "is no baseline: make one with")
    refused(command("baseline", "accept", study, "--reason", "why", cwd=tmp_path), "baseline of own: is not accepted: ")


def test_a_run_is_accepted_like_any_other(own, tmp_path, monkeypatch):
    """With as many seeds as networks need, and those of a model that the study declares likewise."""
    monkeypatch.delenv("CI", raising=False)
    take = baselines.take
    monkeypatch.setattr(baselines, "take", lambda *given: take(*given).model_copy(update={"revision": "abc"}))
    path = tmp_path / "own.json"
    with pytest.raises(InputError, match=r"2 seeds are too few to know how networks scatter: should be at least 3"):
        accepting.accept(load(own[0]), own[1], "why", path, path, None)
    monkeypatch.setattr(accepting, "FEWEST", 2)
    made = accepting.accept(load(own[0]), own[1], "why", path, path, None)
    assert baselines.read(path) == made


def test_times_of_metrics_are_those_of_tables(own):
    ds = scoregap.open(own[1]).sel(network="gaussian")
    names = [name for name in of_data.quantities(ds) if name.startswith("n[")]
    assert len(names) == 5
