"""What a weight file is: kind, sizes, whether it can reconstruct, what it predicts, its license.

It is read by the functions that load it, but no model is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskwright.models.config import ModelConfig
from maskwright.targets.building import read_target
from maskwright.weights.formats import is_ours, translate_or_refuse
from maskwright.weights.hints import HintMissing, Hints
from maskwright.weights.model_parts import (
    Parts,
    adapted,
    check_parts,
    from_foreign,
    from_ours,
    license_of,
)
from maskwright.weights.opening import refuse_random
from maskwright.weights.reading import WeightFile, open_weights
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
    "pixio": "a Pixio",
    "ijepa": "an encoder of I-JEPA",
    "dinov3": "a vision transformer of DINOv3, encoder only",
    "clip": "the vision tower of a CLIP, encoder only",
    "siglip": "the vision tower of a SigLIP, encoder only",
}


@dataclass(frozen=True)
class FileFacts:
    """What a weight file is.

    path: of the file or folder.
    kind: its format.
    summary: a sentence for people.
    num_tensors, num_parameters: counts over its state dict.
    details: what maskwright wrote about the model into the file.
    config: None when the user has to say first what the file does not; unread then says which hint
        is missing.
    can_reconstruct: whether it has a decoder whose predictions lead to pictures.
    has_decoder: whether it has one at all.
    target: raw, normalized, or a sentence on how to find out.
    license: empty when nothing is known.
    notes: sentences on what was left out or assumed.
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
    has_decoder: bool = False
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
    hints = hints or Hints()
    refuse_random(hints, path)
    file = open_weights(path)
    if is_ours(file):
        return _describe_ours(file, adapted(from_ours(str(path), file), hints))
    return _describe_foreign(file, translate_or_refuse(file), hints)


def _describe_ours(file: WeightFile, parts: Parts) -> FileFacts:
    check_parts(parts)
    part = "model" if parts.has_decoder else "encoder"
    return FileFacts(
        path=file.path,
        kind="maskwright",
        summary=f"a maskwright {part} ({len(file.state)} tensors)",
        num_tensors=len(file.state),
        num_parameters=_count_parameters(file),
        details=file.about or {},
        config=parts.config,
        can_reconstruct=parts.has_decoder and read_target(parts.config.target).traits.has_picture,
        has_decoder=parts.has_decoder,
        target=f"{_format_own_target(parts.config.target)} (recorded in the file)",
        license=str(parts.facts.get("license", "")),
    )


def _describe_foreign(file: WeightFile, translated: Translated, hints: Hints) -> FileFacts:
    # A missing hint is no reason to say nothing: the user learns from this which one to add.
    parts, unread = None, ""
    try:
        parts = adapted(from_foreign(str(file.path), file, translated, hints), hints)
        check_parts(parts)
    except HintMissing as error:
        unread = str(error)
    missing = "" if translated.has_decoder else ", no decoder_*"
    target = _format_target(hints.over(translated.hints)) if translated.has_decoder else ""
    return FileFacts(
        path=file.path,
        kind=translated.kind,
        summary=f"{_KINDS[translated.kind]} ({len(file.state)} tensors{missing})",
        num_tensors=len(file.state),
        num_parameters=_count_parameters(file),
        details={},
        config=None if parts is None else parts.config,
        can_reconstruct=translated.has_decoder,
        has_decoder=translated.has_decoder,
        target=target,
        license=license_of(file, translated),
        notes=translated.notes,
        unread=unread,
        pixels="" if parts is None else parts.facts["pixels"],
    )


def _count_parameters(file: WeightFile) -> int:
    return sum(value.numel() for value in file.state.values())


def _format_own_target(target: str) -> str:
    return f"{target} pixels" if target in ("raw", "normalized") else target


def _format_target(known: Hints) -> str:
    if known.target is None:
        return (
            "raw or normalized pixels: unknown, the weights do not show it; add --target raw or"
            " --target normalized"
        )
    return f"{known.target} pixels"
