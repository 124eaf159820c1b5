"""A study: a grid of cells and one short section per stage.

study.yaml -> Study -> cells (one point of the grid) -> jobs (cells that differ in batch axes only)

Imports neither numpy nor torch: Snakemake parses studies. Every mistake in a study is a `InputError` whose
text is one line: file, key, value, what is allowed.
"""

import hashlib
import itertools
import json
import math
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from scoregap import InputError
from scoregap.measure import NETWORKS
from scoregap.stages import STAGES
from scoregap.truth import FAMILIES

CLOSED_FORMS = ("exact", "gaussian")  # values of the network axis that need no training
SECTIONS_WITH_AXES = ("manifold", "train", "fit")  # not spectrum: the cells of a cube share its times and points
AXES = ("family", "ambient_dim", "manifold_dim", "curvature", "network", "seed")

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Proportion = Annotated[float, Field(gt=0, lt=1)]


def _matching(pattern: str, allowed: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"should be {allowed}")
        return text

    return AfterValidator(check)


class Section(BaseModel):
    """A part of a study: unknown keys and loose types are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Group(Section):
    """A variance group: its share of the latents, and the standard deviation of its entries of F."""

    fraction: Annotated[float, Field(gt=0, le=1)]
    std: Positive


class Manifold(Section):
    """The variance groups of the latents."""

    groups: Annotated[list[Group], Field(min_length=1)]

    def counts(self, manifold_dim: int) -> tuple[int, ...]:
        """Latents per group: fractions of manifold_dim, rounded so that they sum to it."""
        shares = [group.fraction * manifold_dim for group in self.groups]
        counts = [math.floor(share + 1e-9) for share in shares]
        by_remainder = sorted(range(len(shares)), key=lambda k: counts[k] - shares[k])
        for k in by_remainder[: manifold_dim - sum(counts)]:
            counts[k] += 1
        return tuple(counts)


class Range(Section):
    """From start to stop, both positive; for noise these are variances t."""

    start: Positive
    stop: Positive


class Times(Range):
    """count noise variances, equally spaced in log t."""

    count: Annotated[int, Field(ge=8)]


class Noise(Range):
    """Noise of training: flat in log t over the range, with a share of the draws in a narrower one."""

    focus: Range | None = None
    share: Proportion = 0.3


class Train(Section):
    """How networks are trained: shared noise levels, Adam, averaged weights."""

    steps: Count
    levels: Annotated[Count, Field(description="noise levels per step, shared by `samples` points each")]
    samples: Count
    depth: Count = 3
    learning_rate: Positive = 4e-3
    warmup: Annotated[Proportion, Field(description="share of the steps")] = 0.05
    ema: Annotated[Proportion, Field(description="share of the steps that the average remembers")] = 0.02
    noise: Noise
    device: Annotated[str, _matching(r"auto|cpu|cuda(:[0-9]+)?", "auto, cpu, cuda or cuda:K")] = "auto"


class Spectrum(Section):
    """Where spectra are measured; all cells of a study share it."""

    times: Times
    points: Annotated[int, Field(ge=2)]


class Fit(Section):
    """How gaps and phase times are read off spectra."""

    level: Annotated[Proportion, Field(description="share of its maximum at which a gap opens and closes")] = 0.5
    visibility: Annotated[Proportion, Field(description="width from which a gap counts as seen")] = 0.3
    resamples: Annotated[int, Field(ge=50)] = 200
    confidence: Proportion = 0.95


class Margins(Section):
    """Largest relative difference from `exact` that still agrees with theory."""

    t_open: Positive
    t_max: Positive
    t_close: Positive
    t_consolidation: Positive


class Compare(Section):
    """Margins of agreement with theory, and the confidence of intervals over seeds."""

    flat: Margins
    curved: Margins
    confidence: Proportion = 0.9


class Document(Section):
    """The study file, contract version 1 (axes and batch are checked by `Study`)."""

    study: Annotated[str, _matching(r"[a-z][a-z0-9_-]{0,63}", "lower-case letters, digits, - and _, at most 64")]
    axes: dict[str, Any]
    batch: list[str] = ["seed"]
    manifold: Manifold
    train: Train | None = None
    spectrum: Spectrum
    fit: Fit = Fit()
    compare: Compare


def _network(name: str) -> str:
    if name not in CLOSED_FORMS and not re.fullmatch(rf"({'|'.join(NETWORKS)})-[1-9][0-9]{{0,4}}", name):
        raise ValueError(
            f"should be one of {', '.join(CLOSED_FORMS)}, or {' or '.join(NETWORKS)} with a width, as gated-64"
        )
    return name


def _family(name: str) -> str:
    if name not in FAMILIES:
        raise ValueError(f"should be one of {', '.join(FAMILIES)}")
    return name


class Axis(Section):
    """Allowed values of the axes that every study has."""

    family: Annotated[str, AfterValidator(_family)]
    ambient_dim: Annotated[int, Field(ge=2, le=100_000)]
    manifold_dim: Count
    curvature: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    network: Annotated[str, AfterValidator(_network)]
    seed: Annotated[int, Field(ge=0)]


def digest(value: Any, length: int = 12) -> str:
    """Hexadecimal hash of plain data, the same in every process and on every machine."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


