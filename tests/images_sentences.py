"""What docs/explanation/images.md says was found, made from the tables; `test_found_pages` finds it there.

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
DIMENSIONS_AT = (0.002, 0.0228, 0.26)
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

    def profile(self, quantity: str, network: str, t: float | None = None, **values) -> pd.Series:
        """One row of what a score resolves."""
        rows = self.compared[(self.compared.network == network) & (self.compared.quantity == quantity)]
        rows = rows[rows.other.isna()]
        if t is not None:
            rows = rows[(rows.t / t - 1).abs() < 1e-3]
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
        f"contains, with its decompositions {three:.2f} and {four:.2f} of these and LAPACK; one of diffusers' "
        "U-Net of "
        f"about as many weights takes {five:.1f} and {six:.1f} times as long. At d = 3,072 one of `unet-32` takes "
        f"{large.ours.iloc[0]:.1f} s, before decompositions."
    )


DIGITS = Found("digits")
SMALLEST, SMALL, SOME = DIGITS.study.document.spectrum.times.values[[0, 4, 8]]
OF = {"dataset_size": 700}


@made
def digits_was_run() -> str:
    train, axes, seconds = DIGITS.study.document.train, DIGITS.study.axes, DIGITS.provenance["core_seconds"]
    assert train is not None
    assert DIGITS.provenance["data"].startswith("1797 points of 8 x 8 (d = 64); 10 classes")
    assert axes["network"] == ("gaussian", "empirical", "gated-64", "unet-16")
    assert axes["dataset_size"] == (100, 700)
    return (
        f"`digits`: gated-64 and unet-16, {len(axes['seed'])} networks of each on each half, of 100 and of 700 "
        f"pictures, {train.steps} steps of {train.levels * train.samples} noisy points, measured at "
        f"{DIGITS.study.document.spectrum.points} held-out pictures each; {seconds['total']} "
        "core-seconds on a shared CPU, "
        f"{seconds['train']} of them of training; {DIGITS.study.document.fit.confidence:.0%} intervals over "
        "networks. "
        "Of the first half, with 700 pictures:"
    )


@made
def digits_claims() -> str:
    return DIGITS.table(half="first", **OF)


@made
def digits_licence() -> str:
    """The attribution that a figure of these pictures needs."""
    return (
        "E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning "
        "Repository, CC BY 4.0; "
        "changed: noise was added, and taken off."
    )


@made
def digits_few() -> str:
    """Of networks of so few pictures, which know them by heart where noise is small."""
    few = DIGITS.compared[(DIGITS.compared.dataset_size == 100) & (DIGITS.compared.quantity == "n")]
    assert few[few.network.isin(["gated-64", "unet-16"])].not_ok.isna().all()
    found = pd.read_csv(DIGITS.folder / "calibration.csv")
    found = found[(found.dataset_size == 100) & found.network.isin(["gated-64", "unet-16"])]
    assert not found.plausible.any()
    gated, unet = (found[found.network == name].farthest for name in ("gated-64", "unet-16"))
    copies = pd.read_csv(DIGITS.folder / "copies.csv")
    own = copies[(copies.network == "unet-16") & (copies.dataset_size == 100)]
    assert (own.nearest_distance < own.held_out_distance).all()
    assert copies[copies.network != "empirical"].memorised.max() == 0
    return (
        f"With 100 pictures calibration finds none of the {len(found)} networks plausible: at held-out pictures "
        "they err up "
        f"to {gated.min():.1f} to {gated.max():.1f} (gated-64) and {unet.min():.0f} to {unet.max():.0f} times "
        "(unet-16) as "
        "much as their Jacobians say, as what knows its pictures by heart does. Their samples are no copies; those "
        "of "
        f"unet-16 are nearer to training pictures ({own.nearest_distance.mean():.2f}, median) than held-out "
        "pictures are "
        f"({own.held_out_distance.mean():.2f})."
    )


@made
def digits_regimes() -> str:
    one, two = (DIGITS.claim("regimes", "gated-64", half=half, **OF) for half in ("first", "second"))
    assert one.verdict == two.verdict == "agrees"
    assert (one.why, two.why) == ("not the Gaussian's: begin", "not the Gaussian's: begin, turn, rise")
    unet = [DIGITS.profile("n", "unet-16", SMALLEST, half=half, **OF).value for half in ("first", "second")]
    calibration = pd.read_csv(DIGITS.folder / "calibration.csv")
    assert calibration[(calibration.network != "empirical") & (calibration.dataset_size == 700)].plausible.all()
    assert unet == [64, 64]
    return (
        f"The Gaussian of so small pictures has a shoulder itself ({one.gaussian:.2f} of its rise). "
        "Gated-64 has one too, "
        f"{bounded(one)} and {bounded(two)} of its rise in the two halves, not flatter; both begin "
        "to rise later than the "
        f"Gaussian, and that alone is found in both. Unet-16 resolves all 64 directions at t = {SMALLEST:g}, so of "
        "its "
        "regimes nothing is claimed, though calibration finds it plausible, as it does gated-64."
    )


@made
def digits_gaussian_too() -> str:
    rows = DIGITS.claims[DIGITS.claims.claim == "order"]
    gated = DIGITS.claim("consolidation", "gated-64", half="first", **OF)
    assert set(rows.why) == {gated.why} == {"the Gaussian too"}
    return (
        f"High variance comes first, to a rank correlation of {rows.value.min():.2f} or more, and "
        "the score is orthogonal to "
        f"the tangent space that is measured ({bounded(gated)} of a vector at random, of gated-64): "
        "of the Gaussian both "
        f"hold as well, and its score is more orthogonal ({gated.gaussian:.2f})."
    )


@made
def digits_class_order() -> str:
    one, two = (DIGITS.claim("class_order", "gated-64", half=half, **OF) for half in ("first", "second"))
    assert (one.verdict, two.verdict) == ("disagrees", "inconclusive")
    return (
        "That classes have the order of dimension that local_pca gives them is not found: the rank "
        "correlation of gated-64 "
        f"is {bounded(one)}, where chance alone is above {one.null:.2f} in one study of forty; in "
        "the other half it is not "
        "known of enough networks."
    )


@made
def digits_halves() -> str:
    gated, unet, empirical = (
        DIGITS.agreement(name, "other half", SOME, half="first", **OF) for name in ("gated-64", "unet-16", "empirical")
    )
    assert empirical.high < min(gated.low, unet.low)
    return (
        f"Two networks that have no picture in common see mostly the same: at t = {SOME:.2g} the "
        "cosine of their Jacobians "
        f"is {bounded(gated)} (gated-64) and {bounded(unet)} (unet-16), and that of two empirical "
        "scores, which know their "
        f"pictures by heart, {bounded(empirical)}."
    )


@made
def digits_dimensions_table() -> str:
    frame = pd.read_csv(DIGITS.folder / "data_dimensions.csv").fillna({"caveat": ""})
    frame = frame[(frame.dataset_size == 700) & (frame.half == "first") & (frame.network != "empirical")]
    times = [one for one in sorted(frame.t.dropna().unique()) if any(abs(one / t - 1) < 0.01 for t in DIMENSIONS_AT)]
    assert len(times) == len(DIMENSIONS_AT)
    lines = [
        "| estimator | of | " + " | ".join(f"t = {t:.3g}" for t in times) + " |",
        "|---|---|" + "---|" * len(times),
    ]
    for (method, network), rows in frame[frame.network != "data"].groupby(["method", "network"], sort=False):
        told = []
        for t in times:
            (row,) = rows[rows.t == t].to_dict("records")
            told.append(f"{row['estimate']:.1f}" + (f" ({row['caveat']})" if row["caveat"] else ""))
        lines.append(f"| {method} | {network} | {' | '.join(told)} |")
    return "\n".join(lines)


@made
def digits_dimensions() -> str:
    frame = pd.read_csv(DIGITS.folder / "data_dimensions.csv").fillna({"caveat": ""})
    own = frame[(frame.dataset_size == 700) & (frame.half == "first")]
    assert set(own[own.method == "normal_bundle"].caveat) == {"mean score"}
    (clean,) = own[own.network == "data"].estimate
    gated = own[own.network == "gated-64"]
    least = gated[(gated.t == gated.t.min()) & gated.method.isin(["n", "trace", "normal_bundle_centred"])]
    assert (least.caveat == "").all()
    assert len(least) == 3
    assert "3 coordinates are constant" in DIGITS.provenance["data"]
    return (
        "In brackets is why a number is no dimension (`caveat`). The bundle that is not centred "
        "says 63, or near it, d less "
        "the mean score, whatever it is given. At the smallest t, n, the trace and the centred "
        "bundle of gated-64 give "
        f"{least.estimate.min():.0f} to {least.estimate.max():.0f}, of the 61 pixels that "
        "vary, where local_pca makes "
        f"{clean:.1f} of the clean pictures. So a dimension of digits is not found here."
    )


MNIST = Found("mnist")
LEAST, MIDDLE = MNIST.study.document.spectrum.times.values[[0, 6]]


@made
def mnist_was_run() -> str:
    train, own = MNIST.study.document.train, next(part for part in MNIST.study.parts if part.block == "scores")
    assert train is not None
    assert MNIST.provenance["data"].startswith("5000 points of 28 x 28 (d = 784); 10 classes")
    assert "121 coordinates are constant" in MNIST.provenance["data"]
    assert own.trained_networks == ["gated-128", "unet-16"]
    seconds = MNIST.provenance["core_seconds"]
    return (
        f"`mnist`: gated-128 and unet-16, {len(own.axes['seed'])} networks of each, {train.steps} steps of "
        f"{train.levels * train.samples} noisy points, measured at "
        f"{MNIST.study.document.spectrum.points} held-out pictures "
        f"each; {seconds['total']} core-seconds on a shared CPU, {seconds['train']} of them of training; "
        f"{MNIST.study.document.fit.confidence:.0%} intervals over networks."
    )


@made
def mnist_claims() -> str:
    return MNIST.table(block="scores")


@made
def mnist_shoulder() -> str:
    unet, gaussian = (MNIST.profile("n", name, LEAST, block="scores") for name in ("unet-16", "gaussian"))
    modes, start = (MNIST.profile(f"shoulder_{name}", "unet-16", block="scores") for name in ("modes", "start"))
    share = MNIST.claim("regimes", "unet-16", block="scores")
    assert MNIST.profile("shoulders", "gaussian", block="scores").value == 0
    assert (share.verdict, share.high < 0.5) == ("agrees", True)
    calibration = pd.read_csv(MNIST.folder / "scores-calibration.csv")
    assert calibration[calibration.network == "unet-16"].plausible.tolist() == [True] * 3
    assert not calibration[calibration.network == "gated-128"].plausible.any()
    return (
        f"Unet-16 sees far fewer directions around a digit than the Gaussian: at t = {LEAST:g} it resolves "
        f"{bounded(unet, '.0f')} where the Gaussian resolves {gaussian.value:.0f}, and its n(t) has a shoulder, at "
        "n = "
        f"{bounded(modes, '.0f')} below t = {start.value:.2g}, which the Gaussian has not. Its "
        "errors at held-out pictures "
        "are as large as its Jacobians say (calibration: plausible, all three networks)."
    )


@made
def mnist_gated() -> str:
    least = MNIST.profile("n", "gated-128", LEAST, block="scores")
    rows = MNIST.claims[(MNIST.claims.network == "gated-128") & MNIST.claims.claim.str.startswith("regime")]
    assert least.value == 784
    assert set(rows.why) == {"every direction is resolved"}
    assert set(rows.verdict) == {"not testable"}
    return (
        f"Gated-128 has not learned so much in as many steps: at t = {LEAST:g} it resolves "
        f"{least.value:.0f} directions, "
        "all there are, also those of the 121 pixels that are black in every picture; so of its regimes nothing is "
        "claimed, its gap is the end of all directions, and calibration finds none of its networks plausible."
    )


@made
def mnist_gaussian_too() -> str:
    order, consolidation = (MNIST.claim(name, "unet-16", block="scores") for name in ("order", "consolidation"))
    assert order.why == consolidation.why == "the Gaussian too"
    assert order.verdict == consolidation.verdict == "agrees"
    return (
        f"High variance comes first (rank correlation {bounded(order)}), and at small t the score is orthogonal to "
        "the "
        f"tangent space that is measured ({bounded(consolidation)} of what a vector at random has "
        "in it): both hold, and "
        f"both hold of the Gaussian (1 and {consolidation.gaussian:.2f}), so that neither says "
        "anything of the shape of "
        "the data."
    )


@made
def mnist_gap() -> str:
    blind, drop = (MNIST.claim(name, "unet-16", block="scores") for name in ("no_gap", "widest_gap"))
    assert (blind.value, blind.verdict, drop.verdict) == (1, "inconclusive", "disagrees")
    return (
        f"No gap is found blind in any of {blind.networks} networks of unet-16, which are too few to say never; its "
        f"largest drop between neighbours, {bounded(drop)}, is more than the {drop.null:g} below which none counts "
        "as "
        f"visible, and than the Gaussian's {drop.gaussian:.2f}."
    )


@made
def mnist_halves() -> str:
    few, many = (
        [MNIST.agreement("unet-16", "other half", t, block="halves", dataset_size=size) for t in (LEAST, MIDDLE)]
        for size in (250, 2000)
    )
    return (
        f"Two of unet-16 that have no picture in common see nearly the same: the cosine of their Jacobians is "
        f"{bounded(many[0])} at t = {LEAST:g} and {bounded(many[1])} at t = {MIDDLE:.2g} with 2,000 pictures each, "
        "and "
        f"{bounded(few[0])} and {bounded(few[1])} with 250 (intervals over points); so what they see is the data's "
        "and "
        "their architecture's, and not their training set."
    )


if __name__ == "__main__":
    print("\n\n".join(function() for function in MADE))
