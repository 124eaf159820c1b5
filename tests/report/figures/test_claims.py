"""The overview of claims: a colour per verdict, of squares against the law, of dots against the exact score."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from tiny import BLOCKS, edited

from scoregap.analysis.quantities import CLAIMS
from scoregap.report.figures import claims
from scoregap.report.figures.svg import TOLD
from scoregap.study import load

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
    assert [text.get_text() for text in ax.get_xticklabels()] == ["c 0, gated-8", "c 0.5, gated-8"]
    assert "widest" in ax.get_yticklabels()[0].get_text()


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
        assert found[marker] == {place: claims.VERDICTS[name] for place, name in wanted.items()}


def test_a_mark_is_told_with_its_numbers_and_leads_to_its_row(ax):
    said = {one for line in ax.lines for one in line.get_gid().removeprefix(TOLD).split("\n")}
    assert len(said) == 4  # a dot says what its square does
    assert (
        "c 0, gated-8: agrees with the law, inconclusive with exact; law 1, exact 1.1, network 1.2\tclaim-t_max-0"
    ) in said
    sentence = ax.get_yticklabels()[0].get_gid()
    assert sentence == f"{TOLD}{CLAIMS['t_max'].says} ({CLAIMS['t_max'].source})\tclaim-t_max"


def test_no_sentence_is_cut(ax):
    for text, name in zip(ax.get_yticklabels(), ("t_max", "t_open", "ghost"), strict=True):
        assert " ".join(text.get_text().split()) == CLAIMS[name].says


def test_in_a_study_with_blocks_a_cell_is_what_differs_from_its_axes(tmp_path):
    study = load(edited(tmp_path, *BLOCKS))
    figure = claims.overview(study, ROWS)
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["gated-8", "c 0.5, gated-8"]
    plt.close(figure)


def test_a_study_without_claims_says_so(tiny):
    figure = claims.overview(load(tiny), pd.DataFrame(columns=["claim", "verdict"]))
    assert "claims need trained networks" in figure.axes[0].texts[0].get_text()
    plt.close(figure)
