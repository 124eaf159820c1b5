"""The sentences of docs/paper.md that have a number or a quantifier, made from the tables; `test_paper_page` finds them
on the page.

claims.csv, comparison.csv, provenance.json, the study, results/benchmarks/draws_of_f.csv -> MADE, functions -> text

`python tests/paper_sentences.py` prints them.
"""

import json
import re
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from scoregap.study import load

ROOT = Path(__file__).parents[1]
FINDINGS = ROOT / "results" / "findings" / "paper_cpu"
SHORT = {"manifold.groups.1.std": "std", "manifold.groups.all.width": "width", "train.steps": "steps",
         "train.schedule": "schedule", "manifold_dim": "m", "curvature": "c"}  # fmt: skip
MADE: list[Callable[[], str]] = []


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path).rename(columns=SHORT)


CLAIMS, COMPARED = read(FINDINGS / "claims.csv"), read(FINDINGS / "comparison.csv")
MOVED = read(FINDINGS / "moved.csv").fillna("")
DRAWS = pd.read_csv(ROOT / "results" / "benchmarks" / "draws_of_f.csv")
PROVENANCE = json.loads((FINDINGS / "provenance.json").read_text())
STUDY = load(FINDINGS / "study.yaml")  # as it was run
WIDE = ("gated-128", "gated-192", "gated-256", "resmlp-128", "resmlp-192", "resmlp-256", "paper")
REFERENCE = {"family": "linear", "m": 40, "c": 0, "std": 0.15, "width": 0, "steps": 2500, "schedule": "ve"}
ARCS = {"family": "arcs", "m": 10, "std": 0.15, "schedule": "ve", "network": "gated-128"}


def made(function: Callable[[], str]) -> Callable[[], str]:
    """A sentence, or some, of the page, in one line."""

    @cache
    @wraps(function)
    def in_one_line() -> str:
        return " ".join(function().split())

    MADE.append(in_one_line)
    return in_one_line


def where(frame: pd.DataFrame, **values) -> pd.DataFrame:
    """The rows with these values."""
    return frame[np.logical_and.reduce([frame[key] == value for key, value in values.items()])]


def claim(name: str, network: str = "gated-192", **values) -> pd.Series:
    """One row of the claims, of the reference cell unless said."""
    (_, row), = where(CLAIMS, claim=name, network=network, **REFERENCE | values).iterrows()  # fmt: skip
    return row


def compared(quantity: str, network: str = "gated-192", **values) -> pd.Series:
    """One row of the comparison, likewise."""
    (_, row), = where(COMPARED, quantity=quantity, network=network, **REFERENCE | values).iterrows()  # fmt: skip
    return row


def arcs(name: str, table: str = "claim", **values) -> pd.Series:
    """One row of arcs, m = 10 unless said."""
    frame = CLAIMS if table == "claim" else COMPARED
    (_, row), = where(frame, **{table: name}, **ARCS | values).iterrows()  # fmt: skip
    return row


def drawn(quantity: str, std: float = 0.15, m: int = 40, width: float = 0.0) -> pd.Series:
    (_, row), = where(DRAWS, quantity=quantity, std=std, manifold_dim=m, width=width).iterrows()  # fmt: skip
    return row


def dot(value: float, digits: int = 2) -> str:
    """.94"""
    return f"{value:.{digits}f}".removeprefix("0")


def percent(ratio: float, digits: int = 1) -> str:
    """How far a ratio is from 1."""
    return f"{100 * abs(ratio - 1):.{digits}f} %"


def bounded(row: pd.Series) -> str:
    """.94 [.91, .95], of a row of the comparison: trained over exact, with the interval over seeds."""
    return f"{dot(row.ratio)} [{dot(row.ratio_low)}, {dot(row.ratio_high)}]"


def draws_behind(rows: pd.DataFrame) -> int:
    """Independent draws of F."""
    independent = rows.groupby(["family", "m"]).manifold_seeds.agg(lambda seeds: len(set(" ".join(seeds).split())))
    return int(independent.sum())


def linear(name: str, networks=WIDE) -> pd.DataFrame:
    """The rows of a claim in flat linear cells."""
    rows = where(CLAIMS, claim=name, family="linear")
    return rows[rows.network.isin(networks)]


