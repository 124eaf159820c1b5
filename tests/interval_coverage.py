"""How often do 95 % intervals hold the truth? Prints interval x time x n; `make coverage` runs it (minutes, one core).

Studies are simulated with exact scores. Over points: points of one manifold, and the target is the time of the mean
curve over the whole pool they are drawn from, a phase time of a gap or the alignment time of a group. Over seeds:
manifolds with different F, and the target is the mean log time over the whole pool. Studies without an interval,
because without some point the time would not be seen, are counted apart. Under an error that all points share, one of
every size and smoothness is added to the curves of 32 points, and intervals over points are compared with those of
`shared_errors`; the record is results/benchmarks/coverage.csv.
"""

import csv
import sys
import time
from pathlib import Path

import numpy as np
from scipy import stats

from scoregap import data
from scoregap.analysis.intervals import interval, interval_with_draws
from scoregap.measure import gaps, phases, shared_errors, spectra

RECORD = Path(__file__).parents[1] / "results" / "benchmarks" / "coverage.csv"

GRID = np.geomspace(0.005, 60, 32)  # spaced as the quickstart's, over what the manifolds below show
HOW = {"level": 0.5, "visibility": 0.3, "nested": True}
GROUPS = [(2, 1.0), (2, 0.15)]
SPHERES = [(4, 1.0), (4, 0.15)]
ALIGNED = 0.95  # threshold of alignment times
SIZES = (0.0, 0.005, 0.02, 0.05)  # of an error that all points share, in units of t J
SMOOTH = (0, 2, 4, 8)  # its correlation length in steps of the grid (7.6 a decade); 0: none
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


def shared(rng, length, gaps):
    """An error along t of variance 1, (T, gaps), with a Gaussian correlation of so many steps."""
    steps = np.subtract.outer(np.arange(len(GRID)), np.arange(len(GRID)))
    correlation = np.exp(-0.5 * (steps / length) ** 2) if length else np.eye(len(GRID))
    return np.linalg.cholesky(correlation + 1e-9 * np.eye(len(GRID))) @ rng.standard_normal((len(GRID), gaps))


def under_shared_errors(pool, size, length, studies, rng, n=32):
    """{time: (`summary` of intervals over points, of those that allow for shared errors)} from n points."""
    target, has_gap = of_its_gap(phase_times(pool.mean(1))), np.ones((n, pool.shape[2]), bool)
    ends = {name: np.full((2, studies, 2), np.nan) for name in INTERVALS}
    for study in range(studies):
        some = pool[:, rng.choice(pool.shape[1], n, replace=False)]
        some = some + size * shared(rng, length, pool.shape[2])[:, None]
        points = phases.over_points(phase_times, phases.QUANTITIES, some, has_gap, 100, 0.95, rng)
        both = shared_errors.intervals(GRID, some.mean(1), 0.95, points, **HOW)
        for kind, found in enumerate((points, both)):
            low, high = (of_its_gap({name: pair[end] for name, pair in found.items()}) for end in (0, 1))
            for name in INTERVALS:
                with np.errstate(divide="ignore"):
                    ends[name][kind, study] = np.log([low[name], high[name]])
    return {name: [summary(one, np.log(target[name])) for one in pair] for name, pair in ends.items()}


def shared_rows(title, pool, studies):
    """A row per size, length and time."""
    for size in SIZES:
        for length in SMOOTH if size else (0,):
            found = under_shared_errors(pool, size, length, studies, np.random.default_rng(0))
            for name, kinds in found.items():
                row = {"family": title, "size": size, "length": length, "time": name, "studies": studies}
                for kind, (held, known, width) in zip(("points", "shared"), kinds, strict=True):
                    row |= {f"{kind}_held": round(held / known, 4), f"{kind}_width": round(width, 4)}
                yield row


def show_shared(rows):
    """Print the block: per error a row, per time coverage and median width of both intervals."""
    names = [name for name in INTERVALS if name != "consistency"]
    print("\nunder an error that all points share, 32 points: held % and median width of the interval of log t,")
    print("of intervals over points > of those that allow for shared errors")
    print(f"  {'family, size, length':<26}" + "".join(f"{name:>30}" for name in names))
    for key in {(row["family"], row["size"], row["length"]): None for row in rows}:
        cells = {row["time"]: row for row in rows if (row["family"], row["size"], row["length"]) == key}
        line = "".join(
            f"{one['points_held']:>9.1%} {one['points_width']:.3f} >{one['shared_held']:>7.1%} "
            f"{one['shared_width']:.3f}"
            for one in (cells[name] for name in names)
        )
        print(f"  {', '.join(map(str, key)):<26}{line}", flush=True)


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


def over_seeds_and_draws(rng, seeds, draws, link, scatter, studies):
    """(share that held, median width, that of the seeds alone) of 95 % intervals of trained against the law.

    Normal numbers: exact less law scatters by .08, trained less exact by `scatter`, and in part (`link`) with it.
    """
    held, widths = 0, []
    for _ in range(studies):
        finite = rng.normal(0, 0.08, seeds + draws)
        learning = rng.normal(0, scatter, seeds) + link * finite[:seeds]
        low, high = interval_with_draws(learning, finite[:seeds], finite[seeds:], 0.95)
        alone = interval(learning + finite[:seeds], 0.95)
        held += low <= 0 <= high
        widths.append((high - low, alone[1] - alone[0]))
    return held / studies, *np.median(widths, 0)


def show_draws(rng, studies):
    """Print the block of `over_seeds_and_draws`."""
    print(f"\nover seeds and further draws of the manifold: held % of {studies}, median width, of the seeds alone")
    for seeds in (2, 3, 5):
        for draws in (2, 5, 45):
            cells = [
                "{:>7.1%} {:.3f} {:.3f}".format(*over_seeds_and_draws(rng, seeds, draws, link, scatter, studies))
                for link in (0.0, -0.8, 0.8)
                for scatter in (0.002, 0.02, 0.1)
            ]
            print(f"  {seeds} seeds, {draws:>2} draws" + "".join(f"{cell:>22}" for cell in cells), flush=True)


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
    rows = []
    for title, name, groups, points in (("arcs", "arcs", GROUPS, 4000), ("S^4 x S^4", "sphere", SPHERES, 6000)):
        rows += shared_rows(title, one_manifold(name, 0.5, groups, points), studies)
    show_shared(rows)
    with RECORD.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    pool = cosines("arcs", 0.5, GROUPS, 2000)
    results = {n: over_points(alignment_times, pool, n, studies, rng) for n in (8, 16, 32, 64)}
    show("over n points of one manifold, arcs", studies, results)
    for name, curvature, points, count in (("linear", 0.0, 1, 6000), ("arcs", 0.5, 2, 2000)):
        found = many_manifolds(name, curvature, points, count)
        results = {n: over_seeds(found, n, 4 * studies, rng) for n in (3, 5, 8)}
        show(f"over n seeds, {name}", 4 * studies, results)
    show_draws(rng, 4 * studies)
    print(f"\n{time.process_time() - start:.0f} s of one core")


if __name__ == "__main__":
    sys.exit(main())
