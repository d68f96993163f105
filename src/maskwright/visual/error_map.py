"""Maps of one number per pixel as tiles: how wrong a fill is, and how far several lie apart."""

from __future__ import annotations

import matplotlib
import numpy as np
import torch
from torch import Tensor

from maskwright.visual.tiles import to_tile

# The scales are fixed, so that maps of different pictures and models can be compared.
ERROR_TOP = 0.5
SPREAD_TOP = 0.2
ERROR_NOTE = (
    f"error: mean absolute difference over channels, black 0 to light yellow {ERROR_TOP:g} and more"
    " (pixels in [0, 1])"
)
SPREAD_NOTE = (
    f"uncertainty: standard deviation across draws, black 0 to light yellow {SPREAD_TOP:g} and more"
    " (pixels in [0, 1])"
)


def error_tile(picture: Tensor, truth: Tensor) -> np.ndarray:
    """Draw how far a (C, H, W) picture in [0, 1] is from the truth."""
    error = (picture.cpu().float() - truth.cpu().float()).abs()
    mean_error = error.mean(0)  # (C, H, W) -> (H, W)
    return to_tile(color_map(mean_error, ERROR_TOP))


def color_map(values: Tensor, top: float) -> Tensor:
    """Color (H, W) values from 0 to `top` as a (3, H, W) picture in [0, 1].

    Colors rise from black over purple and orange to light yellow.
    """
    shares = values.detach().cpu().float() / top
    colors = matplotlib.colormaps["inferno"](shares.clamp(0, 1).numpy())  # (H, W, RGBA)
    # Without opacity.
    shown = np.ascontiguousarray(colors[..., :3])
    return torch.from_numpy(shown).permute(2, 0, 1).float()
