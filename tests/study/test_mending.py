"""All mistakes of plain data at once: each that is made, and no other."""

from typing import Annotated

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field
from tiny import SAMPLING, TINY

from scoregap.study.mending import STAND_INS, Mistakes, keys_of, mended, section_of
from scoregap.study.schema import Document
from scoregap.study.values import Section, one_of

WHOLE = yaml.safe_load(TINY.replace("fit:\n", SAMPLING))


class Inner(Section):
    """A section of another."""

    name: Annotated[str, one_of(("red", "blue"))]
    count: Annotated[int, Field(ge=1, description="of things")]
    share: Annotated[float, Field(gt=0)] = 0.5


class Outer(Section):
    """With a section, lists and names."""

    inner: Inner
    many: list[Inner] = Field([])
    words: list[Annotated[str, one_of(("up", "down"))]] | None = None
    named: dict[str, Inner] = Field({})
    either: int | Annotated[str, one_of(("all",))] = 1


RIGHT = {"inner": {"name": "red", "count": 1}}
STAND = {"inner": {"name": "red", "count": 1}, "name": "red", "count": 1, "many": [{"name": "red", "count": 1}]}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (RIGHT, []),
        ({"iner": {"name": "red", "count": 1}}, ["iner: unknown key: did you mean inner? allowed are inner, many"]),
        ({"inner": {"name": "red", "counts": 0}}, ["inner.counts: unknown key: did you mean count?",
                                                   "inner.count: 0 is not allowed: should be greater than or equal"]),
        ({"inner": {"name": "rde"}}, ["inner.name: 'rde' is not allowed: did you mean red? should be one of red, blue",
                                      "inner.count: is missing: it is needed: of things"]),
        ({"inner": {"name": "x", "nmae": "blue", "count": True}},
         ["inner.nmae: unknown key: did you mean name?", "inner.name: 'x' is not allowed",
          "inner.count: True is not allowed: should be a valid integer"]),
        (RIGHT | {"many": [{"name": "red"}, 3]}, ["many[0].count: is missing", "many[1]: 3 is not allowed: should"]),
        (RIGHT | {"words": ["up", "dwon", "sideways"]}, ["words[1]: 'dwon' is not allowed: did you mean down?",
                                                         "words[2]: 'sideways' is not allowed"]),
        (RIGHT | {"words": ["x", 1, "y"]}, ["words[0]: 'x' is not", "words[1]: 1 is not", "words[2]: 'y' is not"]),
        (RIGHT | {"many": [1, {"nam": 1}, 3]}, ["many[0]: 1 is", "many[1].nam: unknown", "many[1].name: 1 is",
                                                "many[1].count: is missing", "many[2]: 3 is"]),
        (RIGHT | {"named": {"a": {"count": 1}, "b": 2}}, ["named.a.name: is missing", "named.b: 2 is not allowed"]),
        (RIGHT | {"either": 1.5}, ["either: 1.5 is not allowed: should be a valid integer or a text"]),
        (RIGHT | {"either": "al"}, ["either: 'al' is not allowed: did you mean all? should be a valid integer or one"]),
        (RIGHT | {1: 2, None: 3}, ["the name 1 is not allowed: should be a text", "the name None is not allowed"]),
    ],
)  # fmt: skip
def test_every_mistake_is_told_once(monkeypatch, content, says):
    monkeypatch.setattr("scoregap.study.mending.STAND_INS", STAND)
    mistakes = Mistakes()
    found = mended("f", "", Outer, content, mistakes)
    assert isinstance(found, Outer)
    assert len(mistakes) == len(says), list(map(str, mistakes))
    for said in says:
        assert any(str(one).startswith(f"f: {said}") for one in mistakes), (said, list(map(str, mistakes)))


