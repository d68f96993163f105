"""The split of a grid into visible and masked patches: exact counts, ties broken by chance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import KeyedRng, integer_device


@dataclass(frozen=True)
class PatchMask:
    """Which patches of each image are visible, masked and predicted.

    >>> rng = sample_rng(0, 0, torch.arange(2), "example")
    >>> split(torch.zeros(2, 16), num_visible=4, rng=rng).is_masked.sum(1)
    tensor([12, 12])

    Ids are int64 and sorted, count row by row from 0, and know nothing of prefix tokens.

    visible_ids: (B, V), what the encoder sees.
    masked_ids: (B, M), all others; together with the visible ones each id stands once.
    predicted_ids: (B, K), the masked ones that the loss scores; it ignores those left out.
    """

    visible_ids: Tensor
    masked_ids: Tensor
    predicted_ids: Tensor

    @classmethod
    def from_is_masked(cls, is_masked: Tensor) -> PatchMask:
        """Build from (B, N) booleans, True = masked.

        Every row masks the same number of patches, at least one and not all of them.
        """
        counts = is_masked.sum(1)
        if is_masked.ndim != 2 or int(counts.min()) != int(counts.max()):
            raise MaskwrightError(
                f"Every image needs the same number of masked patches; got {counts.tolist()[:8]}."
            )
        masked = int(counts[0])
        if not 0 < masked < is_masked.shape[1]:
            raise MaskwrightError(
                f"A mask needs visible and masked patches; got {masked} masked of"
                f" {is_masked.shape[1]}."
            )
        # masked ids first, then the visible ones; stable, so that both stay ascending
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
        return mark(self.masked_ids, self.num_patches)

    def predict_all(self) -> PatchMask:
        """The same split with every masked patch predicted, for display and evaluation."""
        return PatchMask(self.visible_ids, self.masked_ids, self.masked_ids)

    def to(self, device: torch.device | str) -> PatchMask:
        return PatchMask(
            self.visible_ids.to(device), self.masked_ids.to(device), self.predicted_ids.to(device)
        )


def visible_count(num_patches: int, ratio: float) -> int:
    """Number of visible patches when a share `ratio` is masked: max(1, floor(N * (1 - ratio)))."""
    # 1 - 0.9 is 0.09999999999999998 in floating point: without 1e-6, 100 patches would show 9
    return max(1, math.floor(num_patches * (1 - ratio) + 1e-6))


def check_ratio(num_patches: int, ratio: float) -> None:
    """Raise MaskwrightError unless `ratio` leaves at least one visible and one masked patch."""
    if not 0 < ratio < 1:
        raise MaskwrightError(
            f"The ratio is the share of patches masked, between 0 and 1; got {ratio:g}."
        )
    # `visible_count` never says 0, so nothing left visible is looked for here
    if math.floor(num_patches * (1 - ratio) + 1e-6) < 1:
        advice = "use smaller patches, so that some can be masked and some seen"
        if num_patches > 1:
            most = math.floor((1 - 1 / num_patches) * 1000) / 1000  # rounded down to stay legal
            advice = f"use at most {most:g}"
        raise MaskwrightError(
            f"Ratio {ratio:g} leaves no visible patch of {num_patches}; {advice}."
        )
    if visible_count(num_patches, ratio) == num_patches:
        least = math.ceil(1000 / num_patches) / 1000
        raise MaskwrightError(
            f"Ratio {ratio:g} masks no patch of {num_patches}; use at least {least:g}."
        )


class NotAScore(MaskwrightError):
    """A score that puts a patch nowhere: NaN or +inf."""

    def __init__(self) -> None:
        super().__init__(
            "A policy returned NaN or +inf as a score; scores must be finite (or -inf for 'never"
            " first')."
        )


def are_scores(score_BN: Tensor) -> Tensor:
    """Whether no score is NaN or +inf: one boolean, not yet read from the device."""
    return score_BN.amax() < torch.inf  # the maximum of NaN is NaN, which fails the comparison


def split(
    score_BN: Tensor,
    num_visible: int,
    num_predicted: int | None = None,
    *,
    predict: Literal["random", "first"] = "random",
    rng: KeyedRng,
) -> PatchMask:
    """Mask the patches with the largest score, exactly N - num_visible of them per image.

    Equal scores are decided by chance.

    score_BN: float, -inf allowed, NaN and +inf refused (where that costs no synchronization).
    num_predicted: how many masked patches the loss scores; all when None.
    predict: a "random" subset of them, or those masked "first", so that the masked patches with the
        smallest scores are ignored (thrown away, as AMT has it).
    """
    count = score_BN.shape[1]
    if not 0 < num_visible < count:
        raise MaskwrightError(
            f"Cannot keep {num_visible} of {count} patches visible; it takes 1 to {count - 1}."
        )
    if score_BN.device.type == "cpu" and not are_scores(score_BN):
        raise NotAScore
    device = integer_device(score_BN.device)
    keys = _two_keys(score_BN.to(device), rng.bits(count).to(device))

    # the smallest keys stay visible
    lowest_ids = keys.topk(num_visible, dim=1, largest=False, sorted=False).indices
    visible, masked = _sort_both(lowest_ids, count)
    if num_predicted is None:
        return PatchMask(visible, masked, masked).to(score_BN.device)
    num_masked = masked.shape[1]
    if not 0 < num_predicted <= num_masked:
        raise MaskwrightError(f"Cannot predict {num_predicted} of {num_masked} masked patches.")
    if predict == "first":
        predicted = keys.topk(num_predicted, dim=1, sorted=False).indices.sort(1).values
    else:
        predicted = _random_subset(masked, num_predicted, rng)
    return PatchMask(visible, masked, predicted).to(score_BN.device)


def _two_keys(score_BN: Tensor, bits_BN: Tensor) -> Tensor:
    """Pack (score, 32 random bits) into one int64 that sorts like the pair.

    Selecting on one key is three times as fast as sorting two. Adding small noise to the score
    instead would not break ties in float32 above 1.
    """
    if score_BN.dtype == torch.float64:
        score_BN = _dense_rank(score_BN)
    pattern = (score_BN.float() + 0.0).view(torch.int32)  # adding 0.0 makes -0.0 equal to 0.0
    # IEEE numbers sort like integers once the negative ones are turned round
    ordered = pattern ^ ((pattern >> 31) & 0x7FFFFFFF)
    return (ordered.long() << 32) + (bits_BN & 0xFFFFFFFF)


def _dense_rank(score_BN: Tensor) -> Tensor:
    """Replace float64 scores by the float32 ranks of their distinct values.

    Rounding them would make ties of neighbors.
    """
    values, order = score_BN.sort(dim=1)
    steps = (values.diff(dim=1) > 0).cumsum(1).float()  # (B, N - 1): the smallest has rank 0
    ranks = torch.zeros_like(steps[:, :1]).expand_as(values)
    return ranks.scatter(1, order[:, 1:], steps)


def _sort_both(visible_BV: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the visible ids and all other ids, both ascending, by counting instead of sorting."""
    num_visible = visible_BV.shape[1]
    is_masked = torch.ones(len(visible_BV), count, dtype=torch.int64, device=visible_BV.device)
    is_masked.scatter_(1, visible_BV, 0)

    # where each id comes when all visible ids stand first and the masked ones behind them
    ids = torch.arange(count, device=visible_BV.device).expand_as(is_masked)
    masked_before = is_masked.cumsum(1)
    index = torch.where(is_masked == 1, masked_before + (num_visible - 1), ids - masked_before)
    both = torch.empty_like(index).scatter_(1, index, ids)
    return both[:, :num_visible], both[:, num_visible:]


