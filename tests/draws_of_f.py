"""What finite size does to the law of a study, by thousands of draws of F: `make draws-of-f STUDY=paper_cpu`.

study -> results/benchmarks/draws_of_f.csv: a row per flat manifold and quantity

Phase times of the exact score over those of the bare law and of the law with Tracy-Widom's edges: mean, its standard
error, and standard deviation over draws; and the widest spacing of tangent modes where the law has no gap.
"""

import csv
import datetime
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from scoregap.laws import draws, random_matrix, times
from scoregap.runtime.finding import find
from scoregap.study import Cell, Study, load

RESULTS = Path(__file__).parents[1] / "results" / "benchmarks"
DRAWS = 5000


class Row(NamedTuple):
    """Of `draws` draws of F. ratio, error, spread: mean over draws of exact over law, its standard error, and standard
    deviation; corrected, corrected_error: over the corrected law. Of spacings ratio and spread are widths."""

    ambient_dim: int
    manifold_dim: int
    std: float
    width: float
    quantity: str
    draws: int
    ratio: float
    error: float
    spread: float
    corrected: float
    corrected_error: float


def cells(study: Study) -> list[Cell]:
    """A cell of every flat random manifold."""
    found = {}
    for part in study.parts:
        for cell in part.expand(part.axes | {"seed": part.axes["seed"][:1], "network": part.axes["network"][:1]}):
            if not cell["curvature"] and cell["family"] == "linear":
                found[cell["ambient_dim"], cell.groups] = cell
    return list(found.values())


def rows(cell: Cell, count: int, rng: np.random.Generator) -> list[Row]:
    """All quantities of one manifold."""
    truth, fit, grid = cell.truth(), cell.fit, cell.spectrum.times.values
    d, first = cell["ambient_dim"], truth.boundaries[0]
    variances = draws.squared_singular_values(rng, d, truth.column_stds**2 / truth.manifold_dim, count)
    gaps = [random_matrix.gap_edges(edges) for edges in (truth.law_edges(), truth.corrected_edges()[0])]
    there = bool(np.isfinite(gaps[0][0]).all()) and len(gaps[0]) > 1
    exact = draws.phase_times(variances, first if there else None, fit.level, fit.visibility)
    laws = [of_law(edges, there, fit.level) for edges in gaps]
    place = d, truth.manifold_dim, cell.groups[-1].std, cell.groups[-1].width
    found = []
    for name, values in exact.items():
        one, other = (values / law[name] for law in laws)
        found.append(Row(*place, name, count, *summary(one), *summary(other)[:2]))
    if not there:
        wide = draws.widest_spacing(grid, variances)
        found.append(Row(*place, "widest_spacing", count, *summary(wide), np.nan, np.nan))
    return found


def of_law(gaps: np.ndarray, there: bool, level: float) -> dict[str, float]:
    """Phase times of a law with these edges of gaps."""
    found = {"t_consolidation": times.consolidation(gaps[-1][0])}
    if there:
        opening, closing = times.opening_and_closing(*gaps[0], level)
        found |= {"t_open": opening, "t_max": times.maximum(*gaps[0])[0], "t_close": closing}
    return found


def summary(values: np.ndarray) -> tuple[float, float, float]:
    """Mean, its standard error, standard deviation; of what is known."""
    known = values[np.isfinite(values)]
    return float(known.mean()), float(known.std(ddof=1) / np.sqrt(len(known))), float(known.std(ddof=1))


def main(name: str = "paper_cpu") -> None:
    """Print the table, and write it."""
    study, rng = load(find(name)), np.random.default_rng(0)
    found = [row for cell in cells(study) for row in rows(cell, DRAWS, rng)]
    with (RESULTS / "draws_of_f.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["date", "study", *Row._fields])
        for row in found:
            short = [f"{value:.6g}" if isinstance(value, float) else value for value in row]
            writer.writerow([datetime.date.today().isoformat(), name, *short])
            print(*short)


if __name__ == "__main__":
    main(*sys.argv[1:])
