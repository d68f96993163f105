"""Hard patches first: what a picture's patches have cost so far decides, remembered or predicted
(HPM, Wang et al. 2023).

Masks that are hard always do harm (82.0 against 82.5 % in HPM's ablation), so chance chooses a
share of the masked patches: the option `mix`, 0->0.5 where nothing else is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskwright.masking.learner import Feedback, PolicyContext, PolicySettings
from maskwright.masking.policy import Scene, Traits
from maskwright.patches.grid import Grid
from maskwright.patches.pixels import patchify
from maskwright.support.checks import check_count, check_inside, check_number

PICTURE_IDS = (
    1 << 40
) - 1  # the part of a sample id that names the picture; the rest numbers its masks
UNSEEN = -1.0


@dataclass(frozen=True, kw_only=True)
class HardPolicy(PolicySettings):
    """Mask the patches of each picture that were hardest to predict when last seen; a memory of one
    number per patch, no network.

    keep: how much of the remembered loss a new one leaves in place. Places never seen count as the
        hardest, so that they are tried.
    """

    usual_mix: ClassVar[str] = "0->0.5"
    keep: float = 0.5

    def __post_init__(self) -> None:
        check_inside("keep", self.keep, 0, 1)

    @property
    def traits(self) -> Traits:
        return LossMemory.traits

    def build(self, context: PolicyContext) -> LossMemory:
        return LossMemory(context.grid, context.num_pictures, self.keep)


class LossMemory(nn.Module):
    """The loss of every picture's patches, on a grid laid over the whole picture, so that crops and
    flips find their places again.
    """

    traits: ClassVar[Traits] = Traits(needs=frozenset({"views"}))
    memory: Tensor

    def __init__(self, grid: Grid, num_pictures: int, keep: float) -> None:
        super().__init__()
        self.grid, self.keep = grid, keep
        self.register_buffer(
            "memory", torch.full((num_pictures, grid.num_patches), UNSEEN, dtype=torch.float16)
        )

    def score(self, scene: Scene) -> Tensor:
        """(B, N) remembered losses; chance alone decides for pictures that are not trained on."""
        if not scene.training or scene.sample_ids is None or scene.views is None:
            return torch.zeros(scene.batch_size, scene.grid.num_patches, device=scene.device)
        known = (
            self.memory[scene.sample_ids & PICTURE_IDS]
            .float()
            .gather(1, picture_places(scene.views, self.grid))
        )
        return torch.where(known == UNSEEN, known.amax(1, keepdim=True) + 1, known)

    def observe(self, feedback: Feedback) -> None:
        """Blend the losses of a step into the memory; several masks of a picture count together.

        A loss that is not finite is not remembered, one beyond half precision as the largest there
        is.
        """
        scene, ids = feedback.scene, feedback.mask.predicted_ids
        if scene.sample_ids is None or scene.views is None:
            return
        pictures = scene.sample_ids & PICTURE_IDS
        places = picture_places(scene.views, self.grid).gather(1, ids)
        old = self.memory[pictures].float()
        errors = feedback.errors.float()  # (B, K)
        is_known = errors.isfinite()
        sums = torch.zeros_like(old).scatter_add_(1, places, errors.where(is_known, 0.0))
        counts = torch.zeros_like(old).scatter_add_(1, places, is_known.float())
        same = (pictures[:, None] == pictures[None, :]).float()
        # Rows of one picture become equal, so that writing them twice is harmless; bfloat16
        # products would round what is kept.
        with torch.autocast(old.device.type, enabled=False):
            sums, counts = same @ sums, same @ counts
        mean = sums / counts.clamp(min=1)
        kept = torch.where(old == UNSEEN, mean, self.keep * old + (1 - self.keep) * mean)
        most = torch.finfo(self.memory.dtype).max
        new = torch.where(counts > 0, kept.clamp(max=most), old)
        self.memory[pictures] = new.to(self.memory.dtype)


@dataclass(frozen=True, kw_only=True)
class PredictedHardPolicy(PolicySettings):
    """Mask the patches that a small network expects to be hard, which learns from each step which
    of two patches cost more.

    width, depth: of the network, a transformer on all patches of the picture.
    weight: of its loss beside the reconstruction's. HPM predicts from the features of an averaged
        encoder instead, at 2.5 times the cost of a step; this network reads pixels.
    """

    usual_mix: ClassVar[str] = "0->0.5"
    width: int = 64
    depth: int = 1
    weight: float = 1.0

    def __post_init__(self) -> None:
        check_count("width", self.width, 4, owner="Policy 'predicted_hard'")
        check_count("depth", self.depth, owner="Policy 'predicted_hard'")
        check_number("weight", self.weight, 0, owner="Policy 'predicted_hard'")

    @property
    def traits(self) -> Traits:
        return LossPredictor.traits

    def build(self, context: PolicyContext) -> LossPredictor:
        return LossPredictor(context.build_scorer(self.width, self.depth), self.weight)


class LossPredictor(nn.Module):
    """Scores patches by the loss it expects, learned as an order: the harder of two patches should
    score higher (relative loss of HPM).
    """

    traits: ClassVar[Traits] = Traits(uniform=False, needs=frozenset({"images"}))

    def __init__(self, scorer: nn.Module, weight: float) -> None:
        super().__init__()
        self.scorer, self.weight = scorer, weight

    def score(self, scene: Scene) -> Tensor:
        return expect(self, self.scorer, scene).detach()

    def loss(self, feedback: Feedback) -> Tensor:
        """Binary cross-entropy over all pairs of patches with different errors."""
        expected = expect(self, self.scorer, feedback.scene).gather(1, feedback.mask.predicted_ids)
        harder = (feedback.errors[:, :, None] > feedback.errors[:, None, :]).float()
        gap = expected[:, :, None] - expected[:, None, :]
        return self.weight * (F.softplus(-gap) * harder).sum() / harder.sum().clamp(min=1)

    def flops(self) -> int:
        return 3 * self.scorer.flops()  # type: ignore[operator]


def expect(owner: nn.Module, scorer: nn.Module, scene: Scene) -> Tensor:
    """(B, N) scores of a network for the whole image in float32, computed once per batch."""

    def compute() -> Tensor:
        with torch.autocast(scene.device.type, enabled=False):
            return scorer(patchify(scene.pixels().float(), scene.grid.patch_size))

    return scene.once(("scores", id(owner)), compute)


def picture_places(views: Tensor, grid: Grid) -> Tensor:
    """(B, N) places on a grid laid over the whole picture where the centers of the patches of a
    view (B, 5) lie.
    """
    top, left, height, width, mirrored = views.unbind(1)
    down = (torch.arange(grid.rows, device=views.device) + 0.5) / grid.rows
    right = (torch.arange(grid.cols, device=views.device) + 0.5) / grid.cols
    across = torch.where(mirrored[:, None] > 0.5, 1 - right, right)
    rows = ((top[:, None] + height[:, None] * down) * grid.rows).long().clamp(0, grid.rows - 1)
    cols = ((left[:, None] + width[:, None] * across) * grid.cols).long().clamp(0, grid.cols - 1)
    return (rows[:, :, None] * grid.cols + cols[:, None, :]).flatten(1)
