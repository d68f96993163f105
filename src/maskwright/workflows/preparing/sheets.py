"""Sheets of a prepared store as PNG files: windows and maps, on pictures spread evenly over it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from maskwright.data.cropped_source import CroppedSource
from maskwright.data.maps.patch_maps import PixelMap
from maskwright.data.pixels.decode import Wanted
from maskwright.data.store.packed import PackedStore
from maskwright.data.store.splits import spread
from maskwright.visual.prepared import MapPicture, WindowPicture, map_sheet, window_sheet
from maskwright.workflows.runs.figures import save_picture

SHEETS = "sheets"
MAPS_SHOWN, WINDOWS_SHOWN = 16, 20
_SIDE = 256


def save_map_sheet(store: PackedStore, made: PixelMap) -> Path:
    """Draw a map over some pictures; returns the file."""
    pictures = []
    for at in spread(len(store), MAPS_SHOWN):
        height, width = int(store.heights[at]), int(store.widths[at])
        values = made.picture(int(store.offsets[at]) // store.channels, height, width).numpy()
        pictures.append(
            MapPicture(_rgb(store.image(at).permute(1, 2, 0).numpy()), values, store.keys[at])
        )
    path = store.folder / SHEETS / f"{made.name}.png"
    save_picture(path, map_sheet(f"{made.name}: {made.made}", made.parts, pictures))
    return path


def save_window_sheet(store: PackedStore, cropped: CroppedSource) -> Path:
    """Draw the windows of some pictures, those that were cut first; returns the file."""
    cut = [at for at, one in enumerate(cropped.windows) if one.choice.kept != "whole"] or list(
        range(len(cropped))
    )
    known = set(store.keys)
    shown = [cut[at] for at in spread(len(cut), WINDOWS_SHOWN) if cropped.key(cut[at]) in known]
    pictures = [_window(cropped, at) for at in shown]
    path = store.folder / SHEETS / "windows.png"
    save_picture(
        path, window_sheet(f"{len(cropped):,} windows of {len(cropped.whole):,} pictures", pictures)
    )
    return path


def _window(cropped: CroppedSource, at: int) -> WindowPicture:
    one = cropped.windows[at]
    pixels = cropped.whole.read(one.index, Wanted(channels=3, short_side=_SIDE))
    factor = pixels.shape[0] / cropped.whole.size(one.index)[0]
    top, left, height, width = (round(value * factor) for value in vars(one.choice.window).values())
    share = "" if one.choice.share is None else f" {one.choice.share:.0%}"
    return WindowPicture(
        pixels, (top, left, height, width), f"{one.choice.kept}{share}  {cropped.key(at)}"
    )


def _rgb(pixels: np.ndarray) -> np.ndarray:
    return (
        np.repeat(pixels[:, :, :1], 3, axis=2)
        if pixels.shape[2] < 3
        else np.ascontiguousarray(pixels[:, :, :3])
    )
