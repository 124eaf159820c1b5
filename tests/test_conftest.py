"""Tests compute as runs do, whatever the environment tells libraries."""

import os

import numpy as np  # noqa: F401  (it is asked how it was loaded)
from threadpoolctl import threadpool_info

from scoregap.runtime.environment import OF_LIBRARIES

THREADS = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"}
OF_SCIKIT_LEARN = {"KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK"}  # which it sets itself


def test_the_environment_tells_libraries_nothing_but_one_thread():
    assert {name for name in os.environ if OF_LIBRARIES.fullmatch(name)} - OF_SCIKIT_LEARN == THREADS


def test_numpy_was_loaded_after_that():
    """With two cores it has two threads otherwise."""
    assert {one["num_threads"] for one in threadpool_info() if "openblas" in one["prefix"]} == {1}
