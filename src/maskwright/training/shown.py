"""What a training step shows to the policy, and what is remembered of it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from maskwright.masking.stateful import Feedback
from maskwright.patches import PatchMask


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a training step shows to the policy.

    images: (B, C, H, W) in the model's numbers.
    sample_ids: (B,) which picture of the data, and in the high bits which of its masks.
    mask_ids: (B,) which of a picture's masks; None where each picture has one.
    priors: (B, N) maps by name.
    views: (B, 5) which crop of the picture is seen, see `Scene`.
    keys: the pictures' names where the policy asks for them.
    """

    images: Tensor
    sample_ids: Tensor
    mask_ids: Tensor | None
    priors: Mapping[str, Tensor]
    views: Tensor
    keys: Sequence[str] | None = None


def gather_feedback(feedback: Feedback, gather: Callable[[Tensor], Tensor]) -> Feedback:
    """Feedback of all processes.

    It waits for the end of a step, so it lets go of pictures and of what was computed from them.
    """
    scene, mask = feedback.scene, feedback.mask
    gathered_scene = replace(
        scene,
        sample_ids=_gathered(scene.sample_ids, gather),
        views=_gathered(scene.views, gather),
        images=None,
        attention=None,
        cache={},
    )
    gathered_mask = PatchMask(
        gather(mask.visible_ids), gather(mask.masked_ids), gather(mask.predicted_ids)
    )
    return Feedback(gathered_scene, gathered_mask, gather(feedback.errors))


def _gathered(values: Tensor | None, gather: Callable[[Tensor], Tensor]) -> Tensor | None:
    return None if values is None else gather(values)
