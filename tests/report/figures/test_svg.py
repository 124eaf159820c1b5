"""Figures as SVG: things are where matplotlib draws them, and answer a pointer."""

import re
import xml.etree.ElementTree as ET

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.path import Path

from scoregap.report.figures import styled, svg
from scoregap.report.figures.multiples import Multiples

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def style():
    with styled():
        yield
    plt.close("all")


def parsed(figure):
    return ET.fromstring(svg.picture(figure))


def read(data):
    """The points of the data of a path, (n, 2) for each of its parts."""
    found, at = [], np.zeros(2)
    for command, numbers in re.findall(r"([Mlqcz])([-\d ]*)", data):
        points = np.array([int(one) for one in re.findall(r"-?\d+", numbers)]).reshape(-1, 2)
        if command == "M":
            at = points[0]
            found.append([at])
        elif command == "l":
            found[-1] += list(at + np.cumsum(points, axis=0))
            at = found[-1][-1]
        elif command in "qc":
            found[-1] += list(at + points)
            at = found[-1][-1]
    return [np.array(one) for one in found]


POINTS = st.lists(st.tuples(st.integers(-3000, 3000), st.integers(-3000, 3000)), min_size=2, max_size=30)


@given(st.lists(POINTS, min_size=1, max_size=3))
def test_a_path_is_told_to_a_tenth_of_a_point_however_many_parts_it_has(parts):
    """No error adds up along it: the last point is where it should be."""
    parts = [np.array(one) / 7 for one in parts]
    shown = read(svg.written(Path.make_compound_path(*map(Path, parts)), ()))
    wanted = [np.rint(one).astype(int) for one in parts]
    wanted = [one[np.r_[True, (np.diff(one, axis=0) != 0).any(1)]] for one in wanted]  # a point that stays is left out
    wanted = [one for one in wanted if len(one) > 1]
    assert len(shown) == len(wanted)
    for one, other in zip(shown, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


def test_curves_are_kept_as_curves():
    circle = svg.written(Circle((0, 0), 100).get_path().transformed(Circle((0, 0), 100).get_patch_transform()), ())
    (points,) = read(circle)
    assert "c" in circle
    assert circle.endswith("z")
    np.testing.assert_allclose(np.hypot(*points[::3].T), 100, atol=1)


def test_a_line_is_where_its_values_are_and_cut_off_at_its_axes():
    figure = Figure(figsize=(5, 3), layout="none")
    ax = figure.add_axes((0.2, 0.2, 0.6, 0.6))
    ax.plot([0, 1, 2], [0, 1, 0.5], color="#123456")
    ax.set(xlim=(0, 2), ylim=(0, 2))
    root = parsed(figure)
    assert root.get("viewBox") == "0 0 3600 2160"
    (name,) = re.findall(r"\.(s\d+){fill:none;stroke:#123456", root.find(f"{SVG}style").text)
    (axes,) = [
        one for one in root.iter(f"{SVG}svg") if one is not root and one.find(f"{SVG}path[@class='{name}']") is not None
    ]
    assert [axes.get(key) for key in ("x", "y", "width", "height")] == ["720", "432", "2160", "1296"]
    (line,) = read(axes.find(f"{SVG}path[@class='{name}']").get("d"))
    np.testing.assert_allclose(line, [[0, 1296], [1080, 648], [2160, 972]], atol=1)


def test_the_same_figure_gives_the_same_bytes_and_stays_as_it_was():
    figure, ax = plt.subplots()
    ax.plot([0, 1], [0, 1])
    canvas, dpi = figure.canvas, figure.dpi
    assert svg.picture(figure) == svg.picture(figure)
    assert (figure.canvas, figure.dpi) == (canvas, dpi)


def titled(root):
    return [one.text for one in root.iter(f"{SVG}title")]


def test_marks_and_lines_are_told_one_by_one_and_lead_to_the_report():
    figure = Figure()
    ax = figure.subplots()
    (marks,) = ax.plot([0, 1, 2], [2, 1, 0], "o", ls="")
    svg.told(marks, "first", "a < b", "third\nof two lines", links=["x-1", "x-2", "x-3"])
    (line,) = ax.plot([0, 2], [1, 1], ls=":")
    svg.told(line, "the line")
    svg.told(ax.hlines([0, 1], 0, 1), "low", "high")
    root = parsed(figure)
    assert sorted(titled(root)) == ["a < b", "first", "high", "low", "the line", "third of two lines"]
    assert [one.get("href") for one in root.iter(f"{SVG}a")] == [f"../report.html#x-{i}" for i in (1, 2, 3)]
    page = svg.inside(svg.picture(figure), "a-name")
    assert re.findall(r'<a href="([^"]+)"', page) == ["#x-1", "#x-2", "#x-3"]
    ids, used = re.findall(r' id="([^"]+)"', page), re.findall(r'<use [^>]*href="#([^"]+)"', page)
    ids += re.findall(r'<path id="([^"]+)"', page)
    assert set(used) <= set(ids)
    assert all(one.startswith("a-name-") for one in used)


def test_panels_are_led_to_by_their_anchors():
    figure = Multiples(1, 3, 2.0)
    for panel, anchor in zip(figure.each, ("m-4", "m-8.1", ""), strict=True):
        panel.plot([0, 1], [0, 1], label="a curve", color="red")
        panel.anchor, panel.about = anchor, f"where {anchor or 'nothing varies'}"
    drawn = svg.picture(figure.finish("title", "noise variance t"))
    assert svg.anchors(drawn) == {"m-4", "m-8.1"}
    wanted = [f"a curve: 0 at t 0, 1 at t 1 · where {one}" for one in ("m-4", "m-8.1", "nothing varies")]
    assert titled(ET.fromstring(drawn)) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (r"$\mathdefault{10^{-3}}$", "10⁻³"), (r"$\mathdefault{2\times10^{1}}$", "2×10¹"),
        (r"$\mathdefault{-10^{2}}$", "−10²"),
        ("$-5$", "−5"), (r"$\frac{1}{2}$", None), ("$a_b$", None),
    ],
)  # fmt: skip
def test_powers_are_text_and_other_formulas_are_drawn(text, wanted):
    assert svg.plain(text) == wanted


def test_formulas_images_texts_and_markers_are_all_drawn():
    figure, ax = plt.subplots()
    ax.imshow(np.arange(6.0).reshape(2, 3))
    ax.set_title(r"$\frac{1}{2} & x$")
    ax.set_xlabel("a <b> & c")
    ax.scatter([0, 1], [0, 1], c=["red", "blue"])
    ax.errorbar([0, 1], [0, 1], [0.1, 0.2], capsize=2)
    ax.set_yscale("symlog")
    root = parsed(figure)
    (image,) = root.iter(f"{SVG}image")
    assert image.get("href").startswith("data:image/png;base64,")
    assert "a <b> & c" in [one.text for one in root.iter(f"{SVG}text")]
    assert len(list(root.iter(f"{SVG}use"))) >= 2
