"""The documents are true: their code runs, or says why not; what they name exists; generated parts leave nothing out.

Code blocks of a page run in order, in a folder in which the finished quickstart is the tiny study of the tests. One
that begins with the name of a file is that file, too. A block after a comment `not run: REASON` does not run, but its
commands are parsed. Lines `make TARGET` are run by `.ci/run`.
"""

import doctest
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from pkgutil import resolve_name
from typing import NamedTuple

import gathered
import numpy as np
import pytest
import yaml

import scoregap
from scoregap import InputError, data
from scoregap.data import FAMILIES
from scoregap.measure import DATA_ESTIMATORS, SCORE_ESTIMATORS
from scoregap.networks import NETWORKS
from scoregap.report import registry
from scoregap.runtime import finding, templates
from scoregap.stages import cube, dimension, spectrum, train
from scoregap.store.jobs import read_job
from scoregap.store.weights import read_weights
from scoregap.study import load
from scoregap.study.mending import Mistakes, mended
from scoregap.study.schema import AXES, Document
from scoregap.study.stages import STAGES
from scoregap.study.values import Section
from scoregap.variables import COORDINATES, VARIABLES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
MADE = (DOCS / "_build", DOCS / "reference" / "python")  # by `make docs`
PAGES = [ROOT / "README.md", *(p for p in sorted(DOCS.rglob("*.md")) if not set(MADE) & set(p.parents))]
SHOWN = ("text", "diff")  # languages of what is no code
MAKEFILE, CI = (ROOT / "Makefile").read_text(), (ROOT / ".ci" / "run").read_text()

_spec = importlib.util.spec_from_file_location("generated", DOCS / "generated.py")
assert _spec
assert _spec.loader
generated = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(generated)


class Block(NamedTuple):
    """A fenced block of code; line: its first. reason: why it does not run, if it does not."""

    line: int
    language: str
    code: str
    reason: str


def blocks(page):
    found = re.finditer(r"(?:^<!-- not run: (.*?) -->\n)?^```([\w{}]*).*?\n(.*?)^```$", page.read_text(), re.M | re.S)
    return [
        Block(page.read_text()[: one.start(2)].count("\n") + 2, one[2], one[3], one[1] or "")
        for one in found
        if not one[2].startswith("{")  # a directive of Sphinx
    ]


def name(page):
    return page.relative_to(ROOT).as_posix()


WITH_CODE = [page for page in PAGES if any(block.language not in SHOWN for block in blocks(page))]


@pytest.fixture
def clone(done, tmp_path, monkeypatch):
    """A folder like a clone in which `make run` is done, entered; its quickstart is the tiny study."""
    study, results = done
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "workflow").symlink_to(ROOT / "workflow")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "tiny").symlink_to(results)
    (tmp_path / "results" / "findings").symlink_to(ROOT / "results" / "findings")
    (tmp_path / "tiny.yaml").write_text(study.read_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))  # which a trusted study adds its folder to
    return tmp_path


def of_tiny(code):
    """The code with the tiny study instead of the quickstart."""
    return re.sub(r"(?<![\w/])quickstart(?![\w.])", "tiny.yaml", code.replace("results/quickstart", "results/tiny"))


def lines_of(block):
    """The commands of a shell block, each as a list of words."""
    lines = block.code.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def parse(words):
    """A command line of scoregap is refused here as it would be refused in a shell."""
    command, arguments = generated.command(words[1]), words[2:]
    while hasattr(command, "commands"):
        command, arguments = command.commands[arguments[0]], arguments[1:]
    with command.make_context("scoregap", list(arguments)) as context:
        study = context.params.get("study")
    if words[1] == "run" and study != "STUDY" and not str(study).endswith(".yaml"):
        assert finding.find(study).exists()


def run_shell(block):
    for words in lines_of(block):
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", MAKEFILE, re.MULTILINE), words
            assert block.reason or f"make {words[1]}" in CI, f"{words} is run nowhere: say why"
            continue
        if words[0].endswith("bin/scoregap") and words[1] != "--help":
            parse(words)
        assert block.reason or not ("snakemake" in words[0] or words[1:2] == ["run"]), f"{words} takes long: say why"
    code = "\n".join(line for line in of_tiny(block.code).splitlines() if not line.startswith("make "))
    if not block.reason:
        done = subprocess.run(
            ["sh", "-e", "-c", code], capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "120"}
        )
        assert done.returncode == 0, f"line {block.line}: {done.stderr}"


