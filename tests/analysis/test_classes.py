"""n(t) class by class: what is drawn is the mean over the points of the class."""

import numpy as np

import scoregap
from scoregap.analysis.classes import classes, drawn_networks
from scoregap.analysis.panels import panels
from scoregap.report.figures.profile import classes as drawn
from scoregap.study import load


def test_a_class_has_the_mean_of_its_points(own):
    study, ds = load(own[0]), scoregap.open(own[1])
    assert drawn_networks(study) == ["gated-8"]
    (shown,) = classes(study, panels(study, ds))
    one = ds.sel(network="gated-8")
    n = (one.eigenvalue > -0.5).sum("mode")
    for k, name in enumerate(ds["label"].values):
        mine = [(seed, (one.point_label.sel(seed=seed) == k).values) for seed in ds.seed.values]
        of_seeds = [n.sel(seed=seed).values[:, some].mean(1) for seed, some in mine if some.any()]
        np.testing.assert_allclose(shown.curves["gated-8"][str(name)].value, np.mean(of_seeds, 0))
    gaussian = (ds.sel(network="gaussian").eigenvalue > -0.5).sum("mode").mean(("seed", "point"))
    np.testing.assert_allclose(shown.gaussian, gaussian)


def test_without_networks_what_is_no_gaussian_is_drawn(by_class):
    study = load(by_class[0])
    assert drawn_networks(study) == ["empirical"]
    shown = classes(study, panels(study, scoregap.open(by_class[1])))
    assert len(shown) == 4
    alone = [one for one in shown if one.values["class"] == "2"]
    assert all(list(one.curves["empirical"]) == ["2"] for one in alone)


def test_a_gaussian_that_is_not_there_is_not_in_the_legend(by_class):
    study = load(by_class[0])
    shown = classes(study, panels(study, scoregap.open(by_class[1])))
    without = [one._replace(gaussian=np.full(len(one.times), np.nan)) for one in shown]
    for some, there in ((shown, True), (without, False)):
        figure = drawn(study, some)
        assert any(line.label == "gaussian (all)" for panel in figure.each for line in panel.lines) == there
