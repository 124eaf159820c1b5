"""Figures of `make bench` that are limits of every build: a small sample of each."""

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent / "benchmarks"


@pytest.fixture
def memory(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import memory

    yield memory
    for name in ("memory", "bench"):
        sys.modules.pop(name)


@pytest.mark.slow
@pytest.mark.parametrize("network", ["exact", "gated-8"])
def test_spectra_hold_the_jacobians_of_one_chunk_of_points_and_not_of_all(memory, network):
    """Four times the points take a tenth of their Jacobians at most, where a chunk is 16 of them."""
    few, many = (memory.peak(network, 128, times, 64, entries=16 * 128**2) for times in (8, 32))
    jacobians = 8.0 * 128**2 * 64 * 24  # of the points that are more, bytes
    assert many - few < 0.1 * jacobians
    if network != "exact":  # whose Jacobians are not made
        assert memory.peak(network, 128, 32, 64) - many > 0.5 * jacobians  # it is seen, where all are held at once
