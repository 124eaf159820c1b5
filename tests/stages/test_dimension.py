"""The dimension stage: estimators are given the score of their cell, at the same points for every network."""

import shutil

import numpy as np
import pytest
import xarray as xr
from tiny import WITH_DIMENSION, edited, read_job

from scoregap import InputError, variables
from scoregap.dimensions import Draws, of_score
from scoregap.measure import dimension as estimators
from scoregap.scores.base import Score
from scoregap.stages import cube, dimension, fit
from scoregap.store.weights import read_weights, write_weights
from scoregap.study import load
from scoregap.trained import Trained


class Made(Score):
    """A score of two functions of points (n, d) and t."""

    def __init__(self, denoise, jacobian):
        self.functions = denoise, jacobian

    def denoise(self, x, t):
        return self.functions[0](x, t)

    def jacobian(self, x, t):
        return self.denoise(x, t), self.functions[1](x, t)


@pytest.fixture(scope="module")
def asked(tmp_path_factory, done):
    """(study file, folder with estimates) of the tiny study with estimators: it shares weights and spectra."""
    folder = tmp_path_factory.mktemp("asked")
    study, results = edited(folder, WITH_DIMENSION), folder / "results"
    for stage in ("train", "spectrum"):
        shutil.copytree(done[1] / stage, results / stage)
    for job in load(study).jobs.values():
        weights = results / "train" / f"{job.id}.safetensors" if job.trained else None
        dimension.run(study, job.id, results / "dimension" / f"{job.id}.zarr.zip", weights)
    return study, results


def job_of(study, curvature, network):
    (job,) = [
        job
        for job in load(study).jobs.values()
        if (job.cells[0]["curvature"], job.cells[0]["network"]) == (curvature, network)
    ]
    return job


def result(asked, curvature, network):
    study, results = asked
    job = job_of(study, curvature, network)
    ds, keys = read_job(results / "dimension" / f"{job.id}.zarr.zip")
    assert keys == job.keys("dimension")
    settings = job.cells[0].dimension
    return ds.assign_coords(variables.of_dimension(settings)), job


@pytest.mark.slow
def test_estimates_of_the_flat_exact_score_are_closed_forms(asked):
    """Everything by hand from F's singular values: G = U diag(g) U', g = v / (v + t)."""
    ds, job = result(asked, 0.0, "exact")
    assert (ds.point_dimension == 2).all()
    for i, cell in enumerate(job.cells):
        truth, one = cell.truth(), ds.isel(member=i)
        v = truth.scales**2
        x = truth.sample(np.random.default_rng(cell.seed("points")), 3)[0] @ truth.tangent_frame
        for t in ds.estimate_time.values:
            g = v / (v + t)
            drops = [g[0] - g[1], g[1]]
            here = one.estimate.sel(estimate_time=t)
            np.testing.assert_array_equal(here.sel(score_estimator="final_gap"), 1 + np.argmax(drops))
            np.testing.assert_allclose(
                here.sel(score_estimator="slq_count"), (g > 0.5).sum(), atol=1e-5
            )  # 8 probes in R^8
            expected = (g + t * x**2 / (v + t) ** 2).sum(1)
            np.testing.assert_allclose(here.sel(score_estimator="flipd"), expected, rtol=1e-5)
            assert np.abs(here.sel(score_estimator="flipd_hutchinson") - expected).max() < 2
        np.testing.assert_array_equal(
            one.estimate.sel(score_estimator="normal_bundle_centred").isel(estimate_time=0), 2
        )


