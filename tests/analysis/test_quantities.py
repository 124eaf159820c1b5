"""What claims are about: boundaries against closed forms, and what a network must do to agree or to disagree."""

import dataclasses

import numpy as np
import pretended
import pytest

from scoregap import data
from scoregap.analysis import cells, claims, comparison, headline, panels, quantities
from scoregap.laws import times
from scoregap.study import load

T = np.geomspace(1e-4, 1e3, 400)


@pytest.mark.parametrize(("a", "b", "g"), [(4.0, 0.25, 0.05), (1.0, 0.01, 0.002), (2.0, 0.3, 0.3)])
def test_boundaries_are_those_of_the_closed_form(a, b, g):
    """Linear interpolation on this grid of .04 in ln t is good to 1e-3."""
    widths = np.stack([times.gap_width(T, a, b), g / (T + g)])[None]
    found = quantities.boundaries(T, widths, 0.1)
    assert found["coverage_begins"] == pytest.approx(times.visible(a, b, 0.1)[0], rel=1e-3)
    assert found["coverage_ends"] == pytest.approx(times.coverage_to_consolidation(a, b, g), rel=1e-3)


def test_boundaries_that_are_not_there_are_nan():
    never = np.stack([np.full_like(T, 0.05), 1 / (1 + T)])[None]
    found = quantities.boundaries(T, never, 0.1)
    assert np.isnan([found["coverage_begins"], found["coverage_ends"]]).all()
    early = np.stack([times.gap_width(T, 4.0, 0.25), 5 / (5 + T)])[None]  # the final gap leads from the start
    assert np.isnan(quantities.boundaries(T, early, 0.1)["coverage_ends"]).all()
    beyond = np.stack([times.gap_width(T, 1e9, 1.0), 1e-9 / (T + 1e-9)])[None]  # visible at all of the grid above
    assert np.isnan(quantities.boundaries(T, beyond, 0.1)["coverage_begins"]).all()


def test_boundaries_of_many_seeds_are_those_of_each():
    """Against a walk along every curve, of ups and downs, flat places and unknown ones."""
    rng = np.random.default_rng(0)
    t, level = np.geomspace(1e-3, 1e2, 30), 0.5
    widths = rng.random((200, 2, 30)).round(1)  # many are the level itself
    widths[rng.random(widths.shape) < 0.003] = np.nan
    widths[:3] = [[[0.9] * 30, [0.1] * 30], [[0.1] * 30, [0.9] * 30], [[np.nan] * 30, [0.9] * 30]]

    def walked(heights, allowed):
        if not np.isfinite(heights).all():
            return np.nan
        for i in reversed(range(29)):
            if heights[i] > 0 >= heights[i + 1] and allowed[i] and allowed[i + 1]:
                return t[i] * (t[i + 1] / t[i]) ** (heights[i] / (heights[i] - heights[i + 1]))
        return np.nan

    found = quantities.boundaries(t, widths, level)
    begins = [walked(first - level, [True] * 30) for first, _ in widths]
    ends = [walked(last - first, first >= level) for first, last in widths]
    assert np.isfinite(ends).sum() > 50
    np.testing.assert_array_equal(found["coverage_begins"], begins)
    np.testing.assert_array_equal(found["coverage_ends"], ends)


@pytest.fixture(scope="module")
def made_of_one(tmp_path_factory):
    return pretended.study_of(tmp_path_factory.mktemp("one"), pretended.ONE_VARIANCE)


@pytest.fixture
def one_variance(made_of_one):
    return made_of_one[0], made_of_one[1].copy(deep=True)


@pytest.mark.parametrize("at", [1, 3, 4, 7])
def test_a_gap_at_any_place_is_found(one_variance, at):
    """A bug: the spacing at the boundary of equal groups was read, mode 4 of 8, and no other."""
    study, ds = one_variance
    row = pretended.rows(study, ds).loc["no_gap"]
    assert (row.verdict, row.of_exact, row.why) == ("agrees", "agrees", "")
    values = pretended.spectra(ds)
    variances = (1 + values[..., :8]) * ds.time.values[:, None, None] / -values[..., :8]
    variances[..., at:] /= 25  # a gap of 2 / 3 opens
    t = ds.time.values[:, None, None]
    values[..., :8] = variances / (variances + t) - 1
    pretended.set_spectra(ds, values)
    row = pretended.rows(study, ds).loc["no_gap"]
    assert (row.verdict, row.of_exact, row.why) == ("disagrees", "disagrees", "learning")
    assert row.trained > 0.6 > row.law


