"""Importance sampling of the posterior: against exact posteriors, company, and the guard."""

import numpy as np
import pytest

from scoregap import data
from scoregap.data.manifolds import sampled


def arcs(curvature, ambient_dim=9, groups=((1, 1.0), (2, 0.4))):
    return data.manifold("arcs", ambient_dim, groups, curvature, 3)


def sampler(family, seed=3):
    return sampled.Sampler(family.embed, family.tangents, family.scales, seed)


def noisy(family, t, n=3, seed=0):
    rng = np.random.default_rng(seed)
    return family.sample(rng, n)[0] + np.sqrt(t) * rng.standard_normal((n, family.ambient_dim))


@pytest.mark.parametrize("t", [1e-4, 1e-2, 0.1, 1.0, 10.0])
@pytest.mark.parametrize("curvature", [0.0, 0.3, 1.0])
def test_exact_posterior_is_found(curvature, t):
    family = arcs(curvature)
    x = noisy(family, t)
    found, exact = sampler(family).posterior(x, t), family.exact(x, t)
    known = np.isfinite(found.mean[:, 0])
    assert known.mean() > 0.6
    assert (found.effective[known] >= sampled.ENOUGH).all()
    spectrum, expected = found.spectrum()[known], exact.spectrum()[known]
    large = expected > 1e-3
    np.testing.assert_allclose(spectrum[large], expected[large], rtol=0.01)
    # Independent draws would leave `errors`; no bias shows on that scale.
    order = np.argsort(-found.eigenvalues[known], axis=1)
    errors = np.take_along_axis(found.errors[known], order, 1)
    assert (np.abs(spectrum - expected)[large] < 2 * errors[large]).all()
    width = np.sqrt(t * expected[:, :1])
    np.testing.assert_array_less(np.abs(found.mean - exact.mean)[known] / width, 0.01)
    np.testing.assert_allclose(found.jacobian[known], exact.jacobian[known], atol=0.01 * expected.max())


def test_errors_are_those_of_independent_draws():
    """On a Gaussian posterior the standard error of a variance v from n weighted draws is about v sqrt(2 / n)."""
    found = sampler(arcs(0.0)).posterior(noisy(arcs(0.0), 0.1), 0.1)
    relative = found.errors[:, -3:] / found.eigenvalues[:, -3:]
    np.testing.assert_allclose(relative, np.sqrt(2 / found.effective)[:, None] * np.ones(3), rtol=0.2)


def test_numbers_do_not_depend_on_company():
    family = data.manifold("tanh", 9, [(1, 1.0), (2, 0.4)], 1.0, 3)
    t = np.array([1e-3, 0.1, 3.0])
    x = noisy(family, 0.1)
    together = family.exact(x, t)
    for i in (2, 0, 1):
        alone = data.manifold("tanh", 9, [(1, 1.0), (2, 0.4)], 1.0, 3).exact(x[i : i + 1], t[i])
        np.testing.assert_array_equal(alone.mean[0], together.mean[i])
        np.testing.assert_array_equal(alone.eigenvalues[0], together.eigenvalues[i])
        np.testing.assert_array_equal(alone.eigenvectors[0], together.eigenvectors[i])
        assert alone.effective[0] == together.effective[i]
    other = sampled.Sampler(family.embed, family.slopes, family.scales, 4).posterior(x, t)
    assert np.abs(other.eigenvalues - together.eigenvalues).max() > 1e-6  # draws are the manifold's own
    np.testing.assert_allclose(other.spectrum()[:, :3], together.spectrum()[:, :3], rtol=0.02)


@pytest.mark.parametrize(("curvature", "t", "least"), [(3.0, 0.01, 0.3), (10.0, 0.01, 1.0), (10.0, 1.0, 1.0)])
def test_no_number_rather_than_a_wrong_one(curvature, t, least):
    """Arcs that wrap have many modes: where they may have been missed there is no number, else it is right."""
    family = arcs(curvature)
    x = noisy(family, t, n=8)
    found, exact = sampler(family).posterior(x, t), family.exact(x, t)
    unknown = np.isnan(found.mean).any(1)
    assert unknown.mean() >= least
    for part in (found.mean, found.eigenvalues, found.errors, found.jacobian):
        assert np.isnan(part[unknown]).all()
        assert np.isfinite(part[~unknown]).all()
    spectrum, expected = found.spectrum()[~unknown], exact.spectrum()[~unknown]
    np.testing.assert_allclose(spectrum, expected, rtol=0.05, atol=0.01)