@dataclass(frozen=True)
class Cell:
    """One point of the grid, with its sections resolved.

    values: every axis and its value, in the study's order. The other fields are the sections of the study
    after the axes that point into them (`train.steps`, `manifold.groups.1.std`) have been applied.
    """

    values: tuple[tuple[str, Any], ...]
    manifold: Manifold
    train: Train | None
    spectrum: Spectrum
    fit: Fit
    compare: Compare

    def __getitem__(self, axis: str):
        return dict(self.values)[axis]

    @property
    def trained(self) -> bool:
        return self["network"] not in CLOSED_FORMS

    @property
    def training(self) -> Train:
        """The train section of a cell that needs training."""
        assert self.train is not None  # `load` has made sure
        return self.train

    @property
    def counts(self) -> tuple[int, ...]:
        """Latents per variance group, in the order of the study."""
        return self.manifold.counts(self["manifold_dim"])

    @property
    def boundaries(self) -> tuple[int, ...]:
        """Indices of the true gaps: latents in the largest 1, 2, ... variance groups; the last is manifold_dim."""
        groups = zip((group.std for group in self.manifold.groups), self.counts, strict=True)
        return tuple(itertools.accumulate(count for _, count in sorted(groups, key=lambda g: -g[0])))

    def key(self, stage: str) -> str:
        """Hash of all that the cell's result of a stage depends on: values, sections and revisions so far."""
        content: dict[str, Any] = {"values": self.values}
        for one in STAGES:
            if one.name != "train" or self.trained:
                content[f"{one.name} revision"] = one.revision
            for section in one.sections:
                if section != "train" or self.trained:
                    content[section] = getattr(self, section).model_dump(exclude={"device"})
            if one.name == stage:
                return digest(content)
        raise KeyError(stage)

    def seed(self, stream: str) -> int:
        """Seed of one stream of random draws.

        `manifold` and `points` depend on dimensions and seed only, so that cells that differ in curvature,
        variances or network share their F and their points (paired comparisons); every other stream
        (`weights`, `data`) is the cell's own.
        """
        shared = stream in ("manifold", "points")
        axes = ("family", "ambient_dim", "manifold_dim", "seed") if shared else [axis for axis, _ in self.values]
        return int(digest([stream, [(axis, self[axis]) for axis in axes]], length=16), 16)

    def truth(self):
        """The cell's manifold: an instance of its family."""
        family = FAMILIES[self["family"]].load()
        return family(
            ambient_dim=self["ambient_dim"],
            counts=self.counts,
            stds=tuple(group.std for group in self.manifold.groups),
            curvature=self["curvature"],
            seed=self.seed("manifold"),
        )


@dataclass(frozen=True)
class Job:
    """Cells that differ in batch axes only: one process, one file per stage."""

    id: str
    cells: tuple[Cell, ...]

    @property
    def trained(self) -> bool:
        return self.cells[0].trained

    def fingerprint(self, stage: str) -> str:
        """Changes when the job's result of this stage would."""
        return digest([cell.key(stage) for cell in self.cells])


