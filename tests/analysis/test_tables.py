"""Blocks of tables, and numbers as text."""

import io
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
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
    assert tables.plus_minus(0.00123, 0.0004, "+.5f") == "+0.00123 +- 0.00040"
    assert tables.plus_minus(0.00123, np.nan, "+.5f") == "+0.00123"
    assert tables.with_interval(1.051, 1.0, 1.1, ".2f") == "1.05 [1.00, 1.10]"
    assert tables.with_interval(0.24, np.nan, np.nan, ".0%") == "24%"
    assert tables.with_interval(np.nan, np.nan, np.nan, ".2f") == "-"
    assert [tables.or_dash(value) for value in (0.12345, np.nan)] == ["0.123", "-"]


NUMBERS = st.one_of(st.integers(0, 2**63 - 1), st.floats(0, allow_nan=False, allow_infinity=False))


@given(NUMBERS, NUMBERS)
@example(0.5, 0.50000001)
@example(1000001, 1000002)
@example(0.3, 0.1 + 0.2)
@example(2**53, 2**53 + 1)
@example(0.0, 5e-324)
def test_values_of_axes_have_texts_of_their_own(one, other):
    for value in (one, other):
        text = tables.exactly(value)
        assert float(text) == value if isinstance(value, float) else int(float(text)) == value or int(text) == value
        assert tables.exactly(np.array(value)[()]) == text
        if value == int(value) < 2**53:
            assert tables.exactly(float(value)) == tables.exactly(int(value)) == text  # as a file may give it back
    assert (tables.exactly(one) == tables.exactly(other)) == (one == other)


def test_six_digits_are_kept_where_they_are_enough():
    """So that names in accepted baselines are what they were."""
    for value, text in ((0.0, "0"), (0.5, "0.5"), (4, "4"), (100000, "100000"), (10**6, "1e+06"), (1e-9, "1e-09")):
        assert tables.exactly(value) == text
    assert tables.exactly("edm") == "edm"


@pytest.mark.parametrize("values", [(0.5, 0.50000001), (0.3, 0.1 + 0.2), (0.7, math.nextafter(0.7, 1))])
def test_a_file_gives_axes_back_to_the_last_bit(tmp_path, values):
    study = load(edited(tmp_path, ("curvature: [0.0, 0.5]", f"curvature: {list(values)}")))
    frame = pd.DataFrame({"curvature": values, "manifold_dim": [2, 2], "time": [1.23456789, np.nan]})
    text = tables.as_csv(study, frame)
    assert text.splitlines()[1].endswith(",2,1.23457")
    assert tuple(pd.read_csv(io.StringIO(text)).curvature) == values


def test_cells_that_share_a_manifold_are_one_draw(tmp_path):
    """Curvature, network and variances do not matter; of blocks without networks nothing is compared."""
    assert tables.independent_draws(load(edited(tmp_path))) == 2
    several = load(edited(tmp_path, ("manifold_dim: [2]", "manifold_dim: [2, 4]")))
    assert tables.independent_draws(several) == 4
    assert tables.independent_draws(load(edited(tmp_path, *BLOCKS))) == 2  # and not 6
    assert tables.independent_draws(load(edited(tmp_path, *EXACT))) == 2


def test_seeds_are_those_of_the_cells_that_are_compared(tmp_path):
    assert tables.seeds_in_words(load(edited(tmp_path))) == "2 seeds"
    assert tables.seeds_in_words(load(edited(tmp_path, ("seed: 2", "seed: [7]")))) == "1 seed"
    assert tables.seeds_in_words(load(edited(tmp_path, *BLOCKS))) == "2 seeds"  # 6 are of the exact score alone
    more = (BLOCKS[-1][0], BLOCKS[-1][1].replace("network: [exact], seed: 6", "seed: 6"))
    assert tables.seeds_in_words(load(edited(tmp_path, *BLOCKS[:-1], more))) == "2 to 6 seeds"


def test_what_is_listed_by_seed_is_read_again():
    listed = tables.listed_by_seed(np.array([0, 3, 7]), np.array([0.5, math.nan, 1.25]))
    assert listed == "0=0.5 7=1.25"
    assert tables.of_seeds(listed) == {0: 0.5, 7: 1.25}
    assert tables.of_seeds("") == {}


@pytest.mark.parametrize(
    ("networks", "word"),
    [("exact, gaussian", "law"), ("exact, gated-8", "trained"), ("exact, mine", "score"), ("mine, gated-8", "score")],
)
def test_only_what_was_trained_is_called_so(tmp_path, networks, word):
    """A model that the study declares was trained by somebody else, if at all."""
    (tmp_path / "own.py").write_text("def denoise(x, t):\n    return x / (1 + t[:, None])\n")
    mine = "scores:\n  mine: {from: callable, path: 'own:denoise', trusted: true}\n" if "mine" in networks else ""
    study = edited(tmp_path, ("[exact, gaussian, gated-8]", f"[{networks}]"), ("study: tiny\n", f"study: tiny\n{mine}"))
    assert tables.subject(load(study)) == word


@pytest.mark.parametrize(
    ("axis", "name", "value"),
    [
        ("manifold.groups.1.std", "std of group 1", "std of group 1 0.65"),
        ("manifold.groups.0.bend", "bend of group 0", "bend of group 0 0.65"),
        ("manifold.groups.all.width", "width of all groups", "width of all groups 0.65"),
        ("curvature", "c", "c 0.65"),
        ("train.steps", "train.steps", "steps 0.65"),
        ("dataset_size", "dataset_size", "dataset_size 0.65"),
    ],
)
def test_axes_are_named_so_that_nobody_has_to_guess(axis, name, value):
    assert tables.axis_name(axis) == name
    assert tables.axis_value(axis, 0.65) == value
