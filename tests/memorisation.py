"""When does the score of N points collapse on single ones? `make memorisation` simulates it, against the laws.

-> results/benchmarks/memorisation.csv: a row per data and N; those that are there are kept, unless of fewer draws

Data are drawn anew many times. Of some of their points the posterior weight of the own point is computed at noisy
points x_0 + sqrt(t) w, with the same x_0 and w at all noise variances t. `found` is where its mean is one half, `error`
the standard error of log found over draws, `found_spread` half the distance of the 16 and 84 % quantiles over points
of the log t at which it first falls below one half. The others are of `scoregap.laws.memorisation`.
"""

import csv
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from scoregap.data import manifold
from scoregap.data.information import information

RECORD = Path(__file__).parents[1] / "results" / "benchmarks" / "memorisation.csv"
QUERIES = 64  # noisy points of one draw, at most
TIMES = 21  # noise variances of a simulation
WORK = 6e7  # distances at each of them, at most
NUMBERS = (10, 100, 1_000, 10_000, 100_000)
DATA = (  # family, d, (count, std) of the groups, curvature
    ("linear", 16, ((4, 1.0),), 0.0),
    ("linear", 32, ((4, 1.0), (4, 0.15)), 0.0),
    ("linear", 100, ((20, 1.0), (20, 0.1)), 0.0),
    ("linear", 200, ((20, 1.0), (20, 0.1)), 0.0),
    ("linear", 200, ((40, 1.0), (40, 0.3)), 0.0),
    ("arcs", 32, ((4, 1.0), (4, 0.15)), 0.5),
    ("arcs", 32, ((4, 1.0), (4, 0.15)), 1.0),
    ("sphere", 32, ((8, 1.0),), 1.0),
    ("mixture", 32, ((8, 1.0), (4, 0.3)), 0.0),
)


class Found(NamedTuple):
    """Of a simulation: where the mean own weight is one half, the standard error of its log, the spread over points."""

    t: float
    error: float
    spread: float


class Row(NamedTuple):
    """What the table has."""

    family: str
    ambient_dim: int
    groups: str
    curvature: float
    points: int
    draws: int
    law: float
    corrected: float
    found: float
    error: float
    law_over_found: float
    corrected_over_found: float
    spread: float
    found_spread: float


def own_weights(data, points: int, t: np.ndarray, rng: np.random.Generator, queries: int) -> np.ndarray:
    """(T, queries) posterior weights of the own one of N training points, at noisy points of one draw of them."""
    clean, _ = data.sample(rng, points)
    own = rng.permutation(points)[:queries]
    noise = rng.standard_normal((len(own), data.dim))
    squares, found = (clean**2).sum(1), np.empty((len(t), len(own)))
    for k, one in enumerate(t):
        x = clean[own] + np.sqrt(one) * noise
        log = (x @ clean.T - 0.5 * squares) / one
        found[k] = 1 / np.exp(log - log[np.arange(len(own)), own][:, None]).sum(1)
    return found


def draws_of(points: int, work: float = WORK) -> int:
    """How often data of N points are drawn."""
    return int(np.clip(work / (min(points, QUERIES) * points), 10, 400))


def simulate(data, points: int, t: np.ndarray, rng: np.random.Generator, work: float = WORK) -> tuple[Found, int]:
    """What is found over draws of the data, and their number. t: (T,) ascending, about where it is expected."""
    queries, draws = min(points, QUERIES), draws_of(points, work)
    with np.errstate(over="ignore"):  # another point is that much nearer: the weight is 0
        weights = np.stack([own_weights(data, points, t, rng, queries) for _ in range(draws)])  # (draws, T, queries)
    log, means = np.log(t), weights.mean(2)
    crossing = float(np.interp(-0.5, -means.mean(0), log))
    slope = np.interp(crossing, log, np.gradient(means.mean(0), log))
    at = np.array([np.interp(crossing, log, one) for one in means])
    error = at.std(ddof=1) / np.sqrt(draws) / abs(slope)
    with np.errstate(divide="ignore"):
        odds = np.clip(np.log(weights) - np.log1p(-weights), -50, 50)  # (draws, T, queries)
    first = np.clip((odds < 0).argmax(1), 1, None)[:, None]
    before, after = (np.take_along_axis(odds, k, 1)[:, 0] for k in (first - 1, first))
    share = np.clip(before / np.where(before > after, before - after, 1), 0, 1)
    low, high = np.quantile(log[first[:, 0] - 1] + share * (log[1] - log[0]), (0.16, 0.84))
    return Found(float(np.exp(crossing)), float(error), float(high - low) / 2), draws


def row(which: int, points: int, seed: int = 0, work: float = WORK) -> Row:
    """One row of the table: DATA[which] at N points."""
    family, d, groups, curvature = DATA[which]
    data = manifold(family, d, groups, curvature, seed)
    told = information(data, points)
    law, corrected = told.t_memorisation(points), told.corrected(points)
    spread = told.spread(corrected)
    t = corrected * np.exp(np.linspace(-3, 3, TIMES) * spread)
    found, draws = simulate(data, points, t, np.random.default_rng([seed, which, points]), work)
    ratios = law / found.t, corrected / found.t
    return Row(
        family,
        d,
        _text(groups),
        curvature,
        points,
        draws,
        law,
        corrected,
        found.t,
        found.error,
        *ratios,
        spread,
        found.spread,
    )


def _text(groups: tuple[tuple[int, float], ...]) -> str:
    return " ".join(f"{count}:{std:g}" for count, std in groups)


def kept(record: Path) -> dict[tuple[int, int], list[str]]:
    """Rows of an earlier table, by their data and N, that were made of as many draws as they would be now."""
    if not record.exists():
        return {}
    with record.open(newline="") as file:
        there = list(csv.DictReader(file))
    keys = {(one[0], str(one[1]), _text(one[2]), f"{one[3]:.5g}"): which for which, one in enumerate(DATA)}
    found = {}
    for row in there:
        which = keys.get((row["family"], row["ambient_dim"], row["groups"], row["curvature"]))
        if which is not None and int(row["draws"]) >= draws_of(int(row["points"])):
            found[which, int(row["points"])] = [row[name] for name in Row._fields]
    return found


def main(record: Path = RECORD, make: Callable[[int, int], Row] = row) -> None:
    """All rows, those of few points first; the table is written after each, so that a stopped run goes on."""
    found = kept(record)
    for points in NUMBERS:
        for which in range(len(DATA)):
            if (which, points) in found:
                continue
            one = [f"{value:.5g}" if isinstance(value, float) else str(value) for value in make(which, points)]
            found[which, points] = one
            print(*one, flush=True)
            with record.open("w", newline="") as file:
                table = csv.writer(file)
                table.writerow(Row._fields)
                table.writerows(found[key] for key in sorted(found))


if __name__ == "__main__":
    sys.exit(main())
