"""How hidden patches of held-out pictures come back, beside fills that learn nothing."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from maskwright.evaluation.fill import fill_pixels, hidden_pixels
from maskwright.evaluation.frozen import evaluation_mode
from maskwright.evaluation.metrics import masked_psnr
from maskwright.evaluation.reconstruction import mask_rows, reconstruction_loss
from maskwright.evaluation.seams import seam_strength
from maskwright.masking.uniform import RandomPolicy
from maskwright.patches import PatchMask, PixelScale
from maskwright.patches.pixels import unpatchify
from maskwright.patches.prediction import Prediction
from maskwright.support.errors import MaskwrightError
from maskwright.weights.checkpoint import LoadedModel
from maskwright.workflows.building.mask_samples import MaskDraw, draw_masks

CHUNK = 64


@dataclass(frozen=True)
class ShownEvidence:
    """The same as pictures, where the target allows any.

    psnr, smooth: (n,) decibels over hidden pixels, of the model and of the smooth fill.
    seams, true_seams: how strongly patch borders show in what is filled in and in the pictures.
    """

    psnr: Tensor
    smooth: Tensor
    seams: float
    true_seams: float


@dataclass(frozen=True)
class FillingEvidence:
    """What masked patches look like when the model fills them in, under fixed random masks.

    loss: (n,) error of each picture in the space of the target; None where another network computes
        that, which no checkpoint holds.
    average: (n,) that of predicting an average patch everywhere, of the picture's own visible
        patches or of those of many pictures, whichever is better: the least that filling in has to
        beat, whatever the target; None as for the loss.
    ratio: share of patches masked.
    shown: as pictures; None for a target that is none.
    not_shown: why not; empty where it is.
    """

    loss: Tensor | None
    average: Tensor | None
    ratio: float
    shown: ShownEvidence | None
    not_shown: str = ""


def measure_filling(
    loaded: LoadedModel, images: Tensor, ratio: float, device: torch.device
) -> FillingEvidence:
    """Let the model fill in (n, C, H, W) uint8 pictures.

    ratio: of the random masks, which are the same for every run of this grid.
    """
    model = loaded.model.to(device)
    mask = draw_masks(RandomPolicy(), model.grid, len(images), MaskDraw(ratio, 0, "doctor"))
    errors, parts = [], []
    not_shown = ""
    with evaluation_mode(model, device):
        for start in range(0, len(images), CHUNK):
            rows = slice(start, start + CHUNK)
            values = loaded.scale.to_model(images[rows].to(device))
            masks = mask_rows(mask, rows).predict_all().to(device)
            prediction = model(values, masks)
            errors.append(_errors(prediction))
            try:
                parts.append(_show(prediction, loaded.scale))
            except MaskwrightError as error:
                # Of a target that is no picture, such as features of a teacher.
                not_shown = str(error)
    known = [part for part in errors if part is not None]
    return FillingEvidence(
        loss=torch.cat(known)[:, 0] if known else None,
        average=_better(torch.cat(known)[:, 1:]) if known else None,
        ratio=_share(mask),
        shown=None if not_shown else _join(parts),
        not_shown=not_shown,
    )


def _errors(prediction: Prediction) -> Tensor | None:
    """(B, 3) errors of the prediction, of the average visible patch of each picture, and of that of
    the whole batch; None where the target is not known without the network that computes it.
    """
    try:
        seen, truth = prediction.seen_targets(), prediction.targets()
    except MaskwrightError:
        return None
    own = seen.mean(1, keepdim=True)  # (B, V, P) -> (B, 1, P)
    # Of noise the own average is itself noisy, and the average of many pictures is not.
    common = seen.mean((0, 1), keepdim=True)
    averages = [(average - truth).square().flatten(1).mean(1) for average in (own, common)]
    return torch.stack([reconstruction_loss(prediction), *averages], dim=1).cpu()


def _better(errors: Tensor) -> Tensor:
    """(n, 2) -> (n,): the column whose mean is smaller."""
    return errors[:, int(errors.mean(0).argmin())]


def _share(mask: PatchMask) -> float:
    return mask.num_masked / mask.num_patches


def _show(prediction: Prediction, scale: PixelScale) -> ShownEvidence:
    """One batch as pictures in [0, 1]."""
    grid, mask = prediction.grid, prediction.mask
    is_hidden = hidden_pixels(mask, grid)
    composite = scale.to_display(prediction.to_picture("visible").composite)
    truth = scale.to_display(unpatchify(prediction.patches.float(), grid))
    smooth = fill_pixels(truth, is_hidden).clamp(0, 1)
    # Patches of one pixel have no borders to see.
    seams = [float("nan")] * 2
    if grid.patch_size > 1:
        seams = [seam_strength(pictures, is_hidden, grid) for pictures in (composite, truth)]
    return ShownEvidence(
        psnr=masked_psnr(composite, truth, is_hidden).cpu(),
        smooth=masked_psnr(smooth, truth, is_hidden).cpu(),
        seams=seams[0],
        true_seams=seams[1],
    )


def _join(parts: list[ShownEvidence]) -> ShownEvidence:
    """Batches as one; seams are means over batches, which differ little."""
    seams = torch.tensor([[part.seams, part.true_seams] for part in parts]).nanmean(0)
    return ShownEvidence(
        psnr=torch.cat([part.psnr for part in parts]),
        smooth=torch.cat([part.smooth for part in parts]),
        seams=float(seams[0]),
        true_seams=float(seams[1]),
    )
