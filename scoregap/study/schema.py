"""What may be written in a study file.

study.yaml -> Document (typed sections) and axis values, or an InputError of one line: file, key, value, allowed

Light, as `scoregap.study`: Snakemake parses studies.
"""

import json
import math
import re
from functools import cached_property
from pathlib import Path
from types import GenericAlias, NoneType
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from scoregap import InputError, brief, dotted
from scoregap.data import FAMILIES, SETTINGS
from scoregap.laws import VARIANCE_LAWS
from scoregap.measure import (
    DATA_ESTIMATORS,
    DECAYS,
    DIFFERENCES,
    NETWORKS,
    OPTIMISERS,
    PRECONDITIONINGS,
    SCHEDULES,
    SCORE_ESTIMATORS,
    VP_MOST_NOISE,
)

CONTROLS = ("exact", "gaussian")  # values of the network axis that others are compared with
CLOSED_FORMS = (*CONTROLS, "empirical")  # those that need no training
# In the order of the fields of a `Cell`.
SECTIONS = ("manifold", "train", "spectrum", "dimension", "sampling", "fit", "compare")
SECTIONS_WITH_AXES = ("manifold", "train", "fit")  # not spectrum: the cells of a cube share its times and points
ALL = "all"  # in the path of an axis: every member of a list, as manifold.groups.all.width
AXES = ("family", "ambient_dim", "manifold_dim", "curvature", "network", "seed")

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Variance = Annotated[float, Field(ge=1e-20, le=1e20, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=10**9)]
Size = Annotated[int, Field(ge=1, le=10**5)]  # of arrays that are held in memory
Proportion = Annotated[float, Field(gt=0, lt=1)]


def _matching(pattern: str, allowed: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"should be {allowed}")
        return text

    return AfterValidator(check)


def _one_of(names) -> AfterValidator:
    return _matching("|".join(names), f"one of {', '.join(names)}")


def _distinct(values: list) -> list:
    if len(set(values)) < len(values):
        raise ValueError("should be distinct")
    return values


