"""What every format shares."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from scoregap.models import base


def test_a_module_is_measured_without_dropout_and_gradients_of_its_weights():
    module = base.settled(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)).train())
    assert not module.training
    assert not any(one.requires_grad for one in module.parameters())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_type_is_that_of_the_weights(dtype):
    assert base.dtype_of(nn.Linear(2, 2).to(dtype)) == dtype
    buffered = nn.Module()
    buffered.register_buffer("counts", torch.zeros(2, dtype=torch.long))
    buffered.register_buffer("scale", torch.zeros(2, dtype=dtype))
    assert base.dtype_of(buffered) == dtype


def test_what_has_no_weights_is_in_single_precision():
    assert base.dtype_of(lambda x, t: x) == torch.float32
    assert base.dtype_of(nn.Identity()) == torch.float32


def test_a_class_is_told_as_whole_numbers():
    def network(x, told, label=None):
        return label

    x = torch.zeros(3, 2)
    told = base.of_class(SimpleNamespace(settings=SimpleNamespace(label=4)), network)(x, x[:, 0])
    assert told.tolist() == [4, 4, 4]
    assert told.dtype == torch.long
    assert base.of_class(SimpleNamespace(settings=SimpleNamespace(label=None)), network)(x, x[:, 0]) is None
