"""An encoder on a part of the patches, and the attention by which parts are chosen."""

from __future__ import annotations

from torch import Tensor

from maskwright.evaluation.features import Features
from maskwright.evaluation.frozen import evaluation_mode
from maskwright.evaluation.subject import Subject
from maskwright.models.attention_map import attention_map
from maskwright.patches.mask import PatchMask


def visible_features(subject: Subject, images: Tensor, mask: PatchMask) -> Features:
    """Pool the tokens of the visible patches of uint8 images."""
    encoder = subject.encoder.encoder
    ids = mask.visible_ids.to(subject.device)
    # The encoder never gets the masked patches, as in its pretraining.
    with evaluation_mode(encoder, subject.device, subject.precision):
        tokens = encoder(subject.patches(images), ids).float().cpu()
    return subject.pool(tokens)


def own_attention(subject: Subject, images: Tensor) -> Tensor:
    """(B, N) attention of the last block to each patch of uint8 images, mean over heads."""
    encoder = subject.encoder.encoder
    with evaluation_mode(encoder, subject.device, subject.precision):
        return attention_map(encoder, subject.patches(images)).float().cpu()
