"""The summary of one linear random manifold."""

import copy
import json

import numpy as np
import pytest

from scoregap import InputError
from scoregap.data import Group, manifold, summary
from scoregap.data.manifolds.arcs import Arcs
from scoregap.laws import memorisation, random_matrix, times


def groups_of(*pairs):
    return [Group(count, std) for count, std in pairs]


def test_groups_are_parsed():
    assert summary.parse_groups(["20:1.0", "5:1e-2"]) == groups_of((20, 1.0), (5, 0.01))
    assert summary.parse_groups(["8:2:law=uniform:width=0.5"]) == [Group(8, 2.0, law="uniform", width=0.5)]
    assert summary.parse_groups([]) == []


@pytest.mark.parametrize(
    "text",
    ["20", "20:", ":1", "2.5:1", "a:b", "20:1:2", "", "2:1:law", "2:1:width=a", "2:1:colour=1", "2:1:width=1=2",
     "4:1:bend=1:bend=2", "4:1:bend=1:bend=1", "4:1:law=uniform:width=0.5:law=constant", "4_0:1", "4:1_0",
     "4:1:width=0_5",
     "٤:1", "4:٠.١", "4:1:bend=١", "４:1"],
)  # fmt: skip
def test_bad_group_is_named(text):
    with pytest.raises(InputError, match="COUNT:STD") as error:
        summary.parse_groups(["20:1.0", text])
    assert repr(text) in str(error.value)


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["frame=orthonormal", "frame=random"], "--set: 'frame=random' is not allowed: frame is given already"),
        (["frame=random", "separation=2", "frame=random"], "--set: 'frame=random' is not allowed: frame is given"),
        (["separation=1", "separation=1.0"], "--set: 'separation=1.0' is not allowed: separation is given already"),
        (["separation=1_0"], "--set: 'separation=1_0' is not allowed"),
        (["separation=١"], "is not allowed: should be NAME=VALUE"),
        (["=1"], "should be NAME=VALUE"),
    ],
)
def test_settings_are_given_once_and_in_plain_digits(texts, says):
    with pytest.raises(InputError, match=says):
        summary.parse_settings(texts)


def test_settings_are_parsed():
    assert summary.parse_settings(["frame=orthonormal", "separation=2e0"]) == {"frame": "orthonormal", "separation": 2}


def test_published_example():
    result = summary.describe(100, groups_of((20, 0.1), (20, 1.0)))
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
    result = summary.describe(100, groups_of((40, 1.0)))
    means, spreads = random_matrix.tracy_widom_edges(100, (40,), (1.0,))
    assert result["groups"][0]["finite_size_edges"] == {"mean": means[0].tolist(), "std": spreads[0].tolist()}
    assert result["intermediate_gaps"] == []


def test_level():
    a, b = random_matrix.gap_edges(random_matrix.silverstein_edges(100, (20, 20), (1.0, 0.1)))[0]
    gap = summary.describe(100, groups_of((20, 1.0), (20, 0.1)), 0.9)["intermediate_gaps"][0]
    assert times.gap_width(gap["t_open"], a, b) == pytest.approx(0.9 * gap["max_width"])


@pytest.mark.parametrize("groups", [[(20, 1.0), (20, 0.9)], [(20, 1.0), (20, 1.0)], [(10, 2.0), (15, 0.1), (15, 0.1)]])
def test_merged_bulks_are_none_and_said(groups):
    result = summary.describe(100, groups_of(*groups))
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
    result = summary.describe(ambient_dim, groups_of(*groups))
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    text = summary.render(result)
    assert f"d = {ambient_dim}" in text
    for law in ("silverstein", "repaired", "detached", "finite d"):
        assert text.count(law) == len(groups)
    assert f"{result['final_gap']['g']:.6g}" in text


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, np.nan])
def test_bad_level(level):
    with pytest.raises(InputError, match="--level"):
        summary.describe(100, groups_of((20, 1.0)), level)


@pytest.mark.parametrize("share", [1e-320, 1e-310, 1e-200, 1e-156, 9e-21, 0.0, 1.0, -0.1, np.nan])
@pytest.mark.parametrize("name", ["level", "visibility"])
def test_shares_whose_times_no_float64_holds_are_refused(name, share):
    with pytest.raises(InputError, match=f"--{name}: .* is not allowed: should be from 1e-20, and less than 1"):
        summary.describe(20, groups_of((4, 1.0), (4, 0.1)), **{name: share})


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e9])
@pytest.mark.parametrize("name", ["level", "visibility"])
def test_times_of_the_least_share_are_numbers(name, scale):
    result = summary.describe(20, groups_of((4, scale), (4, 0.1 * scale)), **{name: 1e-20})
    (gap,) = result["intermediate_gaps"]
    found = [gap["t_open"], gap["t_max"], gap["t_close"], *gap["t_visible"], result["final_gap"]["t_visible"]]
    assert None not in found
    assert min(found) > 0
    assert "1e-20" in summary.render(result)


