"""What a Slurm would say of a profile is asked before anything is submitted; test_slurm.py asks a real one."""

import stat
import time
from pathlib import Path

import pytest
from tiny import edited

from scoregap import InputError
from scoregap.runtime import scheduler, workflow
from scoregap.runtime.scheduler import asked
from scoregap.study import load

# What Slurm 22.05 says, of jobs with such options.
SBATCH = """\
echo "$*" >> SAID
case "$*" in
*--partition=lost*) echo "sbatch: error: invalid partition specified: lost" >&2
  echo "allocation failure: Invalid partition name specified" >&2; exit 1 ;;
*--account=theirs*) echo "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified" >&2
  exit 1 ;;
*--qos=gold*) echo "allocation failure: Invalid qos specification" >&2; exit 1 ;;
*--partition=down*) echo "allocation failure: Required node not available (down, drained or reserved)" >&2; exit 1 ;;
*--partition=gone*) echo "sbatch: error: Unable to contact slurm controller (connect failure)" >&2; exit 1 ;;
*--partition=slow*) sleep 60 ;;
*--partition=silent*) exit 1 ;;
*--partition=dies*) kill -9 $$ ;;
*--partition=broken*) exec no_such_command ;;
esac
"""  # noqa: E501
SINFO = "echo 'main* infinite'; echo 'short 5:00'; echo 'long 2-00:00:00'; echo 'odd n/a'\n"
ACCOUNTS = {
    "listed": ("printf 'mine\\nOurs\\n'", "exit 9"),
    "by sshare": ("echo 'You are not running a supported accounting_storage plugin' >&2; exit 1", "echo ours"),
    "none kept": ("exit 1", "true"),
    "not told": ("exit 1", "echo 'no associations' >&2; exit 1"),
}


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """(profile, accounts) -> check of the tiny study with it, in a folder in which nothing is written."""
    bin, place = tmp_path / "bin", tmp_path / "place"
    bin.mkdir()
    place.mkdir()
    monkeypatch.setattr(workflow, "find_spec", lambda _: True)
    monkeypatch.setenv("PATH", f"{bin}:/usr/bin:/bin")

    def command(name, text):
        (bin / name).write_text(f"#!/bin/sh\n{text}")
        (bin / name).chmod(stat.S_IRWXU)

    command("sbatch", SBATCH.replace("SAID", str(tmp_path / "said")))
    command("sinfo", SINFO)
    study = load(edited(tmp_path))

    def check(profile, accounts="listed"):
        for name, text in zip(("sacctmgr", "sshare"), ACCOUNTS[accounts], strict=True):
            command(name, text)
        (tmp_path / "far").mkdir(exist_ok=True)
        (tmp_path / "far" / "config.yaml").write_text(f"executor: slurm\n{profile}\n")
        try:
            assert workflow.check(study, place / "results", None, tmp_path / "far") == 0
        finally:
            assert list(place.iterdir()) == []
        return (tmp_path / "said").read_text().splitlines()

    return check


def test_what_slurm_would_take_is_submitted(slurm):
    said = slurm("default-resources: [slurm_account=ours, slurm_partition=long]\nset-resources: [train:qos=high]")
    assert all(line.startswith("--test-only --account=ours --partition=long") for line in said)
    assert sum("--qos=high" in line for line in said) == 1
    assert all(line.endswith("--wrap true") for line in said)
    assert len(said) == len(set(said))  # each kind of job once


