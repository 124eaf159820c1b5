"""Compare fitted phase times with theory, and test the paper's claims.

study, cube -> comparison.csv (every number), claims.csv (the paper's claims), their checksums NAME.csv.json, and
comparison.txt (the tables for a terminal)
"""

from pathlib import Path

from scoregap import analysis, cubes
from scoregap.analysis import comparison
from scoregap.store.files import manifest_of, write_text
from scoregap.store.ownership import Kind, claim, text_with
from scoregap.store.tables import files_of_table, write_table
from scoregap.study import load

TABLES = Kind("the tables of a comparison", text_with(r"\nmade by scoregap compare: [^\n]+\n\Z"), r"comparison\.txt")


def run(study: Path, cube: Path, out: Path, table: Path, claims: Path) -> list[Path]:
    """Compare CUBE of study STUDY; every number goes to OUT (CSV), the paper's claims to CLAIMS (CSV), the readable
    tables to TABLE."""
    loaded = load(study)
    claim(*files_of_table(out), *files_of_table(claims), (table, TABLES))
    parts = cubes.datasets(loaded, cube)
    frame = comparison.compare(parts)
    tested = analysis.claims.claims(parts)
    found = [line for part, datasets in parts for line in analysis.Tables(part, datasets).lines()]
    found += ["", *analysis.claims.lines(tested)] if len(tested) else []
    found += ["", f"made by scoregap compare: study {loaded.name}, config {loaded.hash}"]
    write_text(table, comparison.as_text(loaded, frame) + "".join(f"{line}\n" for line in found), TABLES)
    write_table(claims, tested.to_csv(index=False, float_format="%.6g"), loaded.hash)
    write_table(out, frame.to_csv(index=False, float_format="%.6g"), loaded.hash)
    return [table, claims, manifest_of(claims), out, manifest_of(out)]
