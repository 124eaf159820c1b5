"""Damaged inputs, full disks and read-only folders: every stage says one line, and leaves what was there."""

import os
import shutil
import subprocess
from contextlib import contextmanager, suppress

import damage
import numpy as np
import pytest
import typer
import xarray as xr
from tiny import FLAT, READ_BY_REPORT, WITH_DIMENSION, WITH_SAMPLING, edited, write_job

from scoregap.__main__ import _reporting_errors
from scoregap.report import figures
from scoregap.stages import compare, cube, dimension, fit, report, sample, spectrum, train
from scoregap.store.cube import read_cube
from scoregap.store.files import write_text
from scoregap.store.tables import write_table, write_tables
from scoregap.store.weights import write_weights
from scoregap.study import load


def job_of(study, network):
    return next(job.id for job in load(study).jobs.values() if network in job.id)


def command(stage, study, results, out):
    """(call a stage with the results as its inputs, name of the input that the tests damage)."""
    trained = job_of(study, "0.5-gated-8")
    weights, spectra = results / "train" / f"{trained}.safetensors", results / "spectrum" / f"{trained}.zarr.zip"
    fits, whole = results / "fit" / f"{trained}.zarr.zip", results / "cube.zarr"
    return {
        "train": (lambda: train.run(study, trained, out / "new.safetensors"), None),
        "spectrum": (lambda: spectrum.run(study, trained, out / "new.zarr.zip", weights), weights),
        "dimension": (
            lambda: dimension.run(edited(results, WITH_DIMENSION), trained, out / "new.zarr.zip", weights),
            weights,
        ),
        "sample": (
            lambda: sample.run(edited(results, WITH_SAMPLING), trained, out / "new.zarr.zip", weights),
            weights,
        ),
        "fit": (lambda: fit.run(study, trained, spectra, out / "new.zarr.zip"), spectra),
        "cube": (lambda: cube.run(study, spectra.parent, fits.parent, out / "cube.zarr"), spectra),
        "cube of fits": (lambda: cube.run(study, spectra.parent, fits.parent, out / "cube.zarr"), fits),
        "compare": (
            lambda: compare.run(study, whole, out / "new.csv", out / "new.txt", out / "claims.csv", out / "new.jsonl"),
            whole / "eigenvalue" / "c",
        ),
        "report": (lambda: draw(study, results, out), results / "comparison.csv"),
        "report of findings": (lambda: draw(study, results, out), results / "findings.jsonl"),
        "report of cube": (lambda: draw(study, results, out), whole / "zarr.json"),
    }[stage]


def draw(study, results, out):
    """The report of these results."""
    report.run(study, *(results / name for name in READ_BY_REPORT), out, out / "report.html")


def said(call, capsys):
    """(exit status, what a command that fails says)."""
    capsys.readouterr()
    with pytest.raises(typer.Exit) as caught:
        _reporting_errors(call)()
    return caught.value.exit_code, capsys.readouterr().err


def older(folder, stage):
    """What a stage has made there before."""
    write_job(folder / "new.zarr.zip", xr.Dataset({"old": ("member", [1.0])}), ["old"], stage)
    write_weights(folder / "new.safetensors", {"old": {}}, {"old/w": np.ones(1)})
    write_table(folder / "new.csv", "old", "old")
    write_text(folder / "new.txt", "\nmade by scoregap compare: old\n", compare.TEXT)
    write_tables(folder / "new.jsonl", {}, "old")
    figures.save(figures.nothing("old"), folder / "gaps.svg")


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def copy(done, tmp_path_factory):
    """The tiny results, to be damaged and mended."""
    shutil.copytree(done[1], folder := tmp_path_factory.mktemp("copy") / "results")
    return done[0], folder


