"""How near is training to the rate of matrix products? `make bench FIGURES=throughput` prints and records it.

networks of several widths, alone and in ensembles -> processor time of a step, beside that of its products alone

Ours is a step of `networks.training.train` as a study runs it: draws, gradient, Adam, averaging. The peer is the same
loss as anyone would write it: plain modules in `torch.func.vmap`, an optimiser and an average over separate tensors.
The limit is the time of the step's matrix products alone, at the same shapes. One core. Ratio to the limit: the goal is
1 / 0.7 at width 256 and 1 / 0.45 at width 64. Batches of the quickstart's size, 256, and of 1,024.
"""

import itertools

import numpy as np
import torch
from bench import Row, in_turn, record

from scoregap.networks import ensemble, schedules, training
from scoregap.networks.denoiser import Denoiser
from scoregap.networks.draws import Draws
from scoregap.networks.residual import Gated
from scoregap.networks.sources import Pushed

DIM, TANGENTS, LEVELS, DEPTH = 32, 8, 32, 3
NOISE = 5e-5, 60.0
STEPS = training.BLOCK  # of every timed call


def untrained(width: int, members: int, stacks: bool = True) -> Denoiser:
    """An ensemble, with layers of all members at once, or else by `torch.func.vmap`."""
    plain = [Gated(DIM, width, DEPTH) for _ in range(members)]
    for one in plain:
        one.stacks = stacks
    return Denoiser(ensemble.stack(plain), [1.0] * members, NOISE)


def source(members: int, samples: int):
    """Batches of the linear manifold, `samples` points at each level."""
    frame = torch.from_numpy(np.random.default_rng(0).standard_normal((TANGENTS, DIM))).float()
    pushed = [Pushed(TANGENTS, lambda normals: normals @ frame)] * members
    return training.batches(pushed, Draws(range(members)), schedules.noise_quantiles(*NOISE), LEVELS, samples)


def ours(width: int, members: int, samples: int):
    """STEPS steps of our training."""
    steps = training.train(
        untrained(width, members), source(members, samples), 10**6, 1e-3, 0.05, 0.02, range(0, 10**6, STEPS)
    )
    return lambda: next(steps)


def eager(width: int, members: int, samples: int):
    """STEPS steps as anyone would write them."""
    denoiser, batches = untrained(width, members, stacks=False), source(members, samples)
    weights = list(denoiser.parameters())
    averages = [weight.detach().clone() for weight in weights]
    descent = torch.optim.Adam(weights, lr=1e-3)

    def step():
        clean, t, noise = next(batches)
        spread = t[..., None, None]
        error = (denoiser(clean + spread.sqrt() * noise, t) - clean).square()
        loss = (denoiser.loss_weight(spread) * error).mean((1, 2, 3)).sum()
        descent.zero_grad()
        loss.backward()
        descent.step()
        with torch.no_grad():
            for average, weight in zip(averages, weights, strict=True):
                average.lerp_(weight, 1e-3)

    return lambda: [step() for _ in range(STEPS)]


def products(width: int, members: int, samples: int):
    """The matrix products of STEPS steps: forward, gradient of the weights, and of the inputs where one is needed."""
    work = []
    for name, layer in untrained(width, members).network.named_modules():
        if isinstance(layer, ensemble.StackedLinear):
            rows = LEVELS if name in ("embed", "condition") else LEVELS * samples  # those see the noise alone
            weight = layer.weight.detach()
            x, slope = torch.randn(members, rows, weight.shape[1]), torch.randn(members, rows, weight.shape[2])
            outs = torch.empty_like(slope), torch.empty_like(weight), torch.empty_like(x)
            work.append((x, slope, weight, outs, name in ("embed", "enter")))

    def step():
        for x, slope, weight, (y, in_weight, in_x), first in work:
            torch.bmm(x, weight, out=y)
            torch.bmm(x.mT, slope, out=in_weight)
            if not first:
                torch.bmm(slope, weight.mT, out=in_x)

    return lambda: [step() for _ in range(STEPS)]


def main() -> None:
    """Every width alone and in ensembles."""
    torch.set_num_threads(1)
    rows = []
    for width, samples in itertools.product((64, 128, 256), (8, 32)):
        for members in (1, 4):
            one = width, members, samples
            times = in_turn(ours(*one), eager(*one), products(*one), rounds=3)
            many = f"{members} member{'s' * (members > 1)}"
            case = f"step of gated-{width}, batch {LEVELS * samples}, {many}, ms per member"
            rows.append(Row(case, *(1e3 * time / STEPS / members for time in times), unit="ms"))
    record(
        "throughput",
        rows,
        peer="plain modules by torch.func.vmap, torch's Adam",
        limit="the step's matrix products alone",
    )


if __name__ == "__main__":
    main()
