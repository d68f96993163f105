"""Foreground from a segmentation network: a model of rembg, or a U2-Net or IS-Net file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image

from maskwright.data.maps.map_writer import MapPlan
from maskwright.data.maps.originals import Original
from maskwright.support.errors import MaskwrightError

# Mean and deviation of the pixels, as the networks were trained.
_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_ISNET = (0.5, 0.5, 0.5), (1.0, 1.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class ModelForeground:
    """Foreground as a network sees it.

    model: a model of rembg (isnet-anime, u2net, ...), which rembg downloads at first use.
    file: a local .onnx file instead; `model` (isnet... or another) then says how pixels are
        normalized.
    """

    model: str = "u2net"
    file: str | None = None

    def plan(self) -> MapPlan:
        # A model that is missing or broken stops the work here, before the first picture.
        _ = self._session
        made = f"model {self.file} as {self.model}" if self.file else f"model {self.model}"
        return MapPlan(name="foreground", kind="share", made=made)

    def draw(self, originals: Sequence[Original]) -> list[np.ndarray]:
        return [original.fit_share(self._segment(original.pixels(3))) for original in originals]

    @cached_property
    def _session(self) -> Any:
        return _open_rembg(self.model) if self.file is None else _open_file(self.file)

    def _segment(self, pixels: np.ndarray) -> np.ndarray:
        """(h, w) float foreground share of one picture, at the model's or its own resolution."""
        if self.file is not None:
            mean, std = _ISNET if "isnet" in self.model else _IMAGENET
            return _run_file(self._session, pixels, mean, std)
        from rembg import remove

        mask = remove(Image.fromarray(pixels), session=self._session, only_mask=True)
        return np.asarray(mask, dtype=np.float32) / 255


def _open_rembg(model: str) -> Any:
    try:
        from rembg import new_session
    except ImportError as error:
        raise MaskwrightError(
            "foreground(from='rembg') needs the package rembg: pip install 'maskwright[rembg]', or"
            " a model file: foreground(from='x.onnx')."
        ) from error
    try:
        return new_session(model)
    except Exception as error:  # rembg and its downloader raise many kinds
        raise MaskwrightError(
            f"rembg could not open its model '{model}': {error}. It downloads models at first use."
        ) from error


def _open_file(file: str) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MaskwrightError(
            "A model file needs ONNX Runtime: pip install 'maskwright[onnx]'."
        ) from error
    try:
        return onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own kinds
        raise MaskwrightError(f"'{file}' cannot be run as a model: {str(error)[:200]}") from error


def _run_file(
    session: Any, pixels: np.ndarray, mean: tuple[float, ...], std: tuple[float, ...]
) -> np.ndarray:
    """Segment as U2-Net does, (H, W) float; the first output is stretched to 0 to 1."""
    model_input = session.get_inputs()[0]
    side = model_input.shape[2]
    # Models for any size name their axes instead of numbering them; U2-Net was trained at 320.
    if not isinstance(side, int):
        side = 320
    square = Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR)
    values = np.asarray(square, dtype=np.float32)
    # U2-Net divides by the picture's own maximum, so dark pictures become bright.
    values = values / max(values.max(), 1e-6)
    values = (values - np.array(mean, np.float32)) / np.array(std, np.float32)
    batch = values.transpose(2, 0, 1)[None]  # (H, W, C) -> (1, C, H, W)
    outputs = session.run(None, {model_input.name: batch})
    out = np.asarray(outputs[0], dtype=np.float32)
    is_plane = out.ndim >= 3 and min(out.shape[-2:]) >= 2
    if not is_plane:
        raise MaskwrightError(
            f"The model gives an output of shape {out.shape}; a mask of (1, 1, height, width) is"
            " needed."
        )
    mask = out.reshape(-1, *out.shape[-2:])[0]  # (h, w)
    low = float(mask.min())
    high = float(mask.max())
    # An even output has no foreground.
    stretched = np.zeros_like(mask)
    if high > low:
        stretched = (mask - low) / (high - low)
    height, width = pixels.shape[:2]
    resized = Image.fromarray(stretched).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized)
