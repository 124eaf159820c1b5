"""Stages of a whole run, changed for a measurement: code that runs in a module's names once it has been imported.

Python imports a module called `sitecustomize` at its start, if it is on the path: so the change reaches every process.
"""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SITECUSTOMIZE = """\
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


def environment(folder: Path, afterwards: dict[str, str]) -> dict[str, str]:
    """The environment of processes in which this code (by module) runs after the module; writes a file to folder."""
    (folder / "sitecustomize.py").write_text(SITECUSTOMIZE.format(afterwards=afterwards))
    return os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
