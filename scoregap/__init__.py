"""scoregap: does a diffusion model's learned score have the geometry that theory predicts?

study.yaml -> cells -> train -> spectrum -> dimension -> sample -> memorise -> fit -> cube -> compare -> report
           (exact and gaussian skip train, most studies dimension, sample, memorise)   zarr

data, laws   what is known         manifolds, exact posteriors, random-matrix laws, phase times
scores       who knows E[x0|x]     exact, gaussian, empirical, trained, a model of your own, finite differences of any
networks     what is trained       plain modules, ensembles of them, training, Jacobians
measure      what is estimated     spectra, gaps, phase times, dimensions
stages       files in, files out; the only place where what is known and what is estimated meet

In docstrings "theory.md 3" is section 3 of docs/explanation/theory.md: formulas, their sources, and what checks them.
"""

import decimal
import reprlib
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

__version__ = "1.0.0"


def open(study: str | Path, results: str | Path = "results") -> Any:
    """The cube of a run as it is now: an xarray.Dataset, or, of several blocks or ambient dimensions, an
    xarray.DataTree of them.

    study: the name of a study or its file, whose results are in the folder `results`; or the folder of its results, as
    "results/quickstart". It is checked against its manifest, arrays are read when they are asked for, and stay what
    they are: a run that makes another cube there changes nothing of this one. Raises DamagedFile; InputError for a
    study file that is not that of the cube as it is now.
    """
    return resolve_name("scoregap.cubes:open_cube")(study, results)


class InputError(ValueError):
    """What the user gave cannot be used. The text is one line: file, key, value, what is allowed.

    file, key: where; the key is a path into the file, as ("groups", 0, "std"), or its text. value: what stands there.
    problem: what is wrong with it; by default, that the value is not allowed. allowed: what is.
    """

    def __init__(
        self, problem: str = "", *, file: object = "", key: str | tuple[str | int, ...] = (), value: Any = None,
        allowed: str = "",
    ):  # fmt: skip
        self.file, self.key, self.value, self.allowed = file, key, value, allowed
        self.problem = problem or f"{brief(value)} is not allowed"
        super().__init__(printable(": ".join(filter(None, (str(file), dotted(key), self.problem, allowed)))))

    @property
    def mistakes(self) -> "tuple[InputError, ...]":
        """All that is wrong: this, or of `InputErrors` each."""
        return (self,)

    def at(self, key: str | tuple[str | int, ...], file: object = "") -> "InputError":
        """The same mistake, in the words of whoever gave the value there."""
        return InputError(self.problem, file=file, key=key, value=self.value, allowed=self.allowed)


class InputErrors(InputError):
    """Several mistakes, found at once. The text is a line for each, of a hundred at most; file, key and value are those
    of the first."""

    def __init__(self, mistakes: Iterable[InputError]):
        self._mistakes = tuple(mistakes)
        first = self._mistakes[0]
        super().__init__(first.problem, file=first.file, key=first.key, value=first.value, allowed=first.allowed)
        lines = [str(one) for one in self._mistakes[:MOST_TOLD]]
        more = len(self._mistakes) - MOST_TOLD
        self.args = ("\n".join(lines + [f"{first.file}: and {more} more"] * (more > 0)),)

    @property
    def mistakes(self) -> tuple[InputError, ...]:
        """Each of them."""
        return self._mistakes


MOST_TOLD = 100


def refuse(mistakes: Iterable[InputError]) -> None:
    """Raise what is wrong, if anything is: the mistake, or all of them, each once."""
    found = tuple({str(one): one for one in mistakes}.values())
    if len(found) == 1:
        raise found[0]
    if found:
        raise InputErrors(found)


class DamagedFile(Exception):
    """A file is not what was written: missing, truncated, altered or foreign. The text is one line; path: the file."""

    def __init__(self, text: str, path: Path | None = None):
        super().__init__(printable(text))
        self.path = path


def printable(text: str, also: str = "") -> str:
    """A text as one line that no terminal takes for a command: what cannot be printed is escaped, but for `also`."""
    return "".join(one if one.isprintable() or one in also else repr(one)[1:-1] for one in text)


def plain_digits(text: str) -> bool:
    """Whether the digits of a number are 0 to 9, and no more: Python takes 4_0 for 40, and digits of any script."""
    return text.isascii() and "_" not in text


def number(value: float) -> str:
    """A number as it is, to the last digit, as YAML 1.1 reads it: with a point, and a signed exponent."""
    mantissa, exponent, power = repr(float(value)).partition("e")
    mantissa = mantissa if "." in mantissa else f"{mantissa}.0"
    return f"{mantissa}e{power if power[0] in '+-' else f'+{power}'}" if exponent else mantissa


def bound(value: float, digits: int = 3, most: bool = False) -> str:
    """A positive bound, with fewer digits, of what is allowed: the least is rounded up, the most down."""
    text = f"{value:.{digits}g}"
    if (float(text) > value) if most else (float(text) < value):
        rounding = decimal.ROUND_FLOOR if most else decimal.ROUND_CEILING
        rounded = decimal.Context(digits, rounding).create_decimal_from_float(float(value))
        text = f"{float(rounded):.{digits}g}"
    return text


def dotted(key: str | tuple[str | int, ...]) -> str:
    """A path into a file as text: ("groups", 0, "std") is groups[0].std. Of long parts only the beginning is said."""
    if isinstance(key, str):
        return _cut(key, LONGEST_KEY)
    parts = (f"[{part}]" if isinstance(part, int) else f".{_cut(part, LONGEST)}" for part in islice(key, LONGEST_KEY))
    return _cut("".join(parts).removeprefix("."), LONGEST_KEY)


def brief(value: object) -> str:
    """The beginning of a value, on one line; however deep it is nested, since aliases make that cheap to write.

    A path is said as a whole: its end is what tells it from others.
    """
    if isinstance(value, Path):
        return repr(str(value))
    return _cut(" ".join(_BEGINNING.repr(value).split()), LONGEST)


def some(names: Iterable[object]) -> str:
    """The first names of a list, for a message."""
    told = [name if len(name) <= LONGEST else brief(name) for name in map(str, names)]
    return ", ".join(told[:12]) + (f", ... ({len(told)} in all)" if len(told) > 12 else "")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."


class _Beginning(reprlib.Repr):
    def repr_int(self, value: int, level: int) -> str:
        """Python refuses to write numbers of thousands of digits, as one in hexadecimal may have."""
        digits = value.bit_length() * 3 // 10
        return f"a number of about {digits} digits" if digits > self.maxlong else super().repr_int(value, level)


LONGEST, LONGEST_KEY = 60, 200  # characters of a value or a part of a key, and of a whole key, in a message
_BEGINNING = _Beginning()
_BEGINNING.maxlevel, _BEGINNING.maxlist, _BEGINNING.maxtuple = 3, 12, 12
_BEGINNING.maxstring = _BEGINNING.maxlong = _BEGINNING.maxother = 99
