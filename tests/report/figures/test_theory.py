"""Figures of the findings: what is drawn is what the tables say."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from tiny import FLAT, LINEAR, WITH_DIMENSION, edited, measured

from scoregap import analysis
from scoregap.analysis import dimensions, laws
from scoregap.report import figures, registry
from scoregap.report.figures import theory
from scoregap.report.figures.multiples import Multiples
from scoregap.study import load

pytestmark = pytest.mark.slow  # networks are trained, or many spectra made, for all of them


STUDIES = {
    "finite_size": (
        *LINEAR,
        ("[8]", "[8, 16, 32]"),
        ("manifold_dim: [2]", "manifold_dim: [2, 4]"),
        ("[seed]", "[seed, manifold_dim]"),
    ),
    "gap_existence": (
        ("manifold_dim: [2]", "manifold_dim: [4, 8]"),
        FLAT,
        ("  seed: 2", "  manifold.groups.1.std: [0.25, 0.5, 2.0, 5.0]\n  seed: 2"),
        ("[seed]", "[seed, manifold.groups.1.std]"),
        ("{fraction: 0.5, std: 1.0}, {fraction: 0.5", "{fraction: 0.25, std: 1.0}, {fraction: 0.75"),
    ),
    "curvature": (("manifold_dim: [2]", "manifold_dim: [2, 4]"), ("[seed]", "[seed, curvature]")),
    "estimators": (WITH_DIMENSION, ("[0.0, 0.5]", "[0.25, 0.5]")),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """name of a table -> (study, datasets), each with two blocks."""
    return {name: measured(tmp_path_factory.mktemp(name), *changes) for name, changes in STUDIES.items()}


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def draw(name, study, datasets):
    """A figure of the tables that it takes."""
    tables = analysis.Tables(study, datasets)
    return getattr(theory, name)(study, *(tables[table] for table in registry.FIGURES[name].takes))


def one_line(figure):
    """The title, whose lines are as long as the figure is wide."""
    return " ".join(figure.get_suptitle().split())


def drawn(figure):
    """Panels that are shown, without colour bars."""
    if isinstance(figure, Multiples):
        return [one for one in figure.each if one.used]
    return [ax for ax in figure.get_axes() if ax.axison and ax.get_label() != "<colorbar>"]


@pytest.mark.parametrize("name", STUDIES)
def test_figures_are_labelled_and_saved(results, tmp_path, name):
    study, datasets = results[name]
    assert study.findings == [name]
    figure = draw(name, study, datasets)
    if not isinstance(figure, Multiples):
        assert any(ax.get_xlabel() for ax in drawn(figure))
    assert all(ax.title if isinstance(figure, Multiples) else ax.get_title() for ax in drawn(figure))
    assert figure.get_suptitle()
    figures.save(figures.signed(figure, study), tmp_path / "figure.svg")
    assert (tmp_path / "figure.svg").stat().st_size > 4_000


@pytest.mark.parametrize(("name", "per_block"), [("finite_size", 8), ("gap_existence", 3), ("curvature", 0)])
def test_blocks_are_apart_and_those_left_out_are_counted(results, monkeypatch, name, per_block):
    study, datasets = results[name]
    figure = draw(name, study, datasets)
    monkeypatch.setattr(theory, "PANELS", 1)
    fewer = draw(name, study, datasets)
    assert len(drawn(figure)) - len(drawn(fewer)) == per_block
    assert "the first" not in one_line(figure)
    assert one_line(fewer).endswith("; the first 1 of 2 settings")


def test_finite_size_draws_every_quantity_of_every_block(results):
    study, datasets = results["finite_size"]
    frame = laws.finite_size(study, datasets)
    panels = {ax.get_title(): ax for ax in drawn(draw("finite_size", study, datasets))}
    names = ["t_max[0]", *(f"{side} edge[{k}]" for side in ("low", "high") for k in (0, 1))]
    assert {f"m {m}\n{name}" for m in (2, 4) for name in names} < set(panels)
    for m in (2, 4):
        rows = frame[(frame.manifold_dim == m) & (frame["quantity"] == "t_max[0]")]
        (spread,) = [line for line in panels[f"m {m}\nt_max[0]"].get_lines() if line.get_label() == "spread over draws"]
        np.testing.assert_allclose(spread.get_data(), [[8, 16, 32], rows.spread])


def test_finite_size_draws_the_fitted_law(tmp_path):
    """Hollow markers where the mean is below the law, and the line of a negative amplitude."""
    d = np.array([10, 20, 40])
    frame = pd.DataFrame(
        {"ambient_dim": d, "quantity": "t_max", "law_error": 0.1, "corrected_error": 0.1, "spread": 1.0}
        | {"predicted_spread": 1.0, "law_bias": -3 / d, "law_bias_amplitude": -3.0, "law_bias_exponent": -1.0}
        | {"corrected_bias": 0.1, "corrected_bias_amplitude": np.nan, "corrected_bias_exponent": np.nan}
        | {"law_bias_fit": 3 / d, "corrected_bias_fit": np.nan}
    )
    (ax,) = drawn(theory.finite_size(load(edited(tmp_path, *LINEAR)), frame))
    hollow = [line for line in ax.get_lines() if line.get_markerfacecolor() == "white" and len(line.get_xdata())]
    fitted = [line for line in ax.get_lines() if line.get_color() == "tab:red" and line.get_linestyle() == "-"]
    assert [line.get_color() for line in hollow] == ["tab:red"]
    np.testing.assert_allclose(hollow[0].get_ydata(), 3 / d)
    np.testing.assert_allclose(fitted[0].get_ydata(), 3 / d)
    assert [text.get_text() for text in ax.texts] == [" -1.00"]


def test_gap_existence_draws_the_critical_ratio_of_its_rows(results):
    study, datasets = results["gap_existence"]
    frame = laws.gap_existence(study, datasets)
    axes = drawn(draw("gap_existence", study, datasets))
    assert [ax.get_ylabel().split("\n")[0] for ax in axes[::3]] == ["wider_group 0", "wider_group 1"]
    for i, ax in enumerate(axes):
        rows = frame[frame.wider_group == i // 3].drop_duplicates("alpha")
        (line,) = [line for line in ax.get_lines() if "critical" in str(line.get_label())]
        np.testing.assert_allclose(line.get_data(), [rows.alpha, rows.critical_ratio])
        shown = np.sort(np.asarray(ax.collections[0].get_array()).ravel())
        column = ("widest", "width", "law_width")[i % 3]
        np.testing.assert_allclose(shown, np.sort(frame[frame.wider_group == i // 3][column]))
    assert frame.critical_ratio.nunique() == 4


@pytest.mark.parametrize(
    "change",
    [{"alpha": 0.5}, {"variance_ratio": 0.1}, {"critical_ratio": np.nan}, {"widest": np.nan}],
    ids=["one alpha", "one ratio", "no law", "one gap"],
)
def test_gap_existence_of_little(results, change):
    study, datasets = results["gap_existence"]
    frame = laws.gap_existence(study, datasets).assign(**change)
    figure = theory.gap_existence(study, frame, laws.half_of_draws(study, frame))
    labels = [line.get_label() for ax in drawn(figure) for line in ax.get_lines()]
    assert bool(drawn(figure)) == ("alpha" not in change and "variance_ratio" not in change)
    assert ("critical ratio (law)" in labels) == ("widest" in change)
    figure.canvas.draw()


def test_ghosts_are_counted_from_their_own_threshold(results, monkeypatch):
    monkeypatch.setattr(laws, "GHOST", 0.25)
    panels = drawn(draw("curvature", *results["curvature"]))
    titles = [one.title for one in panels]
    counts = panels[titles.index("directions beyond it, above 0.25")]
    assert -0.1 < counts.y.ends[0] <= 0  # a number of directions is not below 0
    assert len(titles) == 6


@pytest.mark.parametrize("name", STUDIES)
def test_without_results_a_figure_says_why(results, name):
    study, datasets = results[name]
    figure = draw(name, study, [ds.assign(status=0 * ds.status) for ds in datasets])
    assert drawn(figure) == []
    assert " needs " in figure.get_axes()[0].texts[0].get_text()


@pytest.mark.parametrize(
    ("change", "labels", "expanded"),
    [
        (("[arcs]", "[arcs, tanh]"), ["family arcs", "family tanh"], [True, False]),
        (("[8]", "[8, 10]"), ["d 8", "d 10"], [True, True]),
    ],
)
def test_curvature_of_other_axes(tmp_path, change, labels, expanded):
    """expanded: whether the small-curvature expansion is known."""
    study = load(edited(tmp_path, change))
    rows = [
        {axis: study.axes[axis][0] for axis in study.condition_axes}
        | {
            axis: values[i],
            "network": "exact",
            "curvature": c,
            "ratio_t_consolidation": 1 - c,
            "error_t_consolidation": 0.1,
        }
        for axis, values in study.axes.items()
        if values in (("arcs", "tanh"), (8, 10))
        for i in range(2)
        for c in (0.0, 0.5)
    ]
    frame = pd.DataFrame(rows)
    figure = theory.curvature(study, frame, laws.small_curvature(study, frame))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [f"{label}, exact" for label in labels]
    dotted = [line for line in drawn(figure)[0].lines if line.style["ls"] == ":"]
    assert [np.isfinite(line.y).any() for line in dotted] == expanded


def test_estimators_shows_every_number_and_what_was_published(results, monkeypatch):
    study, datasets = results["estimators"]
    frame = dimensions.estimators(study, datasets)
    monkeypatch.setattr(dimensions, "PUBLISHED", {("arcs", 8, 2): {"ID-diff (trained)": 3, "PPCA": 9}})
    panels = drawn(draw("estimators", study, datasets))
    assert [ax.get_title() for ax in panels] == [f"c {c}\ntrue dimension 2" for c in (0.25, 0.5)]
    for ax, c in zip(panels, (0.25, 0.5), strict=True):
        handles = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
        for method in ("final_gap", "flipd", "normal_bundle"):
            rows = frame[(frame.curvature == c) & (frame.method == method)]
            np.testing.assert_allclose(handles[method].lines[0].get_ydata(orig=False), rows.bias)
        (bias,) = frame[(frame.curvature == c) & (frame.method == "local_pca")].bias
        assert handles["local_pca (data)"].get_ydata()[0] == bias
        assert handles["ID-diff (trained), published"].get_ydata()[0] == 1
