"""What does calibration say of right and wrong adapters? Prints verdicts by mistake; `make adapter-mistakes`.

Scores are exact ones, and networks trained here: for some and for enough steps, and on so few points that they
memorise. Every mistake is planted in every score, as an adapter of a model of the noise, of variance-preserving
inputs, would make it. Of a right adapter (the mistake "none") every verdict that blames it is an error.
`python tests/adapter_mistakes.py POINTS FILE.csv` writes the table.
"""

import csv
import functools
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from tiny import edited

from scoregap import data, trained
from scoregap.data import posteriors
from scoregap.measure import calibration
from scoregap.scores.closed import Exact
from scoregap.stages import train
from scoregap.study import load

T = np.geomspace(3e-3, 30, 16)
SEEDS = range(5)
WORLDS = (  # family, groups, curvature, settings
    ("linear", [(2, 1.0), (2, 0.15)], 0.0, {}),
    ("arcs", [(2, 1.0), (2, 0.15)], 0.5, {}),
    ("sphere", [(5, 1.0)], 1.0, {}),
    ("mixture", [(4, 1.0), (2, 1.0)], 0.0, {"separation": 2.0}),
)
STEPS = {"30 steps": 30, "300 steps": 300, "1,000 steps": 1000, "3,000 steps": 3000}
FEW = 30  # points of networks that memorise
GROUPS = "[{fraction: 0.5, std: 1.0}, {fraction: 0.5, std: 0.1}]"
LINEAR = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))  # products of 1 - beta of two schedules of 1,000 steps
SCALED = np.cumprod(1 - np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2)


def own(table, t):
    """The level of a table that is nearest to noise t, and the noise it has."""
    levels = 1 / table - 1
    k = np.abs(np.log(levels)[:, None] - np.log(t)).argmin(0)
    return k, levels


def of_noise(denoise, x, t):
    """What a model of the noise would answer."""
    return (x - denoise(x, t)) / np.sqrt(t)[:, None]


def wrong_table(denoise, x, t):
    """The levels of another schedule."""
    k, _ = own(LINEAR, t)
    z, true = x * np.sqrt(LINEAR[k])[:, None], (1 / SCALED - 1)[k]
    return x - np.sqrt(t)[:, None] * of_noise(denoise, z / np.sqrt(SCALED[k])[:, None], true)


def next_level(denoise, x, t):
    """Every level taken for the next one."""
    k, levels = own(LINEAR, t)
    k = np.minimum(k + 1, 999)
    return denoise(x, levels[k])


def unscaled(denoise, x, t):
    """Inputs x where a model of the noise wants x / sqrt(1 + t)."""
    return x - np.sqrt(t)[:, None] * of_noise(denoise, x * np.sqrt(1 + t)[:, None], t)


def velocity(denoise, x, t):
    """The noise read as the velocity of flow matching."""
    s = np.sqrt(t)[:, None]
    return x / (1 + s) - s / (1 + s) * of_noise(denoise, x, t)


MISTAKES = {
    "none": lambda denoise, x, t: denoise(x, t),
    "levels of 2 t": lambda denoise, x, t: denoise(x, 2 * t),
    "levels of t / 2": lambda denoise, x, t: denoise(x, t / 2),
    "inputs not scaled": unscaled,
    "noise read as velocity": velocity,
    "another beta table": wrong_table,
    "data in another range": None,
    "outputs shrunk by a tenth": lambda denoise, x, t: 0.9 * denoise(x, t),
    "levels off by one": next_level,
    "outputs clipped": lambda denoise, x, t: np.clip(denoise(x, t), -1, 1),
}


def traces(denoise, x, t, step=0.03):
    """(T, n) traces of G at points (T, n, d), by central differences."""
    d = x.shape[-1]
    result = np.empty(x.shape[:2])
    for i, here in enumerate(t):
        h = step * np.sqrt(here) * np.eye(d)
        both = np.concatenate([x[i][:, None] + h, x[i][:, None] - h]).reshape(-1, d)
        up, down = denoise(both, np.full(len(both), here)).reshape(2, -1, d, d)
        result[i] = np.trace(up - down, axis1=1, axis2=2) / (2 * step * np.sqrt(here))
    return result


