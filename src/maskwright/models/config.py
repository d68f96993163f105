"""The shape of a model as plain data.

It is free of torch, so that settings can be checked before anything heavy is imported.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from maskwright.support.checks import check_at_least, check_one_of
from maskwright.support.errors import MaskwrightError
from maskwright.targets.catalog import parse_target

POSITIONS = ("sincos", "learned", "rotary", "rotary_image", "none")
# Those that turn queries and keys by a formula and leave nothing in a file.
ROTARY = ("rotary", "rotary_image")
ACTIVATIONS = ("gelu", "gelu_tanh", "quick_gelu")
DECODERS = ("full", "cross")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Everything that decides the parameters of a MaskedAutoencoder.

    image_size: (height, width) in pixels, divisible by patch_size.
    patch_size: side of a patch in pixels.
    channels: of the image.
    width, depth, heads: of the encoder.
    mlp_ratio: width of the hidden layer of an MLP over the width of its block.
    positions: one of POSITIONS.
    class_token: whether the prefix begins with a class token.
    class_tokens: how many class tokens there are; their mean is the class feature (Pixio has 8,
        Yang et al. 2025).
    registers: further prefix tokens (Darcet et al. 2024).
    decoder: `full` (He et al. 2022) or `cross` (masked queries attend to visible tokens, Fu et al.
        2024).
    decoder_width, decoder_depth, decoder_heads: of the decoder.
    target: what is predicted of each patch, a line such as `raw` or `hog(bins=9)`.
    target_values: how many numbers that is for each patch; None for as many as it has pixel values.

    The others are for weights made elsewhere.

    norm_eps: of every layer norm.
    layer_scale: the first value of a LayerScale in each encoder block, None for none (DINOv2 has
        it).
    final_norm, decoder_norm: whether encoder and decoder end in a layer norm.
    first_norm: whether tokens go through a layer norm before the first block (CLIP has it).
    activation: one of ACTIVATIONS, of the encoder's MLPs: the exact gelu, its tanh approximation
        (SigLIP) or x * sigmoid(1.702 x) (CLIP).
    """

    image_size: tuple[int, int]
    patch_size: int
    channels: int = 3
    width: int = 192
    depth: int = 12
    heads: int = 3
    mlp_ratio: float = 4.0
    positions: str = "sincos"
    class_token: bool = True
    class_tokens: int = 1
    registers: int = 0
    decoder: str = "full"
    decoder_width: int = 96
    decoder_depth: int = 4
    decoder_heads: int = 3
    target: str = "normalized"
    target_values: int | None = None
    norm_eps: float = 1e-6
    layer_scale: float | None = None
    final_norm: bool = True
    decoder_norm: bool = True
    first_norm: bool = False
    activation: str = "gelu"

    def __post_init__(self) -> None:
        object.__setattr__(self, "image_size", tuple(self.image_size))  # files have a list
        check_one_of("positions", self.positions, POSITIONS)
        check_one_of("decoder", self.decoder, DECODERS)
        parse_target(self.target)
        check_one_of("activation", self.activation, ACTIVATIONS)
        check_at_least("class_tokens", self.class_tokens, 1)
        self._check_width("width", self.width, self.heads)
        self._check_width("decoder_width", self.decoder_width, self.decoder_heads)

    def _check_width(self, name: str, width: int, heads: int) -> None:
        """Refuse a width that heads or positions cannot share out."""
        if width % heads:
            raise MaskwrightError(f"{name} {width} does not divide into {heads} heads.")
        # sine and cosine of row and column
        if self.positions in ("sincos", *ROTARY) and width % 4:
            raise MaskwrightError(
                f"{self.positions} positions need {name} to be a multiple of 4; got {width}."
            )

    @property
    def num_class(self) -> int:
        """Class tokens: the first tokens of the prefix, none without `class_token`."""
        return self.class_tokens if self.class_token else 0

    @property
    def num_prefix(self) -> int:
        """Class and register tokens in front of the patches."""
        return self.num_class + self.registers

    @property
    def num_target_values(self) -> int:
        """T, the numbers that the decoder predicts for each patch."""
        return self.target_values or self.patch_size**2 * self.channels

    def to_dict(self) -> dict[str, Any]:
        values = {**dataclasses.asdict(self), "image_size": list(self.image_size)}
        # left out where it says nothing, so that earlier versions read what they can run
        if self.target_values is None:
            del values["target_values"]
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelConfig:
        # a setting that is not understood may change what the weights mean
        known = {item.name for item in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - known):
            raise MaskwrightError(
                f"This model was written by another version: unknown settings {', '.join(unknown)}."
            )
        return cls(**values)
