"""Foreground from a segmentation network: the package rembg by a model's name, or a U2-Net or
IS-Net file run with ONNX Runtime.
"""

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

_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_ISNET = (0.5, 0.5, 0.5), (1.0, 1.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class ModelForeground:
    """model: a model of rembg (isnet-anime, u2net, ...), downloaded by rembg at first use; file: a
    local .onnx file instead, whose model name (isnet... or another) says how pixels are normalized.
    """

    model: str = "u2net"
    file: str | None = None

    def plan(self) -> MapPlan:
        _ = self._session
        return MapPlan(
            name="foreground",
            kind="share",
            made=f"model {self.file or self.model}" + (f" as {self.model}" * bool(self.file)),
        )

    def draw(self, originals: Sequence[Original]) -> list[np.ndarray]:
        return [original.fit_share(self._segment(original.pixels(3))) for original in originals]

    @cached_property
    def _session(self) -> Any:
        return _open_rembg(self.model) if self.file is None else _open_file(self.file)

    def _segment(self, pixels: np.ndarray) -> np.ndarray:
        """(h, w) float foreground share of one picture, at the model's or the picture's
        resolution.
        """
        if self.file is not None:
            return _run_file(
                self._session, pixels, *(_ISNET if "isnet" in self.model else _IMAGENET)
            )
        from rembg import remove

        return (
            np.asarray(
                remove(Image.fromarray(pixels), session=self._session, only_mask=True),
                dtype=np.float32,
            )
            / 255
        )


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
    """Segment as U2-Net does: a square input divided by its maximum and normalized; the first
    output stretched to 0 to 1.
    """
    given = session.get_inputs()[0]
    side = given.shape[2] if isinstance(given.shape[2], int) else 320
    values = np.asarray(
        Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR), dtype=np.float32
    )
    values = (values / max(values.max(), 1e-6) - np.array(mean, np.float32)) / np.array(
        std, np.float32
    )
    out = np.asarray(
        session.run(None, {given.name: values.transpose(2, 0, 1)[None]})[0], dtype=np.float32
    )
    if out.ndim < 3 or min(out.shape[-2:]) < 2:
        raise MaskwrightError(
            f"The model gives an output of shape {out.shape}; a mask of (1, 1, height, width) is"
            " needed."
        )
    mask = out.reshape(-1, *out.shape[-2:])[0]
    low, high = float(mask.min()), float(mask.max())
    mask = (mask - low) / (high - low) if high > low else np.zeros_like(mask)
    return np.asarray(
        Image.fromarray(mask).resize((pixels.shape[1], pixels.shape[0]), Image.Resampling.BILINEAR)
    )
