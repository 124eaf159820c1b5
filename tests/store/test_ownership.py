"""No stage removes or changes what scoregap did not make; what it made is replaced, whole or damaged."""

import errno
import json
import os
import shutil
from pathlib import Path

import published
import pytest
from foreign import ARRAYS, FOREIGN, OURS, contents, cubes, listed
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import READ_BY_REPORT, WITH_DIMENSION, WITH_SAMPLING, edited, read_job, write_job

from scoregap import InputError, __main__
from scoregap.regression import accepting, baselines, rendering
from scoregap.report import figures, page
from scoregap.runtime import receipts
from scoregap.stages import compare, cube, dimension, fit, report, sample, spectrum, train
from scoregap.store import ownership
from scoregap.store.cube import CUBE, MANIFEST
from scoregap.store.jobs import job_kind, job_path
from scoregap.store.ownership import MARK
from scoregap.store.results import mark
from scoregap.store.tables import CHECKSUM, TABLE, TABLES
from scoregap.store.weights import WEIGHTS
from scoregap.study import load

KINDS = {
    "job": job_kind("fit"), "weights": WEIGHTS, "table": TABLE, "checksum": CHECKSUM,
    "cube": CUBE, "manifest": MANIFEST, "metrics": train.METRICS, "text": compare.TEXT,
    "tables": TABLES,
    "figure": figures.KIND, "page": page.KIND, "junit": rendering.JUNIT, "baseline": baselines.KIND,
    "published": published.KIND,
}  # fmt: skip


@pytest.fixture(scope="module")
def writers(done, tmp_path_factory):
    """name -> (function of the path that a user names, what of it is in danger, as an ending of that path)."""
    study, results = done
    more = edited(tmp_path_factory.mktemp("study"), WITH_DIMENSION, WITH_SAMPLING)
    loaded = load(study)
    trained = next(job for job in loaded.jobs.values() if job.trained)
    weights, spectra = (job_path(results, trained.id, stage) for stage in ("train", "spectrum"))
    of_report = [results / name for name in READ_BY_REPORT]
    of_cube = of_report[0]
    closed = next(job.id for job in load(more).jobs.values() if not job.trained)

    def comparing(which):
        def run(path):
            names = {name: path.with_name(f"new-{name}") for name in ("out", "table", "claims", "findings")}
            names[which] = path
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
        "compare, findings": (comparing("findings"), ""),
        "report": (lambda path: report.run(study, *of_report, path.with_name("new"), path), ""),
        "report, figure": (
            lambda path: report.run(study, *of_report, path, path.with_name("new.html")), "/cost.svg"),
        "check, junit": (checking("junit"), ""),
        "check, figure": (checking("figure"), ""),
        "baseline accept": (accepting_at, ""),
        "make published": (lambda path: published.publish(loaded, results, path, ["claims"]), ""),
    }  # fmt: skip


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30, deadline=None)
@given(content=st.binary(max_size=200) | st.text().map(lambda text: json.dumps({"format": 1, text: text}).encode()))
def test_no_content_by_chance_is_ours(tmp_path_factory, kind, content):
    path = tmp_path_factory.mktemp("chance") / "file"
    path.write_bytes(content)
    with pytest.raises(InputError):
        ownership.own(path, KINDS[kind])


def test_a_place_below_a_file_is_refused_before_any_work(tmp_path):
    (tmp_path / "file").write_text("mine")
    for kind in KINDS.values():
        with pytest.raises(InputError, match="file is not a folder"):
            ownership.own(tmp_path / "file" / "folder" / "x", kind)


def test_outputs_of_a_stage_have_different_paths(done, tmp_path):
    """A link to the same place is the same."""
    study, results = done
    (tmp_path / "link").symlink_to("out.csv")
    for second in ("out.csv", "./out.csv", "link", "out.csv.json"):
        with pytest.raises(InputError, match="is named twice"):
            compare.run(
                study, results / "cube.zarr", tmp_path / "out.csv", tmp_path / "t", tmp_path / "c", tmp_path / second
            )
        assert [path.name for path in tmp_path.iterdir()] == ["link"]