def _random_subset(ids_BM: Tensor, size: int, rng: KeyedRng) -> Tensor:
    """(B, size) of the ids, ascending, each subset equally likely."""
    bits = rng.bits(ids_BM.shape[1]).to(ids_BM.device)
    drawn = bits.topk(size, dim=1, sorted=False).indices
    return ids_BM.gather(1, drawn).sort(1).values


def take(tokens_BND: Tensor, ids_BK: Tensor) -> Tensor:
    """Pick tokens by id: (B, N, D) and (B, K), in [0, N), give (B, K, D)."""
    rows = _rows(ids_BK, tokens_BND)
    flat = tokens_BND.flatten(0, 1)  # (B * N, D)
    # the width by name: with no ids at all it could not be told
    return flat.index_select(0, rows.flatten()).view(*rows.shape, tokens_BND.shape[2])


def mark(ids_BK: Tensor, num_patches: int) -> Tensor:
    """(B, N) booleans, True at the ids."""
    flags = torch.zeros(len(ids_BK), num_patches, dtype=torch.bool, device=ids_BK.device)
    return flags.scatter_(1, ids_BK, True)


def put(tokens_BND: Tensor, ids_BK: Tensor, values_BKD: Tensor) -> Tensor:
    """Return a copy of the tokens with `values` written at `ids`; the inverse of `take`."""
    rows = _rows(ids_BK, tokens_BND).flatten()
    values = values_BKD.to(tokens_BND.dtype).flatten(0, 1)  # (B * K, D)
    flat = tokens_BND.flatten(0, 1)  # (B * N, D)
    return flat.index_copy(0, rows, values).view_as(tokens_BND)


def _rows(ids_BK: Tensor, tokens_BND: Tensor) -> Tensor:
    """(B, K) rows of the tokens when all images lie one after the other.

    Whole rows move three to thirty times as fast as in a gather.
    """
    batch, count = tokens_BND.shape[:2]
    first_rows = count * torch.arange(batch, device=ids_BK.device)
    return ids_BK + first_rows[:, None]
