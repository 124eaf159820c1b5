"""Code of other packages that a study names: by an entry point of an installed package, or by its path.

name in a study, group of entry points -> path of an object, PACKAGE.MODULE:NAME; digest of its source

PACKAGE.NAME is the entry point of that name, which an installed package offers: whoever has installed it trusts it. A
name with a colon is the path itself, of a module that is installed or lies beside the study; it is followed for studies
that say `trusted: true` only (`scoregap.study.schema`). Own names have no point, so nobody takes one. Nothing is
imported here.
"""

import hashlib
import sys
from functools import cache
from importlib.machinery import PathFinder
from importlib.metadata import entry_points
from pathlib import Path

from scoregap import InputError

NETWORKS, FAMILIES = "scoregap.networks", "scoregap.families"  # groups of entry points
KEYS = {NETWORKS: "network", FAMILIES: "family"}  # what they are values of
NAME = r"[A-Za-z_]\w*(\.\w+)*:[A-Za-z_]\w*|[A-Za-z_]\w*(\.\w+)+"  # a path or an entry point


def is_path(name: str) -> bool:
    """Whether a name of a study is the path of code."""
    return ":" in name


def is_outside(name: str) -> bool:
    """Whether a name of a study is not one of this package's own."""
    return is_path(name) or "." in name


def look_in(folder: Path) -> None:
    """Find modules there too, after all others."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


@cache
def path(name: str, group: str) -> str:
    """The path of what a name means. Raises InputError if no installed package offers it, or several do."""
    if is_path(name):
        return name
    offered = {one.name: one for one in entry_points(group=group)}
    found = {one.value for one in entry_points(group=group, name=name)}
    if len(found) == 1:
        return found.pop().replace(" ", "")
    if found:
        raise InputError(
            key=KEYS[group], value=name, allowed=f"several installed packages offer it: {', '.join(sorted(found))}"
        )
    known = ", ".join(sorted(offered)) or "nothing"
    raise InputError(
        key=KEYS[group], value=name, allowed=f"no installed package offers it: offered in the group {group} is {known}"
    )


@cache
def digest(import_path: str) -> str:
    """Hash of the source of the module in a path, without running it: results of changed code are made again.

    Raises InputError if there is no such module.
    """
    module = import_path.partition(":")[0]
    top, *parts = module.split(".")
    spec = PathFinder.find_spec(top)
    for part in parts:
        folders = spec.submodule_search_locations if spec else None
        spec = PathFinder.find_spec(part, folders) if folders else None
    if spec is None or spec.origin is None:
        raise InputError(key="code", value=import_path, allowed=f"there is no module {module}")
    return hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()[:12]
