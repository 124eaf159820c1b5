"""Verdicts: against scipy's tests, by hand at every border, and over many invented runs."""

import math

import error_rates
import numpy as np
import pytest
from scipy import stats

from scoregap.regression.baselines import Record
from scoregap.regression.metrics import Metric
from scoregap.regression.theory import Theory
from scoregap.regression.verdicts import Row, compare_records, holm, worst_first
from scoregap.study import digest


def metric(values, kind="dimension", margin=1.0, network="gated-8"):
    return Metric(network=network, kind=kind, margin=margin, values=[None if v is None else float(v) for v in values])


def record(metrics, seeds=None, config=None, **other):
    config = config or {}
    seeds = list(range(len(next(iter(metrics.values())).values))) if seeds is None else seeds
    fields = {"study": "s", "device": "Linux x, cpu", "versions": "", "revision": "abc"} | other
    return Record(config=config, config_hash=digest(config), seeds=seeds, metrics=metrics, **fields)


def verdicts(old, new, seeds=None, **options):
    """{name: row} of two sets of metrics."""
    return {row.name: row for row in compare_records(record(old), record(new, seeds, **options)).rows}


RNG = np.random.default_rng(3)


@pytest.mark.parametrize("kind", ["dimension", "spectrum"])
@pytest.mark.parametrize("size", [3, 8])
def test_one_metric_alone_is_the_paired_test_of_scipy(kind, size):
    a, b = (np.exp(RNG.standard_normal(size)) for _ in range(2))
    row = verdicts({"z": metric(a, kind)}, {"z": metric(b, kind)})["z"]
    if kind == "spectrum":
        a, b = np.log(a), np.log(b)
    wanted = stats.ttest_rel(b, a)
    ends = wanted.confidence_interval(0.9)
    assert row.p == pytest.approx(wanted.pvalue, rel=1e-6)
    assert (row.low, row.high) == pytest.approx((ends.low, ends.high), rel=1e-6)
    assert row.difference == pytest.approx((b - a).mean())
    assert (row.mean, row.new, row.spread) == pytest.approx((a.mean(), b.mean(), a.std(ddof=1)))


def test_seeds_are_paired_by_their_values_and_not_their_places():
    a, b = RNG.standard_normal(4), RNG.standard_normal(3)
    row = verdicts({"z": metric(a)}, {"z": metric(b)}, seeds=[2, 0, 3])["z"]
    assert row.p == pytest.approx(stats.ttest_rel(b, a[[2, 0, 3]]).pvalue, rel=1e-6)


@pytest.mark.parametrize("seeds", [[10, 11, 12, 13], [0, 1, 12, 13]])
def test_other_seeds_are_the_test_of_welch(seeds):
    a, b = RNG.standard_normal(8), 2 * RNG.standard_normal(4) + 1
    row = verdicts({"z": metric(a)}, {"z": metric(b)}, seeds=seeds)["z"]
    wanted = stats.ttest_ind(b, a, equal_var=False)
    ends = wanted.confidence_interval(0.9)
    assert row.p == pytest.approx(wanted.pvalue, rel=1e-6)
    assert (row.low, row.high) == pytest.approx((ends.low, ends.high), rel=1e-6)


def test_holm():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.4, math.nan, 0.9]), [1, 1, 1])
    assert holm([]).size == 0


BASE = [0.1, -0.1, 0.0, 0.1, -0.1, 0.0]
NOISE = np.array([0.1, 0.0, -0.1, -0.1, 0.1, 0.0])


@pytest.mark.parametrize(
    ("shift", "margin", "verdict"),
    [
        (0.0, 0.5, "same"),
        (0.3, 0.5, "same"),
        (0.45, 0.5, "inconclusive"),  # the interval crosses the margin
        (0.6, 0.5, "worse"),
        (-0.6, 0.5, "worse"),  # away from the truth on the other side
        (0.6, 0.65, "inconclusive"),
        (0.6, 0.9, "same"),  # significant, and does not matter
    ],
)
def test_verdicts_at_the_margin(shift, margin, verdict):
    row = verdicts({"z": metric(BASE, margin=margin)}, {"z": metric(np.array(BASE) + NOISE + shift)})["z"]
    assert row.verdict == verdict
    assert row.in_margins == pytest.approx(shift / margin)


