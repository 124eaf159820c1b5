"""The comparison: known times give known verdicts, the table says what the numbers say, and a file holds all of it."""

import numpy as np
import pandas as pd
import pretended
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tiny import edited, overview_of

from scoregap import InputError
from scoregap.analysis import arrays, claims, comparison, laws, learning, overview, verdicts
from scoregap.analysis.tables import PHASES
from scoregap.analysis.verdicts import Seeds
from scoregap.store.cube import read_cube
from scoregap.store.tables import read_table, write_table
from scoregap.study import load
from scoregap.variables import ABOVE, ABSENT, MAXIMUM_BELOW, MEASURED, NOT_APPLICABLE


def judge(exact, trained, gaussian=None, margin=0.1, states=None):
    """states: of trained and of exact; by default, that there is no visible gap where there is no time."""
    exact, trained = np.asarray(exact, float), np.asarray(trained, float)
    gaussian = exact if gaussian is None else np.asarray(gaussian, float)
    states = states or [np.where(np.isfinite(times), MEASURED, ABSENT) for times in (trained, exact)]
    curves = {"law": exact, "gaussian": gaussian, "exact": exact, "trained": trained}
    curves = {name: values[None] for name, values in curves.items()}
    given = {
        who: Seeds(curves[who], np.asarray(some)[None]) for who, some in zip(("trained", "exact"), states, strict=True)
    }
    found = comparison.compare_to_exact(curves, given, "trained", np.array([margin]), 0.9)
    return {name: column[0] for name, column in found.items()} | {"network": "gated-8"}


@pytest.mark.parametrize(
    ("trained", "verdict"),
    [
        ([1.01, 2.02, 3.03], "agrees, but high"),
        ([1.01, 1.98, 3.0], "agrees"),
        ([1.5, 3.05, 4.4], "disagrees"),
        ([0.6, 1.25, 1.85], "disagrees"),
        ([0.9, 2.0, 3.4], "inconclusive"),  # centred, but far too uncertain
        ([1.099, 2.2, 3.301], "inconclusive"),  # on the margin
        ([1.0, np.nan, 3.0], "trained has it in 2 of 3 seeds, exact in 3"),
        ([np.nan] * 3, "trained has it in 0 of 3 seeds, exact in 3"),
    ],
)
def test_verdicts(trained, verdict):
    assert verdicts.words(judge([1, 2, 3], trained)) == verdict


def test_one_seed_is_never_conclusive_and_absence_is_an_answer():
    assert judge([1.0], [1.0])["verdict"] == "inconclusive"
    assert verdicts.words(judge([np.nan] * 3, [np.nan] * 3)) == "no visible gap in either"
    assert verdicts.words(judge([np.nan] * 3, [1, 1, 1])) == "trained has it in 3 of 3 seeds, exact in 0"
    assert judge([1, 1, np.nan], [1, 1, np.nan])["verdict"] == "agrees"  # on where there is no gap, too


def test_the_margin_is_a_relative_difference_either_way():
    assert judge([1, 1, 1], [0.76, 0.76, 0.76], margin=0.25)["verdict"] == "agrees"
    assert judge([1, 1, 1], [0.74, 0.74, 0.74], margin=0.25)["verdict"] == "disagrees"
    assert judge([1, 1, 1], [1.24, 1.24, 1.24], margin=0.25)["verdict"] == "agrees"
    assert judge([1, 1, 1], [1.26, 1.26, 1.26], margin=0.25)["verdict"] == "disagrees"


def test_states_decide_what_is_seen():
    """What is left in a cube of an earlier version, of a gap too narrow to be visible, is no time."""
    row = judge([1.0, 1.0], [1.0, 1.01], states=([ABSENT] * 2, [ABSENT] * 2))
    assert verdicts.words(row) == "no visible gap in either"
    assert np.isnan([row[name] for name in ("ratio", "ratio_low", "exact", "trained", "low", "exact_low")]).all()
    assert (
        verdicts.words(judge([1, 1], [1, 1], states=([MEASURED] * 2, [MEASURED, ABSENT])))
        == "trained has it in 2 of 2 seeds, exact in 1"
    )


