"""How a finished run becomes the baseline of its study.

study, its results, a reason, the code's git tree -> RESULTS/baselines/STUDY.json, or why not
"""

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from scoregap import InputError
from scoregap.regression import baselines
from scoregap.regression.baselines import Record
from scoregap.regression.changes import match
from scoregap.regression.verdicts import Change, compare_records
from scoregap.store.opening import absent
from scoregap.store.ownership import claim
from scoregap.study import Study

FEWEST = 3  # seeds of a baseline with trained networks, in every block that has any


def accept(study: Study, folder: Path, reason: str, path: Path, before: Path, root: Path | None) -> Record:
    """Write the baseline of a finished run; the only thing that ever does.

    path: of the baseline. before: of the one before it, if there is one. root: of the code's git tree; None for an
    installed package, which does not change.

    Raises InputError where nobody could later say what the numbers are of, or whether they have changed.
    """

    def refuse(why: str) -> NoReturn:
        raise InputError("is not accepted", key=f"baseline of {study.name}", allowed=why)

    claim((path, baselines.KIND))
    if os.environ.get("CI"):
        refuse("CI is set: baselines are accepted by people, and reviewed")
    if not reason.strip():
        refuse("--reason is empty: say why the numbers are right")
    if root:
        apart = [":(exclude)results/baselines", ":(exclude)*.baseline.json"]
        if study.path.resolve().is_relative_to(root.resolve()):  # a user's; what it says is in the baseline itself
            apart.append(f":(exclude,literal){study.path.resolve().relative_to(root.resolve())}")
        command = ["git", "status", "--porcelain", "--", ".", *apart]
        git = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        if git.returncode:
            refuse(f"{root} is not a git tree")
        if git.stdout:
            changes = git.stdout.splitlines()
            many = f"{len(changes)} uncommitted changes, as {changes[0][3:]}"
            refuse(f"the git tree has {many}: commit them, and run again")
    seeds = [
        len(part.axes["seed"])
        for part in study.parts
        if part.trained_networks or (part.document.data and any(name in part.declared for name in part.axes["network"]))
    ]
    if min(seeds, default=FEWEST) < FEWEST:
        refuse(f"{min(seeds)} seeds are too few to know how networks scatter: should be at least {FEWEST}")
    record = baselines.take(study, folder)
    if record.revision.endswith("-dirty"):
        refuse(f"its cube was made by an uncommitted tree, {record.revision}: delete the cube and run again")
    if record.not_ok:
        refuse(f"{len(record.not_ok)} cells are not ok, as {record.not_ok[0]}")
    if not absent(before) and not (found := match(baselines.read(before), record)).refused:
        rows = compare_records(found.old, found.new).rows
        unclear = [row.name for row in rows if row.verdict == Change.INCONCLUSIVE]
        if unclear:
            refuse(f"against the one before, {len(unclear)} metrics are inconclusive, as {unclear[0]}: run more seeds")
    date = datetime.now(UTC).date().isoformat()
    record = record.model_copy(update={"reason": " ".join(reason.split()), "date": date})
    baselines.write(path, record)
    return record
