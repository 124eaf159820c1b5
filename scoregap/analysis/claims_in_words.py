"""The claims in words: a line per claim, with the counts of verdicts and what lies behind them.

table of `analysis.claims` -> lines of text
"""

import math

import pandas as pd

from scoregap.analysis.controls import attributed
from scoregap.analysis.intervals import median
from scoregap.analysis.power import POWER
from scoregap.analysis.quantities import CLAIMS
from scoregap.analysis.tables import DRAWN, plain, text
from scoregap.analysis.verdicts import JUDGED, Verdict


def lines(frame: pd.DataFrame) -> list[str]:
    """A line per claim that is tested, and what they mean. frame: of `claims.claims`."""
    table = plain()
    table.add_column("the paper's claims", max_width=94)
    for column in ("law", "exact", "draws", "could see"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("why")
    for name, rows in frame.groupby("claim", sort=False):
        tested = rows[rows.verdict != Verdict.NOT_TESTABLE]
        if len(tested):
            counts = (
                " / ".join(str((column == one).sum()) for one in JUDGED) for column in (tested.verdict, tested.of_exact)
            )
            why = tested.why[tested.why != ""].value_counts()
            behind = ", ".join(f"{word} ({count})" for word, count in why.items())
            seen = could_see(str(name), tested.exact_detectable)
            table.add_row(CLAIMS[str(name)].says, *counts, str(len(draws_of_f(tested))), seen, behind)
    if not table.row_count:
        return []
    return [
        *text(table),
        f"cells and networks ({' / '.join(JUDGED)}): each against the law, and against the exact score of the same F; "
        "all of them in claims.csv",
        "draws: independent draws of F behind the counts; cells that differ in other axes than family, ambient and "
        "manifold dimension and seed share them",
        f"could see: what difference from the exact score would have been found in {POWER:.0%} of such studies, margin "
        "included, median over cells; of ratios in %",
        *attributed(frame),
    ]


def could_see(claim: str, detectable: pd.Series) -> str:
    """What tests of a claim could have seen, as a median; a dash where none could have seen anything."""
    middle = median(detectable.to_numpy(float))
    if math.isnan(middle):
        return "-"
    return f"{100 * middle:.0f} %" if CLAIMS[claim].log else f"{middle:.2g}"


def draws_of_f(rows: pd.DataFrame) -> set[tuple]:
    """The independent draws of F of which rows are, by what tells them apart (`tables.DRAWN`)."""
    places = zip(*(rows[axis] for axis in DRAWN[:-1]), rows["manifold_seeds"].astype(str), strict=True)
    return {(*place, seed) for *place, seeds in places for seed in seeds.split()}
