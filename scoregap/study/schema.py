"""What may be written in a study file.

study.yaml -> Document (typed sections) and axis values, or an InputError of one line: file, key, value, allowed

Light, as `scoregap.study`: Snakemake parses studies.

Over 400 lines, as half of them describe keys, which the reference and editors show.
"""

import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import GenericAlias, NoneType
from typing import Annotated, Any, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    WrapValidator,
    model_validator,
)
from pydantic_core.core_schema import no_info_after_validator_function

from scoregap import LONGEST, InputError, brief, data, dotted, networks, plugins
from scoregap.data import FAMILIES, SETTINGS
from scoregap.laws import LEAST_SHARE, VARIANCE_LAWS
from scoregap.measure import DATA_ESTIMATORS, DIFFERENCES, SCORE_ESTIMATORS
from scoregap.models import FORMATS, LEVELS, PREDICTS, Declared
from scoregap.models import SCHEDULES as CLOCKS
from scoregap.networks import (
    DECAYS,
    DRAWS,
    NETWORKS,
    OPTIMISERS,
    PRECONDITIONINGS,
    SCHEDULES,
    TARGETS,
    VP_MOST_NOISE,
    is_name,
)
from scoregap.scores import EXACT, KINDS, UNTRAINED
from scoregap.study.yaml_file import read_yaml

# In the order of the last fields of a `Cell`.
SECTIONS = ("manifold", "data", "train", "spectrum", "dimension", "sampling", "fit", "compare")
SECTIONS_WITH_AXES = ("manifold", "train", "fit")  # not spectrum: the cells of a cube share its times and points
SHORT = {"dataset_size": "data.dataset_size", "class": "data.label"}  # axes of data, and where they point
NO_AXIS = ("train.device",)  # changes no result
ALL = "all"  # in the path of an axis: every member of a list, as manifold.groups.all.width
MOST_SEEDS = 100_000  # of a count
KEPT = ("baselines", "benchmarks", "findings")  # folders beside those of studies, of what is kept of runs
AXES = ("family", "ambient_dim", "manifold_dim", "curvature", "network", "seed")
DATA_AXES = ("network", "seed")  # of a study with data of its own

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Variance = Annotated[float, Field(ge=1e-20, le=1e20, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=10**9)]
Size = Annotated[int, Field(ge=1, le=10**5)]  # of arrays that are held in memory
Proportion = Annotated[float, Field(gt=0, lt=1)]
Width = Annotated[float, Field(ge=LEAST_SHARE, lt=1)]  # or a share of one


@dataclass(frozen=True)
class _Matching:
    """A text that a pattern matches whole, or one of a few names, or either."""

    pattern: str
    allowed: str
    names: tuple[str, ...] = ()

    def _check(self, text: str) -> str:
        if text not in self.names and not re.fullmatch(self.pattern, text):
            raise ValueError(f"should be {self.allowed}")
        return text

    def __get_pydantic_core_schema__(self, source, handler):
        return no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, core, handler):
        names, pattern = {"enum": list(self.names)}, {"pattern": f"^({self.pattern})$"}
        if self.names and self.pattern:
            return handler(core) | {"anyOf": [names, pattern]}
        return handler(core) | (names if self.names else pattern)


def _one_of(names, pattern: str = "", also: str = "") -> _Matching:
    return _Matching(pattern, f"one of {', '.join(names)}{also}", tuple(names))


_UNIQUE: dict[str, Any] = {"uniqueItems": True}  # what `_distinct` is in JSON Schema


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

    def identity(self, unread: frozenset[str]) -> dict[str, Any]:
        """What results that read the section depend on: it, without some of its fields."""
        return self.model_dump(exclude=set(unread))

    def as_json(self, unread: frozenset[str]) -> str:
        """Canonical text of `identity`; made once, since many cells share a section."""
        if unread not in self._texts:
            content = self.identity(unread)
            self._texts[unread] = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return self._texts[unread]


class Group(Section):
    """A variance group: its share of the latents, and the standard deviation of its entries of F.

    In a mixture, a component, whose dimension is that fraction of manifold_dim.
    """

    fraction: Annotated[float, Field(gt=0, le=1, description="share of the latents")]
    std: Annotated[
        float,
        Field(ge=1e-9, le=1e9, allow_inf_nan=False, description="of the entries of F, whose variance is std^2 / m"),
    ]
    bend: Annotated[
        float, Field(ge=0, le=100, description="curvature of the group, in units of the axis curvature")
    ] = 1.0
    law: Annotated[
        str, _one_of(VARIANCE_LAWS), Field(description="how the variances of its columns spread about std^2")
    ] = "constant"
    width: Annotated[float, Field(ge=0, allow_inf_nan=False, description="of that law")] = 0.0
    weight: Annotated[float, Field(gt=0, le=1e9, description="share of the data, in a mixture")] = 1.0


