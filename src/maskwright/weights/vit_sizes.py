"""Sizes of vision transformers that shapes of weights show in part or not at all."""

from __future__ import annotations

import math

from maskwright.weights.hints import HintMissing

# Heads of the published sizes, from tiny to giant; they leave no trace in the shapes.
_HEADS_OF_WIDTH = {192: 3, 384: 6, 768: 12, 1024: 16, 1280: 16, 1408: 16, 1536: 24}


def published_heads(width: int) -> int:
    """The attention heads of the published model of a width; raises HintMissing for others."""
    if width not in _HEADS_OF_WIDTH:
        raise HintMissing(
            f"The file does not say how many heads a width of {width} has; add @heads=... to its"
            " name."
        )
    return _HEADS_OF_WIDTH[width]


def mlp_ratio_of(width: int, hidden: int) -> float:
    """A ratio that gives `hidden` again when multiplied and cut to an integer."""
    # Rounding may leave the product just below the integer; the next float above repairs it.
    ratio = hidden / width
    return ratio if int(width * ratio) == hidden else math.nextafter(ratio, math.inf)
