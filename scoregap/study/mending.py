"""All that is wrong with plain data, and what may stand there instead, so that the rest can be judged.

what a study says, a model of it -> that model; mistakes; the places of which nothing is known

A key that is spelt like one that there is counts as that, and so does a text that is spelt like one of a list. For all
else that is wrong its default stands, or one of `STAND_INS`: nothing is made of those, since a study with a mistake is
refused, and no mistake is told that depends on them (`Mistakes.known`).
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from scoregap import InputError, brief, dotted, refuse, some
from scoregap.spelling import asks, meant
from scoregap.study.schema import AXES, SHORT, Document

_NOISE = {"start": 1e-3, "stop": 1.0}
_TIMES = _NOISE | {"count": 8}
_MARGINS = dict.fromkeys(("t_open", "t_max", "t_close", "t_consolidation"), 0.1)
STAND_INS: dict[str, Any] = {  # of keys that have no default, by their names: values that are allowed there
    "study": "unnamed", "axes": {}, "spectrum": {"times": _TIMES, "points": 2}, "times": _TIMES, "switches": _TIMES,
    "points": 2, "manifold": {"groups": [{"fraction": 1.0, "std": 1.0}]}, "groups": [{"fraction": 1.0, "std": 1.0}],
    "fraction": 1.0, "std": 1.0, "data": {"source": "?"}, "source": "?", "noise": _NOISE, **_TIMES, "steps": 1,
    "levels": 1, "samples": 2, "estimators": ["final_gap"], "compare": {"flat": _MARGINS, "curved": _MARGINS},
    "flat": _MARGINS, "curved": _MARGINS, **_MARGINS, "from": "callable", "path": "?",
}  # fmt: skip
ROUNDS = 40  # of mending: each knows one level more of keys that were taken for others

Place = tuple[str | int, ...]


class Mistakes(list[InputError]):
    """What is wrong with a study.

    unknown: places, without positions in lists, of which nothing is known. partly: axes that lack some of their values.
    """

    def __init__(self) -> None:
        super().__init__()
        self.unknown: set[Place] = set()
        self.partly: set[str] = set()

    def nothing_known_of(self, *place: str | int) -> None:
        """A stand-in is there."""
        self.unknown.add(tuple(part for part in place if isinstance(part, str)))

    def known(self, *places: str) -> bool:
        """Whether what stands at these places, as "train.noise", and in them, is the study's own."""
        for name in places:
            place = ("axes", name.removeprefix("axes.")) if name.startswith("axes.") else tuple(name.split("."))
            if any(place[: len(one)] == one[: len(place)] for one in self.unknown):
                return False
        return True

    def whole(self, *axes: str) -> bool:
        """Whether all values of these axes are known."""
        return self.known(*(f"axes.{axis}" for axis in axes)) and not self.partly & set(axes)

    def hide(self, place: Place) -> bool:
        """Whether nothing is known of what a place is in."""
        return any(len(one) < len(place) and place[: len(one)] == one for one in self.unknown)


def taken(annotation: Any, given: list) -> Iterator[tuple[Any, str, str]]:
    """Each of some values as an annotation has it; or None, what it should be, and the name that was meant, if any."""
    adapter = TypeAdapter(annotation, config=ConfigDict(strict=True))
    for one in given:
        try:
            yield adapter.validate_python(one), "", ""
        except ValidationError as error:
            yield None, words(error.errors()), _meant(error.errors())


def _meant(errors: list) -> str:
    return next(filter(None, (one.get("ctx", {}).get("meant") for one in errors)), "")


def mended(path: Any, prefix: str, model: Any, content: dict, mistakes: Mistakes) -> Any:
    """content as `model`, with each mistake noted and mended. path: of the file. prefix: of the keys in messages."""
    adapter = TypeAdapter(model)
    whole = [_own(content)]  # so that it has a place too
    for _ in range(ROUNDS):
        try:
            return adapter.validate_python(whole[0])
        except ValidationError as error:
            found = error.errors()
        for owner, keys in _by_owner(found, whole).items():
            _rename(path, prefix, model, _at(whole, (0, *owner)), owner, keys, mistakes)
        told: dict[Place, list] = {}
        for one in found:
            if one["type"] != "extra_forbidden":
                told.setdefault(_place(one, whole), []).append(one)
        for place, ones in told.items():
            _mend(path, prefix, model, whole, place, ones, mistakes)
    refuse(mistakes)  # what is known of it
    raise AssertionError


