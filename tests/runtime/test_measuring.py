"""`scoregap measure`: the study it writes, its refusals in the words of the command, and a run of it."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
import zarr
from own_data import points
from test_main import refused
from test_main import scoregap as command
from tiny import read_job

from scoregap import InputError
from scoregap.runtime import measuring
from scoregap.runtime.measuring import Asked
from scoregap.stages import spectrum
from scoregap.study import load


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with files of data, entered."""
    values, labels = points()
    np.save(tmp_path / "points.npy", values)
    np.savez(tmp_path / "both.npz", x=values, y=labels)
    np.save(tmp_path / "two.npy", values[:2])
    np.save(tmp_path / "over.npy", np.tile(values[:2], (30, 1)))
    np.save(tmp_path / "tiny.npy", (values > 2) * 5e-324)
    np.save(tmp_path / "it's 8 bit.npy", np.arange(960).reshape(120, 4, 2).astype(np.uint8))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_study_is_what_was_asked_for(folder):
    asked = Asked("gated-8", "both.npz:x", "1e-3:30:12", 5, labels="both.npz:y", seeds=2, steps=70, held_out=0.3)
    path, lines = measuring.write(asked, folder / "made" / "here")
    assert path == folder / "made" / "here" / "both-x-gated-8.yaml"
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


def test_a_folder_may_end_with_a_slash(folder):
    """As shells complete it."""
    zarr.save_array("points.zarr", points()[0])
    path, _ = measuring.write(Asked("gaussian", "points.zarr/"), folder / "out")
    assert load(path).document.data.source == "../points.zarr"


def test_traces_are_asked_for_and_leave_time_for_the_empirical_score(folder, monkeypatch):
    spectrum = load(
        measuring.write(Asked("gaussian", "points.npy", method="trace", probes=40), folder)[0]
    ).document.spectrum
    assert (spectrum.method, spectrum.probes) == ("trace", 40)
    asked = Asked("gated-8", "points.npy", method="trace")
    assert load(measuring.write(asked, folder)[0]).document.spectrum.probes == 16
    monkeypatch.setattr(measuring, "MOST_WORK", 2 * 24 * 18 * 120 * 8)
    assert "empirical" in load(measuring.write(asked, folder)[0]).axes["network"]
    assert "empirical" not in load(measuring.write(asked._replace(method=""), folder)[0]).axes["network"]


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
    "a file spelt otherwise": (of("pionts.npy"), r"^--data: .*cannot be read: .*: did you mean points\.npy\?"),
    "another kind": (of("points.csv"), r"^--data: 'points\.csv' is not allowed: should be PATH\.npy"),
    "no key": (of("both.npz"), r"^--data: .*should say which array, .*: it has x, y"),
    "the exact score": (Asked("exact", "points.npy"), r"^MODEL: 'exact' is not allowed: the law of data from a file"),
    "no score": (Asked("gatd-8", "points.npy"), r"^MODEL: 'gatd-8' is not allowed: did you mean gated-8. "),
    "too many points": (of("points.npy", points=19), r"^--points: 19 .*the held-out part has 18 points"),
    "times in words": (of("points.npy", "often"), r"^--times: 'often' is not allowed: should be START:STOP"),
    "two times": (of("points.npy", "1:2"), r"^--times: '1:2' is not allowed: should be START:STOP"),
    "few times": (of("points.npy", "1:2:3"), r"^--times: 3 is not allowed: should be greater than"),
    "half a time": (of("points.npy", "1:2:8.5"), r"^--times: .*COUNT should be a whole number"),
    "times reversed": (of("points.npy", "2:1:8"), r"^--times: 1\.0 is not allowed: should exceed start"),
    "below the levels": (of("it's 8 bit.npy", "0.01:9:8"), r"^--times: 0\.01 .*quantised"),
    "a range of floats": (
        of("points.npy", bounds="-1:1"), r"^--range: .*become the range, as --full-scale \S+:\S+, or leave --range out",
    ),
    "half a range": (of("points.npy", bounds="1"), r"^--range: '1' is not allowed: should be LOW:HIGH"),
    "a scale too small": (
        of("points.npy", bounds="-1:1", full_scale="0:1"), r"^--full-scale: .*should hold all of them",
    ),
    "hardly any points to train on": (of("points.npy", held_out=0.999), r"^--held-out: has no two points .* differ"),
    "two points": (of("two.npy"), r"^--held-out: has no two points to train on that differ"),
    "two points over and over": (of("over.npy", "1e-3:30:24"), r"^--held-out: .* leaves one point to train on, 30"),
    "hardly any numbers": (of("tiny.npy"), r"^--data: has values from .* should be at least 1e-06 apart"),
    "all held out": (of("points.npy", held_out=1.0), r"^--held-out: 1\.0 is not allowed: should be less"),
    "labels of others": (of("points.npy", labels="points.npy"), r"^--labels: has the shape \(120, 8\)"),
    "a method of none": (of("points.npy", method="traces"), r"^--method: 'traces' is not allowed: did you mean trace"),
    "probes of spectra": (of("points.npy", probes=16), r"^--probes: 16 .*the method 'exact' takes no probes"),
    "one probe": (of("points.npy", method="trace", probes=1), r"^--probes: 1 .*greater than or equal to 2"),
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


