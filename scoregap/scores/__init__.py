"""The score is an axis: whoever knows E[x0|x] is a value of it.

a value of the axis network, and what scores are made of (`Source`) -> Score (`scoregap.scores.base`)

Exact, gaussian, empirical and trained scores and finite differences of any of them answer alike, so nothing outside
this package asks what kind a score is. A new kind is a class and a line in KINDS.

This file is light (neither numpy nor torch), because Snakemake parses studies: a kind is registered by name here and
loaded from its module on first use.
"""

from __future__ import annotations

from collections.abc import Callable
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, NamedTuple

from scoregap import networks
from scoregap.pictures import picture

if TYPE_CHECKING:
    from scoregap.models import Declared
    from scoregap.scores.base import Score


class Source(NamedTuple):
    """What a cell has, of which its score is made; what is costly is a function, called by those that need it.

    data: `scoregap.data.capabilities.Data`. training_set: () -> points (N, d). denoiser: () -> the trained member, as
    `scoregap.scores.network.Network` takes it. declared: the model, of a score that the study declares. shape: of a
    point in its file, as (3, 32, 32); () where it has none but (d,).
    """

    data: Any
    training_set: Callable[[], Any]
    denoiser: Callable[[], Any]
    declared: Declared | None = None
    shape: tuple[int, ...] = ()


class Kind(NamedTuple):
    """A kind of score: its class, whether others are compared with it, whether it is trained."""

    import_path: str
    reference: bool = False
    trained: bool = False


EXACT = "exact"
KINDS = {
    EXACT: Kind("scoregap.scores.closed:Exact", reference=True),
    "gaussian": Kind("scoregap.scores.closed:Gaussian", reference=True),
    "empirical": Kind("scoregap.scores.closed:Empirical"),
}
NETWORK = Kind("scoregap.scores.network:Network", trained=True)  # every network's name
MODEL = Kind("scoregap.scores.model:Model")  # every other value of the axis, which the study declares
UNTRAINED = tuple(KINDS)
REFERENCES = tuple(name for name, kind in KINDS.items() if kind.reference)  # most exact first


def of_clean_data(from_file: bool) -> str:
    """The value of the axis network in whose cells is made what is of clean data, and of no score."""
    return "gaussian" if from_file else EXACT


def kind(name: str) -> Kind:
    """The kind of a value of the axis network: what no network can be called is a score that the study declares."""
    return KINDS.get(name, NETWORK if networks.is_name(name) else MODEL)


def of_pictures(name: str) -> int:
    """What the sides of a network's pictures are multiples of; 0 of every score that takes any points."""
    return networks.sides(name) if kind(name).trained else 0


def shape_refusal(name: str, shape: tuple[int, ...]) -> str:
    """What points of a network should be, if those of this shape are not; empty if they are."""
    least = of_pictures(name)
    if not least:
        return ""
    found, given = picture(shape), " x ".join(map(str, shape))
    if found is None:
        return f"it is for pictures, and points are {given}: should be another network"
    if found.height % least or found.width % least:
        return f"the sides of its pictures are multiples of {least}, and points are {given}: should be another network"
    return ""


def load(name: str, source: Source) -> Score:
    """The score that a value of the axis network names."""
    return resolve_name(kind(name).import_path).of(source)
