"""The figure of n(t): every score, as the cube has it."""

import numpy as np

import scoregap
from scoregap.report import registry


def test_a_figure_is_drawn_again_from_the_folder(own):
    figure = registry.draw("profile", own[1])
    assert [panel.ylabel for panel in figure.panels[:, 0]] == ["modes resolved, n(t)", "tr G"]
    lines = {line.label: line for line in figure.panels[0, 0].lines}
    ds = scoregap.open(own[1])
    for network in ("gaussian", "empirical", "gated-8"):
        np.testing.assert_allclose(lines[network].y.ravel(), ds.modes.sel(network=network).mean("seed"))
    assert registry.draw("profile", ds.load()).panels.size
