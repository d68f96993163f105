"""How the pixels of foreign weights are scaled: given, stated by the file, known, or assumed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.weights.fair_mae import IMAGENET, is_official_name
from maskwright.weights.hints import HintMissing, Hints
from maskwright.weights.reading import WeightFile, section
from maskwright.weights.translation import Translated

# Pixels in [0, 1] become numbers in [-1, 1].
_HALF = PixelScale((0.5,) * 3, (0.5,) * 3)
# OpenAI's, of the pictures that CLIP was trained on.
_CLIP = PixelScale((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
# A full name of timm, with the weights behind the dot, as in vit_base_patch16_224.dino.
_TIMM_NAME = re.compile(r"(?:vit|deit3?)_\w+\.\w+")
_OTHER = "@mean=,std= states another"


@dataclass(frozen=True)
class FoundScale:
    """A pixel scale and where it comes from.

    scale: mean and deviation of each channel.
    origin: a few words for people.
    assumed: whether nothing states it; other numbers would give other features.
    """

    scale: PixelScale
    origin: str
    assumed: bool = False

    def __str__(self) -> str:
        return f"{format_scale(self.scale)}, {self.origin}"


def find_scale(
    file: WeightFile, translated: Translated, hints: Hints, channels: int, source: str
) -> FoundScale:
    """The scale for a foreign file, from the surest source that knows it.

    hints: of the user.
    source: the file or name, for messages.

    Raises HintMissing for other than three channels when nothing states it.
    """
    if (given := hints.scale(channels)) is not None:
        return FoundScale(given, "as given")
    if (stated := translated.scale or _beside(file)) is not None:
        return FoundScale(stated, "stated by the file or beside it")
    # All that is known of families has three channels.
    if channels != IMAGENET.channels:
        raise HintMissing(
            f"{source} takes {channels} channels and does not tell how their pixels are scaled; "
            "add @mean=0.5,std=0.25 (or one number per channel, 0.5/0.4)."
        )
    if is_official_name(file.path):
        return FoundScale(IMAGENET, "ImageNet's, as the official MAE has")
    return _by_family(file, translated) or FoundScale(
        IMAGENET, f"assumed: ImageNet's, because nothing states it; {_OTHER}", assumed=True
    )


def _beside(file: WeightFile) -> PixelScale | None:
    """What preprocessor_config.json says, or timm's config.json."""
    # Older files of timm have at the top what newer ones have under pretrained_cfg.
    about = section(file.config, "pretrained_cfg")
    for held, mean, std in (
        (file.preprocessor, "image_mean", "image_std"),
        (about, "mean", "std"),
        (file.config, "mean", "std"),
    ):
        if held.get(mean) and held.get(std):
            return PixelScale(_numbers(held[mean], file), _numbers(held[std], file))
    return None


def _numbers(values: Any, file: WeightFile) -> tuple[float, ...]:
    if not isinstance(values, list) or not all(isinstance(value, (int, float)) for value in values):
        raise MaskwrightError(
            f"The config beside {file.path} gives {values!r} for the pixel scale, not a list of"
            " numbers; mend it, or move it away and add @mean=,std= to the name."
        )
    return tuple(map(float, values))


def _by_family(file: WeightFile, translated: Translated) -> FoundScale | None:
    """Known by a model's parts, by its name on the Hub, or by its file's name in timm."""
    if translated.kind == "siglip" or _is_siglip(file.state):
        return FoundScale(_HALF, f"SigLIP's, known by its parts; {_OTHER}")
    # A norm before the first block is CLIP's; weights by others mostly have its scale, too.
    if "norm_pre.weight" in translated.state:
        return FoundScale(_CLIP, f"CLIP's, known by its first norm; {_OTHER}")
    origin = str(file.config.get("_name_or_path") or "")
    if origin.startswith("google/vit-"):
        return FoundScale(_HALF, f"that of {origin}, named in config.json; {_OTHER}")
    if _TIMM_NAME.fullmatch(file.path.stem):
        return _by_timm_name(file.path)
    return None


def _is_siglip(state: Mapping[str, Tensor]) -> bool:
    """Whether a model has an attention pooling and no class token."""
    # Among timm's models that is true of SigLIP alone, except for one that has SigLIP's scale.
    has_pooling = any(name.endswith("attn_pool.latent") for name in state)
    return has_pooling and not any(name.endswith("cls_token") for name in state)


def _by_timm_name(path: Path) -> FoundScale | None:
    # Here and not above: it takes seconds, and few files have such a name.
    import timm

    try:
        about = timm.models.get_pretrained_cfg(path.stem, allow_unregistered=False)
    except RuntimeError:
        # It only looks like a name of timm.
        return None
    assert about is not None
    scale = PixelScale(tuple(about.mean), tuple(about.std))
    return FoundScale(scale, f"that of timm's {path.stem}, which the file is named like; {_OTHER}")


def format_scale(scale: PixelScale) -> str:
    """`mean 0.5, std 0.5`, or with a number per channel."""
    return f"mean {_format(scale.mean)}, std {_format(scale.std)}"


def _format(values: tuple[float, ...]) -> str:
    """`0.5` for equal numbers, else one per channel."""
    shown = values[:1] if len(set(values)) == 1 else values
    return "/".join(f"{value:g}" for value in shown)
