"""One grid of arms and pictures: models, policies, ratios and epochs side by side, every model
under the same masks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch

from maskwright.data.store.splits import spread
from maskwright.evaluation.metrics import bootstrap_interval
from maskwright.evaluation.pixel_scores import Distance, PixelScores
from maskwright.patches import PatchMask
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter
from maskwright.visual.error_map import ERROR_NOTE, error_tile
from maskwright.visual.picture_grid import GridLine, Note, columns_that_fit, picture_grid
from maskwright.visual.reconstructions import DENORMALIZATION
from maskwright.visual.tiles import to_tile
from maskwright.weights.checkpoint import LoadedModel
from maskwright.workflows.filling.arms import Candidate, MaskChoice
from maskwright.workflows.filling.filled import Filled, fill_pictures, format_mean
from maskwright.workflows.filling.mask_for import mask_for
from maskwright.workflows.loading.chosen_pictures import ChosenPictures

MOST_LINES = 12


def draw_choices(
    choices: Sequence[MaskChoice],
    loaded: LoadedModel,
    place: str,
    chosen: ChosenPictures,
    seed: int,
    *,
    skip: bool = False,
    reporter: Reporter,
) -> dict[MaskChoice, PatchMask]:
    """Draw the masks of every choice once, by the first model; skip: leave out, and list, policies
    that cannot be used here.
    """
    masks: dict[MaskChoice, PatchMask] = {}
    for choice in choices:
        try:
            masks[choice] = mask_for(
                loaded,
                place,
                choice.policy,
                choice.ratio,
                chosen.images,
                seed,
                chosen.priors,
                chosen.names,
            )
        except MaskwrightError as error:
            if not skip:
                raise
            reporter.warn(f"{choice.policy} left out: {error}")
    if not masks:
        raise MaskwrightError("None of the policies can be used on these pictures.")
    return masks


def fill_arms(
    models: Sequence[Candidate],
    first: LoadedModel,
    masks: dict[MaskChoice, PatchMask],
    chosen: ChosenPictures,
    stats: Literal["visible", "target"],
    device: torch.device,
    distance: Distance | None = None,
) -> tuple[Filled, ...]:
    """Let every model fill in the pictures under every choice of masks."""
    arms: list[Filled] = []
    for model in models:
        loaded = model.load(like=first)
        for choice, mask in masks.items():
            rows, result, scores = fill_pictures(
                loaded, chosen.images, mask, stats, device, distance
            )
            arms.append(
                Filled(
                    model.label,
                    model.place,
                    choice.policy,
                    choice.ratio,
                    mask,
                    rows,
                    result,
                    scores,
                )
            )
    return tuple(arms)


def comparison_sheet(
    arms: Sequence[Filled],
    names: Sequence[str],
    seed: int,
    errors: bool = False,
    fresh: Sequence[str] = (),
) -> np.ndarray:
    """Draw the grid: one policy gives a line per picture and ratio with a column per model; several
    give a column per policy.

    errors: add maps of how wrong each pixel is, below each composite.
    fresh: policies that learn but have not.
    """
    policies = list(dict.fromkeys(arm.policy for arm in arms))
    lines = (
        _by_model(arms, names, errors)
        if len(policies) == 1
        else _by_policy(arms, names, policies, errors)
    )
    untaught = (
        [
            Note(
                f"these policies learn and are shown as they begin, untrained: {'; '.join(fresh)}",
                True,
            )
        ]
        if fresh
        else []
    )
    return picture_grid(
        lines, [*_notes(arms, policies, seed), *untaught, *([Note(ERROR_NOTE)] if errors else [])]
    )


def _by_model(arms: Sequence[Filled], names: Sequence[str], errors: bool) -> list[GridLine]:
    """Original, masked and each model's composite; a line per picture and ratio."""
    ratios = list(dict.fromkeys(arm.ratio for arm in arms))
    labels = list(dict.fromkeys(arm.label for arm in arms))
    titles = ("Original", "Masked", *(labels if len(labels) > 1 else ("Composite",)))
    lines: list[GridLine] = []
    for picture in pictures_shown(arms):
        for ratio in ratios:
            here = [arm for arm in arms if arm.ratio == ratio]
            row = here[0].rows[picture]
            is_first = ratio == ratios[0]
            whole = to_tile(row.original) if is_first else None
            tiles = [
                whole,
                to_tile(row.original, row.is_masked),
                *(to_tile(arm.rows[picture].composite) for arm in here),
            ]
            captions = [
                names[picture] if is_first else "",
                f"ratio {ratio:g}",
                *(_caption(arm, picture) for arm in here),
            ]
            lines.append(GridLine(tiles, captions, () if lines else titles, last=not errors))
            if errors:
                maps = [error_tile(arm.rows[picture].composite, row.original) for arm in here]
                lines.append(GridLine([None, None, *maps], ["", "", *("error",) * len(here)]))
    return lines


def _by_policy(
    arms: Sequence[Filled], names: Sequence[str], policies: Sequence[str], errors: bool
) -> list[GridLine]:
    """A column per policy, the masked picture above what each model makes of it; many policies
    continue further down.
    """
    ratios = list(dict.fromkeys(arm.ratio for arm in arms))
    labels = list(dict.fromkeys(arm.label for arm in arms))
    width = columns_that_fit(to_tile(arms[0].rows[0].original).shape[1], len(policies))
    chunks = [policies[start : start + width] for start in range(0, len(policies), width)]
    lines: list[GridLine] = []
    for chunk in chunks:
        titles: Sequence[str] = ("Original", *chunk, *("",) * (width - len(chunk)))
        for picture in pictures_shown(arms):
            for ratio in ratios:
                table = {(arm.policy, arm.label): arm for arm in arms if arm.ratio == ratio}
                lines += _policy_lines(
                    table, chunk, labels, picture, names[picture], titles, width, errors
                )
                titles = ()
    return lines


