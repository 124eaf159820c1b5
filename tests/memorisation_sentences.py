"""What docs/explanation/memorisation.md says was found, made from the tables; `test_found_pages` finds it there.

results/findings/{collapse,memorisation,regularisers,digits}: tables, claims.csv, provenance.json; the studies;
results/benchmarks/memorisation.csv -> MADE, functions -> text

`python tests/memorisation_sentences.py` prints it.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from scoregap.analysis.intervals import geometric_mean, interval
from scoregap.analysis.memorisation import APART, KEPT
from scoregap.runtime.finding import find
from scoregap.study import Study, load

ROOT = Path(__file__).parents[1]
FINDINGS = ROOT / "results" / "findings"
MADE: list[Callable[[], str]] = []
NAMES = {
    "train.learning_rate": "learning rate",
    "train.preconditioning": "predicts",
    "train.noise_draws": "noise draws",
    "network": "network",
}


def made(function: Callable[[], str]) -> Callable[[], str]:
    """A sentence, or some, or a table of the page."""
    MADE.append(function)
    return function


class Found:
    """What is committed of a study."""

    def __init__(self, name: str):
        folder = FINDINGS / name
        self.study: Study = load(find(name), run=False)
        self.claims, self.provenance = (
            pd.read_csv(folder / "claims.csv"),
            json.loads((folder / "provenance.json").read_text()),
        )
        assert self.provenance["config_hash"] == self.study.hash
        self.times, self.curves = (
            pd.read_csv(path) if (path := folder / f"{one}.csv").exists() else pd.DataFrame()
            for one in ("memorisation", "memorisation_curves")
        )

    def claimed(self, name: str) -> pd.DataFrame:
        return self.claims[self.claims.claim == name]

    @property
    def seconds(self) -> int:
        return self.provenance["core_seconds"]["total"]

    @property
    def seeds(self) -> int:
        return len(self.study.axes["seed"])

    @property
    def confidence(self) -> float:
        return self.study.compare.confidence


COLLAPSE, TRAINED, MOVED = (Found(name) for name in ("collapse", "memorisation", "regularisers"))
SIZES = COLLAPSE.study.axes["manifold.dataset_size"]
NETWORKS = TRAINED.times[TRAINED.times.network != "empirical"]
CURVATURES = TRAINED.study.axes["curvature"]


def span(values: pd.Series, form: str = ".2f") -> str:
    """0.75 to 0.93"""
    return f"{values.min():{form}} to {values.max():{form}}"


def bounded(value: float, low: float, high: float, form: str = ".2f") -> str:
    """1.02 [0.91, 1.13]"""
    return f"{value:{form}} [{low:{form}}, {high:{form}}]"


def mean_over_seeds(values: pd.Series, confidence: float) -> str:
    """A geometric mean with its interval."""
    low, high = np.exp(interval(np.log(values.to_numpy()), confidence))
    return bounded(geometric_mean(values.to_numpy()), low, high)


def verdicts(rows: pd.DataFrame) -> tuple[int, int, int]:
    """How many agree, disagree, are inconclusive."""
    agree, disagree, open_ = ((rows.verdict == one).sum() for one in ("agrees", "disagrees", "inconclusive"))
    assert agree + disagree + open_ == len(rows)
    return agree, disagree, open_


def listed(sizes) -> str:
    """10, 32 and 100"""
    sizes = [f"{one:g}" for one in sorted(set(sizes))]
    return " and ".join(filter(None, (", ".join(sizes[:-1]), sizes[-1])))


@made
def law() -> str:
    """Against simulation, of some N."""
    frame = pd.read_csv(ROOT / "results" / "benchmarks" / "memorisation.csv")
    lines = [
        "| data | d | groups | N | law / found | at finite N / found | standard error |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in frame[frame.points.isin((10, 1_000, 100_000))].to_dict("records"):
        data = f"{row['family']}, c = {row['curvature']:g}" if row["curvature"] else row["family"]
        lines.append(
            f"| {data} | {row['ambient_dim']} | {row['groups']} | {row['points']:,} | {row['law_over_found']:.2f} | "
            f"{row['corrected_over_found']:.2f} | {row['error']:.3f} |"
        )
    return "\n".join(lines)


@made
def collapse_was_run() -> str:
    study = COLLAPSE.study
    (d,), (m,) = study.axes["ambient_dim"], study.axes["manifold_dim"]
    assert [group.std for group in study.manifold.groups] == [1.0, 0.3]
    return (
        f"Study `collapse`: arcs in R^{d}, m = {m}, curvature "
        f"{' and '.join(f'{c:g}' for c in study.axes['curvature'])}, "
        f"groups of standard deviation 1 and .3; N from {min(SIZES)} to {max(SIZES)}; {COLLAPSE.seeds} seeds, each "
        "with a "
        f"manifold of its own, {COLLAPSE.confidence:.0%} intervals; {COLLAPSE.seconds} core-seconds."
    )


@made
def collapse() -> str:
    """Of the empirical score, at every curvature and N."""
    lines = [
        "| curvature | N | found / law | found / at finite N | as noise falls | in seeds |",
        "|---|---|---|---|---|---|",
    ]
    for (curvature, points), rows in COLLAPSE.times.groupby(["curvature", "points"]):
        over = [mean_over_seeds(rows.found / rows[law], COLLAPSE.confidence) for law in ("law", "corrected")]
        order = rows.order.mode()[0]
        count = f"{(rows.order == order).sum()} of {len(rows)}"
        lines.append(f"| {curvature:g} | {points} | {over[0]} | {over[1]} | {order.replace(' > ', ', ')} | {count} |")
    return "\n".join(lines)


@made
def collapse_in_words() -> str:
    few, more = (COLLAPSE.times[COLLAPSE.times.points.isin(one)] for one in (SIZES[:1], SIZES[1:]))
    means = [
        pd.Series(
            [geometric_mean((rows.found / rows[law]).to_numpy()) for _, rows in more.groupby(["curvature", "points"])]
        )
        for law in ("law", "corrected")
    ]
    assert COLLAPSE.study.document.memorisation is not None
    return (
        f"From N = {SIZES[1]} on, the collapse is found at {span(means[0])} times the law's t in the mean, and at "
        f"{span(means[1])} times that at finite N; with N = {SIZES[0]}, where it hangs on the points that were "
        "drawn, single "
        f"training sets have it at {span(few.found / few.law)} times the law's. The mean weight is over "
        f"{COLLAPSE.study.document.memorisation.points} noisy points, whose own times scatter. The table of `make "
        "memorisation` above, with standard errors over many draws, is the stronger test."
    )


@made
def what_comes_first() -> str:
    at = {}
    for points, rows in COLLAPSE.times.groupby("points"):
        place = rows.order.str.split(" > ").apply(lambda names: names.index("memorisation"))
        at[points] = place
    first = [points for points, place in at.items() if (place == 0).mean() > 0.5]
    last = [points for points, place in at.items() if (place == 3).any()]
    inside = [points for points, place in at.items() if (place == 1).mean() > 0.5]
    assert sorted([*first, *inside]) == sorted(at)
    assert not last
    late = sum((place > 1).sum() for place in at.values())
    return (
        f"As noise falls, memorisation comes before any gap opens in most training sets with N = {listed(first)}, "
        "and after "
        f"the intermediate gap has opened and before it closes in most with {listed(inside)}; in {late} of "
        f"{len(COLLAPSE.times)} it comes after that gap has closed, and in none after consolidation."
    )


@made
def lost_first() -> str:
    rows = COLLAPSE.claimed("lost_first")
    agree, disagree, open_ = verdicts(rows)
    told = [
        f"at curvature {row['curvature']:g} with N = {row['manifold.dataset_size']:.0f} "
        f"({bounded(row['trained'], row['low'], row['high'])})"
        for row in rows[rows.verdict != "inconclusive"].sort_values(["verdict", "curvature"]).to_dict("records")
    ]
    chance = len(rows) * (1 - COLLAPSE.confidence) / 2
    assert disagree == 0
    return (
        f"That the group of least variance is lost first holds in {agree} of {len(rows)} cells, where {chance:.1f} "
        "would by "
        f"chance, and {open_} are inconclusive: it holds {'; '.join(told)}. {(rows.trained > 0).sum()} of the "
        f"{len(rows)} "
        "differences are above 0."
    )


@made
def geometry_above() -> str:
    rows = COLLAPSE.claimed("geometry_above")
    agree, disagree, open_ = verdicts(rows)
    off = rows.why.str.startswith("not on the grid", na=False)
    return (
        f"That {100 * KEPT:.0f} % of the exact trace is there from 10 times the law's t on holds in {agree} of "
        f"{len(rows)} "
        f"tests, does not in {disagree}, and is inconclusive in {open_}: in {off.sum()} of these a training set "
        "has less than "
        f"that share at the largest t too, as the covariance of few points lacks it (N = "
        f"{listed(rows[off]['manifold.dataset_size'])})."
    )


@made
def networks_were_run() -> str:
    train = TRAINED.study.document.train
    assert train is not None
    assert train.decay == "none"
    sizes = TRAINED.study.axes["manifold.dataset_size"]
    return (
        f"Study `memorisation`: the same manifolds, N from {min(sizes)} to {max(sizes)}; "
        f"{', '.join(TRAINED.study.trained_networks)}, {train.steps} steps at a constant rate, {TRAINED.seeds} "
        "seeds; "
        f"{TRAINED.seconds} core-seconds."
    )


@made
def networks() -> str:
    sizes = TRAINED.study.axes["manifold.dataset_size"]
    trained = len(sizes) * len(CURVATURES) * TRAINED.seeds
    lost, never = trained - len(NETWORKS), NETWORKS[NETWORKS.tau_generalise.isna()]
    generalised = NETWORKS[NETWORKS.tau_generalise.notna()]
    known = generalised[generalised.tau_memorise.notna()]
    assert TRAINED.study.document.train is not None
    flat, curved = (generalised[generalised.curvature == c].tau_generalise for c in CURVATURES)
    return (
        f"Of {trained} trainings {lost} diverged and {len(never)} never generalised. The others had generalised "
        "(their "
        f"squared distance from the exact score, at the law's t, was below {APART:g} of the empirical score's) after "
        f"{span(flat, '.0f')} steps at curvature 0 and {span(curved, '.0f')} at curvature .5; {len(known)} of these "
        f"{len(generalised)} gave in within {TRAINED.study.document.train.steps} steps, after "
        f"{span(known.tau_memorise, '.0f')}."
    )


@made
def exponents() -> str:
    told = []
    for name, says in (
        ("tau_memorise", "The steps after which networks give in grow as N to the power of"),
        ("tau_generalise", "those after which they have generalised as N to the power of"),
    ):
        rows = TRAINED.claimed(name).to_dict("records")
        each = [
            f"{bounded(row['trained'], row['low'], row['high'])} at curvature {row['curvature']:g} (over "
            f"{row['seen']:.0f} "
            f"of {row['of']:.0f} N; claimed {row['law']:g}: {row['verdict']})"
            for row in rows
        ]
        told.append(f"{says} {' and '.join(each)}")
    return "; ".join(told) + "."


@made
def position() -> str:
    at = {}
    for (curvature, points), rows in TRAINED.curves[TRAINED.curves.network != "empirical"].groupby(
        ["curvature", "points"]
    ):
        own = rows.sort_values("over_law")
        at[curvature, points] = float(np.interp(0.0, np.log(own.over_law), own.position))
    sizes = TRAINED.study.axes["manifold.dataset_size"]
    few, many = (pd.Series([at[c, one] for c in CURVATURES]) for one in (sizes[0], sizes[-1]))
    empirical = TRAINED.times[TRAINED.times.network == "empirical"]
    copies = [NETWORKS[NETWORKS.points == one].memorised for one in (sizes[0], sizes[-1])]
    return (
        f"At the end of training, at the law's t, networks are at {span(few)} of the way from the exact to the "
        "empirical "
        f"score with N = {sizes[0]}, and at {span(many)} with N = {sizes[-1]}; {span(100 * copies[0], '.0f')} % of "
        "their "
        f"samples are copies, beyond chance, with N = {sizes[0]}, and {span(100 * copies[1], '.0f')} % with "
        f"{sizes[-1]}, where "
        f"{span(100 * empirical.memorised, '.0f')} % of those of the empirical score are."
    )


@made
def regularisers_were_run() -> str:
    study = MOVED.study
    assert study.document.train is not None
    assert study.document.manifold is not None
    return (
        f"Study `regularisers`: curvature 0, N = {study.document.manifold.dataset_size}, "
        f"{study.document.train.steps} steps, "
        f"{MOVED.seeds} seeds, settings beside the first of the study `memorisation` ({study.trained_networks[0]}, "
        "learning "
        f"rate {study.document.train.learning_rate:g}, `edm`, fresh noise); {MOVED.seconds} core-seconds."
    )


def moved() -> pd.DataFrame:
    """A row per setting: both claims."""
    first = {axis: str(MOVED.study.axes[axis][0]) for axis in NAMES}
    rows = []
    for row in MOVED.claims.to_dict("records"):
        (axis,) = (one for one in NAMES if str(row[one]) != first[one])
        rows.append(row | {"what": NAMES[axis], "setting": row[axis]})
    return pd.DataFrame(rows)


@made
def regularisers() -> str:
    lines = ["| | | steps to give in, ratio | | over steps to generalise, ratio | |", "|---|---|---|---|---|---|"]
    for (what, setting), rows in moved().groupby(["what", "setting"], sort=False):
        cells = []
        for name in ("moves_memorise", "moves_window"):
            (row,) = rows[rows.claim == name].to_dict("records")
            known = row["seen"] > 1
            value = bounded(row["trained"], row["low"], row["high"]) if known else "-"
            short = f", {row['seen']:.0f} of {row['of']:.0f} seeds" if row["seen"] < row["of"] else ""
            cells += [value, row["verdict"] + short]
        lines.append(f"| {what} | {setting:g} | " if isinstance(setting, float) else f"| {what} | {setting} | ")
        lines[-1] += " | ".join(cells) + " |"
    return "\n".join(lines)


@made
def digits() -> str:
    frame = pd.read_csv(FINDINGS / "digits" / "copies.csv")
    told = []
    for size in sorted(frame.dataset_size.unique()):
        own = frame[frame.dataset_size == size]
        each = [f"{100 * rows.memorised.mean():.0f} % ({name})" for name, rows in own.groupby("network", sort=False)]
        told.append(f"with {size} pictures {', '.join(each)}")
    chance = 100 * frame.by_chance.max()
    return (
        "Of samples that are made of networks of the study `digits` so many are copies of training pictures, in "
        "the mean over "
        f"networks: {'; '.join(told)}. Of held-out pictures at most {chance:.0f} % are."
    )


if __name__ == "__main__":
    print("\n\n".join(function() for function in MADE))
