"""The import picture of the package: floors, arrows between them, and arrows that run back up.

folder of a checkout -> text

    python tests/picture.py [FOLDER]

A box is a package inside `scoregap`, or a module that stands beside them. An arrow is an import, wherever it stands. A
box is one floor above the highest one that it imports. Boxes that import each other in a ring have no such floor: the
fewest arrows whose removal opens every ring are those that run up, and are left out of the floors.
"""

import ast
import itertools
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PACKAGE = "scoregap"


def names(root: Path) -> dict[str, Path]:
    """Modules of the package by dotted name."""
    found = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, known) -> set[str]:
    """Modules of the package that a module names anywhere, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inside & set(known) if inside <= set(known) else {node.module} | inside
    return {name for name in found if name in known}


def graph(root: Path) -> dict[str, set[str]]:
    """What every module imports."""
    known = names(root)
    return {name: imports(path, known) - {name} for name, path in known.items()}


def box(module: str) -> str:
    """The box of a module: the package right inside `scoregap`, or the module itself."""
    return ".".join(module.split(".")[:2])


def boxes(modules: dict[str, set[str]]) -> dict[str, dict[str, set[str]]]:
    """Arrows: what every box imports from which other box, as pairs "module -> module"."""
    found: dict[str, dict[str, set[str]]] = {box(name): {} for name in modules}
    for name, imported in modules.items():
        for other in imported:
            if box(other) != box(name):
                found[box(name)].setdefault(box(other), set()).add(f"{name} -> {other}")
    return found


def rings(arrows: dict[str, set[str]]) -> list[str]:
    """One ring of boxes, first and last the same; empty if there is none."""
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def upward(arrows: dict[str, dict[str, set[str]]]) -> set[tuple[str, str]]:
    """The fewest arrows (from, to) whose removal opens every ring; of equally few those of the fewest imports."""
    plain = {name: set(others) for name, others in arrows.items()}
    reach = {name: _reached(plain, name) for name in plain}
    inside = [(a, b) for a in plain for b in plain[a] if a in reach[b]]
    for count in range(len(inside) + 1):
        chosen = [
            cut for cut in itertools.combinations(inside, count)
            if not rings({a: {b for b in others if (a, b) not in cut} for a, others in plain.items()})
        ]  # fmt: skip
        if chosen:
            return set(min(chosen, key=lambda cut: (sum(len(arrows[a][b]) for a, b in cut), cut)))
    raise AssertionError("without arrows there is no ring")


def _reached(arrows: dict[str, set[str]], start: str) -> set[str]:
    found, todo = set(), [start]
    while todo:
        for one in arrows[todo.pop()] - found:
            found.add(one)
            todo.append(one)
    return found


def floors(arrows: dict[str, dict[str, set[str]]], up: set[tuple[str, str]]) -> dict[str, int]:
    """The floor of every box, from 1."""
    plain = {name: {other for other in others if (name, other) not in up} for name, others in arrows.items()}
    found: dict[str, int] = {}
    for name in TopologicalSorter(plain).static_order():
        found[name] = 1 + max((found[other] for other in plain[name]), default=0)
    return found


def render(root: Path) -> str:
    """The picture as text, the top floor first."""
    arrows = boxes(graph(root))
    up = upward(arrows)
    found = floors(arrows, up)
    lines = [f"{max(found.values())} floors, {sum(map(len, arrows.values()))} arrows, {len(up)} run up", ""]
    for floor in range(max(found.values()), 0, -1):
        for name in sorted(name for name, one in found.items() if one == floor):
            below = sorted(other.removeprefix(f"{PACKAGE}.") for other in arrows[name] if (name, other) not in up)
            lines.append(f"{floor:3} {name.removeprefix(f'{PACKAGE}.'):14} {' '.join(below)}".rstrip())
    for a, b in sorted(up):
        lines += ["", f"up: {a} -> {b}", *(f"    {one}" for one in sorted(arrows[a][b]))]
    return "\n".join(lines)


if __name__ == "__main__":
    print(render(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1])))
