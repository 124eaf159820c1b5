"""The JSON Schema of a study file, with which editors complete and check what one writes.

schema.Document and schema.Axis -> workflow/schemas/study.json (`make schema`)

It knows keys, types, ranges and names. What keys mean together (geometry, noise ranges, batches) only `load` knows.
"""

import json
from collections.abc import Iterator
from typing import Any

from scoregap.study.data import ALL
from scoregap.study.schema import (
    AXES,
    DATA_AXES,
    MOST_SEEDS,
    NO_AXIS,
    SECTIONS_WITH_AXES,
    SHORT,
    Axis,
    Document,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ITEM = "ITEM"  # in a path: any member of a list


def build() -> dict[str, Any]:
    """The schema as plain data."""
    schema = _untitled(Document.model_json_schema())
    described = schema["properties"]
    schema["$defs"]["Axes"] = _axes(schema)
    axes = {"$ref": "#/$defs/Axes"}
    described["axes"] = {"description": described["axes"]["description"], "allOf": [axes]}
    of_family = {"required": ["manifold", "compare"], "properties": {"axes": {"required": list(AXES)}}}
    absent: dict[str, Any] = {axis: False for axis in AXES if axis not in DATA_AXES}
    of_data = {
        "required": ["data"],
        "properties": {"axes": {"required": list(DATA_AXES), "properties": absent}}
        | dict.fromkeys(("manifold", "compare", "sampling"), False),
    }
    (pattern,) = described["blocks"]["patternProperties"]
    described["blocks"]["patternProperties"][pattern] = axes
    described["blocks"]["additionalProperties"] = False
    known = schema["$defs"]["Axes"]["properties"]["network"]
    (pattern,) = described["scores"]["patternProperties"]
    described["scores"]["additionalProperties"] = False
    declared = {"type": "string", "pattern": pattern}
    schema["$defs"]["Axes"]["properties"]["network"] = known | {"items": {"anyOf": [known["items"], declared]}}
    only_known = {"properties": {"network": known}}
    undeclared = {"properties": {"axes": only_known, "blocks": {"additionalProperties": only_known}}}
    return {
        "$schema": DIALECT,
        "title": "scoregap study",
        **schema,
        "allOf": [
            {"if": {"required": ["data"]}, "then": of_data, "else": of_family},
            {"if": {"required": ["scores"]}, "else": undeclared},
        ],
    }


def render() -> str:
    """The schema as the text of its file."""
    return json.dumps(build(), indent=1, ensure_ascii=False) + "\n"


def _axes(schema: dict[str, Any]) -> dict[str, Any]:
    """Axes with their values: those of every study, and paths to the numbers and texts of sections."""
    plain, patterns = {}, {}
    for axis, one in _untitled(Axis.model_json_schema())["properties"].items():
        plain[axis] = _values(one)
        if axis == "seed":
            plain[axis] = {
                "description": one["description"],
                "anyOf": [{"type": "integer", "minimum": 1, "maximum": MOST_SEEDS}, _values(one)],
            }
    of_data = dict(_leaves(schema, "data", schema["properties"]["data"]))
    plain |= {axis: _values(of_data[path]) for axis, path in SHORT.items()}
    for section in SECTIONS_WITH_AXES:
        for path, one in _leaves(schema, section, schema["properties"][section]):
            if path not in NO_AXIS:
                if ITEM in path:
                    patterns[f"^{path.replace('.', '[.]').replace(ITEM, f'({ALL}|0|[1-9][0-9]*)')}$"] = _values(one)
                else:
                    plain[path] = _values(one)
    return {
        "description": "Axes and their values.",
        "type": "object",
        "properties": plain,
        "patternProperties": patterns,
        "additionalProperties": False,
    }


def _leaves(schema: dict[str, Any], path: str, one: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The numbers and texts of a section with their paths, in which ITEM stands for any member of a list."""
    description = one.get("description")
    choices = [choice for choice in one.get("anyOf", ()) if choice.get("type") != "null"]
    if len(choices) == 1:
        (one,) = choices
    if "$ref" in one:
        one = schema["$defs"][one["$ref"].removeprefix("#/$defs/")]
    if "properties" in one:
        for key, inner in one["properties"].items():
            yield from _leaves(schema, f"{path}.{key}", inner)
    elif one.get("type") == "array":
        yield from _leaves(schema, f"{path}.{ITEM}", one["items"])
    else:
        yield path, one | {"description": description}


def _values(one: dict[str, Any]) -> dict[str, Any]:
    """The values of an axis, each as `one` says."""
    items = {key: value for key, value in one.items() if key not in ("description", "default")}
    return {
        "description": one["description"],
        "type": "array",
        "minItems": 1,
        "uniqueItems": True,
        "items": items,
    }


def _untitled(content):
    """Without pydantic's titles, which repeat the keys."""
    if isinstance(content, list):
        return [_untitled(one) for one in content]
    if isinstance(content, dict):
        return {k: _untitled(v) for k, v in content.items() if not (k == "title" and isinstance(v, str))}
    return content


if __name__ == "__main__":
    print(render(), end="")
