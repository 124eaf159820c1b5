"""What estimates of the dimension do as data are changed: `make dimension-robustness`, a minute of one core.

change, how much of it -> rows of results/benchmarks/dimension_robustness.csv: estimates of the exact score, medians
over points, and of neighbours, beside the true dimension

- scale: data, and t with their square, times c; and data alone
- noise: white noise of known variance on the data, t in units of it
- off: points beside the manifold, at a distance in units of sqrt(t)
- step: data on a grid, t in units of step^2 / 12; their exact score is that of the grid's points
- copies: rows that occur twice, of neighbours
Run with scikit-dimension installed; without it neighbours are NaN but for local PCA.
"""

import csv
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from scoregap import data
from scoregap.measure import dimension
from scoregap.scores.base import Score
from scoregap.scores.closed import Empirical, Exact

RECORD = Path(__file__).resolve().parents[1] / "results" / "benchmarks" / "dimension_robustness.csv"
HEADS = ("change", "amount", "data", "dimension", "t", "estimator", "estimate")
D, M, POINTS, DATA_POINTS = 20, 5, 16, 1500
T = 1e-4  # of data of size 1, if nothing is said
OF_DATA = ("skdim_mle_5", "skdim_mle_20", "skdim_twonn", "skdim_lpca", "local_pca")
Row = tuple[str, float, str, int, float | str, str, float]


def made(name: str, size: float = 1.0, **settings: Any) -> Any:
    """A flat or a curved manifold of dimension M in R^D whose coordinates are about `size`."""
    std = size * np.sqrt(M / D)
    if name == "sphere":  # of radius 2 size
        return data.manifold("sphere", D, [(M, std)], 0.5, **settings)
    return data.manifold("affine", D, [(M, std)], latents="gaussian", **settings)


def of_score(score: Score, clean: np.ndarray, t: float, rng: np.random.Generator) -> dict[str, float]:
    """Medians over points of four estimators, at points as they are: `n` is the number of eigenvalues above 1/2."""
    n, d = clean.shape
    noise = np.sqrt(t) * rng.standard_normal((n, 1 + 4 * d, d))
    _, jacobian = score.jacobian(clean + noise[:, 0], t)
    values = np.linalg.eigvalsh(0.5 * (jacobian + np.swapaxes(jacobian, 1, 2)))[:, ::-1]
    around = clean[:, None] + noise[:, 1:]
    pulls = score.denoise(around.reshape(-1, d), t).reshape(around.shape) - around
    denoised, own = score.jacobian(clean, t)
    flipd = dimension.flipd(clean, denoised, np.trace(own, axis1=1, axis2=2), t)
    found = {
        "n": (values > dimension.TANGENT).sum(1),
        "final_gap": dimension.final_gap(values - 1),
        "normal_bundle_centred": dimension.normal_bundle(pulls, centred=True),
        "flipd": flipd,
    }
    return {name: float(np.median(one)) for name, one in found.items()}


def of_data(points: np.ndarray, names: tuple[str, ...] = OF_DATA) -> dict[str, float]:
    """Estimates of neighbours."""
    found = {}
    for name in names:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that copies are left out
            own = name == "local_pca"
            found[name] = (
                dimension.local_pca(points, 100, np.arange(100)) if own else float(dimension.peer(name, points))
            )
    return found


def rows(
    change: str, amount: float, name: str, found: dict[str, float], t: float | str = "", m: int = M
) -> Iterator[Row]:
    """Rows of the table."""
    for estimator, value in found.items():
        yield change, amount, name, m, t, estimator, value


def scale(sizes=(1e-6, 1e-3, 1.0, 1e3, 1e6)) -> Iterator[Row]:
    """The data's unit: nothing that is estimated may hang on it, if t goes with its square."""
    for name in ("affine", "sphere"):
        for size in sizes:
            truth, rng = made(name, size), np.random.default_rng(0)
            clean, _ = truth.sample(rng, DATA_POINTS)
            found = of_score(Exact(truth), clean[:POINTS], T * size**2, np.random.default_rng(1))
            yield from rows("scale", size, name, found, T * size**2)
            yield from rows("scale, t as it is", size, name,
                            of_score(Exact(truth), clean[:POINTS], T, np.random.default_rng(1)), T)  # fmt: skip
            yield from rows("scale", size, name, of_data(clean))


def noise(variances=(1e-6, 1e-4, 1e-2), times=(1e-2, 0.1, 1.0, 10.0, 100.0)) -> Iterator[Row]:
    """Noise on the data: above its variance the manifold is seen, below it all of R^d."""
    for name in ("affine", "sphere"):
        for variance in variances:
            truth, rng = made(name, noise=variance), np.random.default_rng(0)
            points, _ = truth.sample(rng, DATA_POINTS)
            for ratio in times:
                found = of_score(Exact(truth), points[:POINTS], ratio * variance, np.random.default_rng(1))
                yield from rows("noise", variance, name, found, ratio * variance)
            yield from rows("noise", variance, name, of_data(points))


def off(distances=(0.0, 1.0, 3.0, 10.0)) -> Iterator[Row]:
    """Points beside the manifold, at a distance of so many sqrt(t) along a normal direction."""
    for name in ("affine", "sphere"):
        truth, rng = made(name), np.random.default_rng(0)
        clean, places = truth.sample(rng, POINTS)
        normal, tangents = rng.standard_normal(clean.shape), truth.tangents(places)
        normal -= np.einsum("ndm,nem,ne->nd", tangents, tangents, normal)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        for distance in distances:
            found = of_score(Exact(truth), clean + distance * np.sqrt(T) * normal, T, np.random.default_rng(1))
            yield from rows("off", distance, name, found, T)


def step(steps=(0.05, 0.2), times=(1e-2, 0.1, 1.0, 10.0)) -> Iterator[Row]:
    """A square of side 2 in R^4 whose two coordinates are rounded: its law is that of the grid's points."""
    for size in steps:
        line = size * np.arange(-round(1 / size), round(1 / size) + 1)
        grid = np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
        points = np.concatenate([grid, np.zeros((len(grid), 2))], 1)
        inner = points[(np.abs(points) < 0.6).all(1)]
        clean = inner[np.random.default_rng(0).permutation(len(inner))[:POINTS]]
        for ratio in times:
            t = ratio * size**2 / 12
            found = of_score(Empirical(points), clean, t, np.random.default_rng(1))
            yield from rows("step", size, "square", found, t, 2)
        uniform = np.random.default_rng(2).uniform(-1, 1, (DATA_POINTS, 2))
        rounded = size * np.round(uniform / size)
        whole = np.concatenate([rounded, np.zeros((DATA_POINTS, 2))], 1)
        yield from rows("step", size, "square", of_data(whole), "", 2)


def copies(shares=(0.0, 0.01, 0.1, 0.5)) -> Iterator[Row]:
    """So many of the rows once more."""
    points, _ = made("affine").sample(np.random.default_rng(0), DATA_POINTS)
    for share in shares:
        twice = np.concatenate([points, points[: round(share * DATA_POINTS)]])
        yield from rows("copies", share, "affine", of_data(twice))


CHANGES = (scale, noise, off, step, copies)


def main() -> int:
    """Write the record."""
    if not dimension.has_peers():
        print("scikit-dimension is not installed: pip install 'scoregap[benchmark]'", file=sys.stderr)
        return 2
    with RECORD.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADS)
        for change in CHANGES:
            for *known, value in change():
                writer.writerow([f"{one:.4g}" if isinstance(one, float) else one for one in (*known, value)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
