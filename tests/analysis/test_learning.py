"""What the tables of capacity and plateau say: of a tiny trained study, and of spectra put there by hand."""

import dataclasses

import numpy as np
import pandas as pd
import pretended
import pytest
from tiny import edited, run_stages

from scoregap import analysis, cubes
from scoregap.analysis import learning
from scoregap.study import load

pytestmark = pytest.mark.slow  # networks are trained, or many spectra made, for all of them


LONGER = ("  seed: 2", "  train.steps: [10, 40]\n  seed: 2")
BENT = ("[0.0, 0.5]", "[0.5]")
FLAT = ("[0.0, 0.5]", "[0.0]")


def trained(folder, *changes):
    """(study, datasets) of the tiny study with its networks."""
    path = edited(folder, LONGER, *changes)
    run_stages(path, folder, drawn=False)
    study = load(path)
    ((_, datasets),) = cubes.datasets(study, folder / "cube.zarr")
    return study, datasets


@pytest.fixture(scope="module")
def flat(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("flat"), FLAT)


@pytest.fixture(scope="module")
def bent(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("bent"), BENT)


def test_which_tables_apply(tmp_path):
    def names(*changes):
        found = load(edited(tmp_path, *changes)).findings
        return [name for name in found if name != "calibration"]  # of every study with a score to judge

    assert names(LONGER, FLAT) == ["accuracy", "capacity"]
    assert names(LONGER, BENT) == ["accuracy", "plateau"]
    assert names(LONGER) == ["curvature", "accuracy", "plateau"]
    assert names(LONGER, FLAT, ("gaussian, ", "")) == ["accuracy", "capacity"]
    assert names(LONGER, BENT, ("gaussian, ", "")) == ["accuracy"]
    assert names(LONGER, BENT, ("exact, ", "")) == []
    assert names(LONGER, FLAT, (", gated-8", "")) == []
    assert names(FLAT) == []


@pytest.mark.slow
def test_costs_of_every_seed(flat):
    study, (ds,) = flat
    late = ds.load().copy(deep=True)
    network, exact = ({"network": name} for name in ("gated-8", "exact"))
    late.t_max.loc[network] = ds.t_max.sel(exact) * (1 - 0.1 * (1 + ds.seed))
    late.t_consolidation.loc[network] = ds.t_consolidation.sel(exact) * (1.2 + 0 * ds.seed)
    late.t_consolidation.loc[network | {"seed": 1}] = np.nan
    late.excess_loss.loc[network] = np.geomspace(1e-4, 1e-2, ds.sizes["time"])
    frame = learning.costs(study, [late])
    assert frame["quantity"].value_counts().to_dict() == {"t_max": 4, "excess loss": 4, "t_consolidation": 2}
    errors = {name: rows.sort_values(["steps", "seed"]).error for name, rows in frame.groupby("quantity")}
    np.testing.assert_allclose(errors["t_max"], [0.1, 0.2, 0.1, 0.2])
    np.testing.assert_allclose(errors["t_consolidation"], 0.2)
    np.testing.assert_allclose(errors["excess loss"], 1e-3, rtol=1e-5)
    by_steps = frame.groupby("steps").cost.unique()
    np.testing.assert_allclose(np.ravel(by_steps[40]) / np.ravel(by_steps[10]), 4)
    spent = ds.training_flops.sel(network).max("evaluation")
    np.testing.assert_allclose(np.unique(frame.cost), np.unique(spent))


def test_costs_that_nobody_has_counted_are_told_as_such(flat, bent):
    """A network without matrix products: its errors are there, and no cost is made up."""
    for study, (ds,) in (flat, bent):
        uncounted = ds.load().copy(deep=True)
        uncounted["training_flops"] = uncounted.training_flops * np.nan
        for name in (name for name in study.findings if name != "calibration"):
            frame = analysis.TABLES[name](study, [uncounted])
            counted = analysis.TABLES[name](study, [ds])
            assert len(frame) == len(counted) > 0
            assert frame.cost.isna().all()
            pd.testing.assert_frame_equal(frame.drop(columns="cost"), counted.drop(columns="cost"))
            if name == "capacity":  # one that is sharp enough
                frame = frame.assign(spike=0.01, gap=1.0)
            if name == "plateau":  # one that has left
                frame = frame.assign(position=np.linspace(0, 1, len(frame)), away=0.0)
            text = "\n".join(analysis.LINES[name](study, frame))
            assert "nan" in text
            assert " not" not in text
        assert learning.mean_costs(study, learning.costs(study, [uncounted])).empty


def test_costs_need_no_axis_of_steps_and_no_result_that_is_missing(flat):
    study, (ds,) = flat
    one = dataclasses.replace(study, axes={name: some for name, some in study.axes.items() if name != "train.steps"})
    alone = ds.isel({"train.steps": 0}).load()
    assert set(learning.costs(one, [alone]).steps) == {study.document.train.steps}
    assert learning.costs(study, [ds.assign(status=0 * ds.status)]).empty


