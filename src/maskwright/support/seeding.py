"""One seed becomes named random streams that depend on what they are for, never on when or where
they are drawn.

A mask must be the same for (seed, epoch, sample) whatever the batch, worker, device or resume
point, so the numbers come from a counter-based generator: a 64-bit hash (the SplitMix64 finalizer,
Steele et al. 2014) of (key of the sample, position in its stream).
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

_GAMMA = 0x9E3779B97F4A7C15 - (1 << 64)
_MIX_A = 0xBF58476D1CE4E5B9 - (1 << 64)
_MIX_B = 0x94D049BB133111EB - (1 << 64)


def derive_seed(seed: int, *names: object) -> int:
    """Hash a seed and the names of a purpose into a new 63-bit seed, the same on every machine."""
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def torch_generator(seed: int, *names: object) -> torch.Generator:
    """Build a CPU generator for one named purpose, e.g. `torch_generator(0, "weights")`."""
    return torch.Generator().manual_seed(derive_seed(seed, *names))


def sample_rng(seed: int, epoch: int, sample_ids: Tensor, purpose: str = "mask") -> KeyedRng:
    """Build the stream of each sample of a batch: it depends on (seed, purpose, epoch, sample id)
    alone.

    sample_ids: (B,) integers. The draws come on the device of `sample_ids`.
    """
    base = derive_seed(seed, purpose, epoch)
    ids = sample_ids.to(integer_device(sample_ids.device)).long()
    return KeyedRng(_mix(ids * _GAMMA + base), sample_ids.device)


def integer_device(device: torch.device) -> torch.device:
    """Where 64-bit integers are shifted, multiplied and sorted for tensors on a device: on the CPU
    for Apple's MPS, else right there.

    PyTorch does not document these operations for MPS, whose masks would have to be the same as
    everywhere else.
    """
    return torch.device("cpu") if device.type == "mps" else device


class KeyedRng:
    """Random numbers for a batch, one independent stream per row; every call draws the next stretch
    of each stream.
    """

    def __init__(self, keys: Tensor, device: torch.device | None = None) -> None:
        """keys: (B,) int64, one well-mixed key per sample; device: where the draws go, by default
        where the keys are.
        """
        self._keys = keys
        self._device = keys.device if device is None else device
        self._drawn = 0

    @property
    def batch_size(self) -> int:
        return self._keys.shape[0]

    @property
    def device(self) -> torch.device:
        return self._device

    def bits(self, *shape: int) -> Tensor:
        """Draw (B, *shape) int64 values with 64 random bits each."""
        count = 1
        for size in shape:
            count *= size
        steps = (
            torch.arange(self._drawn + 1, self._drawn + count + 1, device=self._keys.device)
            * _GAMMA
        )
        self._drawn += count
        drawn = _mix(self._keys[:, None] + steps[None, :]).view(self.batch_size, *shape)
        return drawn.to(self._device)

    def uniform(self, *shape: int) -> Tensor:
        """Draw (B, *shape) float32 values in [0, 1), each a multiple of 2**-24."""
        bits = self.bits(*shape).to(self._keys.device)
        return (_shift_right(bits, 40).float() * 2.0**-24).to(self._device)

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        """Draw (B, *shape) int64 values in [low, high); the modulo bias is below 2**-40 for ranges
        under 2**23.
        """
        bits = self.bits(*shape).to(self._keys.device)
        return (low + _shift_right(bits, 1) % (high - low)).to(self._device)

    def normal(self, *shape: int) -> Tensor:
        """Draw (B, *shape) float32 standard normal values (Box-Muller)."""
        radius = torch.sqrt(-2.0 * torch.log1p(-self.uniform(*shape)))
        return radius * torch.cos(2.0 * torch.pi * self.uniform(*shape))

    def gumbel(self, *shape: int) -> Tensor:
        """Draw (B, *shape) float32 standard Gumbel values."""
        return -torch.log(-torch.log(self.uniform(*shape).clamp(2.0**-25, 1 - 2.0**-24)))

    def logistic(self, *shape: int) -> Tensor:
        """Draw (B, *shape) float32 standard logistic values."""
        share = self.uniform(*shape).clamp(2.0**-25, 1 - 2.0**-24)
        return torch.log(share) - torch.log1p(-share)

    def fork(self, name: str) -> KeyedRng:
        """Return independent streams for a named part, so that adding draws in one part does not
        move another.
        """
        return KeyedRng(
            (self._keys ^ derive_seed(0, name)) * _MIX_A, self._device
        )  # the product makes the order of nested names count


def _shift_right(value: Tensor, bits: int) -> Tensor:
    """Shift right filling with zeros; torch's own shift of int64 copies the sign."""
    return (value >> bits).bitwise_and_((1 << (64 - bits)) - 1)


def _mix(value: Tensor) -> Tensor:
    """Scramble 64-bit integers (SplitMix64 finalizer); int64 products wrap around as wanted."""
    value = (value ^ _shift_right(value, 30)).mul_(_MIX_A)
    value = value.bitwise_xor_(_shift_right(value, 27)).mul_(_MIX_B)
    return value.bitwise_xor_(_shift_right(value, 31))
