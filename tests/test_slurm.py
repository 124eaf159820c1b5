"""Studies on a real Slurm of several nodes, on this machine alone (cluster.py); skipped where there can be none."""

import re
import shlex
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import cluster
import patched
import pytest
import yaml
from faults_slurm import PROFILE, SMALL, SOONER, command_of, failing, finished, grow, hashes, members, run
from test_faults import mounted
from tiny import edited

from scoregap.runtime import receipts, tasks
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


def listed(folder: Path, *words: str) -> list[list[str]]:
    """What Slurm lists of the jobs of the study in a folder, those whose lines have these words: the line's words, the
    earliest job first."""
    lines = cluster.jobs(tasks.name_of(folder / "results" / "tiny")).splitlines()
    return [line.split() for line in lines if set(words) <= set(line.split())]


def test_the_cube_is_that_of_a_laptop_and_lack_of_memory_is_mended(done, tmp_path):
    """The first attempt at training has less memory than torch needs, whose import outlasts the second after which
    Slurm looks at it; the second attempt has more."""
    study, local = done
    (tmp_path / study.name).write_text(study.read_text())
    status, text = run(tmp_path / study.name, **{"set-resources": ["train:mem_mb=30 * attempt ** 6"]})
    assert status == 0, text
    assert "trained / exact" in text
    assert "ran out" not in text
    on_slurm, on_laptop = (hashes(folder / "cube.zarr") for folder in (tmp_path / "results" / "tiny", local))
    assert on_slurm == on_laptop
    assert len(on_slurm) > 100
    assert sorted(line[1] for line in listed(tmp_path, "rule_train")) == ["COMPLETED", "COMPLETED", "FAILED", "FAILED"]
    assert len(listed(tmp_path, "rule_compare_report")) == 1  # two jobs of the workflow, one of Slurm's


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
    python, _ = slow(tmp_path, 4, "spectrum")  # Slurm looks at memory once a second
    little = f"40 if wildcards.job == '{jobs[0.5, False]}' else 1000"
    resources = ["train:runtime=1", f"spectrum:mem_mb={little}", f"fit:mem_mb={little}"]
    status, text = run(study, python, retries=0, **{"set-resources": resources})
    assert status == 1
    told = sorted(line for line in text.splitlines() if line.startswith("scoregap: "))
    assert len(told) == 3, told
    memory, time, damage = told
    assert memory.startswith(f"scoregap: fit {jobs[0.5, False]}: ran out of memory: ")
    assert time.startswith(f"scoregap: train {jobs[0.5, True]}: ran out of time: ")
    assert damage.startswith(f"scoregap: train/{weights.name}: is damaged")
    assert Path(memory.split("log: ")[1]).is_file()
    assert [file.name for file in (results / "fit").iterdir()] == [f"{jobs[0.0, False]}.zarr.zip"]
    assert [line[-1] for line in listed(tmp_path, "TIMEOUT")] == [f"rule_train_wildcards_{jobs[0.5, True]}"]
    assert [line[1] for line in listed(tmp_path, "40M")] == ["FAILED"]


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
    assert listed(tmp_path, f"rule_train_wildcards_{job}", "gres:gpu:1")
    told = [
        subprocess.run(
            ["srun", *asked, "sh", "-c", "echo $CUDA_VISIBLE_DEVICES"], capture_output=True, text=True, check=True
        ).stdout.strip()
        for asked in (["--gpus=1"], [])
    ]
    assert told[0] in ("0", "1")
    assert told[1] == ""


# After the module of a stage: it says that it has begun, and waits before it does anything.
SLOW = """\
import functools as _functools
import time as _time
from pathlib import Path as _Path

_run = run


@_functools.wraps(_run)
def run(*args, **kwargs):
    with _Path({begun!r}).open("a") as _file:
        _file.write(f"{{args or kwargs}}\\n".splitlines()[0] + "\\n")
    _time.sleep({seconds})
    return _run(*args, **kwargs)
"""


def slow(folder, seconds, *stages):
    """(a Python in which these stages wait, the file of their beginnings)."""
    begun = folder / "begun"
    begun.touch()
    code = SLOW.format(begun=str(begun), seconds=seconds)
    return patched.python(folder, {f"scoregap.stages.{stage}": code for stage in stages}), begun


