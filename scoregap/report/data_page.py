"""The report of a study of data from a file: one page that needs no network and no scripts.

study, tables of its profiles, findings in lines, figures (SVG), attributes of the cube -> HTML (data.html.jinja)

Its first screen says what the data are, and what every score shows of them: modes resolved, shoulders, gaps, and
whether it may be the data's own.
"""

import pandas as pd

from scoregap.analysis import profiles
from scoregap.analysis.tables import labelled
from scoregap.report.figures import anchor, label, svg
from scoregap.report.page import ENVIRONMENT, Cell, Table, picture, provenance, titled
from scoregap.report.places import anchored
from scoregap.study import Study


def write(
    study: Study, tables: list[tuple[Study, pd.DataFrame]], first: list[str], lines: list[str],
    pictures: dict[str, bytes], failed: dict[str, str], attrs: dict[str, str],
) -> str:  # fmt: skip
    """The page as text. tables: `profile` of every part of the study. first: the lines of calibration of the table
    `headline`. The rest as for `page.write`."""
    return ENVIRONMENT.get_template("data.html.jinja").render(
        name=study.name,
        about=f"{profiles.describe_axes(study)} · config {study.hash}",
        data=attrs["data"],
        first=first,
        explanation=" ".join(profiles.explanation(study)),
        parts=[one for part, frame in tables for one in shown(part, frame, pictures)],
        pictures=[picture(study, name, svg) for name, svg in pictures.items()],
        not_drawn=[f"{titled(name)} ({why})" for name, why in failed.items() if why],
        findings="\n".join(lines).strip(),
        provenance=provenance(study, attrs),
    )


def shown(study: Study, frame: pd.DataFrame, pictures: dict[str, bytes]) -> list[dict]:
    """Of every cell of a part: what it is, a sentence for each score, the table, and where its curves are, if drawn."""
    found = []
    name = f"{study.block}/profile" if study.block else "profile"
    there = svg.anchors(pictures.get(name, b""))
    for values, rows in profiles.blocks(study, frame):
        head, body = profiles.table_of(rows)
        named = labelled(values, label)
        found.append(
            {
                "title": ", ".join(filter(None, (study.block, named))),
                "said": [
                    (str(name), words)
                    for name, own in rows.groupby("network", sort=False)
                    if (words := profiles.said(own))
                ],
                "table": Table(head, [[Cell(text) for text in line] for line in body], name=named or study.name),
                "link": f"{anchored(name)}-{panel}" if (panel := anchor(values)) in there else "",
            }
        )
    return found
