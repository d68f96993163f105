"""Masked pictures filled in by one or several models: the sheet, the numbers and the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.data.store.splits import spread
from maskwright.evaluation.pixel_scores import PixelScores
from maskwright.patches import PatchMask
from maskwright.support.plurals import count_of
from maskwright.support.reporting import Reporter, say_result
from maskwright.visual.reconstructions import SheetFacts, reconstruction_sheet
from maskwright.weights.checkpoint import LoadedModel
from maskwright.workflows.filling.arms import Candidate, MaskChoice, untrained
from maskwright.workflows.filling.comparison_sheet import comparison_sheet, pictures_shown
from maskwright.workflows.filling.filled import FilledArm, score_untrained_fills
from maskwright.workflows.filling.outcome import (
    Reconstruction,
    ReconstructOptions,
    open_distance,
    save_outcome,
)
from maskwright.workflows.filling.side_by_side import compare_arms, fill_arms, format_arms
from maskwright.workflows.loading.chosen_pictures import ChosenPictures

# Pictures on the sheet of a single arm.
MOST_ROWS = 12


def compare_models(
    models: Sequence[Candidate],
    first: LoadedModel,
    masks: dict[MaskChoice, PatchMask],
    chosen: ChosenPictures,
    path: Path | None,
    options: ReconstructOptions,
) -> Reconstruction:
    """Let every model fill in the pictures under all masks, and compare what comes out.

    first: the model that the others must match.
    path: of the sheet; None writes nothing.
    """
    distance, why_not = open_distance(options)
    arms = fill_arms(models, first, masks, chosen, options, distance)
    # How far one comes without learning, under the same masks.
    trivial = {
        choice: score_untrained_fills(chosen.images, mask, first.model.grid, distance)
        for choice, mask in masks.items()
    }
    fresh = untrained(masks, first)
    draw_sheet = comparison_sheet if len(arms) > 1 else _sheet
    sheet = draw_sheet(arms, chosen.names, options.seed, options.errors, fresh)
    numbers = _numbers(
        arms,
        trivial,
        options.seed,
        pictures=list(chosen.names),
        skipped=list(chosen.skipped),
        lpips=why_not or "alex",
    )
    # The key keeps its old name, so that readers of earlier files find it.
    numbers["untaught_policies"] = list(fresh)
    table = tuple(format_arms(arms, trivial, options.seed))
    if path is not None:
        save_outcome(path, sheet, numbers)
        _report(arms, table, path, options.reporter)
    return Reconstruction(sheet, chosen.names, numbers, path, arms=arms, table=table)


def _sheet(
    arms: Sequence[FilledArm], names: Sequence[str], seed: int, errors: bool, fresh: Sequence[str]
) -> np.ndarray:
    arm = arms[0]
    scores = arm.result.captions()
    rows = []
    for picture in spread(len(arm.rows), MOST_ROWS):
        caption = f"{names[picture]}   {scores[picture]}"
        rows.append(arm.rows[picture].with_caption(caption))
    policy = f"{arm.policy} (as it begins, untrained)" if fresh else arm.policy
    facts = SheetFacts(policy=policy, ratio=arm.ratio, seed=seed)
    return reconstruction_sheet(rows, facts, errors=errors)


def _numbers(
    arms: Sequence[FilledArm],
    trivial: Mapping[MaskChoice, dict[str, PixelScores]],
    seed: int,
    **facts: Any,
) -> dict[str, Any]:
    """Everything measured, ready for JSON; the numbers of a single arm also stand at the top."""
    # Programs that know a single arm only read the top level.
    top = {"policy": arms[0].policy, **arms[0].result.to_dict(seed)} if len(arms) == 1 else {}
    fills = []
    for choice, by_name in trivial.items():
        numbers = {name: scores.to_dict(seed) for name, scores in by_name.items()}
        fills.append({"policy": choice.policy, "ratio": choice.ratio, "filled_by": numbers})
    return {
        **facts,
        "seed": seed,
        **top,
        "arms": compare_arms(arms, seed),
        "without_learning": fills,
    }


def _report(
    arms: Sequence[FilledArm], table: Sequence[str], path: Path, reporter: Reporter
) -> None:
    count = len(arms[0].rows)
    # A sheet may have room for fewer pictures than were measured.
    most = MOST_ROWS if len(arms) == 1 else len(pictures_shown(arms))
    shown = f" of {most} of them" if count > most else ""
    reporter.say(
        f"{count_of(count, 'picture')}, means over pictures with 95% intervals; PSNR and HF error"
        " over hidden pixels, SSIM of the composite"
    )
    say_result(reporter, table)
    reporter.say(f"Sheet{shown}: {path}")
