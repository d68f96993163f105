"""One seed becomes named random streams: they depend on a purpose, not on when or where they run.

A mask must be the same for (seed, epoch, sample) whatever the batch, worker, device or resume
point, so the numbers come from a counter-based generator: a 64-bit hash (the SplitMix64 finalizer,
Steele et al. 2014) of (key of the sample, position in its stream).
"""

from __future__ import annotations

import hashlib
import math

import torch
from torch import Tensor

# The constants of SplitMix64, as signed 64-bit integers: torch has no unsigned arithmetic.
_GAMMA = 0x9E3779B97F4A7C15 - (1 << 64)
_MIX_A = 0xBF58476D1CE4E5B9 - (1 << 64)
_MIX_B = 0x94D049BB133111EB - (1 << 64)


def derive_seed(seed: int, *names: object) -> int:
    """Hash a seed and the names of a purpose into a new 63-bit seed, the same on every machine."""
    text = "/".join(str(part) for part in (seed, *names))
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1  # torch takes no negative seed


def torch_generator(seed: int, *names: object) -> torch.Generator:
    """Build a CPU generator for one named purpose, e.g. `torch_generator(0, "weights")`."""
    return torch.Generator().manual_seed(derive_seed(seed, *names))


def sample_rng(
    seed: int,
    epoch: int,
    sample_ids: Tensor,
    purpose: str = "mask",
) -> KeyedRng:
    """Build the stream of each sample of a batch, by (seed, purpose, epoch, sample id) alone.

    >>> sample_rng(0, 3, torch.tensor([7, 8])).uniform(4).shape
    torch.Size([2, 4])

    The draws come on the device of `sample_ids`.

    sample_ids: (B,) integers.
    """
    base = derive_seed(seed, purpose, epoch)
    ids = sample_ids.to(integer_device(sample_ids.device)).long()
    # mixed, because the ids of neighbors differ in few bits
    keys = _mix(ids * _GAMMA + base)
    return KeyedRng(keys, sample_ids.device)


def integer_device(device: torch.device) -> torch.device:
    """Where 64-bit integers are shifted, multiplied and sorted for tensors on a device."""
    # PyTorch does not document these operations for Apple's MPS, and masks there have to be the
    # same as everywhere else
    return torch.device("cpu") if device.type == "mps" else device


class KeyedRng:
    """Random numbers for a batch, one independent stream per row.

    Every call draws the next stretch of each stream.
    """

    def __init__(self, keys: Tensor, device: torch.device | None = None) -> None:
        """Begin the streams.

        keys: (B,) int64, one well-mixed key per sample.
        device: where the draws go, by default where the keys are.
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
        count = math.prod(shape)
        # number i of a stream is the hash of (key, i): no state but a counter
        first = self._drawn + 1
        steps = torch.arange(first, first + count, device=self._keys.device) * _GAMMA
        self._drawn += count
        drawn = _mix(self._keys[:, None] + steps[None, :])  # (B, count)
        return drawn.view(self.batch_size, *shape).to(self._device)

    def uniform(self, *shape: int) -> Tensor:
        """Draw (B, *shape) float32 values in [0, 1), each a multiple of 2**-24."""
        bits = self.bits(*shape).to(self._keys.device)
        # the upper 24 bits: float32 holds no more
        return (_shift_right(bits, 40).float() * 2.0**-24).to(self._device)

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        """Draw (B, *shape) int64 values in [low, high)."""
        bits = self.bits(*shape).to(self._keys.device)
        # 63 bits, because a remainder of negative numbers is another; its bias is below 2**-40 for
        # ranges under 2**23
        return (low + _shift_right(bits, 1) % (high - low)).to(self._device)

    def normal(self, *shape: int) -> Tensor:
        """Draw (B, *shape) float32 standard normal values (Box-Muller)."""
        # log of 1 - u and not of u, which may be 0
        radius = torch.sqrt(-2.0 * torch.log1p(-self.uniform(*shape)))
        angle = 2.0 * torch.pi * self.uniform(*shape)
        return radius * torch.cos(angle)

    def gumbel(self, *shape: int) -> Tensor:
        """Draw (B, *shape) float32 standard Gumbel values."""
        # away from 0 and 1, where the logarithms are infinite
        share = self.uniform(*shape).clamp(2.0**-25, 1 - 2.0**-24)
        return -torch.log(-torch.log(share))

    def logistic(self, *shape: int) -> Tensor:
        """Draw (B, *shape) float32 standard logistic values."""
        share = self.uniform(*shape).clamp(2.0**-25, 1 - 2.0**-24)
        return torch.log(share) - torch.log1p(-share)

    def fork(self, name: str) -> KeyedRng:
        """Return independent streams for a named part.

        Adding draws in one part then does not move another.
        """
        # the product makes the order of nested names count
        keys = (self._keys ^ derive_seed(0, name)) * _MIX_A
        return KeyedRng(keys, self._device)


def _shift_right(value: Tensor, bits: int) -> Tensor:
    """Shift right filling with zeros; torch's own shift of int64 copies the sign."""
    return (value >> bits).bitwise_and_((1 << (64 - bits)) - 1)


def _mix(value: Tensor) -> Tensor:
    """Scramble 64-bit integers (SplitMix64 finalizer); int64 products wrap around as wanted."""
    value = (value ^ _shift_right(value, 30)).mul_(_MIX_A)
    value = value.bitwise_xor_(_shift_right(value, 27)).mul_(_MIX_B)
    return value.bitwise_xor_(_shift_right(value, 31))
