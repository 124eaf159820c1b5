"""The spectrum stage: closed forms are reproduced, networks are measured, damage and mismatch are refused."""

import tracemalloc

import numpy as np
import pytest
from tiny import TINY, edited, read_job

from scoregap import InputError
from scoregap.scores import base
from scoregap.scores.base import Score
from scoregap.stages import spectrum
from scoregap.store.cube import read_cube
from scoregap.store.weights import read_weights, write_weights
from scoregap.study import load
from scoregap.trained import Trained


def jobs(study):
    return {(job.cells[0]["curvature"], job.cells[0]["network"]): job for job in load(study).jobs.values()}


def test_flat_exact_spectra_are_gamma_over_gamma_plus_t(done):
    study, results = done
    job = jobs(study)[0.0, "exact"]
    ds, keys = read_job(results / "spectrum" / f"{job.id}.zarr.zip")
    assert keys == [cell.key("spectrum") for cell in job.cells]
    t = job.cells[0].spectrum.times.values[:, None]
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
        excess[c] = read_job(results / "spectrum" / f"{job.id}.zarr.zip")[0].excess_loss.values
    assert np.abs(excess[0.0]).max() == 0
    assert excess[0.5].max() > 1e-3


def test_all_scores_of_a_seed_are_measured_at_the_same_points(done):
    """The norm of the score is |x - D(x)| / t: at large t every score is close to -x / t."""
    study, results = done
    norms = []
    for network in ("exact", "gaussian", "gated-8"):
        job = jobs(study)[0.0, network]
        norms.append(read_job(results / "spectrum" / f"{job.id}.zarr.zip")[0].score_norm[:, -1].values)
    np.testing.assert_array_equal(norms[0], norms[1])
    np.testing.assert_allclose(norms[0], norms[2], rtol=0.2)


def test_diverged_members_are_marked_and_empty(done, tmp_path):
    study, results = done
    job = jobs(study)[0.0, "gated-8"]
    members, tensors = read_weights(results / "train" / f"{job.id}.safetensors")
    members[job.cells[0].key("train")]["diverged"] = True
    write_weights(tmp_path / "w.safetensors", members, tensors)
    spectrum.run(study, job.id, tmp_path / "s.zarr.zip", tmp_path / "w.safetensors")
    ds, _ = read_job(tmp_path / "s.zarr.zip")
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
    members, tensors = read_weights(results / "train" / f"{job.id}.safetensors")
    checkpoint = {key: {"step": 20, "device": "cpu"} for key in members}
    write_weights(tmp_path / "w.safetensors", checkpoint, tensors)
    with pytest.raises(InputError, match=r"w\.safetensors: is not of this study as it is now"):
        spectrum.run(study, job.id, tmp_path / "s.zarr.zip", tmp_path / "w.safetensors")
    assert not (tmp_path / "s.zarr.zip").exists()


@pytest.mark.slow
def test_points_of_a_mixture_have_the_gap_and_the_tangents_of_their_component(tmp_path):
    """Far apart and at little noise the exact score has at every point the dimension and tangents of its component."""
    from tiny import edited, run_stages

    study = edited(
        tmp_path, ("[arcs]", "[mixture]"), ("[0.0, 0.5]", "[0.0]"), ("manifold_dim: [2]", "manifold_dim: [4]"),
        ("[exact, gaussian, gated-8]", "[exact]"), ("points: 4", "points: 24"),
        ("groups: [{fraction: 0.5, std: 1.0}, {fraction: 0.5, std: 0.1}]",
         "separation: 20.0\n  groups: [{fraction: 0.5, std: 0.3}, {fraction: 1.0, std: 1.0, weight: 0.4}]"),
    )  # fmt: skip
    run_stages(study, tmp_path, drawn=False)
    ds = read_cube(tmp_path / "cube.zarr")[""].isel(family=0, ambient_dim=0, manifold_dim=0, curvature=0, network=0)
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


