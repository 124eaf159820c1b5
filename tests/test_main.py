"""The command line: quick, plain in its errors, and the same functions as everywhere."""

import json
import os
import re
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from bounded import SPECIAL, at_once, no_more_descriptors
from tiny import TINY, read_job

from scoregap import __main__, brief
from scoregap.__main__ import app
from scoregap.study import digest, load
from scoregap.study.stages import STAGES

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("COLUMNS", "FORCE_COLOR"))}


def scoregap(*arguments, cwd=None, **options):
    command = [sys.executable, "-m", "scoregap", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env=CLEAN | {"COLUMNS": "200"}, check=False, **options
    )


def refused(result, *says):
    """One line on stderr, status 2, no traceback."""
    assert result.returncode == 2, result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert "Traceback" not in result.stderr
    for word in says:
        assert word in result.stderr


def test_help_names_every_command():
    """How long it takes is a benchmark, `startup`; what it imports is tested in `test_architecture`."""
    result = scoregap("--help")
    assert result.returncode == 0
    for name in ("run", "stop", "status", "studies", "theory", "check", "baseline", *(stage.name for stage in STAGES)):
        assert f" {name} " in result.stdout


ASKED = """
import sys
from scoregap.__main__ import app

heavy = {"torch", "xarray", "snakemake", "matplotlib", "sklearn"}
stages = {f"scoregap.stages.{name}" for name in sys.argv[2:]}
for words in (["--help"], ["status", sys.argv[1]], ["stop", sys.argv[1]], ["run", "--help"], ["trian"],
              ["baseline", "accept", "--help"], ["check", "--help"], ["--", "--help"], ["fit", "--help"], ["studies"]):
    try:
        app(words)
    except SystemExit:
        pass
    there = (heavy | stages) & set(sys.modules)
    print("imported", words, *there, file=sys.stderr)
"""


