"""The tables of memorisation: times whose crossing is known, and the cube of a tiny study."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from tiny import WITH_MEMORISATION, edited, measured

from scoregap import analysis
from scoregap.analysis import memorisation
from scoregap.study import load


def training(steps, curve, levels=(0.1, 1.0, 10.0)):
    """A cell whose squared distances over evaluations are the same at all levels, half of them along the line."""
    curve = np.repeat(np.asarray(curve, float)[:, None], len(levels), 1)
    dims = ("evaluation", "level")
    return xr.Dataset(
        {
            "training_step": ("evaluation", np.asarray(steps, float)),
            "training_position": (dims, np.sqrt(curve / 2)),
            "training_position_residual": (dims, curve / 2),
        },
        {"level": np.array(levels)},
    )


def times(cell, law=1.0):
    return memorisation._times_of_training(cell, law)


def test_times_of_training_are_where_the_distance_falls_and_rises_again():
    steps = np.geomspace(10, 1e4, 200)
    curve = np.maximum(30 / steps, steps / 1e4)  # falls through .3 at 100 steps, rises through it at 3,000
    assert times(training(steps, curve)) == pytest.approx((100, 3000), rel=0.01)
    assert times(training(steps, np.maximum(30 / steps, 0.1)))[0] == pytest.approx(100, rel=0.01)
    assert np.isnan(times(training(steps, np.maximum(30 / steps, 0.1)))[1])
    assert np.isnan(times(training(steps, np.ones(200)))).all()
    assert np.isnan(times(training(steps, curve), law=100.0)).all()


@pytest.mark.parametrize("slope", [0.0, 1.0])
def test_intervals_of_exponents_hold_the_power_as_often_as_they_say(slope):
    rng, sizes, held = np.random.default_rng(0), np.repeat([10, 20, 40, 80, 160], 3), 0
    for _ in range(150):
        noise = np.exp(0.05 * rng.standard_normal(len(sizes)))
        rows = pd.DataFrame({"points": sizes, "seed": np.tile(range(3), 5), "tau_generalise": 4.0,
                             "tau_memorise": 20 * sizes**slope * noise})  # fmt: skip
        found = memorisation.exponent(rows, "tau_memorise", 3)
        held += found.low < slope < found.high
        assert found.sizes == 5
    assert held / 150 == pytest.approx(0.95, abs=0.05)


def test_censored_times_have_no_exponent():
    rows = pd.DataFrame({"points": [10, 20, 40, 80], "tau_generalise": 100.0, "tau_memorise": [120, 150, np.nan, 900]})
    assert memorisation.exponent(rows.assign(seed=0), "tau_memorise", 1) is None


def test_trainings_that_end_too_early_do_not_bend_exponents():
    """Of an N of which some trainings end before they give in, those that do not are the fast ones."""
    rng, sizes, slopes = np.random.default_rng(0), np.repeat([10, 20, 40, 80, 160, 320], 4), []
    for _ in range(100):
        tau = 20.0 * sizes * np.exp(0.6 * rng.standard_normal(len(sizes)))
        rows = pd.DataFrame({"points": sizes, "seed": np.tile(range(4), 6), "tau_generalise": 4.0,
                             "tau_memorise": np.where(tau < 5000, tau, np.nan)})  # fmt: skip
        slopes.append(memorisation.exponent(rows, "tau_memorise", 4).slope)
    assert np.mean(slopes) == pytest.approx(1, abs=4 * np.std(slopes) / 10)


def test_seeds_may_have_levels_of_their_own():
    """As their data are of one F at all N."""
    rng, sizes, seeds, widths = np.random.default_rng(0), np.repeat([10, 20, 40, 80, 160], 3), np.tile(range(3), 5), []
    for spread in (0.0, 2.0):
        noise = np.exp(0.05 * rng.standard_normal(15) + spread * seeds)
        rows = pd.DataFrame({"points": sizes, "seed": seeds, "tau_generalise": 4.0, "tau_memorise": 20 * sizes * noise})
        found = memorisation.exponent(rows, "tau_memorise", 3)
        widths.append(found.high - found.low)
    assert max(widths) < 0.2


def test_scores_of_whose_size_there_is_no_law_are_told(tmp_path):
    changes = (*WITH_MEMORISATION[:2], ("[exact]", "[exact, empirical]"), ("[0.0, 0.5]", "[0.0]"))
    study, (ds,) = measured(tmp_path, *changes)
    ds = ds.load()
    ds.law_t_memorisation[:] = np.nan
    frame = analysis.Tables(study, [ds])["memorisation"]
    assert np.isfinite(frame.memorised).all()
    assert frame.law.isna().all()


@pytest.mark.parametrize("status", [2, 3])
def test_networks_that_diverged_are_not_told(tmp_path, status):
    """What they do is no giving in: one that gives in learns its points."""
    changes = (*WITH_MEMORISATION[:2], ("[exact]", "[exact, empirical]"), ("[0.0, 0.5]", "[0.0]"))
    study, (ds,) = measured(tmp_path, *changes)
    ds = ds.load()
    ds.status[:] = status
    assert analysis.Tables(study, [ds])["memorisation"].empty


def test_what_comes_first_as_noise_falls():
    times = {"open": 2.0, "close": 0.01, "consolidation": np.nan, "memorisation": 0.3}
    assert memorisation.order(times) == "open > memorisation > close"
    assert memorisation.order(times | {"memorisation": 3.0}) == "memorisation > open > close"
    assert memorisation.order({"memorisation": np.nan}) == ""


def test_lines_say_what_is_known(tmp_path):
    """Of a family without laws of phases, and where 90 % of the geometry is nowhere, nothing is left hanging."""
    study = load(edited(tmp_path, *WITH_MEMORISATION, ("[0.0, 0.5]", "[0.0]")))
    row = {"family": "arcs", "ambient_dim": 8, "manifold_dim": 2, "curvature": 0.0, "network": "empirical",
           "points": 40, "seed": 0, "law": 0.1, "corrected": 0.2, "found": 0.2}  # fmt: skip
    for known, ending in (
        ({"order": "memorisation", "kept_at_0": np.nan}, ": t 0.2, 2.00 and 1.00"),
        ({"order": "open > memorisation", "kept_at_0": 3.0}, "; as t falls, open > memorisation; has 90% of the exact "
         "geometry above law x: group 0 from 3"),
    ):  # fmt: skip
        (_, line) = memorisation.memorisation_lines(study, pd.DataFrame([row | known]))
        assert line.endswith(ending)


def test_a_collapse_that_is_nowhere_on_the_grid_is_told(tmp_path):
    """It was told as "t nan, nan and nan"."""
    study = load(edited(tmp_path, *WITH_MEMORISATION, ("[0.0, 0.5]", "[0.0]")))
    row = {"family": "arcs", "ambient_dim": 8, "manifold_dim": 2, "curvature": 0.0, "network": "empirical",
           "points": 2, "seed": 0, "law": 0.1, "corrected": np.nan, "order": "memorisation"}  # fmt: skip
    for found, ending in ((np.nan, "N = 2: the collapse is not on the grid"), (0.2, "N = 2: t 0.2, 2.00 and -")):
        (_, line) = memorisation.memorisation_lines(study, pd.DataFrame([row | {"found": found}]))
        assert line.endswith(ending)


@pytest.fixture
def study_of_copies(tmp_path):
    return load(edited(tmp_path, *WITH_MEMORISATION, ("[0.0, 0.5]", "[0.0]")))


def test_a_seed_without_finite_samples_is_in_neither_mean_nor_interval(study_of_copies):
    rows = pd.DataFrame({"network": "gated-8", "seed": range(4), "memorised": [0.2, 0.3, 0.4, np.nan],
                         "by_chance": 0.0, "nearest_distance": 1.0, "held_out_distance": 1.0})  # fmt: skip
    _, line = memorisation.copies_lines(study_of_copies, rows)
    _, of_three = memorisation.copies_lines(study_of_copies, rows[:3])
    assert line == of_three
    assert "nan" not in line
    assert "gated-8: 0.30 [" in line


@pytest.mark.parametrize("law", [1e-9, 1e9])
def test_what_is_kept_at_a_law_off_the_grid_is_not_known(tmp_path, law):
    """The end of the grid was taken for it."""
    changes = (*WITH_MEMORISATION[:2], ("[exact]", "[exact, empirical]"), ("[0.0, 0.5]", "[0.0]"))
    study, (ds,) = measured(tmp_path, *changes)
    ds = ds.load()
    ds.law_t_memorisation[:] = law
    frame = analysis.Tables(study, [ds])["memorisation"]
    assert frame[["kept_0", "kept_1"]].isna().all(axis=None)
    assert frame[["sampled_0", "sampled_1"]].notna().all(axis=None)


def test_a_seed_that_is_nowhere_counts_among_all():
    """One that diverged at every N was forgotten, and all N were open in all seeds."""
    rows = pd.DataFrame({"points": [10, 20, 40], "seed": 0, "tau_generalise": 4.0, "tau_memorise": [200, 400, 800]})
    assert len(memorisation.open_trainings(rows, 1)) == 3
    assert memorisation.open_trainings(rows, 2).empty
    assert memorisation.exponent(rows, "tau_memorise", 2) is None


def test_last_below():
    t = np.geomspace(0.01, 100, 81)
    assert memorisation._last_below(t, t / (t + 1), 0.5) == pytest.approx(1, rel=0.01)
    assert np.isnan(memorisation._last_below(t, np.ones(81), 0.5))
    assert np.isnan(memorisation._last_below(t, np.zeros(81), 0.5))


def test_of_a_tiny_study(tmp_path):
    changes = (*WITH_MEMORISATION[:2], ("[exact]", "[exact, empirical]"), ("[0.0, 0.5]", "[0.0]"))
    study, datasets = measured(tmp_path, *changes)
    tables = analysis.Tables(study, datasets)
    frame, curves = tables["memorisation"], tables["memorisation_curves"]
    assert list(frame["network"]) == ["empirical"] * 2
    assert (frame.points == 40).all()
    assert frame[["tau_generalise", "tau_memorise"]].isna().all(axis=None)
    assert (frame.memorised > 0.5).all()
    (ds,) = datasets
    own = ds.sel(network="empirical").squeeze()
    assert frame.law.tolist() == pytest.approx(own.law_t_memorisation.values.tolist())
    assert len(curves) == len(ds.memory_time)
    assert frame.law_open.tolist() == pytest.approx(own.law_t_open.values[:, 0].tolist())
    assert frame.law_consolidation.tolist() == pytest.approx(own.law_t_consolidation.values[:, -1].tolist())
    laws = frame[["law_open", "law_close", "law_consolidation", "law"]].iloc[0]
    assert frame.order[0].split(" > ").index("memorisation") == (laws > laws.law).sum()
    assert curves.kept_1.to_numpy() == pytest.approx(own.dimension_kept.isel(group=1).mean("seed").values, rel=1e-6)
    assert any("N = 40" in line for line in tables.lines())
    laws = memorisation.laws_of(frame)
    assert laws.index.tolist() == [40]
    assert laws.law.iloc[0] == pytest.approx(np.median(frame.law))


def test_without_results_there_are_no_rows(tmp_path):
    study, datasets = measured(tmp_path, *WITH_MEMORISATION[:2])
    tables = analysis.Tables(study, datasets)
    assert tables["memorisation"].empty
    assert tables["memorisation_curves"].empty
