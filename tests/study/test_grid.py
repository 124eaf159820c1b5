"""A study says what it means, and grows without disturbing what is there."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny import TINY, WITH_DIMENSION, WITH_SAMPLING, edited

from scoregap import InputError
from scoregap.data import FAMILIES
from scoregap.study import digest, grid, load
from scoregap.study.schema import AXES
from scoregap.study.stages import STAGES

STUDIES = sorted((Path(__file__).parents[2] / "workflow" / "studies").glob("*.yaml"))


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_the_studies_that_come_with_the_project_are_valid(path):
    study = load(path)
    assert study.name == path.stem
    assert len({job.id for job in study.jobs.values()}) == len(study.jobs)
    assert sum(len(job.cells) for job in study.jobs.values()) == len(study.cells)


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


def test_an_axis_of_fit_shares_training_and_the_order_of_axes_does_not_matter(tmp_path):
    study = load(edited(tmp_path, ("  seed: 2", "  fit.level: [0.3, 0.5]\n  seed: 2")))
    assert len(study.jobs) == 6
    trained = [cell for cell in study.cells if cell.trained]
    assert len({cell.key("train") for cell in trained}) == len({cell.key("spectrum") for cell in trained}) == 4
    assert len({cell.key("fit") for cell in trained}) == len(trained) == 8
    first = "  family: [arcs]\n"
    swapped = load(edited(tmp_path, (first, ""), ("  seed: 2\n", "  seed: 2\n" + first)))
    plain = load(edited(tmp_path))
    for a in plain.cells:
        (b,) = [cell for cell in swapped.cells if dict(cell.values) == dict(a.values)]
        assert (a.key("fit"), a.seed("data")) == (b.key("fit"), b.seed("data"))


def test_the_order_of_batch_axes_is_that_of_files_and_cube_and_changes_what_is_run_again(tmp_path):
    """Or Snakemake would leave files whose members are in another order, which every later stage refuses."""
    both = ("batch: [seed]", "batch: [seed, curvature]")
    one = load(edited(tmp_path, both))
    curvature = "  curvature: [0.0, 0.5]\n"
    two = load(edited(tmp_path, both, (curvature, ""), ("  seed: 2\n", "  seed: 2\n" + curvature)))
    assert one.jobs.keys() == two.jobs.keys()
    for id in one.jobs:
        a, b = one.job(id), two.job(id)
        assert a.keys("fit") != b.keys("fit")
        assert sorted(a.keys("fit")) == sorted(b.keys("fit"))
        assert all(a.fingerprint(stage) != b.fingerprint(stage) for stage in ("spectrum", "fit"))
    assert one.hash != two.hash  # the order of the cube's dimensions
    assert one.fingerprint("cube") != two.fingerprint("cube")


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
    names = [stage.name for stage in STAGES if not stage.optional][:3]
    changed = [name for name in names if before.job(job).fingerprint(name) != after.job(job).fingerprint(name)]
    assert changed == (names[names.index(first) :] if first else [])
    assert (before.hash == after.hash) == (first is None)


def test_fingerprints_of_gathering_stages_change_with_revisions_up_to_them(tiny, monkeypatch):
    study, gathering = load(tiny), [stage.name for stage in STAGES if stage.gathers]
    before = {name: study.fingerprint(name) for name in gathering}
    assert len(set(before.values())) == len(gathering)
    of_cube = replace(study, of_cube=before["cube"])
    for changed in STAGES:
        stages = [one._replace(revision=one.revision + (one is changed)) for one in STAGES]
        monkeypatch.setattr(grid, "STAGES", stages)
        after = {name: study.fingerprint(name) for name in gathering}
        reached = gathering if not changed.gathers else gathering[gathering.index(changed.name) :]
        reached = [] if changed.optional else reached
        assert [name for name in gathering if after[name] != before[name]] == reached
        recorded = [name for name in gathering if of_cube.fingerprint(name) != before[name]]
        assert recorded == ([name for name in reached if name != "cube"] if changed.gathers and changed.name != "cube"
                            else [])  # fmt: skip
    with pytest.raises(KeyError):
        study.fingerprint("fit")


OPTIONAL = pytest.mark.parametrize(
    ("stage", "section", "change"), [("dimension", "dimension", WITH_DIMENSION), ("sample", "sampling", WITH_SAMPLING)]
)


@OPTIONAL
def test_without_its_section_an_optional_stage_does_not_exist(tmp_path, monkeypatch, stage, section, change):
    """Keys, fingerprints and hash are as if it had never been written; with one, spectra and fits keep theirs."""
    before, asked = load(edited(tmp_path)), load(edited(tmp_path, change))
    keys = {stage: [cell.key(stage) for cell in before.cells] for stage in ("train", "spectrum", "fit")}
    gathered = {stage: before.fingerprint(stage) for stage in ("cube", "compare", "report")}
    for other in keys:
        assert [cell.key(other) for cell in asked.cells] == keys[other]
    assert asked.hash != before.hash
    assert asked.jobs.keys() == before.jobs.keys()
    assert [one.jobs[id].has(stage) for one in (before, asked) for id in before.jobs] == [False] * 6 + [True] * 6
    assert [one.cells[0].has(stage) for one in (before, asked)] == [False, True]
    monkeypatch.setattr("scoregap.study.grid.STAGES", [one for one in STAGES if one.name != stage])
    assert {stage: [cell.key(stage) for cell in before.cells] for stage in keys} == keys
    assert {stage: before.fingerprint(stage) for stage in gathered} == gathered
    assert section not in before.resolved
    assert section in asked.resolved


@OPTIONAL
def test_a_change_in_an_optional_section_changes_its_stage_alone(tmp_path, stage, section, change):
    points = "points: 3" if stage == "dimension" else "points: 24"
    one, two = (load(edited(tmp_path, change, (points, f"points: {n}"))) for n in (2, 3))
    (job,) = [job for job in one.jobs if "exact" in job and "0.5" in job]
    names = [s.name for s in STAGES if s.name not in ("cube", "compare", "report")]
    assert [s for s in names if one.job(job).fingerprint(s) != two.job(job).fingerprint(s)] == [stage]
    assert [s for s in names if one.cells[0].key(s) != two.cells[0].key(s)] == [stage]
    assert one.hash != two.hash


def test_samples_need_a_manifold_whose_nearest_points_are_known(tmp_path):
    with pytest.raises(InputError) as caught:
        load(edited(tmp_path, WITH_SAMPLING, ("[arcs]", "[arcs, tanh]")))
    assert str(caught.value).endswith(
        "axes.family: 'tanh' is not allowed with the section sampling: the distance from its manifold is not known: "
        "should be one of linear, arcs, sphere, torus, affine"
    )
    load(edited(tmp_path, ("[arcs]", "[arcs, tanh]")))


def test_training_depends_on_the_range_it_is_evaluated_over(tmp_path):
    """Patience looks at the evaluations, and the levels of a curve are named by the range."""
    one, two, more = (
        load(edited(tmp_path, ("start: 1.0e-3, stop: 100.0, count: 24", times)))
        for times in (
            "start: 1.0e-3, stop: 100.0, count: 24", "start: 1.0e-2, stop: 100.0, count: 24",
            "start: 1.0e-3, stop: 100.0, count: 25",
        )
    )  # fmt: skip
    (job,) = [job for job in one.jobs if "gated" in job and "0.5" in job]
    keys = [study.job(job).keys("train") for study in (one, two, more)]
    assert keys[0] == keys[2] != keys[1]


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


def test_boundaries_follow_the_variance_and_not_the_order_of_the_groups(tmp_path):
    path = edited(
        tmp_path,
        ("[2]", "[4]"),
        (
            "{fraction: 0.5, std: 1.0}, {fraction: 0.5, std: 0.1}",
            "{fraction: 0.75, std: 0.1}, {fraction: 0.25, std: 1.0}",
        ),
    )
    cell = load(path).cells[0]
    assert cell.truth().boundaries == (1, 4)
    assert [group.count for group in cell.groups] == [3, 1]
    assert cell.gaps == 2


def test_dimension_as_a_share_of_the_ambient_one(tmp_path):
    path = edited(
        tmp_path, ("ambient_dim: [8]", "ambient_dim: [8, 10, 50]"), ("manifold_dim: [2]", "manifold_dim: [0.4]")
    )
    assert {(cell["ambient_dim"], cell["manifold_dim"], cell.manifold_dim) for cell in load(path).cells} == {
        (8, 0.4, 3),
        (10, 0.4, 4),
        (50, 0.4, 20),
    }
    assert load(path).cells[-1].truth().manifold_dim == 20


def test_scores_without_training_are_measured_once_for_all_trainings(tmp_path):
    study = load(edited(tmp_path, ("  seed: 2", "  train.steps: [10, 40]\n  fit.level: [0.4, 0.5]\n  seed: 2")))
    jobs = [job for job in study.jobs.values() if job.cells[0]["curvature"] == 0.5]
    sizes = {(job.cells[0]["network"], len(job.cells)) for job in jobs}
    assert sizes == {("exact", 8), ("gaussian", 8), ("gated-8", 4)}
    assert len(jobs) == 4
    (job,) = [job for job in jobs if job.cells[0]["network"] == "exact"]
    assert (len(set(job.keys("spectrum"))), len(set(job.keys("fit")))) == (2, 4)


def test_a_study_without_training_shares_jobs_as_far_as_it_can(tmp_path):
    closed = load(edited(tmp_path, (", gated-8]", "]"), ("batch: [seed]\n", "")))
    assert [job.size for job in closed.jobs.values()] == [4, 4]  # curvatures and seeds of exact and gaussian
    trained = load(edited(tmp_path, ("batch: [seed]\n", "")))
    assert trained.jobs.keys() == load(edited(tmp_path)).jobs.keys()


def test_jobs_know_their_size_without_making_their_cells(tmp_path):
    study = load(edited(tmp_path, ("  seed: 2", "  train.steps: [10, 40]\n  fit.level: [0.4, 0.5]\n  seed: 2")))
    for job in study.jobs.values():
        size, first = job.size, job.first
        assert "cells" not in vars(job)
        assert (size, first.values) == (len(job.cells), job.cells[0].values)
    assert study.size == len(study.cells) == sum(job.size for job in study.jobs.values())


@pytest.mark.parametrize(
    "path", [path for path in STUDIES if load(path).document.data is None], ids=lambda path: path.stem
)
def test_keys_are_digests_of_what_results_depend_on(path):
    """Written out plainly here; the study puts them together from parts that cells share."""
    study = load(path)
    for cell in study.cells[:: max(1, len(study.cells) // 7)]:
        content = {axis: cell[axis] for axis in AXES}
        times = cell.spectrum.times
        if cell.trained:
            content["evaluated"] = [times.start, times.stop]
        unread = {"device"}
        if cell["network"] in ("exact", "gaussian") or cell.manifold.dataset_size is None:
            unread.add("dataset_size")
        for stage in STAGES[: [stage.name for stage in STAGES].index("fit") + 1]:
            if stage.optional:
                continue
            if cell.has(stage.name):
                content[f"{stage.name} revision"] = stage.revision
            for section in stage.sections:
                if cell.has(section):
                    content[section] = getattr(cell, section).model_dump(exclude=unread)
                    if section == "spectrum":  # families have no parts or pictures, and are measured without probes
                        for key in ("points_from", "probes", "keep"):
                            del content[section][key]
                    if section == "manifold":  # keys that came later
                        del content[section]["latents"], content[section]["noise"]
                    if section == "train":  # keys that came later, and what has changed in training
                        if cell.training.target == "sample":
                            del content[section]["target"]
                        if cell.training.draws == "independent":
                            del content[section]["draws"]
                        if cell.training.record == "loss":
                            del content[section]["record"]
                        if cell.training.noise_draws == "fresh":
                            del content[section]["noise_draws"]
                        if cell.training.preconditioning != "covariance":
                            del content[section]["covariance_points"]
                        del content[section]["own_below"], content[section]["beta2"], content[section]["products"]
                        if cell.training.preconditioning in ("epsilon", "x0"):
                            content[section]["inputs"] = "unit variance"
            assert cell.key(stage.name) == digest(content)


def test_unknown_jobs_are_refused(tiny):
    with pytest.raises(InputError, match="job 'no-such' is not in this study"):
        load(tiny).job("no-such")


def test_registered_families_load():
    for name, family in FAMILIES.items():
        assert family.load().__name__, name


def test_a_training_set_is_no_part_of_scores_that_do_not_come_from_data(tmp_path):
    axis = ("  seed: 2", "  manifold.dataset_size: [8, 16]\n  seed: 1")
    settings = ("manifold:", "manifold:\n  dataset_size: 8")
    study = load(edited(tmp_path, axis, settings, ("[exact, gaussian, gated-8]", "[exact, empirical, gated-8]")))
    keys = {}
    for cell in study.cells:
        keys.setdefault((cell["network"], cell["curvature"]), set()).add(cell.key("spectrum"))
    assert {name: len(values) for (name, _), values in keys.items()} == {"exact": 1, "empirical": 2, "gated-8": 2}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ([("[arcs]", "[quadratic]"), ("manifold_dim: [2]", "manifold_dim: [1]"),
          ("groups: [{fraction: 0.5, std: 1.0}, {fraction: 0.5, std: 0.1}]",
           "sign: negative\n  groups: [{fraction: 1.0, std: 1.0}]")],
         "manifold.sign: 'negative' is not allowed: a curve"),
        ([("[arcs]", "[skdim-M7_Roll]"), ("[0.0, 0.5]", "[0.0]"), ("[exact, gaussian, gated-8]", "[gated-8]")],
         "manifold.groups: 2 with 2 latents are not allowed"),
        ([("[arcs]", "[skdim-M7_Roll]"), ("[0.0, 0.5]", "[0.0]")], "the score of skdim-M7_Roll is not known"),
        ([("[arcs]", "[mixture]"), ("[0.0, 0.5]", "[0.0]")], "the largest fraction is 0.5, not allowed: should be 1"),
        ([("[arcs]", "[sphere]")], "axes.curvature: 0.0 is not allowed: sphere is never flat"),
    ],
)  # fmt: skip
def test_what_a_family_cannot_be_is_said_before_anything_runs(tmp_path, changes, says):
    with pytest.raises(InputError) as caught:
        load(edited(tmp_path, *changes))
    assert says in str(caught.value)


def test_axes_of_texts_and_of_what_is_not_set(tmp_path):
    study = load(
        edited(
            tmp_path,
            ("  seed: 2", "  train.schedule: [ve, vp]\n  manifold.dataset_size: [100, 1000]\n  seed: 2"),
            ("[exact, gaussian, gated-8]", "[exact, gaussian, empirical, gated-8]"),
            ("[0.0, 0.5]", "[0.0]"),
        )
    )
    assert {(cell.train.schedule, cell.manifold.dataset_size) for cell in study.cells} == {
        (schedule, n) for schedule in ("ve", "vp") for n in (100, 1000)
    }
    assert any(job.startswith("arcs-8-2-0.0-gated-8-vp-1000-") for job in study.jobs)
    keys = {name: {c.key("train") for c in study.cells if c["network"] == name} for name in study.axes["network"]}
    # Per seed: a network by schedule and data set, the empirical score by data set, closed forms by neither.
    assert {name: len(found) for name, found in keys.items()} == {
        "exact": 2,
        "gaussian": 2,
        "empirical": 4,
        "gated-8": 8,
    }


def test_the_training_set_is_shared_by_the_scores_of_a_cell(tmp_path):
    cells = load(edited(tmp_path, ("manifold:", "manifold:\n  dataset_size: 5"), ("gaussian", "empirical"))).cells
    by = {(cell["curvature"], cell["network"], cell["seed"]): cell for cell in cells}
    one = by[0.5, "empirical", 0]
    np.testing.assert_array_equal(one.dataset(), by[0.5, "gated-8", 0].dataset())
    assert one.dataset().shape == (5, 8)
    assert one.seed("dataset") == by[0.0, "gated-8", 0].seed("dataset") != one.seed("points")
    assert one.seed("dataset") != by[0.5, "gated-8", 1].seed("dataset")


def test_without_a_training_set_there_is_none_and_keys_do_not_know_of_it(tiny, tmp_path):
    (plain,) = [job for job in load(tiny).jobs.values() if "0.5-gated-8" in job.id]
    (with_set,) = [
        job
        for job in load(edited(tmp_path, ("manifold:", "manifold:\n  dataset_size: 5"))).jobs.values()
        if "0.5-gated-8" in job.id
    ]
    assert plain.cells[0].dataset() is None
    assert plain.keys("train") != with_set.keys("train")


def test_keys_of_training_that_came_later_change_nothing_until_they_are_used(tmp_path):
    """At their defaults a study is the one it was before there were such keys."""
    before = load(edited(tmp_path))
    written = load(
        edited(
            tmp_path,
            (
                "depth: 1",
                "depth: 1\n  target: sample\n  covariance_points: 65536\n  own_below: 0\n  beta2: 0.99\n"
                "  products: torch",
            ),
        )
    )
    other = load(edited(tmp_path, ("depth: 1", "depth: 1\n  covariance_points: 100")))  # which edm does not read
    assert before.hash == written.hash
    for study in (written, other):
        assert [cell.key("fit") for cell in study.cells] == [cell.key("fit") for cell in before.cells]
    keys = set()
    for used in ("target: posterior", "draws: antithetic", "preconditioning: covariance", COVARIANCE_OF_100):
        study = load(edited(tmp_path, ("depth: 1", f"depth: 1\n  {used}")))
        assert study.hash != before.hash
        for cell, old in zip(study.cells, before.cells, strict=True):
            assert (cell.key("fit") == old.key("fit")) == (not cell.trained)
        keys.add(study.cells[-1].key("train"))
    assert len(keys) == 4
    assert '"target"' not in before.cells[-1].training.as_json(frozenset())


COVARIANCE_OF_100 = "preconditioning: covariance\n  covariance_points: 100"
