"""Sizes are data that build, and their parameter counts are right."""

import subprocess
import sys

import pytest

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.models.sizes import SIZES

# Of a hundred million weights and more: building them takes long.
LARGE = ("base", "large", "huge")


@pytest.mark.parametrize("name", [name for name in SIZES if not name.endswith(LARGE)])
def test_the_stated_parameter_count_is_close_to_the_built_one(name):
    size = SIZES[name]
    config = ModelConfig(
        image_size=(32, 32),
        patch_size=8,
        width=size.width,
        depth=size.depth,
        heads=size.heads,
        decoder_width=size.decoder_width,
        decoder_depth=size.decoder_depth,
        decoder_heads=size.decoder_heads,
        positions="rotary",
    )
    built = sum(parameter.numel() for parameter in MaskedAutoencoder(config).parameters())
    assert built == pytest.approx(size.parameters, rel=0.06)


def test_the_official_sizes_have_the_official_decoder():
    official = [SIZES[name] for name in ("vit_base", "vit_large", "vit_huge")]
    assert {(size.decoder_width, size.decoder_depth, size.decoder_heads) for size in official} == {
        (512, 8, 16)
    }


def test_pixios_sizes_have_its_deep_decoder():
    deep = [SIZES[f"pixio_{name}"] for name in LARGE]
    assert {(size.decoder_width, size.decoder_depth) for size in deep} == {(512, 32)}
    encoders = [SIZES[f"vit_{name}"] for name in LARGE]
    assert [(size.width, size.depth) for size in deep] == [
        (size.width, size.depth) for size in encoders
    ]


def test_sizes_load_without_torch():
    program = "import sys, maskwright.models.sizes; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": "src"}, check=False)
    assert done.returncode == 0