class Manifold(Section):
    """The variance groups of the latents, and what else makes a manifold of its family."""

    groups: Annotated[list[Group], Field(min_length=1, description="variance groups, or components of a mixture")]
    frame: Annotated[
        str, _one_of(SETTINGS["frame"]), Field(description="random F, or orthonormal columns of the same lengths")
    ] = "random"
    sign: Annotated[
        str, _one_of(SETTINGS["sign"]), Field(description="of the scalar curvature of a quadratic manifold")
    ] = "random"
    separation: Annotated[float, Field(ge=0, le=1e6, description="of the means of a mixture's components")] = 0.0
    dataset_size: Annotated[
        Annotated[int, Field(ge=2, le=10**7)] | None,
        Field(
            description="points of the training set, the same for `empirical` and all networks of a seed; without it "
            "networks see fresh points without end"
        ),
    ] = None

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


Interval = Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=2, max_length=2)]
Sha256 = Annotated[str, _Matching("[0-9a-f]{64}", "64 hexadecimal digits, as scoregap writes them")]


class Data(Section):
    """Points of a file, instead of `manifold` and the axes of families: nothing is known of them but what they say."""

    source: Annotated[
        str,
        Field(
            min_length=1,
            description="`PATH.npy`, `PATH.npz:KEY` or `PATH.zarr`, an array (N, ...) of N points, the path from the "
            "study's folder; or `digits`, those of scikit-learn",
        ),
    ]
    range: Annotated[
        Interval | None,
        Field(
            description="what the full scale of the values becomes, as `[-1, 1]`; without it values are taken as they "
            "are"
        ),
    ] = None
    full_scale: Annotated[
        Interval | None,
        Field(
            description="the values that become `range`; if not given, 0 to 255 of 8-bit and 0 to 65535 of 16-bit "
            "unsigned integers, 0 to 1 of booleans, 0 to 16 of `digits`; all others have to say it"
        ),
    ] = None
    held_out: Annotated[Proportion, Field(description="share of the points that nothing is trained on")] = 0.15
    pool: Annotated[int, Field(ge=1, le=1000, description="side of the squares of pixels that are averaged")] = 1
    labels: Annotated[
        str | None,
        Field(description="of the points, whole numbers (N,), as `source`; those of `digits` need not be given"),
    ] = None
    dataset_size: Annotated[
        Annotated[int, Field(ge=2, le=10**7)] | Annotated[str, _one_of(("fresh",))],
        Field(
            description="points of the training part that `empirical` and networks are given, those of a smaller set "
            "among those of a larger; `fresh`: all; the axis `dataset_size`"
        ),
    ] = "fresh"
    label: Annotated[
        int | Annotated[str, _one_of(("all",))],
        Field(description="the class whose points the data are, or `all`; the axis `class`"),
    ] = "all"
    sha256: Annotated[
        Sha256 | None,
        Field(description="of the array; a file with another is refused. Filled in where results say what study it is"),
    ] = None
    labels_sha256: Annotated[Sha256 | None, Field(description="of the labels, likewise")] = None
    shape: Annotated[
        list[Annotated[int, Field(ge=1)]] | None, Field(min_length=1, description="of a point, likewise")
    ] = None

    @property
    def dim(self) -> int:
        """d, coordinates of a point; known once `read_document` has looked at the file."""
        assert self.shape is not None
        return math.prod(self.shape)

    def identity(self, unread: frozenset[str]) -> dict[str, Any]:
        """What the points are, wherever they lie; labels, where a class is asked for."""
        of_class = set() if self.label != ALL else {"labels_sha256"}
        return super().identity(unread | {"source", "labels"} | of_class)


class Range(Section):
    """From start to stop; for noise these are variances t, which float32 must hold."""

    start: Annotated[Variance, Field(description="the smallest noise variance")]
    stop: Annotated[Variance, Field(description="the largest noise variance")]


class Times(Range):
    """count noise variances, equally spaced in log t."""

    count: Annotated[int, Field(ge=8, le=10**4, description="how many, both ends among them")]

    @property
    def values(self):
        """(count,) those noise variances, ascending, float64."""
        from numpy import geomspace

        return geomspace(self.start, self.stop, self.count)


class Noise(Range):
    """Noise of training: flat in the clock of the schedule, with a share of the draws in a narrower range."""

    focus: Annotated[Range | None, Field(description="a narrower range")] = None
    share: Annotated[Proportion, Field(description="of the draws, in the range focus")] = 0.3


