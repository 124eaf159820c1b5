"""Finite differences against Jacobians that are known: linear maps, polynomials, exact posteriors, networks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoregap import data
from scoregap.measure import DIFFERENCES, differences, spectra
from scoregap.networks import ensemble, jacobian
from scoregap.networks.denoiser import Denoiser

checked = settings(deadline=None, max_examples=25, derandomize=True)
METHODS = pytest.mark.parametrize("method", list(DIFFERENCES))


def rotation(rng, d):
    return np.linalg.qr(rng.standard_normal((d, d)))[0]


@METHODS
@checked
@given(seed=st.integers(0, 10**6), d=st.integers(1, 8), turned=st.booleans())
def test_a_linear_map_is_found_whatever_the_step_and_the_directions(method, seed, d, turned):
    """Not symmetric, so rows and columns are told apart; each point has its own step."""
    rng = np.random.default_rng(seed)
    matrix, t = rng.standard_normal((d, d)), rng.uniform(0.1, 10, (3, 1))
    x = rng.standard_normal((3, 2, d))
    directions = rotation(rng, d) if turned else None
    found = differences.JACOBIANS[method](lambda x: x @ matrix.T + 1, x, t, 0.3, directions)
    np.testing.assert_allclose(found, np.broadcast_to(matrix, (3, 2, d, d)), atol=1e-10)


def test_errors_of_a_cubic_are_the_derivatives_that_are_left_out():
    """D = x^3: central differences are off by h^2, one-sided ones by 3 x h + h^2, h = step sqrt(t)."""
    x, t, step = np.array([[2.0, -1.0]]), np.array([0.25]), 0.1
    h = 0.05
    central, one_sided = (f(lambda x: x**3, x, t, step)[0] for f in (differences.central, differences.one_sided))
    np.testing.assert_allclose(central - np.diag(3 * x[0] ** 2), h**2 * np.eye(2), atol=1e-12)
    np.testing.assert_allclose(one_sided - np.diag(3 * x[0] ** 2), np.diag(3 * x[0] * h + h**2), atol=1e-12)


@METHODS
def test_evaluations_and_points_of_the_algorithms(method):
    """Central: 2 d, at both sides of the point; one-sided: d + 1."""
    seen = []
    differences.JACOBIANS[method](lambda x: seen.append(x) or x, np.zeros((1, 4)), np.array([4.0]), 0.25)
    assert len(seen) == {"central": 8, "one-sided": 5}[method]
    sizes = [np.linalg.norm(x) for x in seen]
    np.testing.assert_allclose([s for s in sizes if s], 0.5)


@pytest.mark.parametrize("family", ["linear", "arcs", "sphere", "mixture"])
@METHODS
def test_exact_posteriors(family, method):
    """Against their own Jacobian, at t from small to large. One-sided differences are off by the order of the step."""
    curvature = {"arcs": 0.5, "sphere": 1.0}.get(family, 0.0)
    known = data.manifold(family, 8, [(2, 1.0), (1, 0.2)], curvature, seed=1)
    rng = np.random.default_rng(2)
    for t in (1e-4, 0.1, 30.0):
        x = known.sample(rng, 3)[0] + np.sqrt(t) * rng.standard_normal((3, 8))
        exact = known.exact(x, t)
        step = {"central": 1e-3, "one-sided": 1e-6}[method]
        found = differences.JACOBIANS[method](lambda x, t=t: known.exact(x, t).mean, x, np.full(3, t), step)
        np.testing.assert_allclose(found, exact.jacobian, atol=2e-6)
        np.testing.assert_allclose(spectra.spectra(found)[0], exact.spectrum() - 1, atol=2e-6)


@METHODS
def test_a_float32_network_at_the_default_step(method):
    """Both methods within the errors that led to their default steps."""
    import torch

    net = Denoiser(ensemble.build("gated-16", [0], 6, 2), [1.0], (1e-4, 10.0))
    g = torch.Generator().manual_seed(1)
    for parameter in net.requires_grad_(False).parameters():
        parameter += 0.1 * torch.randn(parameter.shape, generator=g)
    t = np.array([1e-3, 0.1, 3.0])
    x = np.random.default_rng(0).standard_normal((3, 4, 6))
    levels = torch.tensor(t, dtype=torch.float32)[None]

    def mean(x):
        return net(torch.tensor(x, dtype=torch.float32)[None], levels)[0].double().numpy()

    found = differences.JACOBIANS[method](mean, x, t[:, None], DIFFERENCES[method])
    _, exact = jacobian.denoiser_jacobian(lambda x: net(x[None], levels)[0], torch.tensor(x, dtype=torch.float32))
    error = np.abs(spectra.spectra(found)[0] - spectra.spectra(exact)[0]).max()
    assert error < {"central": 5e-4, "one-sided": 1e-2}[method]
    assert error > 1e-7  # it is the network in float32 that was measured


def test_drop_first_after_subtraction_is_the_spectrum_without_its_first_value():
    rng = np.random.default_rng(0)
    values = np.array([0.9, 0.9, 0.7, 0.2, 0.0, 0.0])
    frame = rotation(rng, 6)
    g = (frame * values) @ frame.T
    found = differences.drop_first(
        lambda x: x @ g + 3.0, rng.standard_normal((2, 6)), np.array([0.1, 5.0]), 0.3, rotation(rng, 6), subtract=True
    )
    # |t J| = 1 - g, descending: 1, 1, .8, .3, .1, .1, whose largest is again 1 once one of the two is dropped.
    np.testing.assert_allclose(found, np.broadcast_to([1, 0.8, 0.3, 0.1, 0.1], (2, 5)), atol=1e-10)


def test_drop_first_of_score_vectors_is_that_of_the_matrix_of_scores():
    """A point scores of which are written out: D = 0, s = -x / t, so the columns are -(x + h v_i) / t."""
    rng = np.random.default_rng(1)
    x, t, step, directions = rng.standard_normal((1, 4)), 0.5, 0.2, rotation(rng, 4)
    columns = x.T + step * np.sqrt(t) * directions
    values = np.linalg.svd(columns, compute_uv=False)[1:]
    found = differences.drop_first(lambda x: 0 * x, x, np.array([t]), step, directions)
    np.testing.assert_allclose(found[0], values / values[0], atol=1e-12)
    assert differences.drop_first(lambda x: 0 * x, x[:, :1], np.array([t]), step, np.eye(1)).shape == (1, 0)


def test_products_without_a_matrix():
    known = data.manifold("sphere", 20, [(4, 1.0)], 1.0, seed=0)
    rng, t = np.random.default_rng(0), 0.2
    x = known.sample(rng, 1)[0] + np.sqrt(t) * rng.standard_normal((1, 20))
    g = known.exact(x, t).jacobian[0]
    rows = np.concatenate([rng.standard_normal((3, 20)) * [[1], [1e3], [1e-3]], np.zeros((1, 20))])
    apply = differences.product(lambda x: known.exact(x, t).mean, x[0], t, 1e-3)
    np.testing.assert_allclose(apply(rows), rows @ g, atol=1e-6 * (1e-12 + np.linalg.norm(rows, axis=1).max()))
    np.testing.assert_allclose(apply(rows[:1]) + 0, (rows @ g)[:1], atol=1e-6)
    assert (apply(rows)[3] == 0).all()
