"""Distances of visible patches to hidden ones are those of their places on the grid."""

import torch

from maskwright.patches.distances import distance_to_masked
from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask


def test_distances_are_euclidean_and_to_the_nearest():
    # row by row: hidden are (0, 0) and (2, 3) of a 3 x 4 grid
    visible = torch.tensor([[1, 5, 9, 3]])
    masked = torch.tensor([[0, 11]])
    found = distance_to_masked(PatchMask(visible, masked, masked), Grid(3, 4, 2))
    expected = torch.tensor([[1.0, 2.0**0.5, 2.0, 2.0]])
    torch.testing.assert_close(found, expected)
