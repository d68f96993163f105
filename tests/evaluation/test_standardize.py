"""Standardization by train statistics."""

import torch

from maskwright.evaluation.standardize import Standardizer


def test_train_features_get_mean_zero_and_deviation_one():
    values = (
        torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
        * torch.tensor([1e-4, 1.0, 50.0, 3.0])
        + 7
    )
    found = Standardizer.fit(values).apply(values)
    assert torch.allclose(found.mean(0), torch.zeros(4), atol=1e-2)
    assert torch.allclose(found.std(0, correction=0), torch.ones(4), atol=1e-2)


def test_a_constant_feature_becomes_zero_even_where_test_differs():
    train = torch.full((10, 2), 0.1)
    train[:, 1] = torch.arange(10.0)
    found = Standardizer.fit(train).apply(torch.tensor([[0.1, 3.0], [55.0, 3.0]]))
    assert found[:, 0].tolist() == [0.0, 0.0]


def test_test_images_do_not_move_the_statistics():
    train = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    standardizer = Standardizer.fit(train)
    one = standardizer.apply(torch.ones(1, 3))
    many = standardizer.apply(torch.cat([torch.ones(1, 3), torch.full((50, 3), 1e6)]))
    assert torch.equal(one, many[:1])
