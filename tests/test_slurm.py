"""Studies on a real Slurm of several nodes, on this machine alone (tests/cluster.py); skipped where there can be none."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import cluster
import pytest
import yaml
from tiny import edited

from scoregap import storage
from scoregap.study import load

ROOT = Path(__file__).parents[1]
PROFILE = ROOT / "workflow" / "profiles" / "slurm" / "config.yaml"
# Slurm is here, its nodes are this machine, and nobody waits in its queue: ask sooner.
SOONER = {"latency-wait": 5, "slurm-init-seconds-before-status-checks": 5, "seconds-between-status-checks": 1}
pytestmark = [pytest.mark.workflow, pytest.mark.slurm]


@pytest.fixture(scope="session", autouse=True)
def slurm():
    """Slurm, running. Skips, with the reason, where it cannot be installed or started."""
    if not find_spec("snakemake_executor_plugin_slurm"):
        pytest.skip("no Slurm here: the extra `slurm` is not installed")
    try:
        with cluster.shared():
            yield
    except cluster.Unavailable as reason:
        pytest.skip(f"no Slurm here: {reason}")


def run(study: Path, **changes):
    """(exit status, what it printed) of a study in its folder, with the Slurm profile and these changes to it."""
    profile = study.parent / "profile"
    profile.mkdir()
    settings = yaml.safe_load(PROFILE.read_text()) | SOONER | changes
    (profile / "config.yaml").write_text(yaml.safe_dump(settings))
    command = [sys.executable, "-m", "scoregap", "run", study.name, "--profile", "profile"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=study.parent, check=False)
    return result.returncode, result.stdout + result.stderr


def listed(word: str) -> list[str]:
    """Slurm's lines on jobs of that name, the earliest first."""
    return [line for line in cluster.jobs().splitlines() if word in line]


def test_the_cube_is_that_of_a_laptop_and_lack_of_memory_is_mended(done, tmp_path):
    """The first attempt at the cube is given less memory than Python needs; the second one has more."""
    study, local = done
    (tmp_path / study.name).write_text(study.read_text())
    status, text = run(tmp_path / study.name, **{"set-resources": ["cube:mem_mb=30 * attempt ** 6"]})
    assert status == 0, text
    assert "trained/exact" in text
    assert "ran out" not in text
    on_slurm, on_laptop = (storage.manifest_of(folder / "cube.zarr").read_text() for folder in (tmp_path / "results" / "tiny", local))
    assert on_slurm == on_laptop


def test_failures_are_told_and_the_rest_completes(tmp_path):
    """Weights that are damaged, a training that outlasts its minute, memory that no attempt has; and one job is well."""
    study = edited(tmp_path, ("[exact, gaussian, gated-8]", "[exact, gated-8]"), ("steps: 40", "steps: 100000000"))
    jobs = {(job.cells[0]["curvature"], job.trained): id for id, job in load(study).jobs.items()}
    results = tmp_path / "results" / "tiny"
    (results / "train").mkdir(parents=True)
    (results / "train" / f"{jobs[0.0, True]}.safetensors").write_bytes(b"no weights")
    little = f"40 if wildcards.job == '{jobs[0.5, False]}' else 1000"
    status, text = run(
        study, retries=0, **{"set-resources": ["train:runtime=1", f"spectrum:mem_mb={little}", f"fit:mem_mb={little}"]}
    )
    print(text)
    assert status == 1
