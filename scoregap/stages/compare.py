"""Compare fitted phase times with theory, and test the paper's claims; of data from a file, profiles of its scores.

study, cube -> comparison.csv (every number), claims.csv (the paper's claims), their checksums NAME.csv.json,
findings.jsonl (all tables, as data for the report), comparison.txt (what they say, for a terminal), and
phase_times.parquet (every phase time of every cell, for other programs)
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from scoregap import analysis, cubes
from scoregap.analysis import comparison, headline, overview, phase_times
from scoregap.analysis.tables import as_csv
from scoregap.store.files import manifest_of, write_text
from scoregap.store.ownership import Kind, claim, text_with
from scoregap.store.parquet import PARQUET, write_parquet
from scoregap.store.tables import TABLES, files_of_table, write_table, write_tables
from scoregap.study import Study, load

TEXT = Kind("the tables of a comparison", text_with(r"\nmade by scoregap compare: [^\n]+\n\Z"), r"comparison\.txt")


def run(
    study: Path, cube: Path, out: Path, table: Path, claims: Path, findings: Path, phases: Path | None = None
) -> list[Path]:
    """Compare CUBE of study STUDY; every number goes to OUT (CSV), the paper's claims to CLAIMS (CSV), the readable
    tables to TABLE, what the study says as a whole to FINDINGS (JSON Lines), every phase time to PHASES (Parquet)."""
    loaded = load(study)
    made = [(phases, PARQUET)] if phases else []
    claim(*files_of_table(out), *files_of_table(claims), (table, TEXT), (findings, TABLES), *made)
    parts = cubes.datasets(loaded, cube)
    if phases:
        write_parquet(phases, phase_times.schema(parts), phase_times.batches(parts), loaded.fingerprint("compare"))
    tables = analysis.every_table(parts)
    tested = tables[analysis.CLAIMS]
    if loaded.document.data:
        frame = analysis.of_all_parts("profile", parts, tables)
        title, *below = analysis.profiles.as_text(loaded, frame, parts[0][1][0].attrs["data"]).splitlines()
        tables["headline"] = headline.of_data(loaded, frame, tables)
        said = [title, *tables["headline"]["line"], "", *below]
        said += findings_of([part for part, _ in parts], tables)
        said += ["", *analysis.claim_lines(loaded, tested)] if len(tested) else []
        frame = pd.concat([frame, analysis.of_all_parts("agreement", parts, tables)], ignore_index=True)
    else:
        frame = comparison.compare(parts)
        tables |= headline.tables(loaded, frame, tested)
        said = told(loaded, frame, tables)
    said += [f"made by scoregap compare: study {loaded.name}, config {loaded.hash}"]
    write_text(table, "".join(f"{line}\n" for line in said), TEXT)
    of = loaded.fingerprint("compare")
    write_tables(findings, tables, of)
    write_table(claims, as_csv(loaded, analysis.written_claims(parts, tables)), of)
    write_table(out, as_csv(loaded, frame), of)
    return [*(path for path, _ in made), table, findings, claims, manifest_of(claims), out, manifest_of(out)]


def told(
    study: Study, frame: pd.DataFrame, tables: Mapping[str, pd.DataFrame], width: int = overview.WIDTH
) -> list[str]:
    """What the study says, in lines of this width: overview and findings. frame: the comparison."""
    return [*overview.lines(study, frame, tables, width), *overview.sentences(findings_of(study.parts, tables), width)]


def findings_of(parts: Sequence[Study], tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """What the findings of the parts of a study say, in lines."""
    return [line for part in parts for line in analysis.Tables(part, [], tables).lines()]


def printed(study: Path, folder: Path) -> str:
    """The text of a finished run in FOLDER, as wide as the terminal, if there is one; of data from a file it has one
    width. Raises DamagedFile, InputError."""
    loaded, width = load(study), shutil.get_terminal_size((overview.WIDTH, 24)).columns
    if loaded.document.data or width == overview.WIDTH:
        return (folder / "comparison.txt").read_text(encoding="utf-8")
    tables = analysis.read(loaded, folder / "findings.jsonl")
    return "\n".join(told(loaded, comparison.read(loaded, folder / "comparison.csv"), tables, width)) + "\n"
