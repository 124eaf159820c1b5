"""Models as scores: their Jacobian is the one measured, or they are refused before anything is."""

import gaussians
import numpy as np
import pytest
import torch
from torch import nn

from scoregap import InputError
from scoregap.measure import differences
from scoregap.models import schedules
from scoregap.models.base import Loaded
from scoregap.scores.base import HasCheck, HasProducts, at_any_time
from scoregap.scores.model import Model

D = 6
T = np.geomspace(1e-3, 30.0, 9)


def noisy(t=T, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((len(t), D)) + np.sqrt(t)[:, None] * rng.standard_normal((len(t), D))


class Net(nn.Module):
    """A small network of no symmetry, x0 of ve; first: a layer before it, last: one after it."""

    def __init__(self, first=None, last=None, seed=0):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layers = nn.Sequential(nn.Linear(D + 1, 32), nn.Tanh(), nn.Linear(32, D))
        self.first, self.last = first or nn.Identity(), last or nn.Identity()

    def forward(self, x, t):
        x = self.first(x)
        level = torch.log(t)[:, None] / 8
        return self.last(self.layers(torch.cat([x, level], -1)) + 0.3 * x)


def model(network, predicts="x0", schedule=None, dtype=torch.float32, **kwargs):
    if isinstance(network, nn.Module):
        network = network.to(dtype)
    return Model(Loaded(network, schedule or schedules.named("ve"), predicts, (), dtype), D, **kwargs)


@pytest.mark.parametrize("predicts", ["x0", "epsilon", "v", "velocity", "score"])
def test_the_jacobian_is_that_of_differences_in_double_precision(predicts):
    score, x = model(Net(), predicts, dtype=torch.float64), noisy()
    mean, found = score.jacobian(x, T)
    np.testing.assert_array_equal(mean, score.denoise(x, T))
    measured = differences.JACOBIANS["central"](lambda points: score.denoise(points, T), x, T, 1e-5)
    scale = np.abs(measured).max((1, 2), keepdims=True)
    assert (np.abs(found - measured) < 1e-6 * scale + 1e-8).all()
    alone = np.concatenate([score.jacobian(x[i : i + 1], T[i])[1] for i in range(len(T))])
    np.testing.assert_allclose(found, alone, rtol=1e-12, atol=1e-12)


def test_products_are_those_with_the_jacobian():
    score, x = model(Net(), dtype=torch.float64), noisy()
    assert isinstance(score, HasProducts)
    assert isinstance(score, HasCheck)
    jacobian, rows = score.jacobian(x[4:5], T[4])[1][0], np.random.default_rng(1).standard_normal((40, D))
    forward, back = score.products(x[4], T[4])
    np.testing.assert_allclose(back(rows), rows @ jacobian, atol=1e-12)
    np.testing.assert_allclose(forward(rows), rows @ jacobian.T, atol=2e-3)  # step .03 sqrt(t)
    assert (forward(np.zeros((1, D))) == 0).all()


def test_the_trace_is_within_its_standard_errors():
    score, x = model(Net(), dtype=torch.float64), noisy()
    exact = np.trace(score.jacobian(x, T)[1], axis1=1, axis2=2)
    probes = np.random.default_rng(3).standard_normal((200, len(T), D))
    mean, found, error = score.traced(x, T, probes)
    np.testing.assert_allclose(mean, score.denoise(x, T), atol=1e-12)
    assert (np.abs(found - exact) < 4 * error).all()
    assert (np.abs(found - exact) > 0.1 * error).any()
    few = score.traced(x, T, probes[:50]).error
    assert 1.5 < np.mean(few / error) < 2.5


def test_data_that_are_about_a_mean_are_shown_to_the_model_where_they_were():
    mean, x = np.arange(6.0), noisy()
    about, plain = model(Net(), mean=mean, dtype=torch.float64), model(Net(), dtype=torch.float64)
    np.testing.assert_allclose(about.denoise(x, T), plain.denoise(x + mean, T) - mean)
    np.testing.assert_allclose(about.jacobian(x, T)[1], plain.jacobian(x + mean, T)[1])


def test_points_are_not_changed_by_a_layer_that_works_in_place():
    def in_place(x, t):
        return x.mul_(0.5).tanh() / (1 + t[:, None])

    for dtype in (torch.float32, torch.float64):
        score, x = model(in_place, dtype=dtype), noisy()
        before = x.copy()
        score.check(x, T)
        found = score.jacobian(x, T)[1]
        np.testing.assert_array_equal(x, before)
        expected = 0.5 / np.cosh(0.5 * x) ** 2 / (1 + T)[:, None]
        np.testing.assert_allclose(found, expected[:, :, None] * np.eye(D), atol=1e-6)


def test_a_scripted_module_has_the_same_jacobian_at_every_call():
    """Its forward mode is 0 from the second call on (torch 2.13.0); reverse mode is not."""
    scripted = torch.jit.script(Scriptable().eval())
    score, x = model(lambda x, t: scripted(x, t)), noisy()
    score.check(x, T)
    first, again, third = (score.jacobian(x, T)[1] for _ in range(3))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose(first, third)
    expected = model(scripted.eval()).jacobian(x, T)[1]
    np.testing.assert_allclose(first, expected, atol=1e-6)
    assert np.abs(first).max() > 0.1


class Scriptable(nn.Module):
    def forward(self, x, t):
        return torch.tanh(x) / (1 + t[:, None])


class Frozen(nn.Module):
    def __init__(self, context):
        super().__init__()
        self.net, self.context = Net(), context

    def forward(self, x, t):
        with self.context():
            found = self.net(x, t)
        return found


class PartlyFrozen(Frozen):
    def forward(self, x, t):
        with self.context():
            half = self.net(x, t)
        return 0.5 * half + 0.5 * self.net(x, t)


class Cut(nn.Module):
    """As diffusers' UNet2DModel does to a Python float."""

    def __init__(self):
        super().__init__()
        self.net = Net()

    def forward(self, x, step):
        return self.net(x, step.long().to(x) + 1.0)


class Deaf(Net):
    def forward(self, x, t):
        return super().forward(x, torch.ones_like(t))


class Clipped(Net):
    def forward(self, x, t):
        return super().forward(x, t) * float("nan")


WRONG = {
    "dropout": (lambda: Net(last=nn.Dropout(0.5)).train(), "two equal calls"),
    "noise": (lambda: lambda x, t: x + 0.1 * torch.randn_like(x), "two equal calls"),
    "batch statistics": (lambda: Net(last=nn.BatchNorm1d(D)).train(), "training"),
    "of the batch": (lambda: lambda x, t: x - x.mean(0), "depends on the other points"),
    "no_grad": (lambda: Frozen(torch.no_grad), "reverse mode"),
    "a part under no_grad": (lambda: PartlyFrozen(torch.no_grad), "reverse mode"),
    "inference_mode": (lambda: Frozen(torch.inference_mode), "differentiated|reverse mode"),
    "detached": (lambda: lambda x, t: torch.tanh(x.detach()) / (1 + t[:, None]), "reverse mode"),
    "rounded": (lambda: lambda x, t: torch.round(x * 8) / 8 / (1 + t[:, None]), "reverse mode"),
    "deaf": (Deaf, "changes nothing"),
    "not finite": (Clipped, "not finite"),
    "another shape": (lambda: lambda x, t: x[:, :3], "output is"),
    "a tuple": (lambda: lambda x, t: (x,), "output is tuple"),
    "whole numbers": (lambda: lambda x, t: (8 * x).long(), r"output is torch\.int64"),
    "complex numbers": (lambda: lambda x, t: x + 0j, r"output is torch\.complex"),
    "fails": (lambda: lambda x, t: x @ torch.ones(3), "fails for points of shape"),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", WRONG)
def test_what_has_no_jacobian_of_its_own_is_refused_in_a_line(name, dtype):
    make, says = WRONG[name]
    with pytest.raises(InputError, match=says) as caught:
        model(make(), dtype=dtype).check(noisy(), T)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("predicts", ["epsilon", "v", "velocity", "score"])
def test_a_skip_does_not_hide_a_network_without_gradient(predicts, context):
    """D = skip x + out F has the derivative skip even where F has none."""
    with pytest.raises(InputError, match=r"differentiated|reverse mode"):
        model(Frozen(context), predicts).check(noisy(), T)


@pytest.mark.parametrize("predicts", ["x0", "epsilon", "v"])
def test_a_step_that_is_cut_is_refused_where_levels_are_interpolated(predicts):
    """At its own whole steps the same network is right."""
    schedule = schedules.named("linear")
    whole = schedule.levels[::120]
    model(Cut(), predicts, schedule).check(noisy(), T)
    model(Cut(), predicts, schedule, interpolates=True).check(noisy(whole), whole)
    with pytest.raises(InputError, match="cut to whole steps"):
        model(Cut(), predicts, schedule, interpolates=True).check(noisy(), T)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("predicts", ["x0", "epsilon", "v", "score", "velocity"])
@pytest.mark.parametrize("name", ["ve", "sigma", "flow"])
def test_a_right_model_passes(name, predicts, dtype):
    """Exact scores, at all noise: where G is the identity but for rounding, and where it is almost 0."""
    scales = {
        "ve": lambda t: (torch.ones_like(t), t.sqrt()),
        "sigma": lambda s: (torch.ones_like(s), s),
        "flow": lambda u: (1 - u, u),
    }[name]
    t = np.geomspace(1e-5, 1e4, 30)
    model(gaussians.InItsOwnTerms(scales, predicts), predicts, schedules.named(name), dtype).check(noisy(t), t)


@pytest.mark.parametrize("seed", range(4))
def test_right_networks_pass(seed):
    for predicts in ("x0", "epsilon"):
        model(Net(seed=seed), predicts).check(noisy(seed=seed), T)


def test_a_score_that_knows_the_nearest_point_alone_is_no_mistake():
    """The posterior over points that are far apart: D does not change with t there, nor with x."""
    points = 10 * torch.tensor(np.random.default_rng(0).standard_normal((4, D)))

    def empirical(x, t):
        return torch.softmax(-((x[:, None] - points.to(x)) ** 2).sum(-1) / 2 / t[:, None], -1) @ points.to(x)

    t = np.geomspace(1e-4, 30.0, 20)
    x = points[0].numpy() + np.sqrt(t)[:, None] * np.random.default_rng(1).standard_normal((20, D))
    model(empirical).check(x, t)


def test_own_levels_are_the_nearest_and_what_is_outside_is_refused():
    score = model(Cut(), "epsilon", schedules.of_levels(np.array([0.1, 1.0, 10.0]), np.arange(3.0), np.ones_like))
    np.testing.assert_array_equal(score.times(np.array([0.04, 0.3, 0.33, 3.0, 31.0])), [0.1, 0.1, 1.0, 1.0, 10.0])
    for t in (0.03, 32.0):
        with pytest.raises(InputError, match=r"from 0\.1 to 10"):
            score.denoise(noisy(np.full(9, t)), t)
    with pytest.raises(InputError, match="interpolate"):
        at_any_time(score, np.array([0.1, 0.2]), "spectrum.sampling")
    at_any_time(score, np.array([0.1, 1.0]), "spectrum.sampling")


def test_between_levels_a_model_is_told_a_part_of_a_step():
    told = []

    def network(x, step):
        told.append(step)
        return x

    schedule = schedules.of_levels(np.array([0.1, 1.0, 10.0]), np.arange(3.0), np.ones_like)
    model(network, schedule=schedule, interpolates=True).denoise(noisy()[:2], np.array([0.1**0.5, 10.0]))
    np.testing.assert_allclose(told[0], [0.5, 2.0], rtol=1e-6)


def test_another_dimension_than_that_of_the_data_is_refused():
    loaded = Loaded(Net(), schedules.named("ve"), "x0", (2, 4), torch.float32)
    with pytest.raises(InputError, match=r"shape.*dimension 6"):
        Model(loaded, 6)
