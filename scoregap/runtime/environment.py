"""The environment in which Snakemake and its jobs run: a run's result depends on the study and the pins alone.

environment of the user, results folder -> environment of Snakemake and its jobs, who write nothing outside that folder
"""

import os
import pwd
import re
import shutil
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

FOLDER = ".runtime"  # in a results folder
DAY = 86400  # seconds
ROOT = Path(__file__).resolve().parents[2]  # where the package is imported from

# Names of variables by which libraries would compute, draw or compress otherwise.
OF_LIBRARIES = re.compile(
    r"MPLBACKEND|MATPLOTLIBRC|SOURCE_DATE_EPOCH|NVIDIA_TF32_OVERRIDE"
    r"|(OMP|GOMP|KMP|MKL|OPENBLAS|GOTO|BLIS|VECLIB|NUMEXPR)_.*"  # threads, and kernels for this processor or that
    r"|(NPY|NUMPY|SCIPY|SKLEARN|JOBLIB|LOKY|PANDAS|PYDANTIC|ZARR|BLOSC|NUMCODECS)_.*"
    r"|(TORCH|PYTORCH|ATEN|DNNL|ONEDNN|CUBLAS|CUDNN).*"
)
# Those that reach the programs of a run, and where they write. All others are passed on: what schedulers, clouds, GPUs
# and the dynamic linker need is not known here.
OF_PROGRAMS = re.compile(
    r"PYTHON(?!HOME$|USERBASE$|NOUSERSITE$|DONTWRITEBYTECODE$|PYCACHEPREFIX$).*"  # modules, options, encodings
    r"|SNAKEMAKE(?!_STORAGE_).*"  # profiles, caches; but storage gets its passwords in no other way
    r"|BASH_ENV|BASHOPTS|SHELLOPTS|ENV|POSIXLY_CORRECT"  # of the shell that starts a job
    r"|LANG|LANGUAGE|LC_.*|GLIBC_TUNABLES"
    r"|MPL.*|FONTCONFIG_.*|XDG_(CACHE|CONFIG|DATA|STATE)_.*|(TMP|TEMP)(DIR)?"
)


def of_run(user: Mapping[str, str], results: Path) -> dict[str, str]:
    """The environment of Snakemake and its jobs. user: that of the caller; results: folder of the study's results."""
    kept = {
        name: value for name, value in user.items() if not (OF_LIBRARIES.fullmatch(name) or OF_PROGRAMS.fullmatch(name))
    }
    place = results.resolve() / FOLDER
    temporary = str(place / "tmp")
    own = [path for path in user.get("PYTHONPATH", "").split(os.pathsep) if path and Path(path).resolve() == ROOT]
    return (
        kept
        | dict.fromkeys(("TMPDIR", "TMP", "TEMP"), temporary)
        | {f"XDG_{what}_HOME": temporary for what in ("CACHE", "CONFIG", "DATA", "STATE")}
        | {"MPLCONFIGDIR": str(place / "matplotlib"), "CUDA_CACHE_PATH": str(place / "cuda")}
        | {"LC_ALL": "C", "PYTHONUTF8": "1", "PYTHONSAFEPATH": "1"}  # text is UTF-8; modules are the installed ones
        | ({"PYTHONPATH": str(ROOT)} if own else {})  # for a package that is found in no other way
        | ({} if os.path.isabs(user.get("HOME", "")) else {"HOME": temporary})
        | ({} if _has_name(user) else {"LOGNAME": str(os.getuid())})
    )


def leave_strangers() -> None:
    """Import no more modules from the current folder or PYTHONPATH in this process, unless the package is there."""
    strangers = {"", os.getcwd(), *os.environ.get("PYTHONPATH", "").split(os.pathsep)}
    sys.path[:] = [path for path in sys.path if path not in strangers or Path(path).resolve() == ROOT]


def _has_name(user: Mapping[str, str]) -> bool:
    """Whether the user has a name: in a container processes may run under a number that is nobody's."""
    if any(user.get(name) for name in ("LOGNAME", "USER", "LNAME", "USERNAME")):
        return True
    try:
        return bool(pwd.getpwuid(os.getuid()))
    except KeyError:
        return False


def prepare(results: Path) -> None:
    """Make the folders that the environment names, and delete what an earlier run has left in the temporary one.

    What is younger than a day may be of a cluster's jobs, which outlive a run that was killed.
    """
    place = results / FOLDER / "tmp"
    place.mkdir(parents=True, exist_ok=True)
    for path in place.iterdir():
        if path.lstat().st_mtime < time.time() - DAY:
            _delete(path)


def clear(results: Path) -> None:
    """Delete what is temporary, after a run that has ended its jobs. Caches are kept: they hold nothing of a study."""
    _delete(results / FOLDER / "tmp")


def _delete(path: Path) -> None:
    """A file or folder, as far as that is possible."""
    shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.unlink(missing_ok=True)
