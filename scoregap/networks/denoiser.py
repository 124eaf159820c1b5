"""Networks as denoisers: preconditioning, noise as they are told it, and the loss of training.

(stacked members, scale of their data) -> D(x, t) = c_skip x + c_out F(c_in x, level), and its denoising loss
"""

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from scoregap.networks import ensemble, schedules
from scoregap.networks.covariance import Axes


class Denoiser(nn.Module):
    """An ensemble of networks F as denoisers D(x, t) = c_skip x + c_out F(c_in x, level).

    network: of `ensemble.stack`. data_std: (members,) root mean variance v per coordinate. noise_range: variances t
    that `schedules.level` maps to [-1, 1]. preconditioning (Karras et al. 2022, Table 1):

    edm      c_skip = v / (t + v), c_out = sqrt(t v / (t + v))
    epsilon  D = x - sqrt(t) F: the network predicts the noise
    x0       D = sqrt(v) F: the network predicts the clean point
    covariance   edm along each principal axis of the data, whose variance there is v (theory.md 8): with V the axes, D
             is V (c_skip V' x + c_out F(c_in V' x)). Directions in which the data have no variance are neither shown to
             the network nor changed by it: D is 0 there. Where F is 0 (a fresh network of ours) D is the posterior mean
             of the Gaussian with that covariance: all linear is known, and what is learned is the rest.

    axes: of every member, for covariance. own_below: noise variance (`loss_weight`).

    c_in = 1 / sqrt(t + v) for all: what a network sees is of unit variance at every noise level and in any units of the
    data. Gated blocks multiply features by features, so larger inputs would explode in them. A recipe that has its
    network see the variance-exploding point itself says so by `sees_exploding = True` on the network's class: for
    epsilon and x0 under the schedule ve its c_in is 1 / sqrt(v).
    """

    data_var: torch.Tensor  # (members, 1, 1, 1); along every axis, (members, 1, 1, dim), 1 where there is none
    axes: torch.Tensor | None  # (members, dim, dim) the axes as columns, then columns of 0
    present: torch.Tensor | None  # (members, 1, 1, dim) 1 for every axis, 0 where there is none

    def __init__(
        self, network, data_std, noise_range, preconditioning="edm", schedule="ve", axes: Sequence[Axes] | None = None,
        own_below=0.0,
    ):  # fmt: skip
        super().__init__()
        self.network = network
        if (preconditioning == "covariance") != (axes is not None):
            raise ValueError(f"axes: {axes!r} is not allowed: the preconditioning covariance needs them, no other does")
        self.register_buffer("data_var", torch.as_tensor(data_std, dtype=torch.float32)[:, None, None, None] ** 2)
        self.register_buffer("axes", None)
        self.register_buffer("present", None)
        if axes is not None:
            self._take(axes)
        self.noise_range = noise_range
        self.preconditioning = preconditioning
        self.schedule = schedule
        self.own_below = own_below

    def _take(self, axes: Sequence[Axes]) -> None:
        dim = len(axes[0].directions)
        columns = torch.zeros(len(axes), dim, dim)
        variances, present = torch.ones(len(axes), 1, 1, dim), torch.zeros(len(axes), 1, 1, dim)
        for i, (directions, along) in enumerate(axes):
            columns[i, :, : len(along)] = torch.as_tensor(directions)
            variances[i, ..., : len(along)] = torch.as_tensor(along)
            present[i, ..., : len(along)] = 1
        self.axes, self.data_var, self.present = columns, variances, present

    def along_axes(self, x: torch.Tensor) -> torch.Tensor:
        """Points (members, levels, n, dim) in the coordinates in which preconditioning has a coefficient for each."""
        return x if self.axes is None else torch.bmm(x.flatten(1, 2), self.axes.to(x.dtype)).reshape(x.shape)

    def from_axes(self, x: torch.Tensor) -> torch.Tensor:
        """Points of those coordinates (members, levels, n, dim) where they are in space; without a share outside V."""
        return x if self.axes is None else torch.bmm(x.flatten(1, 2), self.axes.mT.to(x.dtype)).reshape(x.shape)

    def level(self, t):
        """Noise level in [-1, 1] as networks see it, like t."""
        return schedules.level(self.schedule, t, self.noise_range, torch)

    def forward(self, x, t):
        """x: (members, levels, n, dim); t: (members, levels) noise variances -> E[x0 | x], like x."""
        skip, out, inner = self.coefficients(t[..., None, None])
        x = self.along_axes(x)
        return self.from_axes(skip * x + out * self.outputs(x * inner, t))

    def outputs(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """F at what the network sees, x (members, levels, n, dim), and noise variances t (members, levels); like x."""
        return ensemble.apply(self.network, x, self.noise(t)[..., None, None])

    def loss(self, clean: torch.Tensor, noise: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """The denoising loss (members,) at clean + sqrt(t) noise.

        clean, noise: (members, levels, n, dim); t: (members, levels). It is the mean of `loss_weight` times the squared
        error, which is c_out^2 times the squared distance of F from its `target`.
        """
        spread = t[..., None, None]
        _, out, inner = self.coefficients(spread)
        clean, noise = self.along_axes(clean), self.along_axes(noise)
        x = torch.addcmul(clean, spread.sqrt(), noise).mul_(inner)
        squares = (self.outputs(x, t) - self.target(clean, noise, spread)).square()
        if self.axes is not None:  # else the product is 1
            squares = squares * (self.loss_weight(spread) * out**2)
        return squares.mean((1, 2, 3))

    def target(self, clean, noise, t):
        """What F would have to be for D to be the clean points; t: (members, levels, 1, 1)."""
        if self.preconditioning in ("edm", "covariance"):
            total = t + self.data_var
            return (t / (self.data_var * total)).sqrt() * clean - (self.data_var / total).sqrt() * noise
        return noise if self.preconditioning == "epsilon" else self.data_var.rsqrt() * clean

    def noise(self, t):
        """What the network is told of noise variances t: their level, or sigma."""
        return t.sqrt() if getattr(self.network, "sees_sigma", False) else self.level(t)

    def coefficients(self, t):
        """c_skip, c_out and c_in at noise variances t (members, levels, 1, 1); they broadcast with t."""
        total = t + self.data_var
        if self.preconditioning == "edm":
            return self.data_var / total, (t * self.data_var / total).sqrt(), total.rsqrt()
        if self.present is not None:
            return self.data_var / total, (t * self.data_var / total).sqrt() * self.present, total.rsqrt()
        exploding = self.schedule == "ve" and getattr(self.network, "sees_exploding", False)
        inner = (self.data_var if exploding else total).rsqrt()
        if self.preconditioning == "epsilon":
            return torch.ones_like(t), -t.sqrt(), inner
        return torch.zeros_like(t), self.data_var.sqrt(), inner

    def loss_weight(self, t):
        """Weight of the squared error `along_axes` at noise variances t (members, levels, 1, 1): 1 / c_out^2; like t,
        or with a number for every axis.

        One over the mean squared error of a fresh network, whose F is 0, so that its loss is one at every noise
        level. For edm that is its own weight (Karras et al. 2022); for epsilon 1 / t, the usual |F - w|^2; for x0
        1 / v, up to a constant the usual |F - x_0|^2. A weight 1 / t would give a fresh x0 network the loss v / t,
        nearly all of it at the least noise. For covariance 1 / (c_out mean c_out), the mean over all directions:
        it lies between 1 / c_out^2 of every axis' own, under which the noise of axes of far less variance than t drowns
        what can be learned along others, and one weight for all, under which those axes are learned last (what each
        costs: docs/explanation/training.md). Where t is far below `own_below`, where little is drowned, it is
        1 / c_out^2: in the place of the mean is c_out + r (mean c_out - c_out), r = t / (t + own_below). A fresh
        network's loss is there the share of directions in which the data vary.
        """
        out = self.coefficients(t)[1]
        if self.present is None:
            return out**-2
        own, mean = out + (1 - self.present), out.mean(-1, keepdim=True)
        return self.present / own / torch.lerp(own, mean, t / (t + self.own_below))

    def flops(self, levels: int, samples: int, dim: int) -> float:
        """Floating-point operations of one training step, `samples` points at each of `levels` levels.

        Those of matrix products and convolutions, forward and backward, as torch counts them for an ensemble of one:
        two per multiply-add. The rest is not counted. NaN if there are none. Leaves gradients behind.
        """
        x = self.data_var.new_zeros(len(self.data_var), levels, samples, dim)
        with FlopCounterMode(display=False) as counter:
            self.loss(x, x, x.new_full(x.shape[:2], self.noise_range[0])).sum().backward()
        return float(counter.get_total_flops()) or math.nan
