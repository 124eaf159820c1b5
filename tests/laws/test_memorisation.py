"""The collapse of the score of N points: closed forms, limits and identities, and direct simulation."""

import csv

import memorisation as simulation
import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoregap import InputError
from scoregap.data import manifold
from scoregap.laws import memorisation

variances = st.lists(st.floats(-4, 4).map(lambda e: 10**e), min_size=1, max_size=12).map(np.array)
checked = settings(deadline=None, max_examples=40, derandomize=True)


def test_one_variance_is_solved():
    # m / 2 log(1 + gamma / t) = log N
    for m, gamma, points in ((1, 1.0, 2), (8, 4.0, 100), (40, 0.3, 10**6)):
        expected = gamma / (points ** (2 / m) - 1)
        assert memorisation.t_memorisation(points, np.full(m, gamma)) == pytest.approx(expected, rel=1e-10)


@checked
@given(gamma=variances, points=st.integers(2, 10**9), scale=st.floats(-3, 3).map(lambda e: 10**e))
def test_law_solves_its_equation(gamma, points, scale):
    t = memorisation.t_memorisation(points, gamma)
    with mp.workdps(30):
        told = mp.fsum(mp.log(1 + mp.mpf(one) / mp.mpf(t)) for one in gamma) / 2
    assert float(told) == pytest.approx(np.log(points), rel=1e-9)
    assert memorisation.t_memorisation(points, gamma * scale) == pytest.approx(t * scale, rel=1e-9)
    assert memorisation.t_memorisation(points + 1, gamma) < t


@checked
@given(gamma=variances, points=st.integers(3, 10**6))
def test_rare_points_make_it_earlier(gamma, points):
    """What is corrected at finite N is above the law, since a sum that rare points make is mostly below its mean."""
    assert memorisation.corrected_t_memorisation(points, gamma) > memorisation.t_memorisation(points, gamma)


def test_correction_fades_with_dimension():
    def ratio(m):
        gamma = np.full(m, 1.0)
        points = round(np.exp(0.4 * m))  # the law is the same
        return memorisation.corrected_t_memorisation(points, gamma) / memorisation.t_memorisation(points, gamma)

    ratios = [ratio(m) for m in (8, 32, 128, 512)]
    assert np.all(np.diff(ratios) < 0)
    assert ratios[-1] == pytest.approx(1, abs=0.02)


def test_of_many_dimensions_the_correction_is_known():
    gamma = np.full(20_000, 1.0)
    ratio = memorisation.corrected_t_memorisation(1000, gamma) / memorisation.t_memorisation(1000, gamma)
    few = np.full(1000, 1.0)  # beyond which the law only scales
    same = memorisation.corrected_t_memorisation(1000, few) / memorisation.t_memorisation(1000, few)
    assert ratio == pytest.approx(same, rel=0.01)


def test_own_weight_of_much_scatter_is_known():
    """Of 8,000 dimensions without noise, where the own point is the only one."""
    assert memorisation.own_weight(1000, 4e3, 4e3, 0.0) == pytest.approx(1)


@pytest.mark.parametrize("points", [2, 3, 10, 10**6])
def test_own_weight_without_information_is_that_of_all(points):
    assert memorisation.own_weight(points, 0.0, 0.0, 0.0) == pytest.approx(1 / points, rel=1e-9)
    assert memorisation.own_weight(points, 2 * np.log(points) + 40, 1.0, 1.0) == pytest.approx(1, abs=1e-6)


def test_own_weight_against_draws_of_the_random_energy_model():
    rng, points, told, within, between = np.random.default_rng(0), 50, 4.0, 3.0, 1.0
    base = told + np.sqrt(between) * rng.standard_normal(20_000)
    own = base + np.sqrt(within) * rng.standard_normal(len(base))
    # Levels under the data: the law of the posterior times e^-j, on what is left of its mass nothing.
    grid = np.linspace(-9, 9, 400)
    found = np.zeros(len(base))
    for k, i in enumerate(own):
        j = base[k] + np.sqrt(within) * grid
        density = np.exp(-0.5 * grid**2 - j)
        density *= (grid[1] - grid[0]) / np.sqrt(2 * np.pi)
        high = j > -2  # what is less likely adds its mean
        counts = rng.poisson((points - 1) * density[high])
        rest = (points - 1) * (density[~high] * np.exp(j[~high])).sum()
        found[k] = 1 / (1 + np.exp(-i) * (counts @ np.exp(j[high]) + rest))
    error = found.std() / np.sqrt(len(found))
    assert memorisation.own_weight(points, told, within, between) == pytest.approx(found.mean(), abs=4 * error + 0.005)


