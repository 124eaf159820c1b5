"""Would the gate know? Faults are put into a copy of the code, one by one, and the quickstart study is run with each.

    make gate-mutations     # or: python tests/gate_mutations.py RESULTS [FAULT ...], half an hour on two cores

RESULTS: a folder with a finished run of the study by the code as it is, which is the baseline here. A fault reruns the
stages from the one it is in. Prints what the gate says of each; exit status 1 if one escapes it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from scoregap.regression import baselines, reports
from scoregap.runtime.status import OF_JOBS
from scoregap.store.jobs import job_path
from scoregap.study import Study, load

ROOT = Path(__file__).resolve().parents[1]
STUDY = ROOT / "workflow" / "studies" / "quickstart.yaml"


class Fault(NamedTuple):
    """stage: the first whose results it changes. old, new: text of the file, which has `old` once."""

    name: str
    stage: str
    file: str
    old: str
    new: str


FAULTS = (
    Fault("float16 spectra", "spectrum", "stages/spectrum.py", "[some] = found.eigenvalues",
          "[some] = found.eigenvalues.astype(np.float16)"),
    Fault("a swapped group", "spectrum", "stages/spectrum.py", "zip(starts, ends, strict=True))",
          "zip(starts, ends, strict=True))[::-1]"),
    Fault("an off-by-one gap index", "fit", "measure/gaps.py", "above = np.asarray(boundaries) - 1",
          "above = np.asarray(boundaries) - 2"),
    Fault("half the training", "train", "study/grid.py", "        return self.train\n",
          '        return self.train.model_copy(update={"steps": self.train.steps // 2})\n'),
    Fault("a stale EMA: it forgets nothing", "train", "networks/training.py",
          "max(1.0 / step, 1.0 / (1 + ema * steps))", "1.0 / step"),
    Fault("a wrong noise weighting: 10^level", "train", "networks/denoiser.py", "noise, spread)).square()",
          "noise, spread)).square().mul(10.0 ** self.level(spread))"),
    Fault("a missing sqrt in the schedule", "train", "networks/denoiser.py", "addcmul(clean, spread.sqrt(), noise)",
          "addcmul(clean, spread, noise)"),
)  # fmt: skip


def inject(fault: Fault, tree: Path) -> None:
    """A copy of the code with the fault in it."""
    for part in ("scoregap", "workflow"):
        shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", tree)
    file = tree / "scoregap" / fault.file
    text = file.read_text()
    assert text.count(fault.old) == 1, f"{fault.name}: {fault.file} has {text.count(fault.old)} times: {fault.old}"
    file.write_text(text.replace(fault.old, fault.new))


def rerun(study: Study, fault: Fault, tree: Path, results: Path) -> None:
    """Make the fault's stage and those after it again, up to the comparison, by the code in `tree`."""
    folder = results / study.name
    for job in study.jobs.values():
        if fault.stage != "train" or job.trained:
            for stage in OF_JOBS[OF_JOBS.index(fault.stage) :]:
                job_path(folder, job.id, stage).unlink(missing_ok=True)
    for after in ("cube.zarr.json", "comparison.csv", "comparison.csv.json", "comparison.txt",
                  "claims.csv", "claims.csv.json", "findings.jsonl"):  # fmt: skip
        (folder / after).unlink()
    shutil.rmtree(folder / "cube.zarr")
    command = [
        sys.executable, "-m", "snakemake", "done/compare.json", "--snakefile", str(tree / "Snakefile"),
        "--quiet", "all",
        "--workflow-profile", str(tree / "workflow" / "profiles" / "default"),
        "--config", f"study={STUDY}", f"results={results}",
    ]  # fmt: skip
    subprocess.run(
        command,
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
    )


def verdict(study: Study, fault: Fault, clean: Path, baseline: Path) -> reports.Report:
    """What the gate says of a run with the fault."""
    with tempfile.TemporaryDirectory() as name:
        inject(fault, Path(name) / "tree")
        results = Path(name) / "results"
        shutil.copytree(
            clean / study.name, results / study.name, ignore=shutil.ignore_patterns("figures", "report.html")
        )
        rerun(study, fault, Path(name) / "tree", results)
        report, why = reports.check_run(study, results / study.name, baseline)
        assert report, why
        return report


def told(fault: Fault, report: reports.Report) -> str:
    """One line: caught or not, how many metrics of closed forms and of networks are worse, and the worst of these."""
    worse = [row for row in report.rows if row.verdict in ("missing", "worse")]
    scattering = [row for row in worse if np.isfinite(row.p)]
    gone = sum(row.verdict == "missing" for row in worse)
    best = sum(row.verdict == "better" for row in report.rows)
    worst = max(scattering or worse or report.rows, key=lambda row: abs(row.in_margins))
    return (
        f"{fault.name:36} {'caught' if report.status(strict=False) == reports.WORSE else 'ESCAPES':8}"
        f"{len(worse) - len(scattering) - gone:6} {len(scattering):6} {gone:7} {best:6}   "
        f"{worst.name} {worst.in_margins:+.1f}"
    )


def main(clean: Path, wanted: list[str]) -> int:
    """Print the table; the number of faults that escape."""
    study, escaped = load(STUDY), 0
    with tempfile.TemporaryDirectory() as name:
        baseline = Path(name) / "quickstart.json"
        baselines.write(baseline, baselines.take(study, clean / study.name))
        print(
            f"{'fault':36} {'':8}{'closed':>6} {'nets':>6} {'missing':>7} {'better':>6}   worst, in margins", flush=True
        )
        for fault in FAULTS:
            if not wanted or fault.name in wanted:
                report = verdict(study, fault, clean, baseline)
                escaped += report.status(strict=False) != reports.WORSE
                print(told(fault, report), flush=True)
    return escaped


if __name__ == "__main__":
    sys.exit(min(main(Path(sys.argv[1]), sys.argv[2:]), 1))
