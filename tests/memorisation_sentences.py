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
    for row in frame[frame.points.isin((10, 1_000, 10_000, 100_000))].to_dict("records"):
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
    """Of most training sets of each N."""
    where = (
        "before any gap opens",
        "while the intermediate gap is open",
        "after that has closed and before consolidation",
        "after consolidation",
    )
    sizes: dict[int, list[int]] = {}
    for points, rows in COLLAPSE.times.groupby("points"):
        place = rows.order.str.split(" > ").map(lambda names: names.index("memorisation"))
        assert (place == place.mode()[0]).mean() > 0.5
        sizes.setdefault(place.mode()[0], []).append(points)
    told = [f"{where[place]} with N = {listed(of)}" for place, of in sorted(sizes.items())]
    first = "As noise falls, memorisation comes, by the laws, in most training sets "
    return first + f"{', '.join(told[:-1])}, and {told[-1]}."


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
    assert lost == 0
    places = never.groupby(["curvature", "points"]).size()
    but = "".join(
        f", but for {count} of {TRAINED.seeds} at curvature {curvature:g} and N = {points},"
        for (curvature, points), count in places.items()
    )
    return (
        f"None of {trained} trainings diverged, and all{but} generalised (their squared distance from the exact score, "
        f"at the law's t, fell below {APART:g} of the empirical score's), after {span(flat, '.0f')} steps at curvature "
        f"0 and {span(curved, '.0f')} at curvature .5; {len(known)} of these {len(generalised)} then gave in to their "
        f"training points (the distance rose above {APART:g} again) within {TRAINED.study.document.train.steps} steps, "
        f"after {span(known.tau_memorise, '.0f')}."
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
def regularisers() -> str:
    """Of each setting beside the first: what it makes of both times."""
    study, train = MOVED.study, MOVED.study.document.train
    assert train is not None
    changed = {"train.learning_rate": "learning rate", "train.preconditioning": "preconditioning"}
    changed |= {"train.noise_draws": "draws of the noise per point", "network": "network"}
    lines = [
        f"Study `regularisers`: the flat manifolds, N = {study.manifold.dataset_size}, {train.steps} steps, "
        f"{MOVED.seeds} seeds, each setting beside {study.axes['network'][0]} with a learning rate of "
        f"{study.axes['train.learning_rate'][0]:g}, edm and fresh draws of the noise; {MOVED.seconds} core-seconds.",
        "",
        "| setting | steps to giving in, over those of the first setting | "
        "(steps to giving in / steps to generalising), likewise | verdicts |",
        "|---|---|---|---|",
    ]
    first = {axis: values[0] for axis, values in study.axes.items() if axis in changed}
    for _, rows in MOVED.claims.groupby("block", sort=False):
        given, window = (rows[rows.claim == name].to_dict("records")[0] for name in ("moves_memorise", "moves_window"))
        (axis,) = [one for one in changed if str(given[one]) != str(first[one])]
        told = [
            bounded(one["trained"], one["low"], one["high"]) if np.isfinite(one["trained"]) else "in no seed"
            for one in (given, window)
        ]
        told += [f"{given['verdict']}, {window['verdict']}"]
        lines.append(f"| {changed[axis]} {given[axis]} | {' | '.join(told)} |")
    return "\n".join(lines)


@made
def regularisers_in_words() -> str:
    told = MOVED.claims[["block", "claim", "verdict", "trained"]].set_index(["block", "claim"])
    agree = told[told.verdict == "agrees"]
    assert list(agree.index) == [("rate", "moves_window")]
    assert told.loc[("predicts", "moves_memorise"), "verdict"] == "disagrees"
    ends = told.loc["noise"].trained
    assert ends.isna().all()
    margin = MOVED.claims.margin.unique().item()
    low, high = MOVED.study.blocks["rate"]["train.learning_rate"]
    return (
        f"Claimed is that a setting moves them, by more than {margin:.0%}. A learning rate {high / low:g} times as "
        f"large is shown to move how much later networks give in than they generalise, by a factor of "
        f"{agree.trained.item():.2f}; what they predict is shown to move when they give in by less than {margin:.0%}. "
        "With few draws of the noise no seed has a time of giving in: it is counted only from when a network has "
        "generalised, so this does not say that such networks do not memorise. The rest is open."
    )


@made
def digits() -> str:
    frame, train = pd.read_csv(FINDINGS / "digits" / "copies.csv"), load(find("digits"), run=False).document.train
    assert train is not None
    empirical, networks = frame[frame.network == "empirical"], frame[frame.network != "empirical"]
    assert networks.memorised.max() == frame.by_chance.max() == 0
    assert empirical.memorised.min() == 1
    few, many = (networks[networks.dataset_size == size] for size in (100, 700))
    told = [
        f"{rows.nearest_distance.mean():.2f} ({name})"
        for own in (few, many)
        for name, rows in own.groupby("network", sort=False)
    ]
    return (
        f"Of the samples of networks of the study `digits`, after {train.steps} steps, none are copies of training "
        "pictures, "
        "and of those of the empirical score all are. Their median distance to the nearest training picture is "
        f"{told[0]} and "
        f"{told[1]} with 100 pictures, where that of held-out pictures is {few.held_out_distance.mean():.2f}, and "
        f"{told[2]} "
        f"and {told[3]} with 700, where it is {many.held_out_distance.mean():.2f}."
    )


if __name__ == "__main__":
    print("\n\n".join(function() for function in MADE))
