"""The comparison: known ratios give known verdicts, and the table says what the numbers say."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from scoregap.stages import compare
from scoregap.study import load


def judge(exact, trained, gaussian=None, margin=0.1):
    exact, trained = np.asarray(exact, float), np.asarray(trained, float)
    gaussian = exact if gaussian is None else np.asarray(gaussian, float)
    return compare.judge(
        {"law": exact, "gaussian": gaussian, "exact": exact, "trained": trained}, "trained", margin, 0.9
    )


@pytest.mark.parametrize(
    ("trained", "verdict"),
    [
        ([1.01, 2.02, 3.03], "agrees"),
        ([1.5, 3.05, 4.4], "disagrees"),
        ([0.6, 1.25, 1.85], "disagrees"),
        ([0.9, 2.0, 3.4], "inconclusive"),  # centred, but far too uncertain
        ([1.099, 2.2, 3.301], "inconclusive"),  # on the margin
        ([1.0, np.nan, 3.0], "seen in 2, exact in 3"),
        ([np.nan] * 3, "seen in 0, exact in 3"),
    ],
)
def test_verdicts(trained, verdict):
    assert judge([1, 2, 3], trained)["verdict"] == verdict


def test_one_seed_is_never_conclusive_and_absence_is_an_answer():
    assert judge([1.0], [1.0])["verdict"] == "inconclusive"
    assert judge([np.nan] * 3, [np.nan] * 3)["verdict"] == "absent"
    assert judge([np.nan] * 3, [1, 1, 1])["verdict"] == "seen in 3, exact in 0"
    assert judge([1, 1, np.nan], [1, 1, np.nan])["verdict"] == "agrees"  # on where there is no gap, too


def test_the_margin_is_a_relative_difference_either_way():
    assert judge([1, 1, 1], [0.76, 0.76, 0.76], margin=0.25)["verdict"] == "agrees"
    assert judge([1, 1, 1], [0.74, 0.74, 0.74], margin=0.25)["verdict"] == "disagrees"
    assert judge([1, 1, 1], [1.24, 1.24, 1.24], margin=0.25)["verdict"] == "agrees"
    assert judge([1, 1, 1], [1.26, 1.26, 1.26], margin=0.25)["verdict"] == "disagrees"


def test_ratio_and_interval_by_hand():
    row = judge([1, 2, 4], [1.1, 2.0, 4.2])
    logs = np.log([1.1, 1.0, 1.05])
    low, high = stats.t.interval(0.9, 2, loc=logs.mean(), scale=stats.sem(logs))
    assert row["ratio"] == pytest.approx(1.05)  # the median
    assert (row["ratio_low"], row["ratio_high"]) == pytest.approx((np.exp(low), np.exp(high)))


def test_position_between_gaussian_and_exact():
    assert judge([4] * 3, [4] * 3, [1] * 3)["position"] == pytest.approx(1)
    assert judge([4] * 3, [1] * 3, [1] * 3)["position"] == pytest.approx(0)
    assert judge([4] * 3, [2] * 3, [1] * 3)["position"] == pytest.approx(0.5)
    assert np.isnan(judge([4] * 3, [4] * 3, [4.1] * 3)["position"])  # too close to tell apart


@given(st.floats(0.01, 100), st.integers(0, 1000))
def test_the_verdict_does_not_depend_on_units(scale, seed):
    exact, trained = np.exp(np.random.default_rng(seed).normal(0, 0.05, (2, 4)))
    assert judge(exact, trained)["verdict"] == judge(scale * exact, scale * trained)["verdict"]


def test_coverage_of_the_interval_over_seeds():
    """90 % Student intervals from 3 seeds hold the true mean in 90 % of 2000 simulated studies."""
    rng = np.random.default_rng(0)
    inside = [low <= 0 <= high for low, high in (compare.interval(rng.normal(0, 1, 3), 0.9) for _ in range(2000))]
    assert np.mean(inside) == pytest.approx(0.9, abs=0.02)  # three standard errors


def test_every_cell_has_its_rows(done):
    _, results = done
    frame = pd.read_csv(results / "comparison.csv")
    assert len(frame) == 2 * (3 + 1 + 1)  # curvatures x (intermediate + final + dimension)
    assert set(frame.network) == {"gated-8"}
    flat = frame[(frame.curvature == 0) & (frame.quantity == "t_max")].iloc[0]
    assert flat.gaussian == pytest.approx(flat.exact)
    assert flat.margin == 0.05
    assert frame[(frame.curvature == 0.5) & (frame.quantity == "t_max")].margin.item() == 0.10
    table = (results / "comparison.txt").read_text()
    assert all(word in table for word in ("law", "gaussian", "exact", "trained", "gated-8", "t_consolidation (2)"))
    assert "family arcs" in table


def test_without_networks_the_law_is_compared(tiny, tmp_path):
    from tiny import TINY, run_stages

    tiny.write_text(TINY.replace("[exact, gaussian, gated-8]", "[exact]"))
    run_stages(tiny, tmp_path)
    frame = pd.read_csv(tmp_path / "comparison.csv")
    assert set(frame.network) == {"law"}
    row = frame[(frame.curvature == 0) & (frame.quantity == "t_max")].iloc[0]
    assert row.ratio == pytest.approx(row.law_to_exact, rel=1e-4)
    assert np.isnan(row.trained)
    assert "law/exact" in (tmp_path / "comparison.txt").read_text()
    assert row.ratio != 1
    assert (tmp_path / "figures" / "training.svg").exists()


def test_without_an_exact_arm_nothing_is_judged(tiny, tmp_path):
    from tiny import TINY, run_stages

    tiny.write_text(TINY.replace("[exact, gaussian, gated-8]", "[gated-8]"))
    run_stages(tiny, tmp_path)
    frame = pd.read_csv(tmp_path / "comparison.csv")
    assert set(frame[frame.quantity != "dimension"].verdict) == {"no exact arm"}


def test_members_that_are_not_ok_are_named(done):
    from scoregap import storage

    study, results = done
    ds = storage.read_cube(results / "cube.zarr")[""].load()
    bad = {"curvature": 0.5, "network": "gated-8", "seed": 1}
    ds.status.loc[bad] = 2
    for name in ("t_max", "t_open", "t_close", "t_consolidation"):
        ds[name].loc[bad] = np.nan
    frame = pd.DataFrame(compare.compare(load(study), ds))
    rows = frame[(frame.curvature == 0.5)]
    assert set(rows.not_ok) == {"diverged: seed 1"}
    assert set(frame[frame.curvature == 0].not_ok) == {""}
    assert "diverged: seed 1" in compare.render(load(study), frame)
