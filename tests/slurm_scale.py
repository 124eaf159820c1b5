"""What do thousands of jobs on Slurm cost, and what do they ask of its controller? `make slurm-scale` runs it.

A study of CELLS jobs of one closed-form cell each, on a Slurm of one machine (cluster.py): as many jobs of Slurm's, and
the two that gather. Slurm's commands are counted by stand-ins, first on PATH, that call the real ones. Adds a row to
the record. What a job costs beside its computing is what is left of the wall time when the processor time of its stages
(of five jobs, measured here before) is spread over the cores of this machine. PYTHON is that of another checkout, as of
an earlier revision, to run with.
"""

import csv
import datetime
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import cluster
import scale
import yaml

from scoregap.runtime import receipts, tasks
from scoregap.study import load

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "results" / "benchmarks" / "slurm_scale.csv"
COMMANDS = ("sbatch", "squeue", "scancel", "scontrol", "sacct", "sinfo")
COUNTING = """\
#!/bin/sh
case "$*" in *--test-only*) kind=trial;; *--array=*) kind=array;; *) kind=one;; esac
echo "{name} $kind $(date +%s)" >> {calls}
exec {real} "$@"
"""
TRIED = 5  # jobs of which the processor time is measured
APART = {"default-resources": ["slurm_partition=bulk"]}  # that leaves a node to others


def counting(folder: Path) -> tuple[dict[str, str], Path]:
    """(an environment in which calls of Slurm's commands are counted, the file of the counts)."""
    place, calls = folder / "bin", folder / "calls"
    place.mkdir()
    for name in COMMANDS:
        if real := shutil.which(name):
            (place / name).write_text(COUNTING.format(name=name, real=real, calls=calls))
            (place / name).chmod(0o755)
    return os.environ | {"OMP_NUM_THREADS": "1", "PATH": f"{place}:{os.environ['PATH']}"}, calls


def processor_seconds(study: Path, folder: Path) -> float:
    """Of a job, here: spectra and fits in one process."""
    before, jobs = resource.getrusage(resource.RUSAGE_CHILDREN), list(load(study).jobs)[:TRIED]
    for job in jobs:
        of_job = ["--study", str(study), "--job", job]
        spectra, fits = (str(folder / stage / f"{job}.zarr.zip") for stage in ("spectrum", "fit"))
        words = ["spectrum", *of_job, "--out", spectra, "then", "fit", *of_job, "--spectra", spectra, "--out", fits]
        subprocess.run([sys.executable, "-m", "scoregap", *words], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / len(jobs)


def main(cells: int = 2000, by: str = sys.executable) -> None:
    """Run the study, and add a row to the record."""
    with tempfile.TemporaryDirectory() as name, cluster.shared():
        folder, load_before, of_code = Path(name), os.getloadavg()[1], revision(Path(by).parents[2])
        study = scale.study(folder, cells, 1)
        each = processor_seconds(study, folder / "tried")
        (folder / "profile").mkdir()
        profile = Path(by).parents[2] / "workflow" / "profiles" / "slurm" / "config.yaml"
        settings = yaml.safe_load(profile.read_text()) | APART
        (folder / "profile" / "config.yaml").write_text(yaml.safe_dump(settings))
        environment, calls = counting(folder)
        earlier, began = len(cluster.jobs().splitlines()), time.time()
        with (folder / "said").open("w") as said:
            command = [by, "-m", "scoregap", "run", study.name, "--profile", "profile"]
            ended = subprocess.run(command, cwd=folder, env=environment, stdout=said, stderr=said, check=False)
        wall = time.time() - began
        assert ended.returncode == 0, (folder / "said").read_text()[-3000:]
        results = folder / "results" / load(study).name
        assert all(state.holds for state in receipts.look(load(study), results).values())
        told = [line.split() for line in calls.read_text().splitlines()]
        counts = Counter((name, kind) for name, kind, _ in told)
        ours = len(cluster.jobs(tasks.name_of(results)).splitlines()) - 1  # an earlier revision has others
        jobs = ours or len(cluster.jobs().splitlines()) - earlier
        asked = sum(count for (name, _), count in counts.items() if name == "squeue")
        row = {
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "revision": of_code,
            "cores": os.cpu_count(),
            "load": f"{load_before:.1f}",
            "cells": cells,
            "jobs of Slurm": jobs,
            "submissions": counts["sbatch", "array"] + counts["sbatch", "one"],
            "arrays": counts["sbatch", "array"],
            "squeue calls": asked,
            "other calls": len(told) - asked - counts["sbatch", "array"] - counts["sbatch", "one"],
            "most calls in a minute": max(Counter(int(second) // 60 for *_, second in told).values()),
            "wall s": f"{wall:.0f}",
            "processor s a job": f"{each:.2f}",
            "wall s a job beside": f"{wall / jobs - each / (os.cpu_count() or 1):.2f}",
        }
        print(row, flush=True)
        new = not RECORD.exists()
        with RECORD.open("a", newline="") as file:
            writer = csv.DictWriter(file, row, lineterminator="\n")
            if new:
                writer.writeheader()
            writer.writerow(row)


def revision(checkout: Path) -> str:
    """Of a checkout."""
    asked = ["git", "-C", str(checkout), "describe", "--always", "--dirty"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main(*(int(one) if one.isdigit() else one for one in sys.argv[1:]))
