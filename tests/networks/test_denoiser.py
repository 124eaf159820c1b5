"""Denoisers: preconditioning, what networks are told, the loss and its cost."""

import numpy as np
import pytest
import torch
from axes import preconditioned, random_axes
from torch.utils.flop_counter import FlopCounterMode

from scoregap.data import posteriors
from scoregap.networks import PRECONDITIONINGS, SCHEDULES, ensemble
from scoregap.networks.covariance import Axes
from scoregap.networks.denoiser import Denoiser

SCALAR = tuple(name for name in PRECONDITIONINGS if name != "covariance")  # one coefficient for all directions
RANGE, DIM = (1e-4, 100.0), 4


def shaken(name, seeds=(1, 2), dim=DIM, depth=2):
    """Members with weights away from special starts as zero."""
    network, g = ensemble.build(name, seeds, dim, depth), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=g)
    return network


def inputs(members=2, levels=2, n=5, dim=DIM, seed=0):
    g = torch.Generator().manual_seed(seed)
    t = 10 ** (6 * torch.rand(members, levels, generator=g) - 4)
    return torch.randn(members, levels, n, dim, generator=g), t


@pytest.mark.parametrize("name", ["gated-8", "paper", "plain:Features-8"])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("preconditioning", SCALAR)
def test_denoiser_written_out_for_one_point(name, schedule, preconditioning):
    std = [0.7, 1.3]
    module = Denoiser(shaken(name), std, RANGE, schedule=schedule, preconditioning=preconditioning).double()
    x, t = inputs()
    out = module(x.double(), t.double())

    def clock(noise):
        return np.log(noise) if schedule == "ve" else (-0.1 + np.sqrt(0.01 + 39.8 * np.log1p(noise))) / 19.9

    for j in range(2):
        noise, point, v = float(t[1, j]), x[1, j, 4].double(), float(np.float32(std[1])) ** 2
        low, high = clock(RANGE[0]), clock(RANGE[1])
        level = 2 * (clock(noise) - low) / (high - low) - 1
        exploding = schedule == "ve" and name == "paper"
        scale = 1 / np.sqrt(v) if exploding else 1 / np.sqrt(v + noise)
        skip, gain, scale = {
            "edm": (v / (v + noise), np.sqrt(v * noise / (v + noise)), 1 / np.sqrt(v + noise)),
            "epsilon": (1, -np.sqrt(noise), scale),
            "x0": (0, np.sqrt(v), scale),
        }[preconditioning]
        told = torch.full((2, 1, 1, 1), level if name == "gated-8" else np.sqrt(noise), dtype=torch.float64)
        raw = ensemble.apply(module.network, (scale * point).expand(2, 1, 1, DIM), told)[1, 0, 0]
        expected = skip * point + gain * raw
        np.testing.assert_allclose(out[1, j, 4].detach().numpy(), expected.detach(), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("rank", [DIM, 3])
@pytest.mark.parametrize("preconditioning", PRECONDITIONINGS)
def test_the_loss_is_the_weighted_error_of_the_denoiser(preconditioning, rank, schedule):
    std = [0.7, 1.3]
    how = preconditioned(preconditioning, DIM, *std, rank=rank)
    module = Denoiser(shaken("gated-8"), std, RANGE, schedule=schedule, **how).double()
    noise, t = inputs()
    clean, noise, t = inputs(seed=1)[0].double(), noise.double(), t.double()
    spread = t[..., None, None]
    if rank < DIM and preconditioning == "covariance":  # the data have no part outside the axes
        clean = torch.stack([x @ v @ v.T for x, v in zip(clean, module.axes.double(), strict=True)])
    error = module(clean + spread.sqrt() * noise, t) - clean
    expected = (module.loss_weight(spread) * module.along_axes(error).square()).mean((1, 2, 3))
    rounding = 1e-6 if preconditioning == "covariance" else 1e-9  # of axes that are orthonormal in single precision
    torch.testing.assert_close(module.loss(clean, noise, t), expected, rtol=rounding, atol=0.0)


@pytest.mark.parametrize("below", [0.0, 0.1, 1e9])
@pytest.mark.parametrize("t", [1e-4, 0.1, 100.0])
def test_covariance_weighs_an_axis_between_its_own_and_one_for_all(t, below):
    """1 / (c_out mean c_out), the mean over all directions: so 1 / c_out^2 where t is far below all variances, or
    far below `own_below`."""
    variances = np.array([4.0, 1.0, 0.01])
    module = Denoiser(
        shaken("gated-8", seeds=[1]), [1.0], RANGE, "covariance", axes=[Axes(np.eye(DIM, 3), variances)],
        own_below=below,
    ).double()  # fmt: skip
    out = np.sqrt(t * variances / (t + variances))
    weight = module.loss_weight(torch.full((1, 1, 1, 1), t, dtype=torch.float64))[0, 0, 0].numpy()
    np.testing.assert_allclose(weight, [*1 / (out * (out + t / (t + below) * (out.sum() / DIM - out))), 0.0], rtol=1e-6)
    fresh = (weight * np.append(out, 0) ** 2).mean()  # the loss of a network that is the Gaussian
    assert 3 / DIM - 1e-6 < fresh < 1 + 1e-6
    assert below not in (0, 1e9) or fresh == pytest.approx(1 if below == 0 else 3 / DIM, rel=1e-6)


@pytest.mark.parametrize("preconditioning", PRECONDITIONINGS)
def test_networks_do_not_know_the_units_of_data(preconditioning):
    """The same network for data in other units: D(a x, a^2 t; a std) = a D(x, t; std), levels with their range."""
    network = shaken("resmlp-8", [1])
    one = Denoiser(network, [0.7], RANGE, **preconditioned(preconditioning, DIM, 0.7, rank=3))
    scaled = [1e4 * t for t in RANGE]
    other = Denoiser(network, [70.0], scaled, **preconditioned(preconditioning, DIM, 70.0, rank=3))
    x, t = inputs(members=1)
    torch.testing.assert_close(other(100 * x, 1e4 * t), 100 * one(x, t), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("rank", [DIM, 2])
def test_covariance_written_out_for_one_point(rank):
    """Along every axis as edm along a line of that variance, for a network that sees coordinates along the axes."""
    axes = random_axes(DIM, 0.7, 1.3, rank=rank)
    module, (x, t) = Denoiser(shaken("gated-8"), [1.0, 1.0], RANGE, "covariance", axes=axes).double(), inputs()
    out = module(x.double(), t.double())
    for i, (directions, variances) in enumerate(axes):
        point, noise = x[i, 1, 4].double().numpy(), float(t[i, 1])
        z, v = directions.T.astype(float) @ point, variances.astype(float)
        seen = np.zeros(DIM)
        seen[:rank] = z / np.sqrt(v + noise)
        level = module.level(t.double())[i, 1].expand(2, 1, 1, 1)
        raw = ensemble.apply(module.network, torch.tensor(seen).expand(2, 1, 1, DIM), level)[i, 0, 0].detach().numpy()
        along = v / (v + noise) * z + np.sqrt(v * noise / (v + noise)) * raw[:rank]
        np.testing.assert_allclose(out[i, 1, 4].detach(), directions.astype(float) @ along, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("t", [1e-6, 1e-3, 0.3, 50.0, 1e4])
@pytest.mark.parametrize("rank", [DIM, 2])
def test_with_the_covariance_an_untrained_denoiser_is_the_posterior_mean_of_that_gaussian(rank, t):
    axes = random_axes(DIM, 0.5, 2.0, rank=rank)
    module = Denoiser(ensemble.build("gated-8", [1, 2], DIM, 1), [1.0, 1.0], RANGE, "covariance", axes=axes)
    x, _ = inputs()
    out = module(x, torch.full((2, 2), t))
    for i, one in enumerate(axes):
        points = x[i].reshape(-1, DIM).double().numpy()
        expected = posteriors.gaussian(points, t, *(array.astype(float) for array in one)).mean
        np.testing.assert_allclose(out[i].detach().reshape(-1, DIM), expected, rtol=1e-5, atol=2e-6)


def test_with_the_covariance_networks_see_unit_variance_along_every_axis_over_the_whole_noise_range():
    spy, n, (axes,) = ensemble.stack([Spy()]), 20_000, random_axes(DIM, 0.3, rank=3)
    module = Denoiser(spy, [0.3], RANGE, "covariance", axes=[axes])
    t = torch.logspace(-6, 4, 11)[None]
    g = torch.Generator().manual_seed(0)
    z = torch.randn(1, 11, n, 3, generator=g) * torch.tensor(axes.variances).sqrt()
    clean, noise = z @ torch.tensor(axes.directions).T, torch.randn(1, 11, n, DIM, generator=g)
    for see in (lambda: module(clean + t[..., None, None].sqrt() * noise, t), lambda: module.loss(clean, noise, t)):
        see()
        np.testing.assert_allclose(spy.seen.std(2)[0, :, :3], 1, rtol=0.03)
        assert not spy.seen[..., 3].any()


def test_axes_go_with_the_covariance():
    network = ensemble.build("linear", [1], DIM, 1)
    with pytest.raises(ValueError, match="axes: None is not allowed: the preconditioning covariance needs them"):
        Denoiser(network, [1.0], RANGE, "covariance")
    with pytest.raises(ValueError, match="no other does"):
        Denoiser(network, [1.0], RANGE, "edm", axes=random_axes(DIM, 1.0))


@pytest.mark.parametrize(
    "name", ["gated-8", "scaled-8", "resmlp-8", "normed-8", "linear", "paper", "plain:MLP-8", "plain:Features-8"]
)
def test_operations_of_a_step_are_torch_s_own_count(name):
    """Of a forward and a backward pass at other numbers than those of the count."""
    module = Denoiser(ensemble.build(name, [1], 5, 2), [1.0], RANGE)
    x, t = inputs(members=1, levels=3, n=7, dim=5)
    with FlopCounterMode(display=False) as counter:
        module(x, t).square().sum().backward()
    assert module.flops(3, 7, 5) == counter.get_total_flops() > 0


def test_operations_of_a_layer_by_hand():
    """MLP(5, width 8) at 3 levels of 7 points: 21 rows through 6 x 8, of which no gradient of the inputs, and 8 x 5."""
    module = Denoiser(ensemble.build("plain:MLP-8", [1], 5, 2), [1.0], RANGE)
    assert module.flops(3, 7, 5) == 21 * (4 * 6 * 8 + 6 * 8 * 5)


def test_operations_that_nobody_counts_are_not_zero():
    assert np.isnan(Denoiser(ensemble.build("plain:Shift", [1], 5, 2), [1.0], RANGE).flops(3, 7, 5))


def test_level_maps_the_noise_range_to_one():
    module = Denoiser(torch.nn.Identity(), [1.0], RANGE)
    low, middle, high = module.level(torch.tensor([1e-4, 1e-1, 100.0], dtype=torch.float64)).tolist()
    assert (low, middle, high) == pytest.approx((-1, 0, 1), abs=1e-12)


@pytest.mark.parametrize("t", [1e-4, 0.3, 50.0])
def test_untrained_denoiser_is_the_posterior_of_a_white_gaussian(t):
    """c_skip x, the best denoiser for data of that variance in every direction (Karras et al. 2022)."""
    module = Denoiser(ensemble.build("gated-8", [1, 2], DIM, 1), [0.5, 2.0], RANGE)
    x, _ = inputs()
    out = module(x, torch.full((2, 2), t))
    for i, std in enumerate((0.5, 2.0)):
        torch.testing.assert_close(out[i], x[i] * (std**2 / (std**2 + t)))


class Spy(torch.nn.Module):
    """Keeps what the network is given, of all members, and answers one."""

    stacks = True

    def forward(self, x, level):
        self.seen, self.told = x, level
        return torch.ones_like(x)


@pytest.mark.parametrize("std", [1e-3, 0.2, 30.0])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("preconditioning", SCALAR)
def test_networks_see_unit_variance_over_the_whole_noise_range(preconditioning, schedule, std):
    spy, n = ensemble.stack([Spy()]), 20_000
    module = Denoiser(spy, [std], RANGE, preconditioning, schedule)
    t = torch.logspace(-5, 4, 19)[None] * std**2
    g = torch.Generator().manual_seed(0)
    clean, noise = std * torch.randn(1, 19, n, 1, generator=g), torch.randn(1, 19, n, 1, generator=g)
    module(clean + t[..., None, None].sqrt() * noise, t)
    np.testing.assert_allclose(spy.seen.std(2).flatten(), 1, rtol=0.02)
    module.loss(clean, noise, t)
    np.testing.assert_allclose(spy.seen.std(2).flatten(), 1, rtol=0.02)


@pytest.mark.parametrize("preconditioning", SCALAR)
def test_a_recipe_may_see_the_exploding_point(preconditioning):
    spy = ensemble.stack([Spy()])
    spy.sees_exploding = True
    for schedule in SCHEDULES:
        module, t = Denoiser(spy, [2.0], RANGE, preconditioning, schedule), torch.tensor([[1e-2, 12.0]])
        module(torch.ones(1, 2, 1, 1), t)
        scaled = [1 / np.sqrt(4.01), 0.25]
        expected = [0.5, 0.5] if schedule == "ve" and preconditioning != "edm" else scaled
        np.testing.assert_allclose(spy.seen.flatten(), expected, rtol=1e-6)


@pytest.mark.parametrize("t", [1e-3, 1.0, 1e3])
def test_preconditioning_has_unit_variance(t):
    """The network's input and target are of unit variance at every noise level (Karras et al. 2022, B.6)."""
    spy, std, n = ensemble.stack([Spy()]), 0.7, 20_000
    module = Denoiser(spy, [std], RANGE)
    g = torch.Generator().manual_seed(0)
    clean, noise = std * torch.randn(1, 1, n, 1, generator=g), t**0.5 * torch.randn(1, 1, n, 1, generator=g)
    level = torch.tensor([[t]])
    c_out = module(torch.zeros(1, 1, 1, 1), level).item()
    assert c_out == pytest.approx(np.sqrt(t) * std / np.sqrt(t + std**2), rel=1e-5)
    skipped = module(clean + noise, level) - c_out
    target = (clean - skipped) / c_out
    assert spy.seen.std().item() == pytest.approx(1, rel=0.02)
    assert target.std().item() == pytest.approx(1, rel=0.02)
    assert spy.told.shape == (1, 1, 1, 1)


def test_sigma_is_told_where_a_network_asks_for_it():
    spy = ensemble.stack([Spy()])
    module, t = Denoiser(spy, [1.0], RANGE), torch.tensor([[1e-4, 4.0]])
    module(torch.zeros(1, 2, 3, 1), t)
    torch.testing.assert_close(spy.told.flatten(), module.level(t)[0])
    spy.sees_sigma = True
    module(torch.zeros(1, 2, 3, 1), t)
    torch.testing.assert_close(spy.told.flatten(), torch.tensor([1e-2, 2.0]))
