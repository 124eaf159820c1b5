"""What is sampled, and what is known of it: manifolds and their exact scores. Never imports `measure`.

    from scoregap import data
    sphere = data.manifold("sphere", ambient_dim=100, groups=[(10, 1.0)], curvature=1.0, seed=0)
    x, latents = sphere.sample(rng, 5)                  # (5, 100) points and where they are on the manifold
    mean, jacobian = sphere.exact(x + t**0.5 * noise, t)    # E[x0|x_t] and G = Cov[x0|x_t] / t, float64

This file is light (no numpy), because Snakemake parses studies: a family is registered by name here
and loaded from its module on first use. A new family is one file in `manifolds` and one line in FAMILIES; or a
`Family` of another package (`scoregap.plugins`), which is admitted where a study names it.
"""

import math
import numbers
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pkgutil import resolve_name
from typing import Any, NamedTuple

from scoregap import InputError, brief, plugins, refuse
from scoregap.laws import VARIANCE_LAWS
from scoregap.spelling import asks, meant


@dataclass(frozen=True)
class Group:
    """A variance group of latents; for a mixture, one component.

    count: latents; 0 of a component that is a point. std: root mean square of the entries of F. bend: its curvature, in
    units of the manifold's.
    law, width: how the variances of its columns spread about std^2 (`variances.VARIANCE_LAWS`).
    weight: share of the data, up to normalisation (mixtures only).
    """

    count: int
    std: float
    bend: float = 1.0
    law: str = "constant"
    width: float = 0.0
    weight: float = 1.0


class Family(NamedTuple):
    """A manifold family: where its class is, what it needs and what it reads.

    What a study must know before the class is loaded is said here, and tested against what the class can do
    (`scoregap.data.capabilities`).

    room: (counts of the groups, curvature) -> least ambient dimension. curved: whether curvature must be 0
    ("never"), must not be ("always"), or is free ("may"). reads: settings beyond count, std and curvature.
    exact: whether the posterior is known at every x and t ("closed form"), by sampling where a guard allows it
    ("sampled"), or not at all ("unknown"). shares: whether groups share the latents (else they are components of a
    mixture, each with a dimension of its own). law: whether tables set its spectra beside the random-matrix law.
    nearest: whether the nearest point of the manifold is known. check: (counts, settings) -> what else it
    refuses, as `refusal`. least: latents that a group has at least.
    """

    where: str
    room: Callable[[Sequence[int], float], int]
    curved: str = "may"
    reads: frozenset[str] = frozenset()
    exact: str = "closed form"
    shares: bool = True
    law: bool = False
    nearest: bool = False
    check: Callable[[Sequence[int], Mapping[str, Any]], InputError | None] = lambda counts, settings: None
    least: int = 1

    def load(self):
        """The family's class. Raises InputError if it cannot be imported."""
        try:
            return resolve_name(self.where)
        except Exception as error:  # whatever the code of somebody else raises
            why = f"cannot be imported: {plugins.told(error)}"
            raise InputError(key="family", value=self.where, allowed=why) from error


def _sign(counts, settings):
    if settings.get("sign") == "negative" and sum(counts) < 2:
        return InputError(
            key="sign", value="negative", allowed="a curve has no scalar curvature: should have 2 latents or more"
        )
    return None


def _points_alone(counts, settings):
    if not any(counts):
        allowed = "should have a component of dimension 1 or more"
        return InputError("are points alone", key="groups", value=list(counts), allowed=allowed)
    return None


def _one_latent(counts, settings):
    if list(counts) != [1]:
        return InputError(key="groups", value=list(counts), allowed="a line: should be one group of 1 latent")
    return None


