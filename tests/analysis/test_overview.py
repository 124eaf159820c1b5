"""What a terminal shows of a study: grids that say what they are, as wide as there is room for, of any study."""

import re

import numpy as np
import pandas as pd
import pytest
from compared import dimension, time, unseen
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import FLAT, edited, overview_of

from scoregap.analysis import headline, overview
from scoregap.analysis.tables import PHASES
from scoregap.study import load


@pytest.fixture
def study(tmp_path):
    return load(edited(tmp_path))


def grids(text):
    """{title: {row: [cells]}} of the blocks of a text, side by side again."""
    found, title = {}, ""
    for line in text.splitlines():
        if re.match(r"[\w]+( t)?,? ?[/\w, ]*(/ exact|, t)( |$)", line):
            title = re.split(r"  +", line)[0]
        elif title and (row := re.match(r"  (\w+(?:\[\d\])?)  +(.*)", line)):
            found.setdefault(title, {}).setdefault(row[1], []).extend(re.split(r"  +", row[2]))
        elif not line.strip():
            title = ""
    return found


def test_a_row_per_quantity_a_column_per_cell(study):
    rows = [time(name, [0.95, 0.96, 0.97], curvature=c, exact=2.0, law_verdict="inconclusive", law_to_exact=0.5)
            for c in (0.0, 0.5) for name in PHASES]  # fmt: skip
    rows += [dimension([2, 2, 2], curvature=0.0), dimension([0, 8, 2], curvature=0.5)]
    found = grids(overview_of(study, pd.DataFrame(rows)))
    assert list(found) == ["trained / exact", "exact t, law / exact"]
    one, other = found.values()
    assert list(one) == ["t_open[0]", "t_max[0]", "t_close[0]", "t_consolidation[1]", "dimension"]
    assert one["t_open[0]"] == ["0.96±.02 low"] * 2
    assert one["dimension"] == ["2", "none, 2, 8 NO 1/3 =d"]
    assert other["t_close[0]"] == ["2, 0.50 ?"] * 2
    assert "dimension" not in other


@pytest.mark.parametrize(
    ("row", "shown", "explained"),
    [
        (time("t_open", [0.5, 0.51]), "0.50±.03 NO", "NO: disagrees"),
        (time("t_open", [0.9, 1.2]), "1.04±1.08 ?", "?: inconclusive"),
        (time("t_open", [1.0]), "1.00 ?", "?: inconclusive"),
        (time("t_open", [1.0, 1.01]), "1.00±.03", "±: half of the 90% Student interval"),
        (time("t_open", [1.05, 1.051]), "1.05±.003 high", "low, high: agrees, but the interval excludes 1"),
        (
            unseen("t_open", "inconclusive", "seen in some seeds", seen=1, exact_seen=2),
            "1:2 seeds ?",
            "k:n seeds: trained has the time in k, exact in n",
        ),
        (unseen("t_open", "agrees", "seen in none", state="above the grid"), "off grid =", "=: neither has the time"),
        (unseen("t_open", "disagrees", "seen in none", state="no visible gap"), "no gap NO", "NO: disagrees"),
        (unseen("t_open", "agrees", "law predicts no gap", state="no gap predicted"), "no gap =", "=: neither"),
        (unseen("t_open", "inconclusive", "seen in none", state="above the grid or not known"), "no time ?", "?:"),
    ],
)
def test_what_is_in_a_cell_is_explained_below(study, row, shown, explained):
    text = overview_of(study, pd.DataFrame([row]))
    assert grids(text)["trained / exact"]["t_open[0]"] == [shown]
    assert explained in text
    assert ("low, high" in text) == ("high" in shown)
    assert ("k:n" in text) == ("1:2" in shown)


@pytest.mark.parametrize(("confidence", "share"), [(0.9, "10%"), (0.95, "5%"), (0.5, "50%")])
def test_how_often_chance_gives_a_side_is_that_of_the_study(tmp_path, confidence, share):
    study = load(edited(tmp_path, ("compare:", f"compare:\n  confidence: {confidence}")))
    text = overview_of(study, pd.DataFrame([time("t_open", [1.05, 1.051])]))
    assert f"as it does by chance in {share}" in " ".join(text.split())


