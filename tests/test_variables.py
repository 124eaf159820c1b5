"""The registry describes the cube, and `validate` notices what departs from it."""

import numpy as np
import pytest

from scoregap import variables

AXES = {"family": ["arcs"], "curvature": [0.0, 0.5], "network": ["exact", "gated-8"], "seed": [0, 1]}


@pytest.fixture
def mock():
    return variables.mock(AXES, {"mode": 5})


def test_a_mock_is_valid_and_has_every_variable(mock):
    assert variables.validate(mock, tuple(AXES)) == []
    assert set(mock.data_vars) == set(variables.VARIABLES) - set(variables.OF_FILES)
    assert mock.sizes["mode"] == 5


def test_a_cube_may_lack_optional_variables_but_no_others(mock):
    without = mock.drop_dims(
        ["estimate_time", "estimate_point", "score_estimator", "data_estimator", "order", "sampler"]
    ).drop_vars(variables.OF_MEMORISATION)
    assert set(mock.data_vars) - set(without.data_vars) == set(variables.OPTIONAL)
    assert variables.validate(without, tuple(AXES)) == []


def test_everything_has_units_and_a_long_name():
    for name, variable in variables.VARIABLES.items():
        assert variable.units, name
        assert len(variable.long_name) > 10, name
        assert set(variable.dims) <= set(variables.COORDINATES), name


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda ds: ds.drop_vars("t_max"), "variable t_max is missing"),
        (lambda ds: ds.assign(extra=ds.t_max), "variable extra is not registered"),
        (lambda ds: ds.transpose("seed", ...), "has dimensions"),
        (lambda ds: ds.assign(t_max=ds.t_max.astype("float32").assign_attrs(ds.t_max.attrs)), "has type float32"),
        (lambda ds: ds.drop_vars("point"), "coordinate point is missing"),
        (lambda ds: ds.assign(t_max=ds.t_max.drop_attrs()), "t_max has no units"),
        (
            lambda ds: ds.assign(status=(ds.status * 9).astype("int8").assign_attrs(ds.status.attrs)),
            "status has values",
        ),
        (lambda ds: ds.assign(eigenvalue=ds.eigenvalue.where(ds.seed > 0)), "status 1 (ok) and missing eigenvalues"),
        (lambda ds: ds.assign(eigenvalue=-ds.eigenvalue.assign_attrs(ds.eigenvalue.attrs)), "descending"),
    ],
)
def test_validate_says_what_is_wrong(mock, damage, says):
    damaged = damage(mock)
    for name in damaged.data_vars:  # arithmetic drops attributes, which is not what is tested here
        if says.endswith("descending") or "missing eigen" in says:
            damaged[name].attrs = dict(mock[name].attrs)
    assert any(says in sentence for sentence in variables.validate(damaged, tuple(AXES)))


def test_an_empty_variable_is_missing_everywhere(mock):
    assert (variables.empty("status", (2,)) == 0).all()
    assert variables.empty("t_max", (2,)).dtype == "float64"
    assert np.isnan(variables.empty("eigenvalue", (2,))).all()


def test_codes_say_what_they_mean_as_the_cf_conventions_have_it():
    ds = variables.mock({"network": ["exact"], "seed": [0]}, {})
    codes = [name for name in ds.data_vars if name in ("status", "mistake") or name.endswith("_state")]
    assert len(codes) == 2 + 2 * 2 * len(variables.TIMES) + 2
    for name in ds.data_vars:
        flags = {"flag_values", "flag_meanings"} & ds[name].attrs.keys()
        assert bool(flags) == (name in codes), name
    attrs = ds.t_open_state.attrs
    meanings = dict(zip(attrs["flag_values"], attrs["flag_meanings"].split(), strict=True))
    names = ["not_applicable", "measured", "above", "below", "absent", "none_predicted"]
    assert meanings == dict(enumerate([*names, "maximum_above", "maximum_below"]))
    assert all(f"{state.value} {state.text}" in attrs["long_name"] for state in variables.State)
