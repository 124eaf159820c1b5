"""Small multiples: things are drawn where their values are, and no number, title or legend lies on another."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.patches import PathPatch

from scoregap.report.figures import styled
from scoregap.report.figures.multiples import Multiples, Scale

ENDS = st.tuples(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6)).map(lambda one: (one[0], one[0] + one[1]))
LOG_ENDS = st.tuples(st.floats(-9, 6), st.floats(0.05, 12)).map(lambda one: (10 ** one[0], 10 ** (one[0] + one[1])))


def scale(log, ends):
    found = Scale(log)
    found.see(ends)
    return found


@pytest.fixture(autouse=True)
def style():
    with styled():
        yield


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


def two_by_three(**options):
    figure = Multiples(2, 3, 2.0, logx=True, **options)
    t = np.geomspace(1e-3, 10, 40)
    for i, panel in enumerate(figure.each):
        panel.plot(t, np.sin(i + np.log(t)), label=f"a network called {i}", color="tab:blue", lw=1)
        panel.band(t, np.sin(i + np.log(t)) - 0.1, np.sin(i + np.log(t)) + 0.1, color="tab:red")
        panel.bars(t[:2], np.full(2, -1.5), np.full(2, 1.5), color="tab:green", lw=1)
        panel.title = f"panel {i}"
    for panel in figure.panels[:, 0]:
        panel.ylabel = "a label\nof two lines"
    return figure, t


def test_lines_and_bands_are_where_their_values_are():
    figure, t = two_by_three()
    figure.finish("title", "noise variance t")
    patches = [one for panel in figure.artists for one in panel.get_children() if isinstance(one, PathPatch)]
    for i, panel in enumerate(figure.each):
        clip = patches[4 * i].get_clip_box().transformed(figure.dpi_scale_trans.inverted())

        def values(patch, panel=panel, clip=clip):
            (x, y), ((x0, x1), (y0, y1)) = patch.get_path().vertices.T, (panel.x.ends, panel.y.ends)
            return x0 + (x - clip.x0) / clip.width * (x1 - x0), y0 + (y - clip.y0) / clip.height * (y1 - y0)

        band, line, bars, frame = patches[4 * i : 4 * i + 4]
        x, y = values(line)
        np.testing.assert_allclose(y, np.sin(i + x * np.log(10)), atol=0.02)
        assert x.min() == pytest.approx(-3)
        assert x.max() == pytest.approx(1)
        x, y = values(band)
        np.testing.assert_allclose(abs(y - np.sin(i + x * np.log(10))), 0.1, atol=1e-9)
        x, y = values(bars)
        np.testing.assert_allclose(np.unique(y.round(9)), [-1.5, 1.5])
        np.testing.assert_allclose(np.unique(x.round(9)), np.log10(t[:2]))
        assert frame.get_facecolor()[3] == 0


@pytest.mark.parametrize("y", ["all", "row", "none"])
@pytest.mark.parametrize("entries", [2, 40])
def test_no_text_lies_on_another_or_outside(y, entries):
    figure, t = two_by_three(y=y)
    for i in range(entries):
        figure.panels[0, 0].plot(t, t, label=f"one more network, {i}", color="black", lw=1)
    figure.finish(
        "a title that is long enough that it needs more than one line of the figure, " * 3, "noise variance t"
    )
    FigureCanvasAgg(figure).draw()
    width, height = figure.get_size_inches() * figure.dpi
    texts = [*figure.texts, *figure.legends[0].get_texts(), figure._suptitle]
    boxes = {id(one): one.get_window_extent() for one in texts if one.get_text()}
    for one in texts:
        if one.get_text():
            box = boxes[id(one)]
            assert 0 <= box.x0 <= box.x1 <= width, one
            assert 0 <= box.y0 <= box.y1 <= height, one
    for one, other in itertools.combinations([one for one in {id(t): t for t in texts}.values() if one.get_text()], 2):
        assert not boxes[id(one)].padded(-0.5).overlaps(boxes[id(other)].padded(-0.5)), (one, other)


def test_a_panel_in_which_nothing_is_drawn_says_so():
    figure, _ = two_by_three()
    empty = Multiples(1, 2, 2.0)
    empty.panels[0, 0].rule(y=1)
    empty.panels[0, 1].text(0.5, 0.5, "why")
    empty.finish("title", "x")
    assert [one.get_text() for one in empty.texts if one.get_text() in ("no result", "why")] == ["no result", "why"]
    assert "no result" not in [one.get_text() for one in figure.finish("title", "x").texts]


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
