"""Verdicts: against scipy's tests, by hand at every border, and over many invented runs."""

import itertools
import json
import math
import subprocess
from datetime import UTC, datetime
from types import SimpleNamespace
from xml.etree import ElementTree

import error_rates
import numpy as np
import pytest
from scipy import stats

from scoregap import InputError, storage
from scoregap.gate import metrics as baselines
from scoregap.gate import verdicts as gate
from scoregap.gate.metrics import Metric, Record
from scoregap.gate.verdicts import Report, Row, Theory, compare, differences, holm
from scoregap.stages.compare import compare as compared
from scoregap.study import digest
from scoregap.variables import STATES


def metric(values, kind="dimension", margin=1.0, network="gated-8"):
    return Metric(network=network, kind=kind, margin=margin, values=[None if v is None else float(v) for v in values])


def record(metrics, seeds=None, config=None, **other):
    config = config or {}
    seeds = list(range(len(next(iter(metrics.values())).values))) if seeds is None else seeds
    fields = {"study": "s", "device": "Linux x, cpu", "versions": "", "revision": "abc"} | other
    return Record(config=config, config_hash=digest(config), seeds=seeds, metrics=metrics, **fields)


def verdicts(old, new, seeds=None, **options):
    """{name: row} of two sets of metrics."""
    return {row.name: row for row in compare(record(old), record(new, seeds, **options)).rows}


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
    rows = compare(old, old).rows
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
        ([1, 2, 3, 4], [1, 2, 3, None], "same"),
        ([1, 2, 3, 4], [1, 2, None, None], "same"),
        ([1, 2, 3, 4], [1, None, None, None], "missing"),
        ([1, 2, None, None], [1, None, None, None], "same"),
        ([1, 2, 3, 4], None, "missing"),
    ],
)
def test_numbers_that_have_gone(old, new, verdict):
    other = {"y": metric([1, 2, 3, 4.5])}  # of the same kind, so that there is a spread
    now = other if new is None else other | {"z": metric(new, margin=9)}
    assert verdicts(other | {"z": metric(old, margin=9)}, now)["z"].verdict == verdict


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
        ([1.0, 2.0], [1.0, None], "missing"),
        ([1.0, 2.0], None, "missing"),
    ],
)
def test_numbers_that_do_not_scatter_agree_to_rounding(old, new, verdict):
    now = {} if new is None else {"z": metric(new, margin=None)}
    rows = compare(record({"z": metric(old, margin=None)}), record(now, seeds=[0, 1])).rows
    assert [row.verdict for row in rows] == [verdict]
    if verdict in ("same", "worse"):
        assert (abs(rows[0].in_margins) > 1) == (verdict == "worse")


def test_spectra_and_excess_round_in_absolute_terms_too():
    for kind, verdict in (("spectrum", "same"), ("excess", "same"), ("t_max", "worse")):
        old, new = (metric([value] * 2, kind, None) for value in (1e-7, 9e-7))
        assert verdicts({"z": old}, {"z": new})["z"].verdict == verdict


def test_numbers_that_do_not_scatter_are_compared_at_common_seeds_only():
    old = record({"z": metric([1, 2], margin=None), "y": metric([1, 2])})
    assert compare(old, record({"z": metric([2, 9], margin=None), "y": metric([1, 2])}, seeds=[1, 5])).rows[-1].name
    found = {row.name: row for row in compare(old, record({"z": metric([2, 9], margin=None)}, seeds=[1, 5])).rows}
    assert found["z"].verdict == "same"
    apart = compare(old, record({"z": metric([7, 8], margin=None), "y": metric([1, 2])}, seeds=[4, 5]))
    assert apart.apart == 1
    assert [row.name for row in apart.rows] == ["y"]


def test_failed_cells_are_missing_and_come_first():
    new = record({"z": metric([9, 9.1])}, not_ok=["c: diverged, seed 1"])
    rows = compare(record({"z": metric([0, 0.1])}), new).rows
    assert rows[0] == Row("c: diverged, seed 1", "missing")


def test_worst_first():
    rows = [Row("d", "same"), Row("a", "worse", difference=2, margin=1), Row("b", "worse", difference=-3, margin=1)]
    rows += [Row("e", "same", theory=Theory("disagrees")), Row("h", "missing"), Row("c", "missing"), Row("f", "better")]
    assert [row.name for row in gate.worst_first(rows)] == ["c", "h", "b", "a", "f", "e", "d"]