class Train(Section):
    """How networks are trained: shared noise levels, averaged weights. Needed if the study has networks to train."""

    steps: Annotated[Count, Field(description="optimiser steps")]
    levels: Annotated[Size, Field(description="noise levels per step, shared by `samples` points each")]
    samples: Annotated[Size, Field(description="points per noise level")]
    depth: Annotated[int, Field(ge=1, le=100, description="blocks of all networks with a width")] = 3
    learning_rate: Annotated[Positive, Field(description="the largest, after the warm-up")] = 4e-3
    preconditioning: Annotated[
        str,
        _one_of(PRECONDITIONINGS),
        Field(
            description="what the network predicts: `edm` (Karras et al. 2022), `epsilon` (the noise), `x0` (the "
            "clean point), or `covariance` (what the Gaussian with the covariance of some training points leaves)"
        ),
    ] = "edm"
    covariance_points: Annotated[
        int, Field(ge=2, le=10**7, description="training points of which `covariance` has its covariance")
    ] = 65536
    target: Annotated[
        str,
        _one_of(TARGETS),
        Field(
            description="what networks regress on: `sample`, the clean point, or `posterior`, its exact mean given the "
            "noisy one, for families that know it: the same optimum, reached without the noise of the target"
        ),
    ] = "sample"
    draws: Annotated[
        str,
        _one_of(DRAWS),
        Field(
            description="of a batch: `independent`, or `antithetic`, half as many points, each with noise w and -w, "
            "which makes gradients less noisy"
        ),
    ] = "independent"
    schedule: Annotated[
        str,
        _one_of(SCHEDULES),
        Field(
            description="`ve`: noise flat in log t; `vp`: flat in the time of the linear-beta process, t up to 23,155"
        ),
    ] = "ve"
    optimiser: Annotated[str, _one_of(OPTIMISERS), Field(description="Adam or RAdam")] = "adam"
    decay: Annotated[str, _one_of(DECAYS), Field(description="of the learning rate: `cosine` to zero, or `none`")] = (
        "cosine"
    )
    warmup: Annotated[float, Field(ge=0, lt=1, description="share of the steps in which the rate rises")] = 0.05
    ema: Annotated[Proportion, Field(description="share of the steps that the average of the weights remembers")] = 0.02
    patience: Annotated[
        Annotated[int, Field(ge=1)] | None,
        Field(
            description="a member whose held-out loss has not fallen for so many of the 24 evaluations stops; its "
            "weights are those of the best one"
        ),
    ] = None
    noise: Annotated[Noise, Field(description="noise variances of the draws")]
    device: Annotated[
        str,
        _Matching(r"auto|cpu|cuda(:[0-9]+)?", "auto, cpu, cuda or cuda:K"),
        Field(
            description="`auto`: a free GPU, the CPU where there is none; `cpu`; `cuda`: a free GPU; `cuda:K`; changes "
            "no result's identity"
        ),
    ] = "auto"

    def identity(self, unread: frozenset[str]) -> dict[str, Any]:
        """Networks of epsilon and x0 saw points of more than unit variance once: those are other results."""
        now = {"inputs": "unit variance"} if self.preconditioning in ("epsilon", "x0") else {}
        return super().identity(unread | self.unread) | now

    @property
    def unread(self) -> frozenset[str]:
        """Keys that change no result as the others are."""
        read = {
            "target": self.target != "sample",
            "draws": self.draws != "independent",
            "covariance_points": self.preconditioning == "covariance",
        }
        return frozenset(key for key, is_read in read.items() if not is_read)

    @property
    def most_noise(self) -> float:
        """The largest noise variance that the schedule has."""
        return VP_MOST_NOISE if self.schedule == "vp" else math.inf


class Spectrum(Section):
    """Where and how spectra are measured; all cells of a study share it."""

    times: Annotated[Times, Field(description="noise variances of the spectra, inside the trained noise")]
    points: Annotated[Size, Field(ge=2, description="noisy points per noise variance")]
    sampling: Annotated[
        str,
        _one_of(("forward", "reverse")),
        Field(
            description="points `forward`: x_0 + sqrt(t) w; or `reverse`: along the score's own trajectory from the "
            "largest t (probability-flow ODE; tangents are then known for flat families only, no mixtures)"
        ),
    ] = "forward"
    method: Annotated[
        str,
        _one_of(("exact", *DIFFERENCES)),
        Field(
            description="Jacobians `exact`, or of closed forms and networks alike by `central` or `one-sided` finite "
            "differences"
        ),
    ] = "exact"
    step: Annotated[
        Annotated[float, Field(ge=1e-6, le=1)] | None,
        Field(
            description="of finite differences, as a share of sqrt(t); "
            + " and ".join(f"{step:g} for `{method}`" for method, step in DIFFERENCES.items())
            + " if not given"
        ),
    ] = None

    points_from: Annotated[
        str,
        _one_of(("held-out", "training")),
        Field(description="of data from a file: which part the points are of"),
    ] = "held-out"

    def identity(self, unread: frozenset[str]) -> dict[str, Any]:
        """Without the part at its default: families have none."""
        return super().identity(unread | ({"points_from"} if self.points_from == "held-out" else set()))

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
        Field(min_length=1, json_schema_extra=_UNIQUE, description="which estimators, of the score and of clean data"),
        AfterValidator(_distinct),
    ]
    times: Annotated[Times, Field(description="noise variances at which they are given the score")]
    points: Annotated[Size, Field(description="points at which they are given the score")] = 4
    draws: Annotated[int, Field(ge=2, le=1000, description="score vectors per coordinate of `normal_bundle`")] = 4
    probes: Annotated[Size, Field(description="random vectors of `slq_count` and `flipd_hutchinson`")] = 10
    lanczos_steps: Annotated[Size, Field(description="products of each random vector of `slq_count`")] = 10
    data_points: Annotated[
        Size,
        Field(
            ge=20,
            description="clean points of the estimators that see no score (made in the cells of `exact`, which the "
            "study must have)",
        ),
    ] = 2500
    neighbours: Annotated[Size, Field(ge=2, description="of a point, in `local_pca`")] = 100

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

    switches: Annotated[Times, Field(description="noise variances at which the score of samples changes hands")]
    points: Annotated[int, Field(ge=2, le=4096, description="samples, the same starts for all")] = 256
    ratio: Annotated[
        float, Field(gt=1, le=2, description="largest ratio of two noise variances a step of the sampler apart")
    ] = 1.1


