"""The comparison: known ratios give known verdicts, and the table says what the numbers say."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from scoregap.stages import compare
from scoregap.study import load
from scoregap.variables import ABOVE, MEASURED, NOT_APPLICABLE


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
        assert row.exact_low < row.exact_time < row.exact_high
        assert np.isnan(row.low) or row.low < row.time < row.high  # a network trained for seconds may have none
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
    assert "t_alignment" not in set(frame.quantity)  # the law knows no directions
    assert (tmp_path / "figures" / "gaps.svg").exists()
    assert not (tmp_path / "figures" / "training.svg").exists()


def test_without_an_exact_arm_nothing_is_judged(tiny, tmp_path):
    from tiny import TINY, run_stages

    tiny.write_text(TINY.replace("[exact, gaussian, gated-8]", "[gated-8]"))
    run_stages(tiny, tmp_path)
    frame = pd.read_csv(tmp_path / "comparison.csv")
    judged = ~frame.quantity.isin(["dimension", "consistency", "t_alignment"])
    assert set(frame[judged].verdict) == {"no exact arm"}


def test_members_that_are_not_ok_are_named(done):
    from scoregap import storage

    study, results = done
    ds = storage.read_cube(results / "cube.zarr")[""].load()
    bad = {"curvature": 0.5, "network": "gated-8", "seed": 1}
    ds.status.loc[bad] = 2
    for name in ("t_max", "t_open", "t_close", "t_consolidation"):
        ds[name].loc[bad] = np.nan
        ds[f"{name}_state"].loc[bad] = NOT_APPLICABLE
    frame = pd.DataFrame(compare.compare(load(study), ds))
    rows = frame[(frame.curvature == 0.5)]
    assert set(rows.not_ok) == {"diverged: seed 1"}
    assert set(frame[frame.curvature == 0].not_ok) == {""}
    assert "diverged: seed 1" in compare.render(load(study), frame)


def test_what_is_not_known_is_not_called_absent(done):
    from scoregap import storage

    study, results = done
    ds = storage.read_cube(results / "cube.zarr")[""].load()
    lost = {"curvature": 0.5, "network": "exact", "seed": 1}
    ds.gap_width.loc[lost | {"time": ds.time[:5]}] = np.nan
    for name in ("t_max", "t_open", "t_close", "t_consolidation"):
        for method in ("", "model_"):
            ds[f"exact_{method}{name}"].loc[{"curvature": 0.5, "seed": 1}] = np.nan
            ds[f"{method}{name}_state"].loc[lost] = NOT_APPLICABLE
    frame = pd.DataFrame(compare.compare(load(study), ds))
    times = frame[frame.margin.notna()]
    assert times[times.curvature == 0.5].verdict.str.contains(r"exact not known in 1").all()
    assert not times[times.curvature == 0].verdict.str.contains("not known").any()
    ds.gap_width.loc[{"curvature": 0.5, "network": "exact", "time": ds.time[:5]}] = np.nan
    for name in ("t_max", "t_open", "t_close", "t_consolidation"):
        for method in ("", "model_"):
            ds[f"exact_{method}{name}"].loc[{"curvature": 0.5}] = np.nan
            ds[f"{method}{name}_state"].loc[{"curvature": 0.5, "network": "exact"}] = NOT_APPLICABLE
    frame = pd.DataFrame(compare.compare(load(study), ds))
    assert set(frame[frame.margin.notna() & (frame.curvature == 0.5)].verdict) == {"exact not known"}


def test_families_without_a_law(tmp_path):
    from tiny import edited, run_stages

    study = edited(
        tmp_path, ("[arcs]", "[sphere]"), ("[0.0, 0.5]", "[0.5]"), ("[exact, gaussian, gated-8]", "[exact, gaussian]")
    )
    run_stages(study, tmp_path)
    frame = pd.read_csv(tmp_path / "comparison.csv")
    assert set(frame[frame.quantity != "consistency"].verdict) == {"no law"}
    page = (tmp_path / "report.html").read_text()
    assert "The random-matrix law could be judged at no phase time: no law." in page


def test_what_lies_off_the_grid_is_said(done):
    from scoregap import storage

    study, results = done
    ds = storage.read_cube(results / "cube.zarr")[""].load()
    where = {"curvature": 0.0, "gap": 0}
    for name in ("t_open", "exact_t_open"):
        ds[name].loc[where] = np.nan
    ds.t_open_state.loc[where] = ABOVE
    frame = pd.DataFrame(compare.compare(load(study), ds))
    row = frame[(frame.curvature == 0) & (frame.quantity == "t_open")].iloc[0]
    assert row.verdict == "both above the grid"
    table = compare.render(load(study), frame)
    assert "1 both above the grid" in table
    assert max(map(len, table.splitlines())) <= 130


def test_alignment_times_are_compared_and_not_judged(done):
    from scoregap import storage

    study, results = done
    ds = storage.read_cube(results / "cube.zarr")[""].load()
    where = {"curvature": 0.5, "group": 1}
    ratios = xr.DataArray([1.2, 1.5], dims="seed")
    ds.exact_t_alignment.loc[where], ds.gaussian_t_alignment.loc[where] = 0.4, 4.0
    ds.t_alignment.loc[where | {"network": "exact"}] = 0.4
    ds.t_alignment.loc[where | {"network": "gated-8"}] = 0.4 * ratios
    ds.t_alignment_state.loc[where] = MEASURED
    frame = pd.DataFrame(compare.compare(load(study), ds))
    rows = frame[(frame.quantity == "t_alignment") & (frame.curvature == 0.5)]
    assert rows.boundary.tolist() == [1, 2]
    row = rows.iloc[1]
    assert row[["exact", "gaussian", "trained", "ratio"]].tolist() == pytest.approx([0.4, 4.0, 0.54, np.sqrt(1.8)])
    half = stats.t.ppf(0.95, 1) * np.log(1.5 / 1.2) / 2
    assert row.ratio_low == pytest.approx(np.sqrt(1.8) * np.exp(-half))
    assert row.low == pytest.approx(0.4 * np.sqrt(1.8) * np.exp(-half))
    assert row.exact_low == row.exact_high == pytest.approx(0.4)
    assert np.isnan(row[["law", "corrected", "margin", "position"]].astype(float)).all()
    assert row.verdict == ""
    table = compare.render(load(study), frame)
    assert "t_alignment" not in table
    ds.t_alignment_state.loc[where | {"network": "gated-8", "seed": 1}] = ABOVE
    ds.t_alignment.loc[where | {"network": "gated-8", "seed": 1}] = np.nan
    frame = pd.DataFrame(compare.compare(load(study), ds))
    row = frame[(frame.quantity == "t_alignment") & (frame.curvature == 0.5)].iloc[1]
    assert row.time == pytest.approx(0.48)
    assert np.isnan(row.low)  # the grid hides one of the seeds
