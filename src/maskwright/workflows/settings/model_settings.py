"""The transformer, and the masks that it learns from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from maskwright.components.policy_text import ratio_with_share
from maskwright.models.config import DECODERS, POSITIONS
from maskwright.schedules import parse_schedule
from maskwright.support.checks import check_at_least, check_inside, check_one_of
from maskwright.support.errors import MaskwrightError
from maskwright.targets.catalog import parse_target
from maskwright.workflows.settings import help_texts
from maskwright.workflows.settings.fields import setting

# He et al. (2022).
USUAL_RATIO = 0.75


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """The transformer; a name from `maskwright list models` gives the sizes, single numbers change
    it.
    """

    # A name gives all sizes; the numbers below change single ones.
    model: str | None = setting(None, help="a size by name, see: maskwright list models")
    patch_size: int | None = setting(None, help=help_texts.PATCH_SIZE)
    width: int | None = setting(None, help="width of the encoder, instead of the model's")
    depth: int | None = setting(None, help="layers of the encoder, instead of the model's")
    heads: int | None = setting(None, help="attention heads of the encoder, instead of the model's")
    # Tokens of the encoder.
    positions: str | None = setting(
        None,
        help=(
            "sincos, learned, rotary (by patches), rotary_image (by the picture's sides, as"
            " DINOv3), relative (a learned bias for every distance) or none (default: sincos, or"
            " those of --init)"
        ),
    )
    class_token: bool | None = setting(
        None, help="whether the encoder has a class token (default: yes, or as in --init)"
    )
    class_tokens: int | None = setting(
        None,
        help=(
            "how many class tokens, whose mean is the class feature (Pixio has 8; default: 1, or as"
            " in --init)"
        ),
    )
    registers: int | None = setting(
        None, help="extra learned tokens beside the class token (default: none, or as in --init)"
    )
    # The decoder, which is thrown away after pretraining.
    decoder: str | None = setting(
        None,
        help="full (He et al. 2022) or cross (masked queries attend to visible tokens; faster)",
    )
    decoder_width: int | None = setting(None, help="width of the decoder, instead of the model's")
    decoder_depth: int | None = setting(None, help="layers of the decoder, instead of the model's")
    decoder_heads: int | None = setting(
        None, help="attention heads of the decoder, instead of the model's"
    )
    target: str | dict[str, Any] = setting(
        "normalized",
        help=(
            "what is predicted of each patch, e.g. raw, normalized or 'lowpass(cutoff=0.5)'; see:"
            " maskwright list targets"
        ),
    )

    def __post_init__(self) -> None:
        if self.positions is not None:
            check_one_of("positions", self.positions, POSITIONS)
        if self.decoder is not None:
            check_one_of("decoder", self.decoder, DECODERS)
        # Its options are checked when it is built, which needs torch.
        parse_target(self.target)
        for name in (
            "patch_size",
            "width",
            "depth",
            "heads",
            "decoder_width",
            "decoder_depth",
            "decoder_heads",
        ):
            check_at_least(name, getattr(self, name), 1)
        check_at_least("registers", self.registers, 0)
        check_at_least("class_tokens", self.class_tokens, 1)
        # Left open, a model has a class token.
        if (self.class_tokens or 1) > 1 and self.class_token is False:
            raise MaskwrightError(
                f"class_tokens is {self.class_tokens} and class_token is false; leave one out."
            )


@dataclass(frozen=True, kw_only=True)
class MaskSettings:
    """Which patches are masked, how many, and how many of them are predicted."""

    # Where the masks lie and how many patches they hide.
    policy: str | dict[str, Any] = setting(
        "random",
        help=(
            "rule that picks the masked patches, e.g. random or 'block(size=2)'; see: maskwright"
            " list policies"
        ),
    )
    ratio: float | str = setting(
        USUAL_RATIO,
        help="share of patches masked; a schedule such as 0.5->0.75 works too",
        aliases=("mask_ratio",),
    )
    # Savings: predict a part of what is masked, or use a picture several times.
    predict: float | None = setting(None, help="share of the masked patches that are predicted")
    masks_per_image: int = setting(1, help="different masks for each loaded picture in one step")

    def __post_init__(self) -> None:
        # Parsed for its errors only; the training parses it again when it needs the values.
        parse_schedule(self.ratio)
        # `components(share=0.6)` says the ratio, too; here it is, so that all others find it.
        ratio = ratio_with_share(self.policy, self.ratio, USUAL_RATIO)
        object.__setattr__(self, "ratio", ratio)
        if self.predict is not None:
            check_inside("predict", self.predict, 0, 1)
        check_at_least("masks_per_image", self.masks_per_image, 1)
