"""The exported encoder opens in timm with its strict loader and gives the same features."""

import dataclasses
import json

import pytest
import timm
import torch
from safetensors.torch import load_file
from tests.small_models import TINY_OBLONG as TINY

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator
from maskwright.weights.timm_vit import export_encoder

SCALE = PixelScale((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"registers": 2},
        {"class_token": False},
        {"positions": "learned", "registers": 1},
        {"positions": "none"},
        {"channels": 1},
        {"class_token": False, "registers": 2},
    ],
)
def test_timm_gives_the_same_features(tmp_path, changes):
    model = MaskedAutoencoder(dataclasses.replace(TINY, **changes))
    path, about = export_encoder(tmp_path / "encoder", model, SCALE, note="a test")
    peer = timm.models.vision_transformer.VisionTransformer(
        **json.loads(about.read_text())["arguments"]
    )
    peer.load_state_dict(load_file(path), strict=True)
    images = torch.randn(2, model.config.channels, 16, 24, generator=torch_generator(0))
    tokens = model.encode(images)
    torch.testing.assert_close(peer.eval().forward_features(images), tokens, rtol=0, atol=1e-5)
    if model.config.class_token:  # which is what timm's model answers with as a whole
        torch.testing.assert_close(peer(images), tokens[:, 0], rtol=0, atol=1e-5)


def test_timm_opens_the_file_by_checkpoint_path(tmp_path):
    config = dataclasses.replace(TINY, image_size=(32, 32), patch_size=16, width=192, depth=12)
    model = MaskedAutoencoder(config)
    path, _ = export_encoder(tmp_path / "encoder.safetensors", model, SCALE)
    peer = timm.create_model(
        "vit_tiny_patch16_224", img_size=32, num_classes=0, checkpoint_path=str(path)
    ).eval()
    images = torch.randn(1, 3, 32, 32, generator=torch_generator(0))
    torch.testing.assert_close(
        peer.forward_features(images), model.encode(images), rtol=0, atol=1e-5
    )


def test_the_description_tells_scale_size_and_usage(tmp_path):
    _, about = export_encoder(
        tmp_path / "encoder.safetensors", MaskedAutoencoder(TINY), SCALE, note="12 epochs"
    )
    told = json.loads(about.read_text())
    assert (told["mean"], told["std"], told["image_size"], told["note"]) == (
        [0.1, 0.2, 0.3],
        [0.4, 0.5, 0.6],
        [16, 24],
        "12 epochs",
    )
    assert len(told["usage"]) == 3


def test_rotary_positions_are_refused_with_what_to_do(tmp_path):
    with pytest.raises(MaskwrightError, match="train with positions sincos or learned"):
        export_encoder(
            tmp_path / "e.safetensors",
            MaskedAutoencoder(dataclasses.replace(TINY, positions="rotary", heads=2)),
            SCALE,
        )
