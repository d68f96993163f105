"""Watches a training's masks for collapse: whether places are masked alike, and whether pictures
get masks of their own.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from maskwright.patches.mask import PatchMask

KEPT = 512


class MaskMonitor:
    """Counts where patches are masked, since the last row of numbers and over the whole training,
    without waiting for the device.
    """

    def __init__(self, num_patches: int) -> None:
        self.num_patches = num_patches
        self.latest: list[
            Tensor
        ] = []  # the last masks, at least KEPT of them if there were so many: each (B, N) booleans
        self._recent = self._ever = _Counts()

    def state(self) -> dict[str, Any]:
        """All counts and the latest masks on the CPU, for a checkpoint."""
        return {
            "recent": self._recent.state(),
            "ever": self._ever.state(),
            "latest": [flags.cpu() for flags in self.latest],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._recent, self._ever = _Counts(**state["recent"]), _Counts(**state["ever"])
        self.latest = list(state["latest"])

    def add(self, mask: PatchMask) -> None:
        """Count one batch."""
        flags = mask.is_masked.detach()
        self._recent, self._ever = self._recent.plus(flags), self._ever.plus(flags)
        self.latest.append(flags)
        while sum(map(len, self.latest[1:])) >= KEPT:
            self.latest.pop(0)

    def take_row(self) -> dict[str, float]:
        """Numbers since the last call: `mask_entropy`, 1 where every place is masked equally often
        and 0 where it is always the same places, and `mask_likeness`, 0 where the masks of a batch
        are independent and 1 where they are all the same.
        """
        counts, self._recent = self._recent, _Counts()
        return counts.numbers()

    def totals(self) -> dict[str, float]:
        """The same numbers over the whole training of this process."""
        return self._ever.numbers()

    def marginals(self) -> Tensor:
        """(N,) share of the masks so far that hide each place, on the CPU."""
        return self._ever.shares().cpu()

    def masks(self) -> Tensor:
        """(n, N) booleans: the latest masks, on the CPU; their counts may differ where the ratio
        moved.
        """
        return (
            torch.cat([flags.cpu() for flags in self.latest])
            if self.latest
            else torch.zeros(0, self.num_patches, dtype=torch.bool)
        )


class _Counts:
    """Sums over masks; a value that is replaced, never changed."""

    def __init__(
        self,
        images: int = 0,
        masked: Tensor | float = 0.0,
        agreeing: Tensor | float = 0.0,
        pairs: int = 0,
    ) -> None:
        self.images, self.masked, self.agreeing, self.pairs = images, masked, agreeing, pairs

    def state(self) -> dict[str, Any]:
        return {
            "images": self.images,
            "masked": _on(self.masked, torch.device("cpu")),
            "agreeing": _on(self.agreeing, torch.device("cpu")),
            "pairs": self.pairs,
        }

    def plus(self, flags: Tensor) -> _Counts:
        count, per_place = (
            len(flags),
            flags.sum(0).double() if flags.device.type != "mps" else flags.sum(0).float(),
        )
        agreeing = (
            (per_place * (per_place - 1)).sum() / per_place.sum() * count
        )  # pairs that share a masked patch, per masked patch
        return _Counts(
            self.images + count,
            _on(self.masked, flags.device) + per_place,  # from a checkpoint they come on the CPU
            _on(self.agreeing, flags.device) + agreeing,
            self.pairs + count * (count - 1),
        )

    def numbers(self) -> dict[str, float]:
        return (
            {}
            if self.images == 0
            else {"mask_entropy": self.entropy(), "mask_likeness": self.likeness()}
        )

    def shares(self) -> Tensor:
        return torch.as_tensor(self.masked) / max(1, self.images)

    def entropy(self) -> float:
        shares = self.shares()
        return float(_coin(shares).mean() / _coin(shares.mean()).clamp(min=1e-12))

    def likeness(self) -> float:
        mean = float(self.shares().mean())
        together = float(self.agreeing) / max(1, self.pairs)
        return (together - mean) / max(1e-12, 1 - mean)


def _on(value: Tensor | float, device: torch.device) -> Tensor | float:
    """A tensor on that device; a plain number as it is."""
    return value.to(device) if isinstance(value, Tensor) else value


def _coin(share: Tensor) -> Tensor:
    """Entropy in bits of a coin."""
    safe = share.clamp(1e-12, 1 - 1e-12)
    return -(safe * safe.log() + (1 - safe) * (1 - safe).log()) / math.log(2)
