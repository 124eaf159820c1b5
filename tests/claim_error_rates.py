"""How often are the tests of claims wrong? Prints false agreements and disagreements; `make claim-error-rates`.

Studies of a few seeds are simulated, each with an F of its own: spectra of exact scores for the claim that no gap
opens, of one variance, of continuous laws and of merged groups, and the same with a gap of some width put in at any
place; counts for proportions; and noisy curves for distances. An error is to be made in (1 - confidence) / 2 of the
studies at most: 5 %. To agree is an error where the widest spacings with a gap are wider in the mean than those of
random F by more than the claim's margin, whatever threshold the test takes; of a narrower gap neither is.
`python tests/claim_error_rates.py STUDIES FILE.csv` writes the table.
"""

import csv
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import stats

from scoregap.analysis import hypotheses
from scoregap.analysis.quantities import WIDTH, WRONG, widest_spacing
from scoregap.laws import draws
from scoregap.laws.variances import VarianceLaw

CONFIDENCE = 0.9
T = np.geomspace(5e-4, 300, 48)
SEEDS = (3, 5, 10)
GAPS = (0.0, 0.1, 0.2, 0.3, 0.4)  # width of a gap that is put in, of which 0 is the null
POOL = 4000  # draws of F of which studies are made


class Row(NamedTuple):
    """Of so many studies, how many agreed and disagreed, and which of the two is an error, if any."""

    test: str
    case: str
    seeds: int
    studies: int
    agrees: int
    disagrees: int
    error: str


def columns(name: str) -> tuple[int, np.ndarray]:
    """(d, entry variances of columns) of a spectrum in which the law has no gap."""
    if name == "one variance":
        return 100, np.ones(40) / 40
    if name == "one variance, small":
        return 32, np.ones(8) / 8
    if name == "lognormal":
        return 100, VarianceLaw("lognormal", 1.0).columns(40) / 40
    if name == "uniform, near a hard edge":
        return 50, VarianceLaw("uniform", 1.0).columns(40) / 40
    return 100, np.repeat([1.0, 0.36], 20) / 40  # merged: std .6


SPECTRA = ("one variance", "one variance, small", "lognormal", "uniform, near a hard edge", "merged")


def with_gap(variances: np.ndarray, width: float, rng: np.random.Generator) -> np.ndarray:
    """Spectra (draws, m) with all modes below one of them, any, moved down: a gap of at least that width opens."""
    if not width:
        return variances
    factor = ((1 - width) / (1 + width)) ** 2  # of a b: (sqrt a - sqrt b) / (sqrt a + sqrt b)
    m = variances.shape[1]
    at = rng.integers(1, m, len(variances))[:, None]
    return np.where(np.arange(m) >= at, variances * factor, variances)


def chance(name: str, width: float, studies: int, seed: int) -> list[Row]:
    """Networks that follow the exact score of their F, with a gap put in."""
    rng = np.random.default_rng(seed)
    d, variances = columns(name)
    null = draws.widest_spacing(T, draws.squared_singular_values(rng, d, variances, draws.number(len(variances))))
    pool = with_gap(draws.squared_singular_values(rng, d, variances, POOL), width, rng)
    widest = np.concatenate([widest_spacing(some[:, None] / (some[:, None] + T[:, None]) - 1)
                             for some in np.array_split(pool, 8)])  # fmt: skip
    case, rows = f"{name}, gap {width:g} put in" if width else name, []
    error = "disagrees" if not width else "agrees" if widest.mean() > null.mean() + WIDTH else ""
    for k in SEEDS:
        found = [hypotheses.chance(rng.choice(widest, k), null, WIDTH, CONFIDENCE) for _ in range(studies)]
        rows.append(counted("chance", case, k, error, found))
    return rows


def proportions(probability: float, studies: int, seed: int) -> list[Row]:
    """Found right with a probability."""
    rng = np.random.default_rng(seed)
    error = "agrees" if probability <= hypotheses.MOSTLY else "disagrees" if probability >= 1 - WRONG else ""
    return [
        counted("proportion", f"right in {probability:g}", k, error,
                [hypotheses.proportion(rng.random(k) < probability, WRONG, CONFIDENCE) for _ in range(studies)])
        for k in SEEDS
    ]  # fmt: skip


def distances(mean: float, studies: int, seed: int) -> list[Row]:
    """Curves whose largest distance has a mean, in margins: a smooth error of random size and place, and noise."""
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 1, 48)
    size, place = np.abs(rng.normal(1, 0.3, (POOL, 1))), rng.random((POOL, 1))
    curves = size * np.exp(-0.5 * ((x - place) / 0.1) ** 2) + 0.1 * rng.standard_normal((POOL, 48))
    largest = np.abs(curves).max(1)
    largest *= mean * WIDTH / largest.mean()
    error = "agrees" if mean > 1 else "disagrees"
    return [
        counted("distance", f"{mean:g} margins", k, error,
                [hypotheses.distance(rng.choice(largest, k), WIDTH, CONFIDENCE) for _ in range(studies)])
        for k in SEEDS
    ]  # fmt: skip


def counted(test: str, case: str, seeds: int, error: str, found: list[hypotheses.Tested]) -> Row:
    """A row of what was found in studies."""
    verdicts = [one.verdict for one in found]
    return Row(test, case, seeds, len(found), verdicts.count("agrees"), verdicts.count("disagrees"), error)


def table(studies: int) -> list[Row]:
    """All rows."""
    rows = []
    for name in SPECTRA:
        for width in GAPS:
            rows += chance(name, width, studies, len(rows))
    for probability in (0.0, 0.2, 0.5, 0.7, 0.9, 0.99, 1.0):
        rows += proportions(probability, studies, len(rows))
    for mean in (0.5, 0.8, 0.999, 1.001, 1.25, 2.0):
        rows += distances(mean, studies, len(rows))
    return rows


def wrong_too_often(row: Row) -> bool:
    """Whether its error is made more often than it may be, beyond what so many studies leave to chance (1 in 1,000)."""
    if not row.error:
        return False
    return stats.binomtest(getattr(row, row.error), row.studies, 0.5 * (1 - CONFIDENCE), "greater").pvalue < 1e-3


def main(studies: str = "2000", out: str | None = None) -> None:
    """Print the table, and write it."""
    rows = table(int(studies))
    print(f"{'test':<12}{'case':<44}{'seeds':>6}{'agrees':>9}{'disagrees':>11}   of {studies}; ! an error, beyond 5 %")
    for row in rows:
        shares = row.agrees / row.studies, row.disagrees / row.studies
        mark = " !" if wrong_too_often(row) else ""
        print(f"{row.test:<12}{row.case:<44}{row.seeds:>6}{shares[0]:>9.1%}{shares[1]:>11.1%}{mark}")
    if out:
        with Path(out).open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(Row._fields)
            writer.writerows(rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
