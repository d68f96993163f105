"""Pixio (Yang et al. 2025, arXiv 2512.15715): a ViT with eight class tokens and learned positions.

Its own files have the names of timm and of the official MAE, those of transformers have the names
of DINOv2. Either way several class tokens lie in one tensor, and only Pixio has that.
"""

from __future__ import annotations

import dataclasses

from maskwright.weights.hf_vit import is_hf, translate_hf
from maskwright.weights.hints import Hints
from maskwright.weights.plain_vit import is_plain_vit, translate_plain
from maskwright.weights.reading import WeightFile
from maskwright.weights.translation import Translated

LICENSE = "FAIR Noncommercial Research License, if these are Meta's weights: no commercial use"


def is_pixio(file: WeightFile) -> bool:
    """Whether a file is a vision transformer with several class tokens."""
    # A description of ours is believed: an encoder that was trained here is nobody else's.
    return file.about is None and any(
        name.endswith("cls_token") and value.ndim == 3 and value.shape[1] > 1
        for name, value in file.state.items()
    )


def translate_pixio(file: WeightFile) -> Translated:
    """Bring the encoder, with its decoder where there is one, to official names."""
    if is_hf(file):
        translated = translate_hf(file)
    elif is_plain_vit(file):
        translated = translate_plain(file)
    else:
        # Parts of other models may be called cls_token, too.
        return Translated("unknown", dict(file.state))
    count = translated.state["cls_token"].shape[1]
    return dataclasses.replace(
        translated,
        kind="pixio",
        # Its files were trained with normalized pixels.
        hints=translated.hints.over(Hints(positions="learned", target="normalized")),
        notes=(*translated.notes, f"{count} class tokens, whose mean is the class feature"),
        license=LICENSE,
    )
