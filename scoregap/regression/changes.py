"""What differs between a baseline and a run, what of it may, and which metrics of the two mean the same.

record of a baseline, record of a run, what is allowed -> Matched: the two with metrics of the same names, what differs
in words, or why they cannot be compared

Libraries, machine, revision and the name of the study may always differ, and are said. Training and networks may where
they are allowed to: data, spectra and fits are then still those of the baseline, so that a metric means the same.
Means over cells are of those that both have, which is said where one of the two has a number in others.
"""

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from scoregap import InputError, brief
from scoregap.analysis.tables import exactly
from scoregap.regression.baselines import Record, with_margins
from scoregap.regression.metrics import Metric, across, cells_of, quantity_of
from scoregap.scores import EXACT, kind
from scoregap.spelling import asks, meant

TRAIN, NETWORK = "train", "network"
SECTIONS = (TRAIN, NETWORK)  # that may be allowed to differ
COST = "cost"  # the kind of metric that such a change sets, rather than moves: it is said, and not judged


class Allowed(NamedTuple):
    """What a user lets differ: some of SECTIONS; pairs: networks of the baseline and which here stands for each."""

    sections: frozenset[str] = frozenset()
    pairs: Mapping[str, str] = {}


NOTHING = Allowed()


class Matched(NamedTuple):
    """old, new: the records, with metrics of both that mean the same under the names of the run. differs: what differs
    and may, a sentence per section. refused: likewise why they cannot be compared; empty if they can."""

    old: Record
    new: Record
    differs: tuple[str, ...]
    refused: tuple[str, ...]


def allowed(sections: list[str], pairs: list[str]) -> Allowed:
    """What the words of a command let differ. pairs: OLD=NEW, which let networks differ. Raises InputError."""
    for one in sections:
        if one not in SECTIONS:
            allowed = f"{asks(meant(one, SECTIONS))}should be one of {', '.join(SECTIONS)}"
            raise InputError(key="--allow", value=one, allowed=allowed)
    found: dict[str, str] = {}
    for one in pairs:
        old, _, new = one.partition("=")
        if not old or not new or old in found or new in found.values():
            why = "should be OLD=NEW, a network of the baseline and one of the run, each in one pair only"
            raise InputError(key="--pair", value=one, allowed=why)
        found[old] = new
    return Allowed(frozenset(sections) | ({NETWORK} if found else set()), found)


def match(old: Record, new: Record, allow: Allowed = NOTHING) -> Matched:
    """Two records as they can be compared. Raises InputError if a pair names a network that is not there."""
    differs = _always(old, new)
    refused = []
    sections: dict[str, list[str]] = {}
    was, now = _leaves(old.config), _leaves(new.config)
    for path in sorted(was.keys() | now.keys()):
        if was.get(path) != now.get(path):
            section, key = _place(path)
            told = f"{key} {_text(was, path)} in the baseline, {_text(now, path)} here"
            sections.setdefault(section, []).append(told.lstrip())
    for section, found in sections.items():
        sentence = f"{section}: {', '.join(found)}"
        if section in allow.sections:
            differs.append(sentence)
        else:
            refused.append(sentence + (f" (--allow {section} compares them)" if section in SECTIONS else ""))
    networks, values = _pairs(old, new, allow.pairs), _values_of_training(old, new)
    if refused or isinstance(networks, str) or isinstance(values, str):
        refused += [one for one in (networks, values) if isinstance(one, str) and not refused]
        return Matched(old, new, tuple(differs), tuple(refused))
    if others := [f"{here} with {there}" for there, here in networks.items() if here != there]:
        differs.append(f"networks compared: {', '.join(others)} of the baseline")
    metrics = {
        _renamed(name, metric, networks, values): metric.model_copy(update={"network": networks[metric.network]})
        for name, metric in old.metrics.items()
        if metric.network in networks
    }
    alone = [name for name in _scores(old) if name not in networks]
    alone_here = [name for name in _scores(new) if name not in networks.values()]
    for names, where in ((alone, "the baseline"), (alone_here, "this run")):
        if names:
            differs.append(
                f"not compared, as only {where} has {'it' if len(names) == 1 else 'them'}: {', '.join(names)}"
            )
    here = {name: metric for name, metric in new.metrics.items() if metric.network not in alone_here}
    if sections or allow.pairs:
        differs += _costs(metrics, here)
        metrics, here = ({k: one for k, one in both.items() if one.kind != COST} for both in (metrics, here))
    metrics, here, of_means = _means_alike(metrics, here)
    differs += of_means
    return Matched(
        old.model_copy(update={"metrics": metrics}), new.model_copy(update={"metrics": here}), tuple(differs), ()
    )