@pytest.mark.slow
def test_normal_bundle_is_of_score_vectors_around_the_points(asked):
    ds, job = result(asked, 0.5, "exact")
    cell, truth = job.cells[1], job.cells[1].truth()
    rng = np.random.default_rng(cell.seed("points"))
    clean, _ = truth.sample(rng, 3)
    draws = Draws(rng, cell.dimension, 8)
    assert draws.around.shape == (3, 32, 8)
    for t in ds.estimate_time.values:
        for p in range(3):
            around = clean[p] + np.sqrt(t) * draws.around[p]
            scores = (truth.exact(around, t).mean - around) / t
            for method, centred in (("normal_bundle", False), ("normal_bundle_centred", True)):
                one = ds.estimate.isel(member=1, estimate_point=p).sel(score_estimator=method, estimate_time=t)
                assert one == estimators.normal_bundle(scores, centred)


def test_a_flat_manifold_has_the_same_estimates_by_both_control_arms(asked):
    exact, gaussian = (result(asked, 0.0, network)[0] for network in ("exact", "gaussian"))
    np.testing.assert_allclose(exact.estimate, gaussian.estimate, atol=1e-5)
    assert exact.data_estimate.notnull().all()
    assert gaussian.data_estimate.isnull().all()


def test_data_are_the_manifolds_own(asked):
    ds, job = result(asked, 0.0, "exact")
    for i, cell in enumerate(job.cells):
        data, _ = cell.truth().sample(np.random.default_rng(cell.seed("dataset")), 200)
        expected = estimators.local_pca(data, 20, np.arange(100))
        assert ds.data_estimate.sel(data_estimator="local_pca")[i] == expected


def test_a_network_is_given_as_its_denoiser_and_its_jacobian(asked):
    """Central differences of `denoise` are `jacobian`, and both are those of the spectrum stage."""
    study, results = asked
    job = job_of(study, 0.5, "gated-8")
    cell = job.cells[1]
    members, tensors = read_weights(results / "train" / f"{job.id}.safetensors")
    score = Trained(study, members, tensors).score(cell, cell.truth())
    x, t = np.random.default_rng(0).standard_normal((2, 8)), 0.1
    _, jacobian = score.jacobian(x, t)
    for j in range(8):
        step = 1e-2 * np.eye(8)[j]
        slope = (score.denoise(x + step, t) - score.denoise(x - step, t)) / 2e-2
        np.testing.assert_allclose(jacobian[:, :, j], slope, atol=2e-3)
    ds, _ = result(asked, 0.5, "gated-8")
    symmetric = 0.5 * (jacobian + jacobian.swapaxes(1, 2))
    assert np.abs(jacobian - symmetric).max() > 1e-4
    assert ds.estimate.notnull().all()


def test_spectra_of_a_network_are_of_the_symmetric_part(asked):
    study, results = asked
    ds, job = result(asked, 0.0, "gated-8")
    cell = job.cells[0]
    members, tensors = read_weights(results / "train" / f"{job.id}.safetensors")
    rng = np.random.default_rng(cell.seed("points"))
    clean, _ = cell.truth().sample(rng, 3)
    noise = Draws(rng, cell.dimension, 8).noise
    t = ds.estimate_time.values[3:5]
    score = Trained(study, members, tensors).score(cell, cell.truth())
    g = np.stack([score.jacobian(clean + np.sqrt(one) * noise, one)[1] for one in t])
    values = np.linalg.eigvalsh(0.5 * (g + g.swapaxes(-1, -2)))[..., ::-1]
    here = ds.estimate.isel(member=0, estimate_time=slice(3, 5))
    np.testing.assert_array_equal(here.sel(score_estimator="final_gap"), estimators.final_gap(values - 1))
    np.testing.assert_allclose(here.sel(score_estimator="slq_count"), (values > 0.5).sum(-1), atol=1e-4)


def test_costs_are_counts_of_evaluations(asked):
    ds, _ = result(asked, 0.0, "gaussian")
    expected = {
        "final_gap": 8, "slq_count": 8 * 8, "normal_bundle": 32, "normal_bundle_centred": 32, "flipd": 9,
        "flipd_hutchinson": 9,
    }  # fmt: skip
    assert dict(zip(ds.score_estimator.values, ds.estimate_cost[0].values, strict=True)) == expected


