"""Parts of the reference that are made from the code, as Markdown.

schema, registry of variables, commands, studies, figures, stages, modules -> the text that a page names

A page says `<!-- generated: NAME -->` where the text of the function NAME stands; `conf.py` puts it there.
"""

import ast
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
MARK = re.compile(r"<!-- generated: (\w+) -->")


def fill(page: str) -> str:
    """A page with its generated parts in their places."""
    return MARK.sub(lambda found: globals()[found[1]](), page)


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown; a bar in a cell is no border."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines) + "\n"


def _code(value) -> str:
    return f"`{value}`"


# --- keys of a study -------------------------------------------------------------------------------------------------


def study_keys() -> str:
    """Every key that a study may have, section by section, from its JSON Schema."""
    from scoregap.study import json_schema
    from scoregap.study.schema import AXES, DATA_AXES, SHORT

    schema = json_schema.build()
    axes = schema["$defs"]["Axes"]["properties"]
    needed, of_data = (
        [[_code(f"axes.{axis}"), _axis(axes[axis]), axes[axis]["description"]] for axis in some]
        for some in (AXES, (*DATA_AXES, *SHORT))
    )
    text = "\n".join(
        [
            "## Top level\n",
            _keys(schema, schema, ""),
            "## axes\n",
            f"{schema['properties']['axes']['description'].capitalize()}. Needed are:\n",
            table(["key", "values", "meaning"], needed),
            "\nOf a study with `data` the first two are needed, and no other of a family allowed:\n",
            table(["key", "values", "meaning"], of_data),
        ]
    )
    for section, one in schema["properties"].items():
        if found := _model(schema, one):
            text += f"\n## {section}\n\n{found['description']}\n\n{_keys(schema, found, section)}"
        elif section == "scores":
            (pattern,) = one["patternProperties"].values()
            found = schema["$defs"][pattern["$ref"].removeprefix("#/$defs/")]
            text += f"\n## {section}\n\n{found['description']}\n\n{_keys(schema, found, f'{section}.NAME')}"
    return text


def _model(schema: dict, one: dict) -> dict | None:
    """The section that a key holds, also where it may be missing."""
    for choice in one.get("anyOf", [one]):
        if "$ref" in choice:
            return schema["$defs"][choice["$ref"].removeprefix("#/$defs/")]
    return None


def _keys(schema: dict, model: dict, path: str) -> str:
    return table(["key", "allowed", "default", "meaning"], list(_rows(schema, model, path)))


def _rows(schema: dict, model: dict, path: str) -> Iterator[list[str]]:
    for key, one in model["properties"].items():
        full = f"{path}.{key}".lstrip(".")
        inner = _model(schema, one) or _model(schema, one.get("items", {}))
        item = "[]" if "items" in one else ""
        allowed = "list" if item else ("section" if inner or "allOf" in one else _allowed(one))
        needed = key in model.get("required", ())
        default = "needed" if needed else _default(one)
        yield [_code(full), allowed if inner or not item else f"list of {_allowed(one['items'])}", default,
               one["description"]]  # fmt: skip
        if inner and path:
            yield from _rows(schema, inner, full + item)


def _default(one: dict) -> str:
    value = one.get("default")
    if value is None or isinstance(value, dict):
        return "-"
    if isinstance(value, bool):
        return _code(str(value).lower())
    return _code(value if not isinstance(value, list) else f"[{', '.join(map(str, value))}]")


def _axis(one: dict) -> str:
    choices = one.get("anyOf", [one])
    return " or ".join(
        "a count" if "items" not in choice else f"list of {_allowed(choice['items'])}" for choice in choices
    )


def _allowed(one: dict) -> str:
    """What a value may be, in words."""
    if "anyOf" in one:
        return " or ".join(_allowed(choice) for choice in one["anyOf"] if choice.get("type") != "null")
    if "enum" in one:
        return ", ".join(map(_code, one["enum"]))
    if "prefixItems" in one:
        return f"list of {len(one['prefixItems'])}: {_allowed(one['prefixItems'][0])}"
    if one.get("type") == "array":
        return f"list of {_allowed(one['items'])}"
    words = {
        "integer": "whole number", "number": "number", "string": "text", "object": "mapping", "boolean": "true, false"
    }[one.get("type", "string")]  # fmt: skip
    limits = [
        f"{sign} {one[key]:g}" if isinstance(one[key], float) else f"{sign} {one[key]}"
        for key, sign in (("minimum", ">="), ("exclusiveMinimum", ">"), ("maximum", "<="), ("exclusiveMaximum", "<"))
        if key in one
    ]
    return " ".join([words, ", ".join(limits)]).strip()


# --- the cube --------------------------------------------------------------------------------------------------------


def cube_variables() -> str:
    """Every variable of the cube, from its registry: those of a whole study, phase times, optional sections."""
    from scoregap.variables import COORDINATES, OF_FILES, OPTIONAL, STATUS, TIMES, VARIABLES, State

    def rows(names) -> list[list[str]]:
        return [
            [_code(name), ", ".join(one.dims) or "-", one.dtype, one.units, one.long_name]
            for name in names
            for one in [VARIABLES[name]]
        ]

    head = ["variable", "dimensions after the axes", "type", "unit", "meaning"]
    phases = [name for name in VARIABLES if any(time in name for time in (*TIMES, "t_alignment"))]
    plain = [name for name in VARIABLES if name not in {*phases, *OPTIONAL, *OF_FILES}]
    return "\n".join(
        [
            "## Variables\n",
            table(head, rows(plain)),
            "## Phase times\n",
            table(head, rows(phases)),
            "## Variables of optional sections\n",
            table(head, rows(OPTIONAL)),
            "## Variables of data from a file\n",
            "They take the place of those that need true groups or the exact score.\n",
            table(head, rows(OF_FILES)),
            "## Dimensions and coordinates\n",
            table(["name", "unit", "meaning"], [[_code(name), *one] for name, one in COORDINATES.items()]),
            "## Codes\n",
            table(["status", "meaning"], [[str(k), v] for k, v in STATUS.items()]),
            table(["state of a time", "meaning"], [[str(state.value), state.text] for state in State]),
        ]
    )


