"""What every network promises, alone and in ensembles, and how classes become ensembles.

A new network needs one line in EXAMPLES.
"""

import numpy as np
import plain
import pytest
import torch
from torch import nn

from scoregap import InputError
from scoregap.networks import NETWORKS, ensemble
from scoregap.networks.denoiser import Denoiser

EXAMPLES = ("gated-8", "scaled-8", "bypass-8", "resmlp-8", "normed-8", "unet-8", "linear", "paper")
# As a user writes them.
OUTSIDE = ("plain:MLP-8", "plain:Features-8", "plain:Shift", "plain:Stacked-8", "plain:Zero-8", "plain:Twice-8")
SHAPE, DIM, DEPTH, SEEDS = (4, 4), 16, 2, (1, 2, 3)

every = pytest.mark.parametrize("name", [*EXAMPLES, *OUTSIDE])


def plain_members(name, seeds=SEEDS):
    """Plain modules of one member, with weights away from special starts as zero."""
    class_ = ensemble.load(name)
    given = {"shape": SHAPE} if name == "unet-8" else {"dim": DIM}
    given |= ({"width": 8} if "-" in name else {}) | ({"depth": DEPTH} if name in EXAMPLES[:6] else {})
    members = []
    with torch.random.fork_rng():
        for seed in seeds:
            torch.manual_seed(seed)
            members.append(class_(**given).double())
            with torch.no_grad():
                for parameter in members[-1].parameters():
                    parameter += 0.3 * torch.randn(parameter.shape)
    return members


def inputs(members=3, levels=2, n=5, seed=0):
    """x (members, levels, n, DIM), level (members, levels, 1, 1)."""
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(members, levels, n, DIM, generator=g, dtype=torch.float64)
    return x, torch.rand(members, levels, 1, 1, generator=g, dtype=torch.float64) + 0.1


def test_every_network_has_an_example():
    assert {name.split("-")[0] for name in EXAMPLES} == set(NETWORKS)


@every
def test_answers_are_like_points_and_of_each_alone(name):
    (member,), (x, level) = plain_members(name, [1]), inputs()
    whole = member(x, level)
    assert whole.shape == x.shape
    torch.testing.assert_close(member(x[0, 1, 3], level[0, 1, 0]), whole[0, 1, 3])
    torch.testing.assert_close(member(x[0, 1], level[0, 1]), whole[0, 1])
    turned = member(x[:, [1, 0]], level[:, [1, 0]])
    torch.testing.assert_close(turned, whole[:, [1, 0]])
    assert (member(x, level + 0.5) - whole).abs().max() > 1e-3  # the noise is seen


@every
def test_an_ensemble_is_its_members(name):
    """The plain modules are the reference, however an ensemble is run."""
    members, (x, level) = plain_members(name), inputs()
    together = ensemble.apply(ensemble.stack(members), x, level)
    for i, member in enumerate(members):
        expected = member(x[i], level[i])
        torch.testing.assert_close(together[i], expected, rtol=1e-10, atol=1e-12)
        alone = ensemble.apply(ensemble.stack([member]), x[i : i + 1], level[i : i + 1])
        torch.testing.assert_close(alone[0], expected, rtol=1e-10, atol=1e-12)


@every
def test_gradients_are_those_of_differences_and_of_the_member_alone(name):
    members, (x, level) = plain_members(name), inputs()
    network = ensemble.stack(members)

    def loss():
        return ensemble.apply(network, x, level).square().sum((1, 2, 3))

    parameters = dict(network.named_parameters())
    for i in range(3):
        for key, slope in zip(parameters, torch.autograd.grad(loss()[i], list(parameters.values())), strict=True):
            others = [j for j in range(3) if j != i]
            assert not slope[others].any(), key
            assert slope[i].any(), key
            with torch.no_grad():
                direction = torch.zeros_like(parameters[key])
                direction[i] = torch.randn(direction[i].shape, generator=torch.Generator().manual_seed(1))
                h, here = 1e-5, parameters[key].clone()
                ends = []
                for step in (h, -h):
                    parameters[key].copy_(here + step * direction)
                    ends.append(loss())
                parameters[key].copy_(here)
                numeric = (ends[0] - ends[1]) / (2 * h)
            expected = (slope * direction).sum()
            torch.testing.assert_close(numeric[i], expected, rtol=1e-5, atol=1e-6 * slope.norm().item(), msg=key)
            assert not numeric[others].any(), key


