"""Sheets of a prepared store as PNG files: windows and maps, on pictures spread evenly over it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from maskwright.data.cropped_source import CroppedSource
from maskwright.data.maps.patch_maps import PixelMap
from maskwright.data.pixels.decode import DecodeOptions
from maskwright.data.store.packed import PackedStore
from maskwright.data.store.splits import spread
from maskwright.visual.prepared import MapPicture, WindowPicture, map_sheet, window_sheet
from maskwright.workflows.runs.figures import save_picture

SHEETS = "sheets"
# Pictures of a sheet.
MAPS_SHOWN, WINDOWS_SHOWN = 16, 20
# Shorter side of a picture that windows are drawn on.
_SIDE = 256


def save_map_sheet(store: PackedStore, pixel_map: PixelMap) -> Path:
    """Draw a map over some pictures; returns the file."""
    pictures = []
    for at in spread(len(store), MAPS_SHOWN):
        height, width = int(store.heights[at]), int(store.widths[at])
        # Maps have a value per pixel, so they begin where the picture's first channel would.
        offset = int(store.offsets[at]) // store.channels
        values = pixel_map.picture(offset, height, width).numpy()
        pixels = store.image(at).permute(1, 2, 0).numpy()  # (C, h, w) -> (h, w, C)
        pictures.append(MapPicture(_rgb(pixels), values, store.keys[at]))
    path = store.folder / SHEETS / f"{pixel_map.name}.png"
    title = f"{pixel_map.name}: {pixel_map.made}"
    save_picture(path, map_sheet(title, pixel_map.parts, pictures))
    return path


def save_window_sheet(store: PackedStore, cropped: CroppedSource) -> Path:
    """Draw the windows of some pictures, those that were cut first; returns the file."""
    windows = cropped.windows
    cut = [at for at in range(len(cropped)) if windows[at].choice.kept != "whole"]
    cut = cut or list(range(len(cropped)))
    # Unreadable pictures have a window and no place in the store.
    readable = set(store.keys)
    pictures = []
    for number in spread(len(cut), WINDOWS_SHOWN):
        if cropped.key(cut[number]) in readable:
            pictures.append(_window(cropped, cut[number]))
    path = store.folder / SHEETS / "windows.png"
    title = f"{len(cropped):,} windows of {len(cropped.whole):,} pictures"
    save_picture(path, window_sheet(title, pictures))
    return path


def _window(cropped: CroppedSource, at: int) -> WindowPicture:
    """A picture with its window, both at the size of the sheet."""
    window = cropped.windows[at]
    choice = window.choice
    pixels = cropped.whole.read(window.index, DecodeOptions(channels=3, short_side=_SIDE))
    # Windows are in the pixels of the original.
    factor = pixels.shape[0] / cropped.whole.size(window.index)[0]
    top, left, height, width = (round(side * factor) for side in vars(choice.window).values())
    share = "" if choice.share is None else f" {choice.share:.0%}"
    caption = f"{choice.kept}{share}  {cropped.key(at)}"
    return WindowPicture(pixels, (top, left, height, width), caption)


def _rgb(pixels: np.ndarray) -> np.ndarray:
    """(h, w, C) pixels of any number of channels as (h, w, 3)."""
    if pixels.shape[2] < 3:
        return np.repeat(pixels[:, :, :1], 3, axis=2)
    return np.ascontiguousarray(pixels[:, :, :3])
