"""Filling in pictures with trained models: masked by policies, side by side, in full, or where a
person painted a hole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.data.store.splits import spread
from maskwright.evaluation.pixel_scores import PixelScores
from maskwright.support.environment import pick_device
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import LogReporter, Reporter
from maskwright.visual.reconstructions import SheetFacts, reconstruction_sheet
from maskwright.weights.checkpoint import LoadedModel
from maskwright.weights.hints import Hints
from maskwright.workflows.building.policies import ALL
from maskwright.workflows.filling.arms import (
    Candidate,
    MaskChoice,
    choose_masks,
    find_models,
    is_model,
    needed_maps,
    untaught,
)
from maskwright.workflows.filling.fill_holes import fill_holes
from maskwright.workflows.filling.filled import Filled, fill_by_nothing
from maskwright.workflows.filling.full_picture import reconstruct_fully
from maskwright.workflows.filling.inpaint import HoleSettings
from maskwright.workflows.filling.outcome import (
    Reconstruction,
    ReconstructOptions,
    count_pictures,
    open_distance,
    place_for,
    save_outcome,
)
from maskwright.workflows.filling.side_by_side import (
    compare_arms,
    comparison_sheet,
    draw_choices,
    fill_arms,
    format_arms,
    pictures_shown,
)
from maskwright.workflows.loading.chosen_pictures import choose_pictures, is_array
from maskwright.workflows.loading.pictures import reading_for
from maskwright.workflows.settings.arguments import takes
from maskwright.workflows.settings.reconstruct_settings import ReconstructSettings

MOST_ROWS = 12


@takes(ReconstructSettings, "run", "images")
def reconstruct(settings: ReconstructSettings, reporter: Reporter | None = None) -> Reconstruction:
    """Mask pictures and let one or several models fill them in.

    Runs at the head of `images` join those of `run`; all of them get the same masks. `images` may
    be uint8 images (N, H, W, C) as an array, too. Several policies and ratios, as lists or
    `random; block(size=2)` and `0.25,0.5`, stand side by side. A painted hole is filled at the
    pictures' own size; without one pictures are shrunk and center-cropped to the model's size. At
    most 256 are measured and fewer shown, evenly spread over all. Writes a PNG and a JSON beside
    it; for arrays only when `out` is given.

    Raises MaskwrightError for what a user can mend.
    """
    reporter = reporter or LogReporter()
    options = ReconstructOptions(
        stats=settings.stats,
        device=pick_device(settings.device),
        seed=settings.seed,
        errors=settings.errors,
        lpips=settings.lpips,
        reporter=reporter,
    )
    runs, images = _sort_out(settings.run, settings.images)
    hints = Hints(target=settings.target)
    first = Candidate("", runs[0], hints).load()
    options = replace(
        options, reading=reading_for(first.settings, settings.value_range, settings.pages)
    )
    if settings.mask is not None:
        others = {
            "--full": settings.full,
            "--policy": settings.policy,
            "--ratio": settings.ratio,
            "--epochs": settings.epochs,
            "--stats target": settings.stats == "target",
        }
        _refuse(
            "--mask fills one hole by one model; leave out {}.",
            {**others, "the other runs": len(runs) > 1},
        )
        how = HoleSettings(
            cover=settings.cover or "any",
            fit=settings.fit or "resize",
            feather=4 if settings.feather is None else settings.feather,
        )
        return fill_holes(first, runs[0], images, settings.mask, how, settings.out, options)
    hole = {
        "--cover": settings.cover,
        "--fit": settings.fit,
        # 0 is given too, so it is text here.
        "--feather": None if settings.feather is None else str(settings.feather),
    }
    _refuse("{} says how a painted hole is filled; add --mask HOLE.png.", hole)
    return _fill_masked(
        runs,
        find_models(runs, settings.epochs, hints),
        first,
        images,
        settings.policy,
        settings.ratio,
        settings.full,
        settings.out,
        options,
    )


def _fill_masked(
    runs: Sequence[str],
    models: Sequence[Candidate],
    first: LoadedModel,
    images: Any,
    policy: str | Sequence[str] | None,
    ratio: Any,
    full: bool,
    out: str | Path | None,
    options: ReconstructOptions,
) -> Reconstruction:
    """Mask by policies and fill in: in full by one model, or every model under every choice of
    masks.
    """
    choices, everything = choose_masks(policy, ratio, first), policy == ALL
    if full and (len(models) > 1 or len(choices) > 1):
        raise MaskwrightError(
            "--full averages the masks of one policy at one ratio by one model; name one of each."
        )
    maps = needed_maps(choices, first, skip=everything)
    chosen = choose_pictures(
        images,
        first,
        maps,
        only_there=everything,
        reading=options.reading,
        reporter=options.reporter,
    )
    suffix = "-full" if full else "-arms" if len(models) * len(choices) > 1 else ""
    path = place_for(runs[0], images, out, chosen.names, suffix)
    if full:
        return reconstruct_fully(models[0].load(), runs[0], choices[0], chosen, path, options)
    distance, why_not = open_distance(options)
    masks = draw_choices(
        choices, first, runs[0], chosen, options.seed, skip=everything, reporter=options.reporter
    )
    arms = fill_arms(models, first, masks, chosen, options.stats, options.device, distance)
    trivial = {
        choice: fill_by_nothing(chosen.images, one, first.model.grid, distance)
        for choice, one in masks.items()
    }
    fresh = untaught(masks, first)
    sheet = (comparison_sheet if len(arms) > 1 else _sheet)(
        arms, chosen.names, options.seed, options.errors, fresh
    )
    numbers = _numbers(
        arms,
        trivial,
        options.seed,
        pictures=list(chosen.names),
        skipped=list(chosen.skipped),
        lpips=why_not or "alex",
    )
    numbers["untaught_policies"] = list(fresh)
    if path is not None:
        save_outcome(path, sheet, numbers)
        _tell(arms, trivial, path, options.seed, options.reporter)
    return Reconstruction(sheet, chosen.names, numbers, path, arms=arms)


def _sort_out(run: str | Path | Sequence[str | Path], images: Any) -> tuple[list[str], Any]:
    """Runs, with those that stand at the head of the pictures, and the pictures that are left."""
    runs = [str(run)] if isinstance(run, (str, Path)) else [str(one) for one in run]
    if is_array(images) or isinstance(images, (str, Path)):
        rest: Any = images
    else:
        rest = list(images)
        while rest and is_model(rest[0]):
            runs.append(str(rest.pop(0)))
    if not runs:
        raise MaskwrightError("Name at least one run or checkpoint.")
    if not is_array(rest) and not rest:
        raise MaskwrightError(
            "No pictures to reconstruct: after the runs name pictures, a folder or a prepared"
            " store."
        )
    return runs, rest


def _refuse(sentence: str, given: Mapping[str, Any]) -> None:
    """Raise MaskwrightError when options were given that do not go with the others."""
    named = [name for name, value in given.items() if value not in (None, False)]
    if named:
        raise MaskwrightError(sentence.format(" and ".join(named)))


def _sheet(
    arms: Sequence[Filled], names: Sequence[str], seed: int, errors: bool, fresh: Sequence[str]
) -> np.ndarray:
    arm = arms[0]
    captions = [f"{name}   {told}" for name, told in zip(names, arm.result.captions(), strict=True)]
    rows = [
        arm.rows[picture].with_caption(captions[picture])
        for picture in spread(len(arm.rows), MOST_ROWS)
    ]
    return reconstruction_sheet(
        rows,
        SheetFacts(
            policy=f"{arm.policy} (as it begins, untrained)" if fresh else arm.policy,
            ratio=arm.ratio,
            seed=seed,
        ),
        errors=errors,
    )


def _numbers(
    arms: Sequence[Filled],
    trivial: Mapping[MaskChoice, dict[str, PixelScores]],
    seed: int,
    **facts: Any,
) -> dict[str, Any]:
    """Everything measured, ready for JSON; the numbers of a single arm also stand at the top."""
    top = {"policy": arms[0].policy, **arms[0].result.to_dict(seed)} if len(arms) == 1 else {}
    fills = [
        {
            "policy": choice.policy,
            "ratio": choice.ratio,
            "filled_by": {name: scores.to_dict(seed) for name, scores in by_name.items()},
        }
        for choice, by_name in trivial.items()
    ]
    return {
        **facts,
        "seed": seed,
        **top,
        "arms": compare_arms(arms, seed),
        "without_learning": fills,
    }


def _tell(
    arms: Sequence[Filled],
    trivial: Mapping[MaskChoice, dict[str, PixelScores]],
    path: Path,
    seed: int,
    reporter: Reporter,
) -> None:
    count = len(arms[0].rows)
    most = MOST_ROWS if len(arms) == 1 else len(pictures_shown(arms))
    shown = f" of {most} of them" if count > most else ""
    reporter.say(
        f"{count_pictures(count)}, means over pictures with 95% intervals; PSNR and HF error over"
        " hidden pixels, SSIM of the composite"
    )
    for line in format_arms(arms, trivial, seed):
        reporter.say(line)
    reporter.say(f"Sheet{shown}: {path}")