@made
def what_was_run() -> str:
    cells = CLAIMS.drop_duplicates(["family", "m", "c", "std", "width", "steps", "schedule", "network"])
    seeds = {len(text.split()) for text in cells.manifold_seeds}
    assert seeds == {5}
    assert set(cells.ambient_dim) == {100}
    groups = STUDY.manifold.groups
    assert [group.std for group in groups] == [1.0, 0.15]
    assert set(STUDY.blocks["draws"]["seed"]) == set(range(50))
    assert set(STUDY.blocks["draws_curved"]["seed"]) == set(range(25))
    return f"""
        Study paper_cpu (results/findings/paper_cpu/study.yaml): d = 100, m = 40 unless said, two groups of entry
        variances 1 and .15^2 unless said. {5 * len(cells)} networks, five seeds of every cell; cells that differ in
        variances, curvature or training share their F, so that behind them are {draws_behind(cells)} independent
        draws of F, five for each family and m; and the exact score of 50 draws of F (25 on arcs).
    """


@made
def what_it_was_made_with() -> str:
    torch = re.search(r"torch ([\d.]+)", PROVENANCE["versions"])
    assert torch
    return f"""
        CPU, torch {torch[1]}; what it cost, by stage, and the versions: provenance.json.
    """


@made
def judged_anew() -> str:
    assert {"no_gap", "merged", "asymmetry", "schedule_final_curve"}.isdisjoint(CLAIMS.claim)
    of_spectra = CLAIMS.claim.isin(["curve", "final_curve", "dimension"])
    assert set(CLAIMS[of_spectra].of_exact) == {"not testable"}
    assert CLAIMS[of_spectra].why.isna().all()
    apart = CLAIMS[(CLAIMS.verdict == "disagrees") & ~of_spectra]
    assert apart.why.notna().all()
    return """
        The verdicts are those of today's tests, from the published tables of the run: what needs its spectra is
        missing, the widest spacings of tangent modes, asymmetries, the distance of curves from the exact ones, the
        exact score's dimensions, and all but t_max of VE against VP; so of curves and dimensions nothing is said to
        stand behind a verdict.
    """


@made
def as_the_run_had_it() -> str:
    closed = ("t_max", "t_open", "t_close", "t_consolidation", "widest", "curve", "final_curve", "coverage_begins",
              "coverage_ends")  # fmt: skip
    anew = (CLAIMS.c == 0) & CLAIMS.claim.isin(closed)
    rows = CLAIMS[anew]
    assert set(rows[rows["std"] != 3].draws) == {2000}
    assert set(rows[(rows["std"] == 3) & (rows.draws < 2000)].seen) == {3}  # some draws open no visible gap
    others = CLAIMS[~anew & (CLAIMS.claim != "dimension")]
    assert others.draws.max() == 50  # of the run
    assert set(others[others.c == 0].claim) == {"consistency", "order", "spike", "singular", "schedule_t_max"}
    coverage = where(CLAIMS, claim="coverage_ends").merge(where(CLAIMS, claim="t_max"), on=[*REFERENCE, "network"])
    assert (coverage.seen_x <= coverage.seen_y).all()
    return """
        Intervals against the law are by way of the exact score of 2,000 draws of F where flat cells have closed
        forms (phase times, coverage, widths and curves of gaps); as the run had them,
        by estimated degrees of freedom, are those of curved cells,
        of consistency, order, spike, singular values and VP against VE. Where coverage begins and ends is counted
        as seen where t_max is.
    """


@made
def what_moved() -> str:
    rows = MOVED[MOVED.verdict_before != MOVED.verdict_now]
    unseen, right, drawn_anew = (rows.because.str.contains(text) for text in ("seen in", "binomial", "draws of F"))
    assert (unseen | right | drawn_anew).all()
    return f"""
        Of {len(CLAIMS)} rows {len(rows)} have another verdict against the law than the run published:
        {unseen.sum()} since seeds without a visible gap count, {right.sum()} by the binomial interval of the
        dimension, {drawn_anew.sum()} by draws of F; behind {len(MOVED) - len(rows)} others another
        cause is named, or another verdict against the exact score: moved.csv.
    """


@made
def consistency() -> str:
    rows = linear("consistency", [name for name in WIDE if name != "paper"])
    known = rows[rows.seen == rows.of]
    hidden = rows[rows.seen < rows.of]
    assert list(hidden["std"]) == [3.0]
    assert set(known.verdict) == {"agrees"}
    paper = claim("consistency", "paper")
    assert paper.verdict == "inconclusive"
    return f"""
        t_open t_close = t_max^2 to {100 * (known.trained - 1).abs().max():.1f} %, medians over seeds, in the
        {len(known)} linear cells and networks wider than d whose gap is seen in every seed ({draws_behind(known)}
        draws of F); paper is {percent(paper.trained)} off [{dot(paper.low)}, {dot(paper.high)}], and inconclusive.
    """


