#!/usr/bin/env bash
# After `import skdim` no warning of any package is shown any more, and `-W error` does not stop on one.
#
# Version     scikit-dimension 0.5.0 (PyPI), Python 3.11 or 3.12, Linux.
# Behaviour   skdim/id/_FisherS.py calls warnings.filterwarnings("ignore") at its top, and `import skdim` imports it. The
#             filter is put in front of all others and stays for the process: warnings of numpy, of the user's own code and
#             of scikit-dimension itself (that TwoNN has dropped duplicated points) are lost, also under `python -W error`
#             or PYTHONWARNINGS, which come behind it.
# Why it hurts   Overflows, deprecations and failed fits of a whole pipeline pass unseen because somewhere in it the
#             dimension was estimated. Contained by: with warnings.catch_warnings(): import skdim
# Seen        2026-11-28:
#               before the import: RuntimeWarning shown
#               after the import: nothing shown, exit status 0 with -W error
#               imported inside catch_warnings: RuntimeWarning shown
# Related     none found.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/python -m pip install -qq --disable-pip-version-check scikit-dimension==0.5.0 numpy==2.4.6 scipy==1.17.1

warn='import numpy; numpy.float64(1e300) * 1e300'
shown() { grep -c "RuntimeWarning: overflow" said > /dev/null && echo "RuntimeWarning shown" || echo "nothing shown"; }

{
	env/bin/python -c "$warn" 2> said
	echo "before the import: $(shown)"
	status=0
	env/bin/python -W error -c "import skdim; $warn" 2> said || status=$?
	echo "after the import: $(shown), exit status $status with -W error"
	env/bin/python -c "
import warnings
with warnings.catch_warnings():
    import skdim
$warn" 2> said
	echo "imported inside catch_warnings: $(shown)"
} | tee seen

diff seen - <<'E2'
before the import: RuntimeWarning shown
after the import: nothing shown, exit status 0 with -W error
imported inside catch_warnings: RuntimeWarning shown
E2