def _policy_lines(
    table: dict[tuple[str, str], Filled],
    policies: Sequence[str],
    labels: Sequence[str],
    picture: int,
    name: str,
    titles: Sequence[str],
    width: int,
    errors: bool,
) -> list[GridLine]:
    """The masked pictures of some policies, then a line of composites per model."""
    fill = [None] * (width - len(policies))
    blank = [""] * len(fill)
    first = [table[policy, labels[0]] for policy in policies]
    masked = [to_tile(arm.rows[picture].original, arm.rows[picture].is_masked) for arm in first]
    lines = [
        GridLine([to_tile(first[0].rows[picture].original), *masked, *fill], [], titles, last=False)
    ]
    for label in labels:
        arms = [table[policy, label] for policy in policies]
        corner = f"{name} at {arms[0].ratio:g}" + (f", {label}" if len(labels) > 1 else "")
        tiles = [None, *(to_tile(arm.rows[picture].composite) for arm in arms), *fill]
        is_last = label == labels[-1]
        lines.append(
            GridLine(
                tiles,
                [corner, *(_caption(arm, picture) for arm in arms), *blank],
                last=is_last and not errors,
            )
        )
        if errors:
            maps = [
                error_tile(arm.rows[picture].composite, arm.rows[picture].original) for arm in arms
            ]
            lines.append(
                GridLine([None, *maps, *fill], ["", *("error",) * len(arms), *blank], last=is_last)
            )
    return lines


def _caption(arm: Filled, picture: int) -> str:
    return f"{float(arm.result.psnr[picture]):.1f} dB, SSIM {float(arm.result.ssim[picture]):.2f}"


def pictures_shown(arms: Sequence[Filled]) -> list[int]:
    """The pictures that a sheet of these arms has room for, evenly spread."""
    policies, ratios, labels = (
        len({getattr(arm, name) for arm in arms}) for name in ("policy", "ratio", "label")
    )
    width = columns_that_fit(to_tile(arms[0].rows[0].original).shape[1], policies)
    lines_each = ratios if policies == 1 else -(-policies // width) * ratios * (1 + labels)
    return spread(len(arms[0].rows), max(1, MOST_LINES // lines_each))


def _notes(arms: Sequence[Filled], policies: Sequence[str], seed: int) -> list[Note]:
    told = f"policy {policies[0]}   |   " if len(policies) == 1 else ""
    hidden = {f"{arm.mask.num_masked} of {arm.mask.num_patches}": None for arm in arms}
    notes = [
        Note(
            f"{told}hidden: {', '.join(hidden)} patches   |   seed {seed}   |   the same masks for"
            " every model"
        )
    ]
    count, shown = len(arms[0].rows), len(pictures_shown(arms))
    notes += [Note(f"{shown} of {count} pictures, evenly spread")] if shown < count else []
    notes += [
        Note(
            "dB: PSNR over hidden pixels; SSIM of the composite (visible pixels are the true ones)"
        )
    ]
    notes += [
        Note(DENORMALIZATION[used], used == "target")
        for used in dict.fromkeys(arm.result.stats for arm in arms)
    ]
    return notes


def compare_arms(arms: Sequence[Filled], seed: int) -> list[dict[str, Any]]:
    """The numbers of each arm with, from the second on, the paired difference to the first: its
    mean over pictures and interval.
    """
    rows = []
    for number, arm in enumerate(arms):
        row = arm.to_dict(seed)
        if number:
            row["psnr_minus_first"] = bootstrap_interval(
                arm.result.psnr - arms[0].result.psnr, seed
            ).to_dict()
        rows.append(row)
    return rows


def format_arms(
    arms: Sequence[Filled], trivial: Mapping[MaskChoice, dict[str, PixelScores]], seed: int
) -> list[str]:
    """A table of the arms for people, means over pictures with 95% intervals, and what fills reach
    that learn nothing.
    """
    entries: list[tuple[str, PixelScores]] = [
        (_name(arm.label, arm.policy, arm.ratio), arm.scores) for arm in arms
    ]
    for choice, fills in trivial.items():
        entries += [
            (_name(f"({label})", choice.policy, choice.ratio), scores)
            for label, scores in fills.items()
            if label != "mean color"
        ]
    width = max(len(name) for name, _ in entries)
    lines = [
        f"  {'filled by | policy | ratio':<{width}}  {'PSNR (dB)':<24}  {'SSIM':<26} "
        f" {'HF error':<28}  PSNR - first (paired)"
    ]
    for number, (name, scores) in enumerate(entries):
        cells = (
            format_mean(values, seed)
            for values in (scores.psnr, scores.ssim, scores.high_frequency)
        )
        change = format_mean(scores.psnr - entries[0][1].psnr, seed) if number else ""
        decibels, similarity, edges = cells
        lines.append(
            f"  {name:<{width}}  {decibels:<24}  {similarity:<26}  {edges:<28}  {change}".rstrip()
        )
    return lines


def _name(*parts: str | float) -> str:
    return " | ".join(part if isinstance(part, str) else f"{part:g}" for part in parts)
