"""Masks for pictures given to a finished run: by any policy, or its own as it has learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
from maskwright.weights.opening import file_of
from maskwright.weights.reading import open_weights
from maskwright.workflows.building.mask_samples import MaskDraw, MaskView, draw_masks
from maskwright.workflows.building.module import initialized_policy
from maskwright.workflows.building.policies import build_checked_policy
from maskwright.workflows.building.teachers import open_teachers
from maskwright.workflows.filling.arms import MaskChoice
from maskwright.workflows.runs.locate import locate

# Where a checkpoint keeps the weights of policies.
_LEARNERS = "masker.learners."


@dataclass(frozen=True)
class MaskedPictures:
    """Pictures that get masks, with what policies may look at beside them.

    images: (B, C, H, W) uint8.
    priors: their maps, (B, N) by name.
    keys: their names.
    """

    images: Tensor
    priors: Mapping[str, Tensor] = field(default_factory=dict)
    keys: Sequence[str] | None = None


def mask_for(
    loaded: LoadedModel, place: str | Path, choice: MaskChoice, pictures: MaskedPictures, seed: int
) -> PatchMask:
    """Mask pictures for a model; a policy that learned in its run has learned.

    Raises MaskwrightError for a policy that needs maps that are not given.

    place: where the model came from.
    """
    grid, config = loaded.model.grid, loaded.model.config
    checked = build_checked_policy(choice.policy, grid, Constant(choice.ratio))
    policy = initialized_policy(checked, grid, config.channels, 0, 1)
    # Only the run's own policy has anything learned there; others begin as they are.
    if choice.policy == str(loaded.settings.get("policy")):
        restore_learned(policy, place)
    images = loaded.scale.to_model(pictures.images)
    teachers = open_teachers(policy)

    def look(source: str) -> Tensor:
        if source == OWN:
            # The model's own encoder, as in training.
            with torch.no_grad():
                patches = patchify(images, config.patch_size)
                return attention_map(loaded.model.encoder, patches).float()
        return teachers[source].look(images, loaded.scale, grid)

    sight = MaskView(images=images, priors=pictures.priors, attention=look, keys=pictures.keys)
    with torch.no_grad():
        return draw_masks(policy, grid, len(images), MaskDraw(choice.ratio, seed), sight)


def restore_learned(policy: Policy, place: str | Path) -> None:
    """Load what the policies with weights learned in a run.

    Memories of training pictures are left: they are of no use to other pictures.
    """
    held = nn.ModuleList(stateful_policies(policy))  # type: ignore[arg-type]
    # Most policies have no weights; then the file is never opened.
    if not any(True for _ in held.parameters()):
        return
    weights = open_weights(file_of(locate(place)[0])).state
    state = {
        name.removeprefix(_LEARNERS): value
        for name, value in weights.items()
        if name.startswith(_LEARNERS)
    }
    # Parameters alone: buffers are the memories.
    parameters = dict(held.named_parameters())
    learned = {name: value for name, value in state.items() if name in parameters}
    held.load_state_dict(learned, strict=False)
