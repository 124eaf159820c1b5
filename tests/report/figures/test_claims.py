"""The overview of claims: a colour per verdict, of squares against the law, of dots against the exact score."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from tiny import BLOCKS, edited

from scoregap.analysis.quantities import CLAIMS, SHORT
from scoregap.report.figures import VERDICTS, claims, styled
from scoregap.report.figures.svg import TOLD
from scoregap.study import load

DEFICIENT = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "grey": [[0.299, 0.587, 0.114]] * 3,
}
ROWS = pd.DataFrame(
    [
        {"claim": "t_max", "curvature": 0.0, "network": "gated-8", "verdict": "agrees", "of_exact": "inconclusive"},
        {"claim": "t_max", "curvature": 0.5, "network": "gated-8", "verdict": "disagrees", "of_exact": "disagrees"},
        {"claim": "ghost", "curvature": 0.5, "network": "gated-8", "verdict": "disagrees",
         "of_exact": "agrees"},
        {"claim": "t_open", "curvature": 0.5, "network": "gated-8", "verdict": "disagrees", "of_exact": "not testable"},
    ]
).assign(law=1.0, exact=1.1, trained=1.2, why="")  # fmt: skip


@pytest.fixture
def ax(tiny):
    figure = claims.overview(load(tiny), ROWS)
    yield figure.axes[0]
    plt.close(figure)


def test_claims_are_rows_in_their_order_and_cells_columns(ax):
    assert len(ax.get_yticks()) == 3
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0", "0.5"]
    assert [text.get_text() for text in ax.texts] == ["c"]  # what these are
    assert ax.get_yticklabels()[0].get_text() == f"{SHORT['t_max']} (eq. 9)"


def test_colours_are_verdicts_against_the_law_and_the_exact_score(ax):
    found = {
        marker: {
            (x, y): line.get_color() for line in ax.lines if line.get_marker() == marker
            for x, y in zip(*line.get_data(), strict=True)
        }
        for marker in "so"
    }  # fmt: skip
    squares = {(0, 0): "agrees", (1, 0): "disagrees", (1, 1): "disagrees", (1, 2): "disagrees"}
    dots = {(0, 0): "inconclusive", (1, 0): "disagrees", (1, 1): "not testable", (1, 2): "agrees"}
    for marker, wanted in (("s", squares), ("o", dots)):
        assert found[marker] == {place: VERDICTS[name] for place, name in wanted.items()}


def test_a_mark_is_told_with_its_numbers_and_leads_to_its_row(ax):
    said = {one for line in ax.lines for one in line.get_gid().removeprefix(TOLD).split("\n")}
    assert len(said) == 4  # a dot says what its square does
    assert (
        "c 0, gated-8: agrees with the law, inconclusive with exact; law 1, exact 1.1, network 1.2\tclaim-t_max-0"
    ) in said
    sentence = ax.get_yticklabels()[0].get_gid()
    assert sentence == f"{TOLD}{CLAIMS['t_max'].says} ({CLAIMS['t_max'].source})\tclaim-t_max"


def test_every_claim_has_a_name_that_figures_have_room_for():
    assert list(SHORT) == list(CLAIMS)
    assert max(map(len, SHORT.values())) <= 35
    assert len(set(SHORT.values())) == len(SHORT)


def names(figure):
    return [text.get_text() for text in figure.axes[0].get_xticklabels()]


def heads(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_in_a_study_with_blocks_columns_are_grouped_by_them(tmp_path):
    """The cells that differ from its axes in nothing come first."""
    figure = claims.overview(load(edited(tmp_path, *BLOCKS)), ROWS)
    assert names(figure) == ["gated-8", "gated-8"]
    assert heads(figure) == ["reference", "curved"]
    places = figure.axes[0].get_xticks()
    assert places[1] - places[0] == pytest.approx(1 + claims.BETWEEN)


def test_columns_of_a_block_are_in_the_order_of_its_axes_whatever_the_table_is(tmp_path):
    study = load(
        edited(tmp_path, *BLOCKS, ("curved: {curvature: [0.0, 0.5]}", "curved: {curvature: [0.0, 1.0, 0.25, 0.5]}"))
    )
    rows = pd.concat([ROWS.assign(curvature=c) for c in (0.0, 0.5, 0.25, 1.0)], ignore_index=True)
    figure = claims.overview(study, rows)
    assert names(figure) == ["gated-8", "1", "0.25", "0.5"]
    assert heads(figure) == ["reference", "curved\nc"]


def test_names_are_no_longer_than_there_is_room_for(tiny):
    """Whatever scores are called: of a long name the beginning is shown, and a pointer is told the whole."""
    long = "a-score-with-a-name-of-which-nobody-has-thought-that-anybody-would-choose-it"
    with styled():
        figure = claims.overview(load(tiny), pd.concat([ROWS, ROWS.assign(network=long)], ignore_index=True))
        figure.draw_without_rendering()
        box = figure.get_tightbbox().get_points()
    ax = figure.axes[0]
    assert max(map(len, names(figure))) == claims.LONGEST
    assert f"c 0, {long}" in [text.get_gid().removeprefix(TOLD) for text in ax.get_xticklabels()]
    assert (box >= -0.02).all()
    assert (box[1] <= figure.get_size_inches() + 0.02).all()


@pytest.mark.parametrize("matrix", DEFICIENT.values(), ids=DEFICIENT)
def test_verdicts_are_told_apart_by_those_who_do_not_see_all_colours(matrix):
    """Colours as a protanope and a deuteranope see them (Machado, Oliveira and Fernandes 2009), and in grey."""
    seen = [np.clip(np.array(matrix) @ to_rgb(colour), 0, 1) for colour in VERDICTS.values()]
    apart = [np.linalg.norm(one - other) for i, one in enumerate(seen) for other in seen[:i]]
    assert min(apart) > 0.1


def test_a_study_without_claims_says_so(tiny):
    figure = claims.overview(load(tiny), pd.DataFrame(columns=["claim", "verdict"]))
    assert "claims need trained networks" in figure.axes[0].texts[0].get_text()
    plt.close(figure)


def test_a_column_is_in_its_block_by_the_text_that_the_table_has_of_it():
    study = load("workflow/studies/regularisers.yaml")
    frame = pd.DataFrame({"train.noise_draws": ["4", "fresh"], "network": "gated-32"})
    found = claims.groups(study, frame)
    assert [(group.name, group.columns) for group in found] == [
        ("reference", [("fresh", "gated-32")]), ("noise", [("4", "gated-32")])
    ]  # fmt: skip
