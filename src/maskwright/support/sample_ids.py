"""Sample ids: which picture, and which of its masks, packed into one integer.

A picture that gets several masks in a step needs a stream of chance for each of them. The number of
the mask stands above the picture's own id, so that the first mask has the id of the picture. Above
that stands the number of the turn, for a picture that is drawn several times in an epoch.
"""

from __future__ import annotations

from torch import Tensor

# Of 63 bits, 40 name a picture (10**12 of them), 11 one of its masks and 12 one of its turns.
PICTURE_BITS = 40
TURN_BITS = 51
MOST_TURNS = 1 << 12
_PICTURE = (1 << PICTURE_BITS) - 1


def join_sample_ids(picture_ids: Tensor, mask_ids: Tensor) -> Tensor:
    """(B,) sample ids of pictures and of the numbers of their masks, counted from 0."""
    return picture_ids + (mask_ids << PICTURE_BITS)


def join_turns(picture_ids: Tensor, turns: Tensor) -> Tensor:
    """(B,) sample ids of pictures and of how often each came before in the epoch.

    Turns beyond MOST_TURNS begin again at 0.
    """
    return picture_ids + ((turns % MOST_TURNS) << TURN_BITS)


def picture_ids(sample_ids: Tensor) -> Tensor:
    """(B,) ids of the pictures, whichever of their masks and turns a sample has."""
    return sample_ids & _PICTURE
