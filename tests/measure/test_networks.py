"""Ensembles of networks: independence of members, preconditioning, and the network written out once in numpy."""

import numpy as np
import pytest
import torch

from scoregap.measure import NETWORKS, PRECONDITIONINGS, SCHEDULES, networks

RANGE = (1e-4, 100.0)


def generators(*seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def shake(module, seed=0, scale=0.3):
    """Weights of every layer away from their special start (the last one is zero)."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += scale / parameter.shape[-2] ** 0.5 * torch.randn(parameter.shape, generator=g)
    return module


def denoiser(seeds=(1, 2, 3), dim=4, name="gated-8", depth=2, data_std=None, **how):
    network = shake(networks.build(name, generators(*seeds), dim, depth))
    return networks.Denoiser(network, data_std or [0.5 + 0.5 * i for i in range(len(seeds))], RANGE, **how)


def inputs(members=3, levels=2, n=5, dim=4, seed=0):
    g = torch.Generator().manual_seed(seed)
    t = 10 ** (6 * torch.rand(members, levels, generator=g) - 4)
    return torch.randn(members, levels, n, dim, generator=g), t


def member(module, i):
    """Weights of one member."""
    return {name: value[i] for name, value in module.named_parameters()}


EXAMPLES = ("gated-8", "resmlp-8", "normed-8", "linear", "paper")


def test_registry():
    assert {name.split("-")[0] for name in EXAMPLES} == set(NETWORKS)
    network = networks.build("gated-24", generators(0, 1), 5, 3)
    assert isinstance(network, networks.Gated)
    assert network.enter.weight.shape == (2, 5, 24)
    assert len(network.values) == len(network.gates) == len(network.mix) == 3
    assert len(networks.build("resmlp-24", generators(0), 5, 3).linear) == 3


def test_the_paper_s_network_has_the_paper_s_sizes():
    network = networks.build("paper", generators(0), 100, 7)  # a depth is for families with a width
    shapes = {name: tuple(value.shape[1:]) for name, value in network.named_parameters() if "weight" in name}
    assert shapes["embed.weight"] == (128, 512)
    assert shapes["enter.weight"] == (100, 128)
    assert shapes["condition.weight"] == (512, 2 * 128)
    assert shapes["leave.weight"] == (128, 100)
    assert len(network.linear) == 2
    assert network.frequencies[[0, -1]].tolist() == pytest.approx([1, 1e-4])


def test_initial_weights_of_gated_are_drawn_in_a_fixed_order():
    """Results of a seed rest on it."""
    network, g = networks.build("gated-6", generators(3), 4, 2), generators(3)[0]
    layers = ["embed", "enter", "condition", "values.0", "values.1", "gates.0", "gates.1", "mix.0", "mix.1", "leave"]
    for name in layers:
        layer = network.get_submodule(name)
        inputs, outputs = layer.weight.shape[1:]
        gain = {"mix": 0.5, "lea": 0.0}.get(name[:3], 1.0)
        assert torch.equal(layer.weight[0], torch.randn(inputs, outputs, generator=g) * (gain / inputs**0.5)), name
    assert [n.removesuffix(".weight") for n, _ in network.named_parameters() if n.endswith("weight")] == layers


@pytest.mark.parametrize("family", EXAMPLES)
def test_initial_weights_are_the_same_alone_and_in_company(family):
    together = networks.build(family, generators(1, 2, 3), 4, 2)
    for i, seed in enumerate((1, 2, 3)):
        alone = networks.build(family, generators(seed), 4, 2)
        for name, value in member(alone, 0).items():
            assert torch.equal(value, member(together, i)[name]), name
    assert not torch.equal(together.enter.weight[0], together.enter.weight[1])


def test_initial_weights_keep_the_variance():
    layer = networks.Linear(generators(0), 400, 300)
    assert layer.weight.std().item() == pytest.approx(400**-0.5, rel=0.02)
    assert not layer.bias.any()
    h = layer(torch.randn(1, 500, 400, generator=generators(1)[0]))
    assert h.std().item() == pytest.approx(1, rel=0.02)


def test_layer_is_affine_per_member():
    layer = shake(networks.Linear(generators(0, 1), 3, 2))
    x = torch.randn(2, 7, 3)
    for i in range(2):
        expected = x[i] @ layer.weight[i] + layer.bias[i]
        torch.testing.assert_close(layer(x)[i], expected)


@pytest.mark.parametrize("family", EXAMPLES)
def test_outputs_are_the_same_alone_and_in_company(family):
    together = denoiser(name=family)
    x, t = inputs()
    out = together(x, t)
    assert out.shape == x.shape
    for i in range(3):
        alone = denoiser(seeds=(9,), name=family, data_std=[0.5 + 0.5 * i])
        with torch.no_grad():
            for name, value in alone.network.named_parameters():
                value.copy_(dict(together.network.named_parameters())[name][i : i + 1])
        torch.testing.assert_close(alone(x[i : i + 1], t[i : i + 1])[0], out[i], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("family", EXAMPLES)
def test_gradient_of_one_member_touches_it_alone(family):
    together = denoiser(name=family)
    x, t = inputs()
    x.requires_grad_(True)
    together(x, t)[1].square().sum().backward()
    for name, parameter in together.named_parameters():
        assert not parameter.grad[[0, 2]].any(), name
        assert parameter.grad[1].any(), name
    assert not x.grad[[0, 2]].any()


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("preconditioning", PRECONDITIONINGS)
@pytest.mark.parametrize("family", EXAMPLES)
def test_the_gradient_written_out_is_that_of_automatic_differentiation(family, preconditioning, schedule):
    module = denoiser(name=family, preconditioning=preconditioning, schedule=schedule).double()
    noise, t = inputs()
    clean, noise, t = inputs(seed=1)[0].double(), noise.double(), t.double()
    spread = t[..., None, None]
    error = (module(clean + spread.sqrt() * noise, t) - clean).square()
    expected = (module.loss_weight(spread) * error).mean((1, 2, 3))
    expected.sum().backward()
    gradients = {name: parameter.grad for name, parameter in module.named_parameters()}
    for parameter in module.parameters():
        parameter.grad = torch.full_like(parameter, torch.nan)  # all of it is to be filled
    loss = module.gradient(clean, noise, t)
    torch.testing.assert_close(loss, expected.detach(), rtol=1e-9, atol=0.0)
    for name, parameter in module.named_parameters():
        scale = gradients[name].abs().max().item()
        assert scale > 0, name
        torch.testing.assert_close(parameter.grad, gradients[name], rtol=1e-8, atol=1e-9 * scale, msg=name)


@pytest.mark.parametrize("family", EXAMPLES)
def test_points_and_levels_do_not_mix(family):
    module = denoiser(seeds=(1,), name=family).double()
    x, t = inputs(members=1, levels=3)
    x, t = x.double(), t.double()
    out = module(x, t)
    for j in range(3):
        for k in range(5):
            one = module(x[:, j : j + 1, k : k + 1], t[:, j : j + 1])
            torch.testing.assert_close(one[0, 0, 0], out[0, j, k])
    turned = module(x[:, [2, 0, 1]], t[:, [2, 0, 1]])
    torch.testing.assert_close(turned, out[:, [2, 0, 1]])
    # The noise level matters beyond the preconditioning.
    raw = module.network(x[:, :1].expand(-1, 3, -1, -1), t.sqrt() if family == "paper" else module.level(t))
    assert (raw[0, 0] - raw[0, 1]).abs().max() > 1e-3


def silu(v):
    return v / (1 + np.exp(-v))


def written_out(family, w, x, level, sigma):
    """The network F in numpy, for one point; w: weights of one member by name."""

    def affine(name, v):
        return v @ w[f"{name}.weight"] + w[f"{name}.bias"][0]

    phase = sigma * 10_000.0 ** -(np.arange(64) / 63) if family == "paper" else np.pi / 2 * np.arange(1, 17) * level
    embedded = silu(affine("embed", np.concatenate([np.sin(phase), np.cos(phase)])))
    condition, h = affine("condition", embedded), affine("enter", x)
    if family == "linear":
        return affine("leave", h * (1 + condition)) + affine("shift", embedded)
    condition = condition.reshape(-1, len(h))
    assert len(condition) == (2 if family == "paper" else 3)

    def seen(h):
        return h / np.sqrt(np.mean(h**2) + 1e-6) if family.startswith("normed") else h

    for k in range(2):
        if family.startswith("gated"):
            inside = affine(f"values.{k}", h) * silu(affine(f"gates.{k}", h) + condition[k])
        else:
            inside = silu(affine(f"linear.{k}", seen(h)) + condition[k])
        h = h + affine(f"mix.{k}", inside)
    return affine("leave", h if family == "paper" else seen(h) * (1 + condition[2]))


@pytest.mark.parametrize("family", EXAMPLES)
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("preconditioning", PRECONDITIONINGS)
def test_denoiser_written_out_for_one_point(family, schedule, preconditioning):
    std = [0.7, 1.3]
    module = denoiser(
        seeds=(1, 2), name=family, data_std=std, schedule=schedule, preconditioning=preconditioning
    ).double()
    x, t = inputs(members=2)
    out = module(x.double(), t.double())
    w = {name: value[1].detach().numpy() for name, value in module.network.named_parameters()}

    def clock(noise):
        return np.log(noise) if schedule == "ve" else (-0.1 + np.sqrt(0.01 + 39.8 * np.log1p(noise))) / 19.9

    for j in range(2):
        noise, point, v = float(t[1, j]), x[1, j, 4].double().numpy(), float(np.float32(std[1])) ** 2
        low, high = clock(RANGE[0]), clock(RANGE[1])
        level = 2 * (clock(noise) - low) / (high - low) - 1
        scale = 1 / np.sqrt(v * (1 + noise)) if schedule == "vp" else 1 / np.sqrt(v)
        skip, gain, scale = {
            "edm": (v / (v + noise), np.sqrt(v * noise / (v + noise)), 1 / np.sqrt(v + noise)),
            "epsilon": (1, -np.sqrt(noise), scale),
            "x0": (0, np.sqrt(v), scale),
        }[preconditioning]
        expected = skip * point + gain * written_out(family, w, scale * point, level, np.sqrt(noise))
        np.testing.assert_allclose(out[1, j, 4].detach().numpy(), expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("family", EXAMPLES)
def test_a_fresh_network_answers_nothing(family):
    network = networks.build(family, generators(1, 2), 4, 2)
    assert not network(*inputs(members=2)).any()


def test_the_linear_control_is_affine_in_x_and_not_in_the_noise():
    module = denoiser(seeds=(1,), name="linear").double()
    x, t = inputs(members=1, n=2)
    x, t = x.double(), t.double()
    two = torch.cat([x, x.mean(2, keepdim=True)], 2)
    out = module(two, t)
    torch.testing.assert_close(out[:, :, 2], out[:, :, :2].mean(2))


@pytest.mark.parametrize("preconditioning", PRECONDITIONINGS)
def test_networks_do_not_know_the_units_of_data(preconditioning):
    """The same network for data in other units: D(a x, a^2 t; a std) = a D(x, t; std), levels with their range."""
    network = shake(networks.build("resmlp-8", generators(1), 4, 2))
    one = networks.Denoiser(network, [0.7], RANGE, preconditioning)
    other = networks.Denoiser(network, [70.0], [1e4 * t for t in RANGE], preconditioning)
    x, t = inputs(members=1)
    torch.testing.assert_close(other(100 * x, 1e4 * t), 100 * one(x, t), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("name", EXAMPLES)
def test_operations_of_a_step_are_those_of_its_matrix_products(name):
    """Against torch's own count of a forward and a backward pass."""
    from torch.utils.flop_counter import FlopCounterMode

    module = denoiser(seeds=(1,), dim=5, name=name)
    x, t = inputs(members=1, levels=3, n=7, dim=5)
    with FlopCounterMode(display=False) as counter:
        module(x, t).square().sum().backward()
    assert module.flops(3, 7) == counter.get_total_flops()


def test_level_maps_the_noise_range_to_one():
    module = networks.Denoiser(torch.nn.Identity(), [1.0], RANGE)
    low, middle, high = module.level(torch.tensor([1e-4, 1e-1, 100.0], dtype=torch.float64)).tolist()
    assert (low, middle, high) == pytest.approx((-1, 0, 1), abs=1e-12)


@pytest.mark.parametrize("t", [1e-4, 0.3, 50.0])
def test_untrained_denoiser_is_the_posterior_of_a_white_gaussian(t):
    """c_skip x, the best denoiser for data of that variance in every direction (Karras et al. 2022)."""
    network = networks.build("gated-8", generators(1, 2), 4, 1)
    module = networks.Denoiser(network, [0.5, 2.0], RANGE)
    x, _ = inputs(members=2)
    out = module(x, torch.full((2, 2), t))
    for i, std in enumerate((0.5, 2.0)):
        torch.testing.assert_close(out[i], x[i] * (std**2 / (std**2 + t)))


class Spy(torch.nn.Module):
    """Keeps what the network is given, and answers one."""

    sees_sigma = False

    def forward(self, x, level):
        self.seen, self.told = x, level
        return torch.ones_like(x)


@pytest.mark.parametrize("t", [1e-3, 1.0, 1e3])
def test_preconditioning_has_unit_variance(t):
    """The network's input and target are of unit variance at every noise level (Karras et al. 2022, B.6)."""
    spy, std, n = Spy(), 0.7, 20_000
    module = networks.Denoiser(spy, [std], RANGE)
    g = torch.Generator().manual_seed(0)
    clean, noise = std * torch.randn(1, 1, n, 1, generator=g), t**0.5 * torch.randn(1, 1, n, 1, generator=g)
    level = torch.tensor([[t]])
    c_out = module(torch.zeros(1, 1, 1, 1), level).item()
    assert c_out == pytest.approx(np.sqrt(t) * std / np.sqrt(t + std**2), rel=1e-5)
    skipped = module(clean + noise, level) - c_out
    target = (clean - skipped) / c_out
    assert spy.seen.std().item() == pytest.approx(1, rel=0.02)
    assert target.std().item() == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize("t", [1e-8, 1e4])
@pytest.mark.parametrize("family", EXAMPLES)
def test_no_overflow_outside_the_noise_range(t, family):
    out = denoiser(name=family)(inputs()[0] * (1 + t**0.5), torch.full((3, 2), t))
    assert torch.isfinite(out).all()
