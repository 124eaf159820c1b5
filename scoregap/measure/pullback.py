"""Exact Jacobians of the project's own networks, at nearly the cost of the matrix products they contain.

(ensemble of one network, noisy points, noise variances) -> denoised points and denoiser Jacobian G = I + t J

Automatic differentiation (`scoregap.measure.jacobian`) takes 2 to 4 times the time of its products, most of it to move
cotangents to and from memory. Here one forward pass keeps the slopes of the nonlinearities, and the d rows of the
identity are pulled back through the layers for as many points at a time as fit into the cache: a block is two large
matrix products and a few multiplications in place. Other networks are differentiated automatically.
"""

import math

import torch
from torch.nn.functional import silu

from scoregap.measure import jacobian, networks

CACHE, DEVICE = 2**16, 2**26  # numbers of one buffer of cotangents, on a CPU and on a GPU


@torch.no_grad()
def network_jacobian(denoiser, x, t):
    """Denoised points and exact Jacobians of an ensemble of one `networks.Denoiser`, in the precision of x.

    x: (T, points, d) noisy points; t: (T,) noise variances, of the same type and device.
    Returns float64 arrays (T, points, d) and G (T, points, d, d) with G[..., i, j] = d D_i / d x_j, equal to those of
    `jacobian.denoiser_jacobian` but for rounding.
    """
    network, d = denoiser.network, x.shape[-1]
    blocks = BLOCKS.get(type(network))
    if blocks is None:
        return jacobian.denoiser_jacobian(lambda x: denoiser(x[None], t[None])[0], x)
    skip, outer, inner = (one.expand(x.shape[:2]).reshape(-1, 1, 1) for one in _coefficients(denoiser, t[:, None]))
    noise = t.sqrt() if network.sees_sigma else denoiser.level(t[None])[0]
    seen, condition = x.reshape(-1, d) * inner[..., 0], network.condition(network.embedded(noise[None]))[0]
    condition = condition[:, None].expand(-1, x.shape[1], -1).reshape(len(seen), -1)

    steps, gate = blocks(network, _apply(network.enter, seen), condition)
    leave = network.leave.weight[0].T.contiguous()  # row i: the cotangent of output i
    enter = network.enter.weight[0].T.contiguous()
    factor, G = outer * inner, torch.empty((len(seen), d, d), dtype=torch.float64, device=x.device)
    at_once = max(1, (CACHE if x.device.type == "cpu" else DEVICE) // leave.numel())
    some = torch.empty((4, min(at_once, len(seen)), *leave.shape), dtype=x.dtype, device=x.device)  # and again
    last = torch.empty((len(some[0]), d, d), dtype=x.dtype, device=x.device)
    for i in (slice(start, start + at_once) for start in range(0, len(seen), at_once)):
        count = len(seen[i])
        rows, inside = some[:2, :count]
        slopes = some[2:].flatten()
        torch.mul(leave, gate[i, None], out=rows)
        for step in reversed(steps):
            step(rows, i, inside, slopes)
        torch.mm(rows.flatten(0, 1), enter, out=last[:count].flatten(0, 1))
        G[i] = last[:count].mul_(factor[i])
    G.diagonal(dim1=1, dim2=2).add_(skip[..., 0])
    return denoiser(x[None], t[None])[0].double().cpu().numpy(), G.view(*x.shape, d).cpu().numpy()


def _coefficients(denoiser, t):
    """(skip, outer, inner) of D(x, t) = skip x + outer F(inner x): as `networks.Denoiser` has them."""
    v = denoiser.data_var.flatten()
    if denoiser.preconditioning == "edm":
        return v / (t + v), (t * v / (t + v)).sqrt(), (t + v).rsqrt()
    inner = (v * (1 + t) if denoiser.schedule == "vp" else v).rsqrt()
    if denoiser.preconditioning == "epsilon":
        return torch.ones_like(t), -t.sqrt(), inner
    return torch.zeros_like(t), v.sqrt(), inner


def _apply(layer, h):
    """A `networks.Linear` of one member on features (n, inputs)."""
    return torch.addmm(layer.bias[0], h, layer.weight[0])


def _slope(h):
    """Derivative of silu."""
    gate = torch.sigmoid(h)
    return gate * (1 + h * (1 - gate))


# What the blocks of a family do: (network, features after `enter` (n, width), condition (n, ...)) -> (steps, gate).
# A step pulls cotangents rows (k, d, width) of the points i back through one block, in place, with two buffers
# of their size, the second one twice that. gate: (n, width), of the features just before `leave`.


def _gated(network, h, condition):
    steps, (*conditions, gate) = [], condition.chunk(network.depth + 1, -1)
    for values, gates, mix, one in zip(network.values, network.gates, network.mix, conditions, strict=True):
        value, opening = _apply(values, h), _apply(gates, h) + one
        factors = silu(opening), value * _slope(opening)
        h = h + _apply(mix, value * factors[0])
        both = torch.cat([values.weight[0].T, gates.weight[0].T])
        steps.append(_residual(mix, factors, both))
    return steps, 1 + gate


def _silu(network, h, condition, normalise=False):
    steps, conditions = [], condition.chunk(network.depth + network.output_gate, -1)
    for linear, mix, one in zip(network.linear, network.mix, conditions, strict=False):
        seen = networks.normed(h) if normalise else h
        inside = _apply(linear, seen) + one
        steps.append(
            _residual(mix, (_slope(inside),), linear.weight[0].T.contiguous(), (h, seen) if normalise else None)
        )
        h = h + _apply(mix, silu(inside))
    if normalise:
        steps.append(_through_norm(h, networks.normed(h)))
    return steps, 1 + conditions[-1] if network.output_gate else torch.ones_like(h)


def _normed(network, h, condition):
    return _silu(network, h, condition, normalise=True)


def _linear(network, h, condition):
    return [], 1 + condition


def _residual(mix, factors, back, norm=None):
    """The step of h + mix(nonlinear(back(h))): its slopes are `factors`, (n, width) for each part of `back`."""
    mix, through_norm = mix.weight[0].T.contiguous(), _through_norm(*norm) if norm else None

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


def _through_norm(h, normed):
    """The step of `networks.normed`: y = r h, r = (mean h^2 + eps)^-1/2 has the Jacobian r (I - y y' / width)."""
    scale = torch.rsqrt(h.square().mean(-1, keepdim=True) + 1e-6)

    def step(rows, i, *_):
        y = normed[i, :, None]
        rows.baddbmm_(rows @ y, y.mT, alpha=-1 / rows.shape[-1]).mul_(scale[i, None])

    return step


BLOCKS = {
    networks.Gated: _gated,
    networks.ResMLP: _silu,
    networks.Normed: _normed,
    networks.Paper: _silu,
    networks.TimeLinear: _linear,
}
