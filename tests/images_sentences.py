"""What docs/explanation/images.md says was found, made from the tables; `test_images_page` finds it there.

results/findings/{digits,mnist}: claims.csv, comparison.csv, provenance.json; results/benchmarks/pictures.csv -> MADE,
functions -> text

`python tests/images_sentences.py` prints it.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from scoregap.analysis.data_claims import CLAIMS
from scoregap.runtime.finding import find
from scoregap.study import load

ROOT = Path(__file__).parents[1]
MADE: list[Callable[[], str]] = []
SHORT = {
    "regimes": "three regimes: rate in the shoulder over that of the rise",
    "regime_begin": "the rise begins at t",
    "regime_turn": "it turns into the shoulder at t",
    "regime_rise": "its rate, modes per decade",
    "regime_share": "the shoulder's rate over that",
    "order": "high variance first: rank correlation",
    "consolidation": "share of the score in the tangent space over n / d",
    "class_order": "order of classes: rank correlation",
    "no_gap": "no gap found blind: share of networks",
    "widest_gap": "largest drop of the mean spectrum",
}


def made(function: Callable[[], str]) -> Callable[[], str]:
    """A sentence, or some, or a table of the page."""
    MADE.append(function)
    return function


class Found:
    """What is committed of a study."""

    def __init__(self, name: str):
        folder = ROOT / "results" / "findings" / name
        self.study, self.folder = load(find(name), run=False), folder
        self.claims, self.compared = (pd.read_csv(folder / f"{one}.csv") for one in ("claims", "comparison"))
        self.provenance = json.loads((folder / "provenance.json").read_text())

    def claim(self, name: str, network: str, **values) -> pd.Series:
        """One row of the claims."""
        rows = self.claims[(self.claims.claim == name) & (self.claims.network == network)]
        for axis, value in values.items():
            rows = rows[rows[axis].astype(str) == str(value)]
        (_, row), = rows.iterrows()  # fmt: skip
        return row

    def agreement(self, network: str, other: str, t: float, quantity: str = "cosine", **values) -> pd.Series:
        """One row of scores beside each other."""
        rows = self.compared[(self.compared.network == network) & (self.compared.other == other)]
        rows = rows[(rows.quantity == quantity) & ((rows.t / t - 1).abs() < 1e-3)]
        for axis, value in values.items():
            rows = rows[rows[axis].astype(str) == str(value)]
        (_, row), = rows.iterrows()  # fmt: skip
        return row

    def table(self, **values) -> str:
        """Claims of networks in the cells with these values, as a table."""
        rows = self.claims
        for axis, value in values.items():
            rows = rows[rows[axis].astype(str) == str(value)]
        lines = ["| claim | network | value | by chance | Gaussian | verdict |", "|---|---|---|---|---|---|"]
        for row in rows.to_dict("records"):
            form, against = CLAIMS[row["claim"]].form, row["against"]
            what = SHORT[row["claim"]] + (f", {against}" if isinstance(against, str) else "")
            why = f" ({row['why']})" if isinstance(row["why"], str) else ""
            lines.append(
                f"| {what} | {row['network']} | {bounded(pd.Series(row), form)} | {number(row['null'], '.3g')} "
                f"| {number(row['gaussian'], form)} | {row['verdict']}{why} |"
            )
        return "\n".join(lines)


def number(value: float, form: str) -> str:
    return "-" if pd.isna(value) else f"{value:{form}}"


def bounded(row: pd.Series, form: str = ".2f") -> str:
    """.94 [.91, .95]"""
    if pd.isna(row.low):
        return number(row.value, form)
    return f"{row.value:{form}} [{row.low:{form}}, {row.high:{form}}]"


@made
def cost_of_a_jacobian() -> str:
    frame = pd.read_csv(ROOT / "results" / "benchmarks" / "pictures.csv")
    alone = frame[frame.case.str.startswith("Jacobian")].set_index("case")
    whole = frame[frame.case.str.strip() == "Jacobian and decompositions"]
    small, large = (alone[alone.index.str.contains(what)] for what in ("28 x 28", "32 x 32 x 3"))
    assert len(small) == len(whole) == 2
    assert len(large) == 1
    one, two = small.ours_over_limit
    three, four = whole.ours_over_limit
    five, six = small.peer_over_ours
    assert max(three, four) < 1.3
    return (
        f"At d = 784 a Jacobian of `unet-16` and `unet-32` takes {one:.2f} and {two:.2f} of the convolutions that it "
        f"contains, with its decompositions {three:.2f} and {four:.2f} of these and LAPACK; one of diffusers' U-Net of "
        f"about as many weights takes {five:.1f} and {six:.1f} times as long. At d = 3,072 one of `unet-32` takes "
        f"{large.ours.iloc[0]:.1f} s, before decompositions."
    )


if __name__ == "__main__":
    print("\n\n".join(function() for function in MADE))
