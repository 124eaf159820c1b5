"""Sources of clean points: made of numbers, picked from a set or drawn by numpy, in one ensemble."""

import numpy as np
import pytest
import torch

from scoregap.networks.draws import Draws
from scoregap.networks.sources import Hosted, Picked, Pushed, drawn

SET = np.arange(21, dtype=np.float32).reshape(7, 3)
SOURCES = {
    "two numbers": Pushed(2, lambda normals: torch.nn.functional.pad(normals, (0, 1))),
    "three numbers": Pushed(3, lambda normals: 2 * normals),
    "a set": Picked(torch.from_numpy(SET)),
    "numpy": Hosted(lambda rng, n: rng.standard_normal((n, 3))),
}


def test_a_member_has_the_same_points_in_any_company():
    together, none = drawn(list(SOURCES.values()), Draws([4, 5, 6, 7]), 32, 8, 50)
    assert together.shape == (8, 4, 50, 3)
    assert together.dtype == torch.float32
    assert none is None
    for i, source in enumerate(SOURCES.values()):
        alone, _ = drawn([source], Draws([4 + i]), 32, 8, 50)
        assert torch.equal(alone[:, 0], together[:, i])
        later, _ = drawn([source], Draws([4 + i]), 64, 8, 50)
        assert not torch.equal(later, alone)


@pytest.mark.parametrize("source", ["two numbers", "three numbers", "numpy"])
def test_points_are_of_the_law(source):
    clean, _ = drawn([SOURCES[source]], Draws([1]), 0, 32, 500)
    points = clean.flatten(0, 2).double().numpy()
    spread = {"two numbers": [1, 1, 0], "three numbers": [2, 2, 2], "numpy": [1, 1, 1]}[source]
    np.testing.assert_allclose(np.cov(points.T), np.diag(np.square(spread)), atol=4 * 4 * np.sqrt(2 / len(points)))


def test_all_points_of_a_set_have_equal_chances_and_their_own_noise():
    noise = torch.arange(7 * 2 * 3).view(7, 2, 3).float()
    clean, drawn_noise = drawn([Picked(torch.from_numpy(SET), noise)], Draws([1]), 0, 32, 700)
    assert clean.shape == drawn_noise.shape == (32, 1, 700, 3)
    place = (clean[..., 0] / 3).long().flatten()
    counts = torch.bincount(place, minlength=7).double().numpy()
    assert np.abs(counts / counts.sum() * 7 - 1).max() < 5 * np.sqrt(6 / counts.sum())
    which = ((drawn_noise[..., 0].flatten() - 6 * place) / 3).long()
    assert torch.equal(noise[place, which], drawn_noise.flatten(0, 2))
    assert abs(which.double().mean() - 0.5) < 4 * 0.5 / np.sqrt(len(which))


@pytest.mark.gpu
def test_a_card_has_the_same_points():
    def on(device):
        sources = [SOURCES["two numbers"], Picked(torch.from_numpy(SET).to(device)), SOURCES["numpy"]]
        return drawn(sources, Draws([4, 5, 6], device), 32, 8, 50)[0].cpu()

    torch.testing.assert_close(on("cpu"), on("cuda"), rtol=0, atol=1e-5)