def test_own_weight_does_not_depend_on_the_steps(monkeypatch):
    cases = [(10, 2.0, 1.0, 0.5), (10**4, 9.0, 12.0, 5.0), (10**8, 20.0, 100.0, 60.0)]
    coarse = [memorisation.own_weight(*case) for case in cases]
    monkeypatch.setattr(memorisation, "_STEP", 0.05)
    assert coarse == pytest.approx([memorisation.own_weight(*case) for case in cases], rel=1e-5)


def test_information_of_traces_of_linear_data_is_the_closed_form():
    gamma = np.array([4.0, 1.0, 0.02])
    t = np.geomspace(1e-4, 1e3, 60)
    told = memorisation.information_of_traces(t, (gamma / (gamma + t[:, None])).sum(1), gamma)
    assert told == pytest.approx(memorisation.information(t, gamma), rel=1e-12)
    # And by the integral alone, with another Gaussian beyond the grid.
    by_steps = memorisation.information_of_traces(t, (gamma / (gamma + t[:, None])).sum(1), [1e-30])
    assert by_steps == pytest.approx(memorisation.information(t, gamma), abs=0.02)


@checked
@given(gamma=variances, points=st.integers(3, 10**5))
def test_tabulated_linear_data_are_the_closed_form(gamma, points):
    law = memorisation.t_memorisation(points, gamma)
    t = law * np.geomspace(1e-2, 1e4, 97)
    closed = memorisation.linear(gamma)
    moments = np.array([closed.moments(one) for one in t]).T
    table = memorisation.tabulated(t, *moments)
    assert table.t_memorisation(points) == pytest.approx(law, rel=2e-5)
    assert table.spread(law) == pytest.approx(closed.spread(law), rel=5e-3)
    above = memorisation.tabulated(t[60:], *moments[:, 60:])
    assert np.isnan(above.t_memorisation(points))


def test_spread_is_that_of_the_information_density():
    rng, gamma, points = np.random.default_rng(0), np.full(30, 2.0), 10**4
    t = memorisation.t_memorisation(points, gamma)
    w, z = rng.standard_normal((2, 20_000, len(gamma)))
    times = t * np.exp(np.linspace(-3, 3, 121))
    density = np.array([
        (0.5 * np.log1p(gamma / one) + 0.5 * ((np.sqrt(gamma) * z[:2000] + np.sqrt(one) * w[:2000]) ** 2
         / (gamma + one) - w[:2000] ** 2)).sum(1) for one in times
    ])  # fmt: skip
    crossing = np.log(times)[(density < np.log(points)).argmax(0)]
    assert memorisation.linear(gamma).spread(t) == pytest.approx(crossing.std(), rel=0.08)
    at = (np.sqrt(gamma) * z + np.sqrt(t) * w) ** 2 / (gamma + t) - w**2
    variance = (0.5 * at.sum(1)).var()
    assert sum(memorisation.linear(gamma).moments(t)[1:]) == pytest.approx(variance, rel=0.03)


@pytest.mark.parametrize("points", [10, 300])
def test_laws_against_the_empirical_score(points):
    """A small sample of results/benchmarks/memorisation.csv."""
    row = simulation.row(1, points, seed=1, work=2e6)
    assert row.found == pytest.approx(row.corrected, rel=0.05 + 4 * row.error)
    assert row.law < row.found


def test_a_simulation_that_was_stopped_goes_on(tmp_path, capsys):
    """Rows that are there are kept, but those of fewer draws; the table is in the order of data and N."""
    record, made = tmp_path / "table.csv", []

    def make(which, points, draws=None):
        family, d, groups, curvature = simulation.DATA[which]
        draws = draws or simulation.draws_of(points)
        text = " ".join(f"{count}:{std:g}" for count, std in groups)
        return simulation.Row(family, d, text, curvature, points, draws, *[0.5] * 8)

    def stopped(which, points):
        if len(made) == 20:
            raise KeyboardInterrupt
        made.append((which, points))
        return make(which, points, draws=1 if made[-1] == (3, 10) else None)

    with pytest.raises(KeyboardInterrupt):
        simulation.main(record, stopped)
    first, made = made, []
    simulation.main(record, lambda *which: made.append(which) or make(*which))
    assert set(made) & set(first) == {(3, 10)}
    with record.open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["points"]) for row in rows] == [*simulation.NUMBERS] * len(simulation.DATA)
    assert all(int(row["draws"]) > 1 for row in rows)


