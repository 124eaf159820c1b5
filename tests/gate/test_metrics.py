"""Reducing a run to its metrics: against the cube, by other means; and the file, whole or refused."""

import json
import math

import numpy as np
import pytest
import xarray as xr

from scoregap import DamagedFile, InputError, storage
from scoregap.gate import metrics as baselines
from scoregap.gate.metrics import Metric, across, read, spread, take, with_margins, write


@pytest.fixture(scope="module")
def record(results):
    return take(*results)


@pytest.fixture(scope="module")
def cube(results):
    return xr.open_zarr(results[1] / "cube.zarr").squeeze(["family", "ambient_dim", "manifold_dim"]).load()


def values(record, name):
    return np.array(record.metrics[name].values, float)


def close(record, name, wanted):
    """The values of a metric, which is there if there are any."""
    if not np.isfinite(wanted).any():
        assert name not in record.metrics
        return
    np.testing.assert_allclose(values(record, name), wanted, rtol=5.1e-7, atol=1e-12)


@pytest.mark.parametrize("curvature", [0.0, 0.5])
def test_phase_times_of_networks_are_ratios_to_exact_and_of_closed_forms_themselves(record, cube, curvature):
    cell = cube.sel(curvature=curvature)
    found = 0
    for gap, names in enumerate((("t_open", "t_max", "t_close"), ("t_consolidation",))):
        for name in names:
            arms = {arm: cell[name].sel(network=arm).isel(gap=gap).values for arm in ("exact", "gaussian", "gated-8")}
            for arm in ("exact", "gaussian"):
                close(record, f"curvature={curvature:g} {arm}: {name}[{gap}]", arms[arm])
            ratio = arms["gated-8"] / arms["exact"]
            close(record, f"curvature={curvature:g} gated-8: {name}[{gap}]", ratio)
            found += np.isfinite(ratio).any()
            for law in ("law", "corrected"):
                of_law = cell[f"{law}_{name}"].sel(network="exact").isel(gap=gap).values
                close(record, f"curvature={curvature:g} {law}: {name}[{gap}]", of_law)
    assert found


@pytest.mark.parametrize("network", ["gaussian", "gated-8"])
def test_distance_excess_cost_and_dimension_are_those_of_the_cube(record, cube, network):
    cell = cube.sel(curvature=0.5, network=network)
    exact = cube.eigenvalue.sel(curvature=0.5, network="exact").values.astype(float)
    name = f"curvature=0.5 {network}"
    gap = cell.eigenvalue.values.astype(float) - exact
    close(record, f"{name}: spectrum", [math.sqrt(np.mean(one**2)) for one in gap])
    wanted = [np.prod(np.maximum(one.astype(float), 1e-6) ** (1 / one.size)) for one in cell.excess_loss.values]
    np.testing.assert_allclose(values(record, f"{name}: excess"), wanted, rtol=1e-6)
    close(record, f"{name}: dimension[gap_detector]", cell.dimension_overall.values[:, 0] - 2)
    if network == "gated-8":
        close(record, f"{name}: cost", np.nanmax(cell.training_flops.values, 1))
    else:
        assert f"{name}: cost" not in record.metrics


def test_the_exact_score_has_no_distance_from_itself(record):
    assert not [name for name in record.metrics if " exact: " in name and name.endswith(("spectrum", "excess"))]


def test_a_record_says_where_it_comes_from(record, results):
    study, _ = results
    assert (record.study, record.seeds, record.not_ok) == ("tiny", [0, 1], [])
    assert record.device.endswith(", cpu")
    assert "torch" in record.versions
    assert record.revision
    assert set(record.config) == {"axes", "manifold", "train", "spectrum", "fit"}
    assert "seed" not in record.config["axes"]
    assert study.name not in json.dumps(record.config)
    assert all((metric.margin is None) == (metric.network != "gated-8") for metric in record.metrics.values())


def test_what_networks_were_trained_on_is_the_device(results, tmp_path):
    study, folder = results
    (tmp_path / "train").mkdir()
    for file in (folder / "train").glob("*.safetensors"):
        members, tensors = storage.read_weights(file)
        first = min(members)
        changed = members | {first: members[first] | {"device": "cuda"}}
        storage.write_weights(tmp_path / "train" / file.name, changed, tensors)
    assert baselines.device(study, tmp_path, "Linux x") == "Linux x, cpu and cuda"


