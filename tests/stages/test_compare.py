"""The comparison of a whole study: its rows, its table, and what could not be compared."""

import numpy as np
import pandas as pd
import pytest
from tiny import edited

from scoregap import InputError, analysis, cubes
from scoregap.analysis import comparison, headline
from scoregap.stages import compare
from scoregap.study import load


def test_every_cell_has_its_rows(done):
    _, results = done
    frame = pd.read_csv(results / "comparison.csv")
    # curvatures x (intermediate and final by both methods + consistency + alignment of two groups + dimension)
    assert len(frame) == 2 * (2 * (3 + 1) + 1 + 2 + 1)
    same = frame[frame.curvature == 0].set_index("quantity")
    assert same.loc["consistency", ["exact", "law"]].tolist() == pytest.approx([1, 1], rel=0.01)
    assert same.loc["model_t_max", "exact"] == pytest.approx(same.loc["t_max", "exact"], rel=1e-3)
    assert same.loc["model_t_open", "gaussian"] == pytest.approx(same.loc["t_open", "gaussian"], rel=0.02)
    for name in ("t_max", "t_consolidation", "model_t_max"):
        row = same.loc[name]
        assert row.exact_low < row.exact < row.exact_high
        assert np.isnan(row.low) or row.low < row.trained < row.high  # a network trained for seconds may have none
    assert set(frame.network) == {"gated-8"}
    flat = frame[(frame.curvature == 0) & (frame.quantity == "t_max")].iloc[0]
    assert flat.gaussian == pytest.approx(flat.exact)
    assert flat.margin == 0.05
    assert frame[(frame.curvature == 0.5) & (frame.quantity == "t_max")].margin.item() == 0.10
    table = (results / "comparison.txt").read_text()
    assert all(
        word in table for word in ("law", "exact", "trained / exact", "gated-8", "t_consolidation[1]", "dimension")
    )
    assert table.startswith("tiny: family arcs, d 8, m 2; 2 settings of 2 seeds on 2 draws of the manifold\n")


def test_what_is_printed_is_as_wide_as_the_terminal(done, monkeypatch):
    study, results = done
    written = (results / "comparison.txt").read_text()
    monkeypatch.setenv("COLUMNS", "120")
    assert compare.printed(study, results) == written
    monkeypatch.setenv("COLUMNS", "44")
    narrow = compare.printed(study, results)
    first = narrow[: narrow.index("curvature from which")].splitlines()  # the findings have their own width
    assert max(map(len, first)) <= 44 < max(map(len, written.splitlines()))
    assert " ".join(narrow.split()).count("trained / exact") > written.count("trained / exact")


@pytest.mark.slow
def test_without_networks_the_law_is_compared(tiny, tmp_path):
    from tiny import TINY, run_stages

    tiny.write_text(TINY.replace("[exact, gaussian, gated-8]", "[exact]"))
    run_stages(tiny, tmp_path)
    frame = pd.read_csv(tmp_path / "comparison.csv")
    assert set(frame.network) == {"law"}
    row = frame[(frame.curvature == 0) & (frame.quantity == "t_max")].iloc[0]
    assert row.ratio == pytest.approx(row.law_to_exact, rel=1e-4)
    assert np.isnan(row.trained)
    assert "law / exact" in (tmp_path / "comparison.txt").read_text()
    assert row.ratio != 1
    assert "t_alignment" not in set(frame.quantity)  # the law knows no directions
    assert (tmp_path / "figures" / "gaps.svg").exists()
    assert not (tmp_path / "figures" / "training.svg").exists()


@pytest.mark.slow
def test_without_an_exact_arm_nothing_is_judged(tiny, tmp_path):
    from tiny import TINY, run_stages

    tiny.write_text(TINY.replace("[exact, gaussian, gated-8]", "[gated-8]"))
    run_stages(tiny, tmp_path)
    frame = pd.read_csv(tmp_path / "comparison.csv")
    judged = ~frame.quantity.isin(["dimension", "consistency", "t_alignment"])
    assert set(zip(frame[judged].verdict, frame[judged].reason, strict=True)) == {
        ("not testable", "no exact score in the study")
    }


@pytest.mark.slow
def test_families_without_a_law(tmp_path):
    from tiny import edited, run_stages

    study = edited(
        tmp_path, ("[arcs]", "[sphere]"), ("[0.0, 0.5]", "[0.5]"), ("[exact, gaussian, gated-8]", "[exact, gaussian]")
    )
    run_stages(study, tmp_path)
    frame = pd.read_csv(tmp_path / "comparison.csv")
    assert set(frame[frame.quantity != "consistency"].reason) == {"no law is known"}
    page = (tmp_path / "report.html").read_text()
    assert "no phase time can be compared with the exact score: no law is known." in page


@pytest.mark.slow
def test_what_the_study_says_as_a_whole_is_kept_bit_for_bit(blocks, tmp_path):
    study, folder = load(blocks[0]), blocks[1]
    kept = analysis.read(study, folder / "findings.jsonl")
    made = analysis.every_table(parts := cubes.datasets(study, folder / "cube.zarr"))
    made |= headline.tables(study, comparison.compare(parts), made["claims"])
    assert list(kept) == list(made)
    assert {"claims", "curved/curvature", "schedules/cost", "curved/small_curvature", "one/mean_cost"} <= set(kept)
    for name, table in made.items():
        pd.testing.assert_frame_equal(kept[name], table.reset_index(drop=True), check_exact=True)
    with pytest.raises(InputError, match=r"findings\.jsonl: is not of this study as it is now: rerun compare"):
        analysis.read(load(edited(tmp_path)), folder / "findings.jsonl")
