"""The answer to the paper, claim by claim, as tables of docs/paper.md: made from what is published.

results/findings/*/claims.csv, study.yaml -> the part of the page between BEGIN and END

`python tests/paper_answers.py` puts it there; `test_paper_answers` compares.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from scoregap.analysis import data_claims, memorisation_claims
from scoregap.analysis.claims_in_words import could_see, draws_of_f
from scoregap.analysis.hypotheses import MOSTLY
from scoregap.analysis.memorisation_claims import claimed
from scoregap.analysis.overview import MARKS
from scoregap.analysis.power import POWER
from scoregap.analysis.quantities import CLAIMS, SHORT, Claim, Kind
from scoregap.analysis.tables import PHASES, labelled, with_interval
from scoregap.analysis.verdicts import JUDGED, Verdict
from scoregap.report.figures import label
from scoregap.report.figures.claims import axes_of, groups
from scoregap.study import load

ROOT = Path(__file__).parents[1]
FINDINGS, PAGE = ROOT / "results" / "findings", ROOT / "docs" / "paper.md"
BEGIN, END = "<!-- claim by claim: python tests/paper_answers.py -->\n", "<!-- end of claim by claim -->\n"
READING, OWN = "†", "‡"  # what is our reading of words or figures; what the paper does not say
DATA = ("digits", "mnist", "images")  # studies of pictures
FEW = ("memorisation", "collapse")  # of few points
COMPARED = {
    Kind.RATIO: "ratio", Kind.DIFFERENCE: "difference", Kind.LARGEST: "largest distance", Kind.RMS: "rms distance",
    Kind.RIGHT: "how often right", Kind.CHANCE: "widest of random F",
}  # fmt: skip
FIGURES = {  # claims -> how the picture that shows them ends
    ("coverage_begins", "coverage_ends"): "phases.svg",
    ("ghost", "shift"): "curvature.svg",
    ("curve", "final_curve", "widest"): "gaps.svg",
}


class Counts(NamedTuple):
    """How many agree, are inconclusive, disagree."""

    agree: int
    open: int
    disagree: int

    @classmethod
    def of(cls, verdicts: pd.Series) -> "Counts":
        return cls(*(int((verdicts == one).sum()) for one in JUDGED))

    @property
    def answer(self) -> str:
        """In words: `holds` if all agree, `missed` if all disagree, `in most` of more than half, else `open`."""
        for count, word in ((self.agree, "holds"), (self.disagree, "missed")):
            if count and 2 * count > sum(self):
                return word if count == sum(self) else f"{word} in most"
        return "open" if sum(self) else "not tested"

    def __str__(self) -> str:
        return " / ".join(map(str, self))


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def marked(source: str) -> str:
    """Where a claim is from, with READING where it is no equation, and OWN where it is not the paper's."""
    if source.startswith("eq."):
        return source
    return f"{source} {READING if source.startswith('section') else OWN}"


def within(claim: Claim, margins: pd.Series) -> str:
    """What agrees: a margin, or those of flat and of curved settings; of what is right or wrong more than a share."""
    if claim.kind is Kind.RIGHT:
        return f"more than {MOSTLY:g}"
    return " or ".join(f"{100 * one:g} %" if claim.log else f"{one:g}" for one in sorted(set(margins)))


def picture(folder: Path, name: str) -> str:
    """The picture that shows a claim, or the overview of all."""
    ending = next((end for names, end in FIGURES.items() if name in names), "claims.svg")
    found = next((path for path in sorted(folder.glob("*.svg")) if path.name.endswith(ending)), folder / "claims.svg")
    return f"[{found.stem}](../{found.relative_to(ROOT).as_posix()})" if found.exists() else "-"


def of_manifolds(study: str) -> str:
    """A row for every claim of a study of random manifolds that was tested, against the law and the exact score."""
    folder = FINDINGS / study
    frame = pd.read_csv(folder / "claims.csv")
    rows = []
    for name, own in frame[frame.verdict != Verdict.NOT_TESTABLE].groupby("claim", sort=False):
        claim = CLAIMS[str(name)]
        law, exact = Counts.of(own.verdict), Counts.of(own.of_exact)
        rows.append([
            claim.says, marked(claim.source), f"{COMPARED[claim.kind]}, {within(claim, own.margin)}",
            str(len(draws_of_f(own))), str(law), str(exact), could_see(str(name), own.exact_detectable),
            f"{law.answer}; {exact.answer}", picture(folder, str(name)),
        ])  # fmt: skip
    head = ["claim", "from", "compared, within", "draws of F", "law", "exact", "could see", "answer: law; exact",
            "figure"]  # fmt: skip
    return table(head, rows)


def by_block(study: str) -> str:
    """How claims stand in every block of a study, against the exact score: a row for every claim."""
    folder = FINDINGS / study
    whole, frame = load(folder / "study.yaml"), pd.read_csv(folder / "claims.csv")
    axes = [*axes_of(whole, frame), "network"]
    blocks = {group.name: set(group.columns) for group in groups(whole, frame)}
    places = pd.Series(list(frame[axes].itertuples(index=False, name=None)), index=frame.index)
    rows = []
    for name, own in frame.groupby("claim", sort=False):
        counts = [Counts.of(own.of_exact[places[own.index].isin(columns)]) for columns in blocks.values()]
        if any(map(sum, counts)):
            rows.append([SHORT[str(name)], *(str(one) if sum(one) else "" for one in counts)])
    return table(["claim", *blocks], rows)


