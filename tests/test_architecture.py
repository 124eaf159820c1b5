"""The picture in `scoregap.__doc__` is true of the code."""

import ast
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import picture
import pytest
import tiny

import scoregap
from scoregap import networks, plugins
from scoregap.data import FAMILIES
from scoregap.study.stages import STAGES

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "scoregap"
MODULES = sorted(PACKAGE.rglob("*.py"))
REVISIONS, CODE = ROOT / "tests" / "stages" / "revisions.json", PACKAGE / "code.json"


GRAPH = picture.graph(ROOT)
PLACES = picture.names(ROOT)
NAMES = {path: name for name, path in PLACES.items()}


def name_of(path):
    return NAMES[path]


KNOWN = ("scoregap.data", "scoregap.laws")  # what is known
ESTIMATED = ("scoregap.measure", "scoregap.networks")  # what is estimated


def test_what_is_estimated_never_sees_what_is_known_nor_that_the_other():
    for name, imported in GRAPH.items():
        for side, other in ((ESTIMATED, KNOWN), (KNOWN, ESTIMATED)):
            if name.startswith(side):
                assert not [i for i in imported if i.startswith((*other, "scoregap.stages"))], name


def test_only_stages_and_what_reads_a_study_know_both_sides():
    both = {
        name
        for name, imported in GRAPH.items()
        if any(i.startswith(KNOWN) for i in imported) and any(i.startswith(ESTIMATED) for i in imported)
    }
    of_study = {"scoregap.study.schema", "scoregap.study.code"}
    assert both <= of_study | {f"scoregap.stages.{stage.name}" for stage in STAGES}


def test_no_stage_imports_another():
    stages = {name for name in GRAPH if name.startswith("scoregap.stages.")}
    assert {name: GRAPH[name] & stages for name in stages if GRAPH[name] & stages} == {}


def test_jobs_run_without_snakemake():
    """Of what runs a study, stages and what they import know the device, progress and end of their own process."""
    known = {"scoregap.runtime.devices", "scoregap.runtime.progress", "scoregap.runtime.stopping"}
    seen: set[str] = set()
    todo = {f"scoregap.stages.{stage.name}" for stage in STAGES}
    while todo := todo - seen:
        seen |= todo
        todo = set().union(*(GRAPH[name] for name in todo))
    assert {name for name in seen if name.startswith("scoregap.runtime")} == known
    imports = {name: re.findall(r"^ *(?:from|import) (snakemake\w*)", path.read_text(), re.MULTILINE)
               for name, path in PLACES.items()}  # fmt: skip
    assert [name for name, found in imports.items() if found] == ["scoregap.runtime.logger", "scoregap.runtime.slurm"]


def test_nobody_but_the_registry_names_a_module_of_scores_that_is_one_kind():
    """Stages know the exact score, which they compare with, and finite differences, which a study asks for."""
    kinds = {"scoregap.scores.closed", "scoregap.scores.network", "scoregap.scores.differences"}
    known = {
        "scoregap.stages.spectrum": kinds - {"scoregap.scores.network"},
        "scoregap.stages.sample": {"scoregap.scores.closed"},
        "scoregap.stages.memorise": {"scoregap.scores.closed"},
        "scoregap.stages.train": kinds - {"scoregap.scores.differences"},
        "scoregap.trained": {"scoregap.scores.network"},
        "scoregap.score_dimension": {"scoregap.scores.network"},  # which it trains
    }
    found = {name: imported & kinds for name, imported in GRAPH.items() if imported & kinds}
    assert {name: one for name, one in found.items() if not name.startswith("scoregap.scores")} == known


def test_the_house_has_ten_floors_at_most():
    arrows = picture.boxes(GRAPH)
    assert picture.upward(arrows) == set()
    assert max(picture.floors(arrows, set()).values()) <= 10