def test_a_stage_does_not_take_another_s_file_for_its_own(done, tmp_path):
    """Weights and spectra cost hours, and are given on the same line as the output."""
    study, results = done
    shutil.copytree(results, tmp_path / "copy")
    mark(tmp_path / "marked")
    job = next(job.id for job in load(study).jobs.values() if job.trained)
    weights, spectra = (job_path(tmp_path / "copy", job, stage) for stage in ("train", "spectrum"))
    before = listed(tmp_path)
    for call in (
        lambda: fit.run(study, job, spectra, spectra),
        lambda: spectrum.run(study, job, weights, weights),
        lambda: train.run(study, job, spectra),
        lambda: compare.run(study, tmp_path / "copy" / "cube.zarr", spectra, *(tmp_path / name for name in "tcf")),
        lambda: cube.run(study, spectra.parent, tmp_path / "copy" / "fit", tmp_path / "copy"),
        lambda: cube.run(study, spectra.parent, tmp_path / "copy" / "fit", spectra.parent),
    ):
        with pytest.raises(InputError, match=r"was not made by scoregap|is a file"):
            call()
        assert listed(tmp_path) == before


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
    mark(tmp_path / "results")
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
    (tmp_path / "results" / MARK).unlink()
    OURS[name](tmp_path / "results" / name)  # its content says so, so it is whole again


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("foreign", ["FIFO", "link to a device", "link to itself"])
def test_no_place_makes_ours_what_is_no_file(tmp_path, name, foreign):
    mark(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
    FOREIGN[foreign](tmp_path / name)
    before = listed(tmp_path)
    with pytest.raises(InputError):
        OURS[name](tmp_path / name)
    assert listed(tmp_path) == before


@pytest.mark.parametrize("stray", ["notes.txt", "eigenvalue/notes", "c/report.html", "link"])
def test_a_cube_with_something_else_in_it_stays(tmp_path, stray):
    mark(tmp_path)
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
    mark(results)
    scratch.mkdir()
    OURS[name](results / name)
    top = Path(name).parts[0]
    whole = contents(results / name)
    shutil.move(results / top, scratch / top)
    (results / top).symlink_to(scratch / top)
    for _ in range(2):
        if not (results / name).is_symlink():  # its place says whose it is; not so behind a link to it alone
            damage(scratch / name)
        OURS[name](results / name)
        assert (results / top).is_symlink()
        assert contents(scratch / name) == whole
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(f".{top}")]


@pytest.mark.slow
@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("foreign", ["of a stranger", "damaged"])
def test_a_link_at_the_place_of_a_product_to_what_is_not_known_to_be_ours_stays_and_so_does_that(
    tmp_path, name, foreign
):
    """The place says whose a file is, but not whose that is to which a link there leads."""
    results, elsewhere = tmp_path / "results", tmp_path / "elsewhere" / Path(name).name
    mark(results)
    (results / name).parent.mkdir(exist_ok=True, parents=True)
    elsewhere.parent.mkdir()
    if foreign == "damaged":
        OURS[name](elsewhere)
        damage(elsewhere)
    else:
        FOREIGN["cube of another program" if name == "cube.zarr" else "text"](elsewhere)
    (results / name).symlink_to(elsewhere)
    before = listed(tmp_path)
    with pytest.raises(InputError, match=f"{name}: leads to {elsewhere}, which was not made by scoregap") as error:
        OURS[name](results / name)
    assert "\n" not in str(error.value)
    assert listed(tmp_path) == before


def test_a_dangling_link_leads_to_a_new_file(tmp_path):
    (tmp_path / "link.zarr.zip").symlink_to("new/real.zarr.zip")
    write_job(tmp_path / "link.zarr.zip", ARRAYS, ["a"])
    assert (tmp_path / "link.zarr.zip").is_symlink()
    assert read_job(tmp_path / "new" / "real.zarr.zip")[1] == ["a"]


@pytest.mark.parametrize("content", ["", "mine", '{"my": "cube"}'])
def test_what_is_called_like_a_receipt_stays(tmp_path, content):
    """Where a plain Snakemake begins in a folder of somebody else."""
    file = tmp_path / "results" / "done" / "cube.json"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    with pytest.raises(InputError, match="was not made by scoregap"):
        receipts.settle(load(edited(tmp_path)), tmp_path / "results")
    assert file.read_text() == content


@pytest.mark.parametrize("place", ["/proc/x", "/proc/x/y/z", "/sys/kernel/x", "/proc/self/x"])
@pytest.mark.parametrize("kind", KINDS)
def test_where_nobody_can_write_is_refused_before_any_work(place, kind):
    if not Path(place).parents[-2].is_dir():
        pytest.skip("no such file system")
    with pytest.raises(
        InputError, match=rf"^{place}: cannot be written: .*: allowed is a path in a folder that one can"
    ):
        ownership.claim((Path(place), KINDS[kind]))


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_lack_of_the_machine_is_not_told_of_the_path(tmp_path, monkeypatch, number):
    def fail(**_):
        raise OSError(number, os.strerror(number), "/tmp/xyz")

    monkeypatch.setattr(ownership.tempfile, "TemporaryFile", fail)
    mendable = number in (errno.EROFS, errno.EACCES)
    with pytest.raises(InputError if mendable else OSError, match=os.strerror(number)) as caught:
        ownership.claim((tmp_path / "x", WEIGHTS))
    assert isinstance(caught.value, InputError) == mendable
    assert "xyz" not in str(caught.value)
