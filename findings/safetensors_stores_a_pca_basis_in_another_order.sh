#!/usr/bin/env bash
# A basis that scikit-learn's PCA has fitted comes back from safetensors.numpy with its numbers in other places.
#
# Version     safetensors 0.8.0, scikit-learn 1.9.1, numpy 2.4.6, scipy 1.17.1 (PyPI), Python 3.11 or 3.12, Linux.
# Behaviour   PCA(5).fit(data).components_ is stored by columns, with every solver and number of rows tried.
#             safetensors.numpy.save_file takes it, and load_file gives an array of the same shape, dtype and set of
#             values whose rows are no longer orthonormal. Any array that is not stored by rows is hit, a transposed one or
#             a slice of columns too. No error, no warning; safetensors.torch refuses such tensors. numpy.ascontiguousarray
#             before saving helps.
# Why it hurts   Tangent frames and whitening bases are what is kept beside a score. Shapes, norms of the whole and
#             histograms look right, and projections are noise.
# Seen        2026-11-28:
#               PCA of 60 rows: saved orthonormal; loaded not orthonormal, same values: True
#               PCA of 600 rows: saved orthonormal; loaded not orthonormal, same values: True
#               frame from a QR decomposition, by rows: loaded equal: True; transposed: loaded equal: False
# Related     https://github.com/safetensors/safetensors/issues/825 (arrays by columns, 0.8.0; 0.7.0 stored them right).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/python -m pip install -qq --disable-pip-version-check safetensors==0.8.0 scikit-learn==1.9.1 numpy==2.4.6 \
	scipy==1.17.1

env/bin/python - > seen <<'PYTHON'
import numpy as np
from safetensors.numpy import load_file, save_file
from sklearn.decomposition import PCA


def there_and_back(array):
    save_file({"array": array}, "file.safetensors")
    return load_file("file.safetensors")["array"]


def said(basis):
    return "orthonormal" if np.allclose(basis @ basis.T, np.eye(len(basis)), atol=1e-6) else "not orthonormal"


rng = np.random.default_rng(0)
for rows in (60, 600):
    basis = PCA(5).fit(rng.standard_normal((rows, 12))).components_
    loaded = there_and_back(basis)
    same = np.array_equal(np.sort(basis, axis=None), np.sort(loaded, axis=None))
    print(f"PCA of {rows} rows: saved {said(basis)}; loaded {said(loaded)}, same values: {same}")
frame = np.linalg.qr(rng.standard_normal((12, 5)))[0]
by_rows, by_columns = (np.array_equal(array, there_and_back(array)) for array in (np.ascontiguousarray(frame), frame.T))
print(f"frame from a QR decomposition, by rows: loaded equal: {by_rows}; transposed: loaded equal: {by_columns}")
PYTHON
cat seen

diff seen - <<'E2'
PCA of 60 rows: saved orthonormal; loaded not orthonormal, same values: True
PCA of 600 rows: saved orthonormal; loaded not orthonormal, same values: True
frame from a QR decomposition, by rows: loaded equal: True; transposed: loaded equal: False
E2