@made
def enough_training() -> str:
    rows = [compared(name, steps=6000) for name in ("t_max", "t_close", "t_consolidation")]
    assert {row.verdict for row in rows} == {"agrees"}
    assert set(where(COMPARED, steps=6000).network) - {"law"} == {"gated-192"}
    t_max, t_close, final = map(bounded, rows)
    return f"""
        After 6,000 steps, which gated-192 alone was given, its t_max is {t_max} of exact, t_close {t_close},
        t_consolidation {final} (medians over five seeds, with intervals of 90 % of the mean).
    """


@made
def finite_size() -> str:
    rows = {name: drawn(name) for name in ("t_open", "t_max", "t_close", "t_consolidation")}
    assert (DRAWS.draws == 5000).all()
    ratios = ", ".join(f"{dot(row.ratio, 3)} +- {dot(row.error, 3)}" for row in rows.values())
    off = max(abs(row.corrected - 1) for row in rows.values())
    return f"""
        Of 5,000 draws of F the exact score has t_open, t_max, t_close and t_consolidation at {ratios} of the bare
        law (means with standard errors); of the law with Tracy-Widom's mean edges they are within {100 * off:.1f}
        %.
    """


@made
def other_ratios() -> str:
    rows = DRAWS[(DRAWS.manifold_dim == 40) & (DRAWS.width == 0) & DRAWS.quantity.str.startswith("t_")]
    apart = rows[rows["std"].isin(rows[rows.quantity == "t_max"]["std"])]
    assert len(apart) == 20
    assert apart["std"].nunique() == 5
    off = 100 * (apart.corrected - 1).abs()
    worst = 100 * apart.corrected_error.max()
    continuous = drawn("t_consolidation", 1.0, width=1.0)
    many = drawn("t_consolidation", m=60)
    return f"""
        Over five variance ratios, both orders of the groups among them, the corrected law is within {off.max():.1f}
        % of the mean in every phase time (standard errors up to {worst:.1f} %, 5,000 draws each). At alpha = .6 the
        bare law of t_consolidation is {100 * (1 - 1 / many.ratio):.0f} % below exact, and the corrected one
        {abs(100 * (1 - 1 / many.corrected)):.1f} % off; for the continuous law
        {100 * (1 - 1 / continuous.ratio):.0f} and {abs(100 * (1 - 1 / continuous.corrected)):.1f} %.
    """


@made
def order() -> str:
    rows = linear("order")
    assert (rows.trained > 0.999).all()
    assert set(rows.verdict) == {"agrees"}
    assert 3.0 in set(rows["std"])  # the group that is written second has the higher variance
    return f"""
        At t_max the modes above the gap are the high-variance group, to a mean cosine of .999 or more, in all
        {len(rows)} linear cells and networks wider than d ({draws_behind(rows)} draws of F);
        it does not matter which group is written first.
    """


@made
def schedules() -> str:
    row = claim("schedule_t_max", schedule="vp")
    others = [compared(name, schedule="vp").trained / compared(name).trained for name in
              ("t_open", "t_close", "t_consolidation")]  # fmt: skip
    assert where(CLAIMS, claim="schedule_t_max").shape[0] == 1
    assert row.verdict == "agrees"
    return f"""
        VE and VP: the same t_max. In the cell that has both, t_max of networks trained under vp is
        {row.trained:.3f} [{dot(row.low, 3)}, {row.high:.3f}] of those under ve, where {100 * row.margin:.0f} % are
        allowed. Of t_open, t_close and t_consolidation the tables have no such ratios seed by seed, so whether they
        are the same was not tested; their medians are {", ".join(dot(one) for one in others[:-1])} and
        {dot(others[-1])} of each other.
    """


@made
def singular() -> str:
    rows = where(CLAIMS, claim="singular")
    flat, curved = rows[rows.c == 0].trained.max(), rows[rows.c > 0].trained.max()
    assert set(rows.verdict) == {"agrees"}
    return f"""
        The rms difference of singular values and sizes of eigenvalues of t J at t_max is at most {dot(flat, 4)} for
        flat manifolds and {dot(curved, 4)} for curved ones, in all {len(rows)} cells and networks
        ({draws_behind(rows)} draws of F).
    """


