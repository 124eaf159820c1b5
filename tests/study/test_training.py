"""Sections of a study that say whose scores are measured."""

import pytest

from scoregap.networks import VP_MOST_NOISE
from scoregap.study.training import Declaration, Train

STEPS = {"steps": 10, "levels": 2, "samples": 4, "noise": {"start": 0.1, "stop": 1.0}}


@pytest.mark.parametrize(
    ("keys", "read"),
    [
        ({}, set()),
        ({"draws": "antithetic"}, {"draws"}),
        ({"target": "posterior"}, {"target"}),
        ({"preconditioning": "covariance", "covariance_points": 70000}, {"preconditioning", "covariance_points"}),
        ({"own_below": 0.1}, set()),
        (
            {"preconditioning": "covariance", "own_below": 0.1},
            {"preconditioning", "covariance_points", "own_below"},
        ),
        ({"beta2": 0.95}, {"beta2"}),
        ({"products": "onednn"}, {"products"}),
        ({"beta2": 0.95, "optimiser": "radam"}, {"optimiser"}),
    ],
)
def test_keys_that_came_later_are_part_of_the_identity_where_they_are_read(keys, read):
    """A study at their defaults is the one it was before they were there."""
    plain, other = (Train(**STEPS, **one).identity(frozenset()) for one in ({"covariance_points": 5}, keys))
    assert {key for key in plain | other if plain.get(key) != other.get(key)} == read
    assert not {"target", "draws", "covariance_points", "own_below", "beta2", "products"} & set(plain)


def test_networks_that_saw_other_inputs_are_other_results():
    assert [
        "inputs" in Train(**STEPS, preconditioning=one).identity(frozenset()) for one in ("edm", "epsilon", "x0")
    ] == [False, True, True]


def test_the_noise_of_a_schedule_ends_where_its_process_does():
    assert Train(**STEPS, schedule="vp").most_noise == VP_MOST_NOISE
    assert Train(**STEPS).most_noise == float("inf")


def test_a_declaration_knows_the_keys_that_the_study_gives_by_their_names_there():
    declared = Declaration(**{"from": "callable", "path": "a:b", "shape": [3, 4], "class": 2})
    assert declared.given == {"from", "path", "shape", "class"}
    assert hash(declared.shape) == hash((3, 4))
