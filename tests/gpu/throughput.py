"""How fast ensembles train on a card, against one network after another, and what fewer bits do to phase times.

draws, Jacobians and steps -> gpu-agreement.csv: how far they are from a CPU's
widths, numbers of members -> gpu-throughput.csv: ms of a step, against the loop, share of the rate of products
float32, tf32, bfloat16 -> gpu-precision.csv: phase times of networks, over those of the exact score

The loop is what anyone would write: a plain module, torch's Adam, an average over separate tensors, members in turn.
"""

import itertools
import sys
import traceback
from collections.abc import Callable

import numpy as np
import torch
from common import Part

from scoregap.measure import phases, spectra
from scoregap.networks import analytic, ensemble, schedules, training
from scoregap.networks.denoiser import Denoiser
from scoregap.networks.draws import Draws
from scoregap.networks.residual import Gated
from scoregap.networks.sources import Pushed

DIM, GROUP, DEPTH = 32, 4, 3  # two groups of latents
STDS = 1.0, 0.15
NOISE = 5e-5, 60.0
RATE = 4e-3  # of learning


class Size:
    """Of what is trained: tiny in a dry run."""

    def __init__(self, tiny: bool):
        self.widths = (8, 16) if tiny else (128, 64, 256)  # in order of value
        self.members = (1, 4) if tiny else (64, 1, 16, 4)
        self.levels, self.samples = (4, 4) if tiny else (32, 8)
        self.steps, self.seeds, self.width = (64, 2, 8) if tiny else (2816, 8, 96)
        self.times, self.points = (12, 4) if tiny else (48, 32)


def manifold() -> tuple[np.ndarray, np.ndarray]:
    """(d, m) orthonormal directions, (m,) standard deviations along them."""
    frame = np.linalg.qr(np.random.default_rng(0).standard_normal((DIM, 2 * GROUP)))[0]
    return frame, np.repeat(STDS, GROUP)


def ensemble_of(width: int, members: int, device: torch.device) -> Denoiser:
    """An untrained ensemble."""
    torch.manual_seed(0)
    stds = manifold()[1]
    network = ensemble.stack([Gated(DIM, width, DEPTH) for _ in range(members)])
    return Denoiser(network, [float(np.sqrt((stds**2).sum() / DIM))] * members, NOISE).to(device)


def batches(members: int, size: Size, device: torch.device, draws: str = "independent"):
    """Endless batches, drawn on the device."""
    frame, stds = manifold()
    factor = torch.from_numpy((frame * stds).T).float().to(device)
    pushed = [Pushed(2 * GROUP, lambda normals: in_float32(normals, factor))] * members
    quantiles = schedules.noise_quantiles(*NOISE)
    return training.batches(
        pushed, Draws(range(members), device), quantiles, size.levels, size.samples, draws=draws
    )  # fmt: skip