@made
def chance() -> str:
    rows = [drawn("widest_spacing", std, width=width) for std, width in ((1.0, 0.0), (0.6, 0.0), (1.0, 1.0))]
    one, merged, continuous = (f"{dot(row.ratio, 3)} +- {dot(row.spread, 3)}" for row in rows)
    return f"""
        Whether networks open no gap where there is none, the run cannot say: it published the spacing at mode 20
        alone. By chance the widest spacing of tangent modes is {one} wide for one variance (mean and standard
        deviation, 5,000 draws of F), {merged} for the standard deviation .6, whose bulks have merged, and
        {continuous} for the continuous law.
    """


@made
def bare_law() -> str:
    rows = where(CLAIMS, claim="t_consolidation", family="linear")
    rows = rows[rows.of_exact == "agrees"]
    found = rows.verdict.value_counts()
    assert set(found.index) == {"disagrees", "inconclusive"}
    row = drawn("t_consolidation")
    cancel = where(CLAIMS, claim="t_consolidation", verdict="agrees", family="linear")
    assert set(cancel.why) == {"errors cancel"}
    assert set(cancel.of_exact) == {"inconclusive"}
    assert len(cancel) > 1
    half = stdtrit(4, 0.95) * row.spread / 5**0.5
    pooled = where(CLAIMS, claim="t_consolidation", of_exact="agrees")
    assert len(pooled) == 17
    assert (pooled.verdict == "disagrees").sum() == found["disagrees"]
    return f"""
        Of the {len(rows)} linear cells and networks that agree with the exact score in t_consolidation,
        {found["disagrees"]} disagree with the bare law and {found["inconclusive"]} is inconclusive (on
        {draws_behind(rows)} draws of F); the {len(cancel)} linear ones that agree with the law are not shown to agree
        with the exact score: their errors cancel. The exact score is {100 * (row.ratio - 1):.1f} +-
        {100 * row.error:.1f} % above that law; draws scatter by {100 * row.spread:.0f} %, so that five give the mean
        to +- {100 * half:.0f} % (90 %).
    """


@made
def coverage_begins() -> str:
    row = claim("coverage_begins")
    assert row.draws == 2000
    return f"""
        The begin of coverage, read off at a tenth, is far out on the flank of the gap: the exact score is
        {100 * row.finite:.0f} % from the law, median of 2,000 draws.
    """


@made
def capacity() -> str:
    for network in ("gated-64", "resmlp-64"):
        assert claim("dimension", network).trained == 0
        assert compared("dimension", network).trained == 52
        assert {compared(name, network).seen for name in ("t_open", "t_max", "t_close", "t_consolidation")} == {0}
    paper = claim("dimension", "paper")
    rows = linear("dimension", [name for name in WIDE if name != "paper"])
    assert set(rows.trained) == {1.0}
    assert rows.low.nunique() == 1
    assert set(rows.verdict) == {"agrees"}
    return f"""
        A network narrower than d = 100 cannot carry tangents and normals: gated-64 and resmlp-64 find the dimension
        in none of five seeds, 52 in the median, and show no gap in any. From 128 on it is found in all five, in
        every linear cell, but by paper, which finds it in {round(5 * paper.trained)} (of all five right the
        proportion is {dot(rows.low.iloc[0])} at least, of 3 {dot(paper.low)} to {dot(paper.high)}, at 90 %).
    """


@made
def training() -> str:
    steps = [bounded(compared("t_max", steps=steps)) for steps in (600, 2500, 6000)]
    gated, silu = (
        [compared("t_max", f"{kind}-{width}").ratio for width in (128, 192, 256)] for kind in ("gated", "resmlp")
    )
    assert [one > other for one, other in zip(gated, silu, strict=True)] == [False, True, False]
    paper = compared("t_max", "paper")
    final = compared("t_consolidation", "paper")
    return f"""
        t_max of gated-192 is {steps[0]}, {steps[1]} and {steps[2]} of exact after 600, 2,500 and 6,000 steps.
        Gated blocks of width 128, 192 and 256 are at {", ".join(map(dot, gated))}, SiLU blocks
        (resmlp) at {", ".join(map(dot, silu))}: neither leads at every width. The authors' architecture, trained
        like the others, is at {bounded(paper)}, and consolidates in {final.seen} of five seeds.
    """


