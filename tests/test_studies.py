"""The record of all studies: what is run, what is left out as it is done, and what a line says."""

import csv
import os
import sys
from pathlib import Path

import pytest
import studies
from tiny import edited

from scoregap.runtime.finding import STUDIES
from scoregap.study import load

CLOSED = ("network: [exact, gaussian, gated-8]", "network: [exact]")  # nothing is trained


def rows(record: Path) -> list[dict[str, str]]:
    with record.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def places(tmp_path):
    return tmp_path / "results", tmp_path / "record.csv"


def finished(results: Path):
    """A command that leaves what a finished study has, but its cube, and counts its calls."""
    calls = []

    def command(path, *_):
        calls.append(path)
        (results / load(path).name).mkdir(parents=True, exist_ok=True)
        (results / load(path).name / "report.html").write_text("")
        return 0

    return command, calls


def test_all_studies_are_chosen_but_the_large_ones():
    names = {path.stem for path in studies.chosen([])}
    assert names == {path.stem for path in STUDIES.glob("*.yaml")} - {"paper", "images"}
    assert {"quickstart", "paper_cpu", "digits", "memorisation"} <= names
    assert [path.stem for path in studies.chosen(["paper"])] == ["paper"]  # who asks for one gets it


def test_a_study_that_is_done_is_left_out_until_it_changes(tmp_path, places, monkeypatch):
    monkeypatch.setattr(studies, "without_result", lambda *_: 0)
    results, record = places
    command, calls = finished(results)
    path = edited(tmp_path, CLOSED)
    assert studies.run(path, results, record, 1, command).startswith("tiny: done, 4 cells; ")
    assert studies.run(path, results, record, 1, command) == "tiny: done before"
    assert (len(calls), len(rows(record))) == (1, 1)
    other = edited(tmp_path, CLOSED, ("points: 4", "points: 5"))
    assert studies.run(other, results, record, 1, command).startswith("tiny: done, ")
    (results / "tiny" / "report.html").unlink()  # and whoever deletes its results has it made again
    assert studies.run(other, results, record, 1, command).startswith("tiny: done, ")
    assert [row["state"] for row in rows(record)] == ["done"] * 3


def test_one_that_fails_or_is_stopped_has_its_line_and_is_run_again(tmp_path, places, monkeypatch):
    monkeypatch.setattr(studies, "without_result", lambda *_: 0)
    results, record = places
    path = edited(tmp_path, CLOSED)

    def stopped(*_):
        raise KeyboardInterrupt

    assert studies.run(path, results, record, 1, lambda *_: 1).startswith("tiny: failed, 4 cells; ")
    with pytest.raises(KeyboardInterrupt):
        studies.run(path, results, record, 1, stopped)
    studies.run(path, results, record, 1, finished(results)[0])
    assert [row["state"] for row in rows(record)] == ["failed", "stopped", "done"]
    assert {row["fingerprint"] for row in rows(record)} == {load(path).fingerprint("report")}


def test_a_stop_while_a_log_is_written_has_its_line(tmp_path, places):
    results, record = places

    def stopped(path, *_):
        logs = results / load(path).name / "logs" / "train"
        logs.mkdir(parents=True)
        (logs / "whole.tsv").write_text("s\tcpu_time\n1.0\t2.0\n")
        (logs / "empty.tsv").write_text("")
        (logs / "head.tsv").write_text("s\tcpu_time\n")
        (logs / "half.tsv").write_text("s\tcpu_time\n1.0")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        studies.run(edited(tmp_path, CLOSED), results, record, 1, stopped)
    assert [(row["state"], row["core_seconds"]) for row in rows(record)] == [("stopped", "2")]


@pytest.mark.slow
def test_a_sample_is_run_and_its_line_says_what_it_took(tmp_path, places, monkeypatch):
    """By the command itself; what a second run finds done, it does not run."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    results, record = places
    path = edited(tmp_path, CLOSED, ("curvature: [0.0, 0.5]", "curvature: [0.0]"))
    assert studies.run(path, results, record, 1).startswith("tiny: done, 2 cells; ")
    assert studies.run(path, results, record, 1) == "tiny: done before"
    (row,) = rows(record)
    assert list(row) == list(studies.Run._fields)
    assert (row["study"], row["state"], row["cells"], row["without"]) == ("tiny", "done", "2", "0")
    assert float(row["seconds"]) > 0.5
    assert 0 < int(row["core_seconds"]) < 2 * float(row["seconds"]) + 2
    assert row["revision"]
    assert (results / "tiny" / "report.html").exists()


def test_the_record_names_no_folder_of_this_machine():
    if studies.RECORD.exists():
        text = studies.RECORD.read_text()
        assert str(studies.bench.ROOT) not in text
        assert os.uname().nodename not in text
        assert sys.prefix not in text
