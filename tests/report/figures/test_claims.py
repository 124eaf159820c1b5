"""The overview of claims: a colour per verdict, of squares against the law, of dots against the exact score."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from tiny import BLOCKS, edited

from scoregap.report.figures import claims
from scoregap.study import load

ROWS = pd.DataFrame(
    [
        {"claim": "t_max", "curvature": 0.0, "network": "gated-8", "verdict": "agrees", "of_exact": "inconclusive"},
        {"claim": "t_max", "curvature": 0.5, "network": "gated-8", "verdict": "disagrees", "of_exact": "disagrees"},
        {"claim": "ghost", "curvature": 0.5, "network": "gated-8", "verdict": "disagrees",
         "of_exact": "agrees"},
        {"claim": "t_open", "curvature": 0.5, "network": "gated-8", "verdict": "disagrees", "of_exact": "not testable"},
    ]
)  # fmt: skip


@pytest.fixture
def ax(tiny):
    figure = claims.overview(load(tiny), ROWS)
    yield figure.axes[0]
    plt.close(figure)


def test_claims_are_rows_in_their_order_and_cells_columns(ax):
    assert len(ax.get_yticks()) == 3
    assert [text.get_text() for text in ax.get_xticklabels()] == ["c 0.0, gated-8", "c 0.5, gated-8"]
    assert "widest" in ax.get_yticklabels()[0].get_text()


def test_colours_are_verdicts_against_the_law_and_the_exact_score(ax):
    (image,) = ax.images
    colours = image.cmap(image.norm(image.get_array()))
    wanted = [["agrees", "disagrees"], ["not testable", "disagrees"], ["not testable", "disagrees"]]
    for row, names in zip(colours, wanted, strict=True):
        for colour, name in zip(row, names, strict=True):
            assert tuple(colour) == pytest.approx(to_rgba(claims.VERDICTS[name]))
    dots = {tuple(float(one[0]) for one in line.get_data()): line.get_color() for line in ax.lines}
    wanted = {(0, 0): "inconclusive", (1, 0): "disagrees", (1, 1): "not testable", (1, 2): "agrees"}
    assert dots == {place: claims.VERDICTS[name] for place, name in wanted.items()}


def test_in_a_study_with_blocks_a_cell_is_what_differs_from_its_axes(tmp_path):
    study = load(edited(tmp_path, *BLOCKS))
    figure = claims.overview(study, ROWS)
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["gated-8", "c 0.5, gated-8"]
    plt.close(figure)


def test_a_study_without_claims_says_so(tiny):
    figure = claims.overview(load(tiny), pd.DataFrame(columns=["claim", "verdict"]))
    assert "claims need trained networks" in figure.axes[0].texts[0].get_text()
    plt.close(figure)
