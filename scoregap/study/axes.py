"""The axes of a study: what their values are, and where in its sections they point.

what a study says under `axes` or in a block -> values as cells have them; a section at some of them
"""

import re
from collections import Counter
from pathlib import Path
from types import NoneType
from typing import Any

from scoregap import InputError, brief, refuse, some
from scoregap.scores import EXACT
from scoregap.spelling import asks, meant
from scoregap.study.data import ALL
from scoregap.study.mending import Mistakes, keys_of, mended, section_of, taken
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

STAND_INS: dict[str, Any] = {  # of axes of which no value is known, as those of `mending`
    "family": "linear", "ambient_dim": 8, "manifold_dim": 2, "curvature": 0.0, "network": "gaussian", "seed": 0,
}  # fmt: skip


def axis_values(
    path: Path, document: Document, where: str, written: dict[str, Any], mistakes: Mistakes
) -> dict[str, tuple]:
    """The values of axes as cells have them, so that 1 and 1.0 are one value where a number is read as a float.

    where: "axes", or a block. What is wrong is noted; axes and values that are right, or were meant, are given back.
    """
    found: dict[str, tuple] = {}
    taken_by: dict[tuple[int, str], str] = {}
    content = document.model_dump(include=set(SECTIONS_WITH_AXES) | {"data"})
    for name, values in written.items():
        axis = name
        try:
            _admit(path, document, where, name)
            if name not in (*AXES, *DATA_AXES):
                _apart(path, where, name, _places(path, content, name, where), taken_by)
        except InputError as error:
            axis = axis_meant(document, name)
            if error.problem != "unknown axis":
                axis = ""
            error = InputError(error.problem, file=path, key=error.key, allowed=asks(axis) + error.allowed)
            if not mistakes.hide(_target(name)):
                mistakes.append(error)
            axis = axis if axis not in written else ""
        one = _values(path, document, where, name, axis, values, mistakes) if axis else ()
        if one:
            found[axis] = one
        else:
            for unknown in filter(None, {axis, name}):
                mistakes.nothing_known_of("axes", unknown)
            if axis:
                mistakes.nothing_known_of(*_target(axis))
    return found


def _admit(path: Path, document: Document, where: str, axis: str) -> None:
    """Raises InputError for an axis that no study of its kind has."""
    of_data = document.data is not None
    if of_data and axis in AXES and axis not in DATA_AXES:
        raise InputError(
            "is not allowed", file=path, key=f"{where}.{axis}", allowed="it is of families, and the study has data: "
            f"its axes are {', '.join((*DATA_AXES, *SHORT))}, or the path of a number or a text in train or fit",
        )  # fmt: skip
    plain, sections = (list(DATA_AXES) + list(SHORT), SECTIONS_WITH_AXES[1:]) if of_data else (AXES, SECTIONS_WITH_AXES)
    if axis not in plain and (axis.split(".")[0] not in SECTIONS_WITH_AXES or "." not in axis):
        raise InputError(
            "unknown axis", file=path, key=f"{where}.{axis}",
            allowed=f"allowed are {', '.join(plain)}, or the path of a number or a text in {', '.join(sections)}, as "
            "train.steps",
        )  # fmt: skip


def is_axis(path: Path, document: Document, axis: str) -> bool:
    """Whether a study may have this axis."""
    content = document.model_dump(include=set(SECTIONS_WITH_AXES) | {"data"})
    try:
        _admit(path, document, "axes", axis)
        return axis in (*AXES, *DATA_AXES) or bool(_places(path, content, axis))
    except InputError:
        return False


def axis_meant(document: Document, axis: str) -> str:
    """The axis that is spelt like this one, or whose last part it is; empty where there is none."""
    plain = [*DATA_AXES, *SHORT] if document.data else [*AXES]
    sections = [one for one in SECTIONS_WITH_AXES if not (document.data and one == "manifold")]
    paths = [one for one in keys_of(Document) if one[0] in sections and len(one) > 1]
    parts = axis.split(".")
    members = [part for part in parts if re.fullmatch(rf"{ALL}|[0-9]+", part)]
    bare = ".".join(part for part in parts if part not in members)
    if bare in map(".".join, keys_of(Document)):  # a key, or a section, but none that can be an axis
        return ""
    paths = [one for one in paths if ".".join(one) not in NO_AXIS]
    ends = [one for one in paths if one[-1] == bare]
    near = ".".join(ends[0]) if len(ends) == 1 else meant(bare, [*plain, *map(".".join, paths)])
    return near.replace("groups.", f"groups.{(members or [ALL])[0]}.") if near else ""


