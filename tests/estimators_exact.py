"""Where estimators of the dimension are right on exact scores: `make estimators-exact` gives them one after the other.

-> results/benchmarks/estimators_exact.csv, a row per sweep, its value, estimator and noise variance; and a map of the
   bias over noise variance and curvature, estimators_exact.svg (`python tests/estimators_exact.py figure`: that alone)

Data have m latents of variance 1 in R^d, but where a sweep says otherwise; so t is in units of their variance. bias:
mean of estimate less true dimension over points and draws. spread: standard deviation of an estimate, of points and
draws together. right: share of estimates within one half. The score of data with noise of variance v on them is that of
the data at t + v, which every closed form knows: `Noisy`.
"""

import csv
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from scoregap.data import manifold
from scoregap.dimensions import BUNDLES, Asked, Draws, costs, over_times
from scoregap.measure import SCORE_ESTIMATORS
from scoregap.scores.base import Score
from scoregap.scores.closed import Exact

RECORD = Path(__file__).parents[1] / "results" / "benchmarks" / "estimators_exact.csv"
FIGURE = RECORD.with_suffix(".svg")
TIMES = np.geomspace(1e-6, 1, 19)
BUNDLED, PROBED, OTHERS = 8, 32, 256  # points of bundles, of Lanczos quadrature, which cost most, and of others
WITHIN = 0.5  # of the true dimension
SHOWN = (1e-4, 1e-2, 1e-1)  # noise variances of the table of costs
M, D, CURVATURE = 8, 32, 0.5
SWEEPS: dict[str, tuple] = {
    "curvature": (0.0, 0.1, 0.2, 0.5, 1.0, 2.0),  # of arcs: their rms length over their radius
    "codimension": (8, 24, 56, 120),
    "smallest std": (1.0, 0.3, 0.1, 0.03),  # of half of the latents, of flat data
    "smaller component": (8, 6, 4, 2),  # dimension of half of the data; the other half has what is left of 16
    "noise": (0.0, 1e-5, 1e-4, 1e-3, 1e-2),  # variance of noise on the data
    "sphere": (1, 2, 5, 10, 20),  # dimension, of radius 1
}


class Row(NamedTuple):
    """What the table has."""

    sweep: str
    value: float
    estimator: str
    t: float
    dimension: float
    bias: float
    spread: float
    right: float


class Noisy(Score):
    """The score of data on which there is noise of variance v, from the score of the data."""

    def __init__(self, score: Score, v: float):
        self.score, self.v = score, v

    def denoise(self, x, t):
        return x + t / (t + self.v) * (self.score.denoise(x, t + self.v) - x)

    def jacobian(self, x, t):
        _, jacobian = self.score.jacobian(x, t + self.v)
        return self.denoise(x, t), np.eye(x.shape[1]) + t / (t + self.v) * (jacobian - np.eye(x.shape[1]))


