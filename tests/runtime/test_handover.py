"""Names of files reach Snakemake and its shell as they are, whatever characters they have."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import paths
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from snakemake.common.configfile import load_configfile
from snakemake.utils import format as formatted
from snakemake_interface_executor_plugins.utils import format_cli_arg

from scoregap.runtime import handover

ROOT = Path(__file__).parents[2]
FIRST = ("é", "runs #2", "a: b", "-x", "~", "{job}", "$(touch x)", "a\nb", " ", os.fsdecode(b"\xff"), "'", '"', "[a]*")

# A name is what the file system takes: bytes without / and NUL, but for the two that mean other folders.
NAMES = (
    st.lists(st.sampled_from(paths.TOKENS) | st.characters(exclude_categories=["Cs"]).map(str.encode), min_size=1)
    .map(lambda tokens: b"".join(tokens).replace(b"/", b"").replace(b"\0", b"")[:240])
    .filter(lambda one: one not in (b"", b".", b".."))
    .map(os.fsdecode)
)


def names_first(test):
    """The test with these names among its examples."""
    for one in FIRST:
        test = example(name=one)(test)
    return test


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@names_first
@given(name=NAMES)
def test_the_snakefile_reads_the_paths_that_were_given(tmp_path_factory, name):
    """By Snakemake's own reader, and as the Snakefile makes paths of what it has read."""
    folder = Path(tmp_path_factory.getbasetemp() / "read")
    folder.mkdir(exist_ok=True)
    profile = folder / "p"
    profile.mkdir(exist_ok=True)
    handover.write(folder, folder / name / f"{name[:200]}.yaml", folder / name, profile, 0)
    config = load_configfile(folder / handover.CONFIGURATION)
    assert os.fsencode(Path(config["results"]).resolve()) == os.fsencode(folder / name)
    argument = format_cli_arg("--configfiles", [folder / name])  # as Snakemake tells the jobs that it submits
    assert shlex.split(argument)[1:] == [str(folder / name)]
    assert os.fsencode(Path(config["study"]).resolve()) == os.fsencode(folder / name / f"{name[:200]}.yaml")


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@names_first
@given(name=NAMES)
def test_a_rule_calls_its_stage_with_the_study_that_was_given(name):
    """Shell lines, put together by Snakemake's own formatter from what the Snakefile quotes, and read by its shell."""
    snakefile = (ROOT / "workflow" / "Snakefile").read_text()
    quoted = {}
    for variable, expression in re.findall(r"^(STUDY_FILE|SCOREGAP) = (.+)$", snakefile, re.MULTILINE):
        where = {"STUDY": type("Study", (), {"path": Path("/") / name}), "sys": type("sys", (), {"executable": name})}
        quoted[variable] = eval(expression, {"shlex": shlex} | where)
    assert quoted.keys() == {"STUDY_FILE", "SCOREGAP"}
    line = formatted("printf '%s\\0' {SCOREGAP} train --study {STUDY_FILE} {nothing}", **quoted, nothing="")
    said = subprocess.run(["bash", "-c", "set -euo pipefail; " + line], capture_output=True, check=True).stdout
    wanted = [name, "-m", "scoregap", "train", "--study", str(Path("/") / name)]
    assert said == b"".join(os.fsencode(one) + b"\0" for one in wanted)


def test_paths_are_handed_over_from_a_latin_1_terminal(tmp_path):
    """Where Python reads names of files otherwise than Snakemake's Python does."""
    code = """if True:
        import os, sys
        from pathlib import Path
        from scoregap.runtime import handover
        assert sys.getfilesystemencoding() == 'iso8859-1'
        place = Path(sys.argv[1])
        handover.write(place, place / os.fsdecode(b'\\xc3\\xa9.yaml'), place / os.fsdecode(b'\\xe9'), place, 0)
    """
    locale = tmp_path / "en_US.ISO-8859-1"
    if shutil.which("localedef"):
        subprocess.run(["localedef", "-i", "en_US", "-f", "ISO-8859-1", locale], capture_output=True, check=False)
    if not locale.is_dir():
        pytest.skip("no such locale can be made here: it needs localedef and the sources of locales")
    told = {"LOCPATH": str(tmp_path), "LC_ALL": locale.name, "PYTHONUTF8": "0"}
    subprocess.run([sys.executable, "-c", code, tmp_path], env=os.environ | told, check=True)
    config = load_configfile(tmp_path / handover.CONFIGURATION)
    assert config["study"].encode() == os.fsencode(tmp_path) + b"/\xc3\xa9.yaml"
    assert os.fsencode(config["results"]) == os.fsencode(tmp_path) + b"/\xe9"


def test_the_command_names_nothing_of_the_user(tmp_path):
    command = handover.command("2", 1)
    assert command[-4:] == ["--cores", "2", "--resources", "gpu=1"]
    paths_in_it = [one for one in command[1:] if "/" in one]
    assert paths_in_it == [str(ROOT / "workflow" / "Snakefile"), handover.PROFILE, handover.CONFIGURATION]


def test_a_run_replaces_what_an_earlier_one_has_handed_over(tmp_path):
    for number in (0, 2):
        profile = tmp_path / f"profile {number}"
        profile.mkdir()
        handover.write(tmp_path, tmp_path / "a.yaml", tmp_path / f"results {number}", profile, number)
    assert (tmp_path / handover.PROFILE).resolve() == profile
    config = load_configfile(tmp_path / handover.CONFIGURATION)
    assert config == {"study": str(tmp_path / "a.yaml"), "results": str(tmp_path / "results 2"), "gpus": 2}


@pytest.mark.slow
@pytest.mark.workflow
def test_snakemake_plans_under_names_of_all_kinds():
    """A sample of `tests/paths.py`."""
    command = [sys.executable, str(ROOT / "tests" / "paths.py"), "8", "1"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("symlinks", [True, False])
def test_a_copied_folder_of_results_is_handed_over_again(tmp_path, symlinks):
    """Also where what copied it has followed links, so that the profile is a folder."""
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile" / "config.yaml").write_text("cores: 1\n")
    handover.write(tmp_path / "first", tmp_path / "study.yaml", tmp_path, tmp_path / "profile", 0)
    shutil.copytree(tmp_path / "first", tmp_path / "copy", symlinks=symlinks)
    (tmp_path / "other").mkdir()
    handover.write(tmp_path / "copy", tmp_path / "study.yaml", tmp_path, tmp_path / "other", 0)
    assert (tmp_path / "copy" / handover.PROFILE).readlink() == tmp_path / "other"
    assert (tmp_path / "profile" / "config.yaml").exists()
