"""The spectrum stage: closed forms are reproduced, networks are measured, damage and mismatch are refused."""

import numpy as np
import pytest
from tiny import TINY

from scoregap import InputError, storage
from scoregap.stages import spectrum, train
from scoregap.study import load


def jobs(study):
    return {(job.cells[0]["curvature"], job.cells[0]["network"]): job for job in load(study).jobs.values()}


def test_flat_exact_spectra_are_gamma_over_gamma_plus_t(done):
    study, results = done
    job = jobs(study)[0.0, "exact"]
    ds, keys = storage.read_job(results / "spectrum" / f"{job.id}.zarr.zip")
    assert keys == [cell.key("spectrum") for cell in job.cells]
    t = spectrum.grid(job.cells[0])[:, None]
    for i, cell in enumerate(job.cells):
        gamma = cell.truth().scales ** 2
        expected = np.concatenate([-t / (gamma + t), -np.ones((len(t), 6))], 1)
        np.testing.assert_allclose(ds.eigenvalue[i], np.broadcast_to(expected[:, None], (len(t), 4, 8)), atol=2e-7)
        np.testing.assert_allclose(ds.singular_value[i], -ds.eigenvalue[i].values[..., ::-1], atol=2e-7)
        np.testing.assert_allclose(ds.asymmetry[i], 0, atol=1e-6)
        np.testing.assert_allclose(ds.alignment[i, 0], 1, atol=1e-6)
    assert (ds.status == 1).all()
    assert (ds.excess_loss == 0).all()


def test_the_gaussian_score_misses_curvature_and_nothing_else(done):
    study, results = done
    excess = {}
    for c in (0.0, 0.5):
        job = jobs(study)[c, "gaussian"]
        excess[c] = storage.read_job(results / "spectrum" / f"{job.id}.zarr.zip")[0].excess_loss.values
    assert np.abs(excess[0.0]).max() == 0
    assert excess[0.5].max() > 1e-3


def test_all_scores_of_a_seed_are_measured_at_the_same_points(done):
    """The norm of the score is |x - D(x)| / t: at large t every score is close to -x / t."""
    study, results = done
    norms = []
    for network in ("exact", "gaussian", "gated-8"):
        job = jobs(study)[0.0, network]
        norms.append(storage.read_job(results / "spectrum" / f"{job.id}.zarr.zip")[0].score_norm[:, -1].values)
    np.testing.assert_array_equal(norms[0], norms[1])
    np.testing.assert_allclose(norms[0], norms[2], rtol=0.2)


def test_the_jacobian_of_a_trained_network_is_that_of_its_denoiser(done):
    """Against central differences in the same network, for one cell."""
    import torch

    study, results = done
    job = jobs(study)[0.5, "gated-8"]
    cell = job.cells[1]
    members, tensors = storage.read_weights(results / "train" / f"{job.id}.safetensors")
    rng, t = np.random.default_rng(0), np.array([0.1, 1.0])
    noisy = rng.standard_normal((2, 3, 8))
    _, jacobian = spectrum.network_score(study, cell, members, tensors)(noisy, t)
    denoiser = train.restore(cell, members, tensors).double()
    levels = torch.tensor(t)[None]
    for j in range(8):
        step = np.zeros(8)
        step[j] = 1e-5
        up, down = (denoiser(torch.tensor(noisy + sign * step)[None], levels)[0].numpy() for sign in (1, -1))
        np.testing.assert_allclose(jacobian[..., j], (up - down) / 2e-5, atol=2e-5)


def test_diverged_members_are_marked_and_empty(done, tmp_path):
    study, results = done
    job = jobs(study)[0.0, "gated-8"]
    members, tensors = storage.read_weights(results / "train" / f"{job.id}.safetensors")
    members[job.cells[0].key("train")]["diverged"] = True
    storage.write_weights(tmp_path / "w.safetensors", members, tensors)
    spectrum.run(study, job.id, tmp_path / "s.zarr.zip", tmp_path / "w.safetensors")
    ds, _ = storage.read_job(tmp_path / "s.zarr.zip")
    assert ds.status.values.tolist() == [2, 1]
    assert ds.eigenvalue[0].isnull().all()
    assert ds.eigenvalue[1].notnull().all()
    assert ds.training_step[0].notnull().any()