def test_a_command_imports_its_own_stage_and_no_other(tiny, tmp_path):
    """Nor what only stages need, and not for a line of help, a name that is none, or an option in front."""
    command = [sys.executable, "-c", ASKED, str(tiny), *(stage.name for stage in STAGES)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    told = [line for line in result.stderr.splitlines() if line.startswith("imported ")]
    assert len(told) == 10
    assert [line.rpartition("]")[2] for line in told[:-2]] == [""] * 8
    assert told[-2] == "imported ['fit', '--help'] scoregap.stages.fit"
    assert set(told[-1].rpartition("]")[2].split()) == {"scoregap.stages.fit", "sklearn"}  # whose digits a study is of


@pytest.mark.slow
@pytest.mark.parametrize("stage", [stage.name for stage in STAGES])
def test_every_stage_explains_itself(stage):
    result = scoregap(stage, "--help")
    assert result.returncode == 0
    assert "--study" in result.stdout


def test_stages_may_run_one_after_the_other_in_one_process(tiny, tmp_path):
    """As those of scores without training do; the first that fails is the last."""
    job = next(id for id, one in load(tiny).jobs.items() if not one.trained)
    words = ["--study", tiny, "--job", job, "--out"]
    spectrum, fit = ["spectrum", *words, "s.zarr.zip"], ["fit", *words, "f.zarr.zip", "--spectra", "s.zarr.zip"]
    result = scoregap(*spectrum, "then", *fit, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    alone = tmp_path / "alone"
    alone.mkdir()
    for words in (spectrum, fit):
        assert scoregap(*words, cwd=alone).returncode == 0
    for name in ("s.zarr.zip", "f.zarr.zip"):
        assert (tmp_path / name).read_bytes() == (alone / name).read_bytes()
        (tmp_path / name).unlink()
    refused(scoregap(*spectrum[:-1], "s.zarr.zip", "--weights", "none", "--what", "then", *fit, cwd=tmp_path), "--what")
    assert not list(tmp_path.glob("*.zip"))


@pytest.mark.parametrize(
    ("words", "commands"),
    [
        ("fit --a then then spectrum", ["fit --a then", "spectrum"]),
        ("run then", ["run then"]),
        ("run then fit", ["run then fit"]),
        ("fit then", ["fit then"]),
        ("fit --out then --study x", ["fit --out then --study x"]),
        ("", [""]),
    ],
)
def test_then_parts_commands_of_stages_alone(words, commands):
    assert [" ".join(one) for one in __main__._commands(words.split())] == commands


def test_a_stage_with_a_receipt_is_left_out_before_another(tmp_path):
    receipt = tmp_path / "then"
    first, last = ["spectrum", "--receipt", str(receipt)], ["fit", "--receipt", str(receipt)]
    assert __main__._commands([*first, "then", *last]) == [first, last]
    receipt.touch()
    assert __main__._commands([*first, "then", *last]) == [last]
    assert __main__._commands(first) == [first]


def test_the_installed_command_is_the_module():
    assert (
        subprocess.run(
            [Path(sys.executable).with_name("scoregap"), "--help"], capture_output=True, check=False
        ).returncode
        == 0
    )


def test_theory_as_json_without_torch():
    result = scoregap("theory", "--ambient", 100, "--group", "20:1.0", "--group", "20:0.1", "--json")
    answer = json.loads(result.stdout)
    assert answer["manifold_dim"] == 40
    # theory.md 2: the lower bulk is [.00499, .0449], not [.0076, .0524]; repaired [.0050, .0450]
    edges = answer["groups"][1]["edges"]
    assert edges["silverstein"] == pytest.approx([0.00499, 0.0449], abs=6e-6 * 10)
    assert edges["detached"] == pytest.approx([0.0076, 0.0524], abs=6e-5)
    assert edges["repaired"] == pytest.approx([0.0050, 0.0450], abs=6e-5)
    (gap,) = answer["intermediate_gaps"]
    assert gap["t_open"] * gap["t_close"] == pytest.approx(gap["t_max"] ** 2)
    assert answer["final_gap"]["t_consolidation"] == answer["groups"][1]["edges"]["silverstein"][0]
    code = "import sys; sys.argv = ['scoregap', 'theory', '--ambient', '9', '--group', '2:1']; import runpy\n"
    code += "runpy.run_module('scoregap', run_name='__main__'); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.endswith(
        "False\n"
    )


def test_theory_as_a_table():
    result = scoregap("theory", "--ambient", 100, "--group", "20:1.0", "--group", "20:0.6")
    assert "does not exist" in result.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--ambient", 3, "--group", "2:1", "--group", "2:2"], "--ambient: 3 is not allowed"),
        (["--ambient", 9, "--group", "2"], "'2' is not allowed: should be COUNT:STD"),
        (["--ambient", 9, "--group", "0:1"], "--group number 1: count: 0 is not allowed"),
        (["--ambient", 9, "--group", "1:-1"], "--group number 1: std: -1.0 is not allowed"),
        (["--ambient", 9, "--group", "1:nan"], "--group number 1: std: nan is not allowed"),
        (["--ambient", 9, "--group", "1:1", "--level", "1.5"], "--level: 1.5 is not allowed"),
    ],
)
def test_theory_refuses_the_impossible(arguments, says):
    refused(scoregap("theory", *arguments), says)


def words_refused(capsys, *words):
    """What a command says in one line, with status 2, and nothing else."""
    with at_once(), pytest.raises(SystemExit) as ended:
        app(list(words), prog_name="scoregap")
    said, told = capsys.readouterr()
    assert ended.value.code == 2, words
    assert said == ""
    assert told.startswith("scoregap: ")
    assert told.removesuffix("\n").isprintable(), told
    return told.removeprefix("scoregap: ").removesuffix("\n")


@pytest.mark.parametrize("command", [*(stage.name for stage in STAGES), "run", "status", "theory", "baseline accept"])
@pytest.mark.parametrize("more", [["--zzz"], ["--zz\x1b[2J=1"], ["-q"], ["--help=3"], ["a", "b", "c\n"]])
def test_wrong_words_of_a_command_are_one_line(command, more, capsys):
    """Also of the commands that are loaded when they are asked for, and of a group in the group."""
    said = words_refused(capsys, *command.split(), *more)
    assert ": see scoregap " in said or ": is missing: " in said