def test_imports_have_no_cycle():
    done: set[str] = set()

    def visit(name, path):
        assert name not in path, " -> ".join([*path, name])
        if name not in done:
            for one in GRAPH[name] - {"scoregap"}:
                visit(one, [*path, name])
            done.add(name)

    for name in GRAPH:
        visit(name, [])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("scoregap.study", {"numpy", "torch"}),
        ("scoregap.scores", {"numpy", "torch"}),
        ("scoregap.networks", {"numpy", "torch"}),
        ("scoregap.__main__", {"numpy", "torch"}),
        ("scoregap.runtime.workflow", {"numpy", "torch"}),
        ("scoregap.runtime.resources", {"numpy", "torch"}),
        ("scoregap.data.summary", {"torch", "xarray", "zarr"}),
        ("scoregap.stages.fit", {"torch", "xarray", "sklearn", "scipy.optimize", "scipy.stats"}),
        ("scoregap.stages.spectrum, scoregap.data.manifolds.arcs", {"torch", "xarray", "sklearn", "scipy"}),
        ("scoregap.stages.train, scoregap.data.manifolds.arcs", {"xarray", "sklearn", "scipy"}),
        ("scoregap.stages.cube", {"torch", "xarray", "pandas", "zarr"}),
        ("scoregap.stages.compare", {"torch"}),
        ("scoregap.stages.report", {"torch"}),
    ],
)
def test_light_modules_stay_light(module, absent):
    code = f"import sys, {module}; print(*({absent!r} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""


HEAVY = {
    "IPython", "asyncio", "jinja2", "jsonschema", "matplotlib", "numpy.f2py", "pandas", "rich", "scipy", "sklearn",
    "snakemake", "torch", "xarray", "zarr",
}  # fmt: skip


