"""The model is one graph to torch.compile: nothing in it depends on the values of a tensor."""

import warnings

import pytest
import torch

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import DECODERS, ModelConfig
from maskwright.patches.mask import PatchMask
from maskwright.support.seeding import torch_generator

TINY = {
    "image_size": (8, 8),
    "patch_size": 2,
    "width": 16,
    "depth": 1,
    "heads": 2,
    "decoder_width": 8,
    "decoder_depth": 1,
    "decoder_heads": 2,
}


@pytest.fixture(autouse=True)
def _forget_earlier_graphs():
    """Each model here is another one, and dynamo compiles a function anew only so often."""
    torch._dynamo.reset()


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("num_predicted", [4, 12])
def test_the_forward_pass_traces_without_a_break(decoder, num_predicted):
    model = MaskedAutoencoder(ModelConfig(**TINY, decoder=decoder))
    images = torch.randn(2, 3, 8, 8, generator=torch_generator(0))
    whole = PatchMask.from_is_masked(
        torch.rand(2, 16, generator=torch_generator(1)).argsort(1) < 12
    )
    mask = PatchMask(whole.visible_ids, whole.masked_ids, whole.masked_ids[:, :num_predicted])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.compile(model, backend="eager", fullgraph=True)(images, mask)
    assert torch.equal(traced.values, model(images, mask).values)


@pytest.mark.parametrize("target", ["normalized", "hog(cells=1)", "components"])
@pytest.mark.parametrize("decoder", DECODERS)
def test_the_backward_pass_of_one_graph_gives_the_same_gradients(decoder, target):
    # As wide as the target: 2 x 2 pixels in color, 9 directions of 3 channels, 3 quarters of 12.
    values = {"normalized": None, "hog(cells=1)": 27, "components": 9}[target]
    config = ModelConfig(**TINY, decoder=decoder, target=target, target_values=values)
    model = MaskedAutoencoder(config)
    if target == "components":
        model.target.fit([torch.randn(64, 16, 12, generator=torch_generator(3))])
    images = torch.randn(2, 3, 8, 8, generator=torch_generator(0))
    is_masked = torch.rand(2, 16, generator=torch_generator(1)).argsort(1) < 12
    mask = PatchMask.from_is_masked(is_masked)

    def gradients(forward):
        model.zero_grad()
        prediction = forward(images, mask)
        (prediction.values - prediction.targets()).square().mean().backward()
        return {
            name: value.grad.clone()
            for name, value in model.named_parameters()
            if value.requires_grad
        }

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = gradients(torch.compile(model, backend="aot_eager", fullgraph=True))
    for name, gradient in gradients(model).items():
        assert torch.allclose(traced[name], gradient, atol=1e-6), name
