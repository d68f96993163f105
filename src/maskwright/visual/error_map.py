"""Maps of one number per pixel as tiles: how wrong a filled pixel is, and how far several fills of
it lie apart.
"""

from __future__ import annotations

import matplotlib
import numpy as np
import torch
from torch import Tensor

from maskwright.visual.tiles import to_tile

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
    return to_tile(
        color_map((picture.cpu().float() - truth.cpu().float()).abs().mean(0), ERROR_TOP)
    )


def color_map(values: Tensor, top: float) -> Tensor:
    """Color (H, W) values from 0 to `top` as a (3, H, W) picture in [0, 1]: black, purple, orange,
    light yellow.
    """
    colors = matplotlib.colormaps["inferno"](
        (values.detach().cpu().float() / top).clamp(0, 1).numpy()
    )
    return torch.from_numpy(np.ascontiguousarray(colors[..., :3])).permute(2, 0, 1).float()
