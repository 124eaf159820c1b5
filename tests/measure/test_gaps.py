"""Gap widths and blind gap detection on spectra made by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoregap.measure import gaps


def spectrum(t, variances, d):
    """Eigenvalues of t J of the linear model, (times, d) descending."""
    values = np.zeros(d)
    values[: len(variances)] = variances
    t = np.atleast_1d(t)[:, None]
    return values / (values + t) - 1


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    normal=st.integers(0, 3),
    levels=st.lists(st.floats(-1, 0), min_size=4, max_size=4, unique=True),
)
def test_widths_of_prescribed_steps(sizes, normal, levels):
    levels = np.sort(levels)[::-1][: len(sizes)]
    values = np.concatenate([np.repeat(levels, sizes), np.full(normal, -1.0)])
    found = gaps.widths(values[None, None], np.cumsum(sizes))
    assert found.shape == (1, 1, len(sizes))
    np.testing.assert_allclose(found[0, 0], levels - np.append(levels[1:], -1.0), atol=1e-15)


def test_widths_of_the_linear_model():
    t = np.array([0.01, 0.5, 20.0])
    values = spectrum(t, [4.0, 3.0, 0.2, 0.1], 6)
    expected = np.stack([3 / (3 + t) - 0.2 / (0.2 + t), 0.1 / (0.1 + t)], -1)
    np.testing.assert_allclose(gaps.widths(values, (2, 4)), expected)
    np.testing.assert_allclose(gaps.widths(values[:, :4], (2, 4)), expected)  # m = d: the floor is at -1


def test_widths_may_be_negative_of_nothing():
    """A network's normal directions below -1 leave a wider gap; with m = d one below -1 gives a negative one."""
    np.testing.assert_allclose(gaps.widths(np.array([-0.2, -1.1]), (1, 2)), [0.9, -0.1])


def blind(values, visibility=0.3):
    return gaps.blind(np.atleast_2d(np.asarray(values, float)), visibility)


def test_no_gap():
    dimension, count, overall, counts = blind([-0.98, -0.99, -1.0])
    assert (dimension.tolist(), count.tolist(), overall, counts) == ([0], [0], 0, 0)


def test_one_gap_and_several():
    values = [[-0.5, -0.55, -0.9, -0.95, -1.0], [-0.1, -0.1, -0.4, -0.45, -1.0], [0.0, -0.01, -0.05, -0.05, -1.0]]
    dimension, count, overall, counts = blind(values)
    np.testing.assert_array_equal(dimension, [2, 4, 4])
    np.testing.assert_array_equal(count, [1, 2, 1])
    assert (overall, counts) == (4, 2)


def test_dimension_overall_needs_a_gap_wider_than_half():
    assert blind([-0.5, -1.0, -1.0])[2] == 0
    assert blind([-0.49, -1.0, -1.0])[2] == 1
    # An intermediate gap is dominant earlier, the final one later: the larger number of modes counts.
    assert blind([[-0.3, -0.9, -1.0], [-0.05, -0.2, -1.0]])[2] == 2
    # A visible gap below it that is never so wide does not.
    assert blind([[-0.1, -0.7, -1.0], [-0.1, -0.7, -1.0]])[2] == 1


def test_visibility_is_inclusive():
    dimension, count, _, _ = blind([0.0, -0.25, -0.25, -1.0], 0.25)
    assert (dimension[0], count[0]) == (3, 2)
    dimension, count, _, _ = blind([-0.75, -1.0], 0.25)
    assert (dimension[0], count[0]) == (1, 1)
    assert blind([-0.75, -1.0], 0.2500001)[0] == 0


def test_full_dimension():
    """m = d: no normal direction, the gap is to the noise."""
    dimension, count, overall, _ = blind([[-0.1, -0.15], [-0.95, -0.99]])
    np.testing.assert_array_equal(dimension, [2, 0])
    np.testing.assert_array_equal(count, [1, 0])
    assert overall == 2


@pytest.mark.parametrize(
    ("variances", "d"), [([1.0] * 3, 10), ([1.0] * 2 + [0.01] * 3, 10), ([1.0, 0.05, 0.001], 3), ([2.0], 1)]
)
def test_phases_of_the_linear_model(variances, d):
    """Blind: nothing at large t, the groups in turn, at the end the manifold dimension."""
    t = np.geomspace(1e-6, 1e4, 200)
    dimension, count, overall, counts = gaps.blind(spectrum(t, variances, d), 0.3)
    sizes = np.cumsum(np.unique(variances, return_counts=True)[1][::-1])
    assert dimension[0] == overall == len(variances)
    assert (dimension[-1], count[-1], count[0]) == (0, 0, 1)
    assert counts == len(sizes)
    assert set(dimension) == {0, *sizes.tolist()}
    assert np.all(np.diff(dimension) <= 0)