@pytest.mark.slow
def test_an_empirical_score_of_two_points_has_one_direction(tmp_path):
    from tiny import edited, run_stages

    study = edited(
        tmp_path,
        ("manifold:", "manifold:\n  dataset_size: 2"),
        ("gaussian, gated-8", "empirical"),
        ("[0.0, 0.5]", "[0.0]"),
    )
    run_stages(study, tmp_path, drawn=False)
    ds = read_cube(tmp_path / "cube.zarr")[""].sel(network="empirical")
    g = 1 + ds.eigenvalue
    np.testing.assert_allclose(g.isel(mode=slice(1, None)), 0, atol=1e-6)
    assert g.isel(mode=0).max() > 0.1
    assert (ds.status == 1).all()


def test_training_curves_pass_through(done):
    study, results = done
    job = jobs(study)[0.5, "gated-8"]
    ds, _ = read_job(results / "spectrum" / f"{job.id}.zarr.zip")
    _, tensors = read_weights(results / "train" / f"{job.id}.safetensors")
    for i, cell in enumerate(job.cells):
        curve, levels = (tensors[f"{cell.key('train')}/{name}"] for name in ("curve", "levels"))
        for name, column in zip(("step", "loss", "excess", "flops"), curve.T, strict=True):
            np.testing.assert_array_equal(ds[f"training_{name}"][i], column.astype(ds[f"training_{name}"].dtype))
        np.testing.assert_array_equal(ds.training_excess_by_level[i], levels.astype(np.float32))
    np.testing.assert_allclose(ds.training_excess_by_level.mean("level"), ds.training_excess, rtol=1e-5)


def measured(study, results, curvature, network, member=0):
    """What the stage measures for one member of a study whose networks are those of `done`."""
    job = jobs(study)[curvature, network]
    weights = results / "train" / f"{job.id}.safetensors" if job.trained else None
    left = read_weights(weights) if weights else ()
    return spectrum.measure(job.cells[member], Trained(study, *left))


@pytest.fixture
def variant(done, tmp_path):
    """(text after `points: 4`) -> a study that differs from `done` there."""
    return lambda text: edited(tmp_path, ("points: 4", f"points: 4\n  {text}"))


