"""What Slurm has of a study: jobs that an earlier run has submitted, perhaps one that is gone, and how they are.

results folder -> its name in Slurm's queue; for every task there its state, and the receipts that it is to write

Every submission has a file in the results folder, written before Slurm is asked, and its name is the job's comment. So
whatever becomes of the run that submits, the next one knows by a single `squeue` what still waits or works, and for
which results: nothing that runs is submitted again.
"""

import json
import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from scoregap import InputError
from scoregap.runtime import environment, receipts
from scoregap.store.opening import read_text
from scoregap.study import Study, digest

FOLDER = f"{environment.FOLDER}/slurm"  # in a results folder
PATIENCE = 60.0  # seconds until cancelled tasks must be gone: trainings keep their state meanwhile
PAUSE = 1.0  # seconds between looks at them
ANSWER = 60.0  # seconds that a command of Slurm's may take
ENDED = {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED",
         "REVOKED", "TIMEOUT"}  # fmt: skip
# Waits, but only a person can let it go on: it could not be started, and Slurm has put it back and holds it.
HELD = "REQUEUE_HOLD"
HELD_FOR = re.compile("requeued?[ _]held|JobHoldMaxRequeue", re.IGNORECASE)  # as reasons say it


class Task(NamedTuple):
    """A task as Slurm lists it. id: of a job, or JOB_INDEX of an array; batch: the name of its submission."""

    id: str
    state: str
    batch: str

    @property
    def lives(self) -> bool:
        """Whether it waits or works, or Slurm is to start it again."""
        return self.state not in ENDED and not self.held

    @property
    def held(self) -> bool:
        """Whether Slurm keeps it back until a person lets it go on."""
        return self.state == HELD

    @property
    def position(self) -> int:
        """Its place in its submission."""
        return int(self.id.partition("_")[2] or 1) - 1


def name_of(folder: Path) -> str:
    """The name of all jobs of a results folder in Slurm's queue."""
    return f"scoregap-{folder.resolve().name}-{digest(str(folder.resolve()), length=8)}"


def listed(folder: Path) -> dict[str, Task] | None:
    """The tasks of a results folder that Slurm lists, ended ones for as long as it keeps them; None without an answer.

    One question, whatever their number.
    """
    asked = ["squeue", "--noheader", "--array", "--states=all", f"--user={os.getuid()}", f"--name={name_of(folder)}"]
    try:
        done = subprocess.run([*asked, "--format=%i|%T|%r|%k"], capture_output=True, text=True, errors="replace",
                              timeout=ANSWER, check=False)  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode:
        return None
    rows = (line.strip().split("|", 3) for line in done.stdout.splitlines())
    found = (
        Task(id, HELD if state not in ENDED and HELD_FOR.search(reason) else state, (comment.split() or [""])[0])
        for id, state, reason, comment in (row for row in rows if len(row) == 4)
    )
    return {task.id: task for task in found}


def cancel(folder: Path, ids: Sequence[str] = ()) -> None:
    """Cancel tasks of a results folder; all of them where none are named. If Slurm does not answer, they may live."""
    asked = list(ids) or [f"--name={name_of(folder)}", f"--user={os.getuid()}"]
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(["scancel", *asked], capture_output=True, timeout=ANSWER, check=False)


# ---------------------------------------------------------------- files of submissions


def write(folder: Path, batch: str, made: Sequence[Mapping[str, str]]) -> None:
    """Write the file of a submission. made: of every task, the fingerprints of its receipts, by their places."""
    path = folder / FOLDER / f"{batch}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([dict(one) for one in made]) + "\n", encoding="utf-8")


def made_by(folder: Path, found: Sequence[Task]) -> dict[str, dict[str, str]]:
    """The fingerprints of the receipts that tasks are to write, by their places, by task; none where its file says
    nothing."""
    files: dict[str, list] = {}
    for batch in {task.batch for task in found}:
        try:
            content = json.loads(read_text(folder / FOLDER / f"{batch}.json"))
            files[batch] = content if isinstance(content, list) else []
        except (OSError, ValueError, RecursionError):
            files[batch] = []
    made = {}
    for task in found:
        of_batch = files[task.batch]
        one = of_batch[task.position] if task.position < len(of_batch) else {}
        made[task.id] = one if isinstance(one, dict) else {}
    return made


def tidy(folder: Path, found: Mapping[str, Task]) -> None:
    """Delete the files of submissions of which nothing lives."""
    living = {task.batch for task in found.values() if task.lives}
    for path in (folder / FOLDER).glob("*"):
        if path.stem not in living:
            path.unlink(missing_ok=True)


def any_written(folder: Path) -> bool:
    """Whether a run has submitted anything of a results folder that may live."""
    return next((folder / FOLDER).glob("*.json"), None) is not None


# ---------------------------------------------------------------- at the beginning of a run


def settle(study: Study, folder: Path, baseline: Path | None, adopts: bool) -> list[str]:
    """What an earlier run has left with Slurm: kept if it is to make what this one needs, otherwise cancelled, and
    waited for, so that nobody writes what this run writes.

    adopts: whether this run submits to Slurm. Raises InputError if it does not while anything lives, and where Slurm
    does not say what does.
    """
    if not any_written(folder):
        return []
    found = listed(folder)
    if found is None:
        if not adopts and not _is_there():
            return []  # results of a cluster, copied from there
        raise InputError("squeue does not answer", file=folder, allowed="run again: Slurm may have jobs of it")
    if held := [task.id for task in found.values() if task.held]:
        cancel(folder, held)
    living = [task for task in found.values() if task.lives]
    if living and not adopts:
        raise InputError(
            f"{len(living)} jobs of an earlier run are with Slurm", file=folder,
            allowed=f"go on with the profile of that run, or cancel them: scancel --name={name_of(folder)}",
        )  # fmt: skip
    made = made_by(folder, living)
    wanted = {receipts.place(*step): step for step in receipts.steps(study)}
    stale = [
        task.id
        for task in living
        if not made[task.id]
        or any(
            place not in wanted or receipts.fingerprint(study, *wanted[place], baseline) != one
            for place, one in made[task.id].items()
        )
    ]
    lines = []
    if stale:
        cancel(folder, stale)
        deadline = time.monotonic() + PATIENCE
        while _living(folder, stale):
            if time.monotonic() > deadline:
                raise InputError(
                    f"{len(stale)} jobs of other settings do not end",
                    file=folder,
                    allowed="wait for them: squeue",
                )
            time.sleep(PAUSE)
        lines.append(f"{len(stale)} jobs that Slurm had of other settings are cancelled")
    if len(living) > len(stale):
        lines.append(f"{len(living) - len(stale)} jobs that an earlier run has submitted go on")
    tidy(folder, {task.id: task for task in living if task.id not in stale})
    return lines


def _living(folder: Path, ids: Sequence[str]) -> bool:
    """Whether any of these tasks lives, or Slurm does not say."""
    found = listed(folder)
    return found is None or any(found[one].lives for one in ids if one in found)


def _is_there() -> bool:
    """Whether this machine has Slurm's commands."""
    asked = subprocess.run(["sh", "-c", "command -v squeue"], capture_output=True, check=False)
    return asked.returncode == 0
