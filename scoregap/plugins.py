"""Code of other packages that a study names: by an entry point of an installed package, or by its path.

name in a study, group of entry points -> path of an object, PACKAGE.MODULE:NAME; digest of its source

PACKAGE.NAME is the entry point of that name, which an installed package offers: whoever has installed it trusts it. A
name with a colon is the path itself, of a module that is installed or lies beside the study; it is followed for studies
that say `trusted: true` only (`scoregap.study.reading`). Own names have no point, so nobody takes one. Nothing is
imported here.
"""

import ast
import hashlib
import re
import sys
import traceback
from collections.abc import Iterator
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path

from scoregap import InputError

NETWORKS, FAMILIES, ESTIMATORS = "scoregap.networks", "scoregap.families", "scoregap.estimators"  # of entry points
KEYS = {NETWORKS: "network", FAMILIES: "family", ESTIMATORS: "estimators"}  # what they are values of
NOT_THEIRS = re.compile(rf"^<|pkgutil|[/\\](importlib|torch)[/\\]|^{re.escape(str(Path(__file__).parent))}")  # files
NAME = r"[A-Za-z_]\w*(\.\w+)*:[A-Za-z_]\w*|[A-Za-z_]\w*(\.\w+)+"  # a path or an entry point


def is_path(name: str) -> bool:
    """Whether a name of a study is the path of code."""
    return ":" in name


def is_outside(name: str) -> bool:
    """Whether a name of a study is not one of this package's own."""
    return is_path(name) or "." in name


_beside: set[Path] = set()  # folders of studies that are trusted


def look_in(folder: Path) -> None:
    """Find modules there too, after all others, and leave nothing beside them."""
    _beside.add(folder)
    sys.dont_write_bytecode = True
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def told(error: BaseException) -> str:
    """An error of somebody else's code in a line, which says where it is."""
    if isinstance(error, SyntaxError):
        return f"{Path(error.filename or '').name}:{error.lineno}: {error.msg}"
    places = [one for one in traceback.extract_tb(error.__traceback__) if not NOT_THEIRS.search(one.filename)]
    where = f"{Path(places[-1].filename).name}:{places[-1].lineno}: " if places else ""
    kind = "" if isinstance(error, ImportError) else f"{type(error).__name__}: "
    return where + kind + " ".join(str(error).split())


@cache
def path(name: str, group: str) -> str:
    """The path of what a name means. Raises InputError if no installed package offers it, or several do."""
    if is_path(name):
        return name
    from importlib.metadata import entry_points  # here, because it takes e-mail with it, and few studies name any

    offered = entry_points(group=group)
    found = {one.value for one in offered if one.name == name}
    if len(found) == 1:
        return found.pop().replace(" ", "")
    if found:
        raise InputError(
            key=KEYS[group], value=name, allowed=f"several installed packages offer it: {', '.join(sorted(found))}"
        )
    known = ", ".join(sorted(offered.names)) or "nothing"
    raise InputError(
        key=KEYS[group], value=name, allowed=f"no installed package offers it: offered in the group {group} is {known}"
    )


@cache
def digest(import_path: str) -> str:
    """Hash of the sources that a path means, without running them: results of changed code are made again.

    Of the module, and of those that it imports, itself or by others, and that are of its package or lie beside the
    study. Raises InputError if there is no such module, or what it says is not Python.
    """
    module = import_path.partition(":")[0]
    found: dict[str, bytes] = {}
    wanted = [module]
    while wanted:
        name = wanted.pop()
        spec = _spec(name) if name == module or _is_near(name, module) else None
        if name in found or spec is None or not spec.has_location or spec.origin is None:
            continue
        found[name] = Path(spec.origin).read_bytes()
        if spec.origin.endswith(".py"):
            try:
                wanted += _imported(found[name], name if spec.submodule_search_locations else name.rpartition(".")[0])
            except (SyntaxError, ValueError) as error:  # the second, of a zero byte
                why = f"{spec.origin} is not Python: {error}"
                raise InputError(key="code", value=import_path, allowed=why) from None
    if module not in found:
        raise InputError(key="code", value=import_path, allowed=f"there is no module {module}")
    total = hashlib.sha256()
    for source in (found.pop(module), *(found[name] for name in sorted(found))):
        total.update(hashlib.sha256(source).digest())
    return total.hexdigest()[:12]


def _spec(module: str) -> ModuleSpec | None:
    """Where a module is, as import would find it, but without importing the packages that it is in."""
    top, *parts = module.split(".")
    try:
        spec = find_spec(top)  # by all finders: those of editable installs are not on the path
    except ValueError:  # of a module that was not imported, as __main__
        return None
    for part in parts:
        folders = spec.submodule_search_locations if spec else None
        spec = PathFinder.find_spec(part, folders) if folders else None
    return spec


def _is_near(module: str, to: str) -> bool:
    """Whether a module is of the same package, or beside the study."""
    top = module.partition(".")[0]
    if top == to.partition(".")[0]:
        return True
    spec = _spec(top) if _beside else None
    places = [spec.origin] if spec and spec.origin else []
    if spec and spec.submodule_search_locations:
        places = list(spec.submodule_search_locations)
    return any(Path(place).parent in _beside for place in places)


def _imported(source: bytes, package: str) -> Iterator[str]:
    """Names that may be modules, of import statements anywhere in a source. package: that it is in."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{one.name}" for one in node.names)