def test_a_number_that_one_seed_has_is_the_same_if_it_has_not_changed():
    """A gap that is visible in one seed only: an unchanged run was inconclusive."""
    old = metric([1.2, None, None], "t_max", 0.1)
    assert verdicts({"z": old}, {"z": old})["z"].verdict == "same"
    row = verdicts({"z": old}, {"z": metric([1.21, None, None], "t_max")})["z"]
    assert (row.verdict, math.isnan(row.low)) == ("inconclusive", True)  # how it scatters nobody knows
    assert verdicts({"z": old}, {"z": metric([None, 1.2, None], "t_max")})["z"].verdict == "inconclusive"
    assert verdicts({"z": old}, {"z": old}, seeds=[3, 4, 5])["z"].verdict == "inconclusive"


def test_a_large_shift_that_noise_explains_is_inconclusive():
    noisy = np.add(BASE, [5, -3, 4, -2, 6, -4])
    assert verdicts({"z": metric(BASE, margin=0.1)}, {"z": metric(noisy)})["z"].verdict == "inconclusive"


@pytest.mark.parametrize(
    ("kind", "old", "new", "verdict"),
    [
        ("dimension", 3, 1, "better"),
        ("dimension", -3, -1, "better"),
        ("dimension", 1, -3, "worse"),
        ("t_max", 0.5, 0.9, "better"),
        ("t_max", 0.9, 0.5, "worse"),
        ("t_max", 1.1, 2.0, "worse"),
        ("t_resolution", 0.9, 0.5, "better"),
        ("spectrum", 0.5, 0.9, "worse"),
        ("excess", 0.9, 0.5, "better"),
        ("cost", 1e9, 2e9, "worse"),
        ("estimate", 3, 1, "better"),
    ],
)
def test_what_is_better(kind, old, new, verdict):
    old, new = (metric([value, value * 1.001, value * 0.999], kind, 0.1) for value in (old, new))
    assert verdicts({"z": old}, {"z": new})["z"].verdict == verdict


def test_a_run_that_is_the_same_to_the_last_bit_is_the_same():
    old, _ = error_rates.records(np.random.default_rng(0), error_rates.SCENARIOS[3])
    rows = compare_records(old, old).rows
    assert {row.verdict for row in rows} == {"same"}
    assert all(row.p == 1 and row.in_margins == 0 for row in rows)


def test_one_seed_decides_nothing():
    row = verdicts({"z": metric([1.0])}, {"z": metric([9.0])})["z"]
    assert row.verdict == "inconclusive"
    assert math.isnan(row.low)


def test_a_constant_that_jumps_is_worse_without_any_scatter():
    assert verdicts({"z": metric([0, 0, 0])}, {"z": metric([2, 2, 2])})["z"].verdict == "worse"


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ([1, 2, 3, 4], [1, 2, 3, None], "inconclusive"),
        ([1, 2, 3, 4], [1, 2, None, None], "inconclusive"),
        ([1, 2, None, 4], [1, None, 3, 4], "inconclusive"),  # as many, and not the same seeds
        ([1, 2, None, None], [1, 2, None, None], "same"),
        ([1, 2, None, None], [1, 2, 3, None], "same"),  # more is no loss
        ([1, 2, 3, 4], [-99, -98, -97, None], "worse"),
        ([99, 98, 97, 96], [1, 2, 3, None], "inconclusive"),  # nor is it better without a seed
        ([1, 2, 3, 4], [1, None, None, None], "missing"),
        ([1, 2, None, None], [1, None, None, None], "inconclusive"),
        ([1, 2, 3, 4], None, "missing"),
    ],
)
def test_numbers_that_have_gone(old, new, verdict):
    other = {"y": metric([1, 2, 3, 4.5])}  # of the same kind, so that there is a spread
    now = other if new is None else other | {"z": metric(new, margin=9)}
    assert verdicts(other | {"z": metric(old, margin=9)}, now)["z"].verdict == verdict


@pytest.mark.parametrize("kind", ["t_consolidation", "t_max", "excess"])
def test_a_time_that_is_gone_in_one_of_three_seeds_is_not_the_same(kind):
    """Before, of what was seen in three of three seeds and then in two, the two were compared, and were the same."""
    old, new = (metric(values, kind, 0.5) for values in ([1.0, 1.01, 0.99], [1.0, 1.01, None]))
    assert verdicts({"z": old}, {"z": new})["z"].verdict == "inconclusive"
    assert verdicts({"z": new}, {"z": old})["z"].verdict == "same"
    others = {"y": metric([1.0, 1.01, 0.99], kind, 0.5)}
    assert verdicts({"z": old} | others, {"z": new} | others, seeds=[7, 8, 9])["z"].verdict == "same"  # other draws


