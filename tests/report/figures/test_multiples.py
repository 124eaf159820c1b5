"""Small multiples: scales and their ticks, who shares them, and what is drawn where."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from matplotlib.patches import PathPatch

from scoregap.report.figures.multiples import Multiples, Scale


@given(low=st.floats(-1e6, 1e6), span=st.floats(1e-3, 1e6))
def test_ticks_of_numbers_are_where_their_texts_say(low, span):
    scale = Scale()
    scale.see([low, low + span])
    ticks = scale.ticks()
    assert 2 <= len(ticks) <= 7
    for place, text in ticks:
        assert -1e-6 <= place <= 1 + 1e-6
        assert scale.place([float(text)])[0] == pytest.approx(place, abs=1e-3 + 1e-5 * abs(low) / span)


@given(low=st.floats(-12, 6), decades=st.floats(2, 12))
def test_ticks_of_many_decades_are_powers_of_ten(low, decades):
    scale = Scale(log=True)
    scale.see([10**low, 10 ** (low + decades)])
    ticks = scale.ticks()
    assert 1 <= len(ticks) <= 7
    assert all(text.startswith("10") for _, text in ticks)
    places = [place for place, _ in ticks]
    assert np.ptp(np.diff(places)) < 1e-9 if len(places) > 2 else True


def test_what_is_not_positive_is_nowhere_on_a_logarithm():
    scale = Scale(log=True, limits=(1, 100))
    np.testing.assert_allclose(scale.place([1, 10, 100, 0, -3]), [0, 0.5, 1, np.nan, np.nan])


def test_panels_that_share_an_axis_have_one_scale():
    figure = Multiples(2, 2, 2.0, x="col", y="row")
    for k, panel in enumerate(figure.each):
        panel.plot([k, k + 1], [10 * k, 10 * k + 1], color="red")
    (a, b), (c, d) = figure.panels
    assert a.x is c.x
    assert a.x is not b.x
    assert a.y is b.y
    assert a.y is not d.y
    assert a.x.ends[0] < 0 < 3 < c.x.ends[1] + 1e-9
    assert d.y.ends[1] > 31


def test_lines_are_where_their_numbers_are(tmp_path):
    """In the SVG: the ends of a line are the corners of the panel that they are limits of."""
    figure = Multiples(1, 1, 2.0)
    (panel,) = figure.each
    panel.x.limits, panel.y.limits = (0, 1), (0, 1)
    panel.plot([0, 0.5, 1], [0, 0.9, 1], color="#123456", label="a line")
    panel.bars([0.5], [0.2], [0.8], color="#654321")
    figure.finish("a title", "x")
    figure.savefig(tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    assert "#123456" in text
    assert "#654321" in text
    drawn = {to_hex(one.get_edgecolor()): one.get_path().vertices for one in figure.findobj(PathPatch)}
    low, middle, high = (drawn["#123456"][i] for i in (0, 1, -1))
    np.testing.assert_allclose((middle - low) / (high - low), [0.5, 0.9], atol=1e-6)
