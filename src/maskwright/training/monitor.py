"""Watches a training's masks for collapse.

Are all places masked equally often, and do pictures get masks of their own?
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

# The geometry of a run's masks is measured on this many of the latest.
KEPT = 512


class MaskMonitor:
    """Counts where patches are masked, without waiting for the device.

    It counts twice: since the last row of numbers, and over the whole training.
    """

    def __init__(self, num_patches: int) -> None:
        self.num_patches = num_patches
        # The last masks, each (B, N) booleans; at least KEPT of them if there were so many.
        self.latest: list[Tensor] = []
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

    def add(self, flags: Tensor) -> None:
        """Count one batch of masks, (B, N) booleans, True = masked."""
        self._recent, self._ever = self._recent.plus(flags), self._ever.plus(flags)
        self.latest.append(flags)
        # Drop the oldest batch as long as the others are enough.
        while sum(map(len, self.latest[1:])) >= KEPT:
            self.latest.pop(0)

    def take_row(self) -> dict[str, float]:
        """Numbers since the last call.

        `mask_entropy` is 1 where every place is masked equally often and 0 where it is always the
        same places. `mask_likeness` is 0 where the masks of a batch are independent and 1 where
        they are all the same.
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
        """(n, N) booleans: the latest masks, on the CPU.

        Their counts may differ where the ratio moved.
        """
        if not self.latest:
            return torch.zeros(0, self.num_patches, dtype=torch.bool)
        return torch.cat([flags.cpu() for flags in self.latest])


class _Counts:
    """Sums over masks; a value that is replaced, never changed.

    images: how many masks.
    masked: (N,) how often each place was masked.
    agreeing: pairs of masks in a batch that hide the same patch, per hidden patch, summed.
    pairs: all ordered pairs of masks in a batch.
    """

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
        count = len(flags)
        per_place = flags.sum(0)  # (B, N) -> (N,)
        # Apple's MPS has no float64.
        per_place = per_place.float() if flags.device.type == "mps" else per_place.double()
        # Ordered pairs of masks that share a masked patch, per masked patch.
        agreeing = (per_place * (per_place - 1)).sum() / per_place.sum() * count
        return _Counts(
            self.images + count,
            _on(self.masked, flags.device) + per_place,  # from a checkpoint: still on the CPU
            _on(self.agreeing, flags.device) + agreeing,
            self.pairs + count * (count - 1),
        )

    def numbers(self) -> dict[str, float]:
        if self.images == 0:
            return {}
        return {"mask_entropy": self.entropy(), "mask_likeness": self.likeness()}

    def shares(self) -> Tensor:
        return torch.as_tensor(self.masked) / max(1, self.images)

    def entropy(self) -> float:
        # Relative to a coin of the same mean: 1 means that no place is special at this ratio.
        shares = self.shares()
        return float(_coin(shares).mean() / _coin(shares.mean()).clamp(min=1e-12))

    def likeness(self) -> float:
        mean = float(self.shares().mean())
        # Above chance: independent masks agree as often as the mean share says.
        together = float(self.agreeing) / max(1, self.pairs)
        return (together - mean) / max(1e-12, 1 - mean)


def _on(value: Tensor | float, device: torch.device) -> Tensor | float:
    """A tensor on that device; a plain number as it is."""
    return value.to(device) if isinstance(value, Tensor) else value


def _coin(share: Tensor) -> Tensor:
    """Entropy in bits of a coin."""
    # 0 log 0 is 0, but not in floating point.
    safe = share.clamp(1e-12, 1 - 1e-12)
    return -(safe * safe.log() + (1 - safe) * (1 - safe).log()) / math.log(2)