def test_impossible_geometry():
    groups = groups_of((20, 1.0), (10, 0.1))
    with pytest.raises(InputError, match="needs at least 30"):
        summary.describe(29, groups)
    assert summary.describe(30, groups)["final_gap"]["t_consolidation"] == 0
    with pytest.raises(InputError, match="linear has none to set"):
        summary.describe(100, groups, curvature=1.0)
    with pytest.raises(InputError, match="should be one of linear"):
        summary.describe(100, groups, family="klein")
    for t in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(InputError, match="--time"):
            summary.describe(100, groups, times_of_spectra=(t,))


def test_critical_ratio_and_other_clocks():
    result = summary.describe(100, groups_of((20, 1.0), (20, 0.1)))
    (gap,) = result["intermediate_gaps"]
    assert (gap["variance_ratio"], gap["critical_ratio"]) == pytest.approx((0.01, 0.25636), rel=1e-4)
    for name in ("t_open", "t_max", "t_close"):
        clocks = gap["clocks"][name]
        assert (1 - clocks["vp_abar"]) / clocks["vp_abar"] == pytest.approx(gap[name])
        assert clocks["edm_sigma"] ** 2 == pytest.approx(gap[name])
    assert "critical 0.2564" in summary.render(result)


def test_exact_spectrum_of_a_flat_manifold():
    result = summary.describe(20, groups_of((2, 1.0), (2, 0.1)), times_of_spectra=(0.1, 3.0), seed=5)
    squares = manifold("linear", 20, [(2, 1.0), (2, 0.1)], seed=5).scales ** 2
    for one in result["exact"]:
        eigenvalues = squares / (squares + one["t"])
        found = [(group["largest"], group["smallest"]) for group in one["groups"]]
        np.testing.assert_allclose(found, eigenvalues.reshape(2, 2))
        assert one["beyond"] == pytest.approx(0, abs=1e-12)
        np.testing.assert_allclose(one["gap_widths"], [eigenvalues[1] - eigenvalues[2], eigenvalues[3]])
    assert result["exact"][1]["vp_abar"] == pytest.approx(0.25)


def test_points_are_not_drawn_from_the_stream_that_drew_the_manifold(monkeypatch):
    """Else the latents of the first of them are the entries of F."""
    drawn, sample = [], Arcs.sample

    def recorded(self, rng, n):
        drawn.append(copy.deepcopy(rng).standard_normal(3).tolist())
        return sample(self, rng, n)

    monkeypatch.setattr(Arcs, "sample", recorded)
    for seed in (0, 5):
        summary.describe(
            20, groups_of((2, 1.0)), family="arcs", curvature=0.3, times_of_spectra=(1.0,), seed=seed, points=2,
            training_points=(10,),
        )  # fmt: skip
        for one in drawn:
            assert one != np.random.default_rng(seed).standard_normal(3).tolist()
    assert len(drawn) == 4


def test_curved_manifolds():
    result = summary.describe(20, groups_of((2, 1.0)), family="arcs", curvature=0.3, times_of_spectra=(1.0,))
    (row,) = result["small_curvature"]  # one group, whose own arc is the widest
    truth = manifold("arcs", 20, [(2, 1.0)], curvature=0.3)
    assert row["s"] == pytest.approx(np.sqrt(np.mean(truth.scales**2)))
    assert row["kappa"] == pytest.approx(0.3 / np.sqrt(10))
    assert row["t_consolidation_over_flat"] == pytest.approx(1 - (row["s"] * row["kappa"]) ** 2)
    assert result["exact"][0]["beyond"] > 1e-3
    sphere = summary.describe(20, groups_of((3, 1.0)), family="sphere", curvature=1.0, times_of_spectra=(0.1,))
    assert "groups" not in sphere
    assert json.loads(json.dumps(sphere, allow_nan=False)) == sphere
    for one in (result, sphere):
        assert "exact score" in summary.render(one)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"groups": [Group(0, 1.0)]}, "--group number 1: count: 0 is not allowed"),
        ({"groups": [Group(2, np.nan)]}, "--group number 1: std: nan is not allowed"),
        ({"groups": [Group(2, 1.0, law="gamma")]}, "--group number 1: law: 'gamma' is not allowed"),
        ({"groups": [Group(2, 1.0, law="uniform", width=2.0)]}, "--group number 1: width: 2.0 is not allowed"),
        ({"groups": []}, "--group: [] is not allowed"),
        ({"curvature": np.nan}, "--curvature: nan is not allowed: should be from 0 to 100"),
        ({"curvature": -1.0}, "--curvature: -1.0 is not allowed"),
        ({"curvature": 1e200}, "--curvature: 1e+200 is not allowed"),
        (
            {"settings": {"frame": "square"}},
            "--set frame: 'square' is not allowed: should be one of random, orthonormal",
        ),
        ({"settings": {"colour": 1.0}}, "--set colour: 1.0 is not allowed: arcs does not use it"),
        ({"settings": {"frame": "orthonormal"}, "densities": 5}, "--density: 5 is not allowed"),
        ({"family": "sphere", "densities": 5}, "--density: 5 is not allowed: sphere"),
        ({"seed": -1}, "--seed: -1 is not allowed"),
    ],
)
def test_what_is_refused_and_how(changes, says):
    options = {"groups": [Group(2, 1.0)], "family": "arcs", "curvature": 0.5} | changes
    with pytest.raises(InputError) as caught:
        summary.describe(10, **options)
    assert str(caught.value).startswith(says)


