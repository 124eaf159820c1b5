"""Would the tests know? Sixty small faults are put into a copy of the code, one by one, and the tests are run.

tests/mutants.csv (function, expression, what takes its place) -> results/benchmarks/mutants.csv (caught by which test)

    make mutants            # or: python tests/mutants.py [--choose]; an hour of one core, goes on where it was stopped

A fault is named by its function and the text of an expression in it, so that it means the same wherever the function
has been moved to. Against each run the test file of its module, then the other test files that import the module or are
of its package, up to the first failure of a test that passes without the fault. A fault whose function or expression is
gone says so; it is chosen anew with --choose, which draws sixty from the functions of TARGETS, from a fixed seed, and
keeps those that still apply.
"""

import ast
import csv
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import picture

ROOT = Path(__file__).resolve().parents[1]
PLAN = Path(__file__).with_suffix(".csv")
RECORD = ROOT / "results" / "benchmarks" / "mutants.csv"
COUNT = 60
LIMIT = 900  # seconds of one test file
# Kind of fault -> modules (with all below them) whose functions it is put into.
TARGETS = {
    "posteriors": ("data.posteriors", "data.manifolds", "truth.posteriors", "truth.manifolds"),
    "laws": ("laws", "truth.laws", "truth.times", "truth.variances", "truth.expansions"),
    "fits": ("measure.gaps", "measure.phases", "measure.detector", "measure.lanczos", "measure.differences",
             "measure.dimension", "measure.distances", "analysis.intervals", "agreement"),
    "networks": ("networks",),
    "stages": ("stages.train", "stages.spectrum", "stages.dimension", "stages.sample", "stages.fit", "stages.cube",
               "scores", "trained"),
}  # fmt: skip
SWAPS = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.Pow: "*", ast.Lt: ">", ast.Gt: "<",
         ast.LtE: ">", ast.GtE: "<", ast.Eq: "!=", ast.NotEq: "==", ast.And: "or", ast.Or: "and"}  # fmt: skip
DROPPED = ("sqrt", "abs", "log", "exp", "log1p", "expm1", "sort", "cumsum", "square")  # functions whose call goes


class Mutant(NamedTuple):
    """kind: of TARGETS. function: Class.name or name. before: its expression, as `ast.unparse` writes it; after: what
    takes its place. nth: which of the equal expressions, from 0."""

    kind: str
    function: str
    before: str
    nth: int
    after: str

    @property
    def name(self) -> str:
        return f"{self.function}: {self.before} -> {self.after}" + (f" [{self.nth}]" if self.nth else "")


def functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Functions of a module and methods of its classes, by name."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for one in node.body:
                if isinstance(one, ast.FunctionDef):
                    yield f"{node.name}.{one.name}", one


def changed(node: ast.AST) -> str | None:
    """What a fault makes of an expression; None if it is not one that is changed."""
    text = ast.unparse
    match node:
        case ast.BinOp(left, op, right) if type(op) in SWAPS and not isinstance(left, ast.Constant | ast.JoinedStr):
            return f"({text(left)}) {SWAPS[type(op)]} ({text(right)})"
        case ast.Compare(left, [op], [right]) if type(op) in SWAPS:
            return f"({text(left)}) {SWAPS[type(op)]} ({text(right)})"
        case ast.BoolOp(op, [first, second]):
            return f"({text(first)}) {SWAPS[type(op)]} ({text(second)})"
        case ast.UnaryOp(ast.USub(), operand) if not isinstance(operand, ast.Constant):
            return f"({text(operand)})"
        case ast.Call(ast.Attribute(attr=name), [argument]) if name in DROPPED:
            return f"({text(argument)})"
        case ast.Constant(value) if type(value) is float and value:
            return repr(value * 1.5)
        case ast.Subscript(value, ast.Slice(None, None, ast.UnaryOp(ast.USub(), ast.Constant(1)))):
            return text(value)
    return None


def expressions(function: ast.FunctionDef) -> list[ast.expr]:
    """Expressions of a function's body, in the order of the text; not those of annotations."""
    found = [node for line in function.body for node in ast.walk(line) if isinstance(node, ast.expr)]
    return sorted(found, key=lambda node: (node.lineno, node.col_offset, -(node.end_col_offset or 0)))


def place(mutant: Mutant) -> tuple[str, Path, ast.expr] | None:
    """Module, file and expression of a fault; None where it is gone."""
    for module, path in picture.names(ROOT).items():
        if not of_kind(module, mutant.kind):
            continue
        for name, function in functions(ast.parse(path.read_text(encoding="utf-8"))):
            same = [node for node in expressions(function) if ast.unparse(node) == mutant.before]
            if name == mutant.function and len(same) > mutant.nth:
                return module, path, same[mutant.nth]
    return None


def of_kind(module: str, kind: str) -> bool:
    """Whether faults of a kind are put into a module."""
    return any(f"{module}.".startswith(f"scoregap.{target}.") for target in TARGETS[kind])


