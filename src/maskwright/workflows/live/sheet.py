"""The sheet and the numbers of `reconstruct` for one painted picture, and the command for them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskwright.patches import PatchMask, visible_count
from maskwright.support.reporting import LogReporter
from maskwright.workflows.filling.arms import Candidate, MaskChoice
from maskwright.workflows.filling.masked_pictures import compare_models
from maskwright.workflows.filling.outcome import ReconstructOptions
from maskwright.workflows.loading.chosen_pictures import ChosenPictures


@dataclass(frozen=True)
class PaintedPicture:
    """One picture under one mask.

    name: of the picture's file.
    image: (C, H, W) uint8 at the model's size.
    mask: a batch of one.
    choice: the policy and the ratio that give this mask; for a painted one, the file that it will
        be saved in.
    seed: of the policy.
    """

    name: str
    image: Tensor
    mask: PatchMask
    choice: MaskChoice
    seed: int


def draw_sheet(
    models: Sequence[Candidate], painted: PaintedPicture, device: torch.device
) -> tuple[np.ndarray, dict[str, Any]]:
    """The sheet (H, W, 3) and the numbers that `reconstruct` gives for a picture under a mask."""
    chosen = ChosenPictures((painted.name,), painted.image[None])
    options = ReconstructOptions(
        stats="visible",
        device=device,
        seed=painted.seed,
        errors=True,
        lpips=None,
        reporter=LogReporter(),
    )
    masks = {painted.choice: painted.mask}
    # The others are loaded in turn and have to have the grid of the first.
    first = models[0].load()
    made = compare_models(models, first, masks, chosen, None, options)
    return made.sheet, made.numbers


def painted_choice(file: str, mask: PatchMask) -> MaskChoice:
    """The policy that reads a painted mask from a file, and the ratio that hides just as much."""
    return MaskChoice(f"given(path={file!r})", exact_ratio(mask.num_masked, mask.num_patches))


def exact_ratio(num_masked: int, num_patches: int) -> float:
    """The shortest ratio under which exactly so many patches are masked."""
    share = num_masked / num_patches
    for digits in range(2, 17):
        ratio = round(share, digits)
        # Counts are rounded down, so most shares need few digits.
        if num_patches - visible_count(num_patches, ratio) == num_masked:
            return ratio
    return share


def format_command(places: Sequence[str], picture: str, choice: MaskChoice, seed: int) -> str:
    """The line for a shell that repeats it: the same pixels, mask and numbers."""
    words = ["maskwright", "reconstruct", *places, picture, "--errors"]
    words += ["--policy", choice.policy, "--ratio", f"{choice.ratio!r}", "--seed", str(seed)]
    return shlex.join(words)