def test_accuracy_against_the_cube(flat):
    study, (ds,) = flat
    factor = ds.seed * 0.5 + 1  # 1 and 1.5 times the exact time
    times = {}
    for name in learning.PHASES:
        times[name] = ds[name].load().copy()
        times[name].loc[{"network": "gated-8"}] = factor * ds[name].sel(network="exact")
    frame = learning.accuracy(study, [ds.assign(times)])
    assert frame["quantity"].tolist() == 2 * ["t_open[0]", "t_max[0]", "t_close[0]", "t_consolidation[1]"]
    np.testing.assert_allclose(frame.ratio, 1.5**0.5)
    # Logarithms 0 and log 1.5: half of their distance times t of one degree of freedom at 90 %.
    np.testing.assert_allclose(np.log(frame.high / frame.ratio), 6.3138 * np.log(1.5) / 2, rtol=1e-4)
    assert (frame.seen == 1).all()
    times["t_max"].loc[{"network": "gated-8", "seed": 1}] = np.nan  # no visible gap
    one = learning.accuracy(study, [ds.assign(times)])
    one = one[one["quantity"] == "t_max (1)"]
    assert (one.seen == 0.5).all()
    np.testing.assert_allclose(one.ratio, 1)
    assert one.low.isna().all()


def test_capacity_against_the_cube(flat):
    study, (ds,) = flat
    frame = learning.capacity(study, [ds])
    assert len(frame) == 2 * ds.sizes["time"]
    for steps, rows in frame.groupby("steps"):
        own = ds.sel({"train.steps": steps, "network": "gated-8"}).squeeze(drop=True)
        normal = 1 + own.eigenvalue.values[..., 2:]  # (seed, time, point, mode) of G
        np.testing.assert_allclose(rows.spike, np.sqrt((normal**2).mean((2, 3))).mean(0), rtol=1e-6)
        np.testing.assert_allclose(rows.gap, own.gap_width.values[..., -1].mean(0), rtol=1e-6)
        assert rows.cost.iloc[0] == own.training_flops.values[:, ~np.isnan(own.training_flops.values[0])].max()
        place = rows[rows.inside]
        assert len(place) == 1
        exact = ds.sel({"train.steps": steps, "network": "exact"}).t_consolidation.values[..., -1].mean()
        assert (
            abs(np.log(place.t.iloc[0] / (0.1 * exact))) <= 0.5 * np.log(ds.time.values[1] / ds.time.values[0]) + 1e-9
        )
    longer = frame[frame.inside].sort_values("steps")
    assert longer.cost.iloc[1] == 4 * longer.cost.iloc[0]


def test_the_exact_score_has_a_sharp_spike(flat):
    _, (ds,) = flat
    exact = ds.sel(network="exact").isel({"train.steps": 0}).squeeze(drop=True)
    assert learning.spike(exact, 2).max() < 1e-5


def with_networks(ds, eigenvalue):
    """The cube with other eigenvalues of its network."""
    values = ds.eigenvalue.load().copy()
    values.loc[{"network": "gated-8"}] = eigenvalue
    return ds.assign(eigenvalue=values)


@pytest.mark.slow
@pytest.mark.parametrize("position", [-0.5, 0.0, 0.4, 1.0])
def test_position_on_the_line_is_recovered(bent, position):
    study, (ds,) = bent
    exact, gaussian = (ds.eigenvalue.sel(network=arm).drop_vars("network") for arm in ("exact", "gaussian"))
    frame = learning.plateau(study, [with_networks(ds, gaussian + position * (exact - gaussian))])
    np.testing.assert_allclose(frame.position, position, atol=1e-5)
    np.testing.assert_allclose(frame.away, 0, atol=1e-4)
    np.testing.assert_allclose(frame.high - frame.low, 0, atol=1e-4)


def test_what_is_off_the_line_is_away_and_does_not_move_the_position(bent):
    study, (ds,) = bent
    exact, gaussian = (ds.eigenvalue.sel(network=arm).drop_vars("network") for arm in ("exact", "gaussian"))
    line = (exact - gaussian).mean("point")
    rng = np.random.default_rng(0)
    other = line.copy(data=rng.standard_normal(line.shape))
    over = ("time", "mode")
    other = other - (other * line).sum(over) / (line**2).sum(over) * line  # across the line, in every cell
    other = 2 * other * np.sqrt((line**2).sum(over) / (other**2).sum(over))
    frame = learning.plateau(study, [with_networks(ds, gaussian + 0.3 * line + other)])
    np.testing.assert_allclose(frame.position, 0.3, atol=1e-4)
    np.testing.assert_allclose(frame.away, 2, rtol=1e-4)


def test_intervals_of_positions_are_student_s(bent):
    study, (ds,) = bent
    exact, gaussian = (ds.eigenvalue.sel(network=arm).drop_vars("network") for arm in ("exact", "gaussian"))
    by_seed = ds.seed.astype(float) * 0.2 + 0.1  # 0.1 and 0.3
    frame = learning.plateau(study, [with_networks(ds, gaussian + by_seed * (exact - gaussian))])
    np.testing.assert_allclose(frame.position, 0.2, atol=1e-4)
    # Two values: t of one degree of freedom at 90 % is 6.3138, times their standard error, half of their distance.
    np.testing.assert_allclose(frame.high - 0.2, 6.3138 * 0.1, rtol=1e-3)


