"""What is measured of scores, and how it is compared with theory.

sections `spectrum`, `dimension`, `sampling`, `memorisation`, `fit` and `compare`
"""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from scoregap import plugins
from scoregap.measure import DATA_ESTIMATORS, DIFFERENCES, SCORE_ESTIMATORS
from scoregap.study.values import (
    UNIQUE,
    Positive,
    Proportion,
    Section,
    Size,
    Times,
    Width,
    distinct,
    one_of,
)

TRACE, PROBES = "trace", 16  # a method of spectra, and its random vectors


class Keep(Section):
    """Of a few points at a few noise variances, points and directions themselves, which reports show as pictures."""

    points: Annotated[int, Field(ge=1, le=100, description="of the measured points, the first ones")] = 2
    times: Annotated[int, Field(ge=1, le=100, description="of the noise variances, from end to end")] = 5
    vectors: Annotated[int, Field(ge=1, le=100, description="leading eigenvectors of the symmetric part of G")] = 6

    def chosen(self, count: int) -> list[int]:
        """Places among `count` noise variances: in the middle of equal parts of the grid, ascending."""
        times = min(self.times, count)
        return [int((2 * i + 1) * count / (2 * times)) for i in range(times)]


class Spectrum(Section):
    """Where and how spectra are measured; all cells of a study share it."""

    times: Annotated[Times, Field(description="noise variances of the spectra, inside the trained noise")]
    points: Annotated[Size, Field(ge=2, description="noisy points per noise variance")]
    sampling: Annotated[
        str,
        one_of(("forward", "reverse")),
        Field(
            description="points `forward`: x_0 + sqrt(t) w; or `reverse`: along the score's own trajectory from the "
            "largest t (probability-flow ODE; tangents are then known for flat families only, no mixtures)"
        ),
    ] = "forward"
    method: Annotated[
        str,
        one_of(("exact", TRACE, *DIFFERENCES)),
        Field(
            description="Jacobians `exact`, or of closed forms and networks alike by `central` or `one-sided` finite "
            "differences; `trace`: of data from a file, tr G alone, by products with random signs (Hutchinson), where "
            "whole spectra cost too much"
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
    probes: Annotated[
        Annotated[int, Field(ge=2, le=10**5)] | None,
        Field(description=f"random vectors of the method `trace`, the same at every t; {PROBES} if not given"),
    ] = None
    points_from: Annotated[
        str,
        one_of(("held-out", "training")),
        Field(description="of data from a file: which part the points are of"),
    ] = "held-out"

    keep: Annotated[
        Keep | None,
        Field(
            description="of data from a file: clean, noisy and denoised points and leading eigenvectors of G, to be "
            "kept in the cube; of pictures the report shows them"
        ),
    ] = None

    def identity(self, unread: frozenset[str]) -> dict[str, Any]:
        """Without what came later, at its default."""
        return super().identity(unread | self.unsaid)

    @property
    def traces(self) -> bool:
        """Whether tr G alone is measured: of whole spectra nothing is known."""
        return self.method == TRACE

    @property
    def takes(self) -> tuple[str, ...]:
        """Keys that belong to its method."""
        return ("probes",) if self.traces else ("step",) if self.method in DIFFERENCES else ()

    @property
    def unsaid(self) -> frozenset[str]:
        """Keys that came later and are at their defaults: a study without them is the one it was."""
        return frozenset(
            key
            for key in ("points_from", "probes", "keep")
            if getattr(self, key) == type(self).model_fields[key].default
        )

    @model_validator(mode="before")
    @classmethod
    def _of_the_method(cls, content) -> Any:
        """The default step and the default number of probes written out, so that the study says them."""
        if not isinstance(content, dict):
            return content
        method = str(content.get("method"))
        defaults = {"step": DIFFERENCES.get(method), "probes": PROBES if method == TRACE else None}
        return content | {key: one for key, one in defaults.items() if content.get(key) is None}


class Dimension(Section):
    """Which estimators of the dimension are compared, and on what; all cells of a study share it."""

    estimators: Annotated[
        list[
            Annotated[
                str,
                one_of((*SCORE_ESTIMATORS, *DATA_ESTIMATORS), plugins.NAME, ", or of another package, PACKAGE.NAME"),
            ]
        ],
        Field(
            min_length=1,
            json_schema_extra=UNIQUE,
            description="which estimators, of the score and of clean data; also those of a score of other packages, as "
            "`PACKAGE.NAME` or `MODULE:NAME`",
        ),
        AfterValidator(distinct),
    ]
    times: Annotated[Times, Field(description="noise variances at which they are given the score")]
    points: Annotated[Size, Field(description="points at which they are given the score")] = 4
    draws: Annotated[int, Field(ge=2, le=1000, description="score vectors per coordinate of the normal bundles")] = 4
    probes: Annotated[
        Size, Field(description="random vectors of `slq_count`, `lhsd`, `flipd_hutchinson`, `denoising_loss`")
    ] = 10
    lanczos_steps: Annotated[Size, Field(description="products of each random vector of `slq_count` and `lhsd`")] = 10
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
        return [name for name in self.estimators if name in SCORE_ESTIMATORS or plugins.is_outside(name)]

    @property
    def code(self) -> dict[str, str]:
        """Hashes of the code of its estimators of other packages, by name: results depend on it."""
        return {
            name: plugins.digest(plugins.path(name, plugins.ESTIMATORS))
            for name in filter(plugins.is_outside, self.estimators)
        }

    def identity(self, unread: frozenset[str]) -> dict[str, Any]:
        """With the code of its estimators."""
        return super().identity(unread) | ({"code": self.code} if self.code else {})

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


class Memorisation(Section):
    """How far scores have given in to their training points; all cells share it."""

    times: Annotated[Times, Field(description="noise variances at which scores are looked at")]
    points: Annotated[
        int, Field(ge=2, le=4096, description="noisy points of training points, and as many of held-out ones")
    ] = 64
    samples: Annotated[
        int, Field(ge=2, le=4096, description="samples of every score, whose nearest training points are looked for")
    ] = 128
    ratio: Annotated[
        float, Field(gt=1, le=2, description="largest ratio of two noise variances a step of the sampler apart")
    ] = 1.2
    keep: Annotated[
        int,
        Field(ge=0, le=64, description="samples, the first ones, that are kept beside their nearest training points"),
    ] = 0


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
        list[Annotated[str, one_of(("baseline", "theory"))]],
        Field(
            min_length=1, json_schema_extra=UNIQUE, description="what `scoregap check` must find for its exit status"
        ),
        AfterValidator(distinct),
    ] = Field(["baseline"])
