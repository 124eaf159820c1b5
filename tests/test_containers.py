"""The two definitions of a container install what a wheel is of, with the pins, and by the same line.

Neither is built here: that needs Docker or Apptainer. hadolint, in `make lint`, reads the first; what is copied is what
the wheel of test_installation.py is made of.
"""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from test_installation import PARTS

ROOT = Path(__file__).parents[1]
DOCKER = (ROOT / "envs" / "Dockerfile").read_text()
APPTAINER = (ROOT / "envs" / "scoregap.def").read_text()
PLACE = "/opt/scoregap/"


def sections():
    """Lines of the sections of the definition for Apptainer, without what is before them."""
    found = re.split(r"^%(\w+)$", APPTAINER, flags=re.M)[1:]
    pairs = zip(found[::2], found[1::2], strict=True)
    return {name: [line.strip() for line in text.split("\n") if line.strip()] for name, text in pairs}


def copied_by_docker():
    """{what is copied: where it then is}; a folder's content goes into the folder that is named, a file's into it."""
    found = {}
    for *sources, target in (line.split()[1:] for line in DOCKER.splitlines() if line.startswith("COPY ")):
        for source in sources:
            found[source] = target + Path(source).name if target.endswith("/") else target
    return found


def copied_by_apptainer():
    """Likewise; a folder goes into the one that is named, as `cp -r` has it."""
    return {source: target + Path(source).name for source, target in map(str.split, sections()["files"])}


def test_both_have_the_parts_of_a_wheel_and_the_pins_where_they_are_in_the_checkout():
    expected = {name: PLACE + name for name in (*PARTS, "envs/constraints.txt")}
    assert copied_by_docker() == copied_by_apptainer() == expected
    assert all((ROOT / name).exists() for name in expected)


def test_what_docker_is_not_to_send_is_all_but_what_it_copies():
    lines = (ROOT / ".dockerignore").read_text().split()
    assert lines[0] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == set(copied_by_docker())
    assert not [line for line in lines[1:] if not line.startswith(("!", "**/"))]


def test_both_install_by_one_line_with_the_pins():
    (docker,) = re.findall(r"^RUN (.*)$", DOCKER, re.M)
    _, apptainer = sections()["post"]
    assert docker.replace("$TORCH_INDEX", "{{ TORCH_INDEX }}") == apptainer
    words = shlex.split(docker)
    assert words[words.index("--constraint") + 1] == "envs/constraints.txt"
    assert words[-1] == ".[slurm]"
    (index,) = re.findall(r"^ARG TORCH_INDEX=(\S+)$", DOCKER, re.M)
    assert sections()["arguments"] == [f"TORCH_INDEX={index}"]


def test_both_have_the_python_of_the_conda_environment():
    (docker,) = re.findall(r"^FROM (\S+)$", DOCKER, re.M)
    (apptainer,) = re.findall(r"^From: (\S+)$", APPTAINER, re.M)
    assert docker == apptainer
    conda = yaml.safe_load((ROOT / "envs" / "environment.yaml").read_text())["dependencies"]
    assert f"python={docker.removeprefix('python:').partition('-')[0]}" in conda


def test_both_run_the_command():
    assert 'ENTRYPOINT ["scoregap"]' in DOCKER
    assert sections()["runscript"] == ['exec scoregap "$@"']


@pytest.mark.parametrize("text", [DOCKER, APPTAINER], ids=["docker", "apptainer"])
def test_how_it_is_built_is_said_in_its_first_lines(text):
    first = text.splitlines()[0]
    file = "envs/Dockerfile" if text is DOCKER else "envs/scoregap.def"
    assert first.startswith("# ")
    assert file in first
