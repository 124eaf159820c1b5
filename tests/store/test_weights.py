"""Weights, with what is known of their members."""

import pytest

from scoregap import DamagedFile
from scoregap.store.weights import read_weights, weights_members, write_weights


@pytest.mark.parametrize("members", [None, 5, "a", ["a"], {"a": None}, {"a": "diverged"}])
def test_weights_of_which_nothing_is_known_are_refused(weights, members):
    write_weights(weights[0], members, weights[1])
    for read in (read_weights, weights_members):
        with pytest.raises(DamagedFile, match=r"job\.safetensors: is damaged: nothing is known"):
            read(weights[0])
