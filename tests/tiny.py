"""A study that runs in seconds, all its stages by hand, and files of jobs as datasets."""

from pathlib import Path

import gathered
import xarray as xr

from scoregap.store import jobs

TINY = """\
study: tiny
axes:
  family: [arcs]
  ambient_dim: [8]
  manifold_dim: [2]
  curvature: [0.0, 0.5]
  network: [exact, gaussian, gated-8]
  seed: 2
batch: [seed]
manifold:
  groups: [{fraction: 0.5, std: 1.0}, {fraction: 0.5, std: 0.1}]
train:
  steps: 40
  levels: 8
  samples: 4
  depth: 1
  noise: {start: 5.0e-4, stop: 200.0}
spectrum:
  times: {start: 1.0e-3, stop: 100.0, count: 24}
  points: 4
fit:
  resamples: 50
compare:
  flat: {t_open: 0.15, t_max: 0.05, t_close: 0.15, t_consolidation: 0.10}
  curved: {t_open: 0.25, t_max: 0.10, t_close: 0.25, t_consolidation: 0.25}
"""

# A section that the tiny study does not have, as a change for `edited`.
DIMENSION = """\
dimension:
  estimators: [final_gap, slq_count, normal_bundle, normal_bundle_centred, flipd, flipd_hutchinson, local_pca]
  times: {start: 1.0e-3, stop: 1.0, count: 8}
  points: 3
  probes: 8
  data_points: 200
  neighbours: 20
fit:
"""
WITH_DIMENSION = ("fit:\n", DIMENSION)


# Likewise.
SAMPLING = """\
sampling:
  switches: {start: 1.0e-3, stop: 30.0, count: 8}
  points: 24
  ratio: 1.5
fit:
"""
WITH_SAMPLING = ("fit:\n", SAMPLING)

# Likewise, of a tiny study with a training set, whose empirical score is a column.
MEMORISATION = """\
memorisation:
  times: {start: 2.0e-3, stop: 30.0, count: 10}
  points: 12
  samples: 16
  ratio: 1.5
fit:
"""
WITH_MEMORISATION = (
    ("fit:\n", MEMORISATION),
    ("std: 0.1}]", "std: 0.1}]\n  dataset_size: 40"),
    ("[exact, gaussian, gated-8]", "[exact, empirical, gated-8]"),
    ("depth: 1", "depth: 1\n  record: position"),
)

# Changes that make several grids of the tiny study.
BLOCKS = (
    ("curvature: [0.0, 0.5]", "curvature: [0.0]"),
    ("manifold_dim: [2]", "manifold_dim: [4]"),
    ("  seed: 2", "  manifold.groups.1.std: [0.1]\n  train.schedule: [ve]\n  seed: 2"),
    (
        "batch: [seed]",
        """blocks:
  curved: {curvature: [0.0, 0.5]}
  one: {manifold.groups.1.std: [1.0]}
  schedules: {train.schedule: [ve, vp]}
  draws: {curvature: [0.0, 0.5], network: [exact], seed: 6}
batch: [seed]""",
    ),
)


def edited(folder: Path, *changes: tuple[str, str]) -> Path:
    """The tiny study with these replacements made."""
    text = TINY
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path = folder / "edited.yaml"
    path.write_text(text)
    return path


def memorised(path: Path):
    """A study with a section memorisation, and the folder where all its jobs have run, up to the cube."""
    from scoregap.stages import fit, memorise, spectrum, train
    from scoregap.study import load

    study, folder = load(path), path.parent / "results"
    for job in study.jobs.values():
        weights = folder / "train" / f"{job.id}.safetensors" if job.trained else None
        if weights:
            train.run(path, job.id, weights)
        for stage in (spectrum, memorise):
            stage.run(path, job.id, folder / stage.__name__.split(".")[-1] / f"{job.id}.zarr.zip", weights)
        fit.run(path, job.id, folder / "spectrum" / f"{job.id}.zarr.zip", folder / "fit" / f"{job.id}.zarr.zip")
    return study, folder


def read_job(path: Path) -> tuple[xr.Dataset, list[str]]:
    """The file of a job as a dataset."""
    arrays, members = jobs.read_job(path)
    return xr.Dataset(arrays), members


def write_job(path: Path, ds: xr.Dataset, members: list[str], stage: str = "fit") -> None:
    """A dataset as the file of a job of a stage."""
    arrays = {str(name): (array.dims, array.values) for name, array in ds.data_vars.items()}
    jobs.write_job(path, arrays, members, stage)


COMPARED = ("comparison.csv", "comparison.txt", "claims.csv", "findings.jsonl")  # products of compare, in its order
READ_BY_REPORT = ("cube.zarr", "comparison.csv", "findings.jsonl")


def run_stages(study: Path, results: Path, drawn: bool = True) -> None:
    """Every stage by hand, as a test and a reader would call them. drawn: with the report, which takes most of it."""
    from scoregap.stages import compare, cube, fit, spectrum, train
    from scoregap.study import load

    for job in load(study).jobs.values():
        weights = results / "train" / f"{job.id}.safetensors" if job.trained else None
        if weights:
            train.run(study, job.id, weights)
        spectra = results / "spectrum" / f"{job.id}.zarr.zip"
        spectrum.run(study, job.id, spectra, weights)
        fit.run(study, job.id, spectra, results / "fit" / f"{job.id}.zarr.zip")
    cube.run(study, results / "spectrum", results / "fit", results / "cube.zarr")
    compare.run(study, results / "cube.zarr", *(results / name for name in COMPARED), results / "phase_times.parquet")
    if drawn:
        draw_report(study, results, results)


def overview_of(study, frame, width: int = 120) -> str:
    """What a comparison says to a terminal, without claims."""
    import pandas as pd

    from scoregap.analysis import headline, overview

    tables = headline.tables(study, frame, pd.DataFrame(columns=["claim", "verdict"]))
    return "\n".join(overview.lines(study, frame, tables, width)) + "\n"


def draw_report(study: Path, results: Path, folder: Path) -> None:
    """The report of these results and its figures, in a folder."""
    from scoregap.stages import report

    report.run(study, *(results / name for name in READ_BY_REPORT), folder / "figures", folder / "report.html")
    assert "Not drawn" not in (folder / "report.html").read_text()


EXACT = (("[exact, gaussian, gated-8]", "[exact]"), ("points: 4", "points: 2"))
FLAT = ("[0.0, 0.5]", "[0.0]")
LINEAR = (("[arcs]", "[linear]"), FLAT)


def measured(folder, *changes, without=()):
    """(study, datasets) of the tiny study with these replacements made; without: places of jobs that were not run."""
    from scoregap.stages import cube, dimension, fit, memorise, sample, spectrum
    from scoregap.study import load

    path = edited(folder, *EXACT, *changes)
    study = load(path)
    for i, job in enumerate(study.jobs):
        if i not in without:
            spectra = folder / "spectrum" / f"{job}.zarr.zip"
            spectrum.run(path, job, spectra, None)
            fit.run(path, job, spectra, folder / "fit" / f"{job}.zarr.zip")
            if study.document.dimension:
                dimension.run(path, job, folder / "dimension" / f"{job}.zarr.zip")
            if study.document.sampling:
                sample.run(path, job, folder / "sample" / f"{job}.zarr.zip")
            if study.document.memorisation:
                memorise.run(path, job, folder / "memorise" / f"{job}.zarr.zip")
    folders = [folder / stage for stage in ("spectrum", "fit", "dimension", "sample", "memorise")]
    return study, [gathered.opened(cube.gather(study, d, *folders)) for d in study.axes["ambient_dim"]]
