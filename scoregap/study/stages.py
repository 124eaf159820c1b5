"""The stages of a study in pipeline order, as data.

name of a stage -> its revision, the sections and the stages it reads, what it is for

`reads` is the graph of the workflow. `sections` are the parts of a study that a stage reads for the first time; a
change there reruns that stage and those after it. Snakemake does not see edits of this package: **raise a stage's
`revision` when its results change** (tests/test_architecture.py reminds whoever forgets).
"""

from typing import NamedTuple


class Stage(NamedTuple):
    """One stage; the Snakemake rule of the same name calls it."""

    name: str
    revision: int
    sections: tuple[str, ...]
    summary: str
    reads: tuple[str, ...]  # stages whose products it is given: of its own job, or, if it gathers, of all
    optional: bool = False  # only in studies that have its section; no stage of a job reads its results
    gathers: bool = False  # once in a study, instead of once in a job
    makes: tuple[str, ...] = ("out",)  # parameters that say where it writes


STAGES = (
    Stage("train", 5, ("manifold", "data", "train"), "Train the networks of one job together.", ()),
    Stage("spectrum", 7, ("spectrum",), "Spectra of the score Jacobian of one job, over times and points.", ("train",)),
    Stage(
        "dimension",
        2,
        ("dimension",),
        "Dimensions of one job by several estimators, where the study asks for them.",
        ("train",),
        optional=True,
    ),
    Stage(
        "sample",
        2,
        ("sampling",),
        "Errors of samples whose score changes hands at a noise variance, likewise.",
        ("train",),
        optional=True,
    ),
    Stage("fit", 7, ("fit",), "Gap widths, phase times and blind dimensions of one job.", ("spectrum",)),
    Stage(
        "cube",
        6,
        (),
        "Gather every job into one labelled zarr cube.",
        ("spectrum", "dimension", "sample", "fit"),
        gathers=True,
    ),
    Stage(
        "compare",
        13,
        ("compare",),
        "Compare fitted phase times with theory: law | gaussian | exact | trained.",
        ("cube",),
        gathers=True,
        makes=("out", "table", "claims", "findings"),
    ),
    Stage(
        "report",
        12,
        (),
        "Draw the figures of a study.",
        ("cube", "compare"),
        gathers=True,
        makes=("out", "html"),
    ),
)
