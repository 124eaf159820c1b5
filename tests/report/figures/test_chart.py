"""The figure of a large study: a map for every score and phase time, whatever has no result."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import colormaps
from tiny import edited

from scoregap.analysis.verdicts import Detail
from scoregap.report import figures
from scoregap.report.figures import chart
from scoregap.study import load

MANY = [round(0.01 * i, 2) for i in range(1, 41)]


def frame_of(ratios):
    rows = [
        {"family": "arcs", "ambient_dim": 8, "manifold_dim": 2, "curvature": c, "network": "gated-8", "gap": 0,
         "quantity": "t_max", "verdict": "agrees" if abs(ratio - 1) < 0.1 else "disagrees", "ratio": ratio,
         "margin": 0.1, "by_seed": ""} | Detail()._asdict() | {"of": 2}
        for c, ratio in zip(MANY, ratios, strict=True)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_a_strip_has_the_colours_of_what_does_not_agree_and_of_how_far_it_is(tmp_path):
    study = load(edited(tmp_path, ("curvature: [0.0, 0.5]", f"curvature: {MANY}")))
    drawn = chart.overview(study, frame_of([1.01] * 20 + [1.3] * 20))
    missed, far = (drawn.panels[row, 0].drawn[0] for row in (1, 2))
    assert [one.kind for one in (missed, far)] == ["strip", "strip"]
    shades = colormaps["YlOrRd"]
    np.testing.assert_allclose(missed.style["colours"], [shades(0.0)] * 20 + [shades(1.0)] * 20)
    np.testing.assert_allclose(far.style["colours"][-1], colormaps["RdBu_r"](1.0))
    text = figures.picture(drawn).decode()
    for said in ("t_max[0]", "gated-8:", "do not agree", "distance, margins", "Where theory is missed"):
        assert said in text


@pytest.mark.parametrize("verdict", ["not testable", ""])
def test_where_nothing_is_judged_it_says_so(tmp_path, verdict):
    study = load(edited(tmp_path, ("curvature: [0.0, 0.5]", f"curvature: {MANY}")))
    text = figures.picture(chart.overview(study, frame_of([1.0] * 40).assign(verdict=verdict))).decode()
    assert "can be compared with the exact score" in text
