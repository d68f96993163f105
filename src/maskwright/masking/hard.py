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
        pictures = picture_ids(scene.sample_ids)
        whole = self.memory[pictures].float()  # (B, N) of the whole pictures
        places = picture_places(scene.views, self.grid)
        shown = whole.gather(1, places)  # (B, N) of the parts that are shown

        # what was never seen comes before the hardest that was
        hardest = shown.amax(1, keepdim=True)
        is_unseen = shown == UNSEEN
        return torch.where(is_unseen, hardest + 1, shown)

    def observe(self, feedback: Feedback) -> None:
        """Blend the losses of a step into the memory; several masks of a picture count together.

        A loss that is not finite is not remembered, one beyond half precision as the largest there
        is.
        """
        scene = feedback.scene
        if scene.sample_ids is None or scene.views is None:
            return
        pictures = picture_ids(scene.sample_ids)
        # where on its whole picture each patch lies: all of them (B, N), the predicted ones (B, K)
        every_place = picture_places(scene.views, self.grid)
        places = every_place.gather(1, feedback.mask.predicted_ids)
        old = self.memory[pictures].float()  # (B, N)

        # a crop that enlarges puts several patches on one place, so losses are added and counted
        errors = feedback.errors.float()  # (B, K)
        is_known = errors.isfinite()
        nothing = torch.zeros_like(old)
        sums = nothing.scatter_add(1, places, errors.where(is_known, 0.0))
        counts = nothing.scatter_add(1, places, is_known.float())
        sums, counts = _add_up_pictures(pictures, sums, counts)

        # the first loss of a patch is taken as it is, later ones are averaged in
        mean = sums / counts.clamp(min=1)
        blended = self.keep * old + (1 - self.keep) * mean
        updated = torch.where(old == UNSEEN, mean, blended)
        # infinity, once remembered, would never be forgotten
        largest = torch.finfo(self.memory.dtype).max
        updated = updated.clamp(max=largest)
        new = torch.where(counts > 0, updated, old)
        self.memory[pictures] = new.to(self.memory.dtype)


def _add_up_pictures(pictures: Tensor, sums: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """(B, N) sums and counts of losses, those of equal pictures together.

    Rows of one picture become equal, so that writing them twice is harmless.
    """
    is_same = pictures[:, None] == pictures[None, :]  # (B, B)
    same = is_same.float()
    # bfloat16 products would round what is kept
    with torch.autocast(sums.device.type, enabled=False):
        return same @ sums, same @ counts


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
        scorer = context.build_scorer(self.width, self.depth)
        return LossPredictor(scorer, self.weight)


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
        scores = predict_scores(self, self.scorer, scene)
        return scores.detach()

    def loss(self, feedback: Feedback) -> Tensor:
        """Binary cross-entropy over pairs of patches of a picture with different errors."""
        scores = predict_scores(self, self.scorer, feedback.scene)  # (B, N)
        expected = scores.gather(1, feedback.mask.predicted_ids)  # (B, K)
        errors = feedback.errors  # (B, K)

        # (B, K, K): a pair counts where its first patch cost more, and should score higher
        is_harder = errors[:, :, None] > errors[:, None, :]
        counts = is_harder.float()
        gap = expected[:, :, None] - expected[:, None, :]
        costs = F.softplus(-gap) * counts
        # a picture whose errors are all equal has no pair
        pairs_B = counts.sum((1, 2)).clamp(min=1)
        # the mean of a picture's pairs, then of pictures: it does not matter in which process a
        # picture is, or how many pairs the others have
        return self.weight * (costs.sum((1, 2)) / pairs_B).mean()

    def flops(self) -> int:
        # forward and backward
        return 3 * self.scorer.flops()  # type: ignore[operator]


def predict_scores(owner: nn.Module, scorer: nn.Module, scene: Scene) -> Tensor:
    """(B, N) scores of a network for the whole image in float32, computed once per batch."""

    def compute() -> Tensor:
        pixels = scene.pixels().float()
        patches = patchify(pixels, scene.grid.patch_size)  # (B, N, P)
        with torch.autocast(scene.device.type, enabled=False):
            return scorer(patches)

    # the score, the loss and the soft mask of one step use the same pass
    key = ("scores", id(owner))
    return scene.once(key, compute)


def picture_places(views: Tensor, grid: Grid) -> Tensor:
    """(B, N) ids, on a grid laid over the whole picture, of where the patches of a view lie.

    views: (B, 5) top, left, height, width as shares of the picture, and 1 where it was mirrored.
    """
    top, left, height, width, mirrored = views.unbind(1)
    # centers of the patches, as shares of the view
    down = _centers(grid.rows, views.device)
    right = _centers(grid.cols, views.device)
    is_mirrored = mirrored[:, None] > 0.5
    across = torch.where(is_mirrored, 1 - right, right)  # (B, cols)

    # the same centers as shares of the picture, and the cells they lie in
    from_top = top[:, None] + height[:, None] * down  # (B, rows)
    from_left = left[:, None] + width[:, None] * across  # (B, cols)
    rows = (from_top * grid.rows).long()
    cols = (from_left * grid.cols).long()
    # rounding must not leave the grid
    rows = rows.clamp(0, grid.rows - 1)
    cols = cols.clamp(0, grid.cols - 1)
    places = rows[:, :, None] * grid.cols + cols[:, None, :]  # (B, rows, cols)
    return places.flatten(1)


def _centers(count: int, device: torch.device) -> Tensor:
    """(count,) the middles of as many equal stretches of [0, 1]."""
    steps = torch.arange(count, device=device)
    return (steps + 0.5) / count
