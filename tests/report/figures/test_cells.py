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
    axes = figure.get_axes()
    assert any(ax.get_xlabel() for ax in axes)
    assert any(ax.get_ylabel() for ax in axes)
    assert figure.get_suptitle()
    if name != "spectra":
        labels = {text.get_text() for text in figure.legends[0].get_texts()}
        assert "gated-8" in labels
        assert name == "training" or "exact" in labels
        assert name in ("training", "histograms") or "gaussian" in labels


def test_spectra_mark_the_true_dimension(results, panels):
    figure = drawn("spectra", results[0], panels)
    ax = figure.get_axes()[0]
    assert [text.get_text() for text in ax.texts] == ["m = 2"]
    red = [line.get_xdata()[0] for line in ax.lines if line.get_color() == "tab:red"]
    assert red == [2.5]
    assert [line.get_xdata()[0] for line in ax.lines if line.get_color() == "0.7"] == [1.5]


def test_gaps_draw_every_seed_their_mean_and_its_interval(results, panels):
    study, ds = results[0], panels[1][1]
    ax = drawn("gaps", study, panels).get_axes()[1]
    for network, colour in (("gated-8", "tab:blue"), ("exact", "black"), ("gaussian", "tab:green")):
        widths = ds.gap_width.sel(network=network).isel(gap=0).transpose("seed", "time").values
        thin = [line.get_ydata() for line in ax.lines if line.get_linewidth() == 0.5 and line.get_color() == colour]
        np.testing.assert_array_equal(thin, widths)
        (mean,) = [line for line in ax.lines if line.get_label() == network]
        np.testing.assert_allclose(mean.get_ydata(), widths.mean(0))
    band = ax.collections[list(figures.styles(study)).index("gated-8")].get_paths()[0].vertices
    error = stats.sem(widths := ds.gap_width.sel(network="gated-8").isel(gap=0).transpose("seed", "time").values)
    half = error * stats.t.ppf(0.95, 1)
    assert band[:, 1].max() == pytest.approx(min(1, (widths.mean(0) + half).max()), rel=1e-5)


def test_histograms_are_of_all_seeds_and_points_at_their_times(results, panels):
    study, ds = results[0], panels[1][1]
    figure = drawn("histograms", study, panels)
    axes = np.reshape(figure.get_axes(), (3, 2))
    times = [
        float(ds.exact_t_max.isel(gap=0, network=0).median()),
        float(ds.exact_t_consolidation.isel(gap=1).median()),
    ]
    for ax, t, name in zip(axes[:, 1], [*times, 0.1 * times[1]], ("t_max", "t_cons", "0.1 t_cons"), strict=True):
        here = ds.sel(time=t, method="nearest")
        assert ax.texts[0].get_text() == f"t = {here.time.item():.2g}"
        assert axes[list(axes[:, 1]).index(ax), 0].get_ylabel().startswith(name)
        for patch, network in zip(ax.patches, ("exact", "gated-8"), strict=True):
            heights, bins, _ = patch.get_data()
            values = 1 + here.eigenvalue.sel(network=network).values.ravel()
            inside = ((values > bins[0]) & (values < bins[-1])).mean()
            assert np.sum(heights * np.diff(bins)) == pytest.approx(inside, abs=0.02)
        assert not ax.lines  # curved: no law
    assert all(ax.lines for ax in axes[:, 0])


def test_without_the_exact_time_a_histogram_says_so(results, panels):
    values, ds = panels[0]
    figure = drawn("histograms", results[0], [Panel(values, ds.assign(t_max=np.nan * ds.t_max))])
    first = figure.get_axes()[0]
    assert "no such time" in first.texts[0].get_text()
    assert not first.patches
    assert figure.get_axes()[1].patches
