"""What each size of picture loses and costs, and what a training would choose there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from statistics import median

import numpy as np
from PIL import Image

from maskwright.data.pixels.decode import DecodeOptions, UnreadableImage
from maskwright.data.sources.open import Source
from maskwright.data.store.splits import spread
from maskwright.evaluation.picture_detail import LostDetail, measure_lost, structure_size
from maskwright.models.cost import count_step
from maskwright.patches import visible_count
from maskwright.schedules import parse_schedule
from maskwright.support.environment import cpu_count
from maskwright.workflows.building.model_shape import model_config
from maskwright.workflows.settings.budget_choices import CORE_RATE
from maskwright.workflows.settings.choice import Choice, Facts
from maskwright.workflows.settings.choices import choose
from maskwright.workflows.settings.geometry_choices import SIDES
from maskwright.workflows.settings.pretrain_settings import PretrainSettings
from maskwright.workflows.surveying.sample import DecodedPicture

# Pictures whose spectrum is measured; medians of more hardly move.
MOST_MEASURED = 200
# Larger pictures are shrunk to this first, so that one spectrum takes a fraction of a second.
LARGEST = 1024
_MOST_SIDES = 6


@dataclass(frozen=True)
class Detail:
    """What the pictures hold.

    reference: shorter side in pixels that losses are measured against; larger pictures are shrunk
        to 1,024 first.
    pictures: how many were measured.
    energy, edges: median share lost at each size, by side.
    structure: widths of things as shares of the shorter side: quartiles and median.
    """

    reference: int
    pictures: int
    energy: dict[int, float]
    edges: dict[int, float]
    structure: tuple[float, float, float]


@dataclass(frozen=True)
class SizeCost:
    """A training at one size of picture, with the choices that it would make.

    side: of the pictures in pixels.
    settings: complete.
    choices: with their reasons.
    operations: of one epoch, forward and backward.
    seconds: of one epoch on this machine; None where its speed is not known.
    """

    side: int
    settings: PretrainSettings
    choices: tuple[Choice, ...]
    operations: float
    seconds: float | None

    @property
    def patch(self) -> int:
        """Side of a patch in pixels."""
        return self.settings.model.patch_size or 1


def pick_sides(short_side: int, asked: list[int] | None) -> tuple[int, ...]:
    """The sizes to compare, largest first: those asked for, or the usual ones that enlarge
    nothing.
    """
    if asked:
        return tuple(sorted(set(asked), reverse=True))
    fitting = [side for side in SIDES if side <= short_side]
    if not fitting:
        # A multiple of 4, which patches of 4 divide.
        return (max(8, short_side // 4 * 4),)
    return tuple(fitting[:_MOST_SIDES])


def measure_detail(
    source: Source, pictures: tuple[DecodedPicture, ...], sides: tuple[int, ...]
) -> Detail:
    """Spectra of up to 200 pictures, spread evenly over the sample."""
    chosen = [pictures[at].index for at in spread(len(pictures), MOST_MEASURED)]
    squares: list[np.ndarray] = []
    with ThreadPoolExecutor(cpu_count()) as pool:
        for gray in pool.map(partial(_read_gray, source), chosen):
            if gray is not None:
                squares.append(gray)
    lost: dict[int, list[LostDetail]] = {side: [] for side in sides}
    structure: list[float] = []
    for gray in squares:
        for side, share in zip(sides, measure_lost(gray, sides), strict=True):
            lost[side].append(share)
        structure.append(structure_size(gray))
    energy, edges = {}, {}
    for side, shares in lost.items():
        energy[side] = median(share.energy for share in shares)
        edges[side] = median(share.edges for share in shares)
    low, middle, high = np.quantile(structure, (0.25, 0.5, 0.75)).tolist()
    return Detail(
        reference=int(median(len(gray) for gray in squares)),
        pictures=len(squares),
        energy=energy,
        edges=edges,
        structure=(low, middle, high),
    )


def cost_of_size(side: int, data: str, facts: Facts) -> SizeCost:
    """What a training at this size would choose, and what an epoch of it costs."""
    given = PretrainSettings.from_flat({"data": data, "image_size": side, "device": facts.device})
    settings, choices = choose(given, facts)
    config = model_config(settings)
    patches = (side // config.patch_size) ** 2
    # The mean ratio of a schedule; today's default is a constant.
    ratio = parse_schedule(settings.mask.ratio).at(0.5)
    visible = visible_count(patches, ratio)
    share = settings.mask.predict or 1.0
    predicted = max(1, round(share * (patches - visible)))
    each = count_step(config, visible, predicted).training
    operations = float(each * facts.count * settings.mask.masks_per_image)
    seconds = operations / (CORE_RATE * facts.cores) if facts.device == "cpu" else None
    return SizeCost(side, settings, tuple(choices), operations, seconds)


def _read_gray(source: Source, index: int) -> np.ndarray | None:
    """The square in the middle of a picture, gray, at most 1,024 pixels wide."""
    try:
        pixels = source.read(index, DecodeOptions(channels=1, short_side=LARGEST))
    except UnreadableImage:
        return None  # it was broken behind what the preview needed
    return middle_square(pixels)[:, :, 0]


def middle_square(pixels: np.ndarray) -> np.ndarray:
    """The largest square in the middle of a (H, W, C) picture."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top = (height - side) // 2
    left = (width - side) // 2
    return pixels[top : top + side, left : left + side]


def shrink_and_back(pixels: np.ndarray, side: int) -> np.ndarray:
    """A square (S, S, 3) picture shrunk to a side and enlarged again: what is left of it."""
    picture = Image.fromarray(pixels)
    small = picture.resize((side, side), Image.Resampling.LANCZOS)
    return np.asarray(small.resize(picture.size, Image.Resampling.BICUBIC))
