"""What a card does is what a CPU does: the same tests on both, of which those of a card wait for one."""

import copy

import numpy as np
import pytest
import torch
from tiny import edited

from scoregap.measure import spectra
from scoregap.networks import analytic, ensemble
from scoregap.networks.denoiser import Denoiser
from scoregap.networks.residual import Gated
from scoregap.networks.unet import Unet
from scoregap.scores.network import Network
from scoregap.stages import train
from scoregap.study import load


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request):
    """With float32 as `devices.take` leaves it, in whatever order tests run."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    return torch.device(request.param)


def cells(tmp_path, *changes):
    """The curved networks of the tiny study."""
    study = load(edited(tmp_path, ("steps: 40", "steps: 400"), *changes))
    job = next(job for job in study.jobs.values() if "gated-8-" in job.id and job.first["curvature"])
    return list(job.cells)


def excess(weights):
    """(members,) excess over the Bayes optimum at the end, the mean over noise levels."""
    members, tensors = weights
    curves = [tensors[f"{key}/curve"][:, 2] for key in members]
    return np.array([curve[np.isfinite(curve)][-1] for curve in curves])


@pytest.mark.slow
def test_training_learns_the_same(tmp_path, device):
    """Of the same numbers from the same weights: what is left to learn after 400 steps is the same but for rounding."""
    some = cells(tmp_path)
    here, there = (train.train(some, torch.device(one)) for one in ("cpu", device))
    assert {member["device"] for member in there[0].values()} == {device.type}
    assert not any(member["diverged"] for member in there[0].values())
    np.testing.assert_allclose(excess(there), excess(here), rtol=0.1)


@pytest.mark.slow
def test_training_goes_on_from_its_state(tmp_path, device):
    """On a CPU to the same bits; on a card nearly."""
    some, kept = cells(tmp_path), []
    whole = train.train(some, device)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "CHECKPOINT", 0.0)
        train.train(some, device, lambda *state: kept.append(copy.deepcopy(state)))  # as a file would be
    earlier = kept[3]
    assert {member["step"] for member in earlier[0].values()} == {128}
    again = train.train(some, device, earlier=earlier)
    if device.type == "cpu":
        assert all(np.array_equal(whole[1][name], again[1][name], equal_nan=True) for name in whole[1])
    np.testing.assert_allclose(excess(again), excess(whole), rtol=0.1)


def network(kind, dim):
    """An untrained network whose answers are not 0."""
    torch.manual_seed(0)
    one = Gated(dim, 64, 2) if kind == "gated" else Unet((8, 8), 4)
    for weight in one.parameters():
        if not weight.any():
            torch.nn.init.normal_(weight, std=0.1)
    return Denoiser(ensemble.stack([one]), [1.0], (1e-3, 30.0)).requires_grad_(False)


@pytest.mark.parametrize("kind", ["gated", "unet"])
def test_spectra_are_those_of_float32(device, kind):
    """Against float64: with tf32, products and convolutions of 10 bits, errors are above 1e-4."""
    assert not torch.backends.cudnn.allow_tf32
    module, rng = network(kind, 64), np.random.default_rng(0)
    x, t = rng.standard_normal((2, 3, 64)), np.array([0.01, 1.0])
    on = [torch.from_numpy(one).to(device, torch.float32) for one in (x, t)]
    exact = analytic.network_jacobian(module.double(), torch.from_numpy(x), torch.from_numpy(t))[1]
    found = analytic.network_jacobian(network(kind, 64).to(device), *on)[1]
    for ours, theirs in zip(spectra.spectra(found, 0)[:3:2], spectra.spectra(exact, 0)[:3:2], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=3e-5 * np.abs(theirs).max())


def test_a_score_computes_where_its_weights_are(device):
    score, x = Network(network("gated", 16).to(device)), np.random.default_rng(0).standard_normal((5, 16))
    assert score.device.type == device.type
    mean = score.denoise(x, 0.3)
    np.testing.assert_allclose(mean, Network(network("gated", 16)).denoise(x, 0.3), rtol=1e-4, atol=1e-5)


@pytest.mark.gpu
def test_jacobians_hold_one_block_of_cotangents_on_a_card(monkeypatch):
    """Four times the points take no more memory of a card than their results."""
    monkeypatch.setattr(analytic, "DEVICE", 2**22)  # 256 points at once
    module = network("gated", 256).to("cuda")

    def peak(points):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        x = torch.randn(1, points, 256, device="cuda")
        analytic.network_jacobian(module, x, torch.ones(1, device="cuda"))
        return torch.cuda.max_memory_allocated()

    peak(16)
    few, many = peak(512), peak(2048)
    assert many - few < 1.1 * 1536 * 256 * 256 * 8
