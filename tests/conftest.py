"""What every test shares: one core per process, and a tiny study with its results."""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

from pathlib import Path  # noqa: E402

import cluster  # noqa: E402
import pytest  # noqa: E402
from tiny import BLOCKS, TINY, edited, run_stages  # noqa: E402

from scoregap.study import load  # noqa: E402


@pytest.fixture
def tiny(tmp_path) -> Path:
    """A study that runs in seconds."""
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="session")
def done(tmp_path_factory) -> tuple[Path, Path]:
    """(study file, folder with the results of every stage) of the tiny study."""
    folder = tmp_path_factory.mktemp("done")
    study = folder / "tiny.yaml"
    study.write_text(TINY)
    run_stages(study, folder / "results")
    return study, folder / "results"


@pytest.fixture(scope="session")
def results(done):
    """(study, folder of its results) of the tiny study; tests of one stage have their own."""
    study, folder = done
    return load(study), folder


@pytest.fixture(scope="session")
def blocks(tmp_path_factory) -> tuple[Path, Path]:
    """(study file, folder with the results of every stage) of a study with a block per question."""
    folder = tmp_path_factory.mktemp("blocks")
    study = edited(folder, *BLOCKS)
    run_stages(study, folder)
    return study, folder


def pytest_terminal_summary(terminalreporter, config):
    """The jobs of the tests' Slurm, where one ran. Workers have a terminal too, which nobody sees."""
    if cluster.HISTORY.exists() and not hasattr(config, "workerinput"):
        terminalreporter.section("jobs on Slurm")
        terminalreporter.write_line(cluster.HISTORY.read_text())
        cluster.HISTORY.unlink()
