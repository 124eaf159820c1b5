"""What a study says as a whole: about the laws, estimators of the dimension, samples and training.

study, datasets of its cube -> tables, and their summaries in lines

Each table applies to studies that vary the right axes and have the scores or the section it needs
(`Study.findings`). The compare stage makes them once and keeps them and their summaries; the report draws what is kept.
Cells without a result have no row, a table may be empty. `claims` is of every study with trained networks, all its
blocks together; of data from a file it is another table (`data_claims`).
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import xarray as xr

from scoregap import InputError
from scoregap.analysis import (
    agreement,
    calibration,
    claims,
    claims_in_words,
    data_claims,
    data_dimensions,
    dimensions,
    error_budget,
    laws,
    learning,
    memorisation,
    memorisation_claims,
    profiles,
    sampling,
)
from scoregap.scores import EXACT
from scoregap.store.tables import read_tables
from scoregap.study import Study

__all__ = [
    "TABLES",
    "Tables",
    "claim_lines",
    "every_claim",
    "every_table",
    "of_all_parts",
    "profiles",
    "read",
    "written_claims",
]

CLAIMS = "claims"  # the name of their table
MOST_LINES = 120  # of a finding that are told

# Of the datasets of a part of a study: those of `Study.findings`, and what errors cost.
TABLES: dict[str, Callable[[Study, list[xr.Dataset]], pd.DataFrame]] = {
    "finite_size": laws.finite_size,
    "gap_existence": laws.gap_existence,
    "curvature": laws.curvature,
    "estimators": dimensions.estimators,
    "labour": sampling.noise_attribution,
    "memorisation": memorisation.memorisation,
    "memorisation_curves": memorisation.memorisation_curves,
    "copies": memorisation.copies,
    "accuracy": learning.accuracy,
    "capacity": learning.capacity,
    "plateau": learning.plateau,
    "calibration": calibration.calibration,
    "error_budget": error_budget.error_budget,
    "cost": learning.costs,
    "profile": profiles.profile,
    "agreement": agreement.agreement,
    "data_dimensions": data_dimensions.data_dimensions,
}
# Made of another table: its name, and how.
DERIVED: dict[str, tuple[str, Callable[[Study, pd.DataFrame], pd.DataFrame]]] = {
    "half_of_draws": ("gap_existence", laws.half_of_draws),
    "small_curvature": ("curvature", laws.small_curvature),
    "transitions": ("plateau", learning.transitions),
    "memorisation_claims": ("memorisation", memorisation_claims.memorisation_claims),
    "mean_cost": ("cost", learning.mean_costs),
}
LINES: dict[str, Callable[[Study, pd.DataFrame], list[str]]] = {
    "finite_size": laws.finite_size_lines,
    "gap_existence": laws.gap_existence_lines,
    "curvature": laws.curvature_lines,
    "estimators": dimensions.estimator_lines,
    "labour": sampling.noise_attribution_lines,
    "memorisation": memorisation_claims.lines,
    "copies": memorisation.copies_lines,
    "accuracy": learning.accuracy_lines,
    "capacity": learning.capacity_lines,
    "plateau": learning.plateau_lines,
    "calibration": calibration.calibration_lines,
    "error_budget": error_budget.error_budget_lines,
    "agreement": agreement.agreement_lines,
    "data_dimensions": data_dimensions.data_dimension_lines,
}


class Tables:
    """The tables of a part of a study by name, each made once, when it is asked for, unless it is among those made
    before (of all parts, as `every_table` names them)."""

    def __init__(self, study: Study, datasets: list[xr.Dataset], made: Mapping[str, pd.DataFrame] | None = None):
        self.study, self.datasets = study, datasets
        self._made = dict(made or {})

    def __getitem__(self, name: str) -> pd.DataFrame:
        key = _key(self.study, name)
        if key not in self._made:
            if name in DERIVED:
                source, derive = DERIVED[name]
                self._made[key] = derive(self.study, self[source])
            else:
                self._made[key] = TABLES[name](self.study, self.datasets)
        return self._made[key]

    def lines(self) -> list[str]:
        """What the findings say, for a terminal."""
        lines = []
        for name in self.study.findings:
            if name in LINES and not (frame := self[name]).empty:
                block = [f"block {self.study.block}"] if self.study.block else []
                said = LINES[name](self.study, frame)
                more = len(said) - MOST_LINES
                said = (
                    said
                    if more <= 1
                    else [*said[:MOST_LINES], f"  and {more} lines more: table {name} of findings.jsonl"]
                )
                lines += ["", *block, *said]
        return lines


def _key(part: Study, name: str) -> str:
    """A table of a part among those of a study: BLOCK/NAME where there are blocks."""
    return f"{part.block}/{name}" if part.block else name


def tables_of(part: Study) -> list[str]:
    """The tables that a part of a study has: its findings, and what its errors cost where networks are compared."""
    costs = ["cost"] if part.trained_networks and EXACT in part.axes["network"] else []
    made = [*part.findings, *costs]
    return made + [name for name, (source, _) in DERIVED.items() if source in made]


def every_table(parts: list[tuple[Study, list[xr.Dataset]]]) -> dict[str, pd.DataFrame]:
    """The tables of all parts of a study, and its claims."""
    found = {CLAIMS: every_claim(parts)}
    for part, datasets in parts:
        tables = Tables(part, datasets)
        found |= {_key(part, name): tables[name] for name in tables_of(part)}
    return found


def every_claim(parts: list[tuple[Study, list[xr.Dataset]]]) -> pd.DataFrame:
    """The paper's claims, tested: of a family against its law and exact score, of data from a file against chance."""
    return (data_claims.data_claims if parts[0][0].document.data else claims.claims)(parts)


def written_claims(parts: list[tuple[Study, list[xr.Dataset]]], tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """All that claims.csv has: the paper's claims, and below them those of memorisation, which have columns of the same
    names, and no others of them."""
    found, more = tables[CLAIMS], of_all_parts("memorisation_claims", parts, tables)
    both = [one for one in (found, more) if not one.empty]
    if len(both) < 2:
        return both[0] if both else found
    frame = pd.concat(both, ignore_index=True)
    counts = [name for name in (memorisation.SIZE, "draws", "of", "seen", "group") if name in frame]
    return frame.astype(dict.fromkeys(counts, "Int64"))  # which may be unknown


def claim_lines(study: Study, frame: pd.DataFrame) -> list[str]:
    """Their table in words; nothing of an empty one."""
    if frame.empty:
        return []
    return data_claims.data_claim_lines(study, frame) if study.document.data else claims_in_words.lines(frame)


def of_all_parts(
    name: str, parts: list[tuple[Study, list[xr.Dataset]]], tables: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """A table of all parts of a study that have it; block: of each."""
    found = [
        tables[_key(part, name)].assign(**({"block": part.block} if part.block else {}))
        for part, _ in parts
        if _key(part, name) in tables
    ]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def read(study: Study, path: Path) -> dict[str, pd.DataFrame]:
    """The same of a finished run, from its file. Raises DamagedFile, InputError."""
    found, of = read_tables(path)
    if of != study.fingerprint("compare"):
        raise InputError("is not of this study as it is now", file=path, allowed="rerun compare")
    return found
