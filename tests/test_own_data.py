"""Data from a file through every stage: what is known of them is measured, what is not is not there."""

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from own_data import UNTRAINED, VARIANCES, points, written
from tiny import run_stages

import scoregap
from scoregap import InputError, variables
from scoregap.analysis import calibration
from scoregap.data.points import Points
from scoregap.measure.profile import Phase
from scoregap.regression import baselines
from scoregap.report import registry
from scoregap.runtime.finding import find
from scoregap.runtime.templates import TEMPLATE
from scoregap.scores.closed import Empirical, Gaussian
from scoregap.store.tables import read_tables
from scoregap.study import load


def test_the_cube_has_what_points_and_scores_say(own):
    ds = scoregap.open(own[1])
    assert variables.validate(ds, ("network", "seed")) == []
    assert (ds.status == 1).all()
    assert not {"gap", "group", "side"} & set(ds.dims)
    missing = {"t_open", "boundary", "alignment", "excess_loss", "training_excess", "law_edge", "exact_t_max"}
    assert not missing & set(ds.data_vars)
    expected = set(variables.of_cube(ds.coords, from_file=True))
    assert set(ds.data_vars) == expected
    rows = ds.point_row.sel(network="gaussian", seed=0).values
    truth = next(cell for cell in load(own[0]).cells if cell["seed"] == 0).truth()
    assert set(rows) <= set(truth.parts["held-out"])
    assert (ds.point_row == ds.point_row.isel(network=0)).all()  # the same points for all scores
    assert ds.attrs["data"] == "120 points of 8; 3 classes"


