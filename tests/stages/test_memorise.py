"""The stage memorise: the empirical score has given in wholly, the exact one of many points not at all."""

import gathered
import numpy as np
import own_data
import pytest
from tiny import MEMORISATION, WITH_MEMORISATION, edited, measured, memorised, read_job

from scoregap import InputError, analysis, variables
from scoregap.laws import memorisation as laws
from scoregap.runtime.templates import TEMPLATE
from scoregap.stages import cube, memorise, train
from scoregap.study import load
from scoregap.trained import Trained

EMPIRICAL = (("[exact, gaussian, gated-8]", "[empirical]"), *WITH_MEMORISATION[:2], ("  seed: 2", "  seed: 1"))
FLAT = ("curvature: [0.0, 0.5]", "curvature: [0.0]")


def of_empirical(folder, *changes):
    """What the stage says of the empirical score of the first cell of a study with these changes."""
    path = edited(folder, *EMPIRICAL, *changes)
    cell = load(path).cells[0]
    found = memorise.measure(cell, cell.memorisation, Trained(path), memorise.Heartbeat("cell", 1))
    return cell, found


def test_the_empirical_score_has_given_in(tmp_path):
    _, found = of_empirical(tmp_path)
    assert set(found) == set(variables.made("memorise"))
    np.testing.assert_allclose(found["position"], 1, atol=1e-9)
    np.testing.assert_allclose(found["position_residual"], 0, atol=1e-9)
    assert found["memorised"][0] > 0.8 > found["memorised"][1]
    assert found["nearest_distance"][0] < 1e-3 < found["nearest_distance"][1]
    # It is a copy below its collapse, where it has no dimension left, and has the exact ones far above it.
    assert (found["dimension_kept"][0] < 0.4).all()
    assert found["memory_calibration"][0, 0] < 1.5 < 20 < found["memory_calibration"][1, 0]
    assert np.isnan(found["training_position"]).all()


def test_laws_are_of_this_draw(tmp_path):
    cell, found = of_empirical(tmp_path, FLAT, ("dataset_size: 40", "dataset_size: 300"))
    gamma = cell.truth().scales ** 2
    assert found["law_t_memorisation"] == pytest.approx(laws.t_memorisation(300, gamma), rel=1e-6)
    assert found["corrected_t_memorisation"] == pytest.approx(laws.corrected_t_memorisation(300, gamma), rel=1e-3)


def test_collapse_is_measured_where_the_law_has_it(tmp_path):
    change = ("manifold_dim: [2]", "manifold_dim: [8]"), ("points: 12", "points: 400"), ("count: 10", "count: 24")
    path = edited(tmp_path, *EMPIRICAL, FLAT, *change, ("dataset_size: 40", "dataset_size: 400"))
    cell = load(path).cells[0]
    found = variables.blank(variables.made("memorise"), {"memory_time": 24, "seen": 2, "made": 2, "group": 2,
                                                         "evaluation": 1, "level": 1})  # fmt: skip
    points, rng = cell.dataset(), np.random.default_rng(0)
    own = rng.integers(len(points), size=400)
    memorise.add_collapse(found, cell.memorisation, points, own, rng.standard_normal((400, 8)))
    memorise.add_laws(found, cell.truth(), len(points), 0)
    assert found["t_memorisation_state"] == variables.MEASURED
    assert found["t_memorisation"] == pytest.approx(found["corrected_t_memorisation"], rel=0.2)
    assert (np.diff(found["own_weight"]) < 0.01).all()
    assert (found["nearest_weight"] >= found["own_weight"]).all()
    assert (found["effective_points"] >= 1).all()


@pytest.mark.parametrize(("low", "high", "state"), [(3.0, 30.0, variables.BELOW), (2e-3, 3e-3, variables.ABOVE)])
def test_collapse_off_the_grid_is_told(tmp_path, low, high, state):
    times = ("{start: 2.0e-3, stop: 30.0, count: 10}", f"{{start: {low}, stop: {high}, count: 8}}")
    _, found = of_empirical(tmp_path, times)
    assert found["t_memorisation_state"] == state
    assert np.isnan(found["t_memorisation"])


