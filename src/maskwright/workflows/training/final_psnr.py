"""What a finished run fills in better than a smooth surface does, in decibels."""

from __future__ import annotations

from typing import Any

import torch

from maskwright.evaluation.fill import fill_hidden, hidden_pixels
from maskwright.evaluation.metrics import bootstrap_interval, masked_psnr
from maskwright.evaluation.reconstruction import FilledPictures, predict_masked
from maskwright.masking.uniform import RandomPolicy
from maskwright.weights.checkpoint import LoadedModel
from maskwright.workflows.building.mask_samples import MaskDraw, mask_samples
from maskwright.workflows.loading.pictures import Pictures, eval_batch
from maskwright.workflows.training.monitors import BASELINE_PICTURES, COMMON_RATIO


def measure_psnr_gain(
    loaded: LoadedModel, pictures: Pictures, device: torch.device
) -> dict[str, Any] | None:
    """PSNR of hidden pixels by the model, by the smooth fill, and the paired gain, with intervals.

    Fixed pictures, held out where there are any, under random masks that all policies share, so
    that runs on the same pictures compare. None for a model that predicts no pixels.
    """
    model = loaded.model
    if model.config.target not in ("raw", "normalized"):
        return None
    batch = eval_batch(pictures.fixed, pictures.size, BASELINE_PICTURES)
    draw = MaskDraw(COMMON_RATIO, seed=0, purpose="common")
    mask = mask_samples(RandomPolicy(), model.grid, batch.sample_ids, draw)
    # Not `measure_reconstruction`: the similarity that it measures too takes torchmetrics, which
    # takes seconds to import.
    predictions = predict_masked(model.to(device), batch.images, mask, loaded.scale, device)
    parts = []
    for prediction in predictions:
        filled = FilledPictures.of(prediction, loaded.scale)
        hidden = hidden_pixels(prediction.mask, model.grid)
        parts.append(masked_psnr(filled.composite, filled.truth, hidden).cpu())
    by_model = torch.cat(parts)  # (B,)
    # (B, C, H, W) bytes -> [0, 1], where decibels are defined
    truth = batch.images.float() / 255
    smooth = fill_hidden(truth, mask, model.grid).clamp(0, 1)
    by_smooth = masked_psnr(smooth, truth, hidden_pixels(mask, model.grid))  # (B,)
    return {
        "gain": bootstrap_interval(by_model - by_smooth, 0).to_dict(),
        "model": round(float(by_model.mean()), 4),
        "smooth": round(float(by_smooth.mean()), 4),
        "pictures": len(truth),
        "held_out": pictures.held is not None,
        "masks": f"random {COMMON_RATIO:g}",
        "psnr_over": "hidden pixels",
    }
