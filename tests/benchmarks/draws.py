"""What the numbers of training cost: `make bench FIGURES=draws` prints and records it.

a step's batch -> processor time of its draws by counters, beside numpy's generators and a twentieth of the step

Ours are the batches of `networks.training.batches` from a linear manifold. The peer draws as many by the generators of
numpy (PCG64, ziggurat). The limit is 5 % of a step of training with its draws. Three members on one core.
"""

from typing import NamedTuple

import numpy as np
import torch
from bench import Row, in_turn, record

from scoregap.networks import ensemble, schedules, training
from scoregap.networks.denoiser import Denoiser
from scoregap.networks.draws import Draws
from scoregap.networks.sources import Pushed

MEMBERS, LEVELS, SAMPLES, TANGENTS = 3, 32, 8, 8
NOISE = 5e-5, 60.0


class Case(NamedTuple):
    """A network and its batch."""

    network: str
    dim: int
    draws: str


CASES = Case("scaled-96", 32, "antithetic"), Case("gated-128", 100, "independent")


def frame(dim: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((TANGENTS, dim))


def ours(case: Case):
    """Endless batches by counters."""
    factor = torch.from_numpy(frame(case.dim)).float()
    pushed = [Pushed(TANGENTS, lambda normals: normals @ factor)] * MEMBERS
    quantiles = schedules.noise_quantiles(*NOISE)
    return training.batches(pushed, Draws(range(MEMBERS)), quantiles, LEVELS, SAMPLES, draws=case.draws)


def peers(case: Case):
    """A block of batches by numpy."""
    generators, factor = [np.random.default_rng(i) for i in range(MEMBERS)], frame(case.dim)
    pairs = case.draws == "antithetic"
    shape = (training.BLOCK, LEVELS, SAMPLES // 2 if pairs else SAMPLES)
    quantiles = schedules.noise_quantiles(*NOISE)

    def block():
        clean = [(g.standard_normal((np.prod(shape), TANGENTS)) @ factor).reshape(*shape, -1) for g in generators]
        strata = [(np.arange(LEVELS) + g.random(shape[:2])) / LEVELS for g in generators]
        noise = [g.standard_normal((*shape, case.dim), dtype=np.float32) for g in generators]
        t = np.stack([schedules.variance("ve", np.interp(u, *quantiles)) for u in strata], 1)
        if pairs:
            clean, noise = [np.tile(x, (1, 1, 2, 1)) for x in clean], [np.concatenate([w, -w], 2) for w in noise]
        whole = np.stack(clean, 1), t, np.stack(noise, 1)
        for batch in zip(*whole, strict=True):
            _ = [torch.from_numpy(part.astype(np.float32)) for part in batch]

    return block


def step(case: Case):
    """A block of steps of training, draws included."""
    network = ensemble.build(case.network, range(MEMBERS), case.dim, 3)
    steps = training.train(
        Denoiser(network, [1.0] * MEMBERS, NOISE), ours(case), 10**6, 1e-3, 0.05, 0.02, range(0, 10**6, training.BLOCK)
    )
    return lambda: next(steps)


def main() -> None:
    """Every case."""
    torch.set_num_threads(1)
    rows = []
    for case in CASES:
        source = ours(case)
        block = lambda source=source: [next(source) for _ in range(training.BLOCK)]  # noqa: E731
        times = in_turn(block, peers(case), step(case), rounds=5)
        one, other, whole = (1e6 * time / training.BLOCK / MEMBERS for time in times)
        rows.append(Row(f"{case.network}, d = {case.dim}, {case.draws}", one, other, 0.05 * whole, "us"))
    record("draws", rows, peer="generators of numpy", limit="5 % of a step", device="cpu")


if __name__ == "__main__":
    main()
