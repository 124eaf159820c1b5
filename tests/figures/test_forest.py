"""The forest plot: a line per metric that scatters, the worst at the top, nothing beyond the axis lost."""

import matplotlib.pyplot as plt
import pytest

from scoregap.figures import forest
from scoregap.gate import Row

ROWS = [
    Row("far", "worse", difference=1.0, low=0.9, high=1.1, margin=0.1, p=1e-9),
    Row("back", "worse", difference=-0.5, low=-0.6, high=-0.4, margin=0.1, p=1e-9),
    Row("wide", "inconclusive", difference=0.05, low=-0.5, high=0.6, margin=0.1, p=0.4),
    Row("still", "same", difference=0.02, low=0.0, high=0.04, margin=0.1, p=0.4),
]


@pytest.fixture
def ax():
    figure = forest.forest(ROWS)
    yield figure.axes[0]
    plt.close(figure)


def test_every_metric_has_its_line_in_order(ax):
    assert [text.get_text() for text in ax.get_yticklabels()] == ["far", "back", "wide", "still"]
    assert ax.get_ylim() == (3.5, -0.5)  # the first at the top


def test_points_and_intervals_are_in_margins_and_end_at_the_axis(ax):
    ends = {seg[0][1]: (seg[0][0], seg[1][0]) for one in ax.collections for seg in one.get_segments()}
    assert ends[0] == (3, 3)
    assert ends[2] == (-3, 3)
    assert ends[3] == pytest.approx((0, 0.4))
    points = {(line.get_marker(), y): x for line in ax.lines[1:] for x, y in zip(*line.get_data(), strict=True)}
    assert points == {(">", 0): 3, ("<", 1): -3, ("o", 2): pytest.approx(0.5), ("o", 3): pytest.approx(0.2)}


def test_only_the_worst_of_many_are_drawn_and_it_is_said():
    figure = forest.forest([ROWS[0]] * (forest.MOST + 5))
    assert f"the worst {forest.MOST} of {forest.MOST + 5}" in figure.axes[0].get_title()
    plt.close(figure)


class Report:
    """What `draw` reads of a report."""

    def __init__(self, study, rows):
        self.study, self.rows = study, rows


def test_numbers_of_closed_forms_are_drawn_where_they_are_worse(tiny, tmp_path, monkeypatch):
    from scoregap.study import load

    drawn = []
    monkeypatch.setattr(forest, "forest", lambda rows: drawn.append(rows) or plt.figure())
    fixed = Row("fixed", "worse", difference=1.0, low=1.0, high=1.0, margin=0.1)
    rows = [Row("gone", "missing"), fixed, *ROWS, fixed._replace(name="quiet", verdict="same", difference=0.0)]
    forest.draw(Report(load(tiny), rows), tmp_path / "f.svg")
    assert [row.name for row in drawn[0]] == ["fixed", *(row.name for row in ROWS)]
    forest.draw(Report(load(tiny), [Row("gone", "missing")]), tmp_path / "g.svg")
    assert len(drawn) == 1
    assert "no metric could be compared" in (tmp_path / "g.svg").read_text()
