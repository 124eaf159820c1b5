"""Reports as JSON, JUnit and text: every row and every number in each."""

import json
import math
from xml.etree import ElementTree

import pytest

from scoregap.analysis.verdicts import Detail, Reason
from scoregap.regression import rendering
from scoregap.regression.theory import Theory
from scoregap.regression.verdicts import Row


def test_json_has_every_row_and_no_nan(report_of):
    theory = Theory("agrees", "agrees", 0.5, detail=Detail(Reason.SEEN_IN_SOME, 3, 2, 3))
    rows = [Row("a", "worse", True, 0.0, 0.1, 0.5, 0.5, 0.4, 0.6, 0.2, 0.0, theory), Row("b", "missing")]
    answer = json.loads(rendering.as_json(report_of(["baseline"], *rows), False), parse_constant=pytest.fail)
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
        "reason": "seen in some seeds",
        "of": 3,
        "seen": 2,
        "exact_seen": 3,
        "state": "",
        "exact_state": "",
        "unknown": 0,
        "side": "",
        "right": None,
    }


@pytest.mark.parametrize(
    ("require", "strict", "failures"),
    [(["baseline"], False, 1), (["baseline"], True, 2), (["theory"], True, 1), (["baseline", "theory"], False, 2)],
)
def test_junit_counts_what_is_required(require, strict, failures, report_of):
    rows = (
        Row("a", "worse", theory=Theory("agrees")),
        Row("b", "inconclusive", theory=Theory("disagrees")),
        Row("c & <d>", "same"),
    )
    suite = ElementTree.fromstring(rendering.as_junit(report_of(require, *rows), strict))
    assert suite.get("tests") == "5"
    assert suite.get("failures") == str(failures) == str(len(suite.findall("testcase/failure")))
    assert suite.get("skipped") == str(3 - failures) == str(len(suite.findall("testcase/skipped")))
    assert {case.get("classname") for case in suite} == {"s.baseline", "s.theory"}


def test_numbers_of_the_table():
    row = Row(
        "a", "worse", True, math.log(2), math.log(1.1), math.log(3), math.log(1.5), 0.0, math.log(2), math.log(1.5), 0.1
    )
    assert rendering._numbers(row) == ("2 ± 10.0%", "3", "+50.0% [+0.0%, +100.0%]", "+1.00")
    fixed = Row("a", "worse", False, 4.0, 0.5, 5.0, 1.0, 1.0, 1.0, 0.5)
    assert rendering._numbers(fixed) == ("4 ± 0.5", "5", "+1", "+2.00")
    assert rendering._numbers(Row("a", "missing")) == ("", "", "", "")


def test_a_long_table_is_cut_and_says_so(report_of):
    text = rendering.as_text(report_of(["theory"], *[Row(f"m{i}", "same") for i in range(rendering.SHOWN + 3)]))
    assert "... and 3 more" in text