def of_networks(study: str) -> str:
    """What every network's phase times are of the exact ones, cell by cell: a row for each, in the order of blocks."""
    folder = FINDINGS / study
    whole, frame = load(folder / "study.yaml"), pd.read_csv(folder / "comparison.csv")
    frame = frame[frame.network != "law"]
    axes = [*axes_of(whole, frame), "network"]
    places = pd.Series(list(frame[axes].itertuples(index=False, name=None)), index=frame.index)
    rows = []
    for group in groups(whole, frame):
        for column in group.columns:
            own = frame[places == column].set_index("quantity")
            values = dict(zip(axes, column, strict=True))
            setting = labelled({axis: values[axis] for axis in group.varied if axis != "network"}, label)
            times = [time_of(own.loc[name]) if name in own.index else "" for name in PHASES]
            right = own.loc["dimension"]
            dimension = "" if np.isnan(right.right) else f"{right.right:.0f} of {right.of:.0f}"
            rows.append([group.name, setting, values["network"], *times, dimension])
    return table(["block", "setting", "network", *PHASES, "dimension right"], rows)


def time_of(row: pd.Series) -> str:
    """Trained over exact with its interval, in how many seeds where not in all, and a mark of the verdict; of a time
    that is not seen in what it is not."""
    if isinstance(row, pd.DataFrame):  # of several gaps the first
        row = row.iloc[0]
    if np.isnan(row.ratio) and row.verdict == Verdict.AGREES:
        return "in neither"
    if np.isnan(row.ratio):
        exact = f", exact in {row.exact_seen:.0f}" if row.exact_seen < row.of else ""
        return f"seen in {row.seen:.0f} of {row.of:.0f}{exact}" if row.verdict in JUDGED else ""
    some = f"in {row.seen:.0f} of {row.of:.0f}" if row.seen < row.of else ""
    value = with_interval(row.ratio, row.ratio_low, row.ratio_high, ".2f")
    return " ".join(filter(None, (value, some, MARKS[Verdict(row.verdict)])))


def of_pictures() -> str:
    """A row for every claim about natural data and study of pictures."""
    rows = []
    for study in DATA:
        path = FINDINGS / study / "claims.csv"
        frame = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["claim"])
        for name, own in frame.groupby("claim", sort=False):
            claim, counts = data_claims.CLAIMS[str(name)], Counts.of(own.verdict)
            also = ", of the Gaussian too" if (own.why == data_claims.GAUSSIAN_TOO).any() else ""
            untested = int((own.verdict == Verdict.NOT_TESTABLE).sum())
            rows.append([
                f"{claim.says} {READING}", study, f"{claim.value}, against {claim.null}",
                ", ".join(dict.fromkeys(own.network)), f"{counts} ({untested})", counts.answer + also,
            ])  # fmt: skip
    return table(["claim", "study", "measured", "networks", "verdicts (not testable)", "answer"], rows)


def of_memorisation() -> str:
    """A row for every claim about scores of few points and study of them."""
    rows = []
    for study in FEW:
        frame = pd.read_csv(FINDINGS / study / "claims.csv")
        for name, claim in memorisation_claims.CLAIMS.items():
            own = frame.verdict[frame.claim == name]
            measured = f"{claim.value}: {claimed(name)}" + (f" within {claim.margin:g}" if claim.margin else "")
            counts = Counts.of(own)
            if len(own):
                rows.append([claim.says, f"{claim.source} {OWN}", study, measured, str(counts), counts.answer])
    return table(["claim", "from", "study", "measured", "verdicts", "answer"], rows)


def made() -> str:
    """The whole part of the page."""
    verdicts = " / ".join(JUDGED)
    confidence = load(FINDINGS / "paper_cpu" / "study.yaml").compare.confidence
    return f"""
Counts are of cells and networks: {verdicts}. *holds*: all that were tested agree; *missed*: all disagree;
*in most*: more than half; else *open*. Of two margins the larger one is of curved settings. Could see: what difference
from the exact score would have been found in {POWER:.0%} of such studies, median over cells
([columns](reference/outputs.md#the-papers-claims)).
{READING}: our reading of the paper's words or of a figure, as it has no equation. {OWN}: not the paper's claim.

### Random manifolds

{of_manifolds("paper_cpu")}
The same by block of the study, against the exact score:

{by_block("paper_cpu")}
Phase times of networks over those of the exact score of the same F, with intervals of {confidence:.0%} over seeds.
"in k of n": only so many seeds have the time, and the interval is over these; such a selection is never said to agree.
NO: disagrees; ?: inconclusive; in neither: the exact score has no such gap either.

{of_networks("paper_cpu")}
### Pictures

Networks that calibration does not find plausible are counted, too ([which](explanation/images.md#what-was-found)).
What the Gaussian with the data's covariance does as well says nothing of the shape of the data.

{of_pictures()}
### Few data

What stands behind them: [memorisation](explanation/memorisation.md).

{of_memorisation()}
"""


def parts(page: str) -> tuple[str, str, str]:
    """A page before, in and after what is made here."""
    before, rest = page.split(BEGIN)
    inside, after = rest.split(END)
    return before + BEGIN, inside, END + after


if __name__ == "__main__":
    before, _, after = parts(PAGE.read_text())
    PAGE.write_text(before + made() + after)
