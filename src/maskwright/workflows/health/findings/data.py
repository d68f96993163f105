"""Findings about the pictures: empty or repeated ones, gray read as color, structure too fine."""

from __future__ import annotations

from collections.abc import Iterator

from maskwright.evaluation.picture_statistics import contrast, is_gray, reach
from maskwright.workflows.health.evidence import Evidence
from maskwright.workflows.health.finding import Finding

# Levels of 0 to 255: a deviation below this is an empty picture, or one plain color.
LEAST_CONTRAST = 2.0


def find_empty(evidence: Evidence, limit: float) -> Iterator[Finding]:
    """Pictures of one plain color."""
    empty = float((contrast(evidence.sample) < LEAST_CONTRAST).double().mean())
    if empty > limit:
        # With most of them empty there is nothing to learn at all.
        yield Finding(
            name="empty pictures",
            level="broken" if empty > 0.5 else "note",
            text=f"{empty:.0%} of {len(evidence.sample):,} training pictures show one plain color.",
            advice="Look at the pictures and how their values are read (--value-range for files of"
            " other than 8 bits); leave empty ones out.",
            command=f"maskwright masks {evidence.record.settings.data.data} --policy random",
            numbers={"share": empty},
        )


def find_repeats(evidence: Evidence, limit: float) -> Iterator[Finding]:
    """Pictures that are there several times, pixel by pixel."""
    content = evidence.pictures.train.content
    # A stream keeps no pixels to compare.
    if content is None:
        return
    different = len(content.unique())
    share = 1 - different / len(content)
    if share > limit:
        yield Finding(
            name="repeated pictures",
            level="note",
            text=f"the {len(content):,} training pictures are only {different:,} different ones.",
            advice="Leave copies out, so that an epoch counts what it seems to; with few pictures"
            " start from pretrained weights.",
            command=evidence.record.repeat("--init official:mae_pretrain_vit_base"),
            numbers={"pictures": len(content), "different": different},
        )


def find_gray(evidence: Evidence, limit: float) -> Iterator[Finding]:
    """Gray pictures that are read as three equal channels."""
    # An empty picture has no color to judge.
    shown = evidence.sample[contrast(evidence.sample) >= LEAST_CONTRAST]
    if shown.shape[1] != 3 or not len(shown):
        return
    gray = float(is_gray(shown).double().mean())
    if gray >= limit:
        yield Finding(
            name="gray pictures",
            level="note",
            text="the pictures are gray, but read as three equal channels: two thirds of every"
            " patch and of what is predicted are copies.",
            advice="Read them as one channel.",
            command=evidence.record.repeat("--channels 1"),
            numbers={"share": gray},
        )


def find_fine_structure(evidence: Evidence, limit: float) -> Iterator[Finding]:
    """Patches that are larger than what is to be seen."""
    patch = evidence.record.settings.model.patch_size or 1
    known = reach(evidence.sample, patch)
    # NaN, for pictures of two patches or without contrast, says nothing.
    if known < limit:
        yield Finding(
            name="patch size",
            level="note",
            text=f"pixels {patch} apart or more have a correlation of at most {known:.2f}: what"
            " there is to see is smaller than a patch, so visible patches say little about"
            " masked ones.",
            advice="Take smaller patches, or larger pictures where the files have more detail.",
            command=evidence.record.repeat(f"--patch-size {max(1, patch // 2)}"),
            numbers={"correlation": known, "patch_size": patch},
        )
