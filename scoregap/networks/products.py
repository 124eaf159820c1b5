"""How float32 matrix products of training are made on a CPU: as torch makes them, or by oneDNN.

name of PRODUCTS -> a context in which they are

torch leaves them to MKL, which on AMD is half as fast as oneDNN; the two sum in another order. torch asks oneDNN only
where factors may be rounded to 16 bits (`torch.set_float32_matmul_precision`). oneDNN does round them on a CPU that has
units for it; on others its products are as exact as MKL's. Which it is here, `exact` finds out by trying. torch makes
small products itself, and what is small depends on the number of members: a narrow network's bits may be others beside
other members than alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

ROUNDED = 1e-5  # relative error of a product whose factors were rounded; of float32 it is 3e-7


@contextmanager
def made_by(name: str) -> Iterator[None]:
    """Products are made as PRODUCTS has it; by torch where oneDNN would round."""
    if name == "torch" or not exact():
        yield
        return
    with _allowed():
        yield


@cache
def exact() -> bool:
    """Whether oneDNN makes products on this CPU without rounding the factors."""
    left, right = torch.linspace(-1, 1, 2 * 128 * 128).view(2, 128, 128).sin()
    with _allowed():
        found = left @ right
    known = left.double() @ right.double()
    return float((found - known).norm() / known.norm()) < ROUNDED


@contextmanager
def _allowed() -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
