"""Figures of kept pictures: every pixel is where it should be, in the shades that it should have."""

import numpy as np
import pytest
from matplotlib.image import BboxImage
from own_data import written

from scoregap.analysis.pictures import OfScore, Shown, Strip, Strips
from scoregap.report import figures
from scoregap.report.figures import pictures
from scoregap.study import load


def shown(colours=1, scores=2):
    rng, T, P, K = np.random.default_rng(0), 3, 2, 4
    one = [
        OfScore(
            name, "N 4", rng.random((T, P, 8, 4, colours)), rng.standard_normal((T, P, K, 8, 4, colours)),
            -np.sort(-rng.random((T, P, 32 * colours)), -1),
        )
        for name in ("gaussian", "gated-8")[:scores]
    ]  # fmt: skip
    clean, noisy = rng.random((P, 8, 4, colours)), rng.standard_normal((T, P, 8, 4, colours))
    return Shown(np.array([0.01, 0.1, 100.0]), (0.0, 1.0), clean, noisy, one, 0)


def texts(figure):
    return [one.get_text() for one in figure.findobj(lambda one: hasattr(one, "get_text")) if one.get_text()]


@pytest.mark.parametrize("colours", [1, 3])
def test_denoised_pictures_are_drawn_pixel_by_pixel(tmp_path, colours):
    study, what = load(written(tmp_path)), shown(colours)
    with figures.styled():
        figure = pictures.denoised(study, what)
    (image,) = figure.findobj(BboxImage)
    drawn = np.asarray(image.get_array())
    large = figure.sides
    assert large == (56, 28)  # 7 points for a pixel
    for row, of in enumerate((what.noisy, *(one.denoised for one in what.scores))):
        for group in range(2):
            for column, time in enumerate((2, 1, 0), 1):  # t falls from left to right
                top = row * figure.pitch[0]
                left = group * (figure.columns * figure.pitch[1] + pictures.APART) + column * figure.pitch[1]
                cell = drawn[top : top + large[0] : 7, left : left + large[1] : 7]
                expected = np.broadcast_to(np.clip(of[time, group], 0, 1), (8, 4, 3))
                np.testing.assert_allclose(cell[..., :3], expected, atol=1e-6)
    spectra = [ax for ax in figure.axes if ax.lines]
    assert len(spectra) == 2 * 3
    assert all(
        ax.get_xticks().max() <= 16 * colours for ax in spectra
    )  # of 32, so that no label meets the next panel's
    np.testing.assert_array_equal(spectra[0].lines[1].get_ydata(), what.scores[1].spectrum[2, 0])
    assert {"clean", "t = 100", "noisy", "gated-8\nN 4"} <= set(texts(figure))
    assert texts(figure).count("eigenvalues of G") == texts(figure).count("mode") == 2  # below every picture
    content = figures.picture(figure)
    assert content.count(b"data:image/png") == 1


def test_directions_are_of_the_last_setting_and_say_their_eigenvalues(tmp_path):
    study, what = load(written(tmp_path)), shown()
    first = what.scores[1]
    what.scores.append(OfScore("gated-8", "N 8", first.denoised, -first.vectors, first.spectrum + 10))
    with figures.styled():
        figure = pictures.directions(study, what)
    said = texts(figure)
    assert {f"{value:.2f}" for value in 10 + first.spectrum[1, 0, :4]} <= set(said)
    assert sum(float(one) >= 10 for one in said if "." in one and one[0].isdigit()) == 3 * 2 * 4
    assert sum(one.endswith("gated-8") for one in said) == 3  # noise variances


def test_a_direction_that_does_not_vary_is_none(tmp_path):
    """As of the empirical score at small t, whose G is 0: eigenvectors are then those that LAPACK begins with."""
    study, what = load(written(tmp_path)), shown(scores=1)
    what.scores[0].spectrum[:, :, 1:] = 0
    with figures.styled():
        figure = pictures.directions(study, what)
    (image,) = figure.findobj(BboxImage)
    drawn = np.asarray(image.get_array())[: figure.sides[0]]
    assert (drawn[:, : figure.pitch[1] * 2] < 1).any()
    assert (drawn[:, figure.pitch[1] * 2 : figure.pitch[1] * figure.columns] == 1).all()


def test_signs_are_told_by_colours_about_white_or_grey():
    vector = np.zeros((2, 2, 1))
    vector[0, 0], vector[1, 1] = 0.5, -1.0
    drawn = pictures.signs(vector)
    assert drawn.shape == (2, 2, 3)
    assert drawn[0, 1].min() > 0.95  # nothing is white
    assert drawn[0, 0, 0] > drawn[0, 0, 2]
    assert drawn[1, 1, 2] > drawn[1, 1, 0]
    colours = pictures.signs(np.concatenate([vector, 0 * vector, 0 * vector], -1))
    np.testing.assert_allclose(colours[1, 1], [0, 0.5, 0.5])
    assert (pictures.signs(np.zeros((2, 2, 1))) > 0.95).all()


@pytest.mark.parametrize("colours", [1, 3])
def test_samples_are_drawn_above_their_nearest_training_points(tmp_path, colours):
    study, rng = load(written(tmp_path)), np.random.default_rng(0)
    strips = [Strip(name, "N 4", *rng.random((2, 3, 8, 4, colours)), 0.5, 0.1) for name in ("empirical", "gated-8")]
    with figures.styled():
        figure = pictures.copies(study, Strips((0.0, 1.0), strips, 2))
    (image,) = figure.findobj(BboxImage)
    drawn, large = np.asarray(image.get_array()), figure.sides
    for row, of in enumerate(array for one in strips for array in (one.samples, one.nearest)):
        for column in range(3):
            top, left = row * figure.pitch[0], column * figure.pitch[1]
            cell = drawn[top : top + large[0] : 7, left : left + large[1] : 7]
            np.testing.assert_allclose(cell[..., :3], np.broadcast_to(of[column], (8, 4, 3)), atol=1e-6)
    said = texts(figure)
    assert said.count("copies: 50%, of held-out points 10%") == 2
    assert any("2 more are not shown" in one for one in said)


def test_a_score_of_fewer_samples_has_room_left(tmp_path):
    study, rng = load(written(tmp_path)), np.random.default_rng(0)
    strips = [Strip("empirical", "", *rng.random((2, few, 8, 4, 1)) / 2, 0.5, 0.1) for few in (1, 3)]
    with figures.styled():
        figure = pictures.copies(study, Strips((0.0, 1.0), strips, 0))
    (image,) = figure.findobj(BboxImage)
    drawn = np.asarray(image.get_array())[..., :3].min(-1) < 1
    across = [drawn[row * figure.pitch[0], :: figure.pitch[1]][:3].tolist() for row in range(4)]
    assert across == [[True, False, False]] * 2 + [[True] * 3] * 2


def test_without_a_result_it_is_said(tmp_path):
    study = load(written(tmp_path))
    for draw in (pictures.denoised, pictures.directions):
        assert "no score has a result" in texts(draw(study, None))
    assert any("training points" in one for one in texts(pictures.copies(study, None)))
