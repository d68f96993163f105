"""Hard patches first: what patches have cost so far, remembered or predicted (HPM).

Source: Wang et al. 2023, "Hard Patches Mining for Masked Image Modeling".

Masks that are hard always do harm (82.0 against 82.5 % in HPM's ablation), so chance chooses a
share of the masked patches: the option `mix`, 0->0.5 where nothing else is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskwright.masking.policy import Scene, Traits
from maskwright.masking.stateful import Feedback, PolicyContext, PolicySettings
from maskwright.patches.grid import Grid
from maskwright.patches.pixels import patchify
from maskwright.support.checks import check_count, check_inside, check_number
from maskwright.support.sample_ids import picture_ids

UNSEEN = -1.0  # no loss is negative
USUAL_MIX = "0->0.5"


@dataclass(frozen=True, kw_only=True)
class HardPolicy(PolicySettings):
    """Mask the patches of each picture that were hardest to predict when last seen.

    It keeps one number per patch of every picture and has no network. Patches never seen count as
    the hardest, so that they are tried.

    Formula: score[i] = m[i]; m[i] <- keep * m[i] + (1 - keep) * loss[i]
    Source: this package; the idea of hard patches is that of Wang et al. 2023 (HPM).

    keep: how much of the remembered loss a new one leaves in place.
    """

    keep: float = 0.5

    def __post_init__(self) -> None:
        check_inside("keep", self.keep, 0, 1, owner="Policy 'hard'")

    @property
    def traits(self) -> Traits:
        return LossMemory.traits

    def build(self, context: PolicyContext) -> LossMemory:
        return LossMemory(context.grid, context.num_pictures, self.keep)


class LossMemory(nn.Module):
    """The loss of every picture's patches, on a grid laid over the whole picture.

    Crops and flips find their patches again on that grid.
    """

    traits: ClassVar[Traits] = Traits(needs=frozenset({"views"}), usual_mix=USUAL_MIX)
    memory: Tensor

    def __init__(self, grid: Grid, num_pictures: int, keep: float) -> None:
        super().__init__()
        self.grid = grid
        self.keep = keep
        # (pictures, N); half precision, because it is as large as the data has pictures
        memory = torch.full((num_pictures, grid.num_patches), UNSEEN, dtype=torch.float16)
        self.register_buffer("memory", memory)

    def score(self, scene: Scene) -> Tensor:
        """(B, N) remembered losses; chance alone decides for pictures that are not trained on."""
        if not scene.training or scene.sample_ids is None or scene.views is None:
            return torch.zeros(scene.batch_size, scene.grid.num_patches, device=scene.device)
        remembered = self.memory[picture_ids(scene.sample_ids)].float()  # of the whole pictures
        known = remembered.gather(1, picture_places(scene.views, self.grid))  # of what is shown
        return torch.where(known == UNSEEN, known.amax(1, keepdim=True) + 1, known)

    def observe(self, feedback: Feedback) -> None:
        """Blend the losses of a step into the memory; several masks of a picture count together.

        A loss that is not finite is not remembered, one beyond half precision as the largest there
        is.
        """
        scene = feedback.scene
        if scene.sample_ids is None or scene.views is None:
            return
        pictures = picture_ids(scene.sample_ids)
        # (B, K): where on its whole picture each predicted patch lies
        places = picture_places(scene.views, self.grid).gather(1, feedback.mask.predicted_ids)
        old = self.memory[pictures].float()  # (B, N)

        # a crop that enlarges puts several patches on one place, so losses are added and counted
        errors = feedback.errors.float()  # (B, K)
        is_known = errors.isfinite()
        sums = torch.zeros_like(old).scatter_add_(1, places, errors.where(is_known, 0.0))
        counts = torch.zeros_like(old).scatter_add_(1, places, is_known.float())

        # Rows of one picture become equal, so that writing them twice is harmless; bfloat16
        # products would round what is kept.
        same = (pictures[:, None] == pictures[None, :]).float()  # (B, B)
        with torch.autocast(old.device.type, enabled=False):
            sums = same @ sums
            counts = same @ counts

        # the first loss of a patch is taken as it is, later ones are averaged in
        mean = sums / counts.clamp(min=1)
        blended = self.keep * old + (1 - self.keep) * mean
        updated = torch.where(old == UNSEEN, mean, blended)
        largest = torch.finfo(self.memory.dtype).max
        new = torch.where(counts > 0, updated.clamp(max=largest), old)
        self.memory[pictures] = new.to(self.memory.dtype)


@dataclass(frozen=True, kw_only=True)
class PredictedHardPolicy(PolicySettings):
    """Mask the patches that a small network expects to be hard.

    The network learns from each step which of two patches cost more. It reads pixels; HPM predicts
    from the features of an averaged encoder, at 2.5 times the cost of a step.

    Formula: score = f(x); f minimizes the mean of softplus(f[j] - f[i]) over loss[i] > loss[j]
    Source: Wang et al. 2023 (HPM).

    width, depth: of the network, a transformer on all patches of the picture.
    weight: of its loss beside the reconstruction's.
    """

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
    """Scores patches by the loss it expects.

    It learns an order: the harder of two patches should score higher (relative loss of HPM).
    """

    traits: ClassVar[Traits] = Traits(
        uniform=False,
        needs=frozenset({"images"}),
        usual_mix=USUAL_MIX,
    )

    def __init__(self, scorer: nn.Module, weight: float) -> None:
        super().__init__()
        self.scorer = scorer
        self.weight = weight

    def score(self, scene: Scene) -> Tensor:
        return predict_scores(self, self.scorer, scene).detach()

    def loss(self, feedback: Feedback) -> Tensor:
        """Binary cross-entropy over all pairs of patches with different errors."""
        scores = predict_scores(self, self.scorer, feedback.scene)  # (B, N)
        expected = scores.gather(1, feedback.mask.predicted_ids)  # (B, K)
        # (B, K, K): a pair counts where its first patch cost more, and should score higher
        harder = (feedback.errors[:, :, None] > feedback.errors[:, None, :]).float()
        gap = expected[:, :, None] - expected[:, None, :]
        costs = F.softplus(-gap) * harder
        return self.weight * costs.sum() / harder.sum().clamp(min=1)

    def flops(self) -> int:
        # forward and backward
        return 3 * self.scorer.flops()  # type: ignore[operator]


def predict_scores(owner: nn.Module, scorer: nn.Module, scene: Scene) -> Tensor:
    """(B, N) scores of a network for the whole image in float32, computed once per batch."""

    def compute() -> Tensor:
        with torch.autocast(scene.device.type, enabled=False):
            patches = patchify(scene.pixels().float(), scene.grid.patch_size)  # (B, N, P)
            return scorer(patches)

    # the score, the loss and the soft mask of one step use the same pass
    return scene.once(("scores", id(owner)), compute)


def picture_places(views: Tensor, grid: Grid) -> Tensor:
    """(B, N) ids, on a grid laid over the whole picture, of where the patches of a view lie.

    views: (B, 5) top, left, height, width as shares of the picture, and 1 where it was mirrored.
    """
    top, left, height, width, mirrored = views.unbind(1)
    # centers of the patches, as shares of the view
    down = (torch.arange(grid.rows, device=views.device) + 0.5) / grid.rows
    right = (torch.arange(grid.cols, device=views.device) + 0.5) / grid.cols
    across = torch.where(mirrored[:, None] > 0.5, 1 - right, right)
    # the same centers as shares of the picture, (B, rows) and (B, cols), and the cells they lie in
    from_top = top[:, None] + height[:, None] * down
    from_left = left[:, None] + width[:, None] * across
    rows = (from_top * grid.rows).long().clamp(0, grid.rows - 1)
    cols = (from_left * grid.cols).long().clamp(0, grid.cols - 1)
    return (rows[:, :, None] * grid.cols + cols[:, None, :]).flatten(1)
