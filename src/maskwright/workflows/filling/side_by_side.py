"""Models, policies, ratios and epochs side by side: masked alike, filled, compared in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from maskwright.evaluation.metrics import bootstrap_interval
from maskwright.evaluation.pixel_scores import Distance, PixelScores
from maskwright.patches import PatchMask
from maskwright.support.errors import MaskwrightError
from maskwright.support.text_table import format_table
from maskwright.weights.checkpoint import LoadedModel
from maskwright.workflows.filling.arms import Candidate, MaskChoice
from maskwright.workflows.filling.filled import FilledArm, fill_pictures, format_mean
from maskwright.workflows.filling.mask_for import MaskedPictures, mask_for
from maskwright.workflows.filling.outcome import ReconstructOptions
from maskwright.workflows.loading.chosen_pictures import ChosenPictures


def draw_choices(
    choices: Sequence[MaskChoice],
    loaded: LoadedModel,
    place: str,
    chosen: ChosenPictures,
    options: ReconstructOptions,
    *,
    skip: bool = False,
) -> dict[MaskChoice, PatchMask]:
    """Draw the masks of every choice once, by the first model, for all models.

    skip: leave out, and list, policies that cannot be used here.
    """
    pictures = MaskedPictures(chosen.images, chosen.priors, chosen.names)
    masks: dict[MaskChoice, PatchMask] = {}
    for choice in choices:
        try:
            masks[choice] = mask_for(loaded, place, choice, pictures, options.seed)
        except MaskwrightError as error:
            if not skip:
                raise
            options.reporter.warn(f"{choice.policy} left out: {error}")
    # With skip every policy may have been left out.
    if not masks:
        raise MaskwrightError("None of the policies can be used on these pictures.")
    return masks


def fill_arms(
    models: Sequence[Candidate],
    first: LoadedModel,
    masks: dict[MaskChoice, PatchMask],
    chosen: ChosenPictures,
    options: ReconstructOptions,
    distance: Distance | None = None,
) -> tuple[FilledArm, ...]:
    """Let every model fill in the pictures under every choice of masks."""
    arms: list[FilledArm] = []
    for model in models:
        # One model after another, so that a single one is in memory.
        loaded = model.load(like=first)
        for choice, mask in masks.items():
            filled = fill_pictures(
                loaded, chosen.images, mask, options.stats, options.device, distance
            )
            arm = FilledArm(
                label=model.label,
                place=model.place,
                policy=choice.policy,
                ratio=choice.ratio,
                mask=mask,
                rows=filled.rows,
                result=filled.result,
                scores=filled.scores,
            )
            arms.append(arm)
    return tuple(arms)


def compare_arms(arms: Sequence[FilledArm], seed: int) -> list[dict[str, Any]]:
    """The numbers of each arm, ready for JSON.

    From the second on with the paired differences to the first: means over pictures and intervals.
    """
    rows = []
    for number, arm in enumerate(arms):
        row = arm.to_dict(seed)
        row["loss_over_pictures"] = describe_losses(arm)
        if number:
            paired = {
                name: bootstrap_interval(values, seed).to_dict()
                for name, values in _changes(arm, arms[0]).items()
            }
            # The key of PSNR is older than the others, and readers of earlier files find it.
            row |= {"minus_first": paired, "psnr_minus_first": paired["psnr"]}
        rows.append(row)
    return rows


def describe_losses(arm: FilledArm) -> dict[str, Any]:
    """How the loss falls out over pictures: mean, spread, and the pictures from best to worst."""
    losses = arm.result.loss
    order = losses.argsort(stable=True)
    return {
        "mean": float(losses.mean()),
        # One picture has no spread.
        "deviation": float(losses.std()) if len(losses) > 1 else None,
        "best": float(losses[order[0]]),
        "worst": float(losses[order[-1]]),
        "best_to_worst": order.tolist(),
    }


def _changes(arm: FilledArm, first: FilledArm) -> dict[str, Tensor]:
    """Each picture's numbers minus those of the first arm (n,).

    Paired, because the same picture is easy or hard for all models. Losses compare only where both
    models predict the same target.
    """
    theirs = first.scores.columns()
    changes = {
        name: values - theirs[name]
        for name, values in arm.scores.columns().items()
        if name in theirs
    }
    if arm.result.target == first.result.target:
        changes["loss"] = arm.result.loss - first.result.loss
    return changes


def format_arms(
    arms: Sequence[FilledArm], trivial: Mapping[MaskChoice, dict[str, PixelScores]], seed: int
) -> list[str]:
    """Tables for people: means over pictures with 95% intervals, losses, and paired differences.

    trivial: fills that learn nothing, whose lines follow those of the arms.
    """
    entries = [(_name_of(arm), arm.scores) for arm in arms]
    for choice, fills in trivial.items():
        for label, scores in fills.items():
            # The weakest of them says nothing that the others do not.
            if label != "mean color":
                entries.append((_name(f"({label})", choice.policy, choice.ratio), scores))
    rows = [["filled by | policy | ratio", "PSNR (dB)", "SSIM", "HF error"]]
    for name, scores in entries:
        cells = (scores.psnr, scores.ssim, scores.high_frequency)
        rows.append([name, *(format_mean(values, seed) for values in cells)])
    lines = format_table(rows)
    if len(arms) > 1:
        lines += [*_format_losses(arms, seed), *_format_changes(arms, seed)]
    return lines


def _format_losses(arms: Sequence[FilledArm], seed: int) -> list[str]:
    """A line per arm: mean loss, spread over pictures, best and worst picture."""
    # One target has one scale; losses of arms with several targets do not compare.
    rows = [["loss over pictures", "mean", "sd", "best", "worst"]]
    for arm in arms:
        loss = describe_losses(arm)
        spread = "-" if loss["deviation"] is None else f"{loss['deviation']:.4g}"
        ends = (f"{loss['best']:.4g}", f"{loss['worst']:.4g}")
        rows.append([_name_of(arm), format_mean(arm.result.loss, seed), spread, *ends])
    return format_table(rows)


def _format_changes(arms: Sequence[FilledArm], seed: int) -> list[str]:
    """A line per arm from the second on: what it is above the first, picture by picture."""
    first, *others = arms
    rows = [[f"minus {_name_of(first)}, paired", "PSNR (dB)", "SSIM", "HF error", "loss"]]
    for arm in others:
        changes = _changes(arm, first)
        cells = []
        for name in ("psnr", "ssim", "high_frequency", "loss"):
            cells.append(format_mean(changes[name], seed) if name in changes else "-")
        rows.append([_name_of(arm), *cells])
    return format_table(rows)


def _name_of(arm: FilledArm) -> str:
    return _name(arm.label, arm.policy, arm.ratio)


def _name(*parts: str | float) -> str:
    return " | ".join(part if isinstance(part, str) else f"{part:g}" for part in parts)
