"""No stage removes or changes what scoregap did not make; what it made is replaced, whole or damaged."""

import hashlib
import json
import os
import shutil
import socket
import stat
import zipfile
from pathlib import Path

import numpy as np
import published
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file
from tiny import WITH_DIMENSION, WITH_SAMPLING, edited, read_job, write_job

from scoregap import InputError, __main__, storage
from scoregap.regression import accepting, baselines, rendering
from scoregap.report import figures, page
from scoregap.runtime import receipts, workflow
from scoregap.stages import compare, cube, dimension, fit, report, sample, spectrum, train
from scoregap.study import load

KINDS = {
    "job": storage.job_kind("fit"), "weights": storage.WEIGHTS, "table": storage.TABLE, "checksum": storage.CHECKSUM,
    "cube": storage.CUBE, "manifest": storage.MANIFEST, "metrics": train.METRICS, "tables": compare.TABLES,
    "figure": figures.KIND, "page": page.KIND, "junit": rendering.JUNIT, "baseline": baselines.KIND,
    "published": published.KIND,
}  # fmt: skip


def listed(folder):
    """Everything in a folder: kind, permissions, where links lead, content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        info = path.lstat()
        says = os.readlink(path) if path.is_symlink() else ""
        if stat.S_ISREG(info.st_mode):
            says = hashlib.sha256(path.read_bytes()).hexdigest()
        found[path.relative_to(folder).as_posix()] = (info.st_mode, info.st_ino, info.st_rdev, says)
    return found


def contents(path):
    """Of a file, or of every file of a folder."""
    files = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in files}


# ---------------------------------------------------------------- what is not ours


def zipped(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("zarr.json", '{"attributes": {}}')


def folder_of_notes(path):
    path.mkdir()
    (path / "notes.txt").write_text("years of work")


def strange_cube(path):
    path.mkdir()
    (path / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group", "attributes": {"title": "of mine"}}')


def linked_file(path):
    (path.parent / "elsewhere.txt").write_text("mine")
    path.symlink_to("elsewhere.txt")


def linked_folder(path):
    folder_of_notes(path.parent / "elsewhere")
    path.symlink_to("elsewhere")


def bound(path):
    with socket.socket(socket.AF_UNIX) as one, pytest.MonkeyPatch.context() as patch:
        patch.chdir(path.parent)  # names of sockets are short
        one.bind(path.name)


FOREIGN = {
    "text": lambda path: path.write_text("x,y\n1,2\nmade by scoregap, or so I say\n"),
    "empty": lambda path: path.touch(),
    "numbers": lambda path: path.write_bytes(bytes(range(256)) * 8),
    "JSON": lambda path: path.write_text('{"format": 1, "metrics": []}'),
    "a list": lambda path: path.write_text('["format", "of", "sha256"]'),
    "page": lambda path: path.write_text('<meta charset="utf-8"><title>scoregap</title>'),
    "XML": lambda path: path.write_text('<testsuite name="pytest"></testsuite>'),
    "SVG": lambda path: path.write_text("<svg><dc:title>Matplotlib v3, https://matplotlib.org/</dc:title></svg>"),
    "zip": zipped,
    "safetensors": lambda path: save_file({"x": np.zeros(3)}, path),
    "folder": folder_of_notes,
    "empty folder": lambda path: path.mkdir(),
    "cube of another program": strange_cube,
    "link to a file": linked_file,
    "link to a folder": linked_folder,
    "link to itself": lambda path: path.symlink_to(path.name),
    "link to a device": lambda path: path.symlink_to("/dev/null"),
    "FIFO": os.mkfifo,
    "socket": bound,
}  # fmt: skip
if os.geteuid() == 0:
    FOREIGN["device"] = lambda path: os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))


@pytest.fixture(scope="module")
def writers(done, tmp_path_factory):
    """name -> (function of the path that a user names, what of it is in danger, as an ending of that path)."""
    study, results = done
    more = edited(tmp_path_factory.mktemp("study"), WITH_DIMENSION, WITH_SAMPLING)
    loaded = load(study)
    trained = next(job for job in loaded.jobs.values() if job.trained)
    weights, spectra = (storage.place(results, trained.id, stage) for stage in ("train", "spectrum"))
    of_cube, numbers = results / "cube.zarr", results / "comparison.csv"
    closed = next(job.id for job in load(more).jobs.values() if not job.trained)

    def comparing(which):
        def run(path):
            names = {name: path.with_name(f"new-{name}") for name in ("out", "table", "claims")} | {which: path}
            compare.run(study, of_cube, **names)

        return run

    def checking(which):
        # the function of the command, without what tells errors to a terminal
        return lambda path: __main__.check.__wrapped__(str(study), results=results.parent, **{which: path})

    def accepting_at(path):
        accepting.accept(loaded, results, "right", path, path, None)

    return {
        "train": (lambda path: train.run(study, trained.id, path), ""),
        "train, checkpoint": (lambda path: train.run(study, trained.id, path), ".checkpoint"),
        "train, metrics": (lambda path: train.run(study, trained.id, path), ".metrics.jsonl"),
        "spectrum": (lambda path: spectrum.run(study, trained.id, path, weights), ""),
        "dimension": (lambda path: dimension.run(more, closed, path), ""),
        "sample": (lambda path: sample.run(more, closed, path), ""),
        "fit": (lambda path: fit.run(study, trained.id, spectra, path), ""),
        "cube": (lambda path: cube.run(study, spectra.parent, results / "fit", path), ""),
        "cube, manifest": (lambda path: cube.run(study, spectra.parent, results / "fit", path), ".json"),
        "compare": (comparing("out"), ""),
        "compare, checksum": (comparing("out"), ".json"),
        "compare, table": (comparing("table"), ""),
        "compare, claims": (comparing("claims"), ""),
        "report": (lambda path: report.run(study, of_cube, numbers, path.with_name("new"), path), ""),
        "report, figure": (
            lambda path: report.run(study, of_cube, numbers, path, path.with_name("new.html")), "/cost.pdf"),
        "check, junit": (checking("junit"), ""),
        "check, figure": (checking("figure"), ""),
        "baseline accept": (accepting_at, ""),
        "make published": (lambda path: published.publish(loaded, results, path, ["claims"]), ""),
    }  # fmt: skip


@pytest.mark.parametrize("foreign", FOREIGN)
def test_no_stage_touches_what_it_did_not_make(writers, done, tmp_path, foreign):
    """Whatever lies where it would write, in a folder of a user or in a results folder: one line, nothing touched."""
    inputs = listed(done[1])
    for number, (name, (run, ending)) in enumerate(writers.items()):
        folder = tmp_path / str(number)
        victim = folder / f"mine{ending}"
        victim.parent.mkdir(parents=True)
        FOREIGN[foreign](victim)
        before = listed(folder)
        with pytest.raises(InputError) as error:
            run(folder / "mine")
        assert str(victim) in str(error.value), name
        assert "\n" not in str(error.value), name
        assert listed(folder) == before, name
    assert listed(done[1]) == inputs


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30, deadline=None)
@given(content=st.binary(max_size=200) | st.text().map(lambda text: json.dumps({"format": 1, text: text}).encode()))
def test_no_content_by_chance_is_ours(tmp_path_factory, kind, content):
    path = tmp_path_factory.mktemp("chance") / "file"
    path.write_bytes(content)
    with pytest.raises(InputError):
        storage.own(path, KINDS[kind])


def test_a_place_below_a_file_is_refused_before_any_work(tmp_path):
    (tmp_path / "file").write_text("mine")
    for kind in KINDS.values():
        with pytest.raises(InputError, match="file is not a folder"):
            storage.own(tmp_path / "file" / "folder" / "x", kind)


def test_outputs_of_a_stage_have_different_paths(done, tmp_path):
    """A link to the same place is the same."""
    study, results = done
    (tmp_path / "link").symlink_to("out.csv")
    for second in ("out.csv", "./out.csv", "link", "out.csv.json"):
        with pytest.raises(InputError, match="is named twice"):
            compare.run(study, results / "cube.zarr", tmp_path / "out.csv", tmp_path / "t", tmp_path / second)
        assert [path.name for path in tmp_path.iterdir()] == ["link"]


def test_a_stage_does_not_take_another_s_file_for_its_own(done, tmp_path):
    """Weights and spectra cost hours, and are given on the same line as the output."""
    study, results = done
    shutil.copytree(results, tmp_path / "copy")
    storage.mark(tmp_path / "marked")
    job = next(job.id for job in load(study).jobs.values() if job.trained)
    weights, spectra = (storage.place(tmp_path / "copy", job, stage) for stage in ("train", "spectrum"))
    before = listed(tmp_path)
    for call in (
        lambda: fit.run(study, job, spectra, spectra),
        lambda: spectrum.run(study, job, weights, weights),
        lambda: train.run(study, job, spectra),
        lambda: compare.run(study, tmp_path / "copy" / "cube.zarr", spectra, tmp_path / "t", tmp_path / "c"),
        lambda: cube.run(study, spectra.parent, tmp_path / "copy" / "fit", tmp_path / "copy"),
        lambda: cube.run(study, spectra.parent, tmp_path / "copy" / "fit", spectra.parent),
    ):
        with pytest.raises(InputError, match=r"was not made by scoregap|is a file"):
            call()
        assert listed(tmp_path) == before


# ---------------------------------------------------------------- what is ours

ARRAYS = xr.Dataset({"status": ("member", np.ones(1, "int8"))})


def cubes(path):
    attributes = {"config_hash": "x", "contract": "1"}
    storage.write_cube(path, {"": xr.Dataset({"status": ("seed", np.ones(2, "int8"))}, {"seed": [0, 1]}, attributes)})


OURS = {
    "fit/a.zarr.zip": lambda path: write_job(path, ARRAYS, ["a"]),
    "train/a.safetensors": lambda path: storage.write_weights(path, {"a": {}}, {"a/w": np.ones(2)}),
    "train/a.safetensors.checkpoint": lambda path: storage.write_weights(path, {"a": {}}, {"a/w": np.ones(2)}),
    "comparison.csv": lambda path: storage.write_table(path, "x\n" * 50, "hash"),
    "claims.csv": lambda path: storage.write_table(path, "x\n" * 50, "hash"),
    "cube.zarr": cubes,
    "figures/block/gaps.svg": lambda path: figures.save(figures.nothing("x"), path),
    "figures/gaps.pdf": lambda path: figures.save(figures.nothing("x"), path),
}


@pytest.mark.parametrize("name", OURS)
def test_what_is_ours_is_replaced(tmp_path, name):
    for place in (tmp_path / name, tmp_path / f"renamed{''.join(Path(name).suffixes)}"):
        for _ in range(2):
            OURS[name](place)
        assert place.exists()


def damage(path):
    """Of a file, or every file of a folder, only the end stays."""
    for file in [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]:
        file.write_bytes(file.read_bytes()[-10:])


@pytest.mark.parametrize("name", OURS)
def test_what_is_damaged_is_replaced_at_its_place_in_a_results_folder(tmp_path, name):
    """Nowhere else: there only its content could say whose it is."""
    storage.mark(tmp_path / "results")
    for folder in (tmp_path / "plain", tmp_path / "results" / "inner"):
        OURS[name](folder / name)
        damage(folder / name)
        before = listed(folder)
        with pytest.raises(InputError, match="was not made by scoregap, or is damaged"):
            OURS[name](folder / name)
        assert listed(folder) == before
    OURS[name](tmp_path / "results" / name)
    damage(tmp_path / "results" / name)
    OURS[name](tmp_path / "results" / name)
    (tmp_path / "results" / storage.MARK).unlink()
    OURS[name](tmp_path / "results" / name)  # its content says so, so it is whole again


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("foreign", ["FIFO", "link to a device", "link to itself"])
def test_no_place_makes_ours_what_is_no_file(tmp_path, name, foreign):
    storage.mark(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
    FOREIGN[foreign](tmp_path / name)
    before = listed(tmp_path)
    with pytest.raises(InputError):
        OURS[name](tmp_path / name)
    assert listed(tmp_path) == before


@pytest.mark.parametrize("stray", ["notes.txt", "eigenvalue/notes", "c/report.html", "link"])
def test_a_cube_with_something_else_in_it_stays(tmp_path, stray):
    storage.mark(tmp_path)
    cubes(tmp_path / "cube.zarr")
    (tmp_path / "cube.zarr" / stray).parent.mkdir(exist_ok=True)
    if stray == "link":
        (tmp_path / "cube.zarr" / stray).symlink_to("/etc")
    else:
        (tmp_path / "cube.zarr" / stray).write_text("mine")
    before = listed(tmp_path)
    with pytest.raises(InputError, match=f"has {stray} in it, which was not made by scoregap"):
        cubes(tmp_path / "cube.zarr")
    assert listed(tmp_path) == before


@pytest.mark.parametrize("name", OURS)
def test_a_link_to_ours_stays_and_what_it_leads_to_is_replaced(tmp_path, name):
    """As where a user has moved train/, or a file, to a larger disk."""
    results, scratch = tmp_path / "results", tmp_path / "scratch"
    storage.mark(results)
    scratch.mkdir()
    OURS[name](results / name)
    top = Path(name).parts[0]
    whole = contents(results / name)
    shutil.move(results / top, scratch / top)
    (results / top).symlink_to(scratch / top)
    for _ in range(2):
        damage(scratch / name)
        OURS[name](results / name)
        assert (results / top).is_symlink()
        assert contents(scratch / name) == whole
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(f".{top}")]


def test_a_dangling_link_leads_to_a_new_file(tmp_path):
    (tmp_path / "link.zarr.zip").symlink_to("new/real.zarr.zip")
    write_job(tmp_path / "link.zarr.zip", ARRAYS, ["a"])
    assert (tmp_path / "link.zarr.zip").is_symlink()
    assert read_job(tmp_path / "new" / "real.zarr.zip")[1] == ["a"]


# ---------------------------------------------------------------- results folders


@pytest.mark.parametrize("foreign", ["text", "folder", "FIFO", "link to a file"])
@pytest.mark.parametrize("name", ["report.html", "logs", ".lock", ".snakemake", "other", storage.MARK])
def test_a_run_starts_in_no_folder_of_somebody_else(tmp_path, foreign, name):
    folder = tmp_path / "results" / "tiny"
    folder.mkdir(parents=True)
    FOREIGN[foreign](folder / name)
    if name == storage.MARK:
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
    storage.write_text(tmp_path / "earlier" / "report.html", "new", page.KIND)


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
        if Path(name).parts[0] in storage.OF_JOBS | storage.OF_ALL:
            make(tmp_path / name)
    if records:
        (tmp_path / ".snakemake").mkdir()
    os.close(workflow.take(tmp_path))
    assert (tmp_path / storage.MARK).is_file()


@pytest.mark.parametrize("content", ["", "mine", '{"my": "cube"}'])
def test_what_is_called_like_a_receipt_stays(tmp_path, content):
    """Where a plain Snakemake begins in a folder of somebody else."""
    file = tmp_path / "results" / "done" / "cube.json"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    with pytest.raises(InputError, match="was not made by scoregap"):
        receipts.settle(load(edited(tmp_path)), tmp_path / "results")
    assert file.read_text() == content
