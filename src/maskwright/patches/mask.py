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
    """Which patches of each image are seen, hidden and scored by the loss; ids are sorted, count
    row by row, exclude prefix tokens.

    visible_ids: (B, V).
    masked_ids: (B, M), together each id once.
    predicted_ids: (B, K), a subset of masked_ids (patches that are masked but not predicted are
        ignored by the loss).

    All int64.
    """

    visible_ids: Tensor
    masked_ids: Tensor
    predicted_ids: Tensor

    @classmethod
    def from_is_masked(cls, is_masked: Tensor) -> PatchMask:
        """Build from (B, N) booleans, True = masked; every row must mask the same number, at least
        1 and not all.
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
        flags = torch.zeros(
            self.masked_ids.shape[0],
            self.num_patches,
            dtype=torch.bool,
            device=self.masked_ids.device,
        )
        return flags.scatter_(1, self.masked_ids, True)

    def predict_all(self) -> PatchMask:
        """The same split with every masked patch predicted, for display and evaluation."""
        return PatchMask(self.visible_ids, self.masked_ids, self.masked_ids)

    def to(self, device: torch.device | str) -> PatchMask:
        return PatchMask(
            self.visible_ids.to(device), self.masked_ids.to(device), self.predicted_ids.to(device)
        )


def visible_count(num_patches: int, ratio: float) -> int:
    """Number of visible patches when a share `ratio` is masked: max(1, floor(N * (1 - ratio) +
    1e-6)).

    The 1e-6 keeps 100 patches at 0.9 from giving 9, because 1 - 0.9 is 0.09999999999999998 in
    floating point.
    """
    return max(1, math.floor(num_patches * (1 - ratio) + 1e-6))


def check_ratio(num_patches: int, ratio: float) -> None:
    """Raise MaskwrightError unless `ratio` leaves at least one visible and one masked patch."""
    if not 0 < ratio < 1:
        raise MaskwrightError(
            f"The ratio is the share of patches masked, between 0 and 1; got {ratio:g}."
        )
    if math.floor(num_patches * (1 - ratio) + 1e-6) < 1:
        most = math.floor((1 - 1 / num_patches) * 1000) / 1000
        way = (
            f"use at most {most:g}"
            if num_patches > 1
            else "use smaller patches, so that some can be masked and some seen"
        )
        raise MaskwrightError(f"Ratio {ratio:g} leaves no visible patch of {num_patches}; {way}.")
    if visible_count(num_patches, ratio) == num_patches:
        raise MaskwrightError(
            f"Ratio {ratio:g} masks no patch of {num_patches}; use at least"
            f" {math.ceil(1000 / num_patches) / 1000:g}."
        )


class NotAScore(MaskwrightError):
    """A score that puts a patch nowhere: NaN or +inf."""

    def __init__(self) -> None:
        super().__init__(
            "A policy returned NaN or +inf as a score; scores must be finite (or -inf for 'never"
            " first')."
        )


def are_scores(score_BN: Tensor) -> Tensor:
    """One boolean, not read from the device: whether no score is NaN or +inf; both fail the
    comparison.
    """
    return score_BN.amax() < torch.inf


def split(
    score_BN: Tensor,
    num_visible: int,
    num_predicted: int | None = None,
    *,
    predict: Literal["random", "first"] = "random",
    rng: KeyedRng,
) -> PatchMask:
    """Mask the patches with the largest score, exactly N - num_visible of them per image; equal
    scores are decided by chance.

    score_BN: (B, N) float, -inf allowed, NaN and +inf refused (checked where it costs no device
        synchronization).
    num_predicted: how many masked patches the loss scores; all when None.
    predict: a "random" subset of them, or those masked "first", so that the masked patches with the
        smallest scores are ignored (thrown away, as AMT has it). Two keys decide, the score and
        then random bits: adding small noise to the score would not break ties in float32 above 1.
    """
    count = score_BN.shape[1]
    if not 0 < num_visible < count:
        raise MaskwrightError(
            f"Cannot keep {num_visible} of {count} patches visible; it takes 1 to {count - 1}."
        )
    if score_BN.device.type == "cpu" and not are_scores(score_BN):
        raise NotAScore
    where = integer_device(score_BN.device)
    keys = _two_keys(score_BN.to(where), rng.bits(count).to(where))
    visible = keys.topk(num_visible, dim=1, largest=False, sorted=False).indices
    visible, masked = _sort_both(visible, count)
    if num_predicted is None:
        return PatchMask(visible, masked, masked).to(score_BN.device)
    if not 0 < num_predicted <= masked.shape[1]:
        raise MaskwrightError(
            f"Cannot predict {num_predicted} of {masked.shape[1]} masked patches."
        )
    if predict == "first":
        predicted = keys.topk(num_predicted, dim=1, sorted=False).indices.sort(1).values
    else:
        predicted = _random_subset(masked, num_predicted, rng)
    return PatchMask(visible, masked, predicted).to(score_BN.device)


def _two_keys(score_BN: Tensor, bits_BN: Tensor) -> Tensor:
    """Pack (score, 32 random bits) into one int64 that sorts like the pair; selecting on one key is
    three times as fast as sorting two.
    """
    if score_BN.dtype == torch.float64:
        score_BN = _dense_rank(score_BN)
    pattern = (score_BN.float() + 0.0).view(torch.int32)  # adding 0.0 makes -0.0 equal to 0.0
    ordered = pattern ^ (
        (pattern >> 31) & 0x7FFFFFFF
    )  # IEEE numbers sort like integers once the negative ones are turned round
    return (ordered.long() << 32) + (bits_BN & 0xFFFFFFFF)


def _dense_rank(score_BN: Tensor) -> Tensor:
    """Replace float64 scores by the float32 ranks of their distinct values, because rounding would
    make ties of neighbors.
    """
    values, order = score_BN.sort(dim=1)
    steps = (values.diff(dim=1) > 0).cumsum(1).float()
    return torch.zeros_like(steps[:, :1]).expand_as(values).scatter(1, order[:, 1:], steps)


def _sort_both(visible_BV: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the visible ids and all other ids, both ascending, by counting instead of sorting."""
    is_masked = torch.ones(
        visible_BV.shape[0], count, dtype=torch.int64, device=visible_BV.device
    ).scatter_(1, visible_BV, 0)
    ids = torch.arange(count, device=visible_BV.device).expand_as(is_masked)
    masked_before = is_masked.cumsum(1)
    place = torch.where(
        is_masked == 1, masked_before + (visible_BV.shape[1] - 1), ids - masked_before
    )
    both = torch.empty_like(place).scatter_(1, place, ids)
    return both[:, : visible_BV.shape[1]], both[:, visible_BV.shape[1] :]


