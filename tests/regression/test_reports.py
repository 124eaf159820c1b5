"""A run checked as a whole: against itself, without a baseline, and what exit status verdicts make."""

import itertools
import json

import pytest

from scoregap import InputError
from scoregap.regression import baselines, rendering, reports
from scoregap.regression.changes import Allowed
from scoregap.regression.theory import Theory
from scoregap.regression.verdicts import Row
from scoregap.study import digest


@pytest.fixture(scope="module")
def accepted(results, tmp_path_factory):
    """A baseline of that run."""
    path = tmp_path_factory.mktemp("baselines") / "tiny.json"
    baselines.write(path, baselines.take(*results))
    return path


@pytest.mark.slow
def test_a_run_against_itself(results, accepted):
    report, why = reports.check_run(*results, accepted)
    assert why == []
    assert report.worst("baseline") == "same"
    assert report.status(strict=True) == reports.OK
    text = rendering.as_text(report)
    assert "gated-8: dimension " in text
    assert "against the baseline (required): " in text
    assert "against the theory (not required): " in text
    assert len([row for row in report.rows if row.theory.verdict]) == 8


def test_without_the_baseline_that_is_required_there_is_no_check(results, tmp_path):
    with pytest.raises(InputError, match="scoregap baseline accept"):
        reports.check_run(*results, tmp_path / "absent.json")


def test_without_a_baseline_theory_can_be_asked_alone(results, tmp_path):
    study, folder = results
    document = study.document.model_copy(update={"compare": study.compare.model_copy(update={"require": ["theory"]})})
    alone = type(study)(study.path, document, study.axes)
    assert alone.hash == study.hash  # what must pass changes no result
    report, _ = reports.check_run(alone, folder, None)
    assert report.worst("baseline") == ""
    assert {row.theory.verdict for row in report.rows} <= {"agrees", "disagrees", "inconclusive"}
    assert "there is none" in rendering.as_text(report)


def changed(accepted, path, **changes):
    """The baseline with these changes, in a file."""
    old = baselines.read(accepted)
    config = old.config | changes.pop("config", {})
    baselines.write(path, old.model_copy(update={"config": config, "config_hash": digest(config), **changes}))
    return path


def test_what_is_not_comparable_is_said(results, accepted, tmp_path):
    path = changed(accepted, tmp_path / "b.json", config={"spectrum": {}})
    report, why = reports.check_run(*results, path)
    assert report is None
    assert [one.split(":")[0] for one in why] == ["spectrum"]


def test_another_machine_and_other_libraries_are_said_and_compared(results, accepted, tmp_path):
    path = changed(accepted, tmp_path / "b.json", device="Plan 9, cuda", versions="python 3.11.0, zarr 2.0", study="x")
    report, why = reports.check_run(*results, path)
    assert why == []
    assert report.worst("baseline") == "same"
    assert [one.split(":")[0] for one in report.differs] == ["study", "machine", "libraries"]
    text = rendering.as_text(report)
    assert "\ndiffers: machine: Plan 9, cuda in the baseline, " in text
    assert "zarr 2.0 in the baseline, " in text
    assert "\nworse than the baseline? no: none of " in text
    assert json.loads(rendering.as_json(report, strict=False))["differs"] == list(report.differs)


def test_a_change_of_training_is_compared_where_it_is_allowed(results, accepted, tmp_path):
    """All that is not trained is the same; of what is, everything but its cost is judged."""
    train = baselines.read(accepted).config["train"] | {"steps": 80}
    path = changed(accepted, tmp_path / "b.json", config={"train": train})
    report, why = reports.check_run(*results, path)
    assert report is None
    assert why == ["train: steps 80 in the baseline, 40 here (--allow train compares them)"]
    report, why = reports.check_run(*results, path, allow=Allowed(frozenset({"train"})))
    assert (why, report.worst("baseline")) == ([], "same")
    assert report.differs[0] == "train: steps 80 in the baseline, 40 here"
    assert report.differs[1] == "cost of training over the baseline's, which is not judged: gated-8 1"
    kept = {name for name, one in baselines.read(accepted).metrics.items() if one.kind != "cost"}
    assert {row.name for row in report.rows if row.verdict} == kept


GOOD, BAD, UNCLEAR = ("same", "better"), ("worse", "missing"), ("inconclusive", "new")


@pytest.mark.parametrize("strict", [False, True])
def test_exit_statuses(strict, report_of):
    for verdict, theory in itertools.product((*GOOD, *BAD, *UNCLEAR), ("agrees", "disagrees", "inconclusive", "")):
        rows = Row("a", "same", theory=Theory("agrees")), Row("b", verdict, theory=Theory(theory))
        baseline = 1 if verdict in BAD else 3 if strict and verdict in UNCLEAR else 0
        against = 1 if theory == "disagrees" else 3 if strict and theory == "inconclusive" else 0
        assert report_of(["baseline"], *rows).status(strict) == baseline
        assert report_of(["theory"], *rows).status(strict) == against
        both = report_of(["baseline", "theory"], *rows).status(strict)
        assert both == (1 if 1 in (baseline, against) else max(baseline, against))
