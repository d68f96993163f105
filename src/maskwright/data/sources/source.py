"""What the rest of the house asks of pictures, whatever they are kept in: the `Source` protocol."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from maskwright.data.pixels.decode import AS_STORED, DecodeOptions
from maskwright.data.pixels.value_range import ValueRanges


@runtime_checkable
class Source(Protocol):
    """Pictures that can be read one by one, in any order, from any thread."""

    # Known after opening, without decoding a picture: `survey` and the checks of a training rely
    # on it.
    @property
    def name(self) -> str:
        """A short name fit for a folder."""

    @property
    def labels(self) -> list[int] | None:
        """The class number of each picture, or None."""

    @property
    def classes(self) -> list[str] | None:
        """The name of each class, or None."""

    @property
    def fingerprint(self) -> str:
        """A hash of all pictures, names and labels in their order.

        It does not depend on dates or on where the data lie. The first call may read everything.
        """

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about what was decided while opening, for people."""

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that can be chosen, if any."""

    # Many threads call these at once while pictures are packed.
    def __len__(self) -> int: ...

    def key(self, index: int) -> str:
        """The name of one picture for reports."""

    def size(self, index: int) -> tuple[int, int]:
        """(height, width) of one picture as stored; raises UnreadableImage."""

    def read(self, index: int, options: DecodeOptions = AS_STORED) -> np.ndarray:
        """One picture as (H, W, C) uint8; raises UnreadableImage."""


# Apart from `Source`, because sources of 8-bit files have no range to state.
@runtime_checkable
class Ranged(Protocol):
    """A source that knows what means black and white in its values."""

    @property
    def ranges(self) -> ValueRanges: ...
