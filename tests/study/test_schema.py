"""What the keys and axes of a study may be."""

import pytest
from tiny import edited

from scoregap import InputError
from scoregap.study import load


@pytest.mark.parametrize("name", ["baseline", "baselines2", "findings_", "benchmarks-1", "abaselines"])
def test_names_like_those_of_kept_folders_are_allowed(tmp_path, name):
    assert load(edited(tmp_path, ("study: tiny", f"study: {name}"))).name == name


@pytest.mark.parametrize("value", ["2.0", "0", "-3", "1.0", "0.0", "[2]", "x", "null", ".inf", "10000000000"])
def test_what_manifold_dim_may_be_is_one_message(tmp_path, value):
    """Of a union pydantic has a message for each member, and none says of the others."""
    with pytest.raises(InputError) as caught:
        load(edited(tmp_path, ("manifold_dim: [2]", f"manifold_dim: [1, {value}]")))
    assert caught.value.allowed == (
        "should be a whole number from 1 to 10^9, or a share of ambient_dim, above 0 and below 1"
    )
    assert caught.value.file.name == "edited.yaml"
