"""Masks drawn for looking at them: as a training would draw them at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from maskwright.data.loader import Batch
from maskwright.data.store.packed import PackedStore
from maskwright.data.store.splits import spread
from maskwright.diagnostics.geometry import MaskGeometry
from maskwright.masking.policy import Policy, Scene, mask_scene
from maskwright.patches import Grid, PatchMask, PixelScale, visible_count
from maskwright.support.seeding import sample_rng
from maskwright.visual.masks import MaskColumn
from maskwright.workflows.loading.pictures import eval_batches

# (source, images (B, C, H, W) in the model's numbers) -> (B, N) attention
Attend = Callable[[str, Tensor], Tensor]

# Pictures that are masked at once when many masks are wanted.
BATCH = 256


@dataclass(frozen=True, kw_only=True)
class MaskView:
    """What a policy can look at beside the grid.

    images: (B, C, H, W) in the model's numbers.
    priors: (B, N) maps by name.
    attention: takes a source and gives (B, N).
    keys: the names of the pictures.
    """

    images: Tensor | None = None
    priors: Mapping[str, Tensor] = field(default_factory=dict)
    attention: Callable[[str], Tensor] | None = None
    keys: Sequence[str] | None = None


BLIND = MaskView()


def draw_masks(
    policy: Policy,
    grid: Grid,
    ratio: float,
    count: int,
    seed: int,
    *,
    purpose: str = "look",
    sight: MaskView = BLIND,
) -> PatchMask:
    """Mask samples 0..count-1, always in the same way for the same seed and purpose."""
    return mask_samples(
        policy, grid, ratio, torch.arange(count), seed, purpose=purpose, sight=sight
    )


def mask_samples(
    policy: Policy,
    grid: Grid,
    ratio: float,
    sample_ids: Tensor,
    seed: int,
    *,
    purpose: str,
    sight: MaskView = BLIND,
) -> PatchMask:
    """Mask given samples (B,), each by its own id and by what the policy looks at alone."""
    scene = Scene(
        grid=grid,
        num_masked=grid.num_patches - visible_count(grid.num_patches, ratio),
        rng=sample_rng(seed, 0, sample_ids, purpose),
        progress=1.0,  # schedules of the policy stand at their end
        sample_ids=sample_ids,
        images=sight.images,
        priors=sight.priors,
        attention=sight.attention,
        keys=sight.keys,
    )
    return mask_scene(policy, scene)


def mask_pictures(
    policy: Policy,
    grid: Grid,
    ratio: float,
    batch: Batch,
    seed: int,
    *,
    purpose: str,
    scale: PixelScale,
    attend: Attend | None = None,
) -> PatchMask:
    """Mask a batch of pictures by a policy that may look at them and at their maps."""
    images = scale.to_model(batch.images)
    # Computed only if the policy asks: attention costs a pass of the teacher.
    attention = None if attend is None else lambda source: attend(source, images)
    sight = MaskView(images=images, priors=batch.priors, attention=attention, keys=batch.keys)
    return mask_samples(policy, grid, ratio, batch.sample_ids, seed, purpose=purpose, sight=sight)


def sample_masks(
    policy: Policy,
    grid: Grid,
    ratio: float,
    draws: int,
    seed: int,
    store: PackedStore,
    *,
    scale: PixelScale,
    attend: Attend | None = None,
) -> Tensor:
    """(n, N) booleans of `draws` masks.

    A policy that looks at pictures gets those of the store, at most `draws`.
    """
    # Without pictures, numbered samples are enough and much faster.
    if not policy.traits.needs:
        return draw_masks(policy, grid, ratio, draws, seed).is_masked
    some = store.subset(spread(len(store), draws))
    maps = policy.traits.needed("prior")
    flags = []
    for batch in eval_batches(some, grid.image_size, BATCH, maps, grid):
        mask = mask_pictures(
            policy, grid, ratio, batch, seed, purpose="look", scale=scale, attend=attend
        )
        flags.append(mask.is_masked.cpu())
    return torch.cat(flags)


def gallery_column(name: str, mask: PatchMask, geometry: MaskGeometry | None = None) -> MaskColumn:
    """One policy of a gallery: its masks on the pictures, and what many masks say of it."""
    if geometry is None:
        return MaskColumn(name, mask)
    # The ratio is the same for all columns.
    shown = {key: value for key, value in geometry.numbers().items() if key != "ratio"}
    return MaskColumn(name, mask, geometry.share_masked, shown)