def test_commands_that_compute_by_themselves_import_nothing_heavy(tmp_path):
    """Every job is a process: what `theory`, spectra of closed forms and their fits import is most of their time."""
    study = tiny.edited(tmp_path, ("curvature: [0.0, 0.5]", "curvature: [0.5]"))
    code = f"""
import sys
from pathlib import Path
from scoregap.__main__ import app
from scoregap.study import load

study = Path({str(study)!r})
closed = min(load(study).jobs.values(), key=lambda job: job.trained)
job = ("--study", study, "--job", closed.id)

def command(*arguments):
    app(map(str, arguments), standalone_mode=False)
    found = {HEAVY!r} & set(sys.modules)
    assert not found, (arguments[0], found)

command("theory", "--ambient", 9, "--group", "2:1.0", "--group", "2:0.1", "--time", 0.1, "--density", 3)
command("spectrum", *job, "--out", "s.zarr.zip")
command("fit", *job, "--spectra", "s.zarr.zip", "--out", "f.zarr.zip")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_one_stage_one_module_one_rule_one_test():
    names = [stage.name for stage in STAGES]
    assert sorted(path.stem for path in (PACKAGE / "stages").glob("[a-z]*.py")) == sorted(names)
    assert sorted(path.stem for path in (ROOT / "workflow" / "rules").glob("*.smk")) == sorted(names)
    assert sorted(path.stem for path in (ROOT / "tests" / "stages").glob("test_*.py")) == sorted(
        f"test_{n}" for n in names
    )
    included = re.findall(r'^include: "rules/(\w+)\.smk"', (ROOT / "workflow" / "Snakefile").read_text(), re.MULTILINE)
    assert included == names
    for name in names:
        text = (ROOT / "workflow" / "rules" / f"{name}.smk").read_text()
        assert re.findall(r"^rule (\w+):", text, re.MULTILINE) == [name]
        assert re.search(rf"({{SCOREGAP}}| then) {name} --study", text)
        assert "log:" in text
        assert "benchmark:" in text


def test_every_module_has_a_test_file():
    for path in MODULES:
        if path.name not in ("__init__.py", "__main__.py"):
            test = ROOT / "tests" / path.relative_to(PACKAGE).with_name(f"test_{path.name}")
            assert test.exists(), f"{test.relative_to(ROOT)} is missing"


def test_every_package_is_installed():
    """An editable install finds what a wheel would leave out; `test_installation.py` runs one."""
    import tomllib

    chosen = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    beside = {"scoregap.baselines", "scoregap.workflow"}
    assert set(chosen) - beside == {name_of(path) for path in MODULES if path.name == "__init__.py"}


def test_modules_open_with_inputs_and_outputs():
    for path in MODULES:
        text = ast.get_docstring(ast.parse(path.read_text()))
        assert text, path
        if (
            path.parent.name in ("data", "laws", "scores", "measure", "networks", "stages", "regression", "runtime")
            and path.name != "__init__.py"
        ):
            assert "->" in text, f"{path}: the docstring does not say inputs -> outputs"


def test_public_functions_have_docstrings():
    missing = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in MODULES
        for node in ast.parse(path.read_text()).body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
        if not ast.get_docstring(node)
    ]
    assert missing == []


def test_figures_compute_no_law_and_no_interval():
    for name in GRAPH:
        if name.startswith("scoregap.report.figures"):
            known = {one for one in GRAPH[name] if one.startswith(("scoregap.laws", "scoregap.measure"))}
            assert not known | (GRAPH[name] & {"scoregap.analysis.intervals"}), name


COMPUTING = {
    "mean", "median", "std", "var", "quantile", "percentile", "nanmedian", "nanmean", "histogram", "interp", "polyfit",
    "log", "exp", "sum", "nansum", "cumsum", "diff", "groupby_bins", "resample", "sel", "isel", "eigvalsh",
}  # fmt: skip


def test_figures_compute_no_statistic_and_read_no_cube():
    """They draw what they are given; only ends of axes, which are no result, are their own."""
    found = {
        f"{path.stem}: {node.func.attr}"
        for path in (PACKAGE / "report" / "figures").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in COMPUTING
    }
    # how many arrows there are, where what is drawn begins and ends, steps along a path
    counts = {"forest: sum", "multiples: diff", "svg: diff"}
    assert found - counts == set()
    for name in GRAPH:
        if name.startswith("scoregap.report.figures"):
            assert not GRAPH[name] & {"scoregap.cubes", "scoregap.store.cube", "scoregap.stages"}, name


def test_mistakes_say_where_they_are_as_data():
    """File, key, value and what is allowed are told apart, so that they are put into words once."""
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "InputError":
                assert {one.arg for one in node.keywords} & {"file", "key"}, f"{path}:{node.lineno}"


def test_nobody_parses_our_own_text():
    """Verdicts, tables and mistakes are data; regular expressions are for what users write, and numbers of SVG."""
    rooms = ("analysis", "data", "laws", "measure", "networks", "regression", "report", "stages")
    for path in MODULES:
        if path.relative_to(PACKAGE).parts[0] in rooms and path != PACKAGE / "report" / "figures" / "svg.py":
            assert not re.search(r"^(import|from) re\b", path.read_text(), re.MULTILINE), path


def test_no_grab_bags():
    assert not [path for path in MODULES if path.stem in ("utils", "helpers", "common", "misc")]


def test_the_picture_names_the_stages_in_order():
    names = [stage.name for stage in STAGES]
    order = re.findall(r"\b(" + "|".join(names) + r")\b", scoregap.__doc__.splitlines()[2])
    assert order == names
    assert scoregap.__doc__.splitlines()[2].strip() in (ROOT / "README.md").read_text()


def sources(stage):
    """Hash of the code a stage's results depend on: its module and what that imports, without docstrings."""
    seen, todo = set(), [f"scoregap.stages.{stage}"]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += GRAPH[name] - {"scoregap"}
            todo += re.findall(r"\"(scoregap[\w.]+):\w+\"", PLACES[name].read_text())  # registries
    total = hashlib.sha256()
    # The registry of stages holds the revisions themselves; reading, writing and telling do not change results.
    of_study = ("study", *(f"study.{one.stem}" for one in (PACKAGE / "study").glob("[a-z]*.py")))
    silent = {"runtime.devices", "runtime.progress", "runtime.stopping", *of_study}
    stored = {name for name in seen if name.startswith("scoregap.store")}
    for name in sorted(seen - stored - {f"scoregap.{one}" for one in silent}):
        path = PLACES[name]
        lines = path.read_text().splitlines()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node) is not None:
                text = node.body[0]
                lines[text.lineno - 1 : text.end_lineno] = [""] * (text.end_lineno - text.lineno + 1)
        code = [line for line in lines if line.strip() and not line.strip().startswith("#")]
        total.update("\n".join(code).encode())  # text, not syntax trees: those differ between Pythons
    return total.hexdigest()[:16]


