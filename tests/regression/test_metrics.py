"""Measuring a run: against the cube, by other means; and how metrics scatter."""

import itertools
import math

import numpy as np
import pretended
import pytest
import xarray as xr

from scoregap.analysis.tables import PHASES
from scoregap.regression import metrics
from scoregap.regression.metrics import Metric, across, spread
from scoregap.store.cube import read_cube
from scoregap.variables import MEASURED


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


def test_times_that_are_not_measured_are_no_metrics(record, results):
    """A gap that is not visible had times before, and the gate held networks to them."""
    cube = xr.open_zarr(results[1] / "cube.zarr").squeeze(["family", "ambient_dim", "manifold_dim"]).load()
    seen = set()
    for curvature, network, name in itertools.product((0.0, 0.5), ("exact", "gaussian", "gated-8"), PHASES):
        cell, gap = cube.sel(curvature=curvature), 1 if name == "t_consolidation" else 0
        measured = (cell[f"{name}_state"].sel(network=network).isel(gap=gap) == MEASURED).values
        if network == "gated-8":
            measured &= (cell[f"{name}_state"].sel(network="exact").isel(gap=gap) == MEASURED).values
        metric = record.metrics.get(f"curvature={curvature:g} {network}: {name}[{gap}]")
        found = [value is not None for value in metric.values] if metric else [False] * len(measured)
        assert found == measured.tolist(), (curvature, network, name)
        seen |= set(found)
    assert seen == {True, False}


@pytest.mark.parametrize("network", ["gaussian", "gated-8"])
def test_distance_excess_cost_and_dimension_are_those_of_the_cube(record, cube, network):
    cell = cube.sel(curvature=0.5, network=network)
    exact = cube.eigenvalue.sel(curvature=0.5, network="exact").values.astype(float)
    name = f"curvature=0.5 {network}"
    gap = cell.eigenvalue.values.astype(float) - exact
    close(record, f"{name}: spectrum", [math.sqrt(np.mean(one**2)) for one in gap])
    wanted = [np.prod(np.maximum(one.astype(float), 1e-6) ** (1 / one.size)) for one in cell.excess_loss.values]
    np.testing.assert_allclose(values(record, f"{name}: excess"), wanted, rtol=1e-6)
    close(record, f"{name}: dimension", cell.dimension_overall.values[:, 0] - 2)
    if network == "gated-8":
        close(record, f"{name}: cost", np.nanmax(cell.training_flops.values, 1))
    else:
        assert f"{name}: cost" not in record.metrics


def test_the_exact_score_has_no_distance_from_itself(record):
    assert not [name for name in record.metrics if " exact: " in name and name.endswith(("spectrum", "excess"))]


def test_cells_that_are_not_ok_are_named(results, cube):
    study, folder = results
    (ds,) = read_cube(folder / "cube.zarr").values()
    ds = ds.load()
    ds.status.loc[{"curvature": 0.5, "network": "gated-8", "seed": 1}] = 2
    assert metrics.not_ok(study, ds, metrics.varied(study)) == ["curvature=0.5 gated-8: diverged, seed 1"]


def test_missing_numbers_are_null_and_metrics_without_any_are_left_out():
    found = {}
    metrics.add(found, {"curvature": 0.5}, "gated-8", "t_max[0]", np.array([1.0, np.nan, 2.123456789]), False)
    metrics.add(found, {}, "gated-8", "t_open[0]", np.full(3, np.nan), False)
    metrics.add(found, {}, "exact", "t_open[0]", np.array([np.inf, 1.0, 2.0]), True)
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
    known = {name: scattering(*pools[name], [1.0]) for name in samples}
    found = spread(samples, known)
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
    known = {name: scattering("x", "spectrum", [1.0]) for name in samples}
    known |= {name: known[name].model_copy(update={"cells": 4}) for name in ("all", "wild")}
    found = spread(samples, known)
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


def test_a_setting_with_fewer_gaps_than_others_has_its_own_dimension(tmp_path):
    study, ds = pretended.study_of(tmp_path, *pretended.RAGGED)
    ds.dimension_overall.loc[{"network": pretended.NETWORK}] = ds.manifold_dim
    found = {}
    metrics.reduce(study, ds, found, ["manifold_dim"], list(study.axes["seed"]))
    for m in (2, 20):
        assert found[f"manifold_dim={m} {pretended.NETWORK}: dimension"].values == [0.0] * 5