def test_numbers_are_written_as_they_were_typed(folder):
    (folder / "points.npy").unlink()
    np.save(folder / "points.npy", np.random.default_rng(0).uniform(0.1234567, 1234567.8, (60, 4)))
    asked = of("points.npy", "0.12345678:30.123456789:24", bounds="-1.00000001:1", full_scale="0.1234567:1234567.8")
    path, _ = measuring.write(asked._replace(held_out=0.33333333), folder)
    document = load(path).document
    assert (document.data.range, document.data.full_scale) == ([-1.00000001, 1.0], [0.1234567, 1234567.8])
    assert document.data.held_out == 0.33333333
    assert (document.spectrum.times.start, document.spectrum.times.stop) == (0.12345678, 30.123456789)


CODE = "def shrink(x, t):\n    return x / (1 + t[:, None])\n\n\ngaussian = shrink\n"


def of_model(model, **said) -> Asked:
    return Asked(model, "points.npy", said=said)


def test_a_model_of_ones_own_is_declared_in_the_study(folder):
    """One that is code lies beside its study; the path of a file is from the study's folder."""
    (folder / "own21.py").write_text(CODE)
    path, _ = measuring.write(
        of_model("own21:shrink", trusted=True, predicts="epsilon", schedule="sigma"), folder / "a"
    )
    assert path.parent.resolve() == folder
    study = load(path)
    assert study.axes["network"] == ("gaussian", "empirical", "shrink")
    found = study.document.scores["shrink"]
    assert (found.source, found.path, found.predicts, found.schedule) == (
        "callable",
        "own21:shrink",
        "epsilon",
        "sigma",
    )
    assert study.document.train is None
    path, _ = measuring.write(of_model("own21:gaussian", trusted=True, shape="4:2", **{"from": "edm"}), folder / "a")
    found = load(path).document.scores["my-gaussian"]  # not the name of a score that there is
    assert (found.source, found.shape) == ("edm", (4, 2))
    (folder / "Net 2.pt2").write_bytes(b"nothing is read of it here")
    path, _ = measuring.write(of_model("Net 2.pt2", trusted=True, levels="interpolate"), folder / "a" / "b")
    assert path == folder / "a" / "b" / "points-net-2.yaml"
    found = load(path).document.scores["net-2"]
    assert (found.source, found.path, found.levels) == ("torch.export", "../../Net 2.pt2", "interpolate")
    (folder / "2024").mkdir()
    assert load(measuring.write(of_model("2024"), Path("."))[0]).document.scores["my-2024"].path == "2024"
    (folder / "unet").mkdir()
    path, _ = measuring.write(of_model("unet/", **{"class": 0}), folder / "a")
    assert load(path).document.scores["unet"].label == 0
    assert load(path).document.scores["unet"].source == "diffusers"


