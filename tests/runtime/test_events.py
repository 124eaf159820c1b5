"""What Snakemake tells, and what is made of it. How it comes to be told: `test_logger.py`."""

import pytest
from told import FAILURE, GROUP, START, SUCCESS

from scoregap.runtime import events
from scoregap.runtime.events import STOPPED, Event, Events


def after(*texts):
    found = Events()
    for text in texts:
        for line in text.splitlines():
            found.add(events.parse(line))
    return found


def test_totals_are_jobs_per_rule():
    assert after(START).totals == {"spectrum": 6, "train": 2, "total": 18}


def test_jobs_run_fail_and_finish():
    found = after(START)
    assert {id: (job.rule, job.state) for id, job in found.jobs.items()} == {
        2: ("train", "running"), 1: ("train", "running"),
    }  # fmt: skip
    found = after(START, FAILURE, SUCCESS)
    assert {job.log: job.state for job in found.jobs.values()} == {
        "logs/train/arcs-0.5-gated-8.log": "failed",
        "logs/train/arcs-0.0-gated-8.log": "done",
    }
    assert found.counts("failed") == {"train": 1}
    assert found.counts("running") == {}


def test_a_failed_job_that_is_tried_again_is_running():
    found = after(START, FAILURE, START)
    assert found.counts("running") == {"train": 2}
    assert len(found.failures()) == 1  # until it has finished
    found.add(Event(event="job_finished", job=2))
    assert found.failures() == []


@pytest.mark.parametrize("failure", [FAILURE, GROUP])
def test_who_ends_after_a_stop_has_not_failed(failure):
    found = after(START, STOPPED.line())
    assert found.stopped
    assert found.counts("stopped") == {"train": 2}
    found = after(START, STOPPED.line(), failure, SUCCESS)
    assert found.counts("failed") == {}
    assert found.failures() == []
    assert found.counts("done") == {"train": 1}
    assert after(START, FAILURE, STOPPED.line()).counts("failed") == {"train": 1}  # before it


def test_jobs_of_a_group_fail_too():
    found = after(GROUP)
    assert [(job.rule, job.log, job.state) for job in found.jobs.values()] == [
        ("fit", "logs/fit/arcs.log", "failed"),
        ("spectrum", "logs/spectrum/arcs.log", "failed"),
    ]
    (error,) = found.failures()
    assert error.logs == ["slurm/1.log"]


def test_events_of_other_kinds_change_nothing():
    assert after(START, '{"event":"resources_info"}', '{"event":"job_finished","job":99}') == after(START)


STRANGE = ["", "[]", "{}", "5", "null", "[" * 10**5,
           '{"event":"job_info"', '{"event":5}', '{"event":"job_info","job":"x"}',
           '{"event":"group_error","jobs":[{}]}', '{"event":"run_info","totals":{"a":"b"}}']  # fmt: skip


@pytest.mark.parametrize("line", STRANGE)
def test_what_is_no_event_is_left_out(tmp_path, line):
    """As the last line of a run that was killed is, and whatever somebody has put there."""
    assert events.parse(line) is None
    (tmp_path / "events.jsonl").write_text(f"{START}{line}\n{FAILURE}{line}")
    assert events.read(tmp_path / "events.jsonl") == after(START, FAILURE)


def test_bytes_that_are_no_text_are_no_event(tmp_path):
    (tmp_path / "events.jsonl").write_bytes(START.encode() + b'\xff\x00{"event"\n')
    assert events.read(tmp_path / "events.jsonl") == after(START)


def test_an_error_without_jobs_is_no_failure_of_any():
    """No such thing is told; a line of somebody's own might say so."""
    found = after('{"event":"group_error"}')
    assert found.counts("failed") == {"": 1}
    assert [error.event for error in found.failures()] == ["group_error"]


def test_an_event_is_one_line_and_comes_back():
    event = Event(event="job_error", job=3, rule="fit", logs=["a b/é\n.log"], message="one\ntwo")
    assert "\n" not in event.line()
    assert events.parse(event.line()) == event


@pytest.mark.parametrize("name", ["absent", "file/x", "."])
def test_without_a_file_there_are_no_events(tmp_path, name):
    (tmp_path / "file").write_text(START)
    assert events.read(tmp_path / name) == Events()