def test_cells_that_are_not_ok_are_named(results, cube):
    study, folder = results
    (ds,) = storage.read_cube(folder / "cube.zarr").values()
    ds = ds.load()
    ds.status.loc[{"curvature": 0.5, "network": "gated-8", "seed": 1}] = 2
    found, not_ok = {}, []
    baselines.reduce(study, ds, found, not_ok, baselines.varied(study))
    assert not_ok == ["curvature=0.5 gated-8: diverged, seed 1"]


def test_missing_numbers_are_null_and_metrics_without_any_are_left_out():
    found = {}
    baselines._add(found, {"curvature": 0.5}, "gated-8", "t_max[0]", np.array([1.0, np.nan, 2.123456789]), False)
    baselines._add(found, {}, "gated-8", "t_open[0]", np.full(3, np.nan), False)
    baselines._add(found, {}, "exact", "t_open[0]", np.array([np.inf, 1.0, 2.0]), True)
    assert list(found) == ["curvature=0.5 gated-8: t_max[0]", "exact: t_open[0]"]
    first, second = found.values()
    assert first.values == [1.0, None, 2.123457]
    assert second.values == [None, 1.0, 2.0]
    assert second.margin is None
    np.testing.assert_allclose(first.array(), np.log([1, np.nan, 2.123457]))
    np.testing.assert_array_equal(second.array(), [np.nan, 1, 2])


def test_a_ratio_that_is_not_positive_is_not_known():
    metric = Metric(network="n", kind="t_max", margin=0.1, values=[0.0, -1.0, 1.0])
    np.testing.assert_array_equal(metric.array(), [np.nan, np.nan, 0])
    linear = Metric(network="n", kind="dimension", margin=0.1, values=[0.0, -1.0, 1.0])
    np.testing.assert_array_equal(linear.array(), [0, -1, 1])


def scattering(network, kind, values):
    return Metric(network=network, kind=kind, margin=1.0, values=values)


def test_the_spread_is_at_least_the_pooled_one_of_its_kind_and_network():
    samples = {
        "a": np.array([1.0, 2.0, 3.0, np.nan]),
        "b": np.array([0.0, 4.0]),
        "c": np.array([5.0, 5.0]),
        "d": np.array([7.0]),
    }
    pools = {"a": ("x", "spectrum"), "b": ("x", "spectrum"), "c": ("y", "spectrum"), "d": ("x", "excess")}
    metrics = {name: scattering(*pools[name], [1.0]) for name in samples}
    found = spread(samples, metrics)
    pooled = math.sqrt((2 * 1.0 + 1 * 8.0) / 3)
    assert found["a"] == (pytest.approx(pooled), 3)
    assert found["b"] == (pytest.approx(math.sqrt(8)), 3)
    assert found["c"] == (0.0, 1)
    assert found["d"] == (0.0, 0)


def test_means_over_cells_scatter_less():
    samples = {
        "a": np.array([0.0, 2.0]),
        "b": np.array([0.0, 4.0]),
        "all": np.array([1.0, 1.1]),
        "wild": np.array([0.0, 9.0]),
    }
    metrics = {name: scattering("x", "spectrum", [1.0]) for name in samples}
    metrics |= {name: metrics[name].model_copy(update={"cells": 4}) for name in ("all", "wild")}
    found = spread(samples, metrics)
    pooled = math.sqrt((2 + 8) / 2)
    assert found["b"] == (pytest.approx(math.sqrt(8)), 2)
    assert found["all"] == (pytest.approx(pooled / 2), 2)
    assert found["wild"] == (pytest.approx(math.sqrt(40.5)), 2)


