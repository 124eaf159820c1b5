"""A run's result depends on the study and the pins alone, and it writes nothing outside its results folder."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import EXACT, FLAT, edited, run_stages

from scoregap.runtime import environment
from scoregap.store.files import manifest_of

ROOT = Path(__file__).parents[2]
MATPLOTLIBRC = """\
backend: TkAgg
font.size: 30
font.family: serif
lines.linewidth: 9
axes.facecolor: pink
savefig.facecolor: red
svg.fonttype: none
pdf.fonttype: 42
figure.constrained_layout.use: False
"""
STRANGER = "raise SystemExit('a module of a stranger was imported')\n"


def hostile(folder):
    """The environment of a user of notebooks and clusters, with settings of their own for everything; its files."""
    home = folder / "home"
    for path in (".config/matplotlib/matplotlibrc", ".matplotlib/matplotlibrc", "cwd/matplotlibrc", "matplotlibrc"):
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(MATPLOTLIBRC)
    for path in ("modules/numpy.py", "modules/yte.py", "cwd/numpy.py", "cwd/pulp.py"):
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(STRANGER)
    for path in ("profile/config.yaml", ".config/snakemake/default/config.yaml"):
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text("dry-run: true\nquiet: all\nrerun-triggers: [mtime]\n")
    (home / ".config" / "zarr").mkdir()
    (home / ".config" / "zarr" / "mine.yaml").write_text("json_indent: 7\narray: {write_empty_chunks: true}\n")
    (home / "bashrc").write_text("exit 3\n")
    (home / "startup.py").write_text(STRANGER)
    (folder / "tmp").mkdir()
    return os.environ | {
        "HOME": str(home), "TMPDIR": str(folder / "tmp"), "XDG_CACHE_HOME": str(home / "cache"),
        "SNAKEMAKE_PROFILE": str(home / "profile"), "SNAKEMAKE_OUTPUT_CACHE": str(home / "outputs"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline", "MATPLOTLIBRC": str(home / "matplotlibrc"),
        "PYTHONPATH": str(home / "modules"), "PYTHONSTARTUP": str(home / "startup.py"), "PYTHONOPTIMIZE": "2",
        "PYTHONWARNINGS": "error", "PYTHONIOENCODING": "ascii:strict", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0",
        "PYTHONHASHSEED": "7", "LC_ALL": "C", "BASH_ENV": str(home / "bashrc"), "BLOSC_CLEVEL": "9",
        "BLOSC_COMPRESSOR": "lz4", "BLOSC_SHUFFLE": "NOSHUFFLE", "ZARR_JSON_INDENT": "1", "SCIPY_ARRAY_API": "1",
        "OMP_NUM_THREADS": "7", "OPENBLAS_CORETYPE": "Prescott", "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3",
        "TZ": "Asia/Tokyo", "ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE",
    }  # fmt: skip


def listing(folder):
    """All that is in a folder, with dates."""
    return {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.slow
@pytest.mark.workflow
def test_a_users_environment_changes_no_byte_and_gets_no_file(tmp_path):
    """The same as all stages by hand, in this process."""
    (tmp_path / "study").mkdir()
    study = edited(tmp_path / "study", *EXACT, FLAT)
    run_stages(study, tmp_path / "by hand")
    user = hostile(tmp_path)
    before = listing(tmp_path / "home") | listing(tmp_path / "tmp")
    command = [sys.executable, "-m", "scoregap", "run", str(study), "--results", str(tmp_path / "results")]
    ran = subprocess.run(
        command, env=user, cwd=tmp_path / "home" / "cwd", capture_output=True, umask=0o077, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert b"report" in ran.stdout
    assert listing(tmp_path / "home") | listing(tmp_path / "tmp") == before
    found, wanted = tmp_path / "results" / "tiny", tmp_path / "by hand"
    assert manifest_of(found / "cube.zarr").read_text() == manifest_of(wanted / "cube.zarr").read_text()
    figures = sorted(path.name for path in (wanted / "figures").iterdir())
    assert figures == sorted(path.name for path in (found / "figures").iterdir())
    products = ("comparison.csv", "comparison.txt", "claims.csv", "findings.jsonl")
    for name in (*products, *(f"figures/{figure}" for figure in figures)):
        assert (found / name).read_bytes() == (wanted / name).read_bytes(), name


@pytest.mark.slow
def test_a_report_by_hand_is_the_same_in_any_environment(drawn, tmp_path):
    """As far as the library decides it: modules and warnings of Python are those of who calls."""
    study, results = drawn
    user = {name: value for name, value in hostile(tmp_path).items() if name not in ("PYTHONPATH", "PYTHONWARNINGS")}
    command = [sys.executable, "-P", "-m", "scoregap", "report", "--study", study, "--cube", results / "cube.zarr"]
    command += ["--numbers", results / "comparison.csv", "--findings", results / "findings.jsonl"]
    command += ["--out", tmp_path / "figures", "--html", tmp_path / "r.html"]
    ran = subprocess.run(command, env=user, cwd=tmp_path / "home" / "cwd", capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    for figure in (results / "figures").iterdir():
        assert (tmp_path / "figures" / figure.name).read_bytes() == figure.read_bytes(), figure.name
    assert (tmp_path / "r.html").read_bytes() == (results / "report.html").read_bytes()


KEPT = """
PATH HOME USER LD_LIBRARY_PATH CUDA_VISIBLE_DEVICES SLURM_CONF KUBECONFIG SSH_AUTH_SOCK http_proxy TZ ENVIRONMENT
PYTHONDONTWRITEBYTECODE PYTHONUSERBASE SNAKEMAKE_STORAGE_S3_SECRET_KEY XDG_RUNTIME_DIR
"""
DROPPED = """
SNAKEMAKE_PROFILE MPLBACKEND MPLCONFIGDIR MATPLOTLIBRC TMPDIR TMP TEMP LANG LANGUAGE LC_ALL LC_CTYPE LC_NUMERIC
BASH_ENV ENV PYTHONPATH PYTHONOPTIMIZE PYTHONWARNINGS PYTHONIOENCODING PYTHONSTARTUP PYTHONUTF8 XDG_CONFIG_HOME
XDG_CONFIG_DIRS XDG_CACHE_HOME XDG_DATA_HOME NVIDIA_TF32_OVERRIDE GLIBC_TUNABLES
"""
PREFIXES = "OMP MKL OPENBLAS KMP NUMEXPR BLOSC ZARR SCIPY NPY TORCH CUBLAS DNNL SNAKEMAKE"
names = st.sampled_from(KEPT.split())
reaching = st.sampled_from(DROPPED.split()) | st.builds(
    "{}_{}".format, st.sampled_from(PREFIXES.split()), st.text("ABCXYZ_", min_size=1, max_size=9)
)


@given(kept=st.dictionaries(names, st.just("/theirs")), dropped=st.dictionaries(reaching, st.just("/mine/it")))
def test_what_reaches_results_is_dropped_and_all_else_is_passed_on(kept, dropped):
    found = environment.of_run(kept | dropped, Path("results"))
    assert {name: found[name] for name in kept} == kept
    assert "/mine/it" not in found.values()
    inside = str(Path("results").resolve())
    assert all(found[name].startswith(inside) for name in ("TMPDIR", "MPLCONFIGDIR", "XDG_CACHE_HOME"))
    assert os.path.isabs(found["HOME"])


def test_of_the_modules_elsewhere_only_the_package_itself_is_passed_on(tmp_path):
    """A copy of the package that is in front by PYTHONPATH is in front in the jobs too."""
    shutil.copytree(ROOT / "scoregap", tmp_path / "tree" / "scoregap")
    code = "import os, pathlib; from scoregap.runtime.environment import of_run\n"
    code += "print(of_run(os.environ, pathlib.Path('x')).get('PYTHONPATH'))"
    for path, wanted in ((f"/a:{tmp_path}/tree:/b", f"{tmp_path}/tree"), (f"/a:{tmp_path}", "None")):
        user = os.environ | {"PYTHONPATH": path}
        assert (
            subprocess.check_output([sys.executable, "-c", code], env=user, cwd=tmp_path, text=True).strip() == wanted
        )


def test_what_a_killed_run_has_left_is_swept_and_caches_and_what_may_be_in_use_stay(tmp_path):
    """A folder, a file and a link to nothing, left two days ago; a folder made just now, by a cluster's job perhaps."""
    environment.prepare(tmp_path)
    runtime = tmp_path / environment.FOLDER
    for path in ("tmp/snakemakeabc/file", "tmp/file", "tmp/young/file", "matplotlib/fontlist.json"):
        (runtime / path).parent.mkdir(parents=True, exist_ok=True)
        (runtime / path).write_text("")
    (runtime / "tmp" / "link").symlink_to("nowhere")
    date = time.time() - 2 * environment.DAY
    for name in ("snakemakeabc", "file", "link"):
        os.utime(runtime / "tmp" / name, (date, date), follow_symlinks=False)
    environment.prepare(tmp_path)
    assert [path.relative_to(runtime).as_posix() for path in sorted(runtime.rglob("*"))] == [
        "matplotlib", "matplotlib/fontlist.json", "tmp", "tmp/young", "tmp/young/file",
    ]  # fmt: skip
    environment.clear(tmp_path)
    assert not (runtime / "tmp").exists()
