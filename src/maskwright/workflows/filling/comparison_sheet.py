"""The sheet of a comparison: arms and pictures in one grid, every model under the same masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from maskwright.data.store.splits import spread
from maskwright.visual.error_map import ERROR_NOTE, error_tile
from maskwright.visual.picture_grid import GridLine, Note, columns_that_fit, picture_grid
from maskwright.visual.reconstructions import DENORMALIZATION
from maskwright.visual.tiles import to_tile
from maskwright.workflows.filling.filled import FilledArm

# Lines of tiles on a sheet, whatever they show.
MOST_LINES = 12


def comparison_sheet(
    arms: Sequence[FilledArm],
    names: Sequence[str],
    seed: int,
    errors: bool = False,
    fresh: Sequence[str] = (),
) -> np.ndarray:
    """Draw the grid.

    One policy gives a line per picture and ratio with a column per model; several policies give a
    column each.

    errors: add maps of how wrong each pixel is, below each composite.
    fresh: policies that learn but have not.
    """
    policies = list(dict.fromkeys(arm.policy for arm in arms))
    if len(policies) == 1:
        lines = _by_model(arms, names, errors)
    else:
        lines = _by_policy(arms, names, policies, errors)
    notes = _notes(arms, policies, seed)
    if fresh:
        untrained = "; ".join(fresh)
        text = f"these policies learn and are shown as they begin, untrained: {untrained}"
        notes.append(Note(text, True))
    if errors:
        notes.append(Note(ERROR_NOTE))
    return picture_grid(lines, notes)


def _by_model(arms: Sequence[FilledArm], names: Sequence[str], errors: bool) -> list[GridLine]:
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
            # The original and its name stand once per picture, above its further ratios.
            tiles = [
                to_tile(row.original) if is_first else None,
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
                # A line of error maps, each below its composite.
                maps = [error_tile(arm.rows[picture].composite, row.original) for arm in here]
                lines.append(GridLine([None, None, *maps], ["", "", *("error",) * len(here)]))
    return lines


def _by_policy(
    arms: Sequence[FilledArm], names: Sequence[str], policies: Sequence[str], errors: bool
) -> list[GridLine]:
    """A column per policy, the masked picture above what each model makes of it.

    Policies for which there is no room continue further down.
    """
    ratios = list(dict.fromkeys(arm.ratio for arm in arms))
    labels = list(dict.fromkeys(arm.label for arm in arms))
    width = columns_that_fit(to_tile(arms[0].rows[0].original).shape[1], len(policies))
    chunks = [policies[start : start + width] for start in range(0, len(policies), width)]
    lines: list[GridLine] = []
    # Policies beside each other as far as the page is wide.
    for chunk in chunks:
        padding = width - len(chunk)
        titles: Sequence[str] = ("Original", *chunk, *("",) * padding)
        for picture in pictures_shown(arms):
            for ratio in ratios:
                table = {(arm.policy, arm.label): arm for arm in arms if arm.ratio == ratio}
                group = _Group(table, chunk, labels, picture, names[picture], padding)
                lines += _group_lines(group, titles, errors)
                # Titles stand above the first group of a chunk only.
                titles = ()
    return lines


@dataclass(frozen=True)
class _Group:
    """One picture at one ratio under some policies.

    table: the arms by policy and label of the model.
    policies, labels: the columns and lines of the group.
    picture, name: which picture.
    padding: empty columns on the right, so that all groups are equally wide.
    """

    table: dict[tuple[str, str], FilledArm]
    policies: Sequence[str]
    labels: Sequence[str]
    picture: int
    name: str
    padding: int


def _group_lines(group: _Group, titles: Sequence[str], errors: bool) -> list[GridLine]:
    """The masked pictures of some policies, then a line of composites per model."""
    no_tiles, no_words = [None] * group.padding, [""] * group.padding
    # Masks are the same for all models, so the first one's are shown.
    rows = [group.table[policy, group.labels[0]].rows[group.picture] for policy in group.policies]
    masked = [to_tile(row.original, row.is_masked) for row in rows]
    lines = [GridLine([to_tile(rows[0].original), *masked, *no_tiles], [], titles, last=False)]
    for label in group.labels:
        arms = [group.table[policy, label] for policy in group.policies]
        model = f", {label}" if len(group.labels) > 1 else ""
        corner = f"{group.name} at {arms[0].ratio:g}{model}"
        captions = [corner, *(_caption(arm, group.picture) for arm in arms), *no_words]
        rows = [arm.rows[group.picture] for arm in arms]
        composites = [to_tile(row.composite) for row in rows]
        is_last = label == group.labels[-1]
        tiles = [None, *composites, *no_tiles]
        lines.append(GridLine(tiles, captions, last=is_last and not errors))
        if errors:
            maps = [error_tile(row.composite, row.original) for row in rows]
            words = ["", *("error",) * len(arms), *no_words]
            lines.append(GridLine([None, *maps, *no_tiles], words, last=is_last))
    return lines


def _caption(arm: FilledArm, picture: int) -> str:
    return f"{float(arm.result.psnr[picture]):.1f} dB, SSIM {float(arm.result.ssim[picture]):.2f}"


def pictures_shown(arms: Sequence[FilledArm]) -> list[int]:
    """The pictures that a sheet of these arms has room for, evenly spread."""
    policies = len({arm.policy for arm in arms})
    ratios = len({arm.ratio for arm in arms})
    labels = len({arm.label for arm in arms})
    width = columns_that_fit(to_tile(arms[0].rows[0].original).shape[1], policies)
    # By policy, each ratio takes a line of masks and one for each model, in every chunk.
    lines_each = ratios if policies == 1 else -(-policies // width) * ratios * (1 + labels)
    return spread(len(arms[0].rows), max(1, MOST_LINES // lines_each))


def _notes(arms: Sequence[FilledArm], policies: Sequence[str], seed: int) -> list[Note]:
    # Several policies stand above their columns.
    policy = f"policy {policies[0]}   |   " if len(policies) == 1 else ""
    counts = dict.fromkeys(f"{arm.mask.num_masked} of {arm.mask.num_patches}" for arm in arms)
    about = f"{policy}hidden: {', '.join(counts)} patches   |   seed {seed}"
    notes = [Note(f"{about}   |   the same masks for every model")]
    count, shown = len(arms[0].rows), len(pictures_shown(arms))
    if shown < count:
        notes.append(Note(f"{shown} of {count} pictures, evenly spread"))
    notes.append(
        Note(
            "dB: PSNR over hidden pixels; SSIM of the composite (visible pixels are the true ones)"
        )
    )
    for used in dict.fromkeys(arm.result.stats for arm in arms):
        notes.append(Note(DENORMALIZATION[used], used == "target"))
    return notes
