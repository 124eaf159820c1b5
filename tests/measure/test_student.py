"""Student's t against scipy's."""

import numpy as np
import pytest
from scipy.special import stdtrit

from scoregap import InputError
from scoregap.measure.student import half_width


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 6, 7, 10, 31, 100, 101, 4095])
def test_the_half_width_is_the_quantile(freedom):
    for confidence in (0.01, 0.5, 0.68, 0.9, 0.95, 0.99, 0.9999):
        assert half_width(freedom, confidence) == pytest.approx(stdtrit(freedom, 0.5 + confidence / 2), rel=1e-10)


def test_of_many_degrees_it_is_the_normal_laws():
    assert half_width(10**5, 0.95) == pytest.approx(1.959963985, rel=3e-5)


@pytest.mark.parametrize(("freedom", "confidence"), [(0, 0.9), (2.5, 0.9), (3, 1.0), (3, 0.0), (3, np.nan)])
def test_what_is_none_is_refused(freedom, confidence):
    with pytest.raises(InputError):
        half_width(freedom, confidence)