def test_a_network_without_a_gap_whose_f_has_a_wide_one_by_chance_has_no_errors_that_cancel(one_variance):
    study, ds = one_variance
    values = pretended.spectra(ds)
    t = ds.time.values[:, None, None]
    values[..., :8] = np.geomspace(6.0, 3.0, 8) / (np.geomspace(6.0, 3.0, 8) + t) - 1
    pretended.set_spectra(ds, values)
    row = pretended.rows(study, ds).loc["no_gap"]
    assert (row.verdict, row.why) == ("agrees", "")
    assert row.of_exact != "agrees"


def test_the_null_is_what_random_f_leaves(one_variance):
    study, ds = one_variance
    row = pretended.rows(study, ds).loc["no_gap"]
    flat = data.manifold("linear", 32, [(8, 1.0)], seed=3)
    t = ds.time.values
    wide = []
    for seed in range(200):
        values = dataclasses.replace(flat, seed=seed).scales ** 2
        wide.append(max((values[k] / (values[k] + t) - values[k + 1] / (values[k + 1] + t)).max() for k in range(7)))
    assert row.law == pytest.approx(np.mean(wide), abs=0.02)
    assert row.exact == pytest.approx(np.mean(quantities.widest_spacing(pretended.spectra(ds)[..., :8].mean(2))))


def test_merged_groups_are_a_claim_of_their_own(tmp_path):
    study, ds = pretended.study_of(tmp_path, (pretended.ONE_VARIANCE[0], "{fraction: 0.5, std: 0.8}"))
    rows = pretended.rows(study, ds)
    assert "no_gap" not in rows.index
    assert "t_max" not in rows.index
    assert rows.loc["merged", "verdict"] == "agrees"


def test_one_group_with_a_continuous_law_has_no_gap_either(tmp_path):
    groups = "groups: [{fraction: 0.5, std: 1.0}, {fraction: 0.5, std: 0.1}]"
    one = "groups: [{fraction: 1.0, std: 1.0, law: lognormal, width: 1.0}]"
    study, ds = pretended.study_of(tmp_path, (groups, one))
    rows = pretended.rows(study, ds)
    assert rows.loc["no_gap", "law"] > 0.2  # columns of few are far apart by themselves
    assert rows.loc["no_gap", "verdict"] != "disagrees"


@pytest.mark.slow
def test_groups_that_are_apart_have_no_such_claim_and_of_three_the_bulk_alone_is_looked_at(two, tmp_path):
    assert not {"no_gap", "merged"} & set(pretended.rows(*two).index)
    groups = "groups: [{fraction: 0.5, std: 1.0}, {fraction: 0.5, std: 0.1}]"
    three = "groups: [{fraction: 0.375, std: 1.0}, {fraction: 0.375, std: 0.1}, {fraction: 0.25, std: 0.09}]"
    study, ds = pretended.study_of(tmp_path / "three", (groups, three))
    rows = pretended.rows(study, ds)
    assert "t_max" in rows.index
    assert rows.loc["merged", "trained"] < rows.loc["widest", "trained"]
    assert rows.loc["merged", "verdict"] != "disagrees"


@pytest.fixture(scope="module")
def made_of_two(tmp_path_factory):
    return pretended.study_of(tmp_path_factory.mktemp("two"))


@pytest.fixture
def two(made_of_two):
    return made_of_two[0], made_of_two[1].copy(deep=True)


def test_the_dimension_is_a_proportion(two):
    """A bug: errors of +10 and -10 had the median 0 and agreed, none right of five could be inconclusive."""
    study, ds = two
    rows = pretended.rows(study, ds)
    assert tuple(rows.loc["dimension", ["law", "exact", "trained", "verdict"]]) == (1.0, 1.0, 1.0, "agrees")
    ds.dimension_overall.loc[{"network": pretended.NETWORK}] += np.array([-3, 3, -3, 3, 0])[:, None]
    row = pretended.rows(study, ds).loc["dimension"]
    assert (row.trained, row.verdict, row.of_exact, row.why) == (0.2, "disagrees", "disagrees", "learning")
    assert row.low < 0.2 < row.high < 0.9
    ds.dimension_overall.loc[{"network": pretended.NETWORK}] = 0.0
    assert pretended.rows(study, ds).loc["dimension", "verdict"] == "disagrees"


