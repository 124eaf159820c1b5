"""What jobs ask a cluster for holds what they were measured to take, and follows their size."""

import copy
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from tiny import DIMENSION, SAMPLING, TINY

from scoregap.runtime.resources import NESTED, expected, of_job, of_study
from scoregap.study import Study, load

ROOT = Path(__file__).parents[2]


def study_of(folder, networks="exact, gated-8", dimension=False, sampling=False, **changes) -> Study:
    """The tiny study with these values, keys written as in `train__steps`."""
    text = TINY.replace("fit:\n", DIMENSION) if dimension else TINY
    content = yaml.safe_load(text.replace("fit:\n", SAMPLING) if sampling else text)
    content["axes"] |= {"network": networks.split(", "), "curvature": [0.5]}
    for key, value in changes.items():
        *sections, last = key.split("__")
        place = content
        for section in sections:
            place = place[section]
        place[last] = copy.deepcopy(value)
    path = folder / "sized.yaml"
    path.write_text(yaml.safe_dump(content))
    return load(path)


def asked(folder, stage, trained, **changes):
    return of_job(stage, next(job for job in study_of(folder, **changes).jobs.values() if job.trained == trained))


def axes(family, d, m, network, seeds):
    return {
        "networks": f"exact, {network}", "axes__family": [family], "axes__ambient_dim": [d],
        "axes__manifold_dim": [m], "axes__seed": seeds, "axes__curvature": [0.0 if family == "linear" else 0.5],
    }  # fmt: skip


def batch(steps):
    return {"train__steps": steps, "train__levels": 32, "train__samples": 8, "train__depth": 3}


def grid(times, points):
    return {
        "spectrum__times": {"start": 1e-3, "stop": 100.0, "count": times},
        "spectrum__points": points,
        "fit__resamples": 200,
    }


ESTIMATED = {
    "dimension": True, "dimension__points": 4, "dimension__times": {"start": 1e-3, "stop": 10.0, "count": 12},
    "dimension__probes": 10, "dimension__data_points": 2500, "dimension__neighbours": 100,
}  # fmt: skip
SAMPLED = {
    "sampling": True, "sampling__switches": {"start": 1e-3, "stop": 30.0, "count": 13},
    "sampling__points": 128, "sampling__ratio": 1.35,
}  # fmt: skip

KNOWING = {"memorisation": {"times": {"start": 5e-3, "stop": 30.0, "count": 24}, "points": 32, "samples": 64}}
KNOWING |= {"manifold__dataset_size": 1000}

# Measured by the stages run by hand, one at a time: peak resident MB, seconds of CPU.
MEASURED = [
    ("train", True, axes("arcs", 32, 8, "gated-64", 3) | batch(200), 454, 9.9),
    ("train", True, axes("arcs", 32, 8, "gated-64", 20) | batch(100), 715, 17.9),
    ("train", True, axes("linear", 100, 20, "gated-256", 5) | batch(100), 719, 17.8),
    ("train", True, axes("linear", 300, 40, "gated-128", 2) | batch(100), 646, 9.2),
    ("train", True, axes("arcs", 100, 20, "gated-512", 3) | batch(40), 712, 19.0),
    ("train", True, axes("arcs", 200, 100, "gated-64", 2) | batch(100), 587, 13.7),
    ("train", True, axes("tanh", 32, 8, "gated-64", 2) | batch(50), 457, 61.2),
    ("train", True, axes("arcs", 32, 4, "gated-128", 3) | batch(3200), 439, 44.9),
    ("spectrum", True, axes("arcs", 32, 8, "gated-64", 3) | grid(48, 32), 637, 10.3),
    ("spectrum", True, axes("linear", 100, 20, "gated-256", 5) | grid(48, 32), 1322, 54.9),
    ("spectrum", True, axes("linear", 300, 40, "gated-128", 2) | grid(16, 8), 946, 17.4),
    ("spectrum", False, axes("arcs", 32, 8, "gated-64", 3) | grid(48, 32), 185, 5.2),
    ("spectrum", False, axes("arcs", 200, 40, "gated-64", 2) | grid(24, 16), 266, 5.0),
    ("spectrum", False, axes("linear", 1000, 100, "gated-64", 2) | grid(16, 8), 147, 2.8),
    ("spectrum", False, axes("tanh", 32, 8, "gated-64", 1) | grid(16, 8), 202, 15.2),
    ("dimension", False, axes("arcs", 32, 8, "gated-64", 3) | ESTIMATED, 188, 10.6),
    ("dimension", False, axes("linear", 300, 40, "gated-64", 1) | ESTIMATED, 243, 8.0),
    ("dimension", True, axes("arcs", 64, 8, "gated-128", 2) | ESTIMATED, 443, 12.7),
    ("sample", True, axes("arcs", 32, 8, "gated-64", 5) | SAMPLED, 294, 52.9),
    ("memorise", False, axes("arcs", 32, 8, "empirical", 3) | KNOWING | {"networks": "empirical"}, 130, 11.1),
    ("memorise", False, axes("linear", 100, 20, "empirical", 1) | KNOWING | {"networks": "empirical"}, 130, 10.3),
    ("memorise", True, axes("arcs", 32, 8, "gated-64", 3) | KNOWING, 324, 6.9),
    ("fit", False, axes("arcs", 32, 8, "gated-64", 3) | grid(48, 32), 180, 4.0),
    ("fit", False, axes("linear", 500, 100, "gated-64", 1) | grid(24, 8), 177, 4.8),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "trained", "changes", "megabytes", "seconds"), MEASURED)
