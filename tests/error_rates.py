"""How often the gate is wrong: false "worse" of unchanged runs, and the power against shifts in units of the margin.

    make error-rates        # or: python tests/error_rates.py RUNS

Invented runs with the metrics of a study like the quickstart, of two networks: 4 cells x 2 networks x 10 metrics. Their
values have a part that seeds share over networks and curvatures (of the manifold) and one of their own (of training),
which is another one in every run, as it is on another machine. In the scenarios cells may have unlike standard
deviations, and few heavy tails.
"""

import itertools
import sys
from typing import NamedTuple

import numpy as np

from scoregap.regression.baselines import Record, with_margins
from scoregap.regression.metrics import KINDS, Metric, across, named
from scoregap.regression.verdicts import compare_records
from scoregap.study import digest

CELLS = [(m, c) for m in (4, 8) for c in (0.0, 0.5)]
NETWORKS = ("scaled-64", "scaled-96")
QUANTITIES = ("t_open[0]", "t_max[0]", "t_close[0]", "t_consolidation[1]", "t_resolution[1]", "t_alignment[0]",
              "t_alignment[1]", "dimension[gap]", "spectrum", "excess")  # fmt: skip
SHIFTS = (0.5, 1.0, 1.5, 2.0, 3.0)  # margins
SHIFTED = "manifold_dim=4 curvature=0 scaled-64: excess"


class Scenario(NamedTuple):
    """Numbers of seeds of baseline and run, and whether they are the same seeds.

    tails: degrees of freedom of Student's t; unlike: standard deviation of the logarithms of cells' deviations.
    """

    name: str
    old: int
    new: int
    same: bool
    tails: float = np.inf
    unlike: float = 0.0


SCENARIOS = (
    Scenario("3 seeds, the same", 3, 3, True),
    Scenario("3 seeds, the same; cells unlike (factor 1.6)", 3, 3, True, unlike=0.5),
    Scenario("3 seeds, the same; heavy tails (t, 4)", 3, 3, True, tails=4),
    Scenario("3 seeds, the same; both", 3, 3, True, tails=4, unlike=0.5),
    Scenario("3 seeds, others", 3, 3, False),
    Scenario("3 seeds, others; both", 3, 3, False, tails=4, unlike=0.5),
    Scenario("8 seeds, the same", 8, 8, True),
    Scenario("8 seeds, the same; both", 8, 8, True, tails=4, unlike=0.5),
    Scenario("8 seeds, 4 others", 8, 4, False),
    Scenario("8 seeds, 4 others; both", 8, 4, False, tails=4, unlike=0.5),
)


def records(rng: np.random.Generator, scenario: Scenario, shift: float = 0.0) -> tuple[Record, Record]:
    """An invented baseline and run. shift: of the metric SHIFTED of the run, in units of its margin."""
    first = 0 if scenario.same else scenario.old
    seeds = range(scenario.old), range(first, first + scenario.new)
    metrics: tuple[dict, dict] = {}, {}
    for quantity in QUANTITIES:
        kind = quantity.split("[")[0]
        shared = {m: rng.standard_normal(first + scenario.new) for m, _ in CELLS}
        for (m, c), network in itertools.product(CELLS, NETWORKS):
            deviation = 0.1 * np.exp(scenario.unlike * rng.standard_normal())
            for of_run, record in zip(seeds, metrics, strict=True):
                scale = (
                    1.0
                    if np.isinf(scenario.tails)
                    else np.sqrt(scenario.tails / rng.chisquare(scenario.tails, len(of_run)))
                )
                values = deviation * (shared[m][of_run.start : of_run.stop] + scale * rng.standard_normal(len(of_run)))
                values = np.exp(0.05 + values) if KINDS[kind].log else np.round(3 * values)  # dimensions: mostly right
                name = named({"manifold_dim": m, "curvature": c}, network, quantity)
                record[name] = Metric(network=network, kind=kind, margin=KINDS[kind].floor, values=values.tolist())
    old, new = with_margins(metrics[0] | across(metrics[0])), metrics[1]
    if shift:
        moved = np.array(new[SHIFTED].values) * np.exp(shift * old[SHIFTED].margin)
        new[SHIFTED] = new[SHIFTED].model_copy(update={"values": moved.tolist()})
    return record_of(seeds[0], old), record_of(seeds[1], new | across(new))


def record_of(seeds, metrics: dict[str, Metric]) -> Record:
    """A record of an invented study."""
    empty = dict.fromkeys(("device", "versions", "revision"), "")
    return Record(study="invented", config={}, config_hash=digest({}), seeds=list(seeds), metrics=metrics, **empty)


def unchanged(scenario: Scenario, runs: int, seed: int = 0) -> tuple[int, int, float]:
    """(runs with a false worse, runs with a false better, share of metrics that are the same) of unchanged runs."""
    rng, worse, better, same = np.random.default_rng(seed), 0, 0, 0.0
    for _ in range(runs):
        verdicts = [row.verdict for row in compare_records(*records(rng, scenario)).rows]
        worse += "worse" in verdicts
        better += "better" in verdicts
        same += verdicts.count("same") / len(verdicts) / runs
    return worse, better, same


def caught(scenario: Scenario, shift: float, runs: int, seed: int = 1) -> int:
    """Runs in which one metric that is worse by so many margins is called worse."""
    rng = np.random.default_rng(seed)
    checks = (compare_records(*records(rng, scenario, shift)).rows for _ in range(runs))
    return sum(any(row.name == SHIFTED and row.verdict == "worse" for row in rows) for rows in checks)


def table(runs: int) -> None:
    """Print the rates of all scenarios, with counts."""
    fewer = max(runs // 5, 1)
    count = (len(CELLS) + 1) * len(NETWORKS) * len(QUANTITIES)  # with means over cells
    print(
        f"{count} metrics; worse, better: of {runs} unchanged runs; the others: caught of {fewer}, by shift in margins"
    )
    print(f"{'seeds of baseline and run':44} worse better  same " + "".join(f"{shift:>5}" for shift in SHIFTS))
    for scenario in SCENARIOS:
        worse, better, same = unchanged(scenario, runs)
        power = "".join(f"{caught(scenario, shift, fewer):5}" for shift in SHIFTS)
        print(f"{scenario.name:44} {worse:5} {better:6} {same:5.1%} {power}", flush=True)


if __name__ == "__main__":
    table(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