def test_times_have_student_intervals_over_seeds_too():
    row = judge([1, 2, 4], [1.1, 2.0, 4.2])
    for prefix, name, times in (("", "trained", [1.1, 2.0, 4.2]), ("exact_", "exact", [1, 2, 4])):
        logs = np.log(times)
        expected = [logs.mean(), *stats.t.interval(0.9, 2, loc=logs.mean(), scale=stats.sem(logs))]
        assert [row[one] for one in (name, f"{prefix}low", f"{prefix}high")] == pytest.approx(np.exp(expected))
    hidden = judge([1, 2, np.nan], [1, 2, 3], states=([MEASURED] * 3, [MEASURED, MEASURED, ABOVE]))
    assert hidden["exact"] == pytest.approx(np.sqrt(2))
    assert np.isnan([hidden["exact_low"], hidden["exact_high"]]).all()
    assert hidden["high"] > 0
    lost = judge([1, 2, np.nan], [1, 2, 3])  # a seed without the gap hides nothing
    assert lost["exact_low"] > 0
    assert np.isnan(judge([np.nan] * 2, [np.nan] * 2)["trained"])


def test_ratio_and_interval_by_hand():
    row = judge([1, 2, 4], [1.1, 2.0, 4.2])
    logs = np.log([1.1, 1.0, 1.05])
    low, high = stats.t.interval(0.9, 2, loc=logs.mean(), scale=stats.sem(logs))
    assert row["ratio"] == pytest.approx((1.1 * 1.0 * 1.05) ** (1 / 3))
    assert row["trained"] == pytest.approx(row["ratio"] * row["exact"])  # numbers side by side are of one kind
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


def test_members_that_are_not_ok_are_named(done):
    study, results = done
    ds = read_cube(results / "cube.zarr")[""].load()
    bad = {"curvature": 0.5, "network": "gated-8", "seed": 1}
    ds.status.loc[bad] = 2
    for name in ("t_max", "t_open", "t_close", "t_consolidation"):
        ds[name].loc[bad] = np.nan
        ds[f"{name}_state"].loc[bad] = NOT_APPLICABLE
    frame = comparison.compare([(load(study), [ds])])
    rows = frame[(frame.curvature == 0.5)]
    assert set(rows.not_ok) == {"diverged: seed 1"}
    assert set(frame[frame.curvature == 0].not_ok) == {""}
    assert "diverged: seed 1" in overview_of(load(study), frame)


def test_what_is_not_known_is_not_called_absent(done):
    study, results = done
    ds = read_cube(results / "cube.zarr")[""].load()
    lost = {"curvature": 0.5, "network": "exact", "seed": 1}
    ds.gap_width.loc[lost | {"time": ds.time[:5]}] = np.nan
    for name in ("t_max", "t_open", "t_close", "t_consolidation"):
        for method in ("", "model_"):
            ds[f"exact_{method}{name}"].loc[{"curvature": 0.5, "seed": 1}] = np.nan
            ds[f"{method}{name}_state"].loc[lost] = NOT_APPLICABLE
    frame = comparison.compare([(load(study), [ds])])
    times = frame[frame.margin.notna()]
    assert set(times[times.curvature == 0.5].unknown) == {1}
    assert set(times[times.curvature == 0].unknown) == {0}
    said = [verdicts.words(row) for _, row in times[times.unknown == 1].iterrows()]
    assert all(one.endswith("(exact not known in 1 more)") for one in said)
    ds.gap_width.loc[{"curvature": 0.5, "network": "exact", "time": ds.time[:5]}] = np.nan
    for name in ("t_max", "t_open", "t_close", "t_consolidation"):
        for method in ("", "model_"):
            ds[f"exact_{method}{name}"].loc[{"curvature": 0.5}] = np.nan
            ds[f"{method}{name}_state"].loc[{"curvature": 0.5, "network": "exact"}] = NOT_APPLICABLE
    frame = comparison.compare([(load(study), [ds])])
    unknown = frame[frame.margin.notna() & (frame.curvature == 0.5)]
    assert set(zip(unknown.verdict, unknown.reason, strict=True)) == {("not testable", "exact not known")}