@pytest.mark.parametrize(
    ("section", "key"), [("scores", "betas"), ("data", "range"), ("data", "full_scale")], ids=lambda one: one
)
@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], [": [] is not allowed: should have at least 2 values, not 0"]),
        ([0.1], [": [0.1] is not allowed: should have at least 2 values, not 1"]),
        ([0.1, 0.2, 0.3], [": [0.1, 0.2, 0.3] is not allowed: should have at most 2 values, not 3"]),
        (["a", 0.1], ["[0]: 'a' is not allowed: should be a valid number"]),
        ([0.1, None], ["[1]: None is not allowed: should be a valid number"]),
        (0.1, [": 0.1 is not allowed: should be a valid list"]),
        ({0: 0.1, 1: 0.2}, [": {0: 0.1, 1: 0.2} is not allowed: should be a valid list"]),
    ],
)
def test_a_list_of_two_that_has_fewer_or_more_is_told_as_such(section, key, given, says):
    """Whether pydantic holds it as a list or as a tuple."""
    whole = {"one": {"from": "callable", "path": "a:b", key: given}} if section == "scores" else {"source": "digits"}
    content = WHOLE | {section: whole if section == "scores" else whole | {key: given}}
    where = f"scores.one.{key}" if section == "scores" else f"data.{key}"
    mistakes = Mistakes()
    assert isinstance(mended("f", "", Document, content, mistakes), Document)
    assert [str(one) for one in mistakes] == [f"f: {where}{one}" for one in says]


def test_what_hangs_on_a_stand_in_is_not_known_and_all_else_is():
    mistakes = Mistakes()
    mistakes.nothing_known_of("train", "noise", "stop")
    mistakes.nothing_known_of("manifold", "groups", 1, "law")
    mistakes.nothing_known_of("axes", "train.steps")
    assert mistakes.known("train.noise.start", "train.steps", "manifold.groups.std", "axes.seed", "axes.train")
    for place in ("train", "train.noise", "train.noise.stop", "manifold.groups.law", "axes.train.steps", "axes"):
        assert not mistakes.known(place), place
    assert mistakes.hide(("manifold", "groups", "law", "x"))
    assert not mistakes.hide(("manifold", "groups", "law"))


def test_there_is_a_stand_in_for_every_key_that_is_needed():
    """Also for those that are added to the schema later."""

    def needed(model):
        for name, field in model.model_fields.items():
            if field.is_required():
                yield field.alias or name

    models = [Document, *(section_of(Document, key) for key in Document.model_fields if _is_model(key))]
    models += [section_of(Document, "scores")] if _is_model("scores") else []
    keys = {key for model in models for key in needed(model)} | {
        place[-1] for place in keys_of(Document) if len(place) > 2
    } & {"start", "stop", "count", "fraction", "std", "t_open", "t_max", "t_close", "t_consolidation"}
    assert keys <= STAND_INS.keys()


def _is_model(key):
    return hasattr(section_of(Document, key), "model_fields")


PLACES = [place for place in keys_of(Document) if place[0] in WHOLE and place not in {("axes",), ("blocks",)}]


def _owner(content, place):
    for part in place[:-1]:
        content = content[part][0] if part == "groups" else content[part]
    return content


HERE = []
for _place in PLACES:
    try:
        if _place[-1] in _owner(WHOLE, _place):
            HERE.append(_place)
    except (KeyError, TypeError):
        continue


@settings(max_examples=60)
@given(st.lists(st.sampled_from(HERE), min_size=1, max_size=6, unique=True), st.data())
def test_any_mistakes_in_a_study_are_all_told_and_nothing_else(places, data):
    """Keys taken away, spelt otherwise, or with a value that none may have."""
    content = yaml.safe_load(yaml.safe_dump(WHOLE))
    places = [one for one in places if not any(other != one and one[: len(other)] == other for other in places)]
    expected = []
    for place in places:
        owner, key = _owner(content, place), place[-1]
        dotted = ".".join("groups[0]" if part == "groups" and place[-1] != part else part for part in place)
        how = data.draw(st.sampled_from(("typo", "value")))
        if how == "typo" and len(key) > 4:
            owner[key + "s"] = owner.pop(key)
            expected.append(f"{dotted}s: unknown key: did you mean {key}?")
        else:
            owner[key] = {"no": "such value"}
            expected.append(dotted)
    mistakes = Mistakes()
    mended("f", "", Document, content, mistakes)
    told = [str(one).removeprefix("f: ") for one in mistakes]
    for one in expected:
        assert any(line.startswith(one) for line in told), (one, told)
    for line in told:
        assert any(line.startswith(one.split(":")[0]) for one in expected), (line, expected)
