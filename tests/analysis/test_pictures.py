"""Points and directions that were kept, as pictures."""

import numpy as np
import pytest
import xarray as xr

from scoregap.analysis import pictures
from scoregap.analysis.panels import Panel
from scoregap.pictures import picture
from scoregap.study import load

STUDY = """\
study: pictures
data: {source: pictures.npy, range: [-1, 1], full_scale: [-4, 4]}
axes: {network: [gaussian, empirical, unet-4], dataset_size: [4, 8], seed: 2}
train: {steps: 2, levels: 4, samples: 2, depth: 1, noise: {start: 1.0e-2, stop: 10.0}}
spectrum: {times: {start: 2.0e-2, stop: 5.0, count: 8}, points: 2, keep: {points: 1, times: 2, vectors: 3}}
"""
SHAPE, D = (3, 8, 8), 192


def made(folder, text=STUDY):
    """(study, panels) with numbers that say where they are."""
    values = np.random.default_rng(0).uniform(-4, 4, (40, *SHAPE))
    np.save(folder / "pictures.npy", values)
    (folder / "study.yaml").write_text(text)
    study = load(folder / "study.yaml")
    rng, times = np.random.default_rng(1), study.document.spectrum.times.values
    names, panels = study.axes["network"], []
    outer = ("network", "seed")
    for size in study.axes["dataset_size"]:
        kept = {
            "status": (outer, np.ones((3, 2), "int8")),
            "eigenvalue": ((*outer, "time", "point", "mode"), -rng.random((3, 2, 8, 2, D))),
            "kept_clean": ((*outer, "kept_point", "coordinate"), rng.random((3, 2, 1, D))),
            "kept_noisy": ((*outer, "kept_time", "kept_point", "coordinate"), rng.random((3, 2, 2, 1, D))),
            "kept_denoised": ((*outer, "kept_time", "kept_point", "coordinate"), rng.random((3, 2, 2, 1, D))),
            "kept_vector": (
                (*outer, "kept_time", "kept_point", "vector", "coordinate"),
                rng.random((3, 2, 2, 1, 3, D)),
            ),
        }
        coords = {"network": list(names), "seed": [0, 1], "time": times, "point": [0, 1], "kept_point": [0]}
        coords["kept_time"] = times[study.document.spectrum.keep.chosen(8)]
        panels.append(Panel({"dataset_size": size}, xr.Dataset(kept, coords)))
    return study, panels


def test_every_score_is_shown_at_the_settings_that_it_sees(tmp_path):
    study, panels = made(tmp_path)
    shown = pictures.kept(study, panels)
    assert [(one.network, one.setting) for one in shown.scores] == [
        ("gaussian", ""), ("empirical", "dataset_size 4"), ("empirical", "dataset_size 8"),
        ("unet-4", "dataset_size 4"), ("unet-4", "dataset_size 8"),
    ]  # fmt: skip
    assert shown.scale == (-1, 1)
    assert shown.left_out == 0
    last, ds = shown.scores[-1], panels[1].ds.sel(network="unet-4", seed=0)
    assert last.denoised.shape == (2, 1, 8, 8, 3)
    np.testing.assert_array_equal(
        last.denoised[1, 0, :, :, 2].ravel(), ds.kept_denoised[1, 0, 128:]
    )  # colours come first
    np.testing.assert_array_equal(last.vectors[0, 0, 2, :, :, 0].ravel(), ds.kept_vector[0, 0, 2, :64])
    at = study.document.spectrum.keep.chosen(8)
    np.testing.assert_array_equal(last.spectrum[:, 0], 1 + ds.eigenvalue.values[at, 0])


def test_without_a_range_the_shades_are_those_of_the_pictures_that_are_shown(tmp_path):
    """Also if these are of one grey, as blank ones are."""
    study, panels = made(tmp_path, STUDY.replace(", range: [-1, 1], full_scale: [-4, 4]", ""))
    clean = panels[0].ds.kept_clean.values[0, 0]
    assert pictures.kept(study, panels).scale == (clean.min(), clean.max())
    for panel in panels:
        panel.ds.kept_clean.values[:] = 0.25
    assert pictures.kept(study, panels).scale == (0.25, 1.25)


