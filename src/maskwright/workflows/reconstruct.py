"""Filling in pictures with trained models: masked by policies, in full, or in painted holes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from maskwright.masking.given import Cover
from maskwright.support.environment import pick_device
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import LogReporter, Reporter
from maskwright.weights.checkpoint import LoadedModel
from maskwright.weights.hints import Hints, Target
from maskwright.workflows.building.policies import ALL
from maskwright.workflows.filling.arms import (
    Candidate,
    choose_masks,
    find_models,
    is_model,
    needed_maps,
)
from maskwright.workflows.filling.fill_holes import fill_holes
from maskwright.workflows.filling.full_picture import reconstruct_fully
from maskwright.workflows.filling.inpaint import Fit, HoleSettings
from maskwright.workflows.filling.masked_pictures import compare_models
from maskwright.workflows.filling.outcome import (
    Reconstruction,
    ReconstructOptions,
    place_for,
)
from maskwright.workflows.filling.side_by_side import draw_choices
from maskwright.workflows.loading.chosen_pictures import choose_pictures, is_array
from maskwright.workflows.loading.pictures import reading_for

MASK_STATS = ("visible", "target")


def reconstruct(
    run: str | Path | Sequence[str | Path],
    images: Any,
    *,
    out: str | Path | None = None,
    mask: Any = None,
    cover: Cover | None = None,
    fit: Fit | None = None,
    feather: int | None = None,
    full: bool = False,
    policy: str | Sequence[str] | None = None,
    ratio: float | str | Sequence[float] | None = None,
    epochs: str | Sequence[int] | None = None,
    errors: bool = False,
    lpips: str | None = None,
    stats: Literal["visible", "target"] = "visible",
    device: str = "auto",
    seed: int = 0,
    target: Target | None = None,
    value_range: str | None = None,
    pages: str | None = None,
    reporter: Reporter | None = None,
) -> Reconstruction:
    """Mask pictures and let one or several models fill them in.

    run: a run or checkpoint, or several, which get the same masks; runs at the head of `images`
        join them.
    images: paths of pictures, folders, archives or a prepared store (with its maps), or uint8
        images (N, H, W, C) as an array. policy and ratio: the first run's own by default; several,
        as lists or `random; block(size=2)` and `0.25,0.5`, stand side by side, and policy `all` is
        every policy that can be used.
    epochs: `all` or `20,50`, the checkpoints that a run kept.
    mask: a hole painted in white, for all pictures or a folder of them, filled at the pictures' own
        size; cover, fit and feather: see `HoleSettings`.
    full: predict every pixel under several masks and average.
    errors: show how wrong each pixel is.
    lpips: measure it with these weights (`imagenet` or a file).
    stats: how normalized predictions become pixels, `visible` (nothing leaks) or `target` (an
        oracle, labeled so).
    target: what the models predict, for foreign files that do not say.
    value_range, pages: as for pretrain (default: the first run's range). Without a mask pictures
        are shrunk and center-cropped to the model's size. At most 256 are measured and fewer shown,
        evenly spread over all. Writes a PNG and a JSON beside it; for arrays only when `out` is
        given.
    """
    reporter = reporter or LogReporter()
    if stats not in MASK_STATS:
        raise MaskwrightError(f"stats is visible or target; got '{stats}'.")
    options = ReconstructOptions(
        stats=stats,
        device=pick_device(device),
        seed=seed,
        errors=errors,
        lpips=lpips,
        reporter=reporter,
    )
    runs, images = _sort_out(run, images)
    hints = Hints(target=target)
    first = Candidate("", runs[0], hints).load()
    options = replace(options, reading=reading_for(first.settings, value_range, pages))
    if mask is not None:
        others = {
            "--full": full,
            "--policy": policy,
            "--ratio": ratio,
            "--epochs": epochs,
            "--stats target": stats == "target",
        }
        _refuse(
            "--mask fills one hole by one model; leave out {}.",
            {**others, "the other runs": len(runs) > 1},
        )
        how = HoleSettings(
            cover=cover or "any", fit=fit or "resize", feather=4 if feather is None else feather
        )
        return fill_holes(first, runs[0], images, mask, how, out, options)
    hole = {
        "--cover": cover,
        "--fit": fit,
        "--feather": None if feather is None else str(feather),
    }  # 0 is given too
    _refuse("{} says how a painted hole is filled; add --mask HOLE.png.", hole)
    return _fill_masked(
        runs, find_models(runs, epochs, hints), first, images, policy, ratio, full, out, options
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
    """Mask by policies and fill in: in full by one model, or by every model under all masks."""
    choices, everything = choose_masks(policy, ratio, first), policy == ALL
    if full and (len(models) > 1 or len(choices) > 1):
        raise MaskwrightError(
            "--full averages the masks of one policy at one ratio by one model; name one of each."
        )
    # With `all`, policies whose maps these pictures lack are listed instead of refused.
    chosen = choose_pictures(
        images,
        first,
        needed_maps(choices, first, skip=everything),
        only_there=everything,
        reading=options.reading,
        reporter=options.reporter,
    )
    if full:
        path = place_for(runs[0], images, out, chosen.names, "-full")
        return reconstruct_fully(models[0].load(), runs[0], choices[0], chosen, path, options)
    # Named by what was asked for, also where some policies are left out below.
    suffix = "-arms" if len(models) * len(choices) > 1 else ""
    path = place_for(runs[0], images, out, chosen.names, suffix)
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
