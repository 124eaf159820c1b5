"""A sample of the study files of `make fuzz`, which are tried by the thousand outside of the tests."""

import fuzz
import pytest
from bounded import SPECIAL


@pytest.mark.slow
def test_study_files_of_all_kinds_are_accepted_or_refused_in_lines_with_status_2():
    counts, faults = fuzz.run(80, 7)
    assert faults == []
    assert set(counts) == {fuzz.ACCEPTED, fuzz.REFUSED}


def test_what_is_no_file_is_refused_likewise(tmp_path):
    for kind in SPECIAL:
        (tmp_path / kind).mkdir()
        assert fuzz.outcome(tmp_path / kind, kind) == fuzz.REFUSED, kind


def test_a_fault_is_seen(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    monkeypatch.setattr("scoregap.study.reading.read_yaml", lambda *_: {}["x"])
    assert fuzz.outcome(tmp_path, b"").startswith("fault: Traceback")
    monkeypatch.setattr("scoregap.study.reading.read_yaml", lambda *_: print("said") or exit(3))
    assert fuzz.outcome(tmp_path, b"").startswith("fault: status 3: 'said")
