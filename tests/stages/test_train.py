"""The train stage: what it writes, what it keeps, and what it does when a member diverges."""

import numpy as np
import pytest
import torch
from tiny import TINY

from scoregap import InputError, storage
from scoregap.stages import train
from scoregap.study import load


def job_of(study, name="gated-8-"):
    return next(job for job in load(study).jobs.values() if name in job.id)


def test_weights_are_the_same_bits_again_and_members_the_same_alone(tiny, tmp_path):
    job = job_of(tiny)
    train.run(tiny, job.id, tmp_path / "a.safetensors")
    train.run(tiny, job.id, tmp_path / "b.safetensors")
    _, first = storage.read_weights(tmp_path / "a.safetensors")
    _, again = storage.read_weights(tmp_path / "b.safetensors")
    assert all(np.array_equal(first[name], again[name], equal_nan=True) for name in first)

    alone = tmp_path / "alone.yaml"
    alone.write_text(TINY.replace("seed: 2", "seed: [1]").replace("steps: 40", "steps: 100"))
    both = tmp_path / "both.yaml"
    both.write_text(TINY.replace("steps: 40", "steps: 100"))
    train.run(alone, job.id, tmp_path / "c.safetensors")
    train.run(both, job.id, tmp_path / "d.safetensors")
    members, one = storage.read_weights(tmp_path / "c.safetensors")
    _, company = storage.read_weights(tmp_path / "d.safetensors")
    (key,) = members
    assert len(company) == 2 * len(one)
    for name in one:
        np.testing.assert_allclose(one[name], company[name], rtol=1e-4, atol=1e-5, err_msg=name)
    assert key == job_of(both).cells[1].key("train")


def test_training_lowers_the_excess(tiny, tmp_path):
    tiny.write_text(TINY.replace("steps: 40", "steps: 400").replace("gated-8", "gated-16"))
    job = job_of(tiny, "0.0-gated-16-")
    train.run(tiny, job.id, tmp_path / "a.safetensors")
    members, tensors = storage.read_weights(tmp_path / "a.safetensors")
    for key in members:
        excess = tensors[f"{key}/curve"][:, 2]
        assert excess[-1] < 0.25 * excess[0]


def test_only_missing_members_are_trained(tiny, tmp_path, monkeypatch):
    job, out = job_of(tiny), tmp_path / "a.safetensors"
    train.run(tiny, job.id, out)
    _, before = storage.read_weights(out)
    trained = []
    original = train.train
    monkeypatch.setattr(train, "train", lambda cells, *rest: trained.extend(cells) or original(cells, *rest))
    tiny.write_text(TINY.replace("seed: 2", "seed: 3"))
    train.run(tiny, job.id, out)
    members, after = storage.read_weights(out)
    assert [cell["seed"] for cell in trained] == [2]
    assert len(members) == 3
    assert all(np.array_equal(before[name], after[name], equal_nan=True) for name in before)
    tiny.write_text(TINY.replace("steps: 40", "steps: 41"))  # other settings: nothing can be kept
    trained.clear()
    train.run(tiny, job.id, out)
    assert len(trained) == 2
    assert len(storage.read_weights(out)[0]) == 2


def test_a_damaged_earlier_result_is_not_reused(tiny, tmp_path, capsys):
    out = tmp_path / "a.safetensors"
    out.write_bytes(b"rubbish")
    train.run(tiny, job_of(tiny).id, out)
    assert "not reused" in capsys.readouterr().err
    assert len(storage.read_weights(out)[0]) == 2


