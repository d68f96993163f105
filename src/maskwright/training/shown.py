"""What a training step shows to the policy, and what is remembered of it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from maskwright.data.loader import Batch
from maskwright.masking.stateful import Feedback
from maskwright.patches import PatchMask, PixelScale
from maskwright.support.sample_ids import join_sample_ids
from maskwright.support.seeding import KeyedRng, sample_rng


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a training step shows to the policy.

    images: (B, C, H, W) in the model's numbers.
    sample_ids: (B,) which picture of the data, and in the high bits which of its masks.
    mask_ids: (B,) which of a picture's masks; None where each picture has one.
    priors: (B, N) maps by name.
    views: (B, 5) which crop of the picture is seen, see `Scene`.
    keys: the pictures' names where the policy asks for them.
    plain_ids: `picture_ids` as plain numbers, where the batch brings them.
    """

    images: Tensor
    sample_ids: Tensor
    mask_ids: Tensor | None
    priors: Mapping[str, Tensor]
    views: Tensor
    keys: Sequence[str] | None = None
    plain_ids: Sequence[int] | None = None

    @property
    def picture_ids(self) -> Tensor:
        """(B,) which picture of the data, whichever of its masks."""
        if self.mask_ids is None:
            return self.sample_ids
        # `show` adds the mask's number above bit 40; without it the id is the
        # picture's own.
        return self.sample_ids - (self.mask_ids << 40)


def show(batch: Batch, scale: PixelScale, repeats: int = 1) -> Shown:
    """A batch in the model's numbers with all that belongs to it.

    repeats: how many masks each picture gets; it is repeated under new ids.
    """
    images = scale.to_model(batch.images)  # (B, C, H, W)
    ids = batch.sample_ids
    if repeats == 1:
        return Shown(
            images=images,
            sample_ids=ids,
            mask_ids=None,
            priors=batch.priors,
            views=batch.views,
            keys=batch.keys,
            plain_ids=batch.plain_ids,
        )
    mask_ids = torch.arange(repeats, device=ids.device).repeat_interleave(len(ids))
    return Shown(
        images=images.repeat(repeats, 1, 1, 1),  # (repeats * B, C, H, W)
        # Each mask has a stream of chance of its own, and the picture can be read back from it.
        sample_ids=join_sample_ids(ids.repeat(repeats), mask_ids),
        mask_ids=mask_ids,
        priors={name: share.repeat(repeats, 1) for name, share in batch.priors.items()},
        views=batch.views.repeat(repeats, 1),
        keys=None if batch.keys is None else batch.keys * repeats,
        plain_ids=None if batch.plain_ids is None else [*batch.plain_ids] * repeats,
    )


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


def picture_rng(seed: int, shown: Shown, epoch: int) -> KeyedRng | None:
    """Chance that all masks of a picture share; None where each picture has one mask."""
    if shown.mask_ids is None:
        return None
    return sample_rng(seed, epoch, shown.picture_ids, "picture")
