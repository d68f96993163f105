"""One picture filled in under a mask that a person painted, as pixels and numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from maskwright.evaluation.frozen import evaluation_mode
from maskwright.evaluation.pixel_scores import PixelScores, score_pixels
from maskwright.models.attention_map import attention_by_layer
from maskwright.patches import PatchMask, patchify
from maskwright.support.errors import MaskwrightError
from maskwright.visual.error_map import ERROR_TOP, color_map
from maskwright.visual.reconstructions import sheet_rows
from maskwright.visual.tiles import to_rgb
from maskwright.weights.checkpoint import LoadedModel
from maskwright.workflows.filling.filled import score_untrained_fills


@dataclass(frozen=True)
class LiveFill:
    """What a model made of one picture.

    composite: (H, W, 3) uint8, true pixels where it saw them and predicted ones elsewhere.
    error: (H, W, 3) uint8, how wrong each pixel of it is, in the colors of all error maps.
    scores: of the composite, by name, such as `psnr` over hidden pixels.
    """

    composite: np.ndarray
    error: np.ndarray
    scores: dict[str, float]


def parse_mask(bits: str, loaded: LoadedModel) -> PatchMask:
    """Read a mask from one letter per patch, row by row, 1 = hidden.

    Raises MaskwrightError for another number of patches, and where nothing is hidden or visible.
    """
    count = loaded.model.grid.num_patches
    others = set(bits) - {"0", "1"}
    if len(bits) != count or others:
        raise MaskwrightError(
            f"A mask for this model has {count} patches of 0 or 1; got {len(bits)} letters."
        )
    is_masked = torch.tensor([bit == "1" for bit in bits])  # (N,)
    # A mask of nothing or of everything is refused there.
    return PatchMask.from_is_masked(is_masked[None])


def format_mask(mask: PatchMask) -> str:
    """The first mask as one letter per patch, 1 = hidden."""
    hidden = mask.is_masked[0].tolist()
    return "".join("1" if patch else "0" for patch in hidden)


def fill_live(
    loaded: LoadedModel, image: Tensor, mask: PatchMask, device: torch.device
) -> LiveFill:
    """Let a model fill in one (C, H, W) uint8 picture at its size under a mask of a batch of one.

    The numbers are those of `reconstruct` on the same picture and mask.
    """
    model = loaded.model.to(device)
    with evaluation_mode(model, device):
        # A batch of one; every hidden patch is predicted, also where a training predicts some.
        inputs = loaded.scale.to_model(image[None].to(device))
        prediction = model(inputs, mask.predict_all().to(device))
        row = sheet_rows(prediction, loaded.scale)[0]
        # Scored as shown: true visible pixels and predicted hidden ones.
        scores = score_pixels(row.composite[None], row.original[None], row.is_masked[None])
    # (C, H, W) in [0, 1] -> (H, W) mean over channels
    wrong = (row.composite.float() - row.original.float()).abs().mean(0)
    error = color_map(wrong, ERROR_TOP)  # (3, H, W)
    return LiveFill(
        composite=to_rgb(row.composite),
        error=to_rgb(error),
        scores=_first(scores),
    )


def score_trivial_fills(
    loaded: LoadedModel, image: Tensor, mask: PatchMask
) -> dict[str, dict[str, float]]:
    """The same numbers of fills that learn nothing, by their names."""
    fills = score_untrained_fills(image[None], mask, loaded.model.grid)
    return {name: _first(scores) for name, scores in fills.items()}


def attend_from(
    loaded: LoadedModel, image: Tensor, patch: int, device: torch.device
) -> list[list[float]]:
    """How much one patch attends to each patch (N numbers), in every layer of the encoder.

    Means over heads with the whole picture visible; attention to prefix tokens is left out, so a
    layer's numbers sum to at most 1.

    Raises MaskwrightError for a patch outside the grid.
    """
    count = loaded.model.grid.num_patches
    if not 0 <= patch < count:
        raise MaskwrightError(f"The picture has patches 0 to {count - 1}; got {patch}.")
    model = loaded.model.to(device)
    encoder = model.encoder
    layers = []
    with evaluation_mode(model, device):
        inputs = loaded.scale.to_model(image[None].to(device))
        patches = patchify(inputs, model.config.patch_size)
        for weights in attention_by_layer(encoder, patches):
            # Patches stand behind the prefix tokens.
            query = encoder.num_prefix + patch
            by_head = weights[0, :, query, encoder.num_prefix :]  # (heads, N)
            layers.append(by_head.mean(0).tolist())
    return layers


def warm_up(loaded: LoadedModel, device: torch.device) -> None:
    """Fill in a gray picture once, so that everything is imported and set up for the first."""
    config = loaded.model.config
    count = loaded.model.grid.num_patches
    image = torch.full((config.channels, *config.image_size), 128, dtype=torch.uint8)
    # One hidden patch is enough: what takes long is what happens once.
    mask = parse_mask("1" + "0" * (count - 1), loaded)
    fill_live(loaded, image, mask, device)
    score_trivial_fills(loaded, image, mask)


def _first(scores: PixelScores) -> dict[str, float]:
    """The numbers of the first picture."""
    return {name: float(values[0]) for name, values in scores.columns().items()}
