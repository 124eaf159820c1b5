"""A report that is made again: it draws the figures of which something has changed, and no other."""

import shutil
from pathlib import Path

import matplotlib
import pytest
from tiny import READ_BY_REPORT

import scoregap
from scoregap.regression import baselines
from scoregap.report import kept, registry
from scoregap.stages import report
from scoregap.store.cube import read_cube, write_cube

pytestmark = pytest.mark.slow
NAMES = ["forest", "gaps", "spectra"]


@pytest.fixture
def again(done, tmp_path, monkeypatch):
    """A report in a folder of its own, and a function that makes it again -> the figures that were drawn for it."""
    shutil.copytree(done[1], tmp_path / "results")
    drawn = []
    draw = registry.Asked.draw
    monkeypatch.setattr(registry, "names", lambda study: NAMES)
    monkeypatch.setattr(registry.Asked, "draw", lambda asked: drawn.append(asked.where) or draw(asked))
    inputs = [tmp_path / "results" / name for name in READ_BY_REPORT]

    def make(baseline: Path | None = None) -> list[str]:
        drawn.clear()
        kept._code.cache_clear()  # as in a process of its own
        report.run(done[0], *inputs, tmp_path / "figures", tmp_path / "report.html", baseline)
        return [name for name in NAMES if registry.FIGURES[name].where in drawn]

    assert make() == NAMES
    yield make
    monkeypatch.undo()
    kept._code.cache_clear()


def test_nothing_changed_and_nothing_is_drawn(again, tmp_path):
    pictures = {name: (tmp_path / "figures" / f"{name}.svg").read_bytes() for name in NAMES}
    page = (tmp_path / "report.html").read_bytes()
    assert again() == []
    assert {name: (tmp_path / "figures" / f"{name}.svg").read_bytes() for name in NAMES} == pictures
    assert (tmp_path / "report.html").read_bytes() == page


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes()[:5000]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"gap width", b"gap length", 1)),
        lambda path: path.write_bytes(path.with_name("spectra.svg").read_bytes()),
    ],
    ids=["missing", "a byte short", "cut off", "edited", "another figure"],
)
def test_a_damaged_picture_is_drawn_again(again, tmp_path, damage):
    path = tmp_path / "figures" / "gaps.svg"
    whole = path.read_bytes()
    damage(path)
    assert path.parent.exists()
    assert again() == ["gaps"]
    assert path.read_bytes() == whole


@pytest.mark.parametrize("module", ["report/figures/cells.py", "report/figures/__init__.py", "analysis/quantities.py"])
def test_an_edited_module_draws_all_again(again, tmp_path, monkeypatch, module):
    """Also one that is none of figures: they show its texts and limits."""
    package = tmp_path / "scoregap"
    shutil.copytree(Path(scoregap.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(scoregap, "__file__", str(package / "__init__.py"))
    assert again() == []  # the same code elsewhere
    with (package / module).open("a") as file:
        file.write("# edited\n")
    assert again() == NAMES
    assert again() == []


def test_another_version_of_matplotlib_draws_all_again(again, monkeypatch):
    monkeypatch.setattr(matplotlib, "__version__", "0.0")
    assert again() == NAMES


def test_a_changed_cube_draws_what_shows_the_change(again, tmp_path):
    cube = tmp_path / "results" / "cube.zarr"
    groups = {name: ds.load() for name, ds in read_cube(cube).items()}
    groups[""]["eigenvalue"].values[...] += 1e-3
    write_cube(cube, groups)
    assert again() == ["spectra"]
    groups[""]["gap_width"].values[...] *= 0.9
    write_cube(cube, groups)
    assert again() == ["gaps"]


def test_a_baseline_draws_the_forest_again(again, results, tmp_path):
    record = baselines.take(*results)
    baselines.write(tmp_path / "baseline.json", record)
    assert again(tmp_path / "baseline.json") == ["forest"]
    assert again(tmp_path / "baseline.json") == []
    assert again() == ["forest"]
