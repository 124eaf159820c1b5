"""Stages of a whole run, changed for a measurement: code that runs in a module's names once it has been imported.

A run passes no PYTHONPATH on, so the changes are part of a Python of its own: a virtual environment that sees the
packages of this one. They reach every process that is started by it.
"""

import sys
from pathlib import Path

CHANGES = """\
import sys
from importlib.machinery import PathFinder

AFTERWARDS = {afterwards!r}


class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in AFTERWARDS:
            return None
        spec = PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            exec(AFTERWARDS[name], module.__dict__)

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Finder)
"""


def python(folder: Path, afterwards: dict[str, str], checkout: Path | None = None) -> str:
    """The path of a Python in which this code (by module) runs after the module; it is made in `folder`, in place of
    an earlier one. checkout: the project whose package it imports, where that is not the one that is installed."""
    place = folder / "python"
    site = place / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    site.mkdir(parents=True, exist_ok=True)
    (place / "bin").mkdir(exist_ok=True)
    (place / "pyvenv.cfg").write_text(f"home = {sys.base_prefix}/bin\n")
    own = place / "bin" / "python"
    own.unlink(missing_ok=True)
    own.symlink_to(Path(sys.executable).resolve())
    packages = [path for path in sys.path if path.endswith("-packages")]
    # addsitedir: their own .pth files count too, as that of an editable install
    lines = [f"import site; site.addsitedir({path!r})" for path in packages]
    if checkout:
        lines.append(f"import sys; sys.path.insert(0, {str(checkout)!r})")
    (site / "packages.pth").write_text("\n".join([*lines, "import changes"]) + "\n")
    (site / "changes.py").write_text(CHANGES.format(afterwards=afterwards))
    return str(own)
