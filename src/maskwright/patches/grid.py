"""The arrangement of an image's patches: rows, columns and the side of a patch in pixels."""

from __future__ import annotations

from dataclasses import dataclass

from maskwright.support.errors import MaskwrightError


@dataclass(frozen=True)
class Grid:
    """A rows x cols arrangement of square patches; ids count row by row from 0.

    rows, cols: patches down and across.
    patch_size: side of a patch in pixels.
    """

    rows: int
    cols: int
    patch_size: int = 1

    def __post_init__(self) -> None:
        if min(self.rows, self.cols, self.patch_size) < 1:
            raise MaskwrightError(f"A grid needs at least one row, column and pixel; got {self}.")

    @classmethod
    def of_image(cls, height: int, width: int, patch_size: int) -> Grid:
        """Divide a height x width image into patches.

        >>> Grid.of_image(96, 96, 8).num_patches
        144

        Raises MaskwrightError, with the nearest size that fits, when it does not divide.
        """
        if height % patch_size or width % patch_size or height < patch_size or width < patch_size:
            # the nearest multiples of the patch size, but never nothing
            nearest = [max(1, round(side / patch_size)) * patch_size for side in (height, width)]
            legal = "x".join(map(str, nearest))
            raise MaskwrightError(
                f"A {height}x{width} image does not divide into {patch_size}-pixel patches; use"
                f" {legal}."
            )
        return cls(height // patch_size, width // patch_size, patch_size)

    @property
    def num_patches(self) -> int:
        return self.rows * self.cols

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.rows * self.patch_size, self.cols * self.patch_size

    def __str__(self) -> str:
        return f"{self.rows}x{self.cols} grid of {self.patch_size}-pixel patches"