def test_curves_are_compared_with_exact_and_not_their_distances_from_the_law(two):
    """A bug: a curve as far above the law as the exact one is below it was at the exact one."""
    study, ds = two
    law, exact = ds.law_gap_width.sel(network="exact"), ds.gap_width.sel(network="exact")
    ds.gap_width.loc[{"network": pretended.NETWORK}] = 2 * law - exact
    rows = pretended.rows(study, ds)
    for name, gap in (("curve", 0), ("final_curve", 1)):
        away = abs(exact - law).isel(gap=gap).max("time").mean("seed").item()
        row = rows.loc[name]
        assert row.exact == pytest.approx(away)
        assert row.trained == pytest.approx(away)
        assert row.learning == pytest.approx(2 * away)


def test_the_spike_is_compared_with_that_of_the_exact_score(two):
    study, ds = two
    values = pretended.spectra(ds)
    values[..., 8:] += 0.2
    pretended.set_spectra(ds, values)
    row = pretended.rows(study, ds).loc["spike"]
    assert row.trained == pytest.approx(0.2, abs=1e-6)
    assert row.learning == pytest.approx(0.2, abs=1e-6)
    assert (row.verdict, row.of_exact, row.why) == ("disagrees", "disagrees", "learning")


def test_near_symmetric_is_the_asymmetry_of_the_jacobian(two):
    study, ds = two
    ds.asymmetry.loc[{"network": pretended.NETWORK}] = 0.2
    row = pretended.rows(study, ds).loc["asymmetry"]
    assert row.trained == pytest.approx(0.2)
    assert (row.verdict, row.of_exact, row.why) == ("disagrees", "disagrees", "learning")
    assert pretended.rows(study, ds).loc["singular", "verdict"] == "agrees"  # which do not show it


def test_draws_of_f_are_simulated_by_thousands(two):
    """The exact score of a flat manifold needs no network: the study's own draws are five."""
    study, ds = two
    rows = pretended.rows(study, ds)
    for name in ("t_max", "t_open", "t_close", "widest", "coverage_begins", "coverage_ends", "t_consolidation", "curve",
                 "final_curve"):  # fmt: skip
        assert rows.loc[name, "draws"] > 2000, name
        assert np.isfinite(rows.loc[name, "finite"])
    flat = data.manifold("linear", 32, [(4, 1.0), (4, 0.1)], seed=0)
    t, law = ds.time.values, ds.law_gap_width.sel(network="exact").isel(seed=0, gap=1).values.ravel()
    lowest = np.array([dataclasses.replace(flat, seed=seed).scales[-1] ** 2 for seed in range(500)])
    apart = np.abs(lowest[:, None] / (lowest[:, None] + t) - law).max(1)
    assert rows.loc["final_curve", "finite"] == pytest.approx(np.median(apart), rel=0.15)


@pytest.mark.parametrize("unknown", [1, 5])
def test_where_consolidation_is_not_known_nothing_is_said_of_ghosts(two, unknown):
    """Before, no time was early there, so there was no ghost."""
    study, ds = two
    ds = ds.assign_coords(curvature=[0.5])
    values = pretended.spectra(ds)
    values[..., 8] = -0.7
    pretended.set_spectra(ds, values)
    cell = quantities.cell_of(study, {})
    found = quantities.measured(pretended.cell_of(study, ds), pretended.NETWORK, cell)["ghost"]
    np.testing.assert_allclose(found, 0.3, atol=1e-6)
    ds.t_consolidation.loc[{"network": "exact", "gap": 1, "seed": ds.seed[:unknown]}] = np.nan
    found = quantities.measured(pretended.cell_of(study, ds), pretended.NETWORK, cell)["ghost"]
    assert np.isnan(found[:unknown]).all()
    np.testing.assert_allclose(found[unknown:], 0.3, atol=1e-6)


