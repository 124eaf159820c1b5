"""Denoisers of azula: those of the library where it is installed, and otherwise ones of the same form.

azula asks for torchvision, which cannot be imported beside a torch for CPUs, so it is no extra of scoregap.
"""

import math
import sys
from types import ModuleType, SimpleNamespace

import gaussians
import numpy as np
import pytest
import torch

from scoregap import InputError
from scoregap.models import Declared
from scoregap.models.azula import load
from scoregap.scores.model import Model
from scoregap.study.training import Declaration

T = np.geomspace(1e-4, 1e4, 50)


class Simple:
    """A denoiser whose mean is the exact one of a Gaussian, computed in the type of x, as azula gives it."""

    def __init__(self, schedule):
        self.schedule = schedule

    def __call__(self, x, clock):
        return SimpleNamespace(mean=gaussians.InItsOwnTerms(self.schedule, "x0")(x, clock))


def vp(clock):
    alpha = torch.exp(math.log(1e-3) * clock**2)
    return alpha, torch.sqrt(1 - alpha**2 + 1e-6)


def rectified(clock):
    return clock * 1e-3 + (1 - clock), clock + (1 - clock) * 1e-3


def score_of(monkeypatch, denoiser):
    module = ModuleType("their")
    module.denoiser = denoiser
    monkeypatch.setitem(sys.modules, "their", module)
    settings = Declaration(**{"from": "azula", "path": "their:denoiser", "trusted": True})
    declared = Declared(None, "mine", settings)
    return Model(load(declared), gaussians.D, refused=declared.refused)


@pytest.mark.parametrize("schedule", [vp, rectified])
def test_a_gaussian_score_is_exact(monkeypatch, schedule):
    score = score_of(monkeypatch, Simple(schedule))
    assert gaussians.worst_error(score, T) < 1e-10
    x = np.random.default_rng(0).standard_normal((50, gaussians.D)) * np.sqrt(1 + T)[:, None]
    score.check(x, T)


def test_a_schedule_has_ends(monkeypatch):
    """As an ideal one has 1e-6 and 1e6, up to rounding, they are told rounded to what it has."""
    with pytest.raises(InputError, match=r"noise variances are from 1\.00001e-06 to 999999"):
        score_of(monkeypatch, Simple(vp)).times(np.array([1e-7]))


def test_what_has_no_schedule_is_refused(monkeypatch):
    with pytest.raises(InputError, match=r"path: .*schedule"):
        score_of(monkeypatch, vp)


class Backbone(torch.nn.Module):
    """A perfect backbone of azula's KarrasDenoiser or SimpleDenoiser, of one type, told log(sigma / alpha)."""

    def __init__(self, kind, dtype):
        super().__init__()
        self.kind = kind
        self.register_parameter("weight", torch.nn.Parameter(torch.zeros(1, dtype=dtype)))

    def forward(self, x, told):
        t = torch.exp(2 * told.double()).to(x)[:, None]
        axes, variances = torch.tensor(gaussians.AXES).to(x), torch.tensor(gaussians.VARIANCES).to(x)
        noisy = x * torch.sqrt(1 + t)  # x_0 + sqrt(t) w
        mean = (noisy @ axes * (variances / (variances + t))) @ axes.T
        if self.kind == "SimpleDenoiser":
            return mean
        return (mean - noisy / (1 + t)) * torch.sqrt((1 + t) / t)


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
@pytest.mark.parametrize("kind", ["SimpleDenoiser", "KarrasDenoiser"])
@pytest.mark.parametrize("name", ["VESchedule", "VPSchedule", "CosineSchedule", "RectifiedSchedule", "DecaySchedule"])
def test_a_gaussian_score_is_exact_in_every_schedule_of_azula(monkeypatch, name, kind, dtype, bound):
    azula = pytest.importorskip("azula", reason="azula is not installed: it asks for torchvision")
    denoiser = getattr(azula.denoise, kind)(Backbone(kind, dtype), getattr(azula.noise, name)())
    score = score_of(monkeypatch, denoiser)
    assert gaussians.worst_error(score, T) < bound
    x = np.random.default_rng(0).standard_normal((50, gaussians.D)) * np.sqrt(1 + T)[:, None]
    alpha, sigma = denoiser.schedule(torch.tensor(score.loaded.schedule.told(T)))
    np.testing.assert_allclose((sigma / alpha).numpy() ** 2, T, rtol=1e-9)
    theirs = denoiser(alpha[:, None] * torch.tensor(x), torch.tensor(score.loaded.schedule.told(T))).mean
    np.testing.assert_allclose(score.denoise(x, T), theirs.detach().numpy(), rtol=1e-6, atol=1e-6)