class Fit(Section):
    """How gaps and phase times are read off spectra."""

    level: Annotated[Width, Field(description="share of its maximum at which a gap opens and closes")] = 0.5
    significance: Annotated[
        Proportion, Field(description="of gaps found blind: probability of any where there is none")
    ] = 0.05
    visibility: Annotated[Width, Field(description="width from which a gap found blind counts as visible")] = 0.1
    alignment: Annotated[
        Proportion,
        Field(
            description="mean cosine from which a group counts as aligned; .95 because the Gaussian's directions, the "
            "same everywhere, reach .84 to .90 on arcs of curvature 0.5"
        ),
    ] = 0.95
    resamples: Annotated[
        int, Field(ge=50, le=10**5, description="of the bootstrap over points within a seed, of both methods")
    ] = 200
    confidence: Annotated[Proportion, Field(description="of the bootstrap intervals over points")] = 0.95


class Margins(Section):
    """Per phase time, the largest relative difference from `exact`, up or down, that still agrees with theory."""

    t_open: Annotated[Positive, Field(description="of the time at which the gap opens")]
    t_max: Annotated[Positive, Field(description="of the time at which the gap is widest")]
    t_close: Annotated[Positive, Field(description="of the time at which the gap closes")]
    t_consolidation: Annotated[Positive, Field(description="of the time at which the final gap rises through one half")]


class Compare(Section):
    """Margins of agreement with theory, the confidence of intervals over seeds, and what `check` must find."""

    flat: Annotated[Margins, Field(description="margins where the curvature is 0")]
    curved: Annotated[Margins, Field(description="margins where it is not")]
    confidence: Annotated[Proportion, Field(description="of the Student interval over seeds")] = 0.9
    require: Annotated[
        list[Annotated[str, _one_of(("baseline", "theory"))]],
        Field(
            min_length=1, json_schema_extra=_UNIQUE, description="what `scoregap check` must find for its exit status"
        ),
        AfterValidator(_distinct),
    ] = ["baseline"]


class Declaration(Section):
    """A model that is there already: a value of the axis network by its name."""

    model_config = ConfigDict(serialize_by_alias=True)

    source: Annotated[str, _one_of(FORMATS), Field(alias="from", description="format of the model")]
    path: Annotated[
        str,
        Field(
            min_length=1,
            description="file or folder, beside the study; `MODULE:NAME` of a `callable`, or of an `edm` network",
        ),
    ]
    predicts: Annotated[
        Annotated[str, _one_of(PREDICTS)] | None,
        Field(
            description="what the output is: `x0` (E[x_0|x]), `epsilon` (the noise w), `v` (alpha w - sigma x_0), "
            "`velocity` (w - x_0), or `score`; if not given, what its own files say, or else `x0`"
        ),
    ] = None
    schedule: Annotated[
        Annotated[str, _one_of(CLOCKS)] | None,
        Field(
            description="what the model sees and is told: `ve`, x_0 + sqrt(t) w and t; `sigma`, likewise and sqrt(t); "
            "`edm`, that preconditioning; `flow`, (1 - u) x_0 + u w and u; or a step of DDPM's `linear`, "
            "`scaled_linear` or `cosine` betas; if not given, what its own files say, or else `ve`"
        ),
    ] = None
    steps: Annotated[int, Field(ge=2, le=10**6, description="of a schedule of betas")] = 1000
    betas: Annotated[
        tuple[Proportion, Proportion] | None, Field(description="the first and the last of such a schedule")
    ] = None
    sigma_data: Annotated[float, Field(gt=0, allow_inf_nan=False, description="of the schedule `edm`")] = 0.5
    levels: Annotated[
        str,
        _one_of(LEVELS),
        Field(
            description="of a model that knows some noise variances only: `own`, it is measured at the nearest of them "
            "(cube: `time_used`); `interpolate`, at t itself, told a fraction of a step"
        ),
    ] = "own"
    shape: Annotated[
        tuple[Size, ...] | None,
        Field(description="of a point, as [3, 32, 32], if it is not [ambient_dim] and no file of its own says it"),
    ] = None
    label: Annotated[
        Annotated[int, Field(ge=0)] | None, Field(alias="class", description="class that a conditional model is told")
    ] = None
    weights: Annotated[
        Annotated[str, Field(min_length=1)] | None,
        Field(description="file `.safetensors` of the module that `path` gives when it is called"),
    ] = None
    trusted: Annotated[
        bool, Field(description="whether what the format would run may be run: code, or what a file unpickles")
    ] = False

    @property
    def given(self) -> set[str]:
        """The keys that the study says."""
        return {type(self).model_fields[name].alias or name for name in self.model_fields_set}

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, content) -> Any:
        """YAML has no tuples, which are hashable."""
        if isinstance(content, dict):
            return {key: tuple(one) if isinstance(one, list) else one for key, one in content.items()}
        return content