MODELS = {
    "code that is not trusted": (of_model("own21:shrink"), r"^MODEL: 'own21:shrink' is not trusted: .* --trusted"),
    "no module": (of_model("own22:shrink", trusted=True), r"^MODEL: 'own22:shrink' .*there is no module own22"),
    "no file": (of_model("no.pt2", trusted=True), r"^MODEL: 'no\.pt2' is missing: there is no such file"),
    "a pickle": (of_model("net.pt"), r"^MODEL: 'net\.pt' is not allowed: should be the name of a score, or .*\.pt2"),
    "a pickle of a format": (of_model("net.pt", **{"from": "diffusers"}), r"^MODEL: 'net\.pt' .*nothing is unpickled"),
    "no format": (of_model("net.pt", **{"from": "torch"}), r"^--from: 'torch' is not allowed: .*callable, edm"),
    "no output": (of_model("own21:shrink", trusted=True, predicts="eps"), r"^--predicts: 'eps' .*x0, epsilon"),
    "an option of another": (of_model("gated-8", predicts="epsilon"), r"^--predicts: 'epsilon' .*model of your own"),
    "what its format does not take": (of_model("unet", weights="w.safetensors"), r"^--weights: is not allowed: from"),
    "no shape": (of_model("own21:shrink", trusted=True, shape="4x2"), r"^--shape: '4x2' .*should be SIDE"),
    "weights that are not there": (
        of_model("own21:shrink", trusted=True, weights="no.safetensors"), r"^--weights: .*there is no such file",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MODELS)
def test_a_mistake_in_a_model_of_ones_own_is_told_in_the_words_of_the_command(folder, case):
    asked, says = MODELS[case]
    (folder / "own21.py").write_text(CODE)
    (folder / "net.pt").write_bytes(b"")
    (folder / "unet").mkdir()
    before = set(folder.rglob("*"))
    with pytest.raises(InputError, match=says) as caught:
        measuring.write(asked, folder / "out")
    assert all(line.startswith(("--", "MODEL")) for line in str(caught.value).splitlines())
    assert "/study.yaml" not in str(caught.value)
    assert set(folder.rglob("*")) == before


@pytest.mark.slow
@pytest.mark.workflow
def test_the_command_measures_a_model_of_ones_own(folder):
    (folder / "own21.py").write_text(CODE)
    result = command(
        "measure", "own21:shrink", "--data", "points.npy", "--trusted", "--points", "8", "--times", "1e-3:30:12",
        "--out", "made", "--cores", "2", cwd=folder, timeout=600,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "calibration (errors at clean points" in result.stdout
    assert (folder / "points-shrink.yaml").exists()
    assert "own21" not in str(list((folder / "made").rglob("*.pyc")))
    assert "Calibration" in (folder / "made" / "points-shrink" / "report.html").read_text()


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


def test_a_model_of_a_class_is_measured_on_its_points(folder):
    """Of as many as every split holds out; where no label is that class, on all, and that is told."""
    _, labels = points()
    np.save("few.npy", np.where(np.arange(len(labels)) < 30, labels, 0))  # 10 of class 2 and 10 of class 1
    (folder / "mine.py").write_text("def f(x, t, k):\n    return x / (1 + t[:, None])\n")
    said = {"trusted": True, "class": 2}
    path, lines = measuring.write(
        Asked("mine:f", "points.npy", labels="few.npy", seeds=4, held_out=0.5, said=said), folder
    )
    assert lines[1] == "points of the class 2 alone, by their labels, as the model is told that class"
    study = load(path)
    held_out = [len(cell.truth().parts["held-out"]) for cell in study.cells]
    assert study.document.spectrum.points == min(held_out) < 10
    assert study.document.scores["f"].label == 2
    for cell in study.cells:
        rows = np.concatenate(list(cell.truth().parts.values()))
        assert set(np.load("few.npy")[rows]) == {2}
    said["class"] = 7
    path, lines = measuring.write(Asked("mine:f", "points.npy", labels="few.npy", said=said), folder)
    assert "points of all classes: none has the label 7" in lines[1]
    assert load(path).document.data.label == "all"
    _, lines = measuring.write(Asked("mine:f", "points.npy", said=said), folder)
    assert len(lines) == 1
    with pytest.raises(InputError, match=r"^--points: 30 is not allowed: the held-out part has"):
        measuring.write(Asked("mine:f", "points.npy", points=30, labels="few.npy", said=said | {"class": 2}), folder)


@pytest.mark.slow
def test_a_class_conditional_network_is_measured_class_by_class(folder):
    """By the command, and as two values of the axis: they are told their class, and differ."""
    diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed: pip install 'scoregap[models]'")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = diffusers.UNet2DModel(
            sample_size=8, in_channels=1, out_channels=1, layers_per_block=1, block_out_channels=(8,),
            norm_num_groups=4, down_block_types=("DownBlock2D",), up_block_types=("UpBlock2D",), num_class_embeds=10,
        )  # fmt: skip
    network.save_pretrained("net")
    diffusers.DDPMScheduler().save_pretrained("net")
    said = {"class": 3}
    path, lines = measuring.write(Asked("net", "digits", "1e-1:10:8", bounds="-1:1", said=said), folder)
    assert "points of the class 3 alone" in lines[1]
    text = (
        path.read_text()
        .replace(
            "  net:\n    from: diffusers\n    path: net\n    class: 3\n",
            """\
  three: {from: diffusers, path: net, class: 3}
  four: {from: diffusers, path: net, class: 4}
""",
        )
        .replace("[gaussian, empirical, net]", "[three, four]")
        .replace("points: ", "points: 2 #")
    )
    path.write_text(text)
    found = {}
    for job in load(path).jobs.values():
        spectrum.run(path, job.id, folder / f"{job.id}.zarr.zip")
        ds, _ = read_job(folder / f"{job.id}.zarr.zip")
        assert (ds.status == 1).all()
        found[job.axes["network"][0]] = ds
    assert (found["three"].point_row == found["four"].point_row).all()
    assert abs(found["three"].score_norm - found["four"].score_norm).max() > 1e-3


def test_what_differs_has_a_study_of_its_own(folder):
    """Arrays of one file, and classes that a model is told: none is written over another."""
    (folder / "mine.py").write_text("def f(x, t, k):\n    return x / (1 + t[:, None])\n")
    np.savez(folder / "both.npz", x=points()[0], z=points()[0] + 1)
    asked = [Asked("gaussian", f"both.npz:{key}") for key in "xz"]
    asked += [Asked("mine:f", "points.npy", said={"trusted": True, "class": one}) for one in (0, 1)]
    assert len({measuring.write(one, folder)[0] for one in asked}) == 4


def test_paths_are_told_as_they_were_typed(folder):
    zarr.open_group("group.zarr", mode="w").create_array("x", data=points()[0])
    for data, says in (("both.npz", "'both.npz' is not allowed: should say which array, as both.npz:KEY: it has x, y"),
                       ("group.zarr", "should say which array, as group.zarr:ARRAY: it has x"),
                       ("no.npy", "'no.npy' cannot be read: No such file")):  # fmt: skip
        with pytest.raises(InputError) as caught:
            measuring.write(Asked("gaussian", data), folder)
        assert says in str(caught.value)
        assert str(folder) not in str(caught.value)
