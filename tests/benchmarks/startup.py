"""What a job costs before it computes: a smallest study -> processor seconds of its jobs, of --help and of theory.

Peer: the bare imports that a job cannot do without, in a Python of its own: numpy, and torch where a network is used.
Limit: for jobs that use torch its import and 0.5 s; for the others 0.5 s.
"""

import resource
import subprocess
import sys
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


def children() -> float:
    """Processor seconds of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def python(*arguments: object):
    """A function that runs Python with these arguments."""
    return lambda: subprocess.run([sys.executable, *map(str, arguments)], check=True, capture_output=True)


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

        def fresh(run):  # outputs that are there already are not computed again
            def one():
                for path in (spectra, fits):
                    path.unlink(missing_ok=True)
                run()

            return one

        wanted = {name: run for name, run in cases.items() if name != "fit"}
        timed = dict(zip(wanted, bench.in_turn(*map(fresh, wanted.values()), rounds=3, clock=children), strict=True))
        (timed["fit"],) = bench.in_turn(cases["fit"], rounds=3, clock=children)
    rows = []
    for name in list(cases)[2:]:
        peer = timed["import torch" if name in ("train", "spectrum of a network") else "import numpy"]
        limit = OVERHEAD + (timed["import torch"] if peer == timed["import torch"] else 0.0)
        rows.append(bench.Row(name, timed[name], peer, limit))
    bench.record("startup", rows, "the bare import of torch, or of numpy", "0.5 s, beyond torch's own import")


if __name__ == "__main__":
    main()