ScoreName = Annotated[str, _Matching(r"[a-z][a-z0-9_-]{0,31}", "lower-case letters, digits, _ and -, at most 32")]
BlockName = Annotated[str, _Matching(r"[a-z][a-z0-9_]{0,31}", "lower-case letters, digits and _, at most 32")]


class Document(Section):
    """A study of scoregap: a grid of cells, and a section for every stage."""

    study: Annotated[
        str,
        _Matching(
            rf"(?!(?:{'|'.join(KEPT)})$)[a-z][a-z0-9_-]{{0,63}}",
            f"lower-case letters, digits, - and _, at most 64, and none of {', '.join(KEPT)}",
        ),
        Field(description="name of the study, and of its folder of results"),
    ]
    axes: Annotated[
        dict[str, Any], Field(description="every key is one dimension of the cube, in this order, with its values")
    ]
    blocks: Annotated[
        dict[BlockName, dict[str, Any]],
        Field(
            description="several grids in one study, by name, each with some axes otherwise than in `axes`; a group of "
            "the cube and a folder of figures each; cells that they share are computed once. A block of `exact` with a "
            "larger `seed` gives the claims more draws than networks are trained on"
        ),
    ] = {}
    batch: Annotated[
        list[str] | None,
        Field(
            description="axes whose cells share a process and a file; only new cells are computed when one grows. If "
            "not given: `[seed]` where networks are trained, and otherwise all axes but family, dimensions and network"
        ),
    ] = None  # where the study does not say: `Study.batch`
    trusted: Annotated[
        bool,
        Field(
            description="whether the study may run code that it names by its path, as the network `MODULE:CLASS`, "
            "of a module that is installed or lies beside it; what installed packages offer needs no trust"
        ),
    ] = False
    scores: Annotated[
        dict[ScoreName, Declaration],
        Field(description="scores of models that are there already, by name: values of the axis network"),
    ] = {}
    manifold: Annotated[Manifold | None, Field(description="what the data are, of a family; needed without `data`")] = (
        None
    )
    data: Annotated[Data | None, Field(description="whose points the data are, instead of `manifold`")] = None
    train: Annotated[Train | None, Field(description="how networks are trained")] = None
    spectrum: Annotated[Spectrum, Field(description="where and how spectra are measured")]
    dimension: Annotated[
        Dimension | None,
        Field(description="estimators of the dimension to compare; without the section there is no such stage"),
    ] = None
    sampling: Annotated[
        Sampling | None,
        Field(
            description="samples whose score changes hands; without the section there is no such stage; families with "
            f"a known nearest point: {', '.join(f'`{name}`' for name, one in FAMILIES.items() if one.nearest)}"
        ),
    ] = None
    fit: Annotated[Fit, Field(description="how gaps and phase times are read off spectra")] = Fit()
    compare: Annotated[Compare | None, Field(description="margins of agreement with theory; with `manifold`")] = None


def _networks() -> _Matching:
    sized = [family for family, network in NETWORKS.items() if network.has_width]
    bare = [*UNTRAINED, *(family for family in NETWORKS if family not in sized)]
    own = rf"({'|'.join(sized)})-{_WIDTH}"
    return _one_of(
        bare,
        rf"{own}|({plugins.NAME})(-{_WIDTH})?",
        f", or with a width {', '.join(sized)}, as gated-64, or of another package, as PACKAGE.NAME-64",
    )


_WIDTH = "[1-9][0-9]{0,4}"


def _number_or_share(value: Any, read: Callable[[Any], Any]) -> Any:
    """A value of a union, or one message instead of one per member of it."""
    try:
        return read(value)
    except ValidationError:
        raise ValueError(
            "should be a whole number from 1 to 10^9, or a share of ambient_dim, above 0 and below 1"
        ) from None


