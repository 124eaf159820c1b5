"""The report of a study: one page that needs no network and no scripts.

study, comparison, claims, lines, figures (SVG), attributes of the cube -> HTML (page.html.jinja)

Its first screen says whether theory holds, how well, and where not.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from scoregap.analysis import controls
from scoregap.analysis.comparison import known_curves
from scoregap.analysis.headline import judged_rows, named
from scoregap.analysis.intervals import geometric_mean
from scoregap.analysis.overview import told
from scoregap.analysis.panels import PANELS
from scoregap.analysis.power import POWER
from scoregap.analysis.tables import (
    PHASES,
    at_gap,
    counted,
    exactly,
    independent_draws,
    labelled,
    seeds_in_words,
    subject,
    with_interval,
)
from scoregap.analysis.verdicts import JUDGED, Side, Verdict, words
from scoregap.report import registry
from scoregap.report.figures import claims as claims_figure
from scoregap.report.figures import label, svg
from scoregap.report.places import Places, anchored, row_anchor
from scoregap.scores import MODEL, kind
from scoregap.store.ownership import Kind, text_with
from scoregap.study import Study

WORST, MOST_SETTINGS, MOST_ROWS, WORST_ROWS = 5, 16, 3000, 1000  # rows of tables
KINDS = {Verdict.AGREES: "good", Verdict.INCONCLUSIVE: "unclear", Verdict.DISAGREES: "bad"}  # classes of the style
PLURALS = {Verdict.AGREES: "agree", Verdict.INCONCLUSIVE: "inconclusive", Verdict.DISAGREES: "disagree"}
ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True, keep_trailing_newline=True,
)  # fmt: skip
KIND = Kind("a report", text_with('<meta name="generator" content="scoregap">'), r"report\.html")


class Cell(NamedTuple):
    """A cell of a table; kind: its class, of KINDS. link: an anchor that it leads to. title: what a pointer is told."""

    text: str
    kind: str = ""
    link: str = ""
    title: str = ""


class Table(NamedTuple):
    """A table of the page. head: empty for none. anchors: of its rows, or none."""

    head: list[str]
    rows: list[list[Cell]]
    anchors: Sequence[str] = ()
    name: str = "table"


def write(
    study: Study,
    frame: pd.DataFrame,
    tested: pd.DataFrame,
    first: list[str],
    lines: list[str],
    pictures: dict[str, bytes],
    failed: dict[str, str],
    attrs: dict[str, str],
) -> str:
    """The page as text.

    frame: the comparison. tested: the claims. first: the lines of the table `headline`. lines: what the findings say.
    pictures: SVG of figures of `registry`, in their order. failed: why a figure could not be drawn, by name, where it
    could not. attrs: of the cube, and the device.
    """
    return ENVIRONMENT.get_template("page.html.jinja").render(
        name=study.name,
        about=about(study),
        first=first,
        outcome=outcome(study, frame, pictures),
        pictures=[picture(study, name, svg) for name, svg in pictures.items()],
        panels=panels_shown(study, frame),
        not_drawn=[f"{titled(name)} ({why})" for name, why in failed.items() if why],
        claims=claims(study, tested),
        findings="\n".join(lines).strip(),
        numbers=numbers(study, frame),
        provenance=provenance(study, attrs),
    )


def titled(name: str) -> str:
    """The name of a figure as a heading."""
    return name.replace("_", " ").replace("/", ": ").capitalize()


def about(study: Study) -> str:
    """What the study varies and what not, in a line."""
    values = {
        label(axis): ", ".join(exactly(value) for value in (some if len(some) < 7 else [*some[:2], "...", some[-1]]))
        for axis, some in study.axes.items()
        if axis not in ("seed", "family")
    }
    seeds, points = len(study.axes["seed"]), study.document.spectrum.points
    parts = [", ".join(study.axes["family"]), *(f"{name} {some}" for name, some in values.items())]
    if study.blocks:
        parts.append(f"otherwise in the blocks {', '.join(study.blocks)}")
    counts = [counted("seed", seeds), f"{counted('point', points)} per time"]
    return " · ".join([*parts, *counts, f"config {study.hash}"])


def outcome(study: Study, frame: pd.DataFrame, pictures: dict[str, bytes] | None = None) -> dict[str, Any]:
    """The first screen: counts, how well per quantity, where not, and how to read it."""
    judged = judged_rows(frame.reset_index(drop=True))
    places = Places(study, pictures or {}, set(shown_rows(frame)))
    counts = {verdict: int((judged.verdict == verdict).sum()) for verdict in JUDGED}
    return {
        "bar": [
            {"kind": KINDS[verdict], "count": count, "text": f"{count} {PLURALS[verdict]}"}
            for verdict, count in counts.items()
            if count
        ],
        "how_well": how_well(study, judged),
        "worst": worst(study, frame, judged, places),
        "where": where(study, frame, judged, places),
        "controls": [line.strip() for line in controls.lines(judged)],
        "subject": {"law": "the law's", "trained": "the network's"}.get(subject(study), "the score's"),
        "seeds": seeds_in_words(study),
        "draws": counted("independent draw", independent_draws(study)),
        "confidence": f"{study.compare.confidence:.0%}",
        "by_chance": f"{1 - study.compare.confidence:.0%}",
    }


def shown_rows(frame: pd.DataFrame) -> list[int]:
    """The places of the rows of a comparison that the page shows: all, or, of more than MOST_ROWS, the WORST_ROWS that
    are farthest from theory, of a study in which nothing is judged the first."""
    if len(frame) <= MOST_ROWS:
        return list(range(len(frame)))
    judged = judged_rows(frame.reset_index(drop=True)).index
    return sorted(judged[:WORST_ROWS].tolist()) or list(range(WORST_ROWS))


def panels_shown(study: Study, frame: pd.DataFrame) -> str:
    """Which settings have panels, and how to see the others; empty where all have."""
    counts = [math.prod(len(part.axes[axis]) for axis in part.condition_axes) for part in study.parts]
    large = {part.block: (count, part) for part, count in zip(study.parts, counts, strict=True) if count > PANELS}
    if not large:
        return ""
    shown = [
        f"{PANELS} of {count} settings{f' of block {block}' if block else ''}" for block, (count, _) in large.items()
    ]
    _, (_, one) = max(large.items(), key=lambda of: of[1][0])
    axis = max(one.condition_axes, key=lambda name: len(one.axes[name]))
    rule = "those with the phase times that are farthest from the exact score in margins (what disagrees first)"
    return (
        f"Panels: {', '.join(shown)} have their own, {'the first' if judged_rows(frame).empty else rule}; "
        "figures along an axis show their neighbours too. "
        f"The others: scoregap gallery results/{study.name} --where '{axis}={exactly(one.axes[axis][0])}'"
    )


def _varied(study: Study, frame: pd.DataFrame) -> list[str]:
    return [axis for axis in study.condition_axes if frame[axis].nunique() > 1]


def how_well(study: Study, judged: pd.DataFrame) -> Table:
    """Verdicts and ratios per quantity, over all cells."""
    rows = []
    for quantity in PHASES:
        some = judged[judged["quantity"] == quantity]
        if some.empty:
            continue
        known = some.ratio.dropna()
        spread = f"{geometric_mean(known.to_numpy()):.3f}", f"{known.min():.3f} to {known.max():.3f}"
        agree, *others = (str((some.verdict == verdict).sum()) for verdict in JUDGED)
        sides = [f"{count} {side}" for side in Side if (count := (some.side == side).sum())]
        agree += f" ({', '.join(sides)})" if sides else ""
        rows.append(_row([quantity, agree, *others, *(spread if len(known) else ("", ""))]))
    return Table(["phase time", *JUDGED, f"mean {subject(study)} / exact", "range"], rows)


def worst(study: Study, frame: pd.DataFrame, judged: pd.DataFrame, places: Places) -> Table:
    """The phase times that are farthest from theory."""
    column = "trained" if study.evaluated_scores else "law"
    rows = [
        _row(
            [named(study, frame, row), _number(row.exact), _number(row[column]), _ratio(row), f"{row.margin:.0%}",
             words(row)],
            {5: KINDS[row.verdict]}, {0: places.of(row, i)},
        )
        for i, (_, row) in zip(judged.index.tolist(), judged.head(WORST).iterrows(), strict=False)
    ]  # fmt: skip
    return Table(["phase time", "exact", subject(study), "ratio", "margin", "verdict"], rows, name="the worst")


def where(study: Study, frame: pd.DataFrame, judged: pd.DataFrame, places: Places) -> Table:
    """Settings x phase times, as the grid of a terminal has them, coloured by verdicts; of many settings, networks with
    counts.

    A cell leads to the panel of what it tells, or of the worst that it counts.
    """
    axes = _varied(study, frame)
    fine = len(frame[[*axes, "network"]].drop_duplicates()) <= MOST_SETTINGS
    keys = [*axes, "network"] if fine else ["network"]
    columns = sorted(
        set(zip(judged["quantity"], judged.gap, strict=True)), key=lambda one: (one[1], PHASES.index(one[0]))
    )
    rows = []
    for values in frame[keys].drop_duplicates().itertuples(index=False, name=None):
        mine = judged[(judged[keys] == list(values)).all(axis=1)]
        texts = [labelled(dict(zip(keys, values, strict=True)), _short).strip()]
        classes, links, titles = {}, {}, {}
        for i, (quantity, gap) in enumerate(columns, 1):
            some = mine[(mine["quantity"] == quantity) & (mine.gap == gap)]
            text = ""
            if len(some):
                first = some.iloc[0]
                classes[i] = KINDS[first.verdict]
                text = told(first) if fine else f"{(some.verdict == Verdict.AGREES).sum()} of {len(some)}"
                links[i] = places.of(first, int(some.index[0]))
                titles[i] = (
                    "" if fine else "worst: "
                ) + f"{named(study, frame, first)}: {_ratio(first)} {words(first)}"
            texts.append(text)
        rows.append(_row(texts, classes, links, titles))
    heads = [at_gap(quantity, gap) for quantity, gap in columns]
    return Table([f"{subject(study)} / exact" if fine else "agree", *heads], rows, name="where")


def _short(axis: str) -> str:
    return "" if axis == "network" else label(axis)


# Captions of studies of traces alone, in place of those of `registry`.
OF_TRACES = {
    "profile": "Trace of G = I + t J at noise variance t, mean over points (cut a quarter of d outside of 0 to d), by "
    "products with random vectors; time runs from right to left. gaussian: score of the Gaussian with the data's "
    "covariance. Bands: intervals over seeds, or of one or two seeds over points.",
}


def caption(study: Study, name: str) -> str:
    """That of a figure, in the words of a study: nothing was trained where models that it declares are compared."""
    figure = name.rpartition("/")[2]
    text = registry.FIGURES[figure].caption
    if study.document.spectrum.probes:
        text = OF_TRACES.get(figure, text)
    models = any(kind(one) is MODEL for one in study.evaluated_scores) and not study.trained_networks
    return text.replace("Network", "Model").replace("network", "model") if models else text


def picture(study: Study, name: str, drawn: bytes) -> dict[str, Any]:
    """A figure with its caption. A wide one is not made smaller than can be read, but scrolls."""
    least = 0.7 * svg.width(drawn) * 4 / 3
    said = f'<svg role="group" aria-labelledby="{anchored(name)}.title" style="min-width:{least:.0f}px" '
    return {
        "name": name,
        "anchor": anchored(name),
        "title": titled(name),
        "caption": caption(study, name),
        "svg": Markup(svg.inside(drawn, anchored(name)).replace("<svg ", said, 1)),
    }


def claims(study: Study, tested: pd.DataFrame) -> dict[str, Any] | None:
    """The claims, whole, each with its cells, and how to read them; None where there are none."""
    if tested.empty:
        return None
    tested = tested.assign(
        **{f"over_{of}": ["" if math.isnan(low) else f"[{low:.3g}, {high:.3g}]"
                          for low, high in zip(tested[f"{of}_low"], tested[f"{of}_high"], strict=True)]
           for of in ("law", "exact")},
        could_see=tested.exact_detectable,
    )  # fmt: skip
    axes, whole = claims_figure.axes_of(study, tested), claims_figure.columns(study, tested)
    columns = [*axes, "network", "law", "gaussian", "exact", "trained", "over_law", "over_exact",
               "margin", "independent", "could_see", "of_exact", "verdict", "why"]  # fmt: skip
    if tested.curvature.any():
        columns += ["control", "over_control", "attribution"]
    coloured = [(columns.index(name), name) for name in ("of_exact", "verdict")]
    places = [whole[one] for one in tested[[*axes, "network"]].itertuples(index=False, name=None)]
    drawn = set(claims_figure.shown(study, tested).values())
    all_shown = len(tested) <= MOST_ROWS
    tested = tested.assign(place=places, shown=[all_shown or place in drawn for place in places])
    heads = [subject(study) if column == "trained" else column for column in columns]
    found = []
    for claim, own in tested.groupby("claim", sort=False):
        rows = [
            _row([_of_column(row[column], column in axes) for column in columns],
                 {place: KINDS.get(row[name], "") for place, name in coloured})
            for _, row in own[own.shown].iterrows()
        ]  # fmt: skip
        at = own.place[own.shown]
        counts = [(str(verdict), KINDS.get(verdict, ""), int((own.verdict == verdict).sum())) for verdict in Verdict]
        found.append(
            {
                "anchor": f"claim-{claim}", "says": own.says.iloc[0], "source": own.source.iloc[0],
                "counts": [one for one in counts if one[2]],
                "table": Table(heads, rows, [claims_figure.anchor(str(claim), column) for column in at], str(claim)),
            }
        )  # fmt: skip
    left_out = "" if all_shown else f" (the rows of the {len(drawn)} columns of the figure; counts are of all)"
    note = (
        f"From claims.csv{left_out}: what the law says, in every cell and for every network. verdict: of "
        f"{subject(study)} against the law; of_exact: against the exact score of the same F, by the same margin; "
        "over_law and over_exact: their "
        "intervals over seeds, of ratios, or of differences of what is no ratio; why: whether the network is not at "
        "the exact score (learning), or the exact score is not at the law (finite size or curvature); errors cancel: "
        "it agrees with the law, and not with the exact score. independent: draws of F behind the row, each with a "
        "network of its own; could_see: what difference from the exact score would have been found in "
        f"{POWER:.0%} of such studies, margin included, of ratios a relative one. control: of a curved cell, the "
        "verdict against exact in the flat cell that is the same in all else; over_control: what is over exact, over "
        "what that is there; "
        "attribution: nothing is blamed on curvature where the control misses exact. Of curves and of the spike the "
        "numbers are distances from the law, of the dimension the proportion of seeds in which it is right; the widest "
        "spacing is compared with that of random F."
    )
    return {"note": note, "claims": found}


def numbers(study: Study, frame: pd.DataFrame) -> dict[str, Any]:
    """The comparison, whole."""
    names = {"ratio": f"{subject(study)} / exact", **({"trained": subject(study)} if study.evaluated_scores else {}),
             "ratio_low": "low", "ratio_high": "high", "law_to_exact": "law / exact",
             "position": "between gaussian 0, exact 1", "boundary": "modes above the gap",
             "not_ok": "without a result"}  # fmt: skip
    axes, curves = _varied(study, frame), known_curves(frame)
    columns = [*axes, "network", "quantity", "boundary", *curves, "ratio", "ratio_low",
               "ratio_high", "margin", "verdict", "law_to_exact", "position", "not_ok"]  # fmt: skip
    at, rows = columns.index("verdict"), []
    shown = shown_rows(frame)
    for _, row in frame.iloc[shown].iterrows():
        said = row.copy()
        said["verdict"] = words(row)
        if row["quantity"] == "dimension":
            said[curves] = said[curves].map(lambda value: "none" if value == 0 else value)
        else:
            said["quantity"] = at_gap(row["quantity"], row["gap"])
        rows.append(
            _row([_of_column(said[column], column in axes) for column in columns], {at: KINDS.get(row.verdict, "")})
        )
    left_out = f"; the {len(shown)} of {len(frame)} rows that are farthest from theory"
    if judged_rows(frame).empty:
        left_out = f"; the first {len(shown)} of {len(frame)} rows"
    left_out = left_out if len(shown) < len(frame) else ""
    note = (
        f"From comparison.csv{left_out}. Geometric means over seeds, of ratios seed by seed; of dimensions medians. "
        "NAME[k]: of the gap, or group, k of the cube, from 0. model_: the same times by a fit to the whole curve of a "
        "gap. consistency: t_open t_close / t_max^2, in linear theory 1."
    )
    anchors = [row_anchor(place) for place in shown]
    return {"note": note, "table": Table([names.get(column, column) for column in columns], rows, anchors, "numbers")}


def provenance(study: Study, attrs: dict[str, str]) -> dict[str, Any]:
    """Where the numbers come from, and the study as it was run."""
    facts = {name.replace("_", " "): str(value) for name, value in attrs.items() if name not in ("study", "title")}
    facts["values of the axis seed"] = ", ".join(map(str, study.axes["seed"]))
    return {"facts": Table([], [_row([*fact]) for fact in facts.items()]), "study": attrs["study"]}


def _row(
    texts: list[str], kinds: dict[int, str] | None = None, links: dict[int, str] | None = None,
    titles: dict[int, str] | None = None,
) -> list[Cell]:  # fmt: skip
    """One row of a table; kinds, links and titles: of some of its cells, by their place."""
    return [
        Cell(text, *((of or {}).get(i, "") for of in (kinds, links, titles))) for i, text in enumerate(texts)
    ]  # fmt: skip


def _ratio(row: pd.Series) -> str:
    return "" if math.isnan(row.ratio) else with_interval(row.ratio, row.ratio_low, row.ratio_high, ".2f")


def _of_column(value: Any, axis: bool) -> str:
    """A value of a table; those of axes exactly."""
    return exactly(value) if axis else _number(value)


def _number(value: Any, digits: int = 4) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.{digits}g}"
    return str(value)