def judged(denoise, axes, clean, rng, few=None):
    """The judgement of a denoiser at clean points of a law with such principal axes and variances; few: points that
    its network was trained on."""
    noise = rng.standard_normal(clean.shape)
    x = clean + np.sqrt(T)[:, None, None] * noise
    mean = np.stack([denoise(one, np.full(len(one), t)) for one, t in zip(x, T, strict=True)])
    error = calibration.errors(mean, clean, T)
    mistake, training = calibration.likeliest(error, calibration.undone(denoise, clean, noise, T)), None
    if few is not None:
        at = few + np.sqrt(T)[:, None, None] * noise[: len(few)]
        means = np.stack([denoise(one, np.full(len(one), t)) for one, t in zip(at, T, strict=True)])
        training = calibration.errors(means, few, T).mean(1)
    gaussian = np.stack([posteriors.gaussian(one, t, *axes).mean for one, t in zip(x, T, strict=True)])
    control = calibration.errors(gaussian, clean, T) - (axes[1] / (axes[1] + T[:, None])).sum(1, keepdims=True)
    return calibration.judge(error, traces(denoise, x, T), control, mistake, training)


def networks(folder):
    """(name, denoiser, data, training points or None) of networks of the tiny study, trained otherwise."""
    for world in ("linear", "arcs", "sphere", "mixture"):
        for name, steps in (*STEPS.items(), ("30 points", 3000)):
            separation = ", separation: 2.0" if world == "mixture" else ""
            fractions = "[{fraction: 1, std: 1.0}, {fraction: 0.5, std: 1.0}]" if world == "mixture" else GROUPS
            size = f"\n  dataset_size: {FEW}" if name == "30 points" else ""
            curvature = {"arcs": "[0.5]", "sphere": "[1.0]"}.get(world, "[0.0]")
            study = edited(
                folder,
                ("[arcs]", f"[{world}]"), ("ambient_dim: [8]", "ambient_dim: [16]"),
                ("manifold_dim: [2]", "manifold_dim: [4]"), ("[0.0, 0.5]", curvature),
                ("[exact, gaussian, gated-8]", "[gated-32]"), ("seed: 2", "seed: [0]"),
                (f"groups: {GROUPS}", f"groups: {fractions}{size}" + separation.replace(", ", "\n  ")),
                ("steps: 40", f"steps: {steps}"), ("levels: 8", "levels: 16"), ("samples: 4", "samples: 16"),
            )  # fmt: skip
            loaded = load(study)
            (job,) = loaded.jobs.values()
            weights = folder / f"{world}-{steps}-{bool(size)}.safetensors"
            train.run(study, job.id, weights)
            cell, found = job.cells[0], trained.read(study, job, weights)
            score = found.score(cell, cell.truth())
            yield f"{name}", score.denoise, cell.truth(), cell.dataset()


def exact():
    """(name, denoiser, data, None) of exact scores."""
    for family, groups, curvature, settings in WORLDS:
        for seed in SEEDS:
            truth = data.manifold(family, 16, groups, curvature, seed, **settings)
            yield "exact", Exact(truth).denoise, truth, None


def main() -> int:
    """Print verdicts by score and mistake."""
    points = int(sys.argv[1]) if len(sys.argv) > 1 else 32
    start, counts = time.process_time(), Counter()
    with tempfile.TemporaryDirectory() as folder:
        for k, (name, denoise, truth, few) in enumerate((*exact(), *networks(Path(folder)))):
            rng = np.random.default_rng(k)
            clean = truth.sample(rng, points)[0]
            for mistake, plant in MISTAKES.items():
                directions, variances = truth.principal_axes
                if plant is None:  # the data are half as far out, and moved
                    moved = few if few is None else (few + 1) / 2
                    found = judged(denoise, (directions, variances / 4), (clean + 1) / 2, rng, moved)
                else:
                    planted = functools.partial(plant, denoise)
                    found = judged(planted, (directions, variances), clean, rng, few)
                says = "plausible" if found.plausible else found.blamed
                counts[name, mistake, f"{says}, {found.mistake}" if found.mistake else says] += 1
    rows = [{"score": s, "mistake": m, "verdict": v, "scores": n} for (s, m, v), n in counts.items()]
    for row in rows:
        print(f"{row['score']:12} {row['mistake']:28} {row['verdict']:50} {row['scores']:3}")
    if len(sys.argv) > 2:
        with open(sys.argv[2], "w", newline="") as file:
            writer = csv.DictWriter(file, rows[0], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    print(f"\n{time.process_time() - start:.0f} s of one core")
    return 0


if __name__ == "__main__":
    sys.exit(main())