def test_members_without_a_result_do_not_count(bent):
    study, (ds,) = bent
    status = ds.status.load().copy()
    status.loc[{"network": "gated-8", "seed": 0}] = 2
    frame = learning.plateau(study, [ds.assign(status=status)])
    assert len(frame) == 2
    assert frame.low.isna().all()
    status.loc[{"network": "exact", "seed": 1}] = 0
    assert learning.plateau(study, [ds.assign(status=status)]).empty
    assert learning.accuracy(study, [ds.assign(status=status)]).empty
    lines = analysis.Tables(study, [ds.assign(status=status)]).lines()
    assert [line for line in lines if line and not line.startswith(("calibration", "  gated-8: "))] == []


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        ([0.0, 0.25, 0.75], 10**2.5),
        ([0.6, 0.4, 1.0], 10 ** (2 + 1 / 6)),
        ([0.6, 0.7, 0.8], 10.0),
        ([0.9, 0.8, 0.4], None),
    ],
)
def test_transition_is_where_a_network_leaves_for_good(position, expected):
    group = pd.DataFrame({"cost": [10.0, 100.0, 1000.0], "position": position, "away": 0.1})
    found = learning.transition(group)
    assert np.isnan(found) if expected is None else found == pytest.approx(expected)


def test_a_network_that_has_learned_nothing_has_not_left_the_plateau(bent):
    study, (ds,) = bent
    untrained = with_networks(ds, -1.0)  # D = 0 everywhere: an x0 network at its start
    frame = learning.plateau(study, [untrained])
    assert (frame.position > learning.HALF).all()
    assert (frame.away > learning.OFF).all()
    assert np.isnan(learning.transition(frame))
    (row,) = [line for line in learning.plateau_lines(study, frame) if line.strip().startswith("gated-8")]
    assert row.count("off (dim ") == 2
    assert row.split()[-1] == "not"


def test_transition_from_off_the_line_is_where_the_position_is_first_known():
    group = pd.DataFrame({"cost": [10.0, 100.0, 1000.0], "position": [1.1, 0.8, 0.9], "away": [4.0, 0.2, 0.1]})
    assert learning.transition(group) == 100.0


def test_no_spike_inside_a_phase_that_the_grid_does_not_show(flat):
    study, (ds,) = flat
    late = ds.t_consolidation.load().copy()
    for time in (np.nan, ds.time.values[0]):  # unknown, and known with no grid at a tenth of it
        late.loc[{"network": "exact"}] = time
        frame = learning.capacity(study, [ds.assign(t_consolidation=late)])
        assert not frame.inside.any()
        text = learning.capacity_lines(study, frame)
        assert not [line for line in text if "spike of" in line or "gated-8" in line]
        assert any("not on the grid" in line for line in text)


def test_exponent_of_a_power_law_with_an_amplitude_for_each_network():
    rows = [(name, steps, a * steps**-0.4) for name, a in (("one", 1.0), ("two", 7.0)) for steps in (10, 100, 1000)]
    frame = pd.DataFrame(rows, columns=["network", "steps", "spike"])
    p, error = learning.exponent(frame)
    assert p == pytest.approx(0.4)
    assert error == pytest.approx(0, abs=1e-9)
    assert np.isnan(learning.exponent(frame[frame.steps < 100])).all()  # two points, two amplitudes


def test_lines(flat, bent):
    study, datasets = flat
    text = analysis.Tables(study, datasets).lines()
    start = next(i for i, line in enumerate(text) if line.startswith("capacity"))
    rows = [line.split() for line in text[start:] if "gated-8" in line and "steps" not in line]
    assert [row[1] for row in rows] == ["10", "40"]
    assert any(line.strip().startswith("spike of 0.05 or less") for line in text)
    study, datasets = bent
    text = analysis.Tables(study, datasets).lines()
    assert any(line.startswith("plateau") for line in text)
    (row,) = [line for line in text if line.strip().startswith("gated-8") and "(dim " in line]
    assert row.count("(dim ") == 2


def test_a_setting_with_fewer_gaps_than_others_is_read_at_its_own_final_gap(tmp_path):
    study, ds = pretended.study_of(tmp_path, *pretended.RAGGED, ("  seed: 5", "  train.steps: [40, 80]\n  seed: 5"))
    frame = learning.capacity(study, [ds])
    for m, gap in ((2, 1), (20, 2)):
        own, there = frame[frame.manifold_dim == m], ds.sel(manifold_dim=m, network="exact").isel({"train.steps": 0})
        assert own.spike.iloc[0] < 1e-3  # at the smallest t
        assert own.exact_gap.max() == pytest.approx(float(there.gap_width.isel(gap=gap).mean("seed").max()))
        assert (own.closed < 1).all()
    errors = learning.costs(study, [ds])
    assert set(errors.manifold_dim[errors["quantity"] == "t_consolidation"]) == {2, 20}
