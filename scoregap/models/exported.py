"""Models that torch.export has saved: a graph of operations with its weights.

file .pt2 of a function of points and what they are told -> Loaded

Reading such a file may run code: its weights, its constants and its example inputs are unpickled, and expressions in it
are evaluated (torch 2.13.0). Hence it has to be trusted.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from scoregap import plugins
from scoregap.models import Declared
from scoregap.models.base import Loaded, of_class
from scoregap.models.schedules import named

MOST = 32  # points at once; attention is often exported for batches below 64


def load(declared: Declared) -> Loaded:
    """The graph of a file; shape and type of a point are those of its first input. Raises InputError."""
    settings = declared.settings
    try:
        program = torch.export.load(declared.file("path"))
        module = program.module()
        first, *_ = [node for node in program.graph.nodes if node.name in program.graph_signature.user_inputs]
        example = first.meta["val"]
        points = isinstance(example, Tensor) and example.ndim > 0 and example.is_floating_point()
        least, most = batches(program, example.shape[0]) if points else (0, 0)
    except Exception as error:  # whatever torch raises for a file that is none
        why = f"is no program that torch.export has saved: {plugins.told(error)}"
        raise declared.refused("path", why, settings.path) from error
    if not points:
        allowed = f"its first input should be points (n, ...) of real numbers, and is {_told(example)}"
        raise declared.refused("path", allowed, settings.path)
    module.requires_grad_(False)
    name = settings.schedule or "ve"
    return Loaded(
        batched(of_class(declared, module), least, most),
        named(name, settings.steps, settings.betas, settings.sigma_data),
        "edm" if name == "edm" else settings.predicts or "x0",
        settings.shape or tuple(int(size) for size in example.shape[1:]),
        example.dtype,
        settings.sigma_data,
    )


def _told(example) -> str:
    if not isinstance(example, Tensor):
        return f"a {type(example).__name__}"
    return f"{example.dtype} of shape {tuple(example.shape)}"


def batches(program: torch.export.ExportedProgram, size: int | torch.SymInt) -> tuple[int, int]:
    """How many points the graph takes at least and at most: as many as it was exported with, unless that is free."""
    if isinstance(size, int):
        return size, size
    allowed = program.range_constraints[size.node.expr]
    return max(1, int(allowed.lower)), int(min(allowed.upper, MOST))


def batched(network: Callable[[Tensor, Tensor], Tensor], least: int, most: int) -> Callable[[Tensor, Tensor], Tensor]:
    """The network, given at least and at most so many points at a time: the last of them again, and in turn."""

    def some(x: Tensor, told: Tensor) -> Tensor:
        last = torch.arange(max(least, len(x))).clamp(max=len(x) - 1)
        return network(x[last], told[last])[: len(x)]

    def call(x: Tensor, told: Tensor) -> Tensor:
        return torch.cat([some(*part) for part in zip(x.split(most), told.split(most), strict=True)])

    return call
