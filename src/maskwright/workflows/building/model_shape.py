"""The shape of the model from settings."""

from __future__ import annotations

from maskwright.models.config import ModelConfig
from maskwright.models.sizes import SIZES
from maskwright.patches import Grid
from maskwright.patches.target import PatchShape, Target
from maskwright.support.errors import unknown_name
from maskwright.targets.building import TargetSettings, read_target
from maskwright.targets.features import FeaturesTarget
from maskwright.workflows.settings.pretrain_settings import PretrainSettings, parse_size
from maskwright.workflows.settings.start_choices import with_tokens


def model_config(settings: PretrainSettings) -> ModelConfig:
    """The shape of the model from complete settings: a named size, single numbers replaced.

    Raises MaskwrightError for parts that do not fit. The number of target values is left open where
    another encoder's width decides it, which is known once that encoder is opened.
    """
    shape = with_tokens(settings).model
    if shape.model not in SIZES:
        raise unknown_name("model", str(shape.model), SIZES)
    size = SIZES[shape.model]
    height, width = parse_size(settings.data.image_size or 0)
    # Only to refuse, in a sentence, a picture that patches of this size do not fill.
    Grid.of_image(height, width, shape.patch_size or 1)
    target = read_target(shape.target)
    patch = PatchShape(shape.patch_size or 1, settings.data.channels or 3)
    encoder_width = shape.width or size.width
    return ModelConfig(
        image_size=(height, width),
        patch_size=shape.patch_size or 1,
        channels=settings.data.channels or 3,
        width=encoder_width,
        depth=shape.depth or size.depth,
        heads=shape.heads or size.heads,
        positions=str(shape.positions),
        class_token=bool(shape.class_token),
        class_tokens=shape.class_tokens or 1,
        registers=shape.registers or 0,
        decoder=shape.decoder or "full",
        decoder_width=shape.decoder_width or size.decoder_width,
        decoder_depth=shape.decoder_depth or size.decoder_depth,
        decoder_heads=shape.decoder_heads or size.decoder_heads,
        target=str(target),
        target_values=_num_target_values(target, patch, encoder_width),
    )


def _num_target_values(
    target: Target | TargetSettings, patch: PatchShape, width: int
) -> int | None:
    """How many values a target has for a patch; None for as many as it has pixel values."""
    if isinstance(target, FeaturesTarget):
        return width if target.is_own else None
    count = target.num_values(patch)
    return None if count == patch.num_values else count
