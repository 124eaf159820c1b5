"""What differs between a baseline and a run: what may, in words, and which metrics of the two are the same."""

import error_rates
import numpy as np
import pytest

from scoregap import InputError
from scoregap.regression import changes
from scoregap.regression.baselines import Record, with_margins
from scoregap.regression.changes import Allowed, match
from scoregap.regression.metrics import Metric, across, named
from scoregap.regression.verdicts import compare_records
from scoregap.study import digest

BOTH = Allowed(frozenset(changes.SECTIONS))


def metrics(networks, steps=(1,), rng=None):
    """Of cells of two curvatures, and of several steps: of networks, which scatter, and the exact score."""
    rng, found = rng or np.random.default_rng(0), {}
    for c in (0.0, 0.5):
        for n in steps:
            label = {"curvature": c} | ({"train.steps": n} if len(steps) > 1 else {})
            for name in (*networks, "exact"):
                for quantity in ("excess", "cost", "t_max[0]") if name != "exact" else ("t_max[0]",):
                    kind, margin = quantity.split("[")[0], None if name == "exact" else 0.1
                    values = np.exp(0.1 * rng.standard_normal(4)).tolist() if margin else [1.0] * 4
                    found[named(label, name, quantity)] = Metric(network=name, kind=kind, margin=margin, values=values)
    found[named({}, "law", "t_max[0]")] = Metric(network="law", kind="t_max", margin=None, values=[2.0] * 4)
    return with_margins(found | across(found))


def record(networks=("gated-8",), scores=("exact",), steps=(1,), sections=None, seeds=range(4), **other):
    axes = {"curvature": [0.0, 0.5], "network": [*scores, *networks]} | ({"train.steps": [*steps]} if steps[1:] else {})
    config = {"axes": axes, "train": {"steps": steps[0]}, "spectrum": {"points": 4}} | (sections or {})
    fields = {"study": "s", "device": "Linux x, cpu", "versions": "python 3.11, numpy 2.0", "revision": "abc"} | other
    rng = np.random.default_rng(len(networks))
    return Record(
        config=config,
        config_hash=digest(config),
        seeds=list(seeds),
        metrics=metrics(networks, steps, rng=rng),
        **fields,
    )


def test_what_does_not_differ_is_not_said():
    one = record()
    found = match(one, one)
    assert (found.old, found.new, found.differs, found.refused) == (one, one, (), ())


def test_what_differs_is_said_section_by_section():
    groups = [{"std": 1.0, "fraction": 0.5}, {"std": 0.1, "fraction": 0.5}]
    old = record(sections={"manifold": {"groups": groups}, "fit": {"level": 0.5}})
    other = {"manifold": {"groups": [groups[0], groups[1] | {"std": 0.3}]}, "spectrum": {"points": 8, "step": 1}}
    found = match(old, record(sections=other), BOTH)
    assert found.refused == (
        "fit: level 0.5 in the baseline, not set here",
        "manifold: groups.1.std 0.1 in the baseline, 0.3 here",
        "spectrum: points 4 in the baseline, 8 here, step not set in the baseline, 1 here",
    )


def test_what_may_always_differ():
    other = {"study": "t", "device": "Plan 9, cuda", "versions": "python 3.11, numpy 2.1, zarr 3.0", "revision": "def"}
    found = match(record(), record(**other))
    assert found.refused == ()
    assert found.differs == (
        "study: s in the baseline, t here",
        "machine: Linux x, cpu in the baseline, Plan 9, cuda here",
        "libraries: numpy 2.0 in the baseline, 2.1 here, zarr none in the baseline, 3.0 here",
        "code: revision abc in the baseline, def here",
    )
    assert match(record(versions=""), record(versions="something else")).refused == ()  # whatever stands there


@pytest.mark.parametrize("allow", [(), ("network",)])
def test_training_is_not_compared_unless_it_is_allowed(allow):
    old, new = record(), record(sections={"train": {"steps": 2}})
    (why,) = match(old, new, Allowed(frozenset(allow))).refused
    assert why == "train: steps 1 in the baseline, 2 here (--allow train compares them)"
    assert match(old, new, Allowed(frozenset({"train"}))).refused == ()