@every
def test_a_member_s_bits_do_not_depend_on_the_others(name):
    """Outputs and gradients of two members, whatever the third is."""
    members, (x, level) = plain_members(name), inputs()
    found = []
    for third in (members[2], plain_members(name, [9])[0]):
        network = ensemble.stack([*members[:2], third])
        x[2] = torch.randn(x[2].shape, dtype=x.dtype)
        out = ensemble.apply(network, x, level)
        slopes = torch.autograd.grad(out.square().sum(), list(network.parameters()))
        found.append([out[:2], *(slope[:2] for slope in slopes)])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


@every
def test_a_member_s_bits_are_the_same_alone(name):
    """In float32, in which networks are trained. (Of ten points or so a matrix product may be done otherwise.)"""
    members, (x, level) = [one.float() for one in plain_members(name)], inputs(n=32)
    x, level, found = x.float(), level.float(), []
    for some in (slice(1), slice(2), slice(3)):
        network = ensemble.stack(members[some])
        out = ensemble.apply(network, x[some], level[some])
        slopes = torch.autograd.grad(out.square().sum(), list(network.parameters()))
        found.append([out[0], *(slope[0] for slope in slopes)])
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


@every
def test_first_weights_come_from_the_member_s_seed_alone(name):
    together = ensemble.build(name, SEEDS, DIM, DEPTH, SHAPE).state_dict()
    torch.manual_seed(77)
    before = torch.random.get_rng_state()
    for i, seed in enumerate(SEEDS):
        torch.rand(i)
        for key, value in ensemble.build(name, [seed], DIM, DEPTH, SHAPE).state_dict().items():
            assert torch.equal(value[0], together[key][i]), key
    torch.manual_seed(77)
    assert torch.equal(torch.random.get_rng_state(), before)
    drawn = [key for key, value in together.items() if not torch.equal(value[0], value[1])]
    assert drawn or name == "plain:Shift"


def test_nothing_is_drawn_from_the_random_numbers_of_others():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    ensemble.build("gated-8", [1], DIM, DEPTH, SHAPE)
    assert torch.equal(torch.random.get_rng_state(), before)


@every
def test_state_is_that_of_plain_modules_and_restores_an_ensemble(name):
    members, (x, level) = plain_members(name), inputs()
    network = ensemble.stack(members)
    state = network.state_dict()
    for i, member in enumerate(members):
        own = member.state_dict()
        assert {key: tuple(value.shape[1:]) for key, value in state.items()} == {
            key: tuple(value.shape) for key, value in own.items()
        }
        for key, value in own.items():
            assert torch.equal(state[key][i], value), key
    other = ensemble.build(name, [7, 8, 9], DIM, DEPTH, SHAPE).double()
    assert not torch.equal(ensemble.apply(other, x, level), ensemble.apply(network, x, level))
    other.load_state_dict(state)
    assert torch.equal(ensemble.apply(other, x, level), ensemble.apply(network, x, level))


@pytest.mark.parametrize("name", EXAMPLES)
def test_layers_of_all_members_give_what_torch_func_gives(name):
    """The accelerators, one member after the other among them, against the plain way, values and gradients."""
    members, (x, level) = plain_members(name), inputs()
    fast = ensemble.stack(members)
    assert ensemble.stacks(fast) != getattr(fast, "in_turn", False)
    for member in members:
        member.stacks = member.in_turn = False
    slow = ensemble.stack(members)
    outs = [ensemble.apply(network, x, level) for network in (fast, slow)]
    torch.testing.assert_close(*outs, rtol=1e-10, atol=1e-12)
    own, torch_s = (
        dict(zip(dict(one.named_parameters()), torch.autograd.grad(out.sum(), list(one.parameters())), strict=True))
        for one, out in zip((fast, slow), outs, strict=True)
    )
    for key, slope in torch_s.items():
        layer, _, kind = key.rpartition(".")
        mine = own[key]
        if isinstance(fast.get_submodule(layer), ensemble.StackedLinear):
            mine = mine.mT if kind == "weight" else mine[:, 0]
        torch.testing.assert_close(mine, slope, rtol=1e-8, atol=1e-10, msg=key)