@pytest.mark.parametrize("half", [0.0, 1e-7, 1e-5, 0.0004, 0.003, 0.004999])
def test_an_interval_is_never_shown_as_none(study, half):
    row = time("t_open", [1.0, 1.0]) | {"ratio_low": 1 - half, "ratio_high": 1 + half}
    _, _, shown = overview.told(pd.Series(row)).partition("±")
    assert float(shown) == pytest.approx(half, rel=0.5)


def test_the_law_alone_has_its_ratios_and_the_times_of_the_exact_score(tmp_path):
    study = load(edited(tmp_path, FLAT, ("exact, gaussian, gated-8", "exact")))
    rows = [
        time(name, [0.95, 0.96], network="law", exact=3.21, law_verdict="agrees", law_to_exact=0.955) for name in PHASES
    ]
    found = grids(overview_of(study, pd.DataFrame(rows)) + "\n")
    assert found["law / exact"]["t_open[0]"] == ["0.95±.03 low"]
    assert "exact t" in overview_of(study, pd.DataFrame(rows))
    assert "  3.21" in overview_of(study, pd.DataFrame(rows))


def test_without_an_exact_score_the_times_are_shown(study):
    row = unseen("t_open", "not testable", "no exact score in the study", trained=0.123)
    text = overview_of(study, pd.DataFrame([row]))
    assert grids(text) == {"trained, t": {"t_open[0]": ["0.123"]}}
    assert "no phase time can be compared with the exact score: no exact score in the study" in text


def test_of_many_cells_that_all_disagree_the_farthest_are_shown(tmp_path):
    many = [round(0.01 * i, 2) for i in range(60)]
    study = load(edited(tmp_path, ("curvature: [0.0, 0.5]", f"curvature: {many}")))
    frame = pd.DataFrame([time("t_max", [0.7 - c, 0.701 - c], curvature=c) for c in many])
    chosen, _ = overview.worst(study, frame)
    assert [one["curvature"].iloc[0] for one in chosen] == many[-overview.MOST :]


def test_of_hundreds_of_cells_the_worst_are_shown(tmp_path):
    many = [round(0.01 * i, 2) for i in range(300)]
    study = load(edited(tmp_path, ("curvature: [0.0, 0.5]", f"curvature: {many}")))
    frame = pd.DataFrame([time("t_max", [0.5, 0.51] if c == 2.5 else [1.0, 1.01], curvature=c) for c in many])
    text = overview_of(study, frame)
    assert len(grids(text)["trained / exact"]["t_max[0]"]) == overview.MOST
    assert "c 2.5" in text
    assert f"the {overview.MOST} settings with the worst verdicts; {300 - overview.MOST} more in comparison.csv" in text
    assert len(text.splitlines()) < 60


@settings(deadline=None, max_examples=30)
@given(st.integers(60, 200), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_no_line_is_wider_than_the_terminal_and_no_cell_is_lost(width, cells, seed):
    study = load_once()
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame([
        time(name, np.exp(rng.normal(-0.05, 0.1, 3)), 0.2, curvature=float(c), exact=float(rng.uniform(0.01, 20)))
        for c in range(cells) for name in PHASES
    ])  # fmt: skip
    text = overview_of(study, frame, width)
    assert max(map(len, text.splitlines())) <= width
    found = grids(text)["trained / exact"]
    assert set(found) == {"t_open[0]", "t_max[0]", "t_close[0]", "t_consolidation[1]"}
    assert {len(shown) for shown in found.values()} == {cells}
    for i, row in frame.iterrows():
        quantity = f"{row.quantity}[{row.gap}]"
        assert found[quantity][i // 4].startswith(f"{row.ratio:.2f}±")
    before = text.splitlines().index("")
    assert before <= headline.MOST


def load_once(found=[]):  # noqa: B006 (hypothesis has no folder)
    """The tiny study."""
    import tempfile
    from pathlib import Path

    if not found:
        with tempfile.TemporaryDirectory() as folder:
            found.append(load(edited(Path(folder))))
    return found[0]


@given(st.lists(st.text("abc ,;", min_size=1, max_size=300)), st.integers(40, 130))
def test_sentences_fit_and_rows_of_tables_stay(said, width):
    found = overview.sentences(said, width)
    assert all(len(line) <= width or line in said or len(line.split()) == 1 for line in found)
    assert [one for one in said if "  " in one.lstrip()] == [
        one for one in found if one in said and "  " in one.lstrip()
    ]
    assert "".join("".join(found).split()) == "".join("".join(said).split())
