"""The sample stage: wrong scores at a part of the noise variances, and what is left of their errors."""

import shutil

import gathered
import numpy as np
import pytest
import xarray as xr
from tiny import WITH_SAMPLING, edited, read_job

from scoregap import InputError, data, variables
from scoregap.analysis.sampling import crossings
from scoregap.data import posteriors
from scoregap.measure import distances
from scoregap.stages import cube, fit, sample, spectrum
from scoregap.store.weights import read_weights, write_weights
from scoregap.study import load
from scoregap.study.measurement import Sampling
from scoregap.study.values import Times
from scoregap.trained import Trained

SETTINGS = Sampling(switches=Times(start=1e-4, stop=100.0, count=25), points=100, ratio=1.2)
T = np.geomspace(1e-4, 100, 25)
FLAT = data.manifold("linear", 8, [(2, 1.0), (2, 0.1)], frame="orthonormal", seed=3)


def wrong(variances, normal=0.0):
    """The score of a Gaussian on the axes of FLAT, with these variances along them and one across."""
    axes, _ = np.linalg.qr(np.concatenate([FLAT.tangent_frame, np.eye(8)], 1))
    axes[:, :4] = FLAT.tangent_frame
    every = np.concatenate([variances, np.full(4, normal)])
    return lambda x, t: posteriors.gaussian(x, t, axes, every).mean


def draws(seed=5):
    """Starts and the two sets of clean points, as `errors` draws them."""
    rng = np.random.default_rng(seed)
    clean = FLAT.sample(rng, 100)[0]
    start = clean + np.sqrt(T[-1]) * rng.standard_normal(clean.shape)
    return start, FLAT.sample(rng, 100)[0], FLAT.sample(rng, 100)[0]


def errors(own):
    return sample.errors(FLAT, own, SETTINGS, np.random.default_rng(5))


def shrunk(u, v, s):
    """Share of a start that is left: variance u from the switch s on, v below it, and denoised at last."""
    first = v if s > T[0] else u
    return np.sqrt((u + s) / (u + T[-1]) * (v + T[0]) / (v + s)) * first / (first + T[0])