def test_what_scatters_is_also_there_as_a_mean_over_cells():
    found = {
        "c=0 x: excess": scattering("x", "excess", [1.0, 2.0, None]),
        "c=1 x: excess": scattering("x", "excess", [4.0, 8.0, 1.0]),
        "c=0 x: dimension[g]": scattering("x", "dimension", [0.0, 1.0, 2.0]),
        "c=1 x: dimension[g]": scattering("x", "dimension", [-1.0, 0.0, 1.0]),
        "c=0 x: t_max[0]": scattering("x", "t_max", [1.0, 1.0, 1.0]),
        "c=0 y: excess": scattering("y", "excess", [1.0, 1.0, 1.0]),
        "c=0 exact: excess": Metric(network="exact", kind="excess", margin=None, values=[1.0, 1.0, 1.0]),
        "c=1 exact: excess": Metric(network="exact", kind="excess", margin=None, values=[1.0, 1.0, 1.0]),
    }
    means = across(found)
    assert {name: one.values for name, one in means.items()} == {
        "all cells x: excess": [2.0, 4.0, None],
        "all cells x: dimension[g]": [-0.5, 0.5, 1.5],
    }
    assert {(one.network, one.cells) for one in means.values()} == {("x", 2)}


def test_margins_are_three_deviations_for_eight_seeds_and_more_for_fewer():
    rng = np.random.default_rng(0)
    for seeds in (3, 8, 32):
        logs = rng.standard_normal(seeds)
        one = {"z": scattering("x", "spectrum", np.exp(logs).tolist())}
        margin = with_margins(one)["z"].margin
        assert margin == pytest.approx(3 * logs.std(ddof=1) * math.sqrt(8 / seeds), rel=1e-3)
    still = {
        "b": scattering("x", "t_max", [2.0, 2.0]),
        "a": Metric(network="x", kind="t_max", margin=None, values=[1.0]),
    }
    found = with_margins(still)
    assert found["b"].margin == 0.01
    assert found["a"].margin is None
    assert list(found) == ["a", "b"]


def test_a_baseline_comes_back_and_reads_well_as_a_diff(record, tmp_path):
    path = tmp_path / "deep" / "tiny.json"
    write(path, record)
    assert read(path) == record
    lines = path.read_text().splitlines()
    names = [
        json.loads("{" + line.strip().rstrip(",") + "}") for line in lines if line.startswith("  ") and '"kind"' in line
    ]
    assert [next(iter(one)) for one in names] == sorted(record.metrics)
    shuffled = record.model_copy(update={"metrics": dict(reversed(record.metrics.items()))})
    write(tmp_path / "again.json", shuffled)
    assert (tmp_path / "again.json").read_text() == path.read_text()
    name = names[3].keys()
    metric = record.metrics[next(iter(name))]
    moved = record.model_copy(
        update={"metrics": record.metrics | {next(iter(name)): metric.model_copy(update={"values": [1.0, 2.0]})}}
    )
    write(tmp_path / "moved.json", moved)
    changed = [a for a, b in zip(lines, (tmp_path / "moved.json").read_text().splitlines(), strict=True) if a != b]
    assert len(changed) == 1


ONE = {"network": "n", "kind": "cost", "margin": 1.0, "values": [1.0, 2.0]}


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda c: c | {"format": 2}, "another version"),
        (lambda c: c | {"more": 1}, "more"),
        (lambda c: {k: v for k, v in c.items() if k != "seeds"}, "seeds"),
        (lambda c: c | {"seeds": [0]}, "a value per seed"),
        (lambda c: c | {"seeds": ["0", "1"]}, "seeds.0"),
        (lambda c: c | {"config": {}}, "config_hash"),
        (lambda c: c | {"metrics": {"a": ONE | {"kind": "odd"}}}, "known kind"),
        (lambda c: c | {"metrics": {"a": ONE | {"margin": 0.0}}}, "margin"),
        (lambda c: [c], "the file"),
    ],
)  # fmt: skip
def test_foreign_and_damaged_baselines_are_one_line(record, tmp_path, damage, says):
    path = tmp_path / "b.json"
    write(path, record)
    path.write_text(json.dumps(damage(json.loads(path.read_text()))))
    with pytest.raises(DamagedFile, match=says) as caught:
        read(path)
    assert len(str(caught.value).splitlines()) == 1
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"format": NaN}'])
def test_what_is_no_json_is_refused(tmp_path, content):
    path = tmp_path / "b.json"
    path.write_bytes(content)
    with pytest.raises(DamagedFile):
        read(path)


def test_no_baseline_says_how_to_make_one(tmp_path):
    for path in (tmp_path / "absent.json", tmp_path):
        with pytest.raises(InputError, match="scoregap baseline accept"):
            read(path)