def run_session(session, names, line=0):
    test = doctest.DocTestParser().get_doctest(session, names, f"line {line}", None, line)
    outcome = doctest.DocTestRunner().run(test, clear_globs=False)
    assert outcome == (0, session.count(">>>"))
    names |= test.globs


def check_yaml(block, folder):
    content = yaml.safe_load(block.code)
    if isinstance(content, dict) and "axes" in content:
        path = folder / "block.yaml"
        path.write_text(block.code)
        load(path)
    elif isinstance(content, dict):  # a profile of Snakemake
        from snakemake.cli import get_argument_parser

        known = get_argument_parser().format_help()
        executor = content.get("executor", "")
        for key in content:
            assert f"--{key}" in known or key.startswith(f"{executor}-"), key
    else:  # a comment
        assert block.code.startswith("#")


def by_hand(names, folder):
    assert names["jacobian"].shape == (5, 100, 100)
    assert 0.1 < names["t_max"] < 1
    assert names["top"].shape == (11,)


def the_cube(names, folder):
    assert names["ratio"].sel(network="exact").values == pytest.approx(1)
    assert names["counts"].sum() == len(names["widest"]) > 10
    for figure in ("gaps.pdf", "phases.pdf", "largest_eigenvalue.pdf"):
        assert (folder / figure).read_bytes().startswith(b"%PDF"), figure


def the_figure(names, folder):
    assert (folder / "excess.pdf").read_bytes().startswith(b"%PDF")
    (axes,) = names["excess"](names["part"].study, names["part"].datasets).axes
    assert [line.get_label() for line in axes.lines] == ["gated-8"]


def study_with(folder, old, new):
    """The flat tiny study, trusted, with the name of code that a page has left in the folder."""
    path = folder / "mine.yaml"
    path.write_text(
        "trusted: true\n" + (folder / "tiny.yaml").read_text().replace("[0.0, 0.5]", "[0.0]").replace(old, new)
    )
    return path


def the_network(names, folder):
    """The class is a network: it is trained from a study beside which its file lies, as the page says."""
    path = study_with(folder, "gated-8", "nets:MLP-8")
    job = next(job for job in load(path).jobs.values() if job.trained)
    train.run(path, job.id, folder / "weights.safetensors")
    members, _ = read_weights(folder / "weights.safetensors")
    assert len(members) == 2


def the_models(names, folder):
    """The models are measured from the page's study, beside which its files lie."""
    path = folder / "block.yaml"
    study = load(path)
    for job in study.jobs.values():
        out = folder / f"{job.id}.zarr.zip"
        spectrum.run(path, job.id, out)
        arrays, _ = read_job(out)
        assert (arrays["status"][1] == 1).all()
        t = study.document.spectrum.times.values[:, None, None]
        expected = {"shrink": 1 / (1 + t) - 1, "noise": 0.5 / (0.5 + t) - 1}.get(job.axes["network"][0])
        if expected is not None:
            np.testing.assert_allclose(arrays["eigenvalue"][1], np.broadcast_to(expected, (2, 16, 4, 8)), atol=1e-5)


def the_family(names, folder):
    """The class is a family: a study beside which its files lie has data of it, with the posterior that is promised."""
    study = load(study_with(folder, "[arcs]", "[plane_family:PLANE]"))
    plane = next(iter(study.jobs.values())).first.truth()
    clean, latents = plane.sample(np.random.default_rng(0), 5)
    mean, jacobian = plane.exact(clean, 0.5)
    assert clean.shape == mean.shape == (5, 8)
    np.testing.assert_allclose(
        np.diag(jacobian[0])[:3], [*(plane.scales**2 / (plane.scales**2 + 0.5)), 0.0], atol=1e-12
    )
    assert plane.tangents(latents).shape == (5, 8, 2)
    del data.FAMILIES["plane_family:PLANE"]


def the_estimators(names, folder):
    """They estimate in the page's study, beside which their file lies, and their evaluations are counted."""
    (job,) = load(folder / "block.yaml").jobs.values()
    dimension.run(folder / "block.yaml", job.id, folder / "estimates.zarr.zip")
    arrays, _ = read_job(folder / "estimates.zarr.zip")
    estimates = arrays["estimate"][1]  # (seeds, times, points, estimators)
    assert np.abs(estimates[:, 0] - 3).max(0).max(0)[:2] == pytest.approx([0, 0], abs=0.05)
    assert abs(estimates[:, 0, :, 2].mean() - 3) < 0.5  # of 64 draws
    assert arrays["estimate_cost"][1].tolist() == [[8, 9, 64]] * 2