def test_the_gaussian_has_its_closed_form(own):
    ds = scoregap.open(own[1]).sel(network="gaussian")
    for seed in (0, 1):
        cell = next(one for one in load(own[0]).cells if one["seed"] == seed)
        training = points()[0][cell.truth().parts["training"]]
        known = np.linalg.eigvalsh(np.cov(training.T, bias=True))
        at = ds.sel(seed=seed)
        np.testing.assert_array_equal(at.modes, (known > ds.time.values[:, None]).sum(1))
        np.testing.assert_allclose(at.trace, (known / (known + ds.time.values[:, None])).sum(1), rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(at.modes_low, at.modes)
        assert at.shoulder_modes.values[0] == (VARIANCES > 0).sum()
        assert at.shoulder_end_state.values[0] == variables.BELOW
        assert at.phase.values[0] == Phase.SHOULDER
        assert at.phase.values[-1] == Phase.NONE
        assert at.found_gap.values[0] == 3
        assert at.dimension_overall.values[0] == 3
        assert at.found_gap_width.values[0] == pytest.approx(1, abs=1e-3)


def test_the_empirical_score_knows_the_training_points(own):
    """At the smallest t it knows them one by one, at the largest their covariance."""
    ds = scoregap.open(own[1]).sel(network="empirical")
    assert (ds.modes.isel(time=0) == 0).all()
    gaussian = scoregap.open(own[1]).sel(network="gaussian")
    np.testing.assert_allclose(ds.trace.isel(time=-1), gaussian.trace.isel(time=-1), rtol=0.1)


def test_classes_and_sizes_are_dimensions_of_the_cube(by_class):
    ds = scoregap.open(by_class[1])
    assert ds.dataset_size.values.tolist() == ["20", "fresh"]
    assert ds["class"].values.tolist() == ["all", "2"]
    labels = points()[1]
    rows = ds.point_row.sel({"class": "2"}).values.astype(int)
    assert (labels[rows] == 2).all()
    assert len(set(labels[ds.point_row.sel({"class": "all"}).values.astype(int).ravel()])) > 1
    gaussian = ds.sel(network="gaussian")
    np.testing.assert_array_equal(gaussian.modes.sel(dataset_size="20"), gaussian.modes.sel(dataset_size="fresh"))
    empirical = ds.sel(network="empirical", **{"class": "all"}).isel(seed=0)
    assert not np.array_equal(empirical.trace.sel(dataset_size="20"), empirical.trace.sel(dataset_size="fresh"))
    text = (by_class[1] / "comparison.txt").read_text()
    for size in ("20", "fresh"):
        for label in ("all", "2"):
            assert f"dataset_size {size}, class {label}" in text
    figure = registry.draw("profile", by_class[1])
    assert figure.panels.shape == (2, 4)
    assert all(len(panel.lines) >= 2 for panel in figure.each)


def test_points_of_the_training_part_are_measured_where_the_study_says(tmp_path):
    path = written(tmp_path, UNTRAINED, ("points: 6", "points: 6\n  points_from: training"))
    run_stages(path, tmp_path / "results", drawn=False)
    assert "calibration" not in load(path).findings  # it is of points that nothing was trained on
    ds = scoregap.open(tmp_path / "results")
    assert ds.training_error.isnull().all()
    cell = next(cell for cell in load(path).cells if cell["seed"] == 1)
    assert set(ds.point_row.sel(seed=1, network="gaussian").values) <= set(cell.truth().parts["training"])


def test_whether_scores_are_the_data_s_own_is_said(own):
    """In the tables, in words and in the report; by the training points too."""
    study, folder = own
    assert "calibration" in load(study).findings
    assert "calibration (errors at clean points" in (folder / "comparison.txt").read_text()
    text, page = ((folder / name).read_text() for name in ("comparison.txt", "report.html"))
    for first in (text.split("\n\n")[0], page.split("<h2")[0]):  # at once, not below figures and tables only
        assert "calibration (errors at clean points" in first or "calibration: none of" in first
        assert "empirical: 2 of 2 not plausible" in first
        assert "it knows training points by heart" in first
    assert "Calibration" in page
    assert registry.draw("calibration", folder).panels.shape == (2, 1)
    frame = read_tables(folder / "findings.jsonl")[0]["calibration"]
    assert set(frame.network) == {"empirical", "gated-8"}
    ds = scoregap.open(folder)
    assert (ds.training_error.sel(network="empirical").isel(time=0) < 1e-3).all()
    assert (ds.squared_error.sel(network="empirical").isel(time=0).mean("point") > 100).all()
    other = ds.sel(network="gaussian")  # of which training points and others are alike
    np.testing.assert_allclose(other.training_error[:, :8], other.squared_error.mean("point")[:, :8], rtol=0.2)


def test_the_gaussian_of_few_points_errs_more_at_others_and_is_not_excused(by_class):
    """Its covariance is that of 96 points or fewer, not of the law: what its trace says of new points is too little."""
    cell = scoregap.open(by_class[1]).sel(network="gaussian", seed=0, dataset_size="fresh", **{"class": "2"})
    ratio, *_ = calibration.of_score(cell)
    expected = cell.squared_error.mean("point") / cell.point_trace.mean("point")
    np.testing.assert_allclose(ratio, expected, rtol=1e-5)
    assert np.abs(np.log(ratio)).max() > 0.05


MODEL = """\
import numpy
import torch

BASIS = torch.tensor(numpy.linalg.qr(numpy.random.default_rng(0).standard_normal((8, 8)))[0][:3], dtype=torch.float64)


def right(x, t):
    return 2 + (x.double() - 2) @ BASIS.T @ BASIS / (1 + t[:, None])


def right_noise(x, t):
    return (x - right(x, t)) / t[:, None] ** 0.5
"""
SCORES = """\
scores:
  right: {from: callable, path: "model21:right", trusted: true}
  wrong: {from: callable, path: "model21:right_noise", predicts: velocity, trusted: true}
axes:
"""


@pytest.mark.slow
def test_a_model_is_measured_on_data_from_a_file_in_their_own_coordinates(tmp_path):
    """With fewer points held out than there are noise variances too."""
    (tmp_path / "model21.py").write_text(MODEL)
    path = written(
        tmp_path, ("axes:\n", SCORES), ("empirical, gated-8]", "empirical, right, wrong]"), ("points: 6", "points: 32"),
        ("held_out: 0.2", "held_out: 0.3"), ("count: 24", "count: 40"), ("seed: 2", "seed: 1"),
    )  # fmt: skip
    run_stages(path, tmp_path / "results")
    ds = scoregap.open(tmp_path / "results").isel(seed=0)
    expected = 3 / (1 + ds.time)
    np.testing.assert_allclose(ds.trace.sel(network="right"), expected, rtol=1e-4)
    frame = read_tables(tmp_path / "results" / "findings.jsonl")[0]["calibration"].set_index("network")
    assert frame.plausible.to_dict() == {"empirical": False, "right": True, "wrong": False}
    assert frame.blamed["empirical"] == "network"  # it errs less at its training points
    assert frame.mistake["wrong"] == "noise read as velocity"
    text = (tmp_path / "results" / "comparison.txt").read_text()
    assert re.search(r"wrong: (\d) of \1 not plausible; ", text)
    assert "not plausible; over 1000 at t = 0.0001: it knows training points by heart" in text
    assert re.search(r"wrong: (\d) of \1 not plausible; ", (tmp_path / "results" / "report.html").read_text())


def test_scores_are_put_beside_each_other(own):
    """The cosine of their Jacobians at the points that are measured, and how much of what the others see they see."""
    study, folder = own
    ds, cell = scoregap.open(folder).sel(seed=1), next(one for one in load(study).cells if one["seed"] == 1)
    data, rng = cell.truth(), np.random.default_rng(cell.seed("points"))
    clean, _ = data.sample(rng, 6)
    noise = rng.standard_normal(clean.shape)
    t = float(ds.time[16])
    both = [one.jacobian(clean + np.sqrt(t) * noise, t)[1] for one in (Gaussian(data), Empirical(cell.dataset()))]
    expected = (
        (both[0] * both[1]).sum((1, 2)) / np.linalg.norm(both[0], axis=(1, 2)) / np.linalg.norm(both[1], axis=(1, 2))
    )
    found = ds.agreement.isel(time=16)
    np.testing.assert_allclose(found.sel(network="gaussian", other="empirical"), expected, atol=1e-3)  # of float16
    np.testing.assert_array_equal(
        found.transpose("network", "other", "point"), found.transpose("other", "network", "point")
    )
    np.testing.assert_allclose(found.sel(network="gated-8", other="gated-8"), 1, atol=1e-6)

    frame = read_tables(folder / "findings.jsonl")[0]["agreement"]
    assert len(frame) == 6 * 3 * 5  # pairs, quantities, times
    one = frame[(frame["network"] == "empirical") & (frame["other"] == "gaussian")].set_index(["quantity", "t"])
    last = float(ds.time[-1])
    assert one.loc[("cosine", last), "value"] == pytest.approx(1, abs=0.02)  # at much noise all see the covariance
    whole = scoregap.open(folder).isel(time=-1).point_trace.mean("point")
    ratio = (whole.sel(network="empirical") / whole.sel(network="gaussian")).mean("seed")
    trace = one.loc[("trace ratio", last)]
    assert trace["value"] == pytest.approx(float(ratio), rel=1e-6)
    assert trace["low"] < trace["value"] < trace["high"]
    assert (one["over"] != "seeds").all()  # two are too few
    gaussian = frame[
        (frame["network"] == "gated-8") & (frame["quantity"] == "n ratio") & (frame["t"] == ds.time[0].item())
    ]
    modes = scoregap.open(folder).modes.isel(time=0).mean("seed")
    assert gaussian.set_index("other")["value"]["gaussian"] == pytest.approx(float(modes.sel(network="gated-8")) / 3)
    csv = pd.read_csv(folder / "comparison.csv")
    assert set(csv[csv["other"].notna()]["quantity"]) == {"cosine", "n ratio", "trace ratio"}
    text = (folder / "comparison.txt").read_text()
    assert re.search(r"beside gaussian +empirical +gated-8\n", text)
    assert re.search(r"beside empirical +gated-8\n", text)
    assert "cosine of G" in (folder / "report.html").read_text()


def test_a_score_alone_is_beside_none(tmp_path):
    path = written(tmp_path, ("gaussian, empirical, gated-8]", "gaussian]"), ("seed: 2", "seed: 1"))
    run_stages(path, tmp_path / "results", drawn=False)
    ds = scoregap.open(tmp_path / "results")
    assert variables.validate(ds, ("network", "seed")) == []
    assert "agreement" not in ds
    assert "cosine" not in (tmp_path / "results" / "comparison.txt").read_text()


def test_families_have_no_such_variables(results):
    _, folder = results
    ds = scoregap.open(folder)
    assert not set(variables.OF_FILES) & set(ds.data_vars)


def test_data_in_the_users_coordinates_are_the_points_and_their_mean(own):
    cell = load(own[0]).cells[0]
    data = cell.truth()
    assert isinstance(data, Points)
    clean, rows = data.sample(np.random.default_rng(0), 4)
    np.testing.assert_allclose(clean + data.mean, points()[0][rows[:, 0]])
    with pytest.raises(InputError, match="the held-out part has 24 points"):
        data.sample(np.random.default_rng(0), 25)


BLOCKS = (
    (", gated-8]", "]"), ("labels.npy", "names.npy"), ("count: 24", "count: 12"),
    ("  seed: 2", "  class: [all]\n  dataset_size: [fresh]\n  seed: 1"),
    ("train:\n", "blocks:\n  pets: {class: [cat, dog]}\n  few: {dataset_size: [20], seed: 2}\ntrain:\n"),
)  # fmt: skip


def test_data_may_have_blocks_and_classes_of_any_name(tmp_path):
    """Every block has its own table, and what it says is of its cells."""
    path = written(tmp_path, *BLOCKS)
    names = np.array(["cat", "dog", "bird"])[points()[1]]
    np.save(tmp_path / "names.npy", names)
    run_stages(path, tmp_path / "results")
    tree = scoregap.open(tmp_path / "results")
    assert set(tree.children) == {"pets", "few"}
    assert tree["pets"]["class"].values.tolist() == ["cat", "dog"]
    for name in ("cat", "dog"):
        assert (names[tree["pets"].to_dataset().point_row.sel({"class": name}).values.astype(int)] == name).all()
    text = (tmp_path / "results" / "comparison.txt").read_text()
    table = text.partition("\n\n")[2].partition("\nblock pets\n")[0]  # the first lines before it, findings after
    heads = [line for line in table.splitlines() if line.startswith("block ")]
    assert heads == ["block pets, class cat", "block pets, class dog", "block few"]
    for head, own in zip(heads, re.split("(?m)^block .*$", table)[1:], strict=True):
        ds = tree[head.split()[1].rstrip(",")].to_dataset().sel(network="empirical")
        ds = ds.sel({"class": head.split()[-1] if "class" in head else "all"})
        assert f"{float(ds.trace.isel(time=6).mean()):.1f} [" in own
    page = (tmp_path / "results" / "report.html").read_text()
    assert "otherwise in the blocks pets, few" in page
    record = baselines.take(load(path), tmp_path / "results")
    cells = {name.rpartition(" gaussian: ")[0] for name, one in record.metrics.items() if one.network == "gaussian"}
    assert cells == {"class=cat dataset_size=fresh", "class=dog dataset_size=fresh", "class=all dataset_size=20"}
    assert record.not_ok == []
    assert re.search(r"· 1 seed ·", page)
    assert "1 seeds" not in page


def test_a_class_is_one_value_however_it_is_written(tmp_path):
    path = written(tmp_path, UNTRAINED, ("  seed: 2", '  class: [1, "1"]\n  seed: 1'))
    with pytest.raises(InputError, match=r"axes\.class: .* is not allowed twice"):
        load(path)
    path = written(tmp_path, UNTRAINED, ("  seed: 2", "  class: [all, cow]\n  seed: 1"))
    with pytest.raises(InputError, match=r"axes\.class: 'cow' is not allowed: classes are 0, 1, 2"):
        load(path)


def test_what_scores_are_along_principal_axes_is_kept(own):
    """Of the Gaussian it is v / (v + t), and its tangent space is that of its own eigenvectors."""
    ds = scoregap.open(own[1])
    for seed in (0, 1):
        cell = next(one for one in load(own[0]).cells if one["seed"] == seed)
        data = cell.truth()
        axes, variances = data.principal_axes
        at = ds.sel(seed=seed)
        np.testing.assert_allclose(at.principal_variance[:, : len(variances)], np.tile(variances, (3, 1)))
        assert at.principal_variance[:, len(variances) :].isnull().all()
        gaussian = at.sel(network="gaussian")
        expected = variances / (variances + ds.time.values[:, None])
        for point in range(6):
            np.testing.assert_allclose(
                gaussian.along_principal[:, point, : len(variances)], expected, rtol=1e-5, atol=1e-6
            )
        t = float(ds.time[0])
        rng = np.random.default_rng(cell.seed("points"))
        clean, rows = data.sample(rng, 6)
        noisy = clean + np.sqrt(t) * rng.standard_normal(clean.shape)
        score = Gaussian(data).denoise(noisy, t) - noisy
        inside = ((score @ axes[:, variances > t]) ** 2).sum(1) / (score**2).sum(1)
        np.testing.assert_allclose(gaussian.tangent_share, inside, rtol=1e-5)
        assert ds["label"].values.tolist() == ["0", "1", "2"]
        labels = points()[1]
        np.testing.assert_array_equal(gaussian.point_label, labels[rows[:, 0].astype(int)])
        training = labels[data.parts["training"]]
        np.testing.assert_array_equal(gaussian.label_points, np.bincount(training))


def test_claims_about_a_plane_are_what_it_is(own):
    """A plane of three dimensions: a visible gap, which the Gaussian has too, and no claim against the Gaussian."""
    rows = read_tables(own[1] / "findings.jsonl")[0]["claims"].set_index("claim")
    assert set(pd.read_csv(own[1] / "claims.csv")["claim"]) == set(rows.index)
    assert set(rows["network"]) == {"gated-8"}
    assert rows.verdict["widest_gap"] == "disagrees"
    assert rows.why["widest_gap"] == ""  # nor has the Gaussian no gap
    assert rows.gaussian["widest_gap"] > 0.9
    assert (rows.verdict["order"], rows.why["order"]) == ("not testable", "no network has it")  # of three axes
    assert rows.gaussian["no_gap"] == 0
    text = (own[1] / "comparison.txt").read_text()
    assert "no gap is visible: largest drop of the mean spectrum at any t" in text
    assert "no gap is visible" in (own[1] / "report.html").read_text()


def test_classes_are_drawn_each_by_itself(own, by_class):
    figure = registry.draw("classes", own[1])
    (panel,) = figure.panels.flat
    assert [one.label for one in panel.lines] == ["gaussian (all)", "0", "1", "2"]
    assert "classes" in registry.names(load(by_class[0]))


HALVED = ("  seed: 2", "  half: [first, second]\n  seed: 1")


def test_two_networks_on_disjoint_halves_are_put_beside_each_other(tmp_path):
    """The cosine of their Jacobians at the same points: that of the empirical scores of the two halves is known."""
    path = written(tmp_path, HALVED, ("steps: 40", "steps: 20"))
    run_stages(path, tmp_path / "results", drawn=False)
    ds = scoregap.open(tmp_path / "results").isel(seed=0)
    assert ds.other.values.tolist() == ["gaussian", "empirical", "gated-8", variables.OTHER_HALF]
    beside = ds.agreement.sel(other=variables.OTHER_HALF)
    np.testing.assert_array_equal(beside.sel(half="first"), beside.sel(half="second"))
    np.testing.assert_allclose(beside.sel(network="gaussian"), 1, atol=1e-6)  # which is of the whole training part
    cells = {cell["half"]: cell for cell in load(path).cells if cell["network"] == "empirical"}
    data, rng = cells["first"].truth(), np.random.default_rng(cells["first"].seed("points"))
    clean, _ = data.sample(rng, 6)
    t = float(ds.time[16])
    noisy = clean + np.sqrt(t) * rng.standard_normal(clean.shape)
    one, two = (Empirical(cells[half].dataset()).jacobian(noisy, t)[1] for half in ("first", "second"))
    known = (one * two).sum((1, 2)) / np.linalg.norm(one, axis=(1, 2)) / np.linalg.norm(two, axis=(1, 2))
    np.testing.assert_allclose(beside.sel(network="empirical", half="first").isel(time=16), known, atol=1e-3)
    assert known.max() < 0.999

    frame = read_tables(tmp_path / "results" / "findings.jsonl")[0]["agreement"]
    own = frame[frame["other"] == variables.OTHER_HALF]
    assert set(own["network"]) == {"empirical", "gated-8"}  # the Gaussian sees no half
    assert set(own["quantity"]) == {"cosine"}
    assert set(own["half"]) == {"first"}  # told once
    assert re.search(
        r"beside the other half +empirical +gated-8\n", (tmp_path / "results" / "comparison.txt").read_text()
    )


KEPT = ("  points: 6", "  points: 6\n  keep: {points: 2, times: 3, vectors: 4}")


def test_points_and_directions_are_kept_where_the_study_says(tmp_path):
    """In the user's coordinates; the Gaussian's directions are the principal axes at every point."""
    path = written(tmp_path, UNTRAINED, KEPT, ("  seed: 2", "  seed: 1"))
    run_stages(path, tmp_path / "results", drawn=False)
    ds = scoregap.open(tmp_path / "results").isel(seed=0)
    assert variables.validate(scoregap.open(tmp_path / "results"), ("network", "seed")) == []
    assert dict(ds.kept_vector.sizes) == {"network": 2, "kept_time": 3, "kept_point": 2, "vector": 4, "coordinate": 8}
    assert set(ds.kept_time.values) <= set(ds.time.values)
    rows = ds.point_row.sel(network="gaussian").values[:2].astype(int)
    np.testing.assert_allclose(ds.kept_clean.sel(network="empirical"), points()[0][rows], rtol=1e-6)
    cell = next(cell for cell in load(path).cells if cell["network"] == "gaussian")
    data = cell.truth()
    axes = data.principal_axes[0]
    own = ds.sel(network="gaussian")
    cosines = np.abs(np.einsum("tpvd,dv->tpv", own.kept_vector[:, :, :3].values, axes[:, :3]))
    np.testing.assert_allclose(cosines, 1, atol=1e-4)
    noisy = own.kept_noisy.values - data.mean
    for i, t in enumerate(ds.kept_time.values):
        expected = Gaussian(data).denoise(noisy[i], t) + data.mean
        np.testing.assert_allclose(own.kept_denoised.values[i], expected, rtol=1e-4, atol=1e-4)
    scale = (noisy - (own.kept_clean.values - data.mean)).std((1, 2)) / np.sqrt(ds.kept_time.values)
    assert (np.abs(scale - 1) < 0.7).all()  # of 16 numbers


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("points: 6", "points: 6\n  method: trace\n  keep: {}"), "spectrum.keep: is not allowed: the method 'trace'"),
        (("points: 6", "points: 6\n  keep: {points: 0}"), "spectrum.keep.points: 0 is not allowed"),
        (("gated-8]", "unet-8]"), "axes.network: 'unet-8' is not allowed: it is for pictures, and points are 8"),
        (("seed: 2", "seed: 2\n  half: [frist]"), "did you mean first"),
        (
            ("seed: 2", "seed: 2\n  dataset_size: [60]\n  half: [first, second]"),
            "axes.dataset_size: 60 is not allowed: the first half of the training part has 48 points in seed 0",
        ),
    ],
)
def test_what_data_do_not_have_is_refused_in_a_line(tmp_path, change, says):
    with pytest.raises(InputError) as caught:
        load(written(tmp_path, change))
    assert says in str(caught.value)