_MATRIX = frozenset({"law", "width", "frame"})  # settings of families that start from a random matrix F
FAMILIES = {
    "linear": Family(
        "scoregap.data.manifolds.linear:Linear",
        lambda counts, c: sum(counts),
        "never",
        _MATRIX,
        law=True,
        nearest=True,
    ),
    "arcs": Family(
        "scoregap.data.manifolds.arcs:Arcs",
        lambda counts, c: (2 if c else 1) * sum(counts),
        reads=_MATRIX | {"bend"},
        law=True,
        nearest=True,
    ),
    "sphere": Family(
        "scoregap.data.manifolds.spheres:Spheres",
        lambda counts, c: sum(counts) + len(counts),
        "always",
        frozenset({"bend"}),
        nearest=True,
    ),
    "torus": Family(
        "scoregap.data.manifolds.spheres:Torus",
        lambda counts, c: 2 * sum(counts),
        "always",
        frozenset({"bend"}),
        nearest=True,
    ),
    "mixture": Family(
        "scoregap.data.manifolds.mixture:Mixture",
        lambda counts, c: max(counts),
        "never",
        frozenset({"weight", "separation", "latents"}),
        shares=False,
        check=_points_alone,
        least=0,
    ),
    "affine": Family(
        "scoregap.data.manifolds.affine:Affine",
        lambda counts, c: sum(counts),
        "never",
        frozenset({"latents"}),
        nearest=True,
    ),
    "spaghetti": Family("scoregap.data.manifolds.spaghetti:Spaghetti", lambda counts, c: 2, "never", check=_one_latent),
    "tanh": Family("scoregap.data.manifolds.tanh:Tanh", lambda counts, c: sum(counts), reads=_MATRIX, exact="sampled"),
    "quadratic": Family(
        "scoregap.data.manifolds.quadratic:Quadratic",
        lambda counts, c: sum(counts) + bool(c),
        reads=_MATRIX | {"sign"},
        exact="sampled",
        check=_sign,
    ),
}
# Benchmark manifolds of the package scikit-dimension: dimension, ambient dimension. Curved, but of one shape each.
BENCHMARKS = {
    "M1_Sphere": (10, 11),
    "M2_Affine_3to5": (3, 5),
    "M3_Nonlinear_4to6": (4, 6),
    "M4_Nonlinear": (4, 8),
    "M5a_Helix1d": (1, 3),
    "M5b_Helix2d": (2, 3),
    "M6_Nonlinear": (6, 36),
    "M7_Roll": (2, 3),
    "M8_Nonlinear": (12, 72),
    "M9_Affine": (20, 20),
    "M10a_Cubic": (10, 11),
    "M10b_Cubic": (17, 18),
    "M10c_Cubic": (24, 25),
    "M10d_Cubic": (70, 71),
    "M11_Moebius": (2, 3),
    "M12_Norm": (20, 20),
    "M13a_Scurve": (2, 3),
    "M13b_Spiral": (1, 13),
    "Mbeta": (10, 40),
    "Mn1_Nonlinear": (18, 72),
    "Mn2_Nonlinear": (24, 96),
    "Mp1_Paraboloid": (3, 12),
    "Mp2_Paraboloid": (6, 21),
    "Mp3_Paraboloid": (9, 30),
}


def _benchmark(name: str, m: int, d: int) -> Family:
    """One of BENCHMARKS. `curved` is "never": they have a shape of their own, and no curvature to set."""

    def check(counts, settings):
        if list(counts) != [m]:
            return InputError(
                f"{len(counts)} with {sum(counts)} latents are not allowed", key="groups", value=list(counts),
                allowed=f"should be one group of {m} latents",
            )  # fmt: skip
        if find_spec("skdim") is None:
            return InputError(
                f"'skdim-{name}' is not allowed without scikit-dimension", key="family", value=f"skdim-{name}",
                allowed="pip install 'scoregap[benchmark]'",
            )  # fmt: skip
        return None

    where = f"scoregap.data.manifolds.benchmark:{name}"
    return Family(where, lambda counts, c: d, "never", exact="unknown", check=check)


FAMILIES |= {f"skdim-{name}": _benchmark(name, *sizes) for name, sizes in BENCHMARKS.items()}
FRESH = "fresh"  # of training points: all there are
HALVES = ("first", "second")  # of the points of a file that networks are trained on
BUNDLED = ("digits", "mnist5k")  # data sets that come with installed packages, with their labels
SETTINGS = {  # allowed values
    "frame": ("random", "orthonormal"),
    "sign": ("random", "positive", "negative"),
    "latents": ("gaussian", "uniform", "laplace"),
}
OF_ALL = frozenset({"noise"})  # settings that no family reads, as they are of the data of any


def _one_of(*texts: str) -> tuple[Callable[[Any], bool], str]:
    return (lambda value: value in texts), f"one of {', '.join(texts)}"