class Axis(Section):
    """Allowed values of the axes that every study has."""

    family: Annotated[
        str,
        _one_of(FAMILIES, plugins.NAME, ", or of another package, PACKAGE.NAME"),
        Field(description="what the data lie on; also families of other packages, as `PACKAGE.NAME`"),
    ]
    ambient_dim: Annotated[int, Field(ge=2, le=100_000, description="dimension of the data space, d")]
    manifold_dim: Annotated[
        Count | Proportion,
        WrapValidator(_number_or_share),
        Field(description="dimension of the manifold, m; below 1 a share of d"),
    ]
    # At 100 a typical latent is wrapped round 16 times.
    curvature: Annotated[
        float,
        Field(
            ge=0,
            le=100,
            allow_inf_nan=False,
            description="dimensionless: at 1 a typical latent of the largest group is bent by one radian",
        ),
    ]
    network: Annotated[
        str,
        _networks(),
        Field(
            description="`exact`, `gaussian`, `empirical` (the score of `dataset_size` points), or a trained network: "
            + ", ".join(f"`{name}-64`" for name, one in NETWORKS.items() if one.has_width)
            + " at any width, "
            + ", ".join(f"`{name}`" for name, one in NETWORKS.items() if not one.has_width)
            + "; also networks of other packages, as `PACKAGE.NAME-64` or `PACKAGE.MODULE:CLASS-64`"
        ),
    ]
    seed: Annotated[
        int, Field(ge=0, lt=2**63, description="a count, or a list; each seed has its own F, data and weights")
    ]


def latents(manifold_dim: int | float, ambient_dim: int) -> int:
    """m of a value of the axis manifold_dim: a number of latents, or a share of ambient_dim."""
    return manifold_dim if isinstance(manifold_dim, int) else max(1, round(manifold_dim * ambient_dim))


def read_document(path: Path, run: bool = True) -> tuple[Document, dict[str, tuple], dict[str, dict[str, tuple]]]:
    """The document of a study file, the values of its axes and those of its blocks, each checked on its own.

    run: as for `load`. Raises InputError.
    """
    content = read_yaml(path)
    if not isinstance(content, dict):
        keys = some(Document.model_fields)
        raise InputError("is not a study", file=path, allowed=f"allowed is a mapping with {keys}")
    document = _validated(path, "", Document, content)
    needed = _needed(path, document)
    axes = {axis: _axis_values(path, document, "axes", axis, values) for axis, values in document.axes.items()}
    for axis in needed:
        if axis not in axes:
            raise InputError(
                f"key {axis!r} is missing", file=path, key="axes", allowed=f"needed are {', '.join(needed)}"
            )
    blocks: dict[str, dict[str, tuple]] = {}
    for name, own in document.blocks.items():
        for axis in own:
            if axis not in axes:
                raise InputError(
                    "unknown axis", file=path, key=f"blocks.{name}.{axis}", allowed=f"allowed are {some(axes)}"
                )
        blocks[name] = {
            axis: _axis_values(path, document, f"blocks.{name}", axis, values) for axis, values in own.items()
        }
    _admit_scores(path, document, run)
    for where, values in (("axes", axes), *((f"blocks.{name}", own) for name, own in blocks.items())):
        _admit(path, where, values if run else values | {"network": ()}, document.trusted and run)
    return _looked_up(path, document, run), axes, blocks


def _needed(path: Path, document: Document) -> tuple[str, ...]:
    """The axes that a study must have: of families, or of data of its own. Raises InputError for what is of the other
    kind, and for a section that its kind needs."""
    if document.data is None:
        for key in ("manifold", "compare"):
            if getattr(document, key) is None:
                raise InputError("is missing", file=path, key=key)
        return AXES
    for key in ("manifold", "sampling", "compare"):
        if getattr(document, key) is not None:
            raise InputError(
                "is not allowed", file=path, key=key, allowed="of data nothing is known to compare with: a study has "
                f"either data or manifold and {key}" if key != "manifold" else "a study has either manifold or data",
            )  # fmt: skip
    for axis in document.axes:
        if axis in AXES and axis not in DATA_AXES:
            raise InputError(
                "is not allowed", file=path, key=f"axes.{axis}", allowed="it is of families, and the study has data: "
                f"its axes are {', '.join((*DATA_AXES, *SHORT))}, or the path of a number or a text in train or fit",
            )  # fmt: skip
    return DATA_AXES


def _looked_up(path: Path, document: Document, run: bool) -> Document:
    """The document with what its file of data is. run: as for `load`; else what the study says of it is enough."""
    own = document.data
    if own is None or (not run and own.shape is not None):
        return document
    try:
        found = table(own, path.parent)
    except InputError as error:
        raise error.at(error.key, path) from None
    known = {"sha256": found.sha256, "labels_sha256": found.labels_sha256 or None, "shape": list(found.shape)}
    for key, value in known.items():
        if (written := getattr(own, key)) not in (None, value):
            raise InputError(
                file=path, key=f"data.{key}", value=written, allowed=f"{own.source} has changed, or is another: it has "
                f"{value}",
            )  # fmt: skip
    return document.model_copy(update={"data": own.model_copy(update=known)})