def _random_subset(ids_BM: Tensor, size: int, rng: KeyedRng) -> Tensor:
    places = rng.bits(ids_BM.shape[1]).to(ids_BM.device).topk(size, dim=1, sorted=False).indices
    return ids_BM.gather(1, places).sort(1).values


def take(tokens_BND: Tensor, ids_BK: Tensor) -> Tensor:
    """Pick tokens by id: (B, N, D) and (B, K), in [0, N), give (B, K, D)."""
    rows = _rows(ids_BK, tokens_BND)
    return tokens_BND.flatten(0, 1).index_select(0, rows.flatten()).view(*rows.shape, -1)


def put(tokens_BND: Tensor, ids_BK: Tensor, values_BKD: Tensor) -> Tensor:
    """Return a copy of the tokens with `values` written at `ids`; the inverse of `take`."""
    rows, values = (
        _rows(ids_BK, tokens_BND).flatten(),
        values_BKD.to(tokens_BND.dtype).flatten(0, 1),
    )
    return tokens_BND.flatten(0, 1).index_copy(0, rows, values).view_as(tokens_BND)


def _rows(ids_BK: Tensor, tokens_BND: Tensor) -> Tensor:
    """Where the tokens stand when all images lie one after the other; whole rows move three to
    thirty times as fast as in a gather.
    """
    batch, count = tokens_BND.shape[:2]
    return ids_BK + count * torch.arange(batch, device=ids_BK.device)[:, None]
