"""What a report takes from the run folders of a study: rows of metrics, statistics of masks, and
pictures masked and filled in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskwright.masking.policy import Policy
from maskwright.patches import PatchMask
from maskwright.schedules import Constant, parse_schedule
from maskwright.studies.record import StudyRecord, TrialRecord
from maskwright.support.environment import pick_device
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import read_json
from maskwright.support.reporting import LogReporter
from maskwright.visual.data_uri import to_data_uri
from maskwright.visual.masks import gray_out
from maskwright.visual.tiles import to_rgb
from maskwright.weights.checkpoint import LoadedModel
from maskwright.workflows.building.policies import build_checked_policy
from maskwright.workflows.filling.filled import fill_pictures
from maskwright.workflows.filling.mask_for import mask_for
from maskwright.workflows.loading.pictures import eval_batch, find, load
from maskwright.workflows.run import open_run
from maskwright.workflows.runs.run_folder import RunFolder

COMMON = ("random", 0.75)
SEED = 0
MOST_PICTURES = 4
MOST_TILES = 260


@dataclass(frozen=True)
class Tile:
    """A picture as a data URI with what it shows; span: how many columns it stands over."""

    uri: str
    words: str
    span: int = 1


@dataclass(frozen=True)
class PictureRow:
    """One arm (or the originals) with its tiles."""

    name: str
    tiles: Sequence[Tile]


@dataclass(frozen=True)
class Pictures:
    """Two grids over the same held-out pictures: each arm under its own masks, and every arm under
    one common mask; left_out: why not.
    """

    own: Sequence[PictureRow] = ()
    common: Sequence[PictureRow] = ()
    left_out: Sequence[str] = ()
    pixels: int = 0

    def first(self, count: int) -> Pictures:
        """The same grids with fewer pictures."""
        own = [
            PictureRow(row.name, row.tiles[: 2 * count // max(tile.span for tile in row.tiles)])
            for row in self.own
        ]
        return replace(
            self, own=own, common=[PictureRow(row.name, row.tiles[:count]) for row in self.common]
        )


def read_rows(record: StudyRecord, folder: Path) -> dict[tuple[str, int], list[dict[str, Any]]]:
    """Rows of metrics.jsonl of every finished trial whose run folder is at hand."""
    return {trial.key: RunFolder(place).metrics() for trial, place in _runs(record, folder)}


def read_mask_statistics(record: StudyRecord, folder: Path) -> dict[str, dict[str, float]]:
    """Statistics of the masks that each arm trained with, the mean over its runs."""
    found: dict[str, list[Mapping[str, float]]] = {}
    for trial, place in _runs(record, folder):
        found.setdefault(trial.arm, []).append(RunFolder(place).status().get("masks") or {})
    return {arm: _mean_of(some) for arm, some in found.items() if any(some)}


def read_diagnostics(record: StudyRecord, folder: Path) -> dict[str, dict[str, dict[int, float]]]:
    """What `maskwright diagnose RUN` left in the runs: arm -> "test: number" -> values by seed; the
    run itself is the first subject.
    """
    found: dict[str, dict[str, dict[int, float]]] = {}
    for trial, place in _runs(record, folder):
        for file in sorted((place / "diagnose").glob("*.json")):
            subject = read_json(file)["findings"][0]
            for name, number in subject["numbers"].items():
                value = number["value"] if isinstance(number, dict) else number
                if value is not None:
                    found.setdefault(trial.arm, {}).setdefault(
                        f"{subject['diagnostic']}: {name}", {}
                    )[trial.seed] = float(value)
    return found


def draw_pictures(record: StudyRecord, folder: Path) -> Pictures:
    """Mask and fill in the same held-out pictures with every arm, of the first seed that it has
    finished.
    """
    first = {trial.arm: (trial, place) for trial, place in reversed(_runs(record, folder))}
    arms = [arm.name for arm in record.arms if arm.name in first]
    if not arms:
        return Pictures(
            left_out=["The run folders are not beside this report, so no pictures are drawn."]
        )
    count = max(1, min(MOST_PICTURES, MOST_TILES // (3 * len(arms))))
    own: list[PictureRow] = []
    common: list[PictureRow] = []
    left_out: list[str] = []
    pixels = 0
    for arm in arms:
        try:
            drawn = _draw_arm(first[arm][1], count)
        except MaskwrightError as error:
            left_out.append(f"{arm}: {str(error).replace(str(folder), '.')}")
            continue
        if not own:
            own.append(PictureRow("pictures", [replace(tile, span=2) for tile in drawn.whole]))
            common += [
                PictureRow("pictures", drawn.whole),
                PictureRow("common masks", drawn.common_masked),
            ]
        own.append(
            PictureRow(
                arm,
                [tile for both in zip(drawn.masked, drawn.filled, strict=True) for tile in both],
            )
        )
        common.append(PictureRow(arm, drawn.common_filled))
        pixels = max(pixels, drawn.pixels)
    return Pictures(own, common, left_out, pixels)


@dataclass(frozen=True)
class _ArmTiles:
    whole: list[Tile]
    masked: list[Tile]
    filled: list[Tile]
    common_masked: list[Tile]
    common_filled: list[Tile]
    pixels: int


def _draw_arm(place: Path, count: int) -> _ArmTiles:
    """The tiles of one run on held-out pictures of its own data, which are the same for all runs of
    one seed.
    """
    run = open_run(place)
    loaded, settings = run.load(), run.settings
    grid = loaded.model.grid
    line, ratio = str(settings.mask.policy), parse_schedule(settings.mask.ratio).at(1.0)
    maps = _needed(build_checked_policy(line, grid, Constant(ratio)))
    source, _ = find(settings.data, None, LogReporter(visible=False))
    fixed = load(settings.data, source, settings.train.seed, LogReporter(visible=False)).fixed
    batch = eval_batch(fixed, loaded.model.config.image_size, count, maps, (grid.rows, grid.cols))
    images = batch.images
    own = mask_for(loaded, place, line, ratio, images, SEED, batch.priors, batch.keys)
    common = mask_for(loaded, place, *COMMON, images, SEED)
    masked, filled = _tiles(loaded, images, own)
    common_masked, common_filled = _tiles(loaded, images, common)
    whole = [Tile(to_data_uri(to_rgb(image.float() / 255)), "as it is") for image in images]
    return _ArmTiles(whole, masked, filled, common_masked, common_filled, max(images.shape[-2:]))


def _tiles(loaded: LoadedModel, images: Tensor, mask: PatchMask) -> tuple[list[Tile], list[Tile]]:
    """Each picture masked and filled in, with its PSNR over hidden pixels."""
    outcome = fill_pictures(loaded, images, mask, "visible", pick_device("cpu"))
    shown = images[:, :3].expand(-1, 3, -1, -1) if images.shape[1] < 3 else images[:, :3]
    grays = [
        gray_out(shown[n], mask.is_masked[n].cpu(), loaded.model.grid) for n in range(len(images))
    ]
    masked = [Tile(to_data_uri((gray * 255).round().astype(np.uint8)), "masked") for gray in grays]
    filled = [
        Tile(to_data_uri(to_rgb(row.composite)), f"{float(decibels):.1f} dB")
        for row, decibels in zip(outcome.rows, outcome.result.psnr, strict=True)
    ]
    return masked, filled


def _needed(policy: Policy) -> tuple[str, ...]:
    return tuple(policy.traits.needed("prior"))


def _runs(record: StudyRecord, folder: Path) -> list[tuple[TrialRecord, Path]]:
    """Finished trials whose run folders exist, in the order of the seeds."""
    trials = [
        trial
        for trial in record.finished()
        if trial.run is not None and RunFolder(folder / trial.run).exists
    ]
    return [
        (trial, folder / str(trial.run)) for trial in sorted(trials, key=lambda trial: trial.seed)
    ]


def _mean_of(some: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for numbers in some for name in numbers)
    return {
        name: float(torch.tensor([float(one[name]) for one in some if name in one]).mean())
        for name in names
    }
