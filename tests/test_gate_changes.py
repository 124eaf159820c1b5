"""The gate's answers to three changes, as the page tells them: the table is what the script has made."""

import gate_changes
import pytest
from gate_changes import CHANGES, Change, kept, row, run, said, table

from scoregap.regression import baselines

PAGE = gate_changes.TABLE.parents[2] / "docs" / "how_to" / "regression_gate.md"


def test_the_page_has_what_the_script_has_made():
    text = PAGE.read_text()
    assert f"\n{table(kept())}\n" in text
    assert f"\n{said(kept())}\n" in text
    assert [one["change"] for one in kept()] == [one.name for one in CHANGES.values()]


@pytest.mark.slow
def test_half_the_steps_are_worse_and_nothing_is_not(tmp_path):
    baseline = tmp_path / "baseline.json"
    baselines.write(baseline, baselines.take(*run(tmp_path / "unchanged", Change("nothing"))))
    worse = row(CHANGES["half"], baseline, tmp_path / "half")
    assert worse["status"] == 1
    assert worse["worse"] >= 1
    assert worse["differs"].startswith("train: steps 600 in the baseline, 300 here; cost of training over the baseline")
    same = row(Change("nothing"), baseline, tmp_path / "again")
    assert (same["status"], same["differs"], same["same"]) == (0, "", same["metrics"])
