"""The results folder of a study, and the mark by which it is one.

folder -> marked, or refused
"""

import os
from pathlib import Path

from scoregap import InputError
from scoregap.store.cube import CUBE
from scoregap.store.files import naming
from scoregap.store.jobs import job_kind
from scoregap.store.ownership import MARK, MARKED, Kind, is_marked, says_so, text_with
from scoregap.store.parquet import PARQUET
from scoregap.store.tables import TABLE, TABLES
from scoregap.store.weights import WEIGHTS

OF_JOBS = {"train", "spectrum", "dimension", "sample", "memorise", "fit"}  # folders of products
OF_ALL = {
    "cube.zarr", "cube.zarr.json", "comparison.csv", "comparison.csv.json", "comparison.txt", "claims.csv",
    "claims.csv.json", "findings.jsonl", "phase_times.parquet", "figures", "report.html", "logs", "done",
}  # fmt: skip


def mark(folder: Path) -> None:
    """Make a results folder, or make one of what is there. Raises InputError if it has files that are not scoregap's.

    A folder without the mark that runs have locked, and Snakemake used, is of an earlier version; one in which all is
    called as stages call their products, and says that it is one, has been filled by hand.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = set(os.listdir(folder)) - {MARK}  # before looking at the mark: another run may be making it
    if is_marked(folder):
        return
    if names and not names >= {".lock", ".snakemake"} and not _made_by_hand(folder, names):
        raise InputError(
            f"has files, and was not made by scoregap (there is no {MARK} in it)", file=folder,
            allowed="move it away, or name another folder with --results",
        )  # fmt: skip
    with naming(folder / MARK):
        (folder / MARK).write_text(MARKED)


def _made_by_hand(folder: Path, names: set[str]) -> bool:
    """Whether a folder with these names in it has products of jobs, and nothing but what stages and Snakemake make.

    Names alone prove nothing: a `train` and a `report.html` are in many a folder.
    """
    if not names & OF_JOBS or not names <= OF_JOBS | OF_ALL | {".snakemake"}:
        return False
    jobs = {stage: WEIGHTS if stage == "train" else job_kind(stage) for stage in names & OF_JOBS}
    products = [(file, kind) for stage, kind in jobs.items() for file in (folder / stage).glob("[!.]*")]
    products = [(file, kind) for file, kind in products if not file.name.endswith(".metrics.jsonl")]
    found = [(folder / name, TABLE) for name in names & {"comparison.csv", "claims.csv"}]
    found += [(folder / name, TABLES) for name in names & {"findings.jsonl"}]
    found += [(folder / name, PARQUET) for name in names & {"phase_times.parquet"}]
    found += [(folder / name, CUBE) for name in names & {"cube.zarr"}]
    named = Kind("text of scoregap's", text_with("scoregap"))  # their own kinds are in modules that need matplotlib
    found += [(folder / name, named) for name in names & {"comparison.txt", "report.html"}]
    found += [(file, named) for file in (folder / "figures").rglob("[!.]*.*")]
    return bool(products) and all(says_so(*one) for one in (*products, *found))
