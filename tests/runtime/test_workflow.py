"""Before a run and after it: what is refused, what is found. Runs: `tests/test_workflow.py`."""

import errno
import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from bounded import SPECIAL, at_once
from tiny import edited

from scoregap import InputError
from scoregap.runtime import receipts, workflow
from scoregap.runtime.events import Events
from scoregap.runtime.finding import find
from scoregap.store.jobs import job_path
from scoregap.store.results import mark
from scoregap.store.weights import write_weights
from scoregap.study import load


@pytest.mark.parametrize(
    "content",
    [b"5", b"[1]", b"executor: [", b"executor: 5", b"executor: ../x", b"executor: a.b", b"executor: ''", b"\xff",
     b"executor: null", b"!!python/object/apply:os.system [x]", b"executor: " + b"[" * 5000],
)  # fmt: skip
def test_a_strange_profile_is_refused(tiny, tmp_path, content):
    (tmp_path / "config.yaml").write_bytes(content)
    with pytest.raises(InputError, match=r"^--profile: .* is not allowed: .*config\.yaml: [^\n]*$"):
        workflow.check(load(tiny), tmp_path / "results", None, tmp_path)


def test_a_profile_is_a_folder_or_the_name_of_one_of_the_project(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert workflow.find_profile(Path("slurm")) == workflow.PROFILES / "slurm"
    for other in ("./x", "x/slurm", "..", "absent", "x" * 300, str(tmp_path)):
        assert workflow.find_profile(Path(other)) == Path(other)
    (tmp_path / "slurm").mkdir()
    assert workflow.find_profile(Path("slurm")) == Path("slurm")
    with pytest.raises(InputError, match=r"^--profile: "):
        workflow.check(load(tiny), tmp_path / "results", None, Path("x" * 300))


@pytest.mark.parametrize("place", ["/a b/python", "/it's/python", "/$HOME/python", "/é/python"])
def test_no_cluster_from_an_installation_that_snakemake_cannot_name(tiny, tmp_path, monkeypatch, place):
    """It does not quote the path of Python in the jobs that it submits."""
    (tmp_path / "config.yaml").write_text("executor: slurm\n")
    monkeypatch.setattr(sys, "executable", place)
    with pytest.raises(InputError, match=r"^--profile: .* cannot submit jobs from "):
        workflow.check(load(tiny), tmp_path / "results", None, tmp_path)


@pytest.mark.parametrize("cores", ["0", "00", "-1", "1.5", "", " 1", "9" * 5000])
def test_a_strange_number_of_cores_is_refused(tiny, tmp_path, cores):
    with pytest.raises(InputError, match=r"--cores: .* is not allowed: should be a number from 1, or all"):
        workflow.check(load(tiny), tmp_path / "results", cores, workflow.PROFILE)


@pytest.fixture
def longer(tiny, tmp_path):
    """The tiny study with longer training, in a folder with results of it as it was: (its file, results)."""
    for job in load(tiny).jobs.values():
        if job.trained:
            keys = {key: {} for key in job.keys("train")}
            write_weights(job_path(tmp_path / "results" / "tiny", job.id, "train"), keys, {})
    tiny.write_text(tiny.read_text().replace("  steps: 40", "  steps: 50"))
    return tiny, tmp_path / "results"


def stopped(command, folder, lock, logs, leaves):
    """As `workflow.follow`, of a run that is stopped at once."""
    os.close(lock)
    return workflow.Ended(workflow.INTERRUPTED, [], Events())


@pytest.mark.parametrize(
    ("change", "key", "allowed"),
    [
        ({"cores": "0"}, "--cores", "should be a number from 1, or all"),
        ({"profile": Path("x" * 70)}, "--profile", "should be a folder with a config.yaml"),
        ({"results": Path("/proc/scoregap")}, "--results", "should be a folder one can write to"),
    ],
)
def test_a_refusal_names_the_option_the_value_and_what_is_allowed(tiny, tmp_path, change, key, allowed):
    given = {"study": load(tiny), "results": tmp_path / "results", "cores": None, "profile": workflow.PROFILE} | change
    with pytest.raises(InputError) as caught:
        workflow.check(**given)
    (value,) = change.values()
    assert (caught.value.key, caught.value.value) == (key, value)
    assert allowed in caught.value.allowed
    assert str(caught.value).startswith(f"{key}: {str(value)!r} is not allowed: ")  # a path as a whole


def everything(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_trained_networks_are_not_lost_without_a_word(longer, monkeypatch):
    study, results = longer
    before = everything(results.parent)
    monkeypatch.setattr(workflow, "follow", pytest.fail)
    with pytest.raises(InputError, match=r"tiny\.yaml: study: 'tiny': in [^\n]* 4 trained networks [^\n]* with --yes"):
        workflow.run(str(study), results, None, workflow.PROFILE)
    assert everything(results.parent) == before
    monkeypatch.setattr(workflow, "follow", stopped)
    assert workflow.run(str(study), results, None, workflow.PROFILE, yes=True) == workflow.INTERRUPTED
    study.write_text(study.read_text().replace("  steps: 50", "  steps: 40").replace("seed: 2", "seed: 3"))  # it grows
    assert workflow.run(str(study), results, None, workflow.PROFILE) == workflow.INTERRUPTED


@pytest.mark.parametrize(
    "answer", ["\n", *(pytest.param(one, marks=pytest.mark.slow) for one in ("n\n", "yesterday\n", "\x04"))]
)
def test_on_a_terminal_a_run_asks_and_takes_no_for_an_answer(longer, answer):
    study, results = longer
    before = everything(results.parent)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "scoregap", "run", study, "--results", results]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as process:
        os.close(theirs)
        said = b""
        while b"Go on? [y/N]" not in said:
            said += os.read(ours, 1000)
        os.write(ours, answer.encode())
    os.close(ours)
    assert process.returncode == 2
    assert b"4 trained networks of other settings or an earlier version would be lost" in said
    assert everything(results.parent) == before


def test_on_a_terminal_a_run_goes_on_with_a_yes(longer, monkeypatch, capsys):
    study, results = longer
    monkeypatch.setattr(workflow, "follow", stopped)
    typed = io.StringIO("y\n")
    monkeypatch.setattr(sys, "stdin", typed)
    for stream in (typed, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    assert workflow.run(str(study), results, None, workflow.PROFILE) == workflow.INTERRUPTED
    assert "Go on?" in capsys.readouterr().err


@pytest.mark.parametrize("length", [255, 256, 3000])
def test_results_that_can_be_are_made_and_others_refused(tiny, tmp_path, monkeypatch, length):
    """A name of 256 bytes, and a whole path of more than the system takes, as far as the files in it are concerned."""
    name = "x" * length if length < 3000 else "/".join(["x" * 200] * ((3900 - len(str(tmp_path))) // 201))
    results = tmp_path / name
    monkeypatch.setattr(workflow, "follow", stopped)
    before = everything(tmp_path)
    if length == 255:
        assert workflow.run(str(tiny), results, None, workflow.PROFILE) == workflow.INTERRUPTED
        return
    with pytest.raises(InputError, match=r"^--results: .*: File name too long; should be a folder"):
        workflow.run(str(tiny), results, None, workflow.PROFILE)
    assert everything(tmp_path) == before


@pytest.mark.parametrize("kind", ["a loop", "to nothing", "a file"])
def test_results_are_not_made_through_links_that_lead_nowhere(tiny, tmp_path, kind):
    link, to = tmp_path / "link", {"a loop": "link", "to nothing": "absent", "a file": "tiny.yaml"}[kind]
    link.symlink_to(to)
    for results in (link, link / "deeper"):
        with pytest.raises(InputError, match=r"^--results: "):
            workflow.run(str(tiny), results, None, workflow.PROFILE)
    assert not (tmp_path / "absent").exists()


def test_a_run_names_what_is_damaged_and_forgets_its_receipt(tiny, tmp_path, monkeypatch, capsys):
    """Before Snakemake starts, which then sees that its stage is to run."""
    folder = tmp_path / "results" / "tiny"
    path = folder / receipts.place("compare")
    mark(folder)
    (folder / "cube.zarr").mkdir()
    (folder / "cube.zarr" / "zarr.json").write_text("{}")
    receipts.write(path, receipts.begin(path, tiny, "compare"), [folder / "cube.zarr"])
    (folder / "cube.zarr" / "zarr.json").write_text("")
    (folder / "comparison.txt").write_text("the table")
    there = []
    monkeypatch.setattr(
        workflow, "follow", lambda *_: (there.append(path.exists()), workflow.Ended(0, [], Events()))[1]
    )
    assert workflow.run(str(tiny), tmp_path / "results", None, workflow.PROFILE) == 0
    assert there == [False]
    said = capsys.readouterr()
    line = f"scoregap: {folder}/cube.zarr/zarr.json: is damaged: it has 0 bytes, of 2; made again\n"
    assert said.err == line
    assert "the table" in said.out


@pytest.mark.parametrize("kind", SPECIAL)
def test_what_is_at_the_path_of_a_study_is_said(tmp_path, kind):
    path = tmp_path / "there"
    SPECIAL[kind](path)
    says = {"link to a folder": "folder", "empty device": "device", "endless device": "device"}.get(kind, kind)
    with at_once(), pytest.raises(InputError, match=rf"^study: '.*there' is a {says}: allowed are .* of a YAML file$"):
        find(str(path))
    with at_once(), pytest.raises(InputError, match=r"^--profile: ") as caught:
        workflow.check(load(edited(tmp_path)), tmp_path / "results", None, path)
    assert says == "folder" or f"is a {says}: should be a folder with a config.yaml" in str(caught.value)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES])
def test_only_what_the_user_can_mend_is_told_of_a_results_folder(tmp_path, monkeypatch, number):
    def fail(**_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(workflow.tempfile, "TemporaryFile", fail)
    mendable = number in (errno.EROFS, errno.EACCES)
    with pytest.raises(InputError if mendable else OSError, match=os.strerror(number)) as caught:
        workflow._check_results(tmp_path, tmp_path / "tiny")
    assert isinstance(caught.value, InputError) == mendable


@pytest.mark.parametrize("kind", SPECIAL)
def test_a_baseline_that_cannot_be_read_is_not_passed_over(tmp_path, kind):
    """For that of the project: the user has another."""
    (tmp_path / "baselines").mkdir()
    own, study = tmp_path / "baselines" / "quickstart.json", load(find("quickstart"))
    assert workflow.baseline(study, tmp_path) == workflow.BASELINES / "quickstart.json"
    SPECIAL[kind](own)
    assert workflow.baseline(study, tmp_path) == own
    assert workflow.baseline(study, tmp_path, accepted=True) == own


def test_the_baseline_of_a_study_of_one_s_own_is_beside_it(tmp_path):
    """Whatever its name: that of a study of the project has nothing to do with it."""
    path, results = tmp_path / "mine" / "my.quickstart.yaml", tmp_path / "results"
    path.parent.mkdir()
    path.write_text(find("quickstart").read_text())
    (results / "baselines").mkdir(parents=True)
    beside, before = path.parent / "my.quickstart.baseline.json", results / "baselines" / "quickstart.json"
    assert workflow.baseline(load(path), results) == beside
    before.touch()  # where earlier versions wrote it
    assert workflow.baseline(load(path), results) == before
    assert workflow.baseline(load(path), results, accepted=True) == beside
    beside.touch()
    assert workflow.baseline(load(path), results) == beside
