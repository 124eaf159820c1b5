"""A study file, read and each of its values checked on its own.

study.yaml -> Document (typed sections) and axis values, or an InputError of one line: file, key, value, allowed
"""

import re
from pathlib import Path
from types import GenericAlias, NoneType
from typing import Any, get_origin

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from scoregap import InputError, brief, dotted
from scoregap.models import Declared
from scoregap.networks import is_name
from scoregap.scores import EXACT, KINDS
from scoregap.study.data import ALL, table
from scoregap.study.schema import (
    AXES,
    DATA_AXES,
    MOST_SEEDS,
    NO_AXIS,
    SECTIONS_WITH_AXES,
    SHORT,
    Axis,
    Document,
    admit,
    some,
)
from scoregap.study.yaml_file import read_yaml


def read_document(path: Path, run: bool = True) -> tuple[Document, dict[str, tuple], dict[str, dict[str, tuple]]]:
    """The document of a study file, the values of its axes and those of its blocks, each checked on its own.

    run: as for `load`. Raises InputError.
    """
    content = read_yaml(path)
    if not isinstance(content, dict):
        keys = some(Document.model_fields)
        raise InputError("is not a study", file=path, allowed=f"allowed is a mapping with {keys}")
    document = _validated(path, "", Document, content)
    needed = _needed(path, document)
    axes = {axis: _axis_values(path, document, "axes", axis, values) for axis, values in document.axes.items()}
    for axis in needed:
        if axis not in axes:
            raise InputError(
                f"key {axis!r} is missing", file=path, key="axes", allowed=f"needed are {', '.join(needed)}"
            )
    blocks: dict[str, dict[str, tuple]] = {}
    for name, own in document.blocks.items():
        for axis in own:
            if axis not in axes:
                raise InputError(
                    "unknown axis", file=path, key=f"blocks.{name}.{axis}", allowed=f"allowed are {some(axes)}"
                )
        blocks[name] = {
            axis: _axis_values(path, document, f"blocks.{name}", axis, values) for axis, values in own.items()
        }
    _admit_scores(path, document, run)
    for where, values in (("axes", axes), *((f"blocks.{name}", own) for name, own in blocks.items())):
        admit(path, where, values if run else values | {"network": ()}, document.trusted and run)
    return _looked_up(path, document, run), axes, blocks


def _needed(path: Path, document: Document) -> tuple[str, ...]:
    """The axes that a study must have: of families, or of data of its own. Raises InputError for what is of the other
    kind, and for a section that its kind needs."""
    if document.data is None:
        for key in ("manifold", "compare"):
            if getattr(document, key) is None:
                raise InputError("is missing", file=path, key=key)
        return AXES
    for key in ("manifold", "sampling", "compare"):
        if getattr(document, key) is not None:
            raise InputError(
                "is not allowed", file=path, key=key, allowed="of data nothing is known to compare with: a study has "
                f"either data or manifold and {key}" if key != "manifold" else "a study has either manifold or data",
            )  # fmt: skip
    for axis in document.axes:
        if axis in AXES and axis not in DATA_AXES:
            raise InputError(
                "is not allowed", file=path, key=f"axes.{axis}", allowed="it is of families, and the study has data: "
                f"its axes are {', '.join((*DATA_AXES, *SHORT))}, or the path of a number or a text in train or fit",
            )  # fmt: skip
    return DATA_AXES


def _looked_up(path: Path, document: Document, run: bool) -> Document:
    """The document with what its file of data is. run: as for `load`; else what the study says of it is enough."""
    own = document.data
    if own is None or (not run and own.shape is not None):
        return document
    try:
        found = table(own, path.parent)
    except InputError as error:
        raise error.at(error.key, path) from None
    known = {"sha256": found.sha256, "labels_sha256": found.labels_sha256 or None, "shape": list(found.shape)}
    for key, value in known.items():
        if (written := getattr(own, key)) not in (None, value):
            raise InputError(
                file=path, key=f"data.{key}", value=written, allowed=f"{own.source} has changed, or is another: it has "
                f"{value}",
            )  # fmt: skip
    return document.model_copy(update={"data": own.model_copy(update=known)})


def _admit_scores(path: Path, document: Document, run: bool) -> None:
    """Look at the scores that a study declares, if it is to be run. Nothing of theirs is run here."""
    for name, settings in document.scores.items():
        if name in KINDS or is_name(name):
            raise InputError(
                file=path, key=("scores", name), value=name, allowed="it is the name of a score that is known already"
            )
        if run:
            Declared(path, name, settings).check()


def _validated(path: Path, prefix: str, model, content) -> Any:
    """content as `model`, its first mistake as one line."""
    try:
        config = None if isinstance(model, type) and issubclass(model, BaseModel) else ConfigDict(strict=True)
        return TypeAdapter(model, config=config).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        of_key = "[key]" in first["loc"] or first["type"] == "invalid_key"
        loc = [part for part in first["loc"] if part not in ("function-after", "[key]")]
        loc = loc[:-1] if of_key else loc
        if first["type"] == "extra_forbidden":
            owner = model
            for part in loc[:-1]:
                owner = _field_model(owner, part)
            known = [field.alias or name for name, field in owner.model_fields.items()]
            problem, allowed = "unknown key", f"allowed are {some(known)}"
        elif first["type"] == "missing":
            problem, allowed = "is missing", ""
        else:
            message = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
            message = "should be a text" if first["type"] == "invalid_key" else message
            message = re.sub(r"valid dictionary( or instance of \w+)?", "mapping", message)
            hint = ""
            if isinstance(first["input"], str) and re.fullmatch(r"[-+]?[0-9.]+[eE][-+]?[0-9]+", first["input"]):
                hint = "; YAML reads this as text: write it with a point and a signed exponent, as 1.0e-3"
            problem, allowed = f"the name {brief(first['input'])} is not allowed" if of_key else "", f"{message}{hint}"
        if more:
            problem, allowed = (problem, allowed + more) if allowed else (problem + more, "")
        raise InputError(
            problem, file=path, key=prefix + dotted(tuple(loc)), value=first["input"], allowed=allowed
        ) from None


