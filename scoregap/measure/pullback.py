"""Exact Jacobians of the project's own networks, at nearly the cost of the matrix products they contain.

(ensemble of one network, noisy points, noise variances) -> denoised points and denoiser Jacobian G = I + t J

Automatic differentiation (`scoregap.measure.jacobian`) takes 2 to 4 times the time of its products, most of it to move
cotangents to and from memory. Here one forward pass keeps the slopes of the nonlinearities, and the d rows of the
identity are pulled back through the layers for as many points at a time as fit into the cache: a block is two large
matrix products and a few multiplications in place. Other networks are differentiated automatically.
"""

import math

import torch

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
    if type(network) not in STEPS:
        return jacobian.denoiser_jacobian(lambda x: denoiser(x[None], t[None])[0], x)
    skip, outer, inner = (one[0].expand(*x.shape[:2], 1) for one in denoiser.coefficients(t[None, :, None, None]))
    outputs, kept = network.run((x * inner)[None], denoiser.noise(t[None]))
    denoised = skip * x + outer * outputs[0]
    skip, outer, inner = (one.reshape(-1, 1, 1) for one in (skip, outer, inner))

    steps, gate = STEPS[type(network)](network, kept)
    gate = gate[0].expand(*x.shape[:2], -1).flatten(0, 1)
    leave = network.leave.weight[0].T.contiguous()  # row i: the cotangent of output i
    enter = network.enter.weight[0].T.contiguous()
    factor, G = outer * inner, torch.empty((len(gate), d, d), dtype=torch.float64, device=x.device)
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
        G[i] = last[:count].mul_(factor[i])
    G.diagonal(dim1=1, dim2=2).add_(skip[..., 0])
    return denoised.double().cpu().numpy(), G.view(*x.shape, d).cpu().numpy()


def _slope(h):
    """Derivative of silu."""
    gate = torch.sigmoid(h)
    return gate * (1 + h * (1 - gate))


# What a family's layers do between `leave` and `enter`: (network, what its `run` has kept) -> (steps, gate).
# A step pulls cotangents rows (k, d, width) of the points i back through one block, in place, with two buffers
# of their size, the second one twice that. gate: (1, T, points or 1, width), of the features just before `leave`.


def _gated(network, kept):
    *_, conditions, blocks, _, _, _ = kept
    steps = []
    for (_, _, (value, before, gate)), values, gates, mix in zip(
        blocks, network.values, network.gates, network.mix, strict=True
    ):
        back = torch.cat([values.weight[0].T, gates.weight[0].T])
        steps.append(_residual(mix, (gate[0], (value * _slope(before))[0]), back))
    return steps, 1 + conditions[-1]


def _silu(network, kept, normalise=False):
    *_, conditions, blocks, last, _, _ = kept
    steps = []
    for (h, _, before), linear, mix in zip(blocks, network.linear, network.mix, strict=True):
        norm = _through_norm(h[0]) if normalise else None
        steps.append(_residual(mix, (_slope(before)[0],), linear.weight[0].T.contiguous(), norm))
    if normalise:
        steps.append(_through_norm(last[0]))
    return steps, 1 + conditions[-1] if network.output_gate else torch.ones_like(conditions[-1])


def _normed(network, kept):
    return _silu(network, kept, normalise=True)


def _linear(network, kept):
    return [], kept[3]


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
    """The step of `networks.normed`: y = r h, r = (mean h^2 + eps)^-1/2 has the Jacobian r (I - y y' / width)."""
    scale, normed = networks.inverse_rms(h), networks.normed(h)

    def step(rows, i, *_):
        y = normed[i, :, None]
        rows.baddbmm_(rows @ y, y.mT, alpha=-1 / rows.shape[-1]).mul_(scale[i, None])

    return step


STEPS = {
    networks.Gated: _gated,
    networks.ResMLP: _silu,
    networks.Normed: _normed,
    networks.Paper: _silu,
    networks.TimeLinear: _linear,
}
