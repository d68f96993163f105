"""Which format a weight file has, and its translation to official names."""

from __future__ import annotations

from collections.abc import Callable

from maskwright.support.errors import MaskwrightError
from maskwright.weights.dinov3 import is_dinov3, translate_dinov3
from maskwright.weights.finite import refuse_not_finite
from maskwright.weights.hf_clip import is_hf_clip, translate_hf_clip
from maskwright.weights.hf_vit import is_hf, translate_hf
from maskwright.weights.icarus import is_icarus, translate_icarus
from maskwright.weights.ijepa import is_ijepa, translate_ijepa
from maskwright.weights.pixio import is_pixio, translate_pixio
from maskwright.weights.plain_vit import is_plain_vit, translate_plain
from maskwright.weights.reading import WeightFile
from maskwright.weights.torchvision_vit import is_torchvision, translate_torchvision
from maskwright.weights.translation import Translated
from maskwright.weights.unsupported import known_family, refuse_parts_without_place

_Fits = Callable[[WeightFile], bool]
_Translate = Callable[[WeightFile], Translated]
# The first that fits is taken; families come before the sets of names that they share.
_FORMATS: tuple[tuple[_Fits, _Translate], ...] = (
    (is_pixio, translate_pixio),
    (is_ijepa, translate_ijepa),
    (is_dinov3, translate_dinov3),
    (is_hf_clip, translate_hf_clip),
    (is_hf, translate_hf),
    (is_icarus, translate_icarus),
    (is_torchvision, translate_torchvision),
    (is_plain_vit, translate_plain),
)


def is_ours(file: WeightFile) -> bool:
    """Whether maskwright wrote the file under its own names."""
    # An export to timm's names carries our description too.
    return file.about is not None and "patch_embed.proj.weight" not in file.state


def translate(file: WeightFile) -> Translated | None:
    """Bring a foreign file to official names, or None when no format here fits."""
    for fits, translate_format in _FORMATS:
        if fits(file):
            return translate_format(file)
    return None


def translate_or_refuse(file: WeightFile) -> Translated:
    """As `translate`; raises MaskwrightError that says what is in the file instead.

    What loads weights and what describes them both come through here, so that they agree: files of
    other architectures, with parts that a model here has no place for, or with numbers that are not
    finite, are refused.
    """
    translated = translate(file)
    if translated is None:
        raise MaskwrightError(f"{file.path} is {describe_unknown(file)}.")
    refuse_parts_without_place(translated.state, file.path)
    refuse_not_finite(translated.state, file.path)
    return translated


def describe_unknown(file: WeightFile) -> str:
    """A few words on a file of no known format."""
    if (family := known_family(file.state)) is not None:
        return f"not supported: it holds {family}, and only plain vision transformers are read"
    # A few keys are enough to recognize one's own file.
    shown = ", ".join(map(str, list(file.content)[:4])) or "nothing"
    more = ", ..." if len(file.content) > 4 else ""
    return f"not a masked autoencoder known here: a dictionary with {shown}{more}"