def wait(what, seconds=300.0):
    """Until something is so."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, what
        time.sleep(0.3)
    return found


def living(study):
    """What Slurm has of a study."""
    found = tasks.listed(study.parent / "results" / load(study).name)
    return [task for task in (found or {}).values() if task.lives]


def started(study, python, **changes):
    """A run in the background."""
    command = command_of(study, python, **changes)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=study.parent, **pipes)


THREE = (*SMALL, ("[exact, gated-8]", "[exact]"), ("curvature: [0.0]", "curvature: [0.0, 0.2, 0.4]"))


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGKILL])
def test_what_a_run_has_submitted_outlives_it_and_the_next_one_computes_nothing_twice(tmp_path, number):
    """Three spectra are computed or wait when the run is killed; the next one takes them as they are. SIGTERM: below,
    where the time of a controller ends."""
    study = edited(tmp_path, *THREE)
    python, begun = slow(tmp_path, 25, "spectrum")
    with started(study, python) as process:
        wait(lambda: len(begun.read_text().splitlines()) >= 1)
        submitted = {task.id for task in living(study)}
        process.send_signal(number)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == (-number if number == signal.SIGKILL else 130)
    assert number == signal.SIGKILL or "stopped; jobs stay with Slurm; the same command goes on from here" in said
    assert {task.id for task in living(study)} == submitted
    status, text = run(study, python)
    assert status == 0, text
    assert "3 jobs that an earlier run has submitted go on" in text
    assert len(begun.read_text().splitlines()) == 3
    assert not list((tmp_path / "results" / "tiny" / tasks.FOLDER).iterdir())


def test_ctrl_c_cancels_all_that_slurm_has_of_the_run(tmp_path):
    study = edited(tmp_path, *THREE)
    python, begun = slow(tmp_path, 120, "spectrum")
    with started(study, python) as process:
        wait(lambda: begun.read_text())
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped; the same command goes on from here" in said
    wait(lambda: not living(study))


def test_what_waits_for_other_settings_is_cancelled_and_the_rest_goes_on(tmp_path):
    """A curvature goes while no run is there: its spectrum is not wanted any more."""
    study = edited(tmp_path, *THREE)
    python, begun = slow(tmp_path, 25, "spectrum")
    with started(study, python) as process:
        wait(lambda: begun.read_text())
        process.kill()
        process.communicate(timeout=60)
    study.write_text(study.read_text().replace("[0.0, 0.2, 0.4]", "[0.0, 0.2]"))
    status, text = run(study, python)
    assert status == 0, text
    assert "1 jobs that Slurm had of other settings are cancelled" in text
    assert "2 jobs that an earlier run has submitted go on" in text
    assert len(begun.read_text().splitlines()) <= 3


def test_a_run_without_slurm_does_not_compute_what_slurm_has(tmp_path):
    study = edited(tmp_path, *THREE)
    python, begun = slow(tmp_path, 60, "spectrum")
    with started(study, python) as process:
        wait(lambda: begun.read_text())
        process.kill()
        process.communicate(timeout=60)
    command = [sys.executable, "-m", "scoregap", "run", study.name]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
    name = tasks.name_of(tmp_path / "results" / "tiny")
    assert done.returncode == 2
    assert "3 jobs of an earlier run are with Slurm: go on with the profile of that run, or cancel" in done.stderr
    assert f"scancel --name={name}" in done.stderr
    subprocess.run(["scancel", f"--name={name}"], check=True)
    wait(lambda: not living(study))


def test_a_controller_whose_time_ends_goes_on_in_the_next_job(tmp_path):
    """Both are submitted beforehand, one to run after the other; the first has a minute, the stage takes longer."""
    study = edited(tmp_path, *THREE)
    python, begun = slow(tmp_path, 100, "spectrum")
    line = "exec " + shlex.join(command_of(study, python))
    for minutes in (1, 30):
        options = ["--job-name=controller", "--dependency=singleton", "--mem=1G", "--open-mode=append"]
        subprocess.run(
            ["sbatch", *options, f"--time={minutes}", "--output=said.txt", "--wrap", line],
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )
    said = tmp_path / "said.txt"
    asked = ["squeue", "-h", "--name=controller"]
    wait(lambda: not subprocess.run(asked, capture_output=True, check=True).stdout, 600)
    text = said.read_text()
    assert "stopped; jobs stay with Slurm; the same command goes on from here" in text
    assert "jobs that an earlier run has submitted go on" in text
    assert text.count("report        results/tiny/report.html") == 1
    assert len(begun.read_text().splitlines()) == 3
    assert all(state.holds for state in receipts.look(load(study), tmp_path / "results" / "tiny").values())


APART = {"default-resources": ["slurm_partition=apart"]}


def busy(study):
    """The node of a task that runs."""
    name = tasks.name_of(study.parent / "results" / "tiny")
    asked = ["squeue", "-h", f"--name={name}", "--states=running", "-o", "%N"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()


def sooner(study):
    """Slurm waits two minutes before it starts a job again: not here."""
    name = tasks.name_of(study.parent / "results" / "tiny")
    asked = ["squeue", "-h", f"--name={name}", "--states=pending", "-o", "%i"]
    (job,) = wait(lambda: subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split())
    cluster.root("scontrol", "update", f"jobid={job}", "starttime=now")


@pytest.mark.parametrize("again", [True, False])
def test_a_preempted_job_is_started_again_by_slurm_or_told(tmp_path, again):
    """By a job of a partition above, that wants the whole node. Where Slurm may not start it again, it is cancelled.

    In a folder in whose name Slurm would write the number of the job."""
    tmp_path /= "50%j"
    tmp_path.mkdir()
    study = edited(tmp_path, *SMALL, ("[exact, gated-8]", "[exact]"))
    python, begun = slow(tmp_path, 20, "spectrum")
    changes = APART | {"slurm-requeue": again}
    with cluster.apart(), started(study, python, retries=0, **changes) as process:
        (node, *_) = wait(lambda: begun.read_text() and busy(study))
        above = [
            "sbatch",
            "--partition=urgent",
            f"--nodelist={node}",
            f"--cpus-per-task={cluster.CPUS}",
            "--wrap=sleep 3",
        ]
        subprocess.run(above, check=True, capture_output=True, cwd=tmp_path)
        if again:
            sooner(study)
        said, _ = process.communicate(timeout=400)
    if again:
        assert process.returncode == 0, said
        assert len(begun.read_text().splitlines()) == 2
    else:
        assert process.returncode == 1
        told = re.search(r"^scoregap: fit \S+: was preempted: run again; log: (.*)$", said, re.M)
        assert told, said
        assert Path(told[1]).is_file()


def test_a_job_whose_node_is_lost_is_started_again_on_another(tmp_path):
    study = edited(tmp_path, *SMALL, ("[exact, gated-8]", "[exact]"))
    python, begun = slow(tmp_path, 20, "spectrum")
    with cluster.apart(), started(study, python, retries=0, **APART) as process:
        (node, *_) = wait(lambda: begun.read_text() and busy(study))
        try:
            cluster.root("scontrol", "update", f"nodename={node}", "state=down", "reason=lost")
            sooner(study)
            said, _ = process.communicate(timeout=400)
        finally:
            cluster.mend()
    assert process.returncode == 0, said
    assert len(begun.read_text().splitlines()) == 2


def test_a_full_disk_is_told_in_a_line_and_the_same_command_goes_on_when_there_is_room(tmp_path):
    study = edited(tmp_path, *SMALL, ("[exact, gated-8]", "[exact]"))
    with mounted(tmp_path / "results", 64) as disk:
        filled = f"open({str(disk / 'filler')!r}, 'wb').write(bytes(2**26))"
        python = patched.python(tmp_path, {"scoregap.stages.fit": FILLING.format(filled=filled)})
        status, text = run(study, python, retries=0)
        assert status == 1
        assert "No space left on device" in text
        assert "Traceback" not in text
        (disk / "filler").unlink()
        status, text = run(study)
        assert status == 0, text
        assert all(state.holds for state in receipts.look(load(study), disk / "tiny").values())


# After the module of a stage: the disk is full when it begins.
FILLING = """\
import contextlib as _contextlib
import functools as _functools

_run = run


@_functools.wraps(_run)
def run(*args, **kwargs):
    with _contextlib.suppress(OSError):
        {filled}
    return _run(*args, **kwargs)
"""
