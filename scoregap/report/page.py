"""The report of a study: one page that needs no network and no scripts.

study, comparison, findings in lines, figures (SVG), attributes of the cube -> HTML

Its first screen says whether theory holds, how well, and where not.
"""

import base64
import html
import math
import re
from pathlib import Path

import pandas as pd

from scoregap import storage
from scoregap.analysis.tables import labelled, of_subjects, told
from scoregap.regression.metrics import PHASES
from scoregap.regression.theory import agreement
from scoregap.report import registry
from scoregap.report.figures import label
from scoregap.stages.compare import known_curves
from scoregap.study import Study

WORST, MOST_SETTINGS, MOST_ROWS = 5, 16, 3000  # rows of tables
VERDICTS = {"agrees": "good", "inconclusive": "unclear", "disagrees": "bad"}  # and their classes
WORDS = {"agrees": "agree", "inconclusive": "inconclusive", "disagrees": "disagree"}  # of several
KIND = storage.Kind("a report", storage.text_with('<meta name="generator" content="scoregap">'), r"report\.html")
STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")


def write(
    study: Study, frame: pd.DataFrame, tested: pd.DataFrame, lines: list[str], pictures: dict[str, bytes],
    failed: dict[str, str], attrs: dict,
) -> str:  # fmt: skip
    """The page as text.

    frame: comparison.csv. tested: claims.csv. lines: what the findings say. pictures: SVG of figures of `registry`, in
    their order. failed: why a figure could not be drawn, by name, where it could not. attrs: of the cube, and the
    device.
    """
    words = {name: frame[name].astype(object).where(frame[name].notna(), "") for name in ("verdict", "not_ok")}
    frame = frame.assign(**words)
    judged = judgements(frame)
    sections = {
        "figures": ("Figures", "".join(picture(name, svg) for name, svg in pictures.items())),
        "tested": ("The paper's claims", claimed(study, tested)),
        "findings": ("Findings", f"<pre>{html.escape(chr(10).join(lines).strip())}</pre>" if lines else ""),
        "numbers": ("Every phase time", numbers(study, frame)),
        "study": ("Study and provenance", provenance(study, attrs)),
    }
    shown = {anchor: section for anchor, section in sections.items() if section[1]}
    links = "".join(f'<a href="#{anchor}">{title}</a>' for anchor, (title, _) in shown.items())
    figures = "".join(f'<a href="#{anchored(name)}">{titled(name)}</a>' for name in pictures)
    body = "".join(f'<h2 id="{anchor}">{title}</h2>{text}' for anchor, (title, text) in shown.items())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="generator" content="scoregap">