def test_references_and_fresh_points_have_no_training_set(tmp_path):
    """Their keys do not know of one, so nothing may be computed of it."""
    path = edited(tmp_path, *WITH_MEMORISATION, ("dataset_size: 40", "dataset_size: 40"))
    for cell in load(path).cells:
        if cell["network"] == "exact":
            found = memorise.measure(cell, cell.memorisation, Trained(path), memorise.Heartbeat("cell", 1))
            for name, values in found.items():
                assert (values == 0).all() if name.endswith("_state") else np.isnan(values).all(), name


@pytest.mark.slow
def test_cube_has_what_training_recorded(tmp_path):
    path = edited(tmp_path, *WITH_MEMORISATION, FLAT, ("  seed: 2", "  seed: 1"))
    study = load(path)
    (job,) = (one for one in study.jobs.values() if one.trained)
    train.run(path, job.id, tmp_path / "w.safetensors")
    memorise.run(path, job.id, tmp_path / "m.zarr.zip", tmp_path / "w.safetensors")
    ds, _ = read_job(tmp_path / "m.zarr.zip")
    levels = variables.training_levels(study.document.spectrum.times)
    known = np.isfinite(ds.training_position.values).all((0, 2))
    assert known.sum() == np.isfinite(ds.training_position_residual.values).all((0, 2)).sum() > 3
    # The last evaluation is of the weights that are kept: what the stage itself finds at the nearest time.
    last = ds.training_position.values[0, known][-1]
    found = np.interp(np.log(levels), np.log(study.document.memorisation.times.values), ds.position.values[0, 0])
    wide = (levels > 3e-3) & (levels < 0.03)
    assert last[wide] == pytest.approx(found[wide], abs=0.25)


@pytest.mark.slow
def test_cube(tmp_path):
    study, (ds,) = measured(tmp_path, *EMPIRICAL[1:3], ("[exact]", "[exact, empirical]"), FLAT)
    assert variables.validate(variables.annotate(ds), tuple(study.axes)) == []
    assert np.isfinite(ds.law_t_memorisation.sel(network="empirical")).all()
    assert list(ds.seen.values) == list(variables.SEEN)
    without = measured(tmp_path, FLAT)[1][0]
    assert not set(variables.OF_MEMORISATION) & set(without.data_vars)


OF_FILE = "memorisation:\n  times: {start: 1.0e-3, stop: 50.0, count: 8}\n  points: 12\n  samples: 16\n  keep: 3\nfit:"


def test_of_data_from_a_file_samples_are_kept_beside_their_nearest_training_points(tmp_path):
    """In the user's coordinates; what takes the exact score is not there."""
    path = own_data.written(tmp_path, own_data.UNTRAINED, ("fit:", OF_FILE))
    study = load(path)
    assert "copies" in study.findings
    found = {}
    for cell in (one for one in study.cells if one["seed"] == 0):
        found[cell["network"]] = memorise.measure(cell, cell.memorisation, Trained(path), memorise.Heartbeat("cell", 1))
    one = found["empirical"]
    assert set(one) == set(variables.made("memorise", cell))
    assert not {"position", "law_t_memorisation", "dimension_kept", "training_position"} & set(one)
    values, rows = own_data.points()[0], cell.truth().parts["training"]
    np.testing.assert_allclose(one["copy_sample"], one["copy_nearest"], atol=0.05)
    distances = np.linalg.norm(values[rows] - one["copy_nearest"][:, None], axis=-1)
    assert (distances.min(1) < 1e-5).all()
    assert one["memorised"][0] > 0.8 > 0.4 > one["memorised"][1]
    assert one["memory_calibration"][0, 0] < 1.5 < 20 < one["memory_calibration"][1, 0]
    assert all(np.isnan(array).all() for array in found["gaussian"].values() if array.dtype.kind == "f")