def _field_model(owner, part) -> Any:
    """The model of one field, seen through lists, mappings and optionals."""
    if part not in owner.model_fields:  # a place in a list, or a name in a mapping
        return owner
    annotation = owner.model_fields[part].annotation
    while not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        annotation = annotation.__args__[-1 if get_origin(annotation) is dict else 0]
    return annotation


def _axis_values(path: Path, document: Document, where: str, axis: str, values) -> tuple:
    """The values of an axis as cells have them, so that 1 and 1.0 are one value where a number is read as a float."""
    if axis == "seed" and isinstance(values, int) and not isinstance(values, bool):
        if not 1 <= values <= MOST_SEEDS:
            allowed = f"a count should be from 1 to {MOST_SEEDS}"
            raise InputError(file=path, key=f"{where}.seed", value=values, allowed=allowed)
        values = list(range(values))
    if not isinstance(values, list) or not values:
        also = " or a count" if axis == "seed" else ""
        raise InputError(file=path, key=f"{where}.{axis}", value=values, allowed=f"should be a non-empty list{also}")
    if axis == "network":
        own = [EXACT if isinstance(one, str) and one in document.scores else one for one in values]
        try:
            found = _validated(path, f"{where}.{axis}", GenericAlias(list, Axis.__annotations__[axis]), own)
        except InputError as error:
            also = f"; or one of scores: {some(document.scores)}" if document.scores else ""
            raise InputError(error.problem, file=path, key=error.key, value=error.value,
                             allowed=error.allowed + also) from None  # fmt: skip
        values = [one if value == EXACT else value for one, value in zip(values, found, strict=True)]
    elif axis in AXES:
        values = _validated(path, f"{where}.{axis}", GenericAlias(list, Axis.__annotations__[axis]), values)
    elif not (axis in SHORT and document.data) and (axis.split(".")[0] not in SECTIONS_WITH_AXES or "." not in axis):
        plain, sections = list(AXES), list(SECTIONS_WITH_AXES)
        if document.data:
            plain, sections = [*DATA_AXES, *SHORT], sections[1:]
        raise InputError(
            "unknown axis", file=path, key=f"{where}.{axis}",
            allowed=f"allowed are {', '.join(plain)}, or the path of a number or a text in {', '.join(sections)}, as "
            "train.steps",
        )  # fmt: skip
    elif not all(isinstance(value, (int, float, str)) and not isinstance(value, bool) for value in values):
        raise InputError(file=path, key=f"{where}.{axis}", value=values, allowed="should be numbers or texts")
    else:
        section, *rest = SHORT.get(axis, axis).split(".")
        values = [_at(resolve(path, document, section, {axis: value}), rest) for value in values]
    if len(set(values)) < len(values):
        twice = next(value for value in values if values.count(value) > 1)
        raise InputError(
            f"{brief(twice)} is not allowed twice", file=path, key=f"{where}.{axis}", value=twice,
            allowed="axis values should be distinct",
        )  # fmt: skip
    return tuple(values)


def resolve(path: Path, document: Document, section: str, changes: dict[str, Any]) -> Any:
    """One section of the cells at these values of the axes that point into it."""
    content = document.model_dump(include={section})
    if content[section] is None and not changes:
        return None
    taken: dict[tuple[int, str], str] = {}
    for axis, value in changes.items():
        for place, last in _places(path, content, axis):
            if (other := taken.setdefault((id(place), last), axis)) != axis:
                allowed = f"it points where the axis {other} does: should be one axis for a place in the study"
                raise InputError("is not allowed", file=path, key=f"axes.{axis}", allowed=allowed)
            place[last] = value
    where = "".join(f"axes.{axis} = {brief(value)}: " for axis, value in changes.items())
    return _validated(path, f"{where}{section}.", Document.model_fields[section].annotation, content[section])


def _index(part: str) -> int:
    """A place in a list. Raises ValueError for any other spelling, as +0, 00, 0_0 or -1."""
    if not re.fullmatch("0|[1-9][0-9]*", part):
        raise ValueError(part)
    return int(part)


def _at(section: Any, parts: list[str]) -> Any:
    """The value in a section at the path of an axis, of which it has one."""
    for part in parts:
        section = section[0 if part == ALL else int(part)] if isinstance(section, list) else getattr(section, part)
    return section


def _places(path: Path, content: dict[str, Any], axis: str) -> list[tuple[dict, str]]:
    """The mappings that an axis points into, and its key there."""
    *parents, last = SHORT.get(axis, axis).split(".")
    places: list = [content]
    try:
        for part in parents:
            if part == ALL and all(isinstance(place, list) for place in places):
                places = [inner for place in places for inner in place]
            else:
                places = [place[_index(part)] if isinstance(place, list) else place[part] for place in places]
        for place in places:
            if not isinstance(place[last], (int, float, str, NoneType)) or axis in NO_AXIS:
                raise KeyError(last)  # a section, or what changes no result
    except (KeyError, IndexError, ValueError, TypeError):
        raise InputError(
            "unknown axis", file=path, key=f"axes.{axis}", allowed="the study has no number or text there"
        ) from None
    return [(place, last) for place in places]