def test_one_network_stands_for_another():
    found = match(record(), record(("resmlp-16",)), BOTH)
    assert found.old.metrics.keys() == found.new.metrics.keys()
    assert {one.network for one in found.old.metrics.values()} == {"exact", "law", "resmlp-16"}
    assert "networks compared: resmlp-16 with gated-8 of the baseline" in found.differs
    assert not [name for name in found.old.metrics if "cost" in name]
    assert found.differs[-1].startswith("cost of training over the baseline's, which is not judged: resmlp-16 ")
    assert match(record(), record(("resmlp-16",))).refused[0].startswith("network: [exact, gated-8] in the baseline, ")


PAIRS = [
    # of the baseline, here, stated -> which here stands for which
    (("a-1", "b-1"), ("c-1", "d-1"), {}, {"a-1": "c-1", "b-1": "d-1"}),
    (("a-1", "b-1"), ("b-1", "a-1"), {}, {"a-1": "a-1", "b-1": "b-1"}),  # by name, not by position
    (("a-1", "b-1"), ("b-1", "c-1"), {}, {"a-1": "b-1", "b-1": "c-1"}),
    (("a-1", "b-1"), ("b-1",), {}, {"b-1": "b-1"}),
    (("a-1",), ("b-1", "a-1"), {}, {"a-1": "a-1"}),
    (("a-1", "b-1"), ("c-1", "d-1"), {"a-1": "d-1"}, {"a-1": "d-1"}),
    (("a-1", "b-1"), ("b-1", "c-1"), {"a-1": "c-1"}, {"a-1": "c-1", "b-1": "b-1"}),
    (("a-1", "b-1"), ("a-1", "b-1"), {"a-1": "b-1"}, {"a-1": "b-1"}),
]


@pytest.mark.parametrize(("was", "now", "stated", "expected"), PAIRS)
def test_networks_are_paired_as_stated_or_by_name_or_by_position(was, now, stated, expected):
    names = {"a-1": "gated-8", "b-1": "gated-16", "c-1": "resmlp-8", "d-1": "normed-8"}
    was, now = ([names[one] for one in ones] for ones in (was, now))
    stated, expected = ({names[a]: names[b] for a, b in ones.items()} for ones in (stated, expected))
    old, new = record(was), record(now)
    found = match(old, new, Allowed(BOTH.sections, stated))
    assert found.refused == ()
    for a, b in expected.items():
        for kind in ("excess", "t_max[0]"):
            name = f"curvature=0.5 {b}: {kind}"
            assert found.old.metrics[name].values == old.metrics[f"curvature=0.5 {a}: {kind}"].values
            assert found.new.metrics[name].values == new.metrics[name].values
            assert f"all cells {b}: {kind}" in found.old.metrics
    assert {one.network for one in found.old.metrics.values()} == {*expected.values(), "exact", "law"}
    assert {one.network for one in found.new.metrics.values()} == {*expected.values(), "exact", "law"}
    told = " ".join(found.differs)
    assert all(name in told for name in {*was, *now} - expected.keys() - set(expected.values()))


def test_where_nobody_knows_which_stands_for_which_it_says_so():
    found = match(record(("gated-8", "gated-16")), record(("resmlp-8",)), BOTH)
    assert found.refused == (
        "network: gated-8, gated-16 in the baseline, resmlp-8 here: say which is which by --pair OLD=NEW",
    )


def test_without_the_exact_score_times_mean_something_else():
    found = match(record(), record(scores=("gaussian",)), BOTH)
    assert found.refused == ("network: only one of the two has exact, over whose times all others are measured",)


def test_another_closed_form_is_not_compared():
    found = match(record(), record(scores=("exact", "gaussian")), BOTH)
    assert found.refused == ()
    assert "not compared, as only this run has it: gaussian" in found.differs


def test_values_of_an_axis_of_training_are_paired_by_position():
    old, new = record(steps=(100, 200)), record(steps=(50, 100))
    found = match(old, new, BOTH)
    assert found.old.metrics.keys() == found.new.metrics.keys()
    name = "curvature=0 {}gated-8: excess".format
    assert found.old.metrics[name("train.steps=50 ")].values == old.metrics[name("train.steps=100 ")].values
    assert match(old, record(steps=(1, 2, 3)), BOTH).refused == (
        "train: train.steps has 2 values in the baseline, 3 here: should be as many",
    )
    assert match(old, record(), BOTH).refused[0].startswith("train: train.steps has 2 values in the baseline, 1 here")


def test_the_same_values_in_another_order_are_paired_by_value():
    old, new = record(steps=(100, 200)), record(steps=(200, 100))
    found = match(old, new, BOTH)
    for n in (100, 200):
        name = f"curvature=0.5 train.steps={n} gated-8: excess"
        assert found.old.metrics[name].values == old.metrics[name].values