def test_what_cannot_be_compared_says_which():
    config = {"train": {"steps": 40, "noise": {"start": 1.0}}, "axes": {"curvature": [0.0]}}
    old = record({"z": metric([1, 2])}, config=config)
    assert differences(old, old) == []
    other = {
        "train": {"steps": 20, "noise": {"start": 1.0}},
        "axes": {"curvature": [0.0, 0.5]},
        "dimension": {"points": 2},
    }
    assert differences(old, record({"z": metric([1, 2])}, config=other, study="t", device="Linux x, cuda")) == [
        "study: s in the baseline, t here",
        "data: axes.curvature: [0.0] in the baseline, [0.0, 0.5] here",
        "data: dimension.points: None in the baseline, 2 here",
        "data: train.steps: 40 in the baseline, 20 here",
        "device class: Linux x, cpu in the baseline, Linux x, cuda here",
    ]


# ---------------------------------------------------------------- error rates


def test_unchanged_runs_are_worse_in_at_most_one_of_a_hundred_runs():
    """240 unchanged runs of 80 metrics; of 240 with a probability of .01, more than 7 have one of .006."""
    worse = sum(error_rates.unchanged(scenario, 24, seed=7)[0] for scenario in error_rates.SCENARIOS)
    assert worse <= 7


def test_shifts_of_two_margins_are_caught():
    for scenario in (error_rates.SCENARIOS[0], error_rates.SCENARIOS[6], error_rates.SCENARIOS[8]):
        assert error_rates.caught(scenario, 2.0, 20, seed=7) >= 18, scenario.name
        assert error_rates.caught(scenario, 0.3, 20, seed=7) == 0, scenario.name


# ---------------------------------------------------------------- theory, and what both say together


WORDS = {
    "agrees": "agrees",
    "agrees (exact not known in 1)": "agrees",
    "both above the grid": "agrees",
    "no visible gap in either": "agrees",
    "disagrees": "disagrees",
    "inconclusive": "inconclusive",
    "seen in 1, exact in 3": "inconclusive",
    "trained below the grid, exact no visible gap": "disagrees",
    "law above the grid, exact below the grid": "disagrees",
    "no exact arm": "",
    "no law": "",
    "exact not known": "",
}


def test_words_of_the_comparison():
    assert {words: gate.agreement(words) for words in WORDS} == WORDS
    for state in STATES.values():
        assert gate.agreement(f"both {state}") == "agrees"


@pytest.fixture(scope="module")
def accepted(results, tmp_path_factory):
    """A baseline of that run."""
    path = tmp_path_factory.mktemp("baselines") / "tiny.json"
    baselines.write(path, baselines.take(*results))
    return path


def test_theory_is_the_comparison_under_the_names_of_metrics(results):
    study, folder = results
    found = gate.theory(study, folder)
    (ds,) = storage.read_cube(folder / "cube.zarr").values()
    rows = [row for row in compared(study, ds) if row["quantity"] in baselines.PHASES]
    assert len(found) == len(rows) == 8  # two curvatures, four times
    for row in rows:
        name = f"curvature={row['curvature']:g} gated-8: {row['quantity']}[{row['gap']}]"
        assert found[name][:2] == (gate.agreement(row["verdict"]), row["verdict"])
        ratios = np.array([row["ratio"], row["ratio_low"], row["ratio_high"]])
        np.testing.assert_allclose(found[name][2:], (ratios - 1) / row["margin"], rtol=1e-3, atol=1e-4)


def test_a_comparison_of_another_study_is_refused(results, tmp_path):
    study, folder = results
    text, _ = storage.read_table(folder / "comparison.csv")
    storage.write_table(tmp_path / "comparison.csv", text, "other")
    with pytest.raises(InputError, match="rerun compare"):
        gate.theory(study, tmp_path)


def test_a_run_against_itself(results, accepted):
    report, why = gate.check(*results, accepted)
    assert why == []
    assert report.worst("baseline") == "same"
    assert report.status(strict=True) == gate.OK
    text = gate.render(report)
    assert "gated-8: dimension[gap_detector] " in text
    assert "against the baseline (required): " in text
    assert "against the theory (not required): " in text
    assert len([row for row in report.rows if row.theory.verdict]) == 8


def test_without_the_baseline_that_is_required_there_is_no_check(results, tmp_path):
    with pytest.raises(InputError, match="scoregap baseline accept"):
        gate.check(*results, tmp_path / "absent.json")


