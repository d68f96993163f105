"""Features after each block: the last are those that a whole pass gives."""

from types import SimpleNamespace

import pytest
import torch

from maskwright.evaluation.features import PrefixTokens, extract_features
from maskwright.evaluation.layer_features import extract_layers
from maskwright.models.config import ModelConfig
from maskwright.models.image_encoder import ImageEncoder
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError

SCALE = PixelScale((0.5,) * 3, (0.25,) * 3)


def batches():
    images = torch.randint(
        0, 255, (7, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    return [
        SimpleNamespace(images=some, labels=torch.arange(len(some))) for some in images.split(4)
    ]


@pytest.mark.parametrize("positions", ["sincos", "rotary", "relative"])
def test_the_last_block_gives_the_features_of_the_encoder(positions):
    model = ImageEncoder(
        ModelConfig(
            image_size=(16, 16),
            patch_size=4,
            width=24,
            depth=3,
            heads=2,
            positions=positions,
            registers=1,
        )
    )
    layers = extract_layers(model, batches(), scale=SCALE, device=torch.device("cpu"))
    whole = extract_features(
        model.encode, batches(), prefix=PrefixTokens(2), scale=SCALE, device=torch.device("cpu")
    )
    assert len(layers) == 3
    assert torch.equal(layers.at(3).mean, whole.mean)
    assert torch.equal(layers.at(3).cls, whole.cls)
    assert torch.equal(layers.at(1).labels, whole.labels)
    assert not torch.allclose(layers.at(2).mean, layers.at(1).mean)


def test_no_images_is_an_error():
    model = ImageEncoder(ModelConfig(image_size=(16, 16), patch_size=4, width=24, depth=1, heads=2))
    with pytest.raises(MaskwrightError, match="no images"):
        extract_layers(model, [], scale=SCALE, device=torch.device("cpu"))
