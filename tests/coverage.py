"""How often do 95 % intervals hold the truth? Prints interval x time x n; `make coverage` runs it (minutes, one core).

Studies are simulated with exact scores. Over points: points of one manifold, and the target is the time of the mean
curve over the whole pool they are drawn from. Over seeds: manifolds with different F, and the target is the mean log
time over the whole pool.
"""

import sys
import time

import numpy as np
from scipy import stats

from scoregap import truth
from scoregap.agreement import interval
from scoregap.measure import gaps, phases

GRID = np.geomspace(0.005, 60, 32)  # spaced as the quickstart's, over what the manifolds below show
HOW = {"level": 0.5, "visibility": 0.3, "nested": True}
GROUPS = [(2, 1.0), (2, 0.15)]
SPHERES = [(4, 1.0), (4, 0.15)]
INTERVALS = [name for name in phases.QUANTITIES if "resolution" not in name]  # exact scores have no resolution


def curves(family, points, rng):
    """Gap widths of the exact score, (T, points, gaps); points and noise are the same at every time."""
    clean, _ = family.sample(rng, points)
    noisy = clean + np.sqrt(GRID)[:, None, None] * rng.standard_normal(clean.shape)
    flat = noisy.reshape(-1, family.ambient_dim), np.repeat(GRID, points)
    widths = gaps.widths(family.exact(*flat).spectrum() - 1, family.boundaries)
    return widths.reshape(len(GRID), points, -1)


def one_manifold(name, curvature, groups, points):
    """A pool of points of one manifold, (T, points, gaps)."""
    family, rng = truth.manifold(name, 32, groups, curvature, seed=1), np.random.default_rng(1)
    return np.concatenate([curves(family, 100, rng) for _ in range(points // 100)], 1)


def many_manifolds(name, curvature, points, count):
    """Times of a pool of manifolds, each from a few points: {name: (count,)}."""
    rng = np.random.default_rng(2)
    pool = [curves(truth.manifold(name, 32, GROUPS, curvature, seed=k), points, rng).mean(1) for k in range(count)]
    return of_its_gap(phases.fit(GRID, np.stack(pool), **HOW))


def of_its_gap(found):
    """Each time of the gap that has it: the last for consolidation, else the first."""
    return {name: found[name][..., -1 if "consolidation" in name else 0] for name in INTERVALS}


def over_points(pool, n, studies, rng):
    """{time: (studies held, mean width of log intervals)} of intervals from n points."""
    target = of_its_gap(phases.fit(GRID, pool.mean(1), **HOW))
    held, width = dict.fromkeys(INTERVALS, 0), dict.fromkeys(INTERVALS, 0.0)
    for _ in range(studies):
        some = pool[:, rng.choice(pool.shape[1], n, replace=False)]
        found = phases.bootstrap(GRID, some, np.ones(some.shape[1:], bool), 200, 0.95, rng, **HOW)
        for name in INTERVALS:
            low, high = (end[-1 if "consolidation" in name else 0] for end in found[name])
            held[name] += bool(low <= target[name] <= high)
            width[name] += np.log(high / low) / studies
    return {name: (held[name], width[name]) for name in INTERVALS}


def over_seeds(pool, n, studies, rng):
    """As `over_points`, of Student intervals from n seeds; the target is the mean log time."""
    result = {}
    chosen = [rng.choice(len(pool["t_max"]), n, replace=False) for _ in range(studies)]
    for name, times in pool.items():
        logs = np.log(times)
        ends = np.array([interval(logs[some], 0.95) for some in chosen])
        if np.ptp(logs) > phases.SAME:  # a linear manifold's consistency is 1
            held = (ends[:, 0] <= logs.mean()) & (logs.mean() <= ends[:, 1])
            result[name] = int(held.sum()), float(np.ptp(ends, axis=1).mean())
    return result


def show(title, studies, results):
    """Print one block: a row per time, a column per n."""
    print(
        f"\n{title}: held % of {studies} (95 % Wilson interval), mean width of the interval of log t; ! outside 92-98"
    )
    print(f"  {'n':<24}" + "".join(f"{n:>29}" for n in results))
    for name in next(iter(results.values())):
        cells = []
        for found in results.values():
            held, width = found[name]
            low, high = stats.binomtest(held, studies).proportion_ci(method="wilson")
            mark = " " if 0.92 <= held / studies <= 0.98 else "!"
            cells.append(f"{held / studies:>8.1%}{mark}({low:.1%}, {high:.1%}){width:>6.3f}".rjust(29))
        print(f"  {name:<24}{''.join(cells)}", flush=True)


def main(studies=500):
    """Print the table."""
    start, rng = time.process_time(), np.random.default_rng(0)
    for name, curvature, groups, points in (
        ("arcs", 0.5, GROUPS, 4000),
        ("sphere", 0.5, SPHERES, 6000),
    ):
        pool = one_manifold(name, curvature, groups, points)
        results = {n: over_points(pool, n, studies, rng) for n in (8, 16, 32, 64)}
        show(f"over n points of one manifold, {name}", studies, results)
    for name, curvature, points, count in (("linear", 0.0, 1, 6000), ("arcs", 0.5, 2, 2000)):
        found = many_manifolds(name, curvature, points, count)
        results = {n: over_seeds(found, n, 4 * studies, rng) for n in (3, 5, 8)}
        show(f"over n seeds, {name}", 4 * studies, results)
    print(f"\n{time.process_time() - start:.0f} s of one core")


if __name__ == "__main__":
    sys.exit(main())
