"""The phase diagram: whose gap leads, where the law's boundaries are, what is drawn."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib import colormaps
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
    assert [panel.title for panel in figure.each] == ["law", "exact", "gaussian", "gated-8"]
    half = (T[1] / T[0]) ** 0.5
    for panel in figure.each:
        strips = [one for one in panel.drawn if one.kind == "strip"]
        assert len(strips) == 2
        for strip, place in zip(strips, (0, 1), strict=True):
            np.testing.assert_allclose(strip.style["colours"], colormaps["RdBu_r"]((LAW[1] - LAW[0] + 1) / 2))
            assert tuple(strip.y) == (place - 0.5, place + 0.5)
            np.testing.assert_allclose(strip.x, (T[0] / half, T[-1] * half))
        assert len(panel.lines) == 6
    assert [text for _, text in figure.panels[0, 0].y.ticks()] == ["0", "0.5"]
