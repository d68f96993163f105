"""The shape of the model from settings."""

from __future__ import annotations

from maskwright.models.config import ModelConfig
from maskwright.models.sizes import SIZES
from maskwright.patches import Grid
from maskwright.support.errors import unknown_name
from maskwright.workflows.settings.pretrain_settings import PretrainSettings, parse_size


def model_config(settings: PretrainSettings) -> ModelConfig:
    """The shape of the model from complete settings: a named size, single numbers replaced."""
    shape = settings.model
    if shape.model not in SIZES:
        raise unknown_name("model", str(shape.model), SIZES)
    size = SIZES[shape.model]
    height, width = parse_size(settings.data.image_size or 0)
    # Only to refuse, in a sentence, a picture that patches of this size do not fill.
    Grid.of_image(height, width, shape.patch_size or 1)
    return ModelConfig(
        image_size=(height, width),
        patch_size=shape.patch_size or 1,
        channels=settings.data.channels or 3,
        width=shape.width or size.width,
        depth=shape.depth or size.depth,
        heads=shape.heads or size.heads,
        positions=shape.positions,
        class_token=shape.class_token,
        class_tokens=shape.class_tokens,
        registers=shape.registers,
        decoder=shape.decoder or "full",
        decoder_width=shape.decoder_width or size.decoder_width,
        decoder_depth=shape.decoder_depth or size.decoder_depth,
        decoder_heads=shape.decoder_heads or size.decoder_heads,
        target=shape.target,
    )
