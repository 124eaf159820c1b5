"""Keys of results: hashes of all that they depend on.

values of axes, sections, code and revisions, each as a text -> the key of a cell, or those of all cells of a job

A key is `digest` of all of it as one mapping, put together from texts that many cells share: a run hashes every cell of
a study, once a stage at least.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

from scoregap.models import Declared
from scoregap.scores import MODEL, REFERENCES, kind
from scoregap.study.data import Data
from scoregap.study.measurement import Spectrum
from scoregap.study.stages import STAGES

Text = TypeVar("Text", str, "Texts")


class Texts(NamedTuple):
    """A text of every cell of a job. places: of the axes on which it depends, among all; at: the text, by their values;
    empty where a cell has none."""

    places: tuple[int, ...]
    at: dict[tuple, str]

    @classmethod
    def constant(cls, text: str) -> "Texts":
        """The same text of every cell."""
        return cls((), {(): text})


def digest(value: Any, length: int = 12) -> str:
    """Hexadecimal hash of plain data, the same in every process and on every machine."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def of_model(declared: Declared | None) -> dict[str, str]:
    """What results of a score depend on that the study declares."""
    return {"model": declared.identity} if declared else {}


def of_labels(data: Data | None, stage: str) -> dict[str, str]:
    """What results of a stage depend on of the labels of a file: all that come after training tell classes apart."""
    return {"labels": json.dumps(data.labels_sha256)} if data and data.labels_sha256 and stage != "train" else {}


def sees_training_set(network: str) -> bool:
    """Whether a score comes from training points: not the closed forms, nor a model."""
    return network not in REFERENCES and kind(network) is not MODEL


def read(section, network: str) -> str:
    """A section as JSON, without what does not change results of this network: the data set is for scores that come
    from data, where there is one."""
    without_data = not sees_training_set(network) or getattr(section, "dataset_size", None) is None
    return section.as_json(frozenset({"device", "dataset_size", "half"} if without_data else {"device"}))


def through(
    stage: str,
    has: Callable[[str], bool],
    texts: dict[str, Text],
    spectrum: Spectrum,
    section: Callable[[str], Text],
    constant: Callable[[str], Text],
) -> dict[str, Text]:
    """All that results of a stage depend on, up to this stage, by name, as JSON.

    has: whether a stage is gone through, or a section read. texts: what is known beside stages and sections. section:
    the text of a section. constant: of a text that all cells share.
    """
    found = dict(texts)
    if has("train"):
        times = spectrum.times
        found["evaluated"] = constant(f"[{json.dumps(times.start)},{json.dumps(times.stop)}]")
    for one in STAGES:
        if one.optional and one.name != stage:
            continue
        if has(one.name):
            found[f"{one.name} revision"] = constant(".".join(map(str, one.revisions(has("data")))))
        found |= {name: section(name) for name in one.sections if has(name)}
        if one.name == stage:
            return found
    raise KeyError(stage)


def item(name: str, text: str) -> str:
    """A name and what it is, as `hashed` takes them."""
    return f'"{name}":{text},' if text else ""


def hashed(items: str) -> str:
    """`digest` of a mapping, by its items in the order of their names."""
    return hashlib.sha256(f"{{{items[:-1]}}}".encode()).hexdigest()[:12]


def of_cells(texts: dict[str, Texts], cells: Iterable[tuple]) -> list[str]:
    """The key of every cell. texts: all that results depend on, by name. cells: their values of all axes."""
    parts: list[Texts] = []
    for name in sorted(texts):
        places, at = texts[name]
        one = Texts(places, {values: item(name, text) for values, text in at.items()})
        if parts and not parts[-1].places and not places:
            one = Texts.constant(parts.pop().at[()] + one.at[()])
        parts.append(one)
    return [hashed("".join([at[tuple([values[i] for i in places])] for places, at in parts])) for values in cells]
