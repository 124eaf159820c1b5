import pytest

from scoregap.pictures import Picture, axes_refusal, picture


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        ((8, 8), Picture(8, 8, 1, (0, 1))),
        ((3, 5), Picture(3, 5, 1, (0, 1))),
        ((3, 32, 30), Picture(32, 30, 3, (1, 2))),
        ((32, 30, 3), Picture(32, 30, 3, (0, 1))),
        ((28, 28, 1), Picture(28, 28, 1, (0, 1))),
        ((5, 5, 5), None),
        ((3, 5, 3), None),
        ((7,), None),
        ((2, 8, 8, 8), None),
        ((), None),
    ],
)
def test_a_picture_has_two_sides_and_perhaps_an_axis_of_colours(shape, found):
    assert picture(shape) == found


@pytest.mark.parametrize(
    ("shape", "of_model", "refused"),
    [
        ((4, 4, 3), (3, 4, 4), True),
        ((1, 4, 4, 3), (3, 4, 4), True),
        ((6, 4), (4, 6), True),
        ((3, 4, 4), (3, 4, 4), False),
        ((4, 4), (1, 4, 4), False),
        ((4, 4, 1), (1, 4, 4), False),
        ((48,), (3, 4, 4), False),
        ((4, 4, 3), (48,), False),
        ((4, 4, 3), (), False),
        ((), (3, 4, 4), False),
        ((4, 4, 3), (3, 8, 8), False),  # of another dimension, which is told
    ],
)
def test_axes_in_another_order_than_a_models_are_refused(shape, of_model, refused):
    says = f"points are {' x '.join(map(str, shape))}: save them with their axes in the model's order, as numpy."
    assert axes_refusal(shape, of_model).startswith(says) == refused
    assert bool(axes_refusal(shape, of_model)) == refused