def test_what_was_measured_has_room(tmp_path, stage, trained, changes, megabytes, seconds):
    request = asked(tmp_path, stage, trained, **changes)
    assert 1.25 * megabytes <= request.memory - NESTED <= 5 * megabytes
    assert 600 + 3 * (seconds - 10) <= 60 * request.minutes <= 1200 + 60 * seconds


LARGE = axes("arcs", 64, 8, "gated-128", 4) | grid(48, 32) | batch(20_000)


@pytest.mark.parametrize(
    ("stage", "trained", "grows"),
    [
        ("train", True, {"axes__seed": 40}),
        ("train", True, {"networks": "exact, gated-1024"}),
        ("train", True, {"axes__ambient_dim": [2000]}),
        ("train", True, {"train__samples": 80}),
        ("spectrum", True, {"axes__ambient_dim": [512]}),
        ("spectrum", True, {"spectrum__points": 320}),
        ("spectrum", False, {"spectrum__method": "central", "axes__ambient_dim": [256]}),
        ("dimension", True, {"axes__ambient_dim": [1000]}),
        ("dimension", True, {"dimension__draws": 40, "axes__ambient_dim": [256]}),
        ("dimension", False, {"dimension__data_points": 20_000}),
        ("sample", True, {"sampling__points": 2000}),
        ("sample", True, {"networks": "exact, gated-4096"}),
        ("sample", False, {"sampling__points": 4000}),
        ("memorise", True, {"memorisation__points": 1000}),
        ("memorise", False, {"manifold__dataset_size": 10**5}),
        ("fit", True, {"axes__seed": 40}),
    ],
)
def test_larger_jobs_ask_for_more(tmp_path, stage, trained, grows):
    base = LARGE | {"dimension": stage == "dimension", "sampling": stage == "sample"}
    base |= KNOWING | {"networks": "empirical, gated-64"} if stage == "memorise" else {}
    small, large = (asked(tmp_path, stage, trained, **base | change) for change in ({}, grows))
    assert large.memory > 1.1 * small.memory
    if "dimension__data_points" not in grows:
        assert large.minutes > small.minutes


@pytest.mark.parametrize(
    ("stage", "trained", "grows"),
    [
        ("train", True, {"train__steps": 200_000}),
        ("spectrum", True, {"axes__seed": 40}),
        ("dimension", True, {"axes__seed": 400}),
        ("sample", True, {"axes__seed": 40}),
        ("sample", True, {"sampling__ratio": 1.02}),
        ("sample", False, {"axes__seed": 400}),
        ("fit", True, {"fit__resamples": 20_000}),
    ],
)
def test_longer_jobs_ask_for_more_time_and_no_more_memory(tmp_path, stage, trained, grows):
    base = LARGE | {"dimension": stage == "dimension", "sampling": stage == "sample"}
    small, large = (asked(tmp_path, stage, trained, **base | change) for change in ({}, grows))
    assert large.memory == small.memory
    assert large.minutes > 1.5 * small.minutes


def test_scores_without_a_training_set_ask_for_nothing_where_training_points_are_asked_about(tmp_path):
    found = study_of(tmp_path, **axes("arcs", 32, 8, "gated-64", 100) | KNOWING)
    exact = next(job for job in found.jobs.values() if not job.trained)
    assert expected("memorise", exact) == (pytest.approx(130, rel=1), pytest.approx(0.7, abs=1))  # as measured


def test_weights_and_features_of_wide_networks_have_room(tmp_path):
    """Weights, gradients, two moments, two averages and a checkpoint; 16 numbers per feature and point."""
    few, many = (
        asked(tmp_path, "train", True, **LARGE | {"networks": "exact, gated-4096", "train__samples": n})
        for n in (1, 65)
    )
    assert few.memory > 1e-6 * 4 * 7 * 4 * (9 * 4096**2)
    assert many.memory - few.memory > 1e-6 * 4 * (32 * 64) * (3 * 4096 * 16 * 4)


def test_training_sets_have_room(tmp_path):
    large = {"manifold__dataset_size": 10**6}
    for stage in ("train", "spectrum"):
        with_data, without = (asked(tmp_path, stage, True, **LARGE | change) for change in (large, {}))
        assert with_data.memory - without.memory > 8e-6 * 10**6 * 64


def test_gathering_follows_the_number_of_cells(tmp_path):
    small, large = (study_of(tmp_path, **LARGE | {"axes__seed": seeds}) for seeds in (4, 4000))
    spectra = 8e-6 * 2 * 4000 * 48 * 32 * 64  # MB of eigenvalues
    for stage in ("cube", "compare", "report"):
        assert of_study(stage, large).memory > of_study(stage, small).memory
        assert of_study(stage, large).minutes > of_study(stage, small).minutes
    assert of_study("cube", large).memory < spectra  # it is built from disk
    assert of_study("report", large).memory > spectra


