"""Signals that ask for the end: at once, or when who works looks."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from scoregap.runtime import stopping


@pytest.mark.parametrize("number", stopping.SIGNALS)
def test_a_signal_waits_until_who_works_looks_and_handlers_come_back(number):
    before = [signal.getsignal(one) for one in stopping.SIGNALS]
    with stopping.Later() as stop:
        assert not stop.asked
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        assert stop.asked
        with pytest.raises(KeyboardInterrupt, match="after step 3"):
            stop.end("after step 3")
    assert [signal.getsignal(one) for one in stopping.SIGNALS] == before


def test_other_threads_have_no_signals():
    seen = []

    def work():
        stopping.as_ctrl_c()
        with stopping.Later() as stop:
            seen.append(stop.asked)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]


@pytest.mark.parametrize("number", stopping.SIGNALS)
def test_a_job_that_is_asked_to_end_says_so_in_its_last_line(tmp_path, number):
    """Of a scheduler SIGTERM is all that a job gets."""
    code = f"""
import os
import signal
from scoregap import __main__
from scoregap.runtime import stopping

signal.signal(signal.SIGINT, signal.default_int_handler)  # which a background job ignores

@__main__._reporting_errors
def work():
    stopping.as_ctrl_c()
    print("step 1/9", flush=True)
    os.kill(os.getpid(), {int(number)})
    while True:
        pass

__main__.app.command("work")(work)
__main__.app(["work"])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (stopping.INTERRUPTED, "step 1/9\n")
    assert done.stderr.splitlines()[-1].startswith(stopping.STOPPED)
    assert "Traceback" not in done.stderr