def test_every_option_that_is_needed_or_has_no_value_is_named(capsys):
    for stage in STAGES:
        assert words_refused(capsys, stage.name).startswith("--study: is missing")
        assert words_refused(capsys, stage.name, "--study").startswith("--study: Option '--study' requires")
    assert words_refused(capsys, "theory", "--group", "2:1") == "--ambient: is missing: ambient dimension d"
    assert words_refused(capsys, "baseline", "accept").startswith("study: is missing: a study file, the")
    said = words_refused(capsys, "baseline", "acept")
    assert said == "'acept' is no command: did you mean accept? allowed are accept"
    assert words_refused(capsys, "rnu").startswith("'rnu' is no command: did you mean run? allowed are run, new")
    assert words_refused(capsys, "\n").startswith(r"'\n' is no command: allowed are run, new, measure, stop, status")
    for command, option, near in (
        ("run", "--resuls", "--results"), ("theory", "--ambeint", "--ambient"), ("spectrum", "--studyy", "--study"),
        ("baseline accept", "--raeson", "--reason"), ("fit", "--spektra", "--spectra"),
    ):  # fmt: skip
        said = words_refused(capsys, *command.split(), option, "x")
        assert said == f"{option}: unknown option: did you mean {near}? see scoregap {command} --help"


WHOLE_OPTIONS = {
    "--ambient": "",
    "--density": " from 0 to 100000",
    "--points": " from 1 to 100000",
    "--seed": " from 0",
}
NUMBER_OPTIONS = ("--curvature", "--time", "--level", "--visibility")


@pytest.mark.parametrize("option", [*WHOLE_OPTIONS, *NUMBER_OPTIONS])
def test_a_number_of_an_option_is_one_in_plain_digits(option, capsys):
    what = f"a whole number{WHOLE_OPTIONS[option]}" if option in WHOLE_OPTIONS else "a number"
    values = ["", "x", "1_0", "\u0661", "\uff11", "1e", "0x1", "1,5", "1 2", "\n", "--1"]
    values += ["1.0", "1e1", "nan", "9" * 5000] if option in WHOLE_OPTIONS else []
    values += ["-1"] if option in ("--density", "--points", "--seed") else []
    for value in values:
        given = ["theory", "--ambient", "9", "--group", "2:1", f"{option}={value}"]
        said = words_refused(capsys, *given)
        assert said.startswith(f"{option}: {brief(value)} is not allowed"), said
        assert said.endswith(f": should be {what}"), said


def test_studies_are_listed():
    result = scoregap("studies")
    assert "quickstart" in result.stdout
    assert "36 cells in    12 jobs" in result.stdout


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("depth: 1", "depths: 1", "train.depths: unknown key"),
        ("[2]", "[9]", "axes.manifold_dim: 9"),
        pytest.param(
            "depth: 1", "device: cuda:99", "train.device: 'cuda:99' is not on this machine", marks=pytest.mark.slow
        ),
    ],
)
def test_a_bad_study_is_refused_before_anything_is_written(tmp_path, old, new, says):
    (tmp_path / "bad.yaml").write_text(TINY.replace(old, new))
    refused(scoregap("run", "bad.yaml", cwd=tmp_path), "bad.yaml: ", says)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.yaml"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--cores", "0"], "--cores: '0' is not allowed: should be a number from 1, or all"),
        (["--cores", "two"], "--cores: 'two' is not allowed"),
        (["--profile", "absent"], "--profile: 'absent' is not allowed"),
    ],
)
def test_bad_options_of_run_are_refused(tiny, tmp_path, arguments, says):
    refused(scoregap("run", tiny, *arguments, cwd=tmp_path), says)
    assert not (tmp_path / "results").exists()


