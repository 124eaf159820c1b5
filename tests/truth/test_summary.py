"""The summary of one linear random manifold."""

import json

import numpy as np
import pytest

from scoregap import InputError
from scoregap.truth import laws, summary, times


def test_groups_are_parsed():
    assert summary.parse_groups(["20:1.0", "5:1e-2"]) == [(20, 1.0), (5, 0.01)]
    assert summary.parse_groups([]) == []


@pytest.mark.parametrize(
    "text", ["20", "20:", ":1", "0:1", "-3:1", "20:0", "20:-1", "20:nan", "20:inf", "2.5:1", "a:b", "20:1:2", ""]
)
def test_bad_group_is_named(text):
    with pytest.raises(InputError, match="COUNT:STD") as error:
        summary.parse_groups(["20:1.0", text])
    assert repr(text) in str(error.value)


def test_published_example():
    result = summary.linear(100, [(20, 0.1), (20, 1.0)])
    first, second = result["groups"]
    assert (first["std"], second["std"]) == (1.0, 0.1)
    assert (result["ambient_dim"], result["manifold_dim"], result["alpha"]) == (100, 40, 0.4)
    np.testing.assert_allclose(second["edges"]["silverstein"], [0.00499, 0.0449], rtol=1e-3)
    np.testing.assert_allclose(second["edges"]["repaired"], [0.0050, 0.0450], rtol=1e-9)
    np.testing.assert_allclose(second["edges"]["detached"], [0.0076, 0.0524], rtol=6e-3)
    a, b = first["edges"]["silverstein"][0], second["edges"]["silverstein"][1]
    (gap,) = result["intermediate_gaps"]
    assert gap["exists"]
    assert (gap["below_modes"], gap["a"], gap["b"]) == (20, a, b)
    assert gap["t_max"] == pytest.approx(np.sqrt(a * b))
    assert gap["t_open"] * gap["t_close"] == pytest.approx(a * b)
    assert gap["t_open"] > gap["t_close"]
    for t in (gap["t_open"], gap["t_close"]):
        assert times.gap_width(t, a, b) == pytest.approx(0.5 * gap["max_width"])
    final = result["final_gap"]
    assert (final["below_modes"], final["t_consolidation"]) == (40, second["edges"]["silverstein"][0])
    t, g = gap["t_coverage_to_consolidation"], final["g"]
    assert g / (t + g) == pytest.approx(times.gap_width(t, a, b))


def test_finite_size_edges_are_tracy_widom():
    result = summary.linear(100, [(40, 1.0)])
    means, spreads = laws.tracy_widom_edges(100, (40,), (1.0,))
    assert result["groups"][0]["finite_size_edges"] == {"mean": means[0].tolist(), "std": spreads[0].tolist()}
    assert result["intermediate_gaps"] == []


def test_level():
    a, b = laws.gap_edges(laws.silverstein_edges(100, (20, 20), (1.0, 0.1)))[0]
    gap = summary.linear(100, [(20, 1.0), (20, 0.1)], 0.9)["intermediate_gaps"][0]
    assert times.gap_width(gap["t_open"], a, b) == pytest.approx(0.9 * gap["max_width"])


@pytest.mark.parametrize("groups", [[(20, 1.0), (20, 0.9)], [(20, 1.0), (20, 1.0)], [(10, 2.0), (15, 0.1), (15, 0.1)]])
def test_merged_bulks_are_none_and_said(groups):
    result = summary.linear(100, groups)
    gap = result["intermediate_gaps"][-1]
    assert not gap["exists"]
    assert [
        gap[name] for name in ("a", "b", "t_open", "t_max", "t_close", "max_width", "t_coverage_to_consolidation")
    ] == [None] * 7
    text = summary.render(result)
    assert "merged" in text
    assert "does not exist" in text
    assert "nan" not in text


@pytest.mark.parametrize(
    ("ambient_dim", "groups"),
    [(100, [(20, 1.0), (20, 0.1)]), (40, [(20, 1.0), (20, 0.1)]), (5, [(1, 1.0)]), (100, [(20, 1.0), (20, 0.9)])],
)
def test_result_is_plain_data_and_renders(ambient_dim, groups):
    result = summary.linear(ambient_dim, groups)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    text = summary.render(result)
    assert f"d = {ambient_dim}" in text
    for law in ("silverstein", "repaired", "detached", "finite d"):
        assert text.count(law) == len(groups)
    assert f"{result['final_gap']['g']:.6g}" in text


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, np.nan])
def test_bad_level(level):
    with pytest.raises(InputError, match="--level"):
        summary.linear(100, [(20, 1.0)], level)


def test_impossible_geometry():
    with pytest.raises(InputError, match="at least 30"):
        summary.linear(29, [(20, 1.0), (10, 0.1)])
    assert summary.linear(30, [(20, 1.0), (10, 0.1)])["final_gap"]["t_consolidation"] == 0
