"""What a run shows while it works: bars on a terminal, lines elsewhere.

events of Snakemake, metrics of trainings -> stdout
"""

import sys
import time
from pathlib import Path
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from scoregap import printable
from scoregap.runtime.events import Event, Events
from scoregap.runtime.progress import INTERVAL, clock, last, metrics_of, summary
from scoregap.runtime.terminal import lost, tell
from scoregap.study.stages import STAGES

ROWS = 8  # trainings shown at once
WIDTH = 30  # of a bar


def on(folder: Path) -> "Bars | Lines":
    """The display for stdout of a run into a results folder; a context."""
    if sys.stdout.isatty() and not (console := Console()).is_dumb_terminal:
        return Bars(folder, console)
    return Lines(folder)


def last_line(log: Path) -> str:
    """The last line of a log; empty where there is none."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return lines[-1] if lines else ""


class Lines:
    """One line per finished job; after `silence` seconds without any the newest log line of those running."""

    silence = INTERVAL

    def __init__(self, folder: Path):
        self.folder, self.events, self.rule = folder, Events(), ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def add(self, event: Event) -> None:
        """Show what there is to see in an event of Snakemake."""
        self.events.add(event)
        self.tell_of(event)

    def tell_of(self, event: Event) -> None:
        """The line, if any, for an event."""
        match event.event:
            case "job_finished" if event.job in self.events.jobs:
                self.rule = self.events.jobs[event.job].rule
            case "progress":
                percent = 100 if event.done == event.total else min(99, round(100 * event.done / event.total))
                rule = self.rule if self.rule != "all" else ""
                self.say(f"  {percent:>3}%  {event.done} of {event.total}  {rule}".rstrip())
            case _:
                self.tell_of_trouble(event)

    def tell_of_trouble(self, event: Event) -> None:
        """The line for an error, or where there is nothing to do."""
        match event.event:
            case "job_error" | "group_error" if self.events.stopped:
                pass
            case "job_error":
                self.say(f"Error in rule {event.rule}:")
            case "group_error":
                self.say(f"Error in rules {', '.join(sorted({one.rule for one in event.jobs}))}:")
            case "nothing":
                self.say(event.message)
            case "stopped":
                self.say("  stopping")

    def say(self, text: str) -> None:
        """Print one line."""
        tell(text)

    def silent(self) -> None:
        """Nothing has come for `silence` seconds: show a sign of life."""
        running = [job for job in self.events.jobs.values() if job.state == "running"]
        logs = [(log.stat().st_mtime, log) for job in running if (log := self.folder / job.log).is_file()]
        logs = [(date, log) for date, log in logs if log.stat().st_size]
        if not logs:
            self.say(" ".join(["  ...", *sorted({job.rule for job in running}), "running"]))
            return
        newest = max(logs)[1]
        self.say(f"  ... {newest.parent.name} {newest.stem}: {last_line(newest)}")


class Bars(Lines):
    """A bar per stage, one per training that is going on, with its loss and the time it still takes, and what others
    say of theirs."""

    silence = 0.5

    def __init__(self, folder: Path, console: Console):
        super().__init__(folder)
        self.console, self.began, self.drawn = console, time.time(), 0.0
        self.live = Live(get_renderable=self.render, console=console, auto_refresh=False)

    def __enter__(self) -> Self:
        self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.draw()
        self.live.stop()

    def add(self, event: Event) -> None:
        """Take note of an event of Snakemake; errors are shown above the bars."""
        self.events.add(event)
        self.tell_of_trouble(event)
        if time.monotonic() - self.drawn >= self.silence:
            self.silent()

    def say(self, text: str) -> None:
        """Print one line above the bars."""
        try:
            self.console.print(printable(text, also="\n"), markup=False, highlight=False)
        except OSError as error:
            lost(error, sys.stdout)

    def silent(self) -> None:
        """Draw what has changed."""
        self.drawn = time.monotonic()
        self.draw()

    def draw(self) -> None:
        """Draw the bars, if the terminal is there."""
        try:
            self.live.refresh()
        except OSError as error:
            lost(error, sys.stdout)

    def render(self) -> Group:
        """The bars as they are now."""
        states = ("done", "running", "failed", "stopped")
        done, running, failed, stopped = (self.events.counts(state) for state in states)
        stages = Table.grid(padding=(0, 2))
        for name in (stage.name for stage in STAGES if stage.name in self.events.totals):
            total = self.events.totals[name]
            stages.add_row(
                name,
                ProgressBar(total, done[name], WIDTH),
                f"{done[name]}/{total}",
                f"{running[name]} running" if running[name] else f"{stopped[name]} stopped" if stopped[name] else "",
                Text(f"{failed[name]} failed" if failed[name] else "", style="red"),
            )
        stages.add_row("elapsed", clock(time.time() - self.began))
        others = self.others()
        return Group(stages, self.trainings(), *([others] if others.row_count else []))

    def trainings(self) -> Table:
        """One row per training that is going on, from its metrics."""
        table = Table.grid(padding=(0, 2))
        logs = [Path(job.log) for job in self.events.jobs.values() if (job.rule, job.state) == ("train", "running")]
        for log in logs[:ROWS]:
            now = last(metrics_of(self.folder / "train" / f"{log.stem}.safetensors"))
            if now is None or now["time"] < self.began:
                table.add_row(log.stem, "", "starting")
                continue
            table.add_row(log.stem, ProgressBar(now["steps"], now["step"], WIDTH), *summary(now))
        if len(logs) > ROWS:
            table.add_row(f"and {len(logs) - ROWS} more")
        return table

    def others(self) -> Table:
        """One row per other job that has said how far it is."""
        table = Table.grid(padding=(0, 2))
        running = [job for job in self.events.jobs.values() if job.rule != "train" and job.state == "running"]
        said = [(Path(job.log), last_line(self.folder / job.log)) for job in running if job.log]
        for log, line in [one for one in said if "ETA" in one[1]][:ROWS]:
            table.add_row(f"{log.parent.name} {log.stem}", printable(line))
        return table
