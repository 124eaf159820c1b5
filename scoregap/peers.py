"""scikit-dimension, an optional package (extra `benchmark`), imported as it should be.

name of one of its modules -> the module

Its import (0.5.0, `skdim.id`) ignores all warnings of the process from then on, also those of other packages: here the
filters are as they were afterwards.
"""

import warnings
from importlib import import_module
from typing import Any


def skdim(module: str) -> Any:
    """One of its modules. Raises ImportError."""
    with warnings.catch_warnings():
        return import_module(f"skdim.{module}")
