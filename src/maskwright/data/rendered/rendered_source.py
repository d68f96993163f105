"""What sources of rendered pictures share: how many, how large, of which split, by which name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

import numpy as np
import torch

from maskwright.data.pixels.decode import AS_STORED, DecodeOptions, UnreadableImage
from maskwright.data.pixels.pixel_values import fit_pixels
from maskwright.data.rendered.options import read_options
from maskwright.support.checks import check_at_least
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import hash_strings
from maskwright.support.seeding import KeyedRng, sample_rng

SPLITS = ("train", "test")


@dataclass(frozen=True, kw_only=True)
class PictureCounts:
    """How many pictures are rendered, and how large.

    Kinds of pictures add their settings behind these, the seed last: the fingerprint of a source is
    of the settings in their order.

    n: pictures of the train split.
    test: pictures of the test split; a quarter of n when None.
    size: side in pixels.
    """

    n: int = 2000
    test: int | None = None
    size: int = 64

    def __post_init__(self) -> None:
        check_at_least("n", self.n, 1)
        check_at_least("test", self.test, 1)
        check_at_least("size", self.size, 8)

    def count(self, split: str) -> int:
        """Pictures of a split."""
        if split == "train":
            return self.n
        if self.test is not None:
            return self.test
        return max(1, self.n // 4)


class RenderSettings(Protocol):
    """What every rendered source asks of its settings: a size, a seed and counts by split."""

    @property
    def size(self) -> int: ...

    @property
    def seed(self) -> int: ...

    def count(self, split: str) -> int: ...


@dataclass(frozen=True, kw_only=True, eq=False)
class RenderedSource:
    """The pictures of one split, rendered when they are read.

    A picture depends on its settings, the split and its index alone.

    settings: what is rendered.
    split: train or test.
    notes: sentences about what was decided while opening; none.
    splits: the splits that can be chosen.
    """

    settings: RenderSettings
    split: str
    notes: tuple[str, ...] = ()
    splits: tuple[str, ...] = SPLITS

    # A name fit for a folder, which also begins the text that opens the source.
    prefix: ClassVar[str]
    # Of the rendering: another one gives the same settings other pictures.
    version: ClassVar[int] = 1
    # The settings that are read behind the name.
    kind: ClassVar[type]

    def __len__(self) -> int:
        return self.settings.count(self.split)

    @property
    def name(self) -> str:
        return self.prefix

    @property
    def labels(self) -> list[int] | None:
        """The class number of each picture; None where there are no classes."""
        return None

    @property
    def classes(self) -> list[str] | None:
        return None

    @property
    def fingerprint(self) -> str:
        return hash_strings([f"{self.prefix} {self.version}", self.split, str(self.settings)])

    def key(self, index: int) -> str:
        return f"{self.split}/{index:06d}.png"

    def size(self, index: int) -> tuple[int, int]:
        return self.settings.size, self.settings.size

    def read(self, index: int, options: DecodeOptions = AS_STORED) -> np.ndarray:
        """Render one picture as (H, W, C) uint8."""
        try:
            return fit_pixels(self.draw(index), options)
        except ValueError as error:
            raise UnreadableImage(self.key(index), str(error)) from error

    def draw(self, index: int) -> np.ndarray:
        """One picture as (size, size, 3) uint8."""
        raise NotImplementedError

    def rng(self, indexes: torch.Tensor) -> KeyedRng:
        """A stream of chance for each picture."""
        return sample_rng(self.settings.seed, 0, indexes, f"{self.prefix} {self.split}")


AnyRendered = TypeVar("AnyRendered", bound=RenderedSource)


def open_rendered(source: type[AnyRendered], text: str, split: str | None = None) -> AnyRendered:
    """Open rendered pictures.

    text: the name of the source, alone or with options: `dead-leaves:n=2000,size=64`.
    split: train or test; train when None.
    """
    prefix = source.prefix
    settings: RenderSettings = read_options(
        prefix, source.kind, text.removeprefix(prefix).removeprefix(":")
    )
    if split is not None and split not in SPLITS:
        splits = " and ".join(SPLITS)
        raise MaskwrightError(f"{prefix} has no split '{split}'; it has {splits}.")
    return source(settings=settings, split=split or "train")


def is_rendered(source: type[RenderedSource], text: str) -> bool:
    """Whether a text asks for these pictures."""
    return text == source.prefix or text.startswith(f"{source.prefix}:")