# What the fields of a family of another package should be, and its name.
_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "where": (lambda value: isinstance(value, str) and plugins.is_path(value), "the path of its class, MODULE:NAME"),
    "room": (callable, "a function"),
    "check": (callable, "a function"),
    "curved": _one_of("may", "never", "always"),
    "exact": _one_of("closed form", "sampled", "unknown"),
    "reads": (lambda value: isinstance(value, set | frozenset), "a set of names of settings"),
    "least": (lambda value: value in (0, 1), "0 or 1"),
}


def admit(name: str) -> None:
    """Make a family of another package known, `PACKAGE.NAME` or `PACKAGE.MODULE:NAME`: its `Family` is imported.

    Raises InputError if there is none.
    """
    if not isinstance(name, str):
        raise InputError(key="family", value=name, allowed="should be the name of a family")
    if name in FAMILIES:
        return
    where = plugins.path(name, plugins.FAMILIES)
    plugins.digest(where)
    try:
        found = resolve_name(where)
    except Exception as error:  # whatever the code of somebody else raises
        why = f"{where} cannot be imported: {plugins.told(error)}"
        raise InputError(key="family", value=name, allowed=why) from None
    if not isinstance(found, Family):
        raise InputError(key="family", value=name, allowed=f"{where} should be a scoregap.data.Family")
    for field, (is_right, allowed) in _FIELDS.items():
        if not is_right(value := getattr(found, field)):
            said = f"{where} has {field} {brief(value)}: should be {allowed}"
            raise InputError(key="family", value=name, allowed=said)
    plugins.digest(found.where)
    FAMILIES[name] = found


def manifold(family: str, ambient_dim: int, groups, curvature: float = 0.0, seed: int = 0, **settings):
    """A manifold of a registered family; `scoregap.data.manifolds.Manifold` says what it offers.

    groups: `Group`s, or tuples (count, std, ...). settings: those that the family reads; noise: the variance of white
    noise on the data. Raises InputError, in the words of a study file.
    """
    if isinstance(family, str) and plugins.is_outside(family) and not plugins.is_path(family):
        admit(family)
    if not isinstance(family, str) or family not in FAMILIES:
        allowed = f"{asks(meant(family, FAMILIES))}should be one of {', '.join(FAMILIES)}"
        raise InputError(key="family", value=family, allowed=allowed)
    try:
        groups = tuple(group if isinstance(group, Group) else Group(*group) for group in groups)
    except TypeError:
        raise InputError(key="groups", value=groups, allowed="should be a list of (count, std, ...)") from None
    if not _is_whole(seed) or seed < 0:
        raise InputError(key="seed", value=seed, allowed="should be a whole number from 0")
    refuse(refusals(family, ambient_dim, groups, curvature, settings))
    return build(family, ambient_dim, groups, curvature, seed, settings)


def build(
    family: str, ambient_dim: int, groups: tuple[Group, ...], curvature: float, seed: int, settings: Mapping[str, Any]
):
    """A manifold of which `refusals` has nothing to say."""
    own = {name: value for name, value in settings.items() if name not in OF_ALL}
    found = FAMILIES[family].load()(ambient_dim, groups, curvature, seed, **own)
    if not settings.get("noise"):
        return found
    return resolve_name("scoregap.data.manifolds:noisy")(found, settings["noise"])


def refusals(family: str, ambient_dim: int, groups: Sequence[Group], curvature: float, settings) -> list[InputError]:
    """Why a family cannot be built so, each key a path as (groups, 0, std); nothing if it can. Of a family of another
    package, also that its code cannot say so."""
    try:
        found = _refusals(family, ambient_dim, groups, curvature, settings)
        return list({one.key: one for one in reversed(list(found))}.values())[::-1]  # of each key the first
    except Exception as error:  # whatever the code of somebody else raises
        if not plugins.is_outside(family):
            raise
        return [InputError(key="family", value=family, allowed=f"its code fails: {plugins.told(error)}")]


