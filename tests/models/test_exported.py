"""Programs that torch.export has saved, measured as the modules that they were."""

import gaussians
import numpy as np
import pytest
import torch
from torch import nn

from scoregap import InputError
from scoregap.models import Declared
from scoregap.scores.model import Model
from scoregap.study.training import Declaration

T = np.geomspace(1e-3, 30.0, 9)


class Attention(nn.Module):
    """A network with attention between the pixels of an image (1, 2, 3), told ln t / 8."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.into, self.out = nn.Linear(2, 3 * 8), nn.Linear(8, 1)

    def forward(self, x, t):
        pixels = x.reshape(x.shape[0], 6, 1)  # len(x) would be a constant
        level = (torch.log(t) / 8).reshape(-1, 1, 1).expand(-1, 6, 1)
        q, k, v = self.into(torch.cat([pixels, level], -1)).chunk(3, -1)
        return x + self.out(nn.functional.scaled_dot_product_attention(q, k, v)).reshape(x.shape)


def saved(folder, module, batch, dynamic=True, dtype=torch.float32):
    x, t = torch.randn(batch, 1, 2, 3, dtype=dtype), torch.ones(batch, dtype=dtype)
    free = {0: torch.export.Dim("n", min=1, max=1024)} if dynamic else {}
    program = torch.export.export(module.eval().to(dtype), (x, t), dynamic_shapes=(free, free))
    torch.export.save(program, folder / "m.pt2")
    return folder


def score_of(folder, **said):
    settings = Declaration(**{"from": "torch.export", "path": "m.pt2", "trusted": True, **said})
    declared = Declared(folder / "study.yaml", "mine", settings)
    declared.check()
    return Model(declared.loaded, 6, refused=declared.refused)


def noisy():
    rng = np.random.default_rng(0)
    return rng.standard_normal((9, 6)) + np.sqrt(T)[:, None] * rng.standard_normal((9, 6))


@pytest.mark.parametrize(("batch", "dynamic"), [pytest.param(4, True, marks=pytest.mark.slow), (4, False), (1, False)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_program_has_the_jacobian_of_its_module(tmp_path, batch, dynamic, dtype):
    """Also one of a fixed number of points, which is not that of those that are asked for."""
    module = Attention()
    score = score_of(saved(tmp_path, module, batch, dynamic, dtype))
    x = noisy()
    score.check(x, T)
    assert score.shape == (1, 2, 3)
    assert score.loaded.dtype == dtype
    alone = Model(score.loaded._replace(network=module), 6)
    np.testing.assert_allclose(score.jacobian(x, T)[1], alone.jacobian(x, T)[1], atol=1e-5)
    np.testing.assert_allclose(score.denoise(x[:2], T[:2]), alone.denoise(x[:2], T[:2]), atol=1e-5)
    forward, back = score.products(x[3], T[3])
    np.testing.assert_allclose(back(np.eye(6)), alone.jacobian(x[3:4], T[3])[1][0], atol=1e-5)
    np.testing.assert_allclose(forward(np.eye(6)), alone.jacobian(x[3:4], T[3])[1][0].T, atol=1e-2)


class Gaussian(nn.Module):
    """An exact score that predicts noise, told sigma."""

    def __init__(self):
        super().__init__()
        self.register_buffer("axes", torch.tensor(gaussians.AXES))
        self.register_buffer("variances", torch.tensor(gaussians.VARIANCES))

    def forward(self, x, sigma):
        sigma = sigma[:, None]
        own = x.flatten(1) @ self.axes
        return ((own * sigma / (self.variances + sigma**2)) @ self.axes.T).reshape(x.shape)


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_a_gaussian_score_is_exact(tmp_path, dtype, bound):
    score = score_of(saved(tmp_path, Gaussian(), 2, dtype=dtype), predicts="epsilon", schedule="sigma")
    assert gaussians.worst_error(score, np.geomspace(1e-4, 1e3, 40)) < bound


def test_reading_a_program_has_to_be_trusted(tmp_path):
    saved(tmp_path, Attention(), 2)
    with pytest.raises(InputError, match=r"scores\.mine\.path: .*unpickle.*trusted: true"):
        score_of(tmp_path, trusted=False)


def test_what_is_no_program_is_refused_in_a_line(tmp_path):
    (tmp_path / "m.pt2").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"scores\.mine\.path: .*torch\.export") as caught:
        score_of(tmp_path)
    assert "\n" not in str(caught.value)


class Times(nn.Module):
    def forward(self, x, t):
        return x * t


@pytest.mark.parametrize("first", [torch.tensor(2.0), torch.ones(3, 6, dtype=torch.int64), 2.0], ids=str)
def test_a_first_input_that_is_no_points_is_refused_in_a_line(tmp_path, first):
    torch.export.save(torch.export.export(Times(), (first, torch.ones(()))), tmp_path / "m.pt2")
    with pytest.raises(InputError, match=r"scores\.mine\.path: .*: its first input should be points") as caught:
        score_of(tmp_path)
    assert "\n" not in str(caught.value)
