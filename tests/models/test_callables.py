"""Models that are Python, declared in a study: trusted or refused, known by their content, measured by every stage."""

import importlib
import re
import sys

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file
from tiny import FLAT, WITH_DIMENSION, edited, read_job, run_stages

from scoregap import InputError, cubes, plugins, scores, trained
from scoregap.scores.model import Model
from scoregap.stages import dimension, fit, sample, spectrum
from scoregap.study import load

MODULE = '''\
"""Somebody else's denoisers."""

import torch
from torch import nn

NOTHING = 3


def shrink(x, t):
    return x / (1 + t[:, None])


def torn(x, t):
    return shrink(x.detach(), t)


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(8))

    def forward(self, x, t):
        return x * self.scale / (1 + t[:, None])


def steps(x, k):
    return 0.1 * x * torch.cos(k[:, None] / 1000)


def noise(x, t):
    return (x - shrink(x, t)) / t[:, None] ** 0.5


def broken():
    raise KeyError("lost")
'''
CALLABLE = "{from: callable, path: 'their:shrink', trusted: true}"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the module; what is imported is forgotten afterwards."""
    (tmp_path / "their.py").write_text(MODULE)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", sys.dont_write_bytecode)
    forget()
    yield tmp_path
    forget()


def forget():
    sys.modules.pop("their", None)
    plugins.forget()
    plugins._beside.clear()
    importlib.invalidate_caches()


def study_with(folder, mine=CALLABLE, *changes):
    """The tiny study with this declaration as the score `mine`, instead of a network."""
    return edited(
        folder, ("gated-8", "mine"), ("study: tiny\n", f"study: tiny\nscores:\n  mine: {mine}\n"), FLAT, *changes
    )


def job_of(study, name="mine"):
    return next(job for job in load(study).jobs.values() if job.axes["network"] == (name,))


def score_of(study):
    cell = job_of(study).first
    return trained.Trained(study).score(cell, cell.truth())


@pytest.mark.slow
def test_a_model_goes_through_every_stage(folder):
    study = study_with(folder, CALLABLE, WITH_DIMENSION)
    run_stages(study, folder / "results")
    ((_, (ds,)),) = cubes.datasets(load(study), folder / "results" / "cube.zarr")
    mine = ds.sel(network="mine").squeeze()
    assert (mine.status == 1).all()
    expected = 1 / (1 + ds.time) - 1
    for name in ("eigenvalue", "singular_value"):
        values = np.abs(mine[name].transpose(..., "time")) - np.abs(expected.values)
        assert np.abs(values).max() < 1e-6, name
    assert np.abs(mine.asymmetry).max() < 1e-6
    assert (mine.time_used == ds.time).all()
    assert "mine" in (folder / "results" / "report.html").read_text()
    for name in ("comparison.txt", "report.html"):  # nothing was trained
        text = re.sub(
            r'"data:[^"]*"|<pre.*?</pre>|<figcaption.*?</figcaption>',
            "",
            (folder / "results" / name).read_text(),
            flags=re.S,
        )
        assert re.search("score ?/ ?exact", text), name
        assert "trained" not in text, name
    job = job_of(study)
    dimension.run(study, job.id, folder / "dimension.zarr.zip")
    found = read_job(folder / "dimension.zarr.zip")[0]
    d, t = 8, found.estimate_time if "estimate_time" in found.coords else None
    assert t is None or len(t)
    flipd = found.estimate[:, :, :, list(job.first.dimension.of_score).index("flipd")]
    assert np.isfinite(flipd).all()
    assert (found.estimate_cost[:, list(job.first.dimension.of_score).index("flipd")] == d + 1).all()


def test_a_declared_score_is_a_value_of_the_axis_and_needs_no_training(folder):
    study = load(study_with(folder, CALLABLE, ("gaussian, mine", "gaussian, mine, gated-8")))
    assert study.trained_networks == ["gated-8"]
    assert study.evaluated_scores == ["mine", "gated-8"]
    assert scores.kind("mine") is scores.MODEL
    assert not job_of(study.path).trained
    assert isinstance(score_of(study.path), Model)


def test_what_is_no_jacobian_is_refused_before_anything_is_written(folder):
    study, out = study_with(folder, CALLABLE.replace("shrink", "torn")), folder / "out.zarr.zip"
    with pytest.raises(InputError, match=r"edited\.yaml: scores\.mine: the Jacobian at t = 0\.001"):
        spectrum.run(study, job_of(study).id, out)
    assert not out.exists()


def on_pictures(folder, of_points, said="", path="their:shrink"):
    """A study of the model on a file of pictures of this shape, which declares what is said beside its path."""
    np.save(folder / "pictures.npy", np.random.default_rng(0).standard_normal((20, *of_points)))
    study = folder / "pictures.yaml"
    study.write_text(
        f"study: pictures\ndata: {{source: pictures.npy}}\nscores:\n  mine: {{from: callable, path: '{path}', "
        f"trusted: true{said}}}\naxes: {{network: [mine], seed: 1}}\n"
        "spectrum: {times: {start: 0.01, stop: 1.0, count: 8}, points: 2}\n"
    )
    return study


def test_pictures_whose_colours_stand_elsewhere_are_refused(folder, monkeypatch):
    """As the study is read, where it says the shape; before anything is measured, where the model does."""
    says = r"scores\.mine\.shape: \[3, 4, 4\] is not allowed: points are 4 x 4 x 3: save them with their axes in the "
    with pytest.raises(InputError, match=says):
        load(on_pictures(folder, (4, 4, 3), ", shape: [3, 4, 4]"))
    load(on_pictures(folder, (3, 4, 4), ", shape: [3, 4, 4]"))
    cell = job_of(on_pictures(folder, (4, 4, 3))).first
    monkeypatch.setitem(cell.declared.__dict__, "loaded", cell.declared.loaded._replace(shape=(3, 4, 4)))
    with pytest.raises(InputError, match=says):
        trained.Trained(folder / "pictures.yaml").score(cell, cell.truth())


def keys(study):
    job = job_of(study)
    return job.first.key("spectrum"), job.fingerprint("spectrum"), load(study).fingerprint("cube")


def test_results_depend_on_the_code_and_on_the_weights_and_not_on_where_they_are(folder):
    save_file({"scale": torch.ones(8)}, folder / "one.safetensors")
    with_weights = "{from: callable, path: 'their:Scale', weights: one.safetensors, trusted: true}"
    seen = [keys(study_with(folder)), keys(study_with(folder, with_weights))]
    save_file({"scale": 2 * torch.ones(8)}, folder / "one.safetensors")
    seen.append(keys(study_with(folder, with_weights)))
    (folder / "one.safetensors").rename(folder / "two.safetensors")
    assert keys(study_with(folder, with_weights.replace("one", "two")))[:2] == seen[-1][:2]
    (folder / "their.py").write_text(MODULE.replace("1 + t", "2 + t"))
    forget()
    seen.append(keys(study_with(folder, with_weights.replace("one", "two"))))
    seen.append(keys(study_with(folder, CALLABLE)))
    seen.append(keys(study_with(folder, CALLABLE.replace("path:", "predicts: epsilon, path:"))))
    seen.append(keys(study_with(folder, CALLABLE.replace("shrink", "torn"))))  # another function of the same module
    assert all(len(set(one)) == len(seen) for one in zip(*seen, strict=True))


def test_results_of_other_scores_do_not_depend_on_a_model(folder):
    exact = load(study_with(folder)).jobs
    (folder / "their.py").write_text(MODULE.replace("1 + t", "2 + t"))
    forget()
    now = load(study_with(folder, CALLABLE.replace("path:", "predicts: x0, path:"))).jobs
    for id, job in exact.items():
        if job.axes["network"] != ("mine",):
            assert now[id].keys("spectrum") == job.keys("spectrum")


def test_a_study_without_models_is_the_one_it_was(folder):
    """Its hash is in cubes and baselines."""
    path = edited(folder)
    assert "scores" not in load(path).resolved
    text = yaml.safe_dump(load(study_with(folder)).resolved)
    (folder / "again.yaml").write_text(text)
    assert load(folder / "again.yaml", run=False).axes["network"] == ("exact", "gaussian", "mine")


WRONG = {
    "untrusted": ("{from: callable, path: 'their:shrink'}", r"scores\.mine\.path: .*trusted: true"),
    "no path": ("{from: callable, path: shrink, trusted: true}", "MODULE:NAME"),
    "no module": ("{from: callable, path: 'lost:shrink', trusted: true}", "no module lost"),
    "no such name": (CALLABLE.replace("shrink", "lost"), "there is no lost in the module their"),
    "another spelling": (CALLABLE.replace("shrink", "shirnk"), r"mine\.path: .*did you mean shrink\?"),
    "one of two betas": ("{from: callable, path: 'their:shrink', trusted: true, steps: 100, betas: [0.1]}",
                         r"mine\.betas: .*at least 2 values[^\n]*\n[^\n]*mine\.steps: .*linear"),
    "no file": ("{from: callable, path: 'their:Scale', weights: no.safetensors, trusted: true}", "no such file"),
    "pickle": ("{from: callable, path: 'their:Scale', weights: their.pt, trusted: true}", "missing|unpickled"),
    "unknown key": ("{from: callable, path: 'their:shrink', trusted: true, guidance: 2}", "allowed are from, path"),
    "key of another": ("{from: edm, path: 'their:Scale', predicts: v, trusted: true}", "edm takes class"),
    "output of edm": ("{from: callable, path: 'their:shrink', trusted: true, schedule: edm, predicts: v}",
                      r"mine\.predicts: .*output of its own"),
    "output of edm, exported": ("{from: torch.export, path: a.pt2, trusted: true, schedule: edm, predicts: v}",
                                r"mine\.predicts: .*output of its own"),
    "steps of none": ("{from: callable, path: 'their:shrink', trusted: true, steps: 100}", r"mine\.steps: .*linear"),
    "betas of flow": ("{from: callable, path: 'their:shrink', trusted: true, schedule: flow, betas: [0.1, 0.2]}",
                      r"mine\.betas: .*linear"),
    "betas of a cosine": ("{from: callable, path: 'their:shrink', trusted: true, schedule: cosine, betas: [0.1, 0.2]}",
                          r"mine\.betas: .*scaled_linear"),
    "sigma_data of none": ("{from: callable, path: 'their:shrink', trusted: true, sigma_data: 1.0}",
                           r"mine\.sigma_data: .*edm"),
    "steps of a file": ("{from: diffusers, path: net, steps: 100}", r"mine\.steps: .*schedule"),
    "unknown format": ("{from: keras, path: a.h5}", r"scores\.mine\.from: .*callable"),
    "unknown prediction": ("{from: callable, path: 'their:shrink', trusted: true, predicts: noise}", "epsilon"),
    "both": ("{from: callable, path: 'their:shrink', trusted: true, levels: all}", "interpolate"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_a_model_is_refused_in_a_line_when_the_study_is_read(folder, name):
    declaration, says = WRONG[name]
    with pytest.raises(InputError, match=says) as caught:
        load(study_with(folder, declaration))
    assert all("scores.mine" in line for line in str(caught.value).splitlines())
    assert "their" not in sys.modules  # nothing was run


@pytest.mark.parametrize("name", ["exact", "gated-8", "linear", "Mine", "9"])
def test_a_name_that_is_taken_or_none_is_refused(folder, name):
    study = edited(folder, ("study: tiny\n", f"study: tiny\nscores:\n  {name}: {CALLABLE}\n"))
    with pytest.raises(InputError, match="scores"):
        load(study)


def test_a_score_that_is_not_declared_is_refused(folder):
    with pytest.raises(InputError, match=r"axes\.network.*mine"):
        load(edited(folder, ("gated-8", "yours"), ("study: tiny\n", f"study: tiny\nscores:\n  mine: {CALLABLE}\n")))


LATER = {
    "no function": (CALLABLE.replace("shrink", "NOTHING"), "should be a function"),
    "shape": (CALLABLE.replace("path", "shape: [2, 3], path"), r"mine\.shape.*dimension 8"),
    "edm predicts": (CALLABLE.replace("path", "schedule: edm, predicts: v, path"), r"mine\.predicts"),
    "outside": (CALLABLE.replace("shrink", "steps").replace("path", "schedule: cosine, predicts: x0, steps: 10, path"),
                r"t = 0\.00\d* is not allowed: its noise variances are from"),
    "weights of no module": (CALLABLE.replace("shrink', ", "broken', weights: one.safetensors, "), "KeyError"),
    "weights of another": (CALLABLE.replace("shrink', ", "Scale', weights: other.safetensors, "), r"mine\.weights"),
}  # fmt: skip


@pytest.mark.parametrize("name", LATER)
def test_what_is_no_model_when_it_is_loaded_is_refused_in_a_line(folder, name):
    save_file({"scale": torch.ones(8)}, folder / "one.safetensors")
    save_file({"other": torch.ones(8)}, folder / "other.safetensors")
    declaration, says = LATER[name]
    with pytest.raises(InputError, match=says) as caught:
        score_of(study_with(folder, declaration))
    assert "\n" not in str(caught.value)
    assert "scores.mine" in str(caught.value)


def test_a_module_that_ends_the_process_when_it_is_imported_is_refused_in_a_line(folder):
    """As a script without a main guard does: its exit status would be that of the stage."""
    (folder / "script.py").write_text("import sys\n\nsys.exit(0)\nmain = 3\n")
    study = study_with(folder, "{from: callable, path: 'script:main', trusted: true}")
    with pytest.raises(InputError, match=r"mine\.path.*script\.py:3: SystemExit") as caught:
        score_of(study)
    assert "\n" not in str(caught.value)


def test_weights_are_put_into_the_module_that_they_are_of(folder):
    save_file({"scale": torch.arange(8.0)}, folder / "one.safetensors")
    score = score_of(study_with(folder, CALLABLE.replace("shrink', ", "Scale', weights: one.safetensors, ")))
    np.testing.assert_allclose(score.denoise(np.ones((1, 8)), 1.0), np.arange(8)[None] / 2)


def test_times_are_a_models_own_and_curves_are_read_at_them(folder):
    """A model of 1,000 steps: it is measured at its noise, and the file says at which."""
    study = study_with(folder, CALLABLE.replace("shrink", "steps").replace("path", "schedule: linear, path"))
    job, out = job_of(study), folder / "out.zarr.zip"
    spectrum.run(study, job.id, out)
    found = read_job(out)[0]
    asked, used = job.first.spectrum.times.values, found.time_used.values[0]
    assert (used != asked).all()
    np.testing.assert_allclose(np.log(used), np.log(asked), atol=0.2)
    cosine = 10 * (found.eigenvalue.values[0, :, 0, 0].astype(float) + 1) * np.sqrt(1 + used)
    k, alphas = np.round(1000 * np.arccos(cosine)).astype(int), np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))
    np.testing.assert_allclose((1 / alphas - 1)[k[k > 100]], used[k > 100])
    assert (k > 100).sum() > 12
    fit.run(study, job.id, out, folder / "fit.zarr.zip")
    assert np.isfinite(read_job(folder / "fit.zarr.zip")[0].gap_width).any()


def test_differences_of_a_model_are_judged_and_taken_at_its_own_noise(folder):
    declarations = [
        CALLABLE.replace("shrink", "steps").replace("path", "schedule: linear, path"),
        CALLABLE.replace("shrink", "noise").replace("path", "predicts: velocity, path"),
    ]
    for declaration in declarations:
        found = []
        for method in ("exact", "central"):
            change = ("points: 4", f"points: 24\n  method: {method}")
            study = study_with(folder, declaration, change, ("manifold_dim: [2]", "manifold_dim: [8]"))
            spectrum.run(study, job_of(study).id, folder / f"{method}.zarr.zip")
            found.append(read_job(folder / f"{method}.zarr.zip")[0])
        for name in ("time_used", "squared_error", "mistake", "mistake_gain"):
            np.testing.assert_array_equal(found[1][name], found[0][name], err_msg=name)
        np.testing.assert_allclose(found[1].eigenvalue, found[0].eigenvalue, atol=2e-3)
    assert (found[1].mistake > 0).all()


def test_samplers_and_trajectories_need_every_time(folder):
    declaration = CALLABLE.replace("shrink", "steps").replace("path", "schedule: linear, path")
    study = study_with(folder, declaration, ("points: 4", "points: 4\n  sampling: reverse"))
    with pytest.raises(InputError, match=r"spectrum\.sampling.*interpolate"):
        spectrum.run(study, job_of(study).id, folder / "out.zarr.zip")
    section = "sampling:\n  switches: {start: 1.0e-3, stop: 30.0, count: 8}\n  points: 8\nfit:\n"
    study = study_with(folder, declaration, ("fit:\n", section))
    with pytest.raises(InputError, match=r"sampling\.switches.*interpolate"):
        sample.run(study, job_of(study).id, folder / "out.zarr.zip")
