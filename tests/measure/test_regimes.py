"""The pieces of n(t): exact on curves of the model, in any units and however many there are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoregap import InputError
from scoregap.measure.regimes import STEPS, regimes

T = np.geomspace(1e-3, 30, 32)
LOGS = np.log10(T)


def pieces(begin, turn, rise, slow, t=T):
    logs = np.log10(t)
    return rise * np.clip(begin - logs, 0, begin - turn) + slow * np.clip(turn - logs, 0, None)


@given(
    begin=st.integers(15 * STEPS, 29 * STEPS), steps=st.integers(6 * STEPS, 10 * STEPS),
    rise=st.floats(1, 300), share=st.floats(-0.5, 0.8),
)  # fmt: skip
def test_a_curve_of_the_model_gives_it_back(begin, steps, rise, share):
    place = np.interp(np.array([begin, begin - steps]) / STEPS, np.arange(len(T)), LOGS)
    found = regimes(T, pieces(*place, rise, share * rise))
    assert np.log10([found.begin, found.turn]) == pytest.approx(place, abs=1e-9)
    assert (found.rise, found.slow) == pytest.approx((rise, share * rise), rel=1e-6, abs=1e-6)
    assert found.share == pytest.approx(share, abs=1e-6)
    assert found.misfit < 1e-5 * rise


def test_many_curves_at_once_and_what_is_not_known():
    one, two = pieces(0.5, -1.2, 100, 20), pieces(-0.2, -1.5, 30, 3)
    found = regimes(T, np.stack([[one, np.zeros(32)], [np.where(T < 1, one, np.nan), two]]))
    assert found.begin.shape == (2, 2)
    np.testing.assert_array_equal(np.isfinite(found.rise), [[True, False], [False, True]])
    for i, curve in (((0, 0), one), ((1, 1), two)):
        alone = regimes(T, curve)
        assert [float(each[i]) for each in found] == pytest.approx([float(each) for each in alone])
    other = regimes(100 * T, one)  # the unit of t is none of its business
    assert other.begin == pytest.approx(100 * found.begin[0, 0])
    assert other.rise == pytest.approx(found.rise[0, 0])


def test_a_few_times_are_refused():
    with pytest.raises(InputError, match="should be 8 noise variances or more"):
        regimes(T[:7], np.ones(7))
