"""Masks drawn for looking at them: as a training would draw them at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from maskwright.data.loader import Batch
from maskwright.diagnostics.geometry import MaskGeometry
from maskwright.masking.policy import Policy, Scene, mask_scene
from maskwright.patches import Grid, PatchMask, PixelScale, visible_count
from maskwright.support.seeding import sample_rng
from maskwright.visual.masks import MaskColumn

# (source, images (B, C, H, W) in the model's numbers) -> (B, N) attention
Attend = Callable[[str, Tensor], Tensor]


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


@dataclass(frozen=True)
class MaskDraw:
    """How masks are drawn: the same three always give the same masks.

    ratio: share of patches that is masked.
    seed: what all chance comes from.
    purpose: keeps masks drawn for one thing apart from those for another under the same seed.
    """

    ratio: float
    seed: int
    purpose: str = "look"


def draw_masks(
    policy: Policy, grid: Grid, count: int, draw: MaskDraw, sight: MaskView = BLIND
) -> PatchMask:
    """Mask samples 0..count-1."""
    return mask_samples(policy, grid, torch.arange(count), draw, sight)


def mask_samples(
    policy: Policy, grid: Grid, sample_ids: Tensor, draw: MaskDraw, sight: MaskView = BLIND
) -> PatchMask:
    """Mask given samples (B,), each by its own id and by what the policy looks at alone."""
    scene = Scene(
        grid=grid,
        num_masked=grid.num_patches - visible_count(grid.num_patches, draw.ratio),
        rng=sample_rng(draw.seed, 0, sample_ids, draw.purpose),
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
    batch: Batch,
    draw: MaskDraw,
    scale: PixelScale,
    attend: Attend | None = None,
) -> PatchMask:
    """Mask a batch of pictures by a policy that may look at them and at their maps."""
    images = scale.to_model(batch.images)
    # Computed only if the policy asks: attention costs a pass of the teacher.
    attention = None if attend is None else lambda source: attend(source, images)
    sight = MaskView(images=images, priors=batch.priors, attention=attention, keys=batch.keys)
    return mask_samples(policy, grid, batch.sample_ids, draw, sight)


def gallery_column(name: str, mask: PatchMask, geometry: MaskGeometry | None = None) -> MaskColumn:
    """One policy of a gallery: its masks on the pictures, and what many masks say of it."""
    if geometry is None:
        return MaskColumn(name, mask)
    # The ratio is the same for all columns.
    shown = {key: value for key, value in geometry.numbers().items() if key != "ratio"}
    return MaskColumn(name, mask, geometry.share_masked, shown)