class Section(BaseModel):
    """A part of a study: unknown keys and loose types are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @cached_property
    def _texts(self) -> dict[frozenset[str], str]:
        return {}

    def as_json(self, unread: frozenset[str]) -> str:
        """Canonical text of the section without some of its fields; made once, since many cells share a section."""
        if unread not in self._texts:
            content = self.model_dump(exclude=set(unread))
            self._texts[unread] = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return self._texts[unread]


class Group(Section):
    """A variance group: its share of the latents, and the standard deviation of its entries of F.

    In a mixture, a component, whose dimension is that fraction of manifold_dim.
    """

    fraction: Annotated[float, Field(gt=0, le=1)]
    std: Annotated[float, Field(ge=1e-9, le=1e9, allow_inf_nan=False)]
    bend: Annotated[float, Field(ge=0, le=100, description="curvature, in units of the axis curvature")] = 1.0
    law: Annotated[str, _one_of(VARIANCE_LAWS), Field(description="of the variances of its columns")] = "constant"
    width: Annotated[float, Field(ge=0, allow_inf_nan=False, description="of that law")] = 0.0
    weight: Annotated[float, Field(gt=0, le=1e9, description="share of the data, in a mixture")] = 1.0


class Manifold(Section):
    """The variance groups of the latents, and what else makes a manifold of its family."""

    groups: Annotated[list[Group], Field(min_length=1)]
    frame: Annotated[str, _one_of(SETTINGS["frame"])] = "random"
    sign: Annotated[str, _one_of(SETTINGS["sign"]), Field(description="of the curvature")] = "random"
    separation: Annotated[float, Field(ge=0, le=1e6, description="of the means of a mixture's components")] = 0.0
    dataset_size: Annotated[int, Field(ge=2, le=10**7, description="points of the training set")] | None = None

    def counts(self, manifold_dim: int, shares: bool = True) -> tuple[int, ...]:
        """Latents per group: fractions of manifold_dim, rounded; as shares, so that they sum to it."""
        if not shares:
            return tuple(round(group.fraction * manifold_dim) for group in self.groups)
        exact = [group.fraction * manifold_dim for group in self.groups]
        counts = [math.floor(share + 1e-9) for share in exact]
        by_remainder = sorted(range(len(exact)), key=lambda k: counts[k] - exact[k])
        for k in by_remainder[: manifold_dim - sum(counts)]:
            counts[k] += 1
        return tuple(counts)


class Range(Section):
    """From start to stop; for noise these are variances t, which float32 must hold."""

    start: Variance
    stop: Variance


class Times(Range):
    """count noise variances, equally spaced in log t."""

    count: Annotated[int, Field(ge=8, le=10**4)]


class Noise(Range):
    """Noise of training: flat in log t over the range, with a share of the draws in a narrower one."""

    focus: Range | None = None
    share: Proportion = 0.3


class Train(Section):
    """How networks are trained: shared noise levels, averaged weights."""

    steps: Count
    levels: Annotated[Size, Field(description="noise levels per step, shared by `samples` points each")]
    samples: Size
    depth: Annotated[int, Field(ge=1, le=100)] = 3
    learning_rate: Positive = 4e-3
    preconditioning: Annotated[str, _one_of(PRECONDITIONINGS)] = "edm"
    schedule: Annotated[str, _one_of(SCHEDULES)] = "ve"
    optimiser: Annotated[str, _one_of(OPTIMISERS)] = "adam"
    decay: Annotated[str, _one_of(DECAYS), Field(description="of the learning rate")] = "cosine"
    warmup: Annotated[float, Field(ge=0, lt=1, description="share of the steps")] = 0.05
    ema: Annotated[Proportion, Field(description="share of the steps that the average remembers")] = 0.02
    patience: Annotated[int, Field(ge=1, description="evaluations")] | None = None
    noise: Noise
    device: Annotated[str, _matching(r"auto|cpu|cuda(:[0-9]+)?", "auto, cpu, cuda or cuda:K")] = "auto"

    @property
    def most_noise(self) -> float:
        """The largest noise variance that the schedule has."""
        return VP_MOST_NOISE if self.schedule == "vp" else math.inf


class Spectrum(Section):
    """Where and how spectra are measured; all cells of a study share it.

    step is that of finite differences as a share of sqrt(t), by default the method's; `exact` has none.
    """

    times: Times
    points: Annotated[Size, Field(ge=2)]
    sampling: Annotated[str, _one_of(("forward", "reverse"))] = "forward"
    method: Annotated[str, _one_of(("exact", *DIFFERENCES))] = "exact"
    step: Annotated[float, Field(ge=1e-6, le=1)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _step_of_the_method(cls, content) -> Any:
        """The default step written out, so that the study says it."""
        if isinstance(content, dict) and content.get("step") is None:
            return content | {"step": DIFFERENCES.get(str(content.get("method")))}
        return content


class Dimension(Section):
    """Which estimators of the dimension are compared, and on what; all cells of a study share it."""

    estimators: Annotated[
        list[Annotated[str, _one_of((*SCORE_ESTIMATORS, *DATA_ESTIMATORS))]],
        Field(min_length=1),
        AfterValidator(_distinct),
    ]
    times: Times
    points: Size = 4
    draws: Annotated[int, Field(ge=2, le=1000, description="score vectors per coordinate of normal_bundle")] = 4
    probes: Annotated[Size, Field(description="random vectors of slq_count and flipd_hutchinson")] = 10
    lanczos_steps: Size = 10
    data_points: Annotated[Size, Field(ge=20, description="of the estimators that see data and no score")] = 2500
    neighbours: Annotated[Size, Field(ge=2, description="of a point, in local_pca")] = 100

    @property
    def of_score(self) -> list[str]:
        """The estimators that take a score, in the study's order."""
        return [name for name in self.estimators if name in SCORE_ESTIMATORS]

    @property
    def of_data(self) -> list[str]:
        """The estimators that take data, in the study's order."""
        return [name for name in self.estimators if name in DATA_ESTIMATORS]


class Sampling(Section):
    """Where in noise the score of a sampler changes hands, and how many samples are made; all cells share it."""

    switches: Times
    points: Annotated[int, Field(ge=2, le=4096, description="samples")] = 256
    ratio: Annotated[float, Field(gt=1, le=2, description="largest, of two noise variances a step apart")] = 1.1


class Fit(Section):
    """How gaps and phase times are read off spectra."""

    level: Annotated[Proportion, Field(description="share of its maximum at which a gap opens and closes")] = 0.5
    significance: Annotated[Proportion, Field(description="probability of a blind gap where there is none")] = 0.05
    visibility: Annotated[Proportion, Field(description="width from which a blind gap counts")] = 0.1
    alignment: Annotated[Proportion, Field(description="mean cosine from which a group counts as aligned")] = 0.95
    resamples: Annotated[int, Field(ge=50, le=10**5)] = 200
    confidence: Proportion = 0.95


