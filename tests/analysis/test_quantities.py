"""What claims are about: boundaries against closed forms."""

import numpy as np
import pytest

from scoregap.analysis import quantities
from scoregap.laws import times

T = np.geomspace(1e-4, 1e3, 400)


@pytest.mark.parametrize(("a", "b", "g"), [(4.0, 0.25, 0.05), (1.0, 0.01, 0.002), (2.0, 0.3, 0.3)])
def test_boundaries_are_those_of_the_closed_form(a, b, g):
    """Linear interpolation on this grid of .04 in ln t is good to 1e-3."""
    widths = np.stack([times.gap_width(T, a, b), g / (T + g)])[None]
    found = quantities.boundaries(T, widths, 0.1)
    assert found["coverage_begins"] == pytest.approx(times.visible(a, b, 0.1)[0], rel=1e-3)
    assert found["coverage_ends"] == pytest.approx(times.coverage_to_consolidation(a, b, g), rel=1e-3)


def test_boundaries_that_are_not_there_are_nan():
    never = np.stack([np.full_like(T, 0.05), 1 / (1 + T)])[None]
    found = quantities.boundaries(T, never, 0.1)
    assert np.isnan([found["coverage_begins"], found["coverage_ends"]]).all()
    early = np.stack([times.gap_width(T, 4.0, 0.25), 5 / (5 + T)])[None]  # the final gap leads from the start
    assert np.isnan(quantities.boundaries(T, early, 0.1)["coverage_ends"]).all()
    beyond = np.stack([times.gap_width(T, 1e9, 1.0), 1e-9 / (T + 1e-9)])[None]  # visible at all of the grid above
    assert np.isnan(quantities.boundaries(T, beyond, 0.1)["coverage_begins"]).all()