def test_without_normal_directions_there_is_no_claim_about_their_spike(tmp_path):
    """m = d: before, a mean of nothing, and a row with "seen in 5, inconclusive"."""
    study, ds = pretended.study_of(tmp_path, ("manifold_dim: [8]", "manifold_dim: [32]"))
    rows = pretended.rows(study, ds)
    assert "spike" not in rows.index
    assert {"t_max", "curve", "dimension"} <= set(rows.index)


SCHEDULES = ("  seed: 5", "  train.schedule: [ve, vp]\n  seed: 5")


@pytest.mark.slow
def test_schedules_are_compared_in_every_phase_time_and_in_both_curves(tmp_path):
    """A bug: t_max alone was, in the cells of one block."""
    study, ds = pretended.study_of(tmp_path, SCHEDULES)
    vp = {"network": pretended.NETWORK, "train.schedule": "vp"}
    rows = pretended.rows(study, ds)
    names = [name for name in rows.index if name.startswith("schedule_")]
    assert names == [name for name in quantities.CLAIMS if name.startswith("schedule_")]
    assert len(names) == 6
    assert set(rows.loc[names, "verdict"]) == {"agrees"}
    ds.t_close.loc[vp] *= 1.5
    ds.gap_width.loc[vp | {"gap": 1}] *= 0.5
    rows = pretended.rows(study, ds)
    disagree = {name for name in names if rows.loc[name, "verdict"] == "disagrees"}
    assert disagree == {"schedule_t_close", "schedule_final_curve"}
    assert set(rows.loc[sorted(disagree), "why"]) == {"learning"}
    assert rows.loc["schedule_t_close", "trained"] == pytest.approx(1.5)


def test_schedules_of_two_blocks_are_compared_seed_by_seed(tmp_path):
    arms = {"exact": {"t_max": np.array([1.0, 2.0, 3.0]), "curve": np.zeros((3, 4))}, "law": {"t_max": np.ones(3)}}
    other = {"exact": {"t_max": np.array([4.0, 2.0]), "curve": np.full((2, 4), 0.1)}}
    quantities.relate(quantities.RELATED[0], arms, [0, 1, 2], [(other, [2, 1]), (other, [7, 1])])
    np.testing.assert_allclose(arms["exact"]["schedule_t_max"], [np.nan, 1.0, 0.75])
    np.testing.assert_allclose(arms["exact"]["schedule_curve"], [np.nan, 0.1, 0.1])
    np.testing.assert_allclose(arms["law"]["schedule_t_max"], 1.0)
    np.testing.assert_allclose(arms["law"]["schedule_curve"], 0.0)
    assert "schedule_t_open" not in arms["exact"]


@pytest.fixture(scope="module")
def draws_of_noise(tmp_path_factory):
    """An axis of a number and a text, which the cube names by texts."""
    axis = ("  seed: 5", "  train.noise_draws: [4, fresh]\n  seed: 5")
    return pretended.study_of(tmp_path_factory.mktemp("noise"), axis, ("std: 0.1}]", "std: 0.1}]\n  dataset_size: 40"))


def test_values_are_found_by_the_texts_that_the_cube_names_them_by(draws_of_noise):
    study, ds = draws_of_noise
    for named, own in (("4", 4), (4, 4), ("fresh", "fresh")):
        assert quantities.cell_of(study, {"train.noise_draws": named})["train.noise_draws"] == own
    (part,) = (one for one in load("workflow/studies/regularisers.yaml").parts if one.block == "noise")
    assert quantities.cell_of(part, {"train.noise_draws": "4"})["train.noise_draws"] == 4
    tested = claims.claims([(study, [ds])])
    assert set(tested["train.noise_draws"]) == {"4", "fresh"}
    frame = comparison.compare([(study, [ds])])
    assert {setting[-1] for setting in headline.farthest(study, frame, 9)} == {"4", "fresh"}


def test_figures_of_such_an_axis_have_the_law_and_no_axis_of_numbers(draws_of_noise):
    study, ds = draws_of_noise
    found = panels.panels(study, ds)
    assert [one.law is not None for whole in cells.histograms(study, found) for one in whole.shown] == [True] * 6
    assert panels.numbered_axis(study) == "curvature"
