"""Figures of cells have axes and legends that say what they show, and show what the cube says."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import stats

from scoregap.analysis import cells
from scoregap.analysis.panels import Panel
from scoregap.analysis.panels import panels as panels_of
from scoregap.report.figures import cells as figures
from scoregap.store.cube import read_cube


@pytest.fixture(scope="module")
def panels(results):
    study, folder = results
    return panels_of(study, read_cube(folder / "cube.zarr")[""])


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def drawn(name, study, panels):
    """The figure of this name, of these panels."""
    return getattr(figures, name)(study, getattr(cells, name)(study, panels))


@pytest.mark.parametrize("name", ["spectra", "histograms", "gaps", "phase_times", "alignment", "dimension", "training"])
def test_axes_are_labelled(results, panels, name):
    figure = drawn(name, results[0], panels)
    texts = {text.get_text() for text in figure.texts}
    assert texts & {"mode", "eigenvalue of G", "noise variance t", "curvature", "optimiser steps"}
    assert all(panel.ylabel in texts for panel in figure.panels[:, 0])
    assert all(panel.ylabel for panel in figure.panels[:, 0])
    assert figure.get_suptitle()
    if name != "spectra":
        labels = {text.get_text() for text in figure.legends[0].get_texts()}
        assert "gated-8" in labels
        assert name == "training" or "exact" in labels
        assert name in ("training", "histograms") or "gaussian" in labels


def test_spectra_mark_the_true_dimension(results, panels):
    figure = drawn("spectra", results[0], panels)
    panel = figure.panels[0, 0]
    assert [text for _, _, text, _ in panel.texts] == ["m = 2"]
    rules = {rule.style["color"]: rule.x for rule in panel.drawn if rule.kind == "rule"}
    assert rules == {"0.7": [1.5], "tab:red": [2.5]}


def test_gaps_draw_every_seed_their_mean_and_its_interval(results, panels):
    study, ds = results[0], panels[1][1]
    panel = drawn("gaps", study, panels).panels[0, 1]
    assert [text for _, _, text, _ in panel.texts] == ["after 1 mode"]
    for network, colour in (("gated-8", "tab:blue"), ("exact", "black"), ("gaussian", "tab:green")):
        widths = ds.gap_width.sel(network=network).isel(gap=0).transpose("seed", "time").values
        (thin,) = [line for line in panel.lines if line.style.get("lw") == 0.5 and line.style["color"] == colour]
        np.testing.assert_array_equal(thin.y, widths)
        (mean,) = [line for line in panel.lines if line.label == network]
        np.testing.assert_allclose(mean.y, widths.mean(0))
    (band,) = [one.y for one in panel.drawn if one.kind == "band" and one.style["color"] == "tab:blue"]
    error = stats.sem(widths := ds.gap_width.sel(network="gated-8").isel(gap=0).transpose("seed", "time").values)
    half = error * stats.t.ppf(0.95, 1)
    assert band.max() == pytest.approx(min(1, (widths.mean(0) + half).max()), rel=1e-5)


def test_histograms_are_of_all_seeds_and_points_at_their_times(results, panels):
    study, ds = results[0], panels[1][1]
    figure = drawn("histograms", study, panels)
    axes = figure.panels
    times = [
        float(ds.exact_t_max.isel(gap=0, network=0).median()),
        float(ds.exact_t_consolidation.isel(gap=1).median()),
    ]
    for ax, t, name in zip(axes[:, 1], [*times, 0.1 * times[1]], ("t_max", "t_cons", "0.1 t_cons"), strict=True):
        here = ds.sel(time=t, method="nearest")
        assert ax.texts[0][2] == f"t = {here.time.item():.2g}"
        assert axes[list(axes[:, 1]).index(ax), 0].ylabel.startswith(name)
        for one, network in zip(ax.drawn, ("exact", "gated-8"), strict=True):
            heights, bins = one.y[1:-1:2], np.append(one.x[::2], one.x[-1])[: len(one.y) // 2]
            values = 1 + here.eigenvalue.sel(network=network).values.ravel()
            inside = ((values > bins[0]) & (values < bins[-1])).mean()
            assert np.sum(heights * np.diff(bins)) == pytest.approx(inside, abs=0.02)
        assert not any(one.label == "law" for one in ax.drawn)  # curved: no law
    assert all(any(one.label == "law" for one in ax.drawn) for ax in axes[:, 0])


def test_without_the_exact_time_a_histogram_says_so(results, panels):
    values, ds = panels[0]
    figure = drawn("histograms", results[0], [Panel(values, ds.assign(t_max=np.nan * ds.t_max))])
    first, second = figure.panels[:2, 0]
    assert "no such time" in first.texts[0][2]
    assert not first.drawn
    assert second.drawn