def test_what_lies_off_the_grid_is_said(done):
    study, results = done
    ds = read_cube(results / "cube.zarr")[""].load()
    where = {"curvature": 0.0, "gap": 0}
    for name in ("t_open", "exact_t_open"):
        ds[name].loc[where] = np.nan
    ds.t_open_state.loc[where] = ABOVE
    frame = comparison.compare([(load(study), [ds])])
    row = frame[(frame.curvature == 0) & (frame.quantity == "t_open")].iloc[0]
    assert (row.verdict, row.seen, row.exact_seen, row.of) == ("agrees", 0, 0, 2)
    assert row.state == row.exact_state == "above the grid"
    table = overview_of(load(study), frame)
    assert "t_open[0]           off grid =" in table
    assert "=: neither has the time" in table
    assert max(map(len, table.splitlines())) <= 120


def test_where_the_maximum_is_beyond_the_grid_it_is_said_and_the_law_is_shown(done):
    """The law has its maximum on the grid, exact and trained have not: the opening itself may be on it."""
    study, results = done
    ds = read_cube(results / "cube.zarr")[""].load()
    where = {"curvature": 0.0, "gap": 0}
    for name in ("t_open", "exact_t_open", "gaussian_t_open"):
        ds[name].loc[where] = np.nan
    ds.law_t_open.loc[where] = 3.654321
    ds.t_open_state.loc[where] = MAXIMUM_BELOW
    frame = comparison.compare([(load(study), [ds])])
    row = frame[(frame.curvature == 0) & (frame.quantity == "t_open")].iloc[0]
    assert row.law == pytest.approx(3.654321)
    assert row.state == row.exact_state == "widest below the grid"
    assert "t_open[0]           off grid =" in overview_of(load(study), frame)


def test_a_ratio_of_one_seed_has_no_interval(done, tmp_path):
    _, results = done
    study = load(edited(tmp_path, ("seed: 2", "seed: 1")))
    ds = read_cube(results / "cube.zarr")[""].isel(seed=[0])
    frame = comparison.compare([(study, [ds])])
    assert frame.ratio.notna().any()
    table = overview_of(study, frame)
    assert "nan" not in table
    row = frame[frame.ratio.notna() & frame.quantity.isin(PHASES)].iloc[0]
    assert f" {row.ratio:.2f} ?" in table
    assert "±" not in table
    assert "systematic: not to be told of one draw of the manifold" in table


def test_axes_of_the_same_name_in_different_places_are_told_apart(done, tmp_path):
    _, results = done
    axes = "  manifold.groups.0.bend: [0.5, 1.0]\n  manifold.groups.1.bend: [0.25, 0.250001]\n  seed: 2"
    study = load(edited(tmp_path, ("  seed: 2", axes), ("network: [exact, gaussian, gated-8]", "network: [exact]")))
    base = comparison.compare([(load(done[0]), [read_cube(results / "cube.zarr")[""]])])
    cells = [(one, other) for one in (0.5, 1.0) for other in (0.25, 0.250001)]
    frame = pd.concat([base.assign(**{"manifold.groups.0.bend": one, "manifold.groups.1.bend": other})
                       for one, other in cells])  # fmt: skip
    shown, _ = overview.worst(study, frame[frame["quantity"] == "t_max"])
    heads = {tuple(overview.head(study, frame, one)) for one in shown}
    assert heads == {(f"c {c}", f"bend of group 0 {one:g}", f"bend of group 1 {other}", "gated-8")
                     for c in ("0", "0.5") for one, other in cells}  # fmt: skip


