"""Bars on a terminal, lines elsewhere, from the same events of Snakemake."""

import io
import os
import pty
import subprocess
import sys
import time

import pytest
from rich.console import Console
from told import FAILURE, GROUP, NOTHING, START, SUCCESS

from scoregap.runtime import display, events, progress
from scoregap.runtime.events import Event


def feed(shown, *texts):
    for text in texts:
        for line in text.splitlines():
            shown.add(events.parse(line))


def test_lines_say_what_is_finished_and_what_has_failed(tmp_path, capsys):
    with display.on(tmp_path) as shown:
        feed(shown, NOTHING, START, FAILURE, SUCCESS)
        shown.add(Event(event="job_info", job=5, rule="all"))
        shown.add(Event(event="job_finished", job=5))
        shown.add(Event(event="progress", done=18, total=18))
    assert capsys.readouterr().out.splitlines() == [
        "Nothing to be done (all requested files are present and up to date).",
        "Error in rule train:",
        "    6%  1 of 18  train",
        "  100%  18 of 18",
    ]


@pytest.mark.parametrize(("done", "percent"), [(1, 0), (49, 0), (51, 1), (5000, 50), (9999, 99), (10000, 100)])
def test_a_hundred_percent_is_all_of_it(tmp_path, capsys, done, percent):
    """A bug: of ten thousand jobs the first fifty and the last ones were not told, as Snakemake prints 0.01%."""
    display.Lines(tmp_path).add(Event(event="progress", done=done, total=10000))
    assert capsys.readouterr().out == f"  {percent:>3}%  {done} of 10000\n"


def test_a_failing_group_of_jobs_names_its_rules(tmp_path, capsys):
    feed(display.Lines(tmp_path), GROUP)
    assert capsys.readouterr().out == "Error in rules fit, spectrum:\n"


def test_silence_is_broken_by_the_newest_log_of_a_running_job_that_says_something(tmp_path, capsys):
    """A bug: while the report was drawn, it was that of a training long finished."""
    shown = display.Lines(tmp_path)
    shown.silent()
    names = [("train/a", "step 1/9\n"), ("fit/b", "cell 1/9\ncell 2/9\n"), ("train/c", ""), ("fit/d", "cell 9/9\n")]
    for i, (name, text) in enumerate(names):
        shown.events.add(Event(event="job_info", job=i, rule=name[:-2], logs=[f"logs/{name}.log"]))
        log = tmp_path / "logs" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(text)
        os.utime(log, (i, i))
    shown.add(Event(event="job_finished", job=3))
    shown.silent()
    for i in (0, 1):
        shown.add(Event(event="job_finished", job=i))
    shown.silent()
    assert capsys.readouterr().out.splitlines() == ["  ... running", "  ... fit b: cell 2/9", "  ... train running"]


@pytest.fixture
def bars(tmp_path):
    """Bars that draw into memory."""
    console = Console(file=io.StringIO(), force_terminal=True, width=110, color_system=None)
    return display.Bars(tmp_path, console)


def drawn(bars):
    console = Console(file=io.StringIO(), width=110, color_system=None)
    console.print(bars.render())
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def metrics(folder, job, **values):
    now = {"time": time.time() + 1, "step": 3, "steps": 4, "loss": [0.25], "eta": 61.0}
    progress.append(folder / "train" / f"{job}.metrics.jsonl", now | values)


def test_bars_count_stages_and_follow_trainings(bars, tmp_path):
    metrics(tmp_path, "arcs-0.0-gated-8", time=1.0)  # of an earlier run
    feed(bars, START)
    train, spectrum, elapsed, first, second = drawn(bars)
    assert train.split() == ["train", "0/2", "2", "running"]
    assert spectrum.split() == ["spectrum", "0/6"]
    assert elapsed.split()[0] == "elapsed"
    assert (first.split(), second.split()) == (["arcs-0.5-gated-8", "starting"], ["arcs-0.0-gated-8", "starting"])
    metrics(tmp_path, "arcs-0.5-gated-8")
    line = drawn(bars)[3].split()
    assert line[:-1] == ["arcs-0.5-gated-8", "━" * 22 + "╸", "step", "3/4", "loss", "0.2500", "ETA"]
    feed(bars, SUCCESS, FAILURE)
    lines = drawn(bars)
    assert [line for line in lines[3:] if line] == []
    assert lines[0].split() == ["train", "━" * 15, "1/2", "1", "failed"]


def test_who_was_stopped_is_not_counted_as_failed(bars, tmp_path, capsys):
    feed(bars, START, events.STOPPED.line(), FAILURE)
    assert drawn(bars)[0].split() == ["train", "0/2", "2", "stopped"]
    feed(display.Lines(tmp_path), START, events.STOPPED.line(), FAILURE, GROUP)
    assert capsys.readouterr().out == "  stopping\n"


def test_errors_stand_above_the_bars(bars):
    with bars:
        feed(bars, START, FAILURE)
    text = bars.console.file.getvalue()
    assert "Error in rule train:\n" in text.replace("\r", "")
    assert text.rindex("1 failed") > text.index("Error in rule train:")


def test_many_trainings_are_shortened(bars):
    for i in range(display.ROWS + 3):
        bars.add(Event(event="job_info", job=i, rule="train", logs=[f"logs/train/job-{i}.log"]))
    lines = drawn(bars)
    assert sum("starting" in line for line in lines) == display.ROWS
    assert lines[-1] == "and 3 more"


def test_others_say_how_far_they_are(bars, tmp_path):
    """Those whose log ends in a line of progress; what is finished says nothing more."""
    for i, (rule, line) in enumerate((("spectrum", "point 3/80, 0.5 points/s, ETA 2:34"), ("fit", "a warning"))):
        log = tmp_path / "logs" / rule / "job.log"
        log.parent.mkdir(parents=True)
        log.write_text(f"first\n{line}\n")
        bars.add(Event(event="job_info", job=i, rule=rule, logs=[f"logs/{rule}/job.log"]))
    bars.add(Event(event="job_info", job=2, rule="spectrum", logs=["logs/spectrum/not-begun.log"]))
    assert [line for line in drawn(bars) if "job" in line] == ["spectrum job  point 3/80, 0.5 points/s, ETA 2:34"]
    bars.add(Event(event="job_finished", job=0))
    assert not any("ETA" in line for line in drawn(bars))


CODE = """
import sys, time
from pathlib import Path
from scoregap.runtime import locking, workflow
folder = Path({folder!r})
code = {code!r}
print(workflow.follow([sys.executable, "-c", code], folder, locking.take(folder), folder / "logs").status)
"""


@pytest.mark.slow
@pytest.mark.parametrize("terminal", [True, False])
def test_a_run_draws_bars_on_a_terminal_only(tmp_path, terminal):
    code = "import os, time\ntell = open(int(os.environ['SCOREGAP_EVENTS']), 'w', buffering=1).write\n"
    code += f"tell({START!r})\ntime.sleep(1.2)\ntell({SUCCESS!r})\n"
    command = [sys.executable, "-c", CODE.format(folder=str(tmp_path), code=code)]
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"}
    if not terminal:
        text = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
        assert text.splitlines() == ["    6%  1 of 18  train", "0"]
        return
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    chunks = []
    try:
        while chunk := os.read(ours, 2**16):
            chunks.append(chunk)
    except OSError:  # how a terminal says that the last writer has gone
        pass
    os.close(ours)
    assert process.wait() == 0
    text = b"".join(chunks).decode()
    assert "━" in text
    assert "0/2" in text  # drawn while it ran
    assert "1/2" in text[text.rindex("train ") :]  # and as it ended
    assert "1 of 18" not in text
