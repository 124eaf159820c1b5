"""The figure of the error budget: what is drawn is what the table says."""

import io

import numpy as np
import pandas as pd
import pytest
from tiny import edited

from scoregap.analysis.error_budget import REST, SHARES, STEPS, TARGET, WIDTH
from scoregap.report import registry
from scoregap.report.figures import error_budget as figures
from scoregap.report.figures import styled
from scoregap.study import load

AXES = "  train.steps: [10, 20, 40, 80]\n  train.target: [sample, posterior]\n  train.preconditioning: [edm, x0]\n"
PARTS = {10: {TARGET: 0.7, STEPS: 0.5, f"{WIDTH} or {REST}": -0.2}, 80: {f"{TARGET} or {STEPS}": 0.4, REST: 0.6}}


@pytest.fixture
def study(tmp_path):
    return load(edited(tmp_path, ("  seed: 2", f"{AXES}  seed: 2"), ("gated-8", "gated-8, gated-4")))


def invented():
    rows = [
        {"curvature": 0.5, "train.preconditioning": kind, "network": network, "steps": steps, "quantity": quantity,
         "cost": 1e9 * steps, "whole": 0.25, "how": how, "share": share, "part": part, "low": part - 0.1,
         "high": part + 0.2}
        for kind in ("edm", "x0") for quantity in ("spectrum", "t_max") for network in ("gated-4", "gated-8")
        for steps, parts in PARTS.items() for share, part in parts.items() for how in ("in turn", "alone")
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_every_share_is_drawn_once_where_the_others_end(study):
    figure = figures.error_budget(study, invented())
    panels = figure.axes
    assert len(panels) == 2 * 2 * 2
    assert panels[1].get_title().endswith("spectrum, gated-8")
    for ax in panels:
        bars = {(round(bar.get_x() + 0.4, 3), round(bar.get_width(), 3)): (bar.get_y(), bar.get_height())
                for bar in ax.patches}  # fmt: skip
        assert len(ax.patches) == 7  # 3 with a pair, 2 with a pair
        drawn = sorted((round(bar.get_y(), 6), round(bar.get_height(), 6)) for bar in ax.patches)
        assert drawn == sorted([(0, 0.7), (0.7, 0.5), (0, -0.2), (0, -0.2), (0, 0.4), (0, 0.4), (0.4, 0.6)])
        assert sum(width == 0.4 for _, width in bars) == 4
        ends = [line.get_segments()[0][:, 1] for line in ax.collections]
        np.testing.assert_allclose(
            sorted(map(tuple, ends)),
            sorted([(0.6, 0.9), (1.1, 1.4), (-0.3, 0.0), (0.3, 0.6), (0.9, 1.2)]),
        )
        assert [text.get_text() for text in ax.texts] == ["0.25", "0.25"]
        assert [label.get_text() for label in ax.get_xticklabels()] == ["10\n0.01", "80\n0.08"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(SHARES)


def test_shares_without_an_interval_have_no_whiskers(study):
    figure = figures.error_budget(study, invented().assign(low=np.nan, high=np.nan))
    figure.savefig(io.BytesIO())
    assert not [line for ax in figure.axes for line in ax.collections]


def test_bars_are_as_wide_where_a_network_has_fewer_and_panels_without_any_say_so(study):
    frame = invented()
    few = frame[(frame.network != "gated-4") | (frame.quantity != "t_max")]
    few = few[(few.steps == 10) | (few.quantity != "t_max")]
    without, one = figures.error_budget(study, few).axes[2:4]
    assert [text.get_text() for text in without.texts] == ["no result"]
    assert [text.get_text() for text in one.texts] == ["0.25"]
    assert without.get_xlim() == one.get_xlim() == (-0.6, 1.6)


def test_what_axes_are_called_stands_in_one_line(study):
    """Also under a panel without bars."""
    frame = invented()
    last = frame.quantity.iloc[-1]
    with styled():
        figure = figures.error_budget(study, frame[(frame.network != "gated-4") | (frame.quantity != last)])
        figure.draw_without_rendering()
    bottom = figure.axes[-2:]
    assert [text.get_text() for text in bottom[0].texts] == ["no result"]
    heights = [ax.xaxis.label.get_window_extent().y0 for ax in bottom]
    assert heights[0] == pytest.approx(heights[1], abs=1)


def test_whiskers_do_not_cross_the_numbers(study):
    """They are behind them, however long."""
    for ax in figures.error_budget(study, invented().assign(high=5.0)).axes:
        assert all(text.get_bbox_patch().get_facecolor()[:3] == (1, 1, 1) for text in ax.texts)
        assert all(text.zorder > line.zorder for text in ax.texts for line in [*ax.collections, *ax.lines])


def test_without_results_it_says_so(study):
    (ax,) = figures.error_budget(study, pd.DataFrame()).axes
    assert " need" in ax.texts[0].get_text()
    assert registry.FIGURES["error_budget"].takes == ("error_budget",)


def test_it_is_of_studies_that_have_the_table(study, tmp_path):
    assert "error_budget" in registry.names(study)
    assert "error_budget" not in registry.names(load(edited(tmp_path)))
