"""Parts of the reference that are made from the code, as Markdown.

schema, registry of variables, commands, studies, figures, stages, modules -> the text that a page names

A page says `<!-- generated: NAME -->` where the text of the function NAME stands; `conf.py` puts it there.
"""

import ast
import csv
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


# Units of keys that are numbers with a point, by their last part; whole numbers count something.
VARIANCE = "t, the data's unit squared"
UNITS = {
    **dict.fromkeys(("start", "stop", "noise", "own_below"), VARIANCE),
    **dict.fromkeys(("std", "sigma_data", "separation", "range"), "the data's unit"),
    "full_scale": "the file's unit",
    **dict.fromkeys(("fraction", "weight", "held_out", "share", "warmup", "ema", "level", "significance", "width",
                     "visibility", "confidence", "t_open", "t_max", "t_close", "t_consolidation", "beta2"), "share"),
    **dict.fromkeys(("bend", "curvature", "alignment", "ratio", "learning_rate", "betas", "manifold_dim"), "1"),
    "step": "sqrt(t)",
}  # fmt: skip
HEAD = ["key", "type", "allowed", "default", "unit", "meaning"]


def study_keys() -> str:
    """Every key that a study may have, section by section, from its JSON Schema."""
    from scoregap.study import json_schema
    from scoregap.study.schema import AXES, DATA_AXES, SHORT

    schema = json_schema.build()
    axes = schema["$defs"]["Axes"]["properties"]
    kinds = schema["allOf"][0]
    family, data = (kinds[kind]["properties"]["axes"]["required"] for kind in ("else", "then"))
    text = "\n".join(
        [
            "## Top level\n",
            table(HEAD, list(_rows(schema, schema, "", _conditions(kinds)))),
            "## axes\n",
            f"{schema['properties']['axes']['description'].capitalize()}.\n",
            "### axes of a study of families\n",
            table(HEAD, [_axis(axis, axes[axis], axis in family) for axis in AXES]),
            "### axes of a study with data\n",
            table(HEAD, [_axis(axis, axes[axis], axis in data) for axis in (*DATA_AXES, *SHORT)]),
        ]
    )
    for section, one in schema["properties"].items():
        if found := _model(schema, one):
            rows = list(_rows(schema, found, section))
            text += f"\n## {section}\n\n{found['description']}\n\n{table(HEAD, rows)}"
        elif section == "scores":
            (pattern,) = one["patternProperties"].values()
            found = schema["$defs"][pattern["$ref"].removeprefix("#/$defs/")]
            rows = list(_rows(schema, found, f"{section}.NAME"))
            text += f"\n## {section}\n\n{found['description']}\n\n{table(HEAD, rows)}"
    return text


def _conditions(kinds: dict) -> dict[str, str]:
    """When sections are needed that have no default."""
    found = dict.fromkeys(kinds["else"]["required"], "needed without `data`")
    return found | dict.fromkeys(kinds["then"]["required"], "needed without `manifold`") | {
        "train": "needed where networks are trained"
    }  # fmt: skip


def _model(schema: dict, one: dict) -> dict | None:
    """The section that a key holds, also where it may be missing."""
    for choice in one.get("anyOf", [one]):
        if "$ref" in choice:
            return schema["$defs"][choice["$ref"].removeprefix("#/$defs/")]
    return None


def _rows(schema: dict, model: dict, path: str, conditions: dict[str, str] | None = None) -> Iterator[list[str]]:
    for key, one in model["properties"].items():
        full = f"{path}.{key}".lstrip(".")
        inner = _model(schema, one) or _model(schema, one.get("items", {}))
        needed = "needed" if key in model.get("required", ()) else (conditions or {}).get(key) or _default(one)
        kind = "list of sections" if "items" in one and inner else "section" if inner or "allOf" in one else _type(one)
        allowed = "" if inner or "allOf" in one else _allowed(one)
        yield [_code(full), kind, allowed or "-", needed, _unit(key, one), one["description"]]
        if inner and path:
            yield from _rows(schema, inner, full + ("[]" if "items" in one else ""))


def _default(one: dict) -> str:
    value = one.get("default")
    if value is None or isinstance(value, dict):
        return "none"
    if isinstance(value, bool):
        return _code(str(value).lower())
    return _code(value if not isinstance(value, list) else f"[{', '.join(map(str, value))}]")


def _axis(axis: str, one: dict, needed: bool) -> list[str]:
    """The row of an axis: what its values are."""
    lists = [choice for choice in one.get("anyOf", [one]) if "items" in choice]
    (items,) = (choice["items"] for choice in lists)
    kind = f"list of {_type(items)}" + (", or a count" if len(one.get("anyOf", ())) > 1 else "")
    default = "needed" if needed else "one value, of `data`"
    return [_code(f"axes.{axis}"), kind, _allowed(items) or "-", default, _unit(axis, items), one["description"]]


