"""Where clean points of training come from: made on the device of counter-based numbers, or by numpy on the host.

(data of a member) -> its source; (sources, draws, steps) -> clean points of all members, and their noise where it is
drawn with them

Data that are a map of normal numbers are made on the device, and a training set lies there and is picked from. All
else draws by a generator of numpy, whose key and counter follow from the step alike, and is copied from pinned memory.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch

from scoregap.networks.draws import Draws

POINTS, NOISE = "point", "noise"  # streams


class Pushed(NamedTuple):
    """Points of so many standard normal numbers each: (n, normals) -> (n, d)."""

    normals: int
    push: Callable[[torch.Tensor], torch.Tensor]


class Picked(NamedTuple):
    """Points of a training set (N, d), with equal chance; noise: (N, draws, d) of each, or fresh if None."""

    points: torch.Tensor
    noise: torch.Tensor | None = None


class Hosted(NamedTuple):
    """Points that are drawn by numpy: sample(generator, n) -> (n, d), or a pair of them and their noise."""

    sample: Callable


Source = Pushed | Picked | Hosted


def on(device: torch.device | str, array: np.ndarray) -> torch.Tensor:
    """An array as float32 there, by way of pinned memory where that is a card."""
    tensor = torch.from_numpy(np.asarray(array, np.float32))
    return tensor if torch.device(device).type == "cpu" else tensor.pin_memory().to(device, non_blocking=True)


def drawn(
    sources: Sequence[Source], draws: Draws, first: int, steps: int, count: int
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """`count` clean points of every member at each of the steps from `first` on, (steps, members, count, d) float32.

    And their noise, likewise, where all members draw it with their points; else None.
    """
    normals: dict[int, torch.Tensor] = {}
    for size in {one.normals for one in sources if isinstance(one, Pushed)}:
        alike = [i for i, one in enumerate(sources) if isinstance(one, Pushed) and one.normals == size]
        found = draws.normals(POINTS, first, steps, count * size, alike)
        normals |= {i: found[:, k].reshape(steps * count, size) for k, i in enumerate(alike)}
    clean, noise = [], []
    for i, one in enumerate(sources):
        if isinstance(one, Pushed):
            points = one.push(normals[i])
        elif isinstance(one, Picked):
            place = draws.places(POINTS, first, steps, count, len(one.points), i).flatten()
            points = one.points[place]
            if one.noise is not None:
                which = draws.places(NOISE, first, steps, count, one.noise.shape[1], i).flatten()
                noise.append(one.noise[place, which])
        else:
            points, *more = _parts(one.sample(draws.generator(POINTS, first, i), steps * count), draws.device)
            noise += more
        clean.append(points.view(steps, count, -1))
    if not noise:
        return torch.stack(clean, 1), None
    return torch.stack(clean, 1), torch.stack([one.view(steps, count, -1) for one in noise], 1)


def _parts(found: np.ndarray | tuple[np.ndarray, ...], device: torch.device) -> list[torch.Tensor]:
    return [on(device, part) for part in (found if isinstance(found, tuple) else (found,))]
