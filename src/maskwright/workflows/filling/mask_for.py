"""Masks for pictures given to a finished run: by any policy, its own with what it has learned,
guided by its own encoder where asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from maskwright.masking.policy import Policy
from maskwright.masking.stateful import stateful_policies
from maskwright.models.attention_map import attention_map
from maskwright.patches import PatchMask, patchify
from maskwright.schedules import Constant
from maskwright.training.masker import OWN
from maskwright.weights.checkpoint import LoadedModel
from maskwright.weights.reading import open_weights
from maskwright.workflows.building.mask_samples import MaskView, draw_masks
from maskwright.workflows.building.module import initialized_policy
from maskwright.workflows.building.policies import build_checked_policy
from maskwright.workflows.building.teachers import open_teachers
from maskwright.workflows.runs.locate import locate

_LEARNERS = "masker.learners."


def mask_for(
    loaded: LoadedModel,
    place: str | Path,
    line: str,
    ratio: float,
    pictures: Tensor,
    seed: int,
    priors: Mapping[str, Tensor] | None = None,
    keys: Sequence[str] | None = None,
) -> PatchMask:
    """Mask (B, C, H, W) uint8 pictures for a loaded model by the policy of a line of text; place:
    where the model came from; keys: the pictures' names.

    A policy that learned in that run scores with what it learned. Raises MaskwrightError for a
    policy that needs maps that are not given.
    """
    grid, config = loaded.model.grid, loaded.model.config
    policy = initialized_policy(
        build_checked_policy(line, grid, Constant(ratio)), grid, config.channels, 0, 1
    )
    if line == str(loaded.settings.get("policy")):
        restore_learned(policy, place)
    images = loaded.scale.to_model(pictures)
    teachers = open_teachers(policy)

    def look(source: str) -> Tensor:
        if source == OWN:
            with torch.no_grad():
                return attention_map(
                    loaded.model.encoder, patchify(images, config.patch_size)
                ).float()
        return teachers[source].look(images, loaded.scale, grid)

    with torch.no_grad():
        return draw_masks(
            policy,
            grid,
            ratio,
            len(pictures),
            seed,
            sight=MaskView(images=images, priors=dict(priors or {}), attention=look, keys=keys),
        )


def restore_learned(policy: Policy, place: str | Path) -> None:
    """Load what the policies with weights learned in a run; memories of training pictures are of no
    use to other pictures and are left.
    """
    held = nn.ModuleList(stateful_policies(policy))  # type: ignore[arg-type]
    if not any(True for _ in held.parameters()):
        return
    weights = open_weights(locate(place)[0]).state
    state = {
        name.removeprefix(_LEARNERS): value
        for name, value in weights.items()
        if name.startswith(_LEARNERS)
    }
    learned = {
        name: value for name, value in state.items() if name in dict(held.named_parameters())
    }
    held.load_state_dict(learned, strict=False)
