"""Bands of a discrete cosine transform of whole pictures: frequency masking."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from maskwright.components.basis import PictureShape
from maskwright.patches.grid import Grid
from maskwright.support.errors import MaskwrightError
from maskwright.support.on_device import move


class FrequencyBands(nn.Module):
    """A grid of bands x bands cells of vertical and horizontal frequencies, low ones first.

    Bands are of equal width in octaves: natural pictures have most of their variance in the lowest
    frequencies, and bands of equal width would put nearly all of it into one cell. All channels of
    a cell are one part. The transform is the orthonormal DCT-II along both sides;
    only the mean picture and the variances are fitted.
    """

    mean: Tensor
    shares: Tensor

    def __init__(self, shape: PictureShape, bands: int) -> None:
        super().__init__()
        least = min(shape.height, shape.width)
        if not 2 <= bands <= least:
            raise MaskwrightError(
                f"Pictures of {shape.height}x{shape.width} have 2 to {least} bands of frequencies a"
                f" side; got {bands}."
            )
        self.bands = bands
        self.register_buffer("mean", torch.zeros(shape.channels, shape.height, shape.width))
        self.register_buffer("shares", torch.zeros(bands**2))
        # From the formula, so a state dict does not hold them; no buffers, because they are in
        # float64, which Apple's MPS does not have.
        self._by_height, self._by_width = cosines(shape.height), cosines(shape.width)
        rows, cols = (band_of_each(length, bands) for length in (shape.height, shape.width))
        # (H, W): the id of the cell of each frequency
        self._cells = rows[:, None] * bands + cols

    @property
    def grid(self) -> Grid:
        """Rows are vertical frequencies, columns horizontal ones."""
        return Grid(self.bands, self.bands, 1)

    def fit(self, batches: Iterable[Tensor]) -> None:
        """Fit; raises MaskwrightError where the pictures are all alike."""
        count, total, squares = 0, torch.zeros(()), torch.zeros(())
        for batch in batches:
            values = self._transform(batch.cpu().double())  # (B, C, H, W)
            count += len(values)
            total = total + values.sum(0)
            squares = squares + values.square().sum(0)
        mean = total / max(1, count)
        variance = (squares / max(1, count) - mean.square()).clamp_min(0).sum(0)  # (H, W)
        if float(variance.sum()) == 0:
            raise MaskwrightError("These pictures are all alike, so no frequency has a variance.")
        shares = torch.zeros(self.bands**2, dtype=torch.float64)
        shares.index_add_(0, self._cells.flatten(), variance.flatten())
        self.mean.copy_(self._back(mean[None])[0])
        self.shares.copy_(shares / shares.sum())

    def part(self, differences: Tensor, chosen: Tensor) -> Tensor:
        cells = move(self._cells, chosen.device)
        kept = chosen[:, cells]  # (B, K) -> (B, H, W)
        return self._back(self._transform(differences) * kept[:, None].to(differences.dtype))

    def flops(self) -> int:
        """Operations of one `part` of a picture: there and back along both sides."""
        channels, height, width = self.mean.shape
        return 2 * 2 * channels * height * width * (height + width)

    def _transform(self, pictures: Tensor) -> Tensor:
        by_height, by_width = self._matrices(pictures)
        return by_height @ pictures @ by_width.T

    def _back(self, values: Tensor) -> Tensor:
        by_height, by_width = self._matrices(values)
        # orthonormal, so the way back is the transposed way
        return by_height.T @ values @ by_width

    def _matrices(self, like: Tensor) -> tuple[Tensor, Tensor]:
        # In the type of the pictures first: float64 goes to no Apple card.
        by_height, by_width = self._by_height.to(like.dtype), self._by_width.to(like.dtype)
        return move(by_height, like.device), move(by_width, like.device)


def band_of_each(length: int, bands: int) -> Tensor:
    """(length,) the band of each frequency: the lowest alone, then bands of about equal octaves."""
    ends = [0]
    for band in range(bands):
        wanted = round(length ** (band / (bands - 1)))
        # at least one frequency in this band, and one left for each of the others
        ends.append(min(max(wanted, ends[-1] + 1), length - (bands - 1 - band)))
    sizes = torch.tensor(ends).diff()
    return torch.arange(bands).repeat_interleave(sizes)


def cosines(length: int) -> Tensor:
    """The orthonormal DCT-II as a matrix (frequencies, places), float64 (Ahmed et al. 1974)."""
    places = torch.arange(length, dtype=torch.float64) + 0.5
    frequencies = torch.arange(length, dtype=torch.float64)[:, None]
    matrix = torch.cos(math.pi / length * frequencies * places) * math.sqrt(2 / length)
    matrix[0] /= math.sqrt(2)
    return matrix