@pytest.mark.parametrize("networks", [("gated-8",), ("gated-8", "gated-16")])
def test_a_run_without_networks_is_not_compared_with_one_that_has_some(networks):
    """Nothing that scatters would be judged, and the gate would say that all is the same."""
    assert match(record(networks), record(()), BOTH).refused == (
        f"network: {', '.join(networks)} in the baseline, no trained network here",
    )
    assert match(record(()), record(networks), BOTH).refused == ()
    assert match(record(()), record(()), BOTH).refused == ()


def test_pairs_of_networks_that_are_not_there_are_refused():
    for pair, where in (({"gated-9": "gated-8"}, "the baseline"), ({"gated-8": "exact"}, "this run")):
        with pytest.raises(InputError, match=f"--pair: .* {where} has no such trained network: should be one of g"):
            match(record(), record(), Allowed(BOTH.sections, pair))


def test_words_of_the_command():
    assert changes.allowed([], []) == changes.NOTHING
    assert changes.allowed(["train"], []).sections == {"train"}
    assert changes.allowed(["train"], ["a=b", "c=d"]) == Allowed(BOTH.sections, {"a": "b", "c": "d"})
    for wrong in ("spectrum", "", "trains", "axes.network"):
        with pytest.raises(InputError, match="--allow"):
            changes.allowed([wrong], [])
    for wrong in (["a"], ["=b"], ["a="], ["a=b", "a=c"], ["a=b", "c=b"]):
        with pytest.raises(InputError, match="--pair"):
            changes.allowed([], wrong)


@pytest.mark.parametrize("scenario", [error_rates.SCENARIOS[0], error_rates.SCENARIOS[8]], ids=lambda one: one.name)
def test_a_network_of_another_name_is_judged_by_the_same_statistics(scenario):
    """So false alarms are as rare as they are measured to be: seeds paired where they are the same, else by Welch."""
    old, new = error_rates.records(np.random.default_rng(1), scenario, shift=2.0)
    other = {
        name.replace("scaled-96", "resmlp-7"): one.model_copy(
            update={"network": one.network.replace("scaled-96", "resmlp-7")}
        )
        for name, one in new.metrics.items()
    }
    found = match(old, new.model_copy(update={"metrics": other}), Allowed(frozenset(), {"scaled-96": "resmlp-7"}))
    expected = {row.name.replace("scaled-96", "resmlp-7"): row for row in compare_records(old, new).rows}
    rows = compare_records(found.old, found.new).rows
    assert {row.name for row in rows} == expected.keys()
    assert any(row.verdict == "worse" for row in rows)
    for row in rows:
        assert row == expected[row.name]._replace(name=row.name)


def with_times(cells):
    """A record whose network has t_max in these cells, with these values of four seeds; None where it has none."""
    found = {
        named({"c": c}, "gated-8", "t_max[0]"): Metric(network="gated-8", kind="t_max", margin=0.1, values=values)
        for c, values in cells.items()
    }
    return record().model_copy(update={"metrics": with_margins(found | across(found))})


MEAN = "all cells gated-8: t_max[0]"
TWO = {0.0: [1.0, 1.02, 0.98, 1.01], 0.5: [0.99, 1.0, 1.03, 0.97]}


@pytest.mark.parametrize("third", [[1.6, 1.62, 1.59, 1.61], [1.6, None, None, None]])
def test_means_are_of_the_cells_that_both_have(third):
    """A time of one more cell made a run worse, or its mean missing, that had all others to the last bit."""
    old, more = with_times(TWO), with_times(TWO | {1.0: third})
    found = match(old, more)
    assert found.differs == (
        "means over cells are of those that both have: gated-8 t_max[0] (of 2; 2 in the baseline, 3 here)",
    )
    rows = {row.name: row.verdict for row in compare_records(found.old, found.new).rows}
    assert rows.pop("c=1 gated-8: t_max[0]") == "new"
    assert set(rows.values()) == {"same"}
    assert found.old.metrics[MEAN] == old.metrics[MEAN]
    back = match(more, old)
    assert {row.name: row.verdict for row in compare_records(back.old, back.new).rows}[MEAN] == "same"


def test_a_mean_of_one_cell_is_none():
    found = match(with_times(TWO), with_times({0.5: TWO[0.5], 1.0: TWO[0.0]}))
    assert MEAN not in found.old.metrics.keys() | found.new.metrics.keys()