def test_a_member_that_diverges_is_marked_and_costs_the_others_nothing(tiny, tmp_path, monkeypatch):
    """Seed 1 gets data that are not numbers; seed 0 must end with the weights it has without seed 1's trouble."""
    job = job_of(tiny)
    train.run(tiny, job.id, tmp_path / "good.safetensors")
    from scoregap.truth.manifolds.arcs import Arcs

    original, bad = Arcs.sample, job.cells[1].truth().seed

    def sample(self, rng, n):
        points, latents = original(self, rng, n)
        return (points * np.nan if self.seed == bad and n > 4096 else points), latents

    monkeypatch.setattr(Arcs, "sample", sample)
    monkeypatch.setattr(train.training, "BLOCK", 256)  # so that only training draws are longer than 4096
    train.run(tiny, job.id, tmp_path / "bad.safetensors")
    monkeypatch.setattr(Arcs, "sample", original)
    train.run(tiny, job.id, tmp_path / "again.safetensors")
    members, tensors = storage.read_weights(tmp_path / "bad.safetensors")
    _, again = storage.read_weights(tmp_path / "again.safetensors")
    keys = [cell.key("train") for cell in job.cells]
    assert [members[key]["diverged"] for key in keys] == [False, True]
    for name in tensors:
        if name.startswith(keys[0]):
            np.testing.assert_array_equal(tensors[name], again[name], err_msg=name)


def test_devices_that_are_not_there_are_refused(tiny, tmp_path):
    job = job_of(tiny)
    tiny.write_text(TINY.replace("depth: 1", "depth: 1\n  device: cuda:99"))
    with pytest.raises(
        InputError, match=r"train\.device: 'cuda:99' is not on this machine: allowed here are auto, cpu"
    ):
        train.run(tiny, job.id, tmp_path / "a.safetensors")
    assert not (tmp_path / "a.safetensors").exists()
    assert train.pick_device(tiny, "cpu") == torch.device("cpu")


def test_a_closed_form_is_not_trained(tiny, tmp_path):
    with pytest.raises(InputError, match="closed-form"):
        train.run(tiny, job_of(tiny, "0.0-exact").id, tmp_path / "a.safetensors")


def test_restored_networks_denoise_as_trained(tiny, tmp_path):
    """What is saved and restored is the averaged network, member by member."""
    job = job_of(tiny)
    members, tensors = train.train(list(job.cells), torch.device("cpu"))
    storage.write_weights(tmp_path / "a.safetensors", members, tensors)
    read = storage.read_weights(tmp_path / "a.safetensors")
    x, t = torch.randn(1, 3, 4, 8), torch.tensor([[0.01, 0.1, 1.0]])
    for cell in job.cells:
        np.testing.assert_array_equal(train.restore(cell, *read)(x, t), train.restore(cell, members, tensors)(x, t))
    first, second = (train.restore(cell, *read)(x, t) for cell in job.cells)
    assert not torch.allclose(first, second)


def test_a_truth_that_is_not_known_is_no_divergence(tiny, tmp_path, monkeypatch):
    """Nowhere known: trained all the same, without an excess. Known at some points: the excess over those."""
    from dataclasses import replace

    from scoregap.truth.manifolds.arcs import Arcs

    job, original = job_of(tiny), Arcs.exact

    def unknown(self, x, t):
        posterior = original(self, x, t)
        mean = np.where(np.arange(len(x))[:, None] % 2 == 0, posterior.mean, np.nan) if self.curvature else np.nan
        return replace(posterior, mean=np.broadcast_to(mean, posterior.mean.shape))

    monkeypatch.setattr(Arcs, "exact", unknown)
    for one, known in ((job, False), (next(j for j in load(tiny).jobs.values() if "0.5-gated-8" in j.id), True)):
        train.run(tiny, one.id, tmp_path / "w.safetensors")
        members, tensors = storage.read_weights(tmp_path / "w.safetensors")
        (tmp_path / "w.safetensors").unlink()
        assert not any(member["diverged"] for member in members.values())
        for key in members:
            assert np.isfinite(tensors[f"{key}/curve"][:, 2]).any() == known


def test_excess_over_known_points():
    squares = np.arange(24.0).reshape(1, 3, 4, 2)
    known = np.ones((1, 3, 4), bool)
    np.testing.assert_allclose(train.over_known(squares, known), squares.mean((2, 3)))
    known[0, 0, 1:], known[0, 2] = False, False
    squares[~known] = np.nan
    np.testing.assert_allclose(train.over_known(squares, known), [[0.5, squares[0, 1].mean(), np.nan]])
