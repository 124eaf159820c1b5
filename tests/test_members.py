"""A job's file grows by what is new, and by nothing else."""

import numpy as np
import pytest
from tiny import WITH_DIMENSION, edited, read_job, write_job

from scoregap import members
from scoregap.stages import dimension, fit, spectrum, train
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