def test_without_a_baseline_theory_can_be_asked_alone(results, tmp_path):
    study, folder = results
    document = study.document.model_copy(
        update={"compare": study.document.compare.model_copy(update={"require": ["theory"]})}
    )
    alone = type(study)(study.path, document, study.axes)
    assert alone.hash == study.hash  # what must pass changes no result
    report, _ = gate.check(alone, folder, None)
    assert report.worst("baseline") == ""
    assert {row.theory.verdict for row in report.rows} <= {"agrees", "disagrees", "inconclusive"}
    assert "there is none" in gate.render(report)


def test_what_is_not_comparable_is_said(results, accepted, tmp_path):
    old = baselines.read(accepted)
    baselines.write(tmp_path / "b.json", old.model_copy(update={"device": "Linux x86_64, cuda"}))
    report, why = gate.check(*results, tmp_path / "b.json")
    assert report is None
    assert [one.split(":")[0] for one in why] == ["device class"]


def report_of(require, *rows):
    study = SimpleNamespace(name="s", document=SimpleNamespace(compare=SimpleNamespace(require=list(require))))
    return Report(study, None, gate.worst_first(list(rows)), 0)


GOOD, BAD, UNCLEAR = ("same", "better"), ("worse", "missing"), ("inconclusive", "new")


@pytest.mark.parametrize("strict", [False, True])
def test_exit_statuses(strict):
    for verdict, theory in itertools.product((*GOOD, *BAD, *UNCLEAR), ("agrees", "disagrees", "inconclusive", "")):
        rows = Row("a", "same", theory=Theory("agrees")), Row("b", verdict, theory=Theory(theory))
        baseline = 1 if verdict in BAD else 3 if strict and verdict in UNCLEAR else 0
        against = 1 if theory == "disagrees" else 3 if strict and theory == "inconclusive" else 0
        assert report_of(["baseline"], *rows).status(strict) == baseline
        assert report_of(["theory"], *rows).status(strict) == against
        both = report_of(["baseline", "theory"], *rows).status(strict)
        assert both == (1 if 1 in (baseline, against) else max(baseline, against))


def test_json_has_every_row_and_no_nan():
    theory = Theory("agrees", "agrees", 0.5)
    rows = [Row("a", "worse", True, 0.0, 0.1, 0.5, 0.5, 0.4, 0.6, 0.2, 0.0, theory), Row("b", "missing")]
    answer = json.loads(gate.as_json(report_of(["baseline"], *rows), False), parse_constant=pytest.fail)
    assert (answer["study"], answer["status"], answer["baseline"], answer["theory"]) == ("s", 1, "missing", "agrees")
    assert [row["name"] for row in answer["metrics"]] == ["b", "a"]
    assert answer["metrics"][1]["in_margins"] == pytest.approx(2.5)
    assert answer["metrics"][0]["difference"] is None
    assert answer["metrics"][1]["theory"] == {
        "verdict": "agrees",
        "words": "agrees",
        "at": 0.5,
        "low": None,
        "high": None,
    }


@pytest.mark.parametrize(
    ("require", "strict", "failures"),
    [(["baseline"], False, 1), (["baseline"], True, 2), (["theory"], True, 1), (["baseline", "theory"], False, 2)],
)
def test_junit_counts_what_is_required(require, strict, failures):
    rows = (
        Row("a", "worse", theory=Theory("agrees")),
        Row("b", "inconclusive", theory=Theory("disagrees")),
        Row("c & <d>", "same"),
    )
    suite = ElementTree.fromstring(gate.junit(report_of(require, *rows), strict))
    assert suite.get("tests") == "5"
    assert suite.get("failures") == str(failures) == str(len(suite.findall("testcase/failure")))
    assert suite.get("skipped") == str(3 - failures) == str(len(suite.findall("testcase/skipped")))
    assert {case.get("classname") for case in suite} == {"s.baseline", "s.theory"}


def test_numbers_of_the_table():
    row = Row(
        "a", "worse", True, math.log(2), math.log(1.1), math.log(3), math.log(1.5), 0.0, math.log(2), math.log(1.5), 0.1
    )
    assert gate._numbers(row) == ("2 ± 10.0%", "3", "+50.0% [+0.0%, +100.0%]", "+1.00")
    fixed = Row("a", "worse", False, 4.0, 0.5, 5.0, 1.0, 1.0, 1.0, 0.5)
    assert gate._numbers(fixed) == ("4 ± 0.5", "5", "+1", "+2.00")
    assert gate._numbers(Row("a", "missing")) == ("", "", "", "")


