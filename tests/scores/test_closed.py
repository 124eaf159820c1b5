"""Scores in closed form are their posteriors', and ask the data for no more than they need."""

from types import SimpleNamespace

import numpy as np

from scoregap import data
from scoregap.data import posteriors
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