def _choices(one: dict) -> list[dict]:
    found = [choice for choice in one.get("anyOf", [one]) if choice.get("type") != "null"]
    nested = [_choices(choice) if "anyOf" in choice else [choice] for choice in found]
    return [choice for some in nested for choice in some]


def _type(one: dict) -> str:
    """What kind of value a key has, in words."""
    words = {
        "integer": "whole number", "number": "number", "string": "text", "object": "mapping", "boolean": "true, false"
    }  # fmt: skip
    found = []
    for choice in _choices(one):
        if "prefixItems" in choice:
            found.append(f"list of {len(choice['prefixItems'])} {_type(choice['prefixItems'][0])}s")
        elif choice.get("type") == "array":
            count = choice.get("maxItems") if choice.get("maxItems") == choice.get("minItems") else None
            found.append(f"list of {f'{count} ' if count else ''}{_type(choice['items'])}s")
        else:
            found.append(words[choice.get("type", "string")])
    return " or ".join(dict.fromkeys(found))


def _allowed(one: dict) -> str:
    """What of that kind, in words; of texts that match no list their pattern."""
    found = []
    for choice in _choices(one):
        if "enum" in choice:
            found.append(", ".join(map(_code, choice["enum"])))
        elif choice.get("type") == "array":
            found.append(_allowed(choice.get("items") or choice["prefixItems"][0]))
        elif "pattern" in choice and len(choice["pattern"]) < 70:
            found.append(_code(choice["pattern"].removeprefix("^(").removesuffix(")$")))
        elif "patternProperties" in choice:
            (pattern,) = choice["patternProperties"]
            found.append(f"names {_code(pattern.removeprefix('^(').removesuffix(')$'))}")
        else:
            signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
            limits = [f"{sign} {choice[key]:.12g}" for key, sign in signs.items() if key in choice]
            found.append(", ".join(limits))
    return " or ".join(filter(None, dict.fromkeys(found)))


def _unit(key: str, one: dict) -> str:
    """What a number is measured in; KeyError for a new one of which UNITS does not say it."""
    kind = _type(one)
    if re.search(r"(?<!whole )number", kind):
        return UNITS[key]
    return "count" if "whole number" in kind else "-"


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


# --- estimators of the dimension --------------------------------------------------------------------------------------


def _record(name: str) -> list[dict[str, str]]:
    with (ROOT / "results" / "benchmarks" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _off(row: dict[str, str] | None) -> str:
    """What an estimate is off: with its sign, or in the mean over points where the dimension varies."""
    if row is None or not row["error"]:
        return "-"
    if "+" in row["dimension"]:
        return f"{float(row['error']):.2g} in the mean"
    value = float(row["estimate"]) - float(row["dimension"])
    return f"{value:+.2g}" if abs(value) < 1e6 else f"{value:+.0e}"


def published_dimensions() -> str:
    """Published sets: what estimates are off the true dimension, those of scores at t = 0.001."""
    record = _record("published_dimensions")
    columns = [
        ("ID-diff, published", "published", "ID-diff", ""), ("MLE 20, published", "published", "mle_20", ""),
        *((f"{short}, {score}", score, name, "0.001") for score in ("exact", "normed-128")
          for short, name in (("final gap", "final_gap"), ("centred bundle", "normal_bundle_centred"),
                              ("FLIPD", "flipd"))),
        *((short, "data", name, "") for short, name in (("MLE 5", "skdim_mle_5"), ("MLE 20", "skdim_mle_20"),
                                                        ("TwoNN", "skdim_twonn"), ("local PCA", "local_pca"))),
    ]  # fmt: skip
    rows = []
    for name in dict.fromkeys(row["set"] for row in record):
        own = {(row["score"], row["estimator"], row["t"]): row for row in record if row["set"] == name}
        first = next(iter(own.values()))
        told = [_off(own.get((score, estimator, t))) for _, score, estimator, t in columns]
        rows.append([_code(name), first["d"], first["dimension"], *told])
    return table(["set", "d", "dimension", *(head for head, *_ in columns)], rows)


def dimension_robustness() -> str:
    """Estimates of the exact score and of neighbours as data are changed."""
    record = _record("dimension_robustness")
    names = list(dict.fromkeys(row["estimator"] for row in record))
    cells: dict[tuple[str, ...], dict[str, str]] = {}
    for row in record:
        key = tuple(row[one] for one in ("change", "amount", "data", "dimension", "t"))
        cells.setdefault(key, {})[row["estimator"]] = row["estimate"]
    rows = [[*(one or "-" for one in key), *(own.get(name, "-") for name in names)] for key, own in cells.items()]
    return table(["change", "amount", "data", "dimension", "t", *map(_code, names)], rows)


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
