"""The forest plot: a line per metric, the worst at the top, nothing beyond the axis lost, and both verdicts."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest

from scoregap.regression.theory import Theory
from scoregap.regression.verdicts import Row
from scoregap.report.figures import forest

ROWS = [
    Row("far", "worse", difference=1.0, low=0.9, high=1.1, margin=0.1, p=1e-9),
    Row("back", "worse", difference=-0.5, low=-0.6, high=-0.4, margin=0.1, p=1e-9),
    Row("wide", "inconclusive", difference=0.05, low=-0.5, high=0.6, margin=0.1, p=0.4),
    Row("still", "same", difference=0.02, low=0.0, high=0.04, margin=0.1, p=0.4),
]
LINES = forest.against_baseline(ROWS)


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    forest.forest(ax, LINES, "what it is")
    yield ax
    plt.close(figure)


def texts(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_every_metric_has_its_line_in_order(ax):
    assert [text.get_text() for text in ax.get_yticklabels()] == ["far", "back", "wide", "still"]
    assert ax.get_ylim() == (3.5, -0.5)  # the first at the top
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["worse (2)", "inconclusive (1)", "same (1)"]


def test_points_and_intervals_are_in_margins_and_end_at_the_axis(ax):
    ends = {seg[0][1]: (seg[0][0], seg[1][0]) for one in ax.collections for seg in one.get_segments()}
    assert ends[0] == (3, 3)
    assert ends[2] == (-3, 3)
    assert ends[3] == pytest.approx((0, 0.4))
    points = {(line.get_marker(), y): x for line in ax.lines[1:] for x, y in zip(*line.get_data(), strict=True)}
    assert points == {(">", 0): 3, ("<", 1): -3, ("o", 2): pytest.approx(0.5), ("o", 3): pytest.approx(0.2)}


def test_only_the_worst_of_many_are_drawn_and_it_is_said(ax):
    ax.clear()
    forest.forest(ax, LINES[:1] * (forest.MOST + 5), "what it is")
    assert ax.get_title() == "not drawn: 5 more (5 worse), at +10.00 to +10.00 margins"


def test_what_is_near_the_margin_or_beyond_is_drawn_and_the_rest_counted():
    quiet = [forest.Line(f"quiet {i}", "agrees", 0.04 * i, 0.04 * i - 0.1, 0.04 * i + 0.1) for i in range(12)]
    shown = [
        forest.Line("beyond", "disagrees", -4.0, -5.0, -3.5),
        forest.Line("near", "agrees", 0.6, 0.5, 0.7),
        forest.Line("wide", "agrees", 0.1, -1.2, 0.4),
        forest.Line("unknown", "inconclusive", 0.2, float("nan"), float("nan")),
    ]
    assert forest.near(quiet + shown) == (shown, quiet)
    assert forest.near(quiet) == (quiet[: forest.FEW], quiet[forest.FEW :])
    assert forest.near(shown[2:]) == (shown[2:], [])
    figure, ax = plt.subplots()
    forest.forest(ax, quiet + shown, "")
    assert [text.get_text() for text in ax.get_yticklabels()] == ["beyond", "near", "wide", "unknown"]
    assert ax.get_title() == "not drawn: 12 more (12 agrees), at +0.00 to +0.44 margins"
    assert texts(ax) == ["-4.0"]  # beside its arrow
    plt.close(figure)
    said = "".join(one.get_gid() or "" for one in [*ax.lines, *ax.collections])
    assert "beyond: -4.00 [-5.00, -3.50] margins: disagrees" in said
    assert "unknown: +0.20 margins: inconclusive" in said


def test_numbers_of_closed_forms_are_drawn_where_they_are_worse():
    fixed = Row("fixed", "worse", difference=1.0, low=1.0, high=1.0, margin=0.1)
    rows = [Row("gone", "missing"), fixed, *ROWS, fixed._replace(name="quiet", verdict="same", difference=0.0)]
    assert [line.name for line in forest.against_baseline(rows)] == ["fixed", *(row.name for row in ROWS)]


def test_theory_is_drawn_the_farthest_first():
    rows = [
        Row("near", "same", theory=Theory("agrees", "agrees", 0.1, -0.2, 0.4)),
        Row("none", "same", theory=Theory("disagrees", "seen in 0, exact in 3")),
        Row("far", "same", theory=Theory("disagrees", "disagrees", -2.0, -3.0, -1.5)),
        Row("alone", "same", theory=Theory("inconclusive", "inconclusive", 0.5)),  # of one seed: no interval
    ]
    lines = forest.against_theory(rows)
    assert [line.name for line in lines] == ["far", "alone", "near"]
    assert lines[0] == ("far", "disagrees", -2.0, -3.0, -1.5)
    figure, ax = plt.subplots()
    forest.forest(ax, lines, "")
    drawn = sorted(segment[0][1] for one in ax.collections for segment in one.get_segments())
    assert drawn == [0, 2]
    plt.close(figure)


def test_where_there_is_no_baseline_it_is_said():
    figure = forest.draw(SimpleNamespace(baseline=None, rows=ROWS), "there is none")
    assert texts(figure.axes[0]) == ["no metric could be compared"]
    assert texts(figure.axes[1]) == ["there is none"]
    plt.close(figure)
    figure = forest.draw(SimpleNamespace(baseline=object(), rows=ROWS))
    assert len(figure.axes[1].get_yticklabels()) == len(ROWS)
    plt.close(figure)
