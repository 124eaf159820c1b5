"""The study of the paper's claims is what its first lines say: networks, controls, VP beside VE, draws."""

import re

import pytest

from scoregap.laws import draws
from scoregap.runtime.finding import find
from scoregap.scores import kind
from scoregap.study import load

STUDY = load(find("paper_cpu"))
PARTS = {part.block: part for part in STUDY.parts}
CURVED = [name for name, part in PARTS.items() if part.axes["curvature"] != (0.0,)]
TRAINED = [name for name, part in PARTS.items() if part.trained_networks]


def cells(part):
    return [cell for cell in part.expand(part.axes) if kind(cell["network"]).trained]


def test_as_many_networks_as_it_says():
    networks = {cell.values for part in STUDY.parts for cell in cells(part)}
    said = re.search(r"^# (\d+) networks\.", STUDY.path.read_text(), re.MULTILINE)
    assert said
    assert len(networks) == int(said[1])


def test_claims_rest_on_eight_seeds_or_on_five():
    assert {len(PARTS[name].axes["seed"]) for name in TRAINED} == {5, 8}
    assert len(PARTS["curved"].axes["seed"]) == len(PARTS["ratios"].axes["seed"]) == 8


@pytest.mark.parametrize("name", sorted(set(CURVED) & set(TRAINED)))
def test_every_curved_network_has_its_flat_control(name):
    """The same in all but curvature, in the same seeds, in the same block."""
    found = [dict(cell.values) for cell in cells(PARTS[name])]
    assert all(values | {"curvature": 0.0} in found for values in found)


def test_curvature_goes_to_two_at_both_dimensions_by_the_best_way_and_by_edm():
    for name, way in (("curved", "covariance"), ("curved_edm", "edm")):
        axes = PARTS[name].axes
        assert axes["curvature"] == (0.0, 0.5, 1.0, 2.0)
        assert axes["manifold_dim"] == (10, 20)
        assert axes["train.preconditioning"] == (way,)
    assert PARTS["curved_users"].axes["train.draws"] == ("independent",)  # edm as users train it


def test_vp_stands_beside_ve_in_every_kind_of_cell():
    """Two groups, merged, one variance, swapped, continuous, other m, arcs flat and bent; the same F and training."""
    pairs = {}
    for part in (PARTS[name] for name in TRAINED):
        for cell in cells(part):
            rest = tuple(pair for pair in cell.values if pair[0] != "train.schedule")
            pairs.setdefault(rest, {})[cell["train.schedule"]] = cell
    both = [one["vp"] for one in pairs.values() if "vp" in one]
    assert all("ve" in one for one in pairs.values() if "vp" in one)
    flat = {
        (cell["manifold_dim"], cell["manifold.groups.1.std"], cell["manifold.groups.all.width"])
        for cell in both if cell["family"] == "linear"
    }  # fmt: skip
    assert flat >= {(40, 0.15, 0.0), (40, 0.6, 0.0), (40, 1.0, 0.0), (40, 3.0, 0.0), (40, 1.0, 1.0), (20, 0.15, 0.0)}
    assert {cell["curvature"] for cell in both if cell["family"] == "arcs"} == {0.0, 0.5, 1.0}


def test_what_concerns_the_law_alone_has_many_draws():
    """Flat cells thousands, that the claims simulate; arcs, whose exact score has no such form, a block of its own."""
    flat = [part for part in STUDY.parts if part.axes["curvature"] == (0.0,)]
    assert min(draws.number(m) for part in flat for m in part.axes["manifold_dim"]) >= 1000
    assert len(PARTS["draws_curved"].axes["seed"]) == 100
    assert PARTS["draws_curved"].axes["curvature"] == PARTS["curved"].axes["curvature"]
