#!/bin/sh
# All that waits for a GPU, in nine minutes, by the first Python that has torch and numpy: make gpu, or bash tests/gpu.sh
# Nothing is installed. SCOREGAP_PYTHON: another Python; SCOREGAP_GPU_RESULTS: the folder of results.

cd "$(dirname "$0")/.." || exit 2
has='import sys, importlib.util as u; sys.exit(sys.version_info < (3, 11) or not (u.find_spec("torch") and u.find_spec("numpy")))'
for python in ${SCOREGAP_PYTHON:-.venv/bin/python python3 python3.12 python3.11 python}; do
    if command -v "$python" > /dev/null && "$python" -c "$has" 2> /dev/null; then exec "$python" tests/gpu/run.py "$@"; fi
done
echo "gpu: no Python from 3.11 on with torch and numpy: install them first, torch for CUDA: pip install torch numpy"
exit 2