def the_first_model(names, folder):
    """The table and the picture of the page are those of its run: numbers may differ by what is not known of them, as
    another processor trains another network."""
    results = folder / "results" / "unseen-unet"
    page, text = (DOCS / "tutorials" / "your_first_model.md").read_text(), (results / "comparison.txt").read_text()
    own = dict(re.findall(r"(?m)^ *(\S.*? t = \S+) +(\S.*)$", text)[::-1])  # the first of a label
    told = re.findall(r"(?m)^ *((?:modes|tr G|first|cosine).*? t = \S+) +(\S.*)$", page)
    assert len(told) >= 10
    for label, rest in told:
        numbers, others = (re.findall(r"-?[\d.]+", one) for one in (rest, own[label]))
        assert len(numbers) == len(others), label
        for value, low, high, other in zip(
            *(map(float, one) for one in (*(numbers[i::3] for i in range(3)), others[::3])), strict=True
        ):
            assert abs(value - other) <= max(high - low, 0.1 * value, 0.1), label
    assert re.search(r"(?m)^calibration .*: 1 of 2 plausible, 0\.\d+ to 1\.\d+$", page)
    assert "calibration (errors at clean points" in text
    assert not re.search(r"(?m)^ +unet: .* plausible", text)  # it is the plausible one: those that are not are named
    pictures = [
        path.read_text() for path in (DOCS / "tutorials" / "your_first_model.svg", results / "figures" / "profile.svg")
    ]
    one, other = (set(re.findall(r">([^<]*[a-z][^<]*)</text>", picture)) for picture in pictures)
    assert one == other != set()


# What a page's code must have left behind: its names in Python, and files.
LEFT = {
    "docs/how_to/by_hand.md": by_hand,
    "docs/how_to/add_a_figure.md": the_figure,
    "docs/how_to/add_a_network.md": the_network,
    "docs/how_to/add_a_family.md": the_family,
    "docs/how_to/add_an_estimator.md": the_estimators,
    "docs/how_to/measure_your_model.md": the_models,
    "docs/tutorials/read_the_cube.md": the_cube,
    "docs/tutorials/your_first_model.md": the_first_model,
}


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_CODE, ids=name)
def test_the_code_of_a_page_runs(page, clone):
    names: dict = {}
    for block in blocks(page):
        if block.language == "sh":
            run_shell(block)
        elif block.language in ("yaml", "yml"):
            check_yaml(block, clone)
        elif block.language == "pycon":
            run_session(of_tiny(block.code), names, block.line)
        elif block.language == "python":
            if file := re.match(r"# (\w+\.py)\n", block.code):
                (clone / file[1]).write_text(block.code)
            exec(compile(of_tiny(block.code), f"{page}, line {block.line}", "exec"), names)
        else:
            assert block.language in SHOWN, f"line {block.line}: what is {block.language!r}?"
    if name(page) in LEFT:
        LEFT[name(page)](names, clone)


@pytest.mark.slow
def test_the_cube_is_read_with_the_axes_of_the_quickstart(tmp_path, monkeypatch):
    """Which are more than those of the tiny study in its place: what a page draws of a cube has to say of which."""
    study, folder = load(finding.find("quickstart")), tmp_path / "results" / "quickstart"
    gathered.write(folder, study)
    cube.run(study.path, folder / "spectrum", folder / "fit", folder / "cube.zarr")
    monkeypatch.chdir(tmp_path)
    (code,) = (one.code for one in blocks(DOCS / "tutorials" / "read_the_cube.md") if "large.eigenvalue" in one.code)
    run_session(code, {"scoregap": scoregap})
    assert (tmp_path / "largest_eigenvalue.pdf").read_bytes().startswith(b"%PDF")


