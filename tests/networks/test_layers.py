"""First weights of linear layers, and the embedding of the noise, written out in numpy."""

import numpy as np
import pytest
import torch

from scoregap.networks.layers import Conditioned, linear


def test_first_weights_keep_the_variance():
    torch.manual_seed(0)
    layer = linear(400, 300)
    assert layer.weight.std().item() == pytest.approx(400**-0.5, rel=0.02)
    assert not layer.bias.any()
    assert layer(torch.randn(500, 400)).std().item() == pytest.approx(1, rel=0.02)
    assert linear(400, 300, gain=0.5).weight.std().item() == pytest.approx(0.5 * 400**-0.5, rel=0.02)


def test_the_order_of_draws_is_fixed():
    """Results of a seed rest on it."""
    torch.manual_seed(1)
    layers = [linear(5, 3), linear(3, 4, gain=0.0), linear(3, 4, gain=0.5)]
    torch.manual_seed(1)
    assert torch.equal(layers[0].weight, torch.randn(5, 3).T * (1 / 5**0.5))
    assert not layers[1].weight.any()  # and draws nothing
    assert torch.equal(layers[2].weight, torch.randn(3, 4).T * (0.5 / 3**0.5))


def test_the_embedding_written_out():
    module = Conditioned(embedding=6).double()
    level = np.array([-0.3, 0.8])
    phase = level[:, None] * (np.float32(np.pi / 2) * np.arange(1, 17, dtype=np.float32))
    before = np.concatenate([np.sin(phase), np.cos(phase)], 1) @ module.embed.weight.detach().numpy().T
    expected = before / (1 + np.exp(-before))
    np.testing.assert_allclose(module.embedded(torch.tensor(level)[:, None]).detach(), expected, rtol=1e-6)
    assert "frequencies" not in module.state_dict()
