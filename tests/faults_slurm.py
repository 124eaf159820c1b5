"""Does a study on Slurm lose anything when its jobs fail? `make faults-slurm` runs it and writes the record.

A finished study of every stage grows by a seed, on a Slurm of one machine (cluster.py). Run after run, jobs of one
stage after another fail: for lack of memory, lack of time, by scancel, with their node, and, in groups, as a later
member. What was there before has to be there after each failure, and the run without failures has to leave the cube of
a study that nothing has happened to. Half an hour on two cores.
"""

import csv
import datetime
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import cluster
import patched
import yaml
from tiny import FLAT, WITH_DIMENSION, WITH_SAMPLING, edited

from scoregap.runtime import receipts
from scoregap.store.cube import read_cube
from scoregap.store.files import manifest_of
from scoregap.store.jobs import job_path, read_job
from scoregap.store.tables import read_table, read_tables
from scoregap.store.weights import read_weights
from scoregap.study import Study, load
from scoregap.study.stages import STAGES

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "results" / "benchmarks" / "faults_slurm.csv"
PROFILE = ROOT / "workflow" / "profiles" / "slurm" / "config.yaml"
# Slurm is here, its nodes are this machine, and nobody else waits in its queue: ask sooner.
SOONER = {"latency-wait": 5, "seconds-between-status-checks": 1}
SMALL = FLAT, ("[exact, gaussian, gated-8]", "[exact, gated-8]"), ("seed: 2", "seed: 1")
ORDER = ("train", "spectrum dimension sample", "fit", "cube", "compare", "report")  # stages that fail together
# After a stage's module. Before its work, or when all is done but the receipt, the stage meets its end.
FAILING = """\
import functools as _functools
import os as _os
import signal as _signal
import subprocess as _subprocess
import time as _time

_run = run


@_functools.wraps(_run)
def run(*args, **kwargs):
    if {late}:
        _run(*args, **kwargs)
    {end}
    _time.sleep(600)
"""
MEMORY = "_eaten = [bytearray(b'x') * 2**20 for _ in range(8192)]"  # MB; a node has less
CANCEL = "_subprocess.run(['scancel', _os.environ['SLURM_JOB_ID']], check=True)"
NODE = (
    "_node = _os.environ['SLURMD_NODENAME']; "
    f"_os.kill(int(open('{cluster.STATE}/' + _node + '.pid').read()), _signal.SIGKILL); "
    "_subprocess.run(['scontrol', 'update', 'nodename=' + _node, 'state=down', 'reason=killed'], check=True); "
    "_os.killpg(0, _signal.SIGKILL)"
)
FAULTS = {  # how a stage ends, and what the profile says otherwise
    "memory": ((MEMORY, False), {}),
    "time": (("pass", False), {"set-resources": [f"{stage.name}:runtime=1" for stage in STAGES]}),  # groups add them up
    "scancel": ((CANCEL, True), {}),
    "node": ((NODE, True), {"slurm-requeue": False}),
}


def command_of(study: Path, python: str = sys.executable, **changes) -> list[str]:
    """The command that runs a study in its folder, with the Slurm profile and these changes to it."""
    profile = study.parent / "profile"
    profile.mkdir(exist_ok=True)
    settings = yaml.safe_load(PROFILE.read_text()) | SOONER | changes
    (profile / "config.yaml").write_text(yaml.safe_dump(settings))
    return [python, "-m", "scoregap", "run", study.name, "--profile", "profile", "--yes"]


def run(study: Path, python: str = sys.executable, **changes) -> tuple[int, str]:
    """(exit status, what it printed) of that."""
    command = command_of(study, python, **changes)
    result = subprocess.run(command, capture_output=True, text=True, cwd=study.parent, timeout=1200, check=False)
    print(result.stdout + result.stderr)
    return result.returncode, result.stdout + result.stderr


def failing(study: Path, stages: list[str], fault: str) -> tuple[int, str]:
    """The same, while the jobs of these stages fail in this way."""
    (end, late), changes = FAULTS[fault]
    code = FAILING.format(end=end, late=late)
    python = patched.python(study.parent, {f"scoregap.stages.{stage}": code for stage in stages})
    try:
        return run(study, python, retries=0, **changes)
    finally:
        if fault == "node":
            cluster.mend()


def members(study: Study, folder: Path) -> set[tuple[str, str, str]]:
    """(stage, job, key) of all that is in the files of jobs."""
    found = set()
    for stage, job in receipts.steps(study):
        if job and (path := job_path(folder, job, stage)).exists():
            keys = read_weights(path)[0] if stage == "train" else read_job(path)[1]
            found |= {(stage, job, key) for key in keys}
    return found


def hashes(cube: Path) -> dict[str, str]:
    """Hashes of a cube's files; without that of its attributes, which name the revision of the code."""
    files = json.loads(manifest_of(cube).read_text())["files"]
    return {name: one for name, one in files.items() if name != "zarr.json"}


def finished(folder: Path, *changes: tuple[str, str]) -> Path:
    """The study file of a small study with these changes, run on this machine without Slurm."""
    folder.mkdir(exist_ok=True)
    study = edited(folder, *changes)
    subprocess.run([sys.executable, "-m", "scoregap", "run", study.name], cwd=folder, check=True, capture_output=True)
    return study


def grow(study: Path) -> None:
    """One seed more."""
    text = study.read_text()
    assert "seed: 1" in text
    study.write_text(text.replace("seed: 1", "seed: 2"))


def chain(study: Path, fault: str) -> dict[str, str]:
    """Stages fail one after another, then nothing does: what is said of each; raises AssertionError on any loss."""
    results, outcome = study.parent / "results" / "tiny", {}
    for stages in (several.split() for several in ORDER):
        before = members(load(study), results)
        status, text = failing(study, stages, fault)
        assert status == 1, text
        assert any(f"scoregap: {stage}" in text for stage in stages), text
        assert members(load(study), results) >= before
        read_cube(results / "cube.zarr")
        for name in ("comparison.csv", "claims.csv"):
            read_table(results / name)
        read_tables(results / "findings.jsonl")
        assert (results / "report.html").stat().st_size
        outcome |= dict.fromkeys(stages, "kept")
    status, text = run(study)
    assert status == 0, text
    assert all(state.holds for state in receipts.look(load(study), results).values())
    return outcome


def main(*faults: str) -> None:
    """Every fault, or those that are named; adds each to the record."""
    revision = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=True)
    with tempfile.TemporaryDirectory() as name, cluster.shared():
        changes = *SMALL, WITH_DIMENSION, WITH_SAMPLING
        reference = finished(Path(name) / "reference", *changes[:2], ("seed: 2", "seed: 2"), *changes[3:])
        for fault in faults or FAULTS:
            study = finished(Path(name) / fault, *changes)
            grow(study)
            kept = chain(study, fault)
            same = hashes(study.parent / "results/tiny/cube.zarr") == hashes(
                reference.parent / "results/tiny/cube.zarr"
            )
            assert same, f"the cube differs after {fault}"
            date = datetime.datetime.now(datetime.UTC).date().isoformat()
            rows = [
                (date, revision.stdout.strip(), fault, stage, outcome, "same cube") for stage, outcome in kept.items()
            ]
            print(*rows, sep="\n", file=sys.stderr, flush=True)
            heads = [] if RECORD.exists() else [("date", "revision", "fault", "stage", "earlier results", "in the end")]
            with RECORD.open("a", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows([*heads, *rows])


if __name__ == "__main__":
    main(*sys.argv[1:])
