"""Jacobians pulled back by hand are those of automatic differentiation, for every network that a study can name."""

import numpy as np
import pytest
import torch
from jacobians import automatic, denoiser, inputs, same

from scoregap.networks import NETWORKS, PRECONDITIONINGS, SCHEDULES, analytic
from scoregap.networks.residual import Gated
from scoregap.networks.unet import Unet


@pytest.mark.parametrize("family", NETWORKS)
def test_every_network_is_differentiated_exactly(family):
    name = f"{family}-12" if NETWORKS[family].has_width else family
    of = {"dim": 16, "shape": (4, 4)} if NETWORKS[family].sides else {}
    module, (x, t) = denoiser(name, **of), inputs(of.get("dim", 5))
    assert type(module.network) in (*analytic.STEPS, Unet)
    g = same(module, x, t, rtol=1e-10, atol=1e-12)
    assert np.abs(g - np.swapaxes(g, -1, -2)).max() > 0.01  # so rows and columns are told apart
    assert np.abs(np.diff(g, axis=0)).max() > 0.01  # and noise levels
    assert np.abs(np.diff(g, axis=1)).max() > 0.01 or family == "linear"  # and points


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("preconditioning", PRECONDITIONINGS)
def test_every_preconditioning(preconditioning, schedule):
    module = denoiser("gated-8", preconditioning=preconditioning, schedule=schedule)
    same(module, *inputs(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("points_at_once", [1, 5, 100])
@pytest.mark.parametrize("rank", [5, 3])
@pytest.mark.parametrize("name", ["gated-8", "scaled-8", "bypass-8", "normed-8", "linear"])
def test_preconditioning_with_the_covariance(name, rank, points_at_once, monkeypatch):
    """Coefficients differ from axis to axis; outside the axes there is nothing."""
    module, (x, t) = denoiser(name, preconditioning="covariance", rank=rank), inputs()
    monkeypatch.setattr(analytic, "CACHE", points_at_once * module.network.leave.weight.numel())
    g = same(module, x, t, rtol=1e-10, atol=1e-12)
    directions = module.axes[0, :, :rank].numpy()
    np.testing.assert_allclose(g @ (np.eye(5) - directions @ directions.T), 0, atol=1e-6 * np.abs(g).max())


@pytest.mark.parametrize("points_at_once", [1, 2, 5, 12, 100])
@pytest.mark.parametrize("name", ["gated-8", "scaled-8", "normed-8", "paper", "linear"])
def test_points_in_parts(name, points_at_once, monkeypatch):
    """12 points, in parts that divide them and in parts that do not."""
    module = denoiser(name)
    monkeypatch.setattr(analytic, "CACHE", points_at_once * module.network.leave.weight.numel())
    same(module, *inputs(), rtol=1e-10, atol=1e-12)


def test_single_precision_is_kept():
    """float32 in and through; its rounding is what is left between the two."""
    module, (x, t) = denoiser("gated-32", dtype=torch.float32), inputs(dtype=torch.float32)
    exact = automatic(module.double(), x.double(), t.double())[1]
    found = analytic.network_jacobian(module.float(), x, t)[1]
    assert 1e-9 < np.abs(found - exact).max() < 1e-5 * np.abs(exact).max()


def test_a_network_that_is_not_known_is_differentiated_automatically(monkeypatch):
    monkeypatch.delitem(analytic.STEPS, Gated)
    same(denoiser("gated-8"), *inputs(), rtol=0)


def test_weights_and_points_are_left_as_they_were():
    module, (x, t) = denoiser("gated-8"), inputs()
    before = [p.clone() for p in (*module.parameters(), x, t)]
    first = analytic.network_jacobian(module, x, t)[1]
    assert all(torch.equal(one, two) for one, two in zip(before, (*module.parameters(), x, t), strict=True))
    np.testing.assert_array_equal(analytic.network_jacobian(module, x, t)[1], first)
