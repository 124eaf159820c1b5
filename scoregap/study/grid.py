"""A study: a grid of cells and one short section per stage.

study.yaml -> Study -> cells (one point of the grid) -> jobs (cells that differ in batch axes only)

Imports neither numpy nor torch: Snakemake parses studies. Every mistake in a study is an `InputError` whose
text is one line: file, key, value, what is allowed.

Over 400 lines, as a cell, its job and its study refer to one another and mean little alone.
"""

import itertools
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from scoregap import InputError, brief, refuse, some
from scoregap.data import FAMILIES, FRESH, HALVES, Group, build
from scoregap.models import Declared
from scoregap.scores import EXACT, REFERENCES, kind
from scoregap.study import hashing
from scoregap.study.axes import places_of, resolve
from scoregap.study.checks import check_study
from scoregap.study.code import code_of, files_of
from scoregap.study.data import ALL, Data, Manifold, table
from scoregap.study.hashing import digest
from scoregap.study.measurement import Compare, Dimension, Fit, Memorisation, Sampling, Spectrum
from scoregap.study.reading import read_document
from scoregap.study.schema import AXES, DATA_AXES, SECTIONS, SHORT, Document, latents
from scoregap.study.stages import STAGES
from scoregap.study.training import Train

LATER = (
    "target",
    "draws",
    "covariance_points",
    "record",
    "noise_draws",
    "own_below",
    "beta2",
    "products",
)  # keys of train that came later: a study at their defaults is the one it was

OPTIONAL = {  # optional stage, or its section -> its section
    name: stage.sections[0] for stage in STAGES if stage.optional for name in (stage.name, *stage.sections)
}


