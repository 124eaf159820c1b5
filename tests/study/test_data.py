"""What the data of a study are: of a file, what they may say, and what identifies their cells; of a family, groups."""

import json
import re

import jsonschema
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from own_data import OWN, points, written
from tiny import TINY, edited

from scoregap import InputError
from scoregap.data.points import Points
from scoregap.study import json_schema, load
from scoregap.study.data import Group, Manifold
from scoregap.study.schema import AXES, DATA_AXES

CLASSES = ("  seed: 2", "  dataset_size: [20, fresh]\n  class: [all, 2]\n  seed: 2")


def test_data_take_the_place_of_a_family(tmp_path):
    study = load(written(tmp_path))
    assert list(study.axes) == ["network", "seed"]
    assert study.dims == (8,)
    assert [name for name, _, _ in study.groups] == [""]
    cell = study.cells[0]
    assert (cell.dim, cell.gaps) == (8, 0)
    assert isinstance(cell.truth(), Points)
    assert cell.dataset().shape == (96, 8)
    assert study.document.data.shape == [8]
    assert re.fullmatch("[0-9a-f]{64}", study.document.data.sha256)


def test_a_picture_is_a_point(tmp_path):
    path = written(tmp_path)
    np.save(tmp_path / "points.npy", points()[0].reshape(120, 4, 2))
    study = load(path)
    assert (study.document.data.shape, study.dims) == ([4, 2], (8,))


def test_paths_are_from_the_study_and_change_no_result(tmp_path, monkeypatch):
    one = load(written(tmp_path))
    other = tmp_path / "elsewhere"
    other.mkdir()
    (tmp_path / "points.npy").rename(other / "moved.npy")
    (tmp_path / "labels.npy").rename(other / "labels.npy")
    path = tmp_path / "own.yaml"
    path.write_text(OWN.replace("points.npy", "elsewhere/moved.npy").replace("labels.npy", "elsewhere/labels.npy"))
    monkeypatch.chdir(other)
    two = load(path)
    for stage in ("train", "spectrum", "fit"):
        assert [cell.key(stage) for cell in one.cells if cell.has(stage)] == [
            cell.key(stage) for cell in two.cells if cell.has(stage)
        ]


def keys(path, stage):
    return [cell.key(stage) for cell in load(path).cells]


def test_the_array_identifies_every_cell(tmp_path):
    path = written(tmp_path)
    before, fingerprints = keys(path, "fit"), [job.fingerprint("fit") for job in load(path).jobs.values()]
    whole = load(path).fingerprint("cube")
    values, _ = points()
    values[7, 3] += 1e-9
    np.save(tmp_path / "points.npy", values)
    assert not set(before) & set(keys(path, "fit"))
    assert not set(fingerprints) & {job.fingerprint("fit") for job in load(path).jobs.values()}
    assert load(path).fingerprint("cube") != whole


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("held_out: 0.2", "held_out: 0.3"),
        ("held_out: 0.2", "held_out: 0.2, range: [0, 1], full_scale: [-99, 99]"),
        ("labels: labels.npy", "labels: labels.npy, label: 1"),
    ],
)
def test_what_makes_other_points_makes_other_cells(tmp_path, old, new):
    before = keys(written(tmp_path), "spectrum")
    assert not set(before) & set(keys(written(tmp_path, (old, new)), "spectrum"))


def test_labels_identify_what_is_told_class_by_class(tmp_path):
    """Networks of all classes see none, and are not trained again; spectra say of which class every point is."""
    path = written(tmp_path, CLASSES)

    def known(stage: str) -> dict:
        study = load(path)
        keys = {cell.values: cell.key(stage) for job in study.jobs.values() for cell in job.cells if cell.trained}
        of_jobs = [key for job in study.jobs.values() if job.trained for key in job.keys(stage)]
        assert of_jobs == list(keys.values())
        return keys | {id: job.fingerprint(stage) for id, job in study.jobs.items() if job.trained}

    stages = ("train", "spectrum", "fit")
    before = {stage: known(stage) for stage in stages}
    np.save(tmp_path / "labels.npy", points()[1][::-1].copy())
    for stage in stages:
        after = known(stage)
        for cell in (one for one in load(path).cells if one.trained):
            same = stage == "train" and cell["class"] == "all"
            assert (before[stage][cell.values] == after[cell.values]) == same, (stage, cell.values)
    assert not set(before["spectrum"].values()) & set(known("spectrum").values())


