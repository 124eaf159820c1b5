"""A model as its format gives it, before it is a score.

file of a format -> Loaded: a function of points and what it is told, and how to read it
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from scoregap.models import Declared
from scoregap.models.schedules import Schedule


class Loaded(NamedTuple):
    """network: points (n, *shape), what they are told (n,) -> F like the points, both of type dtype; raw: nothing is
    clipped. shape: of a point; () for (d,), whatever d.
    """

    network: Callable[[Tensor, Tensor], Tensor]
    schedule: Schedule
    predicts: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    sigma_data: float = 0.5


def settled(module: nn.Module) -> nn.Module:
    """A module as it is measured: without dropout and running statistics, and without gradients of its weights."""
    return module.eval().requires_grad_(False)


def dtype_of(network) -> torch.dtype:
    """Of the weights of a module, or its buffers; float32 if it has none."""
    if isinstance(network, nn.Module):
        for one in (*network.parameters(), *network.buffers()):
            if one.is_floating_point():
                return one.dtype
    return torch.float32


def of_class(declared: Declared, network: Callable) -> Callable[[Tensor, Tensor], Tensor]:
    """The network, told the class too if the study says one: its third argument, whole numbers (n,)."""
    label = declared.settings.label
    if label is None:
        return network
    return lambda x, told: network(x, told, torch.full((len(x),), label))
