"""Compare fitted phase times with theory, and test the paper's claims; of data from a file, profiles of its scores.

study, cube -> comparison.csv (every number), claims.csv (the paper's claims), their checksums NAME.csv.json,
findings.jsonl (all tables, as data for the report), and comparison.txt (the tables for a terminal)
"""

from pathlib import Path

import pandas as pd

from scoregap import analysis, cubes
from scoregap.analysis import comparison
from scoregap.analysis.tables import as_csv
from scoregap.store.files import manifest_of, write_text
from scoregap.store.ownership import Kind, claim, text_with
from scoregap.store.tables import TABLES, files_of_table, write_table, write_tables
from scoregap.study import load

TEXT = Kind("the tables of a comparison", text_with(r"\nmade by scoregap compare: [^\n]+\n\Z"), r"comparison\.txt")


def run(study: Path, cube: Path, out: Path, table: Path, claims: Path, findings: Path) -> list[Path]:
    """Compare CUBE of study STUDY; every number goes to OUT (CSV), the paper's claims to CLAIMS (CSV), the readable
    tables to TABLE, and what the study says as a whole to FINDINGS (JSON Lines)."""
    loaded = load(study)
    claim(*files_of_table(out), *files_of_table(claims), (table, TEXT), (findings, TABLES))
    parts = cubes.datasets(loaded, cube)
    tables = analysis.every_table(parts)
    tested = tables[analysis.CLAIMS]
    if loaded.document.data:
        frame = analysis.of_all_parts("profile", parts, tables)
        head = analysis.profiles.as_text(loaded, frame, parts[0][1][0].attrs["data"])
        frame = pd.concat([frame, analysis.of_all_parts("agreement", parts, tables)], ignore_index=True)
    else:
        frame = comparison.compare(parts)
        head = comparison.as_text(loaded, frame)
    said = [line for part, datasets in parts for line in analysis.Tables(part, datasets, tables).lines()]
    said += ["", *analysis.claims.lines(tested)] if len(tested) else []
    said += [f"made by scoregap compare: study {loaded.name}, config {loaded.hash}"]
    write_text(table, head + "".join(f"{line}\n" for line in said), TEXT)
    of = loaded.fingerprint("compare")
    write_tables(findings, tables, of)
    write_table(claims, as_csv(loaded, tested), of)
    write_table(out, as_csv(loaded, frame), of)
    return [table, findings, claims, manifest_of(claims), out, manifest_of(out)]
