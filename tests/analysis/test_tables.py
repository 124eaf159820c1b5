"""Blocks of tables, and numbers as text."""

import numpy as np
import pandas as pd
from tiny import BLOCKS, EXACT, edited

from scoregap.analysis import tables
from scoregap.study import load


def test_blocks_are_by_the_axes_that_vary_in_order_of_appearance(tmp_path):
    study = load(edited(tmp_path, ("manifold_dim: [2]", "manifold_dim: [4, 2]")))
    rows = [{"manifold_dim": m, "curvature": c, "x": 10 * m + c} for m in (4, 2) for c in (0.0, 0.5)]
    frame = pd.DataFrame(rows)
    found = tables.blocks(study, frame, "curvature")
    assert [values for values, _ in found] == [{"manifold_dim": 4}, {"manifold_dim": 2}]
    assert [rows.x.tolist() for _, rows in found] == [[40, 40.5], [20, 20.5]]
    assert [values for values, _ in tables.blocks(study, frame)] == [
        {"manifold_dim": m, "curvature": c} for m in (4, 2) for c in (0.0, 0.5)
    ]
    (everything,) = tables.blocks(study, frame, "curvature", "manifold_dim")
    assert everything[0] == {}
    assert everything[1] is frame
    split = tables.blocks(study, frame.assign(wider_group=[0, 1, 0, 1]), "curvature", "manifold_dim")
    assert [values for values, _ in split] == [{"wider_group": 0}, {"wider_group": 1}]


def test_beside_networks_the_law_has_no_say():
    frame = pd.DataFrame({"network": ["law", "gated-8", "law"], "x": [1, 2, 3]})
    assert tables.rows_of_evaluated_scores(frame).x.tolist() == [2]
    assert tables.rows_of_evaluated_scores(frame[frame.network == "law"]).x.tolist() == [1, 3]


def test_texts():
    assert (
        tables.labelled({"curvature": 0.5, "train.preconditioning": "edm"})
        == "curvature 0.5, train.preconditioning edm"
    )
    assert tables.labelled({"curvature": 0.5}, {"curvature": "c"}.get) == "c 0.5"
    assert tables.listed(pd.Series([3, 1, 3])) == "1, 3"
    assert tables.plus_minus(-0.666, 0.0312) == "-0.67 +- 0.03"
    assert tables.plus_minus(np.nan, np.nan) == "not resolved"
    assert [tables.or_dash(value) for value in (0.12345, np.nan)] == ["0.123", "-"]


def test_cells_that_share_a_manifold_are_one_draw(tmp_path):
    """Curvature, network and variances do not matter; of blocks without networks nothing is compared."""
    assert tables.independent_draws(load(edited(tmp_path))) == 2
    several = load(edited(tmp_path, ("manifold_dim: [2]", "manifold_dim: [2, 4]")))
    assert tables.independent_draws(several) == 4
    assert tables.independent_draws(load(edited(tmp_path, *BLOCKS))) == 2  # and not 6
    assert tables.independent_draws(load(edited(tmp_path, *EXACT))) == 2