@pytest.mark.parametrize("network", ["exact", "gaussian", "gated-8"])
@pytest.mark.parametrize(("method", "off"), [("central", 2e-4), ("one-sided", 1e-2)])
def test_differences_measure_closed_forms_and_networks_alike(done, variant, network, method, off):
    """Close to the exact spectra, and not them: differences were taken of every score, curved ones among them."""
    study, results = done
    exact = measured(study, results, 0.5, network)
    found = measured(variant(f"method: {method}"), results, 0.5, network)
    for name in ("eigenvalue", "singular_value"):
        error = np.abs(found[name] - exact[name]).max()
        assert error < off, name
        assert error > 0 or network == "gaussian", name  # of a linear score differences are exact
    np.testing.assert_allclose(found["score_norm"], exact["score_norm"], rtol=1e-5)
    np.testing.assert_allclose(found["excess_loss"], exact["excess_loss"], rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(found["alignment"][:8], exact["alignment"][:8], atol=1e-2)  # while groups are apart
    coarse = measured(variant(f"method: {method}\n  step: 1.0"), results, 0.5, "exact")
    finer = measured(variant(f"method: {method}\n  step: 0.5"), results, 0.5, "exact")
    truth = measured(study, results, 0.5, "exact")
    wrong = [np.abs(one["eigenvalue"] - truth["eigenvalue"]).max() for one in (coarse, finer)]
    assert wrong[0] > 1.5 * wrong[1]


def test_a_guard_that_fails_leaves_no_number_whatever_the_method(done, variant, monkeypatch):
    """One point is unknown at one time: there, and nowhere else, spectra are missing."""
    from scoregap.data import posteriors
    from scoregap.data.manifolds.arcs import Arcs

    study, results = done
    known = Arcs.exact

    def guarded(self, x, t):
        found = known(self, x, t)
        bad = np.arange(len(x)) == 5  # second time, second point
        missing, unknown = x.shape[1] - found.eigenvalues.shape[1], np.where(bad, np.nan, 1.0)[:, None]
        values = np.pad(found.eigenvalues, [(0, 0), (0, missing)])
        frame = np.pad(found.eigenvectors, [(0, 0), (0, 0), (0, missing)])
        return posteriors.Posterior(found.mean * unknown, values * unknown, lambda: frame * unknown[:, :, None])

    monkeypatch.setattr(Arcs, "exact", guarded)
    for path in (study, variant("method: central")):
        found = measured(path, results, 0.5, "exact")
        assert found["status"] == 1
        for name in ("eigenvalue", "singular_value"):
            missing = np.isnan(found[name]).all(-1)
            assert np.argwhere(missing).tolist() == [[1, 1]], name
            np.testing.assert_array_equal(missing, np.isnan(found[name]).any(-1))
        assert np.isnan(found["excess_loss"][1])
        assert np.isnan(found["alignment_of_point"][1, 1]).all()
        assert np.isfinite(found["alignment"]).all()


@pytest.mark.parametrize("method", ["exact", "central", "one-sided"])
def test_a_network_that_is_not_finite_failed(done, variant, method):
    _, results = done
    path = variant(f"method: {method}")
    job = jobs(path)[0.5, "gated-8"]
    members, tensors = read_weights(results / "train" / f"{job.id}.safetensors")
    broken = {name: array * (np.nan if name.endswith("leave.weight") else 1) for name, array in tensors.items()}
    assert spectrum.measure(job.cells[0], Trained(path, members, broken))["status"] == 3
    reverse = variant("sampling: reverse")
    (cell,) = [c for c in jobs(reverse)[0.5, "gated-8"].cells if c["seed"] == 0]
    assert spectrum.measure(cell, Trained(reverse, members, broken))["status"] == 3


def test_along_reverse_trajectories_a_flat_exact_spectrum_is_the_same(done, variant):
    """That of a Gaussian does not depend on the point; the score does, and its norm shrinks as along the ODE."""
    study, results = done
    path = variant("sampling: reverse")
    forward, reverse = (measured(one, results, 0.0, "exact") for one in (study, path))
    for name in ("eigenvalue", "singular_value", "alignment", "worst_alignment", "alignment_of_point", "excess_loss"):
        np.testing.assert_allclose(reverse[name], forward[name], atol=1e-6)
    np.testing.assert_array_equal(reverse["score_norm"][-1], forward["score_norm"][-1])
    # Norm of s = -x / (v + t): at small t the normal part of x, followed exactly, is sqrt(t / T) times that at T.
    cell = jobs(path)[0.0, "exact"].cells[0]
    truth, t = cell.truth(), cell.spectrum.times.values
    rng = np.random.default_rng(cell.seed("points"))
    x = truth.sample(rng, 4)[0]
    x = x + np.sqrt(t[-1]) * rng.standard_normal(x.shape)
    axes, v = truth.principal_axes
    along = x @ axes * np.sqrt((v + t[:, None, None]) / (v + t[-1])) / (v + t[:, None, None])
    off = np.linalg.norm(x - x @ axes @ axes.T, axis=1) / np.sqrt(t[:, None] * t[-1])
    np.testing.assert_allclose(reverse["score_norm"], np.sqrt((along**2).sum(2) + off**2), rtol=1e-3)


def test_along_reverse_trajectories_a_curved_score_has_no_foot_point(done, variant):
    """Alignment is unknown; spectra and losses are there, at the points that each score makes."""
    _, results = done
    path = variant("sampling: reverse")
    exact, gaussian, network = (measured(path, results, 0.5, one) for one in ("exact", "gaussian", "gated-8"))
    for found in (exact, gaussian, network):
        assert found["status"] == 1
        for name in ("alignment", "worst_alignment", "alignment_of_point"):
            assert np.isnan(found[name]).all()
        for name in ("eigenvalue", "singular_value", "asymmetry", "score_norm", "excess_loss"):
            assert np.isfinite(found[name]).all(), name
    np.testing.assert_array_equal(exact["score_norm"][-1, 0] > 0, True)
    assert np.abs(exact["score_norm"][0] - gaussian["score_norm"][0]).max() > 1e-3


def test_a_trajectory_that_is_lost_leaves_no_numbers_from_there_on(done, variant, monkeypatch):
    from scoregap.measure import trajectories

    _, results = done
    path, whole = variant("sampling: reverse"), trajectories.reverse

    def lost(denoise, x, times):
        points = whole(denoise, x, times)
        points[:10, 2] = np.nan
        return points

    monkeypatch.setattr(trajectories, "reverse", lost)
    found = measured(path, results, 0.0, "exact")
    for name in ("eigenvalue", "singular_value", "asymmetry", "score_norm", "alignment_of_point"):
        missing = np.isnan(found[name])
        assert missing[:10, 2].all(), name
        assert missing.sum() == found[name][:10, 2].size, name
    assert np.isnan(found["excess_loss"][:10]).all()
    assert np.isfinite(found["excess_loss"][10:]).all()
    assert np.isfinite(found["alignment"]).all()
    assert measured(path, results, 0.0, "gated-8")["status"] == 3


def test_alignment_of_points_and_the_worst_angle(done):
    """The mean over points of each; the worst is not above the mean, and for groups of one direction it is the mean."""
    study, results = done
    found = measured(study, results, 0.5, "gated-8")
    np.testing.assert_allclose(found["alignment_of_point"].mean(1), found["alignment"], atol=1e-6)
    np.testing.assert_allclose(found["worst_alignment"], found["alignment"], atol=1e-6)
    from tiny import TINY

    path = results / "wide.yaml"
    path.write_text(TINY.replace("manifold_dim: [2]", "manifold_dim: [4]"))
    wide = measured(path, results, 0.5, "gaussian")
    assert (wide["worst_alignment"] <= wide["alignment"] + 1e-6).all()
    assert (wide["worst_alignment"] < wide["alignment"] - 1e-3).any()


def test_closed_forms_make_no_matrix_and_no_vectors_that_are_not_needed(done, variant, monkeypatch):
    from scoregap.data.posteriors import Posterior

    def refuse(*_):
        raise AssertionError("not needed")

    study, results = done
    monkeypatch.setattr(Posterior, "jacobian", property(refuse))
    for network in ("exact", "gaussian"):
        assert measured(study, results, 0.5, network)["status"] == 1
    monkeypatch.setattr(Posterior, "leading", refuse)
    assert measured(variant("sampling: reverse"), results, 0.5, "exact")["status"] == 1


class Dense(Score):
    """A score that knows its Jacobian only, one that differs from point to point."""

    def denoise(self, x, t):
        return 0.5 * x

    def jacobian(self, x, t):
        noise = np.sin(np.arange(x.shape[1] ** 2)).reshape(x.shape[1], -1)
        return self.denoise(x, t), np.cos(x[:, :1, None]) * noise + np.eye(x.shape[1])


@pytest.mark.parametrize("sampling", ["forward", "reverse"])
def test_matrices_and_vectors_are_those_of_one_chunk_of_points(tmp_path, monkeypatch, sampling):
    """More points cost their spectra: neither Jacobians, nor as many eigenvectors and tangents as a half of them."""
    monkeypatch.setattr(base, "ENTRIES", 1)
    monkeypatch.setattr(Trained, "score", lambda self, cell, data: Dense())
    monkeypatch.setattr(spectrum.Exact, "denoise", lambda self, x, t: x)  # which is not what takes memory, but time
    d, few, many = 96, 2, 10

    def peak(points):
        path = edited(
            tmp_path, ("ambient_dim: [8]", f"ambient_dim: [{d}]"), ("manifold_dim: [2]", f"manifold_dim: [{d // 2}]"),
            ("points: 4", f"points: {points}\n  sampling: {sampling}"), ("count: 24", "count: 8"),
        )  # fmt: skip
        cell = jobs(path)[0.5 if sampling == "forward" else 0.0, "gaussian"].first
        tracemalloc.start()
        try:
            result = spectrum.measure(cell, Trained(path))
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert result["status"] == 1
        assert np.isfinite(result["alignment"]).all()
        return most - sum(array.nbytes for array in result.values())

    peak(few)  # what is imported, and made once
    assert peak(many) - peak(few) < 0.4 * 8 * d**2 * (many - few)


def test_numbers_are_the_same_whatever_the_chunks(done, monkeypatch):
    """Points in chunks of one, of some that do not divide them, and of all times at once."""
    study, results = done
    for network in ("exact", "gaussian", "gated-8"):
        whole = measured(study, results, 0.5, network)
        for entries in (1, 3 * 8**2, 10 * 8**2):
            monkeypatch.setattr(base, "ENTRIES", entries)
            found = measured(study, results, 0.5, network)
            for name, values in whole.items():
                np.testing.assert_allclose(found[name], values, rtol=2e-4, atol=2e-5, err_msg=name)
            monkeypatch.undo()
