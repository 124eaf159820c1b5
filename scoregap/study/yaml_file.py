"""A YAML file of plain data, read with bounds: a few lines can stand for more than any memory holds.

path -> what stands there, or an InputError of one line: file, line, what is wrong

By its aliases and merges a file of ten lines may mean 1e9 values, which whoever expands them would work on for hours.
Here a file has at most MOST_BYTES bytes, MOST_VALUES values (those that aliases repeat count as often as they occur),
DEEPEST levels, and numbers of MOST_DIGITS characters, and is refused at the first thing that is more.

In YAML 1.1, which this is, 1:40 is 100 and 050 is 40. Whoever writes them means something else: they are refused.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from scoregap import InputError, brief, refuse
from scoregap.store.opening import lacks_resources, read_bytes

MOST_BYTES = 2**20
MOST_VALUES = 100_000
DEEPEST = 30
MOST_DIGITS = 400  # float64 has none of more before the point
MOST_TABS = 20  # lines that are told
SPACES = "lines are indented by spaces"
MAPPING = "mapping values are not allowed here"
REASONS = {  # words of the parser -> what usually makes it say so
    "could not find expected ':'": ": after a key come a colon and a space",
    MAPPING: ": a second colon in the line, or an indentation other than above",
    "expected <block end>": ": it is indented otherwise than those beside it",
    "expected ',' or": ": a bracket is not closed, or a comma is missing",
    "cannot start any token": ": it should be in quotes",
}
NUMBERS = {f"tag:yaml.org,2002:{name}" for name in ("int", "float")}


def read_yaml(path: Path, mistakes: list[InputError] | None = None) -> Any:
    """The content of a YAML file, as `yaml.safe_load` has it; a key may be written once.

    mistakes: where what is wrong is added that leaves the rest as it is; without, it is raised. Raises InputError, and
    OSError where the machine has no more to give.
    """
    text, found = "", []
    try:
        text = read_bytes(path, MOST_BYTES).decode("utf-8")
        loader = _Loader(text)
        try:
            content = loader.get_single_data()
        finally:
            found = [_line(path, mark, problem, allowed) for mark, problem, allowed in loader.misleading]
            loader.dispose()
        if mistakes is None:
            refuse(found)
        else:
            mistakes += found
        return content
    except OSError as error:
        if lacks_resources(error):
            raise
        raise InputError(f"cannot be read: {error.strerror}", file=path) from None
    except UnicodeDecodeError:
        raise InputError("is not UTF-8 text", file=path) from None
    except _RefusedError as error:
        raise InputError(
            f"{error} is not allowed", file=path, key=f"line {error.line}", allowed=error.allowed
        ) from None
    except yaml.YAMLError as error:
        refuse([*found, *(_tabs(path, text, error) or [_not_yaml(path, text, error)])])


def _line(path: Path, mark: yaml.Mark | None, problem: str, allowed: str = "") -> InputError:
    return InputError(problem, file=path, key=f"line {mark.line + 1}" if mark else "line", allowed=allowed)


def _not_yaml(path: Path, text: str, error: yaml.YAMLError) -> InputError:
    """What the parser says, in what it was at, and what is usually the reason."""
    place, began = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    says = getattr(error, "problem", None) or " ".join(str(error).split())
    if began and place and began.line != place.line:
        says += f", in what begins in line {began.line + 1}"
    reason = next((reason for words, reason in REASONS.items() if words in says), "")
    if place and says == MAPPING and (line := _without_space(text.splitlines(), place.line)):
        reason = f": line {line} has no key with a colon and a space after it"
    return InputError("is not YAML", file=path, key=f"line {place.line + 1}" if place else "", allowed=says + reason)


def _without_space(lines: list[str], before: int) -> int:
    """The number of the last line before this one that says anything, if it is KEY:VALUE or KEY VALUE, a text; or 0."""
    for i in range(before - 1, -1, -1):
        if lines[i].strip() and not lines[i].lstrip().startswith("#"):
            return i + 1 if re.fullmatch(r"\s*[A-Za-z_][\w.-]*(:\S+| [^:,#]*)?\s*(#.*)?", lines[i]) else 0
    return 0


def _tabs(path: Path, text: str, error: yaml.YAMLError) -> list[InputError]:
    """The lines that begin with tabs, if that is why a file is not YAML."""
    if "\\t" not in str(error):
        return []
    found = [i for i, line in enumerate(text.splitlines()) if re.match(r"[ ]*\t", line)]
    return [
        InputError("a tab is not allowed", file=path, key=f"line {i + 1}", allowed=SPACES) for i in found[:MOST_TABS]
    ]


class _RefusedError(Exception):
    """What in a file is more than the bounds allow, or misleads; the line where that begins; what is allowed."""

    def __init__(self, what: str, mark: yaml.Mark, allowed: str = ""):
        super().__init__(what)
        self.line, self.allowed = mark.line + 1, allowed


def _base(node: yaml.Node) -> int:
    """The base in which YAML reads a number that does not say so: 60 of 1:40, 8 of 050; 10 of all others."""
    if ":" in node.value:
        return 60
    return 8 if node.tag.endswith(":int") and re.fullmatch("[-+]?0[0-9_]+", node.value) else 10


class _Loader(yaml.SafeLoader):
    """SafeLoader that keeps the bounds, refuses a key written twice, and says where a value is none of its tag."""

    def __init__(self, stream: str):
        super().__init__(stream)
        self.count = self.depth = 0
        self.misleading: list[tuple[yaml.Mark, str, str]] = []  # where, what is wrong, what is allowed
        self.sizes: dict[yaml.Node, int] = {}  # values of the nodes that are complete, with what aliases repeat

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """One node, after its bounds; a node that an alias stands for counts again, with all that is in it."""
        mark, alias, before = self.peek_event().start_mark, self.check_event(yaml.AliasEvent), self.count
        if self.depth == DEEPEST:
            raise _RefusedError(f"a depth of more than {DEEPEST} levels", mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        if node is None:
            return None
        if alias and node not in self.sizes:
            raise _RefusedError("an alias of what it is in", mark)
        self.count += self.sizes[node] if alias else 1
        if self.count > MOST_VALUES:
            raise _RefusedError(f"a file of more than {MOST_VALUES} values (aliases repeat what they name)", mark)
        self.sizes[node] = self.count - before
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """The value of a node; whatever its constructor raises, as an error with a place. There is one zero: a study
        with -0.0 is no other study."""
        if node.tag in NUMBERS and len(node.value) > MOST_DIGITS:
            raise _RefusedError(f"a number of more than {MOST_DIGITS} characters", node.start_mark)
        try:
            value = super().construct_object(node, deep)
        except yaml.constructor.ConstructorError:
            if not node.tag.endswith(":binary"):  # whose message is of Python's codecs
                raise
            raise yaml.MarkedYAMLError(
                problem=f"{brief(node.value)} is no binary", problem_mark=node.start_mark
            ) from None
        except (ValueError, LookupError, AttributeError, TypeError, ArithmeticError):  # of !!timestamp x, !!bool x, ...
            kind = node.tag.rpartition(":")[2]
            raise yaml.MarkedYAMLError(
                problem=f"{brief(node.value)} is no {kind}", problem_mark=node.start_mark
            ) from None
        if node.tag in NUMBERS and (base := _base(node)) != 10:
            what = f"{node.value} (YAML's {value!r}, in base {base}) is not allowed"
            self.misleading.append((node.start_mark, what, f"should be {value!r}, or a text in quotes"))
        return value + 0.0 if isinstance(value, float) else value

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping, each of whose keys is written once."""
        seen = set()
        for key_node, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, (list, dict, set)):
                raise yaml.MarkedYAMLError(problem="a list or a mapping is no key", problem_mark=key_node.start_mark)
            if key in seen:
                self.misleading.append((key_node.start_mark, f"key {brief(key)} is written twice", "it should be once"))
            seen.add(key)
        return super().construct_mapping(node, deep)
