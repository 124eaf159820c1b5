"""The phase diagram: whose gap leads, where the law's boundaries are, what is drawn."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from tiny import edited

from scoregap.laws import times
from scoregap.report import figures
from scoregap.report.figures import phases
from scoregap.study import load

T = np.geomspace(1e-4, 1e3, 300)
A, B, G = 2.0, 0.25, 0.05


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def cell(widths, law, t=T, **values):
    """widths: {network: (seeds, gaps, times)}; law: (gaps, times)."""
    seeds, gaps = next(iter(widths.values())).shape[:2]
    dims = ("network", "seed", "gap", "time")
    law = np.broadcast_to(law, (len(widths), seeds, *law.shape))
    at = np.full((len(widths), seeds, gaps), G)
    return xr.Dataset(
        {
            "gap_width": (dims, np.stack(list(widths.values()))),
            "law_gap_width": (dims, law),
            "law_t_consolidation": (dims[:3], at),
        },
        {"network": list(widths), "time": t, **values},
    )


LAW = np.stack([times.gap_width(T, A, B), G / (T + G)])


def test_every_score_has_a_map_with_a_strip_per_value_and_the_boundaries(tmp_path):
    study = load(edited(tmp_path))
    widths = dict.fromkeys(("exact", "gaussian", "gated-8"), np.stack([LAW, LAW]))
    facets = [(f"c {c}", cell(widths, LAW, family="arcs", manifold_dim=2, curvature=c)) for c in (0.0, 0.5)]
    assert figures.numbered_axis(study) == "curvature"
    figure = phases.diagram(study, facets)
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


def test_training_is_the_last_choice_of_an_axis(tmp_path):
    flat = ("curvature: [0.0, 0.5]", "curvature: [0.0]")
    steps = "  train.steps: [10, 40]\n"
    (tmp_path / "both").mkdir()
    both = load(
        edited(tmp_path / "both", flat, ("  seed: 2", f"{steps}  manifold.groups.1.std: [0.1, 0.2]\n  seed: 2"))
    )
    assert figures.numbered_axis(both) == "manifold.groups.1.std"
    assert figures.numbered_axis(load(edited(tmp_path, flat, ("  seed: 2", f"{steps}  seed: 2")))) == "train.steps"
