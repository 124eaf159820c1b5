"""The U-Net: what it sees of a picture, and what it refuses."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from scoregap import InputError
from scoregap.networks import ensemble
from scoregap.networks.unet import Unet

ROOT = Path(__file__).parents[2]


def network(shape, width=6, depth=1, seed=0):
    """Double precision, with random weights everywhere."""
    torch.manual_seed(seed)
    made = Unet(shape, width, depth).double()
    with torch.no_grad():
        for weight in made.parameters():
            weight += 0.3 * torch.randn(weight.shape)
    return made


def test_second_derivatives_are_those_of_differences():
    """Twice differentiable, by pixels and by weights: what training and estimators ask for."""
    made, level = network((4, 4)), torch.tensor([[0.3]], dtype=torch.float64)
    x = torch.randn(1, 16, dtype=torch.float64)
    assert torch.autograd.gradgradcheck(lambda y: made(y, level), x.requires_grad_())
    assert torch.autograd.gradcheck(lambda y: made(y, level), x)


def test_colours_may_be_the_first_axis_or_the_last():
    """The same picture, in the order of either file, is the same to the network."""
    first, last = network((3, 8, 12)), network((8, 12, 3))
    last.load_state_dict(first.state_dict())
    x, level = torch.randn(2, 3, 8, 12, dtype=torch.float64), torch.tensor([[0.1]], dtype=torch.float64)
    out = first(x.flatten(1), level).reshape(x.shape)
    other = last(x.movedim(1, -1).flatten(1), level).reshape(2, 8, 12, 3)
    torch.testing.assert_close(other.movedim(-1, 1), out)


def test_a_shifted_picture_gives_a_shifted_answer():
    """By four pixels, where nothing is near the border: neighbours are neighbours in the picture."""
    made, level = network((96, 96)), torch.tensor([[0.1]], dtype=torch.float64)
    x = torch.zeros(1, 96, 96, dtype=torch.float64)
    x[:, 44:52, 44:52] = torch.randn(8, 8, dtype=torch.float64)
    one, other = (made(y.flatten(1), level).reshape(96, 96) for y in (x, x.roll((4, -4), (1, 2))))
    empty = made(torch.zeros(1, 96**2, dtype=torch.float64), level).reshape(96, 96)
    assert (one - empty)[44:52, 44:52].abs().max() > 0.1
    torch.testing.assert_close(one.roll((4, -4), (0, 1))[32:64, 32:64], other[32:64, 32:64])


@pytest.mark.parametrize("shape", [(16,), (6, 4), (4, 4, 4), (5, 4, 4), (2, 2), (4, 4, 4, 4)])
def test_what_is_no_picture_of_four_by_four_is_refused(shape):
    with pytest.raises(
        ValueError, match=r"^shape \(.*\) is not allowed: should be a picture, its sides multiples of 4"
    ):
        Unet(shape, 8)
    with pytest.raises(InputError, match=r"axes\.network: 'unet-8' is not allowed: .*should be a picture"):
        ensemble.build("unet-8", [0], int(np.prod(shape)), 1, shape)


def test_what_the_page_says_was_tried_is_what_was_measured():
    """docs/explanation/images.md against results/benchmarks/unet.csv, number by number, and what is concluded."""
    table = (ROOT / "docs" / "explanation" / "images.md").read_text().partition("<!-- unet -->\n")[2].split("\n\n")[0]
    said = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    with (ROOT / "results" / "benchmarks" / "unet.csv").open() as file:
        measured = list(csv.DictReader(file))
    numbers = ("points_per_step", "steps", "loss", "loss_small_t")
    assert [row[3:] for row in said] == [[row[name] for name in numbers] for row in measured]
    assert [row[1] for row in said] == [row["normalisation"] or "-" for row in measured]
    assert all(23 <= float(row["core_seconds"]) <= 33 for row in measured)
    loss = {(row[0], row[1], row[2], row[3]): float(row[5]) for row in said}
    small = [value for (*_, points), value in loss.items() if points == "64"]
    assert max(small) < min(value for (*_, points), value in loss.items() if points == "256")  # smaller batches pay
    kept = loss["U-Net, silu", "none", "32", "64"]
    assert kept == min(small)  # no normalisation, and no gate, gains anything
    assert (
        loss["U-Net, silu", "RMS over channels", "24", "64"]
        < 1.01 * loss["U-Net, silu", "RMS over channels", "32", "64"]
    )
    assert (
        loss["U-Net, silu, not folded, 3 resolutions", "none", "16", "256"]
        > 1.1 * loss["U-Net, silu", "none", "32", "256"]
    )