def in_float32(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """A product of float32, whatever else is trained with: fewer bits would move the data off the manifold."""
    before, torch.backends.cuda.matmul.allow_tf32 = torch.backends.cuda.matmul.allow_tf32, False
    found = x @ y
    torch.backends.cuda.matmul.allow_tf32 = before
    return found


def with_bfloat16(module: Denoiser) -> None:
    """Products of the loss, and so those of its gradient, take bfloat16."""
    whole, kind = module.loss, module.data_var.device.type

    def loss(*batch: torch.Tensor) -> torch.Tensor:
        with torch.autocast(kind, torch.bfloat16, cache_enabled=False):
            return whole(*batch).float()

    module.loss = loss


def ours(width: int, members: int, size: Size, device: torch.device, captured):
    """A block of steps of our training."""
    steps = training.train(
        ensemble_of(width, members, device), batches(members, size, device), 10**7, 1e-3, 0.05, 0.02,
        range(training.BLOCK, 10**7, 64 * training.BLOCK), pauses=True, captured=captured,
    )  # fmt: skip
    return lambda: next(steps)


def loop(width: int, size: Size, device: torch.device):
    """A block of steps of one network as anyone would write them, on points that are there already."""
    torch.manual_seed(0)
    network = Gated(DIM, width, DEPTH).to(device)
    denoiser = Denoiser(ensemble.stack([Gated(DIM, 1, 1)]), [1.0], NOISE).to(device)  # for its coefficients
    weights = list(network.parameters())
    averages = [weight.detach().clone() for weight in weights]
    descent = torch.optim.Adam(weights, lr=1e-3)
    clean, t, noise = next(batches(1, size, device))

    def step():
        spread = t[..., None, None]
        skip, out, inner = denoiser.coefficients(spread)
        x = clean + spread.sqrt() * noise
        found = skip * x + out * network(x * inner, denoiser.level(spread))
        loss = (denoiser.loss_weight(spread) * (found - clean).square()).mean()
        descent.zero_grad()
        loss.backward()
        descent.step()
        with torch.no_grad():
            for average, weight in zip(averages, weights, strict=True):
                average.lerp_(weight, 1e-3)

    return lambda: [step() for _ in range(training.BLOCK)]


def agreement(part: Part, size: Size) -> None:
    """Largest differences between the device and a CPU: 0 of uniform numbers and places, at most the tolerance of
    normal ones, of Jacobians the rounding of float32, and little of the loss after some blocks of steps."""

    def row(name: str, one: torch.Tensor, other: torch.Tensor) -> None:
        part.add("agreement", what=name, largest_difference=float((one.double() - other.cpu().double()).abs().max()))

    here, there = (Draws(range(4), device) for device in ("cpu", part.device))
    row("uniform numbers", *(one.uniforms("level", 5, 40, 1001) for one in (here, there)))
    row("places", *(one.places("point", 5, 40, 1001, 10**9, 2) for one in (here, there)))
    row("normal numbers", *(one.normals("noise", 5, 40, 10001, range(4)) for one in (here, there)))
    x = np.random.default_rng(0).standard_normal((2, 8, DIM))
    found = []
    for device, kind in (("cpu", torch.float64), (part.device, torch.float32)):
        module = ensemble_of(size.width, 1, torch.device(device)).to(kind).requires_grad_(False)
        for weight in module.parameters():
            if not weight.any():  # else the Jacobian is that of no network
                weight.copy_(torch.linspace(-0.1, 0.1, weight.numel(), dtype=torch.float64).view_as(weight))
        points, t = (torch.from_numpy(one).to(device, kind) for one in (x, np.array([0.01, 1.0])))
        found.append(torch.from_numpy(analytic.network_jacobian(module, points, t)[1]))
    largest = found[0].abs().max()
    row("Jacobians of float32, from float64, over the largest entry", *(one / largest for one in found))
    on_cpu = trained(size, torch.device("cpu"), None)
    row("loss after 128 steps", on_cpu, trained(size, part.device, None))


def captured_agreement(part: Part, size: Size) -> None:
    """The same of the loss, by one graph a step, from steps as they come."""
    eager, ours = (trained(size, part.device, captured) for captured in (None, training.Captured))
    far = float(np.abs(eager.numpy() - ours.numpy()).max())
    part.add("agreement", what="loss after 128 steps, captured, from eager", largest_difference=far)


def trained(size: Size, device: torch.device, captured) -> torch.Tensor:
    """(members,) losses of 128 steps of two networks."""
    module, source = ensemble_of(size.width, 2, device), batches(2, size, device)
    (last,) = training.train(module, source, 128, RATE, 0.05, 0.02, [128], captured=captured)
    return torch.from_numpy(last.recent)


def throughput(part: Part, size: Size, kind: str, rate: float, loops: dict[int, float]) -> None:
    """Every width and number of members, as steps come or as one graph each. loops: seconds of the loop by width."""
    captured = training.Captured if kind == "captured" else None
    for width, members in itertools.product(size.widths, size.members):
        if part.over:
            return
        if width not in loops:
            loops[width] = part.seconds(loop(width, size, part.device)) / training.BLOCK
        one, operations = loops[width], ensemble_of(width, 1, part.device).flops(size.levels, size.samples, DIM)
        try:
            step = part.seconds(ours(width, members, size, part.device, captured)) / training.BLOCK
            how = kind
        except Exception as error:  # of a card, on which captures have not been tried yet
            print(f"throughput: {kind}, width {width}, {members} members: {error}", flush=True)
            how, step = f"{kind}: failed", float("nan")
        part.add(
            "throughput", width=width, members=members, batch=size.levels * size.samples, steps=how,
            ms_per_step=1e3 * step, ms_of_loop=1e3 * one * members, times_faster=one * members / step,
            share_of_rate=members * operations / step / rate,
        )  # fmt: skip


def precision(part: Part, size: Size) -> None:
    """Phase times of networks that were trained with fewer bits; spectra are float32 always."""
    frame, stds = manifold()
    times = np.geomspace(1e-3, 10.0, size.times)
    rng = np.random.default_rng(1)
    clean = rng.standard_normal((size.points, 2 * GROUP)) * stds @ frame.T
    x = clean + np.sqrt(times)[:, None, None] * rng.standard_normal((size.times, size.points, DIM))
    at, levels = (torch.from_numpy(one).float().to(part.device) for one in (x, times))
    exact = phase_times(times, np.sort(-times[:, None] / (stds**2 + times[:, None]), 1)[:, None, ::-1])
    for kind in ("float32", "tf32", "bfloat16"):
        if part.over:
            return
        if kind != "float32":
            part.add("rates", kind=kind, tflops=part.rate(kind) / 1e12)
        torch.backends.cuda.matmul.allow_tf32 = kind == "tf32"
        module = ensemble_of(size.width, size.seeds, part.device)
        if kind == "bfloat16":
            with_bfloat16(module)
        steps = training.train(
            module, batches(size.seeds, size, part.device, "antithetic"), size.steps, RATE, 0.05, 0.02, [size.steps]
        )
        ends: list[training.Progress] = []
        seconds = part.once(lambda steps=steps, ends=ends: ends.extend(steps))
        torch.backends.cuda.matmul.allow_tf32 = False
        found = np.array([measured(ends[-1].averaged, i, at, levels, times) for i in range(size.seeds)]) / exact
        for name, ratios in zip(("t_max", "t_consolidation"), found.T, strict=True):
            seen = ratios[np.isfinite(ratios)]
            spread = float(seen.std(ddof=1)) if len(seen) > 1 else float("nan")
            part.add(
                "precision", kind=kind, width=size.width, seeds=size.seeds, steps=size.steps,
                ms_per_step=1e3 * seconds / size.steps, time=name, seen=len(seen),
                over_exact=float(np.mean(seen)) if len(seen) else float("nan"), spread_of_seeds=spread,
            )  # fmt: skip


def measured(averaged: Denoiser, i: int, x: torch.Tensor, t: torch.Tensor, times: np.ndarray) -> list[float]:
    """Phase times of a member."""
    alone = ensemble_of(averaged.network.enter.weight.shape[-1], 1, x.device)
    state = averaged.network.state_dict()
    alone.network.load_state_dict({name: one[i : i + 1] for name, one in state.items()})
    jacobian = analytic.network_jacobian(alone, x, t)[1]
    return phase_times(times, spectra.spectra(jacobian, 0)[0])


def phase_times(times: np.ndarray, eigenvalues: np.ndarray) -> list[float]:
    """Of eigenvalues of t J (T, points, d), descending: where the gap after the first group is widest, and where that
    after the last one falls to half."""
    padded = np.pad(eigenvalues, ((0, 0), (0, 0), (0, 1)), constant_values=-1.0)
    width = (padded[..., :-1] - padded[..., 1:]).mean(1)  # (T, d)
    widest = phases.peak(times, width[:, GROUP - 1])[0]
    return [float(widest), float(phases.crossing(times, width[:, 2 * GROUP - 1], 0.5))]


def main() -> int:
    """Everything, whatever fails before; graphs last, as a failed one may leave no use of the card."""
    part, loops, rate, failed = Part("throughput"), {}, float("nan"), 0
    size = Size(part.tiny)

    def attempted(what: str, call: Callable[[], object]) -> None:
        nonlocal failed
        try:
            call()
        except Exception:
            failed = 1
            print(f"{what} failed:\n{traceback.format_exc()}", flush=True)

    def rates() -> None:
        nonlocal rate
        rate = part.rate()
        part.add("rates", kind="float32", tflops=rate / 1e12)

    attempted("agreement", lambda: agreement(part, size))
    attempted("rates", rates)
    attempted("throughput", lambda: throughput(part, size, "eager", rate, loops))
    attempted("precision", lambda: precision(part, size))
    if part.device.type == "cuda":
        attempted("captured agreement", lambda: captured_agreement(part, size))
        attempted("captured throughput", lambda: throughput(part, size, "captured", rate, loops))
    return failed


if __name__ == "__main__":
    sys.exit(main())
