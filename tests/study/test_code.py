"""What keys say of code: nothing of this package as it is, and of all that is edited what it depends on."""

import ast
import compileall
import importlib
import inspect
import json
import shutil
import subprocess
import sys
import zipfile
import zipimport
from pathlib import Path

import pytest
from tiny import edited

from scoregap import InputError, plugins
from scoregap.study import digest, load
from scoregap.study.code import code_of, files_of


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package's sources, from which they are read: an edit of one is seen, and nothing is imported."""
    copy = tmp_path / "copy" / "scoregap"
    shutil.copytree(Path(plugins.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    find = plugins._spec

    def spec(module):
        found = find(module)
        if found and found.origin and module.startswith("scoregap"):
            found.origin = str(copy / Path(found.origin).relative_to(Path(plugins.__file__).parent))
        return found

    monkeypatch.setattr(plugins, "_spec", spec)
    plugins.forget()
    yield copy
    plugins.forget()


def edit(path, text):
    path.write_text(path.read_text() + text)
    plugins.forget()


def keys(path):
    """{(score, stage): keys} of a study."""
    study = load(path)
    stages = ("train", "spectrum", "fit")
    steps = ((job, one) for job in study.jobs.values() for one in stages if job.has(one))
    return {(job.axes["network"][0], one): job.keys(one) for job, one in steps}


def test_code_that_nobody_has_edited_is_in_no_key():
    assert code_of(["linear", "arcs", "skdim-M9_Affine"], ["exact", "gated-8", "paper", "linear"]) == {}
    assert set(files_of(["arcs"], ["exact", "gated-8"])) == {
        "data/manifolds/arcs.py", "data/manifolds/linear.py", "data/manifolds/__init__.py", "data/posteriors.py",
        "laws/variances.py", "networks/residual.py", "networks/layers.py",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("file", "outdated"),
    [
        ("networks/residual.py", {"gated-8"}),
        ("networks/layers.py", {"gated-8"}),
        ("networks/time_linear.py", set()),
        ("networks/__init__.py", set()),  # the list of networks: another one in it is no edit of these
        ("networks/training.py", set()),  # which stages have revisions for
        ("data/manifolds/arcs.py", {"exact", "gaussian", "gated-8"}),
        ("data/manifolds/__init__.py", {"exact", "gaussian", "gated-8"}),
        ("data/posteriors.py", {"exact", "gaussian", "gated-8"}),
        ("data/manifolds/spheres.py", set()),
        ("data/__init__.py", set()),
        ("laws/times.py", set()),
    ],
)
def test_an_edit_is_in_the_keys_of_all_that_depends_on_it(package, tmp_path, file, outdated):
    study = edited(tmp_path)
    before, cube, settings = keys(study), load(study).fingerprint("cube"), load(study).resolved
    edit(package / file, "\n\n# a comment\n")
    assert keys(study) == before
    edit(package / file, "\nEDITED = True\n")
    assert {score for (score, stage), one in keys(study).items() if one != before[score, stage]} == outdated
    assert {score for (score, stage), one in keys(study).items() if one == before[score, stage]} & outdated == set()
    assert (load(study).fingerprint("cube") != cube) == bool(outdated)
    assert load(study).resolved == settings  # of which a baseline has the digest
    assert not {"code", "sources"} & settings.keys()


def test_fingerprints_of_jobs_change_as_keys_do(package, tmp_path):
    study = edited(tmp_path)
    before = {job.axes["network"][0]: job.fingerprint("fit") for job in load(study).jobs.values()}
    edit(package / "networks" / "layers.py", "EDITED = True\n")
    after = {job.axes["network"][0]: job.fingerprint("fit") for job in load(study).jobs.values()}
    assert {name for name in before if before[name] != after[name]} == {"gated-8"}


def test_keys_of_earlier_code_are_had_again(package, tmp_path):
    study = edited(tmp_path)
    cell = next(cell for cell in load(study).cells if cell.trained)
    before = cell.key("fit")
    edit(package / "networks" / "layers.py", "EDITED = True\n")
    assert cell.key("fit") != before
    assert cell.key("fit", {}) == before


def test_what_other_code_has_of_this_package_counts_too(package, tmp_path, monkeypatch):
    """That of which networks and families are made; not all else that it may use."""
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "deep_nets.py").write_text(
        "import scoregap.measure.gaps\nfrom scoregap.data import capabilities\nfrom scoregap.networks import jacobian\n"
        "from scoregap.networks.residual import ResMLP\nclass Deep(ResMLP):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path / "beside")
    found = plugins.sources("deep_nets:Deep")
    assert set(found) == {"deep_nets.py", "networks/residual.py", "networks/layers.py"}
    assert set(plugins.edited("deep_nets:Deep")) == {"deep_nets.py"}
    edit(package / "networks" / "layers.py", "EDITED = True\n")
    assert set(plugins.edited("deep_nets:Deep")) == {"deep_nets.py", "networks/layers.py"}


SAME = [
    ("def f(a):\n    return a + 1\n", 'def f(a):\n    """Text."""\n    # why\n    return (a\n            + 1)\n'),
    ("class A:\n    x = 'y'\n", '"""M."""\n\n\nclass A:\n    """C."""\n\n    x = "y"\n'),
    ("x = u'a'\n", "x = 'a'; \n"),
]
OTHER = [
    ("def f(a):\n    return a + 1\n", "def f(a):\n    return a + 1.0\n"),
    ("def f(a):\n    return a + 1\n", "def f(a):\n    return a - 1\n"),
    ("def f(a, b=1): pass\n", "def f(a, *, b=1): pass\n"),
    ("x = 'a'\n", "x = b'a'\n"),
    ("x = 'a'\n", "y = 'a'\n"),
    ("x = [a, b]\n", "x = (a, b)\n"),
    ("x = 1\n", "x = True\n"),
    ("if a:\n    b\n    c\n", "if a:\n    b\nc\n"),
    ("def f():\n    'x'\n    return 1\n", "def f():\n    return 1, 'x'\n"),
    ("return_ = None\n", "return_: None\n"),
    ("f'{a}'\n", "f'{a!r}'\n"),
    ("def f(*, a): pass\n", "def f(*, a=None): pass\n"),
    ("x = {**a}\n", "x = {None: a}\n"),
    ("x = -0.0\n", "x = 0.0\n"),
    ("@a\ndef f(): pass\n", "def f(): pass\n"),
    ("class A(B): pass\n", "class A(C): pass\n"),
    ("f'{a:{b}}'\n", "f'{a:{b}0}'\n"),
]


@pytest.mark.parametrize(("one", "other"), SAME + OTHER)
def test_a_source_is_what_python_reads(one, other):
    texts = {plugins.written(ast.parse(text)) for text in (one, other)}
    assert (len(texts) == 1) == ((one, other) in SAME)


TEXTS = [  # which Pythons read as trees that differ, or cannot show all of
    "f'{a:<{b}}'\n", "f'{a!r:^{b}.{c}}{d:}' 'e'\n", "f'{a=}{b:{c}}' f''\n", "x = '\U0001fae8 \u00e9 \\ud800'\n",
    "\u00e9 = b'\\xff'\n", "x = 0x" + "f" * 9_000 + "\n",
]  # fmt: skip


@pytest.mark.parametrize("version", [(3, 11), (3, 12)])
def test_a_source_has_one_digest_in_all_pythons(tmp_path, version):
    """Python 3.12 ends every format with an empty text, and what it prints as it is depends on its Unicode."""
    python = shutil.which(f"python{version[0]}.{version[1]}")
    if not python or subprocess.run([python, "-V"], capture_output=True, check=False).returncode:
        pytest.skip(f"no Python {version} here")
    files = sorted(Path(plugins.__file__).parent.glob("[nd]*/**/*.py"))  # networks, data
    (tmp_path / "texts.json").write_text(json.dumps([*TEXTS, *(file.read_text() for file in files)]))
    code = f"""
import ast, json
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
{inspect.getsource(plugins.written)}
print(json.dumps([written(ast.parse(text)) for text in json.load(open("texts.json"))]))
"""
    done = subprocess.run([python, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    here = [plugins.written(ast.parse(text)) for text in json.loads((tmp_path / "texts.json").read_text())]
    assert json.loads(done.stdout) == here


def test_formats_have_no_empty_ends():
    """As Python 3.12 makes them, in every Python."""
    tree = ast.parse("f'{a:<{b}}'\n")
    text = plugins.written(tree)
    for node in list(ast.walk(tree)):
        if isinstance(node, ast.JoinedStr):
            node.values.append(ast.Constant(""))
    assert plugins.written(tree) == text


@pytest.mark.parametrize(
    "text",
    [
        "x = " + " + ".join(["a"] * 1_500) + "\n",
        "if a: b\n" + "elif a: b\n" * 800,
        "x = a" + ".b()" * 700 + "\n",
        "x = 0x" + "f" * 9_000 + "\n",
        "\n".join(f"def f{i}(a, b={i}): return [a + {i}, {{'b': b}}]" for i in range(2_000)),
    ],
    ids=["a sum", "cases", "calls", "a number", "functions"],
)
def test_sources_may_be_large(tmp_path, monkeypatch, text):
    """As those are that programs write."""
    (tmp_path / "large_nets.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    plugins.forget()
    (before,) = plugins.sources("large_nets:A").values()
    (tmp_path / "large_nets.py").write_text(text + "\n# more\n")
    plugins.forget()
    assert plugins.sources("large_nets:A") == {"large_nets.py": before}
    (tmp_path / "large_nets.py").write_text(text + "\nmore\n")
    plugins.forget()
    assert plugins.sources("large_nets:A") != {"large_nets.py": before}


def test_warnings_of_a_source_are_for_whoever_runs_it(tmp_path, monkeypatch):
    (tmp_path / "warned_nets.py").write_text("x = '\\d'\ny = 1if x else 2\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert plugins.sources("warned_nets:A").keys() == {"warned_nets.py"}


def test_code_in_an_archive_is_read(tmp_path, monkeypatch):
    def archive(number):
        with zipfile.ZipFile(tmp_path / "nets.zip", "w") as file:
            file.writestr("zipped/__init__.py", "")
            file.writestr("zipped/nets.py", "from zipped.layers import gain\n")
            file.writestr("zipped/layers.py", f"gain = {number}\n")
        importlib.invalidate_caches()
        zipimport._zip_directory_cache.clear()
        sys.path_importer_cache.clear()
        plugins.forget()

    archive(1)
    monkeypatch.syspath_prepend(tmp_path / "nets.zip")
    one = plugins.sources("zipped.nets:A")
    assert set(one) == {"zipped/nets.py", "zipped/layers.py"}
    archive(2)
    assert {file for file, text in plugins.sources("zipped.nets:A").items() if one[file] != text} == {
        "zipped/layers.py"
    }


@pytest.mark.parametrize(
    ("statement", "files"),
    [
        ("import acme.layers", {"__init__.py", "layers.py"}),  # it binds acme
        ("import acme.layers as l", {"layers.py"}),
        ("from acme import layers", {"__init__.py", "layers.py"}),
        ("from . import layers", {"__init__.py", "layers.py"}),
        ("from .layers import *", {"layers.py"}),
        ("from .deep import more", {"deep/__init__.py", "deep/more.py", "layers.py"}),
        ("def f():\n    from acme.deep.more import x", {"deep/more.py", "layers.py"}),
        ("try:\n    import acme.deep.more\nexcept ImportError:\n    pass", {"__init__.py", "deep/__init__.py",
                                                                         "deep/more.py", "layers.py"}),
        ("from .... import layers", set()),  # which fails where it is run
        ("import numpy, acme_of_others", set()),
    ],
)  # fmt: skip
def test_of_its_package_all_that_a_module_imports_counts(tmp_path, monkeypatch, statement, files):
    for file, text in (
        ("nets.py", statement), ("__init__.py", "GAIN = 1"), ("layers.py", ""), ("deep/__init__.py", ""),
        ("deep/more.py", "from ..layers import x"), ("other.py", ""), ("../acme_of_others.py", ""),
    ):  # fmt: skip
        (tmp_path / "acme" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "acme" / "deep").mkdir(exist_ok=True)
        (tmp_path / "acme" / file).write_text(f"{text}\n")
    monkeypatch.syspath_prepend(tmp_path)
    plugins.forget()
    assert set(plugins.sources("acme.nets:MLP")) == {"acme/nets.py", *(f"acme/{file}" for file in files)}


def test_code_that_cannot_be_read_is_said_in_a_line(tmp_path, monkeypatch):
    for name, text, says in (
        ("null", b"x = 1\0\n", "is not Python"),
        ("wrong", b"def\n", "is not Python"),
        ("deep", b"x = " + b"(" * 10_000, "is not Python"),
        ("nested", b"x = " + b"-" * 100_000 + b"1\n", "is not Python"),
        ("latin", b"x = '\xe9'\n", "is not Python"),
    ):
        (tmp_path / f"{name}_nets.py").write_bytes(text)
        monkeypatch.syspath_prepend(tmp_path)
        with pytest.raises(InputError, match=rf"{name}_nets\.py {says}[^\n]*$"):
            plugins.sources(f"{name}_nets:A")
    (tmp_path / "gone_nets.py").write_text("")
    spec = plugins._spec("gone_nets")
    (tmp_path / "gone_nets.py").unlink()
    monkeypatch.setattr(plugins, "_spec", lambda _: spec)
    with pytest.raises(InputError, match=r"gone_nets\.py cannot be read: "):
        plugins.sources("gone_nets:A")


@pytest.mark.slow
def test_own_code_without_its_sources_is_as_it_was_made(tmp_path):
    """A package that is compiled only has keys as any other; code of others is told by what it is compiled to."""
    copy = tmp_path / "scoregap"
    shutil.copytree(Path(plugins.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "nets.py").write_text("class MLP: pass\n")
    compileall.compile_dir(tmp_path, legacy=True, quiet=1)
    for path in tmp_path.rglob("*.py"):
        path.unlink()
    code = """
import scoregap
from scoregap import plugins
from scoregap.study.code import code_of, files_of
assert scoregap.__file__.endswith(".pyc")
assert code_of(["arcs"], ["gated-8", "linear"]) == {}
print(*files_of(["arcs"], ["gated-8"]), *plugins.sources("nets:MLP"))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == {*files_of(["arcs"], ["gated-8"]), "nets.pyc"}


def test_what_is_recorded_is_what_is_read_without_it(monkeypatch):
    """The record spares reading the files; it does not change what they are."""
    quick = files_of(["arcs", "tanh"], ["gated-8", "linear"])
    monkeypatch.setattr(plugins, "recorded", dict)
    for one in (plugins.sources, plugins.edited):
        one.cache_clear()
    assert files_of(["arcs", "tanh"], ["gated-8", "linear"]) == quick
    assert json.loads(code_of([], ["gated-8"])["network code"])["scoregap.networks.residual:Gated"].keys() == {
        "networks/residual.py", "networks/layers.py",
    }  # fmt: skip
    monkeypatch.undo()
    plugins.forget()
    assert digest(code_of([], ["gated-8"])) == digest({})
