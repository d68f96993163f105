"""Filling painted holes of pictures: the model beside fills that learn nothing, on one sheet, each
filled picture as a PNG.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from maskwright.data.store.splits import spread
from maskwright.evaluation.fillers import fill_trivially
from maskwright.evaluation.metrics import bootstrap_interval
from maskwright.evaluation.pixel_scores import Distance, PixelScores, join_scores, score_pixels
from maskwright.patches.prediction import Stats
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
    count_pictures,
    format_scores,
    open_distance,
    place_for,
    save_outcome,
    single_names,
    to_array,
)
from maskwright.workflows.loading.chosen_pictures import ChosenPictures, choose_pictures

MODEL = "model"
MOST_LINES = 12


def fill_holes(
    loaded: LoadedModel,
    run: str,
    images: Any,
    mask: Any,
    how: HoleSettings,
    out: str | Path | None,
    options: ReconstructOptions,
) -> Reconstruction:
    """Fill the hole of every picture, measure it and other fills against the picture as given, and
    write what is to be seen.
    """
    reporter = options.reporter
    chosen = choose_pictures(
        images, loaded, keep_whole=True, reading=options.reading, reporter=reporter
    )
    holes = read_holes(
        mask, chosen.names, [(one.shape[1], one.shape[2]) for one in chosen.whole], reporter
    )
    distance, why_not = open_distance(options)
    filled: list[Tensor] = []
    parts: list[dict[str, PixelScores]] = []
    lines: list[GridLine] = []
    shown = set(spread(len(chosen.names), MOST_LINES))
    for number, (name, picture, hole) in enumerate(
        zip(chosen.names, chosen.whole, holes, strict=True)
    ):
        filled.append(inpaint(loaded, picture, hole, how, options.device, name))
        fills = {
            MODEL: filled[-1][None].float() / 255,
            **fill_trivially(picture[None].float() / 255, hole[None, None]),
        }
        parts.append(_score(fills, picture, hole, distance))
        if number in shown:
            lines.append(
                _line(name, picture, hole, fills, parts[-1], options.errors, with_titles=not lines)
            )
        reporter.progress("fill", number + 1, len(chosen.names), name)
    reporter.finish()
    scores = {label: join_scores([part[label] for part in parts]) for label in parts[0]}
    sheet = picture_grid(lines, _notes(loaded, how, len(chosen.names), options.errors))
    place = str(mask) if isinstance(mask, (str, Path)) else None
    facts = {
        "run": run,
        "mask": place,
        **_facts(chosen, holes, how, loaded),
        "seed": options.seed,
        "lpips": why_not or "alex",
    }
    numbers = {**facts, **_compare(scores, options.seed)}
    path = place_for(run, images, out, chosen.names, "-filled")
    pictures = tuple(to_array(one) for one in filled)
    if path is not None:
        folder = save_outcome(
            path, sheet, numbers, list(zip(single_names(chosen.names, ""), pictures, strict=True))
        )
        reporter.say(
            f"{count_pictures(len(filled))} filled into {folder}, --fit {how.fit}, --cover"
            f" {how.cover}; compared with what was given:"
        )
        for line in format_scores(scores, options.seed):
            reporter.say(line)
        reporter.say(f"Sheet: {path}")
    return Reconstruction(sheet, chosen.names, numbers, path, pictures=pictures, scores=scores)


def _compare(scores: dict[str, PixelScores], seed: int) -> dict[str, Any]:
    """The numbers of every fill, and by how much the model's PSNR exceeds the others', paired over
    pictures, ready for JSON.
    """
    leads = {
        label: scores[MODEL].psnr - one.psnr for label, one in scores.items() if label != MODEL
    }
    return {
        "filled_by": {label: one.to_dict(seed) for label, one in scores.items()},
        "psnr_of_model_minus": {
            label: bootstrap_interval(lead, seed).to_dict() for label, lead in leads.items()
        },
    }


def _score(
    fills: dict[str, Tensor], picture: Tensor, hole: Tensor, distance: Distance | None
) -> dict[str, PixelScores]:
    truth = picture[None].float() / 255
    return {
        label: score_pixels(fill, truth, hole[None, None], distance)
        for label, fill in fills.items()
    }


def _line(
    name: str,
    picture: Tensor,
    hole: Tensor,
    fills: dict[str, Tensor],
    scores: dict[str, PixelScores],
    errors: bool,
    *,
    with_titles: bool,
) -> GridLine:
    """Original and hole, then each fill and the error of the model's, seen close around
    the hole.
    """
    truth, near = picture.float() / 255, _around(hole)
    titles = ["Picture", "Hole", *(label.capitalize() for label in fills)]
    tiles: list[np.ndarray | None] = [
        to_tile(truth),
        to_tile(truth, hole[None]),
        *(to_tile(fill[0][near]) for fill in fills.values()),
    ]
    captions = [name, f"{float(hole.float().mean()):.0%} hidden"]
    captions += [f"PSNR {float(scores[label].psnr[0]):.1f} dB" for label in fills]
    if errors:
        titles.append("Error of model")
        tiles.append(error_tile(fills[MODEL][0][near], truth[near]))
        captions.append("")
    return GridLine(tiles, captions, titles if with_titles else ())


def _around(hole: Tensor) -> tuple[slice, ...]:
    """The part of a (C, h, w) picture around its hole, so that small holes are seen large."""
    rows, cols = (hole.any(axis).nonzero()[:, 0] for axis in (1, 0))
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
    return [
        Note(f"{ways[how.fit]}   |   cover {how.cover}   |   feather {how.feather} pixels{some}"),
        Note(
            "PSNR over the hole, against the picture as given (no measure of how well damage was"
            " mended); fills shown close to the hole"
        ),
        Note(DENORMALIZATION[_stats(loaded)]),
        *([Note(ERROR_NOTE)] if errors else []),
    ]


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
    return "raw" if loaded.model.config.target == "raw" else "visible"
