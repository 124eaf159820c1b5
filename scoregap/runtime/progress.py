"""How far a job is.

work done -> heartbeat lines on stderr; reports of training -> metrics, one JSON object per line

Metrics are only ever appended to. A process that dies may leave half a line: it is closed by whoever appends next, and
skipped by readers.
"""

import json
import math
import os
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from scoregap.store.opening import regular

INTERVAL = 30.0  # seconds between heartbeats
TAIL = 2**20  # bytes at the end of metrics in which the last whole line is looked for


class Heartbeat:
    """A line on stderr about every INTERVAL seconds: how much is done, how fast, and how long the rest takes.

    unit: of work, in the singular; total: of all work; done: what an earlier process has done.
    """

    def __init__(self, unit: str, total: int, done: int = 0):
        self.unit, self.total, self.done, self.before = unit, total, done, done
        self.began = self.spoke = time.monotonic()

    @property
    def rate(self) -> float:
        """Units of work per second, since this process began."""
        return (self.done - self.before) / max(time.monotonic() - self.began, 1e-9)

    @property
    def eta(self) -> float:
        """Seconds until all is done; infinite while nothing is."""
        rate = self.rate
        return (self.total - self.done) / rate if rate else math.inf

    @property
    def due(self) -> bool:
        """Whether the last line is INTERVAL seconds old."""
        return time.monotonic() - self.spoke >= INTERVAL

    def say(self, *more: str) -> None:
        """Print the line now, with these parts in it."""
        self.spoke = time.monotonic()
        rate = f"{self.rate:.0f}" if self.rate >= 100 else f"{self.rate:.2g}"
        parts = f"{self.unit} {self.done}/{self.total}", f"{rate} {self.unit}s/s", *more, f"ETA {clock(self.eta)}"
        print(", ".join(parts), file=sys.stderr, flush=True)

    def advance(self, done: int) -> None:
        """So much more work is done; prints the line if it is due."""
        self.done += done
        if self.due:
            self.say()


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss or m:ss."""
    if not math.isfinite(seconds):
        return "unknown"
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def metrics_of(weights: Path) -> Path:
    """The metrics of a job's training, beside its weights."""
    return weights.with_suffix(".metrics.jsonl")


def append(path: Path, record: dict[str, Any]) -> None:
    """One more line of metrics. Numbers that are not finite become null."""
    line = json.dumps(_finite(record), allow_nan=False).encode() + b"\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("ab+", buffering=0) as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    line = b"\n" + line
            file.write(line)
    except OSError as error:  # a full disk does not say of what file
        error.filename = str(path)
        if path.exists() and not path.stat().st_size:
            path.unlink()
        raise


def last(path: Path) -> dict[str, Any] | None:
    """The last whole line of metrics; None if there is none. What is not a report is skipped, as half a line is."""
    try:
        with regular(path).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
            lines = file.read().splitlines()
    except OSError:
        return None
    for line in reversed(lines):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if _is_report(record):
            return record
    return None


def _is_report(record) -> bool:
    """Whether a line of metrics has what is shown: the numbers time, step, steps and eta, and those of loss, of which
    the last two may be null."""
    if not isinstance(record, dict) or not isinstance(record.get("loss"), list) or "eta" not in record:
        return False
    needed = [record.get(name) for name in ("time", "step", "steps")]
    optional = [one for one in (record.get("eta"), *record["loss"]) if one is not None]
    return all(type(one) in (int, float) and abs(one) < 1e18 for one in (*needed, *optional))


def summary(record: dict[str, Any]) -> tuple[str, str, str]:
    """Step, median loss and remaining time of a line of metrics, as text."""
    losses = [loss for loss in record["loss"] if loss is not None]
    left = math.inf if record["eta"] is None else max(0.0, record["eta"] + record["time"] - time.time())
    return (
        f"step {record['step']}/{record['steps']}",
        f"loss {median(losses):.4f}" if losses else "diverged",
        f"ETA {clock(left)}",
    )


def _finite(value):
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
