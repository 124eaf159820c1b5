#!/usr/bin/env bash
# The forward-mode derivative of a scripted torch network is right once, and 0 from the second call on.
#
# Version     torch 2.13.0, numpy 2.4.6 (PyPI; torch as 2.13.0+cpu), Python 3.11, Linux.
# Behaviour   torch.func.jvp of torch.jit.script(network), of one point and one direction, agrees with that of the
#             network itself on the first call. From the second call on, of the same point and direction, it is exactly
#             0; the value beside it stays right, and so does reverse mode (jacrev). No error, no warning of it. With
#             parameters that need no gradient (requires_grad_(False)) every call is right.
# Why it hurts   Older checkpoints are scripted. G v, divergences and likelihoods by forward mode are
#             taken in loops: all but the first product are 0, so a Jacobian looks like that of a collapsed score.
# Seen        2026-11-29:
#               jvp, call 1: right, value right
#               jvp, call 2: 0, value right
#               jvp, call 3: 0, value right
#               jacrev after that: right
#               jvp without gradients of parameters, calls 1 to 3: right, right, right
# Related     https://github.com/pytorch/pytorch/issues/73972 (zeros or none, torch.autograd.forward_ad, 2022, open);
#             https://github.com/pytorch/pytorch/issues/84681 (traced functions, forward-mode Jacobians, 2022, open).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export XDG_CACHE_HOME="$folder/cache" PIP_NO_CACHE_DIR=1
python3 -m venv env
env/bin/python -m pip install -qq --disable-pip-version-check torch==2.13.0 numpy==2.4.6
export XDG_CONFIG_HOME="$folder/config"

env/bin/python -W ignore - > seen <<'PYTHON'
import torch
from torch.func import jacrev, jvp

torch.manual_seed(0)
network = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.SiLU(), torch.nn.Linear(8, 4))
x, v = torch.randn(2, 1, 4)
value, right = jvp(network, (x,), (v,))
jacobian = jacrev(network)(x)


def said(found, right):
    return "0" if (found == 0).all() else "right" if torch.allclose(found, right, atol=1e-6) else "wrong"


scripted = torch.jit.script(network)
for call in (1, 2, 3):
    beside, product = jvp(scripted, (x,), (v,))
    print(f"jvp, call {call}: {said(product, right)}, value {said(beside, value)}")
print(f"jacrev after that: {said(jacrev(scripted)(x), jacobian)}")
frozen = torch.jit.script(network.requires_grad_(False))
calls = ", ".join(said(jvp(frozen, (x,), (v,))[1], right) for _ in range(3))
print(f"jvp without gradients of parameters, calls 1 to 3: {calls}")
PYTHON
cat seen

diff seen - <<'E2'
jvp, call 1: right, value right
jvp, call 2: 0, value right
jvp, call 3: 0, value right
jacrev after that: right
jvp without gradients of parameters, calls 1 to 3: right, right, right
E2
