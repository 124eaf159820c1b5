"""`scoregap measure`: the study it writes, its refusals in the words of the command, and a run of it."""

import numpy as np
import pytest
import yaml
from own_data import points
from test_main import refused
from test_main import scoregap as command

from scoregap import InputError
from scoregap.runtime import measuring
from scoregap.runtime.measuring import Asked
from scoregap.study import load


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with files of data, entered."""
    values, labels = points()
    np.save(tmp_path / "points.npy", values)
    np.savez(tmp_path / "both.npz", x=values, y=labels)
    np.save(tmp_path / "it's 8 bit.npy", np.arange(960).reshape(120, 4, 2).astype(np.uint8))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_study_is_what_was_asked_for(folder):
    asked = Asked("gated-8", "both.npz:x", "1e-3:30:12", 5, labels="both.npz:y", seeds=2, steps=70, held_out=0.3)
    path, lines = measuring.write(asked, folder / "made" / "here")
    assert path == folder / "made" / "here" / "both-gated-8.yaml"
    assert lines == ["both.npz:x: 120 points of 8; 3 classes"]
    assert yaml.safe_load(path.read_text())["data"]["source"] == "../../both.npz:x"
    study = load(path)
    assert study.axes == {"network": ("gaussian", "empirical", "gated-8"), "seed": (0, 1)}
    times = study.document.spectrum.times
    assert (times.start, times.stop, times.count, study.document.spectrum.points) == (1e-3, 30, 12, 5)
    assert (study.document.train.steps, study.document.data.held_out) == (70, 0.3)
    assert study.document.train.noise.start < 1e-3
    assert study.document.data.labels_sha256
    assert path.read_text().count("#") > 5
    assert load(measuring.write(Asked("gaussian", "points.npy"), folder)[0]).document.spectrum.points == 18  # held out
    again, _ = measuring.write(asked._replace(points=6), folder / "made" / "here")  # its own may be replaced
    assert load(again).document.spectrum.points == 6


def test_a_score_that_needs_no_training_has_no_section_of_it(folder):
    for model, scores in (("gaussian", ("gaussian", "empirical")), ("empirical", ("gaussian", "empirical"))):
        study = load(measuring.write(Asked(model, "points.npy"), folder)[0])
        assert study.axes["network"] == scores
        assert study.document.train is None


def test_times_suit_the_data_where_none_are_asked_for(folder):
    """From above the grid of levels to where no mode is resolved, whatever the unit."""
    values, _ = points()
    found = []
    for scale in (1.0, 1000.0):
        np.save("points.npy", scale * values)
        times = load(measuring.write(Asked("gaussian", "points.npy"), folder)[0]).document.spectrum.times
        largest = np.linalg.eigvalsh(np.cov((scale * values).T)).max()
        assert largest < times.stop < 30 * largest
        assert times.start < 1e-3 * largest
        found.append(times.stop)
    assert found[1] / found[0] == pytest.approx(1e6, rel=0.1)
    path, _ = measuring.write(Asked("gaussian", "it's 8 bit.npy"), folder)
    assert load(path).document.spectrum.times.start > 1 / 12


@pytest.mark.parametrize("name", ["it's 8 bit.npy", "9 lives: no.npy", "ünï.npy", "#a.npy", "true.npy"])
def test_files_may_have_any_name(folder, name):
    np.save(name, points()[0])
    path, _ = measuring.write(Asked("gaussian", name), folder / "out")
    assert load(path).document.data.source == f"../{name}"


def test_an_empirical_score_that_would_take_long_is_left_out_and_told(folder, monkeypatch):
    monkeypatch.setattr(measuring, "MOST_WORK", 1e5)
    path, lines = measuring.write(Asked("gated-8", "points.npy"), folder)
    assert load(path).axes["network"] == ("gaussian", "gated-8")
    assert "without the empirical score, which would take" in lines[-1]
    assert "empirical" in load(measuring.write(Asked("empirical", "points.npy"), folder)[0]).axes["network"]


def of(data, times="", **others) -> Asked:
    """The Gaussian of a file."""
    return Asked("gaussian", data, times, **others)


MISTAKES = {
    "no file": (of("nothing.npy"), r"^--data: .*cannot be read: No such file"),
    "another kind": (of("points.csv"), r"^--data: 'points\.csv' is not allowed: should be PATH\.npy"),
    "no key": (of("both.npz"), r"^--data: .*should say which array, .*: it has x, y"),
    "the exact score": (Asked("exact", "points.npy"), r"^MODEL: 'exact' is not allowed: the law of data from a file"),
    "no score": (Asked("gatd-8", "points.npy"), r"^MODEL: 'gatd-8' is not allowed: should be one of exact"),
    "too many points": (of("points.npy", points=19), r"^--points: 19 .*the held-out part has 18 points"),
    "times in words": (of("points.npy", "often"), r"^--times: 'often' is not allowed: should be START:STOP"),
    "two times": (of("points.npy", "1:2"), r"^--times: '1:2' is not allowed: should be START:STOP"),
    "few times": (of("points.npy", "1:2:3"), r"^--times: 3 is not allowed: should be greater than"),
    "half a time": (of("points.npy", "1:2:8.5"), r"^--times: .*COUNT should be a whole number"),
    "times reversed": (of("points.npy", "2:1:8"), r"^--times: 1\.0 is not allowed: should exceed start"),
    "below the levels": (of("it's 8 bit.npy", "0.01:9:8"), r"^--times: 0\.01 .*quantised"),
    "a range of floats": (of("points.npy", bounds="-1:1"), r"^--range: .*say which of its values become"),
    "half a range": (of("points.npy", bounds="1"), r"^--range: '1' is not allowed: should be LOW:HIGH"),
    "a scale too small": (
        of("points.npy", bounds="-1:1", full_scale="0:1"), r"^--full-scale: .*should hold all of them",
    ),
    "all held out": (of("points.npy", held_out=1.0), r"^--held-out: 1\.0 is not allowed: should be less"),
    "labels of others": (of("points.npy", labels="points.npy"), r"^--labels: has the shape \(120, 8\)"),
    "pixels of none": (of("points.npy", pool=2), r"^--pool: 2 is not allowed: points have the shape"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_told_in_the_words_of_the_command_and_nothing_is_written(folder, case):
    asked, says = MISTAKES[case]
    before = set(folder.rglob("*"))
    with pytest.raises(InputError, match=says) as caught:
        measuring.write(asked, folder / "out")
    assert "\n" not in str(caught.value)
    assert set(folder.rglob("*")) == before


def test_a_file_of_somebody_else_is_not_replaced(folder):
    (folder / "points-gaussian.yaml").write_text("study: mine\n")
    with pytest.raises(InputError, match="was not made by scoregap"):
        measuring.write(Asked("gaussian", "points.npy"), folder)
    assert (folder / "points-gaussian.yaml").read_text() == "study: mine\n"


@pytest.mark.parametrize("value", [1e-5, 0.002, 30.0, 1234567.0, 1e9, 2.5e-7, 1e22])
def test_numbers_are_read_back_as_numbers(value):
    assert yaml.safe_load(measuring._number(value)) == pytest.approx(value, rel=1e-5)
    assert isinstance(yaml.safe_load(measuring._number(value)), float)


@pytest.mark.slow
@pytest.mark.workflow
def test_the_command_measures_and_says_where_the_report_lies(folder):
    result = command(
        "measure", "gated-8", "--data", "points.npy", "--points", "4", "--steps", "40", "--times", "1e-3:30:12",
        "--out", "made", "--cores", "2", cwd=folder, timeout=600,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "points.npy: 120 points of 8" in result.stdout
    assert "gaussian: a plateau at n = 3.0" in result.stdout
    assert "report        made/points-gated-8/report.html" in result.stdout
    assert (folder / "made" / "points-gated-8" / "report.html").exists()
    assert (folder / "made" / "points-gated-8.yaml").exists()
    refused(command("measure", "gated-8", "--data", "no.npy", cwd=folder), "--data: ", "No such file")
