"""The figures: all there, the same bytes again, self-contained, with axes and legends that say what they show."""

import shutil
import xml.etree.ElementTree as ET
from html import escape
from pathlib import Path

import gathered
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from tiny import COMPARED, FLAT, LINEAR, READ_BY_REPORT, WITH_DIMENSION, WITH_SAMPLING, edited, run_stages

import scoregap
from scoregap import DamagedFile, InputError, analysis, variables
from scoregap.analysis import cells as cells_of
from scoregap.analysis import panels, phases
from scoregap.regression import baselines
from scoregap.report import figures, kept, registry
from scoregap.report.figures import cells
from scoregap.scores import REFERENCES
from scoregap.stages import compare, cube, report
from scoregap.store.cube import read_cube, write_cube
from scoregap.study import digest, load

FIGURES = (
    "claims", "forest", "gaps", "phase_times", "phases", "curvature", "dimension", "histograms", "spectra", "alignment",
    "cost", "training", "calibration",
)  # fmt: skip


def shapes(path):
    """How many lines, bands and marks a picture has; one that says why it is empty has two, of its ground."""
    return sum(node.tag.endswith(("}path", "}use", "}image")) for node in ET.parse(path).getroot().iter())


@pytest.mark.slow
def test_every_figure_is_drawn_and_self_contained(drawn):
    _, results = drawn
    for name in FIGURES:
        path = results / "figures" / f"{name}.svg"
        root = ET.parse(path).getroot()
        assert root.tag.endswith("svg")
        assert shapes(path) >= 6, name
        assert not {"no result", "cannot be drawn"} & {node.text for node in root.iter()}, name
        references = [value for node in root.iter() for key, value in node.attrib.items() if key.endswith("href")]
        assert all(value.startswith(("#", "../report.html#", "data:image/png;base64,")) for value in references), (
            name
        )  # nothing from outside
    assert {path.stem for path in (results / "figures").iterdir()} == set(FIGURES)


@pytest.fixture(scope="module")
def ranks():
    """Numbers for every variable of a cube: (shape, type) -> what falls along the last axis, as eigenvalues do."""
    rng = np.random.default_rng(0)
    return lambda array: -np.sort(-rng.random(array.shape), axis=-1).astype(array.dtype)


def write(study, folder, ok, status, ranks):
    """A cube, and its comparison, in which only the cells that `ok` chooses have a result, and others this status."""
    groups = {}
    for name, part, d in study.groups:
        ds = gathered.opened(variables.annotate(cube.gather(part, d, folder, folder)))
        chosen = xr.apply_ufunc(np.vectorize(ok), ds.network, ds.seed).broadcast_like(ds.status)
        for one, array in ds.data_vars.items():
            if not one.startswith(("law_", "corrected_", *REFERENCES)) and array.dtype.kind == "f":
                ds[one] = array.copy(data=ranks(array)).where(chosen).transpose(*array.dims).astype(array.dtype)
                ds[one].attrs = array.attrs
        ds["status"].values[...] = np.where(chosen.transpose(*ds.status.dims), 1, status)
        ds["boundary"].values[...] = np.arange(2, 2 + ds.sizes["gap"])
        groups[name] = ds.assign_attrs(cube.provenance(study) | ({"block": part.block} if part.block else {}))
    write_cube(folder / "cube.zarr", groups)
    compare.run(study.path, folder / "cube.zarr", *(folder / name for name in COMPARED))


def draw(study, results, folder):
    """The report of these results, in another folder."""
    inputs = [results / name for name in READ_BY_REPORT]
    report.run(study, *inputs, folder / "figures", folder / "report.html")


EDGES = {
    "no job has run": lambda network, seed: False,
    "networks diverged": lambda network, seed: network in REFERENCES,
    "only the first seed": lambda network, seed: seed == 0,
    "only the last seed": lambda network, seed: seed == 1,
    "only networks": lambda network, seed: network not in REFERENCES,
}


