"""`scoregap measure --method trace` at d = 3,072: time, memory and standard error, from an empty folder to the report.

    python tests/benchmarks/traces.py [POINTS] [TIMES]

A U-Net of diffusers (extra `models`) with attention and 10 million random weights, saved in its own format, on 256
made-up images of 3 x 32 x 32: what is measured has no meaning, and costs what a trained one does. One job at a time.
Limits: an hour, 4 GB, and 1 % (issue 21). Of the spectra alone the peer is all of G, by the cost of a few products.
"""

import csv
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import bench
import numpy as np

import scoregap
from scoregap import trial
from scoregap.study import load

HOUR, MOST_MEMORY, MOST_ERROR = 3600.0, 4000.0, 0.01


def write_model(folder: Path) -> None:
    """The model, and images like none: blocks of 4 x 4 pixels, with noise."""
    import diffusers
    import torch

    torch.manual_seed(0)
    unet = diffusers.UNet2DModel(
        sample_size=32, block_out_channels=(64, 128, 192), layers_per_block=2, attention_head_dim=32,
        down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    print(f"{unet.num_parameters() / 1e6:.1f} million weights")
    unet.save_pretrained(folder / "net")
    diffusers.DDPMScheduler().save_pretrained(folder / "net")
    rng = np.random.default_rng(0)
    images = 0.4 * rng.standard_normal((256, 3, 8, 8)).repeat(4, 2).repeat(4, 3)
    np.save(folder / "images.npy", (images + 0.1 * rng.standard_normal(images.shape)).astype(np.float32))


def main(points: int = 8, times: int = 10) -> None:
    """Measure and record."""
    with tempfile.TemporaryDirectory() as folder:
        write_model(Path(folder))
        asked = ["measure", "net", "--data", "images.npy", "--times", f"1e-2:100:{times}", "--points", str(points)]
        asked += ["--method", "trace", "--cores", "1"]
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", "scoregap", *asked], cwd=folder, check=True)
        wall, used = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        results = Path(folder) / "results"
        own = scoregap.open(results / "images-net").sel(network="net").isel(seed=0)
        share = float(np.abs(own.point_trace_error / own.point_trace).max())
        (log,) = (results / "images-net" / "logs" / "spectrum").glob("net-*.tsv")
        of_job = next(csv.DictReader(log.open(), delimiter="\t"))
        study = results / "images-net.yaml"
        text = study.read_text().replace("method: trace", "method: exact")
        study.with_name("full.yaml").write_text(text)
        full = load(study.with_name("full.yaml"))
        job = next(job for job in full.jobs.values() if job.axes["network"] == ("net",))
        os.chdir(results)
        whole, _ = trial.of_spectrum(job.first, study)
    what = f"10-million-weight U-Net, d 3072, {points} points x {times} times"
    bench.record(
        "traces",
        [
            bench.Row(f"scoregap measure, {what}: wall", wall, None, HOUR),
            bench.Row("  processor, all of its processes", used.ru_utime + used.ru_stime, None, HOUR),
            bench.Row("  processor, the spectra of the model", float(of_job["cpu_time"]), whole, HOUR),
            bench.Row("  peak memory, largest process", used.ru_maxrss * 1024 / 1e6, None, MOST_MEMORY, "MB"),
            bench.Row("  standard error of tr G, largest share", share, None, MOST_ERROR, "1"),
        ],
        "all of G, by a few products",
        "the goal",
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
