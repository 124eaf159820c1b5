"""Tests compute as runs do, whatever the environment tells libraries."""

import numpy as np  # noqa: F401  (it is asked how it was loaded)
from threadpoolctl import threadpool_info


def test_numpy_was_loaded_after_the_environment_was_cleared():
    """With two cores it has two threads otherwise."""
    assert {one["num_threads"] for one in threadpool_info() if "openblas" in one["prefix"]} == {1}