STEPS = ("  seed: 2", "  train.steps: [10, 40]\n  seed: 2")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("edge", "changes"),
    [
        ("no job has run", ()),
        ("no job has run", (FLAT, WITH_DIMENSION, WITH_SAMPLING)),
        ("networks diverged", (FLAT, ("exact, gaussian, gated-8", "gated-8"))),
        ("networks diverged", (FLAT, ("exact, gaussian, gated-8", "exact, gated-8"), STEPS)),
        ("only the first seed", (*LINEAR, ("[exact, gaussian, gated-8]", "[exact]"))),
        ("only the last seed", (FLAT,)),
        ("only networks", (FLAT, ("exact, gaussian, gated-8", "exact, gated-8"))),
    ],
)
def test_cubes_with_few_results_are_drawn(tmp_path, ranks, edge, changes):
    study = load(edited(tmp_path, *changes))
    write(study, tmp_path, EDGES[edge], 2 if edge == "networks diverged" else 0, ranks)
    draw(study.path, tmp_path, tmp_path)
    assert "Not drawn" not in (tmp_path / "report.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("place", ["drawing", "saving"])
def test_a_figure_that_cannot_be_drawn_is_named_and_costs_no_other(drawn, tmp_path, monkeypatch, capsys, place):
    study, results = drawn

    def broken(*_):
        if place == "drawing":
            raise ZeroDivisionError("of $a_ \\frac\n<b>")  # no formula, and no tag
        figure, axes = figures.subplots(1, 1, (2, 2))
        axes.set_title("$\\frac$")  # found to be no formula when it is saved
        return figure

    monkeypatch.setattr(cells, "spectra", broken)
    draw(study, results, tmp_path)
    why = "ZeroDivisionError: of $a_ \\frac <b>" if place == "drawing" else "ValueError: "
    page, log = (tmp_path / "report.html").read_text(), capsys.readouterr().err
    assert f"Not drawn</b>: Spectra ({escape(why)}" in page
    assert "Traceback (most recent call last):" in log
    assert f"\nspectra: cannot be drawn: {why}" in log
    for name in FIGURES:
        drawn, whole = (folder / "figures" / f"{name}.svg" for folder in (tmp_path, results))
        assert (drawn.read_bytes() == whole.read_bytes()) == (name != "spectra")
        assert ("cannot be drawn: " in drawn.read_text()) == (name == "spectra")


@pytest.mark.slow
@pytest.mark.parametrize("error", [InputError("x"), DamagedFile("x"), OSError("x"), MemoryError()])
def test_what_is_no_matter_of_a_figure_stops_the_report(done, tmp_path, monkeypatch, error):
    study, results = done

    def full(*_):
        raise error

    monkeypatch.setattr(cells, "spectra", full)
    with pytest.raises(type(error)):
        draw(study, results, tmp_path)
    assert not (tmp_path / "report.html").exists()


@pytest.mark.slow
def test_every_footer_says_where_the_figure_comes_from(results, tmp_path):
    study, folder = results
    run = registry.open_run(folder)
    for name in FIGURES:
        figure = run.draw(name)
        footer = figure.get_supxlabel()
        assert footer.startswith(
            "study tiny; d = 8; seeds 0, 1; 4 points per time; N = infinite (fresh points); config "
        )
        assert footer.endswith(study.hash), name
        plt.close(figure)
    with_data = load(edited(tmp_path, ("manifold:", "manifold:\n  dataset_size: 500"), ("seed: 2", "seed: 20")))
    footer = figures.signed(plt.figure(), with_data, "8 of 10 settings, the first").get_supxlabel()
    assert "; seeds 0, 1, 2, ..., 19 (20); 4 points per time; N = 500; " in footer
    assert footer.endswith("; 8 of 10 settings, the first")
    closed = load(edited(tmp_path, (", gated-8", "")))
    assert "N =" not in figures.signed(plt.figure(), closed).get_supxlabel()
    plt.close("all")


@pytest.mark.slow
def test_studies_at_the_edge_are_drawn_too(tmp_path, monkeypatch):
    """Every member diverges; one variance group; two ambient dimensions; more cells than panels."""
    for module in (panels, cells_of, phases):
        monkeypatch.setattr(module, "PANELS", 3)
    study = edited(
        tmp_path,
        ("steps: 40", "steps: 3\n  learning_rate: 1.0e+30"),
        ("[8]", "[8, 6]"),
        ("[0.0, 0.5]", "[0.0, 0.4]"),
        ("[exact, gaussian, gated-8]", "[exact, gated-4]"),
        ("{fraction: 0.5, std: 1.0}, {fraction: 0.5, std: 0.1}", "{fraction: 1.0, std: 1.0}"),
    )
    run_stages(study, tmp_path)
    assert "diverged: seed 0, 1" in (tmp_path / "comparison.txt").read_text()
    assert "t_max" not in (tmp_path / "comparison.txt").read_text()
    bare = {name for name in FIGURES if shapes(tmp_path / "figures" / f"{name}.svg") < 6}
    assert bare == {"cost", "forest", "training"}  # which say why
    page = (tmp_path / "report.html").read_text()
    assert "without a result: " in page
    assert "diverged: seed 0, 1" in page


@pytest.mark.slow
def test_the_forest_plot_has_theory_and_the_baseline_or_says_why_not(results, tmp_path, monkeypatch):
    monkeypatch.setitem(figures.STYLE, "svg.fonttype", "none")
    loaded, folder = results
    record = baselines.take(*results)
    baselines.write(tmp_path / "same.json", record)
    config = record.config | {"spectrum": record.config["spectrum"] | {"points": 99}}
    baselines.write(
        tmp_path / "other.json", record.model_copy(update={"config": config, "config_hash": digest(config)})
    )
    (tmp_path / "damaged.json").write_text("{")

    def drawn(baseline):
        figures.save(registry.Run(loaded, [(loaded, [])], folder, baseline).draw("forest"), tmp_path / "forest.svg")
        root = ET.parse(tmp_path / "forest.svg").getroot()
        return " ".join(text for node in root.iter() for text in (node.text or "").split())

    assert "no baseline has been accepted" in drawn(None)
    assert "difference from the baseline over its margin" in (same := drawn(tmp_path / "same.json"))
    assert "curvature=0.5 gated-8: t_max[0]" in same
    assert "spectrum: points 99 in the baseline" in drawn(tmp_path / "other.json")
    assert "or no baseline; take it from git" in drawn(tmp_path / "damaged.json")


@pytest.mark.slow
def test_the_report_computes_no_finding(drawn, tmp_path, monkeypatch):
    """They are computed once, by the compare stage."""

    def never(*_):
        raise AssertionError("computed again")

    for tables in (analysis.TABLES, analysis.DERIVED):
        for name, one in tables.items():
            monkeypatch.setitem(tables, name, never if callable(one) else (one[0], never))
    monkeypatch.setattr(analysis.claims, "claims", never)
    study, results = drawn
    draw(study, results, tmp_path)
    assert (tmp_path / "report.html").read_bytes() == (results / "report.html").read_bytes()


@pytest.mark.slow
def test_the_same_results_give_the_same_bytes(drawn, tmp_path):
    study, results = drawn
    draw(study, results, tmp_path)
    for name in FIGURES:
        file = f"figures/{name}.svg"
        assert (tmp_path / file).read_bytes() == (results / file).read_bytes(), file
    assert (tmp_path / "report.html").read_bytes() == (results / "report.html").read_bytes()


# ---------------------------------------------------------------- made again: what has changed is drawn, and no other

REDRAWN = ["forest", "gaps", "spectra"]


@pytest.fixture
def again(done, tmp_path, monkeypatch):
    """A report in a folder of its own, and a function that makes it again -> the figures that were drawn for it."""
    shutil.copytree(done[1], tmp_path / "results")
    drawn = []
    draw = registry.Asked.draw
    monkeypatch.setattr(registry, "names", lambda study: REDRAWN)
    monkeypatch.setattr(registry.Asked, "draw", lambda asked: drawn.append(asked.where) or draw(asked))
    inputs = [tmp_path / "results" / name for name in READ_BY_REPORT]

    def make(baseline: Path | None = None) -> list[str]:
        drawn.clear()
        kept._code.cache_clear()  # as in a process of its own
        report.run(done[0], *inputs, tmp_path / "figures", tmp_path / "report.html", baseline)
        return [name for name in REDRAWN if registry.FIGURES[name].where in drawn]

    assert make() == REDRAWN
    yield make
    monkeypatch.undo()
    kept._code.cache_clear()


@pytest.mark.slow
def test_nothing_changed_and_nothing_is_drawn(again, tmp_path):
    pictures = {name: (tmp_path / "figures" / f"{name}.svg").read_bytes() for name in REDRAWN}
    page = (tmp_path / "report.html").read_bytes()
    assert again() == []
    assert {name: (tmp_path / "figures" / f"{name}.svg").read_bytes() for name in REDRAWN} == pictures
    assert (tmp_path / "report.html").read_bytes() == page


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes()[:5000]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"against noise", b"against time", 1)),
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


