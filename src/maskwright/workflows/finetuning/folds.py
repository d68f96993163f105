"""The ten folds of STL-10: their names, and how far the results of several lie apart."""

from __future__ import annotations

import math

from maskwright.support.errors import MaskwrightError

NUM_FOLDS = 10


def folds_of(data: str, fold: str) -> list[str]:
    """The data of a fold of STL-10, which has ten of 1,000 training pictures, or of `all`."""
    if not data.lower().startswith("torchvision:stl10"):
        raise MaskwrightError(
            f"Folds are those of torchvision:STL10; '{data}' has none. Leave out --fold, or use"
            " --shots."
        )
    if fold != "all" and not (fold.isdigit() and int(fold) < NUM_FOLDS):
        raise MaskwrightError(f"fold is 0 to {NUM_FOLDS - 1}, or all; got '{fold}'.")
    numbers = range(NUM_FOLDS) if fold == "all" else [int(fold)]
    return [f"{data}?fold={number}" for number in numbers]


def format_spread(values: list[float]) -> str:
    """Mean and standard deviation over folds."""
    mean = sum(values) / len(values)
    # Of a sample, as papers on STL-10 report it.
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1))
    return f"{mean:.3f} +- {deviation:.3f} over {len(values)} folds"
