"""What library calls refuse, so that nothing is computed of it: an InputError of argument, value, what is allowed.

name of an argument, its value, what it should be -> the value as numpy takes it

NaN is refused where a number steers a computation. In arrays of data it may stand for what is not known, where a
function says so: it is then passed on, and only negative numbers and wrong shapes are refused.
"""

import math
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np

from scoregap import InputError


def whole(name: str, value: Any, least: int = 1) -> int:
    """A whole number from `least` on; true, false and 3.0 are none."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Integral) or value < least:
        raise InputError(key=name, value=value, allowed=f"should be a whole number from {least}")
    return int(value)


def between(name: str, value: Any, low: float, high: float = math.inf) -> float:
    """A finite number above `low` and below `high`."""
    try:
        found = float(value) if isinstance(value, numbers.Real) and not isinstance(value, bool) else math.nan
    except OverflowError:  # of whole numbers of more than 308 digits
        found = math.nan
    if not low < found < high:
        allowed = f"should be a number greater than {low:g}" + ("" if high == math.inf else f" and less than {high:g}")
        raise InputError(key=name, value=value, allowed=allowed)
    return found


def array(name: str, value: Any, *shape: int | str, empty: bool = False) -> np.ndarray:
    """Numbers in float64. shape: sizes of the dimensions, or their names where any size but 0 will do; "..." first for
    any dimensions before."""
    found = _numbers(name, value)
    leading, sizes = ("...",) if shape[:1] == ("...",) else (), shape[1:] if shape[:1] == ("...",) else shape
    own = found.shape[len(found.shape) - len(sizes) :] if leading else found.shape
    fits = len(own) == len(sizes) and all(
        one == size if isinstance(size, int) else one > 0 or empty for one, size in zip(own, sizes, strict=True)
    )
    if not fits:
        says = ", ".join(map(str, (*leading, *sizes))) + ("," if len((*leading, *sizes)) == 1 else "")
        raise InputError(
            f"the shape {found.shape} is not allowed", key=name, value=found.shape, allowed=f"should be ({says})"
        )
    return found


def _numbers(name: str, value: Any) -> np.ndarray:
    try:
        found = np.asarray(value)
        if found.dtype.kind not in "fiu":  # neither texts, nor true and false, nor complex
            raise TypeError
        return found.astype(float, copy=False)
    except (TypeError, ValueError):
        raise InputError(key=name, value=value, allowed="should be real numbers") from None


def known(name: str, value: Any, *shape: int | str) -> np.ndarray:
    """An `array` of finite numbers."""
    found = array(name, value, *shape)
    if not np.isfinite(found).all():
        raise InputError(key=name, value=value, allowed="should be finite numbers")
    return found


def finite_or_nan(name: str, value: Any, *shape: int | str) -> np.ndarray:
    """An `array` whose numbers that are not finite are NaN: not known, as is what is computed of them."""
    found = array(name, value, *shape)
    return np.where(np.isfinite(found), found, np.nan)


def positive(name: str, value: Any, *shape: int | str) -> np.ndarray:
    """An `array` of finite numbers greater than 0."""
    found = known(name, value, *shape)
    if not (found > 0).all():
        raise InputError(key=name, value=value, allowed="should be greater than 0")
    return found


def ranged(name: str, value: Any, low: float, high: float, *shape: int | str) -> np.ndarray:
    """An `array` of numbers from `low` to `high`."""
    found = known(name, value, *shape)
    if not ((found >= low) & (found <= high)).all():
        raise InputError(key=name, value=value, allowed=f"should be from {low:g} to {high:g}")
    return found


def not_negative(name: str, value: Any) -> np.ndarray:
    """Numbers of any shape, none of them negative; NaN stays."""
    found = _numbers(name, value)
    if (found < 0).any():
        raise InputError(key=name, value=value, allowed="should not be negative")
    return found


def wholes(name: str, value: Any, least: int, most: float, *shape: int | str) -> np.ndarray:
    """An `array` of whole numbers from `least` to `most`, as integers."""
    found = array(name, value, *shape, empty=True)
    if not ((found >= least) & (found <= most) & (found == np.round(found))).all():
        raise InputError(key=name, value=value, allowed=f"should be whole numbers from {least} to {most:g}")
    return found.astype(int)


def mask(name: str, value: Any, *shape: int | str) -> np.ndarray:
    """An `array` of true and false, or of 1 and 0."""
    try:
        found = np.asarray(value)
    except (TypeError, ValueError):  # of lists of different lengths
        found = np.asarray(None)
    if found.dtype.kind == "b":
        found = found.astype("int8")
    return wholes(name, found if found.dtype.kind in "fiu" else value, 0, 1, *shape).astype(bool)


def descending(name: str, value: Any, *shape: int | str) -> np.ndarray:
    """An `array` of finite numbers that are not negative, none greater than the one before it in its row."""
    found = known(name, value, *shape)
    if (found < 0).any() or (np.diff(found, axis=-1) > 0).any():
        raise InputError(key=name, value=value, allowed="should be descending, and not negative")
    return found


def generator(name: str, value: Any) -> np.random.Generator:
    """Where random numbers come from."""
    if not isinstance(value, np.random.Generator):
        raise InputError(key=name, value=value, allowed="should be a numpy.random.Generator")
    return value


def function(name: str, value: Any) -> Callable[..., Any]:
    """What can be called."""
    if not callable(value):
        raise InputError(key=name, value=value, allowed="should be a function")
    return value


def ascending(name: str, value: Any) -> np.ndarray:
    """(T,) noise variances: positive, each greater than the one before it."""
    found = positive(name, value, "T")
    if not (np.diff(found) > 0).all():
        raise InputError(key=name, value=value, allowed="should be ascending")
    return found
