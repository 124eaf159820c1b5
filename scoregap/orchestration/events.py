"""What Snakemake says of its jobs.

lines of Snakemake -> totals per rule, and every job that was started: running, done or failed
"""

import re
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Event:
    """One job: its rule, its log (relative to the results folder; empty if it has none) and how it is."""

    rule: str
    log: str = ""
    state: str = "running"  # running, done or failed


@dataclass
class Events:
    """Feed it every line with `add`. totals: jobs per rule; jobs: by Snakemake's id, those that were started."""

    totals: dict[str, int] = field(default_factory=dict)
    jobs: dict[str, Event] = field(default_factory=dict)
    _in_totals: bool = False
    _block: Event | None = None

    def add(self, line: str) -> None:
        """Take note of one line."""
        if self._in_totals or line == "Job stats:":
            self._in_totals = bool(line)
            if counted := re.fullmatch(r"(\w+) +(\d+)", line):
                self.totals[counted[1]] = int(counted[2])
        elif opened := re.fullmatch(r"\s*(?:local)?rule (\w+):", line):
            self._block = Event(opened[1])
        elif opened := re.fullmatch(r"Error in rule (\w+):", line):
            self._block = Event(opened[1], state="failed")
        elif finished := re.match(r"Finished jobid: (\d+)", line):
            if finished[1] in self.jobs:
                self.jobs[finished[1]].state = "done"
        elif self._block and (found := re.fullmatch(r"\s+(jobid|log): (\S+)( \(check log .*\))?", line)):
            if found[1] == "jobid":
                self.jobs[found[2]] = self._block
            else:
                self._block.log = found[2]
                if found[3]:  # of errors only, also in those of groups
                    self._block.state = "failed"

    def counts(self, state: str) -> Counter:
        """Jobs per rule that are in a state."""
        return Counter(job.rule for job in self.jobs.values() if job.state == state)
