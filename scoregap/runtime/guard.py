"""What ends Snakemake and its jobs when the process that started them is gone, however it died.

a pipe that only `scoregap run` can write to, seconds, a command -> the command's exit status

`scoregap run` starts it as the leader of a process group, in which all that it starts remains. The kernel closes the
pipe with the last process that can write to it. If this process dies alone, `scoregap run` ends the group.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

GRACE = 20.0  # seconds between asking and killing
PR_SET_PDEATHSIG = 1  # of Linux: <sys/prctl.h>


def main(pipe: int, grace: float, command: list[str]) -> int:
    """Run the command. pipe: descriptor to read from; all other descriptors are passed on.

    grace: seconds between asking and killing when it closes; 0: only killing, so that jobs of a cluster go on.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, lambda *_: None)  # sent to the group, and meant for the command; it does not inherit this
    os.set_inheritable(pipe, False)
    process = subprocess.Popen(command, close_fds=False, preexec_fn=_with_parent)
    alone = threading.Event()
    threading.Thread(target=_watch, args=(pipe, grace, alone), daemon=True).start()
    status = process.wait()
    if status < 0 or alone.is_set():  # its jobs may be alive
        os.killpg(0, signal.SIGKILL)
    return status


def _with_parent() -> None:
    """In the command's process: be told to stop when the guard dies, where the kernel can do that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def _watch(pipe: int, grace: float, alone: threading.Event) -> None:
    """When the pipe closes, ask the group to stop, and kill it if that takes long."""
    os.read(pipe, 1)
    alone.set()
    if grace:
        os.killpg(0, signal.SIGINT)
        time.sleep(grace)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]))
