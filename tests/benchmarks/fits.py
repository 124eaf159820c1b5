"""Fits and exact posteriors: cells like those of the quickstart study -> seconds per 1,000 cells; arcs -> seconds.

Peer of fits: scipy's curve_fit of the same model to the mean curve and to 200 bootstrap means of every gap, measured on
20 of them. Peer of posteriors: scipy's quad_vec of the moments of every plane, measured on 20 of them.
Limit: 20 s per 1,000 cells, and 2 s for 64 times x 32 points x 40 planes, on one core.
"""

import re
import tempfile
import time
from pathlib import Path

import bench
import numpy as np
from scipy.integrate import quad_vec
from scipy.optimize import curve_fit

from scoregap import data
from scoregap.measure import gaps
from scoregap.stages import fit, spectrum
from scoregap.study import load
from scoregap.trained import Trained

SOME = 20
TIMES, POINTS, PLANES = 64, 32, 40


def model(t, p, q, r):
    """Width of a gap between two variances, parameters in logarithms."""
    return 1 / ((np.sqrt(np.exp(p) * t) - np.sqrt(np.exp(q) / t)) ** 2 + np.exp(r))


def fits() -> bench.Row:
    """1,000 cells of the quickstart study, exact score, with intervals."""
    text = (bench.ROOT / "workflow" / "studies" / "quickstart.yaml").read_text()
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "cells.yaml"
        study.write_text(re.sub(r"network: \[.*\]", "network: [exact]", text))
        cells = [cell for job in load(study).jobs.values() for cell in job.cells]
        found = [spectrum.measure(cell, Trained(study)) for cell in cells]

    def scipy():
        rng, cell, one = np.random.default_rng(0), cells[3], found[3]
        t = cell.spectrum.times.values
        width = gaps.widths(one["eigenvalue"].astype(float), cell.truth().boundaries)[..., 0]
        for _ in range(SOME):
            mean = width[:, rng.integers(width.shape[1], size=width.shape[1])].mean(1)
            curve_fit(model, t, mean, (0.0, -4.0, 0.0), maxfev=5000)

    ours, peer = bench.in_turn(lambda: [fit.fit(*one) for one in zip(cells, found, strict=True)], scipy, rounds=5)
    curves = sum((1 + cell.fit.resamples) * cell.gaps for cell in cells) / len(cells)
    return bench.Row("fits of 1,000 cells", 1000 * ours / len(cells), 1000 * peer / SOME * curves, 20.0)


def posteriors() -> list[bench.Row]:
    """The exact posterior of arcs at all times and points: mean and spectrum, and the matrices of G too."""
    arcs = data.manifold(
        "arcs", ambient_dim=100, groups=[(PLANES // 2, 1.0), (PLANES // 2, 0.15)], curvature=0.5, seed=0
    )
    rng, t = np.random.default_rng(0), np.repeat(np.geomspace(1e-4, 30, TIMES), POINTS)
    clean, _ = arcs.sample(rng, TIMES * POINTS)
    noisy = clean + np.sqrt(t)[:, None] * rng.standard_normal(clean.shape)
    s, kappa = arcs.scales[0], arcs.kappas[0]

    def scipy():
        for level in t[:: len(t) // SOME][:SOME]:
            y = np.sqrt(level) * rng.standard_normal(2)

            def moments(z, y=y, level=level):
                a = np.array([np.sin(kappa * z), 1 - np.cos(kappa * z)]) / kappa
                density = np.exp(-0.5 * (z / s) ** 2 - 0.5 * ((y - a) ** 2).sum() / level)
                return density * np.array([1.0, *a, a[0] * a[0], a[0] * a[1], a[1] * a[1]])

            quad_vec(moments, -12 * s, 12 * s, points=[y[0]], epsrel=1e-10)

    ours, matrices, peer = bench.in_turn(
        lambda: arcs.exact(noisy, t).spectrum(), lambda: arcs.exact(noisy, t).jacobian, scipy, rounds=3
    )
    peer *= TIMES * POINTS * PLANES / SOME
    return [
        bench.Row("posteriors of arcs, mean and spectrum", ours, peer, 2.0),
        bench.Row("posteriors of arcs, with all matrices", matrices, peer, 2.0),
    ]


def main() -> None:
    """Measure and record."""
    began = time.perf_counter()
    rows = [fits(), *posteriors()]
    bench.record("fits", rows, "scipy, one curve or plane at a time", "what the project promises")
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