def test_the_mistakes_that_a_page_shows_are_those_that_are_told(tmp_path):
    written, shown = (
        block.code for block in blocks(DOCS / "how_to" / "write_a_study.md") if block.language == "text"
    )  # fmt: skip
    (tmp_path / "hasty.yaml").write_text(written)
    with pytest.raises(InputError) as caught:
        load(tmp_path / "hasty.yaml")
    told = [str(one).removeprefix(f"{tmp_path / 'hasty.yaml'}: ") for one in caught.value.mistakes]
    assert len(told) == len(shown.splitlines())
    for said, line in zip(told, shown.splitlines(), strict=True):
        assert said == line or said.startswith(line.removesuffix("...")), line


WHOLE = re.sub(r"(?m)^#(?=\w|  )", "", templates.TEMPLATE.read_text()).replace("NAME", "mine")


def rows_of_keys():
    for line in generated.study_keys().splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and cells[0].startswith("`"):
            yield cells[0].strip("`"), cells


def test_what_the_reference_says_of_keys_is_what_a_study_is_refused_or_filled_in_for():
    """Each key is left out of a study with every section: it is missed, or its default stands there."""
    content = yaml.safe_load(WHOLE)
    content["train"]["noise"]["focus"] = {"start": 0.01, "stop": 1.0}
    content["scores"] = {"mine": {"from": "callable", "path": "a:b"}}
    content["data"] = {"source": "digits"}
    content["spectrum"]["keep"] = {"points": 1}
    content.setdefault("memorisation", {"times": {"start": 0.01, "stop": 1.0, "count": 8}})
    seen = 0
    for key, (_, _, _, default, unit, meaning) in rows_of_keys():
        if key.startswith("axes."):
            continue
        assert meaning
        assert unit
        parts = key.replace("NAME", "mine").replace("[]", ".0").split(".")
        changed = yaml.safe_load(yaml.safe_dump(content))
        owner = changed
        for part in parts[:-1]:
            owner = owner[int(part) if part == "0" else part]
        owner.pop(parts[-1], None)
        mistakes = Mistakes()
        found = mended("f", "", Document, changed, mistakes)
        assert [str(one).split(": ")[1:3] for one in mistakes] == (
            [[key.replace("NAME", "mine").replace("[]", "[0]"), "is missing"]] if default == "needed" else []
        ), key
        for part in parts[:-1]:
            found = found[0] if part == "0" else found[part] if isinstance(found, dict) else getattr(found, part)
        field = next((name for name, one in type(found).model_fields.items() if (one.alias or name) == parts[-1]), "")
        if default.startswith("`"):
            stands = getattr(found, field)
            stands = str(stands).lower() if isinstance(stands, bool) else stands
            assert str(stands).replace("'", "") == default.strip("`"), key
            seen += 1
        elif default == "none" and key not in ("blocks", "scores", "fit", "spectrum.step"):
            assert getattr(found, field) is None, key
    assert seen > 30


def test_what_does_not_run_says_why():
    for page in PAGES:
        assert page.read_text().count("<!-- not run:") == sum(bool(block.reason) for block in blocks(page)), page
        for block in blocks(page):
            assert not block.reason or len(block.reason) > 20, (page, block.line)
            assert not block.reason or block.language in ("sh", "yml"), (page, block.line)


def test_the_readme_is_a_door():
    readme = PAGES[0].read_text()
    assert len(readme.splitlines()) <= 150
    for page in PAGES[1:]:
        if page.name != "index.md" and page.stem not in ("figures", "manifolds", "networks", "estimators", "cube"):
            assert f"({name(page)})" in readme, f"the README does not lead to {page}"
    for page in ("studies", "study", "outputs"):
        assert f"reference/{page}.md" in readme


def test_nothing_is_said_twice():
    """No line of prose or of a table stands on two pages."""
    seen: dict[str, Path] = {}
    for page in PAGES:
        for line in set(page.read_text().splitlines()):
            if len(line) > 60 and not line.startswith("!["):
                assert line not in seen, f"{name(page)} and {name(seen[line])}: {line}"
                seen[line] = page


def test_what_a_page_names_exists():
    for page in PAGES:
        text = page.read_text()
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
            assert (page.parent / target).exists() or target.startswith("https:"), (page, target)
        for path in re.findall(r"`(?:python )?((?:scoregap|workflow|envs|tests|docs|results/[a-z]+)/[\w./]*)`", text):
            made = path.startswith(("docs/_build", "results/"))
            assert made or (ROOT / path).exists(), (page, path)
        for dotted in re.findall(r"`(scoregap(?:\.\w+)+)`", text):
            assert resolve_name(dotted) is not None, (page, dotted)
        for target in re.findall(r"`make ([a-z-]+)", text.replace("\n", " ")):
            assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), (page, target)
        for command in re.findall(r"`(?:\.venv/bin/)?scoregap ([a-z]+)", text.replace("\n", " ")):
            assert generated.command(command), (page, command)


