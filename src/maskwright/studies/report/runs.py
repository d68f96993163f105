"""What a report takes from the run folders of a study: metrics, mask statistics, pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskwright.components.policy_text import require_patches
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
from maskwright.workflows.filling.arms import MaskChoice
from maskwright.workflows.filling.filled import fill_pictures
from maskwright.workflows.filling.mask_for import MaskedPictures, mask_for
from maskwright.workflows.loading.pictures import eval_batch, find, load
from maskwright.workflows.run import open_run
from maskwright.workflows.runs.run_folder import RunFolder

COMMON = MaskChoice("random", 0.75)
"""Policy and ratio of the masks under which all arms are shown."""
SEED = 0
MOST_PICTURES = 4
MOST_TILES = 260
"""About as many as a page of 2 MB can hold; many arms show fewer pictures each."""


@dataclass(frozen=True)
class Tile:
    """A picture of the grid.

    uri: the picture itself, as a data URI.
    words: what it shows.
    span: how many columns it stands over.
    """

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
    """Two grids over the same held-out pictures.

    own: each arm under its own masks.
    common: every arm under the same masks.
    left_out: why pictures are missing.
    pixels: the longer side of the pictures.
    """

    own: Sequence[PictureRow] = ()
    common: Sequence[PictureRow] = ()
    left_out: Sequence[str] = ()
    pixels: int = 0

    def first(self, count: int) -> Pictures:
        """The same grids with fewer pictures."""
        own = []
        for row in self.own:
            # A picture takes two columns there: one wide tile, or masked beside filled in.
            tiles = 2 * count // max(tile.span for tile in row.tiles)
            own.append(PictureRow(row.name, row.tiles[:tiles]))
        common = [PictureRow(row.name, row.tiles[:count]) for row in self.common]
        return replace(self, own=own, common=common)


def read_rows(record: StudyRecord, folder: Path) -> dict[tuple[str, int], list[dict[str, Any]]]:
    """Rows of metrics.jsonl of every finished trial whose run folder is at hand."""
    return {trial.key: RunFolder(run).metrics() for trial, run in _runs(record, folder)}


def read_mask_statistics(record: StudyRecord, folder: Path) -> dict[str, dict[str, float]]:
    """Statistics of the masks that each arm trained with, the mean over its runs."""
    statistics: dict[str, list[Mapping[str, float]]] = {}
    for trial, run in _runs(record, folder):
        masks = RunFolder(run).status().get("masks") or {}
        statistics.setdefault(trial.arm, []).append(masks)
    return {arm: _mean_of(runs) for arm, runs in statistics.items() if any(runs)}


def read_diagnostics(record: StudyRecord, folder: Path) -> dict[str, dict[str, dict[int, float]]]:
    """What `maskwright diagnose RUN` left in the runs: arm -> "test: number" -> values by seed."""
    diagnostics: dict[str, dict[str, dict[int, float]]] = {}
    for trial, run in _runs(record, folder):
        for file in sorted((run / "diagnose").glob("*.json")):
            # The run itself is the first subject; others are baselines.
            subject = read_json(file)["findings"][0]
            for name, number in subject["numbers"].items():
                # Some numbers have an interval, which is not used over seeds.
                value = number["value"] if isinstance(number, dict) else number
                if value is not None:
                    by_name = diagnostics.setdefault(trial.arm, {})
                    by_seed = by_name.setdefault(f"{subject['diagnostic']}: {name}", {})
                    by_seed[trial.seed] = float(value)
    return diagnostics


# Of a report that shows none on purpose.
NO_PICTURES = Pictures(left_out=["The pictures are left out of this report."])


def draw_pictures(record: StudyRecord, folder: Path) -> Pictures:
    """Mask and fill in the same held-out pictures with every arm."""
    # Of each arm the first seed that it has finished.
    first = {trial.arm: run for trial, run in reversed(_runs(record, folder))}
    arms = [arm.name for arm in record.arms if arm.name in first]
    if not arms:
        return Pictures(
            left_out=["The run folders are not beside this report, so no pictures are drawn."]
        )
    # Three tiles per arm and picture: masked, filled in, filled in under common masks.
    count = max(1, min(MOST_PICTURES, MOST_TILES // (3 * len(arms))))
    drawn: dict[str, _ArmTiles] = {}
    left_out: list[str] = []
    for arm in arms:
        try:
            drawn[arm] = _draw_arm(first[arm], count)
        except MaskwrightError as error:
            left_out.append(f"{arm}: {str(error).replace(str(folder), '.')}")
    return _arrange(drawn, left_out)


@dataclass(frozen=True)
class _ArmTiles:
    """The tiles of one arm, one per picture in each list."""

    whole: list[Tile]
    masked: list[Tile]
    filled: list[Tile]
    common_masked: list[Tile]
    common_filled: list[Tile]
    pixels: int


def _arrange(drawn: Mapping[str, _ArmTiles], left_out: list[str]) -> Pictures:
    """The two grids: on top the pictures, which are the same for all arms, then a row per arm."""
    own: list[PictureRow] = []
    common: list[PictureRow] = []
    for arm, tiles in drawn.items():
        if not own:
            own.append(PictureRow("pictures", [replace(tile, span=2) for tile in tiles.whole]))
            common.append(PictureRow("pictures", tiles.whole))
            common.append(PictureRow("common masks", tiles.common_masked))
        pairs = zip(tiles.masked, tiles.filled, strict=True)
        own.append(PictureRow(arm, [tile for pair in pairs for tile in pair]))
        common.append(PictureRow(arm, tiles.common_filled))
    pixels = max((tiles.pixels for tiles in drawn.values()), default=0)
    return Pictures(own, common, left_out, pixels)


def _draw_arm(folder: Path, count: int) -> _ArmTiles:
    """The tiles of one run on held-out pictures, which are the same for all runs of one seed."""
    run = open_run(folder)
    quiet = LogReporter(visible=False)
    loaded = run.load()
    settings = run.settings
    grid = loaded.model.grid
    require_patches(settings.to_flat(), f"The run {folder}")
    # The arm's own masks at the ratio where its training ended.
    line = str(settings.mask.policy)
    ratio = parse_schedule(settings.mask.ratio).at(1.0)
    policy = build_checked_policy(line, grid, Constant(ratio))
    maps = tuple(policy.traits.needed("prior"))
    # Pictures that the training held out for looking at, with what its masks look at.
    source, _ = find(settings.data, None, quiet)
    fixed = load(settings.data, source, settings.train.seed, quiet).fixed
    batch = eval_batch(fixed, loaded.model.config.image_size, count, maps, grid)
    images = batch.images
    pictures = MaskedPictures(images, batch.priors, batch.keys)
    own = mask_for(loaded, folder, MaskChoice(line, ratio), pictures, SEED)
    common = mask_for(loaded, folder, COMMON, MaskedPictures(images), SEED)
    masked, filled = _tiles(loaded, images, own)
    common_masked, common_filled = _tiles(loaded, images, common)
    whole = [Tile(to_data_uri(to_rgb(image.float() / 255)), "as it is") for image in images]
    return _ArmTiles(whole, masked, filled, common_masked, common_filled, max(images.shape[-2:]))


def _tiles(loaded: LoadedModel, images: Tensor, mask: PatchMask) -> tuple[list[Tile], list[Tile]]:
    """Each picture masked and filled in, with its PSNR over hidden pixels."""
    # Denormalized by visible patches, so that nothing of what is hidden leaks in.
    outcome = fill_pictures(loaded, images, mask, "visible", pick_device("cpu"))
    # Gray pictures get three equal channels, of others the first three are shown: (B, 3, H, W).
    shown = images[:, :3].expand(-1, 3, -1, -1) if images.shape[1] < 3 else images[:, :3]
    masked = []
    for image, is_masked in zip(shown, mask.is_masked, strict=True):
        gray = gray_out(image, is_masked.cpu(), loaded.model.grid)
        masked.append(Tile(to_data_uri((gray * 255).round().astype(np.uint8)), "masked"))
    filled = [
        Tile(to_data_uri(to_rgb(row.composite)), f"{float(decibels):.1f} dB")
        for row, decibels in zip(outcome.rows, outcome.result.psnr, strict=True)
    ]
    return masked, filled


def _runs(record: StudyRecord, folder: Path) -> list[tuple[TrialRecord, Path]]:
    """Finished trials whose run folders exist, in the order of the seeds."""
    runs = []
    for trial in sorted(record.finished(), key=lambda trial: trial.seed):
        # A published report has the record without the runs.
        if trial.run is not None and RunFolder(folder / trial.run).exists:
            runs.append((trial, folder / trial.run))
    return runs


def _mean_of(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each statistic over the runs that have it."""
    means = {}
    for name in dict.fromkeys(name for numbers in runs for name in numbers):
        values = [float(numbers[name]) for numbers in runs if name in numbers]
        means[name] = float(torch.tensor(values).mean())
    return means