@dataclass(frozen=True)
class Cell:
    """One point of the grid, with its sections resolved.

    values: every axis and its value, in the study's order. folder: of the study file. declared: its score, if it is a
    model. The other fields are the sections of the study after the axes that point into them (`train.steps`,
    `manifold.groups.1.std`) have been
    applied.
    """

    values: tuple[tuple[str, Any], ...]
    folder: Path = field(compare=False)
    declared: Declared | None
    manifold: Manifold | None
    data: Data | None
    train: Train | None
    spectrum: Spectrum
    dimension: Dimension | None
    sampling: Sampling | None
    memorisation: Memorisation | None
    fit: Fit
    compare: Compare | None

    def __getitem__(self, axis: str) -> Any:
        return self._by_axis[axis]

    @cached_property
    def _by_axis(self) -> dict[str, Any]:
        return dict(self.values)

    @property
    def trained(self) -> bool:
        return kind(self["network"]).trained

    @property
    def training(self) -> Train:
        """The train section of a cell that needs training."""
        assert self.train is not None  # `load` has made sure
        return self.train

    @property
    def dim(self) -> int:
        """d, the dimension of the points."""
        return self.data.dim if self.data else self["ambient_dim"]

    @property
    def of_family(self) -> Manifold:
        """The manifold section of a cell whose data are of a family."""
        assert self.manifold is not None  # `load` has made sure
        return self.manifold

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a point: that of a picture, where the data are pictures."""
        return tuple(self.data.shape) if self.data and self.data.shape else (self.dim,)

    @property
    def manifold_dim(self) -> int:
        """m, also where the axis gives it as a share of ambient_dim."""
        return latents(self["manifold_dim"], self["ambient_dim"])

    @property
    def groups(self) -> tuple[Group, ...]:
        """The variance groups with their numbers of latents, in the order of the study."""
        counts = self.of_family.counts(self.manifold_dim, self.nested)
        return tuple(
            Group(count, **group.model_dump(exclude={"fraction"}))
            for count, group in zip(counts, self.of_family.groups, strict=True)
        )

    @property
    def gaps(self) -> int:
        """Number of true gaps: one below each group, or below each dimension that a mixture has; of data none."""
        if self.data:
            return 0
        groups = self.of_family.groups
        if self.nested:
            return len(groups)
        return len({count for count in self.of_family.counts(self.manifold_dim, shares=False) if count})

    @property
    def nested(self) -> bool:
        """Whether groups follow each other in every spectrum: not those of a mixture, whose gaps are all final ones."""
        return FAMILIES[self["family"]].shares

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of the manifold that its family reads, or that differ from their defaults."""
        values = self.of_family.model_dump(exclude={"groups", "dataset_size"})
        reads = FAMILIES[self["family"]].reads
        return {
            name: value
            for name, value in values.items()
            if name in reads or value != Manifold.model_fields[name].default
        }

    def has(self, stage: str) -> bool:
        """Whether the cell goes through a stage, and reads the section of that name."""
        return _has(stage, self.trained, self)

    def key(self, stage: str, code: Mapping[str, str] | None = None) -> str:
        """Hash of all that the cell's result of a stage depends on: values, code, sections and revisions so far.

        Axes that point into sections are in the sections, so an axis of `fit` does not retrain. Training is evaluated
        over the range of the spectra's times. Nothing reads the section of an optional stage but that stage.
        code: what `code_of` has said of it at another time.
        """
        texts = {axis: json.dumps(self[axis]) for axis in self._axes}
        texts |= self._code if code is None else code
        texts |= hashing.of_model(self.declared) | hashing.of_labels(self.data, stage)
        found = hashing.through(stage, self.has, texts, self.spectrum, lambda name: self._as_json[name], str)
        return hashing.hashed("".join(hashing.item(name, found[name]) for name in sorted(found)))

    @property
    def _code(self) -> dict[str, str]:
        return code_of([] if self.data else [self["family"]], [self["network"]])

    @property
    def _axes(self) -> tuple[str, ...]:
        """The axes that every study of its kind has."""
        return DATA_AXES if self.data else AXES

    @cached_property
    def _as_json(self) -> dict[str, str]:
        """Sections, as keys hash them."""
        return {name: hashing.read(getattr(self, name), self["network"]) for name in SECTIONS if getattr(self, name)}

    def seed(self, stream: str) -> int:
        """Seed of one stream of random draws.

        `manifold`, `points` and `dataset` depend on dimensions and seed only, so that cells that differ in
        curvature, variances or network share their F, their points and their training set (paired comparisons);
        every other stream (`weights`, `data`) depends on all of AXES, so cells that differ in settings only are
        paired too. Of data from a file the former (and `split`) depend on the seed only.
        """
        axes = self._axes
        if stream in ("manifold", "points", "dataset", "split"):
            axes = ("seed",) if self.data else ("family", "ambient_dim", "manifold_dim", "seed")
        return int(digest([stream, [(axis, self[axis]) for axis in axes]], length=16), 16)

    def truth(self):
        """The cell's data: an instance of its family, or its part of a file. Raises InputError if that has changed."""
        if self.data:
            return self._points
        settings = self.settings
        return build(
            self["family"], self["ambient_dim"], self.groups, self["curvature"], self.seed("manifold"), settings
        )

    @cached_property
    def _points(self):
        from scoregap.data.points import Points

        assert self.data is not None
        found = table(self.data, self.folder)
        if found.sha256 != self.data.sha256:
            raise InputError(
                f"{self.data.source} has changed since", key="data.source", value=self.data.source,
                allowed="should stay as it is while results are made of it",
            )  # fmt: skip
        part, label = self.spectrum.points_from, str(self.data.label)
        half = self.data.half if self.sees_training_set else ALL  # as its key says
        return Points(found, self.seed("split"), self.seed("dataset"), self.data.held_out, part, label, half)

    @property
    def sees_training_set(self) -> bool:
        """Whether its score comes from the training set, rather than from all of a law or of a training part."""
        return hashing.sees_training_set(self["network"])

    def dataset(self):
        """(N, d) points of the training set, or all for training of a score that sees none of its own; None where
        networks see fresh points without end."""
        if self.data:
            return self._points.training(self.data.dataset_size if self.sees_training_set else FRESH)
        return None if self.of_family.dataset_size is None else self.drawn()[0]

    def drawn(self):
        """The training set of a family, and the places of its points."""
        from numpy.random import default_rng

        return self.truth().sample(default_rng(self.seed("dataset")), self.of_family.dataset_size)