class Margins(Section):
    """Largest relative difference from `exact` that still agrees with theory."""

    t_open: Positive
    t_max: Positive
    t_close: Positive
    t_consolidation: Positive


class Compare(Section):
    """Margins of agreement with theory, the confidence of intervals over seeds, and what `check` must find."""

    flat: Margins
    curved: Margins
    confidence: Proportion = 0.9
    require: Annotated[
        list[Annotated[str, _one_of(("baseline", "theory"))]], Field(min_length=1), AfterValidator(_distinct)
    ] = ["baseline"]


BlockName = Annotated[str, _matching(r"[a-z][a-z0-9_]{0,31}", "lower-case letters, digits and _, at most 32")]


class Document(Section):
    """The study file, contract version 1 (axes and batch are checked by `Study`)."""

    study: Annotated[str, _matching(r"[a-z][a-z0-9_-]{0,63}", "lower-case letters, digits, - and _, at most 64")]
    axes: dict[str, Any]
    blocks: dict[BlockName, dict[str, Any]] = {}
    batch: list[str] | None = None  # where the study does not say: `Study.batch`
    manifold: Manifold
    train: Train | None = None
    spectrum: Spectrum
    dimension: Dimension | None = None
    sampling: Sampling | None = None
    fit: Fit = Fit()
    compare: Compare


def _network(name: str) -> str:
    sized = [family for family, network in NETWORKS.items() if network.has_width]
    bare = [*CLOSED_FORMS, *(family for family in NETWORKS if family not in sized)]
    if name not in bare and not re.fullmatch(rf"({'|'.join(sized)})-[1-9][0-9]{{0,4}}", name):
        raise ValueError(f"should be one of {', '.join(bare)}, or with a width {', '.join(sized)}, as gated-64")
    return name


class Axis(Section):
    """Allowed values of the axes that every study has."""

    family: Annotated[str, _one_of(FAMILIES)]
    ambient_dim: Annotated[int, Field(ge=2, le=100_000)]
    manifold_dim: Count | Proportion  # below 1: share of ambient_dim
    curvature: Annotated[
        float, Field(ge=0, le=100, allow_inf_nan=False)
    ]  # at 100 a typical latent is wrapped round 16 times
    network: Annotated[str, AfterValidator(_network)]
    seed: Annotated[int, Field(ge=0, lt=2**63)]


def read_document(path: Path) -> tuple[Document, dict[str, tuple], dict[str, dict[str, tuple]]]:
    """The document of a study file, the values of its axes and those of its blocks, each checked on its own.

    Raises InputError.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 (a SafeLoader)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=path) from None
    except UnicodeDecodeError:
        raise InputError("is not UTF-8 text", file=path) from None
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        where = f"line {place.line + 1}" if place else ""
        raise InputError("is not YAML", file=path, key=where, allowed=str(getattr(error, "problem", error))) from None
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, thousands of brackets
        raise InputError(f"is not a study: {brief(str(error))}", file=path) from None
    if not isinstance(content, dict):
        keys = some(Document.model_fields)
        raise InputError("is not a study", file=path, allowed=f"allowed is a mapping with {keys}")
    document = _validated(path, "", Document, content)
    axes = {axis: _axis_values(path, "axes", axis, values) for axis, values in document.axes.items()}
    for axis in AXES:
        if axis not in axes:
            raise InputError(f"key {axis!r} is missing", file=path, key="axes", allowed=f"needed are {', '.join(AXES)}")
    blocks: dict[str, dict[str, tuple]] = {}
    for name, own in document.blocks.items():
        for axis in own:
            if axis not in axes:
                raise InputError(
                    "unknown axis", file=path, key=f"blocks.{name}.{axis}", allowed=f"allowed are {some(axes)}"
                )
        blocks[name] = {axis: _axis_values(path, f"blocks.{name}", axis, values) for axis, values in own.items()}
    return document, axes, blocks


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses a key written twice."""

    def construct_mapping(self, node, deep=False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, (list, dict)):
                raise yaml.MarkedYAMLError(problem="a list or a mapping is no key", problem_mark=key_node.start_mark)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"key {key!r} is written twice", problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def some(names) -> str:
    """The first names of a list, for a message."""
    names = [str(name) for name in names]
    return ", ".join(names[:12]) + (f", ... ({len(names)} in all)" if len(names) > 12 else "")