def _own(content: Any) -> Any:
    """Plain data whose parts are no parts of each other, as those are that aliases name."""
    if isinstance(content, dict):
        return {key: _own(one) for key, one in content.items()}
    return [_own(one) for one in content] if isinstance(content, list) else content


def _at(content: Any, place: Place) -> Any:
    for part in place:
        content = content[part]
    return content


def _lacks_key(error: Any) -> bool:
    """Whether a key is missing, and not a value of a list of fixed length."""
    return error["type"] == "missing" and isinstance(error["loc"][-1], str)


def _place(error: Any, content: list) -> Place:
    """Where in the content an error is; pydantic also names the kinds of value that it has tried there."""
    found: Place = ()
    here, loc = content[0], [part for part in error["loc"] if part != "[key]"]
    of_key = len(loc) < len(error["loc"]) or error["type"] == "invalid_key"
    for part in loc[:-1] if of_key else loc:
        inside = part in here if isinstance(here, dict) else isinstance(here, list) and part in range(len(here))
        if not inside:
            return (*found, part) if _lacks_key(error) and part == loc[-1] else found
        found, here = (*found, part), here[part]
    return (*found, "[key]", brief(error["input"])) if of_key else found


def _by_owner(errors: list, content: list) -> dict[Place, list[str]]:
    """Unknown keys, by the place of the mapping that they are in."""
    found: dict[Place, list[str]] = {}
    for error in errors:
        if error["type"] == "extra_forbidden":
            *owner, key = _place(error, content)
            found.setdefault(tuple(owner), []).append(str(key))
    return found


def _rename(path: Any, prefix: str, model: Any, owner: dict, place: Place, keys: list[str], mistakes: Mistakes) -> None:
    """Take unknown keys for those that they are spelt like, unless these are there too; leave out all others."""
    fields = names(_kind_at(model, place))
    for key in keys:
        near = meant(key, (name for name in fields if name not in owner)) or meant(key, fields)
        says = f"{asks(near or _elsewhere(model, key))}allowed are {some(fields)}"
        mistakes.append(InputError("unknown key", file=path, key=prefix + dotted((*place, key)), allowed=says))
        if near and near not in owner:
            for name in list(owner):  # where it stood
                owner[near if name == key else name] = owner.pop(name)
        else:
            owner.pop(key, None)


def _elsewhere(model: Any, key: str) -> str:
    """Where in a study a key belongs that is not allowed here, in outer sections before inner ones; empty where there
    is no such place, or many."""
    found = [f"axes.{key}"] if model is Document and key in (*AXES, *SHORT) else []
    places = [where for where in keys_of(model) if where[-1] == key]
    found += [dotted(where) for where in places if len(where) == min(map(len, places))]
    return " or ".join(found) if len(found) <= 4 else ""


def keys_of(model: Any) -> list[tuple[str, ...]]:
    """The places, without positions in lists, of all keys of a section and of those that it holds, but for names."""
    found: list[tuple[str, ...]] = []
    for name in names(model):
        inner = _kind(_field(model, name).annotation)
        if get_origin(inner) is list:
            inner = _kind(get_args(inner)[0])
        found.append((name,))
        found += [(name, *below) for below in keys_of(inner)] if _is_section(inner) else []
    return found


def section_of(model: Any, key: str) -> Any:
    """The section that a key holds, as its model."""
    return _kind(_field(model, key).annotation)