def with_copies(panels):
    """The same with samples and training points that are nearest: none of the first score, nor of one of the seeds."""
    rng, outer = np.random.default_rng(2), ("network", "seed")
    for k, panel in enumerate(panels):
        for name in ("copy_sample", "copy_nearest"):
            values = rng.uniform(-1, 1, (3, 2, 2, D))
            values[0] = values[2, 0] = np.nan
            panel.ds[name] = ((*outer, "copy", "coordinate"), values)
        panel.ds["memorised"] = ((*outer, "made"), np.broadcast_to([0.5 + k / 4, 0.1], (3, 2, 2)))
    return panels


def test_samples_are_beside_their_nearest_training_points(tmp_path, monkeypatch):
    """Of the first seed that has some, of scores that come from training points."""
    study, panels = made(tmp_path)
    shown = pictures.copies(study, with_copies(panels))
    assert [(one.network, one.setting) for one in shown.strips] == [
        ("empirical", "dataset_size 4"), ("empirical", "dataset_size 8"),
        ("unet-4", "dataset_size 4"), ("unet-4", "dataset_size 8"),
    ]  # fmt: skip
    assert (shown.scale, shown.left_out) == ((-1, 1), 0)
    last, ds = shown.strips[-1], panels[1].ds.sel(network="unet-4", seed=1)
    assert (last.memorised, last.by_chance) == (0.75, 0.1)
    for name, found in (("copy_sample", last.samples), ("copy_nearest", last.nearest)):
        np.testing.assert_array_equal(np.moveaxis(found, -1, 1).reshape(2, D), ds[name])
    monkeypatch.setattr(pictures, "MOST", 1)
    assert pictures.copies(study, panels).left_out == 3
    for panel in panels:
        panel.ds["copy_sample"] = panel.ds.copy_sample * np.nan
    assert pictures.copies(study, panels) is None


def test_samples_that_are_no_numbers_leave_the_others(tmp_path):
    """As of a score with which some of them run away."""
    study, panels = made(tmp_path)
    with_copies(panels)
    for name in ("copy_sample", "copy_nearest"):
        panels[0].ds[name].values[1, 0, 1] = np.nan
    first = pictures.copies(study, panels).strips[0]
    assert (first.network, len(first.samples), len(first.nearest)) == ("empirical", 1, 1)
    assert np.isfinite(first.samples).all()


def test_of_two_halves_samples_of_the_first_that_has_some_are_shown(tmp_path):
    """They are trained alike: the other one is counted."""
    study, panels = made(tmp_path)
    halves = [Panel(panel.values | {"half": half}, panel.ds.copy()) for panel in panels for half in ("first", "second")]
    with_copies(halves)
    halves[2].ds["copy_sample"] = halves[2].ds.copy_sample * np.nan
    shown = pictures.copies(study, halves)
    assert [(one.network, one.setting) for one in shown.strips] == [
        (network, f"dataset_size {size}, half {half}")
        for network in ("empirical", "unet-4")
        for size, half in ((4, "first"), (8, "second"))
    ]
    assert shown.left_out == 2


def test_what_has_no_result_is_left_out_and_many_are_counted(tmp_path, monkeypatch):
    study, panels = made(tmp_path)
    panels[0].ds.status[2, 0] = 2
    assert [one.network for one in pictures.kept(study, panels).scores] == ["gaussian", *["empirical"] * 2, "unet-4"]
    monkeypatch.setattr(pictures, "MOST", 3)
    assert pictures.kept(study, panels).left_out == 1
    for panel in panels:
        panel.ds.status[:] = 0
    assert pictures.kept(study, panels) is None


@pytest.mark.parametrize("shape", [(4, 8), (8, 12, 3), (3, 8, 12), (1, 8, 8)])
def test_a_pixel_is_where_the_file_has_it(shape):
    values = np.arange(float(np.prod(shape))).reshape(shape)
    found = pictures.pictures(values.reshape(1, -1), picture(shape))[0]
    expected = values[..., None] if len(shape) == 2 else values if shape[-1] <= 4 else np.moveaxis(values, 0, -1)
    np.testing.assert_array_equal(found, expected)
