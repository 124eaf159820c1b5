"""The figure of n(t): every score, as the cube has it."""

import numpy as np
import pytest

import scoregap
from scoregap.analysis import classes as of_classes
from scoregap.analysis.profiles import Curve, Curves
from scoregap.report import registry
from scoregap.report.figures import COLOURS
from scoregap.report.figures.profile import classes, profile
from scoregap.study import load


def test_a_figure_is_drawn_again_from_the_folder(own):
    figure = registry.draw("profile", own[1])
    assert [panel.ylabel for panel in figure.panels[:, 0]] == ["modes resolved, n(t)", "tr G"]
    lines = {line.label: line for line in figure.panels[0, 0].lines}
    ds = scoregap.open(own[1])
    for network in ("gaussian", "empirical", "gated-8"):
        np.testing.assert_allclose(lines[network].y.ravel(), ds.modes.sel(network=network).mean("seed"))
    assert registry.draw("profile", ds.load()).panels.size


@pytest.mark.parametrize(("most", "least"), [(5.0, 0.0), (500.0, 0.0), (5.0, -300.0), (1e6, -1e6)])
def test_a_trace_far_outside_flattens_no_other(own, most, least):
    """d = 8; of the score of the training points a trace may be in the hundreds."""
    study, t = load(own[0]), np.geomspace(1e-3, 10, 5)
    values = {"gaussian": np.full(5, 3.0), "gated-8": np.full(5, 4.0), "empirical": np.array([least, 1, 2, 3, most])}
    curves = {name: Curve(one, one, one, []) for name, one in values.items()}
    panel = profile(study, [Curves({}, t, curves, curves)]).panels[1, 0]
    low, high = panel.y.ends
    room = 0.04 * 1.5 * 8
    assert -0.25 * 8 * (least < 0) - room <= low <= 0
    assert 4 < high <= 1.25 * 8 + room
    assert {line.label for line in panel.lines} >= set(values)  # none is left out


def panels_of(study, *shown):
    """What is drawn of classes: {name: values} by the network of every cell."""
    t = np.geomspace(1e-3, 10, 5)

    def curve(value):
        return of_classes.Curve(*np.full((3, 5), float(value)))

    cells = [
        of_classes.Classes({}, t, {"gated-8": {name: curve(v) for name, v in own.items()}}, np.full(5, 3.0))
        for own in shown
    ]
    return classes(study, cells).panels[0]


@pytest.mark.parametrize("names", ["0123456789", "971", "5"])
def test_a_class_that_is_a_number_has_one_colour_in_every_figure(own, names):
    """Whichever of the classes there are, and whichever comes first."""
    (panel,) = panels_of(load(own[0]), dict.fromkeys(names, 1))
    found = {line.label: line.style["color"] for line in panel.lines if line.label != "gaussian (all)"}
    assert found == {name: COLOURS[int(name)] for name in names}


def test_classes_with_names_have_colours_by_their_order(own):
    (one,), (other,) = (panels_of(load(own[0]), dict.fromkeys(names, 1)) for names in ("ab", "ba"))
    first, second = ({line.label: line.style["color"] for line in panel.lines} for panel in (one, other))
    assert first == second
    assert len({line.style["color"] for line in one.lines}) == 3


def test_a_cell_without_a_network_has_no_panel_of_classes(own):
    """Nothing but the Gaussian would be in it; where no cell has one, the first says so."""
    study = load(own[0])
    assert len(panels_of(study, {}, {"0": 1}, {})) == 1
    assert len(panels_of(study, {}, {})) == 1
