"""What training left of a job: its curves, and the scores of its cells."""

import numpy as np
import pytest
from tiny import edited

from scoregap import DamagedFile, InputError, trained
from scoregap.data import posteriors
from scoregap.store.weights import OF_TRAINED, read_weights, weights_members, write_weights
from scoregap.study import load


def jobs(study):
    return {(job.first["curvature"], job.first["network"]): job for job in load(study).jobs.values()}


def test_a_trained_cell_has_the_curves_and_the_weights_of_its_key(done):
    study, results = done
    job = jobs(study)[0.5, "gated-8"]
    path = results / "train" / f"{job.id}.safetensors"
    found, (members, tensors) = trained.read(study, job, path), read_weights(path)
    x = np.random.default_rng(0).standard_normal((3, 8))
    denoised = []
    for cell in job.cells:
        key = cell.key("train")
        assert not found.diverged(cell)
        curves = found.curves(cell)
        for i, name in enumerate(("step", "loss", "excess", "flops")):
            np.testing.assert_array_equal(curves[f"training_{name}"], tensors[f"{key}/curve"][:, i])
        np.testing.assert_array_equal(curves["training_excess_by_level"], tensors[f"{key}/levels"])
        for name, parameter in found.denoiser(cell).network.state_dict().items():
            np.testing.assert_array_equal(parameter[0], tensors[f"{key}/network.{name}"])
        denoised.append(found.score(cell, None).denoise(x, 0.1))
    assert np.abs(denoised[0] - denoised[1]).max() > 1e-3
    members[job.cells[1].key("train")]["diverged"] = True
    assert [trained.Trained(study, members, tensors).diverged(cell) for cell in job.cells] == [False, True]


def test_an_untrained_job_needs_no_weights(done):
    study, _ = done
    job = jobs(study)[0.5, "gaussian"]
    found, cell, x = trained.read(study, job, None), job.first, np.ones((2, 8))
    assert not found.diverged(cell)
    assert found.curves(cell) == {}
    np.testing.assert_array_equal(found.score(cell, cell.truth()).denoise(x, 0.1), cell.truth().gaussian(x, 0.1).mean)


def test_the_empirical_score_has_the_training_set_of_the_networks(tmp_path):
    study = edited(tmp_path, ("manifold:", "manifold:\n  dataset_size: 5"), ("gaussian, gated-8", "empirical, gated-8"))
    empirical, network = (jobs(study)[0.5, name].first for name in ("empirical", "gated-8"))
    x = np.random.default_rng(0).standard_normal((3, 8))
    found = trained.Trained(study).score(empirical, empirical.truth()).denoise(x, 0.1)
    np.testing.assert_array_equal(found, posteriors.empirical(x, 0.1, network.dataset()).mean)


def test_weights_of_another_study_are_refused(done, tmp_path):
    study, results = done
    job = jobs(study)[0.0, "gated-8"]
    with pytest.raises(InputError, match="weights are needed: pass --weights FILE"):
        trained.read(study, job, None)
    with pytest.raises(InputError, match="is not of this study as it is now"):
        trained.read(study, job, results / "train" / f"{jobs(study)[0.5, 'gated-8'].id}.safetensors")


@pytest.mark.parametrize("name", ["curve", "levels", "network."])
def test_weights_without_a_tensor_that_training_leaves_are_damaged(done, tmp_path, name):
    """Though their checksum is right: whoever lost it wrote that."""
    study, results = done
    job = jobs(study)[0.5, "gated-8"]
    members, tensors = read_weights(results / "train" / f"{job.id}.safetensors")
    key, path = job.cells[1].key("train"), tmp_path / "w.safetensors"
    write_weights(path, members, {one: array for one, array in tensors.items() if not one.startswith(f"{key}/{name}")})
    says = rf"w\.safetensors: is damaged: it has no {name.rstrip('.')} of the member '{key}'; run the study again"
    for read in (lambda: trained.read(study, job, path), lambda: weights_members(path, OF_TRAINED)):
        with pytest.raises(DamagedFile, match=says):
            read()


def test_weights_of_another_network_are_damaged(done, tmp_path):
    study, results = done
    job = jobs(study)[0.5, "gated-8"]
    members, tensors = read_weights(results / "train" / f"{job.id}.safetensors")
    path = tmp_path / "w.safetensors"
    name = next(one for one in sorted(tensors) if "/network." in one and tensors[one].ndim == 2)
    for changed in (
        {one: array for one, array in tensors.items() if one != name}, tensors | {name: tensors[name][:1]},
        tensors | {f"{name}.more": tensors[name]},
    ):  # fmt: skip
        write_weights(path, members, changed)
        found = trained.read(study, job, path)
        cell = next(cell for cell in job.cells if name.startswith(cell.key("train")))
        with pytest.raises(
            DamagedFile, match=r"w\.safetensors: is damaged: its weights are not of the network gated-8;"
        ):
            found.denoiser(cell)
