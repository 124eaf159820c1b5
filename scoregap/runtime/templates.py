"""`scoregap new`: a study to begin with, commented, which runs as it is.

name or path, what it is like -> NAME.yaml
"""

import os
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

from scoregap import InputError, refuse
from scoregap.installation import WORKFLOW
from scoregap.runtime.finding import ENDS, find, names_of, studies
from scoregap.runtime.measuring import Asked, draft
from scoregap.store.opening import kind_of, read_text
from scoregap.study import load
from scoregap.study.schema import NAMES

TEMPLATE = WORKFLOW / "templates" / "family.yaml"
SCHEMA = WORKFLOW / "schemas" / "study.json"
STEPS = 800  # of training: less than a minute


def write(name: str, like: str = "", asked: Asked | None = None) -> tuple[Path, list[str]]:
    """Write a study: its file, and what there is to tell of it. Raises InputError, with nothing written.

    name: of the study, or the path of its file. like: a study that it is a copy of. asked: of data of one's own, whose
    names are those of options of the command.
    """
    path = Path(name if name.endswith(ENDS) else f"{name}.yaml")
    own = path.stem
    wrong = NAMES.refusal(own)
    if not name or wrong:
        raise InputError(key="NAME", value=name, allowed=f"{wrong or 'should be a name'}, or the path of such a file")
    if own in names_of(studies()):
        raise InputError(key="NAME", value=name, allowed="a study of the project is called so: should be another name")
    if there := kind_of(path):
        raise InputError(f"{path} is {there} already", key="NAME", value=name, allowed="should be a new name")
    if not os.path.isdir(path.parent):
        raise InputError("is not there", file=path.parent, key="NAME", value=name, allowed="should be a folder")
    if like and asked:
        raise InputError(key="--like", value=like, allowed="allowed without --data")
    if asked:
        try:
            text, lines = draft(asked, path.parent, own, f"# {own}: written by `scoregap new`.")
        except InputError as error:
            refuse(one.at("--score" if one.key == "MODEL" else one.key, one.file) for one in error.mistakes)
            raise
    else:
        text, lines = _like(find(like), own, path.parent) if like else _filled(own, path), []
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", file=path, key="NAME", value=name) from None
    return path, lines


def _filled(name: str, path: Path) -> str:
    """The template with the name of the study, its path, and that of its schema from its folder."""
    text = TEMPLATE.read_text(encoding="utf-8")
    schema = os.path.relpath(SCHEMA, path.parent)
    return text.replace("NAME", name).replace("FILE", shlex.quote(str(path))).replace("SCHEMA", schema)


def _like(study: Path, name: str, folder: Path) -> str:
    """The text of a study, with its comments, under another name; paths to its schema and its files lead from here."""
    loaded = load(study)
    text = read_text(study)
    lines = text.split("\n")
    for i, line in enumerate(lines):
        if found := re.match(r"""(study:\s*)(["']?)([a-z0-9_-]+)\2""", line):
            lines[i] = f"{found[1]}{name}{line[found.end() :]}"
        elif found := re.match(r"(# yaml-language-server: \$schema=)(\S+)", line):
            lines[i] = f"{found[1]}{os.path.relpath(study.parent / found[2], folder)}"
    refuse(_beside(loaded, study, folder))
    return "\n".join(lines)


def _beside(loaded, study: Path, folder: Path) -> Iterable[InputError]:
    """Files that a study names by their paths from its folder are not found from another."""
    from scoregap.data.files import BUNDLED  # with numpy

    document = loaded.document
    if os.path.realpath(study.parent) == os.path.realpath(folder):
        return
    of_data = document.data and document.data.source not in BUNDLED
    if of_data or document.scores or document.trusted:
        yield InputError(
            key="--like", value=str(study), allowed="it names files or code beside itself: should be written in its "
            "own folder, by the path of a file there",
        )  # fmt: skip
