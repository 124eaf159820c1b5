"""Schedules against formulas of their own, and exact Gaussian scores put into every parametrisation."""

import gaussians
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scoregap.models import PREDICTS, schedules
from scoregap.models.base import Loaded
from scoregap.scores.model import Model

EXACT_TO = {torch.float64: 1e-10, torch.float32: 1e-5}
T = np.geomspace(1e-4, 1e3, 40)


def alphas_bar(name, steps=1000):
    """abar_k by the definitions, as products over single steps."""
    bars, product = [], 1.0
    for k in range(steps):
        if name == "linear":
            beta = 1e-4 + (0.02 - 1e-4) * k / (steps - 1)
        elif name == "scaled_linear":
            beta = (0.01 + (0.02**0.5 - 0.01) * k / (steps - 1)) ** 2
        else:
            now, then = (np.cos((s / steps + 0.008) / 1.008 * np.pi / 2) ** 2 for s in (k, k + 1))
            beta = min(1 - then / now, 0.999)
        product *= 1 - beta
        bars.append(product)
    return torch.tensor(bars, dtype=torch.float64)


def of_steps(name):
    bars = alphas_bar(name)
    return lambda told: (bars[told.long()].sqrt(), (1 - bars[told.long()]).sqrt())


@pytest.mark.parametrize("dtype", EXACT_TO, ids=str)
@pytest.mark.parametrize("predicts", ["epsilon", "v", "x0", "score"])
@pytest.mark.parametrize("name", schedules.BETAS)
def test_a_gaussian_score_is_exact_at_every_step_of_ddpm(name, predicts, dtype):
    network = gaussians.InItsOwnTerms(of_steps(name), predicts)
    schedule = schedules.named(name)
    assert len(schedule.levels) == 1000
    score = Model(Loaded(network, schedule, predicts, (), dtype), gaussians.D)
    assert gaussians.worst_error(score, schedule.levels) < EXACT_TO[dtype]


OTHERS = {
    "ve": lambda t: (torch.ones_like(t), t.sqrt()),
    "sigma": lambda s: (torch.ones_like(s), s),
    "flow": lambda u: (1 - u, u),
}


@pytest.mark.parametrize("dtype", EXACT_TO, ids=str)
@pytest.mark.parametrize("predicts", PREDICTS)
@pytest.mark.parametrize("name", OTHERS)
def test_a_gaussian_score_is_exact_in_continuous_time(name, predicts, dtype):
    network = gaussians.InItsOwnTerms(OTHERS[name], predicts)
    score = Model(Loaded(network, schedules.named(name), predicts, (2, 3), dtype), gaussians.D)
    assert gaussians.worst_error(score, T) < EXACT_TO[dtype]


class InEDM:
    """F of a perfect network in EDM's preconditioning."""

    def __init__(self, sigma_data):
        self.sigma_data = sigma_data

    def __call__(self, x, told):
        sigma = (4 * told.double()).exp().to(x)[:, None]
        total = (self.sigma_data**2 + sigma**2).sqrt()
        noisy = x * total
        axes, variances = torch.tensor(gaussians.AXES).to(x), torch.tensor(gaussians.VARIANCES).to(x)
        clean = (noisy @ axes * (variances / (variances + sigma**2))) @ axes.T
        return (clean - (self.sigma_data / total) ** 2 * noisy) / (sigma * self.sigma_data / total)


@pytest.mark.parametrize("dtype", EXACT_TO, ids=str)
@pytest.mark.parametrize("sigma_data", [0.5, 1.3])
def test_a_gaussian_score_is_exact_in_edm(sigma_data, dtype):
    loaded = Loaded(
        InEDM(sigma_data), schedules.named("edm", sigma_data=sigma_data), "edm", (), dtype, sigma_data=sigma_data
    )
    assert gaussians.worst_error(Model(loaded, gaussians.D), T) < EXACT_TO[dtype]


@given(st.floats(0.5, 4.0), st.floats(-2.9, 2.9))
def test_a_clock_is_found_from_its_scales(power, log_t):
    """alpha = (1 - c)^power + 1e-3, sigma = c + 1e-3: any that fall and rise."""

    def scales(clock):
        return (1 - clock) ** power + 1e-3, clock + 1e-3

    schedule = schedules.of_scales(scales)
    t = np.array([10.0**log_t])
    alpha, sigma = scales(schedule.told(t))
    np.testing.assert_allclose((sigma / alpha) ** 2, t, rtol=1e-9)
    np.testing.assert_allclose(schedule.scale(t), alpha, rtol=1e-9)
    assert schedule.least < 1e-5
    assert schedule.most > 1e5


def test_own_levels_reach_half_a_step_beyond_their_ends():
    schedule = schedules.of_levels(np.array([1.0, 4.0, 64.0]), np.arange(3.0), np.ones_like)
    assert schedule.least == pytest.approx(0.5)
    assert schedule.most == pytest.approx(256.0)
    np.testing.assert_allclose(schedule.told(np.array([2.0, 16.0, 0.6])), [0.5, 1.5, 0.0])


def test_steps_without_signal_are_left_out():
    bars = schedules.without_signal(schedules.alphas("linear", 1000, 1e-4, 0.02))
    assert bars[0] == pytest.approx(0.9999)
    assert bars[-1] == 0
    assert (np.diff(bars) < 0).all()
    assert len(schedules.of_alphas(bars).levels) == 999
