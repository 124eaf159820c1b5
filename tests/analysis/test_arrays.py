"""Cells as plain arrays: those of the dataset, setting by setting."""

import numpy as np
import pretended
import pytest
from tiny import edited

from scoregap import variables
from scoregap.analysis import arrays
from scoregap.study import load


@pytest.mark.parametrize("bytes_at_once", [1, 2**25])
def test_every_setting_has_its_own_values_in_the_order_of_the_study(tmp_path, monkeypatch, bytes_at_once):
    monkeypatch.setattr(arrays, "SHARD", bytes_at_once)
    study = load(edited(tmp_path, ("manifold_dim: [2]", "manifold_dim: [2, 4]")))
    ds = variables.mock({axis: list(values) for axis, values in study.axes.items()}, {"mode": 8, "gap": 2, "group": 2})
    blocks = list(arrays.blocks_of(study, ds, ("eigenvalue", "t_max", "nothing")))
    assert len(blocks) == (1 if bytes_at_once > 1 else 4)
    cells = [cell for block in blocks for cell in block.cells]
    assert [(cell.values["manifold_dim"], cell.values["curvature"]) for cell in cells] == [
        (m, c) for m in (2, 4) for c in (0.0, 0.5)
    ]
    for cell in cells:
        there = ds.sel(cell.values)
        for score in study.axes["network"]:
            own = cell.of(score)
            assert own.keys() == {"status", "eigenvalue", "t_max"}
            for name, array in own.items():
                np.testing.assert_array_equal(array, there[name].sel(network=score))


def test_times_that_are_padded_are_left_out_of_what_has_times_alone(tmp_path):
    study = load(edited(tmp_path, ("curvature: [0.0, 0.5]", "curvature: [0.0]")))
    ds = variables.mock({axis: list(values) for axis, values in study.axes.items()}, {"mode": 8, "gap": 2, "group": 2})
    time = ds.time.values.astype(float)
    time[-1:] = np.nan
    cell = pretended.cell_of(study, ds.assign_coords(time=time)).unpadded
    assert cell.time.tolist() == time[:-1].tolist()
    assert cell["gap_width"].shape[2] == len(time) - 1
    assert cell["t_max"].shape == (3, 2, 2)


def test_gaps_and_groups_that_are_padded_are_left_out_of_what_has_them(tmp_path):
    study = load(edited(tmp_path, ("curvature: [0.0, 0.5]", "curvature: [0.0]")))
    ds = variables.mock({axis: list(values) for axis, values in study.axes.items()}, {"mode": 8, "gap": 3, "group": 3})
    ds.boundary[..., 2] = np.nan
    ds.boundary[..., 0, 1] = np.nan  # of one seed alone, so there
    whole, cell = pretended.cell_of(study, ds), pretended.cell_of(study, ds).unpadded
    for name, place in (("gap_width", 3), ("alignment", 3), ("t_max", 2), ("t_alignment", 2), ("edge", 2)):
        np.testing.assert_array_equal(cell[name], whole[name].take([0, 1], place))
    assert cell.gaps == 2
    np.testing.assert_array_equal(cell["eigenvalue"], whole["eigenvalue"])
    kept = arrays.known_gaps(ds.isel(dict.fromkeys(study.condition_axes, 0)))
    assert (kept.sizes["gap"], kept.sizes["group"], kept.sizes["mode"]) == (2, 2, 8)
