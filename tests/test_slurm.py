"""Studies on a real Slurm of several nodes, on this machine alone (cluster.py); skipped where there can be none."""

import re
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import cluster
import pytest
import yaml
from faults_slurm import PROFILE, SMALL, SOONER, failing, finished, grow, hashes, members, run
from tiny import edited

from scoregap.runtime import receipts
from scoregap.store.cube import read_cube
from scoregap.store.results import mark
from scoregap.study import load

pytestmark = [pytest.mark.slow, pytest.mark.workflow, pytest.mark.slurm]


@pytest.fixture(scope="session", autouse=True)
def slurm():
    """Slurm, running. Skips, with the reason, where it cannot be installed or started."""
    if not find_spec("snakemake_executor_plugin_slurm"):
        pytest.skip("no Slurm here: the extra `slurm` is not installed")
    try:
        with cluster.shared():
            yield
    except cluster.Unavailable as reason:
        pytest.skip(f"no Slurm here: {reason}")


def listed(*words: str) -> list[list[str]]:
    """What Slurm lists of jobs, those whose lines have these words: the line's words, the earliest job first."""
    return [line.split() for line in cluster.jobs().splitlines() if set(words) <= set(line.split())]


def test_the_cube_is_that_of_a_laptop_and_lack_of_memory_is_mended(done, tmp_path):
    """The first attempt at the cube is given less memory than Python needs; the second one has more."""
    study, local = done
    (tmp_path / study.name).write_text(study.read_text())
    status, text = run(tmp_path / study.name, **{"set-resources": ["cube:mem_mb=30 * attempt ** 6"]})
    assert status == 0, text
    assert "trained / exact" in text
    assert "ran out" not in text
    on_slurm, on_laptop = (hashes(folder / "cube.zarr") for folder in (tmp_path / "results" / "tiny", local))
    assert on_slurm == on_laptop
    assert len(on_slurm) > 100
    assert [line[1] for line in listed("rule_cube")] == ["FAILED", "COMPLETED"]
    assert len(listed("rule_outcome_compare_report")) == 1  # two jobs of the workflow, one of Slurm's


def test_failures_are_told_and_the_rest_completes(tmp_path):
    """Weights that the disk has damaged, a training that outlasts its minute, too little memory; and a sound job."""
    study = edited(tmp_path, ("[exact, gaussian, gated-8]", "[exact, gated-8]"), ("steps: 40", "steps: 100000000"))
    jobs = {(job.cells[0]["curvature"], job.trained): id for id, job in load(study).jobs.items()}
    results = tmp_path / "results" / "tiny"
    weights = results / "train" / f"{jobs[0.0, True]}.safetensors"
    mark(results)
    receipt = results / receipts.place("train", jobs[0.0, True])
    begun = receipts.begin(receipt, study, "train", jobs[0.0, True])
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"no weights")
    receipts.write(receipt, begun, [weights])
    little = f"40 if wildcards.job == '{jobs[0.5, False]}' else 1000"
    resources = ["train:runtime=1", f"spectrum:mem_mb={little}", f"fit:mem_mb={little}"]
    status, text = run(study, retries=0, **{"set-resources": resources})
    assert status == 1
    told = sorted(line for line in text.splitlines() if line.startswith("scoregap: "))
    assert len(told) == 3, told
    memory, time, damage = told
    assert memory.startswith(f"scoregap: fit {jobs[0.5, False]}: ran out of memory: ")
    assert time.startswith(f"scoregap: train {jobs[0.5, True]}: ran out of time: ")
    assert damage.startswith(f"scoregap: train/{weights.name}: is damaged")
    assert Path(memory.split("log: ")[1]).is_file()
    assert [file.name for file in (results / "fit").iterdir()] == [f"{jobs[0.0, False]}.zarr.zip"]
    assert [line[-1] for line in listed("TIMEOUT")] == [f"rule_train_wildcards_{jobs[0.5, True]}"]
    assert [line[1] for line in listed("40M")] == ["FAILED"]


