"""Files in, files out: the only place where `truth` and `measure` meet.

`STAGES` lists them in pipeline order. Each is the module `scoregap.stages.<name>` with one function
`run`, called alike by the command line, the Snakemake rule and the tests.

`sections` are the parts of a study that a stage reads for the first time; a change there reruns that stage
and those after it. Snakemake does not see edits of this package: **raise a stage's `revision` when its
results change** (tests/test_architecture.py reminds whoever forgets).
"""

from typing import NamedTuple


class Stage(NamedTuple):
    """One stage; the Snakemake rule of the same name calls it."""

    name: str
    revision: int
    sections: tuple[str, ...]
    summary: str
    optional: bool = False  # only in studies that have its section; no stage of a job reads its results


STAGES = (
    Stage("train", 4, ("manifold", "train"), "Train the networks of one job together."),
    Stage("spectrum", 4, ("spectrum",), "Spectra of the score Jacobian of one job, over times and points."),
    Stage(
        "dimension",
        1,
        ("dimension",),
        "Dimensions of one job by several estimators, where the study asks for them.",
        optional=True,
    ),
    Stage(
        "sample",
        1,
        ("sampling",),
        "Errors of samples whose score changes hands at a noise variance, likewise.",
        optional=True,
    ),
    Stage("fit", 5, ("fit",), "Gap widths, phase times and blind dimensions of one job."),
    Stage("cube", 4, (), "Gather every job into one labelled zarr cube."),
    Stage("compare", 6, ("compare",), "Compare fitted phase times with theory: law | gaussian | exact | trained."),
    Stage("report", 6, (), "Draw the figures of a study."),
)
