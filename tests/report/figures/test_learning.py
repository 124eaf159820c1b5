"""Figures of capacity and plateau: what is drawn is what the tables say."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from tiny import edited

from scoregap.analysis import learning as tables
from scoregap.report import registry
from scoregap.report.figures import learning
from scoregap.study import load

AXES = ("  seed: 2", "  train.steps: [10, 100]\n  train.preconditioning: [edm, x0]\n  seed: 2")


@pytest.fixture
def study(tmp_path):
    yield load(edited(tmp_path, AXES, ("gated-8", "gated-8, resmlp-8")))
    plt.close("all")


def marked(panel, marker):
    """The lines of a panel with such marks."""
    return [line for line in panel.lines if line.style.get("marker") == marker]


def invented(**columns):
    """Rows of every network, preconditioning and number of steps, with these columns for each."""
    rows = [
        {"network": network, "train.preconditioning": kind, "train.steps": steps, "steps": steps, "cost": 1e9 * steps}
        for kind in ("edm", "x0") for network in ("gated-8", "resmlp-8") for steps in (10, 100)
    ]  # fmt: skip
    frame = pd.DataFrame(rows).assign(curvature=0.5)
    return frame.assign(**{name: values if np.ndim(values) == 0 else list(values) for name, values in columns.items()})


def test_plateau_draws_every_position_and_marks_the_transition(study):
    position = [0.0, 1.0, 0.1, 0.2, 0.6, 0.9, -0.1, 0.4]
    frame = invented(position=position, away=0.1, low=-0.2, high=np.nan, dimension=2.0)
    panels = list(learning.plateau(study, frame, tables.transitions(study, frame)).each)
    titles = [" ".join(one.title.split()) for one in panels]
    assert titles == ["c 0.5, preconditioning edm", "c 0.5, preconditioning x0"]
    stars = [marked(one, "*") for one in panels]
    assert [len(one) for one in stars] == [1, 1]
    assert stars[0][0].x[0] == pytest.approx(1e-2 * 10**0.5)  # half way from 10 to 100 steps
    curves = [line.y for one in panels for line in marked(one, "o")]
    np.testing.assert_allclose(np.concatenate(curves), position)


def test_plateau_draws_no_position_off_the_line(study):
    frame = invented(position=[0.9] * 8, away=[2.0] * 4 + [0.1] * 4, low=0.8, high=1.0, dimension=2.0)
    panels = list(learning.plateau(study, frame, tables.transitions(study, frame)).each)
    assert [len(marked(one, "*")) for one in panels] == [0, 2]
    curves = [np.isnan(line.y) for one in panels for line in marked(one, "o")]
    assert [one.all() for one in curves] == [True, True, False, False]


def test_accuracy_draws_every_ratio(study):
    ratio = [0.5, 0.9, 0.7, np.nan, 1.3, 1.1, 0.8, 1.0]
    frame = invented(ratio=ratio, low=0.4, high=1.4, seen=1.0).assign(quantity="t_max (2)")
    panels = list(learning.accuracy(study, frame).each)
    assert [one.title.split("\n")[-1] for one in panels] == ["t_max (2)", "t_max (2)"]
    curves = [line for one in panels for line in marked(one, "o")]
    np.testing.assert_allclose(np.concatenate([line.y for line in curves]), ratio)
    wanted = "gated-8: 0.5 [0.4, 1.4] at 0.01 10^12 operations · c 0.5, preconditioning edm, t_max (2)"
    assert curves[0].name[0] == wanted


def test_capacity_draws_every_network_and_number_of_steps(study):
    times = pd.DataFrame({"t": [1e-3, 1e-1], "inside": [True, False]})
    frame = invented(t_consolidation=0.01, resolution=1e-3).merge(times, how="cross").assign(curvature=0.5)
    frame = frame.assign(spike=0.01 * np.arange(1, 17), gap=0.9, exact_gap=1.0)
    figure = learning.capacity(study, frame)
    spikes, gaps, costs = figure.panels
    titles = [" ".join(one.title.split()) for one in spikes]
    assert titles == ["c 0.5, preconditioning edm", "c 0.5, preconditioning x0"]
    drawn = [line.y for one in spikes for line in one.lines]
    np.testing.assert_allclose(np.concatenate(drawn), frame.spike)
    at_cost = np.concatenate([line.y for one in costs for line in marked(one, "o")])
    np.testing.assert_allclose(at_cost, frame.spike[frame.inside])
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {"exact", "gated-8", "resmlp-8"}
    assert len(gaps) == 2


def test_capacity_draws_what_there_is_of_a_study_half_run(study):
    frame = invented(t_consolidation=np.nan, resolution=np.nan, inside=False, spike=0.1, gap=0.2, exact_gap=0.3, t=0.01)
    frame = frame[frame.steps == 10]
    figure = learning.capacity(study, frame)
    figure.savefig(io.BytesIO())
    assert len([line for one in figure.each for line in one.lines if line.y.tolist() == [0.1]]) == 4


def costs(**columns):
    """Two seeds of every row, and every quantity."""
    seeds = pd.DataFrame({"seed": [0, 1]}).merge(pd.DataFrame({"quantity": tables.COSTLY}), how="cross")
    return invented().merge(seeds, how="cross").assign(**columns)


def test_cost_draws_every_seed_and_joins_their_geometric_means(study):
    frame = costs(error=lambda one: 0.1 * np.where(one.seed == 0, 1, 4) / one.steps)
    axes = list(learning.cost(study, frame, tables.mean_costs(study, frame)).each)
    titles = [ax.title.split("\n") for ax in axes]
    assert [one[-1] for one in titles] == list(tables.COSTLY) * 2
    assert [one[0] for one in titles] == ["c 0.5, preconditioning edm"] * 3 + ["c 0.5, preconditioning x0"] * 3
    for ax in axes:
        dots = [line for line in ax.lines if line.style["marker"] == "."]
        lines = [line for line in ax.lines if line.style["marker"] == "o"]
        assert [len(one.x) for one in dots] == [4, 4]  # steps x seeds of each network
        for line in lines:
            np.testing.assert_allclose(line.x, [0.01, 0.1])
            np.testing.assert_allclose(line.y, [0.02, 0.002])


def test_cost_draws_an_error_of_zero_nowhere(study, recwarn):
    frame = costs(error=lambda one: 1.0 * (one.seed == 0))
    figure = learning.cost(study, frame, tables.mean_costs(study, frame))
    figure.savefig(io.BytesIO())
    lines = [line for panel in figure.each for line in panel.lines if line.style["marker"] == "o"]
    np.testing.assert_allclose([line.y for line in lines], 1.0)


@pytest.mark.parametrize("name", ["accuracy", "cost", "capacity", "plateau"])
def test_without_results_a_figure_says_so(study, name):
    (ax,) = getattr(learning, name)(study, *[pd.DataFrame()] * len(registry.FIGURES[name].takes)).axes
    assert " need" in ax.texts[0].get_text()


def test_there_may_be_more_networks_than_colours(study):
    """A bug: the report of a study of nine networks ended in an error."""
    names = [f"gated-{width}" for width in range(12)]
    frame = pd.concat([invented(error=0.1, quantity="t_max").assign(network=name) for name in names])
    figure = learning.cost(study, frame, tables.mean_costs(study, frame))
    drawn = {text.get_text() for text in figure.legends[0].get_texts()}
    assert set(names) <= drawn
