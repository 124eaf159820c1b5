"""Published sets of estimators of the dimension are what they are said to be, and the record is of all of them."""

import csv

import numpy as np
import published_dimensions as published
import pytest
import yaml

from scoregap.data import FAMILIES
from scoregap.measure.dimension import has_peers
from scoregap.study import load

MADE = {name: one for name, one in published.SETS.items() if one.family}


@pytest.fixture(scope="module")
def record():
    """Rows of the record."""
    with published.RECORD.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", [name for name in MADE if not MADE[name].family.startswith("skdim-")])
def test_points_of_a_set_have_its_dimensions(tmp_path, name):
    one = MADE[name]
    cell = load(published.study_of(one, tmp_path)).cells[0]
    truth = cell.truth()
    clean, places = truth.sample(np.random.default_rng(0), 200)
    assert clean.shape == (200, one.d)
    dims = np.where(truth.gaps_at(places), truth.boundaries, 0).max(1)
    assert set(dims) == set(one.dims)
    spectrum = truth.exact(clean[:12], 1e-9).spectrum()
    np.testing.assert_array_equal((spectrum > 0.25).sum(1), dims[:12])


def test_spheres_and_squares_have_the_sizes_of_the_authors(tmp_path):
    clean, _ = (
        load(published.study_of(MADE["sphere-50"], tmp_path)).cells[0].truth().sample(np.random.default_rng(0), 9)
    )
    np.testing.assert_allclose(np.linalg.norm(clean, axis=1), 1)
    squares = load(published.study_of(MADE["squares-10"], tmp_path)).cells[0].truth()
    np.testing.assert_allclose(np.sort(squares.scales * np.sqrt(12)), np.repeat([3, 5], 5))
    union = load(published.study_of(MADE["uniform-2+4+8"], tmp_path)).cells[0].truth()
    np.testing.assert_allclose(union.variances, 1 / 3)
    apart = np.linalg.norm(union.means[:, None] - union.means, axis=-1)[~np.eye(3, dtype=bool)]
    np.testing.assert_allclose(apart, 10)


@pytest.mark.skipif(not has_peers(), reason="scikit-dimension is not installed")
@pytest.mark.parametrize("name", [name for name in MADE if MADE[name].family.startswith("skdim-")])
def test_benchmark_manifolds_are_sampled(tmp_path, name):
    truth = load(published.study_of(MADE[name], tmp_path)).cells[0].truth()
    assert truth.sample(np.random.default_rng(0), 10)[0].shape == (10, MADE[name].d)


def test_blobs_are_pictures_of_as_many_widths():
    pictures = published.blobs(np.random.default_rng(0), 3, 200)
    assert pictures.shape == (200, 1024)
    assert pictures.min() == 0
    np.testing.assert_allclose(pictures.max(1), 1)
    same = published.blobs(np.random.default_rng(0), 3, 200)
    np.testing.assert_array_equal(pictures, same)


def test_the_record_has_every_set_and_what_was_published(record):
    assert {row["set"] for row in record} == set(published.SETS)
    kept = [row for row in record if row["score"] == "published"]
    assert len(kept) == sum(map(len, published.PUBLISHED.values()))
    for row in kept:
        expected = published.PUBLISHED[row["set"]][published.PUBLISHED_OF.index(row["estimator"])]
        assert float(row["estimate"]) == expected
    for name, one in MADE.items():
        scores = {row["score"] for row in record if row["set"] == name} - {"published", "data"}
        assert scores == set(published.networks_of(one)), name
        assert ("exact" in scores) == (FAMILIES[one.family].exact != "unknown"), name


def test_the_exact_score_knows_the_dimension_at_small_t(record):
    """Of all sets; means over points, of which some are near an end of a box or a kink."""
    for row in record:
        if row["score"] == "exact" and row["estimator"] == "flipd" and row["t"] == "0.0001":
            assert float(row["error"]) < 0.01 * row_size(row) + 0.05, row


def row_size(row) -> float:
    """The largest dimension of a set."""
    return max(float(one) for one in row["dimension"].split("+"))


def test_what_the_page_says_of_networks(record):
    """On spheres they find the dimension; FLIPD of a network is too high at the smallest t."""
    own = [row for row in record if row["score"] == published.NETWORK]
    for row in own:
        if row["set"].startswith("sphere") and row["estimator"] != "flipd":
            assert float(row["error"]) == 0
    smallest = {row["set"]: row for row in own if (row["estimator"], row["t"]) == ("flipd", "0.0001")}
    gap = {row["set"]: float(row["error"]) for row in own if (row["estimator"], row["t"]) == ("final_gap", "0.0001")}
    for name in ("spaghetti", "laplace-2+4+8"):
        assert gap[name] == 0
    beyond = {name for name, row in smallest.items() if float(row["error"]) > 100}
    assert (len(beyond), len(smallest), sum(gap[name] <= 0.5 for name in beyond)) == (15, 48, 8)
    exact = {row["set"]: row for row in record if (row["score"], row["estimator"], row["t"]) ==
             ("exact", "flipd", "0.0001")}  # fmt: skip
    for name in smallest.keys() & exact.keys():
        assert float(smallest[name]["estimate"]) > float(exact[name]["estimate"]), name


def test_what_the_page_says_of_networks_on_other_sets(record):
    """Their final gap at t = 0.001."""
    own = {row["set"]: row for row in record if (row["score"], row["estimator"], row["t"]) ==
           (published.NETWORK, "final_gap", "0.001")}  # fmt: skip
    found = {name: float(row["estimate"]) for name, row in own.items()}
    assert [found[f"squares-{m}"] for m in (10, 20, 100)] == [10, 20, 99]
    assert [found[f"blobs-{m}"] for m in (10, 20, 100)] == [11, 41, 115]
    assert found["uniform-200"] == 127
    assert round(float(own["uniform-10+80+200"]["error"])) == 303
    peers = {name for name, row in own.items() if row["origin"] == "scikit-dimension"} - {"M1-score", "M9-score"}
    off = {name for name in peers if float(own[name]["error"]) > 0.5}
    assert (len(peers), len(off)) == (24, 12)
    assert all(found[name] > float(own[name]["dimension"]) for name in off)
    for name in off:
        if "M10" in name or "M11" in name or "M4" in name:
            assert found[name] == float(own[name]["d"])
    assert [found[f"skdim-{name}"] for name in ("M4_Nonlinear", "M6_Nonlinear", "M8_Nonlinear")] == [8, 12, 24]
    assert found["skdim-M13b_Spiral"] == 2


def test_the_record_is_of_this_code(record, tmp_path):
    """A set without a network, again."""
    from scoregap.trained import Trained

    study = published.study_of(MADE["uniform-5"]._replace(d=10), tmp_path)
    content = yaml.safe_load(study.read_text())
    content["axes"]["network"] = ["exact"]
    study.write_text(yaml.safe_dump(content))
    found = published.of_scores(load(study).cells[0], Trained(study), (5,))
    kept = [row for row in record if row["set"] == "uniform-5" and row["score"] == "exact"]
    assert len(kept) == len(found) == 9
    for row, (_, name, t, value, error) in zip(kept, found, strict=True):
        assert (row["estimator"], float(row["t"])) == (name, pytest.approx(t, rel=1e-3))
        assert float(row["estimate"]) == pytest.approx(value, rel=1e-3, abs=1e-3)
        assert float(row["error"]) == pytest.approx(error, rel=2e-3, abs=1e-3)
