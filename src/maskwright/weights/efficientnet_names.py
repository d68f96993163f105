"""EfficientNet weights of the package efficientnet_pytorch under the names that timm uses."""

from __future__ import annotations

import re

from torch import Tensor

# Names before and after the blocks.
_OUTSIDE = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
# Names inside a block, such as `_blocks.3._project_conv`.
_INSIDE = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
# The first block does not expand its channels, and timm counts its layers from there.
_WITHOUT_EXPANSION = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}
# Blocks per stage of B0 (Tan and Le 2019, table 1).
_STAGE_LENGTHS = (1, 2, 2, 3, 3, 4, 1)


def rename_efficientnet(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Give the tensors of an EfficientNet(-Lite) B0 timm's names; other files stay as they are."""
    if "_conv_stem.weight" not in state:
        return state
    return {_rename(key): value for key, value in state.items()}


def _rename(key: str) -> str:
    inside = re.fullmatch(r"_blocks\.(\d+)\.(\w+?)\.(\w+)", key)
    if inside is None:
        part, _, kind = key.partition(".")
        return f"{_OUTSIDE.get(part, part)}.{kind}"
    number, part, kind = int(inside[1]), inside[2], inside[3]
    stage, index = _stage_of(number)
    names = _WITHOUT_EXPANSION if number == 0 else _INSIDE
    return f"blocks.{stage}.{index}.{names.get(part, part)}.{kind}"


def _stage_of(number: int) -> tuple[int, int]:
    """The stage of a block and its index there; one package numbers blocks through."""
    for stage, length in enumerate(_STAGE_LENGTHS):
        if number < length:
            return stage, number
        number -= length
    return len(_STAGE_LENGTHS), number
