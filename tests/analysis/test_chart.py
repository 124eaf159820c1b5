"""The map of a large study: every judged phase time is in one place of it."""

import numpy as np
import pandas as pd
import pytest
from tiny import edited

from scoregap.analysis import chart
from scoregap.analysis.verdicts import Detail
from scoregap.study import load

MANY = [round(0.002 * i, 4) for i in range(1, 151)]


def study_of(folder):
    changes = ("curvature: [0.0, 0.5]", f"curvature: {MANY}"), ("manifold_dim: [2]", "manifold_dim: [2, 4]")
    return load(edited(folder, *changes))


def row(m, c, network, ratio):
    found = {"family": "arcs", "ambient_dim": 8, "manifold_dim": m, "curvature": c, "network": network, "gap": 0}
    verdict = "agrees" if abs(ratio - 1) < 0.1 else "disagrees"
    found |= {"quantity": "t_max", "verdict": verdict, "ratio": ratio, "margin": 0.1, "by_seed": "", "boundary": 1.0}
    return found | Detail()._asdict() | {"of": 2}


@pytest.mark.parametrize("across", [7, 60, 150])
def test_shares_and_medians_are_those_of_the_bins(tmp_path, monkeypatch, across):
    monkeypatch.setattr(chart, "ACROSS", across)
    far = [(m, c, 1.35 if m == 4 and c > 0.2 else 1.01) for m in (2, 4) for c in MANY]
    frame = pd.DataFrame([row(m, c, "gated-8", ratio) for m, c, ratio in far])
    found = chart.chart(study_of(tmp_path), frame)
    assert (found.x, found.y, found.pooled) == ("curvature", [{"manifold_dim": 2}, {"manifold_dim": 4}], [])
    key = "gated-8", "t_max[0]"
    assert found.counts[key].sum() == len(frame)
    assert found.share[key].shape == (2, across)
    assert (found.ends[0][0], found.ends[-1][1]) == (MANY[0], MANY[-1])
    for i, m in enumerate((2, 4)):
        for k, (low, high) in enumerate(found.ends):
            here = [ratio for of, c, ratio in far if of == m and low <= c <= high]
            assert found.share[key][i, k] == np.mean([ratio > 1.1 for ratio in here])
            assert found.median[key][i, k] == pytest.approx((np.median(here) - 1) / 0.1)
    assert found.heights[key].sum() == pytest.approx(1)


def test_axes_of_too_many_combinations_are_taken_together_and_said(tmp_path, monkeypatch):
    monkeypatch.setattr(chart, "DOWN", 1)
    frame = pd.DataFrame([row(m, c, "gated-8", 1.0) for m in (2, 4) for c in MANY])
    found = chart.chart(study_of(tmp_path), frame)
    assert (found.y, found.pooled) == ([{}], ["manifold_dim"])
    assert found.counts["gated-8", "t_max[0]"].sum() == len(frame)


def test_where_nothing_is_judged_there_is_no_map(tmp_path):
    frame = pd.DataFrame([row(2, c, "gated-8", np.nan) | {"verdict": "not testable"} for c in MANY])
    assert chart.chart(study_of(tmp_path), frame) is None