def test_an_executor_that_is_not_installed_is_refused(tiny, tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "config.yaml").write_text("executor: far-away\n")
    says = "it needs snakemake-executor-plugin-far-away: install that"
    refused(scoregap("run", tiny, "--profile", "far", cwd=tmp_path), "--profile: 'far' is not allowed yet", says)
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("profile", "command"),
    [
        ("executor: slurm", "sbatch"),
        (
            "executor: cluster-generic\ncluster-generic-submit-cmd: FLAGS=1 qsub -l m={resources.mem_mb}",
            "qsub",
        ),
        ("executor: cluster-generic\ncluster-generic-submit-cmd: ./submit {threads}", "./submit"),
        ("executor: cluster-sync\ncluster-sync-submit-cmd: /opt/absent/qrsh", "/opt/absent/qrsh"),
    ],
)
def test_an_executor_without_its_scheduler_is_refused_at_once(tiny, tmp_path, monkeypatch, profile, command):
    """Its plugin is there: for the test, all of them are."""
    from scoregap import InputError
    from scoregap.runtime import workflow

    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "config.yaml").write_text(profile)
    monkeypatch.setattr(workflow, "find_spec", lambda _: True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sh").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    asked = load(tiny), tmp_path / "results", None, tmp_path / "far"
    says = rf"--profile: .* is not allowed here: .* submits jobs by {re.escape(command)}, which is not on PATH: "
    with pytest.raises(InputError, match=says):
        workflow.check(*asked)
    if not command.startswith("/"):
        name = tmp_path / command if command.startswith(".") else tmp_path / "bin" / command
        name.write_text("")
        name.chmod(0o755)
        assert workflow.check(*asked) == 0


def test_an_unknown_study_and_an_unwritable_folder_are_refused(tiny, tmp_path):
    refused(scoregap("run", "quikstart"), "'quikstart' is not known: did you mean quickstart? ")
    (tmp_path / "file").write_text("")
    refused(scoregap("run", tiny, "--results", tmp_path / "file"), "--results: ", "Not a directory")
    if os.geteuid():  # root may write anywhere
        folder = tmp_path / "locked"
        folder.mkdir()
        folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
        refused(scoregap("run", tiny, "--results", folder), "--results: ", "Permission denied")
    else:
        refused(scoregap("run", tiny, "--results", "/proc/scoregap"), "--results: ")


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["latin-1", "cp037", "shift_jis", "utf-8", "ascii"])
def test_what_the_users_encoding_cannot_say_is_replaced(tiny, tmp_path, encoding):
    name = "res \N{GREEK SMALL LETTER OMEGA}\N{SNOWMAN}"
    command = [sys.executable, "-m", "scoregap", "status", tiny, "--results", name]
    user = CLEAN | {"PYTHONIOENCODING": f"{encoding}:strict"}
    result = subprocess.run(command, capture_output=True, cwd=tmp_path, env=user, check=False)
    assert result.returncode == 0, result.stderr
    said = name.encode(encoding, errors="replace").decode(encoding)
    assert result.stdout.decode(encoding).startswith(f"tiny: 12 cells in 6 jobs, in {said}/tiny: ")


@pytest.mark.slow
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_lead_nowhere(tiny, tmp_path, closed):
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-m", "scoregap", "stop", tiny]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=CLEAN, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == ("" if " >" in f" {closed}" else "results/tiny: no run is going on: nothing to stop\n")


@pytest.mark.slow
def test_status_of_a_study_at_any_time(tiny, tmp_path):
    result = scoregap("status", tiny, cwd=tmp_path)
    assert result.returncode == 0
    assert result.stdout.startswith("tiny: 12 cells in 6 jobs, in results/tiny: no run is going on")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.yaml"]
    refused(scoregap("status", "quikstart"), "'quikstart' is not known: did you mean quickstart? ")
    refused(scoregap("status", tiny, "--results", tiny), "--results: ", "is not a folder")


