"""The model card of an exported folder: README.md with the front matter that the Hub reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from maskwright.support.files import write_text
from maskwright.weights.checkpoint import LoadedEncoder
from maskwright.weights.hf_encoder import encoder_class
from maskwright.weights.pixel_scales import format_scale

_OTHER_TERMS = "not stated: ask whoever trained it, and look at the terms of the data"


@dataclass(frozen=True)
class Card:
    """What a model card says that is not in the model itself.

    decoder: a sentence on where the decoder is, or why it is not there.
    usage: lines of Python.
    """

    decoder: str
    usage: tuple[str, ...]


def write_card(folder: Path, loaded: LoadedEncoder, card: Card) -> None:
    """Write README.md."""
    license_name = str(loaded.facts.get("license", ""))
    fields = _front_matter(license_name, encoder_class(loaded.model.config))
    front = yaml.safe_dump(fields, sort_keys=False)
    body = "\n".join(_body(loaded, card, license_name))
    write_text(folder / "README.md", f"---\n{front.strip()}\n---\n\n{body}\n")


def _front_matter(license_name: str, class_name: str) -> dict[str, Any]:
    front: dict[str, Any] = {
        "library_name": "transformers",
        "pipeline_tag": "image-feature-extraction",
        "tags": ["masked-autoencoder", "maskwright", class_name],
    }
    return front | _license_fields(license_name)


def _license_fields(license_name: str) -> dict[str, str]:
    """The fields by which the Hub knows licenses; none where nothing is known."""
    if not license_name:
        return {}
    if "CC-BY-NC 4.0" in license_name:
        return {"license": "cc-by-nc-4.0"}
    # Those without an identifier of their own are `other`, with a name.
    slug = re.sub(r"[^a-z0-9]+", "-", license_name.split(",")[0].lower()).strip("-")
    return {"license": "other", "license_name": slug}


def _body(loaded: LoadedEncoder, card: Card, license_name: str) -> list[str]:
    config = loaded.model.config
    height, width = config.image_size
    return [
        "# Encoder of a masked autoencoder",
        "",
        f"{config.width} wide, {config.depth} deep, {config.heads} heads; {height}x{width} pixels"
        f" of {config.channels} channels in patches of {config.patch_size};"
        f" {config.positions} positions. It was written by maskwright.",
        "",
        f"`last_hidden_state` has {_tokens(loaded)}. All patches are seen and nothing is drawn at"
        " random: the same picture gives the same tokens.",
        "",
        "```python",
        *card.usage,
        "```",
        "",
        f"Pixels: value / 255, then {format_scale(loaded.scale)}"
        " (`preprocessor_config.json` does it).",
        "",
        *_value_range(loaded.settings),
        card.decoder,
        "",
        *_training(loaded.settings),
        f"License: {license_name or _OTHER_TERMS}.",
    ]


def format_value_range(value_range: str) -> str:
    """What has to be done to files of more than 8 bits, as they were read in training."""
    return (
        f"Files of more than 8 bits were read under the value range {value_range} (black, white):"
        " bring such values to 0 to 255 in the same way first."
    )


def _value_range(settings: Mapping[str, Any]) -> list[str]:
    """A paragraph on the value range; nothing where all files had 8 bits."""
    value_range = settings.get("value_range")
    return [format_value_range(value_range), ""] if value_range else []


def _tokens(loaded: LoadedEncoder) -> str:
    """What the tokens are, in order."""
    config = loaded.model.config
    counted = {
        "class token": config.num_class,
        "register token": config.registers,
        "patch token": loaded.model.grid.num_patches,
    }
    parts = [
        f"{count} {name}{'s' if count > 1 else ''}" for name, count in counted.items() if count
    ]
    sentence = ", then ".join(parts)
    if config.registers:
        # transformers has no model with both that it would average alone.
        sentence += "; `pooler_output` averages class and register tokens"
    return sentence


def _training(settings: Mapping[str, Any]) -> list[str]:
    """How a run of ours trained it; nothing for weights of others."""
    known = {
        "masks": settings.get("policy"),
        "ratio": settings.get("ratio"),
        "data": settings.get("data"),
        "started from": settings.get("init"),
        "seed": settings.get("seed"),
    }
    said = [f"{name} {value}" for name, value in known.items() if value is not None]
    return [f"Training: {', '.join(said)}.", ""] if said else []
