"""What figures show of a cell is what its numbers say."""

import itertools

import numpy as np
import pytest
from scipy import stats
from tiny import FLAT, edited

from scoregap.analysis import cells, comparison
from scoregap.analysis.panels import Panel
from scoregap.analysis.panels import panels as panels_of
from scoregap.laws import random_matrix
from scoregap.store.cube import read_cube
from scoregap.study import load


@pytest.fixture(scope="module")
def panels(results):
    study, folder = results
    return panels_of(study, read_cube(folder / "cube.zarr")[""])


def test_the_band_over_seeds_is_students():
    rng = np.random.default_rng(0)
    curves = rng.standard_normal((5, 3))
    curves[4] = np.nan  # a seed without a result
    curves[1:, 2] = np.nan
    low, high = cells.seed_band(curves, 0.9)
    wanted = stats.t.interval(0.9, 3, curves[:4, :2].mean(0), stats.sem(curves[:4, :2]))
    np.testing.assert_allclose([low[:2], high[:2]], wanted)
    assert np.isnan([low[2], high[2]]).all()


@pytest.mark.slow
def test_the_density_of_the_law_is_that_of_gamma(results, panels):
    """Mass m / d, between the edges; and the mean of gamma over all d is that of Gaussian quadrature over variances."""
    study, ds = results[0], panels[0][1]
    t = 0.05
    gamma, density, edges = cells.law_density(study, ds, t)
    ends = np.sort(ds.law_edge.isel(network=0, seed=0).values.ravel())
    np.testing.assert_allclose(edges, ends / (ends + t))
    assert density[0] == pytest.approx(0, abs=1e-3)
    assert (density[100:200] <= 1e-6).all()  # the gap
    assert np.trapezoid(density, gamma) == pytest.approx(2 / 8, rel=0.02)
    v = np.concatenate([np.linspace(*pair, 4001) for pair in ends.reshape(2, 2)])
    p = random_matrix.density(v, 8, [1, 1], [1.0, 0.1])
    assert np.trapezoid(gamma * density, gamma) == pytest.approx(np.trapezoid(p * v / (v + t), v), rel=0.02)


def test_one_group_has_no_first_gap(results, panels, tmp_path):
    study = load(edited(tmp_path, FLAT))
    ds = panels[0][1].isel(gap=[1])
    assert [name for name, _ in cells.moments(study, ds)] == ["t_consolidation", "0.1 t_consolidation"]


def test_times_that_are_drawn_are_those_of_the_table(results, panels):
    """What stands on a page side by side agrees: curves along an axis, and marks on gaps."""
    study, folder = results
    frame = comparison.read(study, folder / "comparison.csv").set_index(["curvature", "quantity", "gap"])
    (row,), marks = cells.phase_times(study, panels), cells.gaps(study, panels)
    assert row.gaps == {"t_open": 0, "t_max": 0, "t_close": 0, "t_consolidation": 1}
    for (name, gap), (i, c) in itertools.product(row.gaps.items(), enumerate(row.x)):
        told = frame.loc[c, name, gap]
        known = {**{of: values[i] for of, values in row.references[name].items()}}
        np.testing.assert_allclose([known[of] for of in known], [told[of] for of in known], rtol=1e-5)
        np.testing.assert_allclose(marks[i].gaps[gap].marks.get(name, (np.nan,))[0], told.trained, rtol=1e-5)


def test_times_of_a_network_are_the_exact_ones_times_its_mean_ratio(results, panels):
    study = results[0]
    (row,) = cells.phase_times(study, panels)
    assert list(row.references) == ["t_open", "t_max", "t_close", "t_consolidation"]
    np.testing.assert_array_equal(row.x, [0.0, 0.5])
    for i, (_, ds) in enumerate(panels):
        own, exact = (ds.t_max.isel(gap=0).sel(network=name).values for name in ("gated-8", "exact"))
        scale = stats.gmean(exact)
        assert row.references["t_max"]["exact"][i] == pytest.approx(scale)
        logs = np.log(own / exact)
        logs = logs[np.isfinite(logs)]
        at, low, high = row.networks["t_max"]["gated-8"][:, i]
        np.testing.assert_allclose(at, scale * np.exp(logs.mean()) if logs.size else np.nan)
        if logs.size > 1:
            ends = stats.t.interval(study.compare.confidence, logs.size - 1, logs.mean(), stats.sem(logs))
            np.testing.assert_allclose([low, high], scale * np.exp(ends))


def test_marks_are_at_mean_times_on_the_mean_curve(results, panels):
    study, (_, ds) = results[0], panels[0]
    assert cells.marked_score(study) == "gated-8"
    for gap, one in enumerate(cells.gaps(study, panels)[0].gaps):
        names = ("t_consolidation", "t_resolution") if gap else ("t_open", "t_max", "t_close")
        times = {name: ds[name].sel(network="gated-8").isel(gap=gap).values for name in names}
        means = {name: stats.gmean(values[np.isfinite(values)]) for name, values in times.items()
                 if np.isfinite(values).any()}  # fmt: skip
        assert {name: at for name, (at, _) in one.marks.items()} == pytest.approx(means)
        curve = ds.gap_width.sel(network="gated-8").isel(gap=gap).mean("seed")
        for at, height in one.marks.values():
            assert height == pytest.approx(np.interp(np.log(at), np.log(ds.time), curve))


def test_phases_end_at_the_exact_times_and_have_no_width_without(results, panels):
    study, (values, ds) = results[0], panels[0]
    exact, t = ds.sel(network="exact"), ds.time.values
    (one,) = cells.dimension(study, panels[:1])
    opened = exact.t_open.isel(gap=0).median("seed").item()
    assert one.ends == [t[0], exact.t_consolidation.isel(gap=-1).median().item(), opened, t[-1]]
    (one,) = cells.dimension(study, [Panel(values, ds.assign(t_open=np.nan * ds.t_open))])
    assert one.ends[1] == one.ends[2]
    (one,) = cells.dimension(study, [Panel(values, ds.assign(t_consolidation=np.nan * ds.t_consolidation))])
    assert one.ends == [t[0], t[0], opened, t[-1]]


def test_alignment_has_the_range_over_seeds(results, panels):
    study, (_, ds) = results[0], panels[1]
    one = cells.alignment(study, panels)[1]
    assert one.threshold == study.document.fit.alignment
    for group, scores in enumerate(one.groups):
        assert list(scores) == ["exact", "gaussian", "gated-8"]
        cosines = ds.alignment.isel(group=group).sel(network="gated-8").transpose("seed", "time").values
        found = scores["gated-8"]
        np.testing.assert_array_equal([found.least, found.most], [cosines.min(0), cosines.max(0)])
        np.testing.assert_allclose(found.mean, cosines.mean(0), rtol=1e-6)
        np.testing.assert_array_equal(found.at, ds.t_alignment.isel(group=group).sel(network="gated-8").median())
