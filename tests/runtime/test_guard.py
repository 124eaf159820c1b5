"""However the processes of a run die, nothing of it is left, and it ends by what is meant to end it only."""

import os
import signal

import pytest
from standin import below, left, start

from scoregap.runtime import locking


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["the run", "the guard", "Snakemake", "the run and Snakemake"])
def test_whichever_process_is_killed_nothing_is_left(tmp_path, victim):
    process = start(tmp_path)
    all_below = below(process)
    guard, snakemake = all_below[:2]
    assert "scoregap.runtime.guard" in guard.cmdline()
    assert len(all_below) >= 3
    for one in {
        "the run": [process], "the guard": [guard], "Snakemake": [snakemake],
        "the run and Snakemake": [process, snakemake],
    }[victim]:  # fmt: skip
        one.kill()
    process.communicate(timeout=60)
    assert left(all_below) == []
    assert process.returncode != 0
    assert not locking.taken(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM])
def test_a_signal_stops_the_run_and_its_jobs(tmp_path, number):
    process = start(tmp_path)
    all_below = below(process)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "status 130" in output
    assert left(all_below) == []
    assert not (tmp_path / ".runtime" / "tmp").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "leaves"),
    [
        (signal.SIGINT, False), (signal.SIGQUIT, False), (signal.SIGHUP, True), (signal.SIGTERM, True),
        (signal.SIGKILL, True),
    ],
)  # fmt: skip
def test_jobs_of_a_cluster_are_cancelled_where_the_user_asks_for_it_alone(tmp_path, number, leaves):
    """Snakemake cancels them when it is asked to end: it is killed where they are to go on."""
    process = start(tmp_path, leaves=True)
    all_below = below(process)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert left(all_below) == []
    assert (tmp_path / "cancelled").exists() != leaves
    if number != signal.SIGKILL:
        assert f"status 130, left {leaves}" in output
        assert (tmp_path / ".runtime" / "tmp").exists() == leaves  # which the jobs use


@pytest.mark.slow
def test_a_run_that_ignores_hangups_goes_on(tmp_path):
    """As nohup has it."""
    process = start(tmp_path, seconds=3, hangups=signal.SIG_IGN)
    process.send_signal(signal.SIGHUP)
    output, _ = process.communicate(timeout=60)
    assert (process.returncode, "status 0" in output) == (0, True)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["a pipe", "a terminal"])
def test_a_run_whose_output_nobody_reads_any_more_goes_on(tmp_path, how):
    ours, theirs = os.pipe() if how == "a pipe" else os.openpty()
    environment = os.environ | {"TERM": "xterm"}
    process = start(tmp_path, 3, stdout=theirs, stderr=theirs, start_new_session=True, env=environment)
    for descriptor in (ours, theirs):
        os.close(descriptor)
    assert process.wait(timeout=60) == 0
