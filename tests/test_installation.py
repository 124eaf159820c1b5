"""What a wheel installs works without the checkout, for an ordinary user, and knows which code it is."""

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import xarray as xr
from tiny import EXACT, FLAT, edited

import scoregap
from scoregap import installation

ROOT = Path(__file__).parents[1]
PARTS = ("pyproject.toml", "README.md", "LICENSE", "scoregap", "workflow", "results/baselines")  # that a wheel is of
NOBODY = 65534


def git(*arguments, cwd):
    who = ["-c", "user.name=n", "-c", "user.email=n@example.org"]
    subprocess.run(["git", *who, *arguments], cwd=cwd, check=True, capture_output=True)


def commit(folder):
    """Make a folder the tree of a git repository."""
    git("init", "-q", cwd=folder)
    git("add", ".", cwd=folder)
    git("commit", "-qm", "first", cwd=folder)


@pytest.fixture(scope="module")
def project():
    """A folder of somebody's own, in a git repository, with an environment in which there is a wheel of the project.

    Not of pytest's, which other users cannot enter.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        source = folder / "source"
        for part in PARTS:
            (source / part).parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            copy(ROOT / part, source / part)
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        offline = ["--no-deps", "--no-build-isolation", "--no-index"]
        subprocess.run([*pip, "wheel", *offline, "--wheel-dir", str(folder), str(source)], check=True)
        (wheel,) = folder.glob("*.whl")
        shutil.rmtree(source)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / ".venv")], check=True)
        python = str(folder / ".venv" / "bin" / "python")
        (site,) = (folder / ".venv" / "lib").glob("python*/site-packages")
        # its dependencies are those of this environment; an editable install of the project there is not seen
        (site / "dependencies.pth").write_text("\n".join(one for one in sys.path if "site-packages" in one))
        subprocess.run([*pip, "--python", python, "install", *offline, str(wheel)], check=True)
        (folder / "mine.txt").write_text("")
        commit(folder)
        installed = [path for path in (folder / ".venv").rglob("*") if not path.is_symlink()]
        for path in installed:
            path.chmod(path.stat().st_mode & ~0o222)
        yield folder
        for path in installed:
            path.chmod(path.stat().st_mode | 0o200)


def ordinary(python):
    """(what makes a command that of an ordinary user, whom a folder is given for it): the tester, if they are one.

    Root is nobody, or where nobody may not run this Python, as in root's home, keeps no right but that of an owner.
    """
    if os.geteuid() != 0:
        return {}, os.geteuid()
    nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    try:
        subprocess.run([python, "-c", ""], check=True, **nobody)
    except PermissionError:
        return {"preexec_fn": drop_capabilities}, 0
    return nobody, NOBODY


def drop_capabilities():
    """What root may beyond other users, from the next exec on: prctl(PR_CAPBSET_DROP)."""
    libc = ctypes.CDLL(None)
    for capability in range(64):
        libc.prctl(24, capability, 0, 0, 0)


@pytest.fixture
def scoregap_in(project):
    """(a folder, the command of the wheel in that folder): by an ordinary user without a home."""
    python = project / ".venv" / "bin" / "python"
    user, owner = ordinary(python)
    folder = project / "empty"
    folder.mkdir()
    os.chown(folder, owner, -1)
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "CI")}
    environment |= {"HOME": "/dev/null"}

    def run(*arguments):
        command = [python.with_name("scoregap"), *map(str, arguments)]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, **user)

    with pytest.raises(subprocess.CalledProcessError):  # it is no right of root's that the tests rest on
        subprocess.run(["touch", python.parent / "x"], check=True, capture_output=True, **user)
    yield folder, run
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.workflow
def test_a_wheel_runs_a_study_in_an_empty_folder(project, scoregap_in):
    empty, run = scoregap_in
    edited(empty, *EXACT, FLAT).rename(empty / "tiny.yaml")
    ran = run("run", "tiny.yaml", "--cores", 2)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "report        results/tiny/report.html" in ran.stdout
    assert sorted(path.name for path in empty.iterdir()) == ["results", "tiny.yaml"]
    cube = xr.open_zarr(empty / "results" / "tiny" / "cube.zarr")
    assert (cube.status == 1).all()
    assert cube.attrs["revision"] == f"scoregap {scoregap.__version__}"  # not the commit of somebody's repository

    check = ("check", "tiny.yaml")
    missing = run(*check)
    assert (missing.returncode, len(missing.stderr.splitlines())) == (2, 1)
    assert "tiny.baseline.json: is no baseline: make one" in missing.stderr
    accepted = run("baseline", "accept", "tiny.yaml", "--reason", "the first")
    assert accepted.returncode == 0, accepted.stderr
    assert (empty / "tiny.baseline.json").exists()
    checked = run(*check)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.slow
def test_a_wheel_has_the_studies_the_profiles_and_the_baselines(project, scoregap_in):
    empty, run = scoregap_in
    listed = run("studies").stdout
    studies = {path.stem for path in (ROOT / "workflow" / "studies").glob("*.yaml")}
    assert {line.split()[0] for line in listed.splitlines()} == studies
    theory = run("theory", "--ambient", 100, "--group", "20:1.0")
    assert theory.returncode == 0, theory.stderr
    (package,) = (project / ".venv" / "lib").glob("python*/site-packages/scoregap")
    for inside, beside in (("workflow", "workflow"), ("baselines", "results/baselines")):
        files = {path.relative_to(ROOT / beside) for path in (ROOT / beside).rglob("*") if path.is_file()}
        assert files == {path.relative_to(package / inside) for path in (package / inside).rglob("*") if path.is_file()}
    # with its baseline, which is found: what is not there is the run
    check = run("check", "quickstart")
    assert check.returncode != 0
    assert "baseline" not in check.stderr
    assert "results/quickstart" in check.stderr
    assert list(empty.iterdir()) == []


@pytest.mark.parametrize("variable", [{}, {"GIT_DIR": "{foreign}/.git"}])
def test_the_revision_is_of_the_checkout_and_of_nothing_around_it(tmp_path, monkeypatch, variable):
    """A checkout has its own; a copy inside a foreign repository, or seen from its hooks, has the version."""
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    foreign, code = tmp_path / "foreign", tmp_path / "foreign" / "code"
    code.mkdir(parents=True)
    (code / "file").write_text("1")
    commit(foreign)
    git("tag", "-am", "x", "foreign", cwd=foreign)
    monkeypatch.setattr(installation, "CHECKOUT", code)
    for name, value in variable.items():
        monkeypatch.setenv(name, value.format(foreign=foreign))
    assert installation.revision() == f"scoregap {scoregap.__version__}"
    monkeypatch.delenv("GIT_DIR", raising=False)
    commit(code)
    git("tag", "-am", "x", "ours", cwd=code)
    for name, value in variable.items():
        monkeypatch.setenv(name, value.format(foreign=foreign))
    assert installation.revision() == "ours"
    (code / "file").write_text("2")
    assert installation.revision() == "ours-dirty"
    monkeypatch.setenv("PATH", str(tmp_path))  # no git
    assert installation.revision() == f"scoregap {scoregap.__version__}"


def test_the_paths_of_a_checkout():
    assert installation.CHECKOUT == ROOT
    assert installation.WORKFLOW == ROOT / "workflow"
    assert installation.BASELINES == ROOT / "results" / "baselines"
