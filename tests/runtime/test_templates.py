"""`scoregap new`: what it writes is a study as it is, and with every part of it switched on."""

import os
import re
from pathlib import Path

import pytest
import yaml

from scoregap import InputError
from scoregap.runtime import templates
from scoregap.runtime.finding import find, studies
from scoregap.runtime.measuring import Asked
from scoregap.study import load
from scoregap.study.schema import SECTIONS

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder of somebody's own, entered."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_new_study_is_one_and_is_called_as_was_asked(here):
    path, lines = templates.write("mine")
    assert (path, lines) == (Path("mine.yaml"), [])
    study = load(path)
    assert study.name == "mine"
    assert study.trained_networks
    assert study.size <= 30
    assert sorted(os.listdir(here)) == ["mine.yaml"]
    text = path.read_text()
    assert "NAME" not in text
    (schema,) = re.findall(r"\$schema=(\S+)", text)
    assert (here / schema).resolve() == (ROOT / "workflow" / "schemas" / "study.json").resolve()


def test_a_path_says_where_and_how_it_is_called(here):
    (here / "studies").mkdir()
    for given in ("studies/one.yaml", "studies/two", str(here / "three.yml")):
        path, _ = templates.write(given)
        assert path.exists()
        assert load(path).name == path.stem
        assert f"scoregap run {given.removesuffix('.yaml').removesuffix('.yml')}" in path.read_text()
        assert find(str(path.with_suffix(""))) == path


SWITCHES = re.findall(r"(?m)^#(?:\w.*\n(?:#  .*\n)*|  .*\n)", templates.TEMPLATE.read_text())


def switched(text, parts):
    for part in parts:
        assert part in text
        text = text.replace(part, re.sub("(?m)^#", "", part))
    return text


@pytest.mark.parametrize("parts", [[one] for one in SWITCHES] + [SWITCHES], ids=lambda parts: parts[0].split(":")[0])
def test_what_is_switched_off_may_be_switched_on(parts):
    path, _ = templates.write("mine")
    before = yaml.safe_load(path.read_text())
    path.write_text(switched(path.read_text(), parts))
    assert yaml.safe_load(path.read_text()) != before
    load(path)


def test_the_template_has_every_section_of_a_study_of_families():
    """But `memorisation`, which is of a training set: alone it would be refused."""
    text = switched(templates.TEMPLATE.read_text(), SWITCHES)
    assert set(SECTIONS) - {"data", "memorisation"} <= set(yaml.safe_load(text.replace("NAME", "mine")))


@pytest.mark.parametrize("study", studies(), ids=lambda path: path.stem)
def test_a_study_like_another_is_that_under_its_own_name(study):
    path, _ = templates.write("mine", like=study.stem)
    one, other = load(path), load(study)
    assert one.name == "mine"
    assert one.resolved | {"study": ""} == other.resolved | {"study": ""}
    assert path.read_text().count("#") == study.read_text().count("#")  # its comments are there


@pytest.mark.parametrize(
    ("name", "like", "says"),
    [
        ("", "", "NAME: '' is not allowed: should be lower-case letters"),
        ("My study", "", "NAME: 'My study' is not allowed: should be lower-case letters"),
        ("findings", "", "NAME: 'findings' is not allowed"),
        ("quickstart", "", "NAME: 'quickstart' is not allowed: a study of the project is called so"),
        ("no/such/folder/x", "", "no/such/folder: NAME: is not there: should be a folder"),
        ("there", "", "NAME: there.yaml is a file already: should be a new name"),
        ("folder", "", "NAME: folder.yaml is a folder already"),
        ("x", "quikstart", "study: 'quikstart' is not known: did you mean quickstart?"),
        ("x", "wrong.yaml", "wrong.yaml: is not a study"),
        ("sub/x", "code.yaml", "--like: 'code.yaml' is not allowed: it names files or code beside itself"),
    ],
)
def test_what_cannot_be_written_is_refused_and_nothing_is(here, name, like, says):
    (here / "there.yaml").write_text("mine")
    (here / "folder.yaml").mkdir()
    (here / "sub").mkdir()
    (here / "wrong.yaml").write_text("3")
    code, _ = templates.write("code")
    code.write_text(code.read_text().replace("axes:", "trusted: true\naxes:"))
    before = {one: one.read_bytes() for one in here.rglob("*") if one.is_file()}
    with pytest.raises(InputError) as caught:
        templates.write(name, like)
    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)
    assert {one: one.read_bytes() for one in here.rglob("*") if one.is_file()} == before


def test_a_study_of_data_of_ones_own(here):
    path, lines = templates.write("pictures", asked=Asked("gated-8", "digits", bounds="-1:1"))
    study = load(path)
    assert (study.name, study.document.data.source) == ("pictures", "digits")
    assert study.axes["network"] == ("gaussian", "empirical", "gated-8")
    assert "1797 points" in lines[0]
    with pytest.raises(InputError, match=r"^--score: 'gatd-8' is not allowed: did you mean gated-8\?"):
        templates.write("other", asked=Asked("gatd-8", "digits"))
    with pytest.raises(InputError, match=r"^--data: "):
        templates.write("other", asked=Asked("gated-8", "nothing.npy"))
    with pytest.raises(InputError, match=r"^--like: "):
        templates.write("other", "quickstart", Asked("gated-8", "digits"))
    assert sorted(os.listdir(here)) == ["pictures.yaml"]
