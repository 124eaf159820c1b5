"""Keys: of a job's cells at once as of each alone."""

import itertools
from pathlib import Path

import own_data
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import edited

from scoregap.study import digest, hashing, load
from scoregap.study.stages import STAGES

STUDIES = sorted((Path(__file__).parents[2] / "workflow" / "studies").glob("*.yaml"))
OF_JOBS = [stage.name for stage in STAGES if not stage.gathers]


def check(study):
    """Keys of all stages of a few jobs are those of their cells."""
    jobs = list(study.jobs.values())
    for job in jobs[:: max(1, len(jobs) // 4)]:
        some = range(0, job.size, max(1, job.size // 5))
        for stage in filter(job.has, OF_JOBS):
            keys = job.keys(stage)
            assert len(keys) == job.size
            assert [keys[i] for i in some] == [job.cells[i].key(stage) for i in some]


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_keys_of_a_job_are_those_of_its_cells(path):
    check(load(path))


@pytest.mark.parametrize(
    "changes",
    [
        [("[arcs]", "[arcs, linear]"), ("[0.0, 0.5]", "[0.0]"), ("batch: [seed]", "batch: [seed, family, curvature]")],
        [("  seed: 2", "  manifold.groups.1.std: [0.1, 0.2]\n  fit.level: [0.4, 0.5]\n  seed: [3, 1]"),
         ("batch: [seed]", "batch: [manifold.groups.1.std, seed]")],
        [("  seed: 2", "  manifold.dataset_size: [8, 16]\n  seed: 1"), ("gaussian, gated-8]", "empirical]"),
         ("batch: [seed]", "batch: [manifold.dataset_size, curvature]")],
    ],
    ids=["families", "sections", "data sets"],
)  # fmt: skip
def test_keys_along_any_batch_axis(tmp_path, changes):
    check(load(edited(tmp_path, *changes)))


def test_keys_of_data_along_their_classes_and_sizes(tmp_path):
    """For every order of the axes: sections are looked up by values in the study's own."""
    axes = ("  seed: 2", "  class: [all, 2]\n  seed: 2\n  dataset_size: [20, fresh]")
    for changes in ([own_data.CLASSES], [axes], [axes, own_data.UNTRAINED]):
        check(load(own_data.written(tmp_path, *changes)))


def test_code_of_one_family_of_a_job_is_in_its_keys_alone(tmp_path, monkeypatch):
    """Of two families in a job, one is edited."""
    changes = ("[arcs]", "[arcs, linear]"), ("[0.0, 0.5]", "[0.0]"), ("batch: [seed]", "batch: [seed, family]")
    study = load(edited(tmp_path, *changes))
    before = [job.keys("fit") for job in study.jobs.values()]

    def code_of(families, networks):
        return {"family code": '"edited"'} if "linear" in families else {}

    monkeypatch.setattr("scoregap.study.grid.code_of", code_of)
    check(study)
    for keys, job in zip(before, study.jobs.values(), strict=True):
        same = [old == new for old, new in zip(keys, job.keys("fit"), strict=True)]
        assert same == [cell["family"] == "arcs" for cell in job.cells]


NAMES = st.text("abc d", min_size=1, max_size=3)


@given(st.dictionaries(NAMES, st.sets(st.integers(0, 2))), st.lists(st.integers(1, 3), min_size=3, max_size=3))
def test_a_key_is_the_digest_of_the_mapping(names, sizes):
    """Of any names, each of a number that some of three axes say."""
    grid = [range(size) for size in sizes]
    texts = {}
    for name, places in names.items():
        values = itertools.product(*(grid[place] for place in sorted(places)))
        texts[name] = hashing.Texts(tuple(sorted(places)), {one: str(sum(one)) for one in values})
    cells = list(itertools.product(*grid))
    found = hashing.of_cells(texts, cells)
    assert found == [
        digest({name: sum(cell[place] for place in places) for name, places in names.items()}) for cell in cells
    ]
