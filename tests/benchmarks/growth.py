"""How costs grow with the size of a study -> seconds against d, m, width, points, times and cells, with slopes.

One log-log panel per size, saved as results/benchmarks/growth.svg. Every curve has beside it what its arithmetic,
counted and not measured, makes of its last time; the table has both slopes, between the second and the largest size.
Limit (and peer, there being nothing else to compare with): the slope of the arithmetic.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import bench
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch

from scoregap import data
from scoregap.measure import spectra
from scoregap.networks import analytic, ensemble
from scoregap.networks.denoiser import Denoiser
from scoregap.stages import fit, spectrum
from scoregap.study import load
from scoregap.trained import Trained

SIZES = {
    "d": (16, 32, 64, 128, 256),
    "m": (4, 8, 16, 32, 64),
    "width": (32, 64, 128, 256, 512),
    "points": (4, 8, 16, 32, 64),
    "times": (12, 24, 48, 96, 192),
    "cells": (1, 2, 4, 8, 16),
}
STUDY = """\
study: growth
axes: {{family: [linear], ambient_dim: [{d}], manifold_dim: [{m}], curvature: [0.0], network: [exact], seed: {cells}}}
manifold: {{groups: [{{fraction: 0.5, std: 1.0}}, {{fraction: 0.5, std: 0.15}}]}}
spectrum: {{times: {{start: 1.0e-4, stop: 30.0, count: {times}}}, points: {points}}}
compare:
  flat: {{t_open: 0.15, t_max: 0.05, t_close: 0.15, t_consolidation: 0.10}}
  curved: {{t_open: 0.25, t_max: 0.10, t_close: 0.25, t_consolidation: 0.25}}
"""


@dataclass
class Size:
    """A study, as sizes; DEPTH blocks."""

    d: int = 64
    m: int = 8
    width: int = 128
    points: int = 8
    times: int = 24
    cells: int = 1


DEPTH = 3


class Cost(NamedTuple):
    """A cost: (size) -> a function to time; its arithmetic, operations at a size; the sizes that it depends on."""

    name: str
    prepare: object
    arithmetic: object
    of: str


def jacobians(size):
    """Exact Jacobians of a gated network at all times and points."""
    g = torch.Generator().manual_seed(0)
    network = ensemble.build(f"gated-{size.width}", [0], size.d, DEPTH)
    module = Denoiser(network, [1.0], (1e-4, 30.0)).requires_grad_(False)
    t, x = torch.linspace(0.01, 3, size.times), torch.randn(size.times, size.points, size.d, generator=g)
    return lambda: [analytic.network_jacobian(module, x, t) for _ in range(size.cells)]


def decompositions(size):
    """Spectra of Jacobians at all times and points."""
    matrices = np.random.default_rng(0).standard_normal((size.times * size.points, size.d, size.d))
    return lambda: [spectra.spectra(matrices) for _ in range(size.cells)]


def posteriors(size):
    """Mean and spectrum of the exact score of arcs at all times and points."""
    half = size.m // 2
    arcs = data.manifold("arcs", ambient_dim=2 * size.d, groups=[(half, 1.0), (half, 0.15)], curvature=0.5, seed=0)
    rng, t = np.random.default_rng(0), np.repeat(np.geomspace(1e-4, 30, size.times), size.points)
    noisy = arcs.sample(rng, len(t))[0] + np.sqrt(t)[:, None] * rng.standard_normal((len(t), 2 * size.d))
    return lambda: [arcs.exact(noisy, t).spectrum() for _ in range(size.cells)]


def fits(size):
    """Gap widths, phase times and intervals."""
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "growth.yaml"
        study.write_text(STUDY.format(**vars(size)))
        cells = [cell for job in load(study).jobs.values() for cell in job.cells]
        found = [spectrum.measure(cell, Trained(study)) for cell in cells]
    rng = np.random.default_rng(0)
    for one in found:  # points differ, as those of networks and curved manifolds do
        noise = 0.02 * rng.standard_normal(one["eigenvalue"].shape)
        one["eigenvalue"] = -np.sort(-one["eigenvalue"] - noise * (1 + one["eigenvalue"]), axis=-1)
    return lambda: [fit.fit(cell, one) for cell, one in zip(cells, found, strict=True)]


def matrices(size):
    """Number of Jacobians."""
    return size.cells * size.times * size.points


COSTS = (
    Cost(
        "Jacobians",
        jacobians,
        lambda s: matrices(s) * s.d * s.width * (3 * DEPTH * s.width + 2 * s.d),
        "d width points times cells",
    ),
    Cost("decompositions", decompositions, lambda s: matrices(s) * s.d**3, "d points times cells"),
    Cost("exact posterior", posteriors, lambda s: matrices(s) * s.m * (4 * s.d + 600), "d m points times cells"),
    Cost("fits", fits, lambda s: s.cells * s.times * (s.points**2 + 600 * s.points), "points times cells"),
)


def main() -> None:
    """Measure, draw and record."""
    torch.set_num_threads(1)
    figure, axes = plt.subplots(2, 3, figsize=(10, 6), layout="constrained")
    rows = []
    for axis, (name, sizes) in zip(axes.flat, SIZES.items(), strict=True):
        for cost in (cost for cost in COSTS if name in cost.of.split()):
            asked = [Size(**{name: size}) for size in sizes]
            seconds = np.array(bench.in_turn(*(cost.prepare(size) for size in asked), rounds=2))
            count = np.array([cost.arithmetic(size) for size in asked], float)
            ours, limit = (np.log(one[-1] / one[1]) / np.log(sizes[-1] / sizes[1]) for one in (seconds, count))
            rows.append(bench.Row(f"{cost.name} against {name}", ours, limit=limit, unit="slope"))
            color = f"C{COSTS.index(cost)}"
            axis.loglog(sizes, seconds, "o-", color=color, label=f"{cost.name}: {ours:.2f} ({limit:.2f})")
            axis.loglog(sizes, count * seconds[-1] / count[-1], ":", color=color)
        axis.set(xlabel=name, ylabel="seconds", xticks=sizes, xticklabels=map(str, sizes))
        axis.minorticks_off()
        low, high = axis.get_ylim()
        axis.set_ylim(low, high * (high / low) ** 0.6)  # room for the legend
        axis.legend(loc="upper left", fontsize=7, title="slope (of the arithmetic, dotted)", title_fontsize=7)
    bench.record("growth", rows, "nothing", "the slope of the arithmetic")
    figure.savefig(bench.RESULTS / "growth.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
