"""A member of trained weights as a score."""

import numpy as np
import pytest
import torch

from scoregap.scores.network import Network, by_level, ensemble, member
from scoregap.study.training import Noise, Train

D = 6
TRAIN = Train(steps=1, levels=1, samples=1, depth=1, noise=Noise(start=1e-3, stop=1e2))


def moved(name, data_std):
    """An ensemble some way from where training starts, at which the last layer is 0."""
    both = ensemble(name, D, TRAIN, data_std, list(range(len(data_std))))
    for _, parameter in both.network.named_parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(3))
    return both.requires_grad_(False)


def test_points_of_one_noise_share_a_level():
    x = np.arange(12.0).reshape(6, 2)
    for t, levels in (
        (np.repeat([1.0, 2.0, 1.0], 2), 3), (0.5, 1), (np.full(6, 2.0), 1), ([1, 1, 1, 1, 2, 2], 6),
        (np.arange(1.0, 7), 6),
    ):  # fmt: skip
        points, variances = by_level(x, t)
        assert points.shape == (levels, 6 // levels, 2)
        np.testing.assert_array_equal(points.reshape(6, 2), x)
        np.testing.assert_array_equal(np.repeat(variances, 6 // levels), np.broadcast_to(t, 6))
    assert by_level(x[:0], 1.0)[0].size == 0


def test_the_jacobian_is_that_of_the_denoiser_in_double_precision():
    network, t = moved("gated-16", [0.8]), np.repeat([0.1, 1.0], 3)
    noisy = np.random.default_rng(0).standard_normal((6, D))
    denoised, jacobian = Network(network).jacobian(noisy, t)
    np.testing.assert_array_equal(denoised, Network(network).denoise(noisy, t))
    double, levels = network.double(), torch.tensor([[0.1, 1.0]])
    for j in range(D):
        up, down = (double(torch.tensor(noisy + h * np.eye(D)[j]).view(1, 2, 3, D), levels) for h in (1e-5, -1e-5))
        np.testing.assert_allclose(jacobian[..., j], (up - down).view(6, D).numpy() / 2e-5, atol=2e-5)


@pytest.mark.parametrize("name", ["gated-8", "linear"])
def test_a_member_is_what_its_weights_say(name):
    both = moved(name, [0.5, 0.9])
    x, t = torch.randn(2, 3, 4, D), torch.tensor([[0.01, 0.1, 1.0]] * 2)
    with torch.no_grad():
        whole = both(x, t)
        for i, std in enumerate((0.5, 0.9)):
            weights = {key: array[i].numpy() for key, array in both.network.state_dict().items()}
            alone = member(name, D, TRAIN, std, weights)
            torch.testing.assert_close(alone(x[i : i + 1], t[i : i + 1])[0], whole[i])
            assert not any(parameter.requires_grad for parameter in alone.parameters())
