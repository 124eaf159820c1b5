"""Exact Jacobians and spectra on a card: against the rate of products, the CPU, and where to decompose.

dimensions -> gpu-jacobians.csv: ms per point, share of the rate of products, the CPU's ms
dimensions -> gpu-decompositions.csv: ms per matrix of eigenvalues and singular values, on the card and on the host
"""

import numpy as np
import torch
from common import Part
from torch.utils.flop_counter import FlopCounterMode

from scoregap.networks import analytic, ensemble
from scoregap.networks.denoiser import Denoiser
from scoregap.networks.residual import Gated

WIDTH, DEPTH = 128, 3
NOISE = 5e-5, 60.0
MOST = 2**28  # numbers of all Jacobians that are made at once
CPU = torch.device("cpu")


def in_place(_, one, other, **__) -> int:
    """Operations of `addmm_`, of the shapes of its matrices: torch's own counter does not know it."""
    return 2 * one[0] * one[1] * other[1]


def network(dim: int, device: torch.device) -> Denoiser:
    """An untrained network, whose last weights are not 0: those of a trained one take as long."""
    torch.manual_seed(0)
    found = Denoiser(ensemble.stack([Gated(dim, WIDTH, DEPTH)]), [1.0], NOISE).requires_grad_(False)
    for weight in found.parameters():
        if not weight.any():
            weight.normal_(std=0.1)
    return found.to(device)


def jacobians(dim: int, points: int, device: torch.device):
    """A call that makes the Jacobians of some points at one noise level, and what it multiplies."""
    module, t = network(dim, device), torch.full((1,), 0.1, device=device)
    x = torch.randn(1, points, dim, device=device, generator=torch.Generator(device).manual_seed(0))

    def call() -> np.ndarray:
        return analytic.network_jacobian(module, x, t)[1]

    with FlopCounterMode(display=False, custom_mapping={torch.ops.aten.addmm_: in_place}) as counter:
        call()
    return call, float(counter.get_total_flops())


def decomposed(matrices: torch.Tensor):
    """A call that makes all eigenvalues of the symmetric parts, and all singular values."""

    def call() -> None:
        torch.linalg.eigvalsh((matrices + matrices.mT) / 2)
        torch.linalg.svdvals(matrices)

    return call


def main() -> None:
    """Every dimension, the small ones first: what comes after the part's time is left out."""
    part = Part("jacobians")
    rate = part.rate()
    for dim in (8, 32) if part.tiny else (32, 100, 256, 784, 1536, 3072):
        if part.over:
            return
        points = max(1, min(4 if part.tiny else 1024, MOST // dim**2))
        call, operations = jacobians(dim, points, part.device)
        ours = part.seconds(call) / points
        few = max(1, points // 32)
        on_cpu = part.seconds(jacobians(dim, few, CPU)[0], CPU) / few
        part.add(
            "jacobians", d=dim, width=WIDTH, points=points, ms_per_point=1e3 * ours,
            share_of_rate=operations / points / ours / rate, cpu_ms_per_point=1e3 * on_cpu,
            cpu_threads=torch.get_num_threads(), times_faster=on_cpu / ours,
        )  # fmt: skip
        if part.over:
            return
        count = max(1, min(points, 64, 2**21 // dim**2))
        matrices = torch.from_numpy(call()[0, :count]).to(part.device)
        there = part.seconds(decomposed(matrices)) / count
        here = float("nan") if part.over else part.seconds(decomposed(matrices.cpu()), CPU) / count
        part.add(
            "decompositions", d=dim, matrices=count, ms_on_device=1e3 * there, ms_on_host=1e3 * here,
            host_threads=torch.get_num_threads(), faster="host" if here < there else "device",
        )  # fmt: skip


if __name__ == "__main__":
    main()
