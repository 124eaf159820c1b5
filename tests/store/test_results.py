"""A run starts in a new folder, or in one of scoregap's."""

import os
from pathlib import Path

import pytest
from foreign import ARRAYS, FOREIGN, OURS, listed
from tiny import write_job

from scoregap import InputError
from scoregap.report import page
from scoregap.runtime import workflow
from scoregap.store.files import write_text
from scoregap.store.ownership import MARK
from scoregap.store.results import OF_ALL, OF_JOBS


@pytest.mark.parametrize("foreign", ["text", "folder", "FIFO", "link to a file"])
@pytest.mark.parametrize("name", ["report.html", "logs", ".lock", ".snakemake", "other", MARK])
def test_a_run_starts_in_no_folder_of_somebody_else(tmp_path, foreign, name):
    folder = tmp_path / "results" / "tiny"
    folder.mkdir(parents=True)
    FOREIGN[foreign](folder / name)
    if name == MARK:
        (folder / "more").write_text("mine")
    before = listed(tmp_path)
    with pytest.raises(InputError, match="has files, and was not made by scoregap"):
        workflow.take(folder)
    assert listed(tmp_path) == before


def test_a_run_starts_in_a_new_or_empty_folder_again_and_in_one_of_an_earlier_version(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "earlier" / ".snakemake").mkdir(parents=True)
    (tmp_path / "earlier" / ".lock").touch()
    (tmp_path / "earlier" / "report.html").write_text("<title>old</title>")
    for name in ("new/new", "empty", "earlier"):
        for _ in range(2):
            os.close(workflow.take(tmp_path / name))
        (tmp_path / name / "more").write_text("by the run")
        os.close(workflow.take(tmp_path / name))
    write_text(tmp_path / "earlier" / "report.html", "new", page.KIND)


MINE = {
    "report.html": "<title>mine</title>",
    "comparison.csv": "a,b\n",
    "comparison.txt": "mine",
    "figures/gaps.svg": "<svg/>",
    "cube.zarr/zarr.json": "{}",
    "train/model.safetensors": "mine",
    "fit/model.zarr.zip": "mine",
}


@pytest.mark.parametrize("name", MINE)
@pytest.mark.parametrize("with_ours", [False, True])
def test_names_alone_make_no_folder_a_results_folder(tmp_path, name, with_ours):
    """A train/ and a report.html are in many a folder; what only is called as products are stays."""
    (tmp_path / "spectrum").mkdir()
    if with_ours:
        write_job(tmp_path / "spectrum" / "a.zarr.zip", ARRAYS, ["a"], "spectrum")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(MINE[name])
    before = listed(tmp_path)
    with pytest.raises(InputError, match="has files, and was not made by scoregap"):
        workflow.take(tmp_path)
    assert listed(tmp_path) == before


@pytest.mark.parametrize("records", [False, True])
def test_results_made_by_hand_or_by_plain_snakemake_are_marked(tmp_path, records):
    for name, make in OURS.items():
        if Path(name).parts[0] in OF_JOBS | OF_ALL:
            make(tmp_path / name)
    if records:
        (tmp_path / ".snakemake").mkdir()
    os.close(workflow.take(tmp_path))
    assert (tmp_path / MARK).is_file()