def case(sweep: str, value: float) -> tuple[Any, Score, float]:
    """(data, its exact score, variance of the noise on them) of a value of a sweep."""
    family, d, groups, curvature, settings = "arcs", D, [(M, 1.0)], CURVATURE, {"frame": "orthonormal"}
    if sweep == "curvature":
        curvature = value
    elif sweep == "codimension":
        d = M + int(value)
    elif sweep == "smallest std":
        family, curvature, groups = "linear", 0.0, [(M // 2, 1.0), (M // 2, value)]
    elif sweep == "smaller component":
        few, many = int(value), 2 * M - int(value)
        family, curvature, groups, settings = "mixture", 0.0, [(many, 1.0), (few, 1.0)], {"separation": 10.0}
    elif sweep == "sphere":
        family, curvature, groups, settings = "sphere", 1.0, [(int(value), 1.0)], {}
    # Variances of latents are std^2 d / m: these are 1, and a sphere's radius is.
    m = max(count for count, _ in groups) if family == "mixture" else sum(count for count, _ in groups)
    unit = (m / d) ** 0.5 if family != "sphere" else 1.0
    truth = manifold(family, d, [(count, std * unit) for count, std in groups], curvature, seed=1, **settings)
    if family == "sphere":
        truth = manifold(family, d, [(int(value), 1 / float(truth.radii[0]))], curvature, seed=1)
        assert abs(truth.radii[0] - 1) < 1e-12
    v = value if sweep == "noise" else 0.0
    return truth, Noisy(Exact(truth), v) if v else Exact(truth), v


def estimates(sweep: str, value: float, names: list[str], points: int, times=TIMES) -> tuple[np.ndarray, np.ndarray]:
    """Estimates (T, estimators, points), and true dimensions (points,)."""
    truth, score, v = case(sweep, value)
    rng = np.random.default_rng(0)
    clean, latents = truth.sample(rng, points)
    true = np.where(truth.gaps_at(latents), truth.boundaries, 0).max(1)
    clean = clean + np.sqrt(v) * rng.standard_normal(clean.shape)
    asked = Asked(names, points)
    return over_times(asked, score, clean, times, Draws(rng, asked, truth.ambient_dim)), true


def points_of(name: str) -> int:
    """At how many points an estimator is asked."""
    return BUNDLED if name in BUNDLES else PROBED if name in ("slq_count", "lhsd") else OTHERS


def rows(sweep: str, value: float) -> list[Row]:
    """The rows of a value of a sweep."""
    found: dict[str, tuple] = {}
    for points in sorted({*map(points_of, SCORE_ESTIMATORS)}):
        names = [name for name in SCORE_ESTIMATORS if points_of(name) == points]
        errors, true = estimates(sweep, value, names, points)
        for i, name in enumerate(names):
            found[name] = errors[:, i] - true, true.mean()
    return [
        Row(
            sweep, value, name, t, found[name][1], of_t.mean(), of_t.std(),
            float(np.mean(np.abs(of_t) <= WITHIN)),
        )
        for name in SCORE_ESTIMATORS for t, of_t in zip(TIMES, found[name][0], strict=True)
    ]  # fmt: skip


def read() -> list[Row]:
    """The table as it is kept."""
    with RECORD.open(newline="") as file:
        return [
            Row(one["sweep"], float(one["value"]), one["estimator"], *(float(one[name]) for name in Row._fields[3:]))
            for one in csv.DictReader(file)
        ]


def right_range(table: list[Row], sweep: str, value: float, estimator: str) -> tuple[float, float] | None:
    """(smallest, largest) of the noise variances one after the other at which the mean is within one half: the longest
    such range, None if there is none."""
    own = [row for row in table if (row.sweep, row.value, row.estimator) == (sweep, value, estimator)]
    best: list[Row] = []
    run: list[Row] = []
    for row in own:
        run = [*run, row] if abs(row.bias) <= WITHIN else []
        best = run if len(run) > len(best) else best
    return (best[0].t, best[-1].t) if best else None


def told(found: tuple[float, float] | None) -> str:
    """A range in a cell of a table: its upper end alone where it begins at the smallest noise variance."""
    if found is None:
        return "-"
    low, high = (f"{one:.1g}" for one in found)
    return high if found[0] < TIMES[0] * 1.01 else f"{low} to {high}"


def table_of(table: list[Row], sweep: str) -> str:
    """Where every estimator is right, over the values of a sweep, as a table of a page."""
    values = SWEEPS[sweep]
    lines = [f"| {sweep} | {' | '.join(f'{value:g}' for value in values)} |", "|---" * (len(values) + 1) + "|"]
    for name in SCORE_ESTIMATORS:
        cells = [told(right_range(table, sweep, value, name)) for value in values]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def cost_table(table: list[Row]) -> str:
    """Evaluations at R^32, the bias and the spread of one estimate, on arcs of the curvature of the other sweeps."""
    asked = costs(Asked([], 1), D, 1)
    lines = ["| estimator | evaluations | " + " | ".join(f"t = {t:g}" for t in SHOWN) + " |", "|---|---|---|---|---|"]
    for name in SCORE_ESTIMATORS:
        own = [row for row in table if (row.sweep, row.value, row.estimator) == ("curvature", CURVATURE, name)]
        near = [min(own, key=lambda row, t=t: abs(np.log(row.t / t))) for t in SHOWN]
        cells = " | ".join(f"{signed(row.bias)} ({row.spread:.1f})" for row in near)
        lines.append(f"| `{name}` | {asked[name]} | {cells} |")
    return "\n".join(lines)


def signed(value: float) -> str:
    """A bias with one digit and its sign, 0 without one."""
    return f"{value:+.1f}" if abs(value) >= 0.05 else "0"


def draw(table: list[Row]) -> None:
    """The map: a panel per estimator, noise variance across, curvature up, the bias as a colour."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "scoregap"
    curvatures = SWEEPS["curvature"]
    figure = Figure(figsize=(11, 7.2), layout="constrained")
    FigureCanvasSVG(figure)
    panels = figure.subplots(3, 4, sharex=True, sharey=True).ravel()
    edges = np.sqrt(TIMES[1] / TIMES[0]) ** np.array([-1.0, 1.0])
    across = np.r_[TIMES * edges[0], TIMES[-1] * edges[1]]
    for panel, name in zip(panels, SCORE_ESTIMATORS, strict=False):
        bias = np.array([
            [row.bias for row in table if (row.sweep, row.value, row.estimator) == ("curvature", c, name)]
            for c in curvatures
        ])  # fmt: skip
        image = panel.pcolormesh(
            across, np.arange(len(curvatures) + 1), bias, cmap="RdBu_r", vmin=-2, vmax=2, rasterized=True
        )
        inside = np.abs(bias) <= WITHIN
        y, x = np.nonzero(inside)
        panel.plot(TIMES[x], y + 0.5, ".", color="black", markersize=2.5)
        panel.set(xscale="log", title=name)
        panel.title.set_fontsize(9)
        panel.set_yticks(np.arange(len(curvatures)) + 0.5, [f"{c:g}" for c in curvatures])
    for panel in panels[len(SCORE_ESTIMATORS) :]:
        panel.set_visible(False)
    figure.colorbar(image, ax=panels, extend="both", label="estimate less true dimension", shrink=0.6)
    figure.supxlabel("noise variance t, over that of the data along a tangent direction")
    figure.supylabel("curvature of arcs: their rms length over their radius")
    figure.suptitle(
        f"Exact scores of {M} arcs in R^{D}: where estimators are right (dots: mean within one half)", fontsize=11
    )
    figure.savefig(FIGURE, metadata={"Date": None})


def main() -> None:
    if sys.argv[1:] != ["figure"]:
        with RECORD.open("w", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(Row._fields)
            for sweep, values in SWEEPS.items():
                for value in values:
                    for row in rows(sweep, value):
                        table.writerow([one if isinstance(one, str) else f"{one:.6g}" for one in row])
                    print(sweep, value, flush=True)
    draw(read())


if __name__ == "__main__":
    main()
