"""The nearest pictures of some, by the trained encoder and by random weights, side by side."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from maskwright.data.store.splits import spread
from maskwright.evaluation.agreement import nearest_pictures
from maskwright.visual.picture_grid import GridLine, Note, picture_grid
from maskwright.visual.tiles import to_tile
from maskwright.workflows.health.feature_evidence import FeatureEvidence

ROWS = 8
NEIGHBORS = 4


def neighbor_sheet(images: Tensor, features: FeatureEvidence) -> np.ndarray:
    """Draw (n, C, H, W) uint8 pictures with their neighbors; returns (h, w, 3) uint8."""
    tiles = [to_tile(image.float() / 255) for image in images]
    # (n, NEIGHBORS) of each encoder
    nearest = [
        nearest_pictures(encoder.features, NEIGHBORS).tolist()
        for encoder in (features.trained, features.untrained)
    ]
    count = len(nearest[0][0])
    titles = ["picture"]
    for encoder in ("trained", "random"):
        titles += [f"{encoder} {rank}" for rank in range(1, count + 1)]
    lines = []
    for number, at in enumerate(spread(len(images), ROWS)):
        shown = [at, *nearest[0][at], *nearest[1][at]]
        lines.append(
            GridLine([tiles[place] for place in shown], [], titles if number == 0 else (), False)
        )
    note = (
        f"Each picture with its nearest among {len(images)}, by cosine of standardized features"
        " (mean of the last block's tokens). Where both sides look alike, only color was learned."
    )
    return picture_grid(
        lines, [Note(note)], "Nearest neighbors of the trained encoder and of random weights"
    )