def test_no_special_case_of_one_member_is_a_number_of_members():
    """Weights of an ensemble have a member dimension, whatever their own is; what takes no gradient has no gradient."""
    network = ensemble.stack(plain_members("plain:Features-8", [1, 2]))
    shapes = {key: tuple(value.shape) for key, value in network.named_parameters()}
    assert shapes == {
        "enter.bias": (2, 8), "shared.weight": (2, 8, 8), "tied.bias": (2, 8), "scale": (2,),
        "leave.weight": (2, DIM, 8), "leave.bias": (2, DIM),
    }  # fmt: skip
    assert {key: tuple(value.shape) for key, value in network.named_buffers()} == {
        "frequencies": (2, 4), "enter.weight": (2, 8, DIM),
    }  # fmt: skip
    assert network.again is network.shared
    assert network.tied.weight is network.shared.weight


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("plain:Mixes", "the answer at a point depends on other points"),
        ("plain:Short", r"answers \(3, 2, 1\) to points \(3, 2, 16\): should be like them"),
        ("plain:Random", "answers differ from call to call: should not be drawn at random"),
        ("plain:Crossed", "answers of one member and of an ensemble differ"),
        ("plain:Needs", "Needs needs heads, which is not given here"),
        ("plain:Features", "Features needs width, which is not given here"),
        ("plain:Shift-8", "Shift takes no width"),
        ("plain:Waves", "not all that is drawn is a parameter or a kept buffer"),
        ("plain:Loose", "not all that is drawn is a parameter or a kept buffer"),
        ("plain:Drawn", "not all that is drawn is a parameter or a kept buffer"),
        ("plain:Dropped", "answers differ from call to call: should not be drawn at random"),
        ("plain:Batched", "the answer at a point depends on other points"),
        ("plain:Elsewhere", "first weights differ for the same seed: should be drawn by torch"),
        ("plain:Fails", r"plain\.py:\d+: RuntimeError: Sizes of tensors must match"),
        ("plain:Bends", r"plain\.py:\d+: RuntimeError: vmap: "),
        ("plain:Empty", "has no weights to train"),
        ("plain:Nobody", "plain:Nobody cannot be imported"),
        ("plain:torch", "plain:torch is not a class of torch modules"),
        ("no_such_module:MLP", "no_such_module:MLP cannot be imported: No module named 'no_such_module'"),
    ],
)
def test_a_class_that_is_no_network_is_refused_in_one_line(name, why):
    with pytest.raises(InputError, match=rf"^axes\.network: '{name}' is not allowed: {why}[^\n]*$"):
        ensemble.build(name, [1], DIM, DEPTH, SHAPE)


def test_a_class_that_stacks_has_nothing_but_linear_layers():
    class Lone(plain.Stacked):
        def __init__(self, dim):
            super().__init__(dim)
            self.scale = nn.Parameter(torch.ones(dim))

    class Drawn(plain.Stacked):
        def __init__(self, dim):
            super().__init__(dim)
            self.register_buffer("drawn", torch.rand(dim))

    class Frozen(plain.Stacked):
        def __init__(self, dim):
            super().__init__(dim)
            self.layers[0].weight.requires_grad_(False)

    with pytest.raises(TypeError, match=r"Frozen stacks, but layers\.0 has weights of its own"):
        ensemble.stack([Frozen(DIM)])

    class Tied(plain.Stacked):
        def __init__(self, dim):
            super().__init__(dim)
            self.more = nn.Linear(dim, 16)
            self.more.bias = self.layers[0].bias

    with pytest.raises(TypeError, match="Tied stacks, but two of its layers share a weight"):
        ensemble.stack([Tied(DIM)])
    with pytest.raises(TypeError, match="Lone stacks, but it has weights of its own"):
        ensemble.stack([Lone(DIM)])
    with pytest.raises(TypeError, match="Drawn stacks, but drawn differs from member to member"):
        ensemble.stack([Drawn(DIM), Drawn(DIM)])


def test_linear_layers_without_a_bias_stack():
    layers = [nn.Linear(3, 2, bias=False) for _ in range(2)]
    x = torch.randn(2, 7, 5, 3)
    torch.testing.assert_close(
        ensemble.StackedLinear(layers)(x), torch.stack([one(x[i]) for i, one in enumerate(layers)])
    )


@pytest.mark.parametrize("t", [1e-8, 1e4])
@pytest.mark.parametrize("name", EXAMPLES)
def test_no_overflow_outside_the_noise_range(t, name):
    module = Denoiser(ensemble.build(name, SEEDS, DIM, DEPTH, SHAPE), [0.5, 1.0, 1.5], (1e-4, 100.0))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.1
    out = module(inputs()[0].float() * (1 + t**0.5), torch.full((3, 2), t))
    assert np.isfinite(out.detach().numpy()).all()