def test_damaged_files_are_one_line_and_status_1(tiny, tmp_path):
    from scoregap.study import load

    job = next(iter(load(tiny).jobs))
    (tmp_path / "s.zarr.zip").write_bytes(b"rubbish")
    result = scoregap(
        "fit", "--study", tiny, "--job", job, "--spectra", tmp_path / "s.zarr.zip", "--out", tmp_path / "f.zarr.zip"
    )
    assert result.returncode == 1
    assert result.stderr.startswith("scoregap: ")
    assert "s.zarr.zip: is damaged" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("trouble", ["no room", "no folder"])
def test_an_output_that_cannot_be_written_is_one_line_and_leaves_nothing(tiny, tmp_path, trouble):
    from scoregap.study import load

    job = next(job.id for job in load(tiny).jobs.values() if "exact" in job.id)
    out = tmp_path / "out" / "s.zarr.zip"
    options = {}
    if trouble == "no folder":
        (tmp_path / "out").write_text("")
    else:  # files of at most 1000 bytes: writing fails as on a full disk
        options["preexec_fn"] = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    result = scoregap("spectrum", "--study", tiny, "--job", job, "--out", out, **options)
    assert result.returncode == (2 if trouble == "no folder" else 1)
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert trouble == "no folder" or not list((tmp_path / "out").iterdir())


@pytest.fixture(scope="module")
def checked(done, tmp_path_factory):
    """(study file, folder of results, baseline) of the tiny study."""
    from scoregap.regression import baselines

    study, folder = done
    place = tmp_path_factory.mktemp("checked")
    (place / "tiny").symlink_to(folder)
    baselines.write(place / "tiny.json", baselines.take(load(study), folder))
    return study, place, place / "tiny.json"


@pytest.mark.slow
def test_a_run_is_checked_and_every_report_written(checked, tmp_path):
    study, results, baseline = checked
    junit, figure = tmp_path / "check.xml", tmp_path / "check.svg"
    options = "--junit", junit, "--figure", figure, "--strict", "--json"
    before = sorted(results.rglob("*"))
    result = scoregap("check", study, "--baseline", baseline, "--results", results, *options)
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    assert (answer["status"], answer["baseline"]) == (0, "same")
    assert junit.read_text().startswith("<?xml")
    assert "<svg" in figure.read_text()
    assert sorted(results.rglob("*")) == before


@pytest.mark.slow
def test_what_got_worse_is_exit_status_1_and_first(checked, tmp_path):
    study, results, baseline = checked
    text = baseline.read_text()
    content = json.loads(text)
    one = content["metrics"]["curvature=0.5 exact: t_max[0]"]
    one["values"][0] *= 1.001
    (tmp_path / "b.json").write_text(json.dumps(content))
    result = scoregap("check", study, "--baseline", tmp_path / "b.json", "--results", results)
    assert result.returncode == 1, result.stderr
    assert result.stdout.splitlines()[2].startswith("curvature=0.5 exact: t_max[0]")


@pytest.mark.slow
def test_what_is_inconclusive_fails_if_strict(checked, tmp_path):
    study, results, baseline = checked
    content = json.loads(baseline.read_text())
    del content["metrics"]["curvature=0.5 exact: t_max[0]"]
    (tmp_path / "b.json").write_text(json.dumps(content))
    arguments = "check", study, "--baseline", tmp_path / "b.json", "--results", results
    assert scoregap(*arguments).returncode == 0
    assert scoregap(*arguments, "--strict").returncode == 3


def with_training(baseline, path, **changes):
    """The baseline with other settings of training, in a file."""
    from scoregap.regression import baselines

    old = baselines.read(baseline)
    config = old.config | {"train": old.config["train"] | changes}
    baselines.write(path, old.model_copy(update={"config": config, "config_hash": digest(config)}))
    return path


def test_what_is_not_comparable_is_exit_status_4(checked, tmp_path, called):
    study, results, baseline = checked
    path = with_training(baseline, tmp_path / "b.json", steps=80)
    status, said, told = called("check", study, "--against", path, "--results", results)
    assert (status, said, told.count("\n")) == (4, "", 1)
    assert told.startswith("scoregap: tiny: cannot be compared with its baseline: train: steps 80 in the baseline, 40")


