"""Before a run and after it: what is refused, who has the folder, what is found. Runs: `tests/test_workflow.py`."""

import os

import pytest

from scoregap import InputError, receipts
from scoregap.orchestration import workflow
from scoregap.study import load


@pytest.mark.parametrize(
    "content",
    [b"5", b"[1]", b"executor: [", b"executor: 5", b"executor: ../x", b"executor: a.b", b"executor: ''", b"\xff",
     b"executor: null", b"!!python/object/apply:os.system [x]", b"executor: " + b"[" * 5000],
)  # fmt: skip
def test_a_strange_profile_is_refused(tiny, tmp_path, content):
    (tmp_path / "config.yaml").write_bytes(content)
    with pytest.raises(InputError, match=r"^--profile: .* is not allowed: .*config\.yaml: [^\n]*$"):
        workflow.check(load(tiny), tmp_path / "results", None, tmp_path)


@pytest.mark.parametrize("cores", ["0", "00", "-1", "1.5", "", " 1", "9" * 5000])
def test_a_strange_number_of_cores_is_refused(tiny, tmp_path, cores):
    with pytest.raises(InputError, match=r"--cores: .* is not allowed: should be a number from 1, or all"):
        workflow.check(load(tiny), tmp_path / "results", cores, workflow.PROFILE)


def test_a_run_names_what_is_damaged_and_forgets_its_receipt(tiny, tmp_path, monkeypatch, capsys):
    """Before Snakemake starts, which then sees that its stage is to run."""
    folder = tmp_path / "results" / "tiny"
    path = folder / receipts.place("compare")
    (folder / "cube.zarr").mkdir(parents=True)
    (folder / "cube.zarr" / "zarr.json").write_text("{}")
    receipts.write(path, receipts.begin(path, tiny, "compare"), [folder / "cube.zarr"])
    (folder / "cube.zarr" / "zarr.json").write_text("")
    (folder / "comparison.txt").write_text("the table")
    there = []
    monkeypatch.setattr(workflow, "follow", lambda *_: (there.append(path.exists()), (0, []))[1])
    assert workflow.run(str(tiny), tmp_path / "results", None, workflow.PROFILE) == 0
    assert there == [False]
    said = capsys.readouterr()
    line = f"scoregap: {folder}/cube.zarr/zarr.json: is damaged: it has 0 bytes, of 2; made again\n"
    assert said.err == line
    assert "the table" in said.out


def test_a_run_may_begin_while_somebody_looks(tmp_path, monkeypatch):
    """`taken` holds the lock for an instant, shared; `take` waits that long."""
    folder = tmp_path / "results" / "tiny"  # not there yet
    os.close(workflow.take(folder))
    looking = os.open(folder / workflow.LOCK, os.O_RDONLY)
    workflow.fcntl.flock(looking, workflow.fcntl.LOCK_SH)
    assert not workflow.taken(folder)  # two may look at once
    monkeypatch.setattr(workflow.time, "sleep", lambda _: os.close(looking))
    lock = workflow.take(folder)
    assert lock is not None
    assert workflow.taken(folder)
    os.close(lock)