def _validated(path: Path, prefix: str, model, content) -> Any:
    """content as `model`, its first mistake as one line."""
    try:
        config = None if isinstance(model, type) and issubclass(model, BaseModel) else ConfigDict(strict=True)
        return TypeAdapter(model, config=config).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        loc = [part for part in first["loc"] if part not in ("function-after", "constrained-int", "constrained-float")]
        if first["type"] == "extra_forbidden":
            owner = model
            for part in loc[:-1]:
                owner = _field_model(owner, part)
            problem, allowed = "unknown key", f"allowed are {some(owner.model_fields)}"
        elif first["type"] == "missing":
            problem, allowed = "is missing", ""
        else:
            message = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
            message = re.sub(r"valid dictionary( or instance of \w+)?", "mapping", message)
            hint = ""
            if isinstance(first["input"], str) and re.fullmatch(r"[-+]?[0-9.]+[eE][-+]?[0-9]+", first["input"]):
                hint = "; YAML reads this as text: write it with a point and a signed exponent, as 1.0e-3"
            problem, allowed = "", f"{message}{hint}"
        if more:
            problem, allowed = (problem, allowed + more) if allowed else (problem + more, "")
        raise InputError(
            problem, file=path, key=prefix + dotted(tuple(loc)), value=first["input"], allowed=allowed
        ) from None


def _field_model(owner, part) -> Any:
    """The model of one field, seen through lists and optionals."""
    if isinstance(part, int):
        return owner
    annotation = owner.model_fields[part].annotation
    while not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        annotation = annotation.__args__[0]
    return annotation


def _axis_values(path: Path, where: str, axis: str, values) -> tuple:
    if axis == "seed" and isinstance(values, int) and not isinstance(values, bool):
        if not 1 <= values <= 100_000:
            raise InputError(file=path, key=f"{where}.seed", value=values, allowed="a count should be from 1 to 100000")
        values = list(range(values))
    if not isinstance(values, list) or not values:
        also = " or a count" if axis == "seed" else ""
        raise InputError(file=path, key=f"{where}.{axis}", value=values, allowed=f"should be a non-empty list{also}")
    if axis in AXES:
        values = _validated(path, f"{where}.{axis}", GenericAlias(list, Axis.__annotations__[axis]), values)
    elif axis.split(".")[0] not in SECTIONS_WITH_AXES or "." not in axis:
        raise InputError(
            "unknown axis", file=path, key=f"{where}.{axis}",
            allowed=f"allowed are {', '.join(AXES)}, or the path of a number or a text in "
            f"{', '.join(SECTIONS_WITH_AXES)}, as train.steps",
        )  # fmt: skip
    elif not all(isinstance(value, (int, float, str)) and not isinstance(value, bool) for value in values):
        raise InputError(file=path, key=f"{where}.{axis}", value=values, allowed="should be numbers or texts")
    if len(set(values)) < len(values):
        twice = next(value for value in values if values.count(value) > 1)
        raise InputError(
            f"{twice!r} is not allowed twice", file=path, key=f"{where}.{axis}", value=twice,
            allowed="axis values should be distinct",
        )  # fmt: skip
    return tuple(values)


def resolve(path: Path, document: Document, section: str, changes: dict[str, Any]) -> Any:
    """One section of the cells at these values of the axes that point into it."""
    content = document.model_dump(include={section})
    for axis, value in changes.items():
        *parents, last = axis.split(".")
        places: list = [content]
        try:
            if any(part.isdigit() and part != str(int(part)) for part in parents) or "-" in axis:
                raise KeyError(axis)  # another spelling of the same place
            for part in parents:
                if part == ALL and all(isinstance(place, list) for place in places):
                    places = [inner for place in places for inner in place]
                else:
                    places = [place[int(part)] if isinstance(place, list) else place[part] for place in places]
            for place in places:
                if not isinstance(place[last], (int, float, str, NoneType)) or axis == "train.device":
                    raise KeyError(last)  # a section, or what changes no result
                place[last] = value
        except (KeyError, IndexError, ValueError, TypeError):
            raise InputError(
                "unknown axis", file=path, key=f"axes.{axis}", allowed="the study has no number or text there"
            ) from None
    where = "".join(f"axes.{axis} = {brief(value)}: " for axis, value in changes.items())
    return _validated(path, f"{where}{section}.", Document.model_fields[section].annotation, content[section])
