"""A job's file grows by what is new, and by nothing else."""

import shutil

import numpy as np
import pytest
from bounded import SPECIAL, at_once
from tiny import WITH_DIMENSION, WITH_SAMPLING, edited, read_job, write_job

from scoregap import DamagedFile, InputError, members, variables
from scoregap.stages import cube, dimension, fit, sample, spectrum, train
from scoregap.store import jobs
from scoregap.store.jobs import job_path
from scoregap.store.results import mark
from scoregap.study import load


def stages_of(folder, path, name):
    """Run the stages of the curved job of one network by hand; {stage: its file}."""
    job = next(job.id for job in load(path).jobs.values() if f"0.5-{name}" in job.id)
    files = {stage: folder / f"{stage}-{job}" for stage in ("train", "spectrum", "dimension", "fit")}
    weights = files["train"] if name == "gated-8" else None
    if weights:
        train.run(path, job, weights)
    spectrum.run(path, job, files["spectrum"], weights)
    dimension.run(path, job, files["dimension"], weights)
    fit.run(path, job, files["spectrum"], files["fit"])
    return {stage: file for stage, file in files.items() if stage != "train"}


def change(file):
    """Change what the file holds: whoever computes it again takes the mark away."""
    ds, keys = read_job(file)
    write_job(
        file, ds.map(lambda array: array + 1 if array.dtype.kind == "f" else array), keys, file.name.partition("-")[0]
    )
    return ds, keys


@pytest.mark.slow
@pytest.mark.parametrize("name", ["exact", "gated-8"])
def test_a_new_seed_computes_only_the_new_member_and_to_the_same_bits(tmp_path, name):
    (tmp_path / "grown").mkdir(), (tmp_path / "whole").mkdir()
    files = stages_of(tmp_path / "grown", edited(tmp_path, WITH_DIMENSION), name)
    before = {stage: change(file) for stage, file in files.items()}
    grown = edited(tmp_path, WITH_DIMENSION, ("seed: 2", "seed: [2, 1, 0]"))
    stages_of(tmp_path / "grown", grown, name)
    whole = stages_of(tmp_path / "whole", grown, name)
    for stage, file in files.items():
        old, old_keys = before[stage]
        ds, keys = read_job(file)
        fresh, fresh_keys = read_job(whole[stage])
        assert keys == fresh_keys
        assert keys[1:] == old_keys[::-1]
        for variable, array in ds.data_vars.items():
            kept = old[variable].values[::-1] + (array.dtype.kind == "f")
            assert np.array_equal(array.values[1:], kept, equal_nan=array.dtype.kind == "f")
            if stage != "fit":  # which has read the marked spectra
                assert np.array_equal(array.values[0], fresh[variable].values[0], equal_nan=array.dtype.kind == "f")


def test_members_of_other_sizes_share_a_file_and_leave_it(tmp_path):
    """Mixtures of one or of two dimensions: their gaps differ in number, and padding goes with who needed it."""
    mixture = (
        ("[arcs]", "[mixture]"), ("[0.0, 0.5]", "[0.0]"), ("[2]", "[1, 4]"), ("batch: [seed]", "batch: [manifold_dim]"),
        ("{fraction: 0.5, std: 1.0}, {fraction: 0.5", "{fraction: 1.0, std: 1.0}, {fraction: 0.7"),
        ("seed: 2", "seed: 1"),
    )  # fmt: skip
    path = edited(tmp_path, *mixture)
    job = next(job for job in load(path).jobs.values() if "exact" in job.id)
    assert [cell.gaps for cell in job.cells] == [1, 2]
    spectrum.run(path, job.id, tmp_path / "spectrum")
    fit.run(path, job.id, tmp_path / "spectrum", tmp_path / "fit")
    both = read_job(tmp_path / "fit")[0]
    assert both.sizes["gap"] == 2
    assert np.isnan(both.boundary.values[0, 1])
    path = edited(tmp_path, *mixture, ("[1, 4]", "[1]"))
    (tmp_path / "alone").mkdir()
    for folder in (tmp_path, tmp_path / "alone"):
        spectrum.run(path, job.id, folder / "spectrum")
        fit.run(path, job.id, folder / "spectrum", folder / "fit")
    for stage in ("spectrum", "fit"):
        assert (tmp_path / stage).read_bytes() == (tmp_path / "alone" / stage).read_bytes()


def test_a_damaged_file_is_computed_anew(tmp_path, capsys):
    path = edited(tmp_path)
    job = next(job for job in load(path).jobs.values() if "0.0-exact" in job.id)
    mark(tmp_path / "results")
    out = job_path(tmp_path / "results", job.id, "spectrum")
    spectrum.run(path, job.id, out)
    whole = out.read_bytes()
    out.write_bytes(whole[:-100])
    spectrum.run(path, job.id, out)
    assert out.read_bytes() == whole
    assert f"not reused: {out}: is damaged" in capsys.readouterr().err


def test_equal_results_are_computed_once(tmp_path):
    study = load(edited(tmp_path, ("  seed: 2", "  train.steps: [10, 40]\n  fit.level: [0.4, 0.5]\n  seed: 2")))
    job = next(job for job in study.jobs.values() if "0.5-exact" in job.id)
    asked = []

    def compute(cell, beat):
        asked.append((cell["fit.level"], cell["seed"]))
        return {"status": np.array(cell["seed"] + 1, "int8")}

    members.update(tmp_path / "spectrum", job, "spectrum", compute)
    assert asked == [(0.4, 0), (0.4, 1)]
    assert read_job(tmp_path / "spectrum")[0].status.values.tolist() == [1, 2] * 4
    asked.clear()
    members.update(tmp_path / "fit", job, "fit", compute)
    assert asked == [(level, seed) for level in (0.4, 0.5) for seed in (0, 1)]


