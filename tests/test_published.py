"""What is committed of a run is of that run, and says what it has cost."""

import json

import pytest
from published import KIND, RESULTS, cost, publish
from tiny import edited

from scoregap import InputError
from scoregap.study import load

FINDINGS = RESULTS / "findings"


@pytest.mark.slow
def test_tables_pictures_and_where_they_come_from(drawn_blocks, tmp_path):
    study, folder = load(drawn_blocks[0]), drawn_blocks[1]
    publish(study, folder, tmp_path / "out", ["claims", "curved/gaps", "curved/cost"])
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "claims.csv", "comparison.csv", "claims.svg", "curved-gaps.svg", "curved-cost.svg", "curved-cost.csv",
        "curved-mean_cost.csv", "provenance.json", "one-calibration.csv", "curved-calibration.csv",
        "schedules-calibration.csv", "study.yaml",
    }  # fmt: skip
    assert (tmp_path / "out" / "claims.csv").read_bytes() == (folder / "claims.csv").read_bytes()
    facts = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert facts["config_hash"] == study.hash
    assert facts["cells"] == study.size
    assert load(tmp_path / "out" / "study.yaml").hash == study.hash
    with pytest.raises(InputError, match="is not of this study as it is now: run it"):
        publish(load(edited(tmp_path)), folder, tmp_path / "other", [])
    assert not (tmp_path / "other").exists()
    publish(study, folder, tmp_path / "out", ["claims"])
    assert not (tmp_path / "out" / "curved-gaps.svg").exists()
    (tmp_path / "out" / "claims.csv").write_text("edited")
    with pytest.raises(InputError, match="was not made by scoregap, or is damaged"):
        publish(study, folder, tmp_path / "out", ["claims"])
    assert (tmp_path / "out" / "claims.csv").read_text() == "edited"


def test_what_is_committed_may_be_replaced():
    folders = sorted(path.parent for path in FINDINGS.glob("*/provenance.json"))
    assert folders
    for folder in folders:
        assert KIND.says(folder), folder


def test_cost_is_by_stage(tmp_path):
    head = "s\th:m:s\tcpu_time\n"
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "a.tsv").write_text(f"{head}9\t0:00:09\t3.6\n")
    (tmp_path / "train" / "b.tsv").write_text(f"{head}9\t0:00:09\t1.0\n")
    (tmp_path / "cube.tsv").write_text(f"{head}9\t0:00:09\tNA\n")
    assert cost(tmp_path) == {"cube": 0, "train": 5, "total": 5}
