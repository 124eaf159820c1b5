"""The stages of a study in pipeline order, as data.

name of a stage -> its revision, the sections and the stages it reads, what it is for

`reads` is the graph of the workflow. `sections` are the parts of a study that a stage reads for the first time; a
change there reruns that stage and those after it. Snakemake does not see edits of this package: **raise a stage's
`revision` when its results change** (tests/test_architecture.py reminds whoever forgets). Where only those of data from
a file do, raise `of_data` instead: results of families hold.
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
    of_data: int = 0  # second revision, of what it makes of data from a file

    def revisions(self, from_file: bool) -> tuple[int, ...]:
        """What results of a study of a family, or of data from a file, depend on."""
        return (self.revision, self.of_data) if from_file and self.of_data else (self.revision,)


STAGES = (
    Stage("train", 6, ("manifold", "data", "train"), "Train the networks of one job together.", ()),
    Stage(
        "spectrum",
        7,
        ("spectrum",),
        "Spectra of the score Jacobian of one job, over times and points.",
        ("train",),
        of_data=2,
    ),
    Stage(
        "dimension",
        2,
        ("dimension",),
        "Dimensions of one job by several estimators, where the study asks for them.",
        ("train",),
        optional=True,
        of_data=1,
    ),
    Stage(
        "sample",
        2,
        ("sampling",),
        "Errors of samples whose score changes hands at a noise variance, likewise.",
        ("train",),
        optional=True,
    ),
    Stage(
        "memorise",
        1,
        ("memorisation",),
        "How far scores of one job have given in to their training points, likewise.",
        ("train",),
        optional=True,
        of_data=1,
    ),
    Stage("fit", 7, ("fit",), "Gap widths, phase times and blind dimensions of one job.", ("spectrum",), of_data=1),
    Stage(
        "cube",
        7,
        (),
        "Gather every job into one labelled zarr cube.",
        ("spectrum", "dimension", "sample", "memorise", "fit"),
        gathers=True,
        of_data=1,
    ),
    Stage(
        "compare",
        17,
        ("compare",),
        "Compare fitted phase times with theory: law | gaussian | exact | trained.",
        ("cube",),
        gathers=True,
        makes=("out", "table", "claims", "findings", "phases"),
        of_data=1,
    ),
    Stage(
        "report",
        14,
        (),
        "Draw the figures of a study.",
        ("cube", "compare"),
        gathers=True,
        makes=("out", "html"),
        of_data=1,
    ),
)
