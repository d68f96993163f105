"""Fills that learn nothing, for the same holes as a model."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from maskwright.evaluation.fill import fill_pixels

# Pixels around each hidden one that Telea's method looks at.
_TELEA_RADIUS = 3.0


def fill_trivially(pictures: Tensor, is_hidden: Tensor) -> dict[str, Tensor]:
    """Fill (B, C, H, W) pictures in [0, 1] where (B, 1, H, W) booleans mark holes, in every way.

    Hidden pixels are never read.

    `telea` (Telea 2004, OpenCV) is there for gray and color pictures when OpenCV is installed: pip
    install 'maskwright[priors]'.
    """
    filled = {
        "mean color": fill_with_mean(pictures, is_hidden),
        "smooth": fill_pixels(pictures, is_hidden).clamp(0, 1),
    }
    cv2 = _opencv()
    if cv2 is not None and pictures.shape[1] in (1, 3):
        filled["telea"] = _telea(cv2, pictures, is_hidden)
    return filled


def fill_with_mean(pictures: Tensor, is_hidden: Tensor) -> Tensor:
    """Fill each hole with the mean color of the picture's visible pixels."""
    is_known = (~is_hidden).float()
    total = (pictures * is_known).sum((2, 3), keepdim=True)  # (B, C, 1, 1)
    count = is_known.sum((2, 3), keepdim=True)
    mean = total / count
    return torch.where(is_hidden, mean, pictures)


def _telea(cv2: ModuleType, pictures: Tensor, is_hidden: Tensor) -> Tensor:
    # Blanked first, because OpenCV gets the whole picture and hidden pixels must not reach it.
    blanked = torch.where(is_hidden, 0.0, pictures)
    # (B, C, H, W) in [0, 1] -> (B, H, W, C) bytes, as OpenCV takes them
    levels = blanked.clamp(0, 1) * 255
    images = levels.round().byte().permute(0, 2, 3, 1).cpu().numpy()
    holes = is_hidden[:, 0].byte().cpu().numpy() * 255
    filled = []
    for image, hole in zip(images, holes, strict=True):
        # Gray pictures have no channel axis in OpenCV.
        plain = np.ascontiguousarray(image.squeeze())
        filled.append(cv2.inpaint(plain, hole, _TELEA_RADIUS, cv2.INPAINT_TELEA))
    stacked = torch.from_numpy(np.stack(filled)).reshape(images.shape)
    # (B, H, W, C) bytes -> (B, C, H, W) in [0, 1]; visible pixels keep their exact values
    values = stacked.permute(0, 3, 1, 2).float() / 255
    return torch.where(is_hidden, values.to(pictures.device), pictures)


def _opencv() -> ModuleType | None:
    """OpenCV where it is installed with its inpainting."""
    if importlib.util.find_spec("cv2") is None:
        return None
    import cv2

    # Some builds leave the photo module out.
    return cv2 if hasattr(cv2, "inpaint") else None