def test_what_is_allowed_to_differ_is_compared_and_said(checked, tmp_path, called):
    study, results, baseline = checked
    path = with_training(baseline, tmp_path / "b.json", steps=80, decay="none")
    status, said, told = called("check", study, "--against", path, "--allow", "train", "--results", results)
    assert (status, told) == (0, "")
    assert "\ndiffers: train: decay none in the baseline, cosine here, steps 80 in the baseline, 40 here\n" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--allow", "spectrum"), "--allow: 'spectrum' is not allowed: should be one of train, network"),
        (("--pair", "gated-8"), "--pair: 'gated-8' is not allowed: should be OLD=NEW"),
        (("--pair", "gated-9=gated-8"), "--pair: 'gated-9=gated-8' is not allowed: the baseline has no such trained"),
        (("--pair", "gated-8=exact"), "--pair: 'gated-8=exact' is not allowed: this run has no such trained network"),
    ],
)
def test_what_cannot_be_allowed_is_refused_in_one_line(checked, called, words, says):
    study, results, baseline = checked
    status, said, told = called("check", study, "--against", baseline, "--results", results, *words)
    assert (status, said, told.count("\n")) == (2, "", 1)
    assert told.startswith(f"scoregap: {says}")


@pytest.mark.slow
def test_check_and_accept_refuse_in_one_line(checked, tmp_path):
    study, results, _ = checked
    refused(scoregap("check", study, "--baseline", tmp_path / "b.json", "--results", results), "is no baseline")
    environment = os.environ | {"CI": "1"}
    command = [sys.executable, "-m", "scoregap", "baseline", "accept", study, "--results", results, "--reason", "x"]
    answer = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    refused(answer, "baseline of tiny: is not accepted: CI is set")
    refused(scoregap("check", study, "--baseline", checked[2], "--results", tmp_path), "is missing")


@pytest.fixture
def called(capsys):
    """A command in this process: (exit status, what is on stdout, what is on stderr)."""
    from scoregap.__main__ import app

    def call(*arguments):
        capsys.readouterr()
        with at_once(60), pytest.raises(SystemExit) as ended:
            app([str(one) for one in arguments])
        return ended.value.code, *capsys.readouterr()

    return call


@pytest.mark.parametrize("kind", [*SPECIAL, "half a file", "another file", "a list", "bytes"])
def test_a_check_that_can_say_nothing_is_no_worse_run(checked, tmp_path, called, kind):
    """Status 1 means worse: of whatever is not a baseline, nor a finished run, it is 2."""
    study, results, baseline = checked
    path = tmp_path / "b.json"
    content = {
        "half a file": baseline.read_text()[:500], "another file": '{"format": 1}', "a list": "[1]", "bytes": "\xff",
    }.get(kind)  # fmt: skip
    if kind in SPECIAL:
        SPECIAL[kind](path)
    else:
        path.write_text(content, encoding="latin-1")
    status, said, told = called("check", study, "--baseline", path, "--results", results)
    assert (status, said) == (2, "")
    assert told.startswith(f"scoregap: {path}: is ")
    assert told.count("\n") == 1
    if kind in SPECIAL:
        (tmp_path / "results").mkdir()
        SPECIAL[kind](tmp_path / "results" / "tiny")
        status, said, told = called("check", study, "--baseline", baseline, "--results", tmp_path / "results")
        assert (status, said, told.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("option", ["--figure", "--junit"])
@pytest.mark.parametrize("path", [".", "..", "/", "", "a/..", *(f"a/{kind}" for kind in SPECIAL)])
def test_a_report_of_a_check_is_no_folder_nor_anything_else(checked, tmp_path, called, monkeypatch, option, path):
    study, results, baseline = checked
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").mkdir()
    for kind in SPECIAL:
        SPECIAL[kind](tmp_path / "a" / kind)
    before = sorted(tmp_path.rglob("*"))
    status, said, told = called("check", study, "--baseline", baseline, "--results", results, option, path)
    assert (status, said, told.count("\n")) == (2, "", 1)
    assert told.startswith("scoregap: ")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(), MemoryError("Unable to allocate 7.28 TiB for an array"), RuntimeError("can't start new thread"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes."),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 MiB"), OSError(12, "Cannot allocate memory"),
        OSError(24, "Too many open files", "x"),
    ],
)  # fmt: skip
def test_what_the_machine_lacks_is_said_in_its_own_words(error, capsys):
    import typer

    from scoregap.__main__ import _reporting_errors

    def command():
        raise error

    with pytest.raises(typer.Exit) as ended:
        _reporting_errors(command)()
    assert ended.value.exit_code == 1
    said = capsys.readouterr().err
    assert said.startswith("scoregap: ")
    assert said.count("\n") == 1
    assert re.search("out of memory: .|the machine: (Cannot allocate memory|Too many open files, at x)$", said.strip())