def test_samples_of_the_exact_score_are_on_the_manifold_and_as_far_from_data_as_data():
    off, within, from_truth = errors(None)
    start, clean, other = draws()
    assert off.max() < 1e-14
    assert np.abs(within).max() < 1e-14
    scales = FLAT.scales**2
    made = (start @ FLAT.tangent_frame) * shrunk(scales, scales, T[-1])
    there, another = clean @ FLAT.tangent_frame, other @ FLAT.tangent_frame
    for group in (slice(0, 2), slice(2, 4)):
        std = np.sqrt(there[:, group].var(0).mean())
        floor = distances.energy(another[:, group], there[:, group]) / std
        expected = distances.energy(made[:, group], there[:, group]) / std
        np.testing.assert_allclose(from_truth[:, group.start // 2], [expected, expected, floor], atol=2e-3)
        assert abs(expected) < 0.1


def test_errors_of_wrong_variances_as_the_linear_process_has_them():
    """Each direction by itself: x(t) = x(T) sqrt((v + t) / (v + T)), with the variance of the score in charge."""
    v, normal = FLAT.scales**2, 0.02
    own = v * [1.5, 1.5, 0.7, 0.7]
    off, within, _ = errors(wrong(own, normal))
    start, clean, _ = draws()
    along, across = start @ FLAT.tangent_frame, start - start @ FLAT.tangent_frame @ FLAT.tangent_frame.T
    rms = np.sqrt((across**2).sum(1).mean() / 4)
    exact = along * shrunk(v, v, T[-1])
    for k, s in enumerate(T):
        for order, (above, below) in enumerate((((v, 0.0), (own, normal)), ((own, normal), (v, 0.0)))):
            assert off[order, k] == pytest.approx(rms * shrunk(above[1], below[1], s), rel=3e-3, abs=1e-14)
            made = along * shrunk(above[0], below[0], s)
            for group in (slice(0, 2), slice(2, 4)):
                std = np.sqrt((clean @ FLAT.tangent_frame)[:, group].var(0).mean())
                expected = distances.energy(made[:, group], exact[:, group], paired=True) / std
                assert within[order, k, group.start // 2] == pytest.approx(expected, rel=0.03, abs=1e-5)
    assert off[0, -1] > 0.1
    assert (within[0, -1] > 5e-3).all()


def test_in_linear_theory_a_group_is_decided_at_its_own_variance_and_the_manifold_at_the_spike():
    """Division of labour in closed form, of small errors: half of either is made under t = the wrong variance."""
    v, normal = FLAT.scales**2, 0.003
    off, within, _ = errors(wrong(1.02 * v, normal))
    for group in (0, 1):
        amplitude = np.sqrt(np.maximum(within[:, :, group], 0))
        for share in (amplitude[0] / amplitude[0, -1], 1 - amplitude[1] / amplitude[1, 0]):
            assert np.exp(crossings(T, share, 0.5)) == pytest.approx(v[2 * group], rel=0.05)
    # Variances s e^2 / ((e + s) (e + t)) across: half of the rms, a quarter of the variance, at s = e / 3.
    assert np.exp(crossings(T, off[0] / off[0, -1], 0.5)) == pytest.approx(normal / 3, rel=0.05)
    # The other way round any exact score at the end repairs it.
    assert off[1, 0] == pytest.approx(off[0, -1])
    assert off[1, 1:].max() < 1e-14


def test_the_ends_are_samples_of_one_score_alone():
    off, within, from_truth = errors(wrong(1.5 * FLAT.scales**2, 0.1))
    alone, _, exactly = errors(None)
    assert off[0, 0] == alone[0, 0]
    assert off[0, -1] == off[1, 0]
    assert off[1, -1] == alone[1, -1]
    assert np.abs([within[0, 0], within[1, -1]]).max() < 1e-14
    np.testing.assert_array_equal(within[0, -1], within[1, 0])
    np.testing.assert_array_equal(from_truth[1:], exactly[1:])
    assert (from_truth[0] != from_truth[1]).all()


def test_samples_that_are_not_known_have_no_errors():
    right = wrong(FLAT.scales**2, 0.1)
    off, within, from_truth = errors(lambda x, t: np.where(t < 0.02, np.nan, right(x, t)))
    assert np.isfinite(off[0, 0])
    assert np.isnan(off[0, 1:]).all()
    known = T > 0.02
    np.testing.assert_array_equal(np.isfinite(off[1]), known)
    np.testing.assert_array_equal(np.isfinite(within[1, :, 0]), known)
    assert np.isnan(from_truth[0]).all()
    assert np.isfinite(from_truth[1:]).all()


def test_without_normal_directions_nothing_is_off_the_manifold():
    whole = data.manifold("linear", 3, [(3, 1.0)], seed=0)
    off, within, _ = sample.errors(whole, None, SETTINGS, np.random.default_rng(0))
    assert np.isnan(off).all()
    assert np.abs(within).max() < 1e-14


@pytest.fixture(scope="module")
def asked(tmp_path_factory, done):
    """(study file, folder with samples) of the tiny study with samples: it shares weights, spectra and fits."""
    folder = tmp_path_factory.mktemp("sampled")
    study, results = edited(folder, WITH_SAMPLING), folder / "results"
    for stage in ("train", "spectrum", "fit"):
        shutil.copytree(done[1] / stage, results / stage)
    for job in load(study).jobs.values():
        weights = results / "train" / f"{job.id}.safetensors" if job.trained else None
        sample.run(study, job.id, results / "sample" / f"{job.id}.zarr.zip", weights)
    return study, results


def job_of(study, curvature, network):
    return next(
        job
        for job in load(study).jobs.values()
        if (job.first["curvature"], job.first["network"]) == (curvature, network)
    )


@pytest.mark.slow
def test_the_cube_has_the_errors_of_every_cell(asked, done, tmp_path):
    study, results = asked
    cube.run(study, results / "spectrum", results / "fit", tmp_path / "cube.zarr", samples=results / "sample")
    ds = xr.open_zarr(tmp_path / "cube.zarr").load()
    assert variables.validate(ds, tuple(load(study).axes)) == []
    np.testing.assert_allclose(ds.switch, np.geomspace(1e-3, 30, 8))
    for job in load(study).jobs.values():
        one, keys = read_job(results / "sample" / f"{job.id}.zarr.zip")
        assert keys == job.keys("sample")
        for i, cell in enumerate(job.cells):
            for name in variables.made("sample"):
                np.testing.assert_array_equal(ds[name].sel(dict(cell.values)), one[name][i])
    for name in variables.made("sample"):
        assert ds[name].notnull().all()
        assert name not in xr.open_zarr(done[1] / "cube.zarr")
    exact, own = (ds.sel(network=name, order="own below") for name in ("exact", "gated-8"))
    np.testing.assert_array_equal(exact.sample_off_manifold[..., 0], own.sample_off_manifold[..., 0])
    assert abs(exact.sample_distance).max() < 1e-14
    assert (own.sample_distance[..., -1, :] > 0).all()
    flat = ds.sel(curvature=0.0, network=["exact", "gaussian"])
    assert flat.sample_off_manifold.max() < 1e-14
    bent = ds.sample_off_manifold.sel(curvature=0.5, network="gaussian", order="own below")
    assert (bent.isel(switch=-1) > 1e-3).all()


@pytest.mark.slow
def test_a_cell_is_its_own_score_and_its_own_starts(asked):
    study, results = asked
    job = job_of(study, 0.5, "gated-8")
    members, tensors = read_weights(results / "train" / f"{job.id}.safetensors")
    one, _ = read_job(results / "sample" / f"{job.id}.zarr.zip")
    for i, cell in enumerate(job.cells):
        own = Trained(study, members, tensors).score(cell, cell.truth()).denoise
        found = sample.errors(cell.truth(), own, cell.sampling, np.random.default_rng(cell.seed("points")))
        for name, values in zip(variables.made("sample"), found, strict=True):
            np.testing.assert_array_equal(one[name][i], values)


@pytest.mark.slow
def test_a_seed_is_the_same_alone_and_in_company_and_only_what_is_missing_is_made(asked, tmp_path, monkeypatch):
    study, results = asked
    fewer = tmp_path / "fewer.yaml"
    fewer.write_text(study.read_text().replace("seed: 2", "seed: 1"))
    job, out = job_of(study, 0.5, "gaussian"), tmp_path / "s.zarr.zip"
    made, errors = [], sample.errors
    monkeypatch.setattr(sample, "errors", lambda *given: made.append(1) or errors(*given))
    sample.run(fewer, job.id, out)
    alone, _ = read_job(out)
    sample.run(study, job.id, out)
    assert len(made) == 2
    both, keys = read_job(out)
    whole, _ = read_job(results / "sample" / f"{job.id}.zarr.zip")
    xr.testing.assert_identical(both, whole)
    xr.testing.assert_identical(both.isel(member=[0]), alone)
    assert keys == job.keys("sample")
    sample.run(study, job.id, out)
    assert len(made) == 2


@pytest.mark.slow
def test_a_diverged_member_has_no_samples(asked, tmp_path):
    study, results = asked
    job = job_of(study, 0.0, "gated-8")
    members, tensors = read_weights(results / "train" / f"{job.id}.safetensors")
    members[job.cells[0].key("train")]["diverged"] = True
    write_weights(tmp_path / "w.safetensors", members, tensors)
    sample.run(study, job.id, tmp_path / "s.zarr.zip", tmp_path / "w.safetensors")
    one, _ = read_job(tmp_path / "s.zarr.zip")
    whole, _ = read_job(results / "sample" / f"{job.id}.zarr.zip")
    for name in variables.made("sample"):
        assert one[name][0].isnull().all()
        np.testing.assert_array_equal(one[name][1], whole[name][1])


def test_weights_are_needed_and_a_section(tiny, tmp_path):
    study = edited(tmp_path, WITH_SAMPLING)
    with pytest.raises(InputError, match="weights are needed"):
        sample.run(study, job_of(study, 0.0, "gated-8").id, tmp_path / "s.zarr.zip")
    with pytest.raises(InputError, match="sampling: is missing: the study asks for no samples"):
        sample.run(tiny, job_of(tiny, 0.0, "exact").id, tmp_path / "s.zarr.zip")


@pytest.mark.slow
@pytest.mark.parametrize("family", ["sphere", "torus"])
def test_spheres_are_sampled_too(tmp_path, family):
    study = edited(
        tmp_path, WITH_SAMPLING, ("[arcs]", f"[{family}]"), ("[0.0, 0.5]", "[0.5]"),
        ("[exact, gaussian, gated-8]", "[exact, gaussian]"), ("seed: 2", "seed: 1"),
    )  # fmt: skip
    for name, job in zip(("exact", "gaussian"), load(study).jobs, strict=True):
        spectra = tmp_path / "spectrum" / f"{job}.zarr.zip"
        spectrum.run(study, job, spectra)
        fit.run(study, job, spectra, tmp_path / "fit" / f"{job}.zarr.zip")
        sample.run(study, job, tmp_path / "sample" / f"{job}.zarr.zip")
        one, _ = read_job(tmp_path / "sample" / f"{job}.zarr.zip")
        own = one.sample_off_manifold[0, 0, -1]
        assert (own > 0.05) if name == "gaussian" else (own < 0.01)
    folders = (tmp_path / stage for stage in ("spectrum", "fit", "none", "sample"))
    ds = gathered.opened(cube.gather(load(study), 8, *folders))
    assert ds.sample_distance.notnull().all()
