"""The shape of a model as plain data; free of torch, so that settings can be checked before
anything heavy is imported.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from maskwright.support.errors import MaskwrightError

POSITIONS = ("sincos", "learned", "rotary", "none")
DECODERS = ("full", "cross")
TARGETS = ("raw", "normalized")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Everything that decides the parameters of a MaskedAutoencoder.

    image_size: (height, width) in pixels, divisible by patch_size; channels of the image; width,
        depth, heads of the encoder.
    positions: one of POSITIONS; class_token and registers are the prefix tokens.
    decoder: `full` (He et al. 2022) or `cross` (masked queries attend to visible tokens, Fu et al.
        2024).
    target: what is predicted, `raw` or per-patch `normalized` pixels. The last four are for weights
        made elsewhere: norm_eps of every layer norm; layer_scale, the first value of a LayerScale
        in each encoder block, or None for none (DINOv2 has it); final_norm and decoder_norm,
        whether encoder and decoder end in a layer norm.
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
        object.__setattr__(self, "image_size", tuple(self.image_size))
        for name, known in (("positions", POSITIONS), ("decoder", DECODERS), ("target", TARGETS)):
            if getattr(self, name) not in known:
                raise MaskwrightError(
                    f"{name} is one of {', '.join(known)}; got '{getattr(self, name)}'."
                )
        for width, heads, whose in (
            (self.width, self.heads, ""),
            (self.decoder_width, self.decoder_heads, "decoder_"),
        ):
            if width % heads:
                raise MaskwrightError(f"{whose}width {width} does not divide into {heads} heads.")
            if self.positions in ("sincos", "rotary") and width % 4:
                raise MaskwrightError(
                    f"{self.positions} positions need {whose}width to be a multiple of 4; got"
                    f" {width}."
                )

    @property
    def num_prefix(self) -> int:
        return int(self.class_token) + self.registers

    def to_dict(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "image_size": list(self.image_size)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelConfig:
        known = {item.name for item in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - known):
            raise MaskwrightError(
                f"This model was written by another version: unknown settings {', '.join(unknown)}."
            )
        return cls(**values)
