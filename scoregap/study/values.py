"""What keys of a study may be: numbers within bounds, texts from a list, sections of keys.

what stands at a key -> itself, or pydantic's error of what is allowed
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import no_info_after_validator_function

from scoregap import some
from scoregap.laws import LEAST_SHARE
from scoregap.spelling import asks, meant

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Variance = Annotated[float, Field(ge=1e-20, le=1e20, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=10**9)]
Size = Annotated[int, Field(ge=1, le=10**5)]  # of arrays that are held in memory
Proportion = Annotated[float, Field(gt=0, lt=1)]
Width = Annotated[float, Field(ge=LEAST_SHARE, lt=1)]  # or a share of one


@dataclass(frozen=True)
class Matching:
    """A text that a pattern matches whole, or one of a few names, or either.

    like: names of the pattern that somebody may have meant by a text.
    """

    pattern: str
    allowed: str
    names: tuple[str, ...] = ()
    like: Callable[[str], Iterable[str]] = lambda text: ()

    def refusal(self, text: str) -> str:
        """What a text should be, if it is not."""
        return "" if self._is(text) else f"should be {self.allowed}"

    def _is(self, text: str) -> bool:
        return text in self.names or bool(self.pattern and re.fullmatch(self.pattern, text))

    def _check(self, text: str) -> str:
        if not self._is(text):
            name = meant(text, (*self.names, *self.like(text)))
            says = f"{asks(name)}{self.refusal(text)}"
            raise PydanticCustomError("matching", "{says}", {"says": says, "meant": name})
        return text

    def __get_pydantic_core_schema__(self, source, handler):
        return no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, core, handler):
        names, pattern = {"enum": list(self.names)}, {"pattern": f"^({self.pattern})$"}
        if self.names and self.pattern:
            return handler(core) | {"anyOf": [names, pattern]}
        return handler(core) | (names if self.names else pattern)


def one_of(
    names: Iterable[str], pattern: str = "", also: str = "", like: Callable[[str], Iterable[str]] = lambda text: ()
) -> Matching:
    """A text that is one of these names, or matches a pattern, of which a message says `also`."""
    names = tuple(names)
    return Matching(pattern, f"one of {some(names)}{also}", names, like)


UNIQUE: dict[str, Any] = {"uniqueItems": True}  # what `distinct` is in JSON Schema


def distinct(values: list) -> list:
    """A list without repetitions, as a validator of pydantic."""
    if len(set(values)) < len(values):
        raise ValueError("should be distinct")
    return values


class Section(BaseModel):
    """A part of a study: unknown keys and loose types are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @cached_property
    def _texts(self) -> dict[frozenset[str], str]:
        return {}

    def identity(self, unread: frozenset[str]) -> dict[str, Any]:
        """What results that read the section depend on: it, without some of its fields."""
        return self.model_dump(exclude=set(unread))

    def as_json(self, unread: frozenset[str]) -> str:
        """Canonical text of `identity`; made once, since many cells share a section."""
        if unread not in self._texts:
            content = self.identity(unread)
            self._texts[unread] = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return self._texts[unread]


class Range(Section):
    """From start to stop; for noise these are variances t, which float32 must hold."""

    start: Annotated[Variance, Field(description="the smallest noise variance")]
    stop: Annotated[Variance, Field(description="the largest noise variance")]


class Times(Range):
    """count noise variances, equally spaced in log t."""

    count: Annotated[int, Field(ge=8, le=10**4, description="how many, both ends among them")]

    @property
    def values(self):
        """(count,) those noise variances, ascending, float64."""
        from numpy import geomspace

        return geomspace(self.start, self.stop, self.count)
