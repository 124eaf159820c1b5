"""The residual networks, written out once more in numpy."""

import numpy as np
import pytest
import torch

from scoregap.networks import ensemble
from scoregap.networks.residual import Bypass, Gated, Normed, Paper, ResMLP, Scaled, normed

CLASSES = {"gated": Gated, "scaled": Scaled, "bypass": Bypass, "resmlp": ResMLP, "normed": Normed, "paper": Paper}
DIM, WIDTH, DEPTH = 4, 6, 2


def network(name):
    """With weights away from special starts as zero, in double precision."""
    torch.manual_seed(1)
    module = CLASSES[name](DIM) if name == "paper" else CLASSES[name](DIM, WIDTH, DEPTH)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.3 / parameter.shape[-1] ** 0.5 * torch.randn(parameter.shape)
    return module.double().requires_grad_(False)


def silu(v):
    return v / (1 + np.exp(-v))


def written_out(name, w, x, level):
    """One point x (DIM,); level: the level, or sigma of `paper`. w: weights by name."""

    def affine(layer, v):
        return w[f"{layer}.weight"] @ v + w[f"{layer}.bias"]

    multiples = np.float32(np.pi / 2) * np.arange(1, 17, dtype=np.float32)  # as torch rounds them
    phase = level * (10_000.0 ** -(np.arange(64) / 63) if name == "paper" else multiples.astype(float))
    embedded = silu(affine("embed", np.concatenate([np.sin(phase), np.cos(phase)])))
    condition, h = affine("condition", embedded), affine("enter", x)
    condition = np.split(condition, [len(h), 2 * len(h)])
    assert len(condition[2]) == {"paper": 0, "bypass": len(h) + DIM}.get(name, len(h))

    def seen(h):
        return h / np.sqrt(np.mean(h**2) + 1e-6) if name == "normed" else h

    for k in range(2):
        if name in ("gated", "scaled", "bypass"):
            inside = affine(f"values.{k}", h) * silu(affine(f"gates.{k}", h) + condition[k])
        else:
            inside = silu(affine(f"linear.{k}", seen(h)) + condition[k])
        h = h + affine(f"mix.{k}", inside)
    if name == "paper":
        return affine("leave", h)
    if name == "bypass":
        h = np.concatenate([h, affine("past", x)])
    return affine("leave", seen(h) * (np.exp(condition[2]) if name in ("scaled", "bypass") else 1 + condition[2]))


@pytest.mark.parametrize("name", CLASSES)
def test_forward_written_out(name):
    module = network(name)
    w = {key: value.numpy() for key, value in module.named_parameters()}
    x, level = torch.randn(3, 5, DIM, dtype=torch.float64), torch.tensor([-0.9, 0.1, 0.7], dtype=torch.float64)
    out = module(x, level[:, None, None])
    for j in range(3):
        expected = [written_out(name, w, point.numpy(), float(level[j])) for point in x[j]]
        np.testing.assert_allclose(out[j], expected, rtol=1e-6, atol=1e-7)  # frequencies are float32


@pytest.mark.parametrize("name", CLASSES)
def test_a_fresh_network_answers_nothing(name):
    """So the loss of no training is one at every level."""
    module = CLASSES[name](DIM) if name == "paper" else CLASSES[name](DIM, WIDTH, DEPTH)
    assert not module(torch.randn(3, 2, DIM), torch.rand(3, 1, 1)).any()


def test_sizes_follow_width_and_depth():
    module = Gated(5, 24, 3)
    assert module.enter.weight.shape == (24, 5)
    assert len(module.values) == len(module.gates) == len(module.mix) == 3
    assert len(ResMLP(5, 24, 3).linear) == 3


def test_scaled_has_the_sizes_of_gated():
    one, other = Scaled(DIM, WIDTH, DEPTH).state_dict(), Gated(DIM, WIDTH, DEPTH).state_dict()
    assert {name: value.shape for name, value in one.items()} == {name: value.shape for name, value in other.items()}


def test_the_paper_s_network_has_the_paper_s_sizes():
    module = Paper(100)
    shapes = {name: tuple(value.shape) for name, value in module.named_parameters() if "weight" in name}
    assert shapes["embed.weight"] == (512, 128)
    assert shapes["enter.weight"] == (128, 100)
    assert shapes["condition.weight"] == (2 * 128, 512)
    assert shapes["leave.weight"] == (100, 128)
    assert len(module.linear) == 2
    assert module.sees_sigma
    assert module.frequencies[[0, -1]].tolist() == pytest.approx([1, 1e-4])


@pytest.mark.parametrize("name", ["gated-6", "scaled-6", "resmlp-6", "normed-6", "paper"])
def test_first_weights_are_drawn_in_a_fixed_order(name):
    """Results of a seed rest on it; what is added is half as large as what it is made of, and the output is zero."""
    state, g = ensemble.build(name, [3], DIM, DEPTH).state_dict(), torch.Generator().manual_seed(3)
    parts = ("values", "gates", "mix") if name in ("gated-6", "scaled-6") else ("linear", "mix")
    layers = ["embed", "enter", "condition", *(f"{part}.{k}" for part in parts for k in range(DEPTH))]
    for layer in layers:
        outputs, inputs = state[f"{layer}.weight"].shape[1:]
        gain = 0.5 if layer.startswith("mix") else 1.0
        drawn = torch.randn(inputs, outputs, generator=g) * (gain / inputs**0.5)
        assert torch.equal(state[f"{layer}.weight"][0], drawn.T), layer
    assert not state["leave.weight"].any()
    assert {key.removesuffix(".weight") for key in state if key.endswith("weight")} == {*layers, "leave"}


def test_normed_features_have_length_one():
    h = torch.randn(7, 5, dtype=torch.float64)
    np.testing.assert_allclose(normed(100 * h).square().mean(-1), 1, rtol=1e-9)
