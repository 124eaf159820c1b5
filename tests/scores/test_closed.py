"""Scores in closed form are their posteriors', and ask the data for no more than they need."""

from types import SimpleNamespace

import numpy as np

from scoregap import data
from scoregap.data import posteriors
from scoregap.measure import agreement
from scoregap.scores import Source
from scoregap.scores.closed import Empirical, Exact, Gaussian

D, T = 6, np.array([0.01, 0.3, 5.0])
SPHERE = data.manifold("sphere", D, [(3, 1.0)], curvature=1.0, seed=1)
X = SPHERE.sample(np.random.default_rng(0), 3)[0] + 0.3


def test_each_score_is_of_its_posterior():
    points = SPHERE.sample(np.random.default_rng(1), 7)[0]
    expected = [
        (Exact(SimpleNamespace(exact=SPHERE.exact)), SPHERE.exact(X, T)),
        (Gaussian(SimpleNamespace(principal_axes=SPHERE.principal_axes)), SPHERE.gaussian(X, T)),
        (Empirical.of(Source(None, lambda: points, None)), posteriors.empirical(X, T, points)),
    ]
    for score, known in expected:
        np.testing.assert_array_equal(score.denoise(X, T), known.mean)
        np.testing.assert_array_equal(score.jacobian(X, T)[1], known.jacobian)
        found = score.local(X, T, 2)
        np.testing.assert_array_equal(found.eigenvalues, known.spectrum() - 1)
        np.testing.assert_array_equal(found.vectors, known.leading(2))
    assert len({score.denoise(X, T).tobytes() for score, _ in expected}) == 3


def test_singular_values_are_absolute_eigenvalues_in_order():
    """Eigenvalues of t J on both sides of 0: G of far points of a mixture exceeds 1."""
    mixture = data.manifold("mixture", D, [(1, 0.1), (2, 0.1)], separation=8.0)
    x = mixture.means.mean(0)[None]
    found = Exact(mixture).local(x, 0.1)
    assert found.eigenvalues[0, 0] > 0 > found.eigenvalues[0, -1]
    np.testing.assert_allclose(found.singular_values[0], np.sort(np.abs(found.eigenvalues[0]))[::-1])


def test_eigenvectors_of_training_points_are_made_only_if_they_are_asked_for(monkeypatch):
    """They take longer than all else, and a study asks for sketches and quadratic forms at every point."""
    points = SPHERE.sample(np.random.default_rng(1), 7)[0]
    score, directions = Empirical.of(Source(None, lambda: points, None)), np.eye(D)[:, 1:4]
    frames = agreement.frames(np.random.default_rng(0), D)
    expected = score.local(X, T, 1, frames, directions, shares=True)
    vectors, made = expected.vectors, posteriors.np.linalg.eigvalsh
    calls = []
    monkeypatch.setattr(posteriors.np.linalg, "eigh", lambda matrix: calls.append("vectors"))
    monkeypatch.setattr(posteriors.np.linalg, "eigvalsh", lambda matrix: calls.append("values") or made(matrix))
    found = score.local(X, T, 0, frames, directions)
    assert calls == ["values"]
    np.testing.assert_array_equal(found.sketch, expected.sketch)
    np.testing.assert_array_equal(found.along, expected.along)
    jacobian = score.jacobian(X, T)[1]
    np.testing.assert_allclose(found.along, np.stack([np.diag(one)[1:4] for one in jacobian]), rtol=1e-12, atol=1e-30)
    rows = (jacobian @ vectors)[..., 0]
    np.testing.assert_allclose(rows, (1 + found.eigenvalues[:, :1]) * vectors[..., 0], atol=1e-12)
