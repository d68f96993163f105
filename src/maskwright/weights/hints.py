"""What a weight file does not say about itself: `model.pth@heads=3,target=raw`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from maskwright.models.config import ACTIVATIONS
from maskwright.patches.pixels import PixelScale
from maskwright.support.checks import check_one_of
from maskwright.support.errors import MaskwrightError, unknown_name

Target = Literal["raw", "normalized"]
RANDOM = "random"


class HintMissing(MaskwrightError):
    """The file does not say something that the user can add; the message names the hint."""


@dataclass(frozen=True, kw_only=True)
class Hints:
    """Facts for reading a file, None where they are to be inferred, and what it shall become.

    heads, decoder_heads: of both halves.
    stored_size: (height, width) that the positions in the file are for.
    target: what the decoder predicts.
    positions: `sincos` or `learned`.
    norm_eps: of the layer norms.
    activation: of the encoder's MLPs, `gelu`, `gelu_tanh` or `quick_gelu`.
    mean, std: the pixel scale, one number or one per channel.
    image_size: (height, width) that the model shall have after loading.
    channels: number of channels that the model shall have after loading.
    random: fresh weights (for `timm:NAME@random`).
    """

    heads: int | None = None
    decoder_heads: int | None = None
    stored_size: tuple[int, int] | None = None
    target: Target | None = None
    positions: str | None = None
    norm_eps: float | None = None
    activation: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    image_size: tuple[int, int] | None = None
    channels: int | None = None
    random: bool = False

    def __post_init__(self) -> None:
        if self.target not in (None, "raw", "normalized"):
            raise MaskwrightError(f"target is raw or normalized; got '{self.target}'.")
        if self.activation is not None:
            check_one_of("activation", self.activation, ACTIVATIONS)
        if (self.mean is None) != (self.std is None):
            raise MaskwrightError("A pixel scale needs both mean and std.")
        self._check_numbers()

    def _check_numbers(self) -> None:
        """Raise MaskwrightError for numbers that no model can have."""
        # Later they would turn into errors about shapes, or into NaN.
        for name in ("heads", "decoder_heads", "channels"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise MaskwrightError(f"{name} is at least 1; got {value}.")
        if not all(map(math.isfinite, self.mean or ())):
            raise MaskwrightError(f"mean is made of finite numbers; got {self.mean}.")
        for name, values in (("std", self.std or ()), ("norm_eps", (self.norm_eps or 1.0,))):
            if not all(0 < value < math.inf for value in values):
                raise MaskwrightError(f"{name} is above 0 and finite; got {values}.")

    def over(self, other: Hints) -> Hints:
        """These hints, with those of `other` where this one says nothing."""
        values = {
            item.name: getattr(self, item.name) or getattr(other, item.name)
            for item in dataclasses.fields(self)
        }
        return Hints(**values)

    def scale(self, channels: int) -> PixelScale | None:
        """The pixel scale for so many channels, None when none was given."""
        if self.mean is None or self.std is None:
            return None
        # One number stands for all channels.
        mean = self.mean * channels if len(self.mean) == 1 else self.mean
        std = self.std * channels if len(self.std) == 1 else self.std
        if len(mean) != channels or len(std) != channels:
            raise MaskwrightError(
                f"mean and std need one number, or one for each of {channels} channels; got {mean}"
                f" and {std}."
            )
        return PixelScale(mean, std)


def split_hints(source: str | Path) -> tuple[str, Hints]:
    """Cut `SOURCE@name=value,...` into the source and its hints."""
    text = str(source)
    head, at, tail = text.rpartition("@")
    # Files may have an @ in their names.
    if not at or Path(text).exists() or not head:
        return text, Hints()
    values: dict[str, Any] = {}
    for part in tail.split(","):
        name, is_given, value = part.strip().partition("=")
        if name == RANDOM and not is_given:
            values[RANDOM] = True
        elif name not in _READERS:
            raise unknown_name(f"hint in '{text}'", name, [*_READERS, RANDOM])
        else:
            values[name] = _read(name, value)
    return head, Hints(**values)


def _read(name: str, value: str) -> Any:
    try:
        return _READERS[name](value)
    except ValueError as error:
        raise MaskwrightError(
            f"'{value}' is no value for {name}; write for example {_EXAMPLES[name]}."
        ) from error


def _size(text: str) -> tuple[int, int]:
    """`96` or `HEIGHTxWIDTH`."""
    sides = [int(part) for part in text.lower().split("x")]
    if len(sides) > 2 or min(sides) < 1:
        raise ValueError(text)
    return sides[0], sides[-1]


def _numbers(text: str) -> tuple[float, ...]:
    """One number, or several with slashes between them."""
    return tuple(float(part) for part in text.split("/"))


# How the value of each hint is read, and what to write for one.
_READERS: dict[str, Callable[[str], Any]] = {
    "heads": int,
    "decoder_heads": int,
    "stored_size": _size,
    "target": str,
    "positions": str,
    "norm_eps": float,
    "activation": str,
    "mean": _numbers,
    "std": _numbers,
    "image_size": _size,
    "channels": int,
}
_EXAMPLES = {
    "heads": "heads=3",
    "decoder_heads": "decoder_heads=16",
    "stored_size": "stored_size=224x112",
    "target": "target=raw",
    "positions": "positions=learned",
    "norm_eps": "norm_eps=1e-6",
    "activation": "activation=quick_gelu",
    "mean": "mean=0.485/0.456/0.406",
    "std": "std=0.5",
    "image_size": "image_size=96",
    "channels": "channels=1",
}