def test_other_errors_of_ours_are_not_hidden():
    from scoregap.__main__ import _reporting_errors

    def command():
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        _reporting_errors(command)()


@pytest.mark.slow
def test_more_memory_than_there_is_is_one_line():
    """40 GB for the matrix of a manifold."""
    few = 3 * 2**30
    arguments = "theory", "--ambient", 100_000, "--group", "50000:1", "--time", 1.0
    result = scoregap(*arguments, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (few, few)))
    assert result.returncode == 1
    assert result.stderr.startswith("scoregap: out of memory: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.slow
def test_stages_run_by_hand_on_files(tiny, tmp_path):
    from scoregap.study import load

    job = next(job.id for job in load(tiny).jobs.values() if "0.5-gated-8" in job.id)
    weights, spectra, fits = tmp_path / "w.safetensors", tmp_path / "s.zarr.zip", tmp_path / "f.zarr.zip"
    for arguments in (
        ("train", "--out", weights),
        ("spectrum", "--weights", weights, "--out", spectra),
        ("fit", "--spectra", spectra, "--out", fits),
    ):
        result = scoregap(arguments[0], "--study", tiny, "--job", job, *arguments[1:])
        assert result.returncode == 0, result.stderr
    assert (read_job(spectra)[0].status == 1).all()
    assert read_job(fits)[0].sizes["member"] == 2


def test_a_lack_of_descriptors_is_told_of_the_machine(tiny, tmp_path, capsys):
    """And not of the study, which is as it should be; of `check` status 1 would be "worse"."""
    (tmp_path / "files").mkdir()
    folders = [
        "--spectra",
        str(tmp_path / "files"),
        "--fits",
        str(tmp_path / "files"),
        "--out",
        str(tmp_path / "c.zarr"),
    ]
    results = ["--results", str(tmp_path / "results")]
    for words, expected in (
        (["cube", "--study", str(tiny), *folders], 1), (["check", str(tiny), *results], 2),
        (["status", str(tiny), *results], 1), (["stop", str(tiny), *results], 1),
    ):  # fmt: skip
        with pytest.raises(SystemExit):
            app(words)  # all is imported
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended, no_more_descriptors():
            app(words)
        said, told = capsys.readouterr()
        assert (ended.value.code, said) == (expected, ""), words
        assert re.fullmatch(r"scoregap: the machine: Too many open files, at \S+\n", told), told


def test_what_was_written_is_said_without_what_makes_it_where_no_terminal_is(tmp_path):
    """Importing that takes half of a run with nothing to do."""
    (tmp_path / "comparison.txt").write_text("all is well\n")
    code = (
        "import sys; from pathlib import Path; from scoregap import __main__ as main; "
        f"print(main._said(Path('no study'), Path({str(tmp_path)!r})), {{'pandas', 'xarray'}} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=CLEAN, check=True)
    assert found.stdout.split() == ["all", "is", "well", "set()"]
