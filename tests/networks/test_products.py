"""Matrix products of training by oneDNN: as exact as torch's own, and only while they are asked for."""

import pytest
import torch

from scoregap.networks import PRODUCTS, products


@pytest.fixture
def pair():
    return torch.randn(2, 512, 512, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_are_of_float32_and_all_is_as_it_was_after(name, pair):
    before, known = torch.get_float32_matmul_precision(), pair[0].double() @ pair[1].double()
    with products.made_by(name):
        asked = torch.get_float32_matmul_precision()
        found = pair[0] @ pair[1]
    assert asked == ("medium" if name == "onednn" and products.exact() else before)
    assert float((found - known).norm() / known.norm()) < 1e-6
    assert torch.get_float32_matmul_precision() == before


def test_where_factors_would_be_rounded_products_are_torchs_own(monkeypatch, pair):
    monkeypatch.setattr(products, "exact", lambda: False)
    with products.made_by("onednn"):
        assert torch.get_float32_matmul_precision() == "highest"
        found = pair[0] @ pair[1]
    assert torch.equal(found, pair[0] @ pair[1])
