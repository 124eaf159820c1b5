"""The README is true: its commands exist, its study is valid, every key of a study is explained."""

import doctest
import re
from pathlib import Path

import pytest
import yaml

from scoregap.data import FAMILIES
from scoregap.study import load
from scoregap.study.schema import AXES, Document, Section
from scoregap.study.stages import STAGES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_study_in_the_readme_is_valid(tmp_path):
    (text,) = blocks("yaml")
    (tmp_path / "mine.yaml").write_text(text)
    study = load(tmp_path / "mine.yaml")
    assert len(study.cells) == 3 * 3 * 2 * 3


def test_the_python_in_the_readme_runs():
    (code,) = blocks("python")
    names: dict = {}
    exec(code, names)
    assert names["jacobian"].shape == (5, 100, 100)
    assert 0.1 < names["t_max"] < 1


def test_the_analysis_in_the_readme_runs(results, tmp_path, monkeypatch):
    """As a doctest, of the tiny study, in under ten lines."""
    (session,) = blocks("pycon")
    assert session.count(">>>") < 10
    session = session.replace('"results/paper', f'"{results[1]}')
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    test = doctest.DocTestParser().get_doctest(session, names, "README", "README.md", 0)
    assert doctest.DocTestRunner().run(test, clear_globs=False) == (0, session.count(">>>"))
    assert test.globs["ratio"].sel(network="exact").values == pytest.approx(1)
    assert (tmp_path / "gaps.pdf").read_bytes().startswith(b"%PDF")


def test_every_family_and_study_is_in_the_readme():
    for family in FAMILIES:
        assert f"| `{family}` |" in README or family.startswith("skdim"), family
    for study in (ROOT / "workflow" / "studies").glob("*.yaml"):
        assert study.stem in README, study


def keys(model):
    for name, field in model.model_fields.items():
        inner = [a for a in (field.annotation, *getattr(field.annotation, "__args__", ())) if isinstance(a, type)]
        sections = [a for a in inner if issubclass(a, Section)]
        yield name
        for section in sections:
            yield from keys(section)


def test_every_key_of_a_study_is_explained():
    table = README[README.index("| key | meaning |") : README.index("A mistake is one line")]
    explained = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", table))))
    phase_times = {"t_open", "t_max", "t_close", "t_consolidation"}
    assert set(keys(Document)) - {"study", "axes"} - phase_times <= explained
    assert set(AXES) <= explained


def test_the_commands_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    commands = {stage.name for stage in STAGES} | {"run", "status", "studies", "theory", "check", "baseline"}
    for command in re.findall(r"bin/scoregap (\w+)", README):
        assert command in commands


def test_files_it_names_exist():
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).exists(), target
    for name in re.findall(r"`((?:scoregap|workflow|envs|tests)/[\w./]*)`", README):
        assert (ROOT / name).exists(), name
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["license"] == "Apache-2.0"
    assert (ROOT / "LICENSE").read_text().lstrip().startswith("Apache License")


def test_ci_does_what_the_readme_says():
    ci = (ROOT / ".ci" / "run").read_text()
    assert "make run" in ci
    assert "scoregap check quickstart" in ci
    assert "make test" in ci