SMALL = (WITH_DIMENSION, WITH_SAMPLING, ("network: [exact, gaussian, gated-8]", "network: [exact]"),
         ("[0.0, 0.5]", "[0.5]"), ("count: 24", "count: 8"))  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """(study file, its job, results folder) with a file of every stage of a job but training."""
    folder = tmp_path_factory.mktemp("small")
    path = edited(folder, *SMALL)
    (job,) = load(path).jobs.values()
    for stage, module in (("spectrum", spectrum), ("dimension", dimension), ("sample", sample)):
        module.run(path, job.id, job_path(folder, job.id, stage))
    fit.run(path, job.id, job_path(folder, job.id, "spectrum"), job_path(folder, job.id, "fit"))
    return path, job, folder


def gathered(path, folder, out):
    return cube.run(path, folder / "spectrum", folder / "fit", out, folder / "dimension", folder / "sample")


@pytest.mark.parametrize(
    "stage", ["spectrum", *(pytest.param(one, marks=pytest.mark.slow) for one in ("fit", "dimension", "sample"))]
)
def test_a_file_without_a_variable_of_its_stage_is_damaged_and_made_again(small, stage, tmp_path, capsys):
    """Though its list agrees: whoever lost the variable wrote the list."""
    path, job, _ = small
    folder = shutil.copytree(small[2], tmp_path / "results")
    file = job_path(folder, job.id, stage)
    whole, (arrays, keys) = file.read_bytes(), jobs.read_job(file)
    assert set(arrays) == set(variables.made(stage, job.first))
    lost = sorted(arrays)[:: max(1, len(arrays) // 2)]
    for name in lost:
        jobs.write_job(file, {other: one for other, one in arrays.items() if other != name}, keys, stage)
        said = rf"{stage}/{job.id}\.zarr\.zip: is damaged: it has no variable {name}; run the study again"
        with pytest.raises(DamagedFile, match=said):
            gathered(path, folder, tmp_path / "cube.zarr")
        assert not (tmp_path / "cube.zarr").exists()
        if stage == "spectrum":
            with pytest.raises(DamagedFile, match=said):
                fit.run(path, job.id, file, tmp_path / "fit")
    {"spectrum": spectrum, "dimension": dimension, "sample": sample}.get(stage, fit).run(
        path, job.id, *([job_path(folder, job.id, "spectrum")] if stage == "fit" else []), file
    )
    assert f"not reused: {file}: is damaged: it has no variable {lost[-1]}" in capsys.readouterr().err
    assert file.read_bytes() == whole


@pytest.mark.slow
def test_a_file_of_another_study_lacks_nothing_that_it_should_have(small, tmp_path):
    """Of a section that asks for other estimators, and so makes other variables."""
    _, job, folder = small
    other = edited(tmp_path, *SMALL, ("flipd_hutchinson, local_pca]", "flipd_hutchinson]"))
    (theirs,) = load(other).jobs.values()
    assert len(variables.made("dimension", theirs.first)) == 3
    fewer = tmp_path / "dimension" / f"{job.id}.zarr.zip"
    dimension.run(other, theirs.id, fewer)
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True, ignore=lambda *_: ["dimension", "edited.yaml"])
    assert len(gathered(other, tmp_path, tmp_path / "cube.zarr")) == 2
    with pytest.raises(InputError, match="is not of this study as it is now: rerun dimension"):
        gathered(small[0], tmp_path, tmp_path / "other.zarr")


@pytest.mark.parametrize("stage", ["spectrum", "fit", "dimension", "sample"])
@pytest.mark.parametrize("kind", ["circle of two links", *SPECIAL])
def test_what_is_in_the_place_of_a_file_and_is_none_is_no_job_that_was_not_run(small, stage, kind, tmp_path):
    """Or its cells would be missing without a word."""
    path, job, _ = small
    folder = shutil.copytree(small[2], tmp_path / "results")
    file = job_path(folder, job.id, stage)
    file.unlink()
    if kind in SPECIAL:
        SPECIAL[kind](file)
    else:
        file.symlink_to("other")
        (file.parent / "other").symlink_to(file.name)
    says = {"circle of two links": "is a circle of links", "link to a folder": "is a folder"}.get(kind)
    says = says or ("is a device" if "device" in kind else f"is a {kind}")
    with at_once(), pytest.raises(DamagedFile, match=rf"{stage}/{job.id}\.zarr\.zip: cannot be read: {says}"):
        gathered(path, folder, tmp_path / "cube.zarr")
    assert not (tmp_path / "cube.zarr").exists()


def test_a_link_to_nothing_is_a_job_that_was_not_run(small, tmp_path):
    path, job, _ = small
    folder = shutil.copytree(small[2], tmp_path / "results")
    file = job_path(folder, job.id, "fit")
    file.unlink()
    file.symlink_to("nowhere")
    gathered(path, folder, tmp_path / "cube.zarr")


def test_a_variable_of_fewer_times_is_damage(small, tmp_path):
    """Padded are gaps and groups, of which cells have different numbers; all else is of the study."""
    path, job, _ = small
    folder = shutil.copytree(small[2], tmp_path / "results")
    file = job_path(folder, job.id, "fit")
    arrays, keys = jobs.read_job(file)
    dims, values = arrays["gap_width"]
    for short in (values[:, :5], values[:, :0]):
        jobs.write_job(file, arrays | {"gap_width": (dims, short)}, keys, "fit")
        with pytest.raises(DamagedFile, match="it has a variable 'gap_width' that is not of this study"):
            gathered(path, folder, tmp_path / "cube.zarr")
