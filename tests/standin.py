"""Runs of a stand-in for Snakemake, in a process of its own: what it starts is a shell and a job that only waits."""

import signal
import subprocess
import sys
import time
from contextlib import suppress

import psutil

JOB = "import sys, time; time.sleep({seconds})  # job"
SNAKEMAKE = """
import os, signal, subprocess, sys
from pathlib import Path
signal.signal(signal.SIGINT, lambda *_: (Path("cancelled").touch(), sys.exit(1)))  # as it cancels a cluster's jobs
job = subprocess.Popen(["sh", "-c", f'"{{sys.executable}}" -c "$0"; true', {job!r}])
print("started", flush=True)
status = job.wait()
os.write(int(os.environ["SCOREGAP_EVENTS"]), b'{{"event":"nothing","message":"Nothing to be done"}}\\n')  # is shown
sys.exit(status)
"""
RUN = """
import sys
from pathlib import Path
from scoregap.runtime import display, locking, workflow
folder = Path(sys.argv[1])
command = [sys.executable, "-c", sys.argv[2]]
leaves = workflow.LEAVES if sys.argv[3] else ()
ended = workflow.follow(command, folder, locking.take(folder), folder / "logs", leaves)
display.tell(f"status {ended.status}, left {ended.left}")
sys.exit(ended.status)
"""


def start(folder, seconds=60, hangups=signal.SIG_DFL, leaves=False, **options):
    """A run of one job in a process of its own, once the job has been started.

    leaves: whether its jobs are a cluster's. hangups: what it does at SIGHUP, however the tests were started.
    """
    code = SNAKEMAKE.format(job=JOB.format(seconds=seconds))
    command = [sys.executable, "-c", RUN, str(folder), code, "yes" if leaves else ""]
    previous = signal.signal(signal.SIGHUP, hangups)  # which the child inherits
    try:
        process = subprocess.Popen(command, **({"stdout": subprocess.PIPE, "text": True} | options))
    finally:
        signal.signal(signal.SIGHUP, previous)
    deadline = time.monotonic() + 60
    while not any(one.cmdline()[-1:] and one.cmdline()[-1].endswith("# job") for one in below(process)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def below(process):
    """The processes that a run has started: guard, Snakemake, shell, job."""
    found = []
    for one in psutil.Process(process.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if one.status() != psutil.STATUS_ZOMBIE and one.cmdline():
                found.append(one)
    return found


def left(processes):
    """Those that have not ended half a minute later."""
    return [one for one in psutil.wait_procs(processes, timeout=30)[1] if one.status() != psutil.STATUS_ZOMBIE]