def test_simulated_weights_are_those_of_the_posterior():
    from scoregap.data import posteriors

    data = manifold("linear", 8, [(3, 1.0)], seed=0)
    t = np.array([0.1, 1.0])
    weights = simulation.own_weights(data, 20, t, np.random.default_rng(3), 5)
    rng = np.random.default_rng(3)
    clean, _ = data.sample(rng, 20)
    own = rng.permutation(20)[:5]
    noise = rng.standard_normal((5, 8))
    for k, one in enumerate(t):
        mean = posteriors.empirical(clean[own] + np.sqrt(one) * noise, one, clean).mean
        # The weights that give this mean: 20 points in R^3 leave it to the definition.
        x = clean[own] + np.sqrt(one) * noise
        direct = np.exp(-((x[:, None] - clean) ** 2).sum(2) / (2 * one))
        direct /= direct.sum(1, keepdims=True)
        assert mean == pytest.approx(direct @ clean, abs=1e-9)
        assert weights[k] == pytest.approx(direct[np.arange(5), own], rel=1e-9)


def test_mean_own_weight_is_the_mean_sum_of_squared_weights():
    """Given x and the points, each is the own one with its weight."""
    data, rng, t = manifold("arcs", 8, [(3, 1.0)], 1.0), np.random.default_rng(0), 0.3
    difference = []
    for _ in range(400):
        clean, _ = data.sample(rng, 30)
        x = clean + np.sqrt(t) * rng.standard_normal(clean.shape)
        weights = np.exp(-((x[:, None] - clean) ** 2).sum(2) / (2 * t))
        weights /= weights.sum(1, keepdims=True)
        difference.append(np.trace(weights) / 30 - (weights**2).sum() / 30)
    assert abs(np.mean(difference)) < 4 * np.std(difference) / 20


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: memorisation.t_memorisation(1, [1.0]), "points"),
        (lambda: memorisation.t_memorisation(2.0, [1.0]), "points"),
        (lambda: memorisation.t_memorisation(10, []), "variances"),
        (lambda: memorisation.t_memorisation(10, [1.0, 0.0]), "variances"),
        (lambda: memorisation.t_memorisation(10, [np.nan]), "variances"),
        (lambda: memorisation.information(0.0, [1.0]), "t"),
        (lambda: memorisation.own_weight(10, -1.0, 1.0, 1.0), "information"),
        (lambda: memorisation.own_weight(10**400, 1.0, 1.0, 1.0), "points"),
        (lambda: memorisation.information_of_traces([1.0, 0.5], [1.0, 1.0], [1.0]), "t"),
        (lambda: memorisation.information_of_traces([0.5, 1.0], [1.0], [1.0]), "traces"),
        (lambda: memorisation.tabulated([1.0], [1.0], [1.0], [1.0]), "t"),
        (lambda: memorisation.dispersions([[np.inf]]), "values"),
    ],
)  # fmt: skip
def test_refuses(call, named):
    with pytest.raises(InputError) as caught:
        call()
    assert caught.value.key == named


def test_committed_table_says_what_the_page_says():
    """docs/explanation/memorisation.md: how far the laws are from simulation."""
    with simulation.RECORD.open() as file:
        rows = list(csv.DictReader(file))
    assert {row["ambient_dim"] for row in rows} >= {"16", "32", "100", "200"}
    assert {int(row["points"]) for row in rows} == set(simulation.NUMBERS)
    for row in rows:
        law, corrected = float(row["law_over_found"]), float(row["corrected_over_found"])
        scatter = float(row["found_spread"]) / float(row["spread"])
        if row["family"] == "mixture":  # the information of which component it is is no Gaussian
            assert 1.5 <= scatter < 2.4, row
            few = int(row["points"]) < 1000
            assert (1.31 < corrected < 1.33) if few else abs(corrected - 1) < 2 * float(row["error"]), row
            assert 0.88 < law < 0.99 or not few, row
        else:
            assert 0.63 < law < 0.94, row
            assert abs(corrected - 1) < 0.08, row
            assert abs(np.log(corrected)) < abs(np.log(law)), row
            assert 0.75 < scatter < 0.9, row