@made
def spike() -> str:
    steps = [claim("spike", steps=steps).trained for steps in (600, 2500, 6000)]
    vp, paper = claim("spike", schedule="vp").trained, claim("spike", "paper").trained
    widths = [claim("spike", name).trained for name in WIDE[:6]]
    assert vp / steps[1] > steps[0] / steps[2]
    assert paper / steps[1] > steps[0] / steps[2]
    return f"""
        The spike at -1 is broadened to {", ".join(dot(one, 4) for one in steps[:2])} and {dot(steps[2], 4)} after
        600, 2,500 and 6,000 steps; at 2,500 steps to {dot(vp, 3)} under vp and {dot(paper, 3)} in paper, so that
        schedule and architecture move it more than ten times the steps do; and to {dot(min(widths), 4)} to
        {dot(max(widths), 4)} in gated and SiLU blocks of width 128 to 256.
    """


@made
def final_gap_of_schedules() -> str:
    vp, ve = claim("final_curve", schedule="vp"), claim("final_curve")
    assert (vp.verdict, ve.verdict) == ("disagrees", "inconclusive")
    return f"""
        The curve of the final gap is up to {dot(vp.trained, 3)} from the law under vp and {dot(ve.trained, 3)}
        under ve (medians over five seeds).
    """


@made
def exact_on_arcs() -> str:
    rows = [arcs("shift", c=c, steps=2500) for c in (0.5, 1.0, 2.0)]
    ghosts = [arcs("ghost", c=c, steps=2500).exact for c in (0.5, 1.0, 2.0)]
    return f"""
        On arcs the exact score consolidates at {dot(rows[0].exact)}, {dot(rows[1].exact)} and {dot(rows[2].exact)}
        of the flat time for c = .5, 1 and 2 (m = 10, medians of five draws), with ghosts of {dot(ghosts[0])},
        {dot(ghosts[1])} and {dot(ghosts[2])}.
    """


@made
def control() -> str:
    flat = [arcs("t_max", "quantity", c=0.0, steps=steps) for steps in (2500, 8000)]
    assert [row.verdict for row in flat] == ["disagrees", "inconclusive"]
    rows = CLAIMS[(CLAIMS.c > 0) & CLAIMS.claim.isin(["t_max", "t_open", "t_close"])]
    assert set(rows.control) <= {"disagrees", "inconclusive"}
    assert rows[rows.of_exact.isin(["disagrees", "inconclusive"])].attribution.str.startswith("not attributed").all()
    return f"""
        What networks miss of the intermediate gap there is not attributed to curvature, since no flat control
        agrees: at c = 0 and m = 10 t_max is {bounded(flat[0])} of exact after 2,500 steps
        and {bounded(flat[1])} after 8,000.
    """


@made
def longer() -> str:
    short, long = ({name: arcs(name, table, c=1.0, steps=steps) for name, table in
                    (("dimension", "claim"), ("ghost", "claim"), ("t_consolidation", "quantity"))}
                   for steps in (2500, 8000))  # fmt: skip
    milder = [arcs("t_consolidation", "quantity", c=0.5, steps=steps).ratio for steps in (2500, 8000)]
    control = arcs("t_consolidation", "quantity", c=0.0, steps=8000)
    assert control.verdict == "agrees"
    return f"""
        At m = 10 and c = 1 gated-128 finds the dimension in {round(5 * short["dimension"].trained)} of five seeds
        after 2,500 steps and in {round(5 * long["dimension"].trained)} after 8,000; its ghosts fall from
        {dot(short["ghost"].trained)} to {dot(long["ghost"].trained)}, and it consolidates in
        {short["t_consolidation"].seen} and {long["t_consolidation"].seen} of five, then at
        {dot(long["t_consolidation"].ratio)} of exact. At c = .5 more steps do not bring it nearer: {dot(milder[0])}
        and {dot(milder[1])} of exact, where the flat control after 8,000 steps is at {dot(control.ratio)}.
    """


@made
def never() -> str:
    rows = where(COMPARED, quantity="t_consolidation", family="arcs")
    rows = rows[rows.network != "law"]
    far = rows[((rows.m == 10) & (rows.c == 2)) | ((rows.m == 20) & (rows.c > 0))]
    assert set(far.seen) == {0}
    assert len(far) == 5
    assert (rows[~rows.index.isin(far.index)].seen > 0).all()
    return "At c = 2, and at m = 20 from c = .5 on, no network consolidates in any seed."


if __name__ == "__main__":  # the page's sentences, as they are to be
    print(*(f"{function.__name__}: {function()}" for function in MADE), sep="\n")
