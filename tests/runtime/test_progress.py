"""Heartbeats and metrics: what they say, when, and what half a line costs."""

import json
import math

import pytest

from scoregap.runtime import progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_heartbeat_comes_every_thirty_seconds(clock, capsys):
    beat = progress.Heartbeat("time", 60)
    for _ in range(59):
        clock[0] += 2
        beat.advance(1)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "time 15/60, 0.5 times/s, ETA 1:30",
        "time 30/60, 0.5 times/s, ETA 1:00",
        "time 45/60, 0.5 times/s, ETA 0:30",
    ]


def test_rate_and_eta_are_of_this_process(clock, capsys):
    """A resumed job has not done the first half now."""
    beat = progress.Heartbeat("step", 10_000, done=5000)
    assert beat.rate == 0
    assert beat.eta == math.inf
    beat.say()
    clock[0] += 10
    beat.done = 7500
    assert beat.rate == 250
    assert beat.eta == 10
    beat.say("loss 0.5", "excess 0.1")
    assert capsys.readouterr().err.splitlines() == [
        "step 5000/10000, 0 steps/s, ETA unknown",
        "step 7500/10000, 250 steps/s, loss 0.5, excess 0.1, ETA 0:10",
    ]


def test_what_was_said_is_not_due(clock):
    beat = progress.Heartbeat("cell", 3)
    clock[0] += 29.9
    assert not beat.due
    clock[0] += 0.1
    assert beat.due
    beat.say()
    assert not beat.due


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3600, "1:00:00"), (90061, "25:01:01"), (math.inf, "unknown"),
     (math.nan, "unknown")],
)  # fmt: skip
def test_clock(seconds, text):
    assert progress.clock(seconds) == text


def test_metrics_are_valid_json_whatever_the_numbers(tmp_path):
    path = tmp_path / "folder" / "a.metrics.jsonl"
    progress.append(path, {"step": 1, "loss": [0.5, math.nan, math.inf], "eta": math.inf, "of": {"a": (-math.inf, 1)}})
    progress.append(path, {"step": 2})

    def refuse(name):
        raise AssertionError(name)

    lines = [json.loads(line, parse_constant=refuse) for line in path.read_text().splitlines()]
    assert lines == [{"step": 1, "loss": [0.5, None, None], "eta": None, "of": {"a": [None, 1]}}, {"step": 2}]


REPORT = {"time": 1.5, "step": 2, "steps": 9, "loss": [0.5, None], "eta": None}


def test_half_a_line_is_skipped_and_closed(tmp_path):
    path = tmp_path / "a.metrics.jsonl"
    assert progress.last(path) is None
    path.write_bytes(b'{"step": 1')
    assert progress.last(path) is None
    progress.append(path, REPORT)
    assert path.read_bytes() == b'{"step": 1\n' + json.dumps(REPORT).encode() + b"\n"
    with path.open("ab") as file:
        file.write(b'{"step": 3, "loss": "\xc3')
    assert progress.last(path) == REPORT
    with path.open("ab") as file:
        file.write(b"\n17\n\n")  # valid JSON, but no metrics
    assert progress.last(path) == REPORT
    path.write_bytes(b"")
    assert progress.last(path) is None


@pytest.mark.parametrize(
    "line",
    [
        "{}", "[" * 100_000, *(json.dumps(REPORT | changed) for changed in (
            {"loss": 5}, {"loss": ["a"]}, {"loss": [True]}, {"loss": [[0.5]]}, {"loss": None}, {"eta": "soon"},
            {"eta": 1e300}, {"time": None}, {"step": "2"}, {"steps": {}}, {"time": 10**30},
        )),
        *(json.dumps({key: value for key, value in REPORT.items() if key != absent}) for absent in REPORT),
    ],
)  # fmt: skip
def test_a_line_that_is_no_report_is_skipped(tmp_path, line):
    path = tmp_path / "a.metrics.jsonl"
    path.write_text(f"{line}\n")
    assert progress.last(path) is None
    path.write_text(f"{json.dumps(REPORT)}\n{line}\n")
    assert progress.last(path) == REPORT
    progress.summary(progress.last(path))


def test_only_the_end_of_long_metrics_is_read(tmp_path, monkeypatch):
    path = tmp_path / "a.metrics.jsonl"
    for step in range(100):
        progress.append(path, REPORT | {"step": step})
    read = []
    monkeypatch.setattr(progress, "TAIL", 100)
    original = progress.json.loads
    monkeypatch.setattr(progress.json, "loads", lambda text: read.append(text) or original(text))
    assert progress.last(path) == REPORT | {"step": 99}
    assert len(read) == 1


def test_metrics_lie_beside_the_weights(tmp_path):
    weights = tmp_path / "arcs-0.5-gated-64.safetensors"
    assert progress.metrics_of(weights) == tmp_path / "arcs-0.5-gated-64.metrics.jsonl"


def test_summary(monkeypatch):
    monkeypatch.setattr(progress.time, "time", lambda: 110.0)
    record = {"time": 100.0, "step": 7, "steps": 9, "loss": [0.1, None, 0.3], "eta": 75.0}
    assert progress.summary(record) == ("step 7/9", "loss 0.2000", "ETA 1:05")
    assert progress.summary(record | {"loss": [None], "eta": None}) == ("step 7/9", "diverged", "ETA unknown")
    assert progress.summary(record | {"eta": 3.0})[2] == "ETA 0:00"  # overdue