def test_alignment_times_are_compared_and_not_judged(done):
    study, results = done
    ds = read_cube(results / "cube.zarr")[""].load()
    where = {"curvature": 0.5, "group": 1}
    ratios = xr.DataArray([1.2, 1.5], dims="seed")
    ds.exact_t_alignment.loc[where], ds.gaussian_t_alignment.loc[where] = 0.4, 4.0
    ds.t_alignment.loc[where | {"network": "exact"}] = 0.4
    ds.t_alignment.loc[where | {"network": "gated-8"}] = 0.4 * ratios
    ds.t_alignment_state.loc[where] = MEASURED
    frame = comparison.compare([(load(study), [ds])])
    rows = frame[(frame.quantity == "t_alignment") & (frame.curvature == 0.5)]
    assert rows.boundary.tolist() == [1, 2]
    row = rows.iloc[1]
    assert row[["exact", "gaussian", "trained", "ratio"]].tolist() == pytest.approx(
        [0.4, 4.0, 0.4 * np.sqrt(1.8), np.sqrt(1.8)]
    )
    half = stats.t.ppf(0.95, 1) * np.log(1.5 / 1.2) / 2
    assert row.ratio_low == pytest.approx(np.sqrt(1.8) * np.exp(-half))
    assert row.low == pytest.approx(0.4 * np.sqrt(1.8) * np.exp(-half))
    assert row.exact_low == row.exact_high == pytest.approx(0.4)
    assert np.isnan(row[["law", "corrected", "margin", "position"]].astype(float)).all()
    assert row.verdict == ""
    table = overview_of(load(study), frame)
    assert "t_alignment" not in table
    ds.t_alignment_state.loc[where | {"network": "gated-8", "seed": 1}] = ABOVE
    ds.t_alignment.loc[where | {"network": "gated-8", "seed": 1}] = np.nan
    frame = comparison.compare([(load(study), [ds])])
    row = frame[(frame.quantity == "t_alignment") & (frame.curvature == 0.5)].iloc[1]
    assert row.trained == pytest.approx(0.48)
    assert np.isnan(row.low)  # the grid hides one of the seeds


def test_a_file_gives_back_what_was_compared(results):
    study, folder = results
    (ds,) = read_cube(folder / "cube.zarr").values()
    made, read = comparison.compare([(study, [ds.load()])]), comparison.read(study, folder / "comparison.csv")
    texts = [*comparison.TEXTS, "quantity", "network"]
    assert read[texts].values.tolist() == made[texts].values.tolist()
    counts = ["of", "seen", "exact_seen", "unknown", "right"]
    np.testing.assert_array_equal(read[counts].astype(float), made[counts].astype(float))
    said, written = ([verdicts.words(row) for _, row in frame.iterrows()] for frame in (made, read))
    assert said == written


def test_tables_of_another_version_or_study_are_refused(results, tmp_path):
    study, folder = results
    text, of = read_table(folder / "comparison.csv")
    write_table(tmp_path / "c.csv", text.replace("exact_seen", "seen_by_exact", 1), of)
    with pytest.raises(InputError, match=r"c\.csv: is of another version of scoregap, without exact_seen: rerun"):
        comparison.read(study, tmp_path / "c.csv")
    write_table(tmp_path / "c.csv", text, "other")
    with pytest.raises(InputError, match="is not of this study as it is now: rerun compare"):
        comparison.read(study, tmp_path / "c.csv")


def test_a_setting_with_fewer_gaps_than_others_has_its_own_dimension(tmp_path):
    """Its boundaries are padded at the end: the last one was taken, and a right dimension was called wrong."""
    study, ds = pretended.study_of(tmp_path, *pretended.RAGGED)
    ds.dimension_overall.loc[{"network": pretended.NETWORK}] = ds.manifold_dim
    frame = comparison.compare([(study, [ds])])
    rows = frame[frame["quantity"] == "dimension"]
    assert rows[["manifold_dim", "gap", "boundary", "law"]].values.tolist() == [[2, 1, 2, 2], [20, 2, 20, 20]]
    assert (rows.right == rows.of).all()
    assert claims.claims([(study, [ds])]).empty  # mixtures have no law; they are read all the same


@pytest.mark.parametrize("bytes_at_once", [1, 4096])
def test_settings_that_are_read_in_blocks_have_the_same_rows(results, monkeypatch, bytes_at_once):
    study, folder = results
    parts = [(study, [read_cube(folder / "cube.zarr")[""].load()])]
    whole = comparison.compare(parts), claims.claims(parts), laws.curvature(*parts[0]), learning.costs(*parts[0])
    monkeypatch.setattr(arrays, "SHARD", bytes_at_once)
    again = comparison.compare(parts), claims.claims(parts), laws.curvature(*parts[0]), learning.costs(*parts[0])
    for one, other in zip(whole, again, strict=True):
        assert len(one)
        assert one.equals(other)
