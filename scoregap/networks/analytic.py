"""Exact Jacobians of the project's own networks, at nearly the cost of the matrix products they contain.

(ensemble of one network, noisy points, noise variances) -> denoised points and denoiser Jacobian G = I + t J

Automatic differentiation (`scoregap.networks.jacobian`) takes 2 to 4 times the time of its products, most of it to move
cotangents to and from memory. Here one forward pass keeps the slopes of the nonlinearities, and the d rows of the
identity are pulled back through the layers for as many points at a time as fit into the cache: a block is two large
matrix products and a few multiplications in place. Classes of networks are registered in STEPS; others are
differentiated automatically.
"""

import math

import torch
from torch.nn.functional import silu

from scoregap.networks import convolutional, jacobian
from scoregap.networks.residual import Bypass, Gated, Normed, Paper, ResMLP, Scaled, inverse_rms, normed
from scoregap.networks.time_linear import TimeLinear
from scoregap.networks.unet import Unet

CACHE, DEVICE = 2**16, 2**26  # numbers of one buffer of cotangents, on a CPU and on a GPU


@torch.no_grad()
def network_jacobian(denoiser, x, t):
    """Denoised points and exact Jacobians of an ensemble of one, a `denoiser.Denoiser`, in the precision of x.

    x: (T, points, d) noisy points; t: (T,) noise variances, of the same type and device.
    Returns float64 arrays (T, points, d) and G (T, points, d, d) with G[..., i, j] = d D_i / d x_j, equal to those of
    `jacobian.denoiser_jacobian` but for rounding.
    """
    network, d = denoiser.network, x.shape[-1]
    if type(network) is Unet and denoiser.axes is None:
        return _of_pictures(denoiser, x, t)
    if type(network) not in STEPS:
        return jacobian.denoiser_jacobian(lambda x: denoiser(x[None], t[None])[0], x)
    x = denoiser.along_axes(x[None])[0]
    skip, outer, inner = (one[0].expand(*x.shape[:2], -1) for one in denoiser.coefficients(t[None, :, None, None]))
    level = denoiser.noise(t[None])[..., None, None]
    steps, gate, outputs = STEPS[type(network)](network, (x * inner)[None], level)
    denoised = denoiser.from_axes((skip * x + outer * outputs[0])[None])[0]
    skip, outer, inner = (one.flatten(0, 1) for one in (skip, outer, inner))  # (T points, d or 1)

    gate = gate[0].expand(*x.shape[:2], -1).flatten(0, 1)
    enter = network.enter.weight[0].T.contiguous()
    leave = network.leave.weight[0].T[:, : len(enter)].contiguous()  # row i: the cotangent of output i
    gate, beside = gate[:, : len(enter)], gate[:, len(enter) :]  # of the features, and of what passes the blocks by
    G = torch.empty((len(gate), d, d), dtype=torch.float64, device=x.device)
    axes = None if denoiser.axes is None else denoiser.axes[0].double()
    at_once = max(1, (CACHE if x.device.type == "cpu" else DEVICE) // leave.numel())
    some = torch.empty((4, min(at_once, len(gate)), *leave.shape), dtype=x.dtype, device=x.device)  # and again
    last = torch.empty((len(some[0]), d, d), dtype=x.dtype, device=x.device)
    for i in (slice(start, start + at_once) for start in range(0, len(gate), at_once)):
        count = len(gate[i])
        rows, inside = some[:2, :count]
        slopes = some[2:].flatten()
        torch.mul(leave, gate[i, None], out=rows)
        for step in reversed(steps):
            step(rows, i, inside, slopes)
        torch.mm(rows.flatten(0, 1), enter, out=last[:count].flatten(0, 1))
        if beside.shape[1]:
            last[:count] += (network.leave.weight[0].T[:, len(enter) :] * beside[i, None]) @ network.past.weight[0].T
        G[i] = last[:count].mul_(outer[i, :, None] * inner[i, None])
        G[i].diagonal(dim1=1, dim2=2).add_(skip[i])
        if axes is not None:
            G[i] = axes @ G[i] @ axes.T
    return denoised.double().cpu().numpy(), G.view(*x.shape, d).cpu().numpy()


def _of_pictures(denoiser, x, t):
    """`network_jacobian` of a U-Net, point by point."""
    skip, outer, inner = (one[0].expand(len(t), 1, 1) for one in denoiser.coefficients(t[None, :, None, None]))
    outputs, jacobian_of = convolutional.linearised(denoiser.network, x * inner, denoiser.noise(t)[:, None, None])
    G = torch.empty((*x.shape, x.shape[-1]), dtype=torch.float64, device=x.device)
    for i, one in enumerate(G.flatten(0, 1)):
        level = i // x.shape[1]
        one.copy_(jacobian_of(i).mul_(outer[level] * inner[level]))
        one.diagonal().add_(skip[level, 0])
    return (skip * x + outer * outputs).double().cpu().numpy(), G.cpu().numpy()


def _slope(h):
    """Derivative of silu."""
    gate = torch.sigmoid(h)
    return gate * (1 + h * (1 - gate))


# What a family's layers do between `leave` and `enter`: (network of one member, x, level) -> (steps, gate, outputs).
# A step pulls cotangents rows (k, d, width) of the points i back through one block, in place, with two buffers
# of their size, the second one twice that. gate: (1, T, points or 1, width), of the features just before `leave`.


def _blocks(network, x, level, block, last=lambda h: (h, [])):
    """block: (k, features h, condition) -> what `mix` adds, and the step. last: features -> those that are read, and
    steps."""
    conditions, h, steps = network.conditions(level), network.enter(x), []
    for k in range(network.depth):
        inside, step = block(k, h, conditions[k])
        steps.append(step)
        h = h + network.mix[k](inside)
    h, more = last(h)
    gate = network.scale(conditions[-1]) if network.output_gate else torch.ones_like(conditions[-1])
    return [*steps, *more], gate, network.leave(h * gate)


def _gated(network, x, level, last=lambda h: (h, [])):
    def block(k, h, condition):
        values, gates = network.values[k], network.gates[k]
        value, before = values(h), gates(h) + condition
        gate, back = silu(before), torch.cat([values.weight[0].T, gates.weight[0].T])
        return value * gate, _residual(network.mix[k], (_rows(gate), _rows(value * _slope(before))), back)

    return _blocks(network, x, level, block, last)


def _bypass(network, x, level):
    return _gated(network, x, level, lambda h: (network.features(h, x), []))


def _silu(network, x, level):
    def block(k, h, condition):
        before = network.linear[k](h) + condition
        back = network.linear[k].weight[0].T.contiguous()
        return silu(before), _residual(network.mix[k], (_rows(_slope(before)),), back)

    return _blocks(network, x, level, block)


def _normed(network, x, level):
    def block(k, h, condition):
        before = network.linear[k](normed(h)) + condition
        back = network.linear[k].weight[0].T.contiguous()
        return silu(before), _residual(network.mix[k], (_rows(_slope(before)),), back, _through_norm(_rows(h)))

    return _blocks(network, x, level, block, lambda h: (normed(h), [_through_norm(_rows(h))]))


def _linear(network, x, level):
    gate = 1 + network.condition(network.embedded(level))
    return [], gate, network(x, level)


def _rows(h):
    """Features (1, T, points, width) as (T points, width)."""
    return h.flatten(0, 2)


def _residual(mix, factors, back, through_norm=None):
    """The step of h + mix(nonlinear(back(h))): its slopes are `factors`, (n, width) for each part of `back`."""
    mix = mix.weight[0].T.contiguous()

    def step(rows, i, inside, slopes):
        torch.mm(rows.flatten(0, 1), mix, out=inside.flatten(0, 1))
        if len(factors) == 1:
            slopes = inside.mul_(factors[0][i, None])
        else:
            shape = (*rows.shape[:2], len(factors), rows.shape[2])
            slopes = slopes[: math.prod(shape)].view(shape)
            for k, factor in enumerate(factors):
                torch.mul(inside, factor[i, None], out=slopes[:, :, k])
            slopes = slopes.flatten(2)
        if through_norm:
            other = torch.mm(slopes.flatten(0, 1), back).view_as(rows)
            through_norm(other, i)
            rows.add_(other)
        else:
            rows.flatten(0, 1).addmm_(slopes.flatten(0, 1), back)

    return step


def _through_norm(h):
    """The step of `normed`: y = r h, r = (mean h^2 + eps)^-1/2 has the Jacobian r (I - y y' / width)."""
    scale, unit = inverse_rms(h), normed(h)

    def step(rows, i, *_):
        y = unit[i, :, None]
        rows.baddbmm_(rows @ y, y.mT, alpha=-1 / rows.shape[-1]).mul_(scale[i, None])

    return step


STEPS = {
    Gated: _gated,
    Scaled: _gated,
    Bypass: _bypass,
    ResMLP: _silu,
    Normed: _normed,
    Paper: _silu,
    TimeLinear: _linear,
}
