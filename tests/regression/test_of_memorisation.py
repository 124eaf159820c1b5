"""The gate of studies of memorisation: their own numbers beside the others, and what counts as worse."""

import numpy as np
import own_data
import pytest
from tiny import FLAT, WITH_MEMORISATION, edited, memorised

from scoregap import cubes
from scoregap.analysis import Tables
from scoregap.regression import metrics, of_memorisation
from scoregap.regression.baselines import Record, take, with_margins
from scoregap.regression.verdicts import Change, compare_records
from scoregap.stages import cube

OF_FILE = "memorisation:\n  times: {start: 1.0e-3, stop: 50.0, count: 8}\n  points: 12\n  samples: 16\nfit:"
SEEDS = [0, 1, 2]  # one more than the studies have, as other blocks may have


def taken(path):
    """(study, dataset of its cube, or of its first block, metrics) of a study that is run here."""
    study, folder = memorised(path)
    cube.run(path, folder / "spectrum", folder / "fit", folder / "cube.zarr", memories=folder / "memorise")
    found = {}
    parts = cubes.datasets(study, folder / "cube.zarr")
    for part, (ds,) in parts:
        of_memorisation.reduce(part, ds, found, metrics.varied(study), SEEDS)
    return study, parts[0][1][0].load(), found


@pytest.fixture(scope="module")
def manifold(tmp_path_factory):
    return taken(edited(tmp_path_factory.mktemp("manifold"), *WITH_MEMORISATION, FLAT))


def is_of(metric, values):
    values = np.asarray(values, float)
    assert metric.values[2] is None
    np.testing.assert_allclose(np.array(metric.values[:2], float), values, rtol=5.1e-7)


def test_metrics_are_the_numbers_of_the_cube(manifold):
    study, ds, found = manifold
    ds = ds.squeeze([one for one in study.condition_axes if one in ds.dims])
    of_empirical, of_network = (ds.sel(network=one) for one in ("empirical", "gated-8"))
    is_of(found["empirical: t_memorisation"], of_empirical.t_memorisation)
    for law in ("law", "corrected"):
        is_of(found[f"{law}: t_memorisation"], of_empirical[f"{law}_t_memorisation"])
    is_of(found["gated-8: memorised"], of_network.memorised[:, 0] - of_network.memorised[:, 1])
    is_of(found["gated-8: position"], of_network.position.sel(seen="training").mean("memory_time"))
    frame = Tables(study, [ds.expand_dims([one for one in study.condition_axes if one not in ds.dims])])["memorisation"]
    rows = frame[frame.network == "gated-8"]
    for name in ("tau_generalise", "tau_memorise"):
        if rows[name].notna().any():
            is_of(found[f"gated-8: {name}"], rows[name])
        else:
            assert f"gated-8: {name}" not in found
    fixed = {name for name, metric in found.items() if metric.margin is None}
    assert fixed == {name for name in found if not name.startswith("gated-8")}


def test_the_record_of_a_run_has_them_beside_the_others(manifold):
    study, _, found = manifold
    record = take(study, study.path.parent / "results")
    assert record.seeds == SEEDS[:2]
    assert record.metrics.keys() > found.keys()
    for name, one in found.items():
        assert record.metrics[name].values == one.values[:2]
    assert "gated-8: t_max[0]" in record.metrics
    assert {row.verdict for row in compare_records(record, record).rows} == {Change.SAME}


def test_the_record_of_blocks_has_all_their_seeds(tmp_path):
    grids = ("batch: [seed]", "blocks:\n  few: {seed: 1}\n  many: {network: [empirical], seed: 2}\nbatch: [seed]")
    closed = ("[exact, gaussian, gated-8]", "[exact, empirical]")
    study, _, found = taken(edited(tmp_path, *WITH_MEMORISATION[:2], closed, FLAT, grids))
    record = take(study, tmp_path / "results")
    assert record.seeds == SEEDS[:2]
    assert record.metrics["empirical: t_memorisation"].values == found["empirical: t_memorisation"].values[:2]
    assert None not in record.metrics["empirical: t_memorisation"].values


def test_of_data_from_a_file(tmp_path):
    _, ds, found = taken(own_data.written(tmp_path, ("fit:", OF_FILE)))
    assert found.keys() == {"empirical: t_memorisation", "gated-8: memorised"}
    is_of(found["empirical: t_memorisation"], ds.t_memorisation.sel(network="empirical"))
    is_of(found["gated-8: memorised"], ds.memorised.sel(network="gated-8")[:, 0])


def record(**values):
    found = {
        f"gated-8: {kind}": metrics.Metric(network="gated-8", kind=kind, margin=1.0, values=[float(one) for one in of])
        for kind, of in values.items()
    }
    return Record(
        study="s", config={}, config_hash="", device="", versions="", revision="", seeds=list(range(8)),
        metrics=with_margins(found),
    )  # fmt: skip


def test_a_network_that_is_farther_from_the_exact_score_is_worse_on_either_side():
    """Position 0 is the exact score: below it a network was called better the farther away it was."""
    values = 0.01 * np.random.default_rng(0).standard_normal(8)
    for was, now, verdict in ((0.0, -0.5, Change.WORSE), (-0.5, -0.1, Change.BETTER)):
        (row,) = compare_records(record(position=values + was), record(position=values + now)).rows
        assert row.verdict == verdict


@pytest.mark.parametrize(
    ("kind", "change", "verdict"),
    [
        ("position", lambda one: one + 0.2, Change.WORSE),
        ("position", lambda one: one - 0.2, Change.BETTER),
        ("memorised", lambda one: one + 0.2, Change.WORSE),
        ("memorised", lambda one: one - 0.2, Change.BETTER),
        ("tau_memorise", lambda one: one / 2, Change.WORSE),
        ("tau_memorise", lambda one: one * 2, Change.WORSE),
        ("tau_generalise", lambda one: one * 2, Change.WORSE),
    ],
)
def test_a_network_that_gives_in_is_worse(kind, change, verdict):
    values = 0.3 + 0.01 * np.random.default_rng(0).standard_normal(8)
    for other, wanted in ((values, Change.SAME), (change(values), verdict)):
        (row,) = compare_records(record(**{kind: values}), record(**{kind: other})).rows
        assert row.verdict == wanted
