"""How often do 95 % intervals hold the truth? Prints interval x time x n; `make coverage` runs it (minutes, one core).

Studies are simulated with exact scores. Over points: points of one manifold, and the target is the time of the mean
curve over the whole pool they are drawn from, a phase time of a gap or the alignment time of a group. Over seeds:
manifolds with different F, and the target is the mean log time over the whole pool. Studies without an interval,
because without some point the time would not be seen, are counted apart.
"""

import sys
import time

import numpy as np
from scipy import stats

from scoregap import data
from scoregap.analysis.intervals import interval
from scoregap.measure import gaps, phases, spectra

GRID = np.geomspace(0.005, 60, 32)  # spaced as the quickstart's, over what the manifolds below show
HOW = {"level": 0.5, "visibility": 0.3, "nested": True}
GROUPS = [(2, 1.0), (2, 0.15)]
SPHERES = [(4, 1.0), (4, 0.15)]
ALIGNED = 0.95  # threshold of alignment times
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
    family, rng = data.manifold(name, 32, groups, curvature, seed=1), np.random.default_rng(1)
    return np.concatenate([curves(family, 100, rng) for _ in range(points // 100)], 1)


def cosines(name, curvature, groups, points):
    """Alignments of the exact score of a pool of points of one manifold, (T, points, groups)."""
    family, rng = data.manifold(name, 32, groups, curvature, seed=1), np.random.default_rng(1)
    clean, latents = family.sample(rng, points)
    noise, tangents, ends = rng.standard_normal(clean.shape), family.tangents(latents), family.boundaries
    spans = list(zip((0, *ends[:-1]), ends, strict=True))
    known = [family.exact(clean + np.sqrt(t) * noise, np.full(points, t)) for t in GRID]
    return np.stack([spectra.alignment(one.leading(ends[-1]), tangents, spans)[0] for one in known])


def many_manifolds(name, curvature, points, count):
    """Times of a pool of manifolds, each from a few points: {name: (count,)}."""
    rng = np.random.default_rng(2)
    pool = [curves(data.manifold(name, 32, GROUPS, curvature, seed=k), points, rng).mean(1) for k in range(count)]
    return of_its_gap(phases.fit(GRID, np.stack(pool), **HOW))


def of_its_gap(found):
    """Each time of the gap that has it: the last for consolidation, else the first."""
    return {name: found[name][..., -1 if "consolidation" in name else 0] for name in INTERVALS}


def summary(ends, target):
    """(studies that held, studies with an interval, median width) of ends (studies, 2) of intervals of a log time."""
    known = ~np.isnan(ends).any(1)
    held = (ends[:, 0] <= target) & (target <= ends[:, 1])
    return int(held.sum()), int(known.sum()), float(np.median(np.ptp(ends[known], axis=1)))


def over_points(find, pool, n, studies, rng):
    """{(time, gap): `summary`} of intervals from n points; find: mean curves -> times, as `phases.over_points` has it.

    The target is the time of the whole pool's mean curve, if it has one.
    """
    target = find(pool.mean(1))
    wanted = [(name, k) for name, of in target.items() if "state" not in name for k in np.flatnonzero(of > 0)]
    wanted = [(name, k) for name, k in wanted if "misfit" not in name and "resolution" not in name]
    names, has_gap = tuple({name: 0 for name, _ in wanted}), np.ones((n, pool.shape[2]), bool)
    ends = np.empty((len(wanted), studies, 2))
    for study in range(studies):
        some = pool[:, rng.choice(pool.shape[1], n, replace=False)]
        found = phases.over_points(find, names, some, has_gap, 200, 0.95, rng)
        for one, (name, k) in zip(ends, wanted, strict=True):
            with np.errstate(divide="ignore"):
                one[study] = np.log([found[name][0][k], found[name][1][k]])
    return {
        f"{name} ({k + 1})": summary(one, np.log(target[name][k])) for one, (name, k) in zip(ends, wanted, strict=True)
    }


def phase_times(mean):
    """Phase times of mean gap widths."""
    return phases.fit(GRID, mean, **HOW)


def alignment_times(mean):
    """Alignment times of mean cosines."""
    return phases.aligned(GRID, mean, ALIGNED)


def over_seeds(pool, n, studies, rng):
    """As `over_points`, of Student intervals from n seeds; the target is the mean log time."""
    result = {}
    chosen = [rng.choice(len(pool["t_max"]), n, replace=False) for _ in range(studies)]
    for name, times in pool.items():
        logs = np.log(times)
        if np.ptp(logs) > phases.SAME:  # a linear manifold's consistency is 1
            result[name] = summary(np.array([interval(logs[some], 0.95) for some in chosen]), logs.mean())
    return result


def show(title, studies, results):
    """Print one block: a row per time, a column per n."""
    print(
        f"\n{title}: held % of {studies} studies (95 % Wilson interval), median width of the interval of log t; "
        "! outside 92-98"
    )
    print(f"  {'n':<28}" + "".join(f"{n:>29}" for n in results))
    for name in next(iter(results.values())):
        cells, without = [], []
        for found in results.values():
            held, known, width = found[name]
            low, high = stats.binomtest(held, known).proportion_ci(method="wilson")
            mark = " " if 0.92 <= held / known <= 0.98 else "!"
            cells.append(f"{held / known:>8.1%}{mark}({low:.1%}, {high:.1%}){width:>6.3f}".rjust(29))
            without.append(f"{1 - known / studies:>29.1%}")
        print(f"  {name:<28}{''.join(cells)}", flush=True)
        if any(found[name][1] < studies for found in results.values()):
            print(f"  {'  without an interval':<28}{''.join(without)}", flush=True)


def main(studies=500):
    """Print the table."""
    start, rng = time.process_time(), np.random.default_rng(0)
    for title, name, groups, points in (
        ("arcs", "arcs", GROUPS, 4000),
        ("S^4 x S^4", "sphere", SPHERES, 6000),
        ("S^2 x S^2", "sphere", GROUPS, 6000),
    ):
        pool = one_manifold(name, 0.5, groups, points)
        results = {n: over_points(phase_times, pool, n, studies, rng) for n in (8, 16, 32, 64)}
        show(f"over n points of one manifold, {title}", studies, results)
    pool = cosines("arcs", 0.5, GROUPS, 2000)
    results = {n: over_points(alignment_times, pool, n, studies, rng) for n in (8, 16, 32, 64)}
    show("over n points of one manifold, arcs", studies, results)
    for name, curvature, points, count in (("linear", 0.0, 1, 6000), ("arcs", 0.5, 2, 2000)):
        found = many_manifolds(name, curvature, points, count)
        results = {n: over_seeds(found, n, 4 * studies, rng) for n in (3, 5, 8)}
        show(f"over n seeds, {name}", 4 * studies, results)
    print(f"\n{time.process_time() - start:.0f} s of one core")


if __name__ == "__main__":
    sys.exit(main())
