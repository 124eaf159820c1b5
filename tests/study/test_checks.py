"""What is wrong with a study as a whole, a line each. Keys and values: test_reading."""

import pytest
from tiny import BLOCKS, edited

from scoregap import InputError
from scoregap.study import checks, load


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("batch: [seed]", "batch: [seed, curvature]", "blocks.curved.curvature: is not allowed: it is an axis along"),
        (
            "{curvature: [0.0, 0.5]}",
            "{train.steps: [3]}",
            "blocks.curved.train.steps: is not in axes: should be there too",
        ),
        ("{curvature: [0.0, 0.5]}", "{curvature: [-1.0]}", "blocks.curved.curvature"),
        ("{curvature: [0.0, 0.5]}", "{curvature: []}", "blocks.curved.curvature: \\[\\] is not allowed"),
        ("{curvature: [0.0, 0.5]}", "{curvature: [0.5], manifold_dim: [6]}", "manifold_dim: 6 is not allowed"),
        ("  curved:", "  Curved!:", "blocks: the name 'Curved!'"),
        (
            "  curved: {curvature: [0.0, 0.5]}",
            "  a: {ambient_dim: [8, 12]}\n  a_ambient_dim_8: {curvature: [0.0, 0.5]}",
            "blocks.a_ambient_dim_8: is not allowed: the block a has a group a_ambient_dim_8 in the cube too",
        ),
        (
            "  curved: {curvature: [0.0, 0.5]}",
            "  a_ambient_dim_12: {curvature: [0.0, 0.5]}\n  a: {ambient_dim: [8, 16, 12]}",
            "blocks.a: is not allowed: the block a_ambient_dim_12 has a group a_ambient_dim_12 in the cube too",
        ),
        (
            "  curved: {curvature: [0.0, 0.5]}",
            "  a_ambient_dim_8: {ambient_dim: [8, 12]}\n  a_ambient_dim_8_ambient_dim_12: {curvature: [0.0, 0.5]}",
            "blocks.a_ambient_dim_8_ambient_dim_12: is not allowed: the block a_ambient_dim_8 has a group",
        ),
        ("{curvature: [0.0, 0.5]}", "3", "blocks.curved: 3 is not allowed: should be a mapping"),
    ],
)
def test_what_a_block_cannot_be_is_one_line(tmp_path, old, new, says):
    path = edited(tmp_path, *BLOCKS, (old, new))
    with pytest.raises(InputError, match=says) as caught:
        load(path)
    assert all(line.startswith(f"{path}: blocks") for line in str(caught.value).splitlines())


@pytest.mark.parametrize(
    ("dims", "manifold_dims", "says"),
    [
        ("[8]", "[2, 0.25]", "0.25 is not allowed: at ambient_dim 8 it is m = 2, as 2 is"),
        ("[8]", "[0.25, 2]", "2 is not allowed: at ambient_dim 8 it is m = 2, as 0.25 is"),
        ("[8]", "[4, 0.25, 0.26]", "0.26 is not allowed: at ambient_dim 8 it is m = 2, as 0.25 is"),
        ("[32, 16, 8]", "[2, 0.25]", "0.25 is not allowed: at ambient_dim 8 it is m = 2, as 2 is"),
        ("[64, 8]", "[0.25, 0.3]", "0.3 is not allowed: at ambient_dim 8 it is m = 2, as 0.25 is"),
    ],
)
def test_values_of_manifold_dim_that_are_one_m_are_refused(tmp_path, dims, manifold_dims, says):
    sizes = f"ambient_dim: {dims}\n  manifold_dim: {manifold_dims}"
    with pytest.raises(InputError, match=rf"axes.manifold_dim: {says}: values should be different m"):
        load(edited(tmp_path, ("ambient_dim: [8]\n  manifold_dim: [2]", sizes)))
    block = ("  curved: {curvature: [0.0, 0.5]}", f"  sizes: {{ambient_dim: {dims}, manifold_dim: {manifold_dims}}}")
    with pytest.raises(InputError, match=f"blocks.sizes.manifold_dim: {says}"):
        load(edited(tmp_path, *BLOCKS, block))