@pytest.mark.slow
@pytest.mark.parametrize("how", ["a flipped bit", *damage.WHOLE])
@pytest.mark.parametrize(
    "stage",
    [
        "spectrum",
        "dimension",
        "sample",
        "fit",
        "cube",
        "cube of fits",
        "compare",
        "report",
        "report of findings",
        "report of cube",
    ],
)
def test_no_stage_reads_a_damaged_input(stage, how, copy, tmp_path, capsys):
    study, results = copy
    call, victim = command(stage, study, results, tmp_path)
    if victim.name == "c":
        victim = next(path for path in victim.parent.iterdir() if path.name != "zarr.json")
    older(tmp_path, stage)
    whole = victim.read_bytes()
    if results / "cube.zarr" in victim.parents:
        other = results / "cube.zarr" / "t_max" / "zarr.json"
    else:
        beside = [path for path in sorted(victim.parent.iterdir()) if path.is_file() and path != victim]
        other = next((path for path in beside if path.suffix == victim.suffix), beside[0])
    before = content(tmp_path)
    try:
        if how == "a flipped bit":
            at = len(whole) // 3
            victim.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        else:
            damage.replace(victim, how, other)
        if how == "absent" and stage.startswith("cube"):
            return  # a study without some results has a cube: tests/stages/test_cube.py
        status, text = said(call, capsys)
    finally:
        shutil.rmtree(victim, ignore_errors=True)
        victim.write_bytes(whole)
    assert status == (2 if how == "another of its kind" and victim.suffix in (".zip", ".safetensors") else 1)
    assert text.startswith("scoregap: ")
    assert text.count("\n") == 1
    assert victim.name in text
    assert content(tmp_path) == before


def test_results_of_another_study_are_refused(copy, tmp_path, capsys):
    study, results = copy
    other = edited(tmp_path, FLAT)
    for stage, names in (("compare", "cube.zarr"), ("report", "comparison.csv")):
        (tmp_path / stage).mkdir()
        call, _ = command(stage, study, results, tmp_path / stage)
        call = {
            "compare": lambda: compare.run(
                other, results / "cube.zarr", *(tmp_path / name for name in ("c.csv", "c.txt", "l.csv", "f.jsonl"))
            ),
            "report": lambda: draw(other, results, tmp_path / "report"),
        }[stage]
        status, text = said(call, capsys)
        assert status == 2
        assert f"{names}: is not of this study as it is now: rerun" in text
        assert list((tmp_path / stage).iterdir()) == []


@contextmanager
def mounted(folder, megabytes):
    """A file system of its own; skips where one may not mount."""
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"may not mount a small file system: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("trouble", ["No space left on device", "Read-only file system"])
@pytest.mark.parametrize("stage", ["train", "spectrum", "dimension", "sample", "fit", "cube", "compare", "report"])
def test_what_cannot_be_written_is_one_line_and_leaves_what_was_there(stage, trouble, copy, tmp_path, capsys):
    study, results = copy
    with mounted(tmp_path / "small", 4) as out:
        call, _ = command(stage, study, results, out)
        shutil.copytree(results / "cube.zarr", out / "cube.zarr")
        shutil.copy(results / "cube.zarr.json", out)
        older(out, stage)
        if trouble.startswith("No"):
            with suppress(OSError), (out / "filler").open("wb", buffering=0) as file:
                while file.write(bytes(4096)):
                    pass
        else:
            subprocess.run(["mount", "-o", "remount,ro", out], check=True)
        before = content(out)
        status, text = said(call, capsys)
        assert status == (1 if trouble.startswith("No") else 2)
        last = text.splitlines()[-1]  # training says what it does
        assert last.startswith(f"scoregap: {out}")
        assert f": {trouble}" in last
        assert "Traceback" not in text
        assert content(out) == before
        read_cube(out / "cube.zarr")
        assert not [name for name in os.listdir(out) if name.startswith(".")]


@pytest.mark.parametrize("room", [64, 256, 512])
def test_a_disk_that_fills_while_the_cube_is_built_leaves_the_old_one(room, copy, tmp_path, capsys):
    """Room, in KB, for less than the spool, for it, and for a part of the cube."""
    study, results = copy
    with mounted(tmp_path / "small", 16) as out:
        shutil.copytree(results / "cube.zarr", out / "cube.zarr")
        shutil.copy(results / "cube.zarr.json", out)
        free = os.statvfs(out)
        (out / "filler").write_bytes(bytes(free.f_bavail * free.f_frsize - room * 1024))
        before = content(out)
        call, _ = command("cube", study, results, out)
        status, text = said(call, capsys)
        assert (status, text) == (1, f"scoregap: {out / 'cube.zarr'}: No space left on device\n")
        assert content(out) == before
