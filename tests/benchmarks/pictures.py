"""Exact Jacobians and spectra of networks of pictures at one point -> seconds and memory, beside what they contain.

Ours: `unet-32`, its Jacobian pulled back by hand. Peer: the U-Net of diffusers (UNet2DModel without attention) of about
as many weights, by automatic differentiation in reverse, as many rows at a time; measured on SOME rows. Limit: the
convolutions of all rows back through our network, and LAPACK's own time (eigenvectors of the symmetric part, singular
values). Memory: of a process that makes one Jacobian, less that of one which makes none; limit: G and its eigenvectors.
"""

import subprocess
import sys

import bench
import numpy as np
import torch
from torch.nn.functional import conv2d

from scoregap.measure import spectra
from scoregap.networks import analytic, convolutional, ensemble
from scoregap.networks.denoiser import Denoiser

CASES = (("unet-16", (28, 28)), ("unet-32", (28, 28)), ("unet-32", (32, 32, 3)))
SOME, T = 64, 0.3
MEASURE = """
import sys
import pictures
name, shape, made = sys.argv[1], tuple(map(int, sys.argv[2].split("x"))), sys.argv[3] == "made"
module, x, t = pictures.network(name, shape)
pictures.spectra.spectra(pictures.analytic.network_jacobian(module, x, t)[1]) if made else module(x[None], t[None])
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


def network(name, shape):
    """A network with random weights everywhere, a point and its noise variance."""
    g, d = torch.Generator().manual_seed(0), int(np.prod(shape))
    module = Denoiser(ensemble.build(name, [0], d, 1, shape), [1.0], (1e-4, 30.0))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.02 * torch.randn(parameter.shape, generator=g)
    return module.requires_grad_(False), torch.randn(1, 1, d, generator=g), torch.tensor([T])


def convolutions(module, shape):
    """A function that takes all rows of a Jacobian back through the convolutions, and does nothing else."""
    kernels = {name: one[0] for name, one in module.network.named_parameters() if one.dim() == 5}
    height, width = module.network.picture[:2]
    d, rows = int(np.prod(shape)), convolutional.ROWS
    calls = []
    for name, kernel in kernels.items():
        fold = 4 if name.startswith(("shrink", "middle", "widen")) else 2
        back = kernel.flip(2, 3).transpose(0, 1).contiguous()
        calls.append((torch.randn(rows, len(kernel), height // fold, width // fold), back))

    def run():
        for _ in range(d // rows + (d % rows > 0)):
            for h, kernel in calls:
                conv2d(h, kernel, padding=kernel.shape[-1] // 2)

    return run


def of_diffusers(shape, weights):
    """(function that makes SOME rows of its Jacobian, its weights): a U-Net of diffusers of about as many weights."""
    from diffusers import UNet2DModel

    height, width, colours = (*shape, 1)[:3]
    best = None
    for channels in range(8, 80, 8):
        blocks = {"down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2}
        sizes = {"block_out_channels": (channels, 2 * channels), "norm_num_groups": 8, "layers_per_block": 1}
        one = UNet2DModel(
            sample_size=(height, width),
            in_channels=colours,
            out_channels=colours,
            add_attention=False,
            **sizes,
            **blocks,
        )
        count = sum(parameter.numel() for parameter in one.parameters())
        if best is None or abs(count - weights) < abs(best[1] - weights):
            best = one.eval().requires_grad_(False), count
    model, count = best
    x, t = torch.randn(1, colours, height, width), torch.tensor([10.0])
    basis = torch.eye(x.numel())[:SOME].reshape(SOME, *x.shape)

    def rows():
        back = torch.func.vjp(lambda y: model(y, t).sample, x)[1]
        torch.func.vmap(lambda one: back(one)[0], chunk_size=convolutional.ROWS)(basis)

    return rows, count


def peak(name, shape) -> float:
    """Peak memory of one Jacobian and its spectra, bytes."""
    asked, here = [sys.executable, "-c", MEASURE, name, "x".join(map(str, shape))], bench.ROOT / "tests" / "benchmarks"
    with_it, without = (
        1024.0 * int(subprocess.run([*asked, how], capture_output=True, text=True, check=True, cwd=here).stdout)
        for how in ("made", "not")
    )
    return with_it - without


def measured(name, shape) -> list[bench.Row]:
    """One network at one shape of pictures."""
    module, x, t = network(name, shape)
    d, weights = x.shape[-1], sum(one.numel() for one in module.network.parameters())
    theirs, count = of_diffusers(shape, weights)
    jacobian = analytic.network_jacobian(module, x, t)[1][0, 0]
    scaled = jacobian - np.eye(d)

    def lapack():
        np.linalg.eigh(0.5 * (scaled + scaled.T))
        np.linalg.svd(scaled, compute_uv=False)

    ours, whole, some, least, decomposed = bench.in_turn(
        lambda: analytic.network_jacobian(module, x, t),
        lambda: spectra.spectra(analytic.network_jacobian(module, x, t)[1]),
        theirs, convolutions(module, shape), lapack, rounds=1 if d > 1000 else 3,
    )  # fmt: skip
    peer, what = some * d / SOME, " x ".join(map(str, shape))
    return [
        bench.Row(f"Jacobian of {name} ({weights} weights), {what}; diffusers' has {count}", ours, peer, least),
        bench.Row("  Jacobian and decompositions", whole, peer + decomposed, least + decomposed),
        bench.Row("  peak memory", peak(name, shape) / 2**20, None, 2 * 8 * d**2 / 2**20, "MiB"),
    ]


def main() -> None:
    """Measure and record."""
    torch.set_num_threads(1)
    rows = [row for case in CASES for row in measured(*case)]
    bench.record("pictures", rows, "diffusers' U-Net of about as many weights", "the convolutions and LAPACK alone")


if __name__ == "__main__":
    main()
