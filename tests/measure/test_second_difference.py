"""The cliff of singular values: by hand, against the authors' way of counting, and on exact scores."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoregap import InputError, data
from scoregap.measure.second_difference import DISCARDED, MULTIPLE, second_difference


def scores_of(values, seed=0, count=4):
    """Score vectors (K, d) with these centred singular values, and a mean."""
    rng, d = np.random.default_rng(seed), len(values)
    rows = rng.standard_normal((count * d, d))
    left = np.linalg.qr(rows - rows.mean(0))[0]  # columns whose mean is 0
    right = np.linalg.qr(rng.standard_normal((d, d)))[0]
    return (left * values) @ right.T + 5 * rng.standard_normal(d)


@given(st.integers(7, 29), st.floats(0.0, 0.4), st.integers(0, 9))
def test_what_is_below_a_step_is_the_dimension(normal, low, seed):
    """30 singular values, `normal` of them high, all but equal; the authors' notebook has one more."""
    places = np.arange(30)
    values = np.where(places < normal, 1.0, low) + 0.05 - 1e-3 * places + 1e-4 * (-1.0) ** places
    assert second_difference(scores_of(values, seed)) == 30 - normal
    sizes = np.abs(np.diff(values[DISCARDED:], n=2))
    first = np.flatnonzero(sizes > MULTIPLE * np.median(sizes))[0]
    assert 30 - (first + 1 + DISCARDED) == 30 - normal + 1


def test_against_loops():
    rng, found = np.random.default_rng(0), []
    scores = rng.standard_normal((6, 60, 20)) * np.r_[np.full(12, 3.0), np.full(8, 0.2)] + 7
    for one in scores:
        centred = one - one.mean(0)
        values = np.sqrt(np.linalg.eigvalsh(centred.T @ centred))[::-1]
        sizes = [abs(values[i - 1] - 2 * values[i] + values[i + 1]) for i in range(6, 19)]
        above = [i for i, size in zip(range(6, 19), sizes, strict=True) if size > 10 * np.median(sizes)]
        found.append(20 - (above[0] + 1) if above else 20)
    np.testing.assert_array_equal(second_difference(scores), found)
    assert 8 in found
    assert len(set(found)) > 1  # values that scatter, as of independent draws, are cliffs now and then


def test_no_cliff_is_no_normal_direction():
    assert second_difference(scores_of(np.linspace(2, 1, 20) ** 2)) == 20


def test_what_is_unknown():
    scores = np.stack([scores_of(np.r_[np.ones(10), np.zeros(10)])] * 2)
    scores[1, 3, 2] = np.nan
    np.testing.assert_array_equal(second_difference(scores), [10, np.nan])
    assert np.isnan(second_difference(scores_of(np.ones(8))))  # three differences, with nothing to judge them by
    assert second_difference(scores_of(np.r_[np.ones(4), np.zeros(4)]), discarded=0) == 4
    with pytest.raises(InputError, match="K at least d"):
        second_difference(np.zeros((3, 9)))


def on_the_sphere(m, directions, t):
    """Score vectors (K, d) of the m-sphere in R^100 along directions (K, d), to both sides, times sqrt(t)."""
    sphere = data.manifold("sphere", 100, [(m, 1.0)], curvature=1.0)
    clean, _ = sphere.sample(np.random.default_rng(0), 1)
    above, below = (clean + np.sqrt(t) * sign * directions for sign in (1, -1))
    return tuple((sphere.exact(one, t).mean - one) / np.sqrt(t) for one in (above, below))


@pytest.mark.parametrize("t", [1e-4, 1e-2])
def test_on_spheres(t):
    """Right where most directions are normal; where half are tangent, whose values hardly scatter at small t, the
    median is theirs, and any scatter of normal ones is a cliff."""
    for m in (10, 50):
        found = [second_difference(on_the_sphere(m, np.random.default_rng(s).standard_normal((400, 100)), t)[0])
                 for s in range(9)]  # fmt: skip
        if m == 10 or t == 1e-2:
            assert abs(np.median(found) - m) <= 0.5
        else:
            assert min(found) > 80


def test_without_scatter_the_first_value_that_rounding_moves_is_a_cliff():
    """Symmetrised along orthonormal directions: the radial one is the 90th normal direction, and a little smaller."""
    above, below = on_the_sphere(10, np.linalg.qr(np.random.default_rng(1).standard_normal((100, 100)))[0], 0.01)
    values = np.linalg.svd((above - below) / 2, compute_uv=False)
    assert values[89] > 0.9 > 0.1 > values[90]
    assert abs(second_difference((above - below) / 2) - 10) > 0.5
