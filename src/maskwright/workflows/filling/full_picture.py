"""Pictures reconstructed in full: averages of predictions, their uncertainty, a sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskwright.data.store.splits import spread
from maskwright.evaluation.pixel_scores import Distance, PixelScores, score_pixels
from maskwright.patches.prediction import Stats
from maskwright.support.plurals import count_of
from maskwright.support.reporting import say_result
from maskwright.visual.error_map import ERROR_NOTE, SPREAD_NOTE, SPREAD_TOP, color_map, error_tile
from maskwright.visual.picture_grid import GridLine, Note, picture_grid
from maskwright.visual.reconstructions import DENORMALIZATION
from maskwright.visual.tiles import to_rgb, to_tile
from maskwright.weights.checkpoint import LoadedModel
from maskwright.workflows.filling.arms import MaskChoice
from maskwright.workflows.filling.full_fill import FullFill, fill_all
from maskwright.workflows.filling.outcome import (
    Reconstruction,
    ReconstructOptions,
    format_scores,
    open_distance,
    save_outcome,
    single_names,
)
from maskwright.workflows.loading.chosen_pictures import ChosenPictures

# Pictures on a sheet.
MOST_LINES = 12


def reconstruct_fully(
    loaded: LoadedModel,
    run: str,
    choice: MaskChoice,
    chosen: ChosenPictures,
    path: Path | None,
    options: ReconstructOptions,
) -> Reconstruction:
    """Average the predictions of every picture: a sheet, single files and numbers over all pixels.

    path: of the sheet; None writes nothing.
    """
    full = fill_all(loaded, run, choice, chosen, options)
    distance, why_not = open_distance(options)
    scores = _score(full, chosen.images, distance)
    # A model of raw pixels needs no statistics, whatever the options say.
    used: Stats = options.stats if loaded.model.target.traits.needs_stats else "raw"
    notes = _notes(full, choice, used, options)
    sheet = picture_grid(_lines(full, chosen, scores, options.errors), notes)
    numbers = {
        "pictures": list(chosen.names),
        "skipped": list(chosen.skipped),
        "run": run,
        **_facts(full, choice, used, options),
        "lpips": why_not or "alex",
        "filled_by": {"average": scores.to_dict(options.seed)},
    }
    table = tuple(format_scores({"average": scores}, options.seed))
    averages = tuple(to_rgb(average) for average in full.average)
    if path is not None:
        folder = save_outcome(path, sheet, numbers, _singles(full, chosen, averages))
        _report(full, table, folder, path, options)
    found = Reconstruction(sheet, chosen.names, numbers, path, pictures=averages, table=table)
    deviation = tuple(full.deviation.numpy())
    return replace(found, deviation=deviation, scores={"average": scores})


def _score(full: FullFill, images: Tensor, distance: Distance | None) -> PixelScores:
    """The numbers of the averages against (n, C, H, W) uint8 images."""
    truth = images.float() / 255
    # Every pixel was predicted, so all of them are scored.
    everywhere = torch.ones_like(truth[:, :1], dtype=torch.bool)
    return score_pixels(full.average, truth, everywhere, distance)


def _report(
    full: FullFill,
    table: Sequence[str],
    folder: Path | None,
    path: Path,
    options: ReconstructOptions,
) -> None:
    options.reporter.say(
        f"{count_of(len(full.average), 'picture')} reconstructed in full in {full}; averages and"
        f" uncertainty maps in {folder}"
    )
    say_result(options.reporter, table)
    options.reporter.say(f"Sheet: {path}")


def _facts(
    full: FullFill, choice: MaskChoice, used: Stats, options: ReconstructOptions
) -> dict[str, Any]:
    """How the pictures were masked and averaged, ready for JSON."""
    return {
        "policy": choice.policy,
        "ratio": choice.ratio,
        "seed": options.seed,
        "stats": used,
        "passes": full.passes,
        "forced_patches": full.forced,
        "mean_deviation": full.deviation.mean((1, 2)).tolist(),
        "psnr_over": "all pixels",
    }


def _notes(
    full: FullFill, choice: MaskChoice, used: Stats, options: ReconstructOptions
) -> list[Note]:
    about = f"policy {choice.policy}   |   ratio {choice.ratio:g}   |   seed {options.seed}"
    # Statistics of hidden patches are an oracle: the reader must know.
    denormalization = Note(DENORMALIZATION[used], used == "target")
    notes = [Note(about), Note(str(full)), denormalization, Note(SPREAD_NOTE)]
    if options.errors:
        notes.append(Note(ERROR_NOTE))
    return notes


def _lines(
    full: FullFill, chosen: ChosenPictures, scores: PixelScores, errors: bool
) -> list[GridLine]:
    """Original, average, uncertainty and, with `errors`, the error of pictures spread over all."""
    titles = ["Original", "Average", "Uncertainty"]
    if errors:
        titles.append("Error")
    lines: list[GridLine] = []
    for row in spread(len(chosen.names), MOST_LINES):
        truth = chosen.images[row].float() / 255
        average, deviation = full.average[row], full.deviation[row]
        tiles = [to_tile(truth), to_tile(average), to_tile(color_map(deviation, SPREAD_TOP))]
        captions = [
            chosen.names[row],
            f"PSNR {float(scores.psnr[row]):.1f} dB over all pixels",
            f"mean deviation {float(deviation.mean()):.3f}",
        ]
        if errors:
            tiles.append(error_tile(average, truth))
            captions.append("")
        # Titles stand above the first line only.
        lines.append(GridLine(tiles, captions, () if lines else titles))
    return lines


def _singles(
    full: FullFill, chosen: ChosenPictures, averages: Sequence[np.ndarray]
) -> list[tuple[str, np.ndarray]]:
    """The single files: an average and an uncertainty map for each picture."""
    maps = [to_rgb(color_map(deviation, SPREAD_TOP)) for deviation in full.deviation]
    averaged = zip(single_names(chosen.names, "-average"), averages, strict=True)
    uncertain = zip(single_names(chosen.names, "-uncertainty"), maps, strict=True)
    return [*averaged, *uncertain]
