"""Masks of a policy on one picture while a person turns its knobs, and their geometry."""

from __future__ import annotations

import torch
from torch import Tensor

from maskwright.diagnostics.geometry import MaskGeometry, measure_geometry
from maskwright.models.attention_map import attention_map
from maskwright.patches import PatchMask, patchify
from maskwright.patches.mask import check_ratio
from maskwright.schedules import Constant, parse_schedule
from maskwright.support.errors import MaskwrightError
from maskwright.training.masker import OWN
from maskwright.weights.checkpoint import LoadedModel
from maskwright.workflows.building.mask_samples import BLIND, MaskDraw, MaskView, draw_masks
from maskwright.workflows.building.module import initialized_policy
from maskwright.workflows.building.policies import build_checked_policy
from maskwright.workflows.filling.arms import MaskChoice
from maskwright.workflows.filling.mask_for import MaskedPictures, mask_for

# Masks that the geometry is measured over, for policies that look at nothing and at the picture.
BLIND_DRAWS = 1000
SEEING_DRAWS = 128
# Points of a schedule that is drawn over training.
POINTS = 101


def mask_live(
    loaded: LoadedModel, place: str, picture: MaskedPictures, choice: MaskChoice, seed: int
) -> PatchMask:
    """Mask one picture as `reconstruct` masks it.

    place: where the model came from.
    picture: a batch of one, with its maps.

    Raises MaskwrightError for a policy that is unknown, or needs what is not here.
    """
    check_ratio(loaded.model.grid.num_patches, choice.ratio)
    return mask_for(loaded, place, choice, picture, seed)


def measure_live(
    loaded: LoadedModel, picture: MaskedPictures, choice: MaskChoice, seed: int
) -> tuple[MaskGeometry, int]:
    """The geometry of a policy's masks, and over how many masks it is.

    Policies that look at nothing give the numbers of `maskwright masks` for as many draws; others
    are measured on many masks of this one picture.
    """
    grid = loaded.model.grid
    check_ratio(grid.num_patches, choice.ratio)
    checked = build_checked_policy(choice.policy, grid, Constant(choice.ratio))
    # Networks begin as they are drawn, memories empty: one picture teaches nothing.
    policy = initialized_policy(checked, grid, loaded.model.config.channels, 0, 1)
    draws, sight = BLIND_DRAWS, BLIND
    # Whoever looks is slower, and many masks of one picture differ by chance alone.
    if policy.traits.needs:
        draws = SEEING_DRAWS
        sight = _sight(loaded, picture, draws)
    with torch.no_grad():
        mask = draw_masks(policy, grid, draws, MaskDraw(choice.ratio, seed), sight)
    return measure_geometry(mask.is_masked, grid), draws


def trace_schedule(text: str) -> list[list[float]]:
    """A schedule over training: rows of progress, smallest and largest value at that time.

    The two differ where a schedule draws its value anew at each step. Raises MaskwrightError for
    text that is no schedule.
    """
    schedule = parse_schedule(text)
    rows = []
    for step in range(POINTS):
        time = step / (POINTS - 1)
        # The ends of what may be drawn.
        rows.append([time, schedule.at(time, 0.0), schedule.at(time, 1.0)])
    return rows


def _sight(loaded: LoadedModel, picture: MaskedPictures, draws: int) -> MaskView:
    """The same picture `draws` times, with the model's own attention computed once."""
    inputs = loaded.scale.to_model(picture.images)
    priors = {name: shares.expand(draws, -1) for name, shares in picture.priors.items()}

    def look(source: str) -> Tensor:
        # Others would have to be opened, which a page may not ask for.
        if source != OWN:
            raise MaskwrightError("Here a policy can be guided by the model itself alone.")
        patches = patchify(inputs, loaded.model.config.patch_size)
        attention = attention_map(loaded.model.encoder, patches).float()  # (1, N)
        return attention.expand(draws, -1)

    # (1, C, H, W) -> (draws, C, H, W) without copies
    images = inputs.expand(draws, -1, -1, -1)
    return MaskView(images=images, priors=priors, attention=look)
