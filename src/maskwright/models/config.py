"""The shape of a model as plain data.

It is free of torch, so that settings can be checked before anything heavy is imported.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from maskwright.support.checks import check_one_of
from maskwright.support.errors import MaskwrightError

POSITIONS = ("sincos", "learned", "rotary", "relative", "none")
DECODERS = ("full", "cross")
TARGETS = ("raw", "normalized")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Everything that decides the parameters of a MaskedAutoencoder.

    image_size: (height, width) in pixels, divisible by patch_size.
    patch_size: side of a patch in pixels.
    channels: of the image.
    width, depth, heads: of the encoder.
    mlp_ratio: width of the hidden layer of an MLP over the width of its block.
    positions: one of POSITIONS.
    class_token: whether the first prefix token is a class token.
    registers: further prefix tokens (Darcet et al. 2024).
    decoder: `full` (He et al. 2022) or `cross` (masked queries attend to visible tokens, Fu et al.
        2024).
    decoder_width, decoder_depth, decoder_heads: of the decoder.
    target: what is predicted, `raw` or per-patch `normalized` pixels.

    The last four are for weights made elsewhere.

    norm_eps: of every layer norm.
    layer_scale: the first value of a LayerScale in each encoder block, None for none (DINOv2 has
        it).
    final_norm, decoder_norm: whether encoder and decoder end in a layer norm.
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
    registers: int = 0
    decoder: str = "full"
    decoder_width: int = 96
    decoder_depth: int = 4
    decoder_heads: int = 3
    target: Literal["raw", "normalized"] = "normalized"
    norm_eps: float = 1e-6
    layer_scale: float | None = None
    final_norm: bool = True
    decoder_norm: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "image_size", tuple(self.image_size))  # files have a list
        check_one_of("positions", self.positions, POSITIONS)
        check_one_of("decoder", self.decoder, DECODERS)
        check_one_of("target", self.target, TARGETS)
        self._check_width("width", self.width, self.heads)
        self._check_width("decoder_width", self.decoder_width, self.decoder_heads)

    def _check_width(self, name: str, width: int, heads: int) -> None:
        """Refuse a width that heads or positions cannot share out."""
        if width % heads:
            raise MaskwrightError(f"{name} {width} does not divide into {heads} heads.")
        # sine and cosine of row and column
        if self.positions in ("sincos", "rotary") and width % 4:
            raise MaskwrightError(
                f"{self.positions} positions need {name} to be a multiple of 4; got {width}."
            )

    @property
    def num_prefix(self) -> int:
        return int(self.class_token) + self.registers

    def to_dict(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "image_size": list(self.image_size)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelConfig:
        # a setting that is not understood may change what the weights mean
        known = {item.name for item in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - known):
            raise MaskwrightError(
                f"This model was written by another version: unknown settings {', '.join(unknown)}."
            )
        return cls(**values)