def test_draws_do_not_depend_on_what_is_asked_for(asked, tmp_path):
    study, _ = asked
    few = tmp_path / "few.yaml"
    text = study.read_text()
    names = text[text.index("[final_gap") : text.index("local_pca]") + 10]
    few.write_text(text.replace(names, "[flipd_hutchinson, slq_count]"))
    job = job_of(few, 0.5, "exact")
    dimension.run(few, job.id, tmp_path / "d.zarr.zip")
    ds, _ = read_job(tmp_path / "d.zarr.zip")
    whole = result(asked, 0.5, "exact")[0]
    np.testing.assert_array_equal(ds.estimate, whole.estimate.sel(score_estimator=["flipd_hutchinson", "slq_count"]))
    assert "data_estimate" not in ds


def test_only_data(asked, tmp_path, capsys, monkeypatch):
    """Without estimators of scores there are no times; without scikit-dimension its estimates are NaN, said once."""
    study, _ = asked
    data = tmp_path / "data.yaml"
    text = study.read_text()
    names = text[text.index("[final_gap") : text.index("local_pca]") + 10]
    data.write_text(text.replace(names, "[skdim_twonn, local_pca, skdim_lpca]"))
    monkeypatch.setattr(estimators, "find_spec", lambda name: None)
    job = job_of(data, 0.0, "exact")
    dimension.run(data, job.id, tmp_path / "d.zarr.zip")
    assert capsys.readouterr().err.count("scikit-dimension is not installed") == 1
    ds, _ = read_job(tmp_path / "d.zarr.zip")
    assert set(ds.data_vars) == {"data_estimate", "point_dimension"}
    np.testing.assert_array_equal(np.isnan(ds.data_estimate), [[True, False, True]] * 2)