@dataclass(frozen=True)
class Job:
    """Cells that differ in batch axes only: one process, one file per stage.

    axes: its values of every axis of the study; one value each of those that are not batch axes. Cells are made when
    they are asked for: a plan of ten thousand jobs needs none of most.
    """

    id: str
    study: "Study"
    axes: dict[str, tuple[Any, ...]]

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Its cells, the last axis fastest."""
        return tuple(self.study.expand(self.axes))

    @cached_property
    def first(self) -> Cell:
        """Its first cell, without the others."""
        return next(self.study.expand({axis: values[:1] for axis, values in self.axes.items()}))

    @property
    def dims(self) -> tuple[int, ...]:
        """Its dimension of the data space, d, in a tuple."""
        return self.axes.get("ambient_dim") or self.study.dims

    @property
    def size(self) -> int:
        """Number of its cells."""
        return math.prod(map(len, self.axes.values()))

    @property
    def trained(self) -> bool:
        return kind(self.axes["network"][0]).trained

    def joined(self, other: "Job") -> "Job":
        """This job with the seeds of the same one in another block."""
        seeds = set(self.axes["seed"]).union(other.axes["seed"])
        if len(seeds) == len(self.axes["seed"]):
            return self
        return replace(self, axes=self.axes | {"seed": tuple(sorted(seeds))})

    def keys(self, stage: str) -> list[str]:
        """Keys of its cells' results of a stage, as a file of the job records them: what `Cell.key` says, put together
        from texts that cells share, without making the cells."""
        network, document = self.axes["network"], self.study.document
        texts = {axis: self._texts([axis], json.dumps) for axis in (DATA_AXES if document.data else AXES)}
        for name in self.code:
            texts[name] = self._texts(["family"], lambda *family, name=name: code_of(family, network).get(name, ""))
        known = hashing.of_model(self._declared) | hashing.of_labels(document.data, stage)
        texts |= {name: hashing.Texts.constant(text) for name, text in known.items()}

        def section(name: str) -> hashing.Texts:
            found = self.study.sections[name]
            return self._texts(self.study.axes_of(name), lambda *values: hashing.read(found[values], network[0]))

        found = hashing.through(stage, self.has, texts, document.spectrum, section, hashing.Texts.constant)
        return hashing.of_cells(found, itertools.product(*self.axes.values()))

    def _texts(self, axes: Sequence[str], text: Callable[..., str]) -> hashing.Texts:
        """A text of all its cells, by their values of these axes, as far as there are such axes."""
        places = tuple(place for place, axis in enumerate(self.axes) if axis in axes)
        values = itertools.product(*(self.axes[axis] for axis in self.axes if axis in axes))
        return hashing.Texts(places, {one: text(*one) for one in values})

    @property
    def _declared(self) -> Declared | None:
        return self.study.declared.get(self.axes["network"][0])

    @property
    def code(self) -> dict[str, str]:
        """What its results depend on of code, as keys hash it."""
        return code_of(self.axes.get("family", ()), self.axes["network"])

    @property
    def sources(self) -> dict[str, str]:
        """{file: digest} of the code of its families and its score."""
        return self.study.sources_of(self.axes)

    def has(self, stage: str) -> bool:
        """Whether its cells go through a stage."""
        return _has(stage, self.trained, self.study.document)

    def rule(self, stage: str) -> str:
        """The rule of the workflow whose process makes a stage: its own. But spectra of scores that need no training
        are made by that of `fit`, first: another process would take longer to start than many of them."""
        return "fit" if stage == "spectrum" and not self.trained else stage

    def fingerprint(self, stage: str) -> str:
        """Changes when the keys of its cells' results of this stage do, or their order, without making the cells."""
        axes = DATA_AXES if self.study.document.data else AXES
        content = {axis: json.dumps(self.axes[axis]) for axis in axes}
        content |= self.code
        content |= hashing.of_model(self._declared) | hashing.of_labels(self.study.document.data, stage)
        content["order"] = json.dumps([axis for axis, values in self.axes.items() if len(values) > 1])

        def sections(name: str) -> str:
            if name == "data":  # its class may come before its size, or after it
                content["data axes"] = json.dumps([axis for axis in self.axes if axis in SHORT])
            axes = [self.axes[axis] for axis in self.study.axes_of(name)]
            found = (self.study.sections[name][values] for values in itertools.product(*axes))
            return "[" + ",".join(hashing.read(section, self.axes["network"][0]) for section in found) + "]"

        content = hashing.through(stage, self.has, content, self.study.document.spectrum, sections, str)
        return hashing.hashed("".join(hashing.item(name, content[name]) for name in sorted(content)))


def _has(stage: str, trained: bool, sections: Cell | Document) -> bool:
    if stage == "train":
        return trained
    if stage in ("manifold", "data"):
        return getattr(sections, stage) is not None
    return stage not in OPTIONAL or getattr(sections, OPTIONAL[stage]) is not None