def table(of: Data, folder: Path):
    """The `scoregap.data.points.Table` of a section `data` of a study in this folder. Raises InputError."""
    from scoregap.data import points  # with numpy, which only studies with data need

    bounds, full = (None if one is None else (one[0], one[1]) for one in (of.range, of.full_scale))
    for key, ends in (("range", bounds), ("full_scale", full)):
        if ends and not ends[0] < ends[1]:
            raise InputError(key=f"data.{key}", value=list(ends), allowed="should be [low, high], low < high")
    return points.table(of.source, folder, points.Form(bounds, full, of.pool), of.labels)


def _admit(path: Path, where: str, axes: dict[str, tuple], trusted: bool) -> None:
    """Find the code of other packages that axes name; of families it is run."""
    for axis, found in (("family", data.admit), ("network", lambda name: plugins.digest(networks.import_path(name)))):
        for name in filter(plugins.is_outside, axes.get(axis, ())):
            if plugins.is_path(name):
                if not trusted:
                    raise InputError(
                        f"{brief(name)} is code that would be run", file=path, key=f"{where}.{axis}", value=name,
                        allowed="allowed in a study that says trusted: true",
                    )  # fmt: skip
                plugins.look_in(path.resolve().parent)
            try:
                found(name)
            except InputError as error:
                raise InputError(file=path, key=f"{where}.{axis}", value=name, allowed=error.allowed) from None


def _admit_scores(path: Path, document: Document, run: bool) -> None:
    """Look at the scores that a study declares, if it is to be run. Nothing of theirs is run here."""
    for name, settings in document.scores.items():
        if name in KINDS or is_name(name):
            raise InputError(
                file=path, key=("scores", name), value=name, allowed="it is the name of a score that is known already"
            )
        if run:
            Declared(path, name, settings).check()


def code_of(families: Iterable[str], network_names: Iterable[str]) -> dict[str, str]:
    """Hashes of the code of other packages, by axis, as JSON: results depend on it. Nothing where there is none."""
    paths = {
        "family code": [
            where
            for name in families
            if plugins.is_outside(name)
            for where in (plugins.path(name, plugins.FAMILIES), FAMILIES[name].where)
        ],
        "network code": [networks.import_path(name) for name in network_names if plugins.is_outside(name)],
    }
    return {key: json.dumps([plugins.digest(one) for one in found]) for key, found in paths.items() if found}


def some(names) -> str:
    """The first names of a list, for a message."""
    names = [name if len(name) <= LONGEST else brief(name) for name in map(str, names)]
    return ", ".join(names[:12]) + (f", ... ({len(names)} in all)" if len(names) > 12 else "")


def _validated(path: Path, prefix: str, model, content) -> Any:
    """content as `model`, its first mistake as one line."""
    try:
        config = None if isinstance(model, type) and issubclass(model, BaseModel) else ConfigDict(strict=True)
        return TypeAdapter(model, config=config).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        of_key = "[key]" in first["loc"] or first["type"] == "invalid_key"
        loc = [part for part in first["loc"] if part not in ("function-after", "[key]")]
        loc = loc[:-1] if of_key else loc
        if first["type"] == "extra_forbidden":
            owner = model
            for part in loc[:-1]:
                owner = _field_model(owner, part)
            known = [field.alias or name for name, field in owner.model_fields.items()]
            problem, allowed = "unknown key", f"allowed are {some(known)}"
        elif first["type"] == "missing":
            problem, allowed = "is missing", ""
        else:
            message = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
            message = "should be a text" if first["type"] == "invalid_key" else message
            message = re.sub(r"valid dictionary( or instance of \w+)?", "mapping", message)
            hint = ""
            if isinstance(first["input"], str) and re.fullmatch(r"[-+]?[0-9.]+[eE][-+]?[0-9]+", first["input"]):
                hint = "; YAML reads this as text: write it with a point and a signed exponent, as 1.0e-3"
            problem, allowed = f"the name {brief(first['input'])} is not allowed" if of_key else "", f"{message}{hint}"
        if more:
            problem, allowed = (problem, allowed + more) if allowed else (problem + more, "")
        raise InputError(
            problem, file=path, key=prefix + dotted(tuple(loc)), value=first["input"], allowed=allowed
        ) from None


def _field_model(owner, part) -> Any:
    """The model of one field, seen through lists, mappings and optionals."""
    if part not in owner.model_fields:  # a place in a list, or a name in a mapping
        return owner
    annotation = owner.model_fields[part].annotation
    while not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        annotation = annotation.__args__[-1 if get_origin(annotation) is dict else 0]
    return annotation


