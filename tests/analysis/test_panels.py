"""Which cells a figure shows, and along which axis."""

import numpy as np
from tiny import edited

from scoregap import variables
from scoregap.analysis import panels
from scoregap.analysis.panels import numbered_axis
from scoregap.study import load


def study_of(folder):
    return load(edited(folder, ("manifold_dim: [2]", "manifold_dim: [2, 4]")))


def cube(study):
    axes = {axis: list(values) for axis, values in study.axes.items()}
    return variables.mock(axes, {"mode": 8, "gap": 2, "group": 2})


def test_a_panel_is_a_cell_with_the_axes_that_vary(tmp_path):
    study = study_of(tmp_path)
    ds = cube(study)
    found = panels.panels(study, ds)
    assert [one.values for one in found] == [{"manifold_dim": m, "curvature": c} for m in (2, 4) for c in (0.0, 0.5)]
    for values, one in found:
        np.testing.assert_array_equal(one.t_max, ds.t_max.sel(values).isel(family=0, ambient_dim=0))


def test_beyond_the_panels_that_are_shown_nothing_large_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr(panels, "PANELS", 3)
    study = study_of(tmp_path)
    found = panels.panels(study, cube(study))
    assert ["eigenvalue" in one.ds for one in found] == [True, True, True, False]
    assert all("t_max" in one.ds for one in found)


def test_of_data_from_a_file_no_variable_is_timeless_and_there_is_a_panel_for_each_cell(tmp_path):
    study = study_of(tmp_path)
    found = panels.panels(study, cube(study)[["eigenvalue"]])
    assert [one.ds.curvature.item() for one in found] == [0.0, 0.5] * 2
    assert all("eigenvalue" in one.ds for one in found)


def test_panels_along_an_axis_differ_in_nothing_else(tmp_path):
    study = study_of(tmp_path)
    found = panels.along_axis(study, panels.panels(study, cube(study)), "curvature")
    assert [values for values, _ in found] == [{"manifold_dim": 2}, {"manifold_dim": 4}]
    assert [[ds.curvature.item() for ds in members] for _, members in found] == [[0.0, 0.5]] * 2


def test_what_a_cell_shares_is_of_those_that_have_a_result(tmp_path):
    study = study_of(tmp_path)
    (_, ds), *_ = panels.panels(study, cube(study))
    known = ds.boundary.copy(data=np.full(ds.boundary.shape, np.nan, "float32"))
    known.loc[{"network": "exact", "seed": 1}] = [1, 2]
    np.testing.assert_array_equal(panels.of_cell(known), [1, 2])


def test_training_is_the_last_choice_of_an_axis(tmp_path):
    flat = ("curvature: [0.0, 0.5]", "curvature: [0.0]")
    steps = "  train.steps: [10, 40]\n"
    (tmp_path / "both").mkdir()
    both = load(
        edited(tmp_path / "both", flat, ("  seed: 2", f"{steps}  manifold.groups.1.std: [0.1, 0.2]\n  seed: 2"))
    )
    assert numbered_axis(both) == "manifold.groups.1.std"
    assert numbered_axis(load(edited(tmp_path, flat, ("  seed: 2", f"{steps}  seed: 2")))) == "train.steps"


def test_settings_are_chosen_by_hand_and_what_is_around_them_by_the_axis(tmp_path, monkeypatch):
    monkeypatch.setattr(panels, "ALONG", 5)
    many = [round(0.01 * i, 2) for i in range(40)]
    study = load(
        edited(tmp_path, ("curvature: [0.0, 0.5]", f"curvature: {many}"), ("manifold_dim: [2]", "manifold_dim: [2, 4]"))
    )
    ds = cube(study)
    chosen = [("arcs", 8, 4, 0.37), ("arcs", 8, 4, 0.02)]
    found = panels.panels(study, ds, chosen)
    assert [one.values for one in found[:2]] == [{"manifold_dim": 4, "curvature": c} for c in (0.02, 0.37)]
    assert ["eigenvalue" in one.ds for one in found] == [True] * 2 + [False] * (len(found) - 2)
    ((values, members),) = panels.along_axis(study, found, "curvature")
    assert values == {"manifold_dim": 4}
    along = [ds.curvature.item() for ds in members]
    assert along == sorted(along)
    assert {0.0, 0.02, 0.37, 0.39} <= set(along)
    assert len(along) <= 7
    assert panels.settings([ds], study) == 80
