"""The split of a grid into visible and masked patches: exact counts, ties broken by chance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import KeyedRng


@dataclass(frozen=True)
class PatchMask:
    """Which patches of each image are seen, hidden and scored by the loss; ids are sorted, count row by row, exclude prefix tokens.

    visible_ids: (B, V); masked_ids: (B, M), together each id once; predicted_ids: (B, K), a subset of masked_ids (patches that
    are masked but not predicted are ignored by the loss). All int64.
    """

    visible_ids: Tensor
    masked_ids: Tensor
    predicted_ids: Tensor

    @classmethod
    def from_is_masked(cls, is_masked: Tensor) -> PatchMask:
        """Build from (B, N) booleans, True = masked; every row must mask the same number, at least 1 and not all."""
        counts = is_masked.sum(1)
        if is_masked.ndim != 2 or int(counts.min()) != int(counts.max()):
            raise MaskwrightError(f"Every image needs the same number of masked patches; got {counts.tolist()[:8]}.")
        masked = int(counts[0])
        if not 0 < masked < is_masked.shape[1]:
            raise MaskwrightError(f"A mask needs visible and masked patches; got {masked} masked of {is_masked.shape[1]}.")
        order = torch.argsort(is_masked.to(torch.uint8), dim=1, descending=True, stable=True)
        return cls(order[:, masked:], order[:, :masked], order[:, :masked])

    @property
    def num_patches(self) -> int:
        return self.num_visible + self.num_masked

    @property
    def num_visible(self) -> int:
        return self.visible_ids.shape[1]

    @property
    def num_masked(self) -> int:
        return self.masked_ids.shape[1]

    @property
    def is_masked(self) -> Tensor:
        """(B, N) booleans, True = masked."""
        flags = torch.zeros(self.masked_ids.shape[0], self.num_patches, dtype=torch.bool, device=self.masked_ids.device)
        return flags.scatter_(1, self.masked_ids, True)

    def predict_all(self) -> PatchMask:
        """The same split with every masked patch predicted, for display and evaluation."""
        return PatchMask(self.visible_ids, self.masked_ids, self.masked_ids)

    def to(self, device: torch.device | str) -> PatchMask:
        return PatchMask(self.visible_ids.to(device), self.masked_ids.to(device), self.predicted_ids.to(device))


def visible_count(num_patches: int, ratio: float) -> int:
    """Number of visible patches when a share `ratio` is masked: max(1, floor(N * (1 - ratio) + 1e-6)).

    The 1e-6 keeps 100 patches at 0.9 from giving 9, because 1 - 0.9 is 0.09999999999999998 in floating point.
    """
    return max(1, math.floor(num_patches * (1 - ratio) + 1e-6))


def check_ratio(num_patches: int, ratio: float) -> None:
    """Raise MaskwrightError unless `ratio` leaves at least one visible and one masked patch."""
    if not 0 < ratio < 1:
        raise MaskwrightError(f"The ratio is the share of patches masked, between 0 and 1; got {ratio:g}.")
    if math.floor(num_patches * (1 - ratio) + 1e-6) < 1:
        most = math.floor((1 - 1 / num_patches) * 1000) / 1000
        raise MaskwrightError(f"Ratio {ratio:g} leaves no visible patch of {num_patches}; use at most {most:g}.")
    if visible_count(num_patches, ratio) == num_patches:
        raise MaskwrightError(f"Ratio {ratio:g} masks no patch of {num_patches}; use at least {math.ceil(1000 / num_patches) / 1000:g}.")


def split(score_BN: Tensor, num_visible: int, num_predicted: int | None = None, *, rng: KeyedRng) -> PatchMask:
    """Mask the patches with the largest score, exactly N - num_visible of them per image; equal scores are decided by chance.

    score_BN: (B, N) float, -inf allowed, NaN and +inf refused (checked where it costs no device synchronization).
    num_predicted: how many masked patches the loss scores, a random subset; all when None.
    Two keys are sorted (score, then 64 random bits): adding small noise to the score would not break ties in float32 above 1.
    """
    count = score_BN.shape[1]
    if not 0 < num_visible < count:
        raise MaskwrightError(f"Cannot keep {num_visible} of {count} patches visible; it takes 1 to {count - 1}.")
    if score_BN.device.type == "cpu" and (torch.isnan(score_BN).any() or torch.isposinf(score_BN).any()):
        raise MaskwrightError("A policy returned NaN or +inf as a score; scores must be finite (or -inf for 'never first').")
    shuffled = torch.argsort(rng.bits(count), dim=1)
    by_score = torch.argsort(score_BN.gather(1, shuffled), dim=1, descending=True, stable=True)
    order = shuffled.gather(1, by_score)
    masked = order[:, : count - num_visible]
    predicted = masked if num_predicted is None else _random_subset(masked, num_predicted, rng)
    visible = order[:, count - num_visible :].sort(1).values
    masked_sorted = masked.sort(1).values
    return PatchMask(visible, masked_sorted, masked_sorted if num_predicted is None else predicted.sort(1).values)


def _random_subset(ids_BM: Tensor, size: int, rng: KeyedRng) -> Tensor:
    if not 0 < size <= ids_BM.shape[1]:
        raise MaskwrightError(f"Cannot predict {size} of {ids_BM.shape[1]} masked patches.")
    return ids_BM.gather(1, torch.argsort(rng.bits(ids_BM.shape[1]), dim=1)[:, :size])


def take(tokens_BND: Tensor, ids_BK: Tensor) -> Tensor:
    """Gather tokens by id: (B, N, D) and (B, K) give (B, K, D)."""
    return tokens_BND.gather(1, ids_BK[:, :, None].expand(-1, -1, tokens_BND.shape[2]))


def put(tokens_BND: Tensor, ids_BK: Tensor, values_BKD: Tensor) -> Tensor:
    """Return a copy of the tokens with `values` written at `ids`; the inverse of `take`."""
    return tokens_BND.scatter(1, ids_BK[:, :, None].expand(-1, -1, tokens_BND.shape[2]), values_BKD.to(tokens_BND.dtype))
