"""A finished run, checked against its baseline and against theory.

study, folder of its results, file of its baseline -> Report (rows of both, worst first) -> exit status
"""

from pathlib import Path
from typing import NamedTuple

import xarray as xr

from scoregap import DamagedFile, cubes
from scoregap.regression import baselines, theory
from scoregap.regression.baselines import Record
from scoregap.regression.theory import NO_THEORY
from scoregap.regression.verdicts import (
    BAD,
    UNCLEAR,
    VERDICTS,
    Change,
    Check,
    Row,
    compare_records,
    differences,
    worst_first,
)
from scoregap.study import Study

NO_BASELINE = "no baseline has been accepted"
Parts = list[tuple[Study, list[xr.Dataset]]]  # of a study, with the datasets of its cube
OK, WORSE, INCONCLUSIVE, INCOMPARABLE = 0, 1, 3, 4  # exit statuses


class Report(NamedTuple):
    """A run, checked. baseline: None if the study does not require one and there is none."""

    study: Study
    baseline: Record | None
    rows: list[Row]
    apart: int

    def worst(self, verdict: str) -> str:
        """The worst verdict against `baseline` or `theory`; empty if there is none."""
        return min(
            ((row.verdict if verdict == "baseline" else row.theory.verdict) for row in self.rows),
            key=VERDICTS.index,
            default="",
        )

    def status(self, strict: bool) -> int:
        """The exit status: of the verdicts that the study requires."""
        worst = min((self.worst(one) for one in self.study.required), key=VERDICTS.index)
        if worst in BAD:
            return WORSE
        return INCONCLUSIVE if strict and worst in (*UNCLEAR, "") else OK


def check_run(
    study: Study, folder: Path, path: Path | None, parts: Parts | None = None
) -> tuple[Report | None, list[str]]:
    """A study's finished run in a folder against the baseline in a file, if there is one, and against theory; or why
    it cannot be compared. parts: if they are open already. Raises InputError, DamagedFile.
    """
    old = baselines.read(path) if path else None
    if not old:
        missing = baselines.not_ok(study, parts or cubes.datasets(study, folder / "cube.zarr"))
        found = Check([Row(name, Change.MISSING) for name in missing])
    else:
        new = baselines.take(study, folder)
        if why := differences(old, new):
            return None, why
        found = compare_records(old, new)
    agreements = theory.agreements(study, folder)
    rows = [row._replace(theory=agreements.pop(row.name, NO_THEORY)) for row in found.rows]
    rows += [Row(name, "", theory=one) for name, one in agreements.items()]
    return Report(study, old, worst_first(rows), found.apart), []


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