def _means_alike(
    old: dict[str, Metric], new: dict[str, Metric]
) -> tuple[dict[str, Metric], dict[str, Metric], list[str]]:
    """The metrics of both, with means over the cells that both have; of which means only one has others, in a
    sentence."""
    was, now = cells_of(old), cells_of(new)
    others = sorted(key for key in was.keys() & now.keys() if {*was[key]} != {*now[key]})
    if not others:
        return old, new, []
    shared, told = {key: [name for name in was[key] if name in now[key]] for key in others}, []
    for (network, quantity), names in shared.items():
        both, there, here = len(names), *(len(cells[network, quantity]) for cells in (was, now))
        told.append(f"{network} {quantity} (of {both}; {there} in the baseline, {here} here)")
    means = [across({name: metrics[name] for names in shared.values() for name in names}) for metrics in (old, new)]
    old, new = (
        {name: one for name, one in metrics.items() if one.cells == 1 or (one.network, quantity_of(name)) not in shared}
        for metrics in (old, new)
    )
    of_old = with_margins(old | means[0])
    return (
        old | {name: of_old[name] for name in means[0]},
        new | means[1],
        [f"means over cells are of those that both have: {', '.join(told)}"],
    )


def _always(old: Record, new: Record) -> list[str]:
    """What may always differ, a sentence each."""
    found = []
    if old.study != new.study:
        found.append(f"study: {old.study} in the baseline, {new.study} here")
    if old.device != new.device:
        found.append(f"machine: {old.device} in the baseline, {new.device} here")
    was, now = (dict(one.rpartition(" ")[::2] for one in text.split(", ")) for text in (old.versions, new.versions))
    changed = [name for name in dict.fromkeys([*was, *now]) if was.get(name) != now.get(name)]
    if changed:
        each = (f"{name} {was.get(name, 'none')} in the baseline, {now.get(name, 'none')} here" for name in changed)
        found.append(f"libraries: {', '.join(each)}")
    if old.revision != new.revision:
        found.append(f"code: revision {old.revision} in the baseline, {new.revision} here")
    return found


def _leaves(content: Any, path: str = "") -> dict[str, Any]:
    """Plain data by dotted path: of lists too, where they hold mappings."""
    if isinstance(content, list) and content and all(isinstance(one, dict) for one in content):
        content = {str(i): one for i, one in enumerate(content)}
    if not isinstance(content, dict):
        return {path: content}
    return {
        name: leaf
        for key, one in content.items()
        for name, leaf in _leaves(one, f"{path}.{key}" if path else str(key)).items()
    }


def _text(leaves: dict[str, Any], path: str) -> str:
    """A leaf in a sentence."""
    return brief(json.dumps(leaves[path]).replace('"', "")).strip("'") if path in leaves else "not set"


def _place(path: str) -> tuple[str, str]:
    """(section, key in it) of a leaf of a study: axes and blocks that set networks or training belong to those."""
    parts = path.split(".")
    axis = parts[1:] if parts[0] == "axes" else parts[2:] if parts[0] == "blocks" else []
    block = "" if parts[0] == "axes" else f"{'.'.join(parts[:2])}."
    if axis == ["network"]:
        return NETWORK, f"{block}network" if block else ""
    if axis and axis[0] == TRAIN:
        return TRAIN, f"{block}{'.'.join(axis)}" if block else ".".join(axis[1:])
    return parts[0], ".".join(parts[1:]) or path