def test_a_score_that_sees_no_training_set_has_the_whole_training_part(tmp_path):
    """Its key is the same of all, so what is made of it is too: what is known of classes, and errors at training
    points."""
    cells = load(written(tmp_path, ("  seed: 2", "  dataset_size: [20, 40]\n  half: [first, second]\n  seed: 1"))).cells
    own = {name: [cell for cell in cells if cell["network"] == name] for name in ("gaussian", "empirical")}
    assert len({cell.key("spectrum") for cell in own["gaussian"]}) == 1
    whole = own["gaussian"][0].truth().parts["training"]
    for cell in own["gaussian"]:
        assert len(cell.dataset()) == len(whole) == cell.truth().label_counts.sum()
    assert {len(cell.dataset()) for cell in own["empirical"]} == {20, 40}
    assert {len(cell.truth().trained_on) for cell in own["empirical"]} == {len(whole) // 2}


def test_the_part_that_is_measured_does_not_retrain(tmp_path):
    path = written(tmp_path)
    before = [(cell.key("train"), cell.key("spectrum")) for cell in load(path).cells if cell.trained]
    path = written(tmp_path, ("points: 6", "points: 6\n  points_from: training"))
    for (train, spectrum), cell in zip(before, (one for one in load(path).cells if one.trained), strict=True):
        assert cell.key("train") == train
        assert cell.key("spectrum") != spectrum
        assert cell.truth().measured == "training"


def test_the_gaussian_is_the_same_whatever_the_training_set(tmp_path):
    by_network = {}
    for cell in load(written(tmp_path, CLASSES)).cells:
        by_network.setdefault((cell["network"], cell["class"], cell["seed"]), set()).add(cell.key("spectrum"))
    assert {network: len(found) for (network, _, _), found in by_network.items()} == {
        "gaussian": 1, "empirical": 2, "gated-8": 2,
    }  # fmt: skip


def test_networks_of_a_seed_share_split_points_and_training_sets(tmp_path):
    cells = load(written(tmp_path, CLASSES)).cells
    for name in ("split", "points", "dataset"):
        assert len({cell.seed(name) for cell in cells}) == 2
    assert len({cell.seed("weights") for cell in cells}) == 6
    of_all = [cell for cell in cells if cell["network"] == "empirical" and cell["class"] == "all"]
    one, two = (next(cell for cell in of_all if cell["dataset_size"] == size) for size in (20, "fresh"))
    np.testing.assert_array_equal(two.dataset()[:20], one.dataset())
    assert len(two.dataset()) == 96


def test_a_size_and_a_class_are_axes(tmp_path):
    study = load(written(tmp_path, CLASSES))
    assert study.size == 3 * 2 * 2 * 2
    assert {(cell.data.dataset_size, cell.data.label) for cell in study.cells} == {
        (size, label) for size in (20, "fresh") for label in ("all", 2)
    }
    assert len(study.jobs) == 3 * 2 * 2
    for cell in study.cells:
        training = len(cell.truth().parts["training"])
        few = cell["dataset_size"] == 20 and cell["network"] != "gaussian"
        assert len(cell.dataset()) == (20 if few else training)
        assert (training == 96) == (cell["class"] == "all")


MISTAKES = {
    "a manifold too": (("data:", "manifold: {groups: [{fraction: 1, std: 1}]}\ndata:"), "manifold: is not allowed: a"),
    "margins": (
        (
            "fit:",
            "compare: {flat: {t_open: 1, t_max: 1, t_close: 1, t_consolidation: 1}, curved: {t_open: 1, "
            "t_max: 1, t_close: 1, t_consolidation: 1}}\nfit:",
        ),
        "compare: is not allowed: of data nothing is known",
    ),
    "samples": (
        ("fit:", "sampling: {switches: {start: 1, stop: 2, count: 8}}\nfit:"),
        "sampling: is not allowed: of data",
    ),
    "a family": (
        ("  seed: 2", "  family: [arcs]\n  seed: 2"),
        "axes.family: is not allowed: it is of families, and the",
    ),
    "a dimension": (
        ("  seed: 2", "  ambient_dim: [8]\n  seed: 2"),
        "axes.ambient_dim: is not allowed: it is of families",
    ),
    "no seed": (("  seed: 2\n", ""), "axes: key 'seed' is missing: needed are network, seed"),
    "an axis into data": (
        ("  seed: 2", "  data.pool: [1, 2]\n  seed: 2"),
        "axes.data.pool: unknown axis: allowed are netw",
    ),
    "an axis into the manifold": (
        ("  seed: 2", "  manifold.sign: [random]\n  seed: 2"),
        "axes.manifold.sign: unknown axis",
    ),
    "the exact score": (
        ("[gaussian,", "[exact, gaussian,"),
        "axes.network: 'exact' is not allowed: the law of data from a "
        "file is not known: should be gaussian, empirical or a network",
    ),
    "the posterior as target": (
        ("depth: 1", "target: posterior"),
        "train.target: 'posterior' is not allowed: the posterior of data from a file is not known: should be 'sample'",
    ),
    "no file": (("points.npy", "nothing.npy"), "cannot be read: No such file or directory"),
    "another kind": (("points.npy", "points.csv"), "data.source: 'points.csv' is not allowed: should be PATH.npy"),
    "unknown key": (
        ("held_out: 0.2", "heldout: 0.2"),
        "data.heldout: unknown key: did you mean held_out? allowed",
    ),
    "all held out": (("held_out: 0.2", "held_out: 1.0"), "data.held_out: 1.0 is not allowed: should be less than 1"),
    "a range reversed": (
        ("held_out: 0.2", "range: [1, -1], full_scale: [-99, 99]"),
        "data.range: [1.0, -1.0] is not allowed",
    ),
    "a range of nothing": (
        ("held_out: 0.2", "range: [1, 1], full_scale: [-99, 99]"),
        "should be [low, high], low < high",
    ),
    "a range of floats": (
        ("held_out: 0.2", "range: [-1, 1]"),
        "data.range: [-1.0, 1.0] is not allowed: the file has float64",
    ),
    "three ends": (("held_out: 0.2", "range: [-1, 0, 1]"), "data.range: "),
    "more points than there are": (
        ("points: 6", "points: 25"),
        "spectrum.points: 25 is not allowed: the held-out part has 24",
    ),
    "more of a class": (("labels.npy,", "labels.npy, label: 1,"), ""),
    "more to train on": (
        ("held_out", "dataset_size: 97, held_out"),
        "data.dataset_size: 97 is not allowed: the training part has 96 points in seed 0",
    ),
    "sizes of an axis": (
        ("  seed: 2", "  dataset_size: [40, 400]\n  seed: 2"),
        "axes.dataset_size: 400 is not allowed",
    ),
    "a size in words": (("  seed: 2", "  dataset_size: [many]\n  seed: 2"), "axes.dataset_size"),
    "no such class": (
        ("  seed: 2", "  class: [all, 7]\n  seed: 2"),
        "axes.class: 7 is not allowed: classes are 0, 1, 2",
    ),
    "a class spelt otherwise": (
        ("labels: labels.npy,", "labels: names.npy, label: catt,"),
        "data.label: 'catt' is not allowed: did you mean cat? classes are bird, cat, dog",
    ),
    "no labels": (
        ("labels: labels.npy,", "label: 1,"),
        "data.label: 1 is not allowed: classes are none, as there are no",
    ),
    "labels of other points": (("labels.npy", "points.npy"), "data.labels: has the shape (120, 8): should be (120,)"),
    "another array": (("held_out", f"sha256: {'a' * 64}, held_out"), "points.npy has changed, or is another: it has"),
    "another shape": (
        ("held_out", "shape: [2, 4], held_out"),
        "data.shape: [2, 4] is not allowed: points.npy has changed",
    ),
    "no hash": (("held_out", "sha256: abc, held_out"), "data.sha256: 'abc' is not allowed: should be 64 hexadecimal"),
    "estimators without the Gaussian": (
        (
            "fit:",
            "dimension: {estimators: [local_pca], times: {start: 0.1, stop: 1, count: 8}"
            ", data_points: 90, neighbours: 20}\nfit:",
        ),
        "",
    ),
    "more for estimators": (
        ("fit:", "dimension: {estimators: [local_pca], times: {start: 0.1, stop: 1, count: 8}}\nfit:"),
        "dimension.data_points: 2500 is not allowed: the training part has 96 points",
    ),
    "fewer estimates than there are points": (
        (
            "points: 6",
            "points: 6\n  points_from: training\ndimension:\n  estimators: [flipd]\n  points: 97\n"
            "  times: {start: 0.1, stop: 1, count: 8}",
        ),
        "dimension.points: 97 is not allowed: the training part has 96 points in seed 0",
    ),
    "too few for a covariance": (
        ("depth: 1", "preconditioning: covariance\n  covariance_points: 7"),
        "train.covariance_poi",
    ),
}


@pytest.mark.parametrize("case", [case for case, (_, says) in MISTAKES.items() if says])
def test_a_mistake_is_one_line_with_file_key_value_and_what_is_allowed(tmp_path, case):
    change, says = MISTAKES[case]
    path = written(tmp_path, change)
    np.save(tmp_path / "names.npy", np.array(["bird", "cat", "dog"])[points()[1]])
    with pytest.raises(InputError) as caught:
        load(path)
    assert says in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("case", ["more of a class", "estimators without the Gaussian"])
def test_what_only_looks_like_a_mistake_is_none(tmp_path, case):
    load(written(tmp_path, MISTAKES[case][0]))


def test_a_class_of_which_nothing_is_held_out_is_refused_where_that_is_asked_for(tmp_path):
    changes = ("labels.npy,", "labels.npy, label: 3,"), ("points: 6", "points: 6\n  points_from: training")
    untrained = (", gated-8]", "]"), ("train:\n  steps: 40\n  levels: 8\n  samples: 4\n  depth: 1\n  noise", "#")

    def study(*changes):
        path = written(tmp_path, *changes)
        np.save(tmp_path / "labels.npy", np.repeat([0, 3], [100, 20]))
        return path

    for held_out, refused in (("0.01", True), ("0.5", False)):
        path = study(*changes, ("held_out: 0.2", f"held_out: {held_out}"))
        if refused:
            with pytest.raises(InputError, match=r"data\.held_out: 0\.01 .*: holds out no point of class 3"):
                load(path)
        else:
            load(path)
    load(study(*changes, ("held_out: 0.2", "held_out: 0.01"), *untrained))


def test_a_covariance_needs_as_many_training_points_as_dimensions(tmp_path):
    """Of every class and half, whatever the axes of training; where a size is asked for, that is refused."""
    few = ("held_out: 0.2", "held_out: 0.95"), ("points: 6", "points: 4")
    key = ("depth: 1", "preconditioning: covariance\n  covariance_points: 8")
    axis = ("  seed: 2", "  train.preconditioning: [edm, covariance]\n  seed: 2")
    says = (
        r"train\.preconditioning: 'covariance' is not allowed: it needs as many points as dimensions, 8, at least, and "
    )
    for how in (key, axis):
        with pytest.raises(InputError, match=says + "the training part has 6 points in seed 0"):
            load(written(tmp_path, *few, how))
        load(written(tmp_path, how))
    for change, here in (
        (("labels: labels.npy,", "labels: labels.npy, label: 2,"), r"the training part has \d points of class 2 in"),
        (
            ("labels: labels.npy,", "labels: labels.npy, half: second,"),
            "the second half of the training part has 6 poi",
        ),
    ):
        held_out = ("held_out: 0.2", "held_out: 0.9")
        with pytest.raises(InputError, match=says + here):
            load(written(tmp_path, change, held_out, ("points: 6", "points: 2"), key))


def test_families_have_no_axes_of_data(tmp_path):
    for axis in ("dataset_size: [40]", "class: [all]"):
        with pytest.raises(InputError, match=rf"axes\.{axis[:5]}\w*: unknown axis"):
            load(edited(tmp_path, ("  seed: 2", f"  {axis}\n  seed: 2")))
    for section in ("manifold", "compare"):
        text = TINY[: TINY.index(f"{section}:")] + re.sub(
            r"^.*?\n(?=\w|$)", "", TINY[TINY.index(f"{section}:") :], flags=re.S
        )
        (tmp_path / "without.yaml").write_text(text)
        with pytest.raises(InputError, match=rf"{section}: is missing: "):
            load(tmp_path / "without.yaml")


@pytest.mark.parametrize(
    ("values", "form", "least"),
    [
        (np.arange(960).reshape(120, 8).astype(np.uint8), "", 1 / 12),
        (np.arange(960).reshape(120, 8).astype(np.uint8), "range: [-1, 1],", (2 / 255) ** 2 / 12),
        ((np.arange(960).reshape(120, 8) % 200 / 8).astype(np.float32), "", (1 / 8) ** 2 / 12),
    ],
)
def test_times_below_the_grid_of_levels_are_refused(tmp_path, values, form, least):
    for start, refused in ((0.99 * least, True), (1.01 * least, False)):
        times = ("start: 1.0e-4", f"start: {start:.9f}"), ("start: 5.0e-5", "start: 1.0e-7")
        path = written(tmp_path, ("held_out", f"{form} held_out"), *times)
        np.save(tmp_path / "points.npy", values)
        if refused:
            says = r"spectrum\.times\.start: .*quantised, and below t = step\^2 / 12 = "
            with pytest.raises(InputError, match=says) as caught:
                load(path)
            told = str(caught.value).rpartition(" ")[2]  # may be written instead
            assert float(told) == pytest.approx(least, rel=0.01)
            path.write_text(path.read_text().replace(f"{start:.9f}", f"{float(told):.9f}"))
            load(path)
        else:
            load(path)


def test_a_file_that_changes_after_the_study_is_read_is_refused(tmp_path):
    cell = load(written(tmp_path)).cells[0]
    np.save(tmp_path / "points.npy", points(seed=1)[0])
    with pytest.raises(InputError, match=r"^data\.source: points\.npy has changed since: should stay as it is"):
        cell.truth()


def test_a_study_says_what_its_file_was_and_is_read_without_it(tmp_path):
    """As a cube has it, which may be opened elsewhere."""
    study = load(written(tmp_path))
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "study.yaml").write_text(yaml.safe_dump(study.resolved, sort_keys=False))
    again = load(kept / "study.yaml", run=False)
    assert again.dims == (8,)
    assert again.hash == study.hash
    with pytest.raises(InputError, match="cannot be read"):
        load(kept / "study.yaml")
    for name in ("points.npy", "labels.npy"):
        (tmp_path / name).rename(kept / name)
    assert load(kept / "study.yaml").hash == study.hash


def test_the_json_schema_knows_both_kinds(tmp_path):
    check = jsonschema.Draft202012Validator(json_schema.build())
    for text in (OWN, OWN.replace(*CLASSES), TINY):
        assert list(check.iter_errors(yaml.safe_load(text))) == []
    for case in ("a manifold too", "margins", "samples", "a family", "a dimension", "no seed", "an axis into data",
                 "unknown key", "all held out", "a size in words", "no hash", "three ends"):  # fmt: skip
        text = written(tmp_path, MISTAKES[case][0]).read_text()
        assert list(check.iter_errors(yaml.safe_load(text))), case
    for axis in AXES:
        without = yaml.safe_load(OWN if axis in DATA_AXES else TINY)
        del without["axes"][axis]
        assert list(check.iter_errors(without)), axis
    assert json.dumps(json_schema.build())


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(1, 60))
def test_counts_sum_to_the_manifold_dimension_and_follow_the_fractions(weights, m):
    groups = [Group(fraction=w / sum(weights), std=1.0) for w in weights]
    counts = Manifold(groups=groups).counts(m)
    assert sum(counts) == m
    assert all(abs(count - m * group.fraction) < 1 + 1e-9 for count, group in zip(counts, groups, strict=True))
