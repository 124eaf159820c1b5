"""Quadratic manifolds: embedding, tangents, covariance, sign of the scalar curvature."""

import numpy as np
import pytest
from derivatives import check_slopes_and_tangents

from scoregap import InputError, data


def family(curvature=0.8, ambient_dim=9, counts=(1, 2), seed=3, **settings):
    groups = [(count, std) for count, std in zip(counts, (1.0, 0.4), strict=False)]
    return data.manifold("quadratic", ambient_dim, groups, curvature, seed, **settings)


def test_curvature_zero_is_the_linear_model():
    flat, linear = family(0.0), data.manifold("linear", 9, [(1, 1.0), (2, 0.4)], 0.0, 3)
    latents = np.random.default_rng(0).standard_normal((5, 3))
    np.testing.assert_array_equal(flat.embed(latents), linear.embed(latents))
    np.testing.assert_array_equal(flat.tangents(latents), linear.tangents(latents))
    np.testing.assert_array_equal(flat.covariance, linear.covariance)
    x = np.random.default_rng(1).standard_normal((3, 9))
    np.testing.assert_array_equal(flat.exact(x, 0.2).jacobian, linear.exact(x, 0.2).jacobian)
    assert np.abs(family(1e-6).embed(latents) - linear.embed(latents)).max() < 1e-5


@pytest.mark.parametrize("sign", ["random", "positive", "negative"])
def test_draws(sign):
    """Forms are symmetric with |Q|^2 = m, normals orthonormal and across F; both the same whatever the curvature."""
    bent, other = family(sign=sign), family(0.1, sign=sign)
    np.testing.assert_array_equal(bent.forms, bent.forms.swapaxes(1, 2))
    np.testing.assert_allclose((bent.forms**2).sum((1, 2)), 3)
    frame = np.concatenate([bent.tangent_frame, bent.normal_frame], 1)
    np.testing.assert_allclose(frame.T @ frame, np.eye(6), atol=1e-14)
    for name in ("forms", "normal_frame", "scales", "tangent_frame"):
        np.testing.assert_array_equal(getattr(bent, name), getattr(other, name))
        assert np.abs(getattr(bent, name) - getattr(family(seed=4, sign=sign), name)).max() > 0.01
    np.testing.assert_array_equal(bent.scales, data.manifold("linear", 9, bent.groups, 0.0, 3).scales)


def test_as_many_normals_as_there_is_room_for():
    assert family(ambient_dim=4).forms.shape == (1, 3, 3)
    assert family(ambient_dim=5).normal_frame.shape == (5, 2)
    assert family(ambient_dim=20).forms.shape == (3, 3, 3)
    with pytest.raises(InputError, match=r"ambient_dim: 3 .* quadratic at curvature 0\.8 needs at least 4"):
        family(ambient_dim=3)
    assert family(0.0, ambient_dim=3).embed(np.zeros((1, 3))).shape == (1, 3)


def test_embedding_has_the_forms_as_second_derivatives():
    bent = family()
    z, h = np.array([0.3, -0.5, 0.2]), 1e-3
    second = np.zeros((9, 3, 3))
    for i, e in enumerate(np.eye(3) * h):
        for j, f in enumerate(np.eye(3) * h):
            corners = bent.embed(np.array([z + e + f, z + e - f, z - e + f, z - e - f]))
            second[:, i, j] = (corners[0] - corners[1] - corners[2] + corners[3]) / (4 * h * h)
    expected = bent.kappa * np.einsum("dp,pij->dij", bent.normal_frame, bent.forms)
    np.testing.assert_allclose(second, expected, atol=1e-8)
    assert bent.kappa == pytest.approx(0.8 / np.sqrt(9 / 3))


def test_tangents():
    bent = family()
    latents = np.random.default_rng(1).standard_normal((4, 3))
    check_slopes_and_tangents(bent, latents)
    np.testing.assert_allclose(bent.tangents(np.zeros((1, 3)))[0], bent.tangent_frame, atol=1e-12)


@pytest.mark.parametrize("sign", ["random", "positive", "negative"])
def test_principal_axes_are_the_covariance_of_centred_data(sign):
    bent, n = family(sign=sign), 100_000
    points, latents = bent.sample(np.random.default_rng(2), n)
    np.testing.assert_array_equal(points, bent.embed(latents))
    axes, variances = bent.principal_axes
    np.testing.assert_allclose(axes.T @ axes, np.eye(6), atol=1e-12)
    along = points @ axes
    assert np.all(np.abs(along.mean(0)) < 4.5 * along.std(0) / np.sqrt(n))
    products = along[:, :, None] * along[:, None, :]
    error = products.std(0) / np.sqrt(n)
    assert np.all(np.abs(products.mean(0) - np.diag(variances)) < 4.5 * error + 1e-12)
    assert (points**2).sum(1).mean() == pytest.approx(variances.sum(), rel=0.03)


def test_covariance_on_one_latent():
    """q = Q z^2 / 2 with |Q| = 1: a parabola, Var z^2 = 2 s^4."""
    bent = family(counts=(1,), ambient_dim=4)
    s = bent.scales[0]
    np.testing.assert_allclose(bent.principal_axes[1], [s**2, bent.kappa**2 * s**4 / 2])
    assert bent.scalar_curvature() == pytest.approx(0, abs=1e-12)  # a curve


def test_sign_of_scalar_curvature():
    for seed in range(10):
        positive, negative = family(sign="positive", seed=seed), family(sign="negative", seed=seed)
        assert positive.scalar_curvature() > 0
        assert (np.linalg.eigvalsh(positive.forms) > 0).all()  # every normal bends one way
        assert negative.scalar_curvature() == pytest.approx(-3 * 3 * negative.kappa**2)
    curvatures = [family(seed=seed).scalar_curvature() for seed in range(200)]
    assert np.mean(curvatures) < 0
    assert max(curvatures) > 0


def test_scalar_curvature_of_a_sphere(monkeypatch):
    """Q_1 = identity: the osculating sphere of radius 1 / kappa, scalar curvature m (m - 1) kappa^2."""
    bent = family(0.5, ambient_dim=4)
    monkeypatch.setitem(bent.__dict__, "_bends", (bent.normal_frame, np.eye(3)[None]))
    assert bent.scalar_curvature() == pytest.approx(6 * bent.kappa**2)


def test_signs_that_are_not_allowed():
    with pytest.raises(InputError, match="sign: 'up' is not allowed: should be one of random, positive, negative"):
        family(sign="up")
    with pytest.raises(InputError, match="sign: 'negative' is not allowed: a curve"):
        family(sign="negative", counts=(1,))
    with pytest.raises(InputError, match="sign: 'random' is not allowed: arcs does not use it"):
        data.manifold("arcs", 9, [(3, 1.0)], sign="random")
    assert data.FAMILIES["quadratic"].exact == "sampled"
