"""What the gate says of three changes: of training, of the network and of libraries, on a study that trains in seconds.

    make gate-changes       # or: python tests/gate_changes.py FOLDER [CHANGE ...]

FOLDER: other versions of libraries, as `pip install --target` puts them there. Prints the table of
docs/how_to/regression_gate.md and keeps it in results/benchmarks/gate_changes.csv.
"""

import csv
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from scoregap.regression import baselines, reports
from scoregap.regression.changes import allowed
from scoregap.regression.verdicts import Change as Verdict
from scoregap.study import load

TABLE = Path(__file__).parents[1] / "results" / "benchmarks" / "gate_changes.csv"
STUDY = """\
study: gate
axes:
  family: [linear]
  ambient_dim: [8]
  manifold_dim: [2]
  curvature: [0.0]
  network: [exact, gated-16]
  seed: 6
batch: [seed]
manifold:
  groups: [{fraction: 0.5, std: 1.0}, {fraction: 0.5, std: 0.1}]
train:
  steps: 600
  levels: 16
  samples: 8
  depth: 1
  learning_rate: 1.0e-2
  noise: {start: 5.0e-4, stop: 200.0}
spectrum:
  times: {start: 1.0e-3, stop: 100.0, count: 24}
  points: 8
fit:
  resamples: 50
compare:
  flat: {t_open: 0.15, t_max: 0.05, t_close: 0.15, t_consolidation: 0.10}
  curved: {t_open: 0.25, t_max: 0.10, t_close: 0.25, t_consolidation: 0.25}
"""


class Change(NamedTuple):
    """What is changed in the study, and what `check` is told of it; elsewhere: run with the libraries of the folder."""

    name: str
    old: str = ""
    new: str = ""
    allow: str = ""
    elsewhere: bool = False


CHANGES = {
    "half": Change("half the steps", "steps: 600", "steps: 300", "train"),
    "narrow": Change("a quarter of the width", "gated-16", "gated-4", "network"),
    "wide": Change("four times the width", "gated-16", "gated-64", "network"),
    "libraries": Change("other libraries", elsewhere=True),
}
COLUMNS = ("change", "allow", "differs", "metrics", *(one.value for one in Verdict), "worst", "margins", "status")


def run(folder: Path, change: Change, libraries: str = "") -> tuple:
    """(study, folder of results) of the study with a change, run in a process of its own."""
    folder.mkdir()
    assert change.old in STUDY
    (folder / "gate.yaml").write_text(STUDY.replace(change.old, change.new))
    environment = os.environ | ({"PYTHONPATH": libraries} if libraries else {})
    code = f"""
import sys
sys.path.append({str(Path(__file__).parent)!r})
from pathlib import Path
from tiny import run_stages
run_stages(Path("gate.yaml"), Path("results"), drawn=False)
"""
    subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, check=True, capture_output=True)
    return load(folder / "gate.yaml"), folder / "results"


def row(change: Change, baseline: Path, folder: Path, libraries: str = "") -> dict:
    """What `check` says of a change: counts of verdicts, and the worst of the networks' metrics, in margins."""
    allow = allowed([change.allow] if change.allow else [], [])
    report, why = reports.check_run(*run(folder, change, libraries if change.elsewhere else ""), baseline, allow=allow)
    assert report, why
    judged = [one for one in report.rows if one.verdict]
    counts = Counter(one.verdict for one in judged)
    worst = max((one for one in judged if one.p == one.p), key=lambda one: abs(one.in_margins))
    told = f"--allow {change.allow}" if change.allow else ""
    return {
        "change": change.name, "allow": told, "differs": "; ".join(report.differs), "metrics": len(judged),
        **{one.value: counts[one] for one in Verdict},
        "worst": worst.name.split(": ")[-1], "margins": f"{worst.in_margins:+.1f}",
        "status": report.status(strict=True),
    }  # fmt: skip


def table(rows: list[dict]) -> str:
    """The rows as the page has them."""
    lines = [
        "| change | worse, missing | better | inconclusive | same | furthest, in margins | exit status, `--strict` |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in rows:
        bad = int(one["worse"]) + int(one["missing"])
        allow = f", `{one['allow']}`" if one["allow"] else ""
        cells = [one["change"] + allow, bad, one["better"], one["inconclusive"], one["same"],
                 f"{one['worst']}: {one['margins']}", one["status"]]  # fmt: skip
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def said(rows: list[dict]) -> str:
    """What the gate says differs, as the page has it."""
    return "\n".join(f"{one['change']}: {one['differs']}" for one in rows)


def kept() -> list[dict]:
    """The rows of the file."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def main(libraries: str, names: list[str]) -> None:
    """Run the changes of these names, or all, and keep and print their rows."""
    with tempfile.TemporaryDirectory() as place:
        baseline = Path(place) / "baseline.json"
        baselines.write(baseline, baselines.take(*run(Path(place) / "unchanged", Change("nothing"))))
        rows = [row(CHANGES[name], baseline, Path(place) / name, libraries) for name in names or CHANGES]
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{table(rows)}\n\n{said(rows)}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