def test_a_long_table_is_cut_and_says_so():
    text = gate.render(report_of(["theory"], *[Row(f"m{i}", "same") for i in range(gate.SHOWN + 3)]))
    assert "... and 3 more" in text


# ---------------------------------------------------------------- accepting


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A committed git tree, and nothing that keeps the tiny study's run from being a baseline."""
    root = tmp_path / "tree"
    (root / "results" / "baselines").mkdir(parents=True)
    for name, value in {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("CI", raising=False)
    (root / "code.py").write_text("1")
    who = ["-c", "user.name=n", "-c", "user.email=n@example.org"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "first"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    monkeypatch.setattr(gate, "FEWEST", 2)
    take = baselines.take
    monkeypatch.setattr(
        baselines,
        "take",
        lambda *given: take(*given).model_copy(update={"revision": "abc"}),  # whatever ours is
    )
    return root


def accept(results, tree, reason="first"):
    path = tree / "results" / "baselines" / "tiny.json"
    return gate.accept(*results, reason, path, tree), path


def test_a_baseline_is_accepted_and_the_run_is_the_same_as_it(results, tree):
    made, path = accept(results, tree, " the\n first ")
    assert baselines.read(path) == made
    assert (made.reason, made.date) == ("the first", datetime.now(UTC).date().isoformat())
    assert gate.check(*results, path)[0].status(strict=True) == gate.OK
    before = path.read_bytes()
    accept(results, tree, "the first")  # baselines may be uncommitted, so that several can be accepted
    assert path.read_bytes() == before


def refused(results, tree, says, reason="first"):
    path = tree / "results" / "baselines" / "tiny.json"
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(InputError, match=says) as caught:
        accept(results, tree, reason)
    assert len(str(caught.value).splitlines()) == 1
    assert (path.read_bytes() if path.exists() else None) == before


def test_no_baseline_in_ci(results, tree, monkeypatch):
    monkeypatch.setenv("CI", "true")
    refused(results, tree, "CI is set")


def test_no_baseline_without_a_reason(results, tree):
    refused(results, tree, "--reason is empty", reason=" \n")


@pytest.mark.parametrize("change", ["edited", "untracked"])
def test_no_baseline_of_an_uncommitted_tree(results, tree, change):
    (tree / ("code.py" if change == "edited" else "more.py")).write_text("2")
    refused(results, tree, "1 uncommitted changes, as (code|more).py")


def test_no_baseline_without_git(results, tree, tmp_path):
    (tree / ".git").rename(tmp_path / "aside")
    refused(results, tree, "is not a git tree")


def test_no_baseline_of_a_cube_of_an_uncommitted_tree(results, tree, monkeypatch):
    take = baselines.take
    monkeypatch.setattr(baselines, "take", lambda *given: take(*given).model_copy(update={"revision": "abc-dirty"}))
    refused(results, tree, "uncommitted tree, abc-dirty")


def test_no_baseline_of_too_few_seeds(results, tree, monkeypatch):
    monkeypatch.setattr(gate, "FEWEST", 3)
    refused(results, tree, "2 seeds are too few")


def test_no_baseline_of_failed_cells(results, tree, monkeypatch):
    take = baselines.take
    monkeypatch.setattr(
        baselines, "take", lambda *given: take(*given).model_copy(update={"not_ok": ["c: failed, seed 1"]})
    )
    refused(results, tree, "1 cells are not ok, as c: failed, seed 1")


def changed(record, factors, name="curvature=0.5 gated-8: excess"):
    one = record.metrics[name]
    moved = [value * factor for value, factor in zip(one.values, factors, strict=True)]
    return record.model_copy(
        update={"metrics": record.metrics | {name: one.model_copy(update={"values": moved, "margin": 0.1})}}
    )


def test_no_baseline_on_inconclusive_results_but_on_clear_ones(results, tree):
    made, path = accept(results, tree)
    baselines.write(path, changed(made, [1.5, 0.6]))
    refused(results, tree, "inconclusive, as curvature=0.5 gated-8: excess")
    baselines.write(path, changed(made, [2.0, 2.0]))
    accept(results, tree)


def test_another_study_of_the_same_name_replaces_it(results, tree):
    made, path = accept(results, tree)
    config = made.config | {"spectrum": {}}
    other = changed(made, [1.5, 0.6]).model_copy(update={"config": config, "config_hash": digest(config)})
    baselines.write(path, other)
    assert accept(results, tree)[0].config == made.config