<link rel="icon" href="data:,"><title>{html.escape(study.name)}: does theory hold?</title>
<style>{STYLE}</style></head><body>
<nav><a href="#top"><b>{html.escape(study.name)}</b></a>{links}</nav>
<main id="top">
<h1>{html.escape(study.name)}</h1>
<p class="about">{html.escape(about(study))}</p>
{verdict(study, frame, judged)}
<p class="links">{figures}</p>
{not_drawn(failed)}
{body}
</main></body></html>
"""


def not_drawn(failed: dict[str, str]) -> str:
    """The figures that could not be drawn, and why; empty where all could."""
    named = "; ".join(f"{titled(name)} ({why})" for name, why in failed.items() if why)
    return f'<p><b class="bad">Not drawn</b>: {html.escape(named)}.</p>' if named else ""


def titled(name: str) -> str:
    """The name of a figure as a heading."""
    return name.replace("_", " ").replace("/", ": ").capitalize()


def anchored(name: str) -> str:
    """The name of a figure as an anchor."""
    return name.replace("/", "-")


def about(study: Study) -> str:
    """What the study varies and what not, in a line."""
    values = {
        label(axis): ", ".join(str(value) for value in (some if len(some) < 7 else [*some[:2], "...", some[-1]]))
        for axis, some in study.axes.items()
        if axis not in ("seed", "family")
    }
    seeds, points = len(study.axes["seed"]), study.document.spectrum.points
    parts = [", ".join(study.axes["family"]), *(f"{name} {some}" for name, some in values.items())]
    if study.blocks:
        parts.append(f"otherwise in the blocks {', '.join(study.blocks)}")
    return " · ".join([*parts, f"{seeds} seeds", f"{points} points per time", f"config {study.hash}"])


def judgements(frame: pd.DataFrame) -> pd.DataFrame:
    """The phase times that theory has a verdict on: `agreement`, and `off`, the distance from exact in margins.

    The worst first: what disagrees, what is inconclusive, what agrees; in each what was not seen, then the farthest.
    """
    rows = of_subjects(frame[frame["quantity"].isin(PHASES)]).copy()
    rows["agreement"] = [agreement(words) for words in rows.verdict]
    rows["off"] = (rows.ratio - 1) / rows.margin
    rows = rows[rows.agreement != ""]
    order = list(reversed(VERDICTS))
    rank = rows.agreement.map(order.index)
    return rows.iloc[sorted(range(len(rows)), key=lambda i: (rank.iloc[i], -_size(rows.off.iloc[i])))]


def _size(off: float) -> float:
    return math.inf if math.isnan(off) else abs(off)


def verdict(study: Study, frame: pd.DataFrame, judged: pd.DataFrame) -> str:
    """The first screen: a sentence, counts, how well per quantity, where not."""
    theory = "Theory" if study.subjects else "The random-matrix law"
    counts = {name: int((judged.agreement == name).sum()) for name in VERDICTS}
    total = sum(counts.values())
    if not total:
        sentence = f"{theory} could be judged at no phase time: {_most_said(frame)}"
    elif counts["agrees"] == total:
        sentence = f"{theory} holds in all {total} phase times"
    else:
        worst = judged.iloc[0]
        sentence = (
            f"{theory} holds in {counts['agrees']} of {total} phase times, {counts['disagrees']} disagree and "
            f"{counts['inconclusive']} are inconclusive. Worst: {place(study, frame, worst)}: {_how_far(worst)}"
        )
    bar = "".join(
        f'<span class="{VERDICTS[name]}" style="flex-grow:{count}">{count} {WORDS[name]}</span>'
        for name, count in counts.items()
        if count
    )
    return f"""<p class="verdict">{html.escape(sentence)}.</p>
