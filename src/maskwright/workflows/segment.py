"""Segmenting pictures with the linear head that `evaluate --probe segmentation` has fitted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskwright.evaluation.feature_cache import hash_weights
from maskwright.evaluation.frozen import evaluation_mode
from maskwright.evaluation.readout import tokens_of_blocks
from maskwright.evaluation.segmentation_head import (
    SegmentationHead,
    classes_at,
    read_head,
    to_device,
)
from maskwright.support.environment import pick_device
from maskwright.support.errors import MaskwrightError
from maskwright.weights.checkpoint import LoadedEncoder
from maskwright.workflows.loading.pictures import reading_for
from maskwright.workflows.loading.views import batches_of
from maskwright.workflows.runs.locate import load_any_encoder
from maskwright.workflows.runs.run_folder import RunFolder


@dataclass(frozen=True, eq=False)
class Segmented:
    """The classes of the pixels of n pictures.

    classes: the names, by number.
    numbers: (n, H, W) uint8 class of each pixel, at the size that the model sees.
    head: the file of the head.
    """

    classes: tuple[str, ...]
    numbers: np.ndarray
    head: Path


def segment(
    run: str | Path, images: Any, *, head: str | Path | None = None, device: str = "auto"
) -> Segmented:
    """Give every pixel of pictures a class.

    images: as for `maskwright.load(...).encode`; they are shrunk and center-cropped to the model's
        size.
    head: the file of a head; the newest in RUN/eval by default.

    Raises MaskwrightError where no head was fitted, or for other weights than these.
    """
    loaded = load_any_encoder(run)
    weights = hash_weights(loaded.model.encoder)
    path = _find_head(run, weights) if head is None else Path(head)
    fitted = read_head(path)
    if fitted.weights_hash != weights:
        raise MaskwrightError(
            f"The segmentation head '{path}' was fitted on other weights than those of '{run}';"
            f" fit it again: maskwright evaluate {run} --probe \"segmentation(maps='MAPS')\"."
        )
    target = pick_device(device)
    loaded.model.to(target)
    fitted = to_device(fitted, target)
    reading = reading_for(loaded.settings)
    parts = [
        _segment_batch(fitted, loaded, batch.to(target))
        for batch in batches_of(images, loaded.model.config, reading)
    ]
    if not parts:
        raise MaskwrightError("No pictures given to segment.")
    return Segmented(fitted.classes, torch.cat(parts).numpy(), path)


def _find_head(run: str | Path, weights_hash: str) -> Path:
    """The newest head in the folder of a run's evaluations that was fitted on its weights."""
    folder = RunFolder(run).eval
    files = sorted(folder.glob("*segmentation*.safetensors"), key=lambda file: file.stat().st_mtime)
    for file in reversed(files):
        # Evaluations of several runs leave the heads of all in the folder of the first.
        if read_head(file).weights_hash == weights_hash:
            return file
    raise MaskwrightError(
        f"'{folder}' has no segmentation head of these weights; fit one: maskwright evaluate {run}"
        " --data PHOTOS --probe \"segmentation(maps='MAPS')\", or name its file with head=."
    )


def _segment_batch(head: SegmentationHead, loaded: LoadedEncoder, images: Tensor) -> Tensor:
    """(B, H, W) uint8 classes of (B, C, H, W) uint8 images."""
    model = loaded.model
    prefix = model.config.num_prefix
    with evaluation_mode(model, images.device):
        blocks = list(tokens_of_blocks(model, loaded.scale.to_model(images), head.blocks))
    # (B, prefix + N, D) of each block -> (B, N, blocks * D)
    tokens = torch.cat([part[:, prefix:].float() for part in blocks], dim=2)
    size = model.config.image_size
    given = [classes_at(scores, size) for scores in head.scores(tokens, model.grid)]
    return torch.stack(given).byte().cpu()