@pytest.mark.parametrize(
    ("profile", "says"),
    [
        ("default-resources: [slurm_partition=lost]", "jobs of the stage train .*: Invalid partition name specified"),
        ("default-resources: {slurm_partition: lost}", "jobs of the stage train .*: Invalid partition name specified"),
        ("default-resources: slurm_partition=lost", "jobs of the stage train .*: Invalid partition name specified"),
        ("set-resources: [fit:slurm_partition=lost]", "jobs of the stage fit .*: Invalid partition name specified"),
        ("set-resources: {report: {slurm_partition: lost}}", "jobs of the stage report .*: Invalid partition name"),
        ("default-resources: ['qos=gold']", "jobs of the stage train .*: Invalid qos specification"),
        ("slurm-qos: gold", "jobs of the stage train .*: Invalid qos specification"),
        ("default-resources: ['slurm_extra=\"--qos=gold\"']", "jobs of the stage train .*: Invalid qos specification"),
        ("default-resources: [slurm_account=nobody]", "slurm_account=nobody: nobody is no account of yours: should be "
         "one of mine, ours"),
        ("set-resources: [train:slurm_partition=short]", r"train ask for \d+ min, the partition short gives 5, so "),
        ("default-resources: [slurm_partition=gone]", "Unable to contact slurm controller"),
        ("default-resources: [slurm_partition=silent]", "sbatch --test-only` fails with exit status 1: it says no"),
        ("default-resources: [slurm_partition=dies]", "sbatch --test-only` fails with exit status -9: it says no"),
        ("default-resources: [slurm_partition=broken]", "`sbatch --test-only` fails with exit status 127: .*not found"),
    ],
)  # fmt: skip
def test_what_it_would_refuse_is_told_in_a_line(slurm, profile, says):
    with pytest.raises(InputError, match=rf"^--profile: \S+ is not allowed here: [^\n]*{says}[^\n]*$"):
        slurm(profile)


def test_an_account_that_slurm_refuses_is_told(slurm):
    with pytest.raises(InputError, match=r"\(--account=theirs .*\): Batch job submission failed: Invalid account or "):
        slurm("default-resources: [slurm_account=theirs]", "none kept")


@pytest.mark.parametrize(
    ("accounts", "refused"), [("listed", False), ("by sshare", False), ("none kept", False), ("not told", True)]
)
def test_accounts_are_asked_for_as_the_executor_does(slurm, accounts, refused):
    profile = "default-resources: [slurm_account=OURS]"
    if refused:
        with pytest.raises(InputError, match=r"keeps no accounts here, or does not tell them \(no assoc"):
            slurm(profile, accounts)
    else:
        assert slurm(profile, accounts)


@pytest.mark.parametrize(
    "profile",
    [
        "",
        "default-resources: [slurm_partition=down]",
        "default-resources: 5",
        'default-resources: [\'slurm_partition=attempt > 1 and "lost" or "main"\']',
        "set-resources: [train:slurm_partition=short, train:runtime=5]",
        "set-resources: ['train:runtime=90 * attempt', train:slurm_partition=short]",
    ],
)
def test_what_may_change_or_nobody_knows_is_no_refusal(slurm, profile):
    assert slurm(profile)


def test_a_slurm_that_does_not_answer_is_told_within_ten_seconds(slurm, monkeypatch):
    monkeypatch.setattr(scheduler, "DEADLINE", 0.5)
    begun = time.monotonic()
    with pytest.raises(InputError, match=r"Slurm has not answered `sbatch` within 0\.5 s"):
        slurm("default-resources: [slurm_partition=slow]")
    assert time.monotonic() - begun < 5
    monkeypatch.undo()
    assert scheduler.DEADLINE < 10


def test_what_jobs_ask_for_is_that_of_the_workflow(tmp_path):
    study = load(edited(tmp_path, ("depth: 1", "depth: 1\n  device: cuda")))
    settings = {
        "set-resources": ["train:gpu_model=a100", "train:slurm_partition=gpu", "fit:mem_mb=77", "fit:runtime=9"]
    }
    of = {one.stage: one for one in asked(study, settings)}
    assert set(of) == {"train", "spectrum", "fit", "cube", "compare", "report"}
    assert of["train"].options[0] == "--partition=gpu"
    assert of["train"].options[-1] == "--gpus=a100:1"
    assert of["spectrum"].options[-1] == "--gpus=1"
    assert of["fit"].options == ("--time=9", "--mem=77")
    assert int(of["train"].minutes) >= 10


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("5:00", 5), ("1:00:00", 60), ("2-00:00:00", 2880), ("0:30", 0.5), ("infinite", None), ("n/a", None), ("", None)],
)
def test_limits_of_partitions(text, minutes):
    assert scheduler._limits(f"a b* {text}\n") == ({} if minutes is None else {"a b": minutes, "": minutes})


def test_the_profile_of_the_project_is_plain(tmp_path):
    settings = workflow._executor(workflow.PROFILES / "slurm")[1]
    assert all(one.options[0].startswith("--time=") for one in asked(load(edited(tmp_path)), settings))
    assert Path(workflow.PROFILES / "slurm").is_dir()