@pytest.mark.parametrize("aside", [0.0, 0.05])
def test_two_modes_are_both_seen(aside):
    """A parabola seen from its axis: the posterior of its latent is even, with a mode on either side.

    Seen from aside one mode has e^-9 of the mass, but at 25 sqrt(t) from the other it makes a tenth of G.
    """
    family = data.manifold("quadratic", 2, [(1, 1.0)], 1.0, 0, sign="positive", frame="orthonormal")
    t = 0.02
    x = family.embed(np.zeros((1, 1))) + 2.5 * family.normal_frame[:, 0]  # beyond the centre of curvature
    x += aside * family.tangent_frame[:, 0]
    z = np.linspace(-9, 9, 200_001)[:, None] * family.scales[0]
    clean = family.embed(z)
    log = -0.5 * (z[:, 0] / family.scales[0]) ** 2 - ((x - clean) ** 2).sum(1) / (2 * t)
    weights = np.exp(log - log.max())
    weights /= weights.sum()
    mean = weights @ clean
    cov = ((clean - mean) * weights[:, None]).T @ (clean - mean)
    found = family.exact(x, t)
    assert found.effective[0] > sampled.ENOUGH
    np.testing.assert_allclose(found.jacobian[0], cov / t, rtol=0.01, atol=1e-2 * np.abs(cov / t).max())
    assert found.eigenvalues[0, -1] > (0.8 if aside else 100)
    shares = family._sampler._modes(x[0], t).shares
    assert len(shares) == 2
    assert shares.min() >= 0.0196  # a mode that matters is drawn from, however small its mass


def test_proposal():
    """Flat: one mode, the Gaussian posterior itself. Bent: fitting takes 707 effective draws to 10,890."""
    flat = arcs(0.0)
    x, t = noisy(flat, 3.0, n=1), 3.0
    modes = sampler(flat)._modes(x[0], t)
    shrink = flat.scales**2 / (flat.scales**2 + t)
    np.testing.assert_allclose(modes.factors[0] @ modes.factors[0].T, np.diag(1 - shrink), atol=1e-12)
    centre = shrink * (x[0] @ flat.tangent_frame) / flat.scales
    np.testing.assert_allclose(modes.centres[0], centre, atol=1e-3 * np.sqrt(1 - shrink).min())
    bent = data.manifold("quadratic", 32, [(6, 1.0), (6, 0.15)], 1.0, 3, sign="positive")
    assert bent.exact(noisy(bent, 1.0, n=1), 1.0).effective[0] > 6000


def test_few_draws_change_the_proposal_little():
    """Covariances count as 4 m draws: a single draw moves them by a fifth where m = 1."""
    modes = sampled._Modes(np.ones(1), np.zeros((1, 1)), np.ones((1, 1, 1)))
    z, weights = np.array([[3.0], [0.0]]), np.array([1.0, 0.0])
    fitted = sampled._fit(z, weights, modes)
    np.testing.assert_allclose(fitted.centres, [[3 / 5]])  # trust 1 / (1 + 4)
    np.testing.assert_allclose(fitted.factors[0, 0, 0] ** 2, 4 / 5 + (3 - 3 / 5) ** 2 / 5)


def test_too_small_an_effective_sample_has_no_number(monkeypatch):
    family = data.manifold("tanh", 9, [(1, 1.0), (2, 0.4)], 1.0, 3)
    monkeypatch.setattr(sampled, "ENOUGH", 1e9)
    found = family.exact(noisy(family, 0.1), 0.1)
    assert np.isnan(found.mean).all()
    assert np.isnan(found.eigenvalues).all()
    assert (found.effective > 4000).all()


@pytest.mark.parametrize("name", ["tanh", "quadratic"])
@pytest.mark.parametrize("t", [1e-6, 0.1])
def test_g_is_the_jacobian_of_the_denoiser(name, t):
    family = data.manifold(name, 6, [(1, 1.0), (1, 0.5)], 0.5, 1)
    x = noisy(family, t, n=1)
    jacobian = family.exact(x, t).jacobian[0]
    h = 0.2 * np.sqrt(t)
    steps = h * np.eye(6)
    numeric = np.stack([(family.exact(x + e, t).mean[0] - family.exact(x - e, t).mean[0]) / (2 * h) for e in steps], -1)
    np.testing.assert_allclose(jacobian, numeric, atol=0.02)
    if t < 1e-5:  # little noise sees the tangent space
        _, latents = family.sample(np.random.default_rng(0), 1)
        tangents = family.tangents(latents)[0]
        np.testing.assert_allclose(jacobian, tangents @ tangents.T, atol=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tanh", "quadratic"])
def test_better_than_the_gaussian_denoiser(name):
    """The mean squared error of the posterior mean is tr Cov on average, and that of the linear one is more."""
    family, t, n = data.manifold(name, 6, [(1, 1.0), (1, 0.5)], 4.0, 1), 0.1, 24
    rng = np.random.default_rng(4)
    clean, _ = family.sample(rng, n)
    x = clean + np.sqrt(t) * rng.standard_normal(clean.shape)
    found = family.exact(x, t)
    known = np.isfinite(found.mean[:, 0])
    assert known.mean() > 0.95
    error = ((found.mean - clean) ** 2).sum(1)[known]
    difference = error - t * found.eigenvalues.sum(1)[known]
    assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(n)
    linear = ((family.gaussian(x, t).mean - clean) ** 2).sum(1)[known]
    assert linear.mean() > 1.02 * error.mean()
