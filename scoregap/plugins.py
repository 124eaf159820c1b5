"""Code that a study names: of other packages by an entry point or by its path, and of this one.

name in a study, group of entry points -> path of an object, PACKAGE.MODULE:NAME; digests of its sources

PACKAGE.NAME is the entry point of that name, which an installed package offers: whoever has installed it trusts it. A
name with a colon is the path itself, of a module that is installed or lies beside the study; it is followed for studies
that say `trusted: true` only (`scoregap.study.reading`). Own names have no point, so nobody takes one. Nothing is
imported here.

A source is read as Python reads it: comments, docstrings and the layout of its lines change no digest. Own modules have
those of `code.json` where nobody has edited them.
"""

import ast
import hashlib
import json
import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterator
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from scoregap import InputError
from scoregap.spelling import asks, meant

NETWORKS, FAMILIES, ESTIMATORS = "scoregap.networks", "scoregap.families", "scoregap.estimators"  # of entry points
KEYS = {NETWORKS: "network", FAMILIES: "family", ESTIMATORS: "estimators"}  # what they are values of
NOT_THEIRS = re.compile(rf"^<|pkgutil|[/\\](importlib|torch)[/\\]|^{re.escape(str(Path(__file__).parent))}")  # files
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
# Own modules of which networks and families are made, without the lists of them. What else decides results: `stages`.
OWN = re.compile(r"scoregap\.((networks|data)\.|laws\.variances$)")
MAKES_NAMES = {"globals", "vars", "locals", "exec", "eval", "setattr", "__import__", "__dict__"}
NOT_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)  # of a zero byte, of depth
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
def sources(import_path: str) -> dict[str, str]:
    """{file: digest} of the sources that a path means, without running them: results of changed code are made again.

    Of the module, and of those that it imports, itself or by others, and that are of its package, lie beside the study,
    or are of OWN. Raises InputError if there is no such module, or what it says is not Python.
    """
    module = import_path.partition(":")[0]
    found: dict[str, str] = {}
    seen, wanted = set(), [module]
    while wanted:
        name = wanted.pop()
        spec = _spec(name) if name == module or _is_near(name, module) else None
        if name in seen or spec is None or not spec.has_location or spec.origin is None:
            continue
        seen.add(name)
        package = spec.submodule_search_locations is not None
        file = name.removeprefix("scoregap.").replace(".", "/") + ("/" if package else ".")
        file += Path(spec.origin).name if package else Path(spec.origin).name.partition(".")[2]
        if name.startswith("scoregap.") and spec.origin.endswith(".pyc"):  # a copy that nobody can edit
            file = file.removesuffix("c")
        found[file], imported = _read(spec, name if package else name.rpartition(".")[0], file)
        wanted += imported
    if not seen:
        raise InputError(key="code", value=import_path, allowed=f"there is no module {module}")
    return found


def _read(spec: ModuleSpec, package: str, file: str) -> tuple[str, list[str]]:
    """Digest of a source, and names that may be modules that it imports. package: that it is in. Of a module without
    source, what it is compiled to. Raises InputError if it cannot be read."""
    path, known = str(spec.origin), recorded().get(file)
    if known and path.endswith(".pyc"):
        return known.digest, known.imports
    try:
        content = Path(path).read_bytes() if os.path.isfile(path) else spec.loader.get_data(path)  # type: ignore[union-attr]
    except (OSError, AttributeError) as error:  # the latter of a loader from nowhere
        raise InputError(key="code", value=path, allowed=f"{path} cannot be read: {error}") from None
    if known and known.whole == hashlib.sha256(content).hexdigest()[:12]:  # parsing takes a tenth of a start
        return known.digest, known.imports
    imports: list[str] = []
    if path.endswith(".py"):
        try:
            tree = _parsed(content)
        except NOT_PYTHON as error:
            raise InputError(key="code", value=path, allowed=f"{path} is not Python: {error or 'too deep'}") from None
        imports = list(dict.fromkeys(_imported(tree, package)))
        content = written(tree).encode()
    elif path.endswith(".pyc"):
        content = content[16:]  # without the date of its source
    return hashlib.sha256(content).hexdigest()[:12], imports


def _parsed(content: bytes) -> ast.Module:
    """A source as syntax. Raises what NOT_PYTHON names."""
    with warnings.catch_warnings():  # Python says them when it runs the source
        warnings.simplefilter("ignore")
        return ast.parse(content)


