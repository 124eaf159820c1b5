"""Figures of cells have axes and legends that say what they show."""

import matplotlib.pyplot as plt
import pytest

from scoregap import figures, storage
from scoregap.figures import cells
from scoregap.study import load


@pytest.mark.parametrize("name", ["spectra", "gaps", "phase_times", "alignment", "dimension", "training"])
def test_axes_are_labelled(done, name):
    study, results = done
    loaded = load(study)
    facets = figures.panels(loaded, storage.read_cube(results / "cube.zarr")[""])
    figure = getattr(cells, name)(loaded, facets)
    axes = figure.get_axes()
    assert any(ax.get_xlabel() for ax in axes)
    assert any(ax.get_ylabel() for ax in axes)
    assert figure.get_suptitle()
    if name != "spectra":
        labels = {text.get_text() for text in figure.legends[0].get_texts()}
        assert "gated-8" in labels
        assert name == "training" or {"exact", "gaussian"} <= labels
    plt.close(figure)
