"""Before a run and after it: what is refused, what is found. Runs: `tests/test_workflow.py`."""

import pytest

from scoregap import DamagedFile, InputError
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


@pytest.mark.parametrize("text", ["", "[]", '{"attributes": 5}', None])
def test_a_run_that_finds_a_damaged_cube_says_so(tiny, tmp_path, monkeypatch, text):
    """When Snakemake has nothing to do: it looks at dates only."""
    monkeypatch.setattr(workflow, "follow", lambda *_: (0, []))
    cube = tmp_path / "results" / "tiny" / "cube.zarr"
    cube.mkdir(parents=True)
    if text is not None:
        (cube / "zarr.json").write_text(text)
    with pytest.raises(DamagedFile, match=r"cube\.zarr: is damaged; delete it and run again$"):
        workflow.run(str(tiny), tmp_path / "results", None, workflow.PROFILE)
