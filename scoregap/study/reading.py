"""A study file, read and each of its values checked on its own.

study.yaml -> Document (typed sections) and axis values; all mistakes, each a line of file, key, value, allowed
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scoregap import InputError, dotted, refuse, some
from scoregap.models import Declared
from scoregap.networks import is_name
from scoregap.scores import KINDS
from scoregap.spelling import asks, meant
from scoregap.study.axes import STAND_INS as OF_AXES
from scoregap.study.axes import axis_meant, axis_values, is_axis
from scoregap.study.data import table
from scoregap.study.mending import STAND_INS, Mistakes, mended, section_of
from scoregap.study.schema import AXES, DATA_AXES, Document, admit
from scoregap.study.yaml_file import read_yaml

WITHOUT = {  # sections of a study of families
    "manifold": "a study says what the data are: manifold, or data for those of a file",
    "compare": "it is needed beside manifold: margins of agreement with theory",
}


@dataclass(frozen=True)
class Draft:
    """What a study file says, and what is wrong with it; where something is, something else may stand there."""

    document: Document
    axes: dict[str, tuple]
    blocks: dict[str, dict[str, tuple]]
    mistakes: Mistakes


def read_document(path: Path, run: bool = True) -> Draft:
    """The document of a study file, the values of its axes and those of its blocks, each checked on its own.

    run: as for `load`. Raises InputError for a file that is no YAML, or no mapping.
    """
    mistakes = Mistakes()
    content = read_yaml(path, mistakes)
    if not isinstance(content, dict):
        keys = some(Document.model_fields)
        mistakes.append(InputError("is not a study", file=path, allowed=f"allowed is a mapping with {keys}"))
        refuse(mistakes)
    document: Document = mended(path, "", Document, content, mistakes)
    document, needed = _of_its_kind(path, document, mistakes)
    axes = axis_values(path, document, "axes", document.axes, mistakes)
    _complete(path, axes, needed, mistakes)
    blocks: dict[str, dict[str, tuple]] = {}
    for name, own in document.blocks.items():
        for axis in own:
            if axis not in axes and mistakes.known(f"axes.{axis}"):
                mistakes.append(_not_in_axes(path, document, name, axis, axes))
        known = {axis: values for axis, values in own.items() if axis in axes}
        blocks[name] = axis_values(path, document, f"blocks.{name}", known, mistakes)
    _admit_scores(path, document, run, mistakes)
    for where, found in (("axes", axes), *((f"blocks.{name}", own) for name, own in blocks.items())):
        _admit_code(path, where, found, document.trusted, run, mistakes)
    document = _admit_estimators(path, document, run, mistakes)
    return Draft(_looked_up(path, document, run, mistakes), axes, blocks, mistakes)


def _not_in_axes(path: Path, document: Document, block: str, axis: str, axes: dict[str, tuple]) -> InputError:
    """A block has values of axes that the study has."""
    near = meant(axis, axes) or axis_meant(document, axis)
    problem, allowed = "unknown axis", f"{asks(near)}allowed are {some(axes)}"
    if is_axis(path, document, axis):
        problem, allowed = "is not in axes", "should be there too, with the values of all other cells"
    return InputError(problem, file=path, key=("blocks", block, axis), allowed=allowed)


def _of_its_kind(path: Path, document: Document, mistakes: Mistakes) -> tuple[Document, tuple[str, ...]]:
    """The document without what is of the other kind, families or data of its own; and the axes that it must have."""
    changes: dict[str, Any] = {}
    if document.data is None and not mistakes.known("data"):  # it is there, and no section
        document = document.model_copy(update={"data": section_of(Document, "data").model_validate(STAND_INS["data"])})
    if document.data is None:
        for key in ("manifold", "compare"):
            if getattr(document, key) is None and mistakes.known(key):
                mistakes.append(InputError("is missing", file=path, key=key, allowed=WITHOUT[key]))
            if getattr(document, key) is None:
                mistakes.nothing_known_of(key)
                changes[key] = section_of(Document, key).model_validate(STAND_INS[key])
        return document.model_copy(update=changes), AXES
    for key in ("manifold", "sampling", "compare"):
        if getattr(document, key) is not None:
            mistakes.append(InputError(
                "is not allowed", file=path, key=key, allowed="of data nothing is known to compare with: a study has "
                f"either data or manifold and {key}" if key != "manifold" else "a study has either manifold or data",
            ))  # fmt: skip
            changes[key] = None
            if document.manifold is None:  # nobody has meant a study of families
                mistakes[:] = [one for one in mistakes if not dotted(one.key).startswith((f"{key}.", f"{key}["))]
    return document.model_copy(update=changes), DATA_AXES


def _complete(path: Path, found: dict[str, tuple], needed: tuple[str, ...], mistakes: Mistakes) -> None:
    """Add the axes that a study must have and this one lacks, with stand-ins; those that are missing are noted."""
    for axis in needed:
        if axis not in found:
            if mistakes.known(f"axes.{axis}"):
                says = f"needed are {', '.join(needed)}"
                mistakes.append(InputError(f"key {axis!r} is missing", file=path, key="axes", allowed=says))
            mistakes.nothing_known_of("axes", axis)
            found[axis] = (OF_AXES[axis],)


def _admit_code(path: Path, where: str, axes: dict[str, tuple], trusted: bool, run: bool, mistakes: Mistakes) -> None:
    """Look for the code of other packages; its names are left out where it cannot be had. run: as for `load`."""
    for axis in ("family", "network") if run else ("family",):
        for name in axes.get(axis, ()):
            try:
                admit(path, f"{where}.{axis}", axis, name, trusted and run)
            except InputError as error:
                mistakes.append(error)
                axes[axis] = tuple(one for one in axes[axis] if one != name)
                mistakes.partly.add(axis)
        if axis in axes and not axes[axis]:
            axes[axis] = (OF_AXES[axis],)
            mistakes.nothing_known_of("axes", axis)


def _admit_estimators(path: Path, document: Document, run: bool, mistakes: Mistakes) -> Document:
    """The document without the estimators of other packages whose code cannot be had, which are noted."""
    if document.dimension is None or not run:
        return document
    kept = []
    for name in document.dimension.estimators:
        try:
            admit(path, "dimension.estimators", "estimators", name, document.trusted)
            kept.append(name)
        except InputError as error:
            mistakes.append(error)
    if not kept:
        mistakes.nothing_known_of("dimension")
    dimension = document.dimension.model_copy(update={"estimators": kept}) if kept else None
    return document.model_copy(update={"dimension": dimension})


def _looked_up(path: Path, document: Document, run: bool, mistakes: Mistakes) -> Document:
    """The document with what its file of data is. run: as for `load`; else what the study says of it is enough."""
    own = document.data
    if own is None or (not run and own.shape is not None):
        return document
    known: dict[str, Any] = {"shape": [1]}
    wrong = [key for key in ("labels", "range", "full_scale", "pool") if not mistakes.known(f"data.{key}")]
    if wrong and mistakes.known("data.source"):  # is there a file at all?
        spared = dict.fromkeys(({"range", "full_scale"} | set(wrong)) - {"pool"}) | {"pool": 1}
        try:
            table(own.model_copy(update=spared), path.parent)
        except InputError as error:
            mistakes += [one.at(one.key, path) for one in error.mistakes]
    elif mistakes.known("data.source"):
        try:
            found = table(own, path.parent)
            known = {"sha256": found.sha256, "labels_sha256": found.labels_sha256 or None, "shape": list(found.shape)}
        except InputError as error:
            mistakes += [one.at(one.key, path) for one in error.mistakes]
    if len(known) == 1:
        mistakes.nothing_known_of("data")
    for key, value in known.items():
        if mistakes.known("data") and (written := getattr(own, key)) not in (None, value):
            mistakes.append(InputError(
                file=path, key=f"data.{key}", value=written, allowed=f"{own.source} has changed, or is another: it has "
                f"{value}",
            ))  # fmt: skip
    return document.model_copy(update={"data": own.model_copy(update=known)})


def _admit_scores(path: Path, document: Document, run: bool, mistakes: Mistakes) -> None:
    """Look at the scores that a study declares, if it is to be run. Nothing of theirs is run here."""
    for name, settings in document.scores.items():
        if name in KINDS or is_name(name):
            says = "it is the name of a score that is known already"
            mistakes.append(InputError(file=path, key=("scores", name), value=name, allowed=says))
        elif run and mistakes.known(*(f"scores.{name}.{key}" for key in ("from", "path", "schedule", "trusted"))):
            mistakes += Declared(path, name, settings).mistakes()
