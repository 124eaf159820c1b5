"""Exact Jacobians and spectra of networks -> seconds, beside a loop over points and the arithmetic they contain.

Peer: torch.autograd.functional.jacobian, one point at a time, measured on 4 points. Limit: the d products of every
point back through the network, as matrix products of the same shapes; with decompositions LAPACK's own time.

At larger d a few eigenvalues may be enough. There the peer is the whole spectrum, and errors are the largest of the
leading eigenvalues of the symmetric part of G, of which all but 40 are near 0.
"""

import bench
import numpy as np
import torch

from scoregap.measure import lanczos, spectra
from scoregap.networks import analytic, ensemble, jacobian
from scoregap.networks.denoiser import Denoiser

CASES = (("gated-256", 100, 32), ("gated-128", 100, 32), ("gated-64", 32, 256), ("resmlp-128", 100, 32))
LARGE = (100, 300, 784, 3072)
SOME, TANGENT, WIDTH = 4, 40, 256
T = 0.3


def network(name, d, preconditioning="edm"):
    """A network with random weights everywhere."""
    g = torch.Generator().manual_seed(0)
    module = Denoiser(ensemble.build(name, [0], d, 3), [1.0], (1e-4, 30.0), preconditioning)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.02 * torch.randn(parameter.shape, generator=g)
    return module.requires_grad_(False)


def products(module, rows):
    """A function that makes `rows` cotangents pass every layer that sees the points, and nothing else."""
    layers = {
        name: layer.weight[0]
        for name, layer in module.network.named_modules()
        if isinstance(layer, ensemble.StackedLinear)
    }
    weights = [w.T.contiguous() for name, w in layers.items() if name not in ("embed", "condition")]  # see the noise
    arrays = {w.shape: (torch.randn(rows, len(w)), torch.empty(rows, w.shape[1])) for w in weights}

    def run():
        for w in weights:
            torch.mm(arrays[w.shape][0], w, out=arrays[w.shape][1])

    return run


def exact(name, d, points) -> list[bench.Row]:
    """Jacobians of one network at one time."""
    module, t = network(name, d), torch.tensor([T])
    x = torch.randn(1, points, d, generator=torch.Generator().manual_seed(1))

    def loop():
        for one in x[0, :SOME]:
            torch.autograd.functional.jacobian(lambda y: module(y[None, None, None], t[None])[0, 0, 0], one)

    def vectorised():
        jacobian.denoiser_jacobian(lambda y: module(y[None], t[None])[0], x)

    matrices = analytic.network_jacobian(module, x, t)[1]
    scaled = matrices - np.eye(d)
    symmetric = 0.5 * (scaled + np.swapaxes(scaled, -1, -2))

    def lapack():
        np.linalg.eigh(symmetric)
        np.linalg.svd(scaled, compute_uv=False)

    ours, whole, automatic, one, least, decomposed = bench.in_turn(
        lambda: analytic.network_jacobian(module, x, t),
        lambda: spectra.spectra(analytic.network_jacobian(module, x, t)[1]),
        vectorised, loop, products(module, points * d), lapack, rounds=5,
    )  # fmt: skip
    what, peer = f"{name}, d {d}, {points} points", one * points / SOME
    return [
        bench.Row(f"Jacobians of {what}", ours, peer, least),
        bench.Row("  by automatic differentiation, vectorised", automatic, peer, least),
        bench.Row("  Jacobians and decompositions", whole, peer + decomposed, least + decomposed),
    ]


def large(d) -> list[bench.Row]:
    """The leading eigenvalues at one point: exactly, by Lanczos and by a randomised range finder."""
    module, rng, count = network(f"gated-{WIDTH}", d, "x0"), np.random.default_rng(0), TANGENT + 1
    columns = min(d, WIDTH)
    frame = np.linalg.qr(rng.standard_normal((d, columns)))[0]
    levels = np.concatenate([rng.uniform(0.8, 1.0, TANGENT), rng.uniform(0.0, 0.02, columns - TANGENT)])
    one = module.network
    one.enter.weight[0, :, :columns] = torch.tensor(frame)
    one.leave.weight[0, :columns] = torch.tensor((frame * levels).T)
    for mix in one.mix:
        mix.weight *= 0.1
    one.condition.weight[..., -WIDTH:] = one.condition.bias[..., -WIDTH:] = 0.0
    x, t = torch.randn(1, 1, d, generator=torch.Generator().manual_seed(1)), torch.tensor([T])
    forward, back = jacobian.products(lambda y: module(y[None], t[None])[0][0], x[0, 0])
    evaluations = 0

    def product(rows):
        nonlocal evaluations
        evaluations += len(rows)
        return 0.5 * (forward(rows) + back(rows))

    def whole():
        g = analytic.network_jacobian(module, x, t)[1][0, 0]
        return np.linalg.eigvalsh(0.5 * (g + g.T))[::-1]

    def krylov():
        return lanczos.extreme(product, d, count, np.random.default_rng(1), tolerance=1e-4)[0]

    def randomised():  # Halko, Martinsson and Tropp 2011: two power iterations, ten vectors more than wanted
        rows = np.random.default_rng(1).standard_normal((min(d, count + 10), d))
        for _ in range(3):
            rows = np.linalg.qr(product(rows).T)[0].T
        return np.linalg.eigvalsh(rows @ product(rows).T)[::-1]

    def counted():
        return lanczos.quadrature(product, d, 8, 24, np.random.default_rng(1)).count_above(0.5)[0]

    true = whole()
    taken = bench.in_turn(whole, krylov, randomised, counted, rounds=1)
    rows = [bench.Row(f"d {d}, 1 point: all eigenvalues", taken[0])]
    for name, method, seconds in (("Lanczos", krylov, taken[1]), ("randomised", randomised, taken[2])):
        evaluations = 0
        error = np.abs(method()[:count] - true[:count]).max()
        rows.append(
            bench.Row(f"  {name}, {count} eigenvalues, {evaluations} products, error {error:.0e}", seconds, taken[0])
        )
    number = counted()
    rows.append(
        bench.Row(f"  how many above 1/2 ({(true > 0.5).sum()}): {number:.1f} by quadrature", taken[3], taken[0])
    )
    return rows


def main() -> None:
    """Measure and record."""
    torch.set_num_threads(1)
    rows = [row for case in CASES for row in exact(*case)]
    rows += [row for d in LARGE for row in large(d)]
    bench.record("spectra", rows, "a loop over points, or all eigenvalues", "the matrix products and LAPACK alone")


if __name__ == "__main__":
    main()