@dataclass(frozen=True)
class Study:
    path: Path
    document: Document
    axes: dict[str, tuple[Any, ...]]

    @property
    def name(self) -> str:
        return self.document.study

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Every point of the grid, the last axis fastest."""
        inner = [axis for axis in self.axes if axis not in AXES]
        sections = {
            values: _resolve(self.path, self.document, dict(zip(inner, values, strict=True)))
            for values in itertools.product(*(self.axes[axis] for axis in inner))
        }
        position = [list(self.axes).index(axis) for axis in inner]
        return tuple(
            Cell(tuple(zip(self.axes, values, strict=True)), *sections[tuple(values[i] for i in position)])
            for values in itertools.product(*self.axes.values())
        )

    @cached_property
    def jobs(self) -> dict[str, Job]:
        """Jobs by id. The id is made of the values of the other axes, so it survives any growth of the grid."""
        members: dict[tuple, list[Cell]] = {}
        for cell in self.cells:
            outer = tuple(pair for pair in cell.values if pair[0] not in self.document.batch)
            members.setdefault(outer, []).append(cell)
        jobs = {}
        for outer, cells in members.items():
            readable = re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(str(value) for _, value in outer))[:60]
            job = Job(f"{readable}-{digest(outer, 6)}", tuple(cells))
            jobs[job.id] = job
        return jobs

    def job(self, id: str) -> Job:
        if id not in self.jobs:
            raise InputError(f"{self.path}: job {id!r} is not in this study: allowed is one of {_some(self.jobs)}")
        return self.jobs[id]

    @property
    def resolved(self) -> dict[str, Any]:
        """The whole study with defaults filled in, as plain data, without what does not change results."""
        content = self.document.model_dump()
        if content["train"]:
            del content["train"]["device"]
        return content | {"axes": {axis: list(values) for axis, values in self.axes.items()}}

    @cached_property
    def hash(self) -> str:
        """Hash of the resolved study."""
        return digest(self.resolved)

    def fingerprint(self, stage: str) -> str:
        """For the stages that gather all jobs: changes when the study does, or a revision up to this stage."""
        names = [one.name for one in STAGES]
        return digest([self.resolved, [one.revision for one in STAGES[: names.index(stage) + 1]]])


def load(path: Path | str) -> Study:
    """Read and check a study file. Raises InputError."""
    path = Path(path)
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 (a SafeLoader)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text") from None
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        where = f"line {place.line + 1}: " if place else ""
        raise InputError(f"{path}: {where}is not YAML: {getattr(error, 'problem', error)}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: is not a study: allowed is a mapping with {_some(Document.model_fields)}")
    document = _validated(path, "", Document, content)
    axes = {axis: _axis_values(path, axis, values) for axis, values in document.axes.items()}
    for axis in AXES:
        if axis not in axes:
            raise InputError(f"{path}: axes: key {axis!r} is missing: needed are {', '.join(AXES)}")
    study = Study(path, document, axes)
    _check_batch(study)
    _check_sections(study)
    _check_geometry(study)
    return study


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses a key written twice."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, (list, dict)) or key in seen:
                raise yaml.MarkedYAMLError(problem=f"key {key!r} is written twice", problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def _some(names) -> str:
    names = [str(name) for name in names]
    return ", ".join(names[:12]) + (f", ... ({len(names)} in all)" if len(names) > 12 else "")


def _validated(path: Path, prefix: str, model, content):
    """content as `model`, its first mistake as one line."""
    try:
        return TypeAdapter(model).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        loc = [part for part in first["loc"] if part != "function-after"]
        if first["type"] == "extra_forbidden":
            owner = model
            for part in loc[:-1]:
                owner = _field_model(owner, part)
            allowed = f"unknown key: allowed are {_some(owner.model_fields)}"
        elif first["type"] == "missing":
            allowed = "is missing"
        else:
            message = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
            hint = ""
            if isinstance(first["input"], str) and re.fullmatch(r"[-+]?[0-9.]+[eE][-+]?[0-9]+", first["input"]):
                hint = "; YAML reads this as text: write it with a point and a signed exponent, as 1.0e-3"
            allowed = f"{_brief(first['input'])} is not allowed: {message}{hint}"
        raise InputError(f"{path}: {prefix}{_dotted(loc)}: {allowed}{more}") from None


def _field_model(owner, part):
    """The model of one field, seen through lists and optionals."""
    if isinstance(part, int):
        return owner
    annotation = owner.model_fields[part].annotation
    while not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        annotation = annotation.__args__[0]
    return annotation


def _brief(value) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."


def _dotted(loc) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")


def _axis_values(path: Path, axis: str, values) -> tuple:
    if axis == "seed" and isinstance(values, int) and not isinstance(values, bool):
        if not 1 <= values <= 100_000:
            raise InputError(f"{path}: axes.seed: {values} is not allowed: a count should be from 1 to 100000")
        values = list(range(values))
    if not isinstance(values, list) or not values:
        also = " or a count" if axis == "seed" else ""
        raise InputError(f"{path}: axes.{axis}: {_brief(values)} is not allowed: should be a non-empty list{also}")
    if axis in AXES:
        kind = Axis.__annotations__[axis]
        values = [_validated(path, f"axes.{axis}[{i}]", kind, value) for i, value in enumerate(values)]
    elif axis.split(".")[0] not in SECTIONS_WITH_AXES or "." not in axis:
        raise InputError(
            f"{path}: axes.{axis}: unknown axis: allowed are {', '.join(AXES)}, "
            f"or the path of a number in {', '.join(SECTIONS_WITH_AXES)}, as train.steps"
        )
    elif not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        raise InputError(f"{path}: axes.{axis}: {_brief(values)} is not allowed: should be numbers")
    if len(set(values)) < len(values):
        twice = next(value for value in values if values.count(value) > 1)
        raise InputError(f"{path}: axes.{axis}: {twice!r} is not allowed twice: axis values should be distinct")
    return tuple(values)


def _resolve(path: Path, document: Document, changes: dict[str, Any]):
    """Sections of the cells at these values of the axes that point into sections."""
    content = document.model_dump(include={"manifold", "train", "spectrum", "fit", "compare"})
    for axis, value in changes.items():
        *parents, last = axis.split(".")
        place = content
        try:
            for part in parents:
                place = place[int(part)] if isinstance(place, list) else place[part]
            if not isinstance(place[last], (int, float)):
                raise KeyError(last)
        except (KeyError, IndexError, ValueError, TypeError):
            raise InputError(f"{path}: axes.{axis}: unknown axis: the study has no number there") from None
        place[last] = value
    where = "".join(f"axes.{axis} = {value!r}: " for axis, value in changes.items())
    sections = {}
    for name, section in content.items():
        model = Document.model_fields[name].annotation
        sections[name] = _validated(path, f"{where}{name}.", model, section)
    return tuple(sections.values())


def _check_batch(study: Study) -> None:
    fixed = ("ambient_dim", "network")
    for axis in study.document.batch:
        if axis not in study.axes:
            raise InputError(f"{study.path}: batch: {axis!r} is not allowed: should be one of {_some(study.axes)}")
        if axis in fixed or axis.startswith("train."):
            free = [a for a in study.axes if a not in fixed and not a.startswith("train.")]
            raise InputError(
                f"{study.path}: batch: {axis!r} is not allowed: the members of a batch share network shape "
                f"and training: should be one of {_some(free)}"
            )
    if len(set(study.document.batch)) < len(study.document.batch):
        raise InputError(f"{study.path}: batch: {study.document.batch} is not allowed: axes should be distinct")


def _check_sections(study: Study) -> None:
    trained = any(network not in CLOSED_FORMS for network in study.axes["network"])
    if trained and study.document.train is None:
        raise InputError(f"{study.path}: train: is missing: the axis network has values that need training")
    for cell in {id(cell.spectrum): cell for cell in study.cells}.values():
        total = math.fsum(group.fraction for group in cell.manifold.groups)
        if abs(total - 1) > 1e-9:
            raise InputError(f"{study.path}: manifold.groups: fractions sum to {total:g}, not allowed: should sum to 1")
        times = cell.spectrum.times
        ranges: list[tuple[str, Range]] = [("spectrum.times", times)]
        if cell.train:
            ranges.append(("train.noise", cell.train.noise))
            if focus := cell.train.noise.focus:
                ranges.append(("train.noise.focus", focus))
        for key, one in ranges:
            if one.start >= one.stop:
                raise InputError(
                    f"{study.path}: {key}.stop: {one.stop!r} is not allowed: should exceed start, {one.start!r}"
                )
        if trained:
            noise = cell.training.noise
            inner = [("spectrum.times", times)] + ([("train.noise.focus", noise.focus)] if noise.focus else [])
            for section, one in inner:
                for key, value in (("start", one.start), ("stop", one.stop)):
                    if not noise.start <= value <= noise.stop:
                        raise InputError(
                            f"{study.path}: {section}.{key}: {value!r} is not allowed: "
                            f"should lie within the trained noise range, {noise.start!r} to {noise.stop!r}"
                        )


def _check_geometry(study: Study) -> None:
    checked = set()
    for cell in study.cells:
        family, d, m, c = (cell[axis] for axis in ("family", "ambient_dim", "manifold_dim", "curvature"))
        counts = cell.counts
        if (family, d, m, c, counts) in checked:
            continue
        checked.add((family, d, m, c, counts))
        needed = FAMILIES[family].room(m, c)
        if needed > d:
            curved = f" at curvature {c!r}" if c else ""
            raise InputError(
                f"{study.path}: axes.manifold_dim: {m} is not allowed: "
                f"{family}{curved} needs ambient_dim of at least {needed}, and axes.ambient_dim has {d}"
            )
        if 0 in counts:
            raise InputError(
                f"{study.path}: manifold.groups[{counts.index(0)}].fraction: "
                f"{cell.manifold.groups[counts.index(0)].fraction!r} is not allowed: "
                f"gives no latent at manifold_dim {m}"
            )
