"""Piles of rendered shapes as a source of pictures: something to learn from without a photograph.

Formula-driven pictures can stand in for photographs in pretraining (Kataoka et al. 2020), and dead
leaves with the statistics of photographs are among the best of them (Baradad et al. 2021).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from maskwright.data.pixels.decode import AS_STORED, DecodeOptions, UnreadableImage
from maskwright.data.pixels.pixel_values import fit_pixels
from maskwright.data.rendered.leaves import draw_scene, render_scene
from maskwright.data.rendered.options import read_options
from maskwright.support.checks import check_at_least
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import hash_strings
from maskwright.support.seeding import sample_rng

PREFIX = "dead-leaves"
_VERSION = 1  # of the rendering; another one gives the same settings other pictures
_SPLITS = ("train", "test")


@dataclass(frozen=True, kw_only=True)
class DeadLeaves:
    """What is rendered.

    n: pictures of the train split.
    test: pictures of the test split; a quarter of n when None.
    size: side in pixels.
    leaves: that lie by themselves in each picture.
    figures: the most mirrored groups of leaves in a picture.
    seed: of everything that is drawn by chance.
    """

    n: int = 2000
    test: int | None = None
    size: int = 64
    leaves: int = 30
    figures: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        check_at_least("n", self.n, 1)
        check_at_least("test", self.test, 1)
        check_at_least("size", self.size, 8)
        check_at_least("leaves", self.leaves, 1)
        check_at_least("figures", self.figures, 0)

    def count(self, split: str) -> int:
        """Pictures of a split."""
        if split == "train":
            return self.n
        return self.test if self.test is not None else max(1, self.n // 4)


@dataclass(frozen=True, kw_only=True, eq=False)
class DeadLeavesSource:
    """The pictures of one split, rendered when they are read.

    A picture depends on its settings, the split and its index alone. There are no classes.

    settings: what is rendered.
    split: train or test.
    name: a short name fit for a folder.
    notes: sentences about what was decided while opening; none.
    splits: the splits that can be chosen.
    """

    settings: DeadLeaves
    split: str
    name: str = PREFIX
    notes: tuple[str, ...] = ()
    splits: tuple[str, ...] = _SPLITS

    labels: None = None
    classes: None = None

    def __len__(self) -> int:
        return self.settings.count(self.split)

    @property
    def fingerprint(self) -> str:
        return hash_strings([f"{PREFIX} {_VERSION}", self.split, str(self.settings)])

    def key(self, index: int) -> str:
        return f"{self.split}/{index:06d}.png"

    def size(self, index: int) -> tuple[int, int]:
        return self.settings.size, self.settings.size

    def read(self, index: int, wanted: DecodeOptions = AS_STORED) -> np.ndarray:
        """Render one picture as (H, W, C) uint8."""
        settings = self.settings
        rng = sample_rng(settings.seed, 0, torch.tensor([index]), f"{PREFIX} {self.split}")
        scene = draw_scene(rng, settings.leaves, settings.figures)
        try:
            return fit_pixels(render_scene(scene, settings.size), wanted)
        except ValueError as error:
            raise UnreadableImage(self.key(index), str(error)) from error


def open_dead_leaves(text: str, split: str | None = None) -> DeadLeavesSource:
    """Open rendered pictures.

    text: `dead-leaves` or `dead-leaves:n=2000,size=64`.
    split: train or test; train when None.
    """
    settings = read_options(PREFIX, DeadLeaves, text.removeprefix(PREFIX).removeprefix(":"))
    if split is not None and split not in _SPLITS:
        splits = " and ".join(_SPLITS)
        raise MaskwrightError(f"{PREFIX} has no split '{split}'; it has {splits}.")
    return DeadLeavesSource(settings=settings, split=split or "train")


def is_dead_leaves(text: str) -> bool:
    """Whether a text asks for these pictures."""
    return text == PREFIX or text.startswith(f"{PREFIX}:")
