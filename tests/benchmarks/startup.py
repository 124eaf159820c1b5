"""What a job costs before it computes: a smallest study -> processor seconds of its jobs, of --help and of theory.

Peer: the bare imports that a job cannot do without, in a Python of its own: numpy, and torch where a network is used.
Limit: for jobs that use torch its import and 0.5 s; for the others 0.5 s.

Beside them three commands as they were at a pinned revision, with the same packages, in turn with ours: there the
limit is a share of their time.
"""

import io
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import bench

sys.path.insert(0, str(bench.ROOT / "tests"))

STUDY = """\
study: smallest
axes: {family: [linear], ambient_dim: [4], manifold_dim: [2], curvature: [0.0], network: [exact, gated-4], seed: 1}
manifold: {groups: [{fraction: 0.5, std: 1.0}, {fraction: 0.5, std: 0.1}]}
train: {steps: 2, levels: 8, samples: 2, depth: 1, noise: {start: 5.0e-4, stop: 200.0}}
spectrum: {times: {start: 1.0e-3, stop: 100.0, count: 8}, points: 2}
fit: {resamples: 50}
compare:
  flat: {t_open: 0.15, t_max: 0.05, t_close: 0.15, t_consolidation: 0.10}
  curved: {t_open: 0.25, t_max: 0.10, t_close: 0.25, t_consolidation: 0.25}
"""
OVERHEAD = 0.5  # seconds
PINNED = "74d4f04"
SHARES = {"scoregap theory": 0.66, "spectrum, closed form": 0.70, "fit": 0.63}  # of its time, at most


def children() -> float:
    """Processor seconds of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def python(*arguments: object, checkout: Path = bench.ROOT):
    """A function that runs Python with these arguments, in a checkout whose package it finds; code is compiled once,
    as it is where the package is installed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, *map(str, arguments)]
    return lambda: subprocess.run(command, check=True, capture_output=True, cwd=checkout, env=environment)


def pinned(folder: Path) -> Path:
    """The project as it was at the pinned revision."""
    packed = subprocess.run(["git", "archive", PINNED], cwd=bench.ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def main() -> None:
    """Measure and record."""
    from scoregap.study import load

    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "smallest.yaml"
        study.write_text(STUDY)
        closed, trained = sorted(load(study).jobs.values(), key=lambda job: job.trained)
        weights, spectra, fits = (Path(folder) / name for name in ("w.safetensors", "s.zarr.zip", "f.zarr.zip"))
        where = "-m", "scoregap"

        def job(stage, one, *more):
            return python(*where, stage, "--study", study, "--job", one.id, *more)

        theory = "--ambient", 100, "--group", "20:1.0", "--group", "20:0.1"
        cases = {
            "import numpy": python("-c", "import numpy"),
            "import torch": python("-c", "import torch"),
            "scoregap --help": python(*where, "--help"),
            "scoregap theory": python(*where, "theory", *theory),
            "train": job("train", trained, "--out", weights),
            "spectrum of a network": job("spectrum", trained, "--weights", weights, "--out", spectra),
            "spectrum, closed form": job("spectrum", closed, "--out", spectra),
            "fit": job("fit", closed, "--spectra", spectra, "--out", fits),
        }
        # The names of jobs are those of then, too; its files are its own.
        before = pinned(Path(folder) / "pinned")
        names = (
            "import sys; from pathlib import Path; from scoregap.study import load; jobs = load(Path(sys.argv[1])).jobs"
        )
        names += "; print(*(job.id for job in jobs.values() if not job.trained))"
        old_id = python("-c", names, study, checkout=before)().stdout.decode().strip()
        old_spectra, old_fits = Path(folder) / "before.zarr.zip", Path(folder) / "before-fit.zarr.zip"

        def then(stage, *more):
            return python(*where, stage, "--study", study, "--job", old_id, *more, checkout=before)

        peers = {
            "scoregap theory": python(*where, "theory", *theory, checkout=before),
            "spectrum, closed form": then("spectrum", "--out", old_spectra),
            "fit": then("fit", "--spectra", old_spectra, "--out", old_fits),
        }

        def fresh(run, made=(spectra, fits, old_spectra, old_fits)):  # what is there already is not computed again
            def one():
                for path in made:
                    path.unlink(missing_ok=True)
                run()

            return one

        wanted = {name: run for name, run in cases.items() if name != "fit"}
        timed = dict(zip(wanted, bench.in_turn(*map(fresh, wanted.values()), rounds=3, clock=children), strict=True))
        cases["spectrum, closed form"]()
        peers["spectrum, closed form"]()
        timed["fit"] = bench.in_turn(fresh(cases["fit"], (fits,)), rounds=3, clock=children)[0]
        beside = []
        for name, share in SHARES.items():
            made = {"fit": (fits, old_fits), "spectrum, closed form": (spectra, old_spectra)}.get(name, ())
            pair = [fresh(run, made[i : i + 1]) for i, run in enumerate((cases[name], peers[name]))]
            ours, theirs = bench.in_turn(*pair, rounds=5, clock=children)
            beside.append(bench.Row(f"{name}, beside {PINNED}", ours, theirs, share * theirs))
    rows = []
    for name in list(cases)[2:]:
        peer = timed["import torch" if name in ("train", "spectrum of a network") else "import numpy"]
        limit = OVERHEAD + (timed["import torch"] if peer == timed["import torch"] else 0.0)
        rows.append(bench.Row(name, timed[name], peer, limit))
    bench.record("startup", rows, "the bare import of torch, or of numpy", "0.5 s, beyond torch's own import")
    bench.record("startup", beside, f"the same command at {PINNED}", "a share of its time: .66, .70, .63")


if __name__ == "__main__":
    main()
