"""Whose scores a study measures: how networks are trained, and models that are there already.

sections `train` and `scores` -> what changes their results
"""

import math
from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator

from scoregap.models import FORMATS, LEVELS, PREDICTS
from scoregap.models import SCHEDULES as CLOCKS
from scoregap.networks import (
    ADAM_BETA2,
    DECAYS,
    DRAWS,
    FRESH_NOISE,
    OPTIMISERS,
    PRECONDITIONINGS,
    PRODUCTS,
    SCHEDULES,
    TARGETS,
    VP_MOST_NOISE,
)
from scoregap.study.values import Count, Matching, Positive, Proportion, Range, Section, Size, one_of


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
        one_of(PRECONDITIONINGS),
        Field(
            description="what the network predicts: `edm` (Karras et al. 2022), `epsilon` (the noise), `x0` (the "
            "clean point), or `covariance` (what the Gaussian with the covariance of some training points leaves)"
        ),
    ] = "edm"
    covariance_points: Annotated[
        int, Field(ge=2, le=10**7, description="training points of which `covariance` has its covariance")
    ] = 65536
    own_below: Annotated[
        float,
        Field(
            ge=0,
            allow_inf_nan=False,
            description="noise variance below which the loss of `covariance` weighs errors along every principal axis "
            "by that axis alone, so that axes of little variance are learned sooner; above it by the mean of all, too",
        ),
    ] = 0.0
    target: Annotated[
        str,
        one_of(TARGETS),
        Field(
            description="what networks regress on: `sample`, the clean point, or `posterior`, its exact mean given the "
            "noisy one, for families that know it: the same optimum, reached without the noise of the target"
        ),
    ] = "sample"
    draws: Annotated[
        str,
        one_of(DRAWS),
        Field(
            description="of a batch: `independent`, or `antithetic`, half as many points, each with noise w and -w, "
            "which makes gradients less noisy"
        ),
    ] = "independent"
    noise_draws: Annotated[
        Annotated[int, Field(ge=1, le=10**4)] | Annotated[str, one_of((FRESH_NOISE,))],
        Field(
            description="draws of the noise w for every training point, the same in all steps; `fresh`: noise is drawn "
            "anew without end"
        ),
    ] = FRESH_NOISE
    record: Annotated[
        str,
        one_of(("loss", "position")),
        Field(
            description="what is kept of each of the 24 evaluations: `loss` and excess, or also the `position` between "
            "the exact and the empirical score at noisy training points, of one training at many steps"
        ),
    ] = "loss"
    schedule: Annotated[
        str,
        one_of(SCHEDULES),
        Field(
            description="`ve`: noise flat in log t; `vp`: flat in the time of the linear-beta process, t up to 23,155"
        ),
    ] = "ve"
    optimiser: Annotated[str, one_of(OPTIMISERS), Field(description="Adam or RAdam")] = "adam"
    beta2: Annotated[Proportion, Field(description="of Adam: what a step keeps of the mean squared gradients")] = (
        ADAM_BETA2
    )
    products: Annotated[
        str,
        one_of(PRODUCTS),
        Field(
            description="of matrices, on a CPU: as `torch` makes them, or by `onednn`, in half the time on AMD, with "
            "other last bits"
        ),
    ] = "torch"
    decay: Annotated[str, one_of(DECAYS), Field(description="of the learning rate: `cosine` to zero, or `none`")] = (
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
        Matching(r"auto|cpu|cuda(:[0-9]+)?", "auto, cpu, cuda or cuda:K"),
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
            "noise_draws": self.noise_draws != FRESH_NOISE,
            "record": self.record != "loss",
            "covariance_points": self.preconditioning == "covariance",
            "own_below": self.preconditioning == "covariance" and self.own_below > 0,
            "beta2": self.optimiser == "adam" and self.beta2 != ADAM_BETA2,
            "products": self.products != "torch",
        }
        return frozenset(key for key, is_read in read.items() if not is_read)

    @property
    def most_noise(self) -> float:
        """The largest noise variance that the schedule has."""
        return VP_MOST_NOISE if self.schedule == "vp" else math.inf


class Declaration(Section):
    """A model that is there already: a value of the axis network by its name."""

    model_config = ConfigDict(serialize_by_alias=True)

    source: Annotated[str, one_of(FORMATS), Field(alias="from", description="format of the model")]
    path: Annotated[
        str,
        Field(
            min_length=1,
            description="file or folder, beside the study; `MODULE:NAME` of a `callable`, or of an `edm` network",
        ),
    ]
    predicts: Annotated[
        Annotated[str, one_of(PREDICTS)] | None,
        Field(
            description="what the output is: `x0` (E[x_0|x]), `epsilon` (the noise w), `v` (alpha w - sigma x_0), "
            "`velocity` (w - x_0), or `score`; if not given, what its own files say, or else `x0` (of `diffusers` "
            "it has to be given then)"
        ),
    ] = None
    schedule: Annotated[
        Annotated[str, one_of(CLOCKS)] | None,
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
        one_of(LEVELS),
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
