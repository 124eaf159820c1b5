"""A finished run, checked against its baseline and against theory.

study, folder of its results, file of its baseline -> Report (rows of both, worst first) -> exit status
"""

from pathlib import Path
from typing import NamedTuple

import xarray as xr

from scoregap import DamagedFile, cubes
from scoregap.regression import baselines, theory
from scoregap.regression.baselines import Record
from scoregap.regression.changes import NOTHING, Allowed, match
from scoregap.regression.theory import NO_THEORY
from scoregap.regression.verdicts import (
    BAD,
    UNCLEAR,
    VERDICTS,
    Change,
    Check,
    Row,
    compare_records,
    worst_first,
)
from scoregap.study import Study

NO_BASELINE = "no baseline has been accepted"
Parts = list[tuple[Study, list[xr.Dataset]]]  # of a study, with the datasets of its cube
OK, WORSE, INCONCLUSIVE, INCOMPARABLE = 0, 1, 3, 4  # exit statuses


class Report(NamedTuple):
    """A run, checked. baseline: None if the study does not require one and there is none. differs: what differs from
    it, and may, a sentence each."""

    study: Study
    baseline: Record | None
    rows: list[Row]
    apart: int
    differs: tuple[str, ...] = ()

    def worst(self, verdict: str) -> str:
        """The worst verdict against `baseline` or `theory`; empty if there is none."""
        return min(
            ((row.verdict if verdict == "baseline" else row.theory.verdict) for row in self.rows),
            key=VERDICTS.index,
            default="",
        )

    def answer(self) -> str:
        """Whether the run has got worse than its baseline, in a sentence."""
        judged = [row.verdict for row in self.rows if row.verdict]
        bad, unclear = (sum(one in kinds for one in judged) for kinds in (BAD, UNCLEAR))
        better = judged.count(Change.BETTER)
        less = f"{better} better, {unclear} inconclusive or new"
        if bad:
            return f"yes: {bad} of {len(judged)} metrics are worse or missing, {less}"
        return f"{'not seen' if unclear else 'no'}: none of {len(judged)} metrics is worse, {less}"

    def status(self, strict: bool) -> int:
        """The exit status: of the verdicts that the study requires."""
        worst = min((self.worst(one) for one in self.study.required), key=VERDICTS.index)
        if worst in BAD:
            return WORSE
        return INCONCLUSIVE if strict and worst in (*UNCLEAR, "") else OK


def check_run(
    study: Study, folder: Path, path: Path | None, parts: Parts | None = None, allow: Allowed = NOTHING
) -> tuple[Report | None, list[str]]:
    """A study's finished run in a folder against the baseline in a file, if there is one, and against theory; or why
    it cannot be compared. parts: if they are open already. allow: what may differ. Raises InputError, DamagedFile.
    """
    old = baselines.read(path) if path else None
    differs: tuple[str, ...] = ()
    if not old:
        missing = baselines.not_ok(study, parts or cubes.datasets(study, folder / "cube.zarr"))
        found = Check([Row(name, Change.MISSING) for name in missing])
    else:
        matched = match(old, baselines.take(study, folder), allow)
        if matched.refused:
            return None, list(matched.refused)
        found, differs = compare_records(matched.old, matched.new), matched.differs
    agreements = theory.agreements(study, folder)
    rows = [row._replace(theory=agreements.pop(row.name, NO_THEORY)) for row in found.rows]
    rows += [Row(name, "", theory=one) for name, one in agreements.items()]
    return Report(study, old, worst_first(rows), found.apart, differs), []


def outcome(study: Study, folder: Path, path: Path | None, parts: Parts | None = None) -> tuple[Report, str]:
    """The same for a figure: where a run cannot be compared with its baseline it is alone, and the text says why.

    Raises InputError, and DamagedFile where the run itself is damaged.
    """
    try:
        report, why = check_run(study, folder, path, parts)
    except DamagedFile as error:
        report, why = None, [str(error)]
    if report:
        return report, NO_BASELINE
    alone, _ = check_run(study, folder, None, parts)
    assert alone
    return alone, f"cannot be compared with its baseline: {'; '.join(why)}"
