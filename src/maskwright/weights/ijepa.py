"""I-JEPA (Assran et al. 2023): a ViT without a class token, in its own files and in transformers'.

Its own checkpoints hold the encoder, a predictor and the target encoder, an average of the
encoder's weights; the last is read, as its authors do.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from maskwright.weights.hf_vit import is_hf, translate_hf
from maskwright.weights.plain_vit import is_plain_vit, translate_plain
from maskwright.weights.reading import WeightFile
from maskwright.weights.translation import Translated

LICENSE = "CC-BY-NC 4.0, if these are Meta's weights: no commercial use"


def is_ijepa(file: WeightFile) -> bool:
    """Whether a file is a checkpoint of I-JEPA's code, or a folder whose config.json says ijepa."""
    if is_hf(file):
        return file.config.get("model_type") == "ijepa"
    halves = ("predictor", "target_encoder")
    has_halves = all(isinstance(file.content.get(half), Mapping) for half in halves)
    return has_halves and is_plain_vit(file)


def translate_ijepa(file: WeightFile) -> Translated:
    """Bring the encoder to official names."""
    translated = translate_hf(file) if is_hf(file) else translate_plain(file)
    notes = translated.notes
    if not is_hf(file):
        notes = (*notes, "the target encoder of I-JEPA's checkpoint, without the predictor")
    return dataclasses.replace(translated, kind="ijepa", notes=notes, license=LICENSE)
