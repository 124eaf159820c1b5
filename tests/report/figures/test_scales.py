"""Scales: numbers stand where their values are, whatever is drawn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoregap.report.figures.scales import Scale

ENDS = st.tuples(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6)).map(lambda one: (one[0], one[0] + one[1]))
LOG_ENDS = st.tuples(st.floats(-9, 6), st.floats(0.05, 12)).map(lambda one: (10 ** one[0], 10 ** (one[0] + one[1])))


def scale(log, ends):
    found = Scale(log)
    found.see(ends)
    return found


@given(st.one_of(ENDS.map(lambda ends: scale(False, ends)), LOG_ENDS.map(lambda ends: scale(True, ends))))
def test_every_axis_has_ticks_that_say_where_they_are(one):
    ticks = one.ticks()
    said = [(place, text) for place, text in ticks if text]
    assert len(said) >= 2
    assert len(ticks) <= 14
    places = [place for place, _ in ticks]
    assert places == sorted(places)
    assert all(-1e-6 <= place <= 1 + 1e-6 for place in places)
    plain = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    for place, text in said:
        value = 10.0 ** int(text[2:].translate(plain)) if text[2:].translate(plain) != text[2:] else float(text)
        assert one.place(value) == pytest.approx(place, abs=1e-4)


def test_of_few_powers_of_ten_each_has_its_number_and_of_many_each_a_tick():
    few, many = scale(True, (1e-4, 30)).ticks(), scale(True, (1e-9, 1e5)).ticks()
    assert [text for _, text in few] == ["10⁻⁴", "10⁻³", "10⁻²", "10⁻¹", "10⁰", "10¹"]
    assert len(many) == 15
    assert 3 <= sum(bool(text) for _, text in many) <= 6


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("values", [[], [np.nan, np.inf], [2.0], [3e-5, 3e-5], [0.3, 0.1 + 0.2]])
def test_a_scale_of_one_value_or_none_has_room(log, values):
    low, high = scale(log, values).ends
    assert np.isfinite([low, high]).all()
    assert low < high
    assert len(scale(log, values).ticks()) >= 2


def test_what_is_not_positive_is_nowhere_on_a_logarithm():
    scale = Scale(log=True, limits=(1, 100))
    np.testing.assert_allclose(scale.place([1, 10, 100, 0, -3]), [0, 0.5, 1, np.nan, np.nan])
