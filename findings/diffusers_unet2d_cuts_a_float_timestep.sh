#!/usr/bin/env bash
# diffusers' UNet2DModel cuts a float time step to a whole number, though its signature says float.
#
# Version     diffusers 0.42.1, torch 2.13.0, numpy 2.4.6 (PyPI; torch as 2.13.0+cpu), Python 3.11, Linux.
# Behaviour   UNet2DModel.forward(sample, timestep: Tensor | float | int). model(x, 10.0) and model(x, 10.9) are equal
#             to the last bit, model(x, 0.9) is model(x, 0). The same number as a 0-d tensor is kept, and gives another
#             output. UNet2DConditionModel keeps a float (by its source).
# Why it hurts   Noise between two levels of the training is asked for by a fractional step: by Euler's and other
#             schedulers, whose time steps are floats, whenever somebody takes .item() or loops over a list. All noise
#             levels below the first one read as level 0, and a spectrum over t gets steps that look like physics.
# Seen        2026-11-29:
#               10.0 and 10.9: the same
#               0 and 0.9: the same
#               10.0 and tensor(10.9): differ
# Related     https://github.com/huggingface/diffusers/issues/13654 (its second point; 2026, open).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export XDG_CACHE_HOME="$folder/cache" PIP_NO_CACHE_DIR=1
python3 -m venv env
env/bin/python -m pip install -qq --disable-pip-version-check diffusers==0.42.1 torch==2.13.0 numpy==2.4.6
export XDG_CONFIG_HOME="$folder/config"

env/bin/python -W ignore - > seen <<'PYTHON'
import torch
from diffusers import UNet2DModel

torch.manual_seed(0)
blocks = {"down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2}
sizes = {"sample_size": 8, "block_out_channels": (8, 8), "norm_num_groups": 4, "layers_per_block": 1}
model = UNet2DModel(in_channels=1, out_channels=1, **sizes, **blocks).eval()
x = torch.randn(1, 1, 8, 8)
with torch.no_grad():
    for words, one, other in (
        ("10.0 and 10.9", 10.0, 10.9),
        ("0 and 0.9", 0, 0.9),
        ("10.0 and tensor(10.9)", 10.0, torch.tensor(10.9)),
    ):
        print(f"{words}: {'the same' if torch.equal(model(x, one).sample, model(x, other).sample) else 'differ'}")
PYTHON
cat seen

diff seen - <<'E2'
10.0 and 10.9: the same
0 and 0.9: the same
10.0 and tensor(10.9): differ
E2
