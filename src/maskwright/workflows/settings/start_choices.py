"""What follows from weights that a training starts from: the shape of the model, and how gently the
weights are changed.
"""

from __future__ import annotations

import dataclasses

from maskwright.models.config import ModelConfig
from maskwright.models.sizes import SIZES
from maskwright.workflows.settings.choice import Choice, Facts, StartFacts
from maskwright.workflows.settings.data_settings import parse_size
from maskwright.workflows.settings.pretrain_settings import PretrainSettings

USUAL_TOKENS: dict[str, object] = {
    "positions": "sincos",
    "class_token": True,
    "class_tokens": 1,
    "registers": 0,
}
# Measured on small sets of pictures (docs/log.md).
CONTINUED_RATE = 0.5
CONTINUED_REASON = "so that what the weights know is not lost"
CONTINUED_LAYER_DECAY = 0.85
DECODER_FIRST = 0.1
# A grid that is coarser or finer than this is left for the usual one, with resampled patches.
FEWEST_PATCHES, MOST_PATCHES = 6, 14


def choose_shape_of_start(settings: PretrainSettings, facts: Facts) -> list[Choice]:
    """Everything about the model that the person left open, as the weights have it."""
    if facts.start is None:
        return []
    start, shape = facts.start, settings.model
    wanted = {**_size(settings, start), **_tokens(start.config), **_patch(settings, start)}
    if start.has_decoder:
        wanted |= _decoder(settings, start)
    size = SIZES.get(str(wanted.get("model", shape.model)))
    usual = {**USUAL_TOKENS, **({} if size is None else dataclasses.asdict(size))}
    return [
        # What is as usual needs no line.
        Choice(name, value, "" if usual.get(name) == value else "as in the weights of --init")
        for name, value in wanted.items()
        if getattr(shape, name) is None
    ]


def _size(settings: PretrainSettings, start: StartFacts) -> dict[str, object]:
    """The name of the size, and numbers of the encoder where no size has them."""
    if settings.model.model is not None:
        return {}
    config = start.config
    encoder = (config.width, config.depth, config.heads)
    for name, size in SIZES.items():
        if (size.width, size.depth, size.heads) == encoder:
            return {"model": name}
    # No name fits: the nearest width gives the decoder, numbers give the encoder.
    nearest = min(SIZES, key=lambda name: abs(SIZES[name].width - config.width))
    return {
        "model": nearest,
        "width": config.width,
        "depth": config.depth,
        "heads": config.heads,
    }


def _tokens(config: ModelConfig) -> dict[str, object]:
    return {
        "positions": config.positions,
        "class_token": config.class_token,
        "class_tokens": config.class_tokens,
        "registers": config.registers,
    }


def _patch(settings: PretrainSettings, start: StartFacts) -> dict[str, object]:
    """The patch size of the weights, where it leaves neither too coarse nor too fine a grid."""
    height, width = parse_size(settings.data.image_size or 0)
    side = start.config.patch_size
    if height % side or width % side:
        return {}
    patches = min(height, width) // side
    # A grid as fine as the weights' own is no surprise to them.
    own = min(start.config.image_size) // side
    fits = min(FEWEST_PATCHES, own) <= patches <= max(MOST_PATCHES, own)
    return {"patch_size": side} if fits else {}


def _decoder(settings: PretrainSettings, start: StartFacts) -> dict[str, object]:
    """The decoder of the weights, unless the person wants one of another kind."""
    config = start.config
    if settings.model.decoder not in (None, config.decoder):
        return {}
    return {
        "decoder": config.decoder,
        "decoder_width": config.decoder_width,
        "decoder_depth": config.decoder_depth,
        "decoder_heads": config.decoder_heads,
    }


def with_tokens(settings: PretrainSettings) -> PretrainSettings:
    """The settings with the usual tokens where nobody chose any."""
    left_open = {
        name: value for name, value in USUAL_TOKENS.items() if getattr(settings.model, name) is None
    }
    return settings.with_values(**left_open) if left_open else settings


def choose_layer_decay(settings: PretrainSettings, facts: Facts) -> list[Choice]:
    """How much slower early layers learn."""
    if settings.train.layer_decay is not None:
        return []
    if facts.start is None:
        return [Choice("layer_decay", 1.0, "")]
    reason = "early layers know what any picture needs and change least (Clark et al. 2020)"
    return [Choice("layer_decay", CONTINUED_LAYER_DECAY, reason)]


def choose_decoder_first(settings: PretrainSettings, facts: Facts) -> list[Choice]:
    """How long the encoder is held still for a new decoder."""
    if settings.train.decoder_first is not None:
        return []
    if facts.start is None or keeps_decoder(settings, facts.start):
        return [Choice("decoder_first", 0.0, "")]
    reason = "the decoder is new and would pull a good encoder about; it learns alone first"
    return [Choice("decoder_first", DECODER_FIRST, reason)]


def keeps_decoder(settings: PretrainSettings, start: StartFacts) -> bool:
    """Whether the decoder of the weights stands in this model."""
    if not start.has_decoder:
        return False
    size, shape, config = SIZES[str(settings.model.model)], settings.model, start.config
    return (config.decoder, config.decoder_width, config.decoder_depth, config.decoder_heads) == (
        shape.decoder,
        shape.decoder_width or size.decoder_width,
        shape.decoder_depth or size.decoder_depth,
        shape.decoder_heads or size.decoder_heads,
    )
