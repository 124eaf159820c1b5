"""Claims: boundaries against closed forms, verdicts, why they disagree, and the table of a study with blocks."""

import numpy as np
import pandas as pd
import pytest
from tiny import edited, run_stages

from scoregap import cubes
from scoregap.analysis import claims, quantities
from scoregap.laws import draws
from scoregap.study import load
from scoregap.study.measurement import Margins

MARGINS = Margins(t_open=0.15, t_max=0.05, t_close=0.15, t_consolidation=0.1)


@pytest.mark.slow
def test_a_claim_has_a_row_per_cell_and_network_and_blocks_share_them(blocks):
    study, folder = blocks
    frame = claims.claims(cubes.datasets(load(study), folder / "cube.zarr"))
    counts = frame.claim.value_counts()
    assert counts["t_max"] == 3  # flat, curved, vp; one variance has no such gap
    assert counts["no_gap"] == 1
    assert counts["t_consolidation"] == 4
    assert {name: counts[name] for name in counts.index if name.startswith("schedule")} == dict.fromkeys(
        ("schedule_t_max", "schedule_t_open", "schedule_t_close", "schedule_t_consolidation", "schedule_curve",
         "schedule_final_curve"), 1)  # fmt: skip
    assert counts["shift"] == counts["ghost"] == 1
    assert list(frame.claim.unique()) == [name for name in quantities.CLAIMS if name in counts]
    written = pd.read_csv(folder / "claims.csv")
    assert len(written) == len(frame)
    assert set(written.verdict) <= {"agrees", "disagrees", "inconclusive", "not testable"}
    simulated = draws.number(4)
    drawn = frame[(frame.claim == "t_consolidation") & (frame["manifold.groups.1.std"] == 0.1)]
    assert dict(zip(zip(drawn.curvature, drawn["train.schedule"], strict=True), drawn.draws, strict=True)) == {
        (0.0, "ve"): 6 + simulated,
        (0.5, "ve"): 6,
        (0.0, "vp"): 6 + simulated,  # the same manifolds
    }
    assert set(frame[frame["manifold.groups.1.std"] == 1.0].draws) == {2, 2 + simulated}
    assert set(frame.manifold_seeds) == {"0 1"}
    tested = set(frame.verdict) - {"not testable"}
    assert (
        f"the paper's claims: of {frame.verdict.isin(tested).sum()} tests " in (folder / "comparison.txt").read_text()
    )
    assert any(quantities.CLAIMS["schedule_t_max"].says in line for line in claims.lines(frame))


@pytest.mark.slow
def test_numbers_of_closed_forms_are_exact(blocks):
    study, folder = blocks
    frame = claims.claims(cubes.datasets(load(study), folder / "cube.zarr")).set_index("claim")
    flat = frame[frame.curvature == 0]
    for name in ("spike", "singular"):
        known = flat.loc[[name], "exact"].dropna()  # a tenth of the consolidation time may be outside the grid
        assert len(known)
        np.testing.assert_allclose(known, 0, atol=1e-5)
    np.testing.assert_allclose(flat.loc["consistency", "exact"].astype(float), 1, rtol=0.02)
    np.testing.assert_allclose(flat.loc["order", "exact"].astype(float), 1, atol=1e-5)
    assert (frame.loc["ghost", "exact"]) > 1e-3
    np.testing.assert_allclose(flat.loc["schedule_t_max", "exact"], 1, rtol=1e-6)


@pytest.mark.slow
def test_a_study_without_networks_has_no_claims(tmp_path):
    study = edited(tmp_path, ("[exact, gaussian, gated-8]", "[exact, gaussian]"))
    run_stages(study, tmp_path)
    assert claims.claims(cubes.datasets(load(study), tmp_path / "cube.zarr")).empty
    assert pd.read_csv(tmp_path / "claims.csv").empty


def test_lines_count_verdicts_reasons_and_independent_draws():
    """Cells that differ in curvature or network share their F: counts of them are no counts of independent results."""
    rows = [
        ("t_max", 0.0, 8, "0 1", "agrees", "agrees", ""),
        ("t_max", 0.5, 8, "0 1", "disagrees", "inconclusive", "learning"),
        ("t_max", 0.0, 8, "1 2", "not testable", "not testable", ""),
        ("t_open", 0.0, 8, "0 1", "agrees", "agrees", ""),
        ("t_open", 0.0, 4, "1 5 7", "agrees", "agrees", ""),
    ]
    rows += [("order", 0.0, 8, "0 1", "not testable", "agrees", "")]
    columns = ["claim", "curvature", "manifold_dim", "manifold_seeds", "verdict", "of_exact", "why"]
    frame = pd.DataFrame(rows, columns=columns).assign(attribution="", family="arcs", ambient_dim=32)
    head, _, line, other, *last = claims.lines(frame)
    assert head.split() == ["the", "paper's", "claims", "law", "exact", "draws", "why"]
    assert line.startswith(quantities.CLAIMS["t_max"].says)
    counts = line.removeprefix(quantities.CLAIMS["t_max"].says)
    assert counts.split() == ["1", "/", "0", "/", "1", "1", "/", "1", "/", "0", "2", "learning", "(1)"]
    assert other.split()[-1] == "5"
    assert "agrees / inconclusive / disagrees" in last[0]
    assert "independent draws of F" in last[1]
    assert claims.lines(frame[frame.claim == "order"]) == []
