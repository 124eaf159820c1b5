"""What of a finished run is committed: `make published STUDY=paper_cpu PICTURES='claims ratios/phases'`.

results/STUDY -> results/findings/STUDY: study.yaml, as it was run; claims.csv, comparison.csv, the pictures (SVG) and
the tables that they are drawn from (CSV), where they are, those of ALWAYS, provenance.json

provenance.json says what the numbers are of (attributes of the cube), and what they cost: seconds of cores, by stage.
"""

import csv
import hashlib
import json
import shutil
import sys
from collections import Counter
from pathlib import Path

from scoregap import InputError, analysis, cubes
from scoregap.analysis.tables import as_csv
from scoregap.report import registry
from scoregap.runtime.finding import find
from scoregap.store import ownership
from scoregap.store.ownership import Kind
from scoregap.store.tables import read_table
from scoregap.study import Study, load

ALWAYS = ("data_dimensions", "calibration", "copies")  # tables that no picture that is published is drawn from
RESULTS = Path(__file__).parents[1] / "results"


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of what is published beside its provenance, by name."""
    files = [path for path in sorted(folder.iterdir()) if path.name != "provenance.json"]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


KIND = Kind(
    "a folder of what is published",
    lambda path: json.loads((path / "provenance.json").read_text())["files"] == hashes(path),
    inside=r"[\w-]+\.(csv|svg)|study\.yaml|provenance\.json",
)


def publish(study: Study, folder: Path, out: Path, pictures: list[str]) -> None:
    """Copy tables and pictures of a run in a folder. Raises InputError, DamagedFile, unless they are of this study
    and `out` is absent, or was published before and not edited since."""
    for name in ("claims.csv", "comparison.csv"):
        if read_table(folder / name)[1] != study.fingerprint("compare"):
            raise InputError(f"{folder / name}: is not of this study as it is now: run it")
    ds = cubes.datasets(study, folder / "cube.zarr")[0][1][0]
    out = ownership.own(out, KIND)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    copied = {name: folder / name for name in ("claims.csv", "comparison.csv")}
    copied |= {f"{name.replace('/', '-')}.svg": folder / "figures" / f"{name}.svg" for name in pictures}
    for name, source in copied.items():
        shutil.copyfile(source, out / name)
    found = analysis.read(study, folder / "findings.jsonl")
    for picture in pictures:
        block, _, short = picture.rpartition("/")
        takes = registry.FIGURES[short].takes
        for name in takes if isinstance(takes, tuple) else ():
            key = f"{block}/{name}" if block else name
            (out / f"{key.replace('/', '-')}.csv").write_text(as_csv(study, found[key]))
    for name in (name for name in found if name.rpartition("/")[2] in ALWAYS):
        (out / f"{name.replace('/', '-')}.csv").write_text(as_csv(study, found[name]))
    (out / "study.yaml").write_text(ds.attrs["study"])
    spent = cost(folder / "logs")
    facts = {name: value for name, value in ds.attrs.items() if name not in ("study", "block")}
    facts |= {"cells": study.size, "jobs": len(study.jobs), "core_seconds": spent}
    facts["files"] = hashes(out)
    (out / "provenance.json").write_text(json.dumps(facts, indent=1) + "\n")


def cost(logs: Path) -> dict[str, int]:
    """Seconds of cores, by stage, of what is there, as Snakemake measured them."""
    spent: Counter = Counter()
    for path in [*logs.glob("*.tsv"), *logs.glob("*/*.tsv")]:
        with path.open() as file:
            row = next(csv.DictReader(file, delimiter="\t"), {})  # nothing of a run that was stopped as it wrote it
        stage = path.parent.name if path.parent != logs else path.stem
        seconds = row.get("cpu_time")
        spent[stage] += float(seconds) if seconds not in (None, "", "NA", "-") else 0.0
    return {stage: round(seconds) for stage, seconds in sorted(spent.items())} | {"total": round(spent.total())}


if __name__ == "__main__":
    chosen = load(find(sys.argv[1]))
    publish(chosen, RESULTS / chosen.name, RESULTS / "findings" / chosen.name, sys.argv[2:])
    print(RESULTS / "findings" / chosen.name)
