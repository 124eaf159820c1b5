"""A study is found by its name, its file, or the folder of its results, wherever one stands."""

import json
import os
from pathlib import Path

import pytest
from tiny import edited

from scoregap import InputError
from scoregap.runtime import finding, handover
from scoregap.store import results
from scoregap.study import load


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("quikstart", "'quikstart' is not known: did you mean quickstart? allowed are accuracy_curved, "),
        ("mien", "'mien' is not known: did you mean mine.yaml? allowed"),
        ("./mien", "is not known: did you mean ./mine.yaml? allowed"),
        ("nothing_like_it", "'nothing_like_it' is not known: allowed are accuracy_curved, "),
        ("", "'' is not known: allowed"),
    ],
)
def test_a_study_that_is_not_known_is_named_with_what_was_meant(tmp_path, monkeypatch, given, says):
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("study: mine")
    with pytest.raises(InputError) as caught:
        finding.find(given)
    assert (caught.value.key, caught.value.value) == ("study", given)
    assert says in str(caught.value)


def test_a_file_of_another_name_is_no_study(tmp_path):
    (tmp_path / "notes.txt").write_text("study: tiny")
    (tmp_path / "link").symlink_to("nowhere")
    for name, says in (
        ("notes.txt", "a file whose name does not end in .yaml"),
        ("link", "a link to nothing"),
        ("x", "not"),
    ):
        with pytest.raises(InputError, match=rf"^study: '.*{name}' is {says}"):
            finding.find(str(tmp_path / name))


@pytest.mark.parametrize("given", ["mien.yaml", "./mine.yml", "{}/mein.yaml"])
def test_a_file_that_is_not_there_is_named_with_the_one_that_was_meant(tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("study: mine")
    given = given.format(tmp_path)
    with pytest.raises(InputError, match=r"cannot be read: No such file or directory: did you mean .*mine.yaml\?$"):
        finding.find(given)
    assert finding.find("other.yaml") == Path("other.yaml")  # who reads it says that it is not there


def ran(folder, study):
    """The folder of results of a study, as a run leaves it."""
    place = folder / load(study).name
    results.mark(place)
    handover.write(place, study, folder, folder, 0)
    return place


def test_every_way_to_a_study_leads_there(tmp_path, monkeypatch):
    study = edited(tmp_path)
    place = ran(tmp_path / "results", study)
    elsewhere = tmp_path / "else" / "where"
    elsewhere.mkdir(parents=True)
    for here in (tmp_path, elsewhere, place, tmp_path / "results"):
        monkeypatch.chdir(here)
        for given in (study, os.path.relpath(study), study.with_suffix(""), os.path.relpath(study.with_suffix("")),
                      place, os.path.relpath(place), f"{place}{os.sep}"):  # fmt: skip
            found, of = finding.place(str(given), Path("results"))
            assert found.resolve() == study.resolve(), given
            is_folder = Path(given).resolve() == place.resolve()
            assert of.resolve() == ((tmp_path if is_folder else here) / "results").resolve(), given
    monkeypatch.chdir(tmp_path)
    assert finding.find("edited") == Path("edited.yaml")
    assert finding.find("quickstart").resolve() == (finding.STUDIES / "quickstart.yaml").resolve()


def test_the_folder_of_results_that_was_meant_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran(tmp_path / "results", edited(tmp_path))
    (tmp_path / "results" / "tinny").mkdir()  # of nobody's results
    for given in ("results/tiyn", "results/tiny_", f"{tmp_path}/results/ttiny", "results/tiyn/"):
        with pytest.raises(InputError, match=r"is not known: did you mean .*results/tiny\? allowed are"):
            finding.find(given)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"study": 3}', '{"study": "/no/such.yaml"}', "[" * 5000])
def test_results_that_do_not_say_of_which_study_they_are_are_refused(tmp_path, content):
    place = ran(tmp_path / "results", edited(tmp_path))
    (place / finding.CONFIGURATION).write_text(content)
    with pytest.raises(InputError, match=r"^study: .* does not say which study it is of: should be the path"):
        finding.place(str(place), Path("results"))


def test_results_of_a_study_that_has_another_name_now_are_refused(tmp_path):
    study = edited(tmp_path)
    place = ran(tmp_path / "results", study)
    study.write_text(study.read_text().replace("study: tiny", "study: other"))
    with pytest.raises(InputError, match="is called 'other' now"):
        finding.place(str(place), Path("results"))


def test_the_configuration_of_a_run_is_where_it_is_looked_for(tmp_path):
    assert handover.CONFIGURATION == finding.CONFIGURATION
    place = ran(tmp_path / "results", edited(tmp_path))
    assert json.loads((place / finding.CONFIGURATION).read_text())["study"] == str((tmp_path / "edited.yaml").resolve())
