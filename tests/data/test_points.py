import re

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from scoregap import InputError
from scoregap.data import HALVES, capabilities, files, points
from scoregap.data.points import Form, Points, Table

RNG = np.random.default_rng(0)
FLOATS = RNG.standard_normal((40, 6))


@pytest.fixture
def opened(tmp_path):
    """(array, how it becomes points, labels) -> its table, from a file."""

    def of(values, form=Form(), labels=None) -> Table:
        np.save(tmp_path / "a.npy", values)
        if labels is not None:
            np.save(tmp_path / "labels.npy", labels)
        return points.table("a.npy", tmp_path, form, None if labels is None else "labels.npy")

    return of


def test_without_a_range_values_are_taken_as_they_are(opened):
    for dtype in (np.float64, np.float32, np.float16, np.int16, np.uint8, np.uint64, bool):
        values = np.floor(2 * RNG.random((9, 4))) * (1 if dtype is bool else 50)
        values = values.astype(dtype)
        np.testing.assert_array_equal(opened(values).points(slice(None)), values.astype(float))


@pytest.mark.parametrize(
    ("values", "form", "least", "most"),
    [
        (np.array([[0, 255], [51, 0]], np.uint8), Form((-1.0, 1.0)), -1, 1),
        (np.array([[0, 51], [51, 0]], np.uint8), Form((-1.0, 1.0)), -1, -0.6),
        (np.array([[0, 65535], [1, 0]], np.uint16), Form((0.0, 2.0)), 0, 2),
        (np.array([[True, False], [False, True]]), Form((-1.0, 1.0)), -1, 1),
        (np.array([[0, 255], [51, 0]], np.int64), Form((-1.0, 1.0), (0.0, 255.0)), -1, 1),
        (np.array([[0.0, 0.5], [0.25, 0.0]], np.float32), Form((-1.0, 1.0), (0.0, 1.0)), -1, 0),
    ],
)
def test_a_range_is_what_the_full_scale_becomes(opened, values, form, least, most):
    """Of the type, or as the study says; not what the file happens to have."""
    found = opened(values, form).points(slice(None))
    assert found.min() == pytest.approx(least)
    assert found.max() == pytest.approx(most)
    low, high = form.full_scale or points.FULL_SCALES[values.dtype.name]
    np.testing.assert_allclose(
        found, form.bounds[0] + (values.astype(float) - low) * np.ptp(form.bounds) / (high - low), atol=1e-12
    )


def test_digits_have_a_scale_of_their_own(tmp_path):
    found = points.table("digits", tmp_path, Form((-1.0, 1.0)))
    assert (found.points(slice(None)).min(), found.points(slice(None)).max()) == (-1, 1)
    assert found.shape == (8, 8)
    assert found.classes.keys() == set("0123456789")
    assert found.least_time == pytest.approx(0.125**2 / 12)  # the number in the project's notes: 1.3e-3
    assert "1797 points of 8 x 8 (d = 64); 10 classes; quantised in steps of 0.125: times from 0.00131; 3 coord" in (
        found.describe()
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.int8])
def test_a_range_of_what_has_no_scale_is_refused(opened, dtype):
    values = np.array([[0, 100], [3, 7]], dtype)
    with pytest.raises(InputError, match=r"^data\.range: .*the file has \w+ from 0 to 100: .*full_scale: \[0, 100\]"):
        opened(values, Form((-1.0, 1.0)))