<div class="bar">{bar}</div>
<div class="columns"><section><h3>How well</h3>{how_well(study, judged)}
<h3>Where not: the worst {min(WORST, total)}</h3>{worst_rows(study, frame, judged)}
<p>{also(study, frame)}</p></section>
<section><h3>Where</h3>{where(study, frame, judged)}</section></div>
<p class="note">{reading(study)}</p>"""


def _most_said(frame: pd.DataFrame) -> str:
    said = frame[frame["quantity"].isin(PHASES)].verdict
    return said.mode().iloc[0] if len(said) else "there is none"


def _how_far(row) -> str:
    """How far a phase time is from the exact one, in words."""
    if math.isnan(row.ratio) or not row.verdict.startswith(("disagrees", "inconclusive")):
        return row.verdict
    far = f"{abs(row.ratio - 1):.0%} {'above' if row.ratio > 1 else 'below'} exact, margin {row.margin:.0%}"
    return far + (" (inconclusive)" if row.agreement == "inconclusive" else "")


def place(study: Study, frame: pd.DataFrame, row) -> str:
    """A row of the comparison in words."""
    at = labelled(told(study, {axis: row[axis] for axis in _varied(study, frame)}), label)
    return f"{row['quantity']} ({row.boundary}), {', '.join(filter(None, (row.network, at)))}"


def _varied(study: Study, frame: pd.DataFrame) -> list[str]:
    return [axis for axis in study.facets if frame[axis].nunique() > 1]


def reading(study: Study) -> str:
    """How to read the verdicts."""
    confidence = f"{study.document.compare.confidence:.0%}"
    subject = "the network's" if study.subjects else "the law's"
    return (
        f"Phase times are noise variances t; every ratio is {subject} time over that of the exact score on the same "
        f"points, median over {len(study.axes['seed'])} seeds, with the {confidence} Student interval over seeds. "
        "<b>agrees</b>: the interval lies inside the study's margin; <b>disagrees</b>: outside, or neither has such a "
        "time, for different reasons; <b>inconclusive</b>: neither, or one has none in some seeds. (k): the gap "
        "below mode k."
    )


def how_well(study: Study, judged: pd.DataFrame) -> str:
    """Verdicts and ratios per quantity, over all cells."""
    rows = []
    for quantity in PHASES:
        some = judged[judged["quantity"] == quantity]
        if some.empty:
            continue
        known = some.ratio.dropna()
        spread = f"{known.median():.3f}", f"{known.min():.3f} to {known.max():.3f}"
        counts = [str((some.agreement == name).sum()) for name in VERDICTS]
        rows.append(_row([quantity, *counts, *(spread if len(known) else ("", ""))]))
    ratio = f"{'trained' if study.subjects else 'law'} / exact"
    return _table(["phase time", *VERDICTS, f"median {ratio}", "range"], rows)


def worst_rows(study: Study, frame: pd.DataFrame, judged: pd.DataFrame) -> str:
    """The phase times that are farthest from theory."""
    subject = "trained" if study.subjects else "law"
    rows = [
        _row(
            [place(study, frame, row), _number(row.exact), _number(row[subject]), _ratio(row), f"{row.margin:.0%}",
             row.verdict],
            {5: VERDICTS[row.agreement]},
        )
        for _, row in judged.head(WORST).iterrows()
    ]  # fmt: skip
    return _table(["phase time", "exact", subject, "ratio", "margin", "verdict"], rows)


def where(study: Study, frame: pd.DataFrame, judged: pd.DataFrame) -> str:
    """Settings x phase times: the ratio, coloured by its verdict; of many settings, networks with counts."""
    axes = _varied(study, frame)
    fine = len(frame[[*axes, "network"]].drop_duplicates()) <= MOST_SETTINGS
    keys = [*axes, "network"] if fine else ["network"]
    several = judged[judged["quantity"] != PHASES[-1]].gap.nunique() > 1  # intermediate gaps
    columns = sorted(
        set(zip(judged["quantity"], judged.gap, strict=True)), key=lambda one: (one[1], PHASES.index(one[0]))
    )
    rows = []
    for values in frame[keys].drop_duplicates().itertuples(index=False, name=None):
        mine = judged[(judged[keys] == list(values)).all(axis=1)]
        texts, classes = [labelled(dict(zip(keys, values, strict=True)), _short)], {}
        for i, (quantity, gap) in enumerate(columns, 1):
            some = mine[(mine["quantity"] == quantity) & (mine.gap == gap)]
            text = ""
            if len(some):
                worst = some.iloc[0]
                classes[i] = VERDICTS[worst.agreement]
                text = "-" if math.isnan(worst.ratio) else f"{worst.ratio:.2f}"
                text = text if fine else f"{(some.agreement == 'agrees').sum()} of {len(some)}"
            texts.append(text)
        rows.append(_row(texts, classes))
    heads = [quantity + (f", gap {gap + 1}" if several else "") for quantity, gap in columns]
    return _table([f"{'trained' if study.subjects else 'law'} / exact" if fine else "agree", *heads], rows)


def _short(axis: str) -> str:
    return "" if axis == "network" else label(axis)


def also(study: Study, frame: pd.DataFrame) -> str:
    """How many dimensions are right, and which cells have no result."""
    words = [re.fullmatch(r"right in (\d+) of (\d+)", one) for one in frame[frame["quantity"] == "dimension"].verdict]
    right, of = (sum(int(one[k]) for one in words if one) for k in (1, 2))
    parts = [f"<b>Dimension</b>, found blind: right in {right} of {of} networks."] if of else []
    settings = frame.drop_duplicates([*study.facets, "network"])
    bad = settings[settings.not_ok != ""]
    if bad.empty:
        parts.append(f"<b>Cells</b>: all {study.size} ok.")
    else:
        axes = _varied(study, frame)
        named = []
        for _, row in bad.head(WORST).iterrows():
            at = labelled(told(study, {axis: row[axis] for axis in axes}), label)
            named.append(f"{', '.join(filter(None, (row.network, at)))}: {row.not_ok}")
        more = f" and {len(bad) - WORST} more" if len(bad) > WORST else ""
        parts.append(f'<b class="bad">Not ok</b>: {html.escape("; ".join(named))}{more}.')
    return " ".join(parts)


def picture(name: str, svg: bytes) -> str:
    """A figure with its caption. A wide one is not made smaller than can be read, but scrolls."""
    found = re.search(rb'width="([\d.]+)pt"', svg)
    least = 0.7 * float(found[1]) * 4 / 3 if found else 0
    source = base64.b64encode(svg).decode()
    caption = registry.FIGURES[name.rpartition("/")[2]].caption
    return f"""<figure id="{anchored(name)}"><figcaption><b>{titled(name)}.</b> {html.escape(caption)}
