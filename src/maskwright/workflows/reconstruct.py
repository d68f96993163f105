"""Filling in pictures with trained models: masked by policies, in full, or in painted holes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from maskwright.components.policy_text import hides_components
from maskwright.support.environment import pick_device
from maskwright.support.errors import MaskwrightError
from maskwright.support.notebook import usual_reporter
from maskwright.support.reporting import Reporter
from maskwright.weights.checkpoint import LoadedModel
from maskwright.weights.hints import Hints
from maskwright.workflows.building.policies import ALL
from maskwright.workflows.filling.arms import (
    Candidate,
    check_fills,
    choose_masks,
    find_models,
    is_model,
    needed_maps,
)
from maskwright.workflows.filling.component_pictures import reconstruct_components
from maskwright.workflows.filling.fill_holes import fill_holes
from maskwright.workflows.filling.full_picture import reconstruct_fully
from maskwright.workflows.filling.inpaint import HoleSettings
from maskwright.workflows.filling.masked_pictures import compare_models
from maskwright.workflows.filling.outcome import (
    Reconstruction,
    ReconstructOptions,
    sheet_path,
)
from maskwright.workflows.filling.side_by_side import draw_choices
from maskwright.workflows.loading.chosen_pictures import PictureRequest, choose_pictures, is_array
from maskwright.workflows.loading.pictures import reading_for
from maskwright.workflows.runs.locate import load_any
from maskwright.workflows.settings.arguments import takes
from maskwright.workflows.settings.reconstruct_settings import ReconstructSettings


@takes(ReconstructSettings, "run", "images")
def reconstruct(settings: ReconstructSettings, reporter: Reporter | None = None) -> Reconstruction:
    """Mask pictures and let one or several models fill them in.

    Runs at the head of `images` join those of `run`; all of them get the same masks. `images` may
    be uint8 images (N, H, W, C) as an array, too. Several policies and ratios, as lists or
    `random; block(size=2)` and `0.25,0.5`, stand side by side. A painted hole is filled at the
    pictures' own size; without one pictures are shrunk and center-cropped to the model's size. At
    most 256 are measured and fewer shown, evenly spread over all. Writes a PNG and a JSON beside
    it; for arrays only when `out` is given. Raises MaskwrightError for what a user can mend.
    """
    reporter = reporter or usual_reporter()
    options = ReconstructOptions(
        stats=settings.stats,
        device=pick_device(settings.device),
        seed=settings.seed,
        errors=settings.errors,
        lpips=settings.lpips,
        reporter=reporter,
        out=settings.out,
    )
    runs, images = _sort_out(settings.run, settings.images)
    hints = Hints(target=settings.target)
    first = load_any(runs[0], hints)
    is_about_components = hides_components(first.settings.get("policy"))
    if not is_about_components:
        check_fills(first, runs[0])
    options = replace(
        options, reading=reading_for(first.settings, settings.value_range, settings.pages)
    )
    if is_about_components:
        return _show_components(settings, runs, first, images, options)
    if settings.mask is not None:
        hole = _hole_settings(settings, len(runs))
        return fill_holes(first, runs[0], images, settings.mask, hole, options)
    _refuse_hole_settings(settings)
    models = find_models(runs, settings.epochs, hints)
    return _fill_masked(settings, runs, models, first, images, options)


def _show_components(
    settings: ReconstructSettings,
    runs: Sequence[str],
    first: LoadedModel,
    images: Any,
    options: ReconstructOptions,
) -> Reconstruction:
    """What a run that hides components makes of pictures; it has no holes and stands alone."""
    _refuse_hole_settings(settings)
    others = {"the other runs": len(runs) > 1}
    _refuse("A run that hides components stands alone; leave out {}.", others)
    return reconstruct_components(replace(settings, run=runs[0]), first, images, options)


def _hole_settings(settings: ReconstructSettings, num_runs: int) -> HoleSettings:
    """How the painted hole is filled; refuses what means nothing beside one."""
    others = {
        "--full": settings.full,
        "--policy": settings.policy,
        "--ratio": settings.ratio,
        "--epochs": settings.epochs,
        "--stats target": settings.stats == "target",
        "the other runs": num_runs > 1,
    }
    _refuse("--mask fills one hole by one model; leave out {}.", others)
    return HoleSettings(
        cover=settings.cover or "any",
        fit=settings.fit or "resize",
        feather=4 if settings.feather is None else settings.feather,
    )


def _refuse_hole_settings(settings: ReconstructSettings) -> None:
    """Refuse what means nothing without a painted hole."""
    hole = {
        "--cover": settings.cover,
        "--fit": settings.fit,
        # 0 is given too, so it is text here.
        "--feather": None if settings.feather is None else str(settings.feather),
    }
    _refuse("{} says how a painted hole is filled; add --mask HOLE.png.", hole)


def _fill_masked(
    settings: ReconstructSettings,
    runs: Sequence[str],
    models: Sequence[Candidate],
    first: LoadedModel,
    images: Any,
    options: ReconstructOptions,
) -> Reconstruction:
    """Mask by policies and fill in: in full by one model, or by every model under all masks."""
    choices = choose_masks(settings.policy, settings.ratio, first)
    if settings.full and (len(models) > 1 or len(choices) > 1):
        raise MaskwrightError(
            "--full averages the masks of one policy at one ratio by one model; name one of each."
        )
    # With `all`, policies whose maps these pictures lack are listed instead of refused.
    everything = settings.policy == ALL
    maps = needed_maps(choices, first, skip=everything)
    request = PictureRequest(maps=maps, only_there=everything, reading=options.reading)
    chosen = choose_pictures(images, first, request, options.reporter)
    if settings.full:
        path = sheet_path(runs[0], images, options.out, chosen.names, "-full")
        return reconstruct_fully(models[0].load(), runs[0], choices[0], chosen, path, options)
    # Named by what was asked for, also where some policies are left out below.
    suffix = "-arms" if len(models) * len(choices) > 1 else ""
    path = sheet_path(runs[0], images, options.out, chosen.names, suffix)
    masks = draw_choices(choices, first, runs[0], chosen, options, skip=everything)
    return compare_models(models, first, masks, chosen, path, options)


def _sort_out(run: str | Path | Sequence[str | Path], images: Any) -> tuple[list[str], Any]:
    """Runs, with those that stand at the head of the pictures, and the pictures that are left."""
    runs = [str(run)] if isinstance(run, (str, Path)) else list(map(str, run))
    if is_array(images) or isinstance(images, (str, Path)):
        pictures: Any = images
    else:
        # `maskwright reconstruct RUN1 RUN2 PICTURE`: what is a model is no picture.
        pictures = list(images)
        while pictures and is_model(pictures[0]):
            runs.append(str(pictures.pop(0)))
    if not runs:
        raise MaskwrightError("Name at least one run or checkpoint.")
    if not is_array(pictures) and not pictures:
        raise MaskwrightError(
            "No pictures to reconstruct: after the runs name pictures, a folder or a prepared"
            " store."
        )
    return runs, pictures


def _refuse(sentence: str, given: Mapping[str, Any]) -> None:
    """Raise MaskwrightError when options were given that do not go with the others."""
    # 0 equals False, so numbers come as text.
    named = [name for name, value in given.items() if value not in (None, False)]
    if named:
        raise MaskwrightError(sentence.format(" and ".join(named)))
