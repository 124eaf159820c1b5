"""Which points are pictures: the sides and the colours of an array's shape.

shape of a point -> Picture, or None; and that of a model's points -> what is wrong, if their axes are others

Light (no numpy), as studies are checked by it. A picture is (height, width), or has an axis of at most CHANNELS colours
at the front or at the end, and not at both.
"""

import math
from typing import NamedTuple

CHANNELS = 4  # an axis of at most so many entries may be that of colours


class Picture(NamedTuple):
    """height, width: pixels. channels: numbers of a pixel. sides: which axes of the array are height and width."""

    height: int
    width: int
    channels: int
    sides: tuple[int, int]


def picture(shape: tuple[int, ...]) -> Picture | None:
    """What picture a point of this shape is; None if it is none, or none that can be told."""
    if len(shape) == 2:
        return Picture(shape[0], shape[1], 1, (0, 1))
    first, last = (len(shape) == 3 and shape[i] <= CHANNELS for i in (0, -1))
    if first == last:
        return None
    one, two, three = shape
    return Picture(two, three, one, (1, 2)) if first else Picture(one, two, three, (0, 1))


def axes_refusal(shape: tuple[int, ...], of_model: tuple[int, ...]) -> str:
    """What points of this shape should be for a model of that one, if their axes are in another order; empty if they
    are not. Axes of one entry say nothing, and a shape of one axis leaves the order open."""
    own, wanted = (tuple(size for size in one if size > 1) for one in (shape, of_model))
    if min(len(own), len(wanted)) < 2 or own == wanted or math.prod(own) != math.prod(wanted):
        return ""
    return (
        f"points are {' x '.join(map(str, shape))}: save them with their axes in the model's order, as "
        "numpy.moveaxis(pictures, -1, 1)"
    )