<i>figures/{name}.svg, .pdf</i></figcaption><div class="plot">
<img alt="{titled(name)}" style="min-width:{least:.0f}px" src="data:image/svg+xml;base64,{source}"></div></figure>
"""


def claimed(study: Study, tested: pd.DataFrame) -> str:
    """The claims, whole; empty where there are none."""
    if tested.empty:
        return ""
    tested = tested.assign(
        **{f"over_{of}": [f"[{low:.3g}, {high:.3g}]" for low, high in zip(tested[f"{of}_low"], tested[f"{of}_high"],
                                                                        strict=True)] for of in ("law", "exact")}
    )  # fmt: skip
    columns = [*_varied(study, tested), "network", "law", "gaussian", "exact", "trained", "over_law", "over_exact",
               "margin", "of_exact", "verdict", "why"]  # fmt: skip
    rows = [
        _row([row.says, row.source, *(_number(row[column]) for column in columns)],
             {len(columns): VERDICTS.get(row.verdict, ""), len(columns) - 1: VERDICTS.get(row.of_exact, "")})
        for _, row in tested.iterrows()
    ]  # fmt: skip
    note = (
        "From claims.csv: what the law says, in every cell and for every network. verdict: of trained against the law; "
        "of_exact: against the exact score of the same F, by the same margin; over_law and over_exact: their "
        "intervals over seeds, of ratios, or of differences of what is no ratio; why: whether the network is not at "
        "the exact score (learning), or the exact score is not at the law (finite size or curvature)."
    )
    return f'<p class="note">{note}</p>{_table(["claim", "source", *columns], rows)}'


def numbers(study: Study, frame: pd.DataFrame) -> str:
    """The comparison, whole."""
    names = {"ratio": f"{'trained' if study.subjects else 'law'} / exact", "ratio_low": "low", "ratio_high": "high",
             "law_to_exact": "law / exact", "position": "between gaussian 0, exact 1",
             "boundary": "gap below mode", "not_ok": "members not ok"}  # fmt: skip
    columns = [*_varied(study, frame), "network", "quantity", "boundary", *known_curves(frame), "ratio", "ratio_low",
               "ratio_high", "margin", "verdict", "law_to_exact", "position", "not_ok"]  # fmt: skip
    at = columns.index("verdict")
    rows = [
        _row([_number(row[column]) for column in columns], {at: VERDICTS.get(agreement(row.verdict), "")})
        if row["quantity"] in PHASES or row["quantity"].removeprefix("model_") in PHASES
        else _row([_number(row[column]) for column in columns])
        for _, row in frame.head(MOST_ROWS).iterrows()
    ]
    left_out = f"; the first {MOST_ROWS} of {len(frame)} rows" if len(frame) > MOST_ROWS else ""
    note = f"From comparison.csv{left_out}. model_: the same times by a fit to the whole curve of a gap."
    return f'<p class="note">{note}</p>{_table([names.get(column, column) for column in columns], rows)}'


def provenance(study: Study, attrs: dict) -> str:
    """Where the numbers come from, and the study as it was run."""
    facts = {name.replace("_", " "): str(value) for name, value in attrs.items() if name not in ("study", "title")}
    facts["values of the axis seed"] = ", ".join(map(str, study.axes["seed"]))
    return (
        f'<div class="facts">{_table([], [_row([*fact]) for fact in facts.items()])}</div>'
        f"<details open><summary>The study, with defaults</summary><pre>{html.escape(attrs['study'])}</pre></details>"
    )


def _table(head: list[str], rows: list[str]) -> str:
    heads = "".join(f"<th>{html.escape(one)}</th>" for one in head)
    top = f"<thead><tr>{heads}</tr></thead>" if head else ""
    return f'<div class="table"><table>{top}<tbody>{"".join(rows)}</tbody></table></div>'


def _row(texts: list[str], classes: dict[int, str] | None = None) -> str:
    """One row of a table; classes: of some of its cells, by their place."""
    classes = classes or {}
    cells = (
        f'<td class="{classes[i]}">{html.escape(text)}</td>' if classes.get(i) else f"<td>{html.escape(text)}</td>"
        for i, text in enumerate(texts)
    )
    return f"<tr>{''.join(cells)}</tr>\n"


def _ratio(row) -> str:
    if math.isnan(row.ratio):
        return ""
    return f"{row.ratio:.2f}" + ("" if math.isnan(row.ratio_low) else f" [{row.ratio_low:.2f}, {row.ratio_high:.2f}]")


def _number(value, digits: int = 4) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.{digits}g}"
    return str(value)