# --- the command line ------------------------------------------------------------------------------------------------


def command(name: str) -> Any:
    """A command of `scoregap`, as typer parses it."""
    from typer import Context

    root = commands()
    return root.resolve_command(Context(root, info_name="scoregap"), [name])[1]


def commands() -> Any:
    """All of them, as one."""
    from typer.main import get_command

    from scoregap.__main__ import app

    return get_command(app)


def command_line() -> str:
    """The help of every command."""
    from typer import Context
    from typer.cli import get_docs_for_click

    root = commands()
    context = Context(root, info_name="scoregap")
    return "\n".join(
        get_docs_for_click(obj=command(name), ctx=context, name=name, call_prefix="scoregap", indent=1)
        for name in root.list_commands(context)
    )


# --- lists -----------------------------------------------------------------------------------------------------------


def studies() -> str:
    """The studies in workflow/studies, with the comments that they begin with."""
    from scoregap.study import load

    rows = []
    for path in sorted((ROOT / "workflow" / "studies").glob("*.yaml")):
        lead = []
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.startswith("#"):
                break
            if "yaml-language-server" not in line and "docs/reference" not in line:
                lead.append(line.removeprefix("#").strip())
        study = load(path)
        rows.append([_code(study.name), str(study.size), str(len(study.jobs)), " ".join(filter(None, lead))])
    return table(["study", "cells", "jobs", "question"], rows)


def figures() -> str:
    """Every figure of a report, with its caption."""
    from scoregap.report.registry import FIGURES

    return table(["figure", "caption"], [[_code(name), one.caption] for name, one in FIGURES.items()])


def stages() -> str:
    """The stages in pipeline order."""
    from scoregap.study.stages import STAGES

    rows = [
        [_code(one.name), one.summary, ", ".join(map(_code, one.sections)) or "-", str(one.revision)] for one in STAGES
    ]
    return table(["stage", "what it does", "sections it is the first to read", "revision"], rows)


def packages() -> str:
    """Packages, and modules that stand beside them, each with what its docstring begins with."""
    import scoregap

    rows = []
    for one in pkgutil.iter_modules(scoregap.__path__):
        path = ROOT / "scoregap" / one.name
        source = path / "__init__.py" if one.ispkg else path.with_suffix(".py")
        docstring = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
        rows.append([_code(one.name), " ".join(docstring.split("\n\n")[0].split())])
    return table(["in `scoregap`", "what"], rows)


def whole() -> str:
    """The picture of the whole: what `scoregap.__doc__` draws."""
    import scoregap

    _, _, drawn = (scoregap.__doc__ or "").partition("\n\n")
    return f"```text\n{drawn.strip()}\n```\n"


def picture() -> str:
    """The import picture: floors, what every package imports, and arrows that run up."""
    sys.path.insert(0, str(ROOT / "tests"))
    import picture as drawn

    return f"```text\n{drawn.render(ROOT)}\n```\n"


# --- Python ----------------------------------------------------------------------------------------------------------


def python_pages() -> dict[str, str]:
    """A page per package of `scoregap`, by name: its modules with their public functions and classes."""
    import scoregap

    pages: dict[str, list[str]] = {}
    for found in pkgutil.walk_packages(scoregap.__path__, "scoregap."):
        if not found.name.endswith("__main__"):
            pages.setdefault(found.name.split(".")[1], []).append(found.name)
    return {box: f"# scoregap.{box}\n\n" + "\n".join(map(_module, names)) for box, names in sorted(pages.items())}


def _module(name: str) -> str:
    members = "   :members:\n   :ignore-module-all:\n   :member-order: bysource\n"
    heading = f"## {name}\n\n" if name.count(".") > 1 else ""
    return f"{heading}```{{eval-rst}}\n.. automodule:: {name}\n{members}```\n"


def as_rst(lines: list[str]) -> list[str]:
    """A docstring, which is plain text, as reStructuredText that shows the same: indented parts are code."""
    found: list[str] = []
    for block in re.split(r"\n[ \t]*\n", "\n".join(lines).strip("\n")):
        rows = block.split("\n")
        indents = {len(row) - len(row.lstrip()) for row in rows if row.strip()}
        drawn = any(re.search(r"\S {3,}\S", row) for row in rows)  # columns of a table or a picture
        if drawn or (indents and min(indents) > 0):
            found += ["::", "", *(f"    {row}" for row in rows), ""]
        else:
            found += [*_escaped("\n".join(row.strip() for row in rows)).split("\n"), ""]
    return found


def _escaped(text: str) -> str:
    parts = re.split(r"(`[^`]+`)", text)
    plain = []
    for i, part in enumerate(parts):
        if i % 2:
            plain.append(f"`{part}`" + ("\\ " if parts[i + 1][:1].isalnum() else ""))
        else:
            plain.append(re.sub(r"([*|_\\`])", r"\\\1", part))
    return re.sub(r"^([-+]|\w\.|\.\.) ", r"\\\1 ", "".join(plain), flags=re.MULTILINE)