def test_weights_are_needed_and_must_be_of_the_study(done, tmp_path):
    study, results = done
    job = jobs(study)[0.0, "gated-8"]
    with pytest.raises(InputError, match="weights are needed"):
        spectrum.run(study, job.id, tmp_path / "s.zarr.zip")
    other = tmp_path / "other.yaml"
    other.write_text(TINY.replace("steps: 40", "steps: 41"))
    with pytest.raises(InputError, match="is not of this study as it is now"):
        spectrum.run(other, job.id, tmp_path / "s.zarr.zip", results / "train" / f"{job.id}.safetensors")
    assert not (tmp_path / "s.zarr.zip").exists()


def test_points_of_a_mixture_have_the_gap_and_the_tangents_of_their_component(tmp_path):
    """Far apart and at little noise the exact score has at every point the dimension and tangents of its component."""
    from tiny import edited, run_stages

    from scoregap import storage

    study = edited(
        tmp_path, ("[arcs]", "[mixture]"), ("[0.0, 0.5]", "[0.0]"), ("manifold_dim: [2]", "manifold_dim: [4]"),
        ("[exact, gaussian, gated-8]", "[exact]"), ("points: 4", "points: 24"),
        ("groups: [{fraction: 0.5, std: 1.0}, {fraction: 0.5, std: 0.1}]",
         "separation: 20.0\n  groups: [{fraction: 0.5, std: 0.3}, {fraction: 1.0, std: 1.0, weight: 0.4}]"),
    )  # fmt: skip
    run_stages(study, tmp_path)
    ds = storage.read_cube(tmp_path / "cube.zarr")[""].isel(
        family=0, ambient_dim=0, manifold_dim=0, curvature=0, network=0
    )
    assert ds.boundary.values.tolist() == [[2, 4], [2, 4]]
    np.testing.assert_array_equal(ds.has_gap.sum("gap"), 1)
    assert 0 < ds.has_gap.isel(gap=1).mean() < 0.5
    np.testing.assert_allclose(ds.alignment.isel(time=0), 1, atol=1e-5)
    m, d = 4, 8
    for gap, std in ((0, 0.3), (1, 1.0)):  # all final gaps, of isotropic components: half at their variance
        variance = std**2 * d / m
        np.testing.assert_allclose(ds.gap_width.isel(time=0, gap=gap), variance / (variance + 1e-3), rtol=1e-4)
        np.testing.assert_allclose(ds.t_consolidation.isel(gap=gap), variance, rtol=0.02)
    assert np.isnan(ds.t_max).all()


def test_an_empirical_score_of_two_points_has_one_direction(tmp_path):
    from tiny import edited, run_stages

    from scoregap import storage

    study = edited(
        tmp_path,
        ("manifold:", "manifold:\n  dataset_size: 2"),
        ("gaussian, gated-8", "empirical"),
        ("[0.0, 0.5]", "[0.0]"),
    )
    run_stages(study, tmp_path)
    ds = storage.read_cube(tmp_path / "cube.zarr")[""].sel(network="empirical")
    g = 1 + ds.eigenvalue
    np.testing.assert_allclose(g.isel(mode=slice(1, None)), 0, atol=1e-6)
    assert g.isel(mode=0).max() > 0.1
    assert (ds.status == 1).all()


def test_training_curves_pass_through(done):
    study, results = done
    job = jobs(study)[0.5, "gated-8"]
    ds, _ = storage.read_job(results / "spectrum" / f"{job.id}.zarr.zip")
    _, tensors = storage.read_weights(results / "train" / f"{job.id}.safetensors")
    for i, cell in enumerate(job.cells):
        curve, levels = (tensors[f"{cell.key('train')}/{name}"] for name in ("curve", "levels"))
        for name, column in zip(("step", "loss", "excess", "flops"), curve.T, strict=True):
            np.testing.assert_array_equal(ds[f"training_{name}"][i], column.astype(ds[f"training_{name}"].dtype))
        np.testing.assert_array_equal(ds.training_excess_by_level[i], levels.astype(np.float32))
    np.testing.assert_allclose(ds.training_excess_by_level.mean("level"), ds.training_excess, rtol=1e-5)


def test_the_empirical_score_has_the_training_set_of_the_networks(tmp_path):
    from tiny import edited

    from scoregap.truth import posteriors

    study = edited(tmp_path, ("manifold:", "manifold:\n  dataset_size: 5"), ("gaussian, gated-8", "empirical, gated-8"))
    empirical, network = jobs(study)[0.5, "empirical"].cells[0], jobs(study)[0.5, "gated-8"].cells[0]
    x = np.random.default_rng(0).standard_normal((3, 8))
    found = spectrum.closed_form(empirical, empirical.truth())(x, 0.1).mean
    np.testing.assert_array_equal(found, posteriors.empirical(x, 0.1, network.dataset()).mean)