def test_values_of_manifold_dim_that_are_one_m_in_one_block_only(tmp_path):
    """Each grid has its own ambient_dim; the values of two grids are not compared."""
    shares = ("manifold_dim: [4]", "manifold_dim: [0.25, 0.3]")
    wide = ("ambient_dim: [8]", "ambient_dim: [64]")
    for own in ("{ambient_dim: [8]}", "{ambient_dim: [128, 8]}"):
        block = ("  curved: {curvature: [0.0, 0.5]}", f"  narrow: {own}")
        with pytest.raises(InputError, match=r"axes.manifold_dim: 0.3 is not allowed: at ambient_dim 8 it is m = 2"):
            load(edited(tmp_path, *BLOCKS, shares, wide, block))
    for own in ("{ambient_dim: [128]}", "{ambient_dim: [8], manifold_dim: [0.25]}", "{manifold_dim: [16]}"):
        load(edited(tmp_path, *BLOCKS, shares, wide, ("  curved: {curvature: [0.0, 0.5]}", f"  other: {own}")))


def test_blocks_whose_groups_are_told_apart_are_allowed(tmp_path):
    blocks = "  a: {ambient_dim: [8, 12]}\n  a_ambient_dim_16: {}\n  a_ambient_dim: {ambient_dim: [8, 12]}"
    study = load(edited(tmp_path, *BLOCKS, ("  curved: {curvature: [0.0, 0.5]}", blocks)))
    names = [name for name, _, _ in study.groups]
    assert len(set(names)) == len(names) == 8


def test_a_study_may_not_be_too_large(tmp_path, monkeypatch):
    path = edited(tmp_path, *BLOCKS)
    monkeypatch.setattr(checks, "MOST_CELLS", 41)
    with pytest.raises(InputError, match="42 cells are not allowed: should be at most 41"):
        load(path)


def test_the_covariance_of_a_training_set_needs_as_many_points_as_dimensions(tmp_path):
    """Where networks are trained with it at all, also on an axis."""
    small, enough = (("manifold:", f"manifold:\n  dataset_size: {n}") for n in (7, 8))
    axis = ("  seed: 2", "  train.preconditioning: [edm, covariance]\n  seed: 2")
    key = ("depth: 1", "preconditioning: covariance")
    untrained = ("[exact, gaussian, gated-8]", "[exact, gaussian]")
    for how in (axis, key):
        says = (
            "manifold.dataset_size: 7 is not allowed: the preconditioning covariance needs as many points as dimensions"
        )
        with pytest.raises(InputError, match=says):
            load(edited(tmp_path, small, how))
        load(edited(tmp_path, enough, how))
        load(edited(tmp_path, small, how, untrained))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            [("[arcs]", "[skdim-M1_Sphere]"), ("[0.0, 0.5]", "[0.0]"), ("[exact, gaussian, gated-8]", "[gated-8]")],
            "the posterior of skdim-M1_Sphere is not known: should be 'sample'",
        ),
        ([("manifold:", "manifold:\n  dataset_size: 50")], "with a training set .manifold.dataset_size. it should be"),
    ],
)
def test_a_posterior_that_is_not_known_is_no_target(tmp_path, changes, says):
    for how in (("depth: 1", "target: posterior"), ("  seed: 2", "  train.target: [sample, posterior]\n  seed: 2")):
        with pytest.raises(InputError, match=f"train.target: 'posterior' is not allowed: {says}"):
            load(edited(tmp_path, *changes, how))


MIXTURE = (
    ("[arcs]", "[mixture]"), ("[0.0, 0.5]", "[0.0]"),
    ("{fraction: 0.5, std: 1.0}, {fraction: 0.5", "{fraction: 1.0, std: 1.0}, {fraction: 0.5"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("dims", "fractions", "value", "counts"),
    [
        ("[4]", "[0.5, 0.55]", "0.55", "4, 2, as 0.5"),
        ("[8, 4]", "[0.75, 0.25, 0.7]", "0.7", "4, 3, as 0.75"),
        ("[3]", "[1.0, 0.9]", "0.9", "3, 3, as 1.0"),
    ],
)
def test_fractions_of_a_component_that_are_one_dimension_are_refused(tmp_path, dims, fractions, value, counts):
    """Or cells with other labels would be the same."""
    path = edited(
        tmp_path, *MIXTURE, ("manifold_dim: [2]", f"manifold_dim: {dims}"),
        ("  seed: 2", f"  manifold.groups.1.fraction: {fractions}\n  seed: 2"),
    )  # fmt: skip
    says = rf"axes.manifold.groups.1.fraction: {value} is not allowed: at manifold_dim \d it gives .* {counts} does: "
    with pytest.raises(InputError, match=says):
        load(path)


def test_fractions_of_different_dimensions_are_taken(tmp_path):
    for axis in ("manifold.groups.1.fraction: [0.5, 0.75]", "manifold.groups.1.fraction: [0.55]"):
        load(
            edited(
                tmp_path, *MIXTURE, ("manifold_dim: [2]", "manifold_dim: [4]"), ("  seed: 2", f"  {axis}\n  seed: 2")
            )
        )
