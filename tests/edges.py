"""How right is the law of extreme eigenvalues at finite size? `make edges` simulates it over a map of matrices.

Every kind of (d, m, group sizes, ratios of standard deviations): mean and spread of the smallest and largest
eigenvalue of each group in thousands of draws, against `random_matrix.tracy_widom_edges`. Prints the largest errors by
regime and writes all of them to results/benchmarks/edges.csv: `apart` is the width of the gap beside the edge in sums
of the two scales, inf where there is no gap beside it; errors are of the mean, in spreads, and of the spread, relative;
their standard errors are 1 / sqrt(draws) and 1 / sqrt(2 draws). Minutes, one core.
"""

import csv
import sys
from pathlib import Path

import numpy as np

from scoregap.laws import random_matrix

RECORD = Path(__file__).parents[1] / "results" / "benchmarks" / "edges.csv"
RATIOS = (0.02, 0.05, 0.15, 0.3, 0.5, 0.7)
DRAWS = {8: 8000, 16: 8000, 32: 4000, 100: 1000}


def cases():
    """(d, counts, stds): one, two and three groups, from one column to square matrices."""
    for d in DRAWS:
        for m in sorted({1, 2, 3, 4, d // 4, d // 2, 3 * d // 4, d - 3, d - 2, d - 1, d}):
            yield d, (m,), (1.0,)
    for d in (16, 32, 100):
        for m in sorted({d // 4, d // 2, 3 * d // 4, d - 3, d - 1, d}):
            for first in sorted({1, 2, m // 4, m // 2, m - 2, m - 1} - {0}):
                for ratio in RATIOS[:: 2 if d == 100 else 1]:
                    yield d, (first, m - first), (1.0, ratio)
    for d in (32, 100):
        for counts in ((d // 8,) * 3, (1, 2, d // 2), (d // 4, d // 4, d // 2 - 1), (d // 4, d // 4, d // 2)):
            for ratio in (0.1, 0.3):
                yield d, counts, (1.0, ratio, ratio**2)


def extremes(rng, draws, d, counts, stds):
    """Smallest and largest eigenvalue of each group in so many matrices, (draws, groups, 2)."""
    m, ends = sum(counts), np.cumsum(counts)
    scales, diagonal = np.repeat(stds, counts) / np.sqrt(m), np.arange(m)
    values = []
    for _ in range(0, draws, 250):
        upper = np.triu(rng.standard_normal((250, m, m)), 1)  # R of a QR decomposition (Bartlett 1933)
        upper[:, diagonal, diagonal] = np.sqrt(rng.chisquare(d - diagonal, (250, m)))
        values.append(np.linalg.svd(upper * scales, compute_uv=False) ** 2)
    return np.concatenate(values)[:, np.stack([ends - 1, ends - counts], -1)]


def errors(rng, draws, d, counts, stds):
    """Errors of the law, (groups, 2) each: of the mean in spreads, of the spread relative; NaN where it is silent."""
    seen = extremes(rng, draws, d, counts, stds)
    means, spreads = random_matrix.tracy_widom_edges(d, counts, stds)
    return (means - seen.mean(0)) / seen.std(0), spreads / seen.std(0) - 1


def apart(d, counts, stds):
    """Width of the gap beside each edge, in sums of the spreads at its two ends over that of the law, (groups, 2)."""
    edges = random_matrix.silverstein_edges(d, counts, stds)
    spreads = random_matrix.tracy_widom_edges(d, counts, stds)[1]
    result = np.full(edges.shape, np.inf)
    result[:-1, 0] = result[1:, 1] = (edges[:-1, 0] - edges[1:, 1]) / (spreads[:-1, 0] + spreads[1:, 1]) * 1.268
    return np.where(np.isnan(result), np.inf, result)


def regime(row):
    """What decides how right the law is at an edge."""
    few = min(row["columns"], row["free"]) < 3
    if row["apart"] < 2:
        return "gap beside it of less than two scales"
    if few and row["merged"]:
        alone = row["square"] and row["free"] == 1
        return "one column in one direction" if alone else "one or two columns that have merged"
    return "all others, m = d" if row["square"] else "all others, m < d"


def rows(rng):
    """A row per case, group and side."""
    for d, counts, stds in cases():
        off, spread = errors(rng, DRAWS[d], d, counts, stds)
        gaps = apart(d, counts, stds)
        merged = np.isnan(off).any(1)
        for group, side in np.argwhere(np.isfinite(off)):
            yield {
                "d": d, "counts": " ".join(map(str, counts)), "stds": " ".join(map(str, stds)), "group": group + 1,
                "side": ("low", "high")[side], "apart": round(float(gaps[group, side]), 3), "draws": DRAWS[d],
                "mean_error": round(float(off[group, side]), 4),
                "spread_error": round(float(spread[group, side]), 4),
                "columns": counts[group], "free": d - sum(counts[:group]), "merged": bool(merged[group]),
                "square": d == sum(counts),
            }  # fmt: skip


def main():
    """Print the table and write the record."""
    found = list(rows(np.random.default_rng(0)))
    print(f"{len(list(cases()))} kinds of matrices, {len(found)} edges; errors of the mean in spreads, of the spread")
    print(f"  {'':<48}{'edges':>6}  {'mean, rms':>10}{'largest':>9}  {'spread, rms':>12}{'largest':>9}")
    for name in sorted({regime(row) for row in found}):
        for side in ("low", "high"):
            pairs = [
                (row["mean_error"], row["spread_error"]) for row in found if (regime(row), row["side"]) == (name, side)
            ]
            if pairs:
                values = np.array(pairs)
                rms, most = np.sqrt(np.mean(values**2, 0)), np.abs(values).max(0)
                print(
                    f"  {f'{name}, {side}':<48}{len(pairs):>6}  {rms[0]:>10.3f}{most[0]:>9.3f}"
                    f"  {rms[1]:>12.3f}{most[1]:>9.3f}"
                )
    with RECORD.open("w", newline="") as file:
        writer = csv.DictWriter(file, found[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