def _refusals(
    family: str, ambient_dim: int, groups: Sequence[Group], curvature: float, settings
) -> Iterator[InputError]:
    entry = FAMILIES[family]
    found = list(_of_groups(family, groups))

    def wrong(*key: str | int, value: Any, allowed: str) -> InputError:
        return InputError(key=key, value=value, allowed=allowed)

    if not _is_whole(ambient_dim) or not 1 <= ambient_dim <= 10**9:
        found.append(wrong("ambient_dim", value=ambient_dim, allowed="should be a whole number from 1 to 10^9"))
    if not _within(curvature, 0, 100):
        found.append(wrong("curvature", value=curvature, allowed="should be from 0 to 100"))
    elif entry.curved == "never" and curvature:
        yield wrong("curvature", value=curvature, allowed=f"{family} has none to set: should be 0.0")
    elif entry.curved == "always" and not curvature:
        yield wrong("curvature", value=curvature, allowed=f"{family} is never flat: should be greater than 0")
    yield from found
    for name, value in settings.items():
        if name not in entry.reads | OF_ALL or name in Group.__dataclass_fields__:  # those are of a group
            of_itself = (entry.reads | OF_ALL) - set(Group.__dataclass_fields__)
            yield wrong(name, value=value, allowed=f"{asks(meant(name, of_itself))}{family} does not use it")
        elif name in SETTINGS and value not in SETTINGS[name]:
            allowed = f"{asks(meant(value, SETTINGS[name]))}should be one of {', '.join(SETTINGS[name])}"
            yield wrong(name, value=value, allowed=allowed)
        elif name not in SETTINGS and not _within(value, 0, 1e6):
            yield wrong(name, value=value, allowed="should be from 0 to 1e6")
    if found:
        return
    counts = [group.count for group in groups]
    needed = entry.room(counts, curvature)
    if not _within(needed, 0, math.inf):
        raise TypeError(f"room gives {brief(needed)}, no dimension")
    if needed > ambient_dim:
        curved = f" at curvature {curvature!r}" if curvature else ""
        yield wrong("ambient_dim", value=ambient_dim, allowed=f"{family}{curved} needs at least {needed}")
    other = entry.check(counts, settings)
    if not (other is None or (isinstance(other, InputError) and other.key)):
        raise TypeError(f"check gives {brief(other)}, neither None nor an InputError with a key")
    if other is not None:
        yield other


def _of_groups(family: str, groups: Sequence[Group]) -> Iterator[InputError]:
    """Why a family cannot have such groups."""
    entry = FAMILIES[family]

    def wrong(*key: str | int, value: Any, allowed: str) -> InputError:
        return InputError(key=("groups", *key), value=value, allowed=allowed)

    if not groups:
        yield wrong(value=[], allowed="should be one or more")
    for k, group in enumerate(groups):
        if not _is_whole(group.count) or group.count < entry.least:
            yield wrong(k, "count", value=group.count, allowed=f"should be a whole number from {entry.least}")
        if not isinstance(group.law, str) or group.law not in VARIANCE_LAWS:
            allowed = f"{asks(meant(group.law, VARIANCE_LAWS))}should be one of {', '.join(VARIANCE_LAWS)}"
            yield wrong(k, "law", value=group.law, allowed=allowed)
        else:
            least, most = VARIANCE_LAWS[group.law]
            if not _within(group.width, least, most):
                allowed = f"should be from {least} to {most} for the law {group.law!r}"
                yield wrong(k, "width", value=group.width, allowed=allowed)
        for name, low, high in (("std", 1e-9, 1e9), ("bend", 0, 100), ("weight", 1e-9, 1e9)):
            if not _within(getattr(group, name), low, high):
                yield wrong(k, name, value=getattr(group, name), allowed=f"should be from {low:g} to {high:g}")
        if entry.curved == "always" and not group.bend:
            allowed = f"{family} is never flat: should be greater than 0"
            yield wrong(k, "bend", value=group.bend, allowed=allowed)
        for name in ("bend", "law", "width", "weight"):
            value = getattr(group, name)
            if value != getattr(Group, name) and name not in entry.reads:
                yield wrong(k, name, value=value, allowed=f"{family} does not use it")


def _is_whole(value) -> bool:
    """Whether a value is a whole number; true and false are none."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _within(value, low, high) -> bool:
    """Whether a number lies in a range; NaN and what is no number do not."""
    return (
        isinstance(value, numbers.Real)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and low <= value <= high
    )