def test_diverged_members_and_unknown_scores_have_no_estimates(asked, tmp_path):
    study, results = asked
    job = job_of(study, 0.0, "gated-8")
    members, tensors = read_weights(results / "train" / f"{job.id}.safetensors")
    members[job.cells[0].key("train")]["diverged"] = True
    write_weights(tmp_path / "w.safetensors", members, tensors)
    dimension.run(study, job.id, tmp_path / "d.zarr.zip", tmp_path / "w.safetensors")
    ds, _ = read_job(tmp_path / "d.zarr.zip")
    assert ds.estimate[0].isnull().all()
    assert ds.estimate[1].notnull().all()
    # A score that is unknown at one point, as a sampled one is where its guard fails.
    settings, clean = job.cells[0].dimension, np.zeros((3, 8))
    hole = np.array([0.0, np.nan, 0.0])
    score = Made(
        lambda x, t: 0.5 * x + np.repeat(hole, len(x) // 3)[:, None], lambda x, t: np.eye(8) + hole[:, None, None]
    )
    draws = Draws(np.random.default_rng(0), settings, 8)
    for values in of_score(settings, score, clean, 0.1, draws):
        np.testing.assert_array_equal(np.isfinite(values), [True, False, True])


def test_weights_are_needed_and_a_section(asked, tmp_path, tiny):
    study, results = asked
    job = job_of(study, 0.0, "gated-8")
    with pytest.raises(InputError, match="weights are needed"):
        dimension.run(study, job.id, tmp_path / "d.zarr.zip")
    with pytest.raises(InputError, match="dimension: is missing"):
        dimension.run(tiny, job.id, tmp_path / "d.zarr.zip", results / "train" / f"{job.id}.safetensors")


def test_points_of_a_mixture_have_the_dimension_of_their_component(tmp_path):
    study = edited(
        tmp_path, WITH_DIMENSION, ("[arcs]", "[mixture]"), ("[0.0, 0.5]", "[0.0]"), ("[2]", "[4]"),
        ("[exact, gaussian, gated-8]", "[exact]"), ("points: 3", "points: 12"),
        ("{fraction: 0.5, std: 1.0}, {fraction: 0.5, std: 0.1}",
         "{fraction: 1.0, std: 1.0}, {fraction: 0.5, std: 1.0}"), ("manifold:", "manifold:\n  separation: 20.0"),
    )  # fmt: skip
    (job,) = load(study).jobs.values()
    dimension.run(study, job.id, tmp_path / "d.zarr.zip")
    ds, _ = read_job(tmp_path / "d.zarr.zip")
    assert set(np.unique(ds.point_dimension)) == {2, 4}
    np.testing.assert_array_equal(ds.estimate[:, 0, :, 0], ds.point_dimension)


@pytest.mark.slow
def test_the_cube_has_the_estimates_of_studies_that_ask_for_them(asked, done, tmp_path):
    study, results = asked
    for job in load(study).jobs:
        fit.run(study, job, results / "spectrum" / f"{job}.zarr.zip", tmp_path / "fit" / f"{job}.zarr.zip")
    cube.run(study, results / "spectrum", tmp_path / "fit", tmp_path / "whole.zarr", results / "dimension")
    ds = xr.open_zarr(tmp_path / "whole.zarr")
    assert variables.validate(ds, tuple(load(study).axes)) == []
    one, job = result(asked, 0.5, "gated-8")
    for i, cell in enumerate(job.cells):
        np.testing.assert_array_equal(ds.estimate.sel(dict(cell.values)), one.estimate[i])
    assert ds.score_estimator.values.tolist() == load(study).document.dimension.of_score
    plain = xr.open_zarr(done[1] / "cube.zarr")
    assert not plain.data_vars.keys() & variables.OPTIONAL.keys()
    assert not plain.coords.keys() & {"score_estimator", "data_estimator", "estimate_time", "estimate_point"}
    # Without the folder they are missing, and files of another study are refused.
    cube.run(study, results / "spectrum", tmp_path / "fit", tmp_path / "cube.zarr")
    assert xr.open_zarr(tmp_path / "cube.zarr").estimate.isnull().all()
    other = edited(tmp_path, WITH_DIMENSION, ("probes: 8", "probes: 7"))
    with pytest.raises(InputError, match="rerun"):
        cube.gather(load(other), 8, results / "spectrum", tmp_path, results / "dimension")


def test_every_estimator_is_given_what_it_asks_for(tmp_path):
    """A score that is linear and not symmetric, as a network's may be: everything by hand, and where it was asked."""
    settings = load(edited(tmp_path, WITH_DIMENSION)).document.dimension
    rng, t = np.random.default_rng(9), 0.2
    a, clean = np.diag([1.0] * 3 + [0.0] * 5) + 0.4 * rng.standard_normal((8, 8)), rng.standard_normal((3, 8))
    seen = []

    def jacobian(x, t):
        seen.append(x)
        return np.repeat(a[None], len(x), 0)

    draws = Draws(rng, settings, 8)
    found = of_score(settings, Made(lambda x, t: x @ a.T, jacobian), clean, t, draws)
    by_name = dict(zip(settings.of_score, found, strict=True))
    noisy, at = seen
    np.testing.assert_array_equal(noisy, clean + np.sqrt(t) * draws.noise)
    np.testing.assert_array_equal(at, clean)
    values = np.linalg.eigvalsh(0.5 * (a + a.T))[::-1]
    assert (values > 0.5).sum() not in ((np.linalg.eigvalsh(a) > 0.5).sum(), (np.linalg.eigvalsh(a.T) > 0.5).sum())
    np.testing.assert_array_equal(by_name["final_gap"], [estimators.final_gap(values - 1)] * 3)
    np.testing.assert_allclose(by_name["slq_count"], (values > 0.5).sum())  # 8 probes in R^8
    squares = ((clean @ a.T - clean) ** 2).sum(1) / t
    np.testing.assert_allclose(by_name["flipd"], np.trace(a) + squares)
    trace = np.einsum("pki,ij,pkj->p", draws.signs, a, draws.signs) / 8
    np.testing.assert_allclose(by_name["flipd_hutchinson"], trace + squares)