def test_numbers_that_were_not_there_are_new():
    assert verdicts({"z": metric([1, 2])}, {"z": metric([1, 2]), "y": metric([1, 2])})["y"].verdict == "new"


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ([1.0, 2.0], [1.0, 2.0 * (1 + 9e-6)], "same"),
        ([1.0, 2.0], [1.0, 2.0 * (1 + 1.1e-5)], "worse"),
        ([1.0, 2.0], [1.0 - 2e-5, 2.0], "worse"),
        ([0.0, 4.0], [0.0, 4.0], "same"),
        ([0.0, 4.0], [1.0, 4.0], "worse"),
        ([1.0, None], [1.0, None], "same"),
        ([1.0, None], [1.0, 2.0], "new"),
        ([1.0, None], [5.0, 2.0], "worse"),  # although there is a new one
        ([None, 1.0], [2.0, None], "missing"),
        ([1.0, 2.0], [1.0, None], "missing"),
        ([1.0, 2.0], None, "missing"),
    ],
)
def test_numbers_that_do_not_scatter_agree_to_rounding(old, new, verdict):
    now = {} if new is None else {"z": metric(new, margin=None)}
    rows = compare_records(record({"z": metric(old, margin=None)}), record(now, seeds=[0, 1])).rows
    assert [row.verdict for row in rows] == [verdict]
    if verdict in ("same", "worse"):
        assert (abs(rows[0].in_margins) > 1) == (verdict == "worse")


def test_spectra_and_excess_round_in_absolute_terms_too():
    for kind, verdict in (("spectrum", "same"), ("excess", "same"), ("t_max", "worse")):
        old, new = (metric([value] * 2, kind, None) for value in (1e-7, 9e-7))
        assert verdicts({"z": old}, {"z": new})["z"].verdict == verdict


def test_numbers_that_do_not_scatter_are_compared_at_common_seeds_only():
    old = record({"z": metric([1, 2], margin=None), "y": metric([1, 2])})
    assert (
        compare_records(old, record({"z": metric([2, 9], margin=None), "y": metric([1, 2])}, seeds=[1, 5]))
        .rows[-1]
        .name
    )
    found = {
        row.name: row for row in compare_records(old, record({"z": metric([2, 9], margin=None)}, seeds=[1, 5])).rows
    }
    assert found["z"].verdict == "same"
    apart = compare_records(old, record({"z": metric([7, 8], margin=None), "y": metric([1, 2])}, seeds=[4, 5]))
    assert apart.apart == 1
    assert [row.name for row in apart.rows] == ["y"]


def test_a_mean_over_cells_that_are_all_lost_is_judged_by_its_own_scatter():
    """Of two cells with most seeds gone the mean may have as many as before: it was looked for among the cells."""
    cells = {"a": [1, 1.2, 1.1, None, None, None], "b": [None, None, 1.3, 1, 1.2, 1.1]}
    gone = {"a": [None, None, 1.1, None, None, None], "b": [None, None, 1.3, None, None, None]}
    mean = metric([None, None, 1.2, None, None, None]).model_copy(update={"cells": 2})
    old, new = ({name: metric(one) for name, one in some.items()} | {"mean": mean} for some in (cells, gone))
    assert {name: row.verdict for name, row in verdicts(old, new).items()} == {
        "a": "missing", "b": "missing", "mean": "same"
    }  # fmt: skip


def test_failed_cells_are_missing_and_come_first():
    new = record({"z": metric([9, 9.1])}, not_ok=["c: diverged, seed 1"])
    rows = compare_records(record({"z": metric([0, 0.1])}), new).rows
    assert rows[0] == Row("c: diverged, seed 1", "missing")


def test_worst_first():
    rows = [Row("d", "same"), Row("a", "worse", difference=2, margin=1), Row("b", "worse", difference=-3, margin=1)]
    rows += [Row("e", "same", theory=Theory("disagrees")), Row("h", "missing"), Row("c", "missing"), Row("f", "better")]
    assert [row.name for row in worst_first(rows)] == ["c", "h", "b", "a", "f", "e", "d"]


# ---------------------------------------------------------------- error rates


@pytest.mark.slow
def test_unchanged_runs_are_worse_in_at_most_one_of_a_hundred_runs():
    """240 unchanged runs of 80 metrics; of 240 with a probability of .01, more than 7 have one of .006."""
    worse = sum(error_rates.unchanged(scenario, 24, seed=7)[0] for scenario in error_rates.SCENARIOS)
    assert worse <= 7


@pytest.mark.slow
def test_shifts_of_two_margins_are_caught():
    for scenario in (error_rates.SCENARIOS[0], error_rates.SCENARIOS[6], error_rates.SCENARIOS[8]):
        assert error_rates.caught(scenario, 2.0, 20, seed=7) >= 18, scenario.name
        assert error_rates.caught(scenario, 0.3, 20, seed=7) == 0, scenario.name