@pytest.mark.parametrize("on_gpu", [False, True])
def test_networks_on_a_gpu_ask_for_one_and_its_host_memory(tmp_path, on_gpu):
    jobs = study_of(tmp_path, **LARGE, dimension=True, sampling=True).jobs.values()
    for job in jobs:
        for stage in ("train", "spectrum", "dimension", "sample", "fit")[not job.trained :]:
            request, plain = of_job(stage, job, on_gpu), of_job(stage, job)
            gpus = int(on_gpu and job.trained and stage != "fit")
            assert request.gpus == gpus
            assert (request.memory > plain.memory + 1000) == bool(gpus)


def test_a_process_of_two_stages_asks_for_both(tmp_path):
    """As that which fits closed forms, and makes their spectra: of many points in many dimensions, these are longer."""
    large = {"axes__ambient_dim": [512], "spectrum__points": 320, "axes__seed": 100}
    for job in study_of(tmp_path, **LARGE | large).jobs.values():
        request, spectra, fits = of_job("fit", job), expected("spectrum", job), expected("fit", job)
        seconds = fits[1] if job.trained else spectra[1] + fits[1]
        assert request.minutes * 60 >= seconds
        assert request.memory >= (fits[0] if job.trained else max(spectra[0], fits[0]))
        alone = of_job("spectrum", job)
        assert job.trained or (request.minutes > alone.minutes and request.memory >= alone.memory)


@pytest.mark.slow
@pytest.mark.workflow
@pytest.mark.parametrize(
    ("device", "here", "asks"),
    [("cuda", (), True), ("cuda:0", (), True), ("auto", (), False), ("auto", ("gpus=2",), True), ("cpu", (), False)],
)
def test_auto_asks_for_the_gpus_of_this_machine_and_for_none_of_a_cluster(tmp_path, device, here, asks):
    study = study_of(tmp_path, train__device=device)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "-c1", "--dry-run"]
    command += ["--config", f"study={study.path}", *here]
    text = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True).stdout
    assert ("gpu=1" in text) == asks


@pytest.mark.slow
@pytest.mark.workflow
def test_rules_ask_for_more_at_every_attempt(tmp_path):
    study = study_of(tmp_path, dimension=True, sampling=True, train__device="cuda")
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "-c1", "--dry-run"]
    command += ["--attempt", "3", "--config", f"study={study.path}"]
    text = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True).stdout
    for job in study.jobs.values():
        for stage in ("train", "spectrum", "dimension", "sample", "fit"):
            if not job.has(stage) or job.rule(stage) != stage:
                continue
            memory, minutes, gpus = of_job(stage, job, on_gpu=True)
            (said,) = (part for part in re.split(r"\n *\[", text) if f"output: done/{stage}/{job.id}." in part)
            words = said.partition("resources: ")[2].splitlines()[0].split(", ")
            assert {f"mem_mb={3 * memory}", f"runtime={3 * minutes}", f"gpu={gpus}"} <= set(words)
    for stage in ("cube", "compare", "report"):
        memory, minutes, _ = of_study(stage, study)
        assert f"runtime={3 * minutes}" in text
        assert f"mem_mb={3 * memory}" in text


def test_traces_ask_for_less_than_whole_spectra_and_models_by_their_size(tmp_path):
    """Of the Gaussian, a network and a model of 4 MB at d = 3,072: minutes and memory follow from the method."""
    np.save(tmp_path / "points.npy", np.random.default_rng(0).standard_normal((60, 3072)).astype(np.float32))
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "weights.safetensors").write_bytes(bytes(4 * 10**6))
    (tmp_path / "net" / "config.json").write_text("{}")

    def of(method):
        path = tmp_path / f"{method}.yaml"
        path.write_text(AT_LARGE_D.format(method=method))
        return {job.axes["network"][0]: of_job("spectrum", job) for job in load(path).jobs.values()}

    traces, whole = of("trace"), of("exact")
    for name in ("gated-64", "mine"):
        assert traces[name].minutes < 0.2 * whole[name].minutes
        assert traces[name].memory < whole[name].memory
    assert traces["mine"].memory > traces["gaussian"].memory
    (tmp_path / "net" / "weights.safetensors").write_bytes(bytes(4 * 10**7))
    larger = of("trace")["mine"]
    assert larger.minutes > 1.5 * traces["mine"].minutes
    assert larger.memory > 1.5 * traces["mine"].memory


AT_LARGE_D = """\
study: large
data: {{source: points.npy}}
scores: {{mine: {{from: diffusers, path: net}}}}
axes: {{network: [gaussian, gated-64, mine], seed: 1}}
train: {{steps: 10, levels: 4, samples: 2, noise: {{start: 1.0e-3, stop: 200.0}}}}
spectrum: {{times: {{start: 1.0e-2, stop: 100.0, count: 10}}, points: 8, method: {method}}}
"""
