"""The longest plateau of n(t): by hand, its independence of the level of n, and where it has none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoregap import InputError
from scoregap.measure.plateau import plateau

GRID = np.geomspace(1e-4, 10, 26)


def resolved(t, variances, level=0.5):
    """n(t) of flat data: (T, 1)."""
    gains = np.asarray(variances) / (np.asarray(variances) + np.asarray(t)[:, None])
    return (gains > level).sum(1)[:, None]


def test_by_hand():
    t = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    n = np.array([[5, 5, 3, 3, 3, 0]]).T
    # Half intervals from above: 0 alone; 3 at 16, at 8, at 4 (3 has 2.5 then); 5 at 2 has 1; at 1 it has 1.5.
    np.testing.assert_array_equal(plateau(t, n)[:, 0], [3, 3, 3, 3, 3, 0])
    n = np.array([[5, 5, 5, 5, 3, 3]]).T  # from 8 up 3 is 1.5 long, 5 half; from 2 up 3 has 1.5, 5 has 2.5
    np.testing.assert_array_equal(plateau(t, n)[:, 0], [5, 5, 5, 3, 3, 3])


def test_of_flat_data_it_is_the_dimension_once_the_grid_has_seen_more_of_it_than_of_any_group():
    """4 of variance 1 and 4 of .01: between the two 4 are resolved for a factor of 100, below them 8."""
    found = plateau(GRID, resolved(GRID, [1.0] * 4 + [0.01] * 4))[:, 0]
    assert found[-1] == 0
    assert found[np.searchsorted(GRID, 0.1)] == 4
    assert found[np.searchsorted(GRID, 1e-3)] == 4  # 8 for a decade only
    assert plateau(np.geomspace(1e-6, 10, 61), resolved(np.geomspace(1e-6, 10, 61), [1] * 4 + [0.01] * 4))[0, 0] == 8


@given(st.lists(st.floats(-6, 1), min_size=1, max_size=6), st.floats(0.05, 0.95))
def test_the_level_of_n_shifts_the_grid_and_changes_nothing(logs, level):
    """Of flat data: an eigenvalue passes `level` at gamma (1 - level) / level, all at the same distance in log t."""
    variances = 10 ** np.array(logs)
    half = plateau(GRID, resolved(GRID * 1.0000001, variances))
    shifted = GRID * (1 - level) / level
    np.testing.assert_array_equal(plateau(shifted, resolved(shifted * 1.0000001, variances, level)), half)


def test_points_are_read_alone_and_what_is_unknown_is_so_from_there_up():
    n = np.array([[2, 7, 1], [2, np.nan, 1], [2, 7, 0], [0, 7, 0]])
    t = np.array([0.1, 0.2, 0.2, 0.4])  # a model of few levels may be asked at the same one twice
    np.testing.assert_array_equal(plateau(t, n), [[2, np.nan, 1], [2, np.nan, 1], [2, 7, 0], [0, 7, 0]])


def test_one_noise_variance_has_its_own_number():
    np.testing.assert_array_equal(plateau([0.3], [[3, 0]]), [[3, 0]])


def test_times_do_not_descend():
    with pytest.raises(InputError, match=r"t: .* should not descend"):
        plateau([0.2, 0.1], [[1], [1]])
