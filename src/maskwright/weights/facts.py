"""Saying what a weight file is, by the functions that load it but without building its model: kind,
sizes, whether it can reconstruct, what it predicts, its license.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskwright.models.config import ModelConfig
from maskwright.weights.fair_mae import is_official_name
from maskwright.weights.formats import is_ours, translate_or_refuse
from maskwright.weights.hints import HintMissing, Hints
from maskwright.weights.official_files import LICENSE
from maskwright.weights.opening import (
    Parts,
    adapted,
    check_parts,
    from_foreign,
    from_ours,
    refuse_random,
)
from maskwright.weights.reading import WeightFile, open_weights, section
from maskwright.weights.translation import Kind, Translated

_KINDS: dict[Kind, str] = {
    "official_full": "an official MAE model, encoder and decoder",
    "official_encoder": "an encoder only, under the names of timm, DINO and the official MAE",
    "official_finetuned": "a fine-tuned classifier of the official MAE",
    "hf_vitmae": "a ViTMAE of Hugging Face",
    "hf_vit": "a vision transformer of Hugging Face, encoder only",
    "icarus": "an MAE of IcarusWizard's code",
    "lightly": "an MAE of lightly",
    "torchvision": "a vision transformer of torchvision, encoder only",
}


@dataclass(frozen=True)
class FileFacts:
    """What a weight file is: a sentence for people, the counts behind it, and what is known of its
    model.

    config: None when the user has to tell first what the file does not; unread then says which hint
        is missing.
    target: raw, normalized, or a sentence on how to find out.
    license: empty when nothing is known.
    pixels: the scale of foreign weights and where it is from.
    """

    path: Path
    kind: Kind
    summary: str
    num_tensors: int
    num_parameters: int
    details: Mapping[str, Any]
    config: ModelConfig | None = None
    can_reconstruct: bool = False
    target: str = ""
    license: str = ""
    notes: tuple[str, ...] = ()
    unread: str = ""
    pixels: str = ""


def inspect_file(path: Path | str, hints: Hints | None = None) -> FileFacts:
    """Say what a weight file or a folder of weights is.

    What is described here can be loaded: raises MaskwrightError in the same words as loading for
    all that cannot.
    """
    told = hints or Hints()
    refuse_random(told, path)
    file = open_weights(path)
    counts = len(file.state), sum(value.numel() for value in file.state.values())
    if is_ours(file):
        return _own(file, adapted(from_ours(str(path), file), told), *counts)
    return _foreign(file, translate_or_refuse(file), told, *counts)


def _own(file: WeightFile, parts: Parts, num_tensors: int, num_parameters: int) -> FileFacts:
    check_parts(parts)
    whole = f"a maskwright {'model' if parts.has_decoder else 'encoder'} ({num_tensors} tensors)"
    return FileFacts(
        file.path,
        "maskwright",
        whole,
        num_tensors,
        num_parameters,
        file.about or {},
        parts.config,
        parts.has_decoder,
        f"{parts.config.target} pixels (recorded in the file)",
    )


def _foreign(
    file: WeightFile, found: Translated, hints: Hints, num_tensors: int, num_parameters: int
) -> FileFacts:
    parts, unread = None, ""
    try:
        parts = adapted(from_foreign(str(file.path), file, found, hints), hints)
        check_parts(parts)
    except HintMissing as error:
        unread = str(error)
    counted = f"{num_tensors} tensors" + ("" if found.has_decoder else ", no decoder_*")
    return FileFacts(
        file.path,
        found.kind,
        f"{_KINDS[found.kind]} ({counted})",
        num_tensors,
        num_parameters,
        {},
        None if parts is None else parts.config,
        found.has_decoder,
        _format_target(hints.over(found.hints)) if found.has_decoder else "",
        (
            LICENSE
            if is_official_name(file.path)
            else str(section(file.config, "pretrained_cfg").get("license") or "")
        ),
        found.notes,
        unread,
        "" if parts is None else parts.facts["pixels"],
    )


def _format_target(known: Hints) -> str:
    if known.target is None:
        return (
            "raw or normalized pixels: unknown, the weights do not show it; add --target raw or"
            " --target normalized"
        )
    return f"{known.target} pixels"
