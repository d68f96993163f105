"""Saying what a weight file is without building its model: kind, sizes, whether it can reconstruct, what it predicts, its license."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskwright.models.config import ModelConfig
from maskwright.support.errors import MaskwrightError
from maskwright.weights.checkpoint import parts_of
from maskwright.weights.fair_mae import is_official_name
from maskwright.weights.formats import describe_unknown, is_ours, translate
from maskwright.weights.hints import Hints
from maskwright.weights.official_files import LICENSE
from maskwright.weights.reading import WeightFile, open_weights
from maskwright.weights.translation import Kind, Translated, complete, infer_config

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
    """What a weight file is: a sentence for people, the counts behind it, and what is known of its model.

    config: None when the file does not tell all sizes; unread then says what is missing. target: raw, normalized, or a sentence on how
    to find out; license: empty when nothing is known.
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


def inspect_file(path: Path | str, hints: Hints | None = None) -> FileFacts:
    """Say what a weight file or a folder of weights is; raises MaskwrightError when it cannot be read at all."""
    file = open_weights(path)
    counts = len(file.state), sum(value.numel() for value in file.state.values())
    if is_ours(file):
        return _own(file, *counts)
    translated = translate(file)
    if translated is None:
        return FileFacts(file.path, "unknown", describe_unknown(file), *counts, {})
    return _foreign(file, translated, hints or Hints(), *counts)


def _own(file: WeightFile, num_tensors: int, num_parameters: int) -> FileFacts:
    about = file.about or {}
    num_decoder = sum(".decoder." in f".{name}" for name in file.state)
    whole = f"a maskwright {'model' if num_decoder else 'encoder'} ({num_tensors} tensors)"
    try:
        config, _, _ = parts_of(file.content, file.path)
    except MaskwrightError as error:
        return FileFacts(
            file.path, "maskwright", whole, num_tensors, num_parameters, about, unread=str(error)
        )
    target = f"{config.target} pixels (recorded in the file)"
    return FileFacts(
        file.path,
        "maskwright",
        whole,
        num_tensors,
        num_parameters,
        about,
        config,
        bool(num_decoder),
        target,
    )


def _foreign(
    file: WeightFile, found: Translated, hints: Hints, num_tensors: int, num_parameters: int
) -> FileFacts:
    known = hints.over(found.hints)
    config, unread = None, ""
    try:
        config = infer_config(complete(found.state, known.stored_size), known)
    except MaskwrightError as error:
        unread = str(error)
    parts = f"{num_tensors} tensors" + ("" if found.has_decoder else ", no decoder_*")
    return FileFacts(
        file.path,
        found.kind,
        f"{_KINDS[found.kind]} ({parts})",
        num_tensors,
        num_parameters,
        {},
        config,
        found.has_decoder,
        _spell_target(known) if found.has_decoder else "",
        LICENSE
        if is_official_name(file.path)
        else str((file.config.get("pretrained_cfg") or {}).get("license") or ""),
        found.notes,
        unread,
    )


def _spell_target(known: Hints) -> str:
    if known.target is None:
        return "raw or normalized pixels: unknown, the weights do not show it; add --target raw or --target normalized"
    return f"{known.target} pixels"
