"""A study says what it means, grows without disturbing what is there, and refuses what cannot be."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import TINY

from scoregap import InputError
from scoregap.stages import STAGES
from scoregap.study import Group, Manifold, load
from scoregap.truth import FAMILIES

STUDIES = sorted((Path(__file__).parents[1] / "workflow" / "studies").glob("*.yaml"))


def edited(tmp_path, *changes):
    text = TINY
    for old, new in changes:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    path = tmp_path / "edited.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_the_studies_that_come_with_the_project_are_valid(path):
    study = load(path)
    assert study.name == path.stem
    assert len({job.id for job in study.jobs.values()}) == len(study.jobs)
    assert sum(len(job.cells) for job in study.jobs.values()) == len(study.cells)


# Everything an author may get wrong: what is written, and what the one line must name (key, value, allowed).
MISTAKES = {
    "unknown key": ("depth: 1", "depths: 1", "train.depths: unknown key: allowed are steps, levels"),
    "unknown section": ("train:", "trian:", "trian: unknown key: allowed are study, axes"),
    "wrong type": ("steps: 40", "steps: many", "train.steps: 'many' is not allowed: should be a valid integer"),
    "bool for a number": ("steps: 40", "steps: on", "train.steps: True is not allowed: should be a valid integer"),
    "exponent YAML reads as text": ("start: 1.0e-3", "start: 1e-3", "write it with a point and a signed exponent"),
    "empty axis": ("[0.0, 0.5]", "[]", "axes.curvature: [] is not allowed: should be a non-empty list"),
    "axis without values": ("[0.0, 0.5]", "", "axes.curvature: None is not allowed"),
    "missing axis": ("  curvature: [0.0, 0.5]\n", "", "axes: key 'curvature' is missing"),
    "unknown axis": ("  seed: 2", "  colour: [1]\n  seed: 2", "axes.colour: unknown axis: allowed are family"),
    "axis into nothing": ("  seed: 2", "  train.stepz: [1]\n  seed: 2", "axes.train.stepz: unknown axis"),
    "bad value of an inner axis": ("  seed: 2", "  train.steps: [0]\n  seed: 2", "train.steps: 0 is not allowed"),
    "m > d": ("manifold_dim: [2]", "manifold_dim: [9]", "axes.manifold_dim: 9 is not allowed"),
    "2m > d with curvature": ("manifold_dim: [2]", "manifold_dim: [5]", "ambient_dim of at least 10"),
    "negative curvature": ("[0.0, 0.5]", "[-0.5]", "axes.curvature[0]: -0.5 is not allowed"),
    "infinite curvature": ("[0.0, 0.5]", "[.inf]", "axes.curvature[0]: inf is not allowed: should be a finite"),
    "nan std": ("std: 0.1}", "std: .nan}", "manifold.groups[1].std: nan is not allowed: should be a finite"),
    "negative std": ("std: 0.1}", "std: -0.1}", "manifold.groups[1].std: -0.1 is not allowed"),
    "negative seed": ("seed: 2", "seed: [0, -1]", "axes.seed[1]: -1 is not allowed"),
    "no seeds": ("seed: 2", "seed: 0", "axes.seed: 0 is not allowed: a count should be from 1"),
    "duplicate axis value": ("[0.0, 0.5]", "[0.5, 0.0, 0.5]", "axes.curvature: 0.5 is not allowed twice"),
    "duplicate as numbers": ("[0.0, 0.5]", "[0, 0.0]", "axes.curvature: 0.0 is not allowed twice"),
    "duplicate key": ("batch:", "study: tiny\nbatch:", "key 'study' is written twice"),
    "fractions": ("{fraction: 0.5, std: 0.1}", "{fraction: 0.4, std: 0.1}", "fractions sum to 0.9, not allowed"),
    "empty group": ("fraction: 0.5, std: 1.0}, {fraction: 0.5", "fraction: 0.9, std: 1.0}, {fraction: 0.1", "gives no"),
    "times below the noise range": ("start: 1.0e-3", "start: 1.0e-5", "spectrum.times.start: 1e-05 is not allowed"),
    "times above the noise range": ("stop: 100.0", "stop: 300.0", "spectrum.times.stop: 300.0 is not allowed"),
    "focus outside": ("stop: 200.0}", "stop: 200.0, focus: {start: 0.1, stop: 300.0}}", "noise.focus.stop: 300.0"),
    "times reversed": ("stop: 100.0", "stop: 0.0005", "spectrum.times.stop: 0.0005 is not allowed: should exceed"),
    "unknown family": ("[arcs]", "[blobs]", "axes.family[0]: 'blobs' is not allowed: should be one of arcs"),
    "unknown network": ("gated-8]", "gatd-8]", "axes.network[2]: 'gatd-8' is not allowed: should be one of exact"),
    "network without width": ("gated-8]", "gated]", "axes.network[2]: 'gated' is not allowed"),
    "unknown device": ("depth: 1", "device: tpu", "train.device: 'tpu' is not allowed: should be auto, cpu, cuda"),
    "batch over the network": ("batch: [seed]", "batch: [network]", "batch: 'network' is not allowed"),
    "batch over no axis": ("batch: [seed]", "batch: [sede]", "batch: 'sede' is not allowed: should be one of family"),
    "name that leaves the folder": ("study: tiny", "study: ../tiny", "study: '../tiny' is not allowed"),
    "name for a shell": ("study: tiny", "study: $(id)", "study: '$(id)' is not allowed"),
    "not YAML": ("axes:", "axes: [", "line"),
    "Python object": ("depth: 1", "depth: !!python/name:os.system", "is not YAML"),
    "train is missing": (TINY[TINY.index("train:") : TINY.index("spectrum:")], "", "train: is missing"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "says"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_that_names_file_key_value_and_what_is_allowed(tmp_path, old, new, says):
    path = edited(tmp_path, (old, new))
    with pytest.raises(InputError) as caught:
        load(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert says in text
    assert "\n" not in text


def test_files_that_are_no_studies(tmp_path):
    for name, content in {
        "list.yaml": b"[1]",
        "empty.yaml": b"",
        "binary.yaml": b"\xff\xfe\x00",
        "null.yaml": b"\0",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=r"^\S+: .*"):
            load(tmp_path / name)
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path / "absent.yaml")
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path)


def test_the_grid_is_the_product_of_the_axes_in_the_study_s_order(tiny):
    study = load(tiny)
    assert len(study.cells) == 2 * 3 * 2
    assert [cell["seed"] for cell in study.cells[:3]] == [0, 1, 0]  # the last axis is fastest
    assert len(study.jobs) == 6
    assert all([cell["seed"] for cell in job.cells] == [0, 1] for job in study.jobs.values())
    assert sum(job.trained for job in study.jobs.values()) == 2


def test_an_axis_may_point_into_a_section(tmp_path):
    path = edited(tmp_path, ("  seed: 2", "  manifold.groups.1.std: [0.1, 0.2]\n  train.steps: [10, 20]\n  seed: 2"))
    cells = load(path).cells
    assert {(cell.manifold.groups[1].std, cell.train.steps) for cell in cells} == {
        (std, steps) for std in (0.1, 0.2) for steps in (10, 20)
    }


def test_growth_leaves_jobs_and_keys_of_old_cells_alone(tmp_path):
    before = load(edited(tmp_path))
    keys = {cell.values: cell.key("fit") for cell in before.cells}
    after = load(
        edited(tmp_path, ("[0.0, 0.5]", "[0.25, 0.0, 0.5]"), ("seed: 2", "seed: [1, 0, 7]"), ("[2]", "[2, 3]"))
    )
    assert set(before.jobs) < set(after.jobs)
    assert keys == {cell.values: cell.key("fit") for cell in after.cells if cell.values in keys}


@pytest.mark.parametrize(
    ("change", "first"),
    [
        (("std: 0.1}", "std: 0.2}"), "train"),
        (("steps: 40", "steps: 41"), "train"),
        (("points: 4", "points: 5"), "spectrum"),
        (("resamples: 50", "resamples: 51"), "fit"),
        (("depth: 1", "depth: 1\n  device: cpu"), None),
        (("# ", "# "), None),
    ],
)
def test_a_section_changes_the_fingerprint_of_its_stage_and_of_those_after_it(tmp_path, change, first):
    (tmp_path / "edited.yaml").write_text("# \n" + TINY)
    before = load(tmp_path / "edited.yaml")
    after = load(edited(tmp_path, *([change] if change[0] in TINY else [])))
    (job,) = [job for job in before.jobs if "gated" in job and "0.5" in job]
    names = [stage.name for stage in STAGES][:3]
    changed = [name for name in names if before.job(job).fingerprint(name) != after.job(job).fingerprint(name)]
    assert changed == (names[names.index(first) :] if first else [])
    assert (before.hash == after.hash) == (first is None)


def test_a_closed_form_does_not_depend_on_training(tmp_path):
    before, after = load(edited(tmp_path)), load(edited(tmp_path, ("steps: 40", "steps: 41")))
    (job,) = [job for job in before.jobs if "exact" in job and "0.5" in job]
    assert before.job(job).fingerprint("fit") == after.job(job).fingerprint("fit")


def test_seeds_are_shared_by_comparisons_and_distinct_otherwise(tiny):
    cells = load(tiny).cells
    by = {(cell["curvature"], cell["network"], cell["seed"]): cell for cell in cells}
    one, bent, trained, other = by[0.0, "exact", 0], by[0.5, "exact", 0], by[0.5, "gated-8", 0], by[0.5, "gated-8", 1]
    for stream in ("manifold", "points"):
        assert one.seed(stream) == bent.seed(stream) == trained.seed(stream) != other.seed(stream)
    own = [cell.seed(stream) for cell in (trained, other, by[0.0, "gated-8", 0]) for stream in ("weights", "data")]
    assert len(set(own)) == 6


def test_keys_and_seeds_are_the_same_in_every_process(tiny):
    code = f"from scoregap.study import load; c = load({str(tiny)!r}).cells[5]; print(c.key('fit'), c.seed('data'))"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": h}
        ).stdout
        for h in ("1", "2")
    }
    cell = load(tiny).cells[5]
    assert outputs == {f"{cell.key('fit')} {cell.seed('data')}\n"}


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(1, 60))
def test_counts_sum_to_the_manifold_dimension_and_follow_the_fractions(weights, m):
    groups = [Group(fraction=w / sum(weights), std=1.0) for w in weights]
    counts = Manifold(groups=groups).counts(m)
    assert sum(counts) == m
    assert all(abs(count - m * group.fraction) < 1 + 1e-9 for count, group in zip(counts, groups, strict=True))


def test_boundaries_follow_the_variance_and_not_the_order_of_the_groups(tmp_path):
    path = edited(
        tmp_path,
        ("[2]", "[4]"),
        (
            "{fraction: 0.5, std: 1.0}, {fraction: 0.5, std: 0.1}",
            "{fraction: 0.75, std: 0.1}, {fraction: 0.25, std: 1.0}",
        ),
    )
    assert load(path).cells[0].boundaries == (1, 4)
    assert load(path).cells[0].counts == (3, 1)


def test_unknown_jobs_are_refused(tiny):
    with pytest.raises(InputError, match="job 'no-such' is not in this study"):
        load(tiny).job("no-such")


def test_registered_families_load():
    for name, family in FAMILIES.items():
        assert family.load().__name__, name