def _axis_values(path: Path, document: Document, where: str, axis: str, values) -> tuple:
    """The values of an axis as cells have them, so that 1 and 1.0 are one value where a number is read as a float."""
    if axis == "seed" and isinstance(values, int) and not isinstance(values, bool):
        if not 1 <= values <= MOST_SEEDS:
            allowed = f"a count should be from 1 to {MOST_SEEDS}"
            raise InputError(file=path, key=f"{where}.seed", value=values, allowed=allowed)
        values = list(range(values))
    if not isinstance(values, list) or not values:
        also = " or a count" if axis == "seed" else ""
        raise InputError(file=path, key=f"{where}.{axis}", value=values, allowed=f"should be a non-empty list{also}")
    if axis == "network":
        own = [EXACT if isinstance(one, str) and one in document.scores else one for one in values]
        try:
            found = _validated(path, f"{where}.{axis}", GenericAlias(list, Axis.__annotations__[axis]), own)
        except InputError as error:
            also = f"; or one of scores: {some(document.scores)}" if document.scores else ""
            raise InputError(error.problem, file=path, key=error.key, value=error.value,
                             allowed=error.allowed + also) from None  # fmt: skip
        values = [one if value == EXACT else value for one, value in zip(values, found, strict=True)]
    elif axis in AXES:
        values = _validated(path, f"{where}.{axis}", GenericAlias(list, Axis.__annotations__[axis]), values)
    elif not (axis in SHORT and document.data) and (axis.split(".")[0] not in SECTIONS_WITH_AXES or "." not in axis):
        plain, sections = list(AXES), list(SECTIONS_WITH_AXES)
        if document.data:
            plain, sections = [*DATA_AXES, *SHORT], sections[1:]
        raise InputError(
            "unknown axis", file=path, key=f"{where}.{axis}",
            allowed=f"allowed are {', '.join(plain)}, or the path of a number or a text in {', '.join(sections)}, as "
            "train.steps",
        )  # fmt: skip
    elif not all(isinstance(value, (int, float, str)) and not isinstance(value, bool) for value in values):
        raise InputError(file=path, key=f"{where}.{axis}", value=values, allowed="should be numbers or texts")
    else:
        section, *rest = SHORT.get(axis, axis).split(".")
        values = [_at(resolve(path, document, section, {axis: value}), rest) for value in values]
    if len(set(values)) < len(values):
        twice = next(value for value in values if values.count(value) > 1)
        raise InputError(
            f"{brief(twice)} is not allowed twice", file=path, key=f"{where}.{axis}", value=twice,
            allowed="axis values should be distinct",
        )  # fmt: skip
    return tuple(values)


def resolve(path: Path, document: Document, section: str, changes: dict[str, Any]) -> Any:
    """One section of the cells at these values of the axes that point into it."""
    content = document.model_dump(include={section})
    if content[section] is None and not changes:
        return None
    taken: dict[tuple[int, str], str] = {}
    for axis, value in changes.items():
        for place, last in _places(path, content, axis):
            if (other := taken.setdefault((id(place), last), axis)) != axis:
                allowed = f"it points where the axis {other} does: should be one axis for a place in the study"
                raise InputError("is not allowed", file=path, key=f"axes.{axis}", allowed=allowed)
            place[last] = value
    where = "".join(f"axes.{axis} = {brief(value)}: " for axis, value in changes.items())
    return _validated(path, f"{where}{section}.", Document.model_fields[section].annotation, content[section])


def _index(part: str) -> int:
    """A place in a list. Raises ValueError for any other spelling, as +0, 00, 0_0 or -1."""
    if not re.fullmatch("0|[1-9][0-9]*", part):
        raise ValueError(part)
    return int(part)


def _at(section: Any, parts: list[str]) -> Any:
    """The value in a section at the path of an axis, of which it has one."""
    for part in parts:
        section = section[0 if part == ALL else int(part)] if isinstance(section, list) else getattr(section, part)
    return section


def _places(path: Path, content: dict[str, Any], axis: str) -> list[tuple[dict, str]]:
    """The mappings that an axis points into, and its key there."""
    *parents, last = SHORT.get(axis, axis).split(".")
    places: list = [content]
    try:
        for part in parents:
            if part == ALL and all(isinstance(place, list) for place in places):
                places = [inner for place in places for inner in place]
            else:
                places = [place[_index(part)] if isinstance(place, list) else place[part] for place in places]
        for place in places:
            if not isinstance(place[last], (int, float, str, NoneType)) or axis in NO_AXIS:
                raise KeyError(last)  # a section, or what changes no result
    except (KeyError, IndexError, ValueError, TypeError):
        raise InputError(
            "unknown axis", file=path, key=f"axes.{axis}", allowed="the study has no number or text there"
        ) from None
    return [(place, last) for place in places]
