"""Every figure by name: which a study has, from a cube or a folder, and captions."""

import re
import subprocess
import sys
from pkgutil import resolve_name

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
import yaml
from tiny import FLAT, LINEAR, WITH_DIMENSION, WITH_SAMPLING, edited, measured

from scoregap import InputError, analysis
from scoregap.analysis import cells, comparison, panels
from scoregap.measure import phases
from scoregap.report import figures, registry
from scoregap.store.cube import read_cube
from scoregap.study import load
from scoregap.study.stages import STAGES

ALWAYS = {"forest", "gaps", "phase_times", "dimension", "histograms", "spectra", "alignment"}


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ((), {"claims", "curvature", "calibration", "cost", "phases", "training"}),
        ((FLAT, ("exact, gaussian, gated-8", "exact, gaussian")), set()),
        ((FLAT, ("exact, gaussian, gated-8", "gated-8")), {"calibration", "training"}),
        ((*LINEAR, ("[8]", "[8, 16]")), {"claims", "finite_size", "calibration", "cost", "phases", "training"}),
        (
            (FLAT, ("  seed: 2", "  train.steps: [10, 40]\n  seed: 2")),
            {"claims", "accuracy", "capacity", "calibration", "cost", "training"},
        ),
        ((FLAT, WITH_DIMENSION), {"claims", "estimators", "calibration", "cost", "training"}),
        ((FLAT, ("exact, gaussian, gated-8", "exact, gaussian"), WITH_SAMPLING), {"labour"}),
    ],
)
def test_which_figures_a_study_has(tmp_path, changes, more):
    assert set(registry.names(load(edited(tmp_path, *changes)))) == ALWAYS | more


def test_every_figure_has_a_function_and_a_caption():
    for name, one in registry.FIGURES.items():
        assert callable(resolve_name(one.where)), name
        if one.takes in registry.WHOLE:
            assert hasattr(registry.Run, one.takes), name
        elif isinstance(one.takes, str):
            assert callable(resolve_name(one.takes)), name
        else:
            assert set(one.takes) <= analysis.TABLES.keys() | analysis.DERIVED.keys(), name
        assert 60 < len(one.caption) < 700, name
        assert not re.search(r"\w- |  ", one.caption), name  # as where a word is cut in two
        assert one.caption.endswith("."), name
        assert "  " not in one.caption, name