def choose(kept: list[Mutant]) -> list[Mutant]:
    """COUNT faults, as many of each kind: those that are kept, and others from a fixed seed, of other functions."""
    rng, chosen = random.Random(0), []
    for kind in TARGETS:
        own = [one for one in kept if one.kind == kind]
        possible: dict[str, list[Mutant]] = {}
        for module, path in picture.names(ROOT).items():
            if of_kind(module, kind):
                for name, function in functions(ast.parse(path.read_text(encoding="utf-8"))):
                    possible.setdefault(name, []).extend(of_function(kind, name, function))
        names = sorted(name for name, some in possible.items() if some)
        rng.shuffle(names)
        names.sort(key=lambda name: name in {one.function for one in own})
        own += [rng.choice(possible[name]) for name in names][: COUNT // len(TARGETS) - len(own)]
        chosen += own[: COUNT // len(TARGETS)]
    return chosen


def of_function(kind: str, name: str, function: ast.FunctionDef) -> list[Mutant]:
    """All faults that can be put into a function."""
    found, seen = [], {}
    for node in expressions(function):
        before = ast.unparse(node)
        nth = seen[before] = seen.get(before, -1) + 1
        after = changed(node)
        if after is not None and len(before) < 80:
            found.append(Mutant(kind, name, before, nth, after))
    return found


def inject(path: Path, node: ast.expr, after: str, tree: Path) -> None:
    """Put a fault into the copy of a file in `tree`."""
    lines = path.read_bytes().splitlines(keepends=True)
    first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
    text = lines[first][: node.col_offset] + f"({after})".encode() + lines[last][node.end_col_offset :]
    lines[first : last + 1] = [text]
    ast.parse(b"".join(lines))
    (tree / path.relative_to(ROOT)).write_bytes(b"".join(lines))


def tests_of(module: str, path: Path) -> list[str]:
    """Test files of a module: its own, those that import it, the smallest first, those of the folders above its own,
    where families, networks and scores are tested by their registries."""
    name = "__init__" if path.name == "__init__.py" else path.stem
    tests = ROOT / "tests"
    own = tests / path.relative_to(ROOT / picture.PACKAGE).with_name(f"test_{name}.py")
    known = picture.names(ROOT)
    found = sorted(tests.rglob("test_*.py"), key=lambda one: one.stat().st_size)
    importing = [one for one in found if module in picture.imports(one, known)]
    near = [one for one in found if one.parent in own.parents and one.parent != tests]
    ordered = dict.fromkeys([*([own] if own.exists() else []), *importing, *near])
    return [str(one.relative_to(ROOT)) for one in ordered]


def run(mutant: Mutant) -> tuple[str, str]:
    """(outcome, the test that has caught it): caught, survived, or gone."""
    found = place(mutant)
    if found is None:
        return "gone", ""
    module, path, node = found
    with tempfile.TemporaryDirectory() as folder:
        sound, tree = (Path(folder, name) for name in ("sound", "tree"))
        for copy in (sound, tree):
            copy_tracked(copy)
        inject(path, node, mutant.after, tree)
        for name in tests_of(module, path):
            failed = first_failure(tree, name)
            if failed and not first_failure(sound, failed):  # what fails without the fault as well knows nothing of it
                return "caught", failed
    return "survived", ""


def copy_tracked(tree: Path) -> None:
    """Copy the files of the checkout into a new folder."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tree / name)


def first_failure(tree: Path, tests: str) -> str:
    """The first test to fail in a copy, of a file or by its own name; the file if it failed without a test or did not
    end within LIMIT; empty if all pass."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", tests]
    environment = os.environ | {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT
        )
    except subprocess.TimeoutExpired:
        return tests.split("::")[0]
    if done.returncode == 0:
        return ""
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed[0].split(" - ")[0].split(" ", 1)[1] if failed else tests.split("::")[0]


def read(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def plan() -> list[Mutant]:
    """The faults in PLAN."""
    return [Mutant(one["kind"], one["function"], one["before"], int(one["nth"]), one["after"]) for one in read(PLAN)]


def main() -> int:
    if "--choose" in sys.argv:
        chosen = choose([one for one in plan() if place(one)])  # before the plan is opened, and empty
        with PLAN.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([Mutant._fields, *chosen])
        return 0
    revision = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    done = {one["mutant"] for one in read(RECORD) if one["revision"] == revision}
    for mutant in plan():
        if mutant.name in done:
            continue
        began = time.monotonic()
        outcome, by = run(mutant)
        row = {"mutant": mutant.name, "kind": mutant.kind, "outcome": outcome, "by": by,
               "seconds": f"{time.monotonic() - began:.0f}", "revision": revision}  # fmt: skip
        new = not RECORD.exists()
        with RECORD.open("a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, row, lineterminator="\n")
            if new:
                writer.writeheader()
            writer.writerow(row)
        print(f"{outcome:9} {mutant.name}   {by}", flush=True)
    here = [one for one in read(RECORD) if one["revision"] == revision]
    survived = [one["mutant"] for one in here if one["outcome"] == "survived"]
    print(f"{len(here)} faults, {len(survived)} survived", *survived, sep="\n  ")
    return bool(survived)


if __name__ == "__main__":
    sys.exit(main())
