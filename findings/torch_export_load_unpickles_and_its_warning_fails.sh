#!/usr/bin/env bash
# torch.export.load runs code of a .pt2 file that torch.load refuses, and the warning about it cannot be written.
#
# Version     torch 2.13.0 (PyPI, CPU), Python 3.11 or 3.12, Linux.
# Behaviour   A .pt2 archive holds the example inputs of the export as a pickle, which loading does not need. It is read
#             with torch.load(weights_only=True) and, whatever error that raises, again with weights_only=False. So a
#             file whose example inputs call a function runs it. The warning that follows has two %s and one argument
#             (torch/_export/serde/serialize.py, deserialize_torch_artifact): logging prints "--- Logging error ---" and
#             a traceback instead of it. (In the file below nothing but `print` is called.)
# Why it hurts   The page of torch.export.load says that it uses pickle; a graph with tensors does not look so, and
#             weights_only=True, the default of torch.load since 2.6, made people expect otherwise. Whoever greps logs
#             for the warning finds none. Contained by: such a file is read only where a study says trusted: true.
# Seen        2026-11-28:
#               torch.load refuses the example inputs
#               torch.export.load: code of the file was run
#               warnings written: 0, logging errors: 1
# Related     https://github.com/pytorch/pytorch/pull/176791, https://github.com/pytorch/pytorch/pull/191149 (a parameter
#             weights_only; both closed). None found of the warning.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/python -m pip install -qq --disable-pip-version-check torch==2.13.0 numpy==2.4.6

cat > run.py <<'PYTHON'
import contextlib
import io
import pickle
import zipfile

import torch


class Call:
    def __reduce__(self):
        return print, ("torch.export.load: code of the file was run",)


torch.export.save(torch.export.export(torch.nn.Linear(2, 2), (torch.ones(1, 2),)), "good.pt2")
inputs = io.BytesIO()
torch.save(Call(), inputs)
with zipfile.ZipFile("good.pt2") as good, zipfile.ZipFile("other.pt2", "w") as other:
    for name in good.namelist():
        other.writestr(name, inputs.getvalue() if "sample_inputs" in name else good.read(name))
inputs.seek(0)
try:
    torch.load(inputs)
except pickle.UnpicklingError:
    print("torch.load refuses the example inputs")
with contextlib.suppress(AssertionError):  # what `print` returns are no inputs
    torch.export.load("other.pt2")
PYTHON

{
	env/bin/python run.py 2> said
	written=$(grep -c "WARNING.*Fallback to weights_only=False" said || true)
	echo "warnings written: $written, logging errors: $(grep -c -- '--- Logging error ---' said)"
} | tee seen

diff seen - <<'E2'
torch.load refuses the example inputs
torch.export.load: code of the file was run
warnings written: 0, logging errors: 1
E2
