"""Every pixel of a picture predicted: masks are drawn until each patch was hidden twice, and the
predictions averaged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from maskwright.data.store.splits import spread
from maskwright.evaluation.fill import hidden_pixels
from maskwright.evaluation.pixel_scores import PixelScores, score_pixels
from maskwright.patches import PatchMask
from maskwright.patches.prediction import Stats
from maskwright.visual.error_map import ERROR_NOTE, SPREAD_NOTE, SPREAD_TOP, color_map, error_tile
from maskwright.visual.picture_grid import GridLine, Note, picture_grid
from maskwright.visual.reconstructions import DENORMALIZATION
from maskwright.visual.tiles import to_rgb, to_tile
from maskwright.weights.checkpoint import LoadedModel
from maskwright.workflows.filling.arms import MaskChoice
from maskwright.workflows.filling.filled import fill_pictures
from maskwright.workflows.filling.mask_for import mask_for
from maskwright.workflows.filling.outcome import (
    Reconstruction,
    ReconstructOptions,
    count_pictures,
    format_scores,
    open_distance,
    save_outcome,
    single_names,
)
from maskwright.workflows.loading.chosen_pictures import ChosenPictures

TWICE = 2
MOST_DRAWS = 32
MOST_LINES = 12


@dataclass(frozen=True)
class FullFill:
    """Average (n, C, H, W) and standard deviation (n, H, W) of predictions in [0, 1]; forced:
    patches that only a last pass hid.
    """

    average: Tensor
    deviation: Tensor
    passes: int
    forced: int

    def __str__(self) -> str:
        spared = (
            f"; {self.forced} patches that the policy spared were hidden by force"
            if self.forced
            else ""
        )
        return (
            f"{self.passes} passes: masks were drawn until each patch was hidden at least {TWICE}"
            f" times{spared}"
        )


def fill_all(
    loaded: LoadedModel,
    run: str,
    choice: MaskChoice,
    chosen: ChosenPictures,
    options: ReconstructOptions,
) -> FullFill:
    """Predict every patch at least twice under masks of one policy and average what was predicted
    while hidden.
    """
    total = torch.zeros(chosen.images.shape, dtype=torch.float64)
    squared, times = torch.zeros_like(total), torch.zeros_like(total[:, :1])
    passes, forced = 0, 0
    for mask, count in _draws(loaded, run, choice, chosen, options.seed):
        rows, _, _ = fill_pictures(loaded, chosen.images, mask, options.stats, options.device)
        composite = torch.stack([row.composite.cpu() for row in rows]).double()
        hidden = hidden_pixels(mask, loaded.model.grid).double()
        total, squared, times = (
            total + composite * hidden,
            squared + composite.square() * hidden,
            times + hidden,
        )
        passes, forced = passes + 1, forced + count
    mean = total / times
    deviation = (
        ((squared / times - mean.square()).clamp_min(0) * times / (times - 1).clamp_min(1))
        .mean(1)
        .sqrt()
    )
    return FullFill(mean.float(), deviation.float(), passes, forced)


def _draws(
    loaded: LoadedModel, run: str, choice: MaskChoice, chosen: ChosenPictures, seed: int
) -> Iterator[tuple[PatchMask, int]]:
    """Masks by the policy until each patch was hidden twice; what it never hides in 32 draws is
    hidden by force, and counted.
    """
    times = torch.zeros(len(chosen.images), loaded.model.grid.num_patches, dtype=torch.int64)
    draw = 0
    while int(times.min()) < TWICE:
        mask = mask_for(
            loaded,
            run,
            choice.policy,
            choice.ratio,
            chosen.images,
            seed + draw,
            chosen.priors,
            chosen.names,
        )
        forced = 0
        if draw >= MOST_DRAWS:
            mask, forced = _hide_rarest(times, mask)
        times += mask.is_masked.long()
        draw += 1
        yield mask, forced


def _hide_rarest(times: Tensor, mask: PatchMask) -> tuple[PatchMask, int]:
    """A mask of the same count that hides first what was hidden least, as the given mask has it
    among equals.
    """
    order = (times * 2 - mask.is_masked.long()).argsort(dim=1, stable=True)
    hidden = torch.zeros_like(mask.is_masked).scatter_(1, order[:, : mask.num_masked], True)
    return PatchMask.from_is_masked(hidden), int((hidden & (times < TWICE)).sum())


def reconstruct_fully(
    loaded: LoadedModel,
    run: str,
    choice: MaskChoice,
    chosen: ChosenPictures,
    path: Path | None,
    options: ReconstructOptions,
) -> Reconstruction:
    """Write the average of every picture, its uncertainty map, and both on a sheet with numbers
    over all pixels.
    """
    full = fill_all(loaded, run, choice, chosen, options)
    truth = chosen.images.float() / 255
    distance, why_not = open_distance(options)
    scores = score_pixels(
        full.average, truth, torch.ones_like(truth[:, :1], dtype=torch.bool), distance
    )
    used: Stats = "raw" if loaded.model.config.target == "raw" else options.stats
    sheet = picture_grid(
        _lines(full, chosen, scores, options.errors), _notes(full, choice, used, options)
    )
    numbers = {
        "pictures": list(chosen.names),
        "skipped": list(chosen.skipped),
        "run": run,
        "policy": choice.policy,
        "ratio": choice.ratio,
        "seed": options.seed,
        "stats": used,
        "passes": full.passes,
        "forced_patches": full.forced,
        "psnr_over": "all pixels",
        "lpips": why_not or "alex",
        "mean_deviation": full.deviation.mean((1, 2)).tolist(),
        "filled_by": {"average": scores.to_dict(options.seed)},
    }
    averages = tuple(to_rgb(one) for one in full.average)
    if path is not None:
        folder = save_outcome(path, sheet, numbers, _singles(full, chosen, averages))
        options.reporter.say(
            f"{count_pictures(len(truth))} reconstructed in full in {full}; averages and"
            f" uncertainty maps in {folder}"
        )
        for line in format_scores({"average": scores}, options.seed):
            options.reporter.say(line)
        options.reporter.say(f"Sheet: {path}")
    deviation = tuple(full.deviation.numpy())
    return Reconstruction(
        sheet,
        chosen.names,
        numbers,
        path,
        pictures=averages,
        deviation=deviation,
        scores={"average": scores},
    )


def _notes(
    full: FullFill, choice: MaskChoice, used: Stats, options: ReconstructOptions
) -> list[Note]:
    about = f"policy {choice.policy}   |   ratio {choice.ratio:g}   |   seed {options.seed}"
    notes = [
        Note(about),
        Note(str(full)),
        Note(DENORMALIZATION[used], used == "target"),
        Note(SPREAD_NOTE),
    ]
    return [*notes, *([Note(ERROR_NOTE)] if options.errors else [])]


def _lines(
    full: FullFill, chosen: ChosenPictures, scores: PixelScores, errors: bool
) -> list[GridLine]:
    """Original, average, uncertainty and, where asked for, error of pictures spread over all."""
    titles = ["Original", "Average", "Uncertainty", *(["Error"] if errors else [])]
    lines: list[GridLine] = []
    for row in spread(len(chosen.names), MOST_LINES):
        truth = chosen.images[row].float() / 255
        tiles = [
            to_tile(truth),
            to_tile(full.average[row]),
            to_tile(color_map(full.deviation[row], SPREAD_TOP)),
        ]
        tiles += [error_tile(full.average[row], truth)] if errors else []
        captions = [chosen.names[row], f"PSNR {float(scores.psnr[row]):.1f} dB over all pixels"]
        captions += [
            f"mean deviation {float(full.deviation[row].mean()):.3f}",
            *([""] if errors else []),
        ]
        lines.append(GridLine(tiles, captions, () if lines else titles))
    return lines


def _singles(
    full: FullFill, chosen: ChosenPictures, averages: Sequence[np.ndarray]
) -> list[tuple[str, np.ndarray]]:
    """The single files: an average and an uncertainty map for each picture."""
    maps = [to_rgb(color_map(one, SPREAD_TOP)) for one in full.deviation]
    averaged = zip(single_names(chosen.names, "-average"), averages, strict=True)
    return [*averaged, *zip(single_names(chosen.names, "-uncertainty"), maps, strict=True)]