def test_asking_for_names_imports_nothing_heavy():
    code = (
        "import sys, scoregap.report.registry; print(*({'numpy', 'torch', 'matplotlib', 'xarray'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""


@pytest.mark.slow
def test_a_run_is_known_from_its_cube_and_from_its_folder(results):
    study, folder = results
    cube = xr.open_zarr(folder / "cube.zarr")
    for source in (folder, str(folder), cube, [cube]):
        run = registry.open_run(source)
        assert run.study.hash == study.hash
        assert run.study.axes == study.axes
        assert run.folder == folder
        assert [one.values for one in run.parts[""].panels] == [{"curvature": 0.0}, {"curvature": 0.5}]


def test_a_run_of_an_earlier_revision_is_drawn_as_it_is(results, monkeypatch):
    """Its cube and what was made of that; `check` would refuse it (test_cubes)."""
    stages = [one._replace(revision=one.revision + (one.name == "fit")) for one in STAGES]
    monkeypatch.setattr("scoregap.study.grid.STAGES", stages)
    run = registry.open_run(results[1])
    assert run.findings is not None
    assert run.outcome[0].rows
    monkeypatch.setattr("scoregap.study.grid.STAGES", [one._replace(revision=one.revision + 1) for one in STAGES])
    with pytest.raises(InputError, match="is not of this study as it is now: rerun compare"):
        registry.open_run(results[1])


@pytest.mark.slow
def test_figures_of_a_cube_are_those_of_the_report(drawn, tmp_path):
    _, folder = drawn
    cube = xr.open_zarr(folder / "cube.zarr")
    for name in ("gaps", "forest", "curvature"):
        kept = (folder / "figures" / f"{name}.svg").read_bytes()
        assert figures.picture(registry.draw(name, cube)) == kept.rpartition(b"<!-- of ")[0]


def test_a_cube_in_memory_has_no_folder(results):
    cube = xr.open_zarr(results[1] / "cube.zarr")
    cube.encoding.clear()
    assert registry.draw("gaps", cube).panels.size
    with pytest.raises(InputError, match="needs the folder of a run"):
        registry.draw("forest", cube)


@pytest.mark.parametrize("name", ["gap", "", "GAPS", "claims/gaps", "a/b/c", "estimators", "labour", None, 3, ["gaps"]])
def test_a_figure_that_a_study_does_not_have_is_refused(results, name):
    """Also one of FIGURES, as of estimators that the study does not compare."""
    with pytest.raises(InputError) as caught:
        registry.draw(name, xr.open_zarr(results[1] / "cube.zarr"))
    assert str(caught.value).startswith("figure: ")
    assert "should be one of claims, forest, gaps, phase_times, phases, curvature, " in str(caught.value)


@pytest.mark.parametrize("cube", [[], xr.Dataset(), [xr.Dataset(attrs={"study": "x"}), xr.Dataset()], None, 3])
def test_what_is_no_cube_is_refused(cube):
    with pytest.raises(InputError, match=r"^cube: .* should be the folder of a run, or datasets of its cube"):
        registry.draw("gaps", cube)


@pytest.mark.slow
def test_several_ambient_dimensions_come_in_the_order_of_the_study(tmp_path):
    study, datasets = measured(tmp_path, *LINEAR, ("[8]", "[16, 8]"))
    named = [ds.assign_attrs(study=yaml.safe_dump(study.resolved, sort_keys=False)) for ds in datasets]
    run = registry.open_run(named[::-1])
    assert [ds.ambient_dim.item() for ds in run.parts[""].datasets] == [16, 8]
    assert [one.values for one in run.parts[""].panels] == [{"ambient_dim": 16}, {"ambient_dim": 8}]
    assert run.study.hash == study.hash
    assert np.isfinite(registry.draw("finite_size", named).get_size_inches()).all()


@pytest.mark.slow
def test_blocks_have_figures_of_their_own(drawn_blocks):
    path, folder = drawn_blocks
    study = load(path)
    names = registry.names(study)
    assert {"forest", "claims", "curved/curvature", "one/gaps", "schedules/cost"} <= set(names)
    assert "curvature" not in names
    assert "one/curvature" not in names
    assert all((folder / "figures" / f"{name}.svg").exists() for name in names)
    alone = registry.draw("gaps", xr.open_zarr(folder / "cube.zarr", group="one"))
    kept = (folder / "figures" / "one" / "gaps.svg").read_bytes()
    assert figures.picture(alone) == kept.rpartition(b"<!-- of ")[0]
    assert "block one" in registry.draw("one/gaps", folder).get_supxlabel()
    for name in ("gaps", "two/gaps", "one/curvature", "one/forest"):
        with pytest.raises(InputError, match=rf"^figure: '{name}' is not allowed: should be one of claims, forest"):
            registry.draw(name, folder)
    with pytest.raises(InputError, match="'curved/gaps' is not allowed: its datasets are not given: should be of one"):
        registry.draw("curved/gaps", xr.open_zarr(folder / "cube.zarr", group="one"))


@pytest.mark.slow
def test_only_some_of_many_cells_are_drawn_and_the_footer_says_so(results, monkeypatch):
    for module in (panels, cells):
        monkeypatch.setattr(module, "PANELS", 1)
    footer = registry.draw("training", results[1]).get_supxlabel()
    assert footer.endswith("; 1 of 2 settings, those farthest from theory")
    assert "settings" not in registry.draw("curvature", results[1]).get_supxlabel()


def test_what_a_report_draws_and_tells_is_computed_once(results, monkeypatch):
    _, folder = results
    asked = []
    monkeypatch.setitem(
        analysis.TABLES, "curvature", lambda *given, made=analysis.TABLES["curvature"]: asked.append(1) or made(*given)
    )
    run = registry.open_run(xr.open_zarr(folder / "cube.zarr"))  # of a folder the kept ones are read
    run.draw("curvature")
    assert any("curvature" in line for line in run.parts[""].tables.lines())
    assert run.parts[""].tables["small_curvature"].ratio.iloc[0] == 1
    assert asked == [1]


@pytest.mark.slow
def test_intervals_over_points_are_drawn_and_compared_nowhere(results):
    """They hold F and network fixed: beside the law they would look as if they could hold it. Their names say so."""
    study, folder = results
    ds = read_cube(folder / "cube.zarr")[""]
    ends = [name for name in ds.data_vars if name.endswith(("_low", "_high"))]
    assert len(ends) == 2 * (len(phases.QUANTITIES) + 1)
    for name in ends:
        assert "interval over points, for this F and this network" in ds[name].attrs["long_name"]
    without = ds.drop_vars(ends)
    for name in registry.names(study):
        one = registry.FIGURES[name.rpartition("/")[2]]
        if isinstance(one.takes, str) and one.takes not in registry.WHOLE:
            resolve_name(one.takes)(study, panels.panels(study, without))
    assert analysis.claims.claims([(study, [without])]).equals(analysis.claims.claims([(study, [ds])]))
    assert comparison.compare([(study, [without])]).equals(comparison.compare([(study, [ds])]))
