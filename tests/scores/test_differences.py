"""Finite differences of a score are a score: its denoised points, and the Jacobian that they measure."""

import numpy as np
import pytest

from scoregap import InputError, data
from scoregap.measure import differences
from scoregap.scores.base import at_any_time
from scoregap.scores.closed import Exact
from scoregap.scores.differences import Differences

SPHERE = data.manifold("sphere", 5, [(3, 1.0)], curvature=1.0, seed=1)
T = np.array([0.01, 0.3, 5.0])
X = SPHERE.sample(np.random.default_rng(0), 3)[0] + 0.3


@pytest.mark.parametrize("method", list(differences.JACOBIANS))
def test_each_point_has_a_step_of_its_own_noise(method):
    exact = Exact(SPHERE)
    score = Differences(exact, method, 0.2)
    np.testing.assert_array_equal(score.denoise(X, T), exact.denoise(X, T))
    mean, jacobian = score.jacobian(X, T)
    np.testing.assert_array_equal(mean, exact.denoise(X, T))
    for i, t in enumerate(T):
        alone = differences.JACOBIANS[method](lambda x, t=t: exact.denoise(x, t), X[i : i + 1], t, 0.2)[0]
        np.testing.assert_allclose(jacobian[i], alone, atol=1e-13)
    assert np.abs(jacobian - exact.jacobian(X, T)[1]).max() > 1e-4


class Levels(Exact):
    """The exact score, which knows the noise variances 0.1 and 1 only."""

    def times(self, t):
        """The nearest of the two."""
        return np.where(np.asarray(t) < 0.3, 0.1, 1.0)


def test_differences_are_taken_at_the_noise_that_the_score_knows():
    score = Differences(Levels(SPHERE), "central", 0.2)
    np.testing.assert_array_equal(score.times(T), [0.1, 1.0, 1.0])
    np.testing.assert_array_equal(Differences(Exact(SPHERE), "central", 0.2).times(T), T)
    with pytest.raises(InputError, match="none of the noise variances that the model knows"):
        at_any_time(score, T, "spectrum.sampling")
