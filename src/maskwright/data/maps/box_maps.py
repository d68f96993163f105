"""Maps painted from the user's boxes and points, in CSV tables or COCO JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from maskwright.data.maps.box_tables import BoxTable
from maskwright.data.maps.map_writer import MapPlan
from maskwright.data.maps.originals import Original, draw_each
from maskwright.support.errors import MaskwrightError, did_you_mean


@dataclass(frozen=True, kw_only=True)
class BoxParts:
    """Parts as boxes, small ones over large ones.

    file: the table.
    only: the parts to keep, all by default.
    """

    file: str
    only: tuple[str, ...] | list[str] = ()

    def plan(self) -> MapPlan:
        # A misspelled part is refused before anything is painted.
        known = self._table.names
        for name in self.only:
            if name not in known:
                raise MaskwrightError(
                    f"'{self.file}' has no part '{name}'.{did_you_mean(name, known)} It has:"
                    f" {', '.join(known)}."
                )
        # The fingerprint of the table: when boxes change, the map is made anew.
        made = f"boxes in {self.file} ({self._table.fingerprint})"
        return MapPlan(name="parts", kind="labels", parts=self._names, made=made)

    def draw(self, originals: Sequence[Original]) -> list[np.ndarray]:
        return draw_each(originals, self._draw)

    def _draw(self, original: Original) -> np.ndarray:
        parts = [part for part in self._table.find(original.key) if part.name in self._names]
        return original.paint(parts, self._names)

    @property
    def _names(self) -> tuple[str, ...]:
        names = self._table.names
        if not self.only:
            return names
        return tuple(name for name in names if name in self.only)

    @cached_property
    def _table(self) -> BoxTable:
        return BoxTable(self.file)


@dataclass(frozen=True, kw_only=True)
class BoxForeground:
    """Foreground is what lies in any box.

    file: the table.
    """

    file: str

    def plan(self) -> MapPlan:
        # A table that cannot be read stops the work here, before the first picture.
        _ = self._table.names
        return MapPlan(
            name="foreground",
            kind="share",
            made=f"boxes in {self.file} ({self._table.fingerprint})",
        )

    def draw(self, originals: Sequence[Original]) -> list[np.ndarray]:
        return draw_each(originals, self._draw)

    def _draw(self, original: Original) -> np.ndarray:
        # Parts are painted with numbers from 1: whatever is not 0 lies in some box.
        painted = original.paint(self._table.find(original.key), self._table.names)
        return (painted > 0).astype(np.uint8) * 255

    @cached_property
    def _table(self) -> BoxTable:
        return BoxTable(self.file)
