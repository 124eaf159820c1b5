"""What docs/explanation/error_budget.md says was found, made from the table; `test_found_pages` finds it there.

results/findings/error_budget: error_budget.csv, provenance.json; the study -> MADE, functions -> text

`python tests/error_budget_sentences.py` prints it.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from scoregap.analysis.error_budget import LINEAR, REST, STEPS, TARGET
from scoregap.runtime.finding import find
from scoregap.study import load

ROOT = Path(__file__).parents[1]
FINDINGS = ROOT / "results" / "findings" / "error_budget"
FRAME = pd.read_csv(FINDINGS / "error_budget.csv").rename(columns={"train.preconditioning": "preconditioning"})
PROVENANCE = json.loads((FINDINGS / "provenance.json").read_text())
STUDY = load(find("error_budget"))
MADE: list[Callable[[], str]] = []


def made(function: Callable[[], str]) -> Callable[[], str]:
    """A sentence, or some, or a table of the page."""
    MADE.append(function)
    return function


def rows(how: str = "in turn", **values) -> pd.DataFrame:
    """Rows of the table with these values, of EDM and the excess loss unless said."""
    values = {"how": how, "preconditioning": "edm", "quantity": "excess loss"} | values
    return FRAME[np.logical_and.reduce([FRAME[name] == value for name, value in values.items()])]


def percent(row: pd.Series) -> str:
    """32 [28, 36]"""
    return f"{100 * row.part:.0f} [{100 * row.low:.0f}, {100 * row.high:.0f}]"


def words(name: str) -> str:
    return name.replace(" or ", " / ")


@made
def what_was_run() -> str:
    train, groups, axes = STUDY.document.train, STUDY.manifold.groups, STUDY.axes
    assert train is not None
    assert [group.std for group in groups] == [1.0, 0.15]
    assert PROVENANCE["config_hash"] == STUDY.hash
    (d,), (m,), (c,) = axes["ambient_dim"], axes["manifold_dim"], axes["curvature"]
    return (
        f"Study `error_budget`: arcs in R^{d}, m = {m}, curvature {c:g}, groups of standard deviation 1 and .15; "
        f"{', '.join(STUDY.trained_networks)}, {train.levels} noise levels of {train.samples} points a step, rate "
        f"{train.learning_rate:g}; {axes['train.steps'][0]} to {axes['train.steps'][-1]} steps; {len(axes['seed'])} "
        f"seeds, {STUDY.compare.confidence:.0%} intervals; {PROVENANCE['core_seconds']['train']} "
        "core-seconds of training on a shared CPU."
    )


@made
def excess_of_edm() -> str:
    """The ladder of every network as a table."""
    lines = ["| network | steps | TFLOP | whole | shares, in per cent |", "|---|---|---|---|---|"]
    for (network, steps), shares in rows().groupby(["network", "steps"], sort=False):
        one = shares.iloc[0]
        said = "; ".join(f"{words(row.share)} {percent(row)}" for _, row in shares.iterrows())
        lines.append(f"| {network} | {steps} | {one.cost / 1e12:.2g} | {one.whole:.2g} | {said} |")
    return "\n".join(lines)


@made
def target_noise() -> str:
    noise = rows(share=TARGET)
    assert (noise.low > 0).all()
    widest = noise[noise.network == STUDY.trained_networks[-1]].set_index("steps")
    assert list(widest.index) == list(STUDY.axes["train.steps"])
    first, last = widest.iloc[0], widest.iloc[-1]
    assert first.high < last.low
    return (
        f"Where it is told apart, the noise of the target is {100 * noise.part.min():.0f} to "
        f"{100 * noise.part.max():.0f} % of the excess loss; "
        f"of gated-128 it grows from {percent(first)} % after {widest.index[0]} steps to "
        f"{percent(last)} % after {widest.index[-1]}."
    )


@made
def steps() -> str:
    widest = rows(share=STEPS, network=STUDY.trained_networks[-1])
    first, last = widest.iloc[0], widest.iloc[-1]
    assert last.high < first.low
    return (
        f"More steps, after the noise is gone, would mend {percent(first)} % of it after {first.steps} steps and "
        f"{percent(last)} % after {last.steps}."
    )


@made
def not_told_apart() -> str:
    narrow = rows(network=STUDY.trained_networks[0])
    assert narrow.share.str.contains("steps or width").sum() == len(STUDY.axes["train.steps"])
    alone = narrow[narrow.share == TARGET]
    assert len(alone) == 1
    return (
        "Of gated-32 by EDM what more steps and what width would mend is not told apart after any number of steps, and "
        f"the noise of the target only after {alone.steps.item()}."
    )


@made
def below_nothing() -> str:
    rest = rows(share=REST)
    assert (rest.high < 0.005).all()
    linear = rows(share=LINEAR)
    assert (linear.low > -0.005).all()
    return (
        "The rest, where it is told apart, is below 0, which no excess can be: up to 2000 steps the fall of networks "
        "with the covariance is no power law, so that their end is not to be believed, and neither is the linear part, "
        f"{100 * linear.part.min():.0f} to {100 * linear.part.max():.0f} %; more steps have to tell."
    )


@made
def order() -> str:
    turn = rows(share=LINEAR, network="gated-64", steps=500).iloc[0]
    alone = rows("alone", share=LINEAR, network="gated-64", steps=500).iloc[0]
    assert alone.low > turn.high
    return (
        f"The order matters: the covariance, as the only change, mends {percent(alone)} % of the excess of gated-64 "
        f"after 500 steps, and {percent(turn)} % after all the others."
    )


if __name__ == "__main__":
    print("\n\n".join(function() for function in MADE))
