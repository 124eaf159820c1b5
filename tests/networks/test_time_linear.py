"""The linear control: written out in numpy, and affine in x."""

import numpy as np
import torch

from scoregap.networks.time_linear import TimeLinear

DIM = 4


def network():
    torch.manual_seed(1)
    module = TimeLinear(DIM)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.3 * torch.randn(parameter.shape)
    return module.double().requires_grad_(False)


def test_forward_written_out():
    module, x, level = network(), torch.randn(5, DIM, dtype=torch.float64), 0.4
    w = {key: value.numpy() for key, value in module.named_parameters()}
    phase = (np.float32(np.pi / 2) * np.arange(1, 17, dtype=np.float32)).astype(float) * level
    before = w["embed.weight"] @ np.concatenate([np.sin(phase), np.cos(phase)]) + w["embed.bias"]
    embedded = before / (1 + np.exp(-before))
    factor = 1 + w["condition.weight"] @ embedded + w["condition.bias"]
    shift = w["shift.weight"] @ embedded + w["shift.bias"]
    inner = factor * (x.numpy() @ w["enter.weight"].T + w["enter.bias"])
    expected = inner @ w["leave.weight"].T + w["leave.bias"] + shift
    np.testing.assert_allclose(module(x, torch.tensor([level], dtype=torch.float64)), expected, rtol=1e-6)


def test_it_is_affine_in_x_and_not_in_the_noise():
    module, x = network(), torch.randn(3, 2, DIM, dtype=torch.float64)
    level = torch.tensor([-0.5, 0.0, 0.5], dtype=torch.float64)[:, None, None]
    out = module(torch.cat([x, x.mean(1, keepdim=True)], 1), level)
    torch.testing.assert_close(out[:, 2], out[:, :2].mean(1))
    same = module(x[:1].expand(3, -1, -1), level)
    assert (same[1] - same[[0, 2]].mean(0)).abs().max() > 0.01


def test_a_fresh_network_answers_nothing():
    assert not TimeLinear(DIM)(torch.randn(3, 2, DIM), torch.rand(3, 1, 1)).any()