def keys(model):
    for key, field in model.model_fields.items():
        inner = [a for a in (field.annotation, *getattr(field.annotation, "__args__", ())) if isinstance(a, type)]
        yield field.alias or key
        for section in inner:
            if issubclass(section, Section):
                yield from keys(section)


def test_generated_parts_leave_nothing_out():
    """What they are made of is found here in another way."""
    names = {
        "study_keys": {*keys(Document), *(f"axes.{axis}" for axis in AXES)},
        "cube_variables": {*VARIABLES, *COORDINATES},
        "studies": {path.stem for path in (ROOT / "workflow" / "studies").glob("*.yaml")},
        "figures": set(registry.FIGURES),
        "stages": {stage.name for stage in STAGES},
        "packages": {p.name for p in (ROOT / "scoregap").glob("[a-z]*") if p.is_dir()},
    }
    for function, expected in names.items():
        text = getattr(generated, function)()
        assert len(set(text.splitlines())) > len(expected)
        for one in expected:
            assert re.search(rf"`(?:[\w.\[\]]+\.)?{re.escape(one)}`", text), (function, one)
    commands = generated.command_line()
    for one in (*(stage.name for stage in STAGES), "run", "check", "baseline accept"):
        assert f"`scoregap {one}`" in commands
    assert "--study" in commands.partition("`scoregap fit`")[2]
    pages = "".join(generated.python_pages().values())
    for path in (ROOT / "scoregap").rglob("[a-z]*.py"):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        assert f".. automodule:: {module}\n" in pages, module


def test_every_generated_part_is_on_a_page():
    marks = re.findall(generated.MARK, "".join(page.read_text() for page in PAGES))
    assert sorted(marks) == sorted(set(marks))
    assert all(callable(getattr(generated, mark)) for mark in marks)
    assert set(marks) == {"study_keys", "cube_variables", "command_line", "studies", "figures", "stages", "packages",
                          "whole", "published_dimensions", "dimension_robustness",
                          "picture"}  # fmt: skip


def test_tables_written_by_hand_leave_nothing_out():
    manifolds, networks, estimators = (
        (DOCS / f"reference/{p}.md").read_text() for p in ("manifolds", "networks", "estimators")
    )
    for family in FAMILIES:
        assert f"| `{family}` |" in manifolds or family.startswith("skdim"), family
    for network, one in NETWORKS.items():
        assert f"| `{network}{'-64' if one.has_width else ''}` |" in networks, network
    for estimator in (*SCORE_ESTIMATORS, *DATA_ESTIMATORS):
        assert f"`{estimator}`" in estimators, estimator


def test_docstrings_become_restructured_text():
    text = generated.as_rst(["A *b* of `c`s, x_ | y.", "- d", "", "    code(*e)", "", "law   what is known", "x     y"])
    assert text == ["A \\*b\\* of ``c``\\ s, x\\_ \\| y.", "\\- d", "", "::", "", "        code(*e)", "", "::", "",
                    "    law   what is known", "    x     y", ""]  # fmt: skip


def test_a_wrong_command_is_refused():
    for wrong in ("scoregap run quickstart --core 2", "scoregap theory --group 2:1", "scoregap run no_such_study"):
        with pytest.raises(Exception, match=r"core|ambient|no_such_study"):
            parse(wrong.split())


def test_ci_does_what_the_readme_says():
    for command in ("make run", 'scoregap check "$study"', "for study in quickstart ", "make docs", "make test"):
        assert command in CI


def test_ci_checks_every_baseline_but_that_of_the_longest_study():
    (studies,) = re.findall("for study in (.*); do", CI)
    baselines = {path.stem for path in (ROOT / "results" / "baselines").glob("*.json")}
    assert baselines - set(studies.split()) == {"error_budget"}


def test_the_citation_and_the_licence_agree():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["license"] == "Apache-2.0"
    assert citation["version"] == scoregap.__version__
    assert f"## {scoregap.__version__} (" in (ROOT / "CHANGELOG.md").read_text()
    assert (ROOT / "LICENSE").read_text().lstrip().startswith("Apache License")