def test_settings_of_a_family():
    assert summary.parse_settings(["frame=orthonormal", "separation=2"]) == {"frame": "orthonormal", "separation": 2.0}
    for text in ("frame", "=1", "frame="):
        with pytest.raises(InputError, match="NAME=VALUE"):
            summary.parse_settings([text])
    mixture = {"family": "mixture", "settings": {"separation": 5.0}, "times_of_spectra": (0.01,)}
    result = summary.describe(10, [Group(3, 1.0), Group(1, 1.0, weight=2.0)], **mixture)
    assert len(result["exact"][0]["groups"]) == 2
    fixed = summary.describe(10, [Group(2, 1.0)], settings={"frame": "orthonormal"}, times_of_spectra=(5.0,))
    assert fixed["exact"][0]["groups"][0]["largest"] == pytest.approx(0.5)


def test_the_expansion_is_of_arcs_where_it_holds():
    groups = [Group(2, 1.0)]
    assert "small_curvature" not in summary.describe(10, groups, family="quadratic", curvature=0.5)
    assert summary.describe(10, groups, family="arcs", curvature=9.0)["small_curvature"][0]["bend_at_s2"] is None
    two = summary.describe(40, [Group(2, 1.0), Group(2, 0.1)], family="arcs", curvature=0.3)["small_curvature"]
    alone = 1 - (two[1]["kappa"] * two[1]["s"]) ** 2
    assert two[1]["t_consolidation_over_flat"] < alone  # the wide arc's ghost is the larger one


@pytest.mark.slow
def test_density_adds_up_to_the_bulk():
    table = summary.describe(100, groups_of((40, 1.0)), densities=4001)["density"]
    assert table["atom_at_zero"] == pytest.approx(0.6)
    assert np.trapezoid(table["density"], table["variance"]) == pytest.approx(0.4, rel=1e-3)
    for law, width in (("uniform", 1.0), ("lognormal", 0.5), ("power", 0.5)):
        result = summary.describe(100, [Group(40, 1.0, law=law, width=width)], densities=2001)
        mass = np.trapezoid(result["density"]["density"], result["density"]["variance"])
        assert mass == pytest.approx(0.4, rel=0.02), law
        assert "limiting density" in summary.render(result)


def test_gaps_and_times_have_the_names_that_they_have_in_the_cube():
    text = summary.render(summary.describe(100, groups_of((10, 1.0), (10, 0.2), (10, 0.02))))
    for k, above in enumerate((10, 20)):
        assert f"gap [{k}], {above} modes above it: variance ratio" in text
        for name in ("t_open", "t_max", "t_close"):
            assert f" {name}[{k}] " in text
    assert "final gap [2], 30 modes above it" in text
    assert " t_consolidation[2] " in text
    assert "below mode" not in text
    assert "gap [0], 1 mode above it" in summary.render(summary.describe(100, groups_of((1, 1.0), (10, 0.1))))


def test_memorisation_of_flat_manifolds_stands_among_their_phases():
    groups = [Group(10, 1.0), Group(10, 0.1)]
    found = summary.describe(50, groups, seed=3, training_points=(10, 10**5))
    variances = manifold("linear", 50, groups, seed=3).scales ** 2
    gap, final = found["intermediate_gaps"][0], found["final_gap"]
    for row in found["memorisation"]:
        law = memorisation.t_memorisation(row["points"], variances)
        assert row["t_memorisation"] == pytest.approx(law, rel=1e-6)
        assert row["corrected"] == pytest.approx(
            memorisation.corrected_t_memorisation(row["points"], variances), rel=1e-3
        )
        times_of = {
            "t_memorisation": law,
            "t_open[0]": gap["t_open"],
            "t_close[0]": gap["t_close"],
        }
        times_of["t_consolidation"] = final["t_consolidation"]
        assert row["order"] == sorted(times_of, key=lambda name: -times_of[name])
    assert found["memorisation"][0]["order"][0] == "t_memorisation"
    assert found["memorisation"][1]["order"][0] == "t_open[0]"
    assert "t falling: t_memorisation, t_open" in summary.render(found)


def test_memorisation_of_curved_manifolds_has_no_law_of_phases():
    found = summary.describe(10, [Group(4, 1.0)], family="sphere", curvature=1.0, training_points=(100,))
    (row,) = found["memorisation"]
    assert 0 < row["t_memorisation"] < row["corrected"]
    assert row["order"] == []
    assert "t falling" not in summary.render(found)


@pytest.mark.parametrize(("family", "points"), [("linear", 1), ("linear", 2.5), ("tanh", 100), ("linear", 10**400)])
def test_memorisation_refuses(family, points):
    with pytest.raises(InputError) as caught:
        summary.describe(10, [Group(4, 1.0)], family=family, training_points=(points,))
    assert caught.value.key == "--dataset"
