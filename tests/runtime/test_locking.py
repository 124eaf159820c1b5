"""A run says who it is; what it says is believed as far as the kernel bears it out. Killing: `test_guard.py`."""

import json
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from bounded import at_once
from standin import below, left, start

from scoregap import InputError
from scoregap.__main__ import app
from scoregap.runtime import locking
from scoregap.store.results import mark


@pytest.fixture
def sleeper():
    """A process that is nobody's run."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def claim(folder, **changes):
    """Let the lock file say something else of its holder."""
    content = locking._this_process()._asdict() | changes
    (folder / locking.LOCK).write_text(json.dumps(content))


def test_a_stop_takes_everything_down_and_says_so(tmp_path):
    process = start(tmp_path)
    all_below = below(process)
    status, text = locking.stop(tmp_path)
    assert status == 0
    assert text.startswith(f"{tmp_path}: process {process.pid} of ")
    assert text.endswith("has stopped; the same command goes on from there")
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert left(all_below) == []
    assert locking.stop(tmp_path) == (0, f"{tmp_path}: no run is going on: nothing to stop")


@pytest.mark.parametrize("content", [None, "", "{", "[1]", "5", '{"pid": 1}', "[" * 10**5])
def test_where_no_run_is_nothing_is_stopped(tmp_path, content):
    if content is not None:
        (tmp_path / locking.LOCK).write_text(content)
    assert locking.stop(tmp_path) == (0, f"{tmp_path}: no run is going on: nothing to stop")
    assert locking.stop(tmp_path / "absent")[0] == 0
    assert not (tmp_path / "absent").exists()


def test_a_stale_name_is_not_believed(tmp_path, sleeper):
    """The process is alive and of this user, and the lock file names it, but it does not hold the lock."""
    claim(tmp_path, pid=sleeper.pid, started=locking._started(sleeper.pid))
    assert locking.stop(tmp_path) == (0, f"{tmp_path}: no run is going on: nothing to stop")
    assert sleeper.poll() is None


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"host": "elsewhere"}, r"is in use by process \d+ of .* on elsewhere: stop it there: scoregap stop "),
        ({"user": os.geteuid() + 12345}, r"is in use by process \d+ of user .*: only user \d+ may stop it"),
        ({"started": "5"}, "is still in use by a process after 0 s: look for it: fuser "),  # its number is used again
        ({"started": ""}, "is still in use by a process after 0 s: look for it: fuser "),
        ({"pid": 2**22 + 1}, "is still in use by a process after 0 s"),  # it is gone, and something of it is left
        ({"pid": -1}, "is locked by a process that has left no name"),
        ({"pid": "1"}, "is locked by a process that has left no name"),
    ],
)
def test_no_other_process_gets_a_signal(tmp_path, sleeper, monkeypatch, changes, says):
    lock = locking.take(tmp_path)
    claim(tmp_path, **{"pid": sleeper.pid, "started": locking._started(sleeper.pid)} | changes)
    monkeypatch.setattr(locking, "GRACE", -10)
    monkeypatch.setattr(locking.os, "kill", lambda *_: pytest.fail("a signal"))
    status, text = locking.stop(tmp_path)
    os.close(lock)
    assert status == 1
    assert text.startswith(f"scoregap: {tmp_path}: ")
    assert "\n" not in text
    assert re.search(says, text), text
    assert sleeper.poll() is None


def test_a_refusal_names_the_process_and_how_to_stop_it(tmp_path):
    folder = tmp_path / "a folder"
    lock = locking.take(folder)
    assert locking.take(folder) is None
    who = locking.holder(folder)
    assert (who.pid, who.user) == (os.getpid(), os.geteuid())
    assert f"process {os.getpid()} of " in locking.refusal(folder)
    assert locking.refusal(folder).endswith(f"wait for it, or stop it: scoregap stop '{folder}'")
    (folder / locking.LOCK).write_text("{")
    assert ": is in use by another run: wait for it, or stop it: scoregap stop " in locking.refusal(folder)
    os.close(lock)


def test_a_run_may_begin_while_somebody_looks(tmp_path, monkeypatch):
    """`taken` holds the lock for an instant, shared; `take` waits that long."""
    folder = tmp_path / "results" / "tiny"  # not there yet
    os.close(locking.take(folder))
    looking = os.open(folder / locking.LOCK, os.O_RDONLY)
    locking.fcntl.flock(looking, locking.fcntl.LOCK_SH)
    assert not locking.taken(folder)  # two may look at once
    monkeypatch.setattr(locking.time, "sleep", lambda _: os.close(looking))
    lock = locking.take(folder)
    assert lock is not None
    assert locking.taken(folder)
    os.close(lock)


@pytest.mark.parametrize("place", ["file/deeper", "absent"])
def test_no_run_is_going_on_where_there_can_be_no_results(tmp_path, place):
    (tmp_path / "file").write_text("mine")
    assert not locking.taken(tmp_path / place)
    assert locking.stop(tmp_path / place) == (0, f"{tmp_path / place}: no run is going on: nothing to stop")


@pytest.mark.parametrize("what", ["file", "FIFO", "device", "dangling link", "circle of links", "link to a file"])
def test_a_run_in_what_is_no_folder_is_a_mistake(tmp_path, what):
    path = tmp_path / "results"
    if what == "device":
        path = Path("/dev/zero")
    elif what == "FIFO":
        os.mkfifo(path)
    elif what == "file":
        path.write_text("mine")
    else:
        (tmp_path / "file").write_text("mine")
        path.symlink_to({"circle of links": "results", "link to a file": "file"}.get(what, "absent"))
    with at_once(), pytest.raises(InputError, match=f"{path}: is not a folder: should be the folder of a study's"):
        locking.stop(path)


@pytest.mark.parametrize("folder", ["a\nb", "a\n", "\x1b[2J", "a\u2028b"])
def test_what_is_told_of_a_folder_is_one_line_whatever_its_name(tmp_path, monkeypatch, capsys, tiny, folder):
    """Of `stop`, `status` and a run that another one keeps out."""
    monkeypatch.chdir(tmp_path)
    lock = locking.take(tmp_path / folder / "tiny")
    for words in (["stop", f"{folder}/"], ["stop", f"{folder}/x"], ["stop", str(tiny), "--results", f"{folder}/y"]):
        with suppress(SystemExit):
            app(words)
        told = capsys.readouterr()
        assert len((told.out + told.err).splitlines()) == 1
        assert (told.out + told.err).endswith("no run is going on: nothing to stop\n")
    refusal = locking.refusal(tmp_path / folder / "tiny")
    os.close(lock)
    assert refusal.isprintable()
    with suppress(SystemExit):
        app(["status", str(tiny), "--results", folder])
    first, second, *_ = capsys.readouterr().out.split("\n")
    assert first.startswith("tiny: 12 cells in 6 jobs, in ")
    assert second == ""


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [
        (["stop", "file/x"], "file/x"),
        pytest.param(["stop", "./absent"], "absent", marks=pytest.mark.slow),
        pytest.param(["stop", "absent/deeper"], "absent/deeper", marks=pytest.mark.slow),
        pytest.param(["stop", "tiny.yaml", "--results", "file/x"], "file/x/tiny", marks=pytest.mark.slow),
        (["stop", "tiny.yaml", "--results", "tiny.yaml"], "tiny.yaml/tiny"),
        (["status", "tiny.yaml", "--results", "file/x"], "file/x/tiny"),
        pytest.param(["status", "tiny.yaml", "--results", "absent"], "absent/tiny", marks=pytest.mark.slow),
    ],
)
def test_where_there_can_be_no_results_the_commands_say_so(tiny, tmp_path, arguments, folder):
    """Exit status 0 and a plain line; nothing is made there."""
    (tmp_path / "file").write_text("mine")
    before = sorted(tmp_path.iterdir())
    command = [sys.executable, "-m", "scoregap", *arguments]
    asked = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (asked.returncode, asked.stderr) == (0, "")
    if arguments[0] == "stop":
        assert asked.stdout == f"{folder}: no run is going on: nothing to stop\n"
    else:
        assert asked.stdout.startswith(f"tiny: 12 cells in 6 jobs, in {folder}: no run is going on; the cube is not ")
        assert re.search(r"^cells( +0){5} +12$", asked.stdout, re.MULTILINE)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("study", ["quikstart", "absent/x.yaml", "file"])
def test_what_is_no_folder_of_results_is_a_mistake(tmp_path, study):
    (tmp_path / "file").write_text("mine")
    command = [sys.executable, "-m", "scoregap", "stop", study]
    asked = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (asked.returncode, asked.stdout, len(asked.stderr.splitlines())) == (2, "", 1)


@pytest.mark.parametrize("kind", ["link", "dangling link", "FIFO", "folder"])
def test_a_lock_that_is_no_regular_file_is_refused_at_once_and_left_alone(tmp_path, kind):
    mark(tmp_path)
    lock, victim = tmp_path / locking.LOCK, tmp_path / "victim"
    if kind == "link":
        victim.write_text("mine")
    if kind == "FIFO":
        os.mkfifo(lock)
    elif kind == "folder":
        lock.mkdir()
    else:
        lock.symlink_to(victim)
    for look in (locking.take, locking.taken, locking.stop):
        with pytest.raises(InputError, match="should be a regular file"):
            look(tmp_path)
    assert not victim.exists() or victim.read_text() == "mine"
