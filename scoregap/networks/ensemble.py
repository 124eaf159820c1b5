"""Several members of one network, side by side.

name of a network, seed of every member -> one module with all their weights; points (members, ...) -> outputs

A network is an `nn.Module` of one member: `forward(x, level)` maps points x (..., dim) to outputs like them, each from
its own alone. The noise level (..., 1) broadcasts with x; a class with `sees_sigma = True` is told sigma = sqrt(t)
instead. The module with all weights (`stack`) has the tree and the names of a member, every tensor with a leading
dimension member. Members share nothing but the arithmetic, so each is the same alone and in company.

`apply` runs them by `torch.func.vmap`. A class with `stacks = True` says that all its weights are those of `nn.Linear`
layers, and that the rest of its `forward` broadcasts and works along the last dimension: it is run as it is, with
layers of all members in the place of its own, which is faster. One with `in_turn = True` is run member by member: of
convolutions those of several members at once take twice as long.
"""

import copy
import inspect
from collections.abc import Sequence
from pkgutil import resolve_name
from typing import Any

import torch
from torch import nn
from torch.func import functional_call, vmap

from scoregap import InputError, networks, plugins


def build(name: str, seeds: Sequence[int], dim: int, depth: int, shape: tuple[int, ...] | None = None) -> nn.Module:
    """The untrained members of a study's network axis, as `gated-64` or `linear`, stacked: one per seed.

    depth, shape: blocks, and the shape of a point (of a picture, say; else (dim,)), for classes that take them. A
    member's weights are drawn from its own seed, whatever its companions and whatever was drawn before. Raises
    InputError if the class is no network.
    """
    class_ = load(name)
    wanted: dict[str, Any] = {"dim": dim, "shape": shape or (dim,), "width": networks.width(name), "depth": depth}
    taken = inspect.signature(class_).parameters
    if wanted["width"] is not None and "width" not in taken:
        raise _refused(name, f"{class_.__name__} takes no width")
    wanted = {key: value for key, value in wanted.items() if key in taken and value is not None}
    needed = {key for key, one in taken.items() if one.default is one.empty and "VAR" not in one.kind.name}
    if unknown := sorted(needed - set(wanted)):
        raise _refused(name, f"{class_.__name__} needs {', '.join(unknown)}, which is not given here")

    def drawn(seed: int) -> nn.Module:
        torch.default_generator.manual_seed(seed)
        return class_(**wanted)

    with torch.random.fork_rng(devices=[]):
        try:
            members = [drawn(seed) for seed in seeds]
            check(name, members[0], drawn(seeds[0]), drawn(seeds[0] + 1), dim)
            return stack(members)
        except InputError:
            raise
        except Exception as error:  # whatever a class of somebody else raises
            raise _refused(name, plugins.told(error)) from error


def load(name: str) -> type[nn.Module]:
    """The class of a network. Raises InputError if there is none."""
    path = networks.import_path(name)
    try:
        class_ = resolve_name(path)
    except Exception as error:  # whatever the code of somebody else raises
        raise _refused(name, f"{path} cannot be imported: {plugins.told(error)}") from None
    if not (isinstance(class_, type) and issubclass(class_, nn.Module)):
        raise _refused(name, f"{path} is not a class of torch modules")
    return class_


@torch.no_grad()
def check(name: str, member: nn.Module, again: nn.Module, other: nn.Module, dim: int) -> None:
    """Raises InputError unless answers are like points, each from its own alone, the same again and in an ensemble, and
    members are made of their seeds and of their state. again, other: drawn from the same seed, and from another one.

    Weights of zero, as many a network's last ones, would hide all else: they are moved in copies.
    """
    if not any(weight.requires_grad for weight in member.parameters()):
        raise _refused(name, "has no weights to train")
    start, repeated = member.state_dict(), again.state_dict()
    if not all(torch.equal(value, repeated[key]) for key, value in start.items()):
        raise _refused(name, "first weights differ for the same seed: should be drawn by torch")
    member = copy.deepcopy(member)
    for weight in member.parameters():
        if not weight.any():
            weight.copy_(0.1 * torch.randn_like(weight))
    x, level = torch.randn(3, 2, dim), torch.linspace(0.1, 1, 3)[:, None, None]
    answer = member(x, level)
    if answer.shape != x.shape or answer.dtype != x.dtype:
        raise _refused(name, f"answers {tuple(answer.shape)} to points {tuple(x.shape)}: should be like them")
    if not torch.equal(answer, member(x, level)):
        raise _refused(name, "answers differ from call to call: should not be drawn at random")
    kept, restored = stack([member]), stack([other])
    restored.load_state_dict(kept.state_dict())
    two = apply(stack([member, member]), x.expand(2, *x.shape), level.expand(2, *level.shape))
    for one, why in (
        (member(x[:1, 1:], level[:1]), "the answer at a point depends on other points"),
        (two[1, :1, 1:], "answers of one member and of an ensemble differ"),
        (apply(restored, x[None], level[None])[0, :1, 1:], "not all that is drawn is a parameter or a kept buffer"),
    ):
        if not torch.allclose(one, answer[:1, 1:], rtol=1e-3, atol=1e-4):
            raise _refused(name, why)


