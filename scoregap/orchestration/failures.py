"""Why jobs of a study failed, for whoever started it.

lines that Snakemake printed, the logs they name -> one line per failed job
"""

import re
from pathlib import Path

from scoregap.study.stages import STAGES

# A job or a group of jobs that failed: its header, and lines that are indented.
BLOCK = re.compile(r"^(?:Error in rule \w+:|    message: Error in group \S+)\n(?: {4}.*\n)*", re.MULTILINE)
DUMP = re.compile(r"^ *Logfile [^\n]*:\n *={80}\n.*?^ *={80}\n", re.MULTILINE | re.DOTALL)
LOGS = re.compile(r"^ +log: (.*) \(check log file\(s\) for error details\)$", re.MULTILINE)
NAMES = re.compile(r"^ +(?:log|input|output): .*\n|^ +shell:\n(?: {8}.*\n)*", re.MULTILINE)  # that users chose
LIMITS = (
    (re.compile(r"due to time limit|'TIMEOUT'", re.IGNORECASE), "time", "runtime=MINUTES"),
    (re.compile(r"oom.?kill|out.of.memory|exceeded .*memory limit", re.IGNORECASE), "memory", "mem_mb=MB"),
)


def explain(lines: list[str], folder: Path) -> list[str]:
    """One line, or a few, for every job that failed for good.

    lines: all that Snakemake has printed. folder: of the results, to which the logs' paths are relative. A job that
    a later attempt has finished is left out.
    """
    text = DUMP.sub("", "".join(f"{line}\n" for line in lines))
    finished = set(re.findall(r"Finished jobid: (\d+)", text))
    failed = {}
    for block in BLOCK.findall(text):
        jobs = frozenset(re.findall(r"^ +jobid: (\d+)$", block, re.MULTILINE))
        if not jobs <= finished:
            failed[jobs] = block  # the last attempt
    return list(dict.fromkeys(line for block in failed.values() for line in _reasons(block, folder)))


def _reasons(block: str, folder: Path) -> list[str]:
    logs = [folder / path for listed in LOGS.findall(block) for path in listed.split(", ")]
    own = [log for stage in STAGES for log in dict.fromkeys(logs) if _stage(log) == stage.name]
    schedulers = [log for log in logs if log not in own]
    said = "\n".join(_read(log) for log in schedulers)
    done = re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", said)
    own = [log for log in own if _stage(log) not in done] or own[-1:]
    begun = [stage for stage in re.findall(r"^(?:local)?rule (\w+):$", said, re.MULTILINE) if stage not in done]
    own.sort(key=lambda log: _stage(log) not in begun[-1:])  # first that of the stage that was at work
    if not own:
        return []
    name = _stage(own[0]) if _stage(own[0]) == own[0].stem else f"{_stage(own[0])} {own[0].stem}"
    for limit, what, resource in LIMITS:
        if limit.search(NAMES.sub("", block) + said):
            return [
                f"scoregap: {name}: ran out of {what}: run again, or allow more in the profile, "
                f"set-resources: [{_stage(own[0])}:{resource}]; log: {schedulers[-1] if schedulers else own[0]}"
            ]
    told = [line for log in own for line in _read(log).splitlines()]
    last = next((line for line in reversed(_read(own[0]).splitlines()) if line.strip()), "nothing in its log")
    return [line for line in told if line.startswith("scoregap: ")] or [
        f"scoregap: {name}: failed: {last.strip()}; log: {own[0]}"
    ]


def _stage(log: Path) -> str:
    """The stage whose log it is: logs/STAGE/JOB.log or logs/STAGE.log."""
    return log.stem if log.parent.name == "logs" else log.parent.name


def _read(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
