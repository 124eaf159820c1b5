"""How a process is asked to end: by Ctrl-C or SIGTERM, at once or where its work can be kept.

signals -> KeyboardInterrupt; or a flag, for whoever looks at it in time
"""

import signal
import threading
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)  # of a terminal and `scoregap stop`; of schedulers
STOPPED = "stopped"  # how the last line of a log begins, of a job that was asked to end
INTERRUPTED = 130  # exit status, as shells have it


def as_ctrl_c() -> None:
    """From now on SIGTERM is a KeyboardInterrupt too, as schedulers send it."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def listen() -> None:
    """From now on SIGINT is a KeyboardInterrupt, also where a shell's `&` has it ignored: `scoregap stop` sends it."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)


class Later:
    """While it is entered signals only set `asked`: who works looks at it, keeps what there is, and calls `end`."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # others get no signals
            self._before = {one: signal.signal(one, self._ask) for one in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, *_: object) -> None:
        self.asked = True

    def end(self, what: str = "") -> None:
        """End now. what: how far the work is."""
        raise KeyboardInterrupt(what)