@pytest.mark.slow
@pytest.mark.parametrize("module", ["report/figures/cells.py", "report/figures/__init__.py", "analysis/quantities.py"])
def test_an_edited_module_draws_all_again(again, tmp_path, monkeypatch, module):
    """Also one that is none of figures: they show its texts and limits."""
    package = tmp_path / "scoregap"
    shutil.copytree(Path(scoregap.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(scoregap, "__file__", str(package / "__init__.py"))
    assert again() == []  # the same code elsewhere
    with (package / module).open("a") as file:
        file.write("# edited\n")
    assert again() == REDRAWN
    assert again() == []


@pytest.mark.slow
def test_another_version_of_matplotlib_draws_all_again(again, monkeypatch):
    monkeypatch.setattr(matplotlib, "__version__", "0.0")
    assert again() == REDRAWN


@pytest.mark.slow
def test_a_changed_cube_draws_what_shows_the_change(again, tmp_path):
    cube = tmp_path / "results" / "cube.zarr"
    groups = {name: ds.load() for name, ds in read_cube(cube).items()}
    groups[""]["eigenvalue"].values[...] += 1e-3
    write_cube(cube, groups)
    assert again() == ["spectra"]
    groups[""]["gap_width"].values[...] *= 0.9
    write_cube(cube, groups)
    assert again() == ["gaps"]


@pytest.mark.slow
def test_a_baseline_draws_the_forest_again(again, results, tmp_path):
    record = baselines.take(*results)
    baselines.write(tmp_path / "baseline.json", record)
    assert again(tmp_path / "baseline.json") == ["forest"]
    assert again(tmp_path / "baseline.json") == []
    assert again() == ["forest"]
