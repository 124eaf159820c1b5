"""The figure of memorisation draws what its tables say."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from tiny import WITH_MEMORISATION, edited

from scoregap.analysis.memorisation import exponent
from scoregap.report.figures import memorisation as figures
from scoregap.study import load


@pytest.fixture
def study(tmp_path):
    yield load(edited(tmp_path, *WITH_MEMORISATION, ("[0.0, 0.5]", "[0.0]"), ("seed: 2", "seed: 1")))
    plt.close("all")


def invented():
    """Rows of both scores at four N, and their curves."""
    rows, curves = [], []
    cell = {"family": "arcs", "ambient_dim": 8, "manifold_dim": 2, "curvature": 0.0}
    for network in ("empirical", "gated-8"):
        for points in (10, 20, 40, 80):
            own = cell | {"network": network, "points": points}
            trained = network != "empirical"
            rows.append(own | {"seed": 0, "law": 1 / points, "corrected": 1.3 / points, "found": 1.2 / points,
                               "law_open": 0.5, "law_close": 0.02, "law_consolidation": np.nan,
                               "tau_generalise": 100.0 if trained else np.nan,
                               "tau_memorise": 10.0 * points if trained else np.nan})  # fmt: skip
            curves += [
                own | {"t": t, "over_law": t * points, "position": 0.5, "own_weight": 0.5, "kept_0": 0.9, "kept_1": 0.4}
                for t in (0.01, 0.1, 1.0)
            ]
    return pd.DataFrame(rows), pd.DataFrame(curves)


def test_draws_its_tables(study):
    frame, curves = invented()
    collapse, training, position, kept = figures.memorisation(study, frame, curves).axes
    assert list(collapse.lines[0].get_ydata()) == pytest.approx(frame.found[:4].tolist())
    assert list(collapse.lines[1].get_ydata()) == pytest.approx(frame.law[:4].tolist())
    assert {line.get_label(): line.get_ydata()[0] for line in collapse.lines[3:]} == {
        "law: open": 0.5, "law: close": 0.02,
    }  # fmt: skip
    hollow = [line for line in training.lines if line.get_markerfacecolor() == "white"]
    assert [list(line.get_xdata()) for line in hollow] == [[10, 20]] * 2  # 100 and 200 steps are not more than 2 x 100
    assert len([line for line in position.lines if len(line.get_xdata()) == 3]) == 4
    assert [list(line.get_ydata()) for line in kept.lines[:2]] == [[0.9] * 3, [0.4] * 3]


def test_exponents_have_the_interval_of_the_claims(study):
    frame, curves = invented()
    frame.loc[frame.tau_generalise.notna(), "tau_generalise"] = [9.0, 11.0, 10.0, 10.5]
    training = figures.memorisation(study, frame, curves).axes[1]
    low, high = exponent(frame[frame.network == "gated-8"], "tau_generalise", 1, study.compare.confidence)[1:3]
    assert any(f"({low:.2f} to {high:.2f})" in str(line.get_label()) for line in training.lines)


def test_sizes_of_which_a_seed_has_no_result_are_hollow(tmp_path):
    """No exponent takes them."""
    study = load(edited(tmp_path, *WITH_MEMORISATION, ("[0.0, 0.5]", "[0.0]")))
    frame, curves = invented()
    other = frame[(frame.network != "empirical") & (frame.points < 80)].assign(seed=1)
    training = figures.memorisation(study, pd.concat([frame, other], ignore_index=True), curves).axes[1]
    hollow = [line for line in training.lines if line.get_markerfacecolor() == "white"]
    assert [sorted(set(line.get_xdata())) for line in hollow] == [[10, 20, 80]] * 2


def test_every_colour_has_a_name_and_sizes_stand_below_one_another(study):
    """Also those of N of which no network has a result: the empirical score has them."""
    frame, curves = invented()
    few = (frame.network == "empirical") | (frame.points > 20), (curves.network == "empirical") | (curves.points > 20)
    collapse, training, position, _ = figures.memorisation(study, frame[few[0]], curves[few[1]]).axes
    named = [text.get_text() for text in position.get_legend().get_texts()]
    assert named == ["N = 10", "N = 20", "N = 40", "N = 80"]
    assert collapse.get_xlim() == training.get_xlim()


def test_without_networks_there_are_no_panels_of_them(study):
    """What names the colours of N is then in another."""
    frame, curves = invented()
    alone = frame[frame.network == "empirical"], curves[curves.network == "empirical"]
    collapse, kept = figures.memorisation(study, *alone).axes
    assert list(collapse.lines[0].get_ydata()) == pytest.approx(alone[0].found.tolist())
    assert [list(line.get_ydata()) for line in kept.lines[:2]] == [[0.9] * 3, [0.4] * 3]
    named = [text.get_text() for text in kept.get_legend().get_texts()]
    assert named == ["group 0", "group 1", "N = 10", "N = 20", "N = 40", "N = 80"]


@pytest.mark.parametrize("networks", [True, False])
def test_legends_cover_nothing(study, networks):
    frame, curves = invented()
    figure = figures.memorisation(study, *(one[networks | (one.network == "empirical")] for one in (frame, curves)))
    FigureCanvasAgg(figure).draw()
    for ax in figure.axes:
        assert ax.get_legend().get_window_extent().y0 >= ax.get_window_extent().y1
        assert ax.get_legend().get_window_extent().x1 <= figure.bbox.x1


@pytest.mark.parametrize("missing", [["tau_generalise", "tau_memorise"], ["found"], ["tau_memorise"]])
def test_draws_what_there_is(study, missing, tmp_path):
    """As of trainings too short for either time, or of a collapse off the grid."""
    frame, curves = invented()
    frame[missing] = np.nan
    figure = figures.memorisation(study, frame, curves)
    figure.savefig(tmp_path / "figure.svg")
    collapse, training, *_ = figure.axes
    assert np.isnan(collapse.lines[0].get_ydata()).all() == ("found" in missing)
    assert np.isfinite(collapse.lines[1].get_ydata()).all()  # the law
    drawn = [name for name in ("tau_generalise", "tau_memorise") for line in training.lines if name in line.get_label()]
    assert drawn == [name for name in ("tau_generalise", "tau_memorise") if name not in missing]
    assert [text.get_text() for text in training.texts] == ([] if drawn else ["in no training"])


def test_draws_scores_that_have_no_groups(study, tmp_path):
    """As of a mixture."""
    frame, curves = invented()
    figure = figures.memorisation(study, frame, curves.drop(columns=["kept_0", "kept_1"]))
    figure.savefig(tmp_path / "figure.svg")
    *_, position, kept = figure.axes
    assert [sum(len(line.get_xdata()) == 3 for line in ax.lines) for ax in (position, kept)] == [4, 0]


def test_without_results_says_so(study):
    figure = figures.memorisation(study, pd.DataFrame(), pd.DataFrame())
    texts = [text.get_text() for ax in figure.axes for text in ax.texts] + [text.get_text() for text in figure.texts]
    assert any("training set" in text for text in texts)


def test_every_group_is_drawn(study):
    """Of five groups the fifth was left out."""
    frame, curves = invented()
    more = {f"kept_{group}": 0.1 * group for group in range(2, 5)}
    kept = figures.memorisation(study, frame, curves.assign(**more)).axes[-1]
    named = [text for text in kept.get_legend_handles_labels()[1] if text.startswith("group")]
    assert named == [f"group {group}" for group in range(5)]
