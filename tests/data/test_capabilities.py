"""What data know: families say it truly, and a stage asks no more of its data than they declare."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny import WITH_DIMENSION, WITH_SAMPLING, edited

from scoregap import data
from scoregap.data import FAMILIES, Group, capabilities
from scoregap.stages import dimension, fit, sample, spectrum, train
from scoregap.study import Cell, load
from scoregap.trained import Trained

SHAPES = {"mixture": ([(2, 1.0), (3, 0.5)], 0.0), "linear": ([(2, 1.0), (1, 0.5)], 0.0)}
SHAPES |= {"affine": SHAPES["linear"], "spaghetti": ([(1, 1.0)], 0.0)}


def built(name):
    """A manifold of a family; those of scikit-dimension without that package, which only their samples need."""
    if name.startswith("skdim-"):
        m, d = data.BENCHMARKS[name.removeprefix("skdim-")]
        return FAMILIES[name].load()(d, (Group(m, 1.0),), 0.0, 0)
    groups, curvature = SHAPES.get(name, ([(2, 1.0), (1, 0.5)], 0.5))
    return data.manifold(name, 8, groups, curvature)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_says_what_its_class_can_do(name):
    family, one = FAMILIES[name], built(name)
    for everything in (capabilities.Data, capabilities.HeldOut, capabilities.Groups):
        assert isinstance(one, everything)
    assert isinstance(one, capabilities.Posterior) == (family.exact != "unknown")
    assert isinstance(one, capabilities.Tangents) == (family.exact != "unknown")
    assert isinstance(one, capabilities.Nearest) == family.nearest
    assert not family.law or isinstance(one, capabilities.Law)
    assert one.dim == one.ambient_dim


@pytest.mark.parametrize("name", [name for name in FAMILIES if not name.startswith("skdim-")])
def test_what_is_declared_is_there(name):
    """Shapes of everything that is known."""
    one, rng = built(name), np.random.default_rng(0)
    clean, places = one.sample(rng, 5)
    assert clean.shape == one.held_out(rng, 5).shape == (5, one.dim)
    gaps, m = len(one.boundaries), one.boundaries[-1]
    assert one.gaps_at(places).shape == (5, gaps)
    assert one.tangents(places).shape == (5, 8, m)
    assert isinstance(one, capabilities.Covariance)
    axes, variances = one.principal_axes
    assert axes.shape == (8, len(variances))
    if isinstance(one, capabilities.Law):
        for edges in (one.edges(), one.law_edges(), *one.corrected_edges()):
            assert edges.shape == (len(one.groups), 2)
        assert np.isfinite(one.edges()).all()
    if isinstance(one, capabilities.Redrawn):
        assert (np.diff(one.redrawn()) <= 0).all()
        assert one.redrawn().shape[1] == m
    if isinstance(one, capabilities.Nearest):
        away, where = one.nearest(clean)
        assert away.shape == (5,)
        assert [len(place) for place in where] == [5] * len(one.groups)


MEMBERS = {
    "Posterior": ["exact"],
    "Groups": ["boundaries", "gaps_at"],
    "Tangents": ["boundaries", "gaps_at", "tangents"],
    "Law": ["law_edges", "corrected_edges", "edges"],
    "Redrawn": ["redrawn"],
    "Nearest": ["boundaries", "gaps_at", "nearest", "ambient_dim", "manifold_dim"],
}


@pytest.fixture
def knowing(monkeypatch):
    """(names of capabilities) -> from here on the data of all cells know nothing else."""
    whole = Cell.truth

    def only(*names):
        kept = {"dim", "sample", "held_out", "principal_axes"}.union(*(MEMBERS[name] for name in names))

        def truth(cell):
            one = whole(cell)
            return SimpleNamespace(**{member: getattr(one, member) for member in kept})

        monkeypatch.setattr(Cell, "truth", truth)

    return only


def curved(study, network):
    """The first curved cell of a study with this network."""
    return next(one for one in load(study).cells if one["network"] == network and one["curvature"])


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """What training leaves of a curved cell of the tiny study."""
    study = edited(tmp_path_factory.mktemp("left"))
    return Trained(study, *train.train([curved(study, "gated-8")], torch.device("cpu")))


NEEDS = {  # variables of the stages spectrum and fit that are missing without a capability
    "Posterior": {"excess_loss"},
    "Groups": {"has_gap", "boundary", "gap_width", "t_open", "t_max", "t_close", "t_consolidation"},
    "Tangents": {"alignment", "worst_alignment", "alignment_of_point"},
    "Law": {"edge", "law_edge", "corrected_edge", "law_gap_width", "law_t_max", "law_t_consolidation"},
}


@pytest.mark.parametrize(
    "names", [(), ("Posterior",), ("Groups",), ("Tangents",), ("Groups", "Law"), ("Tangents", "Posterior", "Law")]
)
def test_what_data_do_not_know_is_missing_and_the_rest_is_as_it_was(tiny, knowing, names):
    cell, left = curved(tiny, "gaussian"), Trained(tiny)
    whole = spectrum.measure(cell, left)
    whole |= fit.fit(cell, whole)
    knowing(*names)
    found = spectrum.measure(cell, left)
    found |= fit.fit(cell, found)
    known = {*names} | ({"Groups"} if "Tangents" in names else set())
    missing = set().union(*(needed for name, needed in NEEDS.items() if name not in known))
    for name in missing:
        assert np.isfinite(whole[name]).any(), name
        assert np.isnan(found[name]).all(), name
    for name in ("status", "eigenvalue", "singular_value", "asymmetry", "score_norm", "dimension_overall", "gap_count"):
        np.testing.assert_array_equal(found[name], whole[name], err_msg=name)
    for name in set().union(*NEEDS.values()) - missing:
        np.testing.assert_array_equal(found[name], whole[name], err_msg=name)


def test_a_network_is_trained_alike_where_its_loss_has_no_bound(left, knowing):
    cell = curved(left.study, "gated-8")
    key = cell.key("train")
    knowing("Posterior")
    _, whole = train.train([cell], torch.device("cpu"))
    knowing()
    members, found = train.train([cell], torch.device("cpu"))
    assert not members[key]["diverged"]
    for name, array in whole.items():
        if name not in (f"{key}/curve", f"{key}/levels"):
            np.testing.assert_array_equal(found[name], array)
    assert np.isnan(found[f"{key}/levels"]).all()
    np.testing.assert_array_equal(found[f"{key}/curve"][:, [0, 1, 3]], whole[f"{key}/curve"][:, [0, 1, 3]])
    assert np.isnan(found[f"{key}/curve"][:, 2]).all()
    assert np.isfinite(whole[f"{key}/curve"][:, 2]).any()


class Silent:
    def advance(self, count):
        pass


def test_dimensions_are_estimated_where_the_true_one_is_not_known(tmp_path, left, knowing):
    cell = curved(edited(tmp_path, WITH_DIMENSION), "gated-8")
    whole = dimension.measure(cell, cell.dimension, left, Silent())
    knowing()
    found = dimension.measure(cell, cell.dimension, left, Silent())
    assert np.isfinite(whole["point_dimension"]).all()
    assert np.isnan(found["point_dimension"]).all()
    np.testing.assert_array_equal(found["estimate"], whole["estimate"])


@pytest.mark.parametrize("names", [("Posterior",), ("Nearest",), ("Nearest", "Posterior")])
def test_samples_need_a_manifold_to_be_far_from_and_a_score_to_compare_with(tmp_path, left, knowing, names):
    study = edited(tmp_path, WITH_SAMPLING, ("points: 24", "points: 4"))
    cell = curved(study, "gated-8")
    knowing(*names)
    found = sample.measure(cell, cell.sampling, left, Silent())
    for values in found.values():
        assert np.isfinite(values).all() == (len(names) == 2)
