"""Filling painted holes of pictures: the model beside fills that learn nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from maskwright.data.store.splits import spread
from maskwright.evaluation.fillers import fill_trivially
from maskwright.evaluation.metrics import bootstrap_interval
from maskwright.evaluation.pixel_scores import Distance, PixelScores, join_named, score_pixels
from maskwright.patches.prediction import Stats
from maskwright.support.plurals import count_of
from maskwright.support.reporting import say_result
from maskwright.visual.error_map import ERROR_NOTE, error_tile
from maskwright.visual.picture_grid import GridLine, Note, picture_grid
from maskwright.visual.reconstructions import DENORMALIZATION
from maskwright.visual.tiles import to_tile
from maskwright.weights.checkpoint import LoadedModel
from maskwright.workflows.filling.holes import read_holes
from maskwright.workflows.filling.inpaint import HoleSettings, inpaint
from maskwright.workflows.filling.outcome import (
    Reconstruction,
    ReconstructOptions,
    format_scores,
    open_distance,
    save_outcome,
    sheet_path,
    single_names,
    to_array,
)
from maskwright.workflows.loading.chosen_pictures import (
    ChosenPictures,
    PictureRequest,
    choose_pictures,
)

MODEL = "model"
# Pictures on a sheet.
MOST_LINES = 12


@dataclass(frozen=True)
class _HolePicture:
    """One picture with its hole and all fills.

    picture: (C, h, w) uint8, as given.
    hole: (h, w) bool.
    filled: (C, h, w) uint8, by the model.
    fills: (1, C, h, w) in [0, 1] by name, the model's first.
    scores: of each fill, by name.
    """

    name: str
    picture: Tensor
    hole: Tensor
    filled: Tensor
    fills: dict[str, Tensor]
    scores: dict[str, PixelScores]


def fill_holes(
    loaded: LoadedModel,
    run: str,
    images: Any,
    mask: Any,
    how: HoleSettings,
    options: ReconstructOptions,
) -> Reconstruction:
    """Fill the hole of every picture, compare with other fills, and write sheet, numbers, PNGs."""
    request = PictureRequest(keep_whole=True, reading=options.reading)
    chosen = choose_pictures(images, loaded, request, options.reporter)
    sizes = [(whole.shape[1], whole.shape[2]) for whole in chosen.whole]
    holes = read_holes(mask, chosen.names, sizes, options.reporter)
    distance, why_not = open_distance(options)
    done = _fill_each(loaded, chosen, holes, how, distance, options)
    scores = join_named([picture.scores for picture in done])
    sheet = _sheet(done, loaded, how, options.errors)
    numbers = {
        "run": run,
        # A mask given as an array has no path to name.
        "mask": str(mask) if isinstance(mask, (str, Path)) else None,
        **_facts(chosen, holes, how, loaded),
        "seed": options.seed,
        "lpips": why_not or "alex",
        **_compare(scores, options.seed),
    }
    path = sheet_path(run, images, options.out, chosen.names, "-filled")
    pictures = tuple(to_array(picture.filled) for picture in done)
    table = tuple(format_scores(scores, options.seed))
    if path is not None:
        files = zip(single_names(chosen.names, ""), pictures, strict=True)
        folder = save_outcome(path, sheet, numbers, list(files))
        _say_filled(len(done), folder, how, options)
        say_result(options.reporter, table)
        options.reporter.say(f"Sheet: {path}")
    return Reconstruction(
        sheet, chosen.names, numbers, path, pictures=pictures, scores=scores, table=table
    )


def _fill_each(
    loaded: LoadedModel,
    chosen: ChosenPictures,
    holes: Sequence[Tensor],
    how: HoleSettings,
    distance: Distance | None,
    options: ReconstructOptions,
) -> list[_HolePicture]:
    """Fill one picture after another, since their sizes differ."""
    done: list[_HolePicture] = []
    for name, picture, hole in zip(chosen.names, chosen.whole, holes, strict=True):
        filled = inpaint(loaded, picture, hole, how, options.device, name)
        truth = picture[None].float() / 255
        # Measured and shown beside the model: what comes out without learning.
        trivial = fill_trivially(truth, hole[None, None])
        fills = {MODEL: filled[None].float() / 255, **trivial}
        scores = _score(fills, truth, hole, distance)
        done.append(_HolePicture(name, picture, hole, filled, fills, scores))
        options.reporter.progress("fill", len(done), len(chosen.names), name)
    options.reporter.finish()
    return done


def _say_filled(
    count: int, folder: Path | None, how: HoleSettings, options: ReconstructOptions
) -> None:
    options.reporter.say(
        f"{count_of(count, 'picture')} filled into {folder}, --fit {how.fit}, --cover {how.cover};"
        " compared with what was given:"
    )


def _compare(scores: dict[str, PixelScores], seed: int) -> dict[str, Any]:
    """The numbers of every fill, and the model's lead in PSNR over the others, ready for JSON."""
    # Paired, because the same hole is easy or hard for all fills.
    leads = {
        label: scores[MODEL].psnr - score.psnr for label, score in scores.items() if label != MODEL
    }
    return {
        "filled_by": {label: score.to_dict(seed) for label, score in scores.items()},
        "psnr_of_model_minus": {
            label: bootstrap_interval(lead, seed).to_dict() for label, lead in leads.items()
        },
    }


