"""The trace of the Jacobian of an image network at d = 3,072: seconds, memory, and how far it is from all of G.

    python tests/benchmarks/model_trace.py [POINTS] [TIMES] [full]

A U-Net of diffusers (extra `models`) with attention and 10 million random weights, saved and read again; one core.
`full`: all of G at one of the points, too.
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from scoregap.models import Declared
from scoregap.scores.model import Model
from scoregap.study.schema import Declaration

D, PROBES = 3072, 16


def network(folder: Path) -> Model:
    """The network as a score."""
    import diffusers

    torch.manual_seed(0)
    unet = diffusers.UNet2DModel(
        sample_size=32, block_out_channels=(64, 128, 192), layers_per_block=2, attention_head_dim=32,
        down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    print(f"{unet.num_parameters() / 1e6:.1f} million weights")
    unet.save_pretrained(folder / "net")
    diffusers.DDPMScheduler().save_pretrained(folder / "net")
    declared = Declared(folder / "study.yaml", "mine", Declaration(**{"from": "diffusers", "path": "net"}))
    return Model(declared.loaded, D)


def main(points: int, times: int, full: bool) -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        score = network(Path(folder))
    rng, t = np.random.default_rng(0), score.times(np.geomspace(1e-2, 100.0, times))
    clean, w = rng.standard_normal((2, points, D))
    start = time.process_time()
    for one in t:
        x = clean + np.sqrt(one) * w
        _, found, error = score.traced(x, one, rng.choice([-1.0, 1.0], (PROBES, points, D)))
        seconds = (time.process_time() - start) / points
        start = time.process_time()
        says = ", ".join(f"{a:.1f} +- {b:.1f}" for a, b in zip(found, error, strict=True))
        print(f"t {one:.3g}: {seconds:.1f} s of the core a point, tr G {says}, peak {peak():.2f} GB", flush=True)
    if full:
        start = time.process_time()
        trace = np.trace(score.jacobian(x[:1], t[-1])[1][0])
        print(f"all of G at t {t[-1]:.3g}: {time.process_time() - start:.0f} s, tr G {trace:.1f}, peak {peak():.2f} GB")


def peak() -> float:
    """Peak memory of the process, GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


if __name__ == "__main__":
    main(*map(int, (sys.argv[1:3] + ["8", "10"][len(sys.argv[1:3]) :])), "full" in sys.argv)