@pytest.mark.slow
def test_a_study_of_data_from_a_file_says_which_samples_are_copies(tmp_path):
    path = own_data.written(tmp_path, ("fit:", OF_FILE), ("steps: 40", "steps: 100"))
    study, folder = memorised(path)
    ds = gathered.opened(cube.gather(study, 8, folder / "spectrum", folder / "fit", None, None, folder / "memorise"))
    assert variables.validate(variables.annotate(ds), ("network", "seed")) == []
    tables = analysis.Tables(study, [ds])
    frame = tables["copies"]
    assert frame["network"].tolist() == ["empirical"] * 2 + ["gated-8"] * 2
    mean = frame.groupby("network").memorised.mean()
    assert mean["empirical"] > 0.8 > 0.4 > mean["gated-8"]
    (told,) = (line for line in tables.lines() if line.startswith("  empirical") and "distance" in line)
    assert f"{frame.memorised[:2].mean():.2f} [" in told


def test_the_form_for_a_gpu_is_ready_to_be_run(tmp_path):
    """The template, from as few points as the study to ten thousand, of which the grid holds every collapse."""
    study = load(TEMPLATE.with_name("memorisation.yaml"))
    assert len(study.axes["manifold.dataset_size"]) >= 5
    times = study.document.memorisation.times
    for cell in (one for one in study.cells if one["network"] == "empirical" and one["seed"] == 0):
        gamma = cell.truth().scales ** 2
        assert times.start < laws.t_memorisation(len(cell.dataset()), gamma) < times.stop


def test_is_not_asked_for(tmp_path):
    path = edited(tmp_path)
    job = next(iter(load(path).jobs))
    with pytest.raises(InputError, match="memorisation"):
        memorise.run(path, job, tmp_path / "out.zarr.zip")


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ((("fit:\n", MEMORISATION),), "manifold.dataset_size"),
        ((*WITH_MEMORISATION, ("stop: 30.0", "stop: 3000.0")), "memorisation.times"),
        ((*WITH_MEMORISATION, ("samples: 16", "samples: 16\n  keep: 17")), "memorisation.keep"),
        ((*WITH_MEMORISATION, ("  points: 12", "  points: 1")), "memorisation.points"),
        ((*WITH_MEMORISATION, ("[arcs]", "[tanh]"), ("[exact, empirical, gated-8]", "[gated-8]")), "axes.family"),
        ((("depth: 1", "depth: 1\n  record: position"),), "train.record"),
        ((*WITH_MEMORISATION[1:], ("[arcs]", "[tanh]"), ("[exact, empirical, gated-8]", "[gated-8]")), "axes.family"),
        ((("depth: 1", "depth: 1\n  noise_draws: 4"),), "train.noise_draws"),
        ((("depth: 1", "depth: 1\n  noise_draws: 0"),), "train.noise_draws"),
        ((("depth: 1", "depth: 1\n  record: all"),), "train.record"),
        ((*WITH_MEMORISATION, ("depth: 1", "depth: 1\n  draws: antithetic\n  noise_draws: 4")), "train.noise_draws"),
    ],
)
def test_says_what_it_refuses(tmp_path, changes, key):
    with pytest.raises(InputError) as caught:
        load(edited(tmp_path, *changes))
    assert key in str(caught.value)


def test_every_training_point_has_so_many_draws_of_the_noise(tmp_path):
    path = edited(
        tmp_path,
        *WITH_MEMORISATION,
        ("dataset_size: 40", "dataset_size: 5"),
        ("depth: 1", "noise_draws: 3\n  depth: 1"),
    )
    cells = [cell for cell in load(path).cells if cell.trained][:1]
    _, batches = train.begin(cells, [cells[0].truth()], "cpu")
    seen: dict[bytes, set[bytes]] = {}
    for _ in range(96):
        clean, _, noise = next(batches)
        for x, w in zip(clean.reshape(-1, 8).numpy(), noise.reshape(-1, 8).numpy(), strict=True):
            seen.setdefault(x.tobytes(), set()).add(w.tobytes())
    assert len(seen) == 5
    assert {len(draws) for draws in seen.values()} == {3}
