"""The phase diagram: whose gap leads, where the law's boundaries are, what is drawn."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from tiny import edited
from two_groups import LAW, T, cell

from scoregap.analysis import phases
from scoregap.analysis.panels import Panel, numbered_axis
from scoregap.report.figures.phases import diagram
from scoregap.study import load


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_every_score_has_a_map_with_a_strip_per_value_and_the_boundaries(tmp_path):
    study = load(edited(tmp_path))
    widths = dict.fromkeys(("exact", "gaussian", "gated-8"), np.stack([LAW, LAW]))
    panels = [
        Panel({"curvature": c}, cell(widths, LAW, family="arcs", manifold_dim=2, curvature=c)) for c in (0.0, 0.5)
    ]
    assert numbered_axis(study) == "curvature"
    figure = diagram(study, phases.along(study, panels))
    figure.draw_without_rendering()
    maps = [ax for ax in figure.axes if ax.get_title()]
    assert [ax.get_title() for ax in maps] == ["law", "exact", "gaussian", "gated-8"]
    for ax in maps:
        strips = ax.collections
        assert len(strips) == 2
        for strip, place in zip(strips, (0, 1), strict=True):
            np.testing.assert_allclose(strip.get_array().ravel(), LAW[1] - LAW[0])
            ends = strip.get_datalim(ax.transData)
            assert (ends.y0, ends.y1) == (place - 0.5, place + 0.5)
            assert ends.x0 == pytest.approx(T[0])
            assert ends.x1 == pytest.approx(T[-1])
        assert len(ax.get_lines()) == 6
        assert ax.get_xlim()[0] < ax.get_xlim()[1]
    assert [text.get_text() for text in maps[0].get_yticklabels()] == ["0", "0.5"]
