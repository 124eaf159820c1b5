"""Which figures are kept: those that are whole, of the same data, drawn by the same code."""

import numpy as np
import pandas as pd
import pytest

from scoregap.analysis.cells import Spectra
from scoregap.report import kept

FRAME = pd.DataFrame({"network": ["exact", "gated-8"], "t": [1.0, np.nan]})
SPECTRA = Spectra({"curvature": 0.5}, np.array([0.1, 1.0]), {"exact": np.zeros((2, 3))}, np.array([2.0]))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (FRAME, FRAME.assign(t=[1.0, 2.0])),
        (FRAME, FRAME.rename(columns={"t": "u"})),
        (FRAME, FRAME.iloc[::-1]),
        (FRAME, FRAME.assign(network=["exact", "gated-9"])),
        (SPECTRA, SPECTRA._replace(values={"curvature": 0.25})),
        (SPECTRA, SPECTRA._replace(curves={"exact": np.full((2, 3), 1e-9)})),
        (SPECTRA, SPECTRA._replace(curves={"exact": np.zeros((3, 2))})),
        (["ab", "c"], ["a", "bc"]),
        ([[1], 2], [[1, 2]]),
        (1, 1.0),
        (1, "1"),
        (None, "None"),
    ],
)
def test_what_differs_has_another_digest(one, other):
    assert kept.digest(one) != kept.digest(other)


def test_what_is_alike_has_the_same_digest():
    copy = Spectra({"curvature": 0.5}, np.array([0.1, 1.0]), {"exact": np.zeros((2, 3))}, np.array([2.0]))
    assert kept.digest(SPECTRA, FRAME) == kept.digest(copy, FRAME.copy())


def test_what_it_does_not_know_is_refused():
    with pytest.raises(TypeError, match="not of <class 'object'>"):
        kept.digest(object())


def test_a_picture_is_known_by_its_last_line(tmp_path):
    path, of = tmp_path / "x.svg", kept.digest(1)
    assert not kept.holds(path, of)
    whole = kept.signed(b"<svg/>\n", of)
    path.write_bytes(whole)
    assert kept.holds(path, of)
    assert not kept.holds(path, kept.digest(2))
    for damaged in (whole[:-9], whole.replace(b"svg", b"svh"), b"", whole + b" ", b" " + whole):
        path.write_bytes(damaged)
        assert not kept.holds(path, of)
