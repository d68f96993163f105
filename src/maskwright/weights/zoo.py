"""The zoo: small trained models inside the package, each with a card that says what it is.

A model is two files in `maskwright/zoo`: NAME.safetensors, and NAME.md, a card whose front matter
(YAML between lines of dashes) holds the facts and the SHA-256 sum of the weights.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from maskwright.support.errors import MaskwrightError, unknown_name
from maskwright.support.yaml_text import read_yaml

PREFIX = "zoo:"
FOLDER = Path(str(files("maskwright"))) / "zoo"
_DASHES = "---\n"


@dataclass(frozen=True)
class Card:
    """What is known of a model.

    name: behind `zoo:`.
    facts: the front matter.
    text: for people.
    """

    name: str
    facts: dict[str, Any]
    text: str

    def __str__(self) -> str:
        """The facts, one a line, and the text."""
        shown = {name: fact for name, fact in self.facts.items() if name not in ("sha256", "kind")}
        facts = yaml.safe_dump(shown, sort_keys=False, allow_unicode=True, width=100).strip()
        return f"{facts}\n\n{self.text}"

    @property
    def is_encoder(self) -> bool:
        """Whether it is an encoder with a decoder; else it is a masker."""
        return str(self.facts["kind"]) == "autoencoder"

    @property
    def image_size(self) -> int:
        """The side of the pictures it was trained on, in pixels."""
        return int(self.facts["image_size"])

    @property
    def weights(self) -> Path:
        """Where the weights lie."""
        return FOLDER / f"{self.name}.safetensors"


def zoo_names() -> list[str]:
    """Names of all models, without the prefix."""
    return sorted(path.stem for path in FOLDER.glob("*.md"))


def read_card(name: str) -> Card:
    """The card of a model; raises MaskwrightError with the nearest name for an unknown one."""
    name = name.removeprefix(PREFIX)
    if name not in zoo_names():
        raise unknown_name("model of the zoo", name, zoo_names(), " See: maskwright list zoo.")
    _, front, text = (FOLDER / f"{name}.md").read_text(encoding="utf-8").split(_DASHES, 2)
    return Card(name, dict(read_yaml(front)), text.strip())


def zoo_file(name: str) -> Path:
    """The weights of a model, checked against the sum on its card.

    Raises MaskwrightError for an unknown name, and for a file that is missing or damaged.
    """
    card = read_card(name)
    path = card.weights
    if not path.is_file():
        raise MaskwrightError(
            f"The weights of {PREFIX}{card.name} are missing ({path}): install maskwright again."
        )
    actual = sum_of(path)
    if actual != card.facts["sha256"]:
        raise MaskwrightError(
            f"The weights of {PREFIX}{card.name} are damaged: the SHA-256 sum of {path} begins"
            f" {actual[:8]}, not {str(card.facts['sha256'])[:8]} as on its card. Install maskwright"
            " again."
        )
    return path


def sum_of(path: Path) -> str:
    """The SHA-256 sum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def nearest_start(side: int) -> str | None:
    """The autoencoder whose pictures are nearest in size, as `zoo:NAME`; None in an empty zoo.

    side: of one's own pictures, in pixels.
    """
    cards = [card for card in map(read_card, zoo_names()) if card.is_encoder]
    if not cards:
        return None
    # As a ratio: 64 is as far from 32 as from 128.
    nearest = min(cards, key=lambda card: abs(math.log(card.image_size / max(1, side))))
    return f"{PREFIX}{nearest.name}"