def absent(import_path: str) -> str:
    """What to tell of MODULE:NAME if its module surely has no such name; empty otherwise. Its source is only read.

    A module that stars, executes or makes names while it runs may have any.
    """
    module, _, name = import_path.partition(":")
    spec = _spec(module)
    if not name or spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return ""
    try:
        tree = _parsed(Path(spec.origin).read_bytes())
    except (*NOT_PYTHON, OSError):  # others tell of it
        return ""
    named: set[str] = set()
    for node in ast.walk(tree):  # also in functions, whose names may be global
        match node:
            case ast.alias(name="*" | "modules") | ast.FunctionDef(name="__getattr__") | ast.Attribute(attr="modules"):
                return ""
            case ast.Name(id=used) | ast.Attribute(attr=used) if used in MAKES_NAMES:
                return ""
            case ast.alias(name=own, asname=other):
                named.add(other or own.partition(".")[0])
            case ast.FunctionDef(name=own) | ast.AsyncFunctionDef(name=own) | ast.ClassDef(name=own):
                named.add(own)
            case ast.Name(id=own, ctx=ast.Store()):
                named.add(own)
            case ast.MatchAs(name=str(own)) | ast.MatchStar(name=str(own)) | ast.MatchMapping(rest=str(own)):
                named.add(own)
    if name in named or (spec.submodule_search_locations and _spec(f"{module}.{name}")):
        return ""
    return f"{asks(meant(name, sorted(named)))}there is no {name} in the module {module}"


def written(tree: ast.AST) -> str:
    """What a source says, in a text that is the same in every Python: its syntax without docstrings and places.

    A line per node with the fields that it has, those of its fields after it; lists by their length. Without recursion:
    a sum of a thousand terms is a thousand deep.
    """
    told: list[str] = []
    todo: list[object] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, list):
            told.append(f"[{len(node)}")
            todo += reversed(node)
        elif not isinstance(node, ast.AST):
            told.append(hex(node) if type(node) is int else ascii(node))
        else:
            said = {name: value for name in node._fields if (value := getattr(node, name)) is not None and value != []}
            if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
                said["body"] = said["body"][1:]
            if isinstance(node, ast.JoinedStr):  # Python 3.12 ends formats with an empty text
                said["values"] = [one for one in said.get("values", []) if getattr(one, "value", None) != ""]
            said.pop("kind", None)  # of u"text"
            told.append(f"{type(node).__name__}({','.join(said)})")
            todo += reversed(said.values())
    return "\n".join(told)


def digest(import_path: str) -> str:
    """One digest of the sources that a path means. Raises InputError as they do."""
    return hashlib.sha256(json.dumps(edited(import_path), sort_keys=True).encode()).hexdigest()[:12]


class Recorded(NamedTuple):
    """An own module as it is in this version of the package: digest of what it says, and of the whole file."""

    digest: str
    whole: str
    imports: list[str]


@cache
def recorded() -> dict[str, Recorded]:
    """The own modules of OWN by their files."""
    content = json.loads(Path(__file__).with_name("code.json").read_text(encoding="utf-8"))
    return {file: Recorded(**one) for file, one in content.items()}


@cache
def edited(import_path: str) -> dict[str, str]:
    """The sources that a path means, without those of this package as they are in this version of it."""
    known = {file: one.digest for file, one in recorded().items()}
    return {file: one for file, one in sources(import_path).items() if known.get(file) != one}


def forget() -> None:
    """Read all sources anew, when they are asked for: they may have changed in the life of this process."""
    for one in (path, sources, edited):
        one.cache_clear()


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
    """Whether a module is of the same package, or beside the study; of this package, whether it is of OWN, and, for
    code of other packages, one of which own networks or families are made."""
    top = module.partition(".")[0]
    if top == "scoregap":
        file = module.removeprefix("scoregap.").replace(".", "/")
        known = not recorded().keys().isdisjoint({f"{file}.py", f"{file}/__init__.py"})
        return bool(OWN.match(module)) and (known or to.startswith("scoregap."))
    if top == to.partition(".")[0]:
        return True
    spec = _spec(top) if _beside else None
    places = [spec.origin] if spec and spec.origin else []
    if spec and spec.submodule_search_locations:
        places = list(spec.submodule_search_locations)
    return any(Path(place).parent in _beside for place in places)


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    """Names that may be modules, of import statements anywhere in a source. package: that it is in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:  # `import a.b` binds a, too
                parts = one.name.split(".")
                yield from [one.name] if one.asname else (".".join(parts[:i]) for i in range(1, len(parts) + 1))
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{one.name}" for one in node.names)