def _axis(record: Record, axis: str) -> list[Any]:
    """All values of an axis, over all blocks; none if it is none of the study."""
    grids = (record.config["axes"], *record.config.get("blocks", {}).values())
    return list(dict.fromkeys(value for grid in grids for value in grid.get(axis, ())))


def _scores(record: Record) -> list[str]:
    """The values of the axis network, in order."""
    return _axis(record, NETWORK) if "axes" in record.config else sorted({m.network for m in record.metrics.values()})


def _pairs(old: Record, new: Record, stated: Mapping[str, str]) -> dict[str, str] | str:
    """{score of the baseline: score here} of those that are compared, or why nobody knows which.

    Trained networks: as stated; the others by name, where one run has all of the other's, or else by position. All
    other scores, and laws, by name.
    """
    if (EXACT in _scores(old)) != (EXACT in _scores(new)):
        return f"network: only one of the two has {EXACT}, over whose times all others are measured"
    was, now = ([name for name in _scores(one) if kind(name).trained] for one in (old, new))
    for names, of_pair, where in ((was, list(stated), "the baseline"), (now, list(stated.values()), "this run")):
        for pair, name in zip(stated.items(), of_pair, strict=True):
            if name not in names:
                allowed = f"{where} has no such trained network: should be one of {', '.join(names) or 'none'}"
                raise InputError(key="--pair", value="=".join(pair), allowed=allowed)
    was = [name for name in was if name not in stated]
    now = [name for name in now if name not in stated.values()]
    found = {name: name for name in {one.network for one in old.metrics.values()} if name not in _scores(old)}  # laws
    found |= {name: name for name in _scores(old) if not kind(name).trained and name in _scores(new)}
    if was and not now and not stated:
        return f"network: {', '.join(was)} in the baseline, no trained network here"
    if stated or set(was) <= set(now) or set(now) <= set(was):
        return found | dict(stated) | {name: name for name in was if name in now}
    if len(was) == len(now):
        return found | dict(zip(was, now, strict=True))
    return f"network: {', '.join(was)} in the baseline, {', '.join(now)} here: say which is which by --pair OLD=NEW"


def _values_of_training(old: Record, new: Record) -> dict[str, str] | str:
    """{part of a metric's name: the same here} for axes of training: by value, where they are the same, else by
    position; or why nobody knows."""
    found: dict[str, str] = {}
    axes = (axis for one in (old, new) for axis in one.config.get("axes", {}) if axis.startswith(f"{TRAIN}."))
    for axis in dict.fromkeys(axes):
        was, now = _axis(old, axis), _axis(new, axis)
        there, here = max(len(was), 1), max(len(now), 1)  # none is that of the section
        if there != here:
            return f"train: {axis} has {there} values in the baseline, {here} here: should be as many"
        if set(was) == set(now):  # in another order
            now = was
        found |= {f"{axis}={exactly(a)}": f"{axis}={exactly(b)}" for a, b in zip(was, now, strict=False)}
    return found


def _renamed(name: str, metric: Metric, networks: Mapping[str, str], values: Mapping[str, str]) -> str:
    """The name of a metric of the baseline, as a run names it (`metrics.named`)."""
    head, _, quantity = name.rpartition(": ")
    cell = head.removesuffix(metric.network)
    cell = " ".join(values.get(part, part) for part in cell.split(" "))
    return f"{cell}{networks[metric.network]}: {quantity}"


def _costs(old: Mapping[str, Metric], new: Mapping[str, Metric]) -> list[str]:
    """What training costs, over what it cost in the baseline, by network: geometric means over cells and seeds."""
    ratios: dict[str, list[float]] = {}
    for name, metric in old.items():
        if metric.kind == COST and metric.cells == 1 and name in new:
            logs = [np.log([one for one in both.values if one is not None]).mean() for both in (metric, new[name])]
            ratios.setdefault(metric.network, []).append(float(logs[1] - logs[0]))
    each = (f"{name} {math.exp(sum(one) / len(one)):.3g}" for name, one in ratios.items())
    told = ", ".join(each)
    return [f"cost of training over the baseline's, which is not judged: {told}"] if told else []