def test_growth_that_fails_loses_nothing_and_goes_on(tmp_path):
    """A seed more: training has too little memory; then, in one job of Slurm's, spectra succeed and fits are cancelled;
    then the cube is. The rest of stages and failures: faults_slurm.py."""
    study = finished(tmp_path / "study", *SMALL)
    grow(study)
    results = study.parent / "results" / "tiny"
    for stage, fault in (("train", "memory"), ("fit", "scancel"), ("cube", "scancel")):
        before = members(load(study), results)
        assert before
        status, text = failing(study, [stage], fault)
        assert status == 1
        assert f"scoregap: {stage}" in text
        assert members(load(study), results) >= before
        read_cube(results / "cube.zarr")
    status, text = run(study)
    assert status == 0, text
    assert all(state.holds for state in receipts.look(load(study), results).values())
    assert len(members(load(study), results)) == 5 * 2  # of train, and spectrum and fit of two jobs, by seeds


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"default-resources": ["slurm_partition=lost"]}, "train .*: Invalid partition name specified"),
        ({"set-resources": ["fit:slurm_partition=short"]}, r"fit ask for \d+ min, the partition short gives 5, so"),
        ({"set-resources": ["train:gpu=1", "train:gpu_model=a100"]}, "train .*: Requested node configuration is not"),
        ({"set-resources": ["cube:mem_mb=900000"]}, "cube .*: Requested node configuration is not available"),
        ({"set-resources": ["train:constraint=haswell"]}, "train .*: Invalid feature specification"),
    ],
)
def test_what_slurm_would_never_take_is_told_at_once_and_nothing_is_written(tmp_path, changes, says):
    study, begun = edited(tmp_path), time.monotonic()
    status, text = run(study, **changes)
    assert status == 2
    assert re.fullmatch(rf"scoregap: --profile: 'profile' is not allowed here: [^\n]*{says}[^\n]*\n", text), text
    assert time.monotonic() - begun < 10
    assert not (tmp_path / "results").exists()


def test_the_controller_may_be_a_job_and_nodes_get_their_environment(tmp_path):
    """A job of Slurm's submits the others, in each of which a line of shell runs first."""
    study = edited(tmp_path, *SMALL, ("[exact, gated-8]", "[exact]"))
    (tmp_path / "profile").mkdir()
    settings = yaml.safe_load(PROFILE.read_text()) | SOONER
    settings["precommand"] = f"mktemp {tmp_path}/loaded-XXXXXX"
    (tmp_path / "profile" / "config.yaml").write_text(yaml.safe_dump(settings))
    line = f"{sys.executable} -m scoregap run {study.name} --profile profile"
    command = ["sbatch", "--parsable", "--wait", "--mem=1G", "--output=said.txt", "--wrap", line]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False)
    said = (tmp_path / "said.txt").read_text()
    assert done.returncode == 0, said
    assert "cube          results/tiny/cube.zarr" in said
    assert all(state.holds for state in receipts.look(load(study), tmp_path / "results" / "tiny").values())
    assert len(list(tmp_path.glob("loaded-*"))) >= 3  # spectra and fits, cube, comparison with report


def test_networks_on_a_gpu_ask_for_one(tmp_path):
    """This machine's are stand-ins: the job is given one, and says that torch finds none there."""
    networks = ("[exact, gaussian, gated-8]", "[gated-8]")
    study = edited(tmp_path, ("[0.0, 0.5]", "[0.5]"), networks, ("depth: 1", "depth: 1\n  device: cuda"))
    status, text = run(study, retries=0)
    assert status == 0 or "train.device: 'cuda' is not on this machine: allowed here are auto, cpu" in text
    (job,) = load(study).jobs
    assert listed(f"rule_train_wildcards_{job}", "gres:gpu:1")
    told = [
        subprocess.run(
            ["srun", *asked, "sh", "-c", "echo $CUDA_VISIBLE_DEVICES"], capture_output=True, text=True, check=True
        ).stdout.strip()
        for asked in (["--gpus=1"], [])
    ]
    assert told[0] in ("0", "1")
    assert told[1] == ""
