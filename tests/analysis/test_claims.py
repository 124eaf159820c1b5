"""Claims: boundaries against closed forms, verdicts, why they disagree, and the table of a study with blocks."""

import numpy as np
import pandas as pd
import pytest
from tiny import edited, run_stages

from scoregap import cubes
from scoregap.analysis import claims, claims_in_words, quantities
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
    assert any(quantities.CLAIMS["schedule_t_max"].says in line for line in claims_in_words.lines(frame))


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
