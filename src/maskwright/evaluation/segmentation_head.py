"""A linear head that gives every patch of a picture a class, and what it was fitted on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from maskwright.evaluation.standardize import Standardizer
from maskwright.patches.grid import Grid
from maskwright.support.errors import MaskwrightError

FORMAT = "1"


@dataclass(frozen=True, eq=False)
class SegmentationHead:
    """Class scores of patches: standardized tokens times a matrix.

    standardizer: by the statistics of the train patches.
    weight: (D, K).
    bias: (K,).
    classes: the names of the K classes.
    blocks: which blocks its tokens are read from, 1 being the first.
    weights_hash: of the encoder that it was fitted on.
    """

    standardizer: Standardizer
    weight: Tensor
    bias: Tensor
    classes: tuple[str, ...]
    blocks: tuple[int, ...] = ()
    weights_hash: str = ""

    def scores(self, tokens: Tensor, grid: Grid) -> Tensor:
        """(B, N, D) patch tokens to (B, K, rows, cols) class scores."""
        flat = self.standardizer.apply(tokens.flatten(0, 1)) @ self.weight + self.bias
        # (B * N, K) -> (B, K, rows, cols)
        maps = flat.view(len(tokens), grid.rows, grid.cols, len(self.classes))
        return maps.permute(0, 3, 1, 2)

    def to_bytes(self) -> bytes:
        """The head as a safetensors file."""
        tensors = {
            "mean": self.standardizer.mean,
            "factor": self.standardizer.factor,
            "weight": self.weight,
            "bias": self.bias,
        }
        about = {
            "format": FORMAT,
            "kind": "segmentation head",
            "classes": json.dumps(list(self.classes)),
            "blocks": json.dumps(list(self.blocks)),
            "weights_hash": self.weights_hash,
        }
        return save({name: value.contiguous() for name, value in tensors.items()}, about)


def read_head(path: Any) -> SegmentationHead:
    """Read a head that `evaluate` left; raises MaskwrightError for any other file."""
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            if about.get("kind") != "segmentation head" or about.get("format") != FORMAT:
                raise MaskwrightError(f"'{path}' is no segmentation head of this version.")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise MaskwrightError(f"The segmentation head '{path}' cannot be read: {error}.") from error
    return SegmentationHead(
        Standardizer(tensors["mean"], tensors["factor"]),
        tensors["weight"],
        tensors["bias"],
        tuple(json.loads(about["classes"])),
        tuple(json.loads(about["blocks"])),
        about["weights_hash"],
    )


def classes_at(scores: Tensor, size: Sequence[int]) -> Tensor:
    """(K, rows, cols) scores enlarged bilinearly to (h, w), then the best class: (h, w) int64."""
    large = F.interpolate(scores[None], size=tuple(size), mode="bilinear", align_corners=False)
    return large[0].argmax(0)


def to_device(head: SegmentationHead, device: torch.device) -> SegmentationHead:
    """The same head on another device."""
    moved = Standardizer(head.standardizer.mean.to(device), head.standardizer.factor.to(device))
    return SegmentationHead(
        moved,
        head.weight.to(device),
        head.bias.to(device),
        head.classes,
        head.blocks,
        head.weights_hash,
    )