PICTURES = """\
study: pictures
data: {source: pictures.npy}
axes: {network: [gaussian, unet-4], seed: 1}
train: {steps: 60, levels: 4, samples: 4, depth: 1, noise: {start: 1.0e-2, stop: 10.0}}
spectrum: {times: {start: 2.0e-2, stop: 5.0, count: 8}, points: 2, keep: {points: 1, times: 2, vectors: 2}}
fit: {resamples: 50}
"""


@pytest.mark.parametrize("shape", [(8, 4), (3, 8, 8), (8, 8, 3)])
def test_pictures_of_every_kind_are_learned_and_shown(tmp_path, shape):
    """The shape reaches the network, and a study that keeps points has the figures."""
    rng = np.random.default_rng(0)
    pictures = rng.standard_normal((40, 3)) @ rng.standard_normal((3, int(np.prod(shape))))
    np.save(tmp_path / "pictures.npy", pictures.reshape(40, *shape))
    (tmp_path / "pictures.yaml").write_text(PICTURES)
    assert {"denoised", "directions"} <= set(registry.names(load(tmp_path / "pictures.yaml")))
    run_stages(tmp_path / "pictures.yaml", tmp_path / "results", drawn=False)
    ds = scoregap.open(tmp_path / "results")
    assert (ds.status == 1).all()
    run = registry.open_run(tmp_path / "results")
    assert run.draw("denoised").get_size_inches()[0] > 5
    texts = {one.get_text() for one in run.draw("directions").findobj(Text)}
    largest = 1 + ds.eigenvalue.sel(time=ds.kept_time, network="unet-4").isel(seed=0, point=0, mode=0).values
    assert {f"{one:.2f}" for one in largest} <= texts  # told under the vectors