def _score(
    fills: dict[str, Tensor], truth: Tensor, hole: Tensor, distance: Distance | None
) -> dict[str, PixelScores]:
    return {
        label: score_pixels(fill, truth, hole[None, None], distance)
        for label, fill in fills.items()
    }


def _sheet(
    done: Sequence[_HolePicture], loaded: LoadedModel, how: HoleSettings, errors: bool
) -> np.ndarray:
    lines: list[GridLine] = []
    for index in spread(len(done), MOST_LINES):
        # Titles stand above the first line only.
        lines.append(_line(done[index], errors, with_titles=not lines))
    return picture_grid(lines, _notes(loaded, how, len(done), errors))


def _line(picture: _HolePicture, errors: bool, *, with_titles: bool) -> GridLine:
    """Original and hole, then each fill and the model's error, seen close around the hole."""
    truth, near = picture.picture.float() / 255, _around(picture.hole)
    titles = ["Picture", "Hole", *(label.capitalize() for label in picture.fills)]
    # The whole picture first; fills are cut to the hole and what surrounds it.
    tiles: list[np.ndarray | None] = [
        to_tile(truth),
        to_tile(truth, picture.hole[None]),
        *(to_tile(fill[0][near]) for fill in picture.fills.values()),
    ]
    captions = [picture.name, f"{float(picture.hole.float().mean()):.0%} hidden"]
    for label in picture.fills:
        captions.append(f"PSNR {float(picture.scores[label].psnr[0]):.1f} dB")
    if errors:
        titles.append("Error of model")
        tiles.append(error_tile(picture.fills[MODEL][0][near], truth[near]))
        captions.append("")
    return GridLine(tiles, captions, titles if with_titles else ())


def _around(hole: Tensor) -> tuple[slice, ...]:
    """The part of a (C, h, w) picture around its hole, so that small holes are seen large."""
    # The rows and columns that hold some of it.
    rows, cols = (hole.any(axis).nonzero()[:, 0] for axis in (1, 0))
    # A quarter of the hole and a little more, so that one sees what the fill has to fit to.
    margin = 8 + max(int(rows[-1] - rows[0]), int(cols[-1] - cols[0])) // 4
    return slice(None), *(
        slice(max(0, int(ids[0]) - margin), int(ids[-1]) + 1 + margin) for ids in (rows, cols)
    )


def _notes(loaded: LoadedModel, how: HoleSettings, count: int, errors: bool) -> list[Note]:
    size = "x".join(map(str, loaded.model.grid.image_size))
    ways = {
        "resize": f"fit resize: the picture was brought to {size} and the fill back up",
        "tile": f"fit tile: windows of {size} at full resolution, overlapping by half",
    }
    some = f" ({MOST_LINES} of {count} pictures, evenly spread)" if count > MOST_LINES else ""
    notes = [
        Note(f"{ways[how.fit]}   |   cover {how.cover}   |   feather {how.feather} pixels{some}"),
        Note(
            "PSNR over the hole, against the picture as given (no measure of how well damage was"
            " mended); fills shown close to the hole"
        ),
        Note(DENORMALIZATION[_stats(loaded)]),
    ]
    if errors:
        notes.append(Note(ERROR_NOTE))
    return notes


def _facts(
    chosen: ChosenPictures, holes: Sequence[Tensor], how: HoleSettings, loaded: LoadedModel
) -> dict[str, Any]:
    """What was filled and how, ready for JSON."""
    return {
        "pictures": list(chosen.names),
        "skipped": list(chosen.skipped),
        "hidden_share": [round(float(hole.float().mean()), 6) for hole in holes],
        "fit": how.fit,
        "cover": how.cover,
        "feather": how.feather,
        "stats": _stats(loaded),
        "psnr_over": "hole",
        "ssim_of": "whole picture",
        "interval": "95% bootstrap over pictures",
    }


def _stats(loaded: LoadedModel) -> Stats:
    # A hole has no known statistics: those of visible patches are the only honest ones.
    return "visible" if loaded.model.target.traits.needs_stats else "raw"
