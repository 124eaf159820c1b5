"""The keys of a study file: its sections, its axes and what these may be, and the code of others that they name.

study.yaml, as `scoregap.study.reading` checks it -> Document, Axis

Light, as `scoregap.study`: Snakemake parses studies.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, WrapValidator

from scoregap import InputError, brief, data, networks, plugins
from scoregap.data import FAMILIES
from scoregap.networks import NETWORKS
from scoregap.scores import UNTRAINED
from scoregap.study.data import Data, Manifold
from scoregap.study.measurement import Compare, Dimension, Fit, Memorisation, Sampling, Spectrum
from scoregap.study.training import Declaration, Train
from scoregap.study.values import Count, Matching, Proportion, Section, one_of

# In the order of the last fields of a `Cell`.
SECTIONS = ("manifold", "data", "train", "spectrum", "dimension", "sampling", "memorisation", "fit", "compare")
SECTIONS_WITH_AXES = ("manifold", "train", "fit")  # not spectrum: the cells of a cube share its times and points
SHORT = {
    "dataset_size": "data.dataset_size",
    "class": "data.label",
    "half": "data.half",
}  # axes of data, and where they point
NO_AXIS = ("train.device",)  # changes no result
MOST_SEEDS = 100_000  # of a count
KEPT = ("baselines", "benchmarks", "findings")  # folders beside those of studies, of what is kept of runs
AXES = ("family", "ambient_dim", "manifold_dim", "curvature", "network", "seed")
DATA_AXES = ("network", "seed")  # of a study with data of its own


ScoreName = Annotated[str, Matching(r"[a-z][a-z0-9_-]{0,31}", "lower-case letters, digits, _ and -, at most 32")]
BlockName = Annotated[str, Matching(r"[a-z][a-z0-9_]{0,31}", "lower-case letters, digits and _, at most 32")]


NAMES = Matching(
    rf"(?!(?:{'|'.join(KEPT)})$)[a-z][a-z0-9_-]{{0,63}}",
    f"lower-case letters, digits, - and _, at most 64, and none of {', '.join(KEPT)}",
)


class Document(Section):
    """A study of scoregap: a grid of cells, and a section for every stage."""

    study: Annotated[
        str,
        NAMES,
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
    ] = Field({})
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
    ] = Field({})
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
    memorisation: Annotated[
        Memorisation | None,
        Field(
            description="how far scores have given in to their training points; without the section there is no such "
            "stage; studies of families with `manifold.dataset_size` whose score is known in closed form"
        ),
    ] = None
    fit: Annotated[Fit, Field(description="how gaps and phase times are read off spectra")] = Fit()
    compare: Annotated[Compare | None, Field(description="margins of agreement with theory; with `manifold`")] = None


def _networks() -> Matching:
    sized = [family for family, network in NETWORKS.items() if network.has_width]
    bare = [*UNTRAINED, *(family for family in NETWORKS if family not in sized)]
    own = rf"({'|'.join(sized)})-{_WIDTH}"
    return one_of(
        bare,
        rf"{own}|({plugins.NAME})(-{_WIDTH})?",
        f", or with a width {', '.join(sized)}, as gated-64, or of another package, as PACKAGE.NAME-64",
        _with_width,
    )


def _with_width(text: str) -> list[str]:
    """Every sized network at the width that a text ends in, or at 64."""
    width = re.search(f"{_WIDTH}$", text)
    return [f"{name}-{width[0] if width else 64}" for name, network in NETWORKS.items() if network.has_width]


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
        one_of(FAMILIES, plugins.NAME, ", or of another package, PACKAGE.NAME"),
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


def admit(path: Path, where: str, axis: str, name: str, trusted: bool) -> None:
    """Find the code of another package that a value of an axis, or an estimator, names, if it does; of families it is
    run."""
    if not plugins.is_outside(name):
        return
    if plugins.is_path(name):
        if not trusted:
            raise InputError(
                f"{brief(name)} is code that would be run", file=path, key=where, value=name,
                allowed="allowed in a study that says trusted: true",
            )  # fmt: skip
        plugins.look_in(path.resolve().parent)
    try:
        if axis == "family":
            data.admit(name)
        elif axis == "estimators":
            plugins.digest(plugins.path(name, plugins.ESTIMATORS))
        else:
            plugins.digest(networks.import_path(name))
    except InputError as error:
        raise InputError(file=path, key=where, value=name, allowed=error.allowed) from None