@dataclass(frozen=True)
class Study:
    """A checked study: the file it came from, its sections, and the values of every axis.

    blocks: of a study that is more than one grid, the axes that each block has otherwise, by its name. block, whole:
    of one of its `parts`, its name and the study. of_cube: of a study that is read from a cube, the fingerprint of
    that: it is of code of other packages as it was then, which may not be there any more.
    """

    path: Path
    document: Document
    axes: dict[str, tuple[Any, ...]]
    blocks: dict[str, dict[str, tuple[Any, ...]]] = field(default_factory=dict)
    block: str = ""
    whole: "Study | None" = None
    of_cube: str = ""

    @property
    def name(self) -> str:
        return self.document.study

    @cached_property
    def parts(self) -> list["Study"]:
        """The grids of the study, each a study of its own: its blocks, or itself."""
        return [replace(self, axes=self.axes | own, blocks={}, block=name, whole=self) for name, own in
                self.blocks.items()] or [self]  # fmt: skip

    @cached_property
    def places(self) -> dict[str, dict[Any, int]]:
        """Where along its axis a value is, by all that cubes and tables may name it."""
        return {axis: places_of(values) for axis, values in self.axes.items()}

    @property
    def groups(self) -> list[tuple[str, "Study", int]]:
        """The groups of the cube: name, part of the study, ambient_dim; without a name, if there is one only."""
        found = []
        for part in self.parts:
            dims = part.dims
            for d in dims:
                found.append(("_".join(filter(None, [part.block, f"ambient_dim_{d}" * (len(dims) > 1)])), part, d))
        return found

    @property
    def manifold(self) -> Manifold:
        """Its section manifold, of a study of families."""
        assert self.document.manifold is not None  # `load` has made sure
        return self.document.manifold

    @property
    def compare(self) -> Compare:
        """Likewise."""
        assert self.document.compare is not None
        return self.document.compare

    @property
    def required(self) -> list[str]:
        """What `scoregap check` must find: as the section says, of data from a file the baseline."""
        return self.document.compare.require if self.document.compare else ["baseline"]

    @property
    def dims(self) -> tuple[int, ...]:
        """Dimensions of the data space, d: the values of an axis, or that of the points of a file."""
        return (self.document.data.dim,) if self.document.data else self.axes["ambient_dim"]

    @property
    def condition_axes(self) -> list[str]:
        """Axes other than network and seed: a combination of their values is one panel, one block of a table."""
        return [axis for axis in self.axes if axis not in ("network", "seed")]

    @property
    def trained_networks(self) -> list[str]:
        """Values of the network axis that need training."""
        return [name for name in self.axes["network"] if kind(name).trained]

    @property
    def references(self) -> list[str]:
        """Values of the network axis that others are compared with, as `scores.REFERENCES` orders them."""
        return [name for name in REFERENCES if name in self.axes["network"]]

    @cached_property
    def declared(self) -> dict[str, Declared]:
        """The scores of other people's models, by name."""
        return {name: Declared(self.path, name, one) for name, one in self.document.scores.items()}

    @property
    def evaluated_scores(self) -> list[str]:
        """Values of the network axis that are compared with the references."""
        return [name for name in self.axes["network"] if name not in REFERENCES]

    @property
    def std_axis(self) -> str | None:
        """The axis that varies the standard deviation of a variance group, if there is one such axis."""
        axes = [axis for axis in self.axes if re.fullmatch(r"manifold\.groups\.\d+\.std", axis)]
        return axes[0] if len(axes) == 1 and len(self.axes[axes[0]]) > 1 else None

    @property
    def noisy(self) -> bool:
        """Whether any of its manifolds has noise on the data."""
        return any(one.noise for one in self.sections["manifold"].values() if one)

    @property
    def findings(self) -> list[str]:
        """Tables that `scoregap.analysis` can make of the study: whose axes it varies, for families with their law,
        or whose section it has."""
        calibrated = bool(self.evaluated_scores) and self.document.spectrum.sampling == "forward"
        if self.document.data:
            held_out = self.document.spectrum.points_from == "held-out"
            halves = set(HALVES) <= set(self.axes.get("half", ()))
            applies = {
                "profile": True,
                "agreement": (len(self.axes["network"]) > 1 or halves) and not self.document.spectrum.traces,
                "data_dimensions": self.document.dimension is not None,
                "copies": self.document.memorisation is not None,
                "calibration": calibrated and held_out,
            }
            return [name for name, it_does in applies.items() if it_does]
        exact = EXACT in self.axes["network"]
        lawful = all(FAMILIES[family].law for family in self.axes["family"])
        lawful &= not self.noisy
        several = {axis: len(self.axes[axis]) > 1 for axis in AXES}
        trained_longer = bool(self.trained_networks) and len(self.axes.get("train.steps", ())) > 1
        extrapolated = len(self.axes.get("train.steps", ())) > 3 and len(self.axes.get("train.target", ())) > 1
        flat, two_groups = self.axes["curvature"] == (0,), len(self.manifold.groups) == 2
        applies = {
            "finite_size": exact and lawful and several["ambient_dim"] and several["seed"],
            "gap_existence": (
                exact and lawful and flat and two_groups and several["manifold_dim"] and self.std_axis is not None
            ),
            "curvature": exact and several["curvature"] and 0 in self.axes["curvature"],
            "estimators": self.document.dimension is not None,
            "memorisation": self.document.memorisation is not None,
            "memorisation_curves": self.document.memorisation is not None,
            "labour": exact and self.document.sampling is not None,
            "accuracy": exact and trained_longer,
            "capacity": exact and trained_longer and flat,
            "plateau": exact and trained_longer and "gaussian" in self.axes["network"] and not flat,
            "calibration": calibrated,
            "error_budget": exact and trained_longer and extrapolated,
        }
        return [name for name, it_does in applies.items() if it_does]

    @property
    def size(self) -> int:
        """Number of cells; those that blocks share count once."""
        if self.blocks:
            return sum(job.size for job in self.jobs.values())
        return math.prod(map(len, self.axes.values()))

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Every point of the grid, the last axis fastest; of every block's in turn, once."""
        return tuple({cell.values: cell for part in self.parts for cell in part.expand(part.axes)}.values())

    def expand(self, axes: Mapping[str, tuple[Any, ...]]) -> Iterator[Cell]:
        """The cells at these values of all axes, the last axis fastest."""
        names, positions = tuple(self.axes), {axis: i for i, axis in enumerate(self.axes)}
        parts = [(self.sections[section], [positions[axis] for axis in self.axes_of(section)]) for section in SECTIONS]
        for values in itertools.product(*(axes[axis] for axis in names)):
            sections = (found[tuple(values[i] for i in places)] for found, places in parts)
            declared = self.declared.get(values[positions["network"]])
            yield Cell(tuple(zip(names, values, strict=True)), self.path.parent, declared, *sections)

    def axes_of(self, section: str) -> list[str]:
        """The axes that point into a section."""
        return [axis for axis in self.axes if SHORT.get(axis, axis).startswith(f"{section}.")]

    @cached_property
    def sections(self) -> dict[str, dict[tuple, Any]]:
        """For every section that cells read: the section at each combination of the values of its own axes."""
        return {
            section: {
                values: resolve(self.path, self.document, section, dict(zip(axes, values, strict=True)))
                for values in itertools.product(*(self.axes[axis] for axis in axes))
            }
            for section, axes in ((section, self.axes_of(section)) for section in SECTIONS)
        }

    @property
    def batch(self) -> list[str]:
        """Axes along which cells share a job: as the study says, or else where it costs nothing.

        Training is long, so its cells share a job along the seed only. Where there is none, the start of a process
        would cost more than a cell: all share one that have the same data shape and network.
        """
        if self.document.batch is not None:
            return self.document.batch
        if self.whole:
            return self.whole.batch
        apart = {"family", "ambient_dim", "manifold_dim", "network"}.union(*self.blocks.values()) - {"seed"}
        trained = any(part.trained_networks for part in self.parts)
        return ["seed"] if trained else [axis for axis in self.axes if axis not in apart]

    @cached_property
    def jobs(self) -> dict[str, Job]:
        """Jobs by id. The id is made of the values of the other axes, so it survives any growth of the grid.

        Axes of `fit` are always batch axes: their cells share training and spectra. So are those of `train` for scores
        that need no training, unless blocks differ in them: their cells are the same.
        """
        jobs: dict[str, Job] = {}
        if self.blocks:
            for part in self.parts:
                for id, job in part.jobs.items():
                    jobs[id] = jobs[id].joined(job) if id in jobs else job
            return jobs
        apart = [axis for axis in self.axes if axis not in self.batch and not axis.startswith("fit.")]
        blocks = set().union(*(self.whole or self).blocks.values())
        untrained = [axis for axis in apart if not axis.startswith("train.") or axis in blocks]
        closed = [name for name in self.axes["network"] if not kind(name).trained]
        for names, networks in ((untrained, closed), (apart, self.trained_networks)):
            choices = self.axes | {"network": tuple(networks)}
            for values in itertools.product(*(choices[axis] for axis in names)):
                outer = tuple(zip(names, values, strict=True))
                readable = re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(str(value) for value in values))[:60]
                id = f"{readable}-{digest(outer)}"
                jobs[id] = Job(id, self, self.axes | {axis: (value,) for axis, value in outer})
        return jobs

    def job(self, id: str) -> Job:
        if id not in self.jobs:
            raise InputError(
                f"job {brief(id)} is not in this study", file=self.path, allowed=f"allowed is one of {some(self.jobs)}"
            )
        return self.jobs[id]

    @property
    def resolved(self) -> dict[str, Any]:
        """The whole study with defaults filled in, as plain data, without what does not change results."""
        content = self.document.model_dump()
        for section in {*OPTIONAL.values(), "manifold", "data", "compare"}:
            if content[section] is None:
                del content[section]
        for key in self.document.spectrum.unsaid:
            del content["spectrum"][key]
        if content["train"]:
            del content["train"]["device"]
            for key in LATER:
                if content["train"][key] == Train.model_fields[key].default:
                    del content["train"][key]
        if "compare" in content:
            del content["compare"]["require"]
        for section in ("data", "manifold"):
            if own := getattr(self.document, section):
                for key in own.unsaid:
                    del content[section][key]
        del content["trusted"]
        for one in content["scores"].values():
            del one["trusted"]
        if not content["scores"]:
            del content["scores"]
        del content["blocks"]
        if self.blocks:
            content["blocks"] = {
                name: {axis: list(values) for axis, values in own.items()} for name, own in self.blocks.items()
            }
        return content | {"axes": {axis: list(values) for axis, values in self.axes.items()}}

    @cached_property
    def hash(self) -> str:
        """Hash of the resolved study; the order of its axes is that of the cube's dimensions."""
        return self.whole.hash if self.whole else digest([self.resolved, list(self.axes)])

    @property
    def sources(self) -> dict[str, str]:
        """{file: digest} of the code of its families and its scores, in all blocks."""
        return {file: one for axes in (self.axes, *self.blocks.values()) for file, one in self.sources_of(axes).items()}

    def sources_of(self, axes: Mapping[str, tuple[Any, ...]]) -> dict[str, str]:
        """{file: digest} of the code of the families and the scores that are values of these axes."""
        names = axes.get("network", ())
        models = [self.declared[name].sources for name in names if name in self.declared]
        return {file: one for of in (files_of(axes.get("family", ()), names), *models) for file, one in of.items()}

    def fingerprint(self, stage: str) -> str:
        """For the stages that gather all jobs: changes when the study does, code of other packages that it names, or a
        revision up to this stage. What such a stage has made is of this study as it is now if it has the same."""
        if self.whole:
            return self.whole.fingerprint(stage)
        found = self.of_cube or self._of_jobs()
        for one in (one for one in STAGES if one.gathers):
            if not (self.of_cube and one.name == "cube"):
                found = digest([found, *one.revisions(self.document.data is not None)])
            if one.name == stage:
                return found
        raise KeyError(stage)

    def _of_jobs(self) -> str:
        """Changes when any of what jobs make does."""
        of = self.document.data is not None
        revisions = [r for one in STAGES if not one.gathers and _has(one.name, True, self.document)
                     for r in one.revisions(of)]  # fmt: skip
        grids = (self.axes, *self.blocks.values())
        code = [code_of(axes.get("family", ()), axes.get("network", ())) for axes in grids]
        models = [
            {name: one.identity for name, one in self.declared.items() if name in axes.get("network", ())}
            for axes in grids
        ]
        code.append(self.document.dimension.code if self.document.dimension else {})
        return digest([self.hash, revisions, *filter(None, code), *filter(None, models)])


def load(path: Path | str, run: bool = True) -> Study:
    """Read and check a study file. run: whether it may be run, for which networks of other packages have to be there.
    Raises InputError."""
    if not isinstance(path, str | Path) or not str(path) or "\0" in str(path):
        raise InputError(key="path", value=path, allowed="should be the path of a study file")
    path = Path(path)
    found = read_document(path, run)
    study = Study(path, found.document, found.axes, found.blocks)
    check_study(study, run, found.mistakes)
    refuse(found.mistakes)
    return study
