"""Panels of the settings that somebody wants to see, of a study with more of them than its report draws.

a finished run, conditions on its axes -> figures (SVG), as many panels in each as a figure has
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from scoregap import InputError, analysis, cubes
from scoregap.analysis import comparison
from scoregap.analysis.headline import farthest
from scoregap.analysis.panels import PANELS, Setting
from scoregap.analysis.tables import exactly
from scoregap.report import figures, registry
from scoregap.spelling import asks, meant
from scoregap.store.ownership import claim
from scoregap.study import Study, load
from scoregap.study.axes import as_named

DRAWN = ("gaps", "spectra", "histograms", "alignment", "dimension", "calibration", "profile", "training")
MOST = 48  # settings, if nothing else is asked for


def conditions(study: Study, where: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """The values of axes that are asked for: AXIS=VALUE,VALUE... or AXIS=LOW:HIGH. Raises InputError."""
    axes = {axis: sorted_once(part.axes[axis] for part in study.parts) for axis in study.condition_axes}
    found: dict[str, tuple[Any, ...]] = {}
    for one in where:
        axis, equals, text = one.partition("=")
        if not equals or axis not in axes:
            near = asks(meant(axis, axes))
            raise InputError(key="--where", value=one, allowed=f"{near}should be AXIS=VALUE, AXIS of {', '.join(axes)}")
        chosen = tuple(value for value in axes[axis] if _meets(value, text))
        if not chosen:
            ends = axes[axis] if len(axes[axis]) < 8 else (*axes[axis][:3], "...", axes[axis][-1])
            allowed = f"should be of {', '.join(value if value == '...' else exactly(value) for value in ends)}"
            raise InputError(key=f"--where {axis}", value=text, allowed=f"{allowed}, or LOW:HIGH")
        found[axis] = tuple(value for value in found.get(axis, chosen) if value in chosen)
    return found


def sorted_once(several) -> tuple[Any, ...]:
    """Values of several axes, each once, in order."""
    return tuple(dict.fromkeys(value for values in several for value in values))


def _meets(value: Any, text: str) -> bool:
    """Whether a value of an axis is one of those, or within the range, that a text says."""
    if isinstance(value, str):
        return value in text.split(",")
    low, colon, high = text.partition(":")
    try:
        if colon:
            return float(low or -math.inf) <= value <= float(high or math.inf)
        return any(math.isclose(float(one), value, rel_tol=1e-6) for one in text.split(","))
    except ValueError:
        return False


def chosen(study: Study, frame: pd.DataFrame | None, where: Sequence[str], most: int) -> tuple[list[Setting], int]:
    """The settings that meet all conditions, at most so many: of more those that are farthest from theory, the worst
    first; and how many there are. frame: the comparison, if there is one. Raises InputError if there is none."""
    wanted, axes = conditions(study, where), study.condition_axes
    every = [
        named
        for part in study.parts
        for values, named in zip(_every(part), _settings(part), strict=True)
        if all(values[axes.index(axis)] in some for axis, some in wanted.items())
    ]
    every = list(dict.fromkeys(every))
    if not every:
        raise InputError(key="--where", value=" ".join(where), allowed="no setting of the study meets all of these")
    if len(every) <= most:
        return every, len(every)
    inside = set(every)
    worst = [] if frame is None else [one for one in farthest(study, frame, len(frame)) if one in inside]
    return list(dict.fromkeys([*worst, *every]))[:most], len(every)


def _every(part: Study) -> Iterator[tuple[Any, ...]]:
    """The settings of a part, as the study writes their values."""
    return itertools.product(*(part.axes[axis] for axis in part.condition_axes))


def _settings(part: Study) -> Iterator[Setting]:
    """The same, as the cube names them."""
    return itertools.product(*(as_named(part.axes[axis]) for axis in part.condition_axes))


def draw(
    path: Path, folder: Path, out: Path, where: Sequence[str] = (), names: Sequence[str] = (), most: int = MOST
) -> list[str]:
    """Draw figures of the settings that are asked for, of study PATH and its results FOLDER, into the folder `out`;
    what was drawn, in lines. names: of DRAWN; all that apply if there are none. Raises InputError, DamagedFile."""
    study = load(path)
    there = [name for name in registry.names(study) if name.rpartition("/")[2] in DRAWN]
    short = list(dict.fromkeys(name.rpartition("/")[2] for name in there))
    for name in names:
        if name not in short:
            allowed = f"{asks(meant(name, short))}should be of {', '.join(short)}"
            raise InputError(key="--figure", value=name, allowed=allowed)
    conditions(study, where)
    parts = cubes.datasets(study, folder / "cube.zarr")
    frame = None if study.document.data else comparison.read(study, folder / "comparison.csv")
    findings = analysis.read(study, folder / "findings.jsonl")
    settings, count = chosen(study, frame, where, most)
    wanted = [name for name in there if not names or name.rpartition("/")[2] in names]
    drawn = pages(study, wanted, settings)
    places = [out / f"{name.replace('/', '_')}{f'_{k}' if k > 1 else ''}.svg" for name, k, _ in drawn]
    claim(*((place, figures.KIND) for place in places))
    for (name, _, some), place in zip(drawn, places, strict=True):
        run = registry.Run(study, parts, folder, None, findings, frame, asked=some)
        figures.save(run.draw(name), place)
    which = "the first" if frame is None else "those farthest from theory"
    more = f", of {count} {which}; --most has more" if count > len(settings) else ""
    return [f"{len(settings)} {'setting' if len(settings) == 1 else 'settings'}{more}", *map(str, places)]


def pages(study: Study, names: Sequence[str], settings: list[Setting]) -> list[tuple[str, int, list[Setting]]]:
    """(name, number, settings) of every figure: as many settings of its block as a figure has panels. Raises InputError
    if there is none."""
    inside = {part.block: set(_settings(part)) for part in study.parts}
    found = []
    for name in names:
        own = [setting for setting in settings if setting in inside[name.rpartition("/")[0]]]
        for start in range(0, len(own), PANELS):
            found.append((name, start // PANELS + 1, own[start : start + PANELS]))
    if not found:
        blocks = ", ".join(dict.fromkeys(name.rpartition("/")[0] for name in names))
        short = ", ".join(dict.fromkeys(name.rpartition("/")[2] for name in names))
        raise InputError(key="--figure", value=short, allowed=f"it is of blocks without such settings: {blocks}")
    return found