def _target(axis: str) -> tuple[str, ...]:
    """The key that an axis points to, without positions in lists."""
    return tuple(part for part in SHORT.get(axis, axis).split(".") if part != ALL and not part.isdigit())


def _values(
    path: Path, document: Document, where: str, name: str, axis: str, values: Any, mistakes: Mistakes
) -> tuple[Any, ...]:
    """The right values of one axis. name: as it is written."""
    key = f"{where}.{name}"

    def wrong(value: Any, allowed: str, problem: str = "", at: str = "") -> None:
        mistakes.append(InputError(problem, file=path, key=key + at, value=value, allowed=allowed))

    if axis == "seed" and isinstance(values, int) and not isinstance(values, bool):
        if not 1 <= values <= MOST_SEEDS:
            wrong(values, f"a count should be from 1 to {MOST_SEEDS}")
            return ()
        values = list(range(values))
    if not isinstance(values, list) or not values:
        wrong(values, f"should be a non-empty list{' or a count' if axis == 'seed' else ''}")
        return ()
    found: list[Any] = []
    right: list[Any] = []  # as they are written
    if axis in AXES:
        own = document.scores if axis == "network" else {}
        also = f"; or one of scores: {some(own)}" if own else ""
        known = [EXACT if isinstance(one, str) and one in own else one for one in values]
        for i, (given, (value, says, near)) in enumerate(
            zip(values, taken(Axis.__annotations__[axis], known), strict=True)
        ):
            if not says:
                right.append(given if value == EXACT else value)
                found.append(right[-1])
                continue
            if closer := meant(given, own):
                near, says = closer, f"{asks(closer)}{says.removeprefix(asks(near))}"
            wrong(given, says + also, at=f"[{i}]")
            if near:
                found.append(near)
            else:
                mistakes.partly.add(axis)
    else:
        section, *rest = SHORT.get(axis, axis).split(".")
        for i, value in enumerate(values):
            if not isinstance(value, int | float | str) or isinstance(value, bool):
                wrong(value, "should be a number or a text", at=f"[{i}]")
                mistakes.partly.add(axis)
                continue
            try:
                right.append(_at(resolve(path, document, section, {axis: value}), rest))
                found.append(right[-1])
            except InputError as error:
                mistakes += error.mistakes
                mistakes.partly.add(axis)
    same = [str(value) for value in right] if axis == "class" else right  # labels are texts
    for twice in [one for one, count in Counter(same).items() if count > 1]:
        wrong(twice, "axis values should be distinct", f"{brief(twice)} is not allowed twice")
    return tuple(dict.fromkeys(found))


def as_named(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Values of an axis as the cube names them: texts if one of them is a text."""
    return tuple(map(str, values)) if any(isinstance(value, str) for value in values) else values


def alike(own: Any, named: Any) -> bool:
    """Whether what a cube or a table names is this value of an axis of a study."""
    return own == named or str(own) == named


def places_of(values: tuple[Any, ...]) -> dict[Any, int]:
    """Where along an axis of a study the first value is that is `alike`, by what a cube or a table may name."""
    found: dict[Any, int] = {}
    for i, value in enumerate(values):
        found.setdefault(value, i)
        found.setdefault(str(value), i)
    return found


def resolve(path: Path, document: Document, section: str, changes: dict[str, Any]) -> Any:
    """One section of the cells at these values of the axes that point into it. Raises InputError."""
    content = document.model_dump(include={section})
    if content[section] is None and not changes:
        return None
    for axis, value in changes.items():
        for place, last in _places(path, content, axis):
            place[last] = value
    where = "".join(f"axes.{axis} = {brief(value)}: " for axis, value in changes.items())
    mistakes = Mistakes()
    found = mended(path, f"{where}{section}.", section_of(Document, section), content[section], mistakes)
    refuse(mistakes)
    return found


def _apart(path: Path, where: str, axis: str, places: list, taken_by: dict[tuple[int, str], str]) -> None:
    """Raises InputError for an axis that points where another does. taken_by: the axes of the places so far."""
    for place, last in places:
        if (other := taken_by.setdefault((id(place), last), axis)) != axis:
            allowed = f"it points where the axis {other} does: should be one axis for a place in the study"
            raise InputError("is not allowed", file=path, key=f"{where}.{axis}", allowed=allowed)


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


def _places(path: Path, content: dict[str, Any], axis: str, where: str = "axes") -> list[tuple[dict, str]]:
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
            "unknown axis", file=path, key=f"{where}.{axis}", allowed="the study has no number or text there"
        ) from None
    return [(place, last) for place in places]
