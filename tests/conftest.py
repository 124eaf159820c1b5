"""What every test shares: one core per process, and a tiny study with its results."""

import os

from scoregap.runtime.environment import OF_LIBRARIES

# Before NumPy and Torch: the tests compute as runs do, which leave out what libraries are told by the environment.
for _name in [name for name in os.environ if OF_LIBRARIES.fullmatch(name)]:
    del os.environ[_name]
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import gc  # noqa: E402
import shutil  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402

import cluster  # noqa: E402
import own_data  # noqa: E402
import pytest  # noqa: E402
from filelock import FileLock  # noqa: E402
from hypothesis import settings  # noqa: E402
from tiny import BLOCKS, TINY, draw_report, edited, run_stages  # noqa: E402

from scoregap.study import load  # noqa: E402

settings.register_profile("steady", deadline=None, derandomize=True)  # the same examples, however busy the cores
settings.load_profile("steady")

gc.disable()  # until all is collected, of which nothing is garbage: looking for it took two fifths of that time


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu"):
        import torch  # here, as most tests do without

        if not torch.cuda.is_available():
            pytest.skip("no CUDA GPU")


@pytest.fixture
def tiny(tmp_path) -> Path:
    """A study that runs in seconds."""
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="session")
def once(tmp_path_factory) -> Callable[[str, Callable[[Path], None]], Path]:
    """(name, make) -> a folder that `make` has filled, once for all processes of the tests."""
    place = tmp_path_factory.getbasetemp()
    place = place.parent if "PYTEST_XDIST_WORKER" in os.environ else place

    def made(name: str, make: Callable[[Path], None]) -> Path:
        folder, finished = place / name, place / f"{name}.finished"
        with FileLock(place / f"{name}.lock"):
            if not finished.exists():
                folder.mkdir()
                make(folder)
                finished.touch()
        return folder

    return made


@pytest.fixture(scope="session")
def done(once) -> tuple[Path, Path]:
    """(study file, folder with the results of every stage but the report) of the tiny study."""

    def make(folder):
        (folder / "tiny.yaml").write_text(TINY)
        run_stages(folder / "tiny.yaml", folder / "results", drawn=False)

    folder = once("done", make)
    return folder / "tiny.yaml", folder / "results"


@pytest.fixture(scope="session")
def results(done):
    """(study, folder of its results) of the tiny study; tests of one stage have their own."""
    study, folder = done
    return load(study), folder


@pytest.fixture(scope="session")
def drawn(done, once) -> tuple[Path, Path]:
    """`done` with the report, in a folder of its own: for slow tests, as drawing takes longer than the rest."""
    return done[0], once("drawn", lambda folder: draw_copy(done, folder))


@pytest.fixture(scope="session")
def blocks(once) -> tuple[Path, Path]:
    """(study file, folder with the results of every stage but the report) of a study with a block per question: for
    slow tests."""
    folder = once("blocks", lambda folder: run_stages(edited(folder, *BLOCKS), folder, drawn=False))
    return folder / "edited.yaml", folder


@pytest.fixture(scope="session")
def drawn_blocks(blocks, once) -> tuple[Path, Path]:
    """`blocks` with the report, in a folder of its own."""
    return blocks[0], once("drawn_blocks", lambda folder: draw_copy(blocks, folder))


def draw_copy(results: tuple[Path, Path], folder: Path) -> None:
    """Results copied into a folder, and their report there."""
    shutil.copytree(results[1], folder, dirs_exist_ok=True)
    draw_report(results[0], folder, folder)


def pytest_collection_finish() -> None:
    """What is imported and collected stays to the end: no collector of garbage need look through it again."""
    gc.enable()
    gc.freeze()


def pytest_terminal_summary(terminalreporter, config):
    """The jobs of the tests' Slurm, where one ran. Workers have a terminal too, which nobody sees."""
    if cluster.HISTORY.exists() and not hasattr(config, "workerinput"):
        terminalreporter.section("jobs on Slurm")
        terminalreporter.write_line(cluster.HISTORY.read_text())
        cluster.HISTORY.unlink()


@pytest.fixture(scope="session")
def own(once):
    """(study file, folder of its results)."""
    folder = once("own data", lambda folder: run_stages(own_data.written(folder), folder / "results"))
    return folder / "own.yaml", folder / "results"


@pytest.fixture(scope="session")
def by_class(once):
    """The same of closed forms, along a size and a class."""
    folder = once(
        "own classes", lambda f: run_stages(own_data.written(f, own_data.UNTRAINED, own_data.CLASSES), f / "results")
    )
    return folder / "own.yaml", folder / "results"