def names(model: Any) -> list[str]:
    """The keys of a section, as a study writes them."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _field(model: Any, key: Any) -> Any:
    return next((one for name, one in model.model_fields.items() if (one.alias or name) == key), None)


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _kind(annotation: Any) -> Any:
    """What of sections, lists and mappings an annotation is, seen through `Annotated` and unions; else None."""
    origin = get_origin(annotation)
    if _is_section(annotation) or origin in (list, dict, tuple):
        return annotation
    inner = get_args(annotation)[:1] if origin is Annotated else get_args(annotation)
    return next(filter(None, map(_kind, inner)), None)


def _kind_at(model: Any, place: Place) -> Any:
    """The section, list or mapping that stands at a place."""
    for part in place:
        if _is_section(model):
            model = _kind(_field(model, part).annotation)
        else:
            model = _kind(get_args(model)[-1 if get_origin(model) is dict else 0])
    return model


def _mend(path: Any, prefix: str, model: Any, content: list, place: Place, errors: list, mistakes: Mistakes) -> None:
    """Note what is wrong at one place, and put there what was meant, its default, or a stand-in."""
    first = errors[0]
    if "[key]" in place:
        above, name = place[:-2], first["input"]
        here = _at(content, (0, *above))
        for one in [one for one in here if one is name or one == name]:  # NaN is not equal to itself
            del here[one]
        says = f"the name {brief(name)} is not allowed"
        mistakes.append(InputError(says, file=path, key=prefix + dotted(above), value=name, allowed=words(errors)))
        return
    key, where = place[-1], prefix + dotted(place)
    if _lacks_key(first):
        here = _at(content, (0, *place[:-1]))
        if key in here:  # an unknown key was taken for it
            return
        says = f"it is needed: {_field(_kind_at(model, place[:-1]), key).description}"
        mistakes.append(InputError("is missing", file=path, key=where, allowed=says))
    else:
        given = list(first["input"]) if isinstance(first["input"], tuple) else first["input"]
        mistakes.append(InputError(file=path, key=where, value=given, allowed=words(errors)))
        try:
            here = _at(content, (0, *place[:-1]))
        except (KeyError, IndexError, TypeError):  # what it is in was mended already
            return
        if near := _meant(errors):
            here[key] = near
            return
    mistakes.nothing_known_of(*place)
    _put_stand_in(model, content, place)


def _put_stand_in(model: Any, content: list, place: Place) -> None:
    """Something that is allowed at a place; of a list of plain values or a mapping of names, without what is wrong."""
    owner, key = _kind_at(model, place[:-1]), place[-1]
    here = _at(content, (0, *place[:-1]))
    if _is_section(owner):
        if _field(owner, key).is_required():
            here[key] = _own(STAND_INS[str(key)])
        else:
            here.pop(key, None)
    elif get_origin(owner) is dict:
        inner = _kind(get_args(owner)[-1])
        here.pop(key, None)
        if _is_section(inner):  # what is called so is there
            here[key] = {one: _own(STAND_INS[one]) for one in names(inner) if _field(inner, one).is_required()}
    elif _is_section(_kind(get_args(owner)[0])):
        here[key] = _own(STAND_INS[str(place[-2])][0])
    else:
        _put_stand_in(model, content, place[:-1])


def words(errors: list) -> str:
    """What pydantic says that a value should be, in our words; of several kinds of value each."""
    found = []
    for error in errors:
        says = error["msg"].removeprefix("Value error, ")
        says = re.sub("^(Input|String|List|Tuple) ", "", says).replace("valid tuple", "valid list")
        says = re.sub(r"item(s?) after validation", r"value\1", says)
        if error["type"] == "missing":  # in a list, as long as the places of it that are missing say
            says = f"should have at least {len(error['input']) + len(errors)} values, not {len(error['input'])}"
        says = "should be a text" if error["type"] in ("string_type", "invalid_key") else says
        found.append(re.sub(r"valid dictionary( or instance of \w+)?", "mapping", says))
    question = asks(_meant(errors))
    first, *more = dict.fromkeys(one.removeprefix(question) for one in found)
    text = question + " or ".join([first, *(one.removeprefix("should be ") for one in more)])
    given = errors[0]["input"]
    if isinstance(given, str) and re.fullmatch(r"[-+]?[0-9]+[.]?[0-9]*[eE][-+]?[0-9]{1,3}", given):
        whole = "integer" in text and float(given).is_integer() and abs(float(given)) < 1e15
        how = f"as {float(given):.0f}" if whole else "with a point and a signed exponent, as 1.0e-3"
        text += f"; YAML reads this as text: write it {how}"
    return text
