import pytest

from scoregap.pictures import Picture, picture


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
