"""Models, policies, ratios and epochs side by side: masked alike, filled, compared in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from maskwright.evaluation.metrics import bootstrap_interval
from maskwright.evaluation.pixel_scores import Distance, PixelScores
from maskwright.patches import PatchMask
from maskwright.support.errors import MaskwrightError
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

    From the second on with the paired difference to the first: its mean over pictures and interval.
    """
    rows = []
    for number, arm in enumerate(arms):
        row = arm.to_dict(seed)
        if number:
            # Paired, because the same picture is easy or hard for all models.
            difference = arm.result.psnr - arms[0].result.psnr
            row["psnr_minus_first"] = bootstrap_interval(difference, seed).to_dict()
        rows.append(row)
    return rows


def format_arms(
    arms: Sequence[FilledArm], trivial: Mapping[MaskChoice, dict[str, PixelScores]], seed: int
) -> list[str]:
    """A table for people: means over pictures with 95% intervals, a line per arm.

    trivial: fills that learn nothing, whose lines follow.
    """
    entries = [(_name(arm.label, arm.policy, arm.ratio), arm.scores) for arm in arms]
    for choice, fills in trivial.items():
        for label, scores in fills.items():
            # The weakest of them says nothing that the others do not.
            if label != "mean color":
                entries.append((_name(f"({label})", choice.policy, choice.ratio), scores))
    width = max(len(name) for name, _ in entries)
    lines = [
        f"  {'filled by | policy | ratio':<{width}}  {'PSNR (dB)':<24}  {'SSIM':<26} "
        f" {'HF error':<28}  PSNR - first (paired)"
    ]
    first = entries[0][1]
    for number, (name, scores) in enumerate(entries):
        decibels = format_mean(scores.psnr, seed)
        similarity = format_mean(scores.ssim, seed)
        edges = format_mean(scores.high_frequency, seed)
        # The first line has no difference to itself.
        change = format_mean(scores.psnr - first.psnr, seed) if number else ""
        cells = f"{decibels:<24}  {similarity:<26}  {edges:<28}  {change}"
        lines.append(f"  {name:<{width}}  {cells}".rstrip())
    return lines


def _name(*parts: str | float) -> str:
    return " | ".join(part if isinstance(part, str) else f"{part:g}" for part in parts)