def test_a_scale_that_does_not_hold_the_values_is_refused(opened):
    with pytest.raises(InputError, match=r"^data\.full_scale: .*the file has values from 0 to 2: should hold all"):
        opened(np.array([[0.0, 2.0], [1.0, 0.0]]), Form((-1.0, 1.0), (0.0, 1.0)))
    with pytest.raises(InputError, match=r"^data\.full_scale: .*goes with range"):
        opened(FLOATS, Form(None, (0.0, 1.0)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_scale_that_is_told_is_one_that_is_taken(opened, dtype):
    values = np.array([[1 / 3, 2 / 3], [1e-7, 1234567.891]], dtype)
    for form in (Form((-1.0, 1.0)), Form((-1.0, 1.0), (0.0, 1.0))):
        with pytest.raises(InputError) as caught:
            opened(values, form)
        low, high = map(float, re.search(r"from (\S+) to (\S+): s", str(caught.value)).groups())
        assert opened(values, Form((-1.0, 1.0), (low, high))).dim == 2
    with pytest.raises(InputError) as caught:
        opened(values, Form((-1.0, 1.0)))
    ends = yaml.safe_load(re.search(r"full_scale: (\[.*?\])", str(caught.value))[1])
    assert ends == [float(values.min()), float(values.max())]


REFUSED = {
    "0-d": (np.float64(3), r"has the shape \(\): should be \(N, \.\.\.\)"),
    "1-d": (np.arange(5.0), r"has the shape \(5,\): should be \(N, \.\.\.\)"),
    "none": (np.empty((0, 3)), "should have two points or more"),
    "one": (np.ones((1, 3)), "should have two points or more"),
    "no coordinates": (np.empty((5, 0)), "should have two points or more"),
    "NaN": (np.where(FLOATS[7, 2] == FLOATS, np.nan, FLOATS), "in 1 of 40 points, the first point 7: should"),
    "infinite": (
        np.where(np.arange(40)[:, None] > 30, -np.inf, FLOATS),
        "in 9 of 40 points, the first point 31: should",
    ),
    "one value": (np.full((4, 3), 7), "has no value but 7.0: should have points that differ"),
    "one point": (np.tile([1.0, 2.0], (5, 1)), "has 5 times the same point"),
    "far": (np.array([[0.0, 1e12], [1.0, 2.0]]), r"values from 0 to 1000000000000: should be at most 1e\+09"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_are_no_points_is_refused_in_a_line(opened, case):
    values, says = REFUSED[case]
    with pytest.raises(InputError, match=says) as caught:
        opened(values)
    assert str(caught.value).startswith("data.source: ")
    assert "\n" not in str(caught.value)


def test_constant_coordinates_are_told_and_have_no_variance(opened):
    """Pictures of digits have a border, so they are not refused."""
    values = FLOATS.copy()
    values[:, [1, 4]] = 3.0
    found = opened(values)
    assert found.constant == 2
    assert "2 coordinates are constant, and have no variance" in found.describe()
    axes, variances = Points(found, 0, 0, 0.25).principal_axes
    assert axes.shape == (6, 4)
    np.testing.assert_allclose(axes[[1, 4]], 0, atol=1e-12)
    assert variances[-1] > 0.1


def test_points_that_are_the_same_are_told_and_stay_on_one_side(opened):
    """So nothing that is held out was trained on."""
    values = FLOATS[RNG.integers(12, size=200)]
    found = opened(values)
    assert found.duplicates == 188
    assert "188 points are the same as others" in found.describe()
    for split in range(5):
        one = Points(found, split, 0, 0.3)
        out, trained = (set(map(bytes, found.points(one.parts[part]))) for part in ("held-out", "training"))
        assert not out & trained
        assert len(out) == round(0.3 * 12)
        assert len(out | trained) == 12


def test_what_is_looked_at_in_blocks_is_what_is_there(opened, monkeypatch):
    values = np.repeat(FLOATS[:20], 2, 0)[RNG.permutation(40)]
    values[:, 2] = 1.0
    whole = opened(values)
    monkeypatch.setattr(files, "BLOCK", 7)
    parts = opened(np.concatenate([values, values[:1]]))
    assert (parts.duplicates, parts.constant) == (whole.duplicates + 1, whole.constant) == (21, 1)
    np.testing.assert_array_equal(parts.same[:-1], whole.same)
    one = Points(parts, 3, 0, 0.2)
    training = parts.points(one.parts["training"])
    np.testing.assert_allclose(one.mean, training.mean(0))
    axes, variances = one.principal_axes
    np.testing.assert_allclose((axes * variances) @ axes.T, np.cov(training.T, bias=True), atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    step=st.floats(1e-3, 10), start=st.floats(-50, 50), count=st.integers(2, 300), seed=st.integers(0, 10**6),
    dtype=st.sampled_from([np.float32, np.float64]),
)  # fmt: skip
def test_levels_are_found_with_their_step(step, start, count, seed, dtype):
    """A grid of floats of which some levels occur, the first two among them."""
    chosen = np.random.default_rng(seed).random(count) < 0.7
    chosen[:2] = True
    levels = np.unique((start + step * np.arange(count)[chosen]).astype(dtype)).astype(float)
    assert points._step(levels) == pytest.approx(step, rel=0.02)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(6, 3000))
def test_what_has_no_levels_is_not_quantised(seed, count):
    assert points._step(np.sort(np.random.default_rng(seed).standard_normal(count))) == 0


@pytest.mark.parametrize("far", [1e4, 1e8, -9e8])
def test_one_value_far_from_all_others_makes_no_levels(opened, far):
    values = FLOATS.copy()
    values[3, 2] = far
    assert opened(values).step == 0
    whole = np.arange(240).reshape(40, 6) % 255
    whole[3, 2] = far
    assert opened(whole).step == opened(whole.astype(float)).step == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_the_order_of_an_array_in_its_file_is_no_matter(opened, dtype):
    """As MATLAB, Fortran and transposes have it."""
    values = np.abs(10 * FLOATS).astype(dtype).reshape(40, 2, 3)
    plain = opened(values)
    expected = plain.points(slice(None))
    points._table.cache_clear()  # else it is the same table, as it is the same array
    other = opened(np.asfortranarray(values))
    assert not other.values.flags.c_contiguous
    np.testing.assert_array_equal(other.points(slice(None)), expected)
    assert other.sha256 == plain.sha256
    assert (other.same == plain.same).all()


@pytest.mark.parametrize(("values", "step"), [([0, 16, 48, 80], 16), ([0, 3, 5], 1), ([-4, 0, 6], 2), ([0, 1], 1)])
def test_whole_numbers_have_the_step_that_divides_them(opened, values, step):
    table = np.array(values, np.int16)[RNG.integers(len(values), size=(30, 3))]
    table[: len(values), 0] = values
    assert opened(table).step == step
    assert opened(table, Form((0.0, 1.0), (-10.0, 90.0))).step == pytest.approx(step / 100)


def test_rounding_of_pooled_pixels_averages_out(opened):
    """The variance of the mean of four rounded values is a quarter of step^2 / 12, as the least time says."""
    true = 40 * RNG.random((4000, 4, 4))
    found = opened(np.round(true).astype(np.uint8), Form(None, None, 2))
    exact = true.reshape(-1, 2, 2, 2, 2).mean((2, 4)).reshape(-1, 4)
    assert np.mean((found.points(slice(None)) - exact) ** 2) == pytest.approx(found.least_time, rel=0.05)
    assert found.least_time == pytest.approx(1 / 48)


@pytest.mark.parametrize(("shape", "sides"), [((4, 6), (0, 1)), ((3, 8, 6), (1, 2)), ((8, 6, 1), (0, 1))])
def test_pooling_averages_squares(opened, shape, sides):
    values = RNG.standard_normal((5, *shape))
    found = opened(values, Form(None, None, 2))
    expected = values
    for side in sides:
        expected = 0.5 * (
            np.take(expected, range(0, shape[side], 2), side + 1)
            + np.take(expected, range(1, shape[side], 2), side + 1)
        )
    assert found.shape == expected.shape[1:]
    np.testing.assert_allclose(found.points(slice(None)), expected.reshape(5, -1))


@pytest.mark.parametrize(
    ("shape", "pool", "says"),
    [((8,), 2, "not that of one picture"), ((3, 3, 3), 3, "not that of one picture"), ((8, 8, 8), 2, "not that of one"),
     ((9, 8), 2, "should divide both sides"), ((3, 8, 6), 4, "should divide both sides")],
)  # fmt: skip
def test_what_cannot_be_pooled_is_refused(opened, shape, pool, says):
    with pytest.raises(InputError, match=rf"^data\.pool: {pool} is not allowed: points have the shape .*{says}"):
        opened(RNG.standard_normal((5, *shape)), Form(None, None, pool))


def test_points_know_what_data_know_and_nothing_else(opened):
    one = Points(opened(FLOATS), 0, 0, 0.25)
    for known in (capabilities.Data, capabilities.HeldOut, capabilities.Covariance, capabilities.Centred):
        assert isinstance(one, known)
    for unknown in (capabilities.Posterior, capabilities.Groups, capabilities.Law, capabilities.Nearest):
        assert not isinstance(one, unknown)


def test_points_are_centred_by_their_training_part(opened):
    table = opened(FLOATS + 5)
    one = Points(table, 0, 0, 0.25)
    assert (len(one.parts["held-out"]), len(one.parts["training"])) == (10, 30)
    np.testing.assert_allclose(one.training(points.FRESH).mean(0), 0, atol=1e-12)
    clean, rows = one.sample(np.random.default_rng(1), 10)
    assert sorted(rows[:, 0]) == sorted(one.parts["held-out"])
    np.testing.assert_allclose(clean + one.mean, table.points(rows[:, 0]))
    fewer, _ = one.sample(np.random.default_rng(1), 4)
    np.testing.assert_array_equal(fewer, clean[:4])
    assert one.held_out(np.random.default_rng(1), 16).shape == (16, 6)
    measured = Points(table, 0, 0, 0.25, "training").sample(np.random.default_rng(1), 30)[1]
    assert sorted(measured[:, 0]) == sorted(one.parts["training"])


def test_a_small_training_set_is_part_of_a_larger_one(opened):
    one = Points(opened(FLOATS), 0, 7, 0.25)
    np.testing.assert_array_equal(one.training(12)[:5], one.training(5))
    np.testing.assert_array_equal(one.training(points.FRESH)[:12], one.training(12))
    assert len(one.training(points.FRESH)) == 30


def test_more_points_than_there_are_are_refused(opened):
    labels = np.arange(40) % 2
    one = Points(opened(FLOATS, labels=labels), 0, 0, 0.25, label="1")
    count = len(one.parts["held-out"])
    with pytest.raises(InputError, match=rf"^points: .*the held-out part has {count} points of class 1$"):
        one.sample(np.random.default_rng(0), count + 1)
    with pytest.raises(InputError, match=rf"^data\.dataset_size: .*the training part has {20 - count} points of class"):
        one.training(21)


def test_a_class_of_which_nothing_is_held_out_is_refused(opened):
    """Else it would be the first point of the file, of whatever class."""
    labels = np.repeat([0, 1], [37, 3])
    table = opened(FLOATS, labels=labels)
    split = next(k for k in range(99) if not len(Points(table, k, 0, 0.1, label="1").parts["held-out"]))
    with pytest.raises(InputError, match=r"^data\.held_out: 0\.1 is not allowed: holds out no point of class 1"):
        Points(table, split, 0, 0.1, label="1").held_out(np.random.default_rng(0), 5)
    assert len(Points(table, split, 0, 0.1, label="0").held_out(np.random.default_rng(0), 5)) == 5


def test_a_class_has_its_rows_of_the_whole(opened):
    labels = RNG.integers(3, size=40)
    table = opened(FLOATS, labels=labels)
    assert table.classes == {str(k): int((labels == k).sum()) for k in range(3)}
    whole = Points(table, 0, 0, 0.25).parts
    for part, rows in whole.items():
        own = [Points(table, 0, 0, 0.25, label=str(k)).parts[part] for k in range(3)]
        assert sorted(np.concatenate(own)) == sorted(rows)
    one = Points(table, 0, 0, 0.25, label="2")
    np.testing.assert_allclose(one.mean, FLOATS[np.intersect1d(whole["training"], np.flatnonzero(labels == 2))].mean(0))


def test_classes_of_the_training_part_are_parts_of_it(opened):
    names = np.array(["b", "a", "c", "a"] * 10)
    data = Points(opened(FLOATS, labels=names), 0, 1, 0.3)
    assert isinstance(data, capabilities.Labelled)
    assert data.labels == ("a", "b", "c")
    assert data.label_counts.sum() == len(data.parts["training"])
    of_class = [data.training_of(label, 1000) for label in data.labels]
    assert [len(one) for one in of_class] == data.label_counts.tolist()
    together = np.sort(np.concatenate(of_class), 0)
    np.testing.assert_array_equal(together, np.sort(data.training("fresh"), 0))
    np.testing.assert_array_equal(data.training_of("a", 3), of_class[0][:3])
    _, rows = data.sample(np.random.default_rng(0), 8)
    assert [data.labels[k] for k in data.labels_at(rows)] == names[rows[:, 0].astype(int)].tolist()
    plain = Points(opened(FLOATS), 0, 1, 0.3)
    assert (plain.labels, plain.label_counts.tolist()) == (("all",), [len(plain.parts["training"])])
    assert (plain.labels_at(rows) == 0).all()


@pytest.mark.parametrize("count", [5, 60])
def test_principal_axes_are_those_of_the_covariance(opened, count):
    """Also of fewer points than coordinates."""
    one = Points(opened(RNG.standard_normal((count, 12)) * np.linspace(1, 3, 12)), 0, 0, 0.2)
    axes, variances = one.principal_axes
    covariance = np.cov(one.training(points.FRESH).T, bias=True)
    np.testing.assert_allclose((axes * variances) @ axes.T, covariance, atol=1e-10)
    np.testing.assert_allclose(axes.T @ axes, np.eye(len(variances)), atol=1e-10)
    assert (np.diff(variances) <= 0).all()
    assert len(variances) == np.linalg.matrix_rank(covariance)


@pytest.mark.parametrize("repeated", [1, 3])
def test_halves_have_no_point_in_common_and_are_the_training_part(opened, repeated):
    """Nor one that is the same as one there; who is held out does not change."""
    found = opened(np.repeat(FLOATS, repeated, 0)[RNG.permutation(40 * repeated)])
    whole = Points(found, 3, 5, 0.2)
    halves = [Points(found, 3, 5, 0.2, half=half) for half in HALVES]
    rows = [set(one.trained_on.tolist()) for one in halves]
    assert rows[0] | rows[1] == set(whole.parts["training"].tolist())
    values = [set(map(bytes, one.training("fresh"))) for one in halves]
    assert len(values[0]) == len(values[1]) == 16
    assert not values[0] & values[1]
    for one in halves:
        np.testing.assert_array_equal(one.parts["held-out"], whole.parts["held-out"])
        np.testing.assert_array_equal(one.mean, whole.mean)
        few, more = (set(map(bytes, one.training(size))) for size in (4 * repeated, 10 * repeated))
        assert few <= more <= set(map(bytes, one.training("fresh")))
    with pytest.raises(InputError, match=r"^data\.dataset_size: 1000 .*the second half of the training part has"):
        halves[1].training(1000)
    other = Points(found, 4, 5, 0.2, half="first")  # of another seed
    assert set(map(bytes, other.training("fresh") + other.mean)) != set(
        map(bytes, halves[0].training("fresh") + whole.mean)
    )


def test_halves_of_a_class_are_of_the_halves_of_all(opened):
    found = opened(FLOATS, labels=np.arange(40) % 3)
    for half in HALVES:
        whole = set(Points(found, 0, 0, 0.2, half=half).trained_on.tolist())
        classes = [set(Points(found, 0, 0, 0.2, label=label, half=half).trained_on.tolist()) for label in "012"]
        assert set.union(*classes) == whole
        assert sum(map(len, classes)) == len(whole)
