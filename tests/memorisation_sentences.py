"""What docs/explanation/memorisation.md says was found, made from the tables; `test_found_pages` finds it there.

results/findings/memorisation: memorisation.csv, memorisation_curves.csv, claims.csv, provenance.json; the study ->
MADE, functions -> text

`python tests/memorisation_sentences.py` prints it.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from scoregap.analysis.memorisation import APART, KEPT
from scoregap.runtime.finding import find
from scoregap.study import load

ROOT = Path(__file__).parents[1]
FINDINGS = ROOT / "results" / "findings" / "memorisation"
TIMES, CURVES, CLAIMS = (
    pd.read_csv(FINDINGS / f"{name}.csv") for name in ("memorisation", "memorisation_curves", "claims")
)
PROVENANCE = json.loads((FINDINGS / "provenance.json").read_text())
STUDY = load(find("memorisation"))
EMPIRICAL, TRAINED = TIMES[TIMES.network == "empirical"], TIMES[TIMES.network != "empirical"]
SIZES, CURVATURES, SEEDS = (STUDY.axes[name] for name in ("manifold.dataset_size", "curvature", "seed"))
MADE: list[Callable[[], str]] = []


def made(function: Callable[[], str]) -> Callable[[], str]:
    """A sentence, or some, or a table of the page."""
    MADE.append(function)
    return function


def span(values: pd.Series, form: str = ".2f") -> str:
    """0.75 to 0.93"""
    return f"{values.min():{form}} to {values.max():{form}}"


def claimed(name: str) -> pd.DataFrame:
    return CLAIMS[CLAIMS.claim == name]


def verdicts(rows: pd.DataFrame) -> tuple[int, int, int]:
    """How many agree, disagree, are inconclusive."""
    agree, disagree, open_ = ((rows.verdict == one).sum() for one in ("agrees", "disagrees", "inconclusive"))
    assert agree + disagree + open_ == len(rows)
    return agree, disagree, open_


@made
def what_was_run() -> str:
    train, groups = STUDY.document.train, STUDY.manifold.groups
    assert train is not None
    assert train.decay == "none"
    assert [group.std for group in groups] == [1.0, 0.3]
    assert PROVENANCE["config_hash"] == STUDY.hash
    (d,), (m,) = STUDY.axes["ambient_dim"], STUDY.axes["manifold_dim"]
    return (
        f"Study `memorisation`: arcs in R^{d}, m = {m}, curvature {' and '.join(f'{c:g}' for c in CURVATURES)}, groups "
        f"of standard deviation 1 and .3; N from {min(SIZES)} to {max(SIZES)}; {', '.join(STUDY.trained_networks)}, "
        f"{train.steps} steps at a constant rate; {len(SEEDS)} seeds, each with a manifold of its own, "
        f"{STUDY.compare.confidence:.0%} intervals; {PROVENANCE['core_seconds']['total']} core-seconds."
    )


@made
def collapse() -> str:
    """Of the empirical score, at every curvature and N."""
    lines = ["| curvature | N | found / law, by seed | found / at finite N, by seed |", "|---|---|---|---|"]
    for (curvature, points), rows in EMPIRICAL.groupby(["curvature", "points"]):
        over = (", ".join(f"{one:.2f}" for one in rows.found / rows[law]) for law in ("law", "corrected"))
        lines.append(f"| {curvature:g} | {points} | {' | '.join(over)} |")
    return "\n".join(lines)


@made
def collapse_in_words() -> str:
    few, more = EMPIRICAL[EMPIRICAL.points == min(SIZES)], EMPIRICAL[EMPIRICAL.points > min(SIZES)]
    assert STUDY.document.memorisation is not None
    below = (EMPIRICAL.found < EMPIRICAL.corrected).sum()
    return (
        f"From N = {more.points.min()} on, the collapse is found at {span(more.found / more.law)} times the law's t, "
        f"and at {span(more.found / more.corrected)} times that at finite N; with N = {min(SIZES)}, where it "
        f"hangs on the "
        f"points that were drawn, at {span(few.found / few.law)} and {span(few.found / few.corrected)} times. In "
        f"{below} of {len(EMPIRICAL)} training sets it lies below the law at finite N. The mean weight "
        f"is over {STUDY.document.memorisation.points} noisy points, whose own times scatter."
    )


@made
def networks() -> str:
    trained = len(SIZES) * len(CURVATURES) * len(SEEDS)
    known = TRAINED[TRAINED.memorised.notna()]
    whole = known.groupby(["curvature", "points"]).seed.count() == len(SEEDS)
    (least,) = {min(points for c, points in whole[whole].index if c == curvature) for curvature in CURVATURES}
    lost, never = trained - len(known), TRAINED[TRAINED.tau_generalise.isna()]
    assert len(TRAINED) == trained
    assert (known.points >= least).sum() == (TRAINED.points >= least).sum()
    flat, curved = (TRAINED[TRAINED.curvature == c].tau_generalise for c in CURVATURES)
    return (
        f"Of {trained} trainings {lost}, all of them with fewer than {least} points, ended with a held-out "
        "loss beyond that "
        "of no training, which is called diverged: of them the times of training are known, and not what they "
        "are at the "
        f"end. {len(never)}, with {never.points.min()} to {never.points.max()} points, never generalised. The "
        "others had "
        f"generalised (their squared distance from the exact score, at the law's t, was below {APART:g} of "
        f"the empirical "
        f"score's) after {span(flat, '.0f')} steps at curvature 0 and {span(curved, '.0f')} at curvature .5."
    )


@made
def giving_in() -> str:
    assert STUDY.document.train is not None
    steps, known = STUDY.document.train.steps, TRAINED[TRAINED.tau_memorise.notna()]
    most, generalised = known.points.max(), TRAINED[TRAINED.tau_generalise.notna()]
    here, double = TRAINED[TRAINED.points == most], TRAINED[TRAINED.points == 2 * most]
    assert here.tau_memorise.notna().all()
    assert double.tau_memorise.isna().all()
    expected = 2 * here.tau_memorise
    return (
        f"Within {steps} steps {len(known)} of the {len(generalised)} that had generalised gave in, with "
        f"{known.points.min()} and {most} points, "
        f"after {span(known.tau_memorise, '.0f')} steps; of those with more points none. Were the steps "
        f"proportional to N, "
        f"with {2 * most} points they would be {span(expected, '.0f')}, {(expected < steps).sum()} of {len(expected)} "
        f"within {steps}: that none gave in does not tell the claim from others."
    )


@made
def exponents() -> str:
    rows = pd.concat([claimed("tau_memorise"), claimed("tau_generalise")])
    assert verdicts(rows) == (0, 0, len(rows))
    seen, (of,) = rows.seen, set(rows.of)
    assert seen.max() < 3
    return (
        f"Both claims about exponents of N are inconclusive: of {span(seen, '.0f')} of {of:.0f} N all seeds "
        "have both times, "
        "which gives no exponent: with fewer points networks do not generalise first, with more they do not "
        "give in within "
        "the steps that were made."
    )


@made
def position() -> str:
    at = {}
    for (curvature, points), rows in CURVES[CURVES.network != "empirical"].groupby(["curvature", "points"]):
        own = rows.sort_values("over_law")
        if own.position.isna().any():
            continue
        at[curvature, points] = float(np.interp(0.0, np.log(own.over_law), own.position))
    sizes = [points for points in SIZES if all((c, points) in at for c in CURVATURES)]
    values = [pd.Series([at[c, points] for c in CURVATURES]) for points in (sizes[0], sizes[-1])]
    for c in CURVATURES:
        assert all(np.diff([at[c, points] for points in sizes]) < 0)
    copies = TRAINED[TRAINED.points >= sizes[0]].memorised.max()
    return (
        f"At the end of training, at the law's t, networks are at {span(values[0])} of the way from the exact to the "
        f"empirical score with N = {sizes[0]}, and at {span(values[1])} with N = {sizes[-1]}; at most "
        f"{100 * copies:.0f} "
        f"% of their samples are copies, beyond chance, where {span(100 * EMPIRICAL.memorised, '.0f')} % of "
        f"those of the "
        "empirical score are."
    )


@made
def lost_first() -> str:
    rows = claimed("lost_first")
    agree, disagree, open_ = verdicts(rows)
    (one,) = rows[rows.verdict == "agrees"].to_dict("records")
    assert disagree == 0
    chance = len(rows) * (1 - STUDY.compare.confidence) / 2
    return (
        f"That the group of least variance is lost first holds in {agree} of {len(rows)} cells (curvature "
        f"{one['curvature']:g}, N = {one['manifold.dataset_size']:.0f}: {one['trained']:.2f} [{one['low']:.2f}, "
        f"{one['high']:.2f}]), and {open_} are inconclusive; as {chance:.1f} would by chance, this shows nothing. "
        f"{(rows.trained > 0).sum()} of the {len(rows)} differences are above 0, but cells share their manifolds."
    )


@made
def geometry_above() -> str:
    rows = claimed("geometry_above")
    agree, disagree, open_ = verdicts(rows)
    assert disagree == 0
    off = rows.why.str.startswith("not on the grid", na=False).sum()
    at = pd.concat([EMPIRICAL.kept_at_0, EMPIRICAL.kept_at_1]).dropna()
    sampled = pd.concat([EMPIRICAL.sampled_0, EMPIRICAL.sampled_1])
    kept = pd.concat([EMPIRICAL.kept_at_0, EMPIRICAL.kept_at_1])
    assert (sampled[kept.isna().to_numpy()] < KEPT).all()
    return (
        f"That the geometry is there from 10 times the law's t on holds in {agree} of {len(rows)} tests and is "
        f"inconclusive in {open_}: in {off} a training set has less than {100 * KEPT:.0f} % of the exact "
        f"trace at the largest t "
        f"too, as the covariance of few points lacks it, and in {open_ - off} the interval of {len(SEEDS)} "
        f"seeds is too wide. "
        f"Where it is there at all, it is from {at.min():.1f} to {at.max():.0f} times the law's t on, in "
        f"{(at > 10).sum()} of {len(at)} from beyond 10 times."
    )


if __name__ == "__main__":
    print("\n\n".join(function() for function in MADE))