def record():
    return {stage.name: {"revision": stage.revision, "code": sources(stage.name)} for stage in STAGES}


def test_a_long_module_says_why():
    """Nobody keeps 400 lines in mind."""
    for path in PLACES.values():
        text = path.read_text()
        if len(text.splitlines()) > 400:
            assert "Over 400 lines, as " in (ast.get_docstring(ast.parse(text)) or ""), path


@pytest.mark.slow
@pytest.mark.parametrize("stage", [stage.name for stage in STAGES])
def test_whoever_edits_a_stage_is_reminded_of_its_revision(stage):
    """Snakemake does not see edits of the package: only a raised revision reruns a stage."""
    recorded, now = json.loads(REVISIONS.read_text())[stage], record()[stage]
    assert now == recorded, (
        f"the code of stage {stage!r} has changed. If its results change: raise its revision in "
        f"scoregap/study/stages.py. In any case then record it: python {Path(__file__).relative_to(ROOT)}"
    )


def own_code():
    """What `scoregap/code.json` says: the modules of which this package's networks and families are made."""
    found = {}
    paths = [one.import_path for one in networks.NETWORKS.values()] + [one.where for one in FAMILIES.values()]
    for path in dict.fromkeys(paths):
        for file in plugins.sources(path):
            source = PACKAGE / file
            imports = [name for name in plugins._imported(ast.parse(source.read_bytes()), NAMES[source])
                       if plugins.OWN.match(name)]  # fmt: skip
            found[file] = {
                "digest": hashlib.sha256(plugins.written(ast.parse(source.read_bytes())).encode()).hexdigest()[:12],
                "whole": hashlib.sha256(source.read_bytes()).hexdigest()[:12],
                "imports": sorted({name for name in imports if name in GRAPH}),
            }
    return dict(sorted(found.items()))


def test_whoever_edits_a_network_or_a_family_records_it():
    """As with stages: whoever has it recorded says that results of before hold, or has raised a revision."""
    recorded = json.loads(CODE.read_text())
    changed = [file for file, one in own_code().items() if recorded.get(file) != one]
    assert not changed, (
        f"{', '.join(changed)}: has changed. If results change: raise the revision of train (networks) or of every "
        f"stage (families) in scoregap/study/stages.py. Then record it: python {Path(__file__).relative_to(ROOT)}"
    )
    assert recorded.keys() == own_code().keys()


def test_every_module_of_which_networks_are_made_is_seen():
    """The list leads on where imports do: what it does not reach says nothing in keys."""
    for file in own_code():
        name = NAMES[PACKAGE / file]
        assert {one for one in GRAPH[name] if plugins.OWN.match(one)} <= {NAMES[PACKAGE / one] for one in own_code()}


if __name__ == "__main__":
    REVISIONS.write_text(json.dumps(record(), indent=1) + "\n")
    CODE.write_text(
        "{\n" + ",\n".join(f" {json.dumps(k)}: {json.dumps(one)}" for k, one in own_code().items()) + "\n}\n"
    )