def _refused(name: str, why: str) -> InputError:
    return InputError(key="axes.network", value=name, allowed=why)


def stack(members: Sequence[nn.Module]) -> nn.Module:
    """One module with the tree of a member, whose parameters and buffers are those of all, (members, ...).

    What takes no gradient is a buffer. A class that stacks has its buffers once: they must be equal, and are not state.
    """
    network = copy.deepcopy(members[0])
    if stacks(network):
        layers: dict[nn.Module, StackedLinear] = {}  # a layer of the first member, which may have several places
        for name, layer in members[0].named_modules(remove_duplicate=False):
            if type(layer) is nn.Linear and all(weight.requires_grad for weight in layer.parameters()):
                if layer not in layers:
                    layers[layer] = StackedLinear([one.get_submodule(name) for one in members])
                network.set_submodule(name, layers[layer])
            elif layer._parameters:
                raise TypeError(f"{type(network).__name__} stacks, but {name or 'it'} has weights of its own")
            for key, buffer in layer.named_buffers(recurse=False):
                if not all(torch.equal(one.get_submodule(name).get_buffer(key), buffer) for one in members):
                    raise TypeError(f"{type(network).__name__} stacks, but {key} differs from member to member")
                network.get_submodule(name)._non_persistent_buffers_set.add(key)
        weights = [id(weight) for layer in layers for weight in layer.parameters()]
        if len(set(weights)) < len(weights):
            raise TypeError(f"{type(network).__name__} stacks, but two of its layers share a weight")
        return network
    made: dict[int, torch.Tensor] = {}  # a tensor of the first member, which may have several places -> stacked
    for into, *own in zip(network.modules(), *(one.modules() for one in members), strict=True):
        for key, first in (*own[0]._parameters.items(), *own[0]._buffers.items()):
            if first is None:
                continue
            trained = isinstance(first, nn.Parameter) and first.requires_grad
            if id(first) not in made:
                stacked = torch.stack([getattr(one, key).detach() for one in own])
                made[id(first)] = nn.Parameter(stacked) if trained else stacked
            if trained:
                into._parameters[key] = made[id(first)]
            else:
                into._parameters.pop(key, None)
                into._buffers[key] = made[id(first)]
    return network


def stacks(network: nn.Module) -> bool:
    """Whether the class of a network is run with layers of all members."""
    return getattr(network, "stacks", False)


def apply(network: nn.Module, x: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
    """Outputs of stacked members for their points, (members, levels, n, dim); level: (members, levels, 1, 1)."""
    if stacks(network):
        return network(x, level)

    def one(tensors: dict[str, torch.Tensor], x: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        return functional_call(network, tensors, (x, level), tie_weights=False)

    tensors: dict[str, torch.Tensor] = {}  # of every place, also where one has several
    for prefix, module in network.named_modules():
        tensors |= dict(module.named_parameters(prefix, recurse=False))
        tensors |= dict(module.named_buffers(prefix, recurse=False))
    if getattr(network, "in_turn", False):
        each = ({name: array[i] for name, array in tensors.items()} for i in range(len(x)))
        return torch.stack([one(own, x[i], level[i]) for i, own in enumerate(each)])
    return vmap(one)(tensors, x, level)  # of one member, too: its bits are then those that it has in company


class StackedLinear(nn.Module):
    """A linear layer of every member: (members, ..., inputs) -> (members, ..., outputs).

    weight: (members, inputs, outputs), bias: (members, 1, outputs), as the product takes them. Their state is in the
    form of `nn.Linear`, (members, outputs, inputs) and (members, outputs), as that of other stacked layers.
    """

    def __init__(self, layers: Sequence[Any]):
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach().T for layer in layers]))
        biases = [layer.bias.detach()[None] for layer in layers if layer.bias is not None]
        self.bias = nn.Parameter(torch.stack(biases)) if biases else None
        self.register_state_dict_post_hook(_as_linear)
        self.register_load_state_dict_pre_hook(_from_linear)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = x.flatten(1, -2)
        out = torch.bmm(rows, self.weight) if self.bias is None else torch.baddbmm(self.bias, rows, self.weight)
        return out.view(*x.shape[:-1], -1)


def _as_linear(layer, state, prefix, _) -> None:
    state[f"{prefix}weight"] = state[f"{prefix}weight"].mT
    if layer.bias is not None:
        state[f"{prefix}bias"] = state[f"{prefix}bias"][:, 0]


def _from_linear(layer, state, prefix, *_) -> None:
    state[f"{prefix}weight"] = state[f"{prefix}weight"].mT
    if layer.bias is not None:
        state[f"{prefix}bias"] = state[f"{prefix}bias"][:, None]