def test_a_network_of_pictures_sees_no_principal_axes(tmp_path):
    np.save(tmp_path / "pictures.npy", np.random.default_rng(0).random((40, 4, 4)))
    changed = PICTURES.replace("steps: 60", "steps: 60, preconditioning: covariance")
    (tmp_path / "pictures.yaml").write_text(changed)
    with pytest.raises(InputError, match=r"train\.preconditioning: 'covariance' is not allowed: unet-4 sees pictures"):
        load(tmp_path / "pictures.yaml")


def test_sides_that_divide_badly_are_refused_before_anything_is_trained(tmp_path):
    np.save(tmp_path / "pictures.npy", np.random.default_rng(0).random((40, 6, 4)))
    (tmp_path / "pictures.yaml").write_text(PICTURES)
    says = r"axes\.network: 'unet-4' is not allowed: the sides of its pictures are multiples of 4, and points are 6 x 4"
    with pytest.raises(InputError, match=says):
        load(tmp_path / "pictures.yaml")


@pytest.mark.slow
def test_the_bundled_study_of_digits(tmp_path):
    """One seed of it, briefly trained: every arm is measured, and shown."""
    text = find("digits").read_text()
    for old, new in (("seed: 3", "seed: 1"), ("steps: 800", "steps: 100"), ("points: 32", "points: 6")):
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "digits.yaml").write_text(text)
    run_stages(tmp_path / "digits.yaml", tmp_path / "results", drawn=False)
    ds = scoregap.open(tmp_path / "results").isel(seed=0)
    assert (ds.status == 1).all()
    assert set(registry.names(load(tmp_path / "digits.yaml"))) >= {"profile", "denoised", "directions", "calibration"}
    assert (ds.modes.isel(time=-1) == 0).all()
    least = ds.isel(time=0)
    assert (least.modes.sel(network=["gated-64", "unet-16"]) > 40).all()
    assert (least.modes.sel(network="empirical") < 1).all()  # it knows one picture
    halves = least.agreement.sel(other=variables.OTHER_HALF).mean("point")
    assert not (halves.sel(network="empirical") >= 0.5).any()  # not known where G is 0
    assert (halves.sel(network="empirical", dataset_size=700) < 0.5).all()
    assert (halves.sel(network=["gated-64", "unet-16"]) > 0.8).all()
    assert {"final_gap", "flipd"} <= set(ds.score_estimator.values)


def test_a_study_of_pictures_of_one_s_own_is_ready_to_be_run(tmp_path):
    """The template for a GPU, beside an array such as CIFAR-10's."""
    template = TEMPLATE.with_name("images.yaml")
    rng = np.random.default_rng(0)
    np.save(
        tmp_path / "images.npy", rng.integers(256, size=(23_000, 8, 8, 3), dtype="uint8")
    )  # as many, of fewer pixels
    (tmp_path / "images.yaml").write_text(template.read_text())
    study = load(tmp_path / "images.yaml")
    assert study.document.data.dim == 192
    assert {"scores", "halves"} == set(study.blocks)
    assert {"scores/denoised", "halves/directions"} <= set(registry.names(study))
